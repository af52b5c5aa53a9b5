//! Socket.IO without server code: a namespace is a topic, and an event is an event.
//!
//! What a client says is in `hear.rs`, how messages go out in `deliver.rs`, and how arguments become a body and a body arguments in
//! `body.rs`.

pub(crate) mod body;
mod code;
mod deliver;
mod hear;
mod join;

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use pogu_hub::{CatchUpTogether, Cursor, PublishError, SubscribeOutcome, SubscriptionId, Topic};
use pogu_proto::Time;
use pogu_proto::socketio::{self, Arg, NamespaceId};
use serde_json::Value;

use super::{Speaker, Wrap};
use crate::core::Core;
use crate::engineio::{EngineIo, Sid};
use crate::form::Head;
use crate::peer::Ending;
use crate::recovery::{Kept, Watched};
use crate::socketio::{Namespace, NoAck, OnAck, Reason};

pub(crate) use deliver::message;

/// A Socket.IO conversation.
pub(crate) struct SocketIo {
    session: socketio::Session,
    state: State,
}

/// All of it but its wire.
struct State {
    /// The Engine.IO session beneath.
    engine: Sid,
    joined: Vec<Joined>,
    /// Acknowledgements that clients owe.
    acks: Vec<PendingAck>,
    /// The number of the last publish that is answered.
    seq: u64,
    /// Publishes whose outcome is not known yet.
    awaited: VecDeque<Awaited>,
}

/// A namespace that the client has joined.
pub(crate) struct Joined {
    pub(crate) id: NamespaceId,
    pub(crate) name: Box<str>,
    /// What its events are published to; the root without code has none.
    topic: Option<Topic>,
    /// What is done with its events, where there is code for that.
    code: Option<Arc<Namespace>>,
    /// Its public id.
    pub(crate) sid: Box<str>,
    /// Its private id, by which it is taken up again.
    pub(crate) pid: Option<Box<str>>,
    /// It was taken up again.
    pub(crate) is_recovered: bool,
    /// By which its own events are told from others'.
    pub(crate) origin: u64,
    /// The namespace's own subscription and those to rooms, or those that were asked for in the root.
    pub(crate) subscriptions: Vec<SubscriptionId>,
    pub(crate) order: Order,
    /// The number of the next acknowledgement that it is asked for.
    pub(crate) next_ack: u64,
    head: Rc<Head>,
}

/// Whether the place of a client's last event says what it has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// All subscriptions get their messages in the one order.
    One,
    /// Some are to read the past; nothing of that was sent.
    Behind,
    /// The past of one is sent among the present of others.
    Mixed,
}

impl Joined {
    /// Tells that something was lost before what comes next.
    fn tell_gap(&self, gap: &str, wrap: Wrap, out: &mut Vec<u8>, core: &mut Core) {
        wrap.put(out, core, |out| {
            socketio::event(&self.name, None, "gap", &[Arg::Json(gap)], out);
        });
    }

    /// Notes a subscription beside those that there are, so that a recovery knows what a client has of each.
    pub(crate) fn subscribed(
        &mut self,
        outcome: &SubscribeOutcome,
        catching_up: &mut Vec<SubscriptionId>,
        core: &Core,
    ) {
        let is_read = self.subscriptions.iter().any(|id| catching_up.contains(id));
        let is_ahead = outcome.live && is_read && self.order == Order::One;
        self.subscriptions.push(outcome.id);
        if !outcome.live {
            catching_up.push(outcome.id);
        }
        let (Some(pid), Some(selector)) = (&self.pid, core.subscriptions.selector(outcome.id)) else {
            return;
        };
        core.recoveries.change(pid, |kept| {
            kept.subscriptions.push(Watched {
                selector: selector.clone(),
                since: outcome.start.map_or(0, |start| start.seq),
                is_behind: !outcome.live,
            });
            if is_ahead {
                kept.mix();
            }
        });
        if is_ahead {
            self.order = Order::Mixed;
        } else if !outcome.live && self.order == Order::One {
            self.order = Order::Behind;
        }
    }

    /// Ends a subscription, the one at `at`.
    pub(crate) fn unsubscribe(&mut self, at: usize, catching_up: &mut Vec<SubscriptionId>, core: &mut Core) {
        let id = self.subscriptions.swap_remove(at);
        catching_up.retain(|other| *other != id);
        if let (Some(pid), Some(selector)) = (&self.pid, core.subscriptions.selector(id)) {
            core.recoveries.change(pid, |kept| {
                kept.subscriptions.retain(|watched| watched.selector != *selector);
            });
        }
        if self.topic.is_none() {
            core.end(id);
        } else {
            core.unsubscribe(id);
        }
        let is_read = self.subscriptions.iter().any(|id| catching_up.contains(id));
        if !is_read {
            self.settle(core.hub.head().seq, core);
        }
    }

    /// All subscriptions are live from `head` on.
    fn settle(&mut self, head: u64, core: &Core) {
        if let (Some(pid), Order::Behind | Order::Mixed) = (&self.pid, self.order) {
            core.recoveries.change(pid, |kept| kept.settle(head));
            self.order = Order::One;
        }
    }

    fn caught_up(&mut self, page: &CatchUpTogether, core: &Core) {
        let (Some(pid), Order::Behind | Order::Mixed) = (&self.pid, self.order) else {
            return;
        };
        if self.order == Order::Behind && !page.messages.is_empty() {
            let is_alone = self.subscriptions.len() == 1;
            self.order = if is_alone { Order::One } else { Order::Mixed };
            core.recoveries
                .change(pid, if is_alone { Kept::begin } else { Kept::mix });
        }
        if page.live {
            self.settle(page.head, core);
        }
    }
}

/// An acknowledgement that a client owes.
pub(crate) struct PendingAck {
    pub(crate) namespace: NamespaceId,
    pub(crate) id: u64,
    pub(crate) until: Time,
    pub(crate) then: OnAck,
}

/// An event whose acknowledgement waits for a publish.
struct Awaited {
    seq: u64,
    namespace: Box<str>,
    id: u64,
}

impl SocketIo {
    /// A conversation on a session that begins now.
    pub(crate) fn new(engine: &EngineIo, core: &Core) -> Self {
        let version = engine.session.version();
        Self {
            session: socketio::Session::new(version, core.socketio_limits.clone(), core.now),
            state: State {
                engine: engine.sid,
                joined: Vec::new(),
                acks: Vec::new(),
                seq: 0,
                awaited: VecDeque::new(),
            },
        }
    }

    /// Clients of protocol 4 are in the root without asking.
    pub(crate) fn begin(&mut self, speaker: &mut Speaker<'_>) {
        if let Some(socketio::Event::Connect { namespace, .. }) = self.session.begin() {
            let Self { session, state } = self;
            speaker.join(session, state, namespace, "/", Value::Null, None);
        }
    }

    /// A page of history is about to be sent.
    pub(crate) fn caught_up(&mut self, page: &CatchUpTogether, core: &Core) {
        for joined in &mut self.state.joined {
            joined.caught_up(page, core);
        }
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        let ack = self.state.acks.iter().map(|ack| ack.until).min();
        [self.session.deadline(), ack].into_iter().flatten().min()
    }

    /// Ends a conversation that has joined no namespace in time, and waits no longer for acknowledgements that are due.
    pub(crate) fn tick(&mut self, speaker: &mut Speaker<'_>) -> Result<(), Ending> {
        let now = speaker.core.now;
        self.session.tick(now).map_err(|_| Ending::TimedOut)?;
        let due = self.state.acks.extract_if(.., |ack| ack.until <= now).collect();
        speaker.give_up(&mut self.state, due, NoAck::Timeout);
        Ok(())
    }

    /// What became of a publish.
    pub(crate) fn published(
        &mut self,
        seq: u64,
        result: Result<Cursor, PublishError>,
        wrap: Wrap,
        out: &mut Vec<u8>,
        core: &mut Core,
    ) {
        let awaited = &mut self.state.awaited;
        let at = awaited.iter().position(|awaited| awaited.seq == seq);
        let Some(Awaited { namespace, id, .. }) = at.and_then(|at| awaited.remove(at)) else {
            return;
        };
        let answer = match result {
            Ok(cursor) => answer_cursor(cursor),
            Err(error) => answer_error(&error.to_string()),
        };
        wrap.put(out, core, |out| {
            socketio::ack(&namespace, id, &[Arg::Json(&answer)], out)
        });
    }

    /// The connection is gone.
    pub(crate) fn leave(&mut self, ending: Option<&Ending>, speaker: &mut Speaker<'_>) {
        let reason = match ending {
            None | Some(Ending::Finished | Ending::TooSlow) => Reason::TransportClosed,
            Some(Ending::TimedOut) => Reason::PingTimeout,
            Some(Ending::Violation(_)) => Reason::ParseError,
            Some(Ending::ShuttingDown) => Reason::ServerShutdown,
        };
        let state = &mut self.state;
        let acks = std::mem::take(&mut state.acks);
        speaker.give_up(state, acks, NoAck::Gone);
        // They stay, as messages that still wait are events of theirs.
        for joined in &mut state.joined {
            let core = &speaker.core;
            let goes_on = joined
                .pid
                .as_ref()
                .is_some_and(|pid| !core.recoveries.broke(pid, state.engine, core.unix));
            // Where it goes on its code has been told.
            if !goes_on {
                speaker.tell_gone(joined, reason);
            }
            speaker.part(joined);
        }
    }

    /// Tells that messages of a subscription were lost, by an event of its own.
    pub(crate) fn tell_gap(
        &self,
        subscription: SubscriptionId,
        gap: &str,
        wrap: Wrap,
        out: &mut Vec<u8>,
        core: &mut Core,
    ) {
        // One that has ended was of the root, where clients end them.
        let joined = self.of(subscription).or_else(|| self.root());
        if let Some(joined) = joined {
            joined.tell_gap(gap, wrap, out, core);
        }
    }
}

fn answer_cursor(cursor: Cursor) -> String {
    format!("{{\"cursor\":\"{cursor}\"}}")
}

fn answer_error(why: &str) -> String {
    let mut answer = b"{\"error\":".to_vec();
    socketio::put_string(why, &mut answer);
    answer.push(b'}');
    String::from_utf8(answer).unwrap_or_default()
}

//! Socket.IO without server code: a namespace is a topic, and an event is an event.
//!
//! What a client says is in `hear.rs`, how messages go out in `deliver.rs`, and how arguments become a body and a body arguments in
//! `body.rs`.

mod body;
mod deliver;
mod hear;
mod join;

use std::collections::VecDeque;
use std::rc::Rc;

use pogu_hub::{Cursor, PublishError, SubscriptionId, Topic};
use pogu_proto::Time;
use pogu_proto::socketio::{self, Arg, NamespaceId};

use super::Wrap;
use crate::core::Core;
use crate::engineio::{EngineIo, Sid};
use crate::form::Head;
use crate::peer::Ending;

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
    /// The hub's names of all subscriptions.
    subscriptions: Vec<SubscriptionId>,
    /// The number of the last publish that is answered.
    seq: u64,
    /// Publishes whose outcome is not known yet.
    awaited: VecDeque<Awaited>,
}

/// A namespace that the client has joined.
struct Joined {
    id: NamespaceId,
    name: Box<str>,
    /// What its events are published to; the root has none.
    topic: Option<Topic>,
    /// Its public id.
    sid: Box<str>,
    /// Its private id, by which it is taken up again.
    pid: Option<Box<str>>,
    /// By which its own events are told from others'.
    origin: u64,
    /// The namespace's own subscription, or those that were asked for in the root.
    subscriptions: Vec<SubscriptionId>,
    head: Rc<Head>,
}

/// An event whose acknowledgement waits for a publish.
struct Awaited {
    seq: u64,
    namespace: Box<str>,
    id: u64,
}

impl SocketIo {
    /// A conversation on a session that begins now. What it says first is appended to `out`.
    pub(crate) fn new(engine: &EngineIo, core: &mut Core, out: &mut Vec<u8>) -> Self {
        let version = engine.session.version();
        let mut session = socketio::Session::new(version, core.socketio_limits.clone(), core.now);
        let mut state = State {
            engine: engine.sid,
            joined: Vec::new(),
            subscriptions: Vec::new(),
            seq: 0,
            awaited: VecDeque::new(),
        };
        // Clients of protocol 4 are in the root without asking.
        if let Some(socketio::Event::Connect { namespace, .. }) = session.begin() {
            let (sid, origin) = (engine.sid.text().into(), 0);
            state
                .joined
                .push(join::joined(namespace, "/", None, sid, None, origin, Vec::new()));
            let wrap = Wrap::Packets(engine.packing());
            wrap.put(out, core, |out| {
                session.accept(namespace, &engine.sid.text(), None, out)
            });
        }
        Self { session, state }
    }

    pub(crate) fn subscriptions(&self) -> &[SubscriptionId] {
        &self.state.subscriptions
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        self.session.deadline()
    }

    /// Ends a conversation that has joined no namespace in time.
    pub(crate) fn tick(&mut self, now: Time) -> Result<(), Ending> {
        self.session.tick(now).map_err(|_| Ending::TimedOut)
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

    /// The connection is gone, and not because the client has left.
    pub(crate) fn broke(&mut self, core: &mut Core) {
        for pid in self
            .state
            .joined
            .iter()
            .filter_map(|joined| joined.pid.as_deref())
        {
            core.recoveries.broke(pid, self.state.engine, core.unix);
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
        let joined = self.state.joined.iter();
        let of = joined.filter(|joined| joined.subscriptions.contains(&subscription));
        for joined in of {
            wrap.put(out, core, |out| {
                socketio::event(&joined.name, None, "gap", &[Arg::Json(gap)], out);
            });
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

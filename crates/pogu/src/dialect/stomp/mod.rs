//! STOMP: frames that name destinations, with acknowledgements and transactions.
//!
//! What a frame asks is in `hear.rs`, how messages go out in `deliver.rs`, what has begun and is not committed in
//! `transaction.rs`, and what a destination names in `destination.rs`.

mod deliver;
mod destination;
mod hear;
mod subscribe;
mod transaction;

use std::collections::VecDeque;
use std::rc::Rc;

pub(crate) use deliver::tail;

use pogu_hub::{ConsumerId, Cursor, Delivery, PublishError, SubscriptionId, Topic};
use pogu_proto::stomp::{self, AckMode, Failure, Version};
use pogu_proto::{Time, ws};

use super::Wrap;
use super::answers::Answers;
use crate::core::Core;
use crate::form::Head;
use crate::id;
use crate::peer::Ending;
use transaction::Transaction;

/// A STOMP conversation.
pub(crate) struct Stomp {
    session: stomp::Server,
    state: State,
}

/// All of it but its wire.
struct State {
    /// Names this session's temporary queues; whoever knows it can write to them.
    name: Box<str>,
    /// Whose durable subscriptions it may take up: the `client-id` of CONNECT.
    client: Box<str>,
    /// Whether the client speaks in binary messages, where its carrier has both kinds.
    binary: bool,
    answers: Answers,
    /// The number of the last publish that is answered.
    seq: u64,
    /// Publishes whose outcome is not known yet.
    awaited: VecDeque<Awaited>,
    subscriptions: Vec<Subscription>,
    /// How many there were.
    subscribed: u32,
    /// The hub's names of those to topics, in their order, and what their messages begin with.
    topics: Vec<(SubscriptionId, Rc<Head>)>,
    transactions: Vec<Transaction>,
    /// What queues have delivered and is not written yet.
    waiting: VecDeque<Delivery>,
}

/// Frames whose receipts wait for one publish.
#[derive(Default)]
struct Awaited {
    seq: u64,
    receipts: Vec<Box<str>>,
    /// Whether it is of one message, whose place they tell.
    single: bool,
}

/// One SUBSCRIBE.
struct Subscription {
    /// As the client named it; in 1.0 it may have none.
    id: Option<Box<str>>,
    destination: Box<str>,
    ack: AckMode,
    /// Whether it has a selector.
    selects: bool,
    /// What its acknowledgements name it by.
    number: u32,
    to: Subscribed,
}

enum Subscribed {
    Topics {
        ids: Vec<SubscriptionId>,
        head: Rc<Head>,
        /// What was lost on the way and the next message will tell.
        lost: Lost,
    },
    Queue {
        consumer: ConsumerId,
        queue: Topic,
        /// What becomes of the queue when this ends.
        lasts: Lasts,
        /// The last delivery that was written.
        reached: u64,
        /// The last delivery that was accepted for the client, where it does not do so itself.
        accepted: u64,
    },
}

/// How long a queue is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lasts {
    /// Whoever subscribes, it is not theirs.
    Shared,
    /// As long as the session subscribes to it.
    Temporary,
    /// As long as its client does not give it up, which may be away meanwhile.
    Durable,
}

/// Messages that did not get through.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Lost {
    /// As far as they were counted.
    missed: u64,
    /// Whether there were more, nobody knows how many.
    gap: bool,
}

/// Why a frame cannot be done: the connection ends with it.
struct Refusal {
    message: &'static str,
    detail: String,
}

impl Refusal {
    fn new(message: &'static str, detail: impl Into<String>) -> Self {
        Self {
            message,
            detail: detail.into(),
        }
    }
}

impl Stomp {
    /// A conversation that begins `now`.
    pub(crate) fn new(now: Time) -> Self {
        Self {
            session: stomp::Server::new(now),
            state: State {
                name: id::unguessable(),
                client: Box::default(),
                binary: false,
                answers: Answers::default(),
                seq: 0,
                awaited: VecDeque::new(),
                subscriptions: Vec::new(),
                subscribed: 0,
                topics: Vec::new(),
                transactions: Vec::new(),
                waiting: VecDeque::new(),
            },
        }
    }

    pub(crate) fn version(&self) -> Version {
        self.session.version()
    }

    pub(crate) fn is_between_frames(&self) -> bool {
        self.session.is_between_frames()
    }

    /// The kind of message in which text goes out, where the carrier has two.
    pub(crate) fn text_kind(&self) -> ws::Kind {
        if self.state.binary {
            ws::Kind::Binary
        } else {
            ws::Kind::Text
        }
    }

    /// Something may have come that was not read.
    pub(crate) fn heard(&mut self, now: Time) {
        self.session.heard(now);
    }

    /// What is written at `now` counts as a heart-beat: frames do, what a WebSocket says by itself does not.
    pub(crate) fn wrote(&mut self, now: Time) {
        self.session.sent(now);
    }

    pub(crate) fn deadline(&self, core: &Core) -> Option<Time> {
        self.session.deadline(&core.stomp_limits)
    }

    /// Does what is due: a heart-beat, or the end of a client that has none.
    pub(crate) fn tick(&mut self, wrap: Wrap, out: &mut Vec<u8>, core: &mut Core) -> Result<(), Ending> {
        let mut said = Vec::new();
        let ticked = self.session.tick(core.now, &core.stomp_limits, &mut said);
        if !said.is_empty() {
            wrap.put(out, core, |out| out.extend_from_slice(&said));
        }
        // Not in good order: what it was sent it may not have heard.
        ticked.map_err(|violation| Ending::Violation(violation.to_string()))
    }

    /// What became of a publish.
    pub(crate) fn published(
        &mut self,
        seq: u64,
        result: Result<Cursor, PublishError>,
        wrap: Wrap,
        out: &mut Vec<u8>,
        core: &mut Core,
    ) -> Result<(), Ending> {
        self.wrote(core.now);
        let version = self.version();
        let Self { session, state } = self;
        let at = state.awaited.iter().position(|awaited| awaited.seq == seq);
        let awaited = at.and_then(|at| state.awaited.remove(at)).unwrap_or_default();
        let Awaited { receipts, single, .. } = awaited;
        let mut answer = Vec::new();
        let error = match result {
            // Who asks and does not wait for the answer must not be the end of who gives it.
            Ok(_) | Err(PublishError::NoQueue) => {
                let cursor = result.ok().filter(|_| single).map(|cursor| cursor.to_string());
                let headers = cursor.as_deref().map(|cursor| ("cursor", cursor));
                for receipt in &receipts {
                    wrap.put(&mut answer, core, |out| {
                        stomp::receipt(receipt, headers.as_slice(), version, out);
                    });
                }
                state.answers.arrived(seq, answer, out);
                return Ok(());
            }
            Err(error) => error,
        };
        let detail = error.to_string();
        let failure = Failure {
            message: "not published",
            detail: &detail,
            receipt: receipts.first().map(|receipt| &**receipt),
        };
        wrap.put(&mut answer, core, |out| session.fail(failure, out));
        // Nothing follows an ERROR, whatever was done meanwhile.
        state.answers.arrived_last(seq, answer, out);
        Err(Ending::Violation(detail))
    }

    /// The last word of a server that ends the conversation.
    pub(crate) fn say_goodbye(&mut self, why: &str, wrap: Wrap, out: &mut Vec<u8>, core: &mut Core) {
        let failure = Failure {
            message: why,
            detail: "",
            receipt: None,
        };
        wrap.put(out, core, |out| self.session.fail(failure, out));
    }

    /// Gives back to the hub what the conversation held. What was written to a client that takes its leave counts as taken where it
    /// acknowledges nothing itself.
    pub(crate) fn leave(&mut self, in_order: bool, core: &mut Core) {
        if in_order {
            self.accept_written(core);
        }
        let state = &mut self.state;
        // What waits still has its heads.
        for (id, _) in &state.topics {
            core.unsubscribe(*id);
        }
        state.subscriptions.retain(|subscription| match &subscription.to {
            Subscribed::Queue {
                consumer,
                queue,
                lasts,
                reached,
                ..
            } => {
                core.cancel(*consumer, *reached);
                if *lasts == Lasts::Temporary {
                    core.hub.remove_queue(queue);
                }
                false
            }
            // Messages that still wait are begun with its head.
            Subscribed::Topics { .. } => true,
        });
        state.transactions = Vec::new();
        state.waiting = VecDeque::new();
    }
}

//! Queues: each message goes to one of the consumers, and stays until that one has accepted it.
//!
//! A queue is there while it holds messages, has consumers or is bound; consumers and messages make it. Three kinds are told
//! apart by how they are made:
//!
//! - An ordinary queue refuses what it has no room for, and loses nothing that it has taken.
//! - A dead-letter queue, [`dead_letter_queue`] of another, gets what was rejected there or delivered too often. It drops
//!   its oldest when it is full. Nothing expires there.
//! - A bound queue ([`Hub::bind`](crate::Hub::bind)) gets all messages of a selector, and keeps them while nobody is there. It drops its oldest
//!   when it is full, and its next delivery tells how many.
//!
//! A reserved queue, whose first token begins with `$`, is made by its consumers only: a message that comes late for a private
//! queue makes none that nobody would ever empty.

mod consumer;
mod deliver;
mod one;
mod room;
mod settle;
mod shelf;
mod table;
mod turns;

use std::sync::Arc;

use crate::filter::Filter;
use crate::message::Message;
use crate::selector::Selector;
use crate::topic::Topic;

pub(crate) use room::Plan;
pub(crate) use table::{Queues, Removed};

/// What the name of a dead-letter queue begins with,
const DEAD_LETTERS: &str = "dead.";
/// and that of a reserved queue's: it is reserved as well.
const RESERVED_DEAD_LETTERS: &str = "$dead.";

/// Names a consumer; not used again for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConsumerId(u64);

/// Names a queue that has more to do; not used again for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct QueueTicket {
    slot: u32,
    serial: u64,
}

/// What a consumer asks for.
///
/// It has credit while it has nothing to settle, or less than both `prefetch` and `window`. So what one call delivers is
/// bounded by its credit, and what waits for it in an inbox is too.
#[derive(Debug, Clone)]
pub struct Consume {
    /// The lane whose inbox gets the deliveries.
    pub lane: u16,
    /// What the lane knows the peer by.
    pub peer: u32,
    /// The queue.
    pub queue: Topic,
    /// Deliveries that may be unsettled at once, at least 1.
    pub prefetch: u32,
    /// Bytes of messages, as [`Message::size`] counts them, that may be unsettled at once; the last message may pass it.
    pub window: usize,
    /// Only what meets this.
    pub filter: Option<Filter>,
}

/// A message of a queue, on its way to a consumer.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// As [`Consume::peer`].
    pub peer: u32,
    /// The consumer. It may be gone by the time the lane finds this; then the message is back in its queue.
    pub consumer: ConsumerId,
    /// The number of the delivery: each consumer's are counted from 1.
    pub number: u64,
    /// The message.
    pub message: Arc<Message>,
    /// How often it was delivered before.
    pub redelivered: u32,
    /// How many messages the queue has dropped before this one and not told of yet, where it is one that drops its oldest.
    pub missed: u32,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settle {
    /// Whose delivery it is.
    pub consumer: ConsumerId,
    /// Its number.
    pub delivery: u64,
    /// Whether all unsettled deliveries of the consumer before it are meant too.
    pub cumulative: bool,
    /// What is to be done with the message.
    pub outcome: Outcome,
}

/// What is done with a message that was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It is done with.
    Accept,
    /// It goes back to its place; or, when it was delivered as often as it may be, to the dead-letter queue.
    Release,
    /// It goes to the dead-letter queue.
    Reject,
}

/// What a bound queue asks for.
#[derive(Debug, Clone)]
pub struct Bind {
    /// The queue.
    pub queue: Topic,
    /// The topics whose messages it gets.
    pub selector: Selector,
    /// Only those that meet this.
    pub filter: Option<Filter>,
}

/// What came of binding a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// The queue is new.
    New,
    /// It was bound to the same selector, with a filter of the same text: it has what it kept.
    Kept,
    /// It was bound to something else: its messages are gone and its consumers cancelled.
    Replaced,
}

/// Why a consumer or a bound queue was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// There are as many queues as [`Limits::queues`](crate::Limits::queues) allows.
    #[error("the server has no room for another queue (limit {0})")]
    TooManyQueues(usize),
    /// There are as many consumers as [`Limits::consumers`](crate::Limits::consumers) allows.
    #[error("the server has no room for another consumer of a queue (limit {0})")]
    TooManyConsumers(usize),
    /// There is a queue of this name that is not a bound one.
    #[error("there is a queue of this name already")]
    NotBound,
}

/// The queue that gets what was rejected in this one, or delivered too often: `dead.<queue>`, and `$dead.<queue>` where the queue is
/// reserved. None for one that is a dead-letter queue itself, and where the name would be too long: such messages are dropped.
pub fn dead_letter_queue(queue: &Topic) -> Option<Topic> {
    if is_dead_letter_queue(queue) {
        return None;
    }
    let start = match queue.is_reserved() {
        true => RESERVED_DEAD_LETTERS,
        false => DEAD_LETTERS,
    };
    [start, queue].concat().parse().ok()
}

fn is_dead_letter_queue(queue: &Topic) -> bool {
    queue.starts_with(DEAD_LETTERS) || queue.starts_with(RESERVED_DEAD_LETTERS)
}

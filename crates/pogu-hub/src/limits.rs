//! What an operator sets: rules by pattern, and the bounds of every table and queue.

use crate::selector::{Pattern, Selector};

/// What a full mailbox does with a message of this topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// The oldest waiting messages, of whatever topic, give way.
    #[default]
    DropOldest,
    /// The new message is not taken.
    DropNewest,
    /// Waiting messages give way to a newer one of the same topic and subscription; then the oldest do.
    Conflate,
    /// The peer is to be disconnected.
    Disconnect,
}

/// What holds for the topics of a pattern. The first rule that matches a topic wins; a topic without one gets the default.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The topics it holds for.
    pub pattern: Selector,
    /// How many messages of each topic are kept; 0 keeps none.
    pub history: usize,
    /// How long a message is kept, in milliseconds.
    pub history_age_ms: u64,
    /// What a full mailbox does.
    pub policy: Policy,
}

impl Default for Rule {
    fn default() -> Rule {
        Rule {
            pattern: Selector::Pattern(Pattern::all()),
            history: 256,
            history_age_ms: 5 * 60 * 1000,
            policy: Policy::default(),
        }
    }
}

/// What holds for the queues of a pattern. The first rule that matches a queue's name wins; a queue without one gets the default.
#[derive(Debug, Clone)]
pub struct QueueRule {
    /// The queues it holds for.
    pub pattern: Selector,
    /// Messages that each queue holds, with those that are delivered and not settled.
    pub messages: usize,
    /// The same in bytes, as [`Message::size`](crate::Message::size) counts them.
    pub bytes: usize,
    /// How often a message is delivered, at least once. One that would be delivered more often goes to the dead-letter queue.
    pub delivery_limit: u32,
}

impl Default for QueueRule {
    fn default() -> QueueRule {
        QueueRule {
            pattern: Selector::Pattern(Pattern::all()),
            messages: 1_000_000,
            bytes: 256 << 20,
            delivery_limit: 20,
        }
    }
}

/// The bounds of the hub.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Topics that the engine remembers, with or without messages kept. Beyond, the one published to longest ago is forgotten.
    pub topics: usize,
    /// All messages kept, as [`Message::size`](crate::Message::size) counts them, in bytes. Beyond, the oldest go first.
    pub history_bytes: usize,
    /// Events in one lane's inbox from which the hub counts as congested.
    pub inbox_events: usize,
    /// Bytes of messages in one lane's inbox from which the hub counts as congested.
    pub inbox_bytes: usize,
    /// Idempotency keys that are remembered; 0 switches them off. Beyond, the oldest goes.
    pub keys: usize,
    /// How long an idempotency key is remembered, in milliseconds.
    pub key_age_ms: u64,
    /// Subscriptions of one lane.
    pub subscriptions: usize,
    /// Messages of one page of history, in bytes; a page has at least one message however large.
    pub page_bytes: usize,
    /// Queues of all kinds.
    pub queues: usize,
    /// Consumers of all queues together.
    pub consumers: usize,
    /// All messages in queues, as [`Message::size`](crate::Message::size) counts them, in bytes.
    pub queue_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            topics: 65_536,
            history_bytes: 64 << 20,
            inbox_events: 16_384,
            inbox_bytes: 32 << 20,
            keys: 65_536,
            key_age_ms: 5 * 60 * 1000,
            subscriptions: 1 << 20,
            page_bytes: 1 << 20,
            queues: 65_536,
            consumers: 262_144,
            queue_bytes: 512 << 20,
        }
    }
}

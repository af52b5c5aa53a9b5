//! The engine seam: what the hub asks of whatever stamps, stores and hands back messages.
//!
//! An engine gives each message it takes the next place of one total order, keeps history by the rules, and answers reads
//! of it. It is chosen when the hub is made; calls come one at a time, under the hub's lock, so each does a bounded slice of work.

use std::sync::Arc;

use crate::cursor::{After, Cursor};
use crate::interest::Route;
use crate::limits::{Limits, Policy, Rule};
use crate::memory::Memory;
use crate::message::{Draft, Message, PublishError};
use crate::selector::{Pattern, Selector};
use crate::topic::Topic;

/// The engines there are.
pub(crate) enum Engine {
    Memory(Box<Memory>),
}

/// What became of a draft.
pub(crate) enum Published<'a> {
    /// It has its place; the route is kept with its topic for the hub.
    New(Arc<Message>, &'a mut Route),
    /// Its idempotency key was seen before, with this message.
    Repeat(Cursor),
}

/// How far a reader is, and what it was told to have lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// The last message read, or passed over.
    pub(crate) seq: u64,
    /// How many evictions there had been when the reader last asked for gaps.
    pub(crate) evictions: u64,
}

/// A search back from the head for the last so many messages of a pattern, done in slices.
pub(crate) struct Search {
    /// Everything from here on has been looked at.
    pub(crate) seq: u64,
    /// The oldest message found.
    pub(crate) found: u64,
    /// Messages still to be found.
    pub(crate) left: u32,
}

/// What one page may still hold.
pub(crate) struct Budget {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

/// Where a read slice ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slice {
    /// At the head of the order: there is nothing more.
    Head,
    /// The page is full.
    Full,
    /// Enough was looked at in one go; come again.
    More,
}

/// What an engine holds at the moment, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Topics remembered, with or without messages.
    pub topics: usize,
    /// Messages kept.
    pub messages: usize,
    /// What they count together, in bytes.
    pub bytes: usize,
    /// Messages that are no longer kept or never were, and topics that were forgotten.
    pub evicted: u64,
    /// Idempotency keys remembered.
    pub keys: usize,
    /// Queues there are.
    pub queues: usize,
    /// Consumers of queues.
    pub consumers: usize,
    /// Messages that queues hold, with those that are delivered and not settled.
    pub queue_messages: usize,
    /// What they count together, in bytes.
    pub queue_bytes: usize,
    /// Messages that went to a dead-letter queue.
    pub dead_lettered: u64,
    /// Messages that expired in a queue.
    pub expired: u64,
    /// Messages that a full queue that drops its oldest has lost, and those that had no dead-letter queue to go to.
    pub dropped: u64,
}

impl Engine {
    pub(crate) fn memory(epoch: u64, rules: Vec<Rule>, limits: &Limits) -> Engine {
        Engine::Memory(Box::new(Memory::new(epoch, rules, limits)))
    }

    /// Stamps a draft for a topic, stores it and gives it back.
    #[inline]
    pub(crate) fn publish(&mut self, now: u64, draft: Draft) -> Result<Published<'_>, PublishError> {
        match self {
            Engine::Memory(memory) => memory.publish(now, draft),
        }
    }

    /// The earlier message with the topic (or queue) and idempotency key of this draft.
    pub(crate) fn repeats(&mut self, now: u64, draft: &Draft) -> Result<Option<Cursor>, PublishError> {
        match self {
            Engine::Memory(memory) => memory.repeats(now, draft),
        }
    }

    /// Stamps a draft for a queue, which repeats none, and gives it back. The queue keeps it, the engine does not.
    pub(crate) fn stamp(&mut self, now: u64, draft: Draft) -> Arc<Message> {
        match self {
            Engine::Memory(memory) => memory.stamp(now, draft, Policy::default()),
        }
    }

    /// The place of the last message.
    pub(crate) fn head(&self) -> Cursor {
        match self {
            Engine::Memory(memory) => memory.head(),
        }
    }

    /// The route kept with a topic, if the topic is known.
    pub(crate) fn route(&mut self, topic: &Topic) -> Option<&mut Route> {
        match self {
            Engine::Memory(memory) => memory.route(topic),
        }
    }

    /// Where a reader begins, and whether it has lost something already. `After::Last` of a pattern begins at the head:
    /// go back with [`Engine::search`].
    pub(crate) fn begin(&mut self, now: u64, selector: &Selector, after: After) -> (Position, bool) {
        match self {
            Engine::Memory(memory) => memory.begin(now, selector, after),
        }
    }

    /// Goes on with a search back; gives where to read from when it is done.
    pub(crate) fn search(&self, pattern: &Pattern, search: &mut Search) -> Option<Position> {
        match self {
            Engine::Memory(memory) => memory.search(pattern, search),
        }
    }

    /// Whether a message that is selected and newer than the position has been evicted since the reader last asked.
    pub(crate) fn lost(&mut self, now: u64, selector: &Selector, position: &mut Position) -> bool {
        match self {
            Engine::Memory(memory) => memory.lost(now, selector, position),
        }
    }

    /// Reads on from the position, leaving out one origin (0: none).
    pub(crate) fn read(
        &self,
        selector: &Selector,
        position: &mut Position,
        exclude_origin: u64,
        budget: &mut Budget,
        into: &mut Vec<Arc<Message>>,
    ) -> Slice {
        match self {
            Engine::Memory(memory) => memory.read(selector, position, exclude_origin, budget, into),
        }
    }

    /// Evicts what is too old, a bounded slice at a time.
    pub(crate) fn tick(&mut self, now: u64) {
        match self {
            Engine::Memory(memory) => memory.tick(now),
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        match self {
            Engine::Memory(memory) => memory.stats(),
        }
    }
}

impl Budget {
    /// Takes a message into the page, if it fits or is the first.
    pub(crate) fn admit(&mut self, message: &Arc<Message>, into: &mut Vec<Arc<Message>>) -> bool {
        if self.messages == 0 || (!into.is_empty() && message.size() > self.bytes) {
            return false;
        }
        self.messages -= 1;
        self.bytes = self.bytes.saturating_sub(message.size());
        into.push(Arc::clone(message));
        true
    }
}

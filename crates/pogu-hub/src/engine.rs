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
use crate::trie::Trie;

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

/// Work that looking at one message or topic counts: memory is slow.
pub(crate) const LOOK_WORK: usize = 16;

/// A reader of history: how far it is, and what it still has to do before it reads on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reader {
    /// The last message read, or passed over.
    pub(crate) seq: u64,
    /// It knows whether one of the first so many evictions took something from it.
    pub(crate) evictions: u64,
    /// It looks for its beginning.
    pub(crate) search: Option<Search>,
    /// It looks at all topics for what it has lost.
    pub(crate) walk: Option<Walk>,
    /// How many times it did so, since it last read.
    pub(crate) walks: u8,
    /// It has lost something that nobody was told of.
    pub(crate) gap: bool,
}

/// A walk through all topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Walk {
    /// The next place to look at.
    pub(crate) at: usize,
    /// How many evictions there had been when it began.
    pub(crate) evictions: u64,
}

/// A search back from the head for the last so many messages of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Search {
    /// Everything from here on has been looked at.
    pub(crate) seq: u64,
    /// The oldest message found.
    pub(crate) found: u64,
    /// Messages still to be found.
    pub(crate) left: u32,
    /// How many evictions there had been when it began.
    pub(crate) evictions: u64,
}

/// What was found out for several readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// One has lost something.
    Lost,
    /// None lost anything by the first so many evictions.
    Whole(u64),
}

/// Patterns of which each has a reader, to be asked for together.
pub(crate) struct Wanted {
    /// The places in `readers` of those of each pattern.
    patterns: Trie<Vec<usize>>,
    readers: Vec<Reader>,
    /// The least place of all readers.
    pub(crate) oldest: u64,
}

/// What one page may still hold, and cost.
pub(crate) struct Budget {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
    /// Entries of the log that may still be passed over; what has to be looked at counts [`LOOK_WORK`].
    pub(crate) work: usize,
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

    /// A reader at its beginning, which may still have to be looked for.
    pub(crate) fn begin(&mut self, now: u64, selector: &Selector, after: After) -> Reader {
        match self {
            Engine::Memory(memory) => memory.begin(now, selector, after),
        }
    }

    /// Has a reader know where it begins and whether it has lost something; false: there is more work to that than was given.
    pub(crate) fn prepare(
        &mut self,
        now: u64,
        selector: &Selector,
        reader: &mut Reader,
        work: &mut usize,
    ) -> bool {
        match self {
            Engine::Memory(memory) => memory.prepare(now, selector, reader, work),
        }
    }

    /// Whether one of several patterns, each with its reader, has lost something; `None`: come again with the same walk.
    pub(crate) fn lost_of_any(
        &self,
        wanted: &Wanted,
        walk: &mut Option<Walk>,
        work: &mut usize,
    ) -> Option<Asked> {
        match self {
            Engine::Memory(memory) => memory.lost_of_any(wanted, walk, work),
        }
    }

    /// Prepares a reader and reads on, leaving out one origin (0: none).
    pub(crate) fn read(
        &mut self,
        now: u64,
        selector: &Selector,
        reader: &mut Reader,
        exclude_origin: u64,
        budget: &mut Budget,
        into: &mut Vec<Arc<Message>>,
    ) -> Slice {
        match self {
            Engine::Memory(memory) => memory.read(now, selector, reader, exclude_origin, budget, into),
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

impl Reader {
    /// A reader of what comes after `seq` that has lost nothing up to now.
    pub(crate) fn new(seq: u64, evictions: u64) -> Reader {
        Reader {
            seq,
            evictions,
            search: None,
            walk: None,
            walks: 0,
            gap: false,
        }
    }

    /// Before all that it may still read.
    pub(crate) fn before(&self) -> u64 {
        if self.search.is_some() { 0 } else { self.seq }
    }
}

impl Wanted {
    pub(crate) fn new() -> Wanted {
        Wanted {
            patterns: Trie::new(),
            readers: Vec::new(),
            oldest: u64::MAX,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.readers.is_empty()
    }

    pub(crate) fn add(&mut self, pattern: &Pattern, reader: Reader) {
        let place = self.readers.len();
        self.patterns.entry(pattern).get_or_insert_default().push(place);
        self.oldest = self.oldest.min(reader.seq);
        self.readers.push(reader);
    }

    /// Whether a reader of a topic is hit, and how many had to be asked.
    pub(crate) fn any(&self, topic: &Topic, hits: impl Fn(&Reader) -> bool) -> (bool, usize) {
        let (mut any, mut asked) = (false, 0);
        self.patterns.matching(topic, |places| {
            asked += places.len();
            any |= places.iter().any(|place| hits(&self.readers[*place]));
        });
        (any, asked)
    }
}

impl Budget {
    /// Takes the work of looking at a message, if there is so much left.
    pub(crate) fn look(&mut self) -> bool {
        let left = self.work.checked_sub(LOOK_WORK);
        self.work = left.unwrap_or(self.work);
        left.is_some()
    }

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

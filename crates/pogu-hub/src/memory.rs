//! The memory engine: one order, a ring of messages per topic, and honest marks of what is gone.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use foldhash::fast::RandomState;
use slab::Slab;

use crate::cursor::{After, Cursor};
use crate::engine::{Budget, Position, Published, Search, Slice, Stats};
use crate::interest::Route;
use crate::keys::Keys;
use crate::limits::{Limits, Rule};
use crate::log::{Entry, Log};
use crate::message::{Draft, KEY_BYTES_MAX, Message, PublishError};
use crate::selector::{Pattern, Selector};
use crate::sieve::{Shape, Sieve};
use crate::topic::Topic;

/// How much a pattern's read or search does under one lock: entries of the log that its sieve stops count one each,
const SLICE_WORK: usize = 32_768;
/// and those whose message must be looked at this many, as memory is slow.
const LOOK_WORK: usize = 16;
/// Topics that one tick looks at.
const TICK_TOPICS: usize = 1024;
/// Messages that one tick evicts.
const TICK_MESSAGES: usize = 4096;
/// No topic: the ends of the list.
const NONE: u32 = u32::MAX;

/// The memory engine.
///
/// Costs: publishing is O(1), and so is evicting, both amortised. Reading a topic is O(log n) to find the place and O(1) a
/// message. Reading a pattern goes through the log of all kept messages from its place on, in slices of
/// `SLICE_WORK`; asking it for gaps goes through the topics published to since its place. Both are small for a reader that
/// is near the head, whatever the number of topics.
pub(crate) struct Memory {
    epoch: u64,
    head: u64,
    /// The last one is the default and holds for every topic.
    rules: Vec<Rule>,
    topics_max: usize,
    bytes_max: usize,
    index: HashMap<Topic, u32, RandomState>,
    topics: Slab<History>,
    /// The topic published to last, and the one published to longest ago.
    newest: u32,
    oldest: u32,
    log: Log,
    messages: usize,
    bytes: usize,
    evictions: u64,
    /// What was lost with topics that are no longer in the table.
    forgotten: Loss,
    keys: Keys,
    sweep: usize,
}

/// A topic in the table. It stays, without messages, as the mark of what it lost.
struct History {
    topic: Topic,
    shape: Shape,
    rule: usize,
    ring: VecDeque<Arc<Message>>,
    /// How many messages left the ring, wrapping: the number of the first one in it.
    first: u32,
    published: u64,
    loss: Loss,
    route: Route,
    newer: u32,
    older: u32,
}

/// The newest message that is gone, and the count of evictions when it went.
#[derive(Debug, Clone, Copy, Default)]
struct Loss {
    seq: u64,
    evictions: u64,
}

impl Memory {
    pub(crate) fn new(epoch: u64, mut rules: Vec<Rule>, limits: &Limits) -> Memory {
        rules.push(Rule::default());
        Memory {
            epoch,
            head: 0,
            rules,
            topics_max: limits.topics.clamp(1, NONE as usize),
            bytes_max: limits.history_bytes,
            index: HashMap::default(),
            topics: Slab::new(),
            newest: NONE,
            oldest: NONE,
            log: Log::default(),
            messages: 0,
            bytes: 0,
            evictions: 0,
            forgotten: Loss::default(),
            keys: Keys::new(limits.keys, limits.key_age_ms),
            sweep: 0,
        }
    }

    pub(crate) fn head(&self) -> Cursor {
        Cursor {
            epoch: self.epoch,
            seq: self.head,
        }
    }

    #[inline]
    pub(crate) fn publish(&mut self, now: u64, mut draft: Draft) -> Result<Published<'_>, PublishError> {
        let key = draft.key.take();
        if let Some(key) = &key {
            if key.len() > KEY_BYTES_MAX {
                return Err(PublishError::KeyTooLong(key.len()));
            }
            if let Some(seq) = self.keys.find(now, &draft.topic, key) {
                return Ok(Published::Repeat(Cursor {
                    epoch: self.epoch,
                    seq,
                }));
            }
        }
        let at = self.enter(&draft.topic);
        self.head += 1;
        if let Some(key) = &key {
            self.keys.remember(now, &draft.topic, key, self.head);
        }
        let policy = self.rules[self.topics[at].rule].policy;
        let message = Arc::new(draft.stamp(self.head(), now, policy));
        self.store(at, &message);
        Ok(Published::New(message, &mut self.topics[at].route))
    }

    pub(crate) fn route(&mut self, topic: &Topic) -> Option<&mut Route> {
        let &at = self.index.get(topic)?;
        Some(&mut self.topics[at as usize].route)
    }

    pub(crate) fn begin(&mut self, now: u64, selector: &Selector, after: After) -> (Position, bool) {
        let at = match selector {
            Selector::Topic(topic) => self.index.get(topic).map(|&at| at as usize),
            Selector::Pattern(_) => None,
        };
        if let Some(at) = at {
            self.expire(now, at, usize::MAX);
        }
        let (head, evictions) = (self.head, self.evictions);
        let from = |seq| Position { seq, evictions };
        match after {
            After::Now => (from(head), false),
            After::Earliest => (from(0), false),
            After::Last(count) => {
                let ring = at.map(|at| &self.topics[at].ring);
                let first = ring.and_then(|ring| ring.get(ring.len().saturating_sub(count as usize)));
                (from(first.map_or(head, |message| message.cursor.seq - 1)), false)
            }
            After::Cursor(cursor) if cursor.epoch != self.epoch => (from(0), true),
            After::Cursor(cursor) => {
                let mut position = Position {
                    seq: cursor.seq.min(head),
                    evictions: 0,
                };
                let lost = self.lost(now, selector, &mut position);
                (position, lost)
            }
        }
    }

    pub(crate) fn search(&self, pattern: &Pattern, search: &mut Search) -> Option<Position> {
        let sieve = Sieve::of(pattern);
        let mut work = SLICE_WORK;
        for entry in self.log.before(search.seq) {
            if search.left == 0 {
                break;
            }
            let through = sieve.lets_through(entry.shape);
            work = work.checked_sub(if through { LOOK_WORK } else { 1 })?;
            search.seq = entry.seq;
            if through
                && let Some(message) = kept(&self.topics, entry)
                && pattern.matches(&message.topic)
            {
                search.found = entry.seq;
                search.left -= 1;
            }
        }
        Some(Position {
            seq: search.found - 1,
            evictions: self.evictions,
        })
    }

    pub(crate) fn lost(&mut self, now: u64, selector: &Selector, position: &mut Position) -> bool {
        let since = *position;
        match selector {
            Selector::Topic(topic) => {
                let loss = match self.index.get(topic) {
                    Some(&at) => {
                        self.expire(now, at as usize, usize::MAX);
                        self.topics[at as usize].loss
                    }
                    None => self.forgotten,
                };
                position.evictions = self.evictions;
                loss.hits(&since)
            }
            Selector::Pattern(pattern) => {
                position.evictions = self.evictions;
                if self.evictions == since.evictions {
                    return false;
                }
                self.forgotten.hits(&since)
                    || self
                        .recent()
                        .take_while(|history| history.published > since.seq)
                        .any(|history| history.loss.hits(&since) && pattern.matches(&history.topic))
            }
        }
    }

    pub(crate) fn read(
        &self,
        selector: &Selector,
        position: &mut Position,
        exclude_origin: u64,
        budget: &mut Budget,
        into: &mut Vec<Arc<Message>>,
    ) -> Slice {
        let excluded = |message: &Message| exclude_origin != 0 && message.origin == exclude_origin;
        match selector {
            Selector::Topic(topic) => {
                if let Some(&at) = self.index.get(topic) {
                    let ring = &self.topics[at as usize].ring;
                    let start = ring.partition_point(|message| message.cursor.seq <= position.seq);
                    for message in ring.range(start..) {
                        if !excluded(message) && !budget.admit(message, into) {
                            return Slice::Full;
                        }
                        position.seq = message.cursor.seq;
                    }
                }
            }
            Selector::Pattern(pattern) => {
                let sieve = Sieve::of(pattern);
                let mut work = SLICE_WORK;
                for entry in self.log.after(position.seq) {
                    let through = sieve.lets_through(entry.shape);
                    let Some(left) = work.checked_sub(if through { LOOK_WORK } else { 1 }) else {
                        return Slice::More;
                    };
                    work = left;
                    if through
                        && let Some(message) = kept(&self.topics, entry)
                        && pattern.matches(&message.topic)
                        && !excluded(message)
                        && !budget.admit(message, into)
                    {
                        return Slice::Full;
                    }
                    position.seq = entry.seq;
                }
            }
        }
        position.seq = self.head;
        Slice::Head
    }

    pub(crate) fn tick(&mut self, now: u64) {
        self.keys.expire(now);
        let mut messages = TICK_MESSAGES;
        for _ in 0..TICK_TOPICS.min(self.topics.capacity()) {
            if self.topics.contains(self.sweep) {
                messages -= self.expire(now, self.sweep, messages);
                if messages == 0 {
                    return;
                }
            }
            self.sweep = if self.sweep + 1 < self.topics.capacity() {
                self.sweep + 1
            } else {
                0
            };
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            topics: self.topics.len(),
            messages: self.messages,
            bytes: self.bytes,
            evicted: self.evictions,
            keys: self.keys.len(),
        }
    }

    /// The place of a topic in the table, made if it is not there, and now the newest.
    fn enter(&mut self, topic: &Topic) -> usize {
        if let Some(history) = self.topics.get(self.newest as usize)
            && history.topic == *topic
        {
            return self.newest as usize;
        }
        if let Some(&at) = self.index.get(topic) {
            self.unlink(at);
            self.link_newest(at);
            return at as usize;
        }
        if self.topics.len() >= self.topics_max {
            self.forget_topic(self.oldest);
        }
        let rule = self.rules.iter().position(|rule| rule.pattern.matches(topic));
        let at = self.topics.insert(History {
            topic: topic.clone(),
            shape: Shape::of(topic),
            rule: rule.unwrap_or(self.rules.len() - 1),
            ring: VecDeque::new(),
            first: 0,
            published: 0,
            // It may have been here before, and lost as much.
            loss: self.forgotten,
            route: Route::default(),
            newer: NONE,
            older: NONE,
        });
        self.index.insert(topic.clone(), at as u32);
        self.link_newest(at as u32);
        at
    }

    fn store(&mut self, at: usize, message: &Arc<Message>) {
        let seq = message.cursor.seq;
        let history = &mut self.topics[at];
        history.published = seq;
        let kept_max = self.rules[history.rule].history;
        if kept_max == 0 || message.size() > self.bytes_max {
            // Then the older ones go too: what is lost is always the oldest part, so one mark tells all of it.
            while !self.topics[at].ring.is_empty() {
                self.evict(at);
            }
            self.evictions += 1;
            self.topics[at].loss = Loss {
                seq,
                evictions: self.evictions,
            };
            return;
        }
        let nth = history.first.wrapping_add(history.ring.len() as u32);
        history.ring.push_back(Arc::clone(message));
        self.log.push(Entry {
            seq,
            topic: at as u32,
            nth,
            shape: history.shape,
        });
        self.messages += 1;
        self.bytes += message.size();
        while self.topics[at].ring.len() > kept_max {
            self.evict(at);
        }
        while self.bytes > self.bytes_max {
            let (log, topics) = (&mut self.log, &self.topics);
            let Some(entry) = log.oldest(|entry| kept(topics, entry).is_some()) else {
                break;
            };
            self.evict(entry.topic as usize);
            self.release(entry.topic as usize);
        }
    }

    /// Evicts the oldest message of a topic.
    fn evict(&mut self, at: usize) {
        let history = &mut self.topics[at];
        let Some(message) = history.ring.pop_front() else {
            return;
        };
        history.first = history.first.wrapping_add(1);
        self.evictions += 1;
        let seq = message.cursor.seq;
        history.loss = Loss {
            seq,
            evictions: self.evictions,
        };
        self.messages -= 1;
        self.bytes -= message.size();
        let topics = &self.topics;
        self.log.forget(seq, |entry| kept(topics, entry).is_some());
    }

    /// Evicts what is too old of a topic, at most so many; returns how many.
    fn expire(&mut self, now: u64, at: usize, count_max: usize) -> usize {
        let mut count = 0;
        while count < count_max {
            let history = &self.topics[at];
            let age_max = self.rules[history.rule].history_age_ms;
            match history.ring.front() {
                Some(message) if now.saturating_sub(message.time) > age_max => self.evict(at),
                _ => break,
            }
            count += 1;
        }
        if count > 0 {
            self.release(at);
        }
        count
    }

    /// Gives back the ring of a topic that has no messages left.
    fn release(&mut self, at: usize) {
        let ring = &mut self.topics[at].ring;
        if ring.is_empty() {
            *ring = VecDeque::new();
        }
    }

    /// Takes a topic out of the table. What it had is lost from then on to every reader from before its last message.
    fn forget_topic(&mut self, at: u32) {
        while !self.topics[at as usize].ring.is_empty() {
            self.evict(at as usize);
        }
        self.unlink(at);
        let history = self.topics.remove(at as usize);
        self.index.remove(&history.topic);
        self.evictions += 1;
        self.forgotten = Loss {
            seq: self.forgotten.seq.max(history.published),
            evictions: self.evictions,
        };
    }

    /// The topics from the one published to last.
    fn recent(&self) -> impl Iterator<Item = &History> {
        let first = self.topics.get(self.newest as usize);
        std::iter::successors(first, |history| self.topics.get(history.older as usize))
    }

    fn link_newest(&mut self, at: u32) {
        let older = self.newest;
        let history = &mut self.topics[at as usize];
        (history.older, history.newer) = (older, NONE);
        match self.topics.get_mut(older as usize) {
            Some(history) => history.newer = at,
            None => self.oldest = at,
        }
        self.newest = at;
    }

    fn unlink(&mut self, at: u32) {
        let History { newer, older, .. } = self.topics[at as usize];
        match self.topics.get_mut(newer as usize) {
            Some(history) => history.older = older,
            None => self.newest = older,
        }
        match self.topics.get_mut(older as usize) {
            Some(history) => history.newer = newer,
            None => self.oldest = newer,
        }
    }
}

/// The message of a log entry, unless it was evicted since. A place of the table that was given to another topic
/// holds newer messages only, so the number tells.
fn kept<'a>(topics: &'a Slab<History>, entry: &Entry) -> Option<&'a Arc<Message>> {
    let history = topics.get(entry.topic as usize)?;
    let message = history.ring.get(entry.nth.wrapping_sub(history.first) as usize)?;
    (message.cursor.seq == entry.seq).then_some(message)
}

impl Loss {
    /// Whether a reader at this position has lost something it does not know of.
    fn hits(&self, position: &Position) -> bool {
        self.seq > position.seq && self.evictions > position.evictions
    }
}

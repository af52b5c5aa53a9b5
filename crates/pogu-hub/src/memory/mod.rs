//! The memory engine: one order, a ring of messages per topic, and honest marks of what is gone.

mod keys;
mod log;
mod losses;
mod read;
mod sieve;
mod table;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::cursor::Cursor;
use crate::engine::{Published, Stats};
use crate::interest::Route;
use crate::limits::{Limits, Policy, Rule};
use crate::message::{Draft, KEY_BYTES_MAX, Message, PublishError};
use crate::topic::Topic;

use keys::Keys;
use log::{Entry, Log};
use losses::Losses;
use table::{History, Loss, TOPICS_MAX, Table};

/// Topics that one tick looks at.
const TICK_TOPICS: usize = 1024;
/// Messages that one tick evicts.
const TICK_MESSAGES: usize = 4096;

/// The memory engine.
///
/// Costs: publishing is O(1), and so is evicting, both amortised. Reading a topic is O(log n) to find the place and O(1) a
/// message. Reading a pattern goes through the log of all kept messages from its place on; what it has lost is found among the
/// newest losses, among the topics published to since its place, or in a walk through all. All of that is small for a reader that is near
/// the head, whatever the number of topics, and is done in slices for one that is not.
pub(crate) struct Memory {
    epoch: u64,
    head: u64,
    /// The last one is the default and holds for every topic.
    rules: Vec<Rule>,
    topics_max: usize,
    bytes_max: usize,
    topics: Table,
    log: Log,
    messages: usize,
    bytes: usize,
    evictions: u64,
    losses: Losses,
    /// What was lost with topics that are no longer in the table.
    forgotten: Loss,
    keys: Keys,
    sweep: usize,
}

impl Memory {
    pub(crate) fn new(epoch: u64, mut rules: Vec<Rule>, limits: &Limits) -> Memory {
        rules.push(Rule::default());
        Memory {
            epoch,
            head: 0,
            rules,
            topics_max: limits.topics.clamp(1, TOPICS_MAX),
            bytes_max: limits.history_bytes,
            topics: Table::new(),
            log: Log::default(),
            messages: 0,
            bytes: 0,
            evictions: 0,
            losses: Losses::default(),
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
    pub(crate) fn publish(&mut self, now: u64, draft: Draft) -> Result<Published<'_>, PublishError> {
        if let Some(cursor) = self.repeats(now, &draft)? {
            return Ok(Published::Repeat(cursor));
        }
        let at = self.enter(&draft.topic);
        let policy = self.rules[self.topics[at].rule].policy;
        let message = self.stamp(now, draft, policy);
        self.store(at, &message);
        Ok(Published::New(message, &mut self.topics[at].route))
    }

    #[inline]
    pub(crate) fn repeats(&mut self, now: u64, draft: &Draft) -> Result<Option<Cursor>, PublishError> {
        let Some(key) = &draft.key else {
            return Ok(None);
        };
        if key.len() > KEY_BYTES_MAX {
            return Err(PublishError::KeyTooLong(key.len()));
        }
        let seq = self.keys.find(now, draft.to, &draft.topic, key);
        let epoch = self.epoch;
        Ok(seq.map(|seq| Cursor { epoch, seq }))
    }

    #[inline(always)]
    pub(crate) fn stamp(&mut self, now: u64, draft: Draft, policy: Policy) -> Arc<Message> {
        self.head += 1;
        if let Some(key) = &draft.key {
            self.keys.remember(now, draft.to, &draft.topic, key, self.head);
        }
        Arc::new(draft.stamp(self.head(), now, policy))
    }

    pub(crate) fn route(&mut self, topic: &Topic) -> Option<&mut Route> {
        let at = self.topics.find(topic)?;
        Some(&mut self.topics[at].route)
    }

    pub(crate) fn tick(&mut self, now: u64) {
        self.keys.expire(now);
        let mut messages = TICK_MESSAGES;
        for _ in 0..TICK_TOPICS.min(self.topics.places()) {
            if self.topics.contains(self.sweep) {
                messages -= self.expire(now, self.sweep, messages);
                if messages == 0 {
                    return;
                }
            }
            self.sweep = if self.sweep + 1 < self.topics.places() {
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
            ..Stats::default()
        }
    }

    /// The place of a topic that is published to, made if it is not there.
    fn enter(&mut self, topic: &Topic) -> usize {
        if let Some(at) = self.topics.touch(topic) {
            return at;
        }
        if self.topics.len() >= self.topics_max {
            self.forget_oldest_topic();
        }
        let rule = self.rules.iter().position(|rule| rule.pattern.matches(topic));
        let rule = rule.unwrap_or(self.rules.len() - 1);
        // It may have been here before, and lost as much as any that was.
        self.topics
            .insert(History::new(topic.clone(), rule, self.forgotten))
    }

    fn store(&mut self, at: usize, message: &Arc<Message>) {
        let seq = message.cursor.seq;
        let history = &mut self.topics[at];
        history.published = seq;
        let kept_max = self.rules[history.rule].history;
        if kept_max == 0 || message.size() > self.bytes_max {
            // Then the older ones go too, so that what is gone is always the oldest part.
            while !self.topics[at].ring.is_empty() {
                self.evict(at);
            }
            self.lose(at, seq);
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
            let Some(entry) = log.oldest(|entry| topics.kept(entry).is_some()) else {
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
        let seq = message.cursor.seq;
        self.lose(at, seq);
        self.messages -= 1;
        self.bytes -= message.size();
        let topics = &self.topics;
        self.log.forget(seq, |entry| topics.kept(entry).is_some());
    }

    /// Notes that a topic no longer has a message, nor any before it.
    fn lose(&mut self, at: usize, seq: u64) {
        self.evictions += 1;
        let history = &mut self.topics[at];
        history.loss = Loss {
            seq,
            evictions: self.evictions,
        };
        self.losses.push(at, history.shape, seq);
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

    /// Takes the topic published to longest ago out of the table. What it had is lost from then on to every reader from before
    /// its last message.
    fn forget_oldest_topic(&mut self) {
        let at = self.topics.oldest();
        while !self.topics[at].ring.is_empty() {
            self.evict(at);
        }
        let seq = self.forgotten.seq.max(self.topics[at].published);
        self.lose(at, seq);
        self.forgotten = Loss {
            seq,
            evictions: self.evictions,
        };
        self.topics.remove(at);
    }
}

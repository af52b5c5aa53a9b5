//! Idempotency keys: what was published already.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::message::To;
use crate::topic::Topic;

/// The keys of the last messages that had one, each with its sequence number. They leave in the order they came.
pub(crate) struct Keys {
    seqs: HashMap<Arc<str>, u64, RandomState>,
    order: VecDeque<(u64, Arc<str>)>,
    count_max: usize,
    age_ms: u64,
    scratch: String,
}

impl Keys {
    pub(crate) fn new(count_max: usize, age_ms: u64) -> Keys {
        Keys {
            seqs: HashMap::default(),
            order: VecDeque::new(),
            count_max,
            age_ms,
            scratch: String::new(),
        }
    }

    /// The number of the message that was published to `topic` (or the queue of this name) with `key`, while it is remembered.
    pub(crate) fn find(&mut self, now: u64, to: To, topic: &Topic, key: &str) -> Option<u64> {
        self.expire(now);
        self.join(to, topic, key);
        self.seqs.get(self.scratch.as_str()).copied()
    }

    /// Remembers a key that was not found.
    pub(crate) fn remember(&mut self, now: u64, to: To, topic: &Topic, key: &str, seq: u64) {
        if self.count_max == 0 {
            return;
        }
        if self.order.len() >= self.count_max {
            self.forget_oldest();
        }
        self.join(to, topic, key);
        let joined: Arc<str> = Arc::from(self.scratch.as_str());
        self.seqs.insert(Arc::clone(&joined), seq);
        self.order.push_back((now, joined));
    }

    /// Forgets what is too old. Each key is forgotten once, so this is O(1) a key.
    pub(crate) fn expire(&mut self, now: u64) {
        while self
            .order
            .front()
            .is_some_and(|(time, _)| now.saturating_sub(*time) > self.age_ms)
        {
            self.forget_oldest();
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    fn forget_oldest(&mut self) {
        if let Some((_, joined)) = self.order.pop_front() {
            self.seqs.remove(&joined);
        }
    }

    /// Topic and key as one text; no topic has a NUL in it, so one before the name tells a queue.
    fn join(&mut self, to: To, topic: &str, key: &str) {
        self.scratch.clear();
        if to == To::Queue {
            self.scratch.push('\0');
        }
        self.scratch.push_str(topic);
        self.scratch.push('\0');
        self.scratch.push_str(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(text: &str) -> Topic {
        text.parse().expect(text)
    }

    fn publish(keys: &mut Keys, now: u64, topic: &Topic, key: &str, seq: u64) -> Option<u64> {
        let found = keys.find(now, To::Topic, topic, key);
        if found.is_none() {
            keys.remember(now, To::Topic, topic, key, seq);
        }
        found
    }

    #[test]
    fn a_key_belongs_to_its_topic() {
        let mut keys = Keys::new(10, 100);
        assert_eq!(publish(&mut keys, 0, &topic("a"), "k", 1), None);
        assert_eq!(publish(&mut keys, 0, &topic("b"), "k", 2), None);
        assert_eq!(publish(&mut keys, 0, &topic("a"), "k", 3), Some(1));
        assert_eq!(publish(&mut keys, 0, &topic("b"), "k", 3), Some(2));
        assert_eq!(publish(&mut keys, 0, &topic("a"), "", 3), None);
        assert_eq!(keys.find(0, To::Queue, &topic("a"), "k"), None);
        keys.remember(0, To::Queue, &topic("a"), "k", 4);
        assert_eq!(keys.find(0, To::Queue, &topic("a"), "k"), Some(4));
        assert_eq!(keys.find(0, To::Topic, &topic("a"), "k"), Some(1));
    }

    #[test]
    fn age_and_count_at_their_edges() {
        let mut keys = Keys::new(2, 100);
        let topic = topic("a");
        publish(&mut keys, 0, &topic, "k", 1);
        assert_eq!(keys.find(100, To::Topic, &topic, "k"), Some(1));
        assert_eq!(keys.find(101, To::Topic, &topic, "k"), None);
        assert_eq!(keys.len(), 0);

        for (seq, key) in ["x", "y", "z"].into_iter().enumerate() {
            assert_eq!(publish(&mut keys, 200, &topic, key, seq as u64), None);
        }
        assert_eq!(keys.len(), 2);
        assert_eq!(keys.find(200, To::Topic, &topic, "x"), None);
        assert_eq!(keys.find(200, To::Topic, &topic, "y"), Some(1));
        assert_eq!(keys.find(200, To::Topic, &topic, "z"), Some(2));
        assert_eq!(keys.seqs.len(), keys.order.len());
    }

    #[test]
    fn a_clock_that_steps_back_keeps_the_table_bounded() {
        let mut keys = Keys::new(3, 100);
        let topic = topic("a");
        for (seq, now) in [1000, 10, 2000, 5, 0].into_iter().enumerate() {
            publish(&mut keys, now, &topic, &seq.to_string(), seq as u64);
            assert!(keys.len() <= 3);
            assert_eq!(keys.seqs.len(), keys.order.len());
        }
    }

    #[test]
    fn none_remembered_when_switched_off() {
        let mut keys = Keys::new(0, 100);
        assert_eq!(publish(&mut keys, 0, &topic("a"), "k", 1), None);
        assert_eq!(publish(&mut keys, 0, &topic("a"), "k", 2), None);
        assert_eq!(keys.len(), 0);
    }
}

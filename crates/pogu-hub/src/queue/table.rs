//! All queues and their consumers: by name, and within their limits.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use slab::Slab;

use super::consumer::{Consumer, Outstanding};
use super::one::{Kind, Queue};
use super::{Bind, Consume, ConsumerId, QueueError, dead_letter_queue};
use crate::engine::Stats;
use crate::limits::{Limits, QueueRule};
use crate::message::Message;
use crate::selector::Selector;
use crate::topic::Topic;

/// Queues that one tick looks at.
const TICK_QUEUES: usize = 1024;
/// Messages that one tick lets expire.
const TICK_MESSAGES: usize = 4096;

/// What the hub knows of queues. Each call of the hub does its own to them, and ends with [`Queues::deliver`].
pub(crate) struct Queues {
    pub(super) names: HashMap<Topic, usize, RandomState>,
    pub(super) queues: Slab<Queue>,
    pub(super) consumers: HashMap<ConsumerId, Consumer, RandomState>,
    /// The last one is the default and holds for every queue.
    pub(super) rules: Vec<QueueRule>,
    pub(super) queues_max: usize,
    consumers_max: usize,
    pub(super) bytes_max: usize,
    messages: usize,
    pub(super) bytes: usize,
    /// Of `bytes_max`, what the commit that is being done has yet to put into ordinary queues.
    pub(super) reserved: usize,
    serial: u64,
    /// The queues to which something was done in this call.
    pub(super) touched: Vec<usize>,
    /// What is being settled; empty between calls.
    pub(super) settled: Vec<Outstanding>,
    sweep: usize,
    pub(super) dead_lettered: u64,
    expired: u64,
    pub(super) dropped: u64,
}

/// What was removed, to be dropped once the lock is released: it may be much.
#[derive(Default)]
pub(crate) struct Removed {
    queues: Vec<Queue>,
    consumers: Vec<Consumer>,
    /// The slot of a queue that was bound, and to what.
    pub(crate) bound: Option<(u32, Selector)>,
}

impl Queues {
    pub(crate) fn new(mut rules: Vec<QueueRule>, limits: &Limits) -> Queues {
        rules.push(QueueRule::default());
        Queues {
            names: HashMap::default(),
            queues: Slab::new(),
            consumers: HashMap::default(),
            rules,
            queues_max: limits.queues.min(u32::MAX as usize),
            consumers_max: limits.consumers,
            bytes_max: limits.queue_bytes,
            messages: 0,
            bytes: 0,
            reserved: 0,
            serial: 0,
            touched: Vec::new(),
            settled: Vec::new(),
            sweep: 0,
            dead_lettered: 0,
            expired: 0,
            dropped: 0,
        }
    }

    /// The statistics of the engine, with those of the queues.
    pub(crate) fn stats(&self, engine: Stats) -> Stats {
        Stats {
            queues: self.queues.len(),
            consumers: self.consumers.len(),
            queue_messages: self.messages,
            queue_bytes: self.bytes,
            dead_lettered: self.dead_lettered,
            expired: self.expired,
            dropped: self.dropped,
            ..engine
        }
    }

    pub(crate) fn consume(&mut self, consume: Consume) -> Result<ConsumerId, QueueError> {
        if self.consumers.len() >= self.consumers_max {
            return Err(QueueError::TooManyConsumers(self.consumers_max));
        }
        let at = self
            .enter(&consume.queue)
            .ok_or(QueueError::TooManyQueues(self.queues_max))?;
        let id = ConsumerId(self.next_serial());
        let queue = &mut self.queues[at];
        let mut consumer = Consumer::new(consume, at, &queue.shelf);
        consumer.turn = Some(queue.turns.enter(id));
        queue.consumers.insert(id);
        self.consumers.insert(id, consumer);
        self.touch(at);
        Ok(id)
    }

    /// Makes a bound queue, and gives its slot.
    pub(crate) fn bind(&mut self, bind: Bind) -> Result<u32, QueueError> {
        if self.queues.len() >= self.queues_max {
            return Err(QueueError::TooManyQueues(self.queues_max));
        }
        let Bind {
            queue,
            selector,
            filter,
        } = bind;
        Ok(self.make(queue, Some(Kind::Bound { selector, filter })) as u32)
    }

    /// Whether there is a queue of this name; if so, whether it is bound to just this.
    pub(crate) fn binding(&self, bind: &Bind) -> Option<Result<bool, QueueError>> {
        let queue = &self.queues[*self.names.get(&bind.queue)?];
        Some(match &queue.kind {
            Kind::Bound { selector, filter } => Ok(*selector == bind.selector && *filter == bind.filter),
            Kind::Ordinary | Kind::DeadLetters => Err(QueueError::NotBound),
        })
    }

    /// Removes a queue with its messages, consumers and dead-letter queue.
    pub(crate) fn remove(&mut self, name: &Topic) -> Option<Removed> {
        let mut removed = Removed::default();
        let at = *self.names.get(name)?;
        let queue = self.take_out(at, &mut removed);
        if let Kind::Bound { selector, .. } = &queue.kind {
            removed.bound = Some((at as u32, selector.clone()));
        }
        removed.queues.push(queue);
        if let Some(dead) = dead_letter_queue(name)
            && let Some(&at) = self.names.get(&dead)
        {
            let queue = self.take_out(at, &mut removed);
            removed.queues.push(queue);
        }
        Some(removed)
    }

    /// Lets messages expire, and queues go that had nothing else, a slice at a time.
    pub(crate) fn tick(&mut self, now: u64) {
        let mut work = TICK_MESSAGES;
        for _ in 0..TICK_QUEUES.min(self.queues.capacity()) {
            if self.queues.contains(self.sweep) {
                self.expire(now, self.sweep, &mut work);
                self.remove_idle(self.sweep);
                if work == 0 {
                    return;
                }
            }
            self.sweep = if self.sweep + 1 < self.queues.capacity() {
                self.sweep + 1
            } else {
                0
            };
        }
    }

    /// The slot of a queue, which is made if it is not there and there is room.
    pub(super) fn enter(&mut self, name: &Topic) -> Option<usize> {
        if let Some(&at) = self.names.get(name) {
            return Some(at);
        }
        (self.queues.len() < self.queues_max).then(|| self.make(name.clone(), None))
    }

    pub(super) fn rule(&self, name: &Topic) -> usize {
        let rule = self.rules.iter().position(|rule| rule.pattern.matches(name));
        rule.unwrap_or(self.rules.len() - 1)
    }

    /// Something was done to a queue: see to it at the end of the call.
    pub(super) fn touch(&mut self, at: usize) {
        if let Some(queue) = self.queues.get_mut(at)
            && !std::mem::replace(&mut queue.touched, true)
        {
            self.touched.push(at);
        }
    }

    /// Puts a message at the end of a queue that has room for it.
    pub(super) fn put(&mut self, at: usize, message: Arc<Message>) {
        self.messages += 1;
        self.bytes += message.size();
        self.queues[at].push(message);
        self.touch(at);
    }

    /// Takes a ready message out of a queue for good.
    pub(super) fn discard(&mut self, at: usize, place: u64) {
        if let Some(ready) = self.queues[at].shelf.take(place) {
            self.forget(at, &ready.message);
        }
    }

    /// A message of a queue has left its shelf for good.
    pub(super) fn forget(&mut self, at: usize, message: &Message) {
        self.messages -= 1;
        self.bytes -= message.size();
        self.queues[at].forget(message);
    }

    /// Drops one message of a queue that has expired, if there is one.
    pub(super) fn expire_one(&mut self, now: u64, at: usize) -> bool {
        let Some(place) = self.queues[at].shelf.expired(now) else {
            return false;
        };
        self.discard(at, place);
        self.expired += 1;
        true
    }

    /// Drops what has expired; each is a piece of work.
    pub(super) fn expire(&mut self, now: u64, at: usize, work: &mut usize) {
        while *work > 0 && self.expire_one(now, at) {
            *work -= 1;
        }
    }

    /// Lets a queue go that nothing keeps.
    pub(super) fn remove_idle(&mut self, at: usize) {
        if self.queues.get(at).is_some_and(Queue::is_idle) {
            let queue = self.queues.remove(at);
            self.names.remove(&queue.name);
        }
    }

    fn make(&mut self, name: Topic, kind: Option<Kind>) -> usize {
        let rule = self.rule(&name);
        let serial = self.next_serial();
        let at = self.queues.insert(Queue::new(name.clone(), serial, rule, kind));
        self.names.insert(name, at);
        at
    }

    fn take_out(&mut self, at: usize, removed: &mut Removed) -> Queue {
        let queue = self.queues.remove(at);
        self.names.remove(&queue.name);
        self.messages -= queue.count;
        self.bytes -= queue.bytes;
        removed
            .consumers
            .extend(queue.consumers.iter().filter_map(|id| self.consumers.remove(id)));
        queue
    }

    fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }
}

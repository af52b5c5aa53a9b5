//! Room: whether queues can take messages, and what gives way.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::is_dead_letter_queue;
use super::one::Kind;
use super::table::Queues;
use crate::message::{Message, PublishError};
use crate::topic::Topic;

/// What a commit will put into queues, added up before any of it is done.
#[derive(Default)]
pub(crate) struct Plan {
    queues: HashMap<Topic, Demand, RandomState>,
    all: Demand,
    /// Queues among them that are not there yet.
    new: usize,
}

#[derive(Clone, Copy, Default)]
struct Demand {
    messages: usize,
    bytes: usize,
}

impl Queues {
    /// Whether this is a queue that messages do not make, and it is not there.
    pub(crate) fn lacks(&self, name: &Topic) -> bool {
        name.is_reserved() && !self.names.contains_key(name)
    }

    /// Whether a queue has room for a message of this size. What has expired there gives way first.
    pub(crate) fn admit(&mut self, now: u64, name: &Topic, size: usize) -> Result<(), PublishError> {
        let demand = Demand {
            messages: 1,
            bytes: size,
        };
        self.check(now, name, demand, demand, 1)
    }

    /// Adds a message to the plan, if with it there is room for all.
    pub(crate) fn plan(
        &mut self,
        now: u64,
        plan: &mut Plan,
        name: &Topic,
        size: usize,
    ) -> Result<(), PublishError> {
        if self.lacks(name) {
            return Ok(());
        }
        let own = plan.queues.entry(name.clone()).or_default();
        let is_new = own.messages == 0 && !self.names.contains_key(name);
        plan.new += usize::from(is_new);
        own.add(size);
        plan.all.add(size);
        self.check(now, name, *own, plan.all, plan.new)
    }

    /// Keeps the room that was planned from anything else.
    pub(crate) fn reserve(&mut self, plan: &Plan) {
        self.reserved = plan.all.bytes;
    }

    pub(crate) fn end_reservation(&mut self) {
        self.reserved = 0;
    }

    /// Puts a message that has room into a queue, which is made if it is not there.
    pub(crate) fn push(&mut self, now: u64, message: Arc<Message>) {
        self.reserved = self.reserved.saturating_sub(message.size());
        if let Some(at) = self.enter(&message.topic) {
            self.push_at(now, at, message);
        }
    }

    /// Puts a message into a bound queue, if it is one that the queue asks for.
    pub(crate) fn push_bound(&mut self, now: u64, at: u32, message: &Arc<Message>) {
        let at = at as usize;
        let wanted = self.queues.get(at).is_some_and(|queue| match &queue.kind {
            Kind::Bound { filter, .. } => filter.as_ref().is_none_or(|filter| filter.admits(message)),
            Kind::Ordinary | Kind::DeadLetters => false,
        });
        if wanted {
            self.push_at(now, at, Arc::clone(message));
        }
    }

    pub(super) fn push_at(&mut self, now: u64, at: usize, message: Arc<Message>) {
        if !self.queues[at].drops_oldest() || self.make_room(now, at, message.size()) {
            return self.put(at, message);
        }
        self.queues[at].missed += 1;
        self.dropped += 1;
        self.touch(at);
    }

    /// `own` is to go into this queue, as part of `all`, which needs `new` queues if this one is not there.
    fn check(
        &mut self,
        now: u64,
        name: &Topic,
        own: Demand,
        all: Demand,
        new: usize,
    ) -> Result<(), PublishError> {
        let at = self.names.get(name).copied();
        let rule = match at {
            Some(at) if self.queues[at].drops_oldest() => return Ok(()),
            Some(at) => self.queues[at].rule,
            None if self.queues.len() + new > self.queues_max => {
                return Err(PublishError::TooManyQueues(self.queues_max));
            }
            None if is_dead_letter_queue(name) => return Ok(()),
            None => self.rule(name),
        };
        loop {
            let held = at.map_or(Demand::default(), |at| Demand {
                messages: self.queues[at].count,
                bytes: self.queues[at].bytes,
            });
            let rule = &self.rules[rule];
            let full = if held.messages.saturating_add(own.messages) > rule.messages {
                PublishError::QueueMessages(rule.messages)
            } else if held.bytes.saturating_add(own.bytes) > rule.bytes {
                PublishError::QueueBytes(rule.bytes)
            } else if self.bytes.saturating_add(all.bytes) > self.bytes_max {
                PublishError::AllQueues(self.bytes_max)
            } else {
                return Ok(());
            };
            if !at.is_some_and(|at| self.expire_one(now, at)) {
                return Err(full);
            }
        }
    }

    /// Drops what has expired in a queue, and then the oldest that are ready, until a message of this size has room; false if it
    /// will have none.
    fn make_room(&mut self, now: u64, at: usize, size: usize) -> bool {
        loop {
            let queue = &self.queues[at];
            let rule = &self.rules[queue.rule];
            let all = self.bytes.saturating_add(self.reserved).saturating_add(size);
            if queue.fits(rule, size) && all <= self.bytes_max {
                return true;
            }
            if size > rule.bytes || all - queue.bytes > self.bytes_max {
                return false;
            }
            if self.expire_one(now, at) {
                continue;
            }
            let queue = &mut self.queues[at];
            let Some(place) = queue.shelf.first() else {
                return false;
            };
            queue.missed += 1;
            self.dropped += 1;
            self.discard(at, place);
        }
    }
}

impl Demand {
    fn add(&mut self, size: usize) {
        self.messages += 1;
        self.bytes = self.bytes.saturating_add(size);
    }
}

//! The hub: one lock around the engine, the lanes' interest and the queues, and an inbox per lane.

mod publish;
mod queues;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::cursor::{After, Cursor};
use crate::engine::{Budget, Engine, Reader, Slice, Stats};
use crate::inbox::{Event, Inboxes, Outbox};
use crate::interest::{Interest, Route};
use crate::limits::{Limits, QueueRule, Rule};
use crate::message::Message;
use crate::queue::Queues;
use crate::selector::Selector;

/// Work of reading history under one lock: entries of the log that a pattern's sieve stops count one each, messages and topics that must be
/// looked at more.
pub const SLICE_WORK: usize = 32_768;

/// Shared by all lanes. Every call does a bounded slice of work under its lock.
pub struct Hub {
    core: Mutex<Core>,
    inboxes: Inboxes,
    limits: Limits,
    wake: Box<dyn Fn(usize) + Send + Sync>,
}

/// What the lock guards.
pub(crate) struct Core {
    pub(crate) engine: Engine,
    interest: Interest,
    queues: Queues,
    /// Events of the call that has the lock.
    outbox: Outbox,
}

/// History that is being read for a page, slice by slice.
pub struct Reading {
    selector: Selector,
    reader: Reader,
    budget: Budget,
    /// In order, oldest first.
    pub messages: Vec<Arc<Message>>,
    /// Where to read on.
    pub next: Cursor,
    /// Whether a selected message newer than the cursor is gone (or the cursor is of another epoch).
    pub gap: bool,
}

impl Hub {
    /// A hub with a memory engine.
    ///
    /// `epoch` tells this life of the engine from earlier ones: never the same twice. `wake(lane)` is called, with no lock
    /// held and from any thread, when the inbox of a lane was empty and no longer is, and for every lane when
    /// congestion ends.
    pub fn new(
        epoch: u64,
        lanes: usize,
        rules: Vec<Rule>,
        queue_rules: Vec<QueueRule>,
        limits: Limits,
        wake: Box<dyn Fn(usize) + Send + Sync>,
    ) -> Hub {
        let core = Core {
            engine: Engine::memory(epoch, rules, &limits),
            interest: Interest::new(),
            queues: Queues::new(queue_rules, &limits),
            outbox: Outbox::new(lanes),
        };
        Hub {
            core: Mutex::new(core),
            inboxes: Inboxes::new(lanes, &limits),
            limits,
            wake,
        }
    }

    /// Whether some lane's inbox is above its high-water mark: then a lane stops reading from publishers. The overshoot is what
    /// each lane publishes in the turn in which the mark was passed. When it ends, every lane is woken.
    pub fn congested(&self) -> bool {
        self.inboxes.congested()
    }

    /// Begins to read history after `after`, oldest first: a page of at most `limit` messages (at least one) and
    /// [`Limits::page_bytes`].
    ///
    /// A cursor beyond the head counts as the head; one of another epoch as the earliest, with a gap. `Now` and `Last` have
    /// no gap.
    pub fn reading(&self, now: u64, selector: Selector, after: After, limit: usize) -> Reading {
        let mut core = self.lock();
        Reading {
            reader: core.engine.begin(now, &selector, after),
            selector,
            budget: self.budget(limit),
            messages: Vec::new(),
            next: core.engine.head(),
            gap: false,
        }
    }

    /// Reads a slice; true: the page is full, or there is no more.
    pub fn read(&self, now: u64, reading: &mut Reading) -> bool {
        let mut core = self.lock();
        let Reading {
            selector,
            reader,
            budget,
            messages,
            next,
            gap,
        } = reading;
        budget.work = SLICE_WORK;
        let slice = core.engine.read(now, selector, reader, 0, budget, messages);
        next.seq = reader.seq;
        *gap |= reader.gap;
        slice != Slice::More
    }

    /// The place of the last message.
    pub fn head(&self) -> Cursor {
        self.lock().engine.head()
    }

    /// Moves all that waits in a lane's inbox to the end of `into`. Keep one vec for it: the two take turns.
    pub fn drain(&self, lane: usize, into: &mut Vec<Event>) {
        if self.inboxes.drain(lane, into) {
            (0..self.inboxes.len()).for_each(&self.wake);
        }
    }

    /// Evicts what is too old, and has queues drop what has expired, a slice at a time: call it about once a second, from one
    /// lane. A topic's age limit is also kept when it is read by name; a pattern may still find what the sweep has not reached.
    pub fn tick(&self, now: u64) {
        let mut core = self.lock();
        core.engine.tick(now);
        core.queues.tick(now);
    }

    /// What the engine and the queues hold, for metrics.
    pub fn stats(&self) -> Stats {
        let core = self.lock();
        core.queues.stats(core.engine.stats())
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn budget(&self, limit: usize) -> Budget {
        Budget {
            messages: limit.max(1),
            bytes: self.limits.page_bytes,
            work: SLICE_WORK,
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends a call: delivers from the queues that it touched, hands its events over in one go, unlocks and wakes.
    fn finish(&self, mut core: MutexGuard<'_, Core>, now: u64) {
        let Core { queues, outbox, .. } = &mut *core;
        queues.deliver(now, outbox);
        let woken = self.inboxes.send(outbox);
        drop(core);
        woken.iter().for_each(&self.wake);
    }
}

impl Core {
    /// A lane got its first live subscriber of a selector.
    pub(crate) fn interest_add(&mut self, lane: usize, selector: &Selector) {
        let route = route(&mut self.engine, selector);
        self.interest.add(lane, selector, route);
    }

    /// A lane lost its last live subscriber of a selector.
    pub(crate) fn interest_remove(&mut self, lane: usize, selector: &Selector) {
        let route = route(&mut self.engine, selector);
        self.interest.remove(lane, selector, route);
    }
}

fn route<'a>(engine: &'a mut Engine, selector: &Selector) -> Option<&'a mut Route> {
    match selector {
        Selector::Topic(topic) => engine.route(topic),
        Selector::Pattern(_) => None,
    }
}

//! The hub: one lock around the engine, the lanes' interest and the queues, and an inbox per lane.

mod publish;
mod queues;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::cursor::{After, Cursor};
use crate::engine::{Budget, Engine, Position, Search, Slice, Stats};
use crate::inbox::{Event, Inboxes, Outbox};
use crate::interest::{Interest, Route};
use crate::limits::{Limits, QueueRule, Rule};
use crate::message::Message;
use crate::queue::Queues;
use crate::selector::Selector;

/// Slices of the log that one [`Hub::read`] goes through at most, letting others in between.
const READ_SLICES: usize = 16;

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

/// A page of history.
#[derive(Debug, Clone)]
pub struct Page {
    /// In order, oldest first.
    pub messages: Vec<Arc<Message>>,
    /// Where to read on.
    pub next: Cursor,
    /// Whether a selected message newer than the cursor is gone (or the cursor is of another epoch).
    pub gap: bool,
    /// Whether the head of the order was reached. A page can be empty without being complete, where a pattern has few
    /// matches among many messages: read on from `next`.
    pub complete: bool,
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

    /// History after `after`, oldest first: at most `limit` messages (at least one) and [`Limits::page_bytes`].
    ///
    /// A cursor beyond the head counts as the head; one of another epoch as the earliest, with a gap. `Now` and `Last` have
    /// no gap.
    pub fn read(&self, now: u64, selector: &Selector, after: After, limit: usize) -> Page {
        let mut messages = Vec::new();
        let mut budget = self.budget(limit);
        let (mut core, mut position, mut gap) = self.begin(now, selector, after);
        let mut slices = 1;
        loop {
            gap |= core.engine.lost(now, selector, &mut position);
            let slice = core
                .engine
                .read(selector, &mut position, 0, &mut budget, &mut messages);
            if slice != Slice::More || slices == READ_SLICES {
                let next = Cursor {
                    seq: position.seq,
                    ..core.engine.head()
                };
                return Page {
                    messages,
                    next,
                    gap,
                    complete: slice == Slice::Head,
                };
            }
            slices += 1;
            drop(core);
            core = self.lock();
        }
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

    /// Where a reader begins and whether it has lost something, with the lock still held. A search back for the last of a pattern
    /// lets others in between its slices.
    pub(crate) fn begin(
        &self,
        now: u64,
        selector: &Selector,
        after: After,
    ) -> (MutexGuard<'_, Core>, Position, bool) {
        let mut core = self.lock();
        let (mut position, gap) = core.engine.begin(now, selector, after);
        if let (After::Last(count), Selector::Pattern(pattern)) = (after, selector) {
            let beyond = position.seq + 1;
            let mut search = Search {
                seq: beyond,
                found: beyond,
                left: count,
            };
            position = loop {
                if let Some(position) = core.engine.search(pattern, &mut search) {
                    break position;
                }
                drop(core);
                core = self.lock();
            };
        }
        (core, position, gap)
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

//! The hub: one lock around the engine and the lanes' interest, and an inbox per lane.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::cursor::{After, Cursor};
use crate::engine::{Budget, Engine, Position, Published, Search, Slice, Stats};
use crate::inbox::{Batch, Event, Inboxes};
use crate::interest::{Interest, LaneSet};
use crate::limits::{Limits, Rule};
use crate::message::{Draft, Message};
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
    /// Events of the batch being published, by lane.
    batches: Vec<Batch>,
    /// The lanes that have some.
    touched: LaneSet,
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
        limits: Limits,
        wake: Box<dyn Fn(usize) + Send + Sync>,
    ) -> Hub {
        let core = Core {
            engine: Engine::memory(epoch, rules, &limits),
            interest: Interest::new(),
            batches: (0..lanes).map(|_| Batch::default()).collect(),
            touched: LaneSet::default(),
        };
        Hub {
            core: Mutex::new(core),
            inboxes: Inboxes::new(lanes, &limits),
            limits,
            wake,
        }
    }

    /// Publishes a batch, in its order, and drains it. All of it gets its place and goes to the inboxes of the lanes with a match
    /// in one critical section, so every lane sees the same order. Receipts go the same way.
    pub fn publish(&self, now: u64, drafts: &mut Vec<Draft>) {
        if drafts.is_empty() {
            return;
        }
        let mut woken = LaneSet::default();
        let mut core = self.lock();
        let Core {
            engine,
            interest,
            batches,
            touched,
        } = &mut *core;
        for draft in drafts.drain(..) {
            let receipt = draft.receipt;
            let result = match engine.publish(now, draft) {
                Ok(Published::New(message, route)) => {
                    for lane in interest.lanes(&message.topic, route).iter() {
                        if let Some(batch) = batches.get_mut(lane) {
                            batch.message(&message);
                            touched.insert(lane);
                        }
                    }
                    Ok(message.cursor)
                }
                Ok(Published::Repeat(cursor)) => Ok(cursor),
                Err(error) => Err(error),
            };
            if let Some(receipt) = receipt
                && let Some(batch) = batches.get_mut(usize::from(receipt.lane))
            {
                batch.receipt(receipt.ticket, result);
                touched.insert(usize::from(receipt.lane));
            }
        }
        for lane in touched.iter() {
            if self.inboxes.append(lane, &mut batches[lane]) {
                woken.insert(lane);
            }
        }
        touched.clear();
        drop(core);
        woken.iter().for_each(&self.wake);
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

    /// Evicts what is too old, a slice at a time: call it about once a second, from one lane. A topic's age limit is also kept
    /// when it is read by name; a pattern may still find what the sweep has not reached.
    pub fn tick(&self, now: u64) {
        self.lock().engine.tick(now);
    }

    /// What the engine holds, for metrics.
    pub fn stats(&self) -> Stats {
        self.lock().engine.stats()
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

fn route<'a>(engine: &'a mut Engine, selector: &Selector) -> Option<&'a mut crate::interest::Route> {
    match selector {
        Selector::Topic(topic) => engine.route(topic),
        Selector::Pattern(_) => None,
    }
}

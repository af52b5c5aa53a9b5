//! Publishing: what goes down to the engine, and where it goes from there.

use super::{Core, Hub};
use crate::cursor::Cursor;
use crate::engine::Published;
use crate::message::{Draft, PublishError, To};
use crate::queue::{Plan, Settle};

impl Hub {
    /// Publishes a batch, in its order, and drains it. All of it gets its place and goes to the inboxes of the lanes with a match,
    /// and to queues, in one critical section, so every lane sees the same order. Receipts go the same way.
    pub fn publish(&self, now: u64, drafts: &mut Vec<Draft>) {
        if drafts.is_empty() {
            return;
        }
        let mut core = self.lock();
        for draft in drafts.drain(..) {
            core.publish(now, draft, false);
        }
        self.finish(core, now);
    }

    /// Does a transaction in one critical section: publishes the drafts and settles the deliveries, in their order, and drains both.
    /// All or nothing: if a draft cannot be published, none is and nothing is settled, and every receipt gets this error. Gives
    /// how many of the settlements had something to settle; what they free is not counted as room for the drafts.
    ///
    /// Its time under the lock follows the size of the transaction, which the caller bounds.
    pub fn commit(
        &self,
        now: u64,
        drafts: &mut Vec<Draft>,
        settles: &mut Vec<Settle>,
    ) -> Result<usize, PublishError> {
        let mut core = self.lock();
        let mut plan = Plan::default();
        let planned = drafts
            .iter()
            .try_for_each(|draft| core.plan(now, draft, &mut plan));
        let result = match planned {
            Ok(()) => {
                core.queues.reserve(&plan);
                for draft in drafts.drain(..) {
                    core.publish(now, draft, true);
                }
                core.queues.end_reservation();
                Ok(core.settle(now, settles))
            }
            Err(error) => {
                for receipt in drafts.drain(..).filter_map(|draft| draft.receipt) {
                    core.outbox.receipt(receipt.lane, receipt.ticket, Err(error));
                }
                settles.clear();
                Err(error)
            }
        };
        self.finish(core, now);
        result
    }
}

impl Core {
    /// Publishes a draft. For one that is `planned` there is room.
    #[inline]
    fn publish(&mut self, now: u64, draft: Draft, planned: bool) {
        let receipt = draft.receipt;
        let result = match draft.to {
            To::Topic => self.publish_to_topic(now, draft),
            To::Queue => self.publish_to_queue(now, draft, planned),
        };
        if let Some(receipt) = receipt {
            self.outbox.receipt(receipt.lane, receipt.ticket, result);
        }
    }

    #[inline]
    fn publish_to_topic(&mut self, now: u64, draft: Draft) -> Result<Cursor, PublishError> {
        match self.engine.publish(now, draft)? {
            Published::Repeat(cursor) => Ok(cursor),
            Published::New(message, route) => {
                let audience = self.interest.audience(&message.topic, route);
                for lane in audience.lanes.iter() {
                    self.outbox.message(lane, &message);
                }
                for &queue in &audience.queues {
                    self.queues.push_bound(now, queue, &message);
                }
                Ok(message.cursor)
            }
        }
    }

    fn publish_to_queue(&mut self, now: u64, draft: Draft, planned: bool) -> Result<Cursor, PublishError> {
        if let Some(cursor) = self.engine.repeats(now, &draft)? {
            return Ok(cursor);
        }
        if !planned {
            self.queues.admit(now, &draft.topic, draft.size())?;
        }
        let message = self.engine.stamp(now, draft);
        let cursor = message.cursor;
        self.queues.push(now, message);
        Ok(cursor)
    }

    /// Whether a draft can be published after those of the plan, to which it is added.
    fn plan(&mut self, now: u64, draft: &Draft, plan: &mut Plan) -> Result<(), PublishError> {
        let repeats = self.engine.repeats(now, draft)?;
        match draft.to {
            To::Queue if repeats.is_none() => self.queues.plan(now, plan, &draft.topic, draft.size()),
            To::Queue | To::Topic => Ok(()),
        }
    }

    /// Settles deliveries; gives how many had something to settle.
    pub(super) fn settle(&mut self, now: u64, settles: &mut Vec<Settle>) -> usize {
        let known = settles.drain(..).filter(|settle| self.queues.settle(now, settle));
        known.count()
    }
}

//! Publishing: what goes down to the engine, and where it goes from there.

use super::{Core, Hub};
use crate::cursor::Cursor;
use crate::engine::Published;
use crate::message::{Draft, PublishError, Receipt, To};
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
    /// All or nothing: if a draft cannot be published, none is and nothing is settled, and every receipt gets this error. One for a
    /// reserved queue that is gone does not count: it is dropped alone, and its receipt says so. Gives how many of the
    /// settlements had something to settle; what they free is not counted as room for the drafts.
    ///
    /// Its time under the lock follows the size of the transaction, which the caller bounds.
    pub fn commit(
        &self,
        now: u64,
        drafts: &mut Vec<Draft>,
        settles: &mut Vec<Settle>,
    ) -> Result<usize, PublishError> {
        let mut core = self.lock();
        let result = match core.plan(now, drafts) {
            Ok((plan, repeats)) => {
                core.queues.reserve(&plan);
                for (draft, repeats) in drafts.drain(..).zip(repeats) {
                    match repeats {
                        Some(cursor) => core.answer(draft.receipt, Ok(cursor)),
                        None => core.publish(now, draft, true),
                    }
                }
                core.queues.end_reservation();
                Ok(core.settle(now, settles))
            }
            Err(error) => {
                for draft in drafts.drain(..) {
                    core.answer(draft.receipt, Err(error));
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
    /// Publishes a draft. For one that is `planned` there is room. Inlined, with all that it calls for a topic: each call would
    /// copy the draft once more.
    #[inline(always)]
    fn publish(&mut self, now: u64, draft: Draft, planned: bool) {
        let receipt = draft.receipt;
        let result = match draft.to {
            To::Topic => self.publish_to_topic(now, draft),
            To::Queue => self.publish_to_queue(now, draft, planned),
        };
        self.answer(receipt, result);
    }

    fn answer(&mut self, receipt: Option<Receipt>, result: Result<Cursor, PublishError>) {
        if let Some(receipt) = receipt {
            self.outbox.receipt(receipt.lane, receipt.ticket, result);
        }
    }

    #[inline(always)]
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
        if self.queues.lacks(&draft.topic) {
            return Err(PublishError::NoQueue);
        }
        if !planned {
            self.queues.admit(now, &draft.topic, draft.size())?;
        }
        let message = self.engine.stamp(now, draft);
        let cursor = message.cursor;
        self.queues.push(now, message);
        Ok(cursor)
    }

    /// Whether all drafts can be published; if so, what they need, and which of them repeat an earlier one. Asking that once is
    /// what makes it sure: keys are forgotten while others are remembered.
    fn plan(&mut self, now: u64, drafts: &[Draft]) -> Result<(Plan, Vec<Option<Cursor>>), PublishError> {
        let mut plan = Plan::default();
        let mut all = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let repeats = self.engine.repeats(now, draft)?;
            if repeats.is_none() && draft.to == To::Queue {
                self.queues.plan(now, &mut plan, &draft.topic, draft.size())?;
            }
            all.push(repeats);
        }
        Ok((plan, all))
    }

    /// Settles deliveries; gives how many had something to settle.
    pub(super) fn settle(&mut self, now: u64, settles: &mut Vec<Settle>) -> usize {
        let known = settles.drain(..).filter(|settle| self.queues.settle(now, settle));
        known.count()
    }
}

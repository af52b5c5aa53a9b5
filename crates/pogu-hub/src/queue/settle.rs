//! Settling: what becomes of messages that were delivered.

use super::consumer::Outstanding;
use super::table::Queues;
use super::{ConsumerId, Outcome, Settle, dead_letter_queue};

impl Queues {
    /// Settles a delivery, or all up to it; false if there is nothing of it to settle.
    pub(crate) fn settle(&mut self, now: u64, settle: &Settle) -> bool {
        let Some(consumer) = self.consumers.get_mut(&settle.consumer) else {
            return false;
        };
        let at = consumer.queue;
        let mut settled = std::mem::take(&mut self.settled);
        consumer.settle(settle.delivery, settle.cumulative, &mut settled);
        let known = !settled.is_empty();
        if known {
            self.credit(settle.consumer);
            self.touch(at);
        }
        if settle.outcome == Outcome::Release {
            settled.sort_unstable_by_key(|outstanding| outstanding.place);
        }
        for outstanding in settled.drain(..) {
            match settle.outcome {
                Outcome::Accept => self.forget(at, &outstanding.message),
                Outcome::Release => self.give_back(now, at, outstanding),
                Outcome::Reject => self.bury(now, at, outstanding),
            }
        }
        self.settled = settled;
        known
    }

    /// Ends a consumer; what it has not settled goes back to its place. Deliveries after `reached` did not get to the peer.
    pub(crate) fn cancel(&mut self, now: u64, id: ConsumerId, reached: u64) -> bool {
        let Some(consumer) = self.consumers.remove(&id) else {
            return false;
        };
        let at = consumer.queue;
        let queue = &mut self.queues[at];
        queue.consumers.remove(&id);
        if let Some(turn) = consumer.turn {
            queue.turns.leave(turn);
        }
        self.touch(at);
        let mut outstanding = consumer.into_outstanding(reached);
        outstanding.sort_unstable_by_key(|outstanding| outstanding.place);
        for outstanding in outstanding {
            // Whoever gets it next is told in its stead.
            self.queues[at].missed += u64::from(outstanding.missed);
            self.give_back(now, at, outstanding);
        }
        true
    }

    /// Puts a message back, if it may be delivered again.
    fn give_back(&mut self, now: u64, at: usize, outstanding: Outstanding) {
        let queue = &mut self.queues[at];
        if outstanding.deliveries >= self.rules[queue.rule].delivery_limit.max(1) {
            return self.bury(now, at, outstanding);
        }
        queue.put_back(outstanding);
    }

    /// Moves a message to the dead-letter queue, or drops it where there can be none.
    fn bury(&mut self, now: u64, at: usize, outstanding: Outstanding) {
        let message = outstanding.message;
        self.forget(at, &message);
        let dead = dead_letter_queue(&self.queues[at].name);
        match dead.and_then(|dead| self.enter(&dead)) {
            Some(dead) => {
                self.dead_lettered += 1;
                self.push_at(now, dead, message);
            }
            None => self.dropped += 1,
        }
    }
}

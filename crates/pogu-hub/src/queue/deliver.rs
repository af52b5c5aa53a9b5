//! Delivering: what is ready goes to whoever's turn it is.

use super::consumer::{Found, Outstanding};
use super::table::Queues;
use super::{ConsumerId, QueueTicket};
use crate::inbox::Outbox;

/// How much the end of one call does under the lock: a delivery, a look at a message for a filter and a message that expired
/// count one each. What is left is gone on with in a [`scan`](Queues::scan).
const WORK: usize = 1024;
/// How much of it a consumer with a filter has for a look, before it is another's turn.
const LOOK: usize = 16;

impl Queues {
    /// Delivers what the consumers of the queues touched by this call have credit for, and lets queues go that nothing keeps.
    pub(crate) fn deliver(&mut self, now: u64, outbox: &mut Outbox) {
        if self.touched.is_empty() {
            return;
        }
        let mut work = WORK;
        let mut touched = std::mem::take(&mut self.touched);
        for at in touched.drain(..) {
            let Some(queue) = self.queues.get_mut(at) else {
                continue;
            };
            queue.touched = false;
            self.expire(now, at, &mut work);
            self.deliver_from(at, &mut work, outbox);
            self.remove_idle(at);
        }
        self.touched = touched;
    }

    /// Goes on with a queue that had more to do than one call may.
    pub(crate) fn scan(&mut self, ticket: QueueTicket) {
        let at = ticket.slot as usize;
        if let Some(queue) = self.queues.get_mut(at)
            && queue.serial == ticket.serial
        {
            queue.scanning = false;
            self.touch(at);
        }
    }

    fn deliver_from(&mut self, at: usize, work: &mut usize, outbox: &mut Outbox) {
        let queue = &mut self.queues[at];
        while let Some((turn, id)) = queue.turns.first()
            && !queue.shelf.is_empty()
        {
            let Some(consumer) = self.consumers.get_mut(&id) else {
                queue.turns.leave(turn);
                continue;
            };
            if *work == 0 {
                if !std::mem::replace(&mut queue.scanning, true) {
                    let ticket = QueueTicket {
                        slot: at as u32,
                        serial: queue.serial,
                    };
                    outbox.scan(consumer.lane, ticket);
                }
                return;
            }
            let mut look = LOOK.min(*work);
            *work -= look;
            let found = consumer.find(&queue.shelf, &mut look);
            *work += look;
            match found {
                Found::Unsure => consumer.turn = Some(queue.turns.rotate(turn, id)),
                Found::Nothing => queue.turns.set_aside(turn, id),
                Found::Place(place) => {
                    *work = work.saturating_sub(1);
                    let Some(ready) = queue.shelf.take(place) else {
                        continue;
                    };
                    let missed = queue.missed.min(u64::from(u32::MAX)) as u32;
                    queue.missed -= u64::from(missed);
                    let outstanding = Outstanding {
                        place,
                        message: ready.message,
                        deliveries: ready.deliveries + 1,
                        missed,
                    };
                    outbox.delivery(consumer.lane, consumer.deliver(id, outstanding));
                    consumer.turn = if consumer.has_credit() {
                        Some(queue.turns.rotate(turn, id))
                    } else {
                        queue.turns.leave(turn);
                        None
                    };
                }
            }
        }
    }

    /// After something of a consumer was settled: gives it a turn, if it has credit again.
    pub(super) fn credit(&mut self, id: ConsumerId) {
        let Some(consumer) = self.consumers.get_mut(&id) else {
            return;
        };
        if consumer.turn.is_none()
            && consumer.has_credit()
            && let Some(queue) = self.queues.get_mut(consumer.queue)
        {
            consumer.turn = Some(queue.turns.enter(id));
        }
    }
}

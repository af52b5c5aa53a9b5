//! What consumers ask of the hub.

use super::{Core, Hub, route};
use crate::queue::{Bind, Bound, Consume, ConsumerId, QueueError, QueueTicket, Removed, Settle};
use crate::topic::Topic;

impl Hub {
    /// Makes a consumer of a queue, and the queue if it is not there. What it is delivered comes as
    /// [`Event::Delivery`](crate::Event::Delivery).
    pub fn consume(&self, now: u64, consume: Consume) -> Result<ConsumerId, QueueError> {
        let mut core = self.lock();
        let id = core.queues.consume(consume)?;
        self.finish(core, now);
        Ok(id)
    }

    /// Ends a consumer; false if there is none of this name. What it has not settled goes back to its places, in order. Of this,
    /// deliveries after the number `reached` did not get to the peer and do not count as delivered; `u64::MAX` counts all. Deliveries
    /// that are still in the inbox are to be thrown away.
    pub fn cancel(&self, now: u64, consumer: ConsumerId, reached: u64) -> bool {
        let mut core = self.lock();
        let known = core.queues.cancel(now, consumer, reached);
        self.finish(core, now);
        known
    }

    /// Settles deliveries in their order, and drains them; gives how many had something to settle. Those of a consumer that is gone,
    /// and those that were settled or never made, have not.
    pub fn settle(&self, now: u64, settles: &mut Vec<Settle>) -> usize {
        if settles.is_empty() {
            return 0;
        }
        let mut core = self.lock();
        let known = core.settle(now, settles);
        self.finish(core, now);
        known
    }

    /// Goes on with a queue that had more to do than one call may: the answer to [`Event::Scan`](crate::Event::Scan).
    pub fn scan(&self, now: u64, ticket: QueueTicket) {
        let mut core = self.lock();
        core.queues.scan(ticket);
        self.finish(core, now);
    }

    /// Has a queue get, from now on, all messages of a selector, beside what is sent to itself. It keeps them without consumers, until it
    /// is removed. A queue that is bound to the same already stays as it is; one that is bound to something else is removed first.
    pub fn bind(&self, bind: Bind) -> Result<Bound, QueueError> {
        let mut core = self.lock();
        let (bound, removed) = match core.queues.binding(&bind).transpose()? {
            Some(true) => return Ok(Bound::Kept),
            Some(false) => (Bound::Replaced, core.remove_queue(&bind.queue)),
            None => (Bound::New, None),
        };
        let selector = bind.selector.clone();
        let queue = core.queues.bind(bind)?;
        let Core { engine, interest, .. } = &mut *core;
        interest.bind(queue, &selector, route(engine, &selector));
        drop(core);
        drop(removed);
        Ok(bound)
    }

    /// Removes a queue, bound or not, with its messages and its dead-letter queue; false if there is none. Its consumers are gone
    /// then, without a word: whose they are knows best.
    pub fn remove_queue(&self, queue: &Topic) -> bool {
        // Dropped when the lock is released.
        let removed = self.lock().remove_queue(queue);
        removed.is_some()
    }
}

impl Core {
    fn remove_queue(&mut self, name: &Topic) -> Option<Removed> {
        let removed = self.queues.remove(name)?;
        if let Some((queue, selector)) = &removed.bound {
            let route = route(&mut self.engine, selector);
            self.interest.unbind(*queue, selector, route);
        }
        Some(removed)
    }
}

//! Inboxes: what came back from the engine for one lane, until the lane drains it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::cursor::Cursor;
use crate::interest::LaneSet;
use crate::limits::Limits;
use crate::message::{Message, PublishError};
use crate::queue::{Delivery, QueueTicket};

/// What a lane finds in its inbox. Messages and receipts are in the engine's order, a receipt after its message; what one call
/// delivers from queues comes after them.
#[derive(Debug, Clone)]
pub enum Event {
    /// A message that some subscription of the lane matches.
    Message(Arc<Message>),
    /// What became of a draft that asked for a receipt.
    Receipt {
        /// As the draft had it.
        ticket: u64,
        /// Where the message is, or why it was not published.
        result: Result<Cursor, PublishError>,
    },
    /// A message of a queue, for a consumer of the lane.
    Delivery(Delivery),
    /// A queue had more to do than one call may: the lane is to call [`Hub::scan`](crate::Hub::scan), which may put another into its
    /// inbox.
    Scan(QueueTicket),
}

/// The inboxes of all lanes.
pub(crate) struct Inboxes {
    lanes: Vec<Mutex<Inbox>>,
    /// How many of them are above their high-water mark.
    over: AtomicUsize,
    events_max: usize,
    bytes_max: usize,
}

#[derive(Default)]
struct Inbox {
    events: Vec<Event>,
    bytes: usize,
    over: bool,
}

/// Events of one call by lane, collected before the inboxes are locked.
pub(crate) struct Outbox {
    batches: Vec<Batch>,
    /// The lanes that have some.
    touched: LaneSet,
}

#[derive(Default)]
struct Batch {
    events: Vec<Event>,
    bytes: usize,
}

impl Outbox {
    pub(crate) fn new(lanes: usize) -> Outbox {
        Outbox {
            batches: (0..lanes).map(|_| Batch::default()).collect(),
            touched: LaneSet::default(),
        }
    }

    #[inline]
    pub(crate) fn message(&mut self, lane: usize, message: &Arc<Message>) {
        self.put(lane, message.size(), Event::Message(Arc::clone(message)));
    }

    pub(crate) fn receipt(&mut self, lane: u16, ticket: u64, result: Result<Cursor, PublishError>) {
        self.put(usize::from(lane), 0, Event::Receipt { ticket, result });
    }

    pub(crate) fn delivery(&mut self, lane: u16, delivery: Delivery) {
        let size = delivery.message.size();
        self.put(usize::from(lane), size, Event::Delivery(delivery));
    }

    pub(crate) fn scan(&mut self, lane: u16, ticket: QueueTicket) {
        self.put(usize::from(lane), 0, Event::Scan(ticket));
    }

    /// A lane that the hub does not have gets nothing.
    #[inline]
    fn put(&mut self, lane: usize, size: usize, event: Event) {
        if let Some(batch) = self.batches.get_mut(lane) {
            batch.bytes += size;
            batch.events.push(event);
            self.touched.insert(lane);
        }
    }
}

impl Inboxes {
    pub(crate) fn new(lanes: usize, limits: &Limits) -> Inboxes {
        Inboxes {
            lanes: (0..lanes).map(|_| Mutex::default()).collect(),
            over: AtomicUsize::new(0),
            events_max: limits.inbox_events,
            bytes_max: limits.inbox_bytes,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.lanes.len()
    }

    pub(crate) fn congested(&self) -> bool {
        self.over.load(Ordering::Relaxed) != 0
    }

    /// Moves all events into the inboxes; gives the lanes whose inbox was empty.
    pub(crate) fn send(&self, outbox: &mut Outbox) -> LaneSet {
        let mut woken = LaneSet::default();
        let Outbox { batches, touched } = outbox;
        for lane in touched.iter() {
            if self.append(lane, &mut batches[lane]) {
                woken.insert(lane);
            }
        }
        touched.clear();
        woken
    }

    /// Moves a batch into the inbox of a lane; true if the inbox was empty.
    fn append(&self, lane: usize, batch: &mut Batch) -> bool {
        let Some(inbox) = self.lanes.get(lane) else {
            return false;
        };
        let mut inbox = inbox.lock().unwrap_or_else(PoisonError::into_inner);
        let was_empty = inbox.events.is_empty();
        if was_empty {
            std::mem::swap(&mut inbox.events, &mut batch.events);
        } else {
            inbox.events.append(&mut batch.events);
        }
        inbox.bytes += std::mem::take(&mut batch.bytes);
        if !inbox.over && (inbox.events.len() > self.events_max || inbox.bytes > self.bytes_max) {
            inbox.over = true;
            self.over.fetch_add(1, Ordering::Relaxed);
        }
        was_empty
    }

    /// Moves all out; true if this ended the congestion of all lanes.
    pub(crate) fn drain(&self, lane: usize, into: &mut Vec<Event>) -> bool {
        let Some(inbox) = self.lanes.get(lane) else {
            return false;
        };
        let mut inbox = inbox.lock().unwrap_or_else(PoisonError::into_inner);
        if into.is_empty() {
            std::mem::swap(&mut inbox.events, into);
        } else {
            into.append(&mut inbox.events);
        }
        inbox.bytes = 0;
        std::mem::take(&mut inbox.over) && self.over.fetch_sub(1, Ordering::Relaxed) == 1
    }
}

//! Inboxes: what came back from the engine for one lane, until the lane drains it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::cursor::Cursor;
use crate::limits::Limits;
use crate::message::{Message, PublishError};

/// What a lane finds in its inbox, in the engine's order; a receipt comes after its message.
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

/// Events of one batch for one lane, collected before its inbox is locked.
#[derive(Default)]
pub(crate) struct Batch {
    events: Vec<Event>,
    bytes: usize,
}

impl Batch {
    pub(crate) fn message(&mut self, message: &Arc<Message>) {
        self.bytes += message.size();
        self.events.push(Event::Message(Arc::clone(message)));
    }

    pub(crate) fn receipt(&mut self, ticket: u64, result: Result<Cursor, PublishError>) {
        self.events.push(Event::Receipt { ticket, result });
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

    /// Moves a batch into the inbox of a lane; true if the inbox was empty.
    pub(crate) fn append(&self, lane: usize, batch: &mut Batch) -> bool {
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

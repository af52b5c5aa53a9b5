//! A consumer: its credit, what it has not settled, and where it looks.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::shelf::Shelf;
use super::{Consume, ConsumerId, Delivery};
use crate::filter::Filter;
use crate::message::Message;

pub(super) struct Consumer {
    pub(super) lane: u16,
    peer: u32,
    /// The slot of its queue.
    pub(super) queue: usize,
    prefetch: usize,
    window: usize,
    /// What was delivered and is not settled, by the number of its delivery.
    outstanding: BTreeMap<u64, Outstanding>,
    /// The sizes of these together.
    bytes: usize,
    /// How many deliveries there were: the number of the last.
    delivered: u64,
    /// Its turn at the queue, while it has credit.
    pub(super) turn: Option<u64>,
    seek: Option<Box<Seek>>,
}

/// A message that was delivered and is not settled.
pub(super) struct Outstanding {
    pub(super) place: u64,
    pub(super) message: Arc<Message>,
    /// How often it was delivered, with this time.
    pub(super) deliveries: u32,
    /// How many were missed before it, as it told.
    pub(super) missed: u32,
}

/// How far a consumer with a filter has looked through the shelf.
struct Seek {
    filter: Filter,
    /// It has looked at all places below,
    place: u64,
    /// and at all returns below.
    returned: u64,
}

/// What a consumer may take next.
pub(super) enum Found {
    Place(u64),
    Nothing,
    /// It has not looked at all.
    Unsure,
}

impl Consumer {
    pub(super) fn new(consume: Consume, queue: usize, shelf: &Shelf) -> Consumer {
        let seek = |filter| {
            Box::new(Seek {
                filter,
                place: 0,
                returned: shelf.end().1,
            })
        };
        Consumer {
            lane: consume.lane,
            peer: consume.peer,
            queue,
            prefetch: consume.prefetch.max(1) as usize,
            window: consume.window,
            outstanding: BTreeMap::new(),
            bytes: 0,
            delivered: 0,
            turn: None,
            seek: consume.filter.map(seek),
        }
    }

    pub(super) fn has_credit(&self) -> bool {
        self.outstanding.is_empty() || (self.outstanding.len() < self.prefetch && self.bytes < self.window)
    }

    /// The next message on the shelf for it; a look at one is a piece of work.
    pub(super) fn find(&mut self, shelf: &Shelf, work: &mut usize) -> Found {
        match &mut self.seek {
            Some(seek) => seek.find(shelf, work),
            None => shelf.first().map_or(Found::Nothing, Found::Place),
        }
    }

    /// Notes a delivery, and gives what the consumer is told.
    pub(super) fn deliver(&mut self, id: ConsumerId, outstanding: Outstanding) -> Delivery {
        let message = Arc::clone(&outstanding.message);
        let (redelivered, missed) = (outstanding.deliveries - 1, outstanding.missed);
        self.delivered += 1;
        self.bytes += message.size();
        self.outstanding.insert(self.delivered, outstanding);
        Delivery {
            peer: self.peer,
            consumer: id,
            number: self.delivered,
            message,
            redelivered,
            missed,
        }
    }

    /// Moves what is settled to `into`: a delivery, or all up to it.
    pub(super) fn settle(&mut self, delivery: u64, cumulative: bool, into: &mut Vec<Outstanding>) {
        let before = into.len();
        if !cumulative {
            into.extend(self.outstanding.remove(&delivery));
        } else if delivery <= self.delivered {
            while let Some(entry) = self.outstanding.first_entry()
                && *entry.key() <= delivery
            {
                into.push(entry.remove());
            }
        }
        let sizes = into[before..]
            .iter()
            .map(|outstanding| outstanding.message.size());
        self.bytes -= sizes.sum::<usize>();
    }

    /// All that is outstanding. What was delivered after `reached` never got to the peer, and counts one delivery less.
    pub(super) fn into_outstanding(self, reached: u64) -> Vec<Outstanding> {
        let uncounted = |(number, outstanding): (u64, Outstanding)| Outstanding {
            deliveries: outstanding.deliveries - u32::from(number > reached),
            ..outstanding
        };
        self.outstanding.into_iter().map(uncounted).collect()
    }
}

impl Seek {
    /// What returned comes first: it is older than all not looked at yet, or will be found among that.
    fn find(&mut self, shelf: &Shelf, work: &mut usize) -> Found {
        for (number, place) in shelf.returned_from(self.returned) {
            if *work == 0 {
                return Found::Unsure;
            }
            *work -= 1;
            self.returned = number + 1;
            if place < self.place
                && shelf
                    .get(place)
                    .is_some_and(|message| self.filter.admits(message))
            {
                return Found::Place(place);
            }
        }
        for (place, message) in shelf.from(self.place) {
            if *work == 0 {
                return Found::Unsure;
            }
            *work -= 1;
            self.place = place + 1;
            if self.filter.admits(message) {
                return Found::Place(place);
            }
        }
        (self.place, self.returned) = shelf.end();
        Found::Nothing
    }
}

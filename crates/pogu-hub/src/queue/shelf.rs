//! A shelf: what is ready in one queue, each message in its place.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use crate::message::Message;

/// The ready messages of a queue by their place in it. What returns takes its old place. All is O(log n).
pub(super) struct Shelf {
    /// Whether messages expire here.
    expires: bool,
    ready: BTreeMap<u64, Ready>,
    /// The places of what returned, in the order in which it did, so that a consumer that has looked through the shelf
    /// need not look through all of it again.
    returned: BTreeMap<u64, u64>,
    /// When what expires does, and its place.
    expiring: BTreeSet<(u64, u64)>,
    next_place: u64,
    next_return: u64,
}

/// A message that can be delivered.
pub(super) struct Ready {
    pub(super) message: Arc<Message>,
    /// How often it was delivered before.
    pub(super) deliveries: u32,
    /// Its number among what returned.
    returned: Option<u64>,
}

impl Shelf {
    pub(super) fn new(expires: bool) -> Shelf {
        Shelf {
            expires,
            ready: BTreeMap::new(),
            returned: BTreeMap::new(),
            expiring: BTreeSet::new(),
            next_place: 0,
            next_return: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    /// Puts a message that is new here at the end.
    pub(super) fn push(&mut self, message: Arc<Message>) {
        let place = self.next_place;
        self.next_place += 1;
        self.insert(place, message, 0, None);
    }

    /// Puts a message back into the place from which it was taken.
    pub(super) fn put_back(&mut self, place: u64, message: Arc<Message>, deliveries: u32) {
        let number = self.next_return;
        self.next_return += 1;
        self.returned.insert(number, place);
        self.insert(place, message, deliveries, Some(number));
    }

    pub(super) fn take(&mut self, place: u64) -> Option<Ready> {
        let ready = self.ready.remove(&place)?;
        if let Some(number) = ready.returned {
            self.returned.remove(&number);
        }
        if let Some(expires) = self.expires(&ready.message) {
            self.expiring.remove(&(expires, place));
        }
        Some(ready)
    }

    /// The place of the oldest.
    pub(super) fn first(&self) -> Option<u64> {
        self.ready.first_key_value().map(|(&place, _)| place)
    }

    /// The place of the first to expire, if it has.
    pub(super) fn expired(&self, now: u64) -> Option<u64> {
        let &(expires, place) = self.expiring.first()?;
        (expires <= now).then_some(place)
    }

    pub(super) fn get(&self, place: u64) -> Option<&Message> {
        self.ready.get(&place).map(|ready| &*ready.message)
    }

    /// What is ready from a place on.
    pub(super) fn from(&self, place: u64) -> impl Iterator<Item = (u64, &Message)> {
        self.ready
            .range((Bound::Included(place), Bound::Unbounded))
            .map(|(&place, ready)| (place, &*ready.message))
    }

    /// The numbers and places of what returned, from a number on.
    pub(super) fn returned_from(&self, number: u64) -> impl Iterator<Item = (u64, u64)> {
        self.returned
            .range(number..)
            .map(|(&number, &place)| (number, place))
    }

    /// The place that the next new message gets, and the number of the next that returns: who has looked at all below has
    /// seen all that is here.
    pub(super) fn end(&self) -> (u64, u64) {
        (self.next_place, self.next_return)
    }

    fn expires(&self, message: &Message) -> Option<u64> {
        message.expires.filter(|_| self.expires)
    }

    fn insert(&mut self, place: u64, message: Arc<Message>, deliveries: u32, returned: Option<u64>) {
        if let Some(expires) = self.expires(&message) {
            self.expiring.insert((expires, place));
        }
        self.ready.insert(
            place,
            Ready {
                message,
                deliveries,
                returned,
            },
        );
    }
}

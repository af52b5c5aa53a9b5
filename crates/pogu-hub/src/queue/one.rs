//! One queue.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::consumer::Outstanding;
use super::shelf::Shelf;
use super::turns::Turns;
use super::{ConsumerId, is_dead_letter_queue};
use crate::filter::Filter;
use crate::limits::QueueRule;
use crate::message::Message;
use crate::selector::Selector;
use crate::topic::Topic;

pub(super) struct Queue {
    pub(super) name: Topic,
    /// Tells it from others that had its slot.
    pub(super) serial: u64,
    /// Its rule, as a number.
    pub(super) rule: usize,
    pub(super) kind: Kind,
    pub(super) shelf: Shelf,
    pub(super) turns: Turns,
    pub(super) consumers: BTreeSet<ConsumerId>,
    /// Messages it holds, with those that are delivered and not settled, and their sizes together.
    pub(super) count: usize,
    pub(super) bytes: usize,
    /// Messages dropped that no delivery has told of.
    pub(super) missed: u64,
    /// Whether a lane was asked to go on with it.
    pub(super) scanning: bool,
    /// Whether something was done to it in this call.
    pub(super) touched: bool,
}

pub(super) enum Kind {
    Ordinary,
    DeadLetters,
    Bound {
        selector: Selector,
        filter: Option<Filter>,
    },
}

impl Queue {
    /// An empty one, of the kind that its name says if it is not bound.
    pub(super) fn new(name: Topic, serial: u64, rule: usize, bound: Option<Kind>) -> Queue {
        let by_name = || match is_dead_letter_queue(&name) {
            true => Kind::DeadLetters,
            false => Kind::Ordinary,
        };
        let kind = bound.unwrap_or_else(by_name);
        Queue {
            name,
            serial,
            rule,
            shelf: Shelf::new(!matches!(kind, Kind::DeadLetters)),
            kind,
            turns: Turns::default(),
            consumers: BTreeSet::new(),
            count: 0,
            bytes: 0,
            missed: 0,
            scanning: false,
            touched: false,
        }
    }

    /// Whether its oldest messages give way to new ones; else new ones are refused.
    pub(super) fn drops_oldest(&self) -> bool {
        !matches!(self.kind, Kind::Ordinary)
    }

    /// Whether nothing keeps it here.
    pub(super) fn is_idle(&self) -> bool {
        self.count == 0 && self.consumers.is_empty() && !matches!(self.kind, Kind::Bound { .. })
    }

    /// Whether its rule has room for a message of this size.
    pub(super) fn fits(&self, rule: &QueueRule, size: usize) -> bool {
        self.count < rule.messages && self.bytes.saturating_add(size) <= rule.bytes
    }

    /// Puts a message that is new here at the end.
    pub(super) fn push(&mut self, message: Arc<Message>) {
        self.count += 1;
        self.bytes += message.size();
        self.shelf.push(message);
        self.turns.rouse();
    }

    /// Puts a message that was delivered back into its place.
    pub(super) fn put_back(&mut self, outstanding: Outstanding) {
        let Outstanding {
            place,
            message,
            deliveries,
            ..
        } = outstanding;
        self.shelf.put_back(place, message, deliveries);
        self.turns.rouse();
    }

    /// A message of it has left the shelf for good.
    pub(super) fn forget(&mut self, message: &Message) {
        self.count -= 1;
        self.bytes -= message.size();
    }
}

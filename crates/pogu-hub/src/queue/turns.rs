//! Turns: whose the next message is.

use std::collections::BTreeMap;

use super::ConsumerId;

/// The consumers of a queue that have credit, in the order of their turns. Those that have looked at all that is ready and
/// wanted none of it are set aside until there is something new.
#[derive(Default)]
pub(super) struct Turns {
    waiting: BTreeMap<u64, ConsumerId>,
    aside: BTreeMap<u64, ConsumerId>,
    next: u64,
}

impl Turns {
    /// Puts a consumer that has no turn behind the others.
    pub(super) fn enter(&mut self, id: ConsumerId) -> u64 {
        let turn = self.next;
        self.next += 1;
        self.waiting.insert(turn, id);
        turn
    }

    /// Takes a consumer out.
    pub(super) fn leave(&mut self, turn: u64) {
        if self.waiting.remove(&turn).is_none() {
            self.aside.remove(&turn);
        }
    }

    pub(super) fn first(&self) -> Option<(u64, ConsumerId)> {
        self.waiting.first_key_value().map(|(&turn, &id)| (turn, id))
    }

    /// The first has had its turn, and may have another.
    pub(super) fn rotate(&mut self, turn: u64, id: ConsumerId) -> u64 {
        if self.waiting.len() == 1 {
            return turn;
        }
        self.waiting.remove(&turn);
        self.enter(id)
    }

    /// The first wants nothing of all that is ready.
    pub(super) fn set_aside(&mut self, turn: u64, id: ConsumerId) {
        self.waiting.remove(&turn);
        self.aside.insert(turn, id);
    }

    /// There is something new: everybody looks again. Each that is moved here has paid for it by a look.
    pub(super) fn rouse(&mut self) {
        if self.waiting.is_empty() {
            std::mem::swap(&mut self.waiting, &mut self.aside);
        }
        while let Some((turn, id)) = self.aside.pop_first() {
            self.waiting.insert(turn, id);
        }
    }
}

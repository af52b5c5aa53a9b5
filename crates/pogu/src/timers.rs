//! When each peer of a lane wants to be called.

use std::collections::BTreeSet;

use pogu_proto::Time;

/// At most one entry a peer, kept in order: no stale entries, and the size is the number of peers.
///
/// A timing wheel would insert in less time, but peers re-arm once a period and not once a message, so there is nothing
/// to win.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    due: BTreeSet<(Time, u32)>,
}

impl Timers {
    pub(crate) fn insert(&mut self, at: Time, slot: u32) {
        self.due.insert((at, slot));
    }

    pub(crate) fn remove(&mut self, at: Time, slot: u32) {
        self.due.remove(&(at, slot));
    }

    /// The earliest time.
    pub(crate) fn next(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes one whose time has come.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<u32> {
        let first = *self.due.first().filter(|(at, _)| *at <= now)?;
        self.due.remove(&first);
        Some(first.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_come_in_order_and_not_before_their_time() {
        let mut timers = Timers::default();
        for (at, slot) in [(30, 1), (10, 2), (20, 3), (10, 4)] {
            timers.insert(Time(at), slot);
        }
        timers.remove(Time(20), 3);
        assert_eq!(timers.next(), Some(Time(10)));
        assert_eq!(timers.pop_due(Time(9)), None);
        assert_eq!(timers.pop_due(Time(10)), Some(2));
        assert_eq!(timers.pop_due(Time(10)), Some(4));
        assert_eq!(timers.pop_due(Time(29)), None);
        assert_eq!(timers.pop_due(Time(99)), Some(1));
        assert_eq!(timers.next(), None);
    }
}

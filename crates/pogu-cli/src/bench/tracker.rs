//! Whether what one receiver got is what was sent: in order, all of it, once.

use std::collections::BTreeSet;

/// Gaps remembered by one receiver; what is missing beyond that is lost for good, even when it comes late.
const MISSING_MAX: usize = 1 << 14;

/// What became of one message at one receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// The next one, or a later one than was due.
    New,
    /// One that a later one had overtaken.
    Reordered,
    /// One that was here before.
    Duplicate,
    /// Of another phase.
    Foreign,
}

impl Arrival {
    /// Whether the message was not here before.
    pub(super) fn is_first(self) -> bool {
        matches!(self, Arrival::New | Arrival::Reordered)
    }
}

/// What one receiver has seen of the running phase.
#[derive(Debug, Default)]
pub(super) struct Tracker {
    phase: u32,
    next: u32,
    /// Skipped places, while they may still come; no allocation for a receiver that misses nothing.
    missing: BTreeSet<u32>,
    forgotten: u64,
}

impl Tracker {
    /// Starts over for `phase`.
    pub(super) fn start(&mut self, phase: u32) {
        *self = Tracker {
            phase,
            ..Tracker::default()
        };
    }

    /// One more than the highest place seen.
    pub(super) fn next(&self) -> u32 {
        self.next
    }

    /// Takes note of message `seq` of `phase`.
    pub(super) fn see(&mut self, phase: u32, seq: u32) -> Arrival {
        if phase != self.phase {
            return Arrival::Foreign;
        }
        if seq < self.next {
            return if self.missing.remove(&seq) {
                Arrival::Reordered
            } else {
                Arrival::Duplicate
            };
        }
        if seq > self.next {
            self.skip(seq);
        }
        self.next = seq.saturating_add(1);
        Arrival::New
    }

    /// How many of `sent` messages have not come.
    pub(super) fn lost(&self, sent: u32) -> u64 {
        self.missing.len() as u64 + self.forgotten + u64::from(sent.saturating_sub(self.next))
    }

    fn skip(&mut self, to: u32) {
        let room = (MISSING_MAX - self.missing.len()) as u32;
        let kept = (to - self.next).min(room);
        self.missing.extend(self.next..self.next + kept);
        self.forgotten += u64::from(to - self.next - kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seqs: &[u32], sent: u32) -> (Vec<Arrival>, u64) {
        let mut tracker = Tracker::default();
        tracker.start(7);
        let arrivals = seqs.iter().map(|&seq| tracker.see(7, seq)).collect();
        (arrivals, tracker.lost(sent))
    }

    #[test]
    fn loss_doubles_and_disorder_are_told_apart() {
        use Arrival::*;
        assert_eq!(run(&[0, 1, 2], 3), (vec![New, New, New], 0));
        assert_eq!(run(&[0, 2], 4), (vec![New, New], 2));
        assert_eq!(run(&[0, 2, 1, 3], 4), (vec![New, New, Reordered, New], 0));
        assert_eq!(run(&[0, 0, 1, 1], 2), (vec![New, Duplicate, New, Duplicate], 0));
        assert_eq!(run(&[1, 0, 0], 2), (vec![New, Reordered, Duplicate], 0));
    }

    #[test]
    fn another_phase_is_foreign() {
        let mut tracker = Tracker::default();
        tracker.start(7);
        assert_eq!(tracker.see(6, 0), Arrival::Foreign);
        assert_eq!(tracker.lost(1), 1);
    }

    #[test]
    fn a_gap_beyond_the_limit_is_lost_but_not_remembered() {
        let far = MISSING_MAX as u32 + 10;
        let (arrivals, lost) = run(&[far, 0, far - 1], far + 1);
        assert_eq!(arrivals, [Arrival::New, Arrival::Reordered, Arrival::Duplicate]);
        assert_eq!(lost, u64::from(far) - 1);
    }
}

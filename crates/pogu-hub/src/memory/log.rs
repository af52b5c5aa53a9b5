//! The order of all kept messages over all topics: what to evict first, and what a pattern reads.

use std::collections::VecDeque;

use super::sieve::Shape;

/// Sequence numbers of one segment: 2 to this power.
const SEGMENT_BITS: u32 = 10;
/// Below this many entries a segment is not worth compacting.
const COMPACT_MIN: usize = 32;
/// Dead segments that may lie between living ones, beside as many as live.
const DEAD_SEGMENTS: usize = 16;

/// Where a message is kept: in the ring of which topic, and as the how manieth that this ring ever had (wrapping). The shape
/// of the topic saves most scans from looking there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) seq: u64,
    pub(crate) topic: u32,
    pub(crate) nth: u32,
    pub(crate) shape: Shape,
}

/// Entries in rising order. A topic evicts its own messages from the middle of this order; then the log only counts
/// one less, and compacts a segment once three quarters of it are dead. That keeps each operation O(1) amortised
/// and the entries within a factor of four of the living, however old the oldest of them is.
#[derive(Debug, Default)]
pub(crate) struct Log {
    segments: VecDeque<Segment>,
    dead: usize,
}

#[derive(Debug)]
struct Segment {
    /// The sequence numbers without their lowest bits.
    id: u64,
    living: usize,
    /// Entries before this are known to be dead.
    start: usize,
    entries: Vec<Entry>,
}

impl Log {
    /// `entry.seq` is higher than all before.
    pub(crate) fn push(&mut self, entry: Entry) {
        let id = entry.seq >> SEGMENT_BITS;
        if let Some(last) = self.segments.back_mut()
            && last.id == id
        {
            if last.living == 0 {
                self.dead -= 1;
            }
            last.living += 1;
            last.entries.push(entry);
            return;
        }
        self.segments.push_back(Segment {
            id,
            living: 1,
            start: 0,
            entries: vec![entry],
        });
    }

    /// The message `seq` is no longer kept; `lives` says whether another is.
    pub(crate) fn forget(&mut self, seq: u64, lives: impl Fn(&Entry) -> bool) {
        let Some(segment) = self.segment(seq >> SEGMENT_BITS) else {
            return;
        };
        segment.living -= 1;
        if segment.living > 0 {
            if segment.entries.len() >= COMPACT_MIN && segment.living * 4 <= segment.entries.len() {
                segment.entries.retain(lives);
                segment.entries.shrink_to_fit();
                segment.start = 0;
            }
            return;
        }
        segment.entries = Vec::new();
        segment.start = 0;
        self.dead += 1;
        while self.segments.front().is_some_and(|segment| segment.living == 0) {
            self.segments.pop_front();
            self.dead -= 1;
        }
        if self.dead > DEAD_SEGMENTS && self.dead * 2 > self.segments.len() {
            self.segments.retain(|segment| segment.living > 0);
            self.dead = 0;
        }
    }

    /// The oldest message that lives.
    pub(crate) fn oldest(&mut self, lives: impl Fn(&Entry) -> bool) -> Option<Entry> {
        let front = self.segments.front_mut()?;
        while let Some(entry) = front.entries.get(front.start) {
            if lives(entry) {
                return Some(*entry);
            }
            front.start += 1;
        }
        None
    }

    /// Entries above `seq`, rising; some are dead.
    pub(crate) fn after(&self, seq: u64) -> impl Iterator<Item = &Entry> {
        let first = self
            .segments
            .partition_point(|segment| segment.id < seq >> SEGMENT_BITS);
        self.segments.range(first..).flat_map(move |segment| {
            let start = segment.entries.partition_point(|entry| entry.seq <= seq);
            &segment.entries[start..]
        })
    }

    /// Entries below `seq`, falling; some are dead.
    pub(crate) fn before(&self, seq: u64) -> impl Iterator<Item = &Entry> {
        let last = self
            .segments
            .partition_point(|segment| segment.id <= seq >> SEGMENT_BITS);
        self.segments.range(..last).rev().flat_map(move |segment| {
            let end = segment.entries.partition_point(|entry| entry.seq < seq);
            segment.entries[..end].iter().rev()
        })
    }

    fn segment(&mut self, id: u64) -> Option<&mut Segment> {
        let first = self.segments.front()?.id;
        let guess = usize::try_from(id.checked_sub(first)?).ok()?;
        if self.segments.get(guess).is_some_and(|segment| segment.id == id) {
            return self.segments.get_mut(guess);
        }
        let at = self
            .segments
            .binary_search_by_key(&id, |segment| segment.id)
            .ok()?;
        self.segments.get_mut(at)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn entry(seq: u64) -> Entry {
        let topic = "a".parse().expect("a topic");
        Entry {
            seq,
            topic: 0,
            nth: 0,
            shape: Shape::of(&topic),
        }
    }

    /// What the type promises about its size.
    fn check_size(log: &Log) {
        let living = log.segments.iter().filter(|segment| segment.living > 0).count();
        assert_eq!(log.dead, log.segments.len() - living);
        assert!(
            log.dead <= DEAD_SEGMENTS.max(living),
            "{} dead, {living} living",
            log.dead
        );
        for segment in &log.segments {
            assert!(segment.entries.len() < COMPACT_MIN || segment.living * 4 > segment.entries.len());
            assert!(segment.living > 0 || segment.entries.capacity() == 0);
        }
    }

    proptest! {
        #[test]
        fn does_what_a_sorted_set_does(
            steps in prop::collection::vec((any::<bool>(), 1u64..400, any::<prop::sample::Index>()), 1..600),
            asked in prop::collection::vec(any::<prop::sample::Index>(), 4),
        ) {
            let mut log = Log::default();
            let mut living = BTreeSet::new();
            let mut head = 0;
            for (push, jump, which) in steps {
                if push || living.is_empty() {
                    head += jump;
                    log.push(entry(head));
                    living.insert(head);
                } else {
                    let seq = *living.iter().nth(which.index(living.len())).expect("it is below");
                    living.remove(&seq);
                    log.forget(seq, |entry| living.contains(&entry.seq));
                }
                check_size(&log);
                let oldest = log.oldest(|entry| living.contains(&entry.seq));
                prop_assert_eq!(oldest.map(|entry| entry.seq), living.first().copied());
            }
            for which in asked {
                let seq = which.index(head as usize + 2) as u64;
                let lives = |entry: &&Entry| living.contains(&entry.seq);
                let after = log.after(seq).filter(lives).map(|entry| entry.seq);
                prop_assert!(after.eq(living.range(seq + 1..).copied()));
                let before = log.before(seq).filter(lives).map(|entry| entry.seq);
                prop_assert!(before.eq(living.range(..seq).rev().copied()));
            }
        }
    }

    #[test]
    fn one_that_stays_does_not_hold_the_others() {
        let mut log = Log::default();
        log.push(entry(1));
        let segments = 100 << SEGMENT_BITS;
        for seq in 2..segments {
            log.push(entry(seq));
            if seq > 2 {
                log.forget(seq - 1, |entry| entry.seq == 1 || entry.seq == seq);
            }
            check_size(&log);
        }
        assert!(log.segments.len() <= DEAD_SEGMENTS + 2);
        assert_eq!(log.oldest(|entry| entry.seq == 1).map(|entry| entry.seq), Some(1));
        assert!(log.after(1).count() <= COMPACT_MIN);
    }
}

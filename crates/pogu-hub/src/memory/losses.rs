//! The newest losses, in the order in which they happened: what a reader asks that was told of all before them.

use std::collections::VecDeque;

use super::sieve::Shape;

/// Losses that are remembered. A reader that asks less often looks at the topics instead.
const LOSSES_MAX: usize = if cfg!(test) { 8 } else { 16_384 };

/// One for each of the last evictions.
#[derive(Debug, Default)]
pub(super) struct Losses {
    newest: VecDeque<Lost>,
}

/// That a topic lost its message at `seq`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lost {
    pub(super) seq: u64,
    /// Its place, if the topic is still in the table.
    pub(super) topic: u32,
    pub(super) shape: Shape,
}

impl Losses {
    pub(super) fn push(&mut self, at: usize, shape: Shape, seq: u64) {
        if self.newest.len() == LOSSES_MAX {
            self.newest.pop_front();
        }
        self.newest.push_back(Lost {
            seq,
            topic: at as u32,
            shape,
        });
    }

    /// The last so many, if they are remembered.
    pub(super) fn last(&self, count: u64) -> Option<impl Iterator<Item = &Lost>> {
        let count = usize::try_from(count).ok()?;
        let first = self.newest.len().checked_sub(count)?;
        Some(self.newest.range(first..))
    }
}

//! Warnings that a stranger could have written as often as he likes: one a second, with how many there were.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The time from one warning to the next of its kind.
const INTERVAL: Duration = Duration::from_secs(1);

/// Warnings of one kind.
#[derive(Debug)]
pub(crate) struct Throttle(Mutex<Held>);

#[derive(Debug)]
struct Held {
    next: Option<Instant>,
    count: u64,
}

impl Throttle {
    /// Nothing was warned of yet.
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Held { next: None, count: 0 }))
    }

    /// One more to warn of: how many there are to tell now, or `None` if it is too soon to tell.
    pub(crate) fn pass(&self, now: Instant) -> Option<u64> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.count += 1;
        if held.next.is_some_and(|next| now < next) {
            return None;
        }
        held.next = Some(now + INTERVAL);
        Some(std::mem::take(&mut held.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_a_second_passes_with_the_number_of_all() {
        let throttle = Throttle::new();
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(throttle.pass(at(0)), Some(1));
        assert_eq!(throttle.pass(at(1)), None);
        assert_eq!(throttle.pass(at(999)), None);
        assert_eq!(throttle.pass(at(1000)), Some(3));
        assert_eq!(throttle.pass(at(5000)), Some(1));
    }
}

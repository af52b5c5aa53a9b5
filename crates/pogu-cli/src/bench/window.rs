//! How far the publisher may run ahead of the slowest subscriber.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use mio::Waker;

/// Bursts on their way. A burst is complete when every subscriber has seen its last message, or a later one.
pub(super) struct Window {
    subscribers: u32,
    burst: u32,
    /// For each burst on its way, in a ring, how many subscribers it has not reached.
    remaining: Vec<AtomicU32>,
    launched: AtomicU64,
    completed: AtomicU64,
    publisher: Arc<Waker>,
}

impl Window {
    /// Room for `bursts` bursts of `burst` messages each; `publisher` is woken when one is complete.
    pub(super) fn new(subscribers: u32, burst: u32, bursts: u32, publisher: Arc<Waker>) -> Window {
        Window {
            subscribers,
            burst,
            remaining: (0..bursts).map(|_| AtomicU32::new(0)).collect(),
            launched: AtomicU64::new(0),
            completed: AtomicU64::new(0),
            publisher,
        }
    }

    /// Takes room for one more burst, when there is some.
    pub(super) fn launch(&self) -> bool {
        let launched = self.launched.load(Ordering::Relaxed);
        if launched - self.completed() >= self.remaining.len() as u64 {
            return false;
        }
        self.slot(launched).store(self.subscribers, Ordering::Release);
        self.launched.store(launched + 1, Ordering::Release);
        true
    }

    /// A subscriber that was due message `from` is now due message `to`.
    pub(super) fn advance(&self, (from, to): (u32, u32)) -> anyhow::Result<()> {
        for burst in from / self.burst..to / self.burst {
            if self.slot(u64::from(burst)).fetch_sub(1, Ordering::AcqRel) == 1 {
                self.completed.fetch_add(1, Ordering::Release);
                self.publisher.wake()?;
            }
        }
        Ok(())
    }

    pub(super) fn launched(&self) -> u64 {
        self.launched.load(Ordering::Acquire)
    }

    pub(super) fn completed(&self) -> u64 {
        self.completed.load(Ordering::Acquire)
    }

    fn slot(&self, burst: u64) -> &AtomicU32 {
        &self.remaining[(burst % self.remaining.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use mio::{Poll, Token};

    use super::*;

    #[test]
    fn the_slowest_subscriber_makes_room() {
        let poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
        let window = Window::new(2, 4, 2, waker);
        assert!(window.launch());
        assert!(window.launch());
        assert!(!window.launch(), "two bursts fill it");
        window.advance((0, 8)).unwrap();
        assert!(!window.launch(), "the other has nothing yet");
        window.advance((0, 3)).unwrap();
        assert!(!window.launch(), "three of four are not a burst");
        window.advance((3, 4)).unwrap();
        assert!(window.launch());
        assert!(!window.launch());
        assert_eq!((window.launched(), window.completed()), (3, 1));
    }
}

//! What tasks of a lane's runtime tell the lane, taken up at its next turn.
//!
//! Tasks never call into the lane from a destructor or from within hyper: they leave a signal and wake it.

use std::cell::{Cell, RefCell};
use std::task::Waker;

use crate::id::PeerId;

/// What happened to a peer outside the lane's turn.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signal {
    /// Its link has room again.
    Ready(PeerId),
    /// Its link is gone.
    Gone(PeerId),
}

/// The signals of one lane. At most one `Ready` a refused chunk and one `Gone` a peer, so bounded by the lane's peers.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    list: RefCell<Vec<Signal>>,
    nudged: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Signals {
    /// Leaves a signal for the next turn.
    pub(crate) fn send(&self, signal: Signal) {
        self.list.borrow_mut().push(signal);
        self.nudge();
    }

    /// Asks for a turn.
    pub(crate) fn nudge(&self) {
        if self.nudged.replace(true) {
            return;
        }
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    /// Whether a turn was asked for since the last call; `waker` is woken by the next asking.
    pub(crate) fn take_nudge(&self, waker: &Waker) -> bool {
        let mut kept = self.waker.borrow_mut();
        if !kept.as_ref().is_some_and(|kept| kept.will_wake(waker)) {
            *kept = Some(waker.clone());
        }
        self.nudged.replace(false)
    }

    /// Moves the signals into `into`.
    pub(crate) fn take(&self, into: &mut Vec<Signal>) {
        into.append(&mut self.list.borrow_mut());
    }
}

//! An HTTP response body as a link: the lane puts bytes in, hyper carries them out.

use std::cell::RefCell;
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame};

use crate::id::PeerId;
use crate::signal::{Signal, Signals};

/// Holds at most one chunk: a second one waits in the mailbox until hyper has taken the first, so a reader that
/// stops costs its mailbox and hyper's write buffer, both bounded.
#[derive(Debug, Default)]
pub(crate) struct Pipe {
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    chunk: Option<Bytes>,
    /// The lane was refused and waits to hear that there is room.
    refused: bool,
    ended: bool,
    waker: Option<Waker>,
}

impl Pipe {
    /// Puts `bytes` in, or returns false while the chunk before them is not yet taken.
    pub(crate) fn offer(&self, bytes: impl FnOnce() -> Bytes) -> bool {
        let mut state = self.state.borrow_mut();
        if state.chunk.is_some() {
            state.refused = true;
            return false;
        }
        state.chunk = Some(bytes());
        wake(state.waker.take());
        true
    }

    /// No more bytes will come; what is in the pipe is still carried out.
    pub(crate) fn end(&self) {
        let mut state = self.state.borrow_mut();
        state.ended = true;
        wake(state.waker.take());
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// The end of a [`Pipe`] that hyper reads. Dropping it, as hyper does when the client has gone, ends the peer.
#[derive(Debug)]
pub(crate) struct Outlet {
    pipe: Rc<Pipe>,
    signals: Rc<Signals>,
    peer: PeerId,
}

impl Outlet {
    pub(crate) fn new(pipe: Rc<Pipe>, signals: Rc<Signals>, peer: PeerId) -> Self {
        Self { pipe, signals, peer }
    }

    /// The next chunk, `None` after the last.
    pub(crate) fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut state = self.pipe.state.borrow_mut();
        if let Some(chunk) = state.chunk.take() {
            if std::mem::take(&mut state.refused) {
                self.signals.send(Signal::Ready(self.peer));
            }
            return Poll::Ready(Some(chunk));
        }
        if state.ended {
            return Poll::Ready(None);
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Body for Outlet {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.poll_chunk(context)
            .map(|chunk| chunk.map(|bytes| Ok(Frame::data(bytes))))
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.signals.send(Signal::Gone(self.peer));
    }
}

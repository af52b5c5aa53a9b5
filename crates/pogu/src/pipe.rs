//! An HTTP response body as a link: a lane puts bytes in, hyper carries them out, on this lane or another.

use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame};

use crate::drive::{Command, Lanes};
use crate::errand::Errand;
use crate::id::PeerId;
use crate::signal::{Signal, Signals};
use crate::sockjs;

/// Holds at most one chunk: a second one waits in the mailbox until hyper has taken the first, so a reader that
/// stops costs its mailbox and hyper's write buffer, both bounded.
#[derive(Debug, Default)]
pub(crate) struct Pipe {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    chunk: Option<Bytes>,
    /// Comes after it, and is the end.
    last: Option<Bytes>,
    /// The lane was refused and waits to hear that there is room.
    refused: bool,
    ended: bool,
    waker: Option<Waker>,
}

impl Pipe {
    /// Puts `bytes` in, or returns false while the chunk before them is not yet taken.
    pub(crate) fn offer(&self, bytes: impl FnOnce() -> Bytes) -> bool {
        let mut state = self.lock();
        if state.chunk.is_some() {
            state.refused = true;
            return false;
        }
        state.chunk = Some(bytes());
        wake(state.waker.take());
        true
    }

    /// Whether the chunk before is not yet taken; then the lane hears when it is.
    pub(crate) fn is_full(&self) -> bool {
        let mut state = self.lock();
        state.refused = state.chunk.is_some();
        state.refused
    }

    /// No more bytes will come; what is in the pipe is still carried out.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        wake(state.waker.take());
    }

    /// The same after these last bytes.
    pub(crate) fn end_with(&self, last: Bytes) {
        self.lock().last = Some(last);
        self.end();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// Who hears what becomes of a [`Pipe`].
#[derive(Debug)]
pub(crate) enum Reader {
    /// A peer of this lane.
    Peer(Rc<Signals>, PeerId),
    /// A session of SockJS, on any lane.
    Session(Lanes, sockjs::Response),
}

impl Reader {
    fn tell_ready(&self) {
        match self {
            Reader::Peer(signals, peer) => signals.send(Signal::Ready(*peer)),
            Reader::Session(lanes, response) => {
                send(lanes, sockjs::Errand::Ready(*response));
            }
        }
    }

    /// `untaken` says that a chunk was left in the pipe.
    fn tell_gone(&self, untaken: bool) {
        match self {
            Reader::Peer(signals, peer) => signals.send(Signal::Gone(*peer)),
            Reader::Session(lanes, response) => {
                let response = *response;
                send(lanes, sockjs::Errand::Gone { response, untaken });
            }
        }
    }
}

fn send(lanes: &Lanes, errand: sockjs::Errand) {
    let errand = Errand::SockJs(errand);
    if let Some(handle) = lanes.get(errand.sid().lane()) {
        handle.send(Command::Errand(errand));
    }
}

/// The end of a [`Pipe`] that hyper reads. Dropping it, as hyper does when the client has gone, tells the other end.
#[derive(Debug)]
pub(crate) struct Outlet {
    pipe: Arc<Pipe>,
    reader: Reader,
}

impl Outlet {
    pub(crate) fn new(pipe: Arc<Pipe>, reader: Reader) -> Self {
        Self { pipe, reader }
    }

    /// The next chunk, `None` after the last.
    pub(crate) fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut state = self.pipe.lock();
        if let Some(chunk) = state.chunk.take() {
            if std::mem::take(&mut state.refused) {
                self.reader.tell_ready();
            }
            return Poll::Ready(Some(chunk));
        }
        if state.ended {
            return Poll::Ready(state.last.take());
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
        let untaken = self.pipe.lock().chunk.is_some();
        self.reader.tell_gone(untaken);
    }
}

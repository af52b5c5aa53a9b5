//! Answers that an HTTP/2 client has asked for and does not take.
//!
//! On HTTP/1 such an answer blocks its socket, which is seen there. On HTTP/2 each stream has a window of its own, and hyper would hold an
//! answer for a closed one for as long as the connection is there: with 128 streams, and pings that are answered, for ever.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http_body_util::Either;
use hyper::body::{Body as _, Frame, SizeHint};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{Body, Reply};
use crate::core::WRITE_STALL;

/// Bytes of answers that wait to be taken before further requests of their connection wait, too.
const HELD_MAX: usize = 2 * 1024 * 1024;
/// Bytes that hyper is given at a time: what it was given counts as taken.
const PORTION: usize = 16 * 1024;
const STALL: Duration = Duration::from_millis(WRITE_STALL);

/// The answers of a connection.
#[derive(Default)]
pub(super) struct Replies {
    held: Cell<usize>,
    room: Notify,
    next: Cell<u64>,
    /// Since when each has waited.
    waiting: RefCell<BTreeMap<u64, Instant>>,
}

impl Replies {
    /// Waits until answers before were taken.
    pub(super) async fn room(&self) {
        while self.held.get() >= HELD_MAX {
            self.room.notified().await;
        }
    }

    /// Done when an answer was not taken for too long.
    pub(super) async fn stalled(&self) {
        loop {
            let oldest = self.waiting.borrow().values().min().copied();
            let now = Instant::now();
            match oldest {
                Some(since) if since + STALL <= now => return,
                // One that begins meanwhile is due later.
                Some(since) => tokio::time::sleep_until(since + STALL).await,
                None => tokio::time::sleep(STALL).await,
            }
        }
    }

    /// Counts an answer until it is taken. A stream that the lane writes is watched there.
    pub(super) fn watch(self: &Rc<Self>, reply: Reply) -> http::Response<Portions> {
        reply.map(|body| {
            let whole = match &body {
                Either::Left(full) => full.size_hint().exact(),
                Either::Right(_) => None,
            };
            let bytes = whole.map_or(0, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
            let watched = (bytes > 0).then(|| Watched::new(self.clone(), bytes));
            Portions {
                body,
                rest: Bytes::new(),
                watched,
            }
        })
    }
}

/// An answer that waits to be taken.
struct Watched {
    replies: Rc<Replies>,
    id: u64,
    bytes: usize,
}

impl Watched {
    fn new(replies: Rc<Replies>, bytes: usize) -> Self {
        let id = replies.next.get();
        replies.next.set(id + 1);
        replies.held.set(replies.held.get() + bytes);
        replies.waiting.borrow_mut().insert(id, Instant::now());
        Self { replies, id, bytes }
    }

    fn took(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        let replies = &self.replies;
        replies.held.set(replies.held.get() - bytes);
        replies.waiting.borrow_mut().insert(self.id, Instant::now());
        replies.room.notify_waiters();
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.took(self.bytes);
        self.replies.waiting.borrow_mut().remove(&self.id);
    }
}

/// The body of an answer, a portion at a time if it is in one piece.
pub(super) struct Portions {
    body: Body,
    rest: Bytes,
    watched: Option<Watched>,
}

impl hyper::body::Body for Portions {
    type Data = Bytes;
    type Error = <Body as hyper::body::Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        let Some(watched) = &mut this.watched else {
            return Pin::new(&mut this.body).poll_frame(context);
        };
        if this.rest.is_empty() {
            match Pin::new(&mut this.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                other => return other,
            }
        }
        let portion = this.rest.split_to(this.rest.remaining().min(PORTION));
        watched.took(portion.len());
        Poll::Ready(Some(Ok(Frame::data(portion))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match (self.rest.len() as u64, self.body.size_hint().exact()) {
            (rest, Some(more)) => SizeHint::with_exact(rest + more),
            (_, None) => self.body.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::http::full;

    #[tokio::test(start_paused = true)]
    async fn what_is_not_taken_makes_others_wait_and_then_is_given_up() {
        let replies = Rc::<Replies>::default();
        let large = Bytes::from(vec![b'x'; HELD_MAX - 1]);
        let first = replies.watch(http::Response::new(full(large.clone())));
        replies.room().await;
        let second = replies.watch(http::Response::new(full("yz")));
        let waits = |replies: Rc<Replies>| async move {
            tokio::time::timeout(Duration::from_secs(1), replies.room())
                .await
                .is_err()
        };
        assert!(waits(replies.clone()).await);
        let start = Instant::now();
        replies.stalled().await;
        assert!(start.elapsed() <= STALL);
        assert_eq!(first.body().size_hint().exact(), Some(large.len() as u64));
        let mut body = first.into_body();
        let portion = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(portion.len(), PORTION);
        assert!(!waits(replies.clone()).await, "there is room");
        assert_eq!(body.collect().await.unwrap().to_bytes(), large[PORTION..]);
        assert_eq!(second.into_body().collect().await.unwrap().to_bytes(), "yz");
        assert_eq!(replies.held.get(), 0);
        assert!(replies.waiting.borrow().is_empty());
    }
}

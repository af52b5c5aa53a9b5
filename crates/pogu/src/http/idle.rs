//! How long an HTTP/1 connection is waited for: idle between two requests as long as a browser may keep it, within a head not so long.
//!
//! hyper has one time for both. A short one closes connections that a browser is about to use, and a POST that meets its end is not sent
//! again; a long one suits whoever sends heads byte by byte.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// The requests of a connection.
#[derive(Debug, Default)]
pub(super) struct Requests {
    running: Cell<usize>,
    /// Those among them whose answer waits until there is something to say.
    waiting: Cell<usize>,
    /// All that there were.
    count: Cell<u64>,
}

impl Requests {
    pub(super) fn begin(self: &Rc<Self>) -> Rc<Running> {
        self.running.set(self.running.get() + 1);
        self.count.set(self.count.get() + 1);
        Rc::new(Running {
            requests: self.clone(),
            waits: Cell::new(false),
        })
    }

    /// Done when for so long, or up to twice as long, there was none.
    pub(super) async fn idle(&self, limit: Duration) {
        loop {
            let before = self.count.get();
            sleep(limit).await;
            if self.running.get() == 0 && self.count.get() == before {
                return;
            }
        }
    }
}

/// A request whose answer is not yet taken whole.
#[derive(Debug)]
pub(super) struct Running {
    requests: Rc<Requests>,
    waits: Cell<bool>,
}

impl Running {
    /// Its answer waits until there is something to say, for as long as that takes: a client that ends its side of it has gone, and does
    /// not only say that it asks no more.
    pub(super) fn waits(&self) {
        if !self.waits.replace(true) {
            self.requests.waiting.set(self.requests.waiting.get() + 1);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Requests { running, waiting, .. } = &*self.requests;
        running.set(running.get() - 1);
        waiting.set(waiting.get() - usize::from(self.waits.get()));
    }
}

/// The body of an answer; while it is there, so is its request.
pub(super) struct Answering<B> {
    pub(super) body: B,
    pub(super) _running: Rc<Running>,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Answering<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Waits for what a client sends.
#[derive(Debug)]
pub(super) struct Patience {
    requests: Rc<Requests>,
    idle: Duration,
    head: Duration,
    /// Requests when it was last looked.
    seen: u64,
    /// The next head has begun.
    begun: bool,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    pub(super) fn new(requests: Rc<Requests>, idle: Duration, head: Duration, begun: bool) -> Self {
        Self {
            requests,
            idle,
            head,
            seen: 0,
            begun,
            timer: None,
        }
    }

    /// Whether a request has an answer that comes by itself.
    pub(super) fn is_asked(&self) -> bool {
        self.requests.running.get() > self.requests.waiting.get()
    }

    /// Bytes have come.
    pub(super) fn heard(&mut self) {
        self.look();
        if self.requests.running.get() == 0 && !self.begun {
            self.begun = true;
            self.timer = None;
        }
    }

    /// Nothing has come: done when it is time to give up.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.look();
        if self.requests.running.get() > 0 {
            self.timer = None;
            return Poll::Pending;
        }
        let limit = if self.begun { self.head } else { self.idle };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
        timer.as_mut().poll(context)
    }

    /// A request that has come since ends the wait for its head.
    fn look(&mut self) {
        let count = self.requests.count.get();
        if std::mem::replace(&mut self.seen, count) != count {
            self.begun = false;
            self.timer = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(75);
    const HEAD: Duration = Duration::from_secs(10);

    /// Waits until a time is over and tells how long that was, by a clock that nobody waits for.
    async fn wait(patience: &mut Patience) -> Duration {
        let start = tokio::time::Instant::now();
        std::future::poll_fn(|context| patience.poll(context)).await;
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_has_longer_than_a_head() {
        let requests = Rc::new(Requests::default());
        let mut patience = Patience::new(requests.clone(), IDLE, HEAD, true);
        assert!(wait(&mut patience).await.abs_diff(HEAD) < Duration::from_millis(5));
        let mut patience = Patience::new(requests.clone(), IDLE, HEAD, true);
        patience.heard();
        let running = requests.begin();
        let poll =
            |patience: &mut Patience| patience.poll(&mut Context::from_waker(std::task::Waker::noop()));
        assert!(poll(&mut patience).is_pending());
        tokio::time::advance(10 * IDLE).await;
        assert!(poll(&mut patience).is_pending(), "an answer takes its time");
        patience.heard();
        drop(running);
        assert!(wait(&mut patience).await.abs_diff(IDLE) < Duration::from_millis(5));
        let mut patience = Patience::new(requests.clone(), IDLE, HEAD, false);
        assert!(poll(&mut patience).is_pending());
        tokio::time::advance(IDLE - Duration::from_secs(1)).await;
        patience.heard();
        // From the first byte, however many follow.
        assert!(poll(&mut patience).is_pending());
        tokio::time::advance(HEAD / 2).await;
        patience.heard();
        assert!(wait(&mut patience).await.abs_diff(HEAD / 2) < Duration::from_millis(5));
        // A request that came and went unseen is one.
        drop(requests.begin());
        assert!(wait(&mut patience).await.abs_diff(IDLE) < Duration::from_millis(5));
    }

    #[test]
    fn whose_answer_waits_does_not_ask() {
        let requests = Rc::new(Requests::default());
        let patience = Patience::new(requests.clone(), IDLE, HEAD, false);
        assert!(!patience.is_asked());
        let (poll, post) = (requests.begin(), requests.begin());
        assert!(patience.is_asked());
        poll.waits();
        poll.waits();
        assert!(patience.is_asked(), "the other one does");
        drop(post);
        assert!(!patience.is_asked());
        drop(poll);
        let last = requests.begin();
        assert!(patience.is_asked());
        drop(last);
        assert_eq!((requests.running.get(), requests.waiting.get()), (0, 0));
    }
}

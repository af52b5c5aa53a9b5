//! Bodies of requests, read within bounds: of the one body, of all of its connection (HTTP/2 has many at a time) and of all of the server.
//!
//! Room is taken as bytes arrive, so a declared length costs nothing, and is given back when the request is answered. Where there is none
//! the request is refused and not kept waiting: bodies that have begun would wait for each other, and those of one HTTP/2 connection hold
//! the window that they share.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::timeout;

use crate::config::Limits;
use crate::problem::Problem;

/// How long a body may take to arrive.
pub(super) const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest bodies that a connection may have at a time.
const LARGEST_PER_CONNECTION: usize = 2;

/// What the bodies that are being read hold, of all connections.
#[derive(Debug)]
pub(crate) struct Bodies {
    held: AtomicUsize,
    limit: usize,
    connection_limit: usize,
}

impl Bodies {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            held: 0.into(),
            limit: limits.bodies.bytes(),
            connection_limit: LARGEST_PER_CONNECTION.saturating_mul(limits.largest_body()),
        }
    }

    /// Bytes that are held.
    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
}

/// Who is at the other end of an HTTP connection.
pub(super) struct Client {
    pub(super) remote: SocketAddr,
    bodies: Arc<Bodies>,
    /// What the bodies of this connection hold.
    held: Cell<usize>,
}

impl Client {
    pub(super) fn new(remote: SocketAddr, bodies: Arc<Bodies>) -> Rc<Self> {
        Rc::new(Self {
            remote,
            bodies,
            held: Cell::new(0),
        })
    }
}

/// What one body holds, until it is dropped.
pub(super) struct Held {
    client: Rc<Client>,
    bytes: usize,
}

impl Held {
    fn new(client: &Rc<Client>) -> Self {
        Self {
            client: client.clone(),
            bytes: 0,
        }
    }

    /// Takes room for more; `None` if there is none.
    fn take(&mut self, more: usize) -> Option<()> {
        let Client { bodies, held, .. } = &*self.client;
        let (own, all) = (held.get() + more, bodies.held.load(Ordering::Relaxed) + more);
        // Lanes that ask at the same moment may go over it by what each of them has just read.
        if own > bodies.connection_limit || all > bodies.limit {
            return None;
        }
        held.set(own);
        bodies.held.fetch_add(more, Ordering::Relaxed);
        self.bytes += more;
        Some(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Client { bodies, held, .. } = &*self.client;
        held.set(held.get() - self.bytes);
        bodies.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Why a body was not read.
#[derive(Debug)]
pub(super) enum Unread {
    /// It has more bytes than it may.
    TooLarge(usize),
    /// Others hold all the room there is.
    NoRoom,
    /// It took too long.
    Late,
    /// It did not arrive whole.
    Broken(hyper::Error),
}

impl From<Unread> for Problem {
    fn from(unread: Unread) -> Problem {
        match unread {
            Unread::TooLarge(limit) => Problem::too_large(limit),
            Unread::NoRoom => {
                Problem::overloaded("too many bodies of requests are on their way; limits.bodies")
            }
            Unread::Late => Problem::bad_request(format!("the body took longer than {BODY_TIMEOUT:?}")),
            Unread::Broken(error) => Problem::bad_request(format!("the body did not arrive whole: {error}")),
        }
    }
}

/// Reads a body of at most `limit` bytes. What it holds is to be kept until its request is answered.
pub(super) async fn read(
    client: &Rc<Client>,
    body: &mut Incoming,
    limit: usize,
) -> Result<(Vec<u8>, Held), Unread> {
    if body.size_hint().lower() > limit as u64 {
        return Err(Unread::TooLarge(limit));
    }
    let mut held = Held::new(client);
    let mut whole = Vec::new();
    let reading = async {
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(Unread::Broken)?.into_data() else {
                continue;
            };
            if whole.len() + data.len() > limit {
                return Err(Unread::TooLarge(limit));
            }
            held.take(data.len()).ok_or(Unread::NoRoom)?;
            // Copied, as a small piece may hold a large buffer of hyper's.
            whole.extend_from_slice(&data);
        }
        Ok(())
    };
    timeout(BODY_TIMEOUT, reading).await.map_err(|_| Unread::Late)??;
    Ok((whole, held))
}

/// Whether a body is so large, or may be, that it is not read before its request is known to be good for something.
pub(super) fn is_large(body: &Incoming) -> bool {
    const LARGE: u64 = 16 * 1024;
    body.size_hint().upper().is_none_or(|upper| upper > LARGE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Size;

    #[test]
    fn there_is_room_up_to_the_limits_and_again_after_an_answer() {
        let limits = Limits {
            message: Size::new(900),
            head: Size::new(100),
            bodies: Size::new(5_000),
            ..Limits::default()
        };
        assert_eq!(limits.largest_body(), 2_000);
        let bodies = Arc::new(Bodies::new(&limits));
        let [one, other] = [1, 2].map(|port| Client::new(([192, 0, 2, 1], port).into(), bodies.clone()));
        let mut first = Held::new(&one);
        let mut second = Held::new(&one);
        assert!(first.take(1_000).is_some());
        assert!(first.take(1_000).is_some());
        assert!(second.take(2_000).is_some());
        assert!(second.take(1).is_none(), "of the connection");
        let mut third = Held::new(&other);
        assert!(third.take(1_000).is_some());
        assert!(third.take(1).is_none(), "of the server");
        drop(first);
        assert!(third.take(2_000).is_some());
        assert!(third.take(1).is_none(), "of the server");
        drop((second, third));
        assert_eq!((one.held.get(), other.held.get()), (0, 0));
        assert_eq!(bodies.held.load(Ordering::Relaxed), 0);
    }
}

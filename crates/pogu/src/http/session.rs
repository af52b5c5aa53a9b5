//! An answer that is a session: a WebSocket, a stream of messages, a poll that waits.
//!
//! On HTTP/1 its socket is taken over from hyper before hyper has answered, and lives on the lane like any other: it needs no task, no
//! buffer of its own and no chunks, and shares its bytes with the other sessions of its form. A poll's socket is given back
//! to hyper with its answer. On HTTP/2, where a socket has many streams, the lane writes a body that hyper carries.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Either;
use pogu_hub::{After, Selector, SubscribeError};
use tokio::net::TcpStream;

use super::{Reply, parked, problem};
use crate::carrier::Carrier;
use crate::dialect::Dialect;
use crate::drive::Shared;
use crate::engineio::Sid;
use crate::errand::{Errand, Probe};
use crate::id::PeerId;
use crate::lane::Lane;
use crate::link::Link;
use crate::peer::Ending;
use crate::pipe::{Outlet, Pipe, Reader};
use crate::problem::Problem;

/// What a connection, or a stream of HTTP/2, is to be.
pub(super) struct Session {
    pub(super) carrier: Carrier,
    pub(super) dialect: Dialect,
    pub(super) subscription: Option<(Selector, After)>,
    /// What is said before any message.
    pub(super) first: Vec<u8>,
    /// The session of Engine.IO that this WebSocket is to take over.
    pub(super) probed: Option<Sid>,
}

impl Session {
    pub(super) fn new(carrier: Carrier, dialect: Dialect) -> Self {
        Self {
            carrier,
            dialect,
            subscription: None,
            first: Vec::new(),
            probed: None,
        }
    }
}

/// What a request is answered with.
pub(super) enum Answer {
    Reply(Reply),
    Session(Response<()>, Box<Session>),
}

/// The head of an answer and its session.
type Left = (Response<()>, Box<Session>);

/// Where the service leaves a session for the driver of its HTTP/1 connection.
#[derive(Clone, Default)]
pub(super) struct Takeover {
    left: Rc<RefCell<Option<Left>>>,
    /// An earlier answer is not yet written: hyper still needs the socket.
    pub(super) blocked: Rc<Cell<bool>>,
}

impl Takeover {
    pub(super) fn leave(&self, head: Response<()>, session: Box<Session>) {
        *self.left.borrow_mut() = Some((head, session));
    }

    pub(super) fn take(&self) -> Option<Left> {
        self.left.borrow_mut().take()
    }
}

/// Moves an HTTP/1 connection to the lane. `unread` are bytes of it that came after the request.
pub(super) fn take_over(
    shared: &Shared,
    remote: SocketAddr,
    stream: TcpStream,
    unread: &mut [u8],
    head: &Response<()>,
    mut session: Session,
) {
    let Ok(stream) = stream.into_std() else { return };
    let mut lane = shared.borrow_mut();
    if lane.shutting_down {
        return;
    }
    let mut out = head_bytes(head);
    if let Carrier::LongPoll { held, .. } = &mut session.carrier {
        // Completed when the answer, and so its length, is known.
        held.head = std::mem::take(&mut out);
        held.unread = unread.to_vec();
    } else if let Carrier::Parked(_) = &session.carrier {
        out.clear();
    } else {
        out.extend_from_slice(b"\r\n");
        out.append(&mut session.first);
    }
    let mut carrier = match (session.probed, session.carrier) {
        (Some(sid), Carrier::WebSocket(socket)) => {
            return lane.send(Errand::Probe(Box::new(Probe {
                sid,
                stream,
                remote,
                socket,
                out,
                unread: unread.to_vec(),
            })));
        }
        (_, carrier) => carrier,
    };
    let waits = match &mut carrier {
        Carrier::Parked(parked) => parked.take_over(head, unread),
        _ => None,
    };
    let link = Link::Tcp(mio::net::TcpStream::from_std(stream));
    let Ok(id) = lane.add(link, remote, carrier, session.dialect, &mut []) else {
        return;
    };
    if let Some(waits) = waits {
        parked::wait(shared, id, waits);
    }
    let slot = id.slot as usize;
    if let Some(peer) = lane.get(id) {
        peer.out = out;
    }
    if lane
        .get(id)
        .is_some_and(|peer| matches!(peer.dialect, Dialect::Handler(_)))
    {
        // Some clients lose what comes in one segment with the answer that makes them a WebSocket.
        lane.mark_dirty(slot);
        lane.flush_peer(slot);
    }
    lane.begin(id);
    // Subscribed before the first frames are heard, so that a publisher gets its own first message back.
    if let Some((selector, after)) = session.subscription
        && let Err(error) = lane.subscribe_plain(id, selector, after)
    {
        return lane.refuse(id, &error);
    }
    if !unread.is_empty() {
        lane.receive(slot, unread);
    }
    lane.touched(slot);
    lane.core.signals.nudge();
}

/// Lets a session ride on a body that hyper carries.
///
/// `shares` says that its connection carries others, too: then it counts for itself.
pub(super) async fn ride(
    lane: &Shared,
    remote: SocketAddr,
    head: Response<()>,
    session: Session,
    shares: bool,
) -> Reply {
    let ends = matches!(session.carrier, Carrier::LongPoll { .. });
    let pipe = Arc::new(Pipe::default());
    let mut outlet = {
        let mut lane = lane.borrow_mut();
        if shares && let Some(why) = lane.no_room(remote) {
            return problem(Problem::overloaded(why));
        }
        let link = Link::Pipe(pipe.clone());
        let id = match lane.add(link, remote, session.carrier, session.dialect, &mut []) {
            Ok(id) => id,
            Err(error) => return problem(Problem::overloaded(&error.to_string())),
        };
        if !session.first.is_empty() {
            pipe.offer(|| Bytes::from(session.first));
        }
        let outlet = Outlet::new(pipe, Reader::Peer(lane.core.signals.clone(), id));
        if let Some((selector, after)) = session.subscription
            && let Err(error) = lane.subscribe_plain(id, selector, after)
        {
            return problem(Problem::overloaded(&error.to_string()));
        }
        lane.core.signals.nudge();
        outlet
    };
    if !ends {
        return head.map(|()| Either::Right(outlet));
    }
    // A client that goes meanwhile drops this future, and so the outlet.
    match std::future::poll_fn(|context| outlet.poll_chunk(context)).await {
        Some(body) => head.map(|()| super::full(body)),
        None => problem(Problem::shutting_down()),
    }
}

/// The status line and the headers, without the empty line that ends them.
pub(super) fn head_bytes(head: &Response<()>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    // Writing to a vector does not fail.
    let _ = write!(bytes, "HTTP/1.1 {}\r\n", head.status());
    for (name, value) in head.headers() {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    let _ = write!(bytes, "date: {}\r\n", httpdate::fmt_http_date(SystemTime::now()));
    bytes
}

/// The head of a stream of messages. On HTTP/1 it ends with its connection, which needs no chunks (RFC 9112 §6.3, rule 8).
pub(super) fn stream_head(content_type: &'static str, http1: bool) -> Response<()> {
    let mut head = Response::new(());
    let headers = head.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx holds answers back otherwise.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    if http1 {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    head
}

/// The head of a poll's answer.
pub(super) fn poll_head() -> Response<()> {
    let mut head = Response::new(());
    *head.status_mut() = StatusCode::OK;
    head.headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    head.headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    head
}

impl Lane {
    /// Gives a plain peer its one subscription.
    pub(crate) fn subscribe_plain(
        &mut self,
        id: PeerId,
        selector: Selector,
        after: After,
    ) -> Result<(), SubscribeError> {
        let slot = id.slot as usize;
        let Lane { peers, core, .. } = self;
        let Some(peer) = peers.get_mut(slot) else {
            return Ok(());
        };
        let Dialect::Plain(plain) = &mut peer.dialect else {
            return Ok(());
        };
        let exclude = if plain.echo { 0 } else { core.origin(id) };
        let outcome = core.subscribe(id, selector, after, exclude, None)?;
        plain.subscription = Some(outcome.id);
        if !outcome.live {
            peer.catching_up.push(outcome.id);
        }
        if outcome.gap {
            let selector = core.subscriptions.selector(outcome.id);
            let name = selector.map(|selector| selector.as_str().to_owned());
            peer.tell_gap(outcome.id, &name.unwrap_or_default(), None, core);
        }
        self.touched(slot);
        Ok(())
    }

    /// Closes a connection that could not be subscribed.
    pub(crate) fn refuse(&mut self, id: PeerId, error: &SubscribeError) {
        let slot = id.slot as usize;
        let now = self.core.now;
        let Some(peer) = self.peers.get_mut(slot) else {
            return;
        };
        if let Carrier::WebSocket(session) = &mut peer.carrier {
            session.close(now, 1013, &error.to_string(), &mut self.core.codec, &mut peer.out);
        }
        self.end(slot, &Ending::Finished);
    }
}

//! How messages ride between a peer and its link.

use pogu_hub::Cursor;
use pogu_proto::{Time, ws};

use crate::engineio::{EngineIo, Sid};
use crate::http::Parked;
use crate::id::PeerId;
use crate::lease::Lease;
use crate::sockjs::SockJs;

/// How messages ride.
pub(crate) enum Carrier {
    /// A TCP connection that has said nothing yet, so that nobody knows what it will be.
    Silent,
    /// A TCP byte stream, cut up by the dialect.
    Stream,
    /// One command or message a datagram.
    Datagram(Lease),
    WebSocket(ws::Session),
    /// Polls and then, perhaps, a WebSocket.
    EngineIo(Box<EngineIo>),
    /// SockJS, by a WebSocket or responses one after another.
    SockJs(Box<SockJs>),
    /// A WebSocket that is to take over a session of Engine.IO.
    Probe {
        /// There but while the lane hears it.
        socket: Option<Box<ws::Session>>,
        session: PeerId,
        until: Time,
    },
    /// A poll of Engine.IO that waits for its session's answer.
    Parked(Box<Parked>),
    /// An endless response body of Server-Sent Events.
    Sse {
        quiet_since: Time,
    },
    /// An endless response body of JSON lines.
    JsonLines {
        quiet_since: Time,
    },
    /// A response that ends with its first messages.
    LongPoll {
        until: Time,
        next: Cursor,
        /// Something was lost while it waited.
        gap: bool,
        /// Messages that the answer holds at most.
        limit: usize,
        /// Boxed, as every carrier has the room of the largest.
        held: Box<Held>,
    },
}

/// What a long poll keeps of its connection.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// What the answer begins with where hyper does not write it, but for its length.
    pub(crate) head: Vec<u8>,
    /// What came with the request and is for hyper to read after the answer: the next requests.
    pub(crate) unread: Vec<u8>,
}

impl Carrier {
    /// The name by which requests find its session, if they do.
    pub(crate) fn sid(&self) -> Option<Sid> {
        match self {
            Carrier::EngineIo(engine) => Some(engine.sid),
            Carrier::SockJs(carrier) => carrier.sid(),
            _ => None,
        }
    }

    /// Whether only a socket of its own can carry it.
    pub(crate) fn needs_socket(&self) -> bool {
        match self {
            Carrier::WebSocket(_) => true,
            Carrier::EngineIo(engine) => engine.socket.is_some(),
            Carrier::SockJs(carrier) => carrier.sid().is_none(),
            Carrier::Parked(_) => true,
            _ => false,
        }
    }

    /// Whether what it sends may be compressed.
    pub(crate) fn inflates(&self) -> bool {
        let socket = match self {
            Carrier::WebSocket(session) => Some(session),
            Carrier::EngineIo(engine) => engine.socket.as_ref(),
            _ => None,
        };
        socket.is_some_and(|session| session.deflate().is_some())
    }

    /// Whether its client has gone, so that there is nobody to tell.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self, Carrier::SockJs(carrier) if carrier.is_gone())
    }
}

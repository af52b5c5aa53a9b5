//! Engine.IO, protocol 4, and protocol 3 for clients of Socket.IO 1 and 2: sessions that begin on HTTP polling or on WebSocket.
//!
//! ```text
//! GET  ?EIO=4&transport=polling                → 0{"sid":"…","upgrades":["websocket"],"pingInterval":25000,…}
//! POST ?EIO=4&transport=polling&sid=…          4hello<1E>bAQID → ok
//! GET  ?EIO=4&transport=polling&sid=…          → 4hello<1E>4world      as soon as there is something
//! WS   ?EIO=4&transport=websocket&sid=…        2probe → 3probe, then 5: the WebSocket takes over
//! ```
//!
//! # Grammar
//!
//! ```text
//! packet    = "0" json / "1" / "2" text / "3" text / "4" text / "5" / "6"      open close ping pong message upgrade noop
//! WebSocket = a packet a text message; a binary message is one of its own      protocol 3: byte 04 before its bytes
//!             / "b" base64                                                     protocol 3: "b4" base64
//! payload   = item *( %x1E item )           item = packet / "b" base64         protocol 4
//!           = *( length ":" item )          item = packet / "b4" base64        protocol 3, lengths in UTF-16 code units
//!           = *( kind *digit %xFF item )    kind 00 text, 01 binary; digits are bytes 0-9   protocol 3, `application/octet-stream`
//! ```
//!
//! # Parts
//!
//! - [`Request::parse`] reads a URL's query, [`Refusal`] is the answer to one that is refused;
//! - [`Payload`] takes a request's or an answer's body apart, [`put`] appends a packet to one; [`Packet::read`] and [`put_message`] do
//!   the same for a WebSocket message; [`jsonp`] wraps bodies for clients that have only script elements;
//! - [`Session`] is the server's side of one session, [`Client`] the other.
//!
//! No session has a queue. What is to be said waits with the caller, who asks [`Session::output`] where it may go: the same bytes
//! of a message, made once by [`put`] or [`put_message`], serve all sessions that receive it.

mod client;
mod form;
pub(crate) mod json;
pub mod jsonp;
mod packet;
mod payload;
mod request;
mod session;

pub use client::{Client, ClientEvent, Open, ServerViolation};
pub use form::{Form, SEPARATOR, put};
pub use packet::{Data, Packet, PacketError, put_message};
pub use payload::Payload;
pub use request::{Method, Refusal, Request};
pub use session::{Due, Event, Session, Violation, open};

/// The revision of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// `EIO=3`: Socket.IO 1 and 2. The client pings.
    V3,
    /// `EIO=4`: Socket.IO from 3 on. The server pings.
    V4,
}

/// How the packets of a session ride.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// GETs that wait and POSTs.
    Polling,
    /// A WebSocket.
    WebSocket,
}

/// Limits and times of a session, in bytes and milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From one pong, or the beginning, to the next ping.
    pub ping_interval: u64,
    /// From a ping to its pong.
    pub ping_timeout: u64,
    /// From the beginning of an upgrade to its end.
    pub upgrade_timeout: u64,
    /// How long a session that the server has closed waits for a poll to say so to.
    pub close_timeout: u64,
    /// Bytes of a message and, as the client is told, of a POST's body.
    pub payload: usize,
    /// Packets in a payload.
    pub packets: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ping_interval: 25_000,
            ping_timeout: 20_000,
            upgrade_timeout: 10_000,
            close_timeout: 30_000,
            payload: 1_000_000,
            packets: 10_000,
        }
    }
}

impl Limits {
    /// Bytes of a POST's body in truth: base64 makes four of three, and the largest message fits on polls as on a WebSocket.
    pub fn body(&self) -> usize {
        self.payload.saturating_add(self.payload / 3).saturating_add(64)
    }
}

#[cfg(test)]
mod tests;

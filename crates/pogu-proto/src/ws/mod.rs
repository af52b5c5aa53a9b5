//! WebSocket (RFC 6455) with permessage-deflate (RFC 7692), both sides, without I/O.
//!
//! - [`accept_key`], [`negotiate_deflate`] and [`choose_protocol`] open a connection as a server, [`ClientHandshake`] as a
//!   client;
//! - [`Session`] turns arrived bytes into [`Event`]s and messages into bytes, keeps the connection alive and closes it;
//! - [`encode`] and [`encode_deflated`] make a frame once that a server sends to many, [`encode_header`] begins one of parts;
//! - [`Codec`] is what all sessions of one thread share.
//!
//! Compression never takes context over from one message to the next, in either direction. That is what lets one
//! compressed frame serve all receivers and lets a session hold nothing while it is idle.

mod client;
mod codec;
mod deflate;
mod extension;
mod frame;
mod handshake;
mod message;
mod receiver;
mod session;
mod violation;

pub use client::{Accepted, ClientHandshake, HandshakeError, Request};
pub use codec::Codec;
pub use deflate::{DEFLATE_MIN, Deflate, encode_deflated};
pub use extension::negotiate_deflate;
pub use frame::{encode, encode_header, frame_header_len};
pub use handshake::{accept_key, choose_protocol, is_valid_key};
pub use session::{Event, Session};
pub use violation::{Violation, is_close_code};

/// Which side of the connection a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Sends masked frames, receives unmasked ones.
    Client,
    /// Sends unmasked frames, receives masked ones.
    Server,
}

/// What a message is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

/// Limits and times of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a message, after inflating.
    pub message: usize,
    /// Frames of a message. Empty ones count too, or a message could go on for ever.
    pub fragments: u32,
    /// Milliseconds of silence after which the peer is pinged.
    pub ping_interval: u64,
    /// Milliseconds after that ping within which something must arrive.
    pub pong_timeout: u64,
    /// Milliseconds after our Close frame within which the peer's must arrive.
    pub close_timeout: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message: 1 << 20,
            fragments: 1 << 17,
            ping_interval: 25_000,
            pong_timeout: 20_000,
            close_timeout: 5_000,
        }
    }
}

#[cfg(test)]
mod tests;

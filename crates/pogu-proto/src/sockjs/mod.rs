//! SockJS 0.3: a WebSocket's messages on whatever a browser and the proxies before it let through.
//!
//! ```text
//! POST …/000/k3x8/xhr                                      o        and the response ends
//! POST …/000/k3x8/xhr_send        ["hello","world"]        → 204
//! POST …/000/k3x8/xhr                                      a["hello","world"]
//! POST …/000/k3x8/xhr_streaming                            hhh…, and a frame a line until the response has its length
//! WS   …/000/k3x8/websocket                                each frame a text message
//! WS   …/websocket                                         a WebSocket without any of this
//! ```
//!
//! # Grammar
//!
//! ```text
//! base      = "" / "/" / "/info" / "/iframe" *(digit / lower / "-" / "." / "_") ".html" / "/websocket"
//! session   = "/" name "/" name "/" transport          the first name is for balancers and means nothing here
//! name      = 1*128(any byte but "/" and ".")          a "/" may follow every path
//! frame     = "o" / "h" / "a[" string *("," string) "]" / "c[" code "," string "]"         from the server
//! sent      = "[" [string *("," string)] "]"           from the client; on a WebSocket also one string, or nothing
//! ```
//!
//! A string is JSON's. The server writes it with every character escaped that browsers were found to change on the way
//! ([`put_string`]).
//!
//! # Parts
//!
//! - [`Request::parse`] reads method, path and query, [`Refusal`] is the answer to one that is refused;
//! - [`Receiver`] is how frames ride to a client, [`Sender`] how messages come from one; [`http`] has what the answers to both
//!   and to the other requests are made of;
//! - [`Messages`] takes apart what a client has sent, [`put_string`] makes a message once for all sessions that receive it;
//! - [`Session`] is the server's side of one session, [`Client`] and [`Decoder`] are the other.
//!
//! No session has a queue. What is to be said waits with the caller, who asks [`Session::say`] after each call what comes next.

mod client;
mod decoder;
mod frame;
pub mod http;
mod messages;
mod request;
mod session;
mod string;
mod wire;

pub use client::{Client, ClientEvent, ServerViolation};
pub use decoder::Decoder;
pub use frame::{Close, Frame, FrameError};
pub use messages::{Messages, SendError, put_send};
pub use request::{Method, Refusal, Request};
pub use session::{Refused, Say, Session};
pub use string::put_string;
pub use wire::{Receiver, Sender};

/// Limits and times of a session, in bytes and milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From one heartbeat to the next.
    pub heartbeat: u64,
    /// How long a session lives without a receiver.
    pub disconnect_delay: u64,
    /// Bytes of frames after which a response that streams is ended, so that the browser can forget them.
    pub response: usize,
    /// Bytes of a POST's body, and of a WebSocket message.
    pub payload: usize,
    /// Messages in one of these.
    pub messages: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            heartbeat: 25_000,
            disconnect_delay: 5_000,
            response: 128 * 1024,
            payload: 1_000_000,
            messages: 10_000,
        }
    }
}

#[cfg(test)]
mod tests;

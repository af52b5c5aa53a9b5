//! Socket.IO, protocol 5, and protocol 4 for clients of Socket.IO 1 and 2: events with acknowledgements in namespaces, as messages of
//! [Engine.IO](crate::engineio).
//!
//! ```text
//! client → server                              server → client
//!
//! 0/chat,{"token":"T"}                         0/chat,{"sid":"…"}                    or 4/chat,{"message":"Not authorized"}
//! 2/chat,7["msg","hi",{"to":1}]                3/chat,7["done"]                      the acknowledgement of 7
//! 51-/chat,["file",{"_placeholder":true,"num":0}]   and a binary message
//!                                              2/chat,["msg","hi"]
//! 1/chat,                                      1/chat,
//! ```
//!
//! # Grammar
//!
//! ```text
//! packet     = "0" [namespace] [object]                              CONNECT
//!            / "1" [namespace]                                       DISCONNECT
//!            / "2" [namespace] [id] array                            EVENT, the array's first element its name
//!            / "3" [namespace] id array                              ACK
//!            / "4" [namespace] [value]                               CONNECT_ERROR
//!            / "5" count "-" [namespace] [id] array                  EVENT, with binary
//!            / "6" count "-" [namespace] id array                    ACK, with binary
//! namespace  = "/" name ( "," / end )                                absent for "/"; in protocol 4 a query may follow the name
//! ```
//!
//! - A name is a string, or a number that is taken for its digits; some are [reserved](is_reserved).
//! - In JSON with binary each object with a member `"_placeholder":true` stands for the binary message number `num`, 0 first, that
//!   follows. Each of them is to be used once.
//! - JSON is checked but never read: it is lent as it stands, and an event's arguments can be written elsewhere as they came.
//!   Only so many arrays and objects may lie in one another ([`Limits::depth`]).
//!
//! # Parts
//!
//! - [`Packet::parse`] and [`Packet::encode`] know the grammar; [`event()`], [`ack`], [`connected`], [`refused`], [`disconnect`] and
//!   [`connect`] write what a server or a client says. An event is the same for all its receivers in a namespace, and its
//!   [array](put_array) for those in all namespaces;
//! - [`Session`] is the server's side of one connection, [`Client`] the other.

mod args;
mod assembler;
mod client;
mod packet;
mod session;
mod write;

pub use args::{Arg, Args};
pub use client::{Client, ClientEvent, Recovery, ServerViolation};
pub use packet::{Packet, PacketError, is_namespace, is_reserved};
pub use session::{Auth, Event, NamespaceId, Resumption, Session, Violation};
pub use write::{
    ack, connect, connected, disconnect, event, put_ack_head, put_array, put_event_head, refused,
};

use crate::engineio::json;

/// What a JSON string says, a lone surrogate being U+FFFD; `None` for any other JSON value.
pub fn string(value: &str) -> Option<std::borrow::Cow<'_, str>> {
    json::string(value)
}

/// Appends `text` as a JSON string.
pub fn put_string(text: &str, out: &mut Vec<u8>) {
    json::put_string(text, out);
}

/// Limits of a connection, in bytes, numbers and milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a namespace's name, in protocol 4 with its query.
    pub namespace: usize,
    /// Namespaces that a connection has joined or asks for.
    pub namespaces: usize,
    /// Binary messages of a packet, of which 64 are the most that can be.
    pub attachments: usize,
    /// Bytes of all binary messages of a packet.
    pub attachment_bytes: usize,
    /// Levels of arrays and objects in one another in the JSON of a packet, of which 128 are the most that can be.
    pub depth: usize,
    /// From the beginning to the first namespace joined.
    pub connect_timeout: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            namespace: 255,
            namespaces: 100,
            attachments: 10,
            attachment_bytes: 1 << 20,
            depth: json::DEPTH_MAX,
            connect_timeout: 45_000,
        }
    }
}

#[cfg(test)]
mod tests;

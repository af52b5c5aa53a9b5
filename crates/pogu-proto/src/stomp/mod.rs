//! STOMP 1.0, 1.1 and 1.2, both sides.
//!
//! ```text
//! client → server                                       server → client
//!
//! CONNECT                                               CONNECTED
//! accept-version:1.1,1.2                                version:1.2
//! host:example.org                                      heart-beat:10000,10000
//! heart-beat:10000,10000                                session:…
//! (blank line) NUL                                      server:…
//!                                                       (blank line) NUL
//! SUBSCRIBE
//! id:1
//! destination:/topic/chat                               MESSAGE
//! (blank line) NUL                                      subscription:1
//! SEND                                                  destination:/topic/chat
//! destination:/topic/chat                               message-id:…
//! receipt:7                                             content-length:5
//! (blank line) hello NUL                                (blank line) hello NUL
//!                                                       RECEIPT
//!                                                       receipt-id:7
//!                                                       (blank line) NUL
//! ```
//!
//! # Grammar
//!
//! ```text
//! stream    = *( noise / frame )
//! frame     = command EOL *( name ":" value EOL ) EOL body NUL
//! EOL       = [CR] LF
//! noise     = LF / CR / NUL                             a lone LF is a heart-beat
//! body      = content-length bytes of any kind; without content-length any but NUL
//! ```
//!
//! | | 1.0 | 1.1 | 1.2 |
//! | --- | --- | --- | --- |
//! | escapes in headers | none; white space around name and value is no part of them | `\\` `\c` `\n` | `\\` `\c` `\n` `\r` |
//! | `id` of SUBSCRIBE and UNSUBSCRIBE | may be left out; a destination does for UNSUBSCRIBE | required | required |
//! | `ack` of SUBSCRIBE | `auto` `client` | `client-individual` as well | the same |
//! | ACK and NACK name a message by | `message-id`; no NACK | `message-id` and `subscription` | `id`, the `ack` of the MESSAGE |
//! | body | of other frames than SEND ignored | in SEND, MESSAGE and ERROR only | the same |
//! | heart-beats | no | yes | yes |
//!
//! - A session speaks the highest version in `accept-version` that is known here, 1.0 without that header. Nothing is escaped in CONNECT and CONNECTED;
//!   in STOMP, which is CONNECT by another name, escapes are read as in all other frames.
//! - Read more liberally than written: CRLF and a raw `:` in a value in every version, noise wherever a frame may begin, CONNECT without `host`.
//!   An undefined escape ends the session, as 1.1 and 1.2 have it. Command and headers are UTF-8 without NUL.
//! - Of headers with the same name the first counts.
//! - What a version cannot say in a header (NUL; CR before 1.2; LF in 1.0; `:` in a name in 1.0) is written as a space, or as `_` in a name, so that
//!   nobody's value becomes somebody's header.
//! - On WebSocket and SockJS the messages are pieces of the same stream: a frame may span several and one may hold several.
//! - Everything that breaks these rules is answered with one ERROR, after which nothing is read: STOMP knows no lesser refusal.

mod answer;
mod client;
mod decoder;
mod event;
mod frame;
mod header;
mod heart_beat;
mod request;
pub mod selector;
mod session;
mod version;
mod violation;
mod write;

pub use answer::{Failure, Tail, message_head, message_tail, receipt};
pub use client::{Answer, Client, Offer};
pub use decoder::{Decoder, Limits};
pub use event::{Ack, AckMode, Connect, Event};
pub use frame::Frame;
pub use header::Headers;
pub use heart_beat::HeartBeat;
pub use request::Request;
pub use session::{Accepted, Server, ServerLimits};
pub use version::Version;
pub use violation::Violation;

#[cfg(test)]
mod tests;

//! Wire formats and protocol state machines of pogu, without I/O: bytes and time go in, values come out.
//!
//! Nothing in this crate owns a socket, a task or a clock, so the server, the client, the bench, the tap, the tests and the
//! fuzzers drive the same code. Every stateful type follows one shape:
//!
//! - input is handed in as a [`Reader`] over a buffer that the caller owns; complete units are lent out of it, only an
//!   incomplete rest is kept, and "not enough bytes yet" is `Ok(None)`, never an error;
//! - output is appended to a `Vec<u8>` that the caller owns, so that nothing is held while a session is idle;
//! - time is a [`Time`] handed in by the caller: `deadline()` says when `tick(now)` is wanted next;
//! - limits are values of the session and are met before memory is spent.

#![forbid(unsafe_code)]

#[cfg(test)]
mod cuts;
pub mod engineio;
pub mod framing;
mod kept;
mod percent;
pub mod pogu;
mod reader;
pub mod sniff;
pub mod socketio;
pub mod sockjs;
pub mod sse;
pub mod stomp;
mod time;
mod too_long;
pub mod ws;

pub use reader::Reader;
pub use time::Time;
pub use too_long::TooLong;

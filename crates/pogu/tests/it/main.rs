//! A whole server in this process, and clients that talk to it over real sockets in every way.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic"
)]

mod bodies;
mod bound;
mod catching_up;
mod edges;
mod engineio;
mod headers;
mod http;
mod http2;
mod lines;
mod long_poll;
mod server;
mod shutdown;
mod slow;
mod socketio;
mod sockjs;
mod stomp;
mod stream;
mod udp;
mod websocket;

use std::time::Duration;

/// Longer than anything here takes; a test that waits so long fails.
const PATIENCE: Duration = Duration::from_secs(20);

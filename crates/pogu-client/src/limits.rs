//! What this client takes from a server at most, so that a hostile or broken one cannot use up its memory or time.

use std::time::Duration;

/// Bytes of one message with its envelope: one JSON line, one SSE event, one `MSG`.
pub(crate) const MESSAGE_BYTES_MAX: usize = 32 << 20;

/// Bytes of one HTTP answer that is read whole.
pub(crate) const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Bytes kept of the body of an HTTP refusal.
pub(crate) const PROBLEM_BYTES_MAX: usize = 64 << 10;

/// Messages that wait for the caller of a subscriber; while it is full, nothing more is read.
pub(crate) const EVENTS_WAITING_MAX: usize = 256;

/// Publications that wait for a publisher's connection before [`crate::Publisher::publish`] waits.
pub(crate) const DRAFTS_WAITING_MAX: usize = 64;

/// Publications that are sent and not yet answered, over one WebSocket or TCP connection.
pub(crate) const IN_FLIGHT_MAX: usize = 256;

/// Messages of a queue that may be here and not acknowledged, over one connection.
pub(crate) const PREFETCH_MAX: u16 = 512;

/// Messages of a queue that are remembered while the caller has them, over all connections.
pub(crate) const HELD_MAX: usize = 2 * PREFETCH_MAX as usize;

/// Acknowledgements that wait for the connection of a subscriber before [`crate::Subscriber::acknowledge`] waits.
pub(crate) const SETTLED_WAITING_MAX: usize = 256;

/// Pings of Engine.IO in a row that are answered before anything could be written.
pub(crate) const PINGS_WAITING_MAX: u32 = 100;

/// Bytes read at once.
pub(crate) const READ_BYTES: usize = 64 << 10;

/// Bytes of messages after which one POST takes no more of them.
pub(crate) const POST_BYTES_MAX: usize = 64 << 10;

/// The largest payload of a UDP datagram over IPv4.
pub(crate) const DATAGRAM_BYTES_MAX: usize = 65_507;

/// The longest goodbye when a subscriber or publisher ends.
pub(crate) const GOODBYE_MAX: Duration = Duration::from_secs(1);

/// Bytes of a pogu answer before its body.
pub(crate) const HEAD_BYTES_MAX: usize = 64 << 10;

/// Bytes that wait to be written to one connection before a publisher takes no more.
pub(crate) const BACKLOG_BYTES_MAX: usize = 1 << 20;

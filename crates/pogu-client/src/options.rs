use std::time::Duration;

use crate::{SockJsTransport, Trace};

/// How a subscriber or publisher goes about its connections.
#[derive(Clone, Debug)]
pub struct Options {
    /// The longest wait for a connection, for a handshake, for the head of an answer, and for a WebSocket to take a session of
    /// Socket.IO over from polls: without one in that time it stays on them.
    pub connect_timeout: Duration,
    /// The longest wait for a subscriber's first connection in all, whatever ways are tried; without it there is one for each
    /// step of each of them alone.
    pub opening_timeout: Option<Duration>,
    /// With nothing heard for so long, a WebSocket, TCP or SockJS connection is asked for a sign of life; with nothing heard for
    /// twice as long, any connection is taken for dead and made anew; over UDP after 20 s already. STOMP over TCP and Socket.IO over polls have signs of life as
    /// seldom as their server wants them.
    pub idle_timeout: Duration,
    /// The first wait between attempts to connect again; each failure doubles it, and the wait is a random part of it.
    pub backoff_base: Duration,
    /// The longest wait between attempts.
    pub backoff_cap: Duration,
    /// How long a publisher tries to bring one message to the server before it gives up; the first connection is part of the
    /// first message's time.
    pub publish_timeout: Duration,
    /// Whether a publisher tries until then to make its first connection, too; otherwise the first failure is an error. Over UDP
    /// nobody is connected to, and a server that is away is met with the first message.
    pub insist: bool,
    /// How many messages of a queue may be here that are not acknowledged, from 1 to 512; other subscribers get the rest
    /// meanwhile.
    pub prefetch: u16,
    /// The wait between two requests of [`crate::Via::Poll`] when there was nothing new.
    pub poll_interval: Duration,
    /// What carries [`crate::Via::SockJs`]; without it, a WebSocket, or where none gets through streamed responses, or polls.
    pub sockjs_transport: Option<SockJsTransport>,
    /// Is told each step of every socket's life.
    pub trace: Option<Trace>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            opening_timeout: None,
            idle_timeout: Duration::from_secs(30),
            backoff_base: Duration::from_millis(250),
            backoff_cap: Duration::from_secs(10),
            publish_timeout: Duration::from_secs(30),
            insist: false,
            prefetch: 64,
            poll_interval: Duration::from_secs(1),
            sockjs_transport: None,
            trace: None,
        }
    }
}

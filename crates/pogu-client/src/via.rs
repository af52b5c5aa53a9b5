use std::fmt;
use std::str::FromStr;

/// A way of carrying messages between this client and a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Via {
    /// `POST /topics/T`: publishing only.
    Http,
    /// Server-Sent Events: subscribing only.
    Sse,
    /// A streamed HTTP response with one JSON message a line: subscribing only.
    Stream,
    /// HTTP requests that the server answers when there is something to tell: subscribing only.
    LongPoll,
    /// HTTP requests answered at once, one a second: subscribing only.
    Poll,
    /// The pogu dialect over a WebSocket.
    Ws,
    /// The pogu dialect over TCP.
    Tcp,
    /// The pogu dialect over UDP.
    Udp,
    /// STOMP: over a WebSocket with `http` and `ws` URLs, else over TCP. Its destinations are `/topic/T` for a topic or pattern, and
    /// any name that begins with `/` as it is: `/queue/jobs` is a queue, from which each message goes to one subscriber.
    Stomp,
    /// Socket.IO: over a WebSocket, or over polls where none opens. Messages are events of the namespace `/`, in which a pogu server
    /// takes `subscribe` and `publish`. With `?transport=polling` or `?transport=websocket` in the URL it is by no other; with
    /// `?transport=polling,websocket` it begins on polls and goes over to a WebSocket if one gets through, as `socket.io-client` does.
    SocketIo,
    /// The pogu dialect over SockJS: over a WebSocket, or responses where none gets through, as
    /// [`Options::sockjs_transport`](crate::Options::sockjs_transport) says. It carries text alone, and what is binary in base64.
    SockJs,
    /// What works best: subscribing tries WebSocket, stream, long poll, poll and SockJS in this order, publishing is HTTP.
    Auto,
}

impl Via {
    /// Every way, in the order in which help texts list them.
    pub const ALL: [Via; 12] = [
        Via::Auto,
        Via::Http,
        Via::Sse,
        Via::Stream,
        Via::LongPoll,
        Via::Poll,
        Via::Ws,
        Via::Tcp,
        Via::Udp,
        Via::Stomp,
        Via::SocketIo,
        Via::SockJs,
    ];

    /// The name used on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Via::Http => "http",
            Via::Sse => "sse",
            Via::Stream => "stream",
            Via::LongPoll => "longpoll",
            Via::Poll => "poll",
            Via::Ws => "ws",
            Via::Tcp => "tcp",
            Via::Udp => "udp",
            Via::Stomp => "stomp",
            Via::SocketIo => "socketio",
            Via::SockJs => "sockjs",
            Via::Auto => "auto",
        }
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Via {
    type Err = UnknownVia;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Via::ALL
            .into_iter()
            .find(|via| via.name() == name)
            .ok_or_else(|| UnknownVia(name.to_owned()))
    }
}

/// A name that is no [`Via`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no way of carrying messages; there are auto, http, sse, stream, longpoll, poll, ws, tcp, udp, stomp, socketio and sockjs"
)]
pub struct UnknownVia(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back() {
        for via in Via::ALL {
            assert_eq!(via.name().parse(), Ok(via));
        }
        assert!("pigeon".parse::<Via>().is_err());
    }

    #[test]
    fn the_refusal_lists_every_name() {
        let text = "x".parse::<Via>().map_err(|error| error.to_string()).unwrap_err();
        for via in Via::ALL {
            assert!(text.contains(via.name()), "{via} is missing in {text:?}");
        }
    }
}

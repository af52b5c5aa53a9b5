//! What is counted apart: ways in and out, and reasons of losses.

use pogu_hub::Policy;

/// A way in or out: carrier × dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A TCP connection that has said nothing yet.
    TcpSilent,
    /// The pogu dialect on TCP.
    TcpPogu,
    /// A bound TCP port.
    TcpPlain,
    /// The pogu dialect on UDP.
    UdpPogu,
    /// A bound UDP port.
    UdpPlain,
    /// A topic's WebSocket.
    WsPlain,
    /// The pogu dialect on a WebSocket.
    WsPogu,
    /// STOMP on TCP.
    TcpStomp,
    /// STOMP on a WebSocket.
    WsStomp,
    /// Socket.IO on Engine.IO, by polls or a WebSocket.
    SocketIo,
    /// Engine.IO that the application handles itself.
    EngineIoHandler,
    /// A topic by SockJS.
    SockJsPlain,
    /// The pogu dialect by SockJS.
    SockJsPogu,
    /// STOMP by SockJS.
    SockJsStomp,
    /// SockJS that the application handles itself.
    SockJsHandler,
    /// A WebSocket that is to take over a session of Engine.IO.
    SocketIoProbe,
    /// A poll that has waited for a while for its session of Engine.IO.
    SocketIoPoll,
    /// A WebSocket that the application handles itself.
    WsHandler,
    /// A poll that is answered at once.
    HttpPoll,
    /// A poll that waits.
    HttpLongPoll,
    /// A stream of JSON lines.
    HttpStream,
    /// Server-sent events.
    HttpSse,
    /// A message sent by POST.
    HttpPost,
}

impl Way {
    /// All of them, in order.
    pub const ALL: [Way; 23] = [
        Way::TcpSilent,
        Way::TcpPogu,
        Way::TcpPlain,
        Way::UdpPogu,
        Way::UdpPlain,
        Way::WsPlain,
        Way::WsPogu,
        Way::TcpStomp,
        Way::WsStomp,
        Way::SocketIo,
        Way::EngineIoHandler,
        Way::SockJsPlain,
        Way::SockJsPogu,
        Way::SockJsStomp,
        Way::SockJsHandler,
        Way::SocketIoProbe,
        Way::SocketIoPoll,
        Way::WsHandler,
        Way::HttpPoll,
        Way::HttpLongPoll,
        Way::HttpStream,
        Way::HttpSse,
        Way::HttpPost,
    ];

    /// The label `carrier`.
    pub fn carrier(self) -> &'static str {
        match self {
            Way::TcpSilent | Way::TcpPogu | Way::TcpPlain | Way::TcpStomp => "tcp",
            Way::UdpPogu | Way::UdpPlain => "udp",
            Way::WsPlain | Way::WsPogu | Way::WsStomp | Way::WsHandler => "websocket",
            Way::SocketIo | Way::EngineIoHandler => "engine.io",
            Way::SockJsPlain | Way::SockJsPogu | Way::SockJsStomp | Way::SockJsHandler => "sockjs",
            Way::SocketIoProbe => "engine.io-probe",
            Way::SocketIoPoll => "engine.io-poll",
            Way::HttpPoll => "http-poll",
            Way::HttpLongPoll => "http-long-poll",
            Way::HttpStream => "http-stream",
            Way::HttpSse => "sse",
            Way::HttpPost => "http-post",
        }
    }

    /// The label `dialect`.
    pub fn dialect(self) -> &'static str {
        match self {
            Way::TcpSilent => "unknown",
            Way::TcpPogu | Way::UdpPogu | Way::WsPogu | Way::SockJsPogu => "pogu",
            Way::TcpStomp | Way::WsStomp | Way::SockJsStomp => "stomp",
            Way::SocketIo | Way::SocketIoProbe | Way::SocketIoPoll => "socket.io",
            Way::WsHandler | Way::EngineIoHandler | Way::SockJsHandler => "handler",
            Way::TcpPlain
            | Way::UdpPlain
            | Way::WsPlain
            | Way::SockJsPlain
            | Way::HttpPoll
            | Way::HttpLongPoll
            | Way::HttpStream
            | Way::HttpSse
            | Way::HttpPost => "plain",
        }
    }
}

/// Why a connection was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// `limits.connections` is reached.
    Connections,
    /// `limits.connections-per-address` is reached.
    PerAddress,
    /// It began with TLS.
    Tls,
    /// It began with a PROXY header.
    ProxyHeader,
}

impl Refused {
    /// All of them, in order.
    pub const ALL: [Refused; 4] = [
        Refused::Connections,
        Refused::PerAddress,
        Refused::Tls,
        Refused::ProxyHeader,
    ];

    /// The label `reason`.
    pub fn reason(self) -> &'static str {
        match self {
            Refused::Connections => "limit-connections",
            Refused::PerAddress => "limit-connections-per-address",
            Refused::Tls => "tls",
            Refused::ProxyHeader => "proxy-header",
        }
    }

    /// What it is told with in the log.
    pub(crate) fn warning(self) -> &'static str {
        match self {
            Refused::Connections => "connections refused: limits.connections is reached",
            Refused::PerAddress => "connections refused: limits.connections-per-address is reached",
            Refused::Tls => {
                "connections refused: they began with TLS, which this port does not speak; put a proxy before it, or connect without"
            }
            Refused::ProxyHeader => {
                "connections refused: they began with a PROXY header, and no peer is trusted to send one"
            }
        }
    }
}

/// Why a message did not reach a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The mailbox was full and the oldest went.
    Oldest,
    /// The mailbox was full and the new one went.
    Newest,
    /// The mailbox was full and a newer message of the topic took its place.
    Conflated,
    /// The mailbox was full and the client went.
    Disconnected,
    /// The socket had no room for the datagram.
    UdpNoRoom,
    /// The message is larger than a datagram.
    UdpTooLarge,
    /// The address has not shown that it receives what is sent to it, and has had its share.
    UdpUnverified,
}

impl From<Policy> for Loss {
    fn from(policy: Policy) -> Loss {
        match policy {
            Policy::DropOldest => Loss::Oldest,
            Policy::DropNewest => Loss::Newest,
            Policy::Conflate => Loss::Conflated,
            Policy::Disconnect => Loss::Disconnected,
        }
    }
}

impl Loss {
    /// All of them, in order.
    pub const ALL: [Loss; 7] = [
        Loss::Oldest,
        Loss::Newest,
        Loss::Conflated,
        Loss::Disconnected,
        Loss::UdpNoRoom,
        Loss::UdpTooLarge,
        Loss::UdpUnverified,
    ];

    /// The label `reason`.
    pub fn reason(self) -> &'static str {
        match self {
            Loss::Oldest => "mailbox-drop-oldest",
            Loss::Newest => "mailbox-drop-newest",
            Loss::Conflated => "mailbox-conflate",
            Loss::Disconnected => "mailbox-disconnect",
            Loss::UdpNoRoom => "udp-no-room",
            Loss::UdpTooLarge => "udp-too-large",
            Loss::UdpUnverified => "udp-unverified",
        }
    }
}

//! What is counted apart: ways in and out, and reasons of losses.

use pogu_hub::Policy;

/// Ways, each with its labels `carrier` and `dialect`, from one list.
macro_rules! ways {
    ($($(#[$doc:meta])* $way:ident => $carrier:literal, $dialect:literal;)*) => {
        /// A way in or out: carrier × dialect.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Way {
            $($(#[$doc])* $way,)*
        }

        impl Way {
            /// All of them, in order.
            pub const ALL: [Way; [$($carrier),*].len()] = [$(Way::$way),*];

            /// The label `carrier`.
            pub fn carrier(self) -> &'static str {
                match self {
                    $(Way::$way => $carrier,)*
                }
            }

            /// The label `dialect`.
            pub fn dialect(self) -> &'static str {
                match self {
                    $(Way::$way => $dialect,)*
                }
            }
        }
    };
}

ways! {
    /// A TCP connection that has said nothing yet.
    TcpSilent => "tcp", "unknown";
    /// The pogu dialect on TCP.
    TcpPogu => "tcp", "pogu";
    /// A bound TCP port.
    TcpPlain => "tcp", "plain";
    /// The pogu dialect on UDP.
    UdpPogu => "udp", "pogu";
    /// A bound UDP port.
    UdpPlain => "udp", "plain";
    /// A topic's WebSocket.
    WsPlain => "websocket", "plain";
    /// The pogu dialect on a WebSocket.
    WsPogu => "websocket", "pogu";
    /// STOMP on TCP.
    TcpStomp => "tcp", "stomp";
    /// STOMP on a WebSocket.
    WsStomp => "websocket", "stomp";
    /// Socket.IO on Engine.IO, by polls or a WebSocket.
    SocketIo => "engine.io", "socket.io";
    /// Engine.IO that the application handles itself.
    EngineIoHandler => "engine.io", "handler";
    /// A topic by SockJS.
    SockJsPlain => "sockjs", "plain";
    /// The pogu dialect by SockJS.
    SockJsPogu => "sockjs", "pogu";
    /// STOMP by SockJS.
    SockJsStomp => "sockjs", "stomp";
    /// SockJS that the application handles itself.
    SockJsHandler => "sockjs", "handler";
    /// A WebSocket that is to take over a session of Engine.IO.
    SocketIoProbe => "engine.io-probe", "socket.io";
    /// A poll that has waited for a while for its session of Engine.IO.
    SocketIoPoll => "engine.io-poll", "socket.io";
    /// A WebSocket that the application handles itself.
    WsHandler => "websocket", "handler";
    /// A poll that is answered at once.
    HttpPoll => "http-poll", "plain";
    /// A poll that waits.
    HttpLongPoll => "http-long-poll", "plain";
    /// A stream of JSON lines.
    HttpStream => "http-stream", "plain";
    /// Server-sent events.
    HttpSse => "sse", "plain";
    /// A message sent by POST.
    HttpPost => "http-post", "plain";
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

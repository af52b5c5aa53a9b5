use std::fmt;
use std::str::FromStr;

use pogu_proto::sockjs::Receiver;

/// What carries [`crate::Via::SockJs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SockJsTransport {
    /// A WebSocket.
    WebSocket,
    /// A response that streams lines, and another one after each; a POST for what is sent.
    XhrStreaming,
    /// A response for each answer; a POST for what is sent.
    XhrPolling,
    /// Server-Sent Events; a POST for what is sent.
    EventSource,
}

impl SockJsTransport {
    /// Every transport, in the order in which help texts list them.
    pub const ALL: [SockJsTransport; 4] = [
        SockJsTransport::WebSocket,
        SockJsTransport::XhrStreaming,
        SockJsTransport::XhrPolling,
        SockJsTransport::EventSource,
    ];

    /// The name used on the command line, which is that of SockJS.
    pub fn name(self) -> &'static str {
        match self {
            SockJsTransport::WebSocket => "websocket",
            SockJsTransport::XhrStreaming => "xhr-streaming",
            SockJsTransport::XhrPolling => "xhr-polling",
            SockJsTransport::EventSource => "eventsource",
        }
    }

    pub(super) fn receiver(self) -> Receiver {
        match self {
            SockJsTransport::WebSocket => Receiver::WebSocket,
            SockJsTransport::XhrStreaming => Receiver::XhrStreaming,
            SockJsTransport::XhrPolling => Receiver::Xhr,
            SockJsTransport::EventSource => Receiver::EventSource,
        }
    }
}

impl fmt::Display for SockJsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for SockJsTransport {
    type Err = UnknownTransport;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        SockJsTransport::ALL
            .into_iter()
            .find(|transport| transport.name() == name)
            .ok_or_else(|| UnknownTransport(name.to_owned()))
    }
}

/// A name that is no [`SockJsTransport`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no transport of SockJS; there are websocket, xhr-streaming, xhr-polling and eventsource")]
pub struct UnknownTransport(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back_and_listed() {
        let refusal = "pigeon".parse::<SockJsTransport>();
        let refusal = refusal.map_err(|error| error.to_string()).unwrap_err();
        for transport in SockJsTransport::ALL {
            assert_eq!(transport.name().parse(), Ok(transport));
            assert!(refusal.contains(transport.name()), "{transport}: {refusal}");
        }
    }
}

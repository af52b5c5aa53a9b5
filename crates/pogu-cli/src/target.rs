use clap::builder::{PossibleValuesParser, TypedValueParser};
use pogu_client::{Scheme, SockJsTransport, Target, Via};

use crate::exit::{Usage, not_begun, require};

/// The server that topics without a URL are on.
#[derive(Debug, clap::Args)]
pub(crate) struct ServerArgs {
    /// The server of a topic that is given by name
    #[arg(
        long,
        value_name = "URL",
        env = "POGU_SERVER",
        default_value = "http://127.0.0.1:7070"
    )]
    server: String,

    /// How messages are carried [default: what the URL says]. By stomp a TOPIC that begins with / is a destination as it is: /queue/NAME
    /// is a queue. Socket.IO takes a WebSocket, or polls where none opens; ?transport=polling in the URL of the server makes it polls, and
    /// ?transport=polling,websocket polls until a WebSocket takes over
    #[arg(long, value_name = "WAY", value_parser = ways(&Via::ALL))]
    via: Option<Via>,

    /// What carries sockjs [default: the first of websocket, xhr-streaming and xhr-polling that gets through]
    #[arg(long, value_name = "TRANSPORT", value_parser = transports())]
    pub(crate) sockjs_transport: Option<SockJsTransport>,
}

/// Reads one of `known`, which are listed in helps and completions.
pub(crate) fn ways(known: &[Via]) -> impl TypedValueParser<Value = Via> + use<> {
    let names = known.iter().map(|via| via.name());
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Via>())
}

/// Reads a transport of SockJS, all of which are listed in helps and completions.
pub(crate) fn transports() -> impl TypedValueParser<Value = SockJsTransport> {
    let names = SockJsTransport::ALL.map(SockJsTransport::name);
    PossibleValuesParser::new(names).try_map(|name| name.parse::<SockJsTransport>())
}

/// Checks that a transport of SockJS was only chosen for SockJS.
pub(crate) fn check_transport(is_sockjs: bool, transport: Option<SockJsTransport>) -> Result<(), Usage> {
    require(
        is_sockjs || transport.is_none(),
        "--sockjs-transport chooses what carries SockJS; try it with --via sockjs",
    )
}

impl ServerArgs {
    /// Where to go for what was given as a topic: the server, the topic and the way.
    pub(crate) fn resolve(&self, given: &str) -> anyhow::Result<(Target, String, Via)> {
        require(!given.is_empty(), "the topic is empty; try a name, as chat")?;
        let is_url = given.contains("://");
        let target: Target = if is_url { given } else { &self.server }
            .parse()
            .map_err(not_begun)?;
        let topic = if is_url {
            target.topic()
        } else {
            Some(given.to_owned())
        };
        require(
            topic.is_some(),
            format!("there is no topic in {given}; try http://HOST/topics/TOPIC or tcp://HOST/TOPIC"),
        )?;
        let topic = topic.unwrap_or_default();
        let by_scheme = match target.scheme {
            Scheme::Ws => Via::Ws,
            Scheme::Tcp => Via::Tcp,
            Scheme::Udp => Via::Udp,
            Scheme::Stomp => Via::Stomp,
            Scheme::SocketIo => Via::SocketIo,
            Scheme::SockJs => Via::SockJs,
            _ => Via::Auto,
        };
        let via = self.via.unwrap_or(by_scheme);
        check_transport(via == Via::SockJs, self.sockjs_transport)?;
        require(
            via == Via::Stomp || !topic.starts_with('/'),
            format!("{topic} is a destination of STOMP and no topic; try it with --via stomp"),
        )?;
        Ok((target, topic, via))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(server: &str, via: Option<Via>, given: &str) -> Option<(String, String, Via)> {
        let args = ServerArgs {
            server: server.to_owned(),
            via,
            sockjs_transport: None,
        };
        args.resolve(given)
            .ok()
            .map(|(target, topic, via)| (target.authority(), topic, via))
    }

    fn found(authority: &str, topic: &str, via: Via) -> Option<(String, String, Via)> {
        Some((authority.to_owned(), topic.to_owned(), via))
    }

    #[test]
    fn a_topic_is_a_name_or_a_url() {
        let server = "http://h:1";
        assert_eq!(resolve(server, None, "chat"), found("h:1", "chat", Via::Auto));
        assert_eq!(resolve("udp://h:1", None, "a.>"), found("h:1", "a.>", Via::Udp));
        assert_eq!(
            resolve(server, Some(Via::Tcp), "chat"),
            found("h:1", "chat", Via::Tcp)
        );
        assert_eq!(
            resolve(server, None, "ws://o:2/topics/a.*"),
            found("o:2", "a.*", Via::Ws)
        );
        assert_eq!(
            resolve(server, Some(Via::Sse), "tcp://o/x"),
            found("o:7070", "x", Via::Sse)
        );
        assert_eq!(
            resolve(server, Some(Via::Stomp), "/queue/jobs"),
            found("h:1", "/queue/jobs", Via::Stomp)
        );
        assert_eq!(
            resolve(server, None, "stomp://o/queue/jobs"),
            found("o:7070", "/queue/jobs", Via::Stomp)
        );
        assert_eq!(resolve("stomp://h:1", None, "a"), found("h:1", "a", Via::Stomp));
        assert_eq!(
            resolve(server, None, "socketio://o/orders/seoul?transport=polling"),
            found("o:7070", "orders.seoul", Via::SocketIo)
        );
        assert_eq!(
            resolve("socketio://h:1", None, "a.>"),
            found("h:1", "a.>", Via::SocketIo)
        );
        assert_eq!(
            resolve(server, None, "sockjs://o/orders.seoul"),
            found("o:7070", "orders.seoul", Via::SockJs)
        );
        assert_eq!(resolve(server, None, ""), None);
        assert_eq!(resolve(server, None, "/queue/jobs"), None);
        assert_eq!(resolve(server, Some(Via::Ws), "stomp://o/queue/jobs"), None);
        assert_eq!(resolve(server, None, "http://o/"), None);
        assert_eq!(resolve("ftp://h", None, "chat"), None);
    }
}

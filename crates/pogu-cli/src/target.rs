use anyhow::{Context, ensure};
use pogu_client::{Scheme, SockJsTransport, Target, Via};

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

    /// How messages are carried: auto, http, sse, stream, longpoll, poll, ws, tcp, udp, stomp, socketio or sockjs
    /// [default: what the URL says]. By stomp a TOPIC that begins with / is a destination as it is: /queue/NAME is a queue. Socket.IO takes a
    /// WebSocket, or polls where none opens; ?transport=polling in the URL of the server makes it polls, and ?transport=polling,websocket
    /// polls until a WebSocket takes over
    #[arg(long, value_name = "WAY")]
    via: Option<Via>,

    /// What carries sockjs: websocket, xhr-streaming, xhr-polling or eventsource [default: the first of websocket, xhr-streaming and
    /// xhr-polling that gets through]
    #[arg(long, value_name = "TRANSPORT")]
    pub(crate) sockjs_transport: Option<SockJsTransport>,
}

/// Checks that a transport of SockJS was only chosen for SockJS.
pub(crate) fn check_transport(via: Via, transport: Option<SockJsTransport>) -> anyhow::Result<()> {
    ensure!(
        via == Via::SockJs || transport.is_none(),
        "--sockjs-transport chooses what carries SockJS; try it with --via sockjs"
    );
    Ok(())
}

impl ServerArgs {
    /// Where to go for what was given as a topic: the server, the topic and the way.
    pub(crate) fn resolve(&self, given: &str) -> anyhow::Result<(Target, String, Via)> {
        let is_url = given.contains("://");
        let target: Target = if is_url { given } else { &self.server }.parse()?;
        let topic = if is_url {
            target.topic().with_context(|| {
                format!("there is no topic in {given}; try http://HOST/topics/TOPIC or tcp://HOST/TOPIC")
            })?
        } else {
            given.to_owned()
        };
        let by_scheme = match target.scheme {
            Scheme::Ws => Via::Ws,
            Scheme::Tcp => Via::Tcp,
            Scheme::Udp => Via::Udp,
            Scheme::Stomp => Via::Stomp,
            Scheme::SocketIo => Via::SocketIo,
            _ => Via::Auto,
        };
        let via = self.via.unwrap_or(by_scheme);
        check_transport(via, self.sockjs_transport)?;
        ensure!(
            via == Via::Stomp || !topic.starts_with('/'),
            "{topic} is a destination of STOMP and no topic; try it with --via stomp"
        );
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
        assert_eq!(resolve(server, None, "/queue/jobs"), None);
        assert_eq!(resolve(server, Some(Via::Ws), "stomp://o/queue/jobs"), None);
        assert_eq!(resolve(server, None, "http://o/"), None);
        assert_eq!(resolve("ftp://h", None, "chat"), None);
    }
}

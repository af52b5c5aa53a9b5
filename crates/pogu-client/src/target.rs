use std::fmt;
use std::str::FromStr;

use crate::Error;

/// The port of `tcp://`, `udp://`, `stomp://`, `socketio://` and bare addresses that name none: where `pogu serve` listens.
pub const DEFAULT_PORT: u16 = 7070;

/// What a URL says about how to speak to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// `http://`
    Http,
    /// `ws://`
    Ws,
    /// `tcp://`
    Tcp,
    /// `udp://`
    Udp,
    /// `stomp://`: STOMP over TCP
    Stomp,
    /// `socketio://`: Socket.IO
    SocketIo,
    /// `sockjs://`: the pogu dialect over SockJS
    SockJs,
}

impl Scheme {
    /// The name before `://`.
    pub fn name(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Ws => "ws",
            Scheme::Tcp => "tcp",
            Scheme::Udp => "udp",
            Scheme::Stomp => "stomp",
            Scheme::SocketIo => "socketio",
            Scheme::SockJs => "sockjs",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Scheme::Http | Scheme::Ws => 80,
            Scheme::Tcp | Scheme::Udp | Scheme::Stomp | Scheme::SocketIo | Scheme::SockJs => DEFAULT_PORT,
        }
    }
}

/// Where a server is, and optionally which topic of it.
///
/// Read from `http://host:port`, `http://host:port/topics/chat`, `ws://host:port/any/path`, `tcp://host:port/chat`,
/// `stomp://host:port/queue/jobs`, `socketio://host:port/chat`, `sockjs://host:port/chat`, `udp://[::1]:7070` or `host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// How to speak.
    pub scheme: Scheme,
    /// A name or an address, without the brackets of IPv6.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path as it was given, percent-encoded, beginning with `/` or empty.
    pub path: String,
    /// What followed `?`, percent-encoded; empty without one.
    pub query: String,
}

const TOPICS: &str = "/topics/";

impl Target {
    /// The topic or pattern that the URL names: after `/topics/` with `http` and `ws`, else the path. There a path of several
    /// segments, which is no topic, is a [STOMP destination](crate::Via::Stomp) and keeps its first `/`; with `socketio` it is a namespace,
    /// and the segments are those of the topic.
    pub fn topic(&self) -> Option<String> {
        let encoded = match self.scheme {
            Scheme::Http | Scheme::Ws => {
                let at = self.path.rfind(TOPICS)?;
                &self.path[at + TOPICS.len()..]
            }
            Scheme::Tcp | Scheme::Udp | Scheme::Stomp | Scheme::SockJs => {
                match self.path.strip_prefix('/')? {
                    destination if destination.contains('/') => &self.path,
                    topic => topic,
                }
            }
            Scheme::SocketIo => &self.path.strip_prefix('/')?.replace('/', "."),
        };
        if encoded.is_empty() {
            None
        } else {
            percent_decode(encoded)
        }
    }

    /// `host:port`, with brackets around an IPv6 address.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The path of `topic` on this server, percent-encoded; what precedes `/topics/` in the URL is kept, as a proxy may want it.
    pub fn topic_path(&self, topic: &str) -> String {
        format!("{}{TOPICS}{}", self.prefix(), percent_encode(topic))
    }

    /// The path of the pogu dialect's WebSocket endpoint.
    pub fn pogu_path(&self) -> String {
        format!("{}/pogu", self.prefix())
    }

    /// The path of the WebSocket endpoint for STOMP.
    pub fn stomp_path(&self) -> String {
        format!("{}/stomp", self.prefix())
    }

    /// The path of the endpoint for Socket.IO.
    pub fn socketio_path(&self) -> String {
        format!("{}/socket.io/", self.prefix())
    }

    /// Path and query for a request, at least `/`.
    pub fn path_and_query(&self) -> String {
        let path = if self.path.is_empty() { "/" } else { &self.path };
        if self.query.is_empty() {
            path.to_owned()
        } else {
            format!("{path}?{}", self.query)
        }
    }

    /// The value of `name` in the query, decoded.
    pub fn query_value(&self, name: &str) -> Option<String> {
        let pair = |pair: &str| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key == name).then(|| percent_decode(value)).flatten()
        };
        self.query.split('&').find_map(pair)
    }

    /// What a proxy put before the server's own paths.
    fn prefix(&self) -> &str {
        match self.scheme {
            Scheme::Http | Scheme::Ws => {
                let path = self
                    .path
                    .rfind(TOPICS)
                    .map_or(self.path.as_str(), |at| &self.path[..at]);
                let path = path.trim_end_matches('/');
                let own = ["/pogu", "/stomp", "/socket.io"];
                let before = own.iter().find_map(|own| path.strip_suffix(own));
                before.unwrap_or(path).trim_end_matches('/')
            }
            Scheme::Tcp | Scheme::Udp | Scheme::Stomp | Scheme::SocketIo | Scheme::SockJs => "",
        }
    }
}

impl FromStr for Target {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self, Error> {
        let bad = |why: &str| Error::BadUrl {
            url: url.to_owned(),
            why: why.to_owned(),
        };
        if let Some(at) = url.find(|c: char| c.is_control() || c.is_whitespace()) {
            return Err(bad(&format!(
                "there is white space or a control character at byte {at}"
            )));
        }
        let (scheme, rest) = match url.split_once("://") {
            None => (Scheme::Http, url),
            Some(("http", rest)) => (Scheme::Http, rest),
            Some(("ws", rest)) => (Scheme::Ws, rest),
            Some(("tcp", rest)) => (Scheme::Tcp, rest),
            Some(("udp", rest)) => (Scheme::Udp, rest),
            Some(("stomp", rest)) => (Scheme::Stomp, rest),
            Some(("socketio", rest)) => (Scheme::SocketIo, rest),
            Some(("sockjs", rest)) => (Scheme::SockJs, rest),
            Some((scheme @ ("https" | "wss"), _)) => {
                return Err(Error::TlsMissing {
                    scheme: scheme.to_owned(),
                });
            }
            Some((other, _)) => {
                return Err(bad(&format!(
                    "{other:?} is no scheme; there are http, ws, tcp, udp, stomp, socketio and sockjs"
                )));
            }
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        if authority.contains('@') {
            return Err(bad("user names in URLs are not supported"));
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, after) = rest
                    .split_once(']')
                    .ok_or_else(|| bad("the closing ] is missing"))?;
                let port = if after.is_empty() {
                    None
                } else {
                    Some(after.strip_prefix(':').unwrap_or(""))
                };
                (host, port)
            }
            None => match authority.split_once(':') {
                Some((_, port)) if port.contains(':') => {
                    return Err(bad("an IPv6 address needs [ ] around it"));
                }
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        if host.is_empty() {
            return Err(bad("the host is missing"));
        }
        let port = match port {
            Some(port) => port
                .parse()
                .ok()
                .filter(|port| *port != 0)
                .ok_or_else(|| bad("the port is no number from 1 to 65535"))?,
            None if !url.contains("://") => DEFAULT_PORT,
            None => scheme.default_port(),
        };
        Ok(Target {
            scheme,
            host: host.to_owned(),
            port,
            path: path.to_owned(),
            query: query.to_owned(),
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme.name(), self.authority(), self.path)?;
        if self.query.is_empty() {
            Ok(())
        } else {
            write!(f, "?{}", self.query)
        }
    }
}

/// Encodes everything but RFC 3986's unreserved characters and `*`.
pub(crate) fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'*' => {
                encoded.push(char::from(byte));
            }
            _ => {
                encoded.push('%');
                for digit in [byte >> 4, byte & 15] {
                    encoded.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
                }
            }
        }
    }
    encoded
}

/// Decodes `%XX`; `None` when the result is no UTF-8 or a `%` is followed by anything else.
pub(crate) fn percent_decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let value = digit(bytes.next())? * 16 + digit(bytes.next())?;
            decoded.push(u8::try_from(value).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Target {
        url.parse().unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    #[test]
    fn urls_are_taken_apart() {
        for (url, scheme, host, port, topic) in [
            ("http://127.0.0.1:7070", Scheme::Http, "127.0.0.1", 7070, None),
            ("http://example.org", Scheme::Http, "example.org", 80, None),
            (
                "http://example.org/topics/chat?after=earliest#x",
                Scheme::Http,
                "example.org",
                80,
                Some("chat"),
            ),
            (
                "http://example.org/live/topics/a.%E2%82%AC",
                Scheme::Http,
                "example.org",
                80,
                Some("a.€"),
            ),
            ("ws://h:1/topics/orders.*", Scheme::Ws, "h", 1, Some("orders.*")),
            ("ws://h:1/other", Scheme::Ws, "h", 1, None),
            ("tcp://h/chat", Scheme::Tcp, "h", 7070, Some("chat")),
            ("udp://[::1]:9/chat", Scheme::Udp, "::1", 9, Some("chat")),
            ("tcp://[::1]", Scheme::Tcp, "::1", 7070, None),
            ("stomp://h/chat", Scheme::Stomp, "h", 7070, Some("chat")),
            (
                "stomp://h:1/queue/jobs",
                Scheme::Stomp,
                "h",
                1,
                Some("/queue/jobs"),
            ),
            ("tcp://h/topic/a%20b", Scheme::Tcp, "h", 7070, Some("/topic/a b")),
            ("stomp://h/", Scheme::Stomp, "h", 7070, None),
            ("socketio://h/chat", Scheme::SocketIo, "h", 7070, Some("chat")),
            (
                "socketio://h:1/orders/seoul?transport=polling",
                Scheme::SocketIo,
                "h",
                1,
                Some("orders.seoul"),
            ),
            ("socketio://h/", Scheme::SocketIo, "h", 7070, None),
            ("socketio://h", Scheme::SocketIo, "h", 7070, None),
            ("sockjs://h/chat", Scheme::SockJs, "h", 7070, Some("chat")),
            ("sockjs://h:1", Scheme::SockJs, "h", 1, None),
            ("localhost", Scheme::Http, "localhost", 7070, None),
            ("localhost:81/topics/x", Scheme::Http, "localhost", 81, Some("x")),
        ] {
            let target = parse(url);
            assert_eq!(
                (target.scheme, target.host.as_str(), target.port),
                (scheme, host, port),
                "{url}"
            );
            assert_eq!(target.topic().as_deref(), topic, "{url}");
        }
    }

    #[test]
    fn bad_urls_are_refused_with_a_reason() {
        for (url, why) in [
            ("https://h", "TLS is not there yet"),
            ("wss://h", "TLS is not there yet"),
            ("ftp://h", "no scheme"),
            ("http://", "host is missing"),
            ("http://:80", "host is missing"),
            ("http://h:99999", "port"),
            ("http://h:0", "port"),
            ("http://h:", "port"),
            ("http://[::1", "]"),
            ("http://[::1]x", "port"),
            ("http://::1", "[ ]"),
            ("http://u@h", "user names"),
            ("http://h/a b", "white space"),
            ("http://h/\u{1b}[2J", "control"),
        ] {
            let error = url.parse::<Target>().expect_err(url).to_string();
            assert!(error.contains(why), "{url}: {error}");
        }
    }

    #[test]
    fn a_prefix_of_a_proxy_is_kept() {
        assert_eq!(
            parse("http://h/live/topics/a").topic_path("b c"),
            "/live/topics/b%20c"
        );
        assert_eq!(parse("http://h/live/topics/a").pogu_path(), "/live/pogu");
        assert_eq!(parse("ws://h/pogu").topic_path("orders.>"), "/topics/orders.%3E");
        assert_eq!(parse("http://h/").pogu_path(), "/pogu");
        assert_eq!(parse("http://h/live/topics/a").stomp_path(), "/live/stomp");
        assert_eq!(parse("ws://h/live/stomp").stomp_path(), "/live/stomp");
        assert_eq!(parse("stomp://h/queue/jobs").topic_path("x"), "/topics/x");
        assert_eq!(
            parse("http://h/live/topics/a").socketio_path(),
            "/live/socket.io/"
        );
        assert_eq!(
            parse("ws://h/live/socket.io/").socketio_path(),
            "/live/socket.io/"
        );
        assert_eq!(parse("ws://h/socket.io").socketio_path(), "/socket.io/");
        assert_eq!(parse("socketio://h/chat/room").socketio_path(), "/socket.io/");
        assert_eq!(parse("tcp://h/chat").topic_path("x"), "/topics/x");
    }

    #[test]
    fn the_query_is_read() {
        let target = parse("http://h/topics/a?after=last%3A5&via=sse&flag");
        assert_eq!(target.query_value("after").as_deref(), Some("last:5"));
        assert_eq!(target.query_value("via").as_deref(), Some("sse"));
        assert_eq!(target.query_value("flag").as_deref(), Some(""));
        assert_eq!(target.query_value("wait"), None);
        assert_eq!(target.path_and_query(), "/topics/a?after=last%3A5&via=sse&flag");
        assert_eq!(parse("ws://h").path_and_query(), "/");
    }

    #[test]
    fn percent_encoding_goes_both_ways() {
        for text in ["plain", "a b", "€", "100%", "a/b?c#d", "*.>"] {
            assert_eq!(percent_decode(&percent_encode(text)).as_deref(), Some(text));
        }
        for bad in ["%", "%1", "%zz", "%ff", "%+1"] {
            assert_eq!(percent_decode(bad), None, "{bad}");
        }
    }
}

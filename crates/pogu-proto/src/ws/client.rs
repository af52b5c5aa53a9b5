use memchr::memchr;
use thiserror::Error;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::extension::{NO_CONTEXT_TAKEOVER, accepted_deflate, is_token};
use super::{Deflate, accept_key};
use crate::Reader;

/// Bytes of the longest response head.
const HEAD_MAX: usize = 16 << 10;
const HEAD_END: &[u8] = b"\r\n\r\n";
const HTTP: &[u8] = b"HTTP/1.";

/// What a client asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    /// The value of `Host`: the name, and the port unless it is the scheme's own.
    pub host: &'a str,
    /// Path and query, beginning with `/`.
    pub path: &'a str,
    /// Subprotocols, the most wanted first.
    pub protocols: &'a [&'a str],
    /// More header fields, such as `Authorization` or `Origin`.
    pub headers: &'a [(&'a str, &'a str)],
    /// Whether to offer permessage-deflate.
    pub deflate: bool,
}

/// What a server agreed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// The compression agreed.
    pub deflate: Option<Deflate>,
    /// The subprotocol chosen, one of those asked for.
    pub protocol: Option<String>,
}

/// Why a client's opening handshake failed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The caller's request has a part that cannot be sent.
    #[error("the request's {0} has a character that HTTP does not allow there")]
    Request(&'static str),
    /// The answer does not begin like HTTP/1.
    #[error("the answer is not HTTP/1.1")]
    NotHttp,
    /// The answer's head has no end within 16 KiB.
    #[error("the answer's head is longer than 16 KiB")]
    HeadTooLong,
    /// The answer's head is not well formed.
    #[error("the answer's head is malformed")]
    Malformed,
    /// The server answered with another status than 101.
    #[error("the server answered with status {0} in place of 101")]
    Refused(u16),
    /// Status 101 without `Upgrade: websocket` and `Connection: Upgrade`.
    #[error("the server did not switch to WebSocket")]
    NotUpgraded,
    /// `Sec-WebSocket-Accept` does not match the key.
    #[error("the server's Sec-WebSocket-Accept does not match")]
    WrongAccept,
    /// An extension, or a parameter of one, that was not offered.
    #[error("the server's extensions are not those offered")]
    Extension,
    /// A subprotocol that was not asked for.
    #[error("the server's subprotocol is not one of those asked for")]
    Protocol,
}

/// A client's opening handshake (RFC 6455 §4.1): writes the request and checks the response's head.
#[derive(Debug)]
pub struct ClientHandshake {
    accept: String,
    protocols: Vec<String>,
    deflate: bool,
    head: Vec<u8>,
}

impl ClientHandshake {
    /// Appends the request to `out`. `key` are random bytes, new for each connection.
    pub fn new(request: &Request<'_>, key: [u8; 16], out: &mut Vec<u8>) -> Result<Self, HandshakeError> {
        check(request)?;
        let key = STANDARD.encode(key);
        let mut line = |parts: &[&str]| {
            for part in parts {
                out.extend_from_slice(part.as_bytes());
            }
            out.extend_from_slice(b"\r\n");
        };
        line(&["GET ", request.path, " HTTP/1.1"]);
        line(&["Host: ", request.host]);
        line(&["Upgrade: websocket"]);
        line(&["Connection: Upgrade"]);
        line(&["Sec-WebSocket-Version: 13"]);
        line(&["Sec-WebSocket-Key: ", &key]);
        if request.deflate {
            line(&["Sec-WebSocket-Extensions: ", NO_CONTEXT_TAKEOVER]);
        }
        if !request.protocols.is_empty() {
            line(&["Sec-WebSocket-Protocol: ", &request.protocols.join(", ")]);
        }
        for (name, value) in request.headers {
            line(&[name, ": ", value]);
        }
        line(&[]);
        Ok(Self {
            accept: accept_key(&key),
            protocols: request.protocols.iter().map(|&name| name.to_owned()).collect(),
            deflate: request.deflate,
            head: Vec::new(),
        })
    }

    /// Takes the response's head and nothing after it: what is left in `input` are the first frames. `Ok(None)` while
    /// the head is incomplete.
    pub fn receive(&mut self, input: &mut Reader<'_>) -> Result<Option<Accepted>, HandshakeError> {
        while !input.is_empty() {
            let rest = input.rest();
            let line = memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
            if self.head.len() + line > HEAD_MAX {
                return Err(HandshakeError::HeadTooLong);
            }
            self.head.extend_from_slice(input.take(line));
            // Whatever else listens there is told early, not by a time-out.
            if self.head.iter().zip(HTTP).any(|(byte, expect)| byte != expect) {
                return Err(HandshakeError::NotHttp);
            }
            if self.head.ends_with(HEAD_END) {
                return self.check(&self.head).map(Some);
            }
        }
        Ok(None)
    }

    fn check(&self, head: &[u8]) -> Result<Accepted, HandshakeError> {
        let head = Head::parse(head)?;
        if head.status != 101 {
            return Err(HandshakeError::Refused(head.status));
        }
        let upgraded = head.has_token("Upgrade", "websocket") && head.has_token("Connection", "Upgrade");
        if !upgraded {
            return Err(HandshakeError::NotUpgraded);
        }
        if !head.values("Sec-WebSocket-Accept").eq([self.accept.as_str()]) {
            return Err(HandshakeError::WrongAccept);
        }
        let deflate = match accepted_deflate(head.values("Sec-WebSocket-Extensions")) {
            Ok(Some(_)) if !self.deflate => return Err(HandshakeError::Extension),
            Ok(deflate) => deflate,
            Err(_) => return Err(HandshakeError::Extension),
        };
        let protocols: Vec<&str> = head.values("Sec-WebSocket-Protocol").collect();
        let protocol = match protocols.as_slice() {
            [] => None,
            [one] if self.protocols.iter().any(|asked| asked == one) => Some((*one).to_owned()),
            _ => return Err(HandshakeError::Protocol),
        };
        Ok(Accepted { deflate, protocol })
    }
}

fn check(request: &Request<'_>) -> Result<(), HandshakeError> {
    let visible = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    let token = |text: &str| !text.is_empty() && text.bytes().all(is_token);
    let value = |text: &str| !text.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t');
    if !visible(request.host) {
        return Err(HandshakeError::Request("host"));
    }
    if !visible(request.path) || !request.path.starts_with('/') {
        return Err(HandshakeError::Request("path"));
    }
    if !request.protocols.iter().all(|name| token(name)) {
        return Err(HandshakeError::Request("subprotocol"));
    }
    if !request
        .headers
        .iter()
        .all(|(name, text)| token(name) && value(text))
    {
        return Err(HandshakeError::Request("header"));
    }
    Ok(())
}

/// The head of an HTTP/1 response.
struct Head<'a> {
    status: u16,
    fields: Vec<(&'a str, &'a str)>,
}

impl<'a> Head<'a> {
    fn parse(head: &'a [u8]) -> Result<Self, HandshakeError> {
        let head = str::from_utf8(head).map_err(|_| HandshakeError::Malformed)?;
        let mut lines = head.trim_end_matches("\r\n").split("\r\n");
        let status = lines.next().and_then(status).ok_or(HandshakeError::Malformed)?;
        let fields = lines
            .map(field)
            .collect::<Option<_>>()
            .ok_or(HandshakeError::Malformed)?;
        Ok(Self { status, fields })
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let fields = self.fields.iter();
        fields
            .filter(move |field| field.0.eq_ignore_ascii_case(name))
            .map(|field| field.1)
    }

    fn has_token(&self, name: &str, token: &str) -> bool {
        self.values(name)
            .flat_map(|value| value.split(','))
            .any(|part| part.trim_matches([' ', '\t']).eq_ignore_ascii_case(token))
    }
}

/// The status of `HTTP/1.1 101 Switching Protocols`.
fn status(line: &str) -> Option<u16> {
    let (version, rest) = line.split_once(' ')?;
    let (status, _reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let sound = matches!(version, "HTTP/1.0" | "HTTP/1.1") && status.len() == 3;
    status
        .parse()
        .ok()
        .filter(|status| sound && (100..600).contains(status))
}

fn field(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    let sound = !name.is_empty() && name.bytes().all(is_token) && !value.contains(['\r', '\n', '\0']);
    sound.then(|| (name, value.trim_matches([' ', '\t'])))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of RFC 6455 §1.3 is the base64 of these.
    const KEY: [u8; 16] = *b"the sample nonce";
    const ACCEPT: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    const UPGRADE: &str =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: keep-alive, upgrade";

    const REQUEST: Request<'_> = Request {
        host: "example.com",
        path: "/chat",
        protocols: &["pogu", "plain"],
        headers: &[],
        deflate: true,
    };

    /// What comes of a response: the same however it is cut, and frames after it are left alone.
    fn check(request: &Request<'_>, lines: &[&str]) -> Result<Accepted, HandshakeError> {
        let response = [&lines.join("\r\n"), "\r\n\r\n"].concat().into_bytes();
        let run = |reads: [&[u8]; 2]| {
            let mut handshake = ClientHandshake::new(request, KEY, &mut Vec::new())?;
            let mut left = Vec::new();
            for read in reads {
                let mut bytes = read.to_vec();
                let mut input = Reader::new(&mut bytes);
                if let Some(accepted) = handshake.receive(&mut input)? {
                    left.extend_from_slice(input.rest());
                    return Ok((accepted, left));
                }
                assert!(input.is_empty());
            }
            panic!("the head was complete");
        };
        let (accepted, left) = run([&response, b""])?;
        assert_eq!(left, b"");
        let followed = [&response[..], b"\x81\x00"].concat();
        for cut in 0..response.len() {
            let (head, tail) = followed.split_at(cut);
            assert_eq!(
                run([head, tail]),
                Ok((accepted.clone(), b"\x81\x00".to_vec())),
                "cut at {cut}"
            );
        }
        Ok(accepted)
    }

    #[test]
    fn writes_the_request() {
        let mut out = Vec::new();
        let headers = [("Origin", "http://example.com")];
        ClientHandshake::new(
            &Request {
                headers: &headers,
                ..REQUEST
            },
            KEY,
            &mut out,
        )
        .unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n\
             Sec-WebSocket-Protocol: pogu, plain\r\nOrigin: http://example.com\r\n\r\n"
        );
    }

    #[test]
    fn refuses_a_request_that_would_inject() {
        for (request, part) in [
            (
                Request {
                    host: "a\r\nb",
                    ..REQUEST
                },
                "host",
            ),
            (Request { host: "", ..REQUEST }, "host"),
            (
                Request {
                    path: "/a b",
                    ..REQUEST
                },
                "path",
            ),
            (Request { path: "a", ..REQUEST }, "path"),
            (
                Request {
                    protocols: &["a,b"],
                    ..REQUEST
                },
                "subprotocol",
            ),
            (
                Request {
                    headers: &[("a", "b\r\nc: d")],
                    ..REQUEST
                },
                "header",
            ),
            (
                Request {
                    headers: &[("a:", "b")],
                    ..REQUEST
                },
                "header",
            ),
        ] {
            let mut out = Vec::new();
            let error = ClientHandshake::new(&request, KEY, &mut out).unwrap_err();
            assert_eq!((error, out), (HandshakeError::Request(part), vec![]));
        }
    }

    #[test]
    fn accepts_what_was_asked_for() {
        assert_eq!(check(&REQUEST, &[UPGRADE, ACCEPT]), Ok(Accepted::default()));
        let deflate = "sec-websocket-extensions:permessage-deflate; server_no_context_takeover";
        assert_eq!(
            check(
                &REQUEST,
                &[UPGRADE, ACCEPT, deflate, "Sec-WebSocket-Protocol: plain"]
            ),
            Ok(Accepted {
                deflate: Some(Deflate::Wide),
                protocol: Some("plain".into())
            })
        );
    }

    #[test]
    fn refuses_what_was_not_asked_for() {
        let check = |lines: &[&str]| check(&REQUEST, lines).unwrap_err();
        assert_eq!(
            check(&["HTTP/1.1 403 Forbidden", "Content-Length: 0"]),
            HandshakeError::Refused(403)
        );
        assert_eq!(check(&["HTTP/1.0 503"]), HandshakeError::Refused(503));
        assert_eq!(
            check(&["HTTP/1.1 101 x", "Upgrade: websocket", ACCEPT]),
            HandshakeError::NotUpgraded
        );
        assert_eq!(
            check(&["HTTP/1.1 101 x", "Connection: Upgrade", ACCEPT]),
            HandshakeError::NotUpgraded
        );
        assert_eq!(check(&[UPGRADE]), HandshakeError::WrongAccept);
        assert_eq!(check(&[UPGRADE, ACCEPT, ACCEPT]), HandshakeError::WrongAccept);
        assert_eq!(
            check(&[UPGRADE, "Sec-WebSocket-Accept: x"]),
            HandshakeError::WrongAccept
        );
        let extension =
            |value: &str| check(&[UPGRADE, ACCEPT, &["Sec-WebSocket-Extensions: ", value].concat()]);
        assert_eq!(extension("permessage-deflate"), HandshakeError::Extension);
        assert_eq!(extension("permessage-bzip2"), HandshakeError::Extension);
        let protocol = |value: &str| check(&[UPGRADE, ACCEPT, &["Sec-WebSocket-Protocol: ", value].concat()]);
        assert_eq!(protocol("stomp"), HandshakeError::Protocol);
        assert_eq!(protocol("pogu, plain"), HandshakeError::Protocol);
        assert_eq!(check(&["HTTP/1.1 101", "no colon"]), HandshakeError::Malformed);
        assert_eq!(
            check(&["HTTP/1.1 101", "a: b", " folded: c"]),
            HandshakeError::Malformed
        );
        assert_eq!(check(&["HTTP/1.1 abc"]), HandshakeError::Malformed);
        assert_eq!(check(&["HTTP/1.1 +99 x"]), HandshakeError::Malformed);
        assert_eq!(check(&["+PONG"]), HandshakeError::NotHttp);
    }

    #[test]
    fn refuses_deflate_not_offered() {
        let plain = Request {
            deflate: false,
            ..REQUEST
        };
        let deflate = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover";
        assert_eq!(
            check(&plain, &[UPGRADE, ACCEPT, deflate]),
            Err(HandshakeError::Extension)
        );
        assert_eq!(check(&plain, &[UPGRADE, ACCEPT]), Ok(Accepted::default()));
    }

    #[test]
    fn bounds_the_head() {
        let mut handshake = ClientHandshake::new(&REQUEST, KEY, &mut Vec::new()).unwrap();
        let mut head = [b"HTTP/1.1 101 ".to_vec(), vec![b'x'; HEAD_MAX - 13]].concat();
        assert_eq!(handshake.receive(&mut Reader::new(&mut head)), Ok(None));
        assert_eq!(
            handshake.receive(&mut Reader::new(&mut [b'x'])),
            Err(HandshakeError::HeadTooLong)
        );
    }
}

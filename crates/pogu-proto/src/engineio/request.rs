use std::borrow::Cow;

use super::{Transport, Version};
use crate::percent::decode_in_place;

/// An HTTP method, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`.
    Get,
    /// `POST`.
    Post,
    /// Any other.
    Other,
}

/// What a request asks for, by its URL's query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// A new session: is answered with its [open](super::open) packet.
    Handshake {
        /// The client's revision.
        version: Version,
        /// How it begins.
        transport: Transport,
        /// Binary is to be sent to the client as base64, on a WebSocket too.
        base64: bool,
        /// The client's function, when the answers are to be [scripts](super::jsonp::script).
        jsonp: Option<u32>,
    },
    /// A GET that waits for packets.
    Poll {
        /// The session.
        sid: Cow<'a, str>,
        /// The client's function, when the answer is to be a script: for sessions of protocol 3 alone.
        jsonp: Option<u32>,
    },
    /// A POST with packets.
    Post {
        /// The session.
        sid: Cow<'a, str>,
        /// The body is a form: for sessions of protocol 3 alone.
        jsonp: bool,
    },
    /// A WebSocket for a session that is on polling.
    Upgrade {
        /// The session.
        sid: Cow<'a, str>,
    },
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Code 0: no such transport.
    #[error("Transport unknown")]
    Transport,
    /// Code 1: no such session, or no longer.
    #[error("Session ID unknown")]
    Session,
    /// Code 2: a new session wants a GET.
    #[error("Bad handshake method")]
    Method,
    /// Code 3: anything else that does not fit.
    #[error("Bad request")]
    Bad,
    /// Code 4: the server does not want this client.
    #[error("Forbidden")]
    Forbidden,
    /// Code 5: a revision that is not spoken.
    #[error("Unsupported protocol version")]
    Version,
}

impl Refusal {
    /// The code that the body tells.
    pub fn code(self) -> u8 {
        match self {
            Self::Transport => 0,
            Self::Session => 1,
            Self::Method => 2,
            Self::Bad => 3,
            Self::Forbidden => 4,
            Self::Version => 5,
        }
    }

    /// The HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Self::Forbidden => 403,
            _ => 400,
        }
    }

    /// The body, `application/json`.
    pub fn body(self) -> &'static str {
        match self {
            Self::Transport => r#"{"code":0,"message":"Transport unknown"}"#,
            Self::Session => r#"{"code":1,"message":"Session ID unknown"}"#,
            Self::Method => r#"{"code":2,"message":"Bad handshake method"}"#,
            Self::Bad => r#"{"code":3,"message":"Bad request"}"#,
            Self::Forbidden => r#"{"code":4,"message":"Forbidden"}"#,
            Self::Version => r#"{"code":5,"message":"Unsupported protocol version"}"#,
        }
    }
}

/// Characters of a session id that are looked at; no server's has more.
const SID_MAX: usize = 128;

impl<'a> Request<'a> {
    /// Reads the query of a request; `is_upgrade` says whether its headers ask for a WebSocket, `with_v3` whether protocol 3 is spoken.
    ///
    /// Of a parameter that stands there twice the last one counts. Unknown ones, `t` among them, are for caches and proxies.
    ///
    /// # Errors
    ///
    /// What is wrong with it. Whether the session exists is for the caller to see, who answers [`Refusal::Session`] when it does not.
    pub fn parse(method: Method, query: &'a str, is_upgrade: bool, with_v3: bool) -> Result<Self, Refusal> {
        let parameters = Parameters::read(query);
        let transport = match parameters.transport.as_deref() {
            Some("polling") => Transport::Polling,
            Some("websocket") => Transport::WebSocket,
            _ => return Err(Refusal::Transport),
        };
        let wants_upgrade = transport == Transport::WebSocket;
        let Some(sid) = parameters.sid else {
            if method != Method::Get {
                return Err(Refusal::Method);
            }
            if wants_upgrade != is_upgrade {
                return Err(Refusal::Bad);
            }
            let version = match parameters.version.as_deref() {
                Some("4") => Version::V4,
                _ if with_v3 => Version::V3,
                _ => return Err(Refusal::Version),
            };
            let jsonp = parameters.jsonp.filter(|_| version == Version::V3);
            return Ok(Self::Handshake {
                version,
                transport,
                base64: parameters.base64 || jsonp.is_some(),
                jsonp,
            });
        };
        if sid.len() > SID_MAX {
            return Err(Refusal::Session);
        }
        let jsonp = parameters.jsonp;
        match (method, wants_upgrade, is_upgrade) {
            (Method::Get, true, true) => Ok(Self::Upgrade { sid }),
            (Method::Get, false, false) => Ok(Self::Poll { sid, jsonp }),
            (Method::Post, false, false) => Ok(Self::Post {
                sid,
                jsonp: jsonp.is_some(),
            }),
            _ => Err(Refusal::Bad),
        }
    }
}

#[derive(Default)]
struct Parameters<'a> {
    version: Option<Cow<'a, str>>,
    transport: Option<Cow<'a, str>>,
    sid: Option<Cow<'a, str>>,
    jsonp: Option<u32>,
    base64: bool,
}

impl<'a> Parameters<'a> {
    fn read(query: &'a str) -> Self {
        let mut parameters = Self::default();
        for pair in query.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decode(value);
            match &*decode(key) {
                "EIO" => parameters.version = Some(value),
                "transport" => parameters.transport = Some(value),
                // An empty one is none, as for the clients' own servers.
                "sid" => parameters.sid = Some(value).filter(|sid| !sid.is_empty()),
                "j" => parameters.jsonp = Some(index(&value)),
                "b64" => parameters.base64 = !value.is_empty(),
                _ => {}
            }
        }
        parameters
    }
}

/// The number in a value of `j`, as it becomes part of a script: its digits and nothing else.
fn index(value: &str) -> u32 {
    let digits = value.bytes().filter(u8::is_ascii_digit);
    digits.fold(0, |number: u32, digit| {
        number.saturating_mul(10).saturating_add(u32::from(digit - b'0'))
    })
}

/// Decodes `+` and `%XX`; what would not be UTF-8 is replaced.
fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['+', '%']) {
        return Cow::Borrowed(text);
    }
    let mut decoded = text.as_bytes().to_vec();
    let length = decode_in_place(&mut decoded, true);
    decoded.truncate(length);
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

use std::borrow::Cow;

use super::{Receiver, Sender};
use crate::percent::decode_in_place;

/// An HTTP method, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`.
    Get,
    /// `POST`.
    Post,
    /// `OPTIONS`.
    Options,
    /// Any other.
    Other,
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// Whether there is SockJS here.
    Greeting,
    /// What it can do here.
    Info,
    /// The page for clients that need one.
    Iframe,
    /// What a browser asks before it asks.
    Preflight {
        /// The methods that are allowed.
        allow: &'static str,
    },
    /// A WebSocket that is no SockJS: every message as it is.
    RawWebSocket,
    /// A WebSocket for a session of its own. The name of that means nothing, two may have the same.
    WebSocket,
    /// A response for the frames of a session, which begins with it if there is none of that name.
    Receive {
        /// How the frames ride.
        receiver: Receiver,
        /// The name of the session, as it stands in the path.
        session: &'a str,
        /// The client's function, for [receivers that have one](Receiver::has_callback); else empty.
        callback: Cow<'a, str>,
    },
    /// A POST with messages for a session: [`Refusal::NotFound`] if there is none of that name.
    Send {
        /// How they come.
        sender: Sender,
        /// The name of the session, as it stands in the path.
        session: &'a str,
    },
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// 404: no such path, or no such session.
    #[error("not found")]
    NotFound,
    /// 405: answered with this `Allow`, neither a `Content-Type` nor a body.
    #[error("only {0} here")]
    Method(&'static str),
    /// 400: no WebSocket was asked for where there is nothing else.
    #[error("Not a valid websocket request")]
    NotWebSocket,
    /// 500: neither `c` nor `callback` in the query.
    #[error("\"callback\" parameter required")]
    NoCallback,
    /// 500: what they say is not the name of a function.
    #[error("invalid \"callback\" parameter")]
    Callback,
}

impl Refusal {
    /// The HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::Method(_) => 405,
            Self::NotWebSocket => 400,
            Self::NoCallback | Self::Callback => 500,
        }
    }

    /// The body, [`TEXT`](super::http::TEXT); empty when there is none.
    pub fn body(self) -> &'static str {
        match self {
            Self::NotFound => "not found\n",
            Self::Method(_) => "",
            Self::NotWebSocket => "Not a valid websocket request",
            Self::NoCallback => "\"callback\" parameter required",
            Self::Callback => "invalid \"callback\" parameter",
        }
    }

    /// The `Allow` header, when there is one.
    pub fn allow(self) -> Option<&'static str> {
        match self {
            Self::Method(allow) => Some(allow),
            _ => None,
        }
    }
}

/// Bytes of a server's or a session's name.
const NAME_MAX: usize = 128;
/// Bytes of a function's name.
const CALLBACK_MAX: usize = 32;

/// What a path is for.
#[derive(Clone, Copy)]
enum Route<'a> {
    Greeting,
    Info,
    Iframe,
    RawWebSocket,
    WebSocket,
    Receive(Receiver, &'a str),
    Send(Sender, &'a str),
}

impl<'a> Request<'a> {
    /// Reads a request: `path` is what follows the base URL, empty or from a `/` on, `is_upgrade` says whether its headers ask for a
    /// WebSocket, `with_websocket` whether there are any.
    ///
    /// Names are taken as they stand, so that no two ways of writing a character meet. Of a parameter that stands there twice the last
    /// one counts; unknown ones, `t` among them, are for caches and proxies.
    ///
    /// # Errors
    ///
    /// What is wrong with it. Whether the session exists is for the caller to see.
    pub fn parse(
        method: Method,
        path: &'a str,
        query: &'a str,
        is_upgrade: bool,
        with_websocket: bool,
    ) -> Result<Self, Refusal> {
        let route = Route::of(path, with_websocket).ok_or(Refusal::NotFound)?;
        let allow = route.allow();
        let is_allowed = match method {
            Method::Get => allow.ends_with("GET"),
            Method::Post => allow.ends_with("POST"),
            Method::Options => allow.starts_with("OPTIONS"),
            Method::Other => false,
        };
        if !is_allowed {
            return Err(Refusal::Method(allow));
        }
        if method == Method::Options {
            return Ok(Self::Preflight { allow });
        }
        match route {
            Route::Greeting => Ok(Self::Greeting),
            Route::Info => Ok(Self::Info),
            Route::Iframe => Ok(Self::Iframe),
            Route::RawWebSocket | Route::WebSocket if !is_upgrade => Err(Refusal::NotWebSocket),
            Route::RawWebSocket => Ok(Self::RawWebSocket),
            Route::WebSocket => Ok(Self::WebSocket),
            Route::Receive(receiver, session) => Ok(Self::Receive {
                receiver,
                session,
                callback: if receiver.has_callback() {
                    callback(query)?
                } else {
                    Cow::Borrowed("")
                },
            }),
            Route::Send(sender, session) => Ok(Self::Send { sender, session }),
        }
    }
}

impl<'a> Route<'a> {
    fn of(path: &'a str, with_websocket: bool) -> Option<Self> {
        let path = path.strip_suffix('/').unwrap_or(path);
        if path.is_empty() {
            return Some(Self::Greeting);
        }
        let path = path.strip_prefix('/')?;
        let Some((server, rest)) = path.split_once('/') else {
            return match path {
                "info" => Some(Self::Info),
                "websocket" => with_websocket.then_some(Self::RawWebSocket),
                page => is_iframe(page).then_some(Self::Iframe),
            };
        };
        let (session, transport) = rest.split_once('/')?;
        if !is_name(server) || !is_name(session) {
            return None;
        }
        match transport {
            "xhr" => Some(Self::Receive(Receiver::Xhr, session)),
            "xhr_streaming" => Some(Self::Receive(Receiver::XhrStreaming, session)),
            "eventsource" => Some(Self::Receive(Receiver::EventSource, session)),
            "htmlfile" => Some(Self::Receive(Receiver::HtmlFile, session)),
            "jsonp" => Some(Self::Receive(Receiver::Jsonp, session)),
            "xhr_send" => Some(Self::Send(Sender::Xhr, session)),
            "jsonp_send" => Some(Self::Send(Sender::Jsonp, session)),
            "websocket" => with_websocket.then_some(Self::WebSocket),
            _ => None,
        }
    }

    /// The methods of its requests. Only those that scripts of other origins send with care ask first.
    fn allow(self) -> &'static str {
        match self {
            Self::Info => "OPTIONS, GET",
            Self::Receive(Receiver::Xhr | Receiver::XhrStreaming, _) | Self::Send(Sender::Xhr, _) => {
                "OPTIONS, POST"
            }
            Self::Send(Sender::Jsonp, _) => "POST",
            Self::Greeting | Self::Iframe | Self::RawWebSocket | Self::WebSocket | Self::Receive(..) => "GET",
        }
    }
}

fn is_name(name: &str) -> bool {
    (1..=NAME_MAX).contains(&name.len()) && !name.contains('.')
}

/// Whether this is `iframe.html`, or it with a version in it for caches.
fn is_iframe(page: &str) -> bool {
    let version = page
        .strip_prefix("iframe")
        .and_then(|page| page.strip_suffix(".html"));
    version.is_some_and(|version| {
        version
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'-' | b'.' | b'_'))
    })
}

/// The client's function, which becomes part of a script: nothing that could be more than a name (CVE-2020-8823).
fn callback(query: &str) -> Result<Cow<'_, str>, Refusal> {
    let value = |key| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.rev().find(|(name, _)| *name == key)
    };
    let (_, value) = value("c")
        .or_else(|| value("callback"))
        .ok_or(Refusal::NoCallback)?;
    let name = decode(value);
    if name.is_empty() {
        return Err(Refusal::NoCallback);
    }
    let is_name = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if name.len() > CALLBACK_MAX || !is_name {
        return Err(Refusal::Callback);
    }
    Ok(name)
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

//! What the answers of a SockJS endpoint are made of, besides frames.
//!
//! | request | status, `Content-Type` | caching | cookie |
//! | --- | --- | --- | --- |
//! | [`Greeting`](Request::Greeting) | 200 [`TEXT`], [`GREETING`] | | no |
//! | [`Info`](Request::Info) | 200 [`JSON`], [`put_info`] | [`NO_STORE`] | no |
//! | [`Iframe`](Request::Iframe) | 200 [`HTML`], [`Iframe`]; or 304 with neither type nor body | [`CACHE`], `Expires`, `ETag` | no |
//! | [`Preflight`](Request::Preflight) | 204, no body | [`CACHE`], `Expires` | no |
//! | [`Receive`](Request::Receive) | 200 [`Receiver::content_type`] | [`NO_STORE`] | [`session_cookie`] |
//! | [`Send`](Request::Send) | [`Sender::answer`] [`TEXT`] | [`NO_STORE`] | [`session_cookie`] |
//! | [`Refusal`] | [`Refusal::status`], [`TEXT`] when there is a text | | no |
//!
//! No answer has `Last-Modified`. A preflight has also `Access-Control-Max-Age` of [`MAX_AGE`] seconds and the request's methods as
//! `Access-Control-Allow-Methods`. Where pages of other origins are allowed, `Access-Control-Allow-Origin` is the request's `Origin` as it
//! is, `null` too, with `Access-Control-Allow-Credentials: true` for browsers that send cookies; without an `Origin` it is `*` alone.

use sha1_smol::Sha1;

#[cfg(doc)]
use super::{Receiver, Refusal, Request, Sender};

/// `Content-Type` of plain text.
pub const TEXT: &str = "text/plain; charset=UTF-8";
/// `Content-Type` of scripts, and of frames that are none.
pub const JAVASCRIPT: &str = "application/javascript; charset=UTF-8";
/// `Content-Type` of pages.
pub const HTML: &str = "text/html; charset=UTF-8";
/// `Content-Type` of the [info](put_info).
pub const JSON: &str = "application/json; charset=UTF-8";
/// `Cache-Control` of what nobody may keep. Without `no-transform` a proxy may hold a stream back to compress it.
pub const NO_STORE: &str = "no-store, no-cache, no-transform, must-revalidate, max-age=0";
/// `Cache-Control` of what does not change, for [`MAX_AGE`].
pub const CACHE: &str = "public, max-age=31536000";
/// A year in seconds: for `Expires`, and `Access-Control-Max-Age`.
pub const MAX_AGE: u64 = 31_536_000;
/// What the base URL answers.
pub const GREETING: &str = "Welcome to SockJS!\n";

/// The page of [`HtmlFile`](Receiver::HtmlFile), before and after the client's function. It is prescribed to the byte.
pub(super) const PAGE: [&str; 2] = [
    r#"<!doctype html>
<html><head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
</head><body><h2>Don't panic!</h2>
  <script>
    document.domain = document.domain;
    var c = parent."#,
    r#";
    c.start();
    function p(d) {c.message(d);};
    window.onload = function() {c.stop();};
  </script>"#,
];

/// The page of the iframe, before and after the script's URL. It is prescribed to the byte.
const IFRAME: [&str; 2] = [
    r#"<!DOCTYPE html>
<html>
<head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
  <script src=""#,
    r#""></script>
  <script>
    document.domain = document.domain;
    SockJS.bootstrap_iframe();
  </script>
</head>
<body>
  <h2>Don't panic!</h2>
  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>
</body>
</html>"#,
];

/// Appends what a client asks for first: whether it may use WebSockets, whether a balancer needs a cookie, and 32 random bits that no two
/// answers share.
pub fn put_info(with_websocket: bool, needs_cookie: bool, entropy: u32, out: &mut Vec<u8>) {
    let word = |yes| if yes { &b"true"[..] } else { b"false" };
    out.extend_from_slice(br#"{"websocket":"#);
    out.extend_from_slice(word(with_websocket));
    out.extend_from_slice(br#","cookie_needed":"#);
    out.extend_from_slice(word(needs_cookie));
    out.extend_from_slice(br#","origins":["*:*"],"entropy":"#);
    out.extend_from_slice(itoa::Buffer::new().format(entropy).as_bytes());
    out.push(b'}');
}

/// The page in which a client of another origin runs where that cannot ask by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Iframe {
    /// The body, [`HTML`].
    pub body: String,
    /// The `ETag`, quotes and all.
    pub etag: String,
}

impl Iframe {
    /// The page with the client's script from `script_url`.
    pub fn new(script_url: &str) -> Self {
        let [before, after] = IFRAME;
        let mut body = String::with_capacity(before.len() + script_url.len() + after.len());
        body.push_str(before);
        for character in script_url.chars() {
            match character {
                '"' => body.push_str("&quot;"),
                '&' => body.push_str("&amp;"),
                '<' => body.push_str("&lt;"),
                _ => body.push(character),
            }
        }
        body.push_str(after);
        let etag = format!("\"{}\"", Sha1::from(&body).digest());
        Self { body, etag }
    }

    /// Whether a client that sends this `If-None-Match` has it, and is to be answered 304 (RFC 9110 §13.1.2).
    pub fn is_known(&self, if_none_match: &str) -> bool {
        if_none_match.split(',').map(str::trim).any(|tag| {
            let tag = tag.strip_prefix("W/").unwrap_or(tag);
            tag == "*" || tag == self.etag
        })
    }
}

/// Bytes of a cookie's value, at most.
const COOKIE_MAX: usize = 256;

/// The `Set-Cookie` of an answer for a session, where balancers need one: that which `cookie`, the request's header, already has, or a
/// dummy that they can add to.
pub fn session_cookie(cookie: Option<&str>) -> String {
    let sent = cookie.unwrap_or_default().split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let value = value.trim();
        (name.trim() == "JSESSIONID" && is_cookie_value(value)).then_some(value)
    });
    format!("JSESSIONID={}; path=/", sent.unwrap_or("dummy"))
}

/// `cookie-octet` of RFC 6265 §4.1.1, at least one.
fn is_cookie_value(value: &str) -> bool {
    (1..=COOKIE_MAX).contains(&value.len())
        && value
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\'))
}

//! Which web pages may use the server (WHATWG Fetch, CORS protocol).
//!
//! Credentials are not allowed: with any origin allowed they would let every page act as the visitor (CVE-2020-28481). But for SockJS, whose
//! clients always send theirs, for balancers; they mean nothing here.

use std::net::IpAddr;

use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};

use super::{Reply, full};
use crate::config::Cors;

/// What a page with `origin` is answered: `None` when it may not use the server. Without an origin it is no page.
pub(super) fn allowed(cors: &Cors, origin: Option<&HeaderValue>) -> Option<HeaderValue> {
    if cors.is_open() {
        return Some(HeaderValue::from_static("*"));
    }
    let origin = origin?;
    cors.origins
        .iter()
        .any(|allowed| allowed.as_bytes() == origin.as_bytes())
        .then(|| origin.clone())
}

/// Whether a request comes from a page that this server sent.
///
/// A page whose name was bound anew to this server's address (DNS rebinding) has an `Origin` that equals `Host`, too. It cannot have it with
/// `https`, for which it had no certificate, nor with a host that no one can bind: an address, or `localhost`. Any other name is to be in
/// the list. So such a page may not publish, nor open a WebSocket. What it reads by GET it reads without an `Origin`, as does whoever is no
/// page; to refuse names that are not listed would refuse those who reach the server by a name of their own, and a proxy that knows
/// its names does it better.
pub(super) fn is_own(headers: &HeaderMap) -> bool {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let (Some(origin), Some(host)) = (text(header::ORIGIN), text(header::HOST)) else {
        return false;
    };
    origin.split_once("://").is_some_and(|(scheme, authority)| {
        authority.eq_ignore_ascii_case(host) && (scheme == "https" || cannot_be_bound(authority))
    })
}

/// Whether no one else can have the name of a host lead here.
fn cannot_be_bound(authority: &str) -> bool {
    let Ok(authority) = authority.parse::<Authority>() else {
        return false;
    };
    let host = authority.host().to_ascii_lowercase();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().is_ok() || host == "localhost" || host.ends_with(".localhost")
}

pub(super) fn is_preflight<B>(request: &Request<B>) -> bool {
    request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

pub(super) fn preflight<B>(request: &Request<B>) -> Reply {
    let mut reply = Response::new(full(""));
    *reply.status_mut() = StatusCode::NO_CONTENT;
    let headers = reply.headers_mut();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, HEAD, POST"),
    );
    if let Some(asked) = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    reply
}

/// Allows credentials, for which the answer has to name the origin.
pub(super) fn apply_with_credentials(origin: Option<&HeaderValue>, permitted: bool, reply: &mut Reply) {
    let headers = reply.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    match origin {
        Some(origin) if permitted => {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(
                header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
                HeaderValue::from_static("true"),
            );
        }
        Some(_) => {}
        None => {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        }
    }
}

/// Says who may read an answer that does not say so itself.
pub(super) fn apply(allowed: HeaderValue, headers: &mut HeaderMap) {
    if headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        return;
    }
    if allowed != "*" {
        headers.append(header::VARY, HeaderValue::from_static("origin"));
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_own_pages_are_known_unless_their_name_may_be_another_ones() {
        let own = |origin: &'static str, host: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            headers.insert(header::HOST, HeaderValue::from_static(host));
            is_own(&headers)
        };
        for (origin, host) in [
            ("https://pogu.example.com", "pogu.example.com"),
            ("https://pogu.example.com", "Pogu.Example.com"),
            ("http://127.0.0.1:7070", "127.0.0.1:7070"),
            ("http://[::1]:7070", "[::1]:7070"),
            ("http://localhost:7070", "localhost:7070"),
            ("http://pogu.localhost", "pogu.localhost"),
        ] {
            assert!(own(origin, host), "{origin}");
        }
        for (origin, host) in [
            ("http://evil.example:7070", "evil.example:7070"),
            ("http://127.0.0.1.evil.example", "127.0.0.1.evil.example"),
            ("http://localhost.evil.example", "localhost.evil.example"),
            ("https://evil.example", "pogu.example.com"),
            ("http://localhost:7070", "localhost:7071"),
            ("null", "null"),
        ] {
            assert!(!own(origin, host), "{origin}");
        }
    }
}

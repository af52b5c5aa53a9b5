//! Which protocol a TCP connection speaks, told by its first bytes.
//!
//! | first bytes | protocol |
//! | --- | --- |
//! | `16 03` | TLS, a handshake record (RFC 8446 §5.1) |
//! | `0D 0A 0D 0A 00 0D 0A 51 55 49 54 0A` | PROXY protocol, version 2 |
//! | `PROXY ` | PROXY protocol, version 1 |
//! | `PRI * HTTP/2.0` | HTTP/2 with prior knowledge (RFC 9113 §3.4) |
//! | an HTTP method and a space | HTTP/1 |
//! | `CONNECT` or `STOMP`, then LF or CRLF | STOMP |
//! | anything else | pogu lines |
//!
//! Before HTTP/1, STOMP and pogu lines there may be empty lines. Methods are known by name, as no other word may be taken for one:
//! a line client that begins with any other word, mistyped or not, gets its answer in lines. No verb of the pogu dialect is a method.

/// How many bytes are looked at, at most.
pub const LIMIT: usize = 64;

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/1.0 or HTTP/1.1.
    Http1,
    /// HTTP/2 without TLS.
    Http2,
    /// STOMP.
    Stomp,
    /// TLS; what is inside begins anew.
    Tls,
    /// A PROXY protocol header, version 1; what follows begins anew.
    ProxyV1,
    /// A PROXY protocol header, version 2; what follows begins anew.
    ProxyV2,
    /// The pogu dialect, in lines; also everything unknown.
    Pogu,
}

/// Which protocol begins with `first`, all bytes that arrived so far; `None` when they could still become several.
///
/// With [`LIMIT`] bytes or more the answer is always `Some`. A client that sends nothing may be of any protocol, however
/// long it is silent: browsers connect ahead of their requests.
pub fn sniff(first: &[u8]) -> Option<Protocol> {
    let begin = first
        .iter()
        .position(|byte| !b"\r\n".contains(byte))
        .unwrap_or(first.len());
    let mut undecided = false;
    for (bytes, table) in [(first, AT_THE_START), (&first[begin..], AFTER_EMPTY_LINES)] {
        for (signature, protocol) in table {
            if bytes.starts_with(signature) {
                return Some(*protocol);
            }
            undecided |= signature.starts_with(bytes);
        }
    }
    if undecided && first.len() < LIMIT {
        None
    } else {
        Some(Protocol::Pogu)
    }
}

/// Whether a line, without its end, is one that every HTTP request has: a request line, or `Host:`.
///
/// For a conversation in lines that HTTP must not get into, whatever its first bytes were. No command of the pogu dialect is such a line: a
/// body in it begins with a colon, and without one it has no third word that is not `key=value`.
pub fn is_of_request(line: &[u8]) -> bool {
    let host = line.get(..5);
    host.is_some_and(|host| host.eq_ignore_ascii_case(b"host:")) || is_request_line(line)
}

/// Whether a line, without its end, begins an HTTP request: `METHOD target HTTP/x`, of any method.
pub fn is_request_line(line: &[u8]) -> bool {
    let mut words = line.splitn(3, |byte| *byte == b' ');
    let (Some(method), Some(target), Some(version)) = (words.next(), words.next(), words.next()) else {
        return false;
    };
    !method.is_empty() && !target.is_empty() && version.starts_with(b"HTTP/")
}

type Signatures = &'static [(&'static [u8], Protocol)];

const AT_THE_START: Signatures = &[
    (b"\x16\x03", Protocol::Tls),
    (b"\r\n\r\n\0\r\nQUIT\n", Protocol::ProxyV2),
    (b"PROXY ", Protocol::ProxyV1),
    (b"PRI * HTTP/2.0", Protocol::Http2),
];

/// The HTTP methods are those of the IANA registry, but `PRI` and `*`, which no request has, and `QUERY`.
const AFTER_EMPTY_LINES: Signatures = &[
    (b"GET ", Protocol::Http1),
    (b"POST ", Protocol::Http1),
    (b"CONNECT\n", Protocol::Stomp),
    (b"CONNECT\r\n", Protocol::Stomp),
    (b"STOMP\n", Protocol::Stomp),
    (b"STOMP\r\n", Protocol::Stomp),
    (b"ACL ", Protocol::Http1),
    (b"BASELINE-CONTROL ", Protocol::Http1),
    (b"BIND ", Protocol::Http1),
    (b"CHECKIN ", Protocol::Http1),
    (b"CHECKOUT ", Protocol::Http1),
    (b"CONNECT ", Protocol::Http1),
    (b"COPY ", Protocol::Http1),
    (b"DELETE ", Protocol::Http1),
    (b"HEAD ", Protocol::Http1),
    (b"LABEL ", Protocol::Http1),
    (b"LINK ", Protocol::Http1),
    (b"LOCK ", Protocol::Http1),
    (b"MERGE ", Protocol::Http1),
    (b"MKACTIVITY ", Protocol::Http1),
    (b"MKCALENDAR ", Protocol::Http1),
    (b"MKCOL ", Protocol::Http1),
    (b"MKREDIRECTREF ", Protocol::Http1),
    (b"MKWORKSPACE ", Protocol::Http1),
    (b"MOVE ", Protocol::Http1),
    (b"OPTIONS ", Protocol::Http1),
    (b"ORDERPATCH ", Protocol::Http1),
    (b"PATCH ", Protocol::Http1),
    (b"PROPFIND ", Protocol::Http1),
    (b"PROPPATCH ", Protocol::Http1),
    (b"PUT ", Protocol::Http1),
    (b"QUERY ", Protocol::Http1),
    (b"REBIND ", Protocol::Http1),
    (b"REPORT ", Protocol::Http1),
    (b"SEARCH ", Protocol::Http1),
    (b"TRACE ", Protocol::Http1),
    (b"UNBIND ", Protocol::Http1),
    (b"UNCHECKOUT ", Protocol::Http1),
    (b"UNLINK ", Protocol::Http1),
    (b"UNLOCK ", Protocol::Http1),
    (b"UPDATE ", Protocol::Http1),
    (b"UPDATEREDIRECTREF ", Protocol::Http1),
    (b"VERSION-CONTROL ", Protocol::Http1),
];

#[cfg(test)]
mod tests;

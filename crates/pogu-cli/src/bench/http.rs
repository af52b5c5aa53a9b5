//! As much of HTTP/1.1 as a load generator needs to read: heads, and bodies by length, by chunks or to the end.

use anyhow::{Context, bail, ensure};

/// Bytes of a response head, beyond which the server is not worth waiting for.
const HEAD_MAX: usize = 16 * 1024;
/// Bytes of the line that tells a chunk's size.
const CHUNK_LINE_MAX: usize = 1024;

/// The head of a response.
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) line: String,
    pub(super) body: Body,
    /// `Sec-WebSocket-Accept`.
    pub(super) accept: Option<String>,
}

/// How far a body reaches, and how much of it is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    Length(u64),
    /// Bytes left of the chunk, its line end included; 0 before a size line.
    Chunked(u64),
    /// After the last chunk: trailers and an empty line.
    Trailers,
    UntilClose,
    Done,
}

/// Reads a head from the start of `bytes`; the number is its length. `None` when it has not all come yet.
pub(super) fn head(bytes: &[u8]) -> anyhow::Result<Option<(Head, usize)>> {
    let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
        ensure!(
            bytes.len() <= HEAD_MAX,
            "the response head is longer than {HEAD_MAX} bytes"
        );
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..end]).context("the response head is not text")?;
    let mut lines = text.split("\r\n");
    let line = lines.next().unwrap_or_default().to_owned();
    let status = line
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.get(2..5))
        .and_then(|code| code.parse().ok());
    let mut head = Head {
        status: status.with_context(|| format!("not an HTTP/1.1 answer: {line:?}"))?,
        line,
        body: Body::UntilClose,
        accept: None,
    };
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") && head.body == Body::UntilClose {
            head.body = Body::Length(value.parse().context("content-length")?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") && value.eq_ignore_ascii_case("chunked") {
            head.body = Body::Chunked(0);
        } else if name.eq_ignore_ascii_case("sec-websocket-accept") {
            head.accept = Some(value.to_owned());
        }
    }
    Ok(Some((head, end + 4)))
}

impl Body {
    /// Moves what `bytes` hold of the body to the end of `out`; returns how many bytes are done with.
    pub(super) fn read(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> anyhow::Result<usize> {
        let mut at = 0;
        loop {
            let rest = &bytes[at..];
            match *self {
                Body::Done | Body::Length(0) => {
                    *self = Body::Done;
                    return Ok(at);
                }
                Body::UntilClose => {
                    out.extend_from_slice(rest);
                    return Ok(bytes.len());
                }
                Body::Length(left) => {
                    let n = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    out.extend_from_slice(&rest[..n]);
                    *self = Body::Length(left - n as u64);
                    at += n;
                    if n == 0 {
                        return Ok(at);
                    }
                }
                Body::Chunked(0) => {
                    let Some((size, n)) = chunk_line(rest)? else {
                        return Ok(at);
                    };
                    at += n;
                    *self = if size == 0 {
                        Body::Trailers
                    } else {
                        Body::Chunked(size + 2)
                    };
                }
                Body::Chunked(left) => {
                    let n = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    if n == 0 {
                        return Ok(at);
                    }
                    // The last two bytes of what is left are the chunk's line end.
                    let data = n.min(usize::try_from(left.saturating_sub(2)).unwrap_or(usize::MAX));
                    out.extend_from_slice(&rest[..data]);
                    *self = Body::Chunked(left - n as u64);
                    at += n;
                }
                Body::Trailers => {
                    let Some(end) = memchr::memmem::find(rest, b"\r\n") else {
                        return Ok(at);
                    };
                    at += end + 2;
                    if end == 0 {
                        *self = Body::Done;
                    }
                }
            }
        }
    }
}

fn chunk_line(bytes: &[u8]) -> anyhow::Result<Option<(u64, usize)>> {
    let Some(end) = memchr::memmem::find(bytes, b"\r\n") else {
        ensure!(
            bytes.len() <= CHUNK_LINE_MAX,
            "a chunk's size line is longer than {CHUNK_LINE_MAX} bytes"
        );
        return Ok(None);
    };
    let digits = bytes[..end]
        .split(|&byte| byte == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii();
    let size = std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| u64::from_str_radix(digits, 16).ok());
    match size {
        Some(size) if size < u64::MAX / 2 => Ok(Some((size, end + 2))),
        _ => bail!("bad chunk size {:?}", String::from_utf8_lossy(digits)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(kind: Body, bytes: &[u8]) {
        for cut in 0..=bytes.len() {
            let mut kind = kind;
            let mut out = Vec::new();
            let mut rest = bytes[..cut].to_vec();
            let done = kind.read(&rest, &mut out).unwrap();
            rest.drain(..done);
            rest.extend_from_slice(&bytes[cut..]);
            let done = kind.read(&rest, &mut out).unwrap();
            assert_eq!(kind, Body::Done, "cut at {cut}");
            assert_eq!(&rest[done..], b"next", "cut at {cut}");
            assert_eq!(out, b"hello, world", "cut at {cut}");
        }
    }

    #[test]
    fn bodies_are_the_same_at_every_cut() {
        body(Body::Length(12), b"hello, worldnext");
        body(
            Body::Chunked(0),
            b"7\r\nhello, \r\n05;x=y\r\nworld\r\n0\r\nA: b\r\n\r\nnext",
        );
    }

    #[test]
    fn heads_are_read_whole() {
        let bytes = b"HTTP/1.1 101 Switching Protocols\r\nsec-websocket-ACCEPT: abc=\r\n\r\n\x81";
        for cut in 0..bytes.len() - 1 {
            assert!(head(&bytes[..cut]).unwrap().is_none(), "cut at {cut}");
        }
        let (head, n) = head(bytes).unwrap().unwrap();
        assert_eq!(
            (head.status, head.accept.as_deref(), n),
            (101, Some("abc="), bytes.len() - 1)
        );
    }

    #[test]
    fn what_is_not_http_is_refused() {
        assert!(head(b"ERR bad-command :why\r\n\r\n").is_err());
        assert!(head(&[b'a'; HEAD_MAX + 1]).is_err());
        assert!(Body::Chunked(0).read(b"xyz\r\n", &mut Vec::new()).is_err());
        assert!(
            Body::Chunked(0)
                .read(b"ffffffffffffffff\r\n", &mut Vec::new())
                .is_err()
        );
        assert!(
            Body::Chunked(0)
                .read(&[b'0'; CHUNK_LINE_MAX + 1], &mut Vec::new())
                .is_err()
        );
    }
}

//! As much of SockJS as a load generator needs: frames on a WebSocket, and in responses that follow one another.

use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use pogu_client::SockJsTransport;

use super::wire::{Response, Unit, wrapped};

/// What a session at `base` is called, and by what it rides. Each call names another one.
pub(super) fn path(base: &str, transport: SockJsTransport) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = elapsed.unwrap_or_default().as_nanos();
    let name = match transport {
        SockJsTransport::XhrStreaming => "xhr_streaming",
        SockJsTransport::XhrPolling => "xhr",
        SockJsTransport::EventSource => "eventsource",
        _ => "websocket",
    };
    format!("{base}/000/{:x}-{now:x}-{number:x}/{name}", process::id())
}

/// Takes a frame.
pub(super) fn read_frame(frame: &[u8], found: &mut impl FnMut(Unit<'_>)) {
    match frame.first() {
        Some(b'o') => found(Unit::Ready),
        // A heartbeat, the first line of a stream, or what stands between two events.
        Some(b'h') | None => {}
        Some(b'c') => found(Unit::Closed),
        Some(_) => wrapped(frame, found),
    }
}

/// A session of responses, over one connection: when one has ended, the same request asks for the next.
#[derive(Debug)]
pub(super) struct Responses {
    request: Vec<u8>,
    response: Response,
}

impl Responses {
    pub(super) fn new(host: &str, path: &str, transport: SockJsTransport) -> Responses {
        let request = match transport {
            SockJsTransport::EventSource => format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            _ => format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n"),
        };
        Responses {
            request: request.into_bytes(),
            response: Response::default(),
        }
    }

    /// The request, which also opens the session.
    pub(super) fn request(&self) -> Vec<u8> {
        self.request.clone()
    }

    /// Hears responses and appends the next request; returns how many bytes are done with.
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        out: &mut Vec<u8>,
        mut found: impl FnMut(Unit<'_>),
    ) -> anyhow::Result<usize> {
        let mut at = 0;
        loop {
            let (n, ended) = self.response.lines(&bytes[at..], |line| {
                read_frame(line.strip_prefix(b"data: ").unwrap_or(line), &mut found);
            })?;
            at += n;
            if !ended {
                return Ok(at);
            }
            out.extend_from_slice(&self.request);
        }
    }
}

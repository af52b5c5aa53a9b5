use std::borrow::Cow;

use super::messages::{Messages, Shape, shape};
use super::string::put_string;
use crate::engineio::json;

/// The end of a session, as its client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close<'a> {
    /// 1000, or from 3000 to 4999 for a program's own; SockJS itself has 1002, 1006 and 2010.
    pub code: u16,
    /// Why.
    pub reason: Cow<'a, str>,
}

impl Close<'static> {
    /// To a second receiver of a session that has one.
    pub const ANOTHER: Self = Self::of(2010, "Another connection still open");
    /// To the receiver after one that the network has cut.
    pub const INTERRUPTED: Self = Self::of(1002, "Connection interrupted");
    /// For a WebSocket, in its own Close, whose client has sent what cannot be read.
    pub const BROKEN: Self = Self::of(3000, "Broken framing.");

    const fn of(code: u16, reason: &'static str) -> Self {
        let reason = Cow::Borrowed(reason);
        Self { code, reason }
    }
}

/// A frame from the server.
#[derive(Clone, Debug)]
pub enum Frame<'a> {
    /// `o`: the session begins.
    Open,
    /// `h`: to keep proxies from thinking the connection idle.
    Heartbeat,
    /// `a[…]`, or `m"…"` of old servers.
    Messages(Messages<'a>),
    /// `c[…]`: the session is over.
    Close(Close<'a>),
}

/// It is no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The type is none of `o`, `h`, `a`, `m` and `c`, or there is none.
    #[error("unknown frame type")]
    Type,
    /// What follows the type does not fit it.
    #[error("broken frame")]
    Malformed,
    /// Not UTF-8.
    #[error("a frame that is not UTF-8")]
    NotUtf8,
    /// A frame, or a line around it, longer than it may be.
    #[error("a frame longer than {0} bytes")]
    TooLong(usize),
}

impl<'a> Frame<'a> {
    /// Reads a frame without what it rides in, as it is in a WebSocket message.
    ///
    /// # Errors
    ///
    /// It is no frame; [`Client::receive`](super::Client::receive) takes that up.
    pub fn read(frame: &'a [u8]) -> Result<Self, FrameError> {
        let (kind, rest) = frame.split_first().ok_or(FrameError::Type)?;
        let rest = simdutf8::basic::from_utf8(rest).map_err(|_| FrameError::NotUtf8)?;
        match kind {
            b'o' if rest.is_empty() => Ok(Self::Open),
            // A stream begins with a line of many.
            b'h' if rest.bytes().all(|byte| byte == b'h') => Ok(Self::Heartbeat),
            b'a' => messages(rest, Shape::Array).map(Self::Messages),
            b'm' => messages(rest, Shape::String).map(Self::Messages),
            b'c' => close(rest).map(Self::Close).ok_or(FrameError::Malformed),
            b'o' | b'h' => Err(FrameError::Malformed),
            _ => Err(FrameError::Type),
        }
    }
}

fn messages(text: &str, wanted: Shape) -> Result<Messages<'_>, FrameError> {
    match shape(text, usize::MAX) {
        Ok(shape) if shape == wanted => Ok(Messages::of_checked(text)),
        _ => Err(FrameError::Malformed),
    }
}

fn close(text: &str) -> Option<Close<'_>> {
    json::check(text, json::DEPTH_MAX).ok()?;
    let mut elements = json::array(text)?;
    let code = elements.next()?.parse().ok()?;
    let reason = json::string(elements.next()?)?;
    elements.next().is_none().then_some(Close { code, reason })
}

/// Appends a close frame.
pub(super) fn put_close(close: &Close<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"c[");
    out.extend_from_slice(itoa::Buffer::new().format(close.code).as_bytes());
    out.push(b',');
    put_string(&close.reason, out);
    out.push(b']');
}

use memchr::memchr;

use super::{Frame, FrameError, Receiver};
use crate::engineio::json;
use crate::framing::{self, Framing};
use crate::percent::decode_in_place;
use crate::{Reader, TooLong};

/// Takes the frames out of a response, in whatever pieces it arrives. Each response has one of its own.
#[derive(Debug)]
pub struct Decoder {
    receiver: Receiver,
    lines: framing::Decoder,
    /// A frame that was decoded.
    frame: Vec<u8>,
}

impl Decoder {
    /// A decoder at the start of a response. A WebSocket's messages are whole: [`Frame::read`] reads them.
    pub fn new(receiver: Receiver) -> Self {
        Self {
            receiver,
            lines: framing::Decoder::new(),
            frame: Vec::new(),
        }
    }

    /// Whether no incomplete frame is kept; at the end of a response, whether it ended cleanly.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The next whole frame, `None` when more bytes are needed. The prelude of a stream may look like a heartbeat. A line has at most
    /// `limit` bytes.
    ///
    /// # Errors
    ///
    /// What follows cannot be read; end the response. [`Client::receive`](super::Client::receive) takes that up.
    pub fn next<'e>(
        &'e mut self,
        limit: usize,
        input: &'e mut Reader<'_>,
    ) -> Result<Option<Frame<'e>>, FrameError> {
        loop {
            let Some(line) = self.lines.next(Framing::Line, limit, input)? else {
                return Ok(None);
            };
            if unwrap(self.receiver, line, &mut self.frame)? {
                break;
            }
        }
        Frame::read(&self.frame).map(Some)
    }
}

impl From<TooLong> for FrameError {
    fn from(too_long: TooLong) -> Self {
        Self::TooLong(too_long.limit)
    }
}

/// Takes the frame out of a line; whether there is one.
fn unwrap(receiver: Receiver, line: &[u8], frame: &mut Vec<u8>) -> Result<bool, FrameError> {
    frame.clear();
    match receiver {
        Receiver::Xhr | Receiver::XhrStreaming | Receiver::WebSocket => frame.extend_from_slice(line),
        Receiver::EventSource => {
            let data = line.strip_prefix(b"data:").unwrap_or_default();
            frame.extend_from_slice(data.strip_prefix(b" ").unwrap_or(data));
            let length = decode_in_place(frame, false);
            frame.truncate(length);
        }
        Receiver::HtmlFile => {
            if let Some(call) = line.strip_prefix(b"p(") {
                argument(call, frame)?;
            }
        }
        Receiver::Jsonp => {
            if let Some(at) = memchr(b'(', line) {
                argument(&line[at + 1..], frame)?;
            }
        }
    }
    Ok(!frame.is_empty())
}

/// Takes the string out of what follows the parenthesis of a call.
fn argument(call: &[u8], frame: &mut Vec<u8>) -> Result<(), FrameError> {
    let call = simdutf8::basic::from_utf8(call).map_err(|_| FrameError::NotUtf8)?;
    let string = call.strip_suffix(");").ok_or(FrameError::Malformed)?;
    json::check(string, json::DEPTH_MAX).map_err(|_| FrameError::Malformed)?;
    let string = json::string(string).ok_or(FrameError::Malformed)?;
    frame.extend_from_slice(string.as_bytes());
    Ok(())
}

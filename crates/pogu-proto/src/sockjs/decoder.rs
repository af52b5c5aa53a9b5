use memchr::memchr;

use super::url::decode_in_place;
use super::{Frame, FrameError, Receiver};
use crate::framing::{self, Framing};
use crate::{Reader, TooLong, engineio::json};

/// Takes the frames out of a response, in whatever pieces it arrives. Each response has one of its own.
#[derive(Debug)]
pub struct Decoder {
    receiver: Receiver,
    lines: framing::Decoder,
    /// A frame that was decoded.
    frame: String,
}

impl Decoder {
    /// A decoder at the start of a response. A WebSocket's messages are whole: [`Frame::read`] reads them.
    pub fn new(receiver: Receiver) -> Self {
        Self {
            receiver,
            lines: framing::Decoder::new(),
            frame: String::new(),
        }
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
        Frame::of_text(&self.frame).map(Some)
    }
}

impl From<TooLong> for FrameError {
    fn from(too_long: TooLong) -> Self {
        Self::TooLong(too_long.limit)
    }
}

/// Takes the frame out of a line; whether there is one.
fn unwrap(receiver: Receiver, line: &[u8], frame: &mut String) -> Result<bool, FrameError> {
    frame.clear();
    let text = |bytes| simdutf8::basic::from_utf8(bytes).map_err(|_| FrameError::NotUtf8);
    match receiver {
        Receiver::Xhr | Receiver::XhrStreaming | Receiver::WebSocket => frame.push_str(text(line)?),
        Receiver::EventSource => {
            let Some(data) = line.strip_prefix(b"data:") else {
                return Ok(false);
            };
            let mut data = data.strip_prefix(b" ").unwrap_or(data).to_vec();
            let length = decode_in_place(&mut data, false);
            frame.push_str(text(&data[..length])?);
        }
        Receiver::HtmlFile => match line.strip_prefix(b"p(") {
            Some(call) => frame.push_str(&argument(text(call)?)?),
            None => return Ok(false),
        },
        Receiver::Jsonp => match memchr(b'(', line) {
            Some(at) => frame.push_str(&argument(text(&line[at + 1..])?)?),
            None => return Ok(false),
        },
    }
    Ok(!frame.is_empty())
}

/// The string in what follows the parenthesis of a call.
fn argument(call: &str) -> Result<std::borrow::Cow<'_, str>, FrameError> {
    let string = call.strip_suffix(");").ok_or(FrameError::Malformed)?;
    json::check(string).map_err(|_| FrameError::Malformed)?;
    json::string(string).ok_or(FrameError::Malformed)
}

//! How messages lie in the bytes of a bound port, whose devices say nothing but their messages.
//!
//! | framing | a message is | notes |
//! | --- | --- | --- |
//! | line | what stands before LF or CRLF | an empty line is an empty message; a line that the stream ends in is none |
//! | length | 4 bytes, its length in network byte order, and that many bytes | any bytes |
//! | datagram | a datagram | any bytes; an empty datagram is no message |
//!
//! A body with line breaks of its own, sent in lines, arrives as several lines: that is what the same bytes mean in the other
//! direction, no byte is lost or changed, and it gives a publisher no power that publishing several messages does not. Only
//! where one message ends and the next begins cannot be told any more; where that matters, frame by length.

use memchr::memchr;

use crate::kept::{Cut, EOL_MAX, Kept, Span, without_cr};
use crate::{Reader, TooLong};

/// How the messages of a bound port are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// One message a line, which ends in LF or CRLF.
    Line,
    /// Before each message its length in bytes, as 4 bytes in network byte order.
    Length,
    /// One message a datagram.
    Datagram,
}

/// Appends `body` to `out` in a frame.
///
/// In lines a CR at the very end of a body cannot be told from that of a CRLF. A body of 4 GiB or more has no length prefix and is not
/// written; the limits of every decoder here are below that.
pub fn encode(framing: Framing, body: &[u8], out: &mut Vec<u8>) {
    match framing {
        Framing::Line => {
            out.extend_from_slice(body);
            out.push(b'\n');
        }
        Framing::Length => {
            let Ok(length) = u32::try_from(body.len()) else {
                return;
            };
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(body);
        }
        Framing::Datagram => out.extend_from_slice(body),
    }
}

/// Cuts a byte stream into messages; an incomplete one is kept between reads.
///
/// A declared length costs no memory before its bytes arrive.
#[derive(Debug)]
pub struct Decoder(Kept<FrameCut>);

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub fn new() -> Self {
        Self(Kept::new())
    }

    /// Whether no incomplete message is kept; at the end of a stream, whether it ended cleanly.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next whole message, `None` when more bytes are needed. A message has at most `limit` bytes.
    ///
    /// With [`Framing::Datagram`], `input` holds one whole datagram. The framing of a stream never changes.
    ///
    /// # Errors
    ///
    /// A message longer than `limit`, found before its bytes are kept. What follows cannot be read; end the connection.
    pub fn next<'e>(
        &'e mut self,
        framing: Framing,
        limit: usize,
        input: &'e mut Reader<'_>,
    ) -> Result<Option<&'e [u8]>, TooLong> {
        self.0.next(&(framing, limit), input)
    }
}

#[derive(Debug, Default)]
struct FrameCut {
    /// Bytes in which no LF was found.
    seen: usize,
    /// Where a message framed by length ends, once its prefix is there.
    end: Option<usize>,
}

impl Cut for FrameCut {
    type Limits = (Framing, usize);
    type Violation = TooLong;

    fn cut(&mut self, unit: &[u8], &(framing, limit): &Self::Limits) -> Result<Option<Span>, TooLong> {
        let within = |length: usize| {
            if length > limit {
                Err(TooLong { limit })
            } else {
                Ok(length)
            }
        };
        match framing {
            Framing::Line => {
                let Some(found) = memchr(b'\n', &unit[self.seen..]) else {
                    within(without_cr(unit).len())?;
                    self.seen = unit.len();
                    return Ok(None);
                };
                let lf = self.seen + found;
                let end = within(without_cr(&unit[..lf]).len())?;
                Ok(Some(Span {
                    start: 0,
                    end,
                    next: lf + 1,
                }))
            }
            Framing::Length => {
                let Some((length, rest)) = unit.split_first_chunk() else {
                    return Ok(None);
                };
                // On a platform where a length does not fit in usize it is above every limit.
                let length = within(usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX))?;
                let end = PREFIX.saturating_add(length);
                self.end = Some(end);
                Ok((rest.len() >= length).then_some(Span {
                    start: PREFIX,
                    end,
                    next: end,
                }))
            }
            Framing::Datagram => {
                let end = within(unit.len())?;
                Ok(Some(Span {
                    start: 0,
                    end,
                    next: end,
                }))
            }
        }
    }

    fn step(&self, have: usize, fresh: &[u8], &(framing, limit): &Self::Limits) -> usize {
        let wanted = match framing {
            Framing::Line => {
                let line = memchr(b'\n', fresh).map_or(fresh.len(), |lf| lf + 1);
                line.min(limit.saturating_add(EOL_MAX).saturating_sub(have))
            }
            Framing::Length => self.end.unwrap_or(PREFIX).saturating_sub(have),
            Framing::Datagram => fresh.len(),
        };
        wanted.clamp(1, fresh.len())
    }
}

const PREFIX: usize = size_of::<u32>();

#[cfg(test)]
mod tests;

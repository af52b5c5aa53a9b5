use memchr::{memchr, memchr2};

use super::words::{begins_body, length};
use crate::Reader;
use crate::kept::{Cut, EOL_MAX, Kept, Span, without_cr};

/// How long a command or an answer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes before the body: verb, argument, keys and values, and the space.
    pub head: usize,
    /// Bytes of the body.
    pub body: usize,
}

/// Why a stream cannot be read any further; end the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// The line does not end, and no body begins, within the limit.
    #[error("a command has at most {0} bytes before its body")]
    HeadTooLong(usize),
    /// The body is, or is declared to be, longer than its limit.
    #[error("a body has at most {0} bytes")]
    BodyTooLong(usize),
    /// `len` is not a number, stands there twice or without a body, or is not followed by that many bytes and an EOL.
    #[error("`len=` needs the number of bytes of the body, which stands after ` :` and before a line end")]
    Length,
}

impl Violation {
    /// Its name, for `ERR`: `too-large` or `bad-length`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::HeadTooLong(_) | Self::BodyTooLong(_) => "too-large",
            Self::Length => "bad-length",
        }
    }
}

/// Cuts a TCP stream into whole commands, or on the other side into whole answers.
///
/// They are lent out of the reader when they lie there in one piece, and copied once when they do not. Each byte is looked at once,
/// in whatever pieces it arrives, and a declared length costs no memory before its bytes arrive. Idle a decoder is one null pointer.
#[derive(Debug)]
pub struct Decoder(Kept<LineCut>);

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

    /// Whether no incomplete command is kept.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// The next whole command without its EOL, `None` when more bytes are needed. Blank lines are passed over.
    ///
    /// # Errors
    ///
    /// A violation after which nothing more can be read.
    pub fn next<'e>(
        &'e mut self,
        limits: &Limits,
        input: &'e mut Reader<'_>,
    ) -> Result<Option<&'e [u8]>, Violation> {
        if self.0.is_empty() {
            let blank = input
                .rest()
                .iter()
                .take_while(|byte| b" \r\n".contains(byte))
                .count();
            input.take(blank);
        }
        self.0.next(limits, input)
    }
}

#[derive(Debug, Default)]
struct LineCut {
    /// Bytes that need no second look.
    seen: usize,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, Default)]
enum Stage {
    /// Neither the body nor the end of the line was found.
    #[default]
    Head,
    /// The body begins here and runs to the end of the line.
    Line { body: usize },
    /// The body has a length and ends here, before the EOL.
    Counted { end: usize },
}

impl Cut for LineCut {
    type Limits = Limits;
    type Violation = Violation;

    fn cut(&mut self, unit: &[u8], limits: &Limits) -> Result<Option<Span>, Violation> {
        loop {
            match self.stage {
                Stage::Head => {
                    let found = memchr2(b':', b'\n', &unit[self.seen..]);
                    let at = found.map_or(unit.len(), |found| self.seen + found);
                    let head = without_cr(&unit[..at]);
                    if head.len() > limits.head {
                        return Err(Violation::HeadTooLong(limits.head));
                    }
                    self.seen = at;
                    if found.is_none() {
                        return Ok(None);
                    }
                    self.seen += 1;
                    if unit[at] == b'\n' {
                        return match length(head) {
                            Ok(None) => Ok(Some(Span {
                                start: 0,
                                end: head.len(),
                                next: at + 1,
                            })),
                            _ => Err(Violation::Length),
                        };
                    }
                    if begins_body(unit, at) {
                        self.stage = body_stage(&unit[..at], limits)?;
                    }
                }
                Stage::Line { body } => {
                    let found = memchr(b'\n', &unit[self.seen..]);
                    let at = found.map_or(unit.len(), |found| self.seen + found);
                    let line = without_cr(&unit[body..at]);
                    if line.len() > limits.body {
                        return Err(Violation::BodyTooLong(limits.body));
                    }
                    self.seen = at;
                    let span = Span {
                        start: 0,
                        end: body + line.len(),
                        next: at + 1,
                    };
                    return Ok(found.map(|_| span));
                }
                Stage::Counted { end } => {
                    return match unit.get(end..).unwrap_or_default() {
                        [] | [b'\r'] => Ok(None),
                        [b'\n', ..] => Ok(Some(Span {
                            start: 0,
                            end,
                            next: end + 1,
                        })),
                        [b'\r', b'\n', ..] => Ok(Some(Span {
                            start: 0,
                            end,
                            next: end + 2,
                        })),
                        _ => Err(Violation::Length),
                    };
                }
            }
        }
    }

    fn step(&self, have: usize, fresh: &[u8], limits: &Limits) -> usize {
        let through = |found: Option<usize>| found.map_or(fresh.len(), |at| at + 1);
        let (wanted, most) = match self.stage {
            Stage::Head => (
                through(memchr2(b':', b'\n', fresh)),
                limits.head.saturating_add(EOL_MAX),
            ),
            Stage::Line { body } => (
                through(memchr(b'\n', fresh)),
                body.saturating_add(limits.body).saturating_add(EOL_MAX),
            ),
            // Its end, then its EOL byte by byte.
            Stage::Counted { end } => (fresh.len(), end.max(have).saturating_add(1)),
        };
        wanted.min(most.saturating_sub(have)).clamp(1, fresh.len())
    }
}

/// What kind of body follows `head`.
fn body_stage(head: &[u8], limits: &Limits) -> Result<Stage, Violation> {
    let body = head.len() + 1;
    match length(head) {
        Err(_) => Err(Violation::Length),
        Ok(None) => Ok(Stage::Line { body }),
        Ok(Some(length)) => match usize::try_from(length) {
            Ok(length) if length <= limits.body => Ok(Stage::Counted {
                end: body.saturating_add(length),
            }),
            _ => Err(Violation::BodyTooLong(limits.body)),
        },
    }
}

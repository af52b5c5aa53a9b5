use memchr::{memchr, memchr2};

use super::{Frame, Violation};
use crate::Reader;
use crate::kept::{Cut, EOL_MAX, Kept, Span, without_cr};

/// How large a frame may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the command.
    pub command: usize,
    /// Headers, those with the same name counted each.
    pub headers: usize,
    /// Bytes of one header line.
    pub header: usize,
    /// Bytes of command and headers together, with the EOLs between them.
    pub head: usize,
    /// Bytes of the body.
    pub body: usize,
}

impl Default for Limits {
    /// Those of a peer that has connected: a head of 64 KiB, 100 headers, a body of 1 MiB.
    fn default() -> Self {
        Self {
            command: COMMAND_MAX,
            headers: 100,
            header: 16 * 1024,
            head: 64 * 1024,
            body: 1024 * 1024,
        }
    }
}

impl Limits {
    /// Those of a peer that has not connected. A passcode may be a token of some KiB; a body has no place here but for stray line ends.
    pub const BEFORE_CONNECT: Limits = Limits {
        command: COMMAND_MAX,
        headers: 32,
        header: 8 * 1024,
        head: 16 * 1024,
        body: 64,
    };
}

/// The longest command, UNSUBSCRIBE, has 11 bytes.
const COMMAND_MAX: usize = 32;

/// Cuts a byte stream, in whatever pieces it arrives, into whole frames.
///
/// They are lent out of the reader when they lie there in one piece, and copied once when they do not. Each byte is looked at once on the
/// way to a whole frame, and a declared length costs no memory before its bytes arrive. Idle a decoder is one null pointer.
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

    /// Whether no incomplete frame is kept.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// The next whole frame, `None` when more bytes are needed. LF, CR and NUL between frames are passed over.
    ///
    /// # Errors
    ///
    /// A violation after which nothing more can be read.
    pub fn next<'e>(
        &'e mut self,
        limits: &Limits,
        input: &'e mut Reader<'_>,
    ) -> Result<Option<Frame<'e>>, Violation> {
        if self.0.is_empty() {
            let noise = input
                .rest()
                .iter()
                .take_while(|byte| b"\n\r\0".contains(byte))
                .count();
            input.take(noise);
        }
        match self.0.next(limits, input)? {
            Some(unit) => Frame::split(unit).map(Some),
            None => Ok(None),
        }
    }
}

#[derive(Debug, Default)]
struct FrameCut {
    /// Bytes that need no second look.
    seen: usize,
    /// Headers that were whole.
    headers: usize,
    /// What `content-length` said first.
    length: Option<usize>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// The command, or a header when it does not begin at 0, or the blank line, begins here and did not end.
    Line { begin: usize },
    /// The body begins here and runs to the first NUL.
    Open { body: usize },
    /// The body has a length and ends here, before the NUL.
    Counted { end: usize },
}

impl Default for Stage {
    fn default() -> Self {
        Self::Line { begin: 0 }
    }
}

impl Cut for FrameCut {
    type Limits = Limits;
    type Violation = Violation;

    fn cut(&mut self, unit: &[u8], limits: &Limits) -> Result<Option<Span>, Violation> {
        loop {
            match self.stage {
                Stage::Line { begin } => {
                    let found = memchr2(b'\n', 0, &unit[self.seen..]);
                    let at = found.map_or(unit.len(), |found| self.seen + found);
                    let line = without_cr(&unit[begin..at]);
                    if line.len() > line_max(begin, limits) {
                        return Err(too_long(begin, limits));
                    }
                    self.seen = at;
                    if found.is_none() {
                        return Ok(None);
                    }
                    if unit[at] == 0 {
                        return Err(Violation::NulInHead);
                    }
                    self.seen += 1;
                    self.stage = if line.is_empty() {
                        self.body_stage(at + 1)
                    } else {
                        if begin > 0 {
                            self.header(line, limits)?;
                        }
                        Stage::Line { begin: at + 1 }
                    };
                }
                Stage::Open { body } => {
                    let found = memchr(0, &unit[self.seen..]);
                    let at = found.map_or(unit.len(), |found| self.seen + found);
                    if at - body > limits.body {
                        return Err(Violation::BodyTooLong(limits.body));
                    }
                    self.seen = at;
                    return Ok(found.map(|_| span(at)));
                }
                Stage::Counted { end } => {
                    return match unit.get(end) {
                        None => Ok(None),
                        Some(0) => Ok(Some(span(end))),
                        Some(_) => Err(Violation::NotTerminated),
                    };
                }
            }
        }
    }

    fn step(&self, have: usize, fresh: &[u8], limits: &Limits) -> usize {
        let through = |found: Option<usize>| found.map_or(fresh.len(), |at| at + 1);
        let (wanted, most) = match self.stage {
            Stage::Line { begin } => (
                through(memchr2(b'\n', 0, fresh)),
                begin
                    .saturating_add(line_max(begin, limits))
                    .saturating_add(EOL_MAX),
            ),
            Stage::Open { body } => (
                through(memchr(0, fresh)),
                body.saturating_add(limits.body).saturating_add(1),
            ),
            Stage::Counted { end } => (fresh.len(), end.saturating_add(1)),
        };
        wanted.min(most.saturating_sub(have)).clamp(1, fresh.len())
    }
}

impl FrameCut {
    fn header(&mut self, line: &[u8], limits: &Limits) -> Result<(), Violation> {
        self.headers += 1;
        if self.headers > limits.headers {
            return Err(Violation::TooManyHeaders(limits.headers));
        }
        let colon = memchr(b':', line).filter(|colon| *colon > 0);
        let (name, value) = line.split_at(colon.ok_or(Violation::Header)?);
        if name == b"content-length" && self.length.is_none() {
            let length = number(value[1..].trim_ascii()).ok_or(Violation::ContentLength)?;
            if length > limits.body {
                return Err(Violation::BodyTooLong(limits.body));
            }
            self.length = Some(length);
        }
        Ok(())
    }

    fn body_stage(&self, body: usize) -> Stage {
        match self.length {
            Some(length) => Stage::Counted {
                end: body.saturating_add(length),
            },
            None => Stage::Open { body },
        }
    }
}

/// A frame that ends before the NUL at `end`.
fn span(end: usize) -> Span {
    Span {
        start: 0,
        end,
        next: end + 1,
    }
}

/// How long the line may be that begins at `begin`.
fn line_max(begin: usize, limits: &Limits) -> usize {
    let line = if begin == 0 { limits.command } else { limits.header };
    line.min(limits.head.saturating_sub(begin))
}

/// What a longer line offends against.
fn too_long(begin: usize, limits: &Limits) -> Violation {
    let of_head = limits.head.saturating_sub(begin);
    if begin == 0 && limits.command <= of_head {
        Violation::CommandTooLong(limits.command)
    } else if begin > 0 && limits.header <= of_head {
        Violation::HeaderTooLong(limits.header)
    } else {
        Violation::HeadTooLong(limits.head)
    }
}

/// Decimal digits and nothing else; a number that is too large is the largest.
fn number(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = str::from_utf8(digits).ok()?;
    Some(digits.parse().unwrap_or(usize::MAX))
}

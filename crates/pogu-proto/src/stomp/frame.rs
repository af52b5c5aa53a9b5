use std::borrow::Cow;

use memchr::memchr;

use super::header::{Headers, Reading};
use super::{Version, Violation};
use crate::kept::without_cr;

/// A whole frame, lent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'e> {
    command: &'e str,
    /// Header lines, each with its EOL.
    lines: &'e str,
    body: &'e [u8],
}

impl<'e> Frame<'e> {
    /// Takes a frame apart that the decoder has cut: head, blank line, body.
    pub(super) fn split(unit: &'e [u8]) -> Result<Self, Violation> {
        let (command, after) = line(unit);
        let mut rest = after;
        let head = loop {
            let (text, after) = line(rest);
            if text.is_empty() {
                break &unit[..unit.len() - rest.len()];
            }
            rest = after;
        };
        let (_, body) = line(rest);
        let head = simdutf8::basic::from_utf8(head).map_err(|_| Violation::NotUtf8)?;
        let lines = unit.len() - after.len();
        Ok(Self {
            command: &head[..command.len()],
            lines: &head[lines..],
            body,
        })
    }

    /// The command, whatever it is.
    pub fn command(&self) -> &'e str {
        self.command
    }

    /// The header lines as they arrived, each with its EOL.
    pub fn lines(&self) -> &'e str {
        self.lines
    }

    /// The body.
    pub fn body(&self) -> &'e [u8] {
        self.body
    }

    /// The headers as `version` means them.
    pub fn headers(&self, version: Version) -> Headers<'e> {
        Headers {
            lines: self.lines,
            reading: Reading::of(self.command, version),
            hidden: &[],
        }
    }

    /// The value of the header `name`, of the first when there are several.
    pub fn header(&self, name: &str, version: Version) -> Option<Cow<'e, str>> {
        self.headers(version).value(name)
    }

    /// Refuses escapes that `version` does not define.
    ///
    /// # Errors
    ///
    /// [`Violation::Escape`].
    pub fn check_escapes(&self, version: Version) -> Result<(), Violation> {
        let reading = Reading::of(self.command, version);
        if reading.understands(self.lines) {
            return Ok(());
        }
        let known = match reading {
            Reading::EscapedCr => "\\c, \\n and \\r",
            _ => "\\c and \\n",
        };
        Err(Violation::Escape(version, known))
    }
}

/// The first line without its EOL, and what follows the EOL.
fn line(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr(b'\n', text) {
        Some(lf) => (without_cr(&text[..lf]), &text[lf + 1..]),
        None => (text, &[]),
    }
}

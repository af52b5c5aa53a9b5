//! Headers as they stand on the wire.

use std::borrow::Cow;
use std::fmt;

use memchr::memchr;

use super::Version;

/// How header lines are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// As they are, in CONNECT and CONNECTED.
    Plain,
    /// Without the white space around name and value, in 1.0, whose specification writes `login: name`.
    Trimmed,
    /// With escapes, in 1.1.
    Escaped,
    /// With escapes, `\r` among them, in 1.2.
    EscapedCr,
}

impl Reading {
    pub(super) fn of(command: &str, version: Version) -> Self {
        match version {
            Version::V1_0 => Self::Trimmed,
            // By the letter of 1.2, and as stomp.py writes it, the headers of STOMP are escaped though those of CONNECT are not.
            _ if matches!(command, "CONNECT" | "CONNECTED") => Self::Plain,
            Version::V1_1 => Self::Escaped,
            Version::V1_2 => Self::EscapedCr,
        }
    }

    /// What stands for the escape `\` and `letter`.
    fn escape(self, letter: Option<&u8>) -> Option<char> {
        match letter? {
            b'\\' => Some('\\'),
            b'n' => Some('\n'),
            b'c' => Some(':'),
            b'r' if self == Self::EscapedCr => Some('\r'),
            _ => None,
        }
    }

    /// Whether all escapes in header lines are defined.
    pub(super) fn understands(self, lines: &str) -> bool {
        if matches!(self, Self::Plain | Self::Trimmed) {
            return true;
        }
        let mut rest = lines.as_bytes();
        while let Some(at) = memchr(b'\\', rest) {
            if self.escape(rest.get(at + 1)).is_none() {
                return false;
            }
            rest = &rest[at + 2..];
        }
        true
    }

    /// A name or a value as it is meant. An undefined escape is left as it is.
    fn read(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Plain => return Cow::Borrowed(text),
            Self::Trimmed => return Cow::Borrowed(text.trim_ascii()),
            Self::Escaped | Self::EscapedCr => {}
        }
        let Some(mut at) = memchr(b'\\', text.as_bytes()) else {
            return Cow::Borrowed(text);
        };
        let mut meant = String::with_capacity(text.len());
        let mut rest = text;
        loop {
            meant.push_str(&rest[..at]);
            let escape = self.escape(rest.as_bytes().get(at + 1));
            meant.push(escape.unwrap_or('\\'));
            rest = &rest[at + if escape.is_some() { 2 } else { 1 }..];
            match rest.find('\\') {
                Some(next) => at = next,
                None => {
                    meant.push_str(rest);
                    return Cow::Owned(meant);
                }
            }
        }
    }
}

/// The headers of a frame, in order, as they are meant. Of those with the same name the first counts; the others are its history
/// (STOMP 1.2, Repeated Header Entries).
#[derive(Clone)]
pub struct Headers<'e> {
    /// Lines, each with its EOL.
    pub(super) lines: &'e str,
    pub(super) reading: Reading,
    /// Names that are passed over, having a meaning of their own.
    pub(super) hidden: &'static [&'static str],
}

impl<'e> Headers<'e> {
    /// The value of the header `name`.
    pub fn value(&self, name: &str) -> Option<Cow<'e, str>> {
        self.clone()
            .find_map(|(other, value)| (other == name).then_some(value))
    }

    pub(super) fn without(self, hidden: &'static [&'static str]) -> Self {
        Self { hidden, ..self }
    }
}

impl<'e> Iterator for Headers<'e> {
    type Item = (Cow<'e, str>, Cow<'e, str>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (line, rest) = cut(self.lines, b'\n')?;
            self.lines = rest;
            let line = line.strip_suffix('\r').unwrap_or(line);
            let (name, value) = cut(line, b':').unwrap_or((line, ""));
            let name = self.reading.read(name);
            if !self.hidden.contains(&&*name) {
                return Some((name, self.reading.read(value)));
            }
        }
    }
}

/// What stands before and after the first `ascii` byte.
fn cut(text: &str, ascii: u8) -> Option<(&str, &str)> {
    let at = memchr(ascii, text.as_bytes())?;
    Some((&text[..at], &text[at + 1..]))
}

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// How header lines are written. What a version cannot say must not become a line break or another header, so a space, or in a name a `_`,
/// stands in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writing {
    /// Without escapes, in 1.0, CONNECT and CONNECTED.
    Plain,
    /// With escapes, in 1.1.
    Escaped,
    /// With escapes, `\r` among them, in 1.2.
    EscapedCr,
}

impl From<Version> for Writing {
    fn from(version: Version) -> Self {
        match version {
            Version::V1_0 => Self::Plain,
            Version::V1_1 => Self::Escaped,
            Version::V1_2 => Self::EscapedCr,
        }
    }
}

impl Writing {
    pub(super) fn name(self, name: &str, out: &mut Vec<u8>) {
        self.text(name, b'_', out);
    }

    pub(super) fn value(self, value: &str, out: &mut Vec<u8>) {
        self.text(value, b' ', out);
    }

    fn text(self, text: &str, instead: u8, out: &mut Vec<u8>) {
        let is_name = instead == b'_';
        let mut rest = text.as_bytes();
        while let Some(at) = rest.iter().position(|byte| b"\0\n\r:\\".contains(byte)) {
            out.extend_from_slice(&rest[..at]);
            match (rest[at], self) {
                (0, _) | (b'\n', Self::Plain) | (b'\r', Self::Plain | Self::Escaped) => out.push(instead),
                (b':', Self::Plain) if is_name => out.push(instead),
                (b'\n', _) => out.extend_from_slice(b"\\n"),
                (b'\r', _) => out.extend_from_slice(b"\\r"),
                (b':', Self::Escaped | Self::EscapedCr) => out.extend_from_slice(b"\\c"),
                (b'\\', Self::Escaped | Self::EscapedCr) => out.extend_from_slice(b"\\\\"),
                (plain, _) => out.push(plain),
            }
            rest = &rest[at + 1..];
        }
        out.extend_from_slice(rest);
    }
}

/// Whether `name`, as a reader that trims would take it, is one of `names`.
pub(super) fn is_one_of(name: &str, names: &[&str]) -> bool {
    let trimmed = name.trim_matches(|character: char| {
        character.is_whitespace() || character.is_control() || character == '\u{feff}'
    });
    names.contains(&trimmed)
}

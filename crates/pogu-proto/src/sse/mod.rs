//! Server-sent events, as in the WHATWG HTML standard §9.2: a stream of UTF-8 lines, an empty one after each event.
//!
//! Both sides: [`event`], [`comment`] and [`retry`] write, [`Decoder`] reads.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

use crate::{Reader, TooLong};

/// Appends one event.
///
/// `data` is written as one line for each of its own, however they end; a reader joins them with LF. Empty data is an event with
/// an empty string. A line break or NUL in the other fields, which would begin another field or be ignored, is left out.
///
/// `content_type` is a field `type`, which the standard does not know and an EventSource passes over.
pub fn event(
    id: Option<&str>,
    event: Option<&str>,
    content_type: Option<&str>,
    data: &str,
    out: &mut Vec<u8>,
) {
    if let Some(id) = id {
        field(b"id: ", id, out);
    }
    if let Some(event) = event {
        field(b"event: ", event, out);
    }
    if let Some(content_type) = content_type {
        field(b"type: ", content_type, out);
    }
    let mut rest = data.as_bytes();
    loop {
        let at = memchr2(b'\r', b'\n', rest);
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(&rest[..at.unwrap_or(rest.len())]);
        out.push(b'\n');
        let Some(at) = at else { break };
        let ending = if rest[at..].starts_with(b"\r\n") { 2 } else { 1 };
        rest = &rest[at + ending..];
    }
    out.push(b'\n');
}

/// Appends a comment, which readers ignore; an empty one keeps a connection from looking idle.
pub fn comment(text: &str, out: &mut Vec<u8>) {
    field(b": ", text, out);
    out.push(b'\n');
}

/// Appends the time in milliseconds after which a reader connects again.
pub fn retry(milliseconds: u64, out: &mut Vec<u8>) {
    field(b"retry: ", itoa::Buffer::new().format(milliseconds), out);
    out.push(b'\n');
}

fn field(name: &[u8], value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    out.extend(value.bytes().filter(|byte| !b"\r\n\0".contains(byte)));
    out.push(b'\n');
}

/// An event, as an EventSource would dispatch it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// The last event id, of this event or of one before it; empty when there was none.
    pub id: &'a str,
    /// The event name, when there is one; an EventSource dispatches `message` otherwise.
    pub event: Option<&'a str>,
    /// The field `type`, of which an EventSource knows nothing.
    pub content_type: Option<&'a str>,
    /// The data lines, joined with LF.
    pub data: &'a str,
}

/// Reads an event stream, in whatever pieces it arrives.
///
/// An event that the stream ends in is dropped, as the standard has it: [`last_id`](Self::last_id) is that of the last whole one.
#[derive(Debug, Default)]
pub struct Decoder {
    /// An incomplete line.
    line: Vec<u8>,
    /// Of the event that is being read.
    data: String,
    name: String,
    content_type: String,
    id: String,
    last_id: String,
    retry: Option<u64>,
    /// The last line ended in CR: an LF that follows belongs to it.
    after_cr: bool,
    /// The first line is behind, and with it a byte order mark.
    begun: bool,
    /// `data`, `name` and `content_type` were lent out as an event.
    lent: bool,
}

impl Decoder {
    /// A decoder at the start of a stream; `last_id` is the last event id of the stream before it, or empty.
    pub fn new(last_id: &str) -> Self {
        Self {
            id: last_id.to_owned(),
            last_id: last_id.to_owned(),
            ..Self::default()
        }
    }

    /// The last event id, for `Last-Event-ID`; empty when there is none.
    pub fn last_id(&self) -> &str {
        &self.last_id
    }

    /// The reconnection time in milliseconds, when the stream named one.
    pub fn retry(&self) -> Option<u64> {
        self.retry
    }

    /// The next whole event, `None` when more bytes are needed.
    ///
    /// # Errors
    ///
    /// A line, or the data of one event, longer than `limit` bytes; end the connection.
    pub fn next(&mut self, limit: usize, input: &mut Reader<'_>) -> Result<Option<Event<'_>>, TooLong> {
        if std::mem::take(&mut self.lent) {
            self.data.clear();
            self.name.clear();
            self.content_type.clear();
        }
        while let Some(first) = input.rest().first() {
            if std::mem::take(&mut self.after_cr) && *first == b'\n' {
                input.take(1);
                continue;
            }
            let eol = memchr2(b'\r', b'\n', input.rest());
            let piece = eol.unwrap_or(input.rest().len());
            if self.line.len() + piece > limit {
                return Err(TooLong { limit });
            }
            let piece = input.take(piece);
            if eol.is_none() {
                self.line.extend_from_slice(piece);
                break;
            }
            self.after_cr = input.take(1) == b"\r";
            let dispatch = if self.line.is_empty() {
                self.read(piece)
            } else {
                let mut line = std::mem::take(&mut self.line);
                line.extend_from_slice(piece);
                self.read(&line)
            };
            if self.data.len() > limit + 1 {
                return Err(TooLong { limit });
            }
            if dispatch {
                return Ok(Some(self.lend()));
            }
        }
        Ok(None)
    }

    /// Reads one line; whether it completes an event.
    fn read(&mut self, mut line: &[u8]) -> bool {
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        }
        if line.is_empty() {
            self.last_id.clone_from(&self.id);
            if self.data.is_empty() {
                self.name.clear();
                self.content_type.clear();
            }
            return !self.data.is_empty();
        }
        let (name, value) = match memchr(b':', line) {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &b""[..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => {
                self.data.push_str(&text(value));
                self.data.push('\n');
            }
            b"event" => text(value).as_ref().clone_into(&mut self.name),
            b"type" => text(value).as_ref().clone_into(&mut self.content_type),
            b"id" if !value.contains(&0) => text(value).as_ref().clone_into(&mut self.id),
            b"retry" if value.iter().all(u8::is_ascii_digit) => {
                self.retry = text(value).parse().ok().or(self.retry);
            }
            _ => {}
        }
        false
    }

    fn lend(&mut self) -> Event<'_> {
        self.lent = true;
        Event {
            id: &self.last_id,
            event: Some(self.name.as_str()).filter(|name| !name.is_empty()),
            content_type: Some(self.content_type.as_str()).filter(|given| !given.is_empty()),
            data: self.data.strip_suffix('\n').unwrap_or(&self.data),
        }
    }
}

/// Line ends are ASCII, so that what is not UTF-8 is replaced line by line as it would be in the whole stream.
fn text(value: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(value)
}

#[cfg(test)]
mod tests;

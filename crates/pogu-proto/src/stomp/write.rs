//! Writing a frame, header by header.

use super::header::Writing;

/// A frame that is being written; `body` or `end` ends it.
pub(super) struct Frame<'o> {
    writing: Writing,
    out: &'o mut Vec<u8>,
}

impl<'o> Frame<'o> {
    pub(super) fn begin(command: &str, writing: Writing, out: &'o mut Vec<u8>) -> Self {
        out.extend_from_slice(command.as_bytes());
        out.push(b'\n');
        Self { writing, out }
    }

    /// Goes on with a frame whose first headers stand elsewhere.
    pub(super) fn resume(writing: Writing, out: &'o mut Vec<u8>) -> Self {
        Self { writing, out }
    }

    /// A header with a name that needs no escapes.
    pub(super) fn header(self, name: &str, value: &str) -> Self {
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b':');
        self.writing.value(value, self.out);
        self.out.push(b'\n');
        self
    }

    pub(super) fn maybe(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }

    /// A header of any name but an empty one, which is not written.
    pub(super) fn any(self, name: &str, value: &str) -> Self {
        if name.is_empty() {
            return self;
        }
        self.writing.name(name, self.out);
        self.header("", value)
    }

    pub(super) fn all(self, headers: &[(&str, &str)]) -> Self {
        headers
            .iter()
            .fold(self, |frame, (name, value)| frame.any(name, value))
    }

    pub(super) fn body(self, body: &[u8]) {
        let mut digits = itoa::Buffer::new();
        let frame = self.header("content-length", digits.format(body.len()));
        frame.out.push(b'\n');
        frame.out.extend_from_slice(body);
        frame.out.push(0);
    }

    pub(super) fn end(self) {
        self.out.extend_from_slice(b"\n\0");
    }
}

use super::{Kind, Limits, Violation};

/// A message of which some bytes or frames are still to come.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) kind: Kind,
    pub(super) deflated: bool,
    pub(super) bytes: Vec<u8>,
    /// Frames begun.
    pub(super) fragments: u32,
    /// Bytes of plain text known to be whole characters.
    checked: usize,
}

impl Message {
    pub(super) fn new(kind: Kind, deflated: bool) -> Self {
        Self {
            kind,
            deflated,
            bytes: Vec::new(),
            fragments: 0,
            checked: 0,
        }
    }

    /// Bytes that may be collected. Data that do not compress get longer, by an eighth in the worst of codes.
    pub(super) fn limit(deflated: bool, limits: &Limits) -> usize {
        if deflated {
            limits
                .message
                .saturating_add(limits.message / 8)
                .saturating_add(64)
        } else {
            limits.message
        }
    }

    /// Adds what arrived of a message that has at most `most` bytes. Text is refused at its first wrong byte.
    pub(super) fn append(&mut self, bytes: &[u8], most: usize) -> Result<(), Violation> {
        self.reserve(bytes.len(), most);
        self.bytes.extend_from_slice(bytes);
        if self.kind == Kind::Binary || self.deflated {
            return Ok(());
        }
        match simdutf8::compat::from_utf8(&self.bytes[self.checked..]) {
            Ok(text) => self.checked += text.len(),
            Err(error) if error.error_len().is_none() => self.checked += error.valid_up_to(),
            Err(_) => return Err(Violation::NotUtf8),
        }
        Ok(())
    }

    /// Checks that plain text ends with a whole character.
    pub(super) fn end(&self) -> Result<(), Violation> {
        if self.kind == Kind::Text && !self.deflated && self.checked < self.bytes.len() {
            return Err(Violation::NotUtf8);
        }
        Ok(())
    }

    /// Grows with what arrived, never with what a header declares: doubling, but not beyond `most`.
    fn reserve(&mut self, more: usize, most: usize) {
        let length = self.bytes.len() + more;
        if length > self.bytes.capacity() {
            let target = self.bytes.capacity().saturating_mul(2).min(most).max(length);
            self.bytes.reserve_exact(target - self.bytes.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CVE-2022-35922: what a header declares is not allocated before it arrives.
    #[test]
    fn memory_follows_what_arrived() {
        let mut message = Message::new(Kind::Binary, false);
        let most = 1 << 30;
        for _ in 0..1000 {
            message.append(&[0; 1000], most).unwrap();
            assert!(message.bytes.capacity() <= 2 * message.bytes.len());
        }
        // Near its end, a message is not given room that it cannot fill.
        let mut message = Message::new(Kind::Binary, false);
        message.append(&[0; 1000], 1100).unwrap();
        message.append(&[0; 100], 1100).unwrap();
        assert_eq!(message.bytes.capacity(), 1100);
    }
}

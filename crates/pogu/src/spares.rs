//! Memory that a lane keeps from one turn to the next, so that a busy peer costs no allocation and an idle one holds none.

use pogu_hub::Mailbox;

/// Mailboxes, and buffers, that are kept at most.
const SPARES_MAX: usize = 1024;
/// A mailbox that grew beyond so many entries is given back.
const ENTRIES_MAX: usize = 1024;
/// A buffer that grew beyond so many bytes is given back.
const BYTES_MAX: usize = 64 * 1024;

/// Empty mailboxes and buffers, for the next peer that needs one.
#[derive(Default)]
pub(crate) struct Spares {
    #[expect(clippy::vec_box, reason = "a peer holds its mailbox boxed, and gets this box")]
    mailboxes: Vec<Box<Mailbox>>,
    buffers: Vec<Vec<u8>>,
}

impl Spares {
    /// An empty mailbox for messages of `limit` bytes, the same for all mailboxes of a lane.
    pub(crate) fn mailbox(&mut self, limit: usize) -> Box<Mailbox> {
        self.mailboxes
            .pop()
            .unwrap_or_else(|| Box::new(Mailbox::new(limit)))
    }

    /// Keeps a mailbox that is empty.
    pub(crate) fn keep_mailbox(&mut self, mailbox: Box<Mailbox>) {
        if self.mailboxes.len() < SPARES_MAX && mailbox.capacity() <= ENTRIES_MAX {
            self.mailboxes.push(mailbox);
        }
    }

    /// An empty buffer.
    pub(crate) fn buffer(&mut self) -> Vec<u8> {
        self.buffers.pop().unwrap_or_default()
    }

    /// Keeps a buffer, whose bytes are no longer needed.
    pub(crate) fn keep_buffer(&mut self, mut buffer: Vec<u8>) {
        if self.buffers.len() < SPARES_MAX && (1..=BYTES_MAX).contains(&buffer.capacity()) {
            buffer.clear();
            self.buffers.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_kept_empty_unless_it_grew_too_big() {
        let mut spares = Spares::default();
        spares.keep_buffer(vec![1; BYTES_MAX]);
        spares.keep_buffer(vec![1; BYTES_MAX + 1]);
        spares.keep_buffer(Vec::new());
        assert!(spares.buffer().capacity() >= BYTES_MAX);
        assert_eq!(spares.buffer().capacity(), 0);
    }

    #[test]
    fn no_more_than_the_limit_are_kept() {
        let mut spares = Spares::default();
        for _ in 0..=SPARES_MAX {
            spares.keep_buffer(vec![0]);
            spares.keep_mailbox(Box::new(Mailbox::new(1)));
        }
        assert_eq!(spares.buffers.len(), SPARES_MAX);
        assert_eq!(spares.mailboxes.len(), SPARES_MAX);
    }
}

use std::collections::VecDeque;

use pogu_proto::sockjs::Messages;

/// The messages of a frame that are not taken yet. However many, they take little more than the frame did.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    text: String,
    /// Where in the text the next message begins.
    at: usize,
    /// Where each message ends.
    ends: VecDeque<usize>,
}

impl Inbox {
    /// Puts messages behind those that are here.
    pub(super) fn put(&mut self, messages: Messages<'_>) {
        if self.ends.is_empty() {
            self.text.clear();
            self.at = 0;
        }
        for message in messages {
            self.text.push_str(&message);
            self.ends.push_back(self.text.len());
        }
    }

    /// Takes the oldest message.
    pub(super) fn take(&mut self) -> Option<&str> {
        let end = self.ends.pop_front()?;
        let message = self.text.get(self.at..end);
        self.at = end;
        message
    }
}

#[cfg(test)]
mod tests {
    use pogu_proto::sockjs::Frame;

    use super::*;

    fn put(inbox: &mut Inbox, frame: &str) {
        match Frame::read(frame.as_bytes()) {
            Ok(Frame::Messages(messages)) => inbox.put(messages),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn messages_come_out_as_they_went_in() {
        let mut inbox = Inbox::default();
        assert_eq!(inbox.take(), None);
        put(&mut inbox, r#"a["one","","\u00fc\n"]"#);
        assert_eq!(inbox.take(), Some("one"));
        put(&mut inbox, r#"a["four"]"#);
        put(&mut inbox, "a[]");
        assert_eq!(inbox.take(), Some(""));
        assert_eq!(inbox.take(), Some("ü\n"));
        assert_eq!(inbox.take(), Some("four"));
        assert_eq!(inbox.take(), None);
        put(&mut inbox, r#"a["five"]"#);
        assert_eq!(inbox.take(), Some("five"));
        assert_eq!(inbox.take(), None);
    }
}

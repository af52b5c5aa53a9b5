//! Messages, and the drafts they are made of.

use bytes::Bytes;

use crate::cursor::Cursor;
use crate::limits::Policy;
use crate::topic::Topic;

/// What a message costs beside its bytes, counted against mailboxes, queues and history: its own struct, and its places in
/// a ring, a log, an inbox and a mailbox, or in a queue.
pub const MESSAGE_OVERHEAD: usize = 256;

/// The longest idempotency key, in bytes.
pub const KEY_BYTES_MAX: usize = 255;

/// How a body crosses between dialects. The publisher's dialect decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Valid JSON, spliced as it is where JSON is spoken.
    Json,
    /// Valid UTF-8.
    Text,
    /// Bytes.
    Binary,
}

/// What a message is published to. Topics and queues have the same names, and nothing else in common: a topic `a` and a
/// queue `a` know nothing of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum To {
    /// All who are subscribed get it, and history keeps it.
    #[default]
    Topic,
    /// One consumer gets it, and it is kept until that one has accepted it.
    Queue,
}

/// A published message. Shared by all lanes and never changed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Message {
    /// Where it was published: the name of a topic or of a queue.
    pub topic: Topic,
    /// Which of the two.
    pub to: To,
    /// Its place in the one total order.
    pub cursor: Cursor,
    /// When it was published, in milliseconds since 1970.
    pub time: u64,
    /// How its body crosses.
    pub kind: Kind,
    /// The content type, where it is not the default of the kind.
    pub content_type: Option<Box<str>>,
    /// The name of the event, where it has one.
    pub event: Option<Box<str>>,
    /// Headers in the order they were given.
    pub headers: Box<[(Box<str>, Box<str>)]>,
    /// The body.
    pub body: Bytes,
    /// An opaque id of the publisher; 0 is none.
    pub origin: u64,
    /// What a full mailbox does with it.
    pub policy: Policy,
    /// From when on no queue delivers it, in milliseconds since 1970. Topics and history do not look at it.
    pub expires: Option<u64>,
    size: usize,
}

/// A message to be published.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Where to publish it: the name of a topic or of a queue.
    pub topic: Topic,
    /// Which of the two.
    pub to: To,
    /// How its body crosses.
    pub kind: Kind,
    /// The content type, where it is not the default of the kind.
    pub content_type: Option<Box<str>>,
    /// The name of the event, where it has one.
    pub event: Option<Box<str>>,
    /// Headers in the order they were given.
    pub headers: Vec<(Box<str>, Box<str>)>,
    /// The body.
    pub body: Bytes,
    /// An opaque id of the publisher; 0 is none. A subscription can leave out one origin.
    pub origin: u64,
    /// An idempotency key of at most [`KEY_BYTES_MAX`] bytes: while it is remembered, a second draft with the same topic (or
    /// queue) and key is not published, and its receipt gives the cursor of the first.
    pub key: Option<Box<str>>,
    /// From when on no queue delivers it, in milliseconds since 1970.
    pub expires: Option<u64>,
    /// Whom to tell the outcome.
    pub receipt: Option<Receipt>,
}

/// Asks for an [`Event::Receipt`](crate::Event::Receipt).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The lane whose inbox gets it.
    pub lane: u16,
    /// What the lane knows it by.
    pub ticket: u64,
}

/// Why a draft was not published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The idempotency key has more than [`KEY_BYTES_MAX`] bytes.
    #[error("an idempotency key has at most {KEY_BYTES_MAX} bytes, this one has {0}")]
    KeyTooLong(usize),
    /// The queue holds as many messages as its [`QueueRule`](crate::QueueRule) allows.
    #[error("the queue is full (limit {0} messages)")]
    QueueMessages(usize),
    /// With this message the queue would hold more bytes than its [`QueueRule`](crate::QueueRule) allows.
    #[error("the queue is full (limit {0} bytes)")]
    QueueBytes(usize),
    /// With this message all queues together would hold more than [`Limits::queue_bytes`](crate::Limits::queue_bytes).
    #[error("the queues of the server are full (limit {0} bytes)")]
    AllQueues(usize),
    /// The queue is not there, and there are as many as [`Limits::queues`](crate::Limits::queues) allows.
    #[error("the server has no room for another queue (limit {0})")]
    TooManyQueues(usize),
    /// The queue is reserved (`$`) and not there: messages do not make such a queue.
    #[error("there is no such queue")]
    NoQueue,
}

impl Kind {
    /// The content type of a message of this kind that names none.
    pub fn content_type(self) -> &'static str {
        match self {
            Kind::Json => "application/json",
            Kind::Text => "text/plain",
            Kind::Binary => "application/octet-stream",
        }
    }
}

impl Message {
    /// Its headers; of a repeated one the first counts (STOMP 1.2, "Repeated Header Entries").
    pub fn first_headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().enumerate().filter_map(|(at, (name, value))| {
            let is_first = self.headers[..at].iter().all(|(earlier, _)| earlier != name);
            is_first.then_some((&**name, &**value))
        })
    }

    /// The content type, by default that of the kind.
    pub fn content_type(&self) -> &str {
        self.content_type.as_deref().unwrap_or(self.kind.content_type())
    }

    /// What it counts against mailboxes, queues and history, in bytes: all its texts and its body, and [`MESSAGE_OVERHEAD`].
    pub fn size(&self) -> usize {
        self.size
    }
}

impl Draft {
    /// A draft for a topic with nothing but the necessary.
    pub fn new(topic: Topic, kind: Kind, body: impl Into<Bytes>) -> Draft {
        Draft {
            topic,
            to: To::Topic,
            kind,
            content_type: None,
            event: None,
            headers: Vec::new(),
            body: body.into(),
            origin: 0,
            key: None,
            expires: None,
            receipt: None,
        }
    }

    /// A draft for a queue with nothing but the necessary.
    pub fn to_queue(queue: Topic, kind: Kind, body: impl Into<Bytes>) -> Draft {
        Draft {
            to: To::Queue,
            ..Draft::new(queue, kind, body)
        }
    }

    /// What its message will count, as [`Message::size`] does.
    #[inline(always)]
    pub fn size(&self) -> usize {
        let text = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
        let headers: usize = self
            .headers
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        MESSAGE_OVERHEAD
            + self.topic.len()
            + self.body.len()
            + text(&self.content_type)
            + text(&self.event)
            + headers
            + self.headers.len() * size_of::<(Box<str>, Box<str>)>()
    }

    /// Makes the message of it. The engine does; a test of something else may.
    #[inline(always)]
    pub fn stamp(self, cursor: Cursor, time: u64, policy: Policy) -> Message {
        let size = self.size();
        Message {
            topic: self.topic,
            to: self.to,
            cursor,
            time,
            kind: self.kind,
            content_type: self.content_type,
            event: self.event,
            headers: self.headers.into(),
            body: self.body,
            origin: self.origin,
            policy,
            expires: self.expires,
            size,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types() {
        let mut draft = Draft::new(Topic::trusted("a"), Kind::Text, "hi");
        let cursor = Cursor { epoch: 1, seq: 1 };
        assert_eq!(
            draft.clone().stamp(cursor, 0, Policy::default()).content_type(),
            "text/plain"
        );
        draft.content_type = Some("text/csv".into());
        assert_eq!(
            draft.stamp(cursor, 0, Policy::default()).content_type(),
            "text/csv"
        );
    }

    #[test]
    fn everything_a_publisher_sends_is_counted() {
        let mut draft = Draft::new(Topic::trusted("abc"), Kind::Text, "four");
        draft.event = Some("five5".into());
        draft.headers = vec![("n".into(), "v".into())];
        let size = draft.size();
        let message = draft.stamp(Cursor { epoch: 1, seq: 1 }, 0, Policy::default());
        assert_eq!(message.size(), MESSAGE_OVERHEAD + 3 + 4 + 5 + 2 + 32);
        assert_eq!(message.size(), size);
    }
}

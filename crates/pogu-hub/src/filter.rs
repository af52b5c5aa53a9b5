//! Filters: what a subscription or a consumer asks of a message beside its topic.

use std::fmt;
use std::sync::Arc;

use crate::message::Message;

/// A condition on messages. What it means its maker knows; the hub asks it, and tells two apart by their text.
///
/// Filters of consumers and bound queues are asked under the hub's lock, those of subscriptions on their lane: a filter takes
/// microseconds at most, and does not call the hub.
#[derive(Clone)]
pub struct Filter {
    text: Arc<str>,
    test: Arc<dyn Fn(&Message) -> bool + Send + Sync>,
}

impl Filter {
    /// A filter with the text it was made of.
    pub fn new(text: &str, test: impl Fn(&Message) -> bool + Send + Sync + 'static) -> Filter {
        Filter {
            text: Arc::from(text),
            test: Arc::new(test),
        }
    }

    /// The text it was made of.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the message meets the condition.
    pub fn admits(&self, message: &Message) -> bool {
        (self.test)(message)
    }
}

/// Two filters of the same text are the same.
impl PartialEq for Filter {
    fn eq(&self, other: &Filter) -> bool {
        self.text == other.text
    }
}

impl Eq for Filter {}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

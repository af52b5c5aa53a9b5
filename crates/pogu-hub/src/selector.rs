//! Selectors: what a subscription asks for, a topic or a pattern over topics.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::topic::{Topic, TopicError, check};

/// A topic in which `*` stands for one token and a last `>` for one or more. Neither matches a first token that begins
/// with `$`: what belongs to the server must be asked for by name.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Pattern(Arc<str>);

/// A topic or a pattern. Parsed from text: with a wildcard it is a pattern, else a topic.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Selector {
    /// Exactly this topic.
    Topic(Topic),
    /// All topics that match.
    Pattern(Pattern),
}

impl Pattern {
    /// `>`: every topic that is not reserved.
    pub fn all() -> Pattern {
        Pattern(Arc::from(">"))
    }

    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `topic` matches.
    pub fn matches(&self, topic: &Topic) -> bool {
        let mut wanted = self.tokens();
        let mut tokens = topic.tokens();
        if topic.is_reserved() && wanted.next() != tokens.next() {
            return false;
        }
        loop {
            match (wanted.next(), tokens.next()) {
                (Some(">"), Some(_)) | (None, None) => return true,
                (Some("*"), Some(_)) => {}
                (Some(want), Some(token)) if want == token => {}
                _ => return false,
            }
        }
    }

    pub(crate) fn tokens(&self) -> std::str::Split<'_, char> {
        self.0.split('.')
    }
}

impl Selector {
    /// The selector as text.
    pub fn as_str(&self) -> &str {
        match self {
            Selector::Topic(topic) => topic.as_str(),
            Selector::Pattern(pattern) => pattern.as_str(),
        }
    }

    /// Whether `topic` is selected.
    pub fn matches(&self, topic: &Topic) -> bool {
        match self {
            Selector::Topic(own) => own == topic,
            Selector::Pattern(pattern) => pattern.matches(topic),
        }
    }

    /// Whether the first token begins with `$`, so that only topics of the server can match.
    pub fn is_reserved(&self) -> bool {
        self.as_str().starts_with('$')
    }
}

impl FromStr for Selector {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Selector, TopicError> {
        if check(text, true)? {
            return Ok(Selector::Pattern(Pattern(Arc::from(text))));
        }
        Ok(Selector::Topic(Topic::trusted(text)))
    }
}

impl From<Topic> for Selector {
    fn from(topic: Topic) -> Selector {
        Selector::Topic(topic)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(selector: &str, topic: &str) -> bool {
        let selector: Selector = selector.parse().expect(selector);
        selector.matches(&topic.parse().expect(topic))
    }

    #[test]
    fn stars_and_tails() {
        for (selector, topic, expect) in [
            ("a.b", "a.b", true),
            ("a.b", "a.c", false),
            ("a.*", "a.b", true),
            ("a.*", "a", false),
            ("a.*", "a.b.c", false),
            ("*.b", "a.b", true),
            ("*", "a", true),
            ("*", "a.b", false),
            ("a.>", "a.b", true),
            ("a.>", "a.b.c.d", true),
            ("a.>", "a", false),
            ("a.>", "ab.c", false),
            (">", "a", true),
            (">", "a.b.c", true),
            ("*.*.>", "a.b", false),
            ("*.*.>", "a.b.c", true),
            ("*.x.*", "a.x.b", true),
            ("*.x.*", "a.y.b", false),
        ] {
            assert_eq!(matches(selector, topic), expect, "{selector} on {topic}");
        }
    }

    #[test]
    fn wildcards_do_not_reach_the_server() {
        assert!(!matches(">", "$server"));
        assert!(!matches("*.lanes", "$server.lanes"));
        assert!(!matches("*", "$server"));
        assert!(matches("$server.*", "$server.lanes"));
        assert!(matches("$server.>", "$server.lanes.1"));
        assert!(!matches("$other.>", "$server.lanes.1"));
        assert!(matches("$server", "$server"));
        assert!(matches("a.*", "a.$b"));
    }

    #[test]
    fn kinds_and_errors() {
        assert!(matches!("a.b".parse(), Ok(Selector::Topic(_))));
        assert!(matches!("a.*".parse(), Ok(Selector::Pattern(_))));
        for (text, expect) in [
            ("a*", TopicError::Wildcard('*', 1)),
            ("*a", TopicError::Wildcard('*', 0)),
            ("a.>.b", TopicError::Wildcard('>', 2)),
            (">>", TopicError::Wildcard('>', 0)),
            ("a.>b", TopicError::Wildcard('>', 2)),
            ("**", TopicError::Wildcard('*', 0)),
            ("*.", TopicError::EmptyToken(2)),
            ("* .a", TopicError::Wildcard('*', 0)),
        ] {
            assert_eq!(text.parse::<Selector>().expect_err(text), expect, "{text}");
        }
    }
}

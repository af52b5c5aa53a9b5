//! Topics: dot-separated names, valid by construction.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

/// The longest topic or pattern, in bytes. It also bounds the tokens: at most 128.
pub const TOPIC_BYTES_MAX: usize = 255;

/// A valid topic: one or more tokens separated by `.`, at most [`TOPIC_BYTES_MAX`] bytes. A token is not empty and has no
/// white space, control characters, `*`, `>` or `/`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic(Arc<str>);

/// Why a text is no topic or no pattern. Offsets are in bytes from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TopicError {
    /// Nothing was given.
    #[error("a topic cannot be empty")]
    Empty,
    /// More than [`TOPIC_BYTES_MAX`] bytes were given.
    #[error("a topic has at most {TOPIC_BYTES_MAX} bytes, this one has {0}")]
    TooLong(usize),
    /// Two dots in a row, or a dot at an end.
    #[error("a token is empty at byte {0}: every dot stands between two tokens")]
    EmptyToken(usize),
    /// A character that no token may have, and where.
    #[error("a topic cannot contain {0:?} (byte {1})")]
    Forbidden(char, usize),
    /// A wildcard of a pattern that is part of a longer token, or a `>` that is not last, and where.
    #[error("{0:?} at byte {1} must be a token of its own, and '>' the last one")]
    Wildcard(char, usize),
}

impl Topic {
    /// Whether the first token begins with `$`: such topics belong to the server, and no wildcard reaches them.
    pub fn is_reserved(&self) -> bool {
        self.0.starts_with('$')
    }

    /// The topic as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn tokens(&self) -> std::str::Split<'_, char> {
        self.0.split('.')
    }

    /// For a text that [`check`] found good and without wildcards.
    pub(crate) fn trusted(text: &str) -> Topic {
        Topic(Arc::from(text))
    }
}

/// Whether `text` is a topic (`Ok(false)`) or, where `wildcards` are allowed, a pattern (`Ok(true)`).
pub(crate) fn check(text: &str, wildcards: bool) -> Result<bool, TopicError> {
    if text.is_empty() {
        return Err(TopicError::Empty);
    }
    if text.len() > TOPIC_BYTES_MAX {
        return Err(TopicError::TooLong(text.len()));
    }
    let mut found = false;
    let mut token = 0;
    for (at, character) in text.char_indices() {
        match character {
            '.' if at == token => return Err(TopicError::EmptyToken(at)),
            '.' => token = at + 1,
            '*' | '>' if !wildcards => return Err(TopicError::Forbidden(character, at)),
            '*' | '>' => {
                let next = text.as_bytes().get(at + 1);
                let ends = next.is_none() || (character == '*' && next == Some(&b'.'));
                if at != token || !ends {
                    return Err(TopicError::Wildcard(character, at));
                }
                found = true;
            }
            '/' => return Err(TopicError::Forbidden(character, at)),
            _ if character.is_whitespace() || character.is_control() => {
                return Err(TopicError::Forbidden(character, at));
            }
            _ => {}
        }
    }
    if token == text.len() {
        return Err(TopicError::EmptyToken(token));
    }
    Ok(found)
}

impl FromStr for Topic {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Topic, TopicError> {
        check(text, false)?;
        Ok(Topic::trusted(text))
    }
}

impl TryFrom<&str> for Topic {
    type Error = TopicError;

    fn try_from(text: &str) -> Result<Topic, TopicError> {
        text.parse()
    }
}

impl Deref for Topic {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Topic {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Topic {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> TopicError {
        text.parse::<Topic>().expect_err(text)
    }

    #[test]
    fn good_topics() {
        for text in [
            "a",
            "orders.seoul.42",
            "포구.배",
            "$server.lanes",
            "a-b_c:d,e",
            "a.b$",
        ] {
            let topic: Topic = text.parse().expect(text);
            assert_eq!(topic.as_str(), text);
            assert_eq!(topic.is_reserved(), text == "$server.lanes");
        }
    }

    #[test]
    fn the_error_names_the_culprit() {
        assert_eq!(error(""), TopicError::Empty);
        assert_eq!(error(".a"), TopicError::EmptyToken(0));
        assert_eq!(error("a..b"), TopicError::EmptyToken(2));
        assert_eq!(error("a."), TopicError::EmptyToken(2));
        assert_eq!(error("."), TopicError::EmptyToken(0));
        assert_eq!(error("a b"), TopicError::Forbidden(' ', 1));
        assert_eq!(error("a.b\u{3000}"), TopicError::Forbidden('\u{3000}', 3));
        assert_eq!(error("a\u{7f}"), TopicError::Forbidden('\u{7f}', 1));
        assert_eq!(error("a\u{85}"), TopicError::Forbidden('\u{85}', 1));
        assert_eq!(error("a/b"), TopicError::Forbidden('/', 1));
        assert_eq!(error("a.*"), TopicError::Forbidden('*', 2));
        assert_eq!(error("a.>"), TopicError::Forbidden('>', 2));
    }

    #[test]
    fn an_error_shows_no_raw_control_character() {
        assert_eq!(
            error("a\u{1b}").to_string(),
            "a topic cannot contain '\\u{1b}' (byte 1)"
        );
    }

    #[test]
    fn length_at_its_edge() {
        assert!("a".repeat(TOPIC_BYTES_MAX).parse::<Topic>().is_ok());
        assert_eq!(
            error(&"a".repeat(TOPIC_BYTES_MAX + 1)),
            TopicError::TooLong(TOPIC_BYTES_MAX + 1)
        );
    }
}

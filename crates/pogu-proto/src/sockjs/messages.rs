use std::borrow::Cow;

use super::Limits;
use super::string::put_string;
use crate::engineio::json::{self, Elements, JsonError, Scanner, Token};

/// Messages that were sent together and found to be well-formed: lent, and only decoded where something is escaped.
#[derive(Clone, Debug)]
pub struct Messages<'a>(Elements<'a>);

/// Why what a client has sent is not taken. A POST is answered with the error's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// Nothing, or JSON that is no array of strings.
    #[error("Payload expected.")]
    NoPayload,
    /// Not JSON.
    #[error("Broken JSON encoding.")]
    Broken,
    /// More bytes than [`Limits::payload`].
    #[error("A payload has at most {0} bytes.")]
    TooLong(usize),
    /// More messages than [`Limits::messages`].
    #[error("A payload has at most {0} messages.")]
    TooMany(usize),
}

impl SendError {
    /// The HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Self::NoPayload | Self::Broken => 500,
            Self::TooLong(_) | Self::TooMany(_) => 413,
        }
    }
}

impl From<JsonError> for SendError {
    fn from(_: JsonError) -> Self {
        Self::Broken
    }
}

/// What a JSON text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// An array of strings.
    Array,
    String,
    Other,
}

impl<'a> Messages<'a> {
    /// The messages of a WebSocket message: an array of strings, one string, or nothing at all.
    ///
    /// # Errors
    ///
    /// It cannot be read: close the WebSocket with [`Close::BROKEN`](super::Close::BROKEN).
    pub fn of_websocket(payload: &'a [u8], limits: &Limits) -> Result<Self, SendError> {
        if payload.is_empty() {
            return Ok(Self::of_checked(""));
        }
        let text = within(payload, limits)?;
        match shape(text, limits.messages)? {
            Shape::Array | Shape::String => Ok(Self::of_checked(text)),
            Shape::Other => Err(SendError::NoPayload),
        }
    }

    /// The messages of a POST's body: an array of strings.
    pub(super) fn of_body(body: &'a [u8], limits: &Limits) -> Result<Self, SendError> {
        if body.is_empty() {
            return Err(SendError::NoPayload);
        }
        let text = within(body, limits)?;
        match shape(text, limits.messages)? {
            Shape::Array => Ok(Self::of_checked(text)),
            Shape::String | Shape::Other => Err(SendError::NoPayload),
        }
    }

    /// The messages of an array of strings, of one string or of nothing, which was checked.
    pub(super) fn of_checked(text: &'a str) -> Self {
        Self(json::array(text).unwrap_or_else(|| json::elements(text)))
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Cow<'a, str>;

    /// A lone surrogate, which is a character to JavaScript alone, becomes U+FFFD.
    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().and_then(json::string)
    }
}

/// Appends what a client sends, in a POST of [`Sender::Xhr`](super::Sender::Xhr) or a WebSocket message.
pub fn put_send<'a>(messages: impl IntoIterator<Item = &'a str>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (at, message) in messages.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        put_string(message, out);
    }
    out.push(b']');
}

fn within<'a>(payload: &'a [u8], limits: &Limits) -> Result<&'a str, SendError> {
    if payload.len() > limits.payload {
        return Err(SendError::TooLong(limits.payload));
    }
    simdutf8::basic::from_utf8(payload).map_err(|_| SendError::Broken)
}

/// Checks that `text` is JSON, with at most `most` strings if it is an array of them.
pub(super) fn shape(text: &str, most: usize) -> Result<Shape, SendError> {
    let mut scanner = Scanner::new(text, json::DEPTH_MAX);
    let (mut shape, mut count) = (None, 0);
    while let Some(token) = scanner.next()? {
        shape = match (shape, token, scanner.depth()) {
            (None, Token::Array, _) => Some(Shape::Array),
            (None, Token::String(_), _) => Some(Shape::String),
            (Some(Shape::Array), Token::String(_), _) if count == most => {
                return Err(SendError::TooMany(most));
            }
            (Some(Shape::Array), Token::String(_), _) => {
                count += 1;
                Some(Shape::Array)
            }
            (Some(Shape::Array), Token::End, 0) => Some(Shape::Array),
            _ => Some(Shape::Other),
        };
    }
    Ok(shape.unwrap_or(Shape::Other))
}

use bytes::Bytes;

use crate::engineio::json::{self, Elements, JsonError, Scanner, Token};

/// An argument of an event or an acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arg<'a> {
    /// A JSON value as it stands. What is written may also be several with commas between them, or none.
    Json(&'a str),
    /// Binary.
    Binary(&'a [u8]),
}

/// The arguments of an event, its name apart, or of an acknowledgement that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Args<'a> {
    raw: &'a str,
    attachments: &'a [Bytes],
}

impl<'a> Args<'a> {
    pub(super) fn new(raw: &'a str, attachments: &'a [Bytes]) -> Self {
        Self { raw, attachments }
    }

    /// The JSON of all arguments with commas between them; empty when there are none. In place of binary there are placeholders.
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// The binary messages that the placeholders stand for, in the order of their numbers.
    pub fn attachments(&self) -> &'a [Bytes] {
        self.attachments
    }

    /// The arguments one by one: those that are a placeholder are binary. Placeholders inside of others stay where they are, and there
    /// are such when there are more attachments than arguments that are binary.
    pub fn iter(&self) -> impl Iterator<Item = Arg<'a>> + use<'a> {
        let attachments = self.attachments;
        json::elements(self.raw).map(move |value| match attachment(value, attachments) {
            Some(bytes) => Arg::Binary(bytes),
            None => Arg::Json(value),
        })
    }
}

/// The attachment that `value` stands for, if it is a placeholder.
fn attachment<'a>(value: &str, attachments: &'a [Bytes]) -> Option<&'a Bytes> {
    if attachments.is_empty() || !value.starts_with('{') {
        return None;
    }
    let mut object = Object::default();
    for (key, value) in json::members(value) {
        object.begin(key);
        match value {
            "true" => object.value(Token::True),
            _ => object.value(Token::Number(value)),
        }
    }
    attachments.get(object.number.filter(|_| object.is_placeholder)?)
}

/// Why an array is not the arguments of a packet.
pub(super) enum ArgsError {
    Json(JsonError),
    /// A placeholder without a number, with that of no attachment or with that of another placeholder; an attachment without one.
    Placeholder,
}

impl From<JsonError> for ArgsError {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

/// Checks that `text` is JSON in which each of `attachments`, of which there are at most 64, has its placeholder; without
/// attachments there are no placeholders, whatever looks like one.
pub(super) fn check(text: &str, attachments: usize, depth_max: usize) -> Result<(), ArgsError> {
    if attachments == 0 {
        return Ok(json::check(text, depth_max)?);
    }
    let mut scanner = Scanner::new(text, depth_max);
    let mut open = [Object::default(); json::LEVELS_MAX];
    let mut used = 0_u64;
    while let Some(token) = scanner.next()? {
        // What the token belongs to: what it opened is in that, and what it closed was.
        let depth = scanner.depth();
        let parent = match token {
            Token::Array | Token::Object => depth.checked_sub(2),
            _ => depth.checked_sub(1),
        };
        let parent = parent.and_then(|parent| open.get_mut(parent));
        match (token, parent) {
            (Token::Key(key), Some(parent)) => parent.begin(key),
            (Token::End, _) => {
                let Some(number) = open.get(depth).and_then(|object| object.placeholder()) else {
                    continue;
                };
                let bit = number
                    .filter(|number| *number < attachments)
                    .map(|number| 1 << number);
                let bit = bit.filter(|bit| used & bit == 0);
                used |= bit.ok_or(ArgsError::Placeholder)?;
            }
            (_, Some(parent)) => parent.value(token),
            (_, None) => {}
        }
        if matches!(token, Token::Array | Token::Object)
            && let Some(object) = open.get_mut(depth - 1)
        {
            *object = Object::default();
        }
    }
    if used.count_ones() as usize != attachments {
        return Err(ArgsError::Placeholder);
    }
    Ok(())
}

/// What of an object decides whether it is a placeholder. Of members with the same key the last counts, as in JavaScript.
#[derive(Clone, Copy, Debug, Default)]
struct Object {
    member: Member,
    is_placeholder: bool,
    number: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default)]
enum Member {
    #[default]
    Other,
    Placeholder,
    Number,
}

impl Object {
    fn begin(&mut self, key: &str) {
        self.member = match &*json::unescape(key) {
            "_placeholder" => Member::Placeholder,
            "num" => Member::Number,
            _ => Member::Other,
        };
    }

    fn value(&mut self, value: Token<'_>) {
        match self.member {
            Member::Other => {}
            Member::Placeholder => self.is_placeholder = value == Token::True,
            Member::Number => {
                self.number = match value {
                    Token::Number(digits) => digits.parse().ok(),
                    _ => None,
                };
            }
        }
    }

    /// Its number, if it is a placeholder; which has none when it says none.
    fn placeholder(&self) -> Option<Option<usize>> {
        self.is_placeholder.then_some(self.number)
    }
}

/// Takes the first element off an array that was checked: it, and the rest with its commas.
pub(super) fn split_first(array: &str) -> Option<(&str, &str)> {
    let mut elements = json::array(array)?;
    let first = elements.next()?;
    Some((first, elements.rest()))
}

/// What is between the brackets of an array that was checked.
pub(super) fn inside(array: &str) -> Option<&str> {
    json::array(array).as_ref().map(Elements::rest)
}

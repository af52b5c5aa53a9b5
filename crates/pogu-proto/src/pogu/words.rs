//! The grammar that commands and answers share: words, then perhaps a body.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memchr::memchr_iter;

use super::SyntaxError;

/// A command or an answer, taken apart.
pub(super) struct Unit<'a> {
    pub(super) verb: &'a str,
    pub(super) words: Words<'a>,
    pub(super) body: Option<&'a [u8]>,
}

/// The words of a head that are still to be read.
pub(super) struct Words<'a>(&'a str);

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.0.trim_start_matches(' ');
        let (word, rest) = rest.split_at(rest.find(' ').unwrap_or(rest.len()));
        self.0 = rest;
        Some(word).filter(|word| !word.is_empty())
    }
}

/// Takes a whole unit apart.
pub(super) fn split(unit: &[u8]) -> Result<Unit<'_>, SyntaxError> {
    let colon = memchr_iter(b':', unit).find(|at| begins_body(unit, *at));
    let (head, rest) = match colon {
        Some(colon) => (&unit[..colon], Some(&unit[colon + 1..])),
        None => (without_eol(unit), None),
    };
    let body = match (rest, length(head)?) {
        (None, None) => None,
        (None, Some(_)) => return Err(SyntaxError::Length),
        (Some(rest), None) => Some(without_eol(rest)),
        (Some(rest), Some(length)) => {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            let (body, after) = rest.split_at_checked(length).ok_or(SyntaxError::Length)?;
            if !without_eol(after).is_empty() {
                return Err(SyntaxError::Length);
            }
            Some(body)
        }
    };
    let head = simdutf8::basic::from_utf8(head).map_err(|_| SyntaxError::Characters)?;
    if head.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(SyntaxError::Characters);
    }
    let mut words = Words(head);
    let verb = words.next().ok_or(SyntaxError::Empty)?;
    Ok(Unit { verb, words, body })
}

/// Whether the `:` at `colon` is the first of a word, and that word not the first or second.
pub(super) fn begins_body(unit: &[u8], colon: usize) -> bool {
    let Some((b' ', before)) = unit[..colon].split_last() else {
        return false;
    };
    raw_words(before).nth(1).is_some()
}

/// The value of `len=`, when there is one among the words of `head`, which is all before the body.
pub(super) fn length(head: &[u8]) -> Result<Option<u64>, SyntaxError> {
    let mut lengths = raw_words(head)
        .skip(2)
        .filter_map(|word| word.strip_prefix(b"len="));
    let Some(value) = lengths.next() else {
        return Ok(None);
    };
    if lengths.next().is_some() {
        return Err(SyntaxError::Length);
    }
    number(value).ok_or(SyntaxError::Length).map(Some)
}

fn raw_words(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split(|byte| *byte == b' ').filter(|word| !word.is_empty())
}

/// Decimal digits and nothing else.
pub(super) fn number(digits: &[u8]) -> Option<u64> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(digits).ok()?.parse().ok()
}

fn without_eol(unit: &[u8]) -> &[u8] {
    match unit {
        [line @ .., b'\r', b'\n'] | [line @ .., b'\n'] => line,
        _ => unit,
    }
}

/// Headers of one message.
pub const HEADERS_MAX: usize = 64;

/// Names and values of a message's headers, in their order.
pub type Headers<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// Takes up `header.NAME=VALUE`.
pub(super) fn add_header<'a>(
    headers: &mut Headers<'a>,
    name: &'a str,
    value: &'a str,
) -> Result<(), SyntaxError> {
    let (name, value) = (text("header.", name)?, text("header.", value)?);
    if headers.iter().any(|(known, _)| *known == name) {
        return Err(SyntaxError::Repeated("header."));
    }
    if headers.len() == HEADERS_MAX {
        return Err(SyntaxError::Headers);
    }
    headers.push((name, value));
    Ok(())
}

/// Appends a header.
pub(super) fn put_header(name: &str, value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b" header.");
    put_escaped(name, '=', out);
    out.push(b'=');
    put_escaped(value, '%', out);
}

/// Reads a value that is free text.
pub(super) fn text<'a>(key: &'static str, value: &'a str) -> Result<Cow<'a, str>, SyntaxError> {
    let what = "UTF-8, and two hexadecimal digits after each `%` (%25 is a percent sign)";
    unescape(value).ok_or(SyntaxError::Value { key, what })
}

fn unescape(value: &str) -> Option<Cow<'_, str>> {
    let Some(first) = value.find('%') else {
        return Some(Cow::Borrowed(value));
    };
    let mut text = value.as_bytes()[..first].to_vec();
    let mut rest = &value.as_bytes()[first..];
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'%' {
            text.push(*byte);
            continue;
        }
        let ([high, low], after) = rest.split_first_chunk()?;
        text.push(hex(*high)? << 4 | hex(*low)?);
        rest = after;
    }
    String::from_utf8(text).ok().map(Cow::Owned)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

/// Appends ` key=` and free text.
pub(super) fn put_text(key: &str, text: &str, out: &mut Vec<u8>) {
    put_key(key, out);
    put_escaped(text, '%', out);
}

/// Appends text in which `%` and `special` are escaped, too.
fn put_escaped(text: &str, special: char, out: &mut Vec<u8>) {
    for character in text.chars() {
        let mut utf8 = [0; 4];
        let bytes = character.encode_utf8(&mut utf8).as_bytes();
        if character != '%' && character != special && plain(character) {
            out.extend_from_slice(bytes);
            continue;
        }
        for byte in bytes {
            out.push(b'%');
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
        }
    }
}

/// Appends ` key=` and a value that is written as it is.
pub(super) fn put_value(key: &str, value: &str, out: &mut Vec<u8>) {
    put_key(key, out);
    put_plain(value, out);
}

/// Appends ` key=` and a number.
pub(super) fn put_number(key: &str, number: u64, out: &mut Vec<u8>) {
    put_key(key, out);
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn put_key(key: &str, out: &mut Vec<u8>) {
    out.push(b' ');
    out.extend_from_slice(key.as_bytes());
    out.push(b'=');
}

/// Appends a space and an argument.
pub(super) fn put_argument(argument: &str, out: &mut Vec<u8>) {
    out.push(b' ');
    put_plain(if argument.is_empty() { "/" } else { argument }, out);
}

/// Appends text with `/` in place of white space and control characters. No topic, cursor or token that holds these is valid, and none
/// that holds `/` is: the reader refuses it, but cannot be led to read it as anything else.
fn put_plain(text: &str, out: &mut Vec<u8>) {
    for character in text.chars() {
        let mut utf8 = [0; 4];
        let character = if plain(character) { character } else { '/' };
        out.extend_from_slice(character.encode_utf8(&mut utf8).as_bytes());
    }
}

/// Appends a body, and before it `len` when it needs one.
pub(super) fn put_body(body: &[u8], out: &mut Vec<u8>) {
    if memchr::memchr3(b'\n', b'\r', 0, body).is_some() || simdutf8::basic::from_utf8(body).is_err() {
        put_number("len", body.len() as u64, out);
    }
    out.extend_from_slice(b" :");
    out.extend_from_slice(body);
}

/// Appends a body in base64.
pub(super) fn put_base64(body: &[u8], out: &mut Vec<u8>) {
    put_value("base64", "1", out);
    out.extend_from_slice(b" :");
    out.extend_from_slice(STANDARD.encode(body).as_bytes());
}

/// A body as it was meant.
pub(super) fn meant(body: &[u8], is_base64: bool) -> Result<Cow<'_, [u8]>, SyntaxError> {
    if !is_base64 {
        return Ok(Cow::Borrowed(body));
    }
    let decoded = STANDARD.decode(body);
    decoded.map(Cow::Owned).map_err(|_| SyntaxError::Base64)
}

/// Reads a value that is `0` or `1`.
pub(super) fn flag(key: &'static str, value: &str) -> Result<bool, SyntaxError> {
    match value {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err(SyntaxError::Value { key, what: "0 or 1" }),
    }
}

/// Appends a body of words, in one line whatever they hold; none when there are no words.
pub(super) fn put_words(words: &str, out: &mut Vec<u8>) {
    if words.is_empty() {
        return;
    }
    out.extend_from_slice(b" :");
    for character in words.chars() {
        let mut utf8 = [0; 4];
        let character = if character.is_control() { ' ' } else { character };
        out.extend_from_slice(character.encode_utf8(&mut utf8).as_bytes());
    }
}

fn plain(character: char) -> bool {
    !character.is_whitespace() && !character.is_control()
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";

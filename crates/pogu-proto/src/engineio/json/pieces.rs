use std::borrow::Cow;

use super::scan::is_white;
use super::string::unescape;

/// The elements of an array, or the members of an object, that was checked before: what stands between its commas.
#[derive(Clone, Debug)]
pub(crate) struct Elements<'a>(&'a str);

/// The elements of what is between the brackets of an array.
pub(crate) fn elements(inside: &str) -> Elements<'_> {
    Elements(trim(inside))
}

/// The members of an object, keys without their quotes and values as they stand; none of anything else.
pub(crate) fn members(object: &str) -> impl Iterator<Item = (&str, &str)> {
    let inside = trim(object)
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    elements(inside.unwrap_or_default()).filter_map(|member| {
        let rest = member.strip_prefix('"')?;
        let (key, rest) = rest.split_at_checked(string_len(rest))?;
        let value = trim(rest.strip_prefix('"')?).strip_prefix(':')?;
        Some((key, trim(value)))
    })
}

/// The elements of an array; `None` for anything else.
pub(crate) fn array(value: &str) -> Option<Elements<'_>> {
    let inside = trim(value).strip_prefix('[')?.strip_suffix(']')?;
    Some(elements(inside))
}

/// What a string says; `None` for anything else.
pub(crate) fn string(value: &str) -> Option<Cow<'_, str>> {
    let raw = trim(value).strip_prefix('"')?.strip_suffix('"')?;
    Some(unescape(raw))
}

impl<'a> Elements<'a> {
    /// What is left, commas and all.
    pub(crate) fn rest(&self) -> &'a str {
        self.0
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.0.is_empty() {
            return None;
        }
        let end = element_len(self.0);
        let (element, rest) = self.0.split_at(end);
        self.0 = trim(rest.strip_prefix(',').unwrap_or_default());
        Some(trim(element))
    }
}

/// Bytes up to the first comma that is in no string, array or object.
fn element_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b',' if depth == 0 => break,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => at += 1 + string_len(&text[at + 1..]),
            _ => {}
        }
        at += 1;
    }
    at.min(bytes.len())
}

/// Bytes up to the quote that ends a string.
fn string_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => break,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at.min(bytes.len())
}

fn trim(text: &str) -> &str {
    text.trim_matches(|character| u8::try_from(character).is_ok_and(is_white))
}

use std::borrow::Cow;

/// What a string says that was checked before, given without its quotes. A lone surrogate becomes U+FFFD.
pub(crate) fn unescape(raw: &str) -> Cow<'_, str> {
    let Some(first) = raw.find('\\') else {
        return Cow::Borrowed(raw);
    };
    let mut text = String::with_capacity(raw.len());
    text.push_str(&raw[..first]);
    let mut rest = raw[first..].chars();
    while let Some(character) = rest.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        text.push(match rest.next() {
            Some('b') => '\u{8}',
            Some('f') => '\u{C}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => unicode(&mut rest),
            Some(itself) => itself,
            None => char::REPLACEMENT_CHARACTER,
        });
    }
    Cow::Owned(text)
}

/// The character whose `\u` was read, and perhaps the `\uXXXX` of its second surrogate.
fn unicode(rest: &mut std::str::Chars<'_>) -> char {
    let first = unit(rest);
    let mut after = rest.clone();
    if matches!(first, 0xD800..0xDC00) && after.next() == Some('\\') && after.next() == Some('u') {
        let second = unit(&mut after);
        if matches!(second, 0xDC00..0xE000) {
            *rest = after;
            let character = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
            return char::from_u32(character).unwrap_or(char::REPLACEMENT_CHARACTER);
        }
    }
    char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn unit(rest: &mut std::str::Chars<'_>) -> u32 {
    let digits = rest.by_ref().take(4);
    digits.fold(0, |unit, digit| unit << 4 | digit.to_digit(16).unwrap_or(0))
}

/// Appends `text` as a string.
pub(crate) fn put_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    put_inside(text, out);
    out.push(b'"');
}

fn put_inside(text: &str, out: &mut Vec<u8>) {
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' | b'\\' => byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0..0x20 => b'u',
            _ => continue,
        };
        out.extend_from_slice(&text.as_bytes()[plain..at]);
        out.extend_from_slice(&[b'\\', escape]);
        if escape == b'u' {
            let low = HEX[usize::from(byte & 15)];
            out.extend_from_slice(&[b'0', b'0', b'0' + (byte >> 4), low]);
        }
        plain = at + 1;
    }
    out.extend_from_slice(&text.as_bytes()[plain..]);
}

/// Appends `text` as a string that is one in old JavaScript too, where U+2028 and U+2029 end a line.
pub(crate) fn put_script_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text;
    while !rest.is_empty() {
        let at = rest.find(['\u{2028}', '\u{2029}']).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(at);
        put_inside(piece, out);
        let mut after = after.chars();
        match after.next() {
            Some('\u{2028}') => out.extend_from_slice(b"\\u2028"),
            Some(_) => out.extend_from_slice(b"\\u2029"),
            None => {}
        }
        rest = after.as_str();
    }
    out.push(b'"');
}

const HEX: &[u8; 16] = b"0123456789abcdef";

use memchr::{memchr, memchr3};

/// How a frame is written, by what it rides in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is: lines, and WebSocket messages.
    Plain,
    /// In an event, whose reader decodes `%XX`.
    Event,
    /// In a string of a script, so that everything is escaped twice. `<` is too, with which it could end the script.
    Script,
}

impl Form {
    /// Appends what is written plainly.
    pub(super) fn put(self, plain: &[u8], out: &mut Vec<u8>) {
        let find = |rest: &[u8]| match self {
            Self::Plain => None,
            Self::Event => memchr(b'%', rest),
            Self::Script => memchr3(b'"', b'\\', b'<', rest),
        };
        let mut rest = plain;
        while let Some(at) = find(rest) {
            out.extend_from_slice(&rest[..at]);
            out.extend_from_slice(match rest[at] {
                b'%' => b"%25",
                b'<' => b"\\u003c",
                b'"' => b"\\\"",
                _ => b"\\\\",
            });
            rest = &rest[at + 1..];
        }
        out.extend_from_slice(rest);
    }
}

/// Appends `text` as a JSON string.
///
/// Escaped are, besides what JSON wants, U+200C–200F, U+2028–202F, U+2060–206F and U+FFF0–FFFF, in lower-case hexadecimal: browsers
/// lose or change them.
pub fn put_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let (plain, special) = rest.split_at(plain_len(rest));
        out.extend_from_slice(plain);
        if special.is_empty() {
            break;
        }
        rest = &special[put_special(special, out)..];
    }
    out.push(b'"');
}

/// Bytes before the first that may have to be escaped.
fn plain_len(bytes: &[u8]) -> usize {
    /// Bytes that the compiler compares at once.
    const CHUNK: usize = 32;
    let mut start = 0;
    for chunk in bytes.chunks(CHUNK) {
        if chunk.iter().fold(false, |any, byte| any | is_special(*byte)) {
            break;
        }
        start += chunk.len();
    }
    let rest = &bytes[start..];
    start + rest.iter().take_while(|byte| !is_special(**byte)).count()
}

/// Whether a byte is escaped, or begins a character that may be.
fn is_special(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\') | (byte == 0xE2) | (byte == 0xEF)
}

/// Appends the character that begins `bytes`, escaped if it has to be; how many bytes it has.
fn put_special(bytes: &[u8], out: &mut Vec<u8>) -> usize {
    let escape: &[u8] = match *bytes {
        [b'"', ..] => b"\\\"",
        [b'\\', ..] => b"\\\\",
        [0x08, ..] => b"\\b",
        [0x0C, ..] => b"\\f",
        [b'\n', ..] => b"\\n",
        [b'\r', ..] => b"\\r",
        [b'\t', ..] => b"\\t",
        [byte @ 0..0x20, ..] => {
            put_unit(u16::from(byte), out);
            return 1;
        }
        [0xE2, 0x80, 0x8C..=0x8F | 0xA8..=0xAF, ..]
        | [0xE2, 0x81, 0xA0..=0xAF, ..]
        | [0xEF, 0xBF, 0xB0..=0xBF, ..] => {
            let [high, middle, low] = [bytes[0], bytes[1], bytes[2]].map(u16::from);
            put_unit(high << 12 | (middle & 0x3F) << 6 | low & 0x3F, out);
            return 3;
        }
        // A byte of a whole character: those after it are plain.
        [byte, ..] => {
            out.push(byte);
            return 1;
        }
        [] => return 0,
    };
    out.extend_from_slice(escape);
    1
}

fn put_unit(unit: u16, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let digit = |shift: u16| HEX[usize::from(unit >> shift & 15)];
    out.extend_from_slice(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
}

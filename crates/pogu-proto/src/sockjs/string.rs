/// How a string is written, by what it rides in.
///
/// What a frame has besides its strings is the same in each but for the quotes, so that a message's string, made once for a form,
/// serves all sessions that have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// As it is: lines, and WebSocket messages.
    Plain,
    /// In an event, whose reader decodes `%XX`.
    Event,
    /// In a string of a script, so that everything is escaped twice. `<` is too, with which it could end the script.
    Script,
}

/// Appends `text` as a JSON string.
///
/// Escaped are, besides what JSON wants, U+200C–200F, U+2028–202F, U+2060–206F and U+FFF0–FFFF, in lower-case hexadecimal: browsers
/// lose or change them.
pub fn put_string(form: Form, text: &str, out: &mut Vec<u8>) {
    form.put_quote(out);
    let mut rest = text.as_bytes();
    loop {
        let (plain, special) = rest.split_at(plain_len(rest));
        out.extend_from_slice(plain);
        if special.is_empty() {
            break;
        }
        rest = &special[put_special(form, special, out)..];
    }
    form.put_quote(out);
}

impl Form {
    /// Appends the quote that begins or ends a string.
    pub(super) fn put_quote(self, out: &mut Vec<u8>) {
        out.extend_from_slice(match self {
            Self::Plain | Self::Event => b"\"",
            Self::Script => b"\\\"",
        });
    }

    fn put_backslash(self, out: &mut Vec<u8>) {
        out.extend_from_slice(match self {
            Self::Plain | Self::Event => b"\\",
            Self::Script => b"\\\\",
        });
    }
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

/// Whether a byte is escaped in some form, or begins a character that is.
fn is_special(byte: u8) -> bool {
    (byte < 0x20)
        | (byte == b'"')
        | (byte == b'\\')
        | (byte == b'%')
        | (byte == b'<')
        | (byte == 0xE2)
        | (byte == 0xEF)
}

/// Appends the character that begins `bytes`, escaped if it has to be; how many bytes it has.
fn put_special(form: Form, bytes: &[u8], out: &mut Vec<u8>) -> usize {
    let short = match *bytes {
        [b'"', ..] => {
            form.put_backslash(out);
            form.put_quote(out);
            return 1;
        }
        [b'\\', ..] => {
            form.put_backslash(out);
            form.put_backslash(out);
            return 1;
        }
        [0x08, ..] => b'b',
        [0x0C, ..] => b'f',
        [b'\n', ..] => b'n',
        [b'\r', ..] => b'r',
        [b'\t', ..] => b't',
        [byte @ 0..0x20, ..] => {
            put_unit(form, u16::from(byte), out);
            return 1;
        }
        [b'%', ..] if form == Form::Event => {
            out.extend_from_slice(b"%25");
            return 1;
        }
        [b'<', ..] if form == Form::Script => {
            out.extend_from_slice(b"\\u003c");
            return 1;
        }
        [0xE2, 0x80, 0x8C..=0x8F | 0xA8..=0xAF, ..]
        | [0xE2, 0x81, 0xA0..=0xAF, ..]
        | [0xEF, 0xBF, 0xB0..=0xBF, ..] => {
            let [high, middle, low] = [bytes[0], bytes[1], bytes[2]].map(u16::from);
            put_unit(form, high << 12 | (middle & 0x3F) << 6 | low & 0x3F, out);
            return 3;
        }
        // A whole character, or a byte of one: the bytes after it are plain.
        [byte, ..] => {
            out.push(byte);
            return 1;
        }
        [] => return 0,
    };
    form.put_backslash(out);
    out.push(short);
    1
}

fn put_unit(form: Form, unit: u16, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    form.put_backslash(out);
    let digit = |shift: u16| HEX[usize::from(unit >> shift & 15)];
    out.extend_from_slice(&[b'u', digit(12), digit(8), digit(4), digit(0)]);
}

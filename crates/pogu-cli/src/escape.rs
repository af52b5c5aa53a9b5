//! Strangers' text on a terminal: nothing in it may move the cursor, change colours or turn the reading direction.

use std::fmt::Write;

/// Escapes what a terminal or a reader could be led astray by. Line breaks are escaped too, so that one message stays one line.
pub(crate) fn text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push('\t'),
            c if is_dangerous(c) => {
                // Writing to a string does not fail.
                let _ = write!(escaped, "\\u{{{:x}}}", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// Escapes a body: text as [`text`], and each byte that is not UTF-8 as `\xHH`.
pub(crate) fn bytes(body: &[u8]) -> String {
    let mut escaped = String::with_capacity(body.len());
    for chunk in body.utf8_chunks() {
        escaped.push_str(&text(chunk.valid()));
        for byte in chunk.invalid() {
            let _ = write!(escaped, "\\x{byte:02x}");
        }
    }
    escaped
}

/// Escapes a JSON text. It stays the same value: what is escaped can stand in JSON within strings only.
pub(crate) fn json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if is_dangerous(c) && !matches!(c, '\t' | '\n' | '\r') {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Control characters, C1 included; what turns or embeds the direction of text (Unicode TR 9); line and paragraph separators; and
/// what is invisible and can hide in a name.
fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_of_any_language_is_left_alone() {
        for plain in [
            "hello",
            "포구에 배가 든다",
            "naïve → ok",
            "שלום",
            "👩‍🚀".trim_matches('\u{200d}'),
        ] {
            if !plain.contains('\u{200d}') {
                assert_eq!(text(plain), plain);
                assert_eq!(bytes(plain.as_bytes()), plain);
                assert_eq!(json(plain), plain);
            }
        }
    }

    #[test]
    fn what_drives_a_terminal_is_escaped() {
        for (dangerous, escaped) in [
            ("\u{1b}[2Jgone", "\\u{1b}[2Jgone"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("a\rb\nc\td", "a\\rb\\nc\td"),
            ("\u{7}\u{8}\u{7f}\0", "\\u{7}\\u{8}\\u{7f}\\u{0}"),
            ("user\u{202e}txt.exe", "user\\u{202e}txt.exe"),
            ("\u{2066}x\u{2069}", "\\u{2066}x\\u{2069}"),
            ("a\u{200b}b\u{feff}", "a\\u{200b}b\\u{feff}"),
            ("\u{e0041}", "\\u{e0041}"),
        ] {
            assert_eq!(text(dangerous), escaped);
        }
    }

    #[test]
    fn no_byte_is_lost() {
        assert_eq!(bytes(b"a\xff\xfeb\xe2\x82"), "a\\xff\\xfeb\\xe2\\x82");
        assert_eq!(bytes(b"\x1b]0;title\x07"), "\\u{1b}]0;title\\u{7}");
    }

    #[test]
    fn json_stays_the_same_value() {
        let value = serde_json::json!({"a\u{202e}b": "c\u{9b}d\u{e0041}e\u{7f}", "n": [1, "포구"]});
        let text = value.to_string();
        let escaped = json(&text);
        assert!(!escaped.chars().any(is_dangerous), "{escaped}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&escaped).ok(),
            Some(value)
        );
    }
}

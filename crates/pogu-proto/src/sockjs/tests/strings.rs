use proptest::prelude::*;

use super::string::Form;
use super::*;
use crate::engineio::json;

fn string(form: Form, text: &str) -> String {
    let (mut plain, mut out) = (Vec::new(), Vec::new());
    put_string(text, &mut plain);
    form.put(&plain, &mut out);
    String::from_utf8(out).unwrap()
}

/// What a client of the form makes of the string in a frame.
fn understood(form: Form, string: &str) -> String {
    let string = match form {
        Form::Plain => string.to_owned(),
        // No more than `%` is encoded in it, and its encoding decodes alike everywhere.
        Form::Event => {
            assert!(string.matches('%').count() == string.matches("%25").count());
            string.replace("%25", "%")
        }
        Form::Script => serde_json::from_str(&format!("\"{string}\"")).unwrap(),
    };
    serde_json::from_str(&string).unwrap()
}

/// The characters that browsers change, as the protocol lists them.
fn is_escapable(unit: u32) -> bool {
    matches!(unit, 0x200C..=0x200F | 0x2028..=0x202F | 0x2060..=0x206F | 0xFFF0..=0xFFFF)
}

#[test]
fn strings() {
    for (text, plain, event, script) in [
        ("", r#""""#, r#""""#, r#"\"\""#),
        ("hello", r#""hello""#, r#""hello""#, r#"\"hello\""#),
        ("a\"b", r#""a\"b""#, r#""a\"b""#, r#"\"a\\\"b\""#),
        ("a\\b", r#""a\\b""#, r#""a\\b""#, r#"\"a\\\\b\""#),
        (
            "\n\r\t\u{8}\u{C}",
            r#""\n\r\t\b\f""#,
            r#""\n\r\t\b\f""#,
            r#"\"\\n\\r\\t\\b\\f\""#,
        ),
        (
            "\0\u{1F}",
            r#""\u0000\u001f""#,
            r#""\u0000\u001f""#,
            r#"\"\\u0000\\u001f\""#,
        ),
        ("\u{2028}", r#""\u2028""#, r#""\u2028""#, r#"\"\\u2028\""#),
        ("100%", r#""100%""#, r#""100%25""#, r#"\"100%\""#),
        (
            "</script>",
            r#""</script>""#,
            r#""</script>""#,
            r#"\"\u003c/script>\""#,
        ),
        ("<!--<", r#""<!--<""#, r#""<!--<""#, r#"\"\u003c!--\u003c\""#),
        // Neither escaped by JSON nor changed by browsers.
        (
            "\u{7F}\u{80}é포구😀–",
            "\"\u{7F}\u{80}é포구😀–\"",
            "\"\u{7F}\u{80}é포구😀–\"",
            "\\\"\u{7F}\u{80}é포구😀–\\\"",
        ),
    ] {
        let written = [Form::Plain, Form::Event, Form::Script].map(|form| string(form, text));
        assert_eq!(written, [plain, event, script].map(String::from), "{text:?}");
    }
}

/// As the protocol's own tests compare them: the whole set above U+00FF in one string, to the byte.
#[test]
fn what_browsers_change_is_escaped() {
    let escapable = (0x100..0x1_0000).filter(|unit| is_escapable(*unit));
    let (mut text, mut wanted) = (String::new(), String::new());
    for unit in escapable {
        text.push(char::from_u32(unit).unwrap());
        wanted.push_str(&format!("\\u{unit:04x}"));
    }
    assert_eq!(text.chars().count(), 44);
    assert_eq!(string(Form::Plain, &text), format!("\"{wanted}\""));
}

#[test]
fn every_character_alone() {
    let some = (0x1_0000..=0x10_FFFF).step_by(997);
    for character in (0..0x1_0000).chain(some).filter_map(char::from_u32) {
        let text = character.to_string();
        let plain = string(Form::Plain, &text);
        let unit = u32::from(character);
        if is_escapable(unit) {
            assert_eq!(plain, format!("\"\\u{unit:04x}\""));
        } else {
            assert_eq!(plain, serde_json::to_string(&text).unwrap());
        }
        // A frame has no line ends in it and needs no encoding but that of a page.
        for form in [Form::Plain, Form::Event, Form::Script] {
            let written = string(form, &text);
            assert!(!written.contains(|character: char| character < ' '));
            assert_eq!(understood(form, &written), text);
        }
    }
}

/// What needs escaping is found wherever it stands among what does not.
#[test]
fn escapes_at_every_place() {
    for length in 0..100 {
        for special in [
            "\"", "\u{206F}", "\u{2013}", "%", "<", "\u{FF01}", "\u{FFFF}", "\0",
        ] {
            for end in [0, 1, 40] {
                let text = ["x".repeat(length), special.to_owned(), "포".repeat(end)].concat();
                for form in [Form::Plain, Form::Event, Form::Script] {
                    assert_eq!(understood(form, &string(form, &text)), text);
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn strings_come_back(text in any::<String>()) {
        for form in [Form::Plain, Form::Event, Form::Script] {
            let written = string(form, &text);
            prop_assert_eq!(understood(form, &written), text.as_str());
        }
        let written = string(Form::Plain, &text);
        prop_assert_eq!(json::string(&written).unwrap(), text.as_str());
    }

    /// Our own escapes, those of a client that escapes everything, and those of serde_json are read alike.
    #[test]
    fn whatever_a_client_escapes_is_decoded(text in any::<String>()) {
        let everything: String = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
        let body = format!("[\"{everything}\", {}]", serde_json::to_string(&text).unwrap());
        let messages = Messages::of_websocket(body.as_bytes(), &Limits::default()).unwrap();
        prop_assert_eq!(messages.collect::<Vec<_>>(), vec![text.as_str(); 2]);
    }
}

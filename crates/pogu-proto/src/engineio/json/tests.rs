use proptest::prelude::*;

use super::*;

fn tokens(text: &str) -> Result<Vec<Token<'_>>, JsonError> {
    let mut scanner = Scanner::new(text, DEPTH_MAX);
    let mut tokens = Vec::new();
    while let Some(token) = scanner.next()? {
        tokens.push(token);
    }
    assert_eq!((scanner.depth(), scanner.next()), (0, Ok(None)));
    Ok(tokens)
}

#[test]
fn a_text_is_taken_apart() {
    assert_eq!(
        tokens(" {\"a\" : [1,-0.5e+3,\"x\\\"y\"] ,\"\":null}\r\n"),
        Ok(vec![
            Token::Object,
            Token::Key("a"),
            Token::Array,
            Token::Number("1"),
            Token::Number("-0.5e+3"),
            Token::String("x\\\"y"),
            Token::End,
            Token::Key(""),
            Token::Null,
            Token::End,
        ])
    );
}

#[test]
fn what_javascript_takes_is_taken() {
    for text in [
        "0",
        "-0",
        "1e999",
        "123456789012345678901234567890",
        "\"\"",
        "\"\\ud800\"",
        "\"\\udc00\\ud800\"",
        "\"\u{7f}\u{2028}\u{10FFFF}\"",
        "true",
        " false",
        "null\t",
        "[]",
        "{}",
        "[[],{}]",
        "{\"a\":1,\"a\":2}",
        "\"\\/\\b\\f\\n\\r\\t\\\\\\u00e9\"",
    ] {
        assert_eq!(check(text, DEPTH_MAX), Ok(()), "{text}");
    }
}

#[test]
fn what_it_does_not_take_is_not() {
    for text in [
        "",
        " ",
        "01",
        "-",
        "+1",
        ".5",
        "1.",
        "1.e3",
        "1e",
        "1e+",
        "0x1",
        "NaN",
        "Infinity",
        "tru",
        "True",
        "nul",
        "\"",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "\"\u{1}\"",
        "'a'",
        "[",
        "]",
        "[1",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1}",
        "{",
        "}",
        "{]",
        "{1:2}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{\"a\" 1}",
        "1 2",
        "[] []",
        "[]x",
        "\u{FEFF}1",
        "\u{A0}1",
        "//",
        "[1]/**/",
        "{\"a\":1]",
        "[[1]",
    ] {
        assert_eq!(check(text, DEPTH_MAX), Err(JsonError::Malformed), "{text}");
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |open: &str, close: &str, levels| open.repeat(levels) + "1" + &close.repeat(levels);
    for depth_max in [DEPTH_MAX, LEVELS_MAX] {
        let too_deep = Err(JsonError::TooDeep(depth_max));
        for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
            let levels = depth_max / open.chars().filter(|letter| "[{".contains(*letter)).count();
            assert_eq!(check(&nested(open, close, levels), depth_max), Ok(()));
            assert_eq!(check(&nested(open, close, levels + 1), depth_max), too_deep);
        }
        assert_eq!(check(&"[".repeat(1_000_000), depth_max), too_deep);
        // Side by side they are not in one another.
        assert_eq!(check(&format!("[{}[]]", "[],".repeat(1000)), depth_max), Ok(()));
    }
    assert_eq!(check("[]", 0), Err(JsonError::TooDeep(0)));
    let beyond = check(&"[".repeat(1_000_000), usize::MAX);
    assert_eq!(beyond, Err(JsonError::TooDeep(LEVELS_MAX)));
}

#[test]
fn elements_are_lent_as_they_stand() {
    let parts = |inside| elements(inside).collect::<Vec<_>>();
    assert_eq!(parts(" "), [""; 0]);
    assert_eq!(
        parts(" 1 , \"a,]\\\",\" ,[2,[3]], {\"b\":[4,5]} "),
        ["1", "\"a,]\\\",\"", "[2,[3]]", "{\"b\":[4,5]}"]
    );
    let mut some = elements("1, 2 ,3");
    some.next();
    assert_eq!(some.rest(), "2 ,3");
    assert_eq!(array(" [1, 2] ").map(|all| all.rest()), Some("1, 2"));
    assert!(array("{}").is_none() && array("[").is_none());
}

#[test]
fn members_are_lent_as_they_stand() {
    let parts = |object| members(object).collect::<Vec<_>>();
    assert_eq!(
        parts("{ \"a\" : 1,\"b\\\"\":{\"c\":2} }"),
        [("a", "1"), ("b\\\"", "{\"c\":2}")]
    );
    for other in ["", "[]", "1", "\"{}\"", "{}"] {
        assert_eq!(parts(other), []);
    }
}

#[test]
fn strings_say() {
    for (raw, text) in [
        ("", ""),
        ("a\\\"b\\\\c\\/d", "a\"b\\c/d"),
        ("\\b\\f\\n\\r\\t", "\u{8}\u{C}\n\r\t"),
        ("\\u00e9\\uD83D\\uDE00!", "é😀!"),
        ("\\ud83d", "\u{FFFD}"),
        ("\\ude00\\ud83d", "\u{FFFD}\u{FFFD}"),
        ("\\ud83dA\\ud83d\\n", "\u{FFFD}A\u{FFFD}\n"),
        ("\\ud83d\\ud83d\\ude00", "\u{FFFD}😀"),
    ] {
        assert_eq!(unescape(raw), text);
        assert_eq!(string(&format!("\"{raw}\"")).as_deref(), Some(text));
    }
    for other in ["", "1", "\"", "[\"a\"]", "null"] {
        assert_eq!(string(other), None);
    }
}

#[test]
fn scripts_have_no_line_separators() {
    let mut out = Vec::new();
    put_script_string("a\u{2028}\"\u{2029}\u{2028}", &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), "\"a\\u2028\\\"\\u2029\\u2028\"");
}

/// Texts that are often nearly JSON.
fn nearly_json() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just(","),
        Just(":"),
        Just("\"a\""),
        Just("\"\\u00e9\\n\""),
        Just("1"),
        Just("-2.5E-3"),
        Just("0"),
        Just("true"),
        Just("null"),
        Just(" "),
        Just("\"é\""),
        Just("\\"),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            proptest::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn it_agrees_with_another_parser(text in nearly_json()) {
        let other = serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok();
        prop_assert_eq!(check(&text, DEPTH_MAX).is_ok(), other);
    }

    #[test]
    fn it_takes_what_another_writes(value in value()) {
        let text = value.to_string();
        prop_assert_eq!(check(&text, DEPTH_MAX), Ok(()));
        prop_assert_eq!(check(&serde_json::to_string_pretty(&value).unwrap(), DEPTH_MAX), Ok(()));
        if let serde_json::Value::Array(all) = &value {
            let parts: Vec<_> = array(&text).unwrap().map(str::to_owned).collect();
            prop_assert_eq!(parts, all.iter().map(ToString::to_string).collect::<Vec<_>>());
        }
        if let serde_json::Value::Object(all) = &value {
            let parts: Vec<_> = members(&text)
                .map(|(key, value)| (unescape(key).into_owned(), value.to_owned()))
                .collect();
            let expect = all.iter().map(|(key, value)| (key.clone(), value.to_string()));
            prop_assert_eq!(parts, expect.collect::<Vec<_>>());
        }
    }

    #[test]
    fn strings_come_back(text in any::<String>()) {
        for put in [put_string, put_script_string] {
            let mut out = Vec::new();
            put(&text, &mut out);
            let written = String::from_utf8(out).unwrap();
            prop_assert_eq!(check(&written, DEPTH_MAX), Ok(()));
            prop_assert_eq!(string(&written), Some(text.as_str().into()));
            prop_assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text.clone());
        }
    }

    /// What was not checked yields nonsense, but nothing worse.
    #[test]
    fn taking_apart_does_not_panic(text in any::<String>(), nearly in nearly_json()) {
        for text in [&text, &nearly, &format!("[{text}"), &format!("{{\"{text}\\é")] {
            let _ = (elements(text).count(), members(text).count(), unescape(text), string(text));
        }
    }
}

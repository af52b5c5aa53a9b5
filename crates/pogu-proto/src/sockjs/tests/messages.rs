use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

type Read = Result<Vec<String>, SendError>;

fn owned(messages: Result<Messages<'_>, SendError>) -> Read {
    Ok(messages?.map(String::from).collect())
}

fn websocket(limits: &Limits, payload: &[u8]) -> Read {
    owned(Messages::of_websocket(payload, limits))
}

fn post(sender: Sender, content_type: &str, limits: &Limits, body: &[u8]) -> Read {
    owned(sender.read(content_type, &mut body.to_vec(), limits))
}

const FORM: &str = "application/x-www-form-urlencoded";

/// The same body by every way it can come: a WebSocket, `xhr_send`, and `jsonp_send` as text and as a form.
fn every_way(limits: &Limits, body: &[u8]) -> [Read; 4] {
    let mut form = b"d=".to_vec();
    form.extend(body.iter().flat_map(|byte| format!("%{byte:02X}").into_bytes()));
    [
        websocket(limits, body),
        post(Sender::Xhr, "text/plain", limits, body),
        post(Sender::Jsonp, "text/plain", limits, body),
        post(Sender::Jsonp, FORM, limits, &form),
    ]
}

#[test]
fn arrays_of_strings() {
    for (body, messages) in [
        ("[]", &[][..]),
        (" [ ] ", &[]),
        (r#"["a"]"#, &["a"]),
        (r#"["a","b"]"#, &["a", "b"]),
        ("\t[ \"a\" ,\r\n\"\" ] \n", &["a", ""]),
        (r#"["[\"a\",",",\\"]"#, &["[\"a\",", ",\\"]),
        (r#"["\u0041\n\ud83d\ude00\ufff0"]"#, &["A\n😀\u{FFF0}"]),
        ("[\"포구\u{7F}\u{2028}\"]", &["포구\u{7F}\u{2028}"]),
        // Halves of characters are characters to JavaScript alone.
        (r#"["\ud800","\udc00\ud800"]"#, &["\u{FFFD}", "\u{FFFD}\u{FFFD}"]),
        (r#"["%61bc","+"]"#, &["%61bc", "+"]),
    ] {
        let messages: Vec<_> = messages.iter().map(|text| String::from(*text)).collect();
        for read in every_way(&Limits::default(), body.as_bytes()) {
            assert_eq!(read, Ok(messages.clone()), "{body}");
        }
    }
}

#[test]
fn a_websocket_may_send_one_string_or_nothing() {
    let limits = Limits::default();
    for (payload, messages) in [
        ("", &[][..]),
        (r#""""#, &[""]),
        (r#" "a,b" "#, &["a,b"]),
        (r#""a\"b""#, &["a\"b"]),
    ] {
        let messages: Vec<_> = messages.iter().map(|text| String::from(*text)).collect();
        assert_eq!(websocket(&limits, payload.as_bytes()), Ok(messages));
        for read in &every_way(&limits, payload.as_bytes())[1..] {
            assert_eq!(*read, Err(SendError::NoPayload), "{payload}");
        }
    }
}

#[test]
fn what_is_not_taken() {
    use SendError::*;
    let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    let deep_object = br#"{"a":"#.repeat(50_000);
    for (body, error) in [
        (&b"{}"[..], NoPayload),
        (b"1", NoPayload),
        (b"null", NoPayload),
        (b"true", NoPayload),
        (br#"{"length":1,"0":"a"}"#, NoPayload),
        (br#"{"a":"b"}"#, NoPayload),
        (b"[1]", NoPayload),
        (br#"["a",null]"#, NoPayload),
        (br#"[["a"]]"#, NoPayload),
        (br#"["a",["b"]]"#, NoPayload),
        (br#"[{"toString":"a"}]"#, NoPayload),
        (br#"[[],"a"]"#, NoPayload),
        (br#"["x"#, Broken),
        (br#"["a"#, Broken),
        (br#"["a","#, Broken),
        (br#"["a",]"#, Broken),
        (br#"["a"]]"#, Broken),
        (br#"["a"],"b""#, Broken),
        (br#"["a" "b"]"#, Broken),
        (br#"['a']"#, Broken),
        (br#"["a}"#, Broken),
        (br#"["\x41"]"#, Broken),
        (br#"["\u12"]"#, Broken),
        (b"[\"\n\"]", Broken),
        (b"[\"\0\"]", Broken),
        (b" ", Broken),
        (b"a", Broken),
        (b"\xEF\xBB\xBF[]", Broken),
        (b"[\"\xFF\"]", Broken),
        (b"[\"\xED\xA0\x80\"]", Broken),
        (b"[\"\xC3", Broken),
        // CWE-674: nothing recurses.
        (&deep, Broken),
        (&deep_object, Broken),
        (&b"["[..], Broken),
    ] {
        for read in every_way(&Limits::default(), body) {
            assert_eq!(
                read,
                Err(error),
                "{}",
                String::from_utf8_lossy(&body[..body.len().min(50)])
            );
        }
    }
    for sender in [Sender::Xhr, Sender::Jsonp] {
        assert_eq!(post(sender, "", &Limits::default(), b""), Err(NoPayload));
    }
}

#[test]
fn forms() {
    let limits = Limits::default();
    let a = Ok(vec![String::from("a")]);
    for content_type in [FORM, "Application/X-WWW-Form-Urlencoded ; charset=utf-8"] {
        for form in [
            "d=%5B%22a%22%5D",
            "d=[\"a\"]",
            "x=1&d=%5B%22%61%22%5d&dd=2&d",
            "d=[%22a%22]+",
        ] {
            assert_eq!(
                post(Sender::Jsonp, content_type, &limits, form.as_bytes()),
                a,
                "{form}"
            );
        }
        for (form, error) in [
            ("", SendError::NoPayload),
            ("d", SendError::NoPayload),
            ("d=", SendError::NoPayload),
            ("p=p", SendError::NoPayload),
            ("[\"a\"]", SendError::NoPayload),
            ("d=[\"a\"]&d=[\"b\"]", SendError::NoPayload),
            ("d=%5B%22x", SendError::Broken),
            ("d=%", SendError::Broken),
            ("d=[\"%FF\"]", SendError::Broken),
        ] {
            assert_eq!(
                post(Sender::Jsonp, content_type, &limits, form.as_bytes()),
                Err(error),
                "{form}"
            );
        }
    }
    // What a blank is in a form is itself in JSON.
    let plus = post(Sender::Jsonp, FORM, &limits, b"d=[\"a+b%2B\"]");
    assert_eq!(plus, Ok(vec![String::from("a b+")]));
}

/// The types that clients send a body as; what they say is no matter.
#[test]
fn content_types() {
    for content_type in [
        "text/plain",
        "T",
        "application/json",
        "application/xml",
        "",
        "application/json; charset=utf-8",
        "text/xml; charset=utf-8",
        "text/xml",
        "application/octet-stream",
        ";",
    ] {
        for sender in [Sender::Xhr, Sender::Jsonp] {
            let read = post(sender, content_type, &Limits::default(), br#"["%61bc"]"#);
            assert_eq!(read, Ok(vec![String::from("%61bc")]), "{content_type}");
        }
    }
    let read = post(Sender::Xhr, FORM, &Limits::default(), b"d=[\"a\"]");
    assert_eq!(read, Err(SendError::Broken));
}

#[test]
fn limits_are_met_at_their_edge() {
    let limits = Limits {
        payload: 13,
        messages: 3,
        ..Limits::default()
    };
    for body in [r#"["a","b","c"]"#, r#"["abcdefghi"]"#, r#"["","",""]"#] {
        assert!(
            every_way(&limits, body.as_bytes()).iter().all(Result::is_ok),
            "{body}"
        );
    }
    for (body, error) in [
        (r#"["a","b","c"] "#, SendError::TooLong(13)),
        (r#"["abcdefghij"]"#, SendError::TooLong(13)),
        (r#"["abcdefghij" "#, SendError::TooLong(13)),
        (r#"["","","",""]"#, SendError::TooMany(3)),
        // Nothing is looked at after the last one.
        (r#"["","","","x"#, SendError::Broken),
        (r#"["","","",""x"#, SendError::TooMany(3)),
    ] {
        for read in every_way(&limits, body.as_bytes()) {
            assert_eq!(read, Err(error), "{body}");
        }
    }
    let none = Limits {
        messages: 0,
        ..limits
    };
    assert_eq!(websocket(&none, b"[]"), Ok(vec![]));
    assert_eq!(websocket(&none, b"[\"\"]"), Err(SendError::TooMany(0)));
}

/// CVE-2020-36049: very many messages take time and memory in proportion to their bytes.
#[test]
fn many_messages_cost_little() {
    let limits = Limits {
        messages: usize::MAX,
        ..Limits::default()
    };
    let body = [b"[\"\"".to_vec(), b",\"\"".repeat(300_000), b"]".to_vec()].concat();
    assert_eq!(websocket(&limits, &body).unwrap().len(), 300_001);
    assert_eq!(
        websocket(&Limits::default(), &body),
        Err(SendError::TooMany(10_000))
    );
    let commas = [b"[\"".to_vec(), b"[{,".repeat(300_000), b"\"]".to_vec()].concat();
    assert_eq!(websocket(&limits, &commas).unwrap().len(), 1);
}

#[test]
fn refusals_have_their_texts() {
    for (error, status, text) in [
        (SendError::NoPayload, 500, "Payload expected."),
        (SendError::Broken, 500, "Broken JSON encoding."),
        (SendError::TooLong(10), 413, "A payload has at most 10 bytes."),
        (SendError::TooMany(3), 413, "A payload has at most 3 messages."),
    ] {
        assert_eq!((error.status(), &*error.to_string()), (status, text));
    }
    assert_eq!(Sender::Xhr.answer(), (204, ""));
    assert_eq!(Sender::Jsonp.answer(), (200, "ok"));
}

/// What is not escaped is not copied.
#[test]
fn messages_are_lent() {
    use std::borrow::Cow;
    let body = br#"["plain","esc\"aped"]"#;
    let messages: Vec<_> = Messages::of_websocket(body, &Limits::default())
        .unwrap()
        .collect();
    assert!(matches!(messages[..], [Cow::Borrowed("plain"), Cow::Owned(_)]));
}

proptest! {
    #[test]
    fn what_a_client_sends_comes_back(messages in vec(any::<String>(), 0..8)) {
        let mut body = Vec::new();
        put_send(messages.iter().map(String::as_str), &mut body);
        for read in every_way(&Limits::default(), &body) {
            prop_assert_eq!(read.as_ref(), Ok(&messages));
        }
    }

    #[test]
    fn any_bytes_are_read(body in vec(any::<u8>(), 0..200)) {
        for read in every_way(&Limits::default(), &body) {
            prop_assert!(read.is_err() || body.iter().all(|byte| *byte >= b'\t'));
        }
        post(Sender::Jsonp, FORM, &Limits::default(), &body).ok();
    }

    /// What serde_json takes as an array of strings is taken, and nothing else.
    #[test]
    fn json_is_json(body in r#"[\[\]", abn\\u0-9]{0,12}"#) {
        let wanted = serde_json::from_str::<Vec<String>>(&body).ok();
        let read = post(Sender::Xhr, "", &Limits::default(), body.as_bytes()).ok();
        prop_assert_eq!(read, wanted);
    }
}

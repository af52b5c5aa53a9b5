use std::borrow::Cow;
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{body, word};
use crate::pogu::{
    Answer, HEADERS_MAX, SyntaxError, bye, error, gap, is_answer, message, message_in_base64, ok,
    parse_answer, pong,
};

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    out.escape_ascii().to_string()
}

#[test]
fn what_is_written() {
    assert_eq!(written(|out| ok(1, None, None, out)), "OK seq=1");
    assert_eq!(
        written(|out| ok(2, Some(&"k3f-18"), None, out)),
        "OK seq=2 cursor=k3f-18"
    );
    assert_eq!(written(|out| ok(3, None, Some("T"), out)), "OK seq=3 token=T");
    assert_eq!(
        written(|out| error("bad-topic", Some(3), "why", out)),
        "ERR bad-topic seq=3 :why"
    );
    assert_eq!(written(|out| error("too-large", None, "", out)), "ERR too-large");
    assert_eq!(written(pong), "PONG");
    assert_eq!(
        written(|out| gap("chat", Some(12), out)),
        "GAP chat :12 messages are gone"
    );
    assert_eq!(
        written(|out| gap("chat", Some(1), out)),
        "GAP chat :1 message is gone"
    );
    assert_eq!(
        written(|out| gap("chat", None, out)),
        "GAP chat :messages are gone"
    );
    assert_eq!(written(|out| bye("quit", "", out)), "BYE quit");
    assert_eq!(
        written(|out| bye("shutdown", "the server stops", out)),
        "BYE shutdown :the server stops"
    );
    assert_eq!(
        written(|out| message("chat", "k3f-18", Some("greet"), None, [], b"hello world", out)),
        "MSG chat cursor=k3f-18 event=greet :hello world"
    );
    assert_eq!(
        written(|out| message("blob", "k3f-19", None, Some("image/png"), [], b"\x89PNG\r\n", out)),
        "MSG blob cursor=k3f-19 type=image/png len=6 :\\x89PNG\\r\\n"
    );
    assert_eq!(
        written(|out| message_in_base64("blob", "k3f-19", None, Some("image/png"), [], b"\0\xFF", out)),
        "MSG blob cursor=k3f-19 type=image/png base64=1 :AP8="
    );
}

#[test]
fn only_bodies_that_need_it_have_a_length() {
    for (body, counted) in [
        (&b""[..], false),
        (b"{\"a\": 1}", false),
        ("포구 :x\t".as_bytes(), false),
        (b"a\nb", true),
        (b"a\r", true),
        (b"\0", true),
        (b"\xED\x8F", true),
    ] {
        let line = written(|out| message("a", "c", None, None, [], body, out));
        assert_eq!(line.contains(" len="), counted, "{line}");
    }
}

#[test]
fn strangers_words_stay_in_their_place() {
    let line = written(|out| message("a", "c", Some("x :y\r\nMSG b"), Some("\0 event=z"), [], b"", out));
    assert_eq!(
        line,
        "MSG a cursor=c event=x%20:y%0D%0AMSG%20b type=%00%20event=z :"
    );
    let line = written(|out| error("a\n b", Some(1), "c\r\nOK seq=2\u{9B}\0", out));
    assert_eq!(line, "ERR a//b seq=1 :c  OK seq=2  ");
    let line = written(|out| gap("a\nOK seq=1", None, out));
    assert_eq!(line, "GAP a/OK/seq=1 :messages are gone");
}

#[test]
fn answers() {
    let why = |text| Cow::Borrowed(text);
    for (line, answer) in [
        (
            "OK seq=1",
            Answer::Ok {
                seq: 1,
                cursor: None,
                token: None,
            },
        ),
        (
            "OK seq=2 cursor=k3f-18 new=x",
            Answer::Ok {
                seq: 2,
                cursor: Some("k3f-18"),
                token: None,
            },
        ),
        (
            "OK token=T\r\n",
            Answer::Ok {
                seq: 0,
                cursor: None,
                token: Some("T"),
            },
        ),
        (
            "ERR bad-topic seq=3 :why so",
            Answer::Error {
                name: "bad-topic",
                seq: Some(3),
                why: why("why so"),
            },
        ),
        (
            "ERR too-large",
            Answer::Error {
                name: "too-large",
                seq: None,
                why: why(""),
            },
        ),
        (
            "GAP chat :12 messages are gone",
            Answer::Gap {
                pattern: "chat",
                missed: Some(12),
            },
        ),
        (
            "GAP chat :messages are gone",
            Answer::Gap {
                pattern: "chat",
                missed: None,
            },
        ),
        (
            "GAP chat",
            Answer::Gap {
                pattern: "chat",
                missed: None,
            },
        ),
        ("PONG", Answer::Pong),
        (
            "BYE quit",
            Answer::Bye {
                name: "quit",
                why: why(""),
            },
        ),
    ] {
        assert_eq!(parse_answer(line.as_bytes()), Ok(answer), "{line}");
    }
    for (line, error) in [
        ("YES", SyntaxError::Answer("YES".to_owned())),
        ("ok seq=1", SyntaxError::Answer("ok".to_owned())),
        ("", SyntaxError::Empty),
        (
            "OK seq=x",
            SyntaxError::Value {
                key: "seq",
                what: "a number",
            },
        ),
        (
            "ERR",
            SyntaxError::Argument {
                verb: "ERR",
                what: "a name",
            },
        ),
        (
            "ERR x seq=-1",
            SyntaxError::Value {
                key: "seq",
                what: "a number",
            },
        ),
        (
            "MSG a :x",
            SyntaxError::Value {
                key: "cursor",
                what: "a cursor",
            },
        ),
        ("MSG a cursor=c", SyntaxError::NoBody("MSG")),
        ("MSG a cursor=c len=2 :x", SyntaxError::Length),
    ] {
        assert_eq!(parse_answer(line.as_bytes()), Err(error), "{line}");
    }
}

#[test]
fn an_answer_is_known_by_its_verb() {
    for datagram in [
        "OK",
        "OK seq=1",
        "MSG a cursor=c :x",
        "ERR x",
        "GAP a",
        "PONG",
        "PONG\n",
        "BYE\r\n",
    ] {
        assert!(is_answer(datagram.as_bytes()), "{datagram:?}");
    }
    for datagram in [
        "",
        " ",
        "SUB a",
        "PUB OK :OK",
        "PING",
        "OKAY",
        "ok",
        "QUIT",
        "MSGS a",
    ] {
        assert!(!is_answer(datagram.as_bytes()), "{datagram:?}");
    }
    for answer in [
        written(pong),
        written(|out| gap("a", None, out)),
        written(|out| bye("x", "", out)),
    ] {
        assert!(is_answer(answer.as_bytes()), "{answer}");
    }
}

proptest! {
    #[test]
    fn messages_come_back(
        topic in word(),
        cursor in word(),
        event: Option<String>,
        content_type: Option<String>,
        headers: BTreeMap<String, String>,
        body in body(),
        eol in prop::sample::select(vec!["", "\n", "\r\n"]),
    ) {
        let mut line = Vec::new();
        let headers: Vec<_> = headers.into_iter().take(HEADERS_MAX).collect();
        let lent = headers.iter().map(|(name, value)| (&**name, &**value));
        message(&topic, &cursor, event.as_deref(), content_type.as_deref(), lent, &body, &mut line);
        prop_assert!(is_answer(&line));
        prop_assert_eq!(str::from_utf8(&line).is_ok(), str::from_utf8(&body).is_ok());
        line.extend_from_slice(eol.as_bytes());
        let (event, content_type) = (event.map(Cow::Owned), content_type.map(Cow::Owned));
        let headers = headers.into_iter().map(|(name, value)| (Cow::Owned(name), Cow::Owned(value))).collect();
        let expected = Answer::Message { topic: &topic, cursor: &cursor, event, content_type, headers, body: (&body).into() };
        prop_assert_eq!(parse_answer(&line), Ok(expected.clone()));
        let Answer::Message { event, content_type, headers, .. } = &expected else {
            return Err(TestCaseError::fail("no message"));
        };
        let lent = headers.iter().map(|(name, value)| (&**name, &**value));
        line.clear();
        message_in_base64(&topic, &cursor, event.as_deref(), content_type.as_deref(), lent, &body, &mut line);
        prop_assert!(str::from_utf8(&line).is_ok());
        prop_assert_eq!(parse_answer(&line), Ok(expected));
    }

    #[test]
    fn the_others_come_back(
        name in word(), seq: u64, missed: Option<u64>, why in "[^\\p{Cc}]{0,20}", token in prop::option::of(word()),
    ) {
        let why = Cow::Borrowed(why.as_str());
        let mut line = Vec::new();
        ok(seq, token.as_ref().map(|token| token as _), token.as_deref(), &mut line);
        let (cursor, token) = (token.as_deref(), token.as_deref());
        prop_assert_eq!(parse_answer(&line), Ok(Answer::Ok { seq, cursor, token }));
        line.clear();
        error(&name, missed, &why, &mut line);
        prop_assert_eq!(parse_answer(&line), Ok(Answer::Error { name: &name, seq: missed, why: why.clone() }));
        line.clear();
        gap(&name, missed, &mut line);
        prop_assert_eq!(parse_answer(&line), Ok(Answer::Gap { pattern: &name, missed }));
        line.clear();
        bye(&name, &why, &mut line);
        prop_assert_eq!(parse_answer(&line), Ok(Answer::Bye { name: &name, why }));
    }
}

use std::borrow::Cow;
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{body, word};
use crate::pogu::{Command, HEADERS_MAX, SyntaxError, parse};

fn subscribe<'a>(
    pattern: &'a str,
    after: Option<&'a str>,
    echo: bool,
    token: Option<&'a str>,
) -> Command<'a> {
    Command::Subscribe {
        pattern,
        after,
        echo,
        token,
    }
}

fn publish<'a>(
    topic: &'a str,
    event: Option<&'a str>,
    content_type: Option<&'a str>,
    body: &'a [u8],
) -> Command<'a> {
    let (event, content_type) = (event.map(Cow::Borrowed), content_type.map(Cow::Borrowed));
    Command::Publish {
        topic,
        event,
        content_type,
        key: None,
        headers: Vec::new(),
        body: body.into(),
    }
}

#[test]
fn commands() {
    for (line, command) in [
        (&b"SUB chat"[..], subscribe("chat", None, true, None)),
        (
            b"SUB chat after=last:10",
            subscribe("chat", Some("last:10"), true, None),
        ),
        (
            b"SUB orders.> echo=0 after=k3f-18 token=T",
            subscribe("orders.>", Some("k3f-18"), false, Some("T")),
        ),
        (b"sub chat echo=1", subscribe("chat", None, true, None)),
        (
            b"UNSUB chat",
            Command::Unsubscribe {
                pattern: "chat",
                token: None,
            },
        ),
        (
            b"Unsub chat token=T",
            Command::Unsubscribe {
                pattern: "chat",
                token: Some("T"),
            },
        ),
        (
            b"PUB chat event=greet :hello world",
            publish("chat", Some("greet"), None, b"hello world"),
        ),
        (
            b"PUB blob len=5 type=image/png :\0\r\n:\xFF",
            publish("blob", None, Some("image/png"), b"\0\r\n:\xFF"),
        ),
        (
            b"PUB blob type=image/png base64=1 :AP8=\r\n",
            publish("blob", None, Some("image/png"), b"\0\xFF"),
        ),
        (b"PUB a base64=1 :", publish("a", None, None, b"")),
        (b"PUB a base64=0 :AP8=", publish("a", None, None, b"AP8=")),
        (b"AUTH a=b:c%41", Command::Auth { token: "a=b:c%41" }),
        (b"PING", Command::Ping),
        (b"quit", Command::Quit),
    ] {
        assert_eq!(parse(line), Ok(command), "{}", line.escape_ascii());
    }
}

#[test]
fn spaces_and_one_line_end_are_no_part_of_a_command() {
    for line in [
        "SUB chat echo=0",
        "  SUB   chat  echo=0  ",
        "SUB chat echo=0\n",
        "SUB chat echo=0 \r\n",
    ] {
        assert_eq!(
            parse(line.as_bytes()),
            Ok(subscribe("chat", None, false, None)),
            "{line:?}"
        );
    }
    for (line, body) in [
        ("PUB a :x\n", "x"),
        ("PUB a :x\r\n", "x"),
        ("PUB a :x\n\n", "x\n"),
        ("PUB a :x\r", "x\r"),
        ("PUB a :x\ny", "x\ny"),
        ("PUB a : x ", " x "),
        ("PUB a ::x :y", ":x :y"),
        ("PUB a :", ""),
        ("PUB a :\n", ""),
        ("PUB a len=2 :x\n", "x\n"),
        ("PUB a len=2 :x\n\r\n", "x\n"),
        ("PUB a len=0 :\n", ""),
        ("PUB a len=007 :len=007\n", "len=007"),
    ] {
        assert_eq!(
            parse(line.as_bytes()),
            Ok(publish("a", None, None, body.as_bytes())),
            "{line:?}"
        );
    }
}

#[test]
fn the_argument_is_taken_as_it_is() {
    for topic in [":x", "a=b", "len=5", "100%", "a:b", "포구.서울", "event=x"] {
        assert_eq!(
            parse(format!("PUB {topic} :y").as_bytes()),
            Ok(publish(topic, None, None, b"y")),
            "{topic}"
        );
    }
}

#[test]
fn values_are_free_text() {
    for (value, text) in [
        ("hello%20world", "hello world"),
        ("text/plain;charset=utf-8", "text/plain;charset=utf-8"),
        (":a:b=c", ":a:b=c"),
        ("100%25", "100%"),
        ("%0a%0D%00", "\n\r\0"),
        ("%ED%8F%ac구", "포구"),
        ("", ""),
    ] {
        let line = format!("PUB a event={value} type={value} key={value} :");
        let text = Some(Cow::Borrowed(text));
        let expected = Command::Publish {
            topic: "a",
            event: text.clone(),
            content_type: text.clone(),
            key: text,
            headers: Vec::new(),
            body: b"".into(),
        };
        assert_eq!(parse(line.as_bytes()), Ok(expected), "{line}");
    }
}

#[test]
fn headers_are_names_and_values() {
    let line = b"PUB a header.priority=5 event=x header.a%3Db=c=d%20e header.= :";
    let Ok(Command::Publish { headers, .. }) = parse(line) else {
        panic!("refused");
    };
    assert_eq!(
        headers,
        [("priority", "5"), ("a=b", "c=d e"), ("", "")].map(|(n, v)| (n.into(), v.into()))
    );
    let many = |count: usize| -> String {
        let headers: String = (0..count).map(|at| format!(" header.{at}=")).collect();
        format!("PUB a{headers} :")
    };
    assert!(parse(many(HEADERS_MAX).as_bytes()).is_ok());
    assert_eq!(parse(many(HEADERS_MAX + 1).as_bytes()), Err(SyntaxError::Headers));
}

#[test]
fn refusals_name_what_is_wrong() {
    for (line, name, part) in [
        (&b""[..], "bad-verb", "SUB"),
        (b"  \r\n", "bad-verb", "SUB"),
        (b"FOO chat", "bad-verb", "`FOO`"),
        (b"SUBS chat", "bad-verb", "`SUBS`"),
        (b"MSG chat cursor=a-1 :x", "bad-verb", "`MSG`"),
        (b"SUB", "bad-argument", "SUB needs a topic or pattern"),
        (b"PUB", "bad-argument", "PUB needs a topic"),
        (b"AUTH ", "bad-argument", "AUTH needs a token"),
        (b"SUB a b", "bad-argument", "`b`"),
        (b"SUB a after", "bad-argument", "`after`"),
        (b"PING x", "bad-argument", "`x`"),
        (b"PING x=y", "bad-argument", "PING takes no `x=`"),
        (
            b"SUB a event=x",
            "bad-argument",
            "SUB takes no `event=`; it takes after, echo and token",
        ),
        (b"SUB a After=x", "bad-argument", "`After=`"),
        (b"SUB a header.x=y", "bad-argument", "`header.x=`"),
        (b"PUB a header.x=y header.x=z :", "bad-argument", "twice"),
        (b"PUB a header.%=y :", "bad-argument", "`header.=`"),
        (b"PUB a echo=0 :", "bad-argument", "PUB takes no `echo=`"),
        (b"UNSUB a echo=0", "bad-argument", "UNSUB takes no `echo=`"),
        (b"SUB a len=1 :x", "bad-argument", "SUB takes no `len=`"),
        (
            b"SUB a after=x after=x",
            "bad-argument",
            "`after=` stands there twice",
        ),
        (
            b"PUB a event=x event= :",
            "bad-argument",
            "`event=` stands there twice",
        ),
        (b"SUB a echo=no", "bad-argument", "`echo=` needs 0 or 1"),
        (b"SUB a echo=", "bad-argument", "`echo=` needs 0 or 1"),
        (b"PUB a event=100% :", "bad-argument", "`event=` needs UTF-8"),
        (b"PUB a type=%2 :", "bad-argument", "`type=`"),
        (b"PUB a key=%+1 :", "bad-argument", "`key=`"),
        (b"PUB a event=%FF :", "bad-argument", "`event=`"),
        (b"PUB a event=\xFF :", "bad-argument", "UTF-8"),
        (b"SUB a\tb", "bad-argument", "control characters"),
        (b"SUB a\nSUB b", "bad-argument", "one command in one line"),
        (b"SUB a\nPUB b :x", "bad-argument", "one command in one line"),
        (b"SUB a\r", "bad-argument", "control characters"),
        (b"SUB a\x7F", "bad-argument", "control characters"),
        (b"PUB :hello", "bad-body", "PUB needs a body"),
        (b"PUB a", "bad-body", "` :`"),
        (b"PUB a event=x", "bad-body", "PUB needs a body"),
        (b"SUB a :x", "bad-body", "SUB takes no body"),
        (b"PUB a base64=1 :AP8", "bad-body", "`base64=1`"),
        (b"PUB a base64=1 :AP8=\n\n", "bad-body", "`base64=1`"),
        (b"PUB a base64=1 :data:,", "bad-body", "`base64=1`"),
        (b"PUB a base64=yes :", "bad-argument", "`base64=` needs 0 or 1"),
        (b"SUB a base64=1", "bad-argument", "SUB takes no `base64=`"),
        (b"PING x :y", "bad-argument", "`x`"),
        (b"PUB a len=2 :x", "bad-length", "`len=`"),
        (b"PUB a len=1 :xy", "bad-length", "`len=`"),
        (b"PUB a len=1 :x\n\n", "bad-length", "`len=`"),
        (b"PUB a len=1", "bad-length", "`len=`"),
        (b"PUB a len= :", "bad-length", "`len=`"),
        (b"PUB a len=+1 :x", "bad-length", "`len=`"),
        (b"PUB a len=-1 :x", "bad-length", "`len=`"),
        (b"PUB a len=0x1 :x", "bad-length", "`len=`"),
        (b"PUB a len=1 len=1 :x", "bad-length", "`len=`"),
        (b"PUB a len=9223372036854775808 :x", "bad-length", "`len=`"),
        (b"PUB a len=18446744073709551616 :x", "bad-length", "`len=`"),
    ] {
        let error = parse(line).expect_err(&line.escape_ascii().to_string());
        assert_eq!(error.name(), name, "{}", line.escape_ascii());
        assert!(
            error.to_string().contains(part),
            "{}: {error}",
            line.escape_ascii()
        );
    }
}

#[test]
fn culprits_are_short_and_printable() {
    let error = parse("\u{202E}\u{9B}".repeat(1000).as_bytes()).unwrap_err();
    let SyntaxError::Verb(culprit) = &error else {
        panic!("{error:?}")
    };
    assert!(culprit.len() < 300 && culprit.is_ascii(), "{culprit}");
}

#[test]
fn what_does_not_begin_like_a_command_is_foreign() {
    for datagram in [
        &b""[..],
        b"\xFF\x01",
        b"FOO",
        b"OK seq=1",
        b"\x12\x34\x01\0\0\x01",
    ] {
        assert!(
            parse(datagram).unwrap_err().is_foreign(),
            "{}",
            datagram.escape_ascii()
        );
    }
    for datagram in [&b"SUB"[..], b"PUB a", b"SUB a b", b"PUB a len=x :"] {
        assert!(
            !parse(datagram).unwrap_err().is_foreign(),
            "{}",
            datagram.escape_ascii()
        );
    }
}

#[test]
fn what_is_written() {
    let line = |command: Command<'_>| {
        let mut out = Vec::new();
        command.encode(&mut out);
        out.escape_ascii().to_string()
    };
    assert_eq!(
        line(subscribe("chat", Some("last:10"), false, None)),
        "SUB chat after=last:10 echo=0"
    );
    assert_eq!(
        line(publish("chat", Some("greet"), None, b"hello world")),
        "PUB chat event=greet :hello world"
    );
    assert_eq!(
        line(publish("a", Some("100% \u{85}\u{2028}:x"), None, b"")),
        "PUB a event=100%25%20%C2%85%E2%80%A8:x :"
    );
    assert_eq!(
        line(publish("a", None, Some("text/plain; charset=utf-8"), b"a\nb")),
        { "PUB a type=text/plain;%20charset=utf-8 len=3 :a\\nb" }
    );
    assert_eq!(line(publish("a", None, None, b"\xFF")), "PUB a len=1 :\\xff");
    assert_eq!(line(publish("", None, None, b" :x")), "PUB / : :x");
    assert_eq!(line(publish("a :x\n", None, None, b"")), "PUB a/:x/ :");
    assert_eq!(line(Command::Auth { token: "a b" }), "AUTH a/b");
    assert_eq!(line(Command::Ping), "PING");
    assert_eq!(line(Command::Quit), "QUIT");
}

proptest! {
    #[test]
    fn publishing_comes_back(
        topic in word(),
        event: Option<String>,
        content_type: Option<String>,
        key: Option<String>,
        headers: BTreeMap<String, String>,
        body in body(),
        eol in prop::sample::select(vec!["", "\n", "\r\n"]),
    ) {
        let (event, content_type, key) = (event.map(Cow::Owned), content_type.map(Cow::Owned), key.map(Cow::Owned));
        let headers = headers.into_iter().take(HEADERS_MAX);
        let headers = headers.map(|(name, value)| (Cow::Owned(name), Cow::Owned(value))).collect();
        let command = Command::Publish { topic: &topic, event, content_type, key, headers, body: (&body).into() };
        let mut line = Vec::new();
        command.encode(&mut line);
        line.extend_from_slice(eol.as_bytes());
        prop_assert_eq!(parse(&line), Ok(command.clone()));
        line.clear();
        command.encode_text(&mut line);
        prop_assert!(str::from_utf8(&line).is_ok());
        prop_assert_eq!(parse(&line), Ok(command));
    }

    #[test]
    fn subscribing_comes_back(
        pattern in word(),
        after in prop::option::of(word()),
        echo: bool,
        token in prop::option::of(word()),
    ) {
        let after = after.as_deref();
        let token = token.as_deref();
        for command in [
            subscribe(&pattern, after, echo, token),
            Command::Unsubscribe { pattern: &pattern, token },
            Command::Auth { token: &pattern },
        ] {
            let mut line = Vec::new();
            command.encode(&mut line);
            prop_assert_eq!(parse(&line), Ok(command));
        }
    }

    /// Whatever stands in a topic, nothing of it becomes a key, a body or another line.
    #[test]
    fn a_topic_stays_a_topic(topic in "[ :=a\r\nevnt0/.]{0,20}") {
        let mut line = Vec::new();
        publish(&topic, None, None, b"x").encode(&mut line);
        prop_assert!(!line.contains(&b'\n') && !line.contains(&b'\r'));
        let Ok(Command::Publish { topic: read, event: None, content_type: None, key: None, body, .. }) = parse(&line)
        else {
            return Err(TestCaseError::fail(line.escape_ascii().to_string()));
        };
        prop_assert_eq!(&*body, b"x");
        prop_assert!(read == topic || read.contains('/'));
    }

    #[test]
    fn any_bytes_are_a_command_or_refused(
        bytes in prop::collection::vec(prop::sample::select(b"SUBPUB  ::aelntvypek==%0145\r\n\0\xFF\xED".to_vec()), 0..60),
        verb in prop::sample::select(vec!["", "PUB a ", "SUB a "]),
    ) {
        let bytes = [verb.as_bytes(), &bytes].concat();
        match parse(&bytes) {
            // What was read once is read the same when it is written again.
            Ok(command) => {
                let mut line = Vec::new();
                command.encode(&mut line);
                prop_assert_eq!(parse(&line), Ok(command));
            }
            Err(error) => prop_assert!(error.name().starts_with("bad-")),
        }
    }
}

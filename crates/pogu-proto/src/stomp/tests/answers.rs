use super::*;

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    shown(&out)
}

const TAIL: Tail<'_> = Tail {
    destination: "/topic/a",
    message_id: "m-1",
    content_type: None,
    body: b"hello",
};

#[test]
fn messages_in_two_parts() {
    let message = |subscription, ack, tail: &Tail<'_>, headers: &[(&str, &str)], version| {
        written(|out| {
            message_head(subscription, ack, version, out);
            message_tail(tail, headers.iter().copied(), version, out);
        })
    };
    assert_eq!(
        message(None, None, &TAIL, &[], Version::V1_0),
        "MESSAGE\ndestination:/topic/a\nmessage-id:m-1\ncontent-length:5\n\nhello^@"
    );
    let tail = Tail {
        content_type: Some("text/plain;charset=utf-8"),
        body: b"a\0b",
        ..TAIL
    };
    assert_eq!(
        message(
            Some("0"),
            Some("a-1"),
            &tail,
            &[("foo", "1"), ("foo", "2")],
            Version::V1_2
        ),
        "MESSAGE\nsubscription:0\nack:a-1\ndestination:/topic/a\nmessage-id:m-1\ncontent-type:text/plain;charset=utf-8\n\
         foo:1\nfoo:2\ncontent-length:3\n\na^@b^@"
    );
}

#[test]
fn what_a_version_cannot_say_does_not_become_a_header() {
    let line = |name: &str, value: &str, version| {
        let message = written(|out| message_tail(&TAIL, [(name, value)], version, out));
        let lines: Vec<&str> = message.split('\n').collect();
        assert_eq!(lines.len(), 6, "{message}");
        lines[2].to_owned()
    };
    for (name, value, expect) in [
        ("a", "x\ny", ["a:x y", "a:x\\ny", "a:x\\ny"]),
        ("a", "x\ry", ["a:x y", "a:x y", "a:x\\ry"]),
        (
            "a",
            "x\r\n\r\n\0y",
            ["a:x     y", "a:x \\n \\n y", "a:x\\r\\n\\r\\n y"],
        ),
        ("a", "x:y", ["a:x:y", "a:x\\cy", "a:x\\cy"]),
        ("a", "C:\\new", ["a:C:\\new", "a:C\\c\\\\new", "a:C\\c\\\\new"]),
        ("a:b", "", ["a_b:", "a\\cb:", "a\\cb:"]),
        ("a\nb", "", ["a_b:", "a\\nb:", "a\\nb:"]),
        ("a\rb\0", "", ["a_b_:", "a_b_:", "a\\rb_:"]),
        ("x\n", "", ["x_:", "x\\n:", "x\\n:"]),
        ("größe", "日本", ["größe:日本", "größe:日本", "größe:日本"]),
    ] {
        for (version, expect) in [Version::V1_0, Version::V1_1, Version::V1_2]
            .into_iter()
            .zip(expect)
        {
            assert_eq!(line(name, value, version), expect, "{version}");
        }
    }
}

/// Nor where the reader trims names, as those of 1.0 and some of later versions do.
#[test]
fn what_the_server_alone_says_no_user_says() {
    for name in [
        "subscription",
        "message-id",
        "ack",
        "destination",
        "content-length",
        "content-type",
        " ack",
        "ack\t",
        "\u{feff}ack\u{a0}",
        "ack\0",
        "ack\n",
        "\r\nack",
        "",
        " ",
    ] {
        for version in Version::ALL {
            let message = written(|out| message_tail(&TAIL, [(name, "x")], version, out));
            assert_eq!(
                message, "destination:/topic/a\nmessage-id:m-1\ncontent-length:5\n\nhello^@",
                "{name:?}"
            );
        }
    }
    // Names are told apart by case, and a name in 1.0 does not end where its colon was.
    let message = written(|out| message_tail(&TAIL, [("ack:", "x"), ("Ack", "y")], Version::V1_0, out));
    assert!(message.contains("\nack_:x\nAck:y\n"));
}

#[test]
fn receipts() {
    for (version, expect) in [
        (Version::V1_0, "RECEIPT\nreceipt-id:a:b c\n\n^@"),
        (Version::V1_1, "RECEIPT\nreceipt-id:a\\cb\\nc\n\n^@"),
        (Version::V1_2, "RECEIPT\nreceipt-id:a\\cb\\nc\n\n^@"),
    ] {
        assert_eq!(written(|out| receipt("a:b\nc", &[], version, out)), expect);
    }
}

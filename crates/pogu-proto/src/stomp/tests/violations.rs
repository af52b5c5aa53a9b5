use super::*;
use crate::cuts::every_cut;

fn error_frame(message: &str, more: &str, detail: &str) -> String {
    format!(
        "ERROR\nmessage:{message}\n{more}content-type:text/plain\ncontent-length:{}\n\n{detail}^@",
        detail.len()
    )
}

/// What a server answers to `bytes`, and that it reads nothing after.
fn check(side: impl Fn() -> Side, bytes: &[u8], expect: &str) {
    let bytes = [bytes, &wire("\nDISCONNECT\n\n^@")].concat();
    every_cut(&bytes, |pieces| {
        let mut side = side();
        let (heard, violation) = side.hear(Time(0), pieces);
        assert!(
            violation.is_some() && heard.is_empty(),
            "{}: {heard:?}",
            shown(&bytes)
        );
        assert_eq!(shown(&side.out), expect, "{}", shown(&bytes));
        assert!(side.server.is_ended() && !side.server.is_connected());
        let answered = side.out.len();
        let after = side.hear(Time(0), &[b"CONNECT\n\n\0", b"\xFF\0"]);
        assert_eq!((after, side.out.len()), ((Vec::new(), None), answered));
    });
}

#[test]
fn before_connect() {
    for (frame, message, more, detail) in [
        (
            "SEND\ndestination:a\n\nb^@",
            "not connected",
            "",
            "the first frame is CONNECT or STOMP, not `SEND`",
        ),
        (
            "SUBSCRIBE\nreceipt:1\n\n^@",
            "not connected",
            "receipt-id:1\n",
            "the first frame is CONNECT or STOMP, not `SUBSCRIBE`",
        ),
        (
            "CONNECTED\n\n^@",
            "not connected",
            "",
            "the first frame is CONNECT or STOMP, not `CONNECTED`",
        ),
        (
            "connect\n\n^@",
            "not connected",
            "",
            "the first frame is CONNECT or STOMP, not `connect`",
        ),
        (
            "GET / HTTP/1.1\na:b\n\n^@",
            "not connected",
            "",
            "the first frame is CONNECT or STOMP, not `GET / HTTP/1.1`",
        ),
        (
            "CONNECT\naccept-version:2.0,1.3\nhost:h\n\n^@",
            "no version in common",
            "version:1.0,1.1,1.2\n",
            "no version in common: 2.0,1.3",
        ),
        (
            "CONNECT\naccept-version:\n\n^@",
            "no version in common",
            "version:1.0,1.1,1.2\n",
            "no version in common: ",
        ),
        (
            "CONNECT\naccept-version:1.2\nheart-beat:10000\n\n^@",
            "invalid header",
            "",
            "`heart-beat` is two numbers of milliseconds with a comma between them, not `10000`",
        ),
        (
            "CONNECT\naccept-version:1.2\nheart-beat:0,-1\n\n^@",
            "invalid header",
            "",
            "`heart-beat` is two numbers of milliseconds with a comma between them, not `0,-1`",
        ),
        (
            "CONNECT\naccept-version:1.2\nheart-beat:,\n\n^@",
            "invalid header",
            "",
            "`heart-beat` is two numbers of milliseconds with a comma between them, not `,`",
        ),
        (
            "CONNECT\naccept-version:1.2\nheart-beat:1,2,3\n\n^@",
            "invalid header",
            "",
            "`heart-beat` is two numbers of milliseconds with a comma between them, not `1,2,3`",
        ),
        (
            "CONNECT\naccept-version:1.2\n\nbody^@",
            "malformed frame",
            "",
            "CONNECT has no body",
        ),
        (
            "CONNECT\nlogin\n",
            "malformed frame",
            "",
            "a header line is a name, a colon and a value",
        ),
    ] {
        check(Side::new, &wire(frame), &error_frame(message, more, detail));
    }
}

#[test]
fn once_connected() {
    let missing = |command: &str, header: &str| ("missing header", format!("{command} needs `{header}`"));
    let body = |command: &str| ("malformed frame", format!("{command} has no body"));
    let (v0, v1, v2) = (Version::V1_0, Version::V1_1, Version::V1_2);
    for (versions, frame, (message, detail)) in [
        (
            &[v0, v1, v2][..],
            "SEND\nreceipt:7\n\na^@",
            missing("SEND", "destination"),
        ),
        (
            &[v1, v2],
            "SEND\nreceipt:7\nDestination:a\n\na^@",
            missing("SEND", "destination"),
        ),
        (
            &[v1, v2],
            "SEND\nreceipt:7\ndestination :a\n\na^@",
            missing("SEND", "destination"),
        ),
        (
            &[v0, v1, v2],
            "SUBSCRIBE\nreceipt:7\nid:1\n\n^@",
            missing("SUBSCRIBE", "destination"),
        ),
        (
            &[v1, v2],
            "SUBSCRIBE\nreceipt:7\ndestination:a\n\n^@",
            missing("SUBSCRIBE", "id"),
        ),
        (
            &[v0, v1, v2],
            "UNSUBSCRIBE\nreceipt:7\n\n^@",
            missing("UNSUBSCRIBE", "id"),
        ),
        (
            &[v1, v2],
            "UNSUBSCRIBE\nreceipt:7\ndestination:a\n\n^@",
            missing("UNSUBSCRIBE", "id"),
        ),
        (
            &[v0, v1],
            "ACK\nreceipt:7\nid:1\nsubscription:1\n\n^@",
            missing("ACK", "message-id"),
        ),
        (
            &[v1],
            "ACK\nreceipt:7\nmessage-id:1\n\n^@",
            missing("ACK", "subscription"),
        ),
        (
            &[v2],
            "ACK\nreceipt:7\nmessage-id:1\nsubscription:1\n\n^@",
            missing("ACK", "id"),
        ),
        (
            &[v1],
            "NACK\nreceipt:7\nmessage-id:1\n\n^@",
            missing("NACK", "subscription"),
        ),
        (&[v2], "NACK\nreceipt:7\n\n^@", missing("NACK", "id")),
        (
            &[v0],
            "NACK\nreceipt:7\nmessage-id:1\n\n^@",
            ("unknown command", "1.0 has no NACK".into()),
        ),
        (
            &[v0, v1, v2],
            "BEGIN\nreceipt:7\n\n^@",
            missing("BEGIN", "transaction"),
        ),
        (
            &[v0, v1, v2],
            "COMMIT\nreceipt:7\n\n^@",
            missing("COMMIT", "transaction"),
        ),
        (
            &[v0, v1, v2],
            "ABORT\nreceipt:7\n\n^@",
            missing("ABORT", "transaction"),
        ),
        (
            &[v0],
            "SUBSCRIBE\nreceipt:7\ndestination:a\nack:client-individual\n\n^@",
            (
                "invalid header",
                "no ack mode `client-individual`: use auto, client or, from 1.1 on, client-individual".into(),
            ),
        ),
        (
            &[v1, v2],
            "SUBSCRIBE\nreceipt:7\nid:1\ndestination:a\nack:AUTO\n\n^@",
            (
                "invalid header",
                "no ack mode `AUTO`: use auto, client or, from 1.1 on, client-individual".into(),
            ),
        ),
        (
            &[v0, v1, v2],
            "CONNECT\nreceipt:7\n\n^@",
            ("connected already", "connected already".into()),
        ),
        (
            &[v0, v1, v2],
            "STOMP\nreceipt:7\naccept-version:1.2\n\n^@",
            ("connected already", "connected already".into()),
        ),
        (
            &[v0, v1, v2],
            "MESSAGE\nreceipt:7\n\n^@",
            ("unknown command", "no command `MESSAGE`".into()),
        ),
        (
            &[v0, v1, v2],
            "send\nreceipt:7\n\n^@",
            ("unknown command", "no command `send`".into()),
        ),
        (
            &[v0, v1, v2],
            "SEND \nreceipt:7\n\n^@",
            ("unknown command", "no command `SEND `".into()),
        ),
        (
            &[v0, v1, v2],
            "\u{1b}[31m\nreceipt:7\n\n^@",
            ("unknown command", "no command `\\u{1b}[31m`".into()),
        ),
        (
            &[v1, v2],
            "SUBSCRIBE\nreceipt:7\nid:1\ndestination:a\n\nx^@",
            body("SUBSCRIBE"),
        ),
        (&[v1, v2], "DISCONNECT\nreceipt:7\n\n\n ^@", body("DISCONNECT")),
        (
            &[v1],
            "SEND\nreceipt:7\ndestination:a\\t\n\n^@",
            (
                "malformed frame",
                "a backslash in a header is written `\\\\`; 1.1 knows no other escapes than \\c and \\n"
                    .into(),
            ),
        ),
        (
            &[v2],
            "SEND\nreceipt:7\ndestination:a\nx:\\t\n\n^@",
            (
                "malformed frame",
                "a backslash in a header is written `\\\\`; 1.2 knows no other escapes than \\c, \\n and \\r"
                    .into(),
            ),
        ),
    ] {
        for version in versions {
            let expect = error_frame(message, "receipt-id:7\n", &detail);
            check(|| Side::connected(*version), &wire(frame), &expect);
        }
    }
}

#[test]
fn frames_that_cannot_be_read() {
    for (bytes, message, detail) in [
        (
            &b"SEND\nreceipt:7\ndestination:\xFF\n\n\0"[..],
            "malformed frame",
            "command and headers are UTF-8",
        ),
        (
            b"SEND\nreceipt:7\0",
            "malformed frame",
            "NUL before the blank line that ends the headers",
        ),
        (
            b"SEND\ncontent-length:x\n\n\0",
            "malformed frame",
            "`content-length` is the number of bytes of the body in decimal digits",
        ),
        (
            b"SEND\ncontent-length:1\n\nabc\0",
            "malformed frame",
            "NUL does not follow after the `content-length` bytes of the body",
        ),
        (
            b"SEND\ncontent-length:4097\n\n",
            "limit exceeded",
            "a body has at most 4096 bytes here",
        ),
        (
            b"THIS-COMMAND-IS-LONGER-THAN-32-BYTES\n",
            "limit exceeded",
            "a command has at most 32 bytes",
        ),
    ] {
        check(
            || Side::connected(Version::V1_2),
            bytes,
            &error_frame(message, "", detail),
        );
    }
}

#[test]
fn a_receipt_is_told_back_in_the_words_of_the_version() {
    for (version, receipt) in [
        (Version::V1_0, "a:b"),
        (Version::V1_1, "a\\cb"),
        (Version::V1_2, "a\\cb"),
    ] {
        let frame = format!("BEGIN\nreceipt:{receipt}\n\n^@");
        let more = format!("receipt-id:{receipt}\n");
        let expect = error_frame("missing header", &more, "BEGIN needs `transaction`");
        check(|| Side::connected(version), &wire(&frame), &expect);
    }
}

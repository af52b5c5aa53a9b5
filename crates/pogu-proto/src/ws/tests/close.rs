use super::*;
use crate::ws::is_close_code;

fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes(), reason].concat()
}

#[test]
fn close_is_answered_with_its_code() {
    let frame = |payload: &[u8]| server(&masked(FIN | CLOSE, payload));
    for code in [
        1000, 1001, 1002, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
    ] {
        let outcome = frame(&close(code, "tschüß".as_bytes()));
        assert_eq!(outcome.seen, [Seen::Close(Some(code), "tschüß".into())]);
        assert_eq!(
            (outcome.violation, outcome.out),
            (None, plain(FIN | CLOSE, &close(code, b"")))
        );
    }
    let outcome = frame(b"");
    assert_eq!(outcome.seen, [Seen::Close(None, String::new())]);
    assert_eq!(outcome.out, plain(FIN | CLOSE, b""));
    let outcome = frame(&close(1000, &[b'x'; 123]));
    assert_eq!(outcome.seen, [Seen::Close(Some(1000), "x".repeat(123))]);
}

#[test]
fn wrong_close_payloads_are_refused() {
    let violation = |payload: &[u8]| {
        let outcome = server(&masked(FIN | CLOSE, payload));
        assert_eq!(outcome.seen, []);
        assert_eq!(outcome.out, close_frame(outcome.violation.expect("a violation")));
        outcome.violation
    };
    assert_eq!(violation(b"\x03"), Some(Violation::TruncatedClose));
    assert_eq!(violation(&close(1000, b"a\xff")), Some(Violation::NotUtf8));
    assert_eq!(violation(&close(1000, b"a\xe2\x82")), Some(Violation::NotUtf8));
    for code in [
        0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535,
    ] {
        assert!(!is_close_code(code));
        assert_eq!(violation(&close(code, b"")), Some(Violation::CloseCode(code)));
        assert_eq!(Violation::CloseCode(code).code(), 1002);
    }
}

#[test]
fn what_follows_close_is_ignored() {
    let bytes = [
        masked(FIN | CLOSE, &close(1000, b"")),
        masked(FIN | TEXT, b"late"),
        masked(FIN | 0x70, b""),
    ];
    let outcome = server(&bytes.concat());
    assert_eq!(
        (outcome.seen, outcome.violation),
        (vec![Seen::Close(Some(1000), String::new())], None)
    );
    assert_eq!(outcome.out, plain(FIN | CLOSE, &close(1000, b"")));
}

#[test]
fn an_unfinished_message_is_dropped_at_close() {
    let mut side = Side::server();
    side.read(
        Time(0),
        &[&masked(TEXT, b"never ended"), &masked(FIN | CLOSE, b"")],
    );
    assert!(side.session.is_closed() && side.holds_nothing());
}

#[test]
fn close_is_sent_once() {
    let mut side = Side::server();
    side.close(Time(0), 1001, "bye");
    side.close(Time(0), 1000, "again");
    side.send(Kind::Text, b"late");
    side.session.ping(b"late", &mut side.codec, &mut side.out);
    assert_eq!(side.out, plain(FIN | CLOSE, &close(1001, b"bye")));
    assert!(side.session.is_closing() && !side.session.is_closed());
    // Messages on their way are still heard; pings are not answered any more.
    side.out.clear();
    let arrived = [
        masked(FIN | TEXT, b"on its way"),
        masked(FIN | PING, b""),
        masked(FIN | CLOSE, b""),
    ]
    .concat();
    let (seen, violation) = side.read(Time(0), &[&arrived]);
    assert_eq!(
        seen,
        [
            text("on its way"),
            Seen::Ping(vec![]),
            Seen::Close(None, String::new())
        ]
    );
    assert_eq!((violation, side.out.as_slice()), (None, &b""[..]));
    assert!(side.session.is_closed());
}

#[test]
fn a_violation_after_our_close_sends_no_second_one() {
    let mut side = Side::server();
    side.close(Time(0), 1000, "");
    side.out.clear();
    let violation = side.read(Time(0), &[&plain(FIN | TEXT, b"")]).1;
    assert_eq!(violation, Some(Violation::Unmasked));
    assert!(side.out.is_empty() && side.session.is_closed());
}

#[test]
fn only_codes_and_reasons_that_may_be_sent_are() {
    let sent = |code, reason: &str| {
        let mut side = Side::server();
        side.close(Time(0), code, reason);
        side.out
    };
    assert_eq!(sent(1006, ""), plain(FIN | CLOSE, &close(1011, b"")));
    assert_eq!(
        sent(4321, &"x".repeat(123)),
        plain(FIN | CLOSE, &close(4321, &[b'x'; 123]))
    );
    assert_eq!(
        sent(1000, &"x".repeat(124)),
        plain(FIN | CLOSE, &close(1000, &[b'x'; 123]))
    );
    // Cut between characters: 41 of three bytes are 123, after one byte more only 40 fit.
    assert_eq!(
        sent(1000, &"€".repeat(50)),
        plain(FIN | CLOSE, &close(1000, "€".repeat(41).as_bytes()))
    );
    let reason = ["x", &"€".repeat(50)].concat();
    let cut = ["x", &"€".repeat(40)].concat();
    assert_eq!(
        sent(1000, &reason),
        plain(FIN | CLOSE, &close(1000, cut.as_bytes()))
    );
}

#[test]
fn both_sides_close_each_other() {
    let mut client = Side::new(Role::Client, &Limits::default(), None);
    let mut server = Side::server();
    client.close(Time(0), 1000, "done");
    assert_eq!(
        server.read(Time(0), &[&client.out]).0,
        [Seen::Close(Some(1000), "done".into())]
    );
    assert_eq!(
        client.read(Time(0), &[&server.out]).0,
        [Seen::Close(Some(1000), String::new())]
    );
    assert!(client.session.is_closed() && server.session.is_closed());
}

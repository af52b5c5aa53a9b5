use super::*;
use crate::cuts::{drive, every_cut};

/// How many frames are read, and what ends the stream: the same however it is cut.
fn decode(limits: &Limits, stream: &str) -> (usize, Option<Violation>) {
    let run = |pieces: &[&[u8]]| {
        let mut decoder = Decoder::new();
        let (frames, violation) = drive(pieces, |input| {
            decoder.next(limits, input).map(|frame| frame.map(|_| ()))
        });
        (frames.len(), violation)
    };
    let whole = run(&[stream.as_bytes()]);
    every_cut(stream.as_bytes(), |pieces| assert_eq!(run(pieces), whole));
    whole
}

const WIDE: Limits = Limits {
    command: 100,
    headers: 100,
    header: 100,
    head: 100,
    body: 100,
};

#[test]
fn the_command() {
    let limits = Limits { command: 4, ..WIDE };
    assert_eq!(decode(&limits, "SEND\n\n\0SEND\r\n\n\0"), (2, None));
    let violation = Some(Violation::CommandTooLong(4));
    assert_eq!(decode(&limits, "SENDS"), (0, violation.clone()));
    assert_eq!(decode(&limits, "SEND\r\r\n"), (0, violation.clone()));
    assert_eq!(decode(&limits, "SEND\rx"), (0, violation));
}

#[test]
fn the_number_of_headers() {
    let limits = Limits { headers: 2, ..WIDE };
    assert_eq!(decode(&limits, "A\na:b\na:b\n\n\0B\na:b\nb:c\n\n\0"), (2, None));
    let violation = Some(Violation::TooManyHeaders(2));
    assert_eq!(decode(&limits, "A\na:b\na:b\na:b\n"), (0, violation));
    let limits = Limits { headers: 0, ..WIDE };
    assert_eq!(decode(&limits, "A\n\n\0"), (1, None));
    assert_eq!(
        decode(&limits, "A\na:b\n"),
        (0, Some(Violation::TooManyHeaders(0)))
    );
}

#[test]
fn one_header() {
    let limits = Limits { header: 5, ..WIDE };
    assert_eq!(decode(&limits, "A\na:bcd\nabcd:\r\n\n\0"), (1, None));
    let violation = Some(Violation::HeaderTooLong(5));
    assert_eq!(decode(&limits, "A\na:b\na:bcde"), (0, violation.clone()));
    assert_eq!(decode(&limits, "A\nabcdef"), (0, violation.clone()));
    assert_eq!(decode(&limits, "A\na:bcd\r\r\n"), (0, violation));
}

#[test]
fn the_head() {
    // The command with its EOL, and two headers with one between them: 2 + 3 + 1 + 3.
    let limits = Limits { head: 9, ..WIDE };
    assert_eq!(
        decode(&limits, "A\na:b\na:b\n\n\0A\na:b\na:b\r\n\r\n\0"),
        (2, None)
    );
    let violation = Some(Violation::HeadTooLong(9));
    assert_eq!(decode(&limits, "A\na:b\na:bc"), (0, violation.clone()));
    assert_eq!(decode(&limits, "A\r\na:b\na:b\n"), (0, violation.clone()));
    assert_eq!(decode(&limits, "A\na:b\na:b\na"), (0, violation.clone()));
    assert_eq!(decode(&limits, "ABCDEFGHI\n\n\0"), (1, None));
    assert_eq!(decode(&limits, "ABCDEFGHIJ"), (0, violation));
    // Of two limits the one that is met first is told.
    let limits = Limits {
        head: 10,
        header: 5,
        ..WIDE
    };
    assert_eq!(
        decode(&limits, "A\na:bcdefghijk"),
        (0, Some(Violation::HeaderTooLong(5)))
    );
    assert_eq!(
        decode(&limits, "A\na:b\na:bcdefgh"),
        (0, Some(Violation::HeadTooLong(10)))
    );
}

#[test]
fn the_body() {
    let limits = Limits { body: 3, ..WIDE };
    assert_eq!(
        decode(&limits, "A\n\nabc\0A\ncontent-length:3\n\nabc\0"),
        (2, None)
    );
    let violation = Some(Violation::BodyTooLong(3));
    assert_eq!(decode(&limits, "A\n\nabcd"), (0, violation.clone()));
    assert_eq!(decode(&limits, "A\ncontent-length:4\n"), (0, violation.clone()));
    for length in [
        "9223372036854775808",
        "18446744073709551616",
        "99999999999999999999999999",
    ] {
        assert_eq!(
            decode(&limits, &format!("A\ncontent-length:{length}\n")),
            (0, violation.clone())
        );
    }
    let limits = Limits { body: 0, ..WIDE };
    assert_eq!(decode(&limits, "A\n\n\0A\ncontent-length:0\n\n\0"), (2, None));
    assert_eq!(decode(&limits, "A\n\na"), (0, Some(Violation::BodyTooLong(0))));
}

#[test]
fn a_client_is_trusted_with_more_once_it_is_connected() {
    let mut side = Side::new();
    let long = format!("CONNECT\na:{}", "b".repeat(Limits::BEFORE_CONNECT.header - 1));
    let (_, violation) = side.hear(Time(0), &[long.as_bytes()]);
    assert_eq!(violation, Some(Violation::HeaderTooLong(8192)));

    let mut side = Side::new();
    let body = "CONNECT\naccept-version:1.2\ncontent-length:65\n\n";
    let (_, violation) = side.hear(Time(0), &[body.as_bytes()]);
    assert_eq!(violation, Some(Violation::BodyTooLong(64)));

    let mut side = Side::connected(Version::V1_2);
    let send = format!("SEND\ndestination:/topic/a\n\n{}^@", "b".repeat(FRAME.body));
    let (heard, violation) = side.hear(Time(0), &[&wire(&send)]);
    assert_eq!((heard.len(), violation), (1, None));
    let send = format!("SEND\ndestination:/topic/a\n\n{}^@", "b".repeat(FRAME.body + 1));
    let (_, violation) = side.hear(Time(0), &[&wire(&send)]);
    assert_eq!(violation, Some(Violation::BodyTooLong(4096)));
}

#[test]
fn a_session_is_small() {
    assert!(size_of::<Server>() <= 48, "{}", size_of::<Server>());
    assert!(size_of::<Client>() <= 48, "{}", size_of::<Client>());
}

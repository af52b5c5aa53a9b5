use super::*;
use crate::ws::frame::RSV1;

const LIMITS: Limits = Limits {
    message: 300,
    fragments: 3,
    ping_interval: 25_000,
    pong_timeout: 20_000,
    close_timeout: 5_000,
};

fn limited(bytes: &[u8]) -> Outcome {
    check(Role::Server, &LIMITS, None, bytes)
}

#[test]
fn a_message_may_be_as_long_as_its_limit() {
    for limit in [0, 1, 10, 124, 125, 126, 300] {
        let limits = Limits {
            message: limit,
            ..LIMITS
        };
        let check = |frames: &[Vec<u8>]| check(Role::Server, &limits, None, &frames.concat());
        let fits = vec![b'x'; limit];
        let too_long = vec![b'x'; limit + 1];
        let seen = [Seen::Binary(fits.clone())];
        assert_eq!(check(&[masked(FIN | BINARY, &fits)]).seen, seen);
        assert_eq!(check(&[masked(BINARY, &fits), masked(FIN, b"")]).seen, seen);
        // The limit holds for each message, not for all.
        assert_eq!(check(&[masked(FIN | BINARY, &fits).repeat(3)]).seen.len(), 3);
        for frames in [
            vec![masked(FIN | BINARY, &too_long)],
            vec![masked(BINARY, &fits), masked(FIN, b"x")],
            vec![masked(BINARY, b""), masked(FIN, &too_long)],
        ] {
            assert_eq!(check(&frames).violation, Some(Violation::MessageTooLong));
        }
    }
    assert_eq!(Violation::MessageTooLong.code(), 1009);
}

/// CVE-2016-10542, CVE-2022-35922: the declared length is refused before a byte of payload arrives.
#[test]
fn a_declared_length_is_checked_at_the_header() {
    for head in [
        &b"\x82\xfe\x01\x2d\0\0\0\0"[..],
        b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",
    ] {
        assert_eq!(limited(head).violation, Some(Violation::MessageTooLong));
    }
    // And when it may have that length, it says nothing about memory.
    let limits = Limits {
        message: usize::MAX,
        ..LIMITS
    };
    for deflate in [None, Some(Deflate::Wide)] {
        let first = FIN | BINARY | if deflate.is_some() { RSV1 } else { 0 };
        let bytes = [&[first], &b"\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0abc"[..]].concat();
        let outcome = check(Role::Server, &limits, deflate, &bytes);
        assert_eq!(
            outcome,
            Outcome {
                seen: vec![],
                violation: None,
                out: vec![]
            }
        );
    }
}

/// CVE-2026-48779, CVE-2026-42786: frames that never end a message.
#[test]
fn a_message_may_have_as_many_frames_as_its_limit() {
    let rest = |count: usize| masked(0, b"").repeat(count);
    let bytes = [masked(TEXT, b"a"), rest(1), masked(FIN, b"b")].concat();
    assert_eq!(limited(&bytes).seen, [text("ab")]);
    let outcome = limited(&[masked(TEXT, b"a"), rest(3)].concat());
    assert_eq!(outcome.violation, Some(Violation::TooManyFragments));
    assert_eq!(Violation::TooManyFragments.code(), 1008);
    // Each message counts anew, and control frames do not count.
    let message = [
        masked(TEXT, b"a"),
        masked(FIN | PING, b"").repeat(9),
        rest(1),
        masked(FIN, b""),
    ]
    .concat();
    assert_eq!(limited(&message.repeat(2)).violation, None);
}

#[test]
fn the_default_allows_65_537_frames_of_64_bytes() {
    let limits = Limits {
        message: 16 << 20,
        ..Limits::default()
    };
    let mut side = Side::new(Role::Server, &limits, None);
    let mut bytes = masked(BINARY, &[b'x'; 64]);
    bytes.extend(masked(0, &[b'x'; 64]).repeat(65_535));
    bytes.extend(masked(FIN, b""));
    assert_eq!(
        side.read(Time(0), &[&bytes]),
        (vec![Seen::Binary(vec![b'x'; 4 << 20])], None)
    );
    let mut endless = Side::new(Role::Server, &limits, None);
    let (seen, violation) = endless.read(Time(0), &[&masked(BINARY, b""), &masked(0, b"").repeat(1 << 17)]);
    assert_eq!((seen, violation), (vec![], Some(Violation::TooManyFragments)));
}

/// A long message that was lent does not stay in the codec.
#[test]
fn the_codec_gives_long_buffers_back() {
    let limits = Limits {
        message: 1 << 20,
        ..LIMITS
    };
    let mut side = Side::new(Role::Server, &limits, None);
    let bytes = masked(FIN | BINARY, &[b'x'; 1 << 20]);
    let (head, tail) = bytes.split_at(1000);
    let (seen, _) = side.read(Time(0), &[head, tail]);
    assert_eq!(seen, [Seen::Binary(vec![b'x'; 1 << 20])]);
    assert_eq!(side.codec.scratch().len(), 0);
    assert!(side.holds_nothing());
}

/// Output grows no faster than input does.
#[test]
fn pongs_are_no_longer_than_pings() {
    let bytes = masked(FIN | PING, b"").repeat(1000);
    let mut side = Side::server();
    side.read(Time(0), &[&bytes]);
    assert_eq!(side.out.len(), 2 * 1000);
    assert!(side.out.len() <= bytes.len());
}

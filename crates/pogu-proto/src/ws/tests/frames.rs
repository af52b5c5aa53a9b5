use super::*;
use crate::ws::frame::{Header, RSV1, mask};
use crate::ws::{encode, frame_header_len};

/// RFC 6455 §5.7.
#[test]
fn examples_of_the_rfc() {
    let client = |bytes: &[u8]| check(Role::Client, &Limits::default(), None, bytes);
    let hello = Outcome {
        seen: vec![text("Hello")],
        violation: None,
        out: vec![],
    };
    assert_eq!(client(b"\x81\x05Hello"), hello);
    assert_eq!(server(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), hello);
    assert_eq!(client(b"\x01\x03Hel\x80\x02lo"), hello);
    assert_eq!(
        server(b"\x89\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
        Outcome {
            seen: vec![Seen::Ping(b"Hello".into())],
            violation: None,
            out: b"\x8a\x05Hello".into()
        }
    );
    let pong = client(b"\x8a\x05Hello");
    assert_eq!((pong.seen, pong.out), (vec![Seen::Pong(b"Hello".into())], vec![]));
    for (length, head) in [
        (256, &b"\x82\x7e\x01\x00"[..]),
        (65_536, b"\x82\x7f\0\0\0\0\0\x01\0\0"),
    ] {
        let mut out = Vec::new();
        encode(Kind::Binary, &vec![b'x'; length], &mut out);
        assert_eq!(&out[..head.len()], head);
        assert_eq!(out.len(), head.len() + length);
    }
}

#[test]
fn control_frames_may_stand_between_fragments() {
    let bytes = [
        masked(TEXT, b"one "),
        masked(FIN | PING, b"?"),
        masked(0, b""),
        masked(FIN | PONG, &[b'!'; 125]),
        masked(FIN, b"two"),
        masked(FIN | BINARY, b""),
    ]
    .concat();
    let outcome = server(&bytes);
    assert_eq!(
        outcome.seen,
        [
            Seen::Ping(b"?".into()),
            Seen::Pong([b'!'; 125].into()),
            text("one two"),
            Seen::Binary(vec![])
        ]
    );
    assert_eq!(outcome.out, plain(FIN | PONG, b"?"));
}

#[test]
fn violations_tell_their_code() {
    let long_control = masked(FIN | PING, &[0; 126]);
    let cases = [
        (masked(FIN | RSV1 | TEXT, b"a"), Violation::ReservedBit, 1002),
        (masked(FIN | 0x20 | TEXT, b"a"), Violation::ReservedBit, 1002),
        (masked(FIN | 0x10 | PING, b"a"), Violation::ReservedBit, 1002),
        (masked(FIN | 3, b""), Violation::ReservedOpcode(3), 1002),
        (masked(FIN | 7, b""), Violation::ReservedOpcode(7), 1002),
        (masked(FIN | 11, b""), Violation::ReservedOpcode(11), 1002),
        (masked(FIN | 15, b""), Violation::ReservedOpcode(15), 1002),
        (masked(PING, b""), Violation::ControlFragmented, 1002),
        (masked(CLOSE, b""), Violation::ControlFragmented, 1002),
        (long_control, Violation::ControlTooLong, 1002),
        (
            b"\x81\xfe\x00\x7d\0\0\0\0".into(),
            Violation::MalformedLength,
            1002,
        ),
        (
            b"\x81\xff\0\0\0\0\0\0\xff\xff\0\0\0\0".into(),
            Violation::MalformedLength,
            1002,
        ),
        // CVE-2026-27889: the top bit of the 64-bit length.
        (
            b"\x81\xff\x80\0\0\0\0\x01\0\0\0\0\0\0".into(),
            Violation::MalformedLength,
            1002,
        ),
        (
            b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0".into(),
            Violation::MalformedLength,
            1002,
        ),
        (plain(FIN | TEXT, b"a"), Violation::Unmasked, 1002),
        (plain(FIN | TEXT, b""), Violation::Unmasked, 1002),
        (masked(FIN, b"a"), Violation::NothingToContinue, 1002),
        (masked(0, b"a"), Violation::NothingToContinue, 1002),
        (
            [masked(TEXT, b"a"), masked(FIN | TEXT, b"b")].concat(),
            Violation::Interleaved,
            1002,
        ),
        (
            [masked(TEXT, b"a"), masked(BINARY, b"b")].concat(),
            Violation::Interleaved,
            1002,
        ),
        (masked(FIN | TEXT, b"a\xff"), Violation::NotUtf8, 1007),
        (masked(FIN | TEXT, b"a\xe2\x82"), Violation::NotUtf8, 1007),
        (
            masked(FIN | TEXT, &[&[b'a'; 200][..], b"\xed\xa0\x80"].concat()),
            Violation::NotUtf8,
            1007,
        ),
        (
            [masked(TEXT, b"\xe2\x82"), masked(FIN, b"")].concat(),
            Violation::NotUtf8,
            1007,
        ),
        (
            [masked(TEXT, b"\xe2"), masked(0, b"\x28")].concat(),
            Violation::NotUtf8,
            1007,
        ),
    ];
    for (bytes, violation, code) in cases {
        assert_eq!(violation.code(), code);
        let outcome = server(&[&masked(FIN | TEXT, b"before")[..], &bytes].concat());
        let expect = Outcome {
            seen: vec![text("before")],
            violation: Some(violation),
            out: close_frame(violation),
        };
        assert_eq!(outcome, expect, "{bytes:x?}");
    }
    let outcome = check(Role::Client, &Limits::default(), None, &masked(FIN | TEXT, b"a"));
    assert_eq!(outcome.violation, Some(Violation::Masked));
    assert_eq!(Violation::Masked.code(), 1002);
}

/// CVE-2022-21676 and its kin: what follows a violation is not looked at.
#[test]
fn after_a_violation_the_session_is_dead() {
    let mut side = Side::server();
    let violation = side.read(Time(0), &[&masked(FIN | 0x70, b"")]).1;
    assert_eq!(violation, Some(Violation::ReservedBit));
    assert!(side.session.is_closed() && side.session.is_closing());
    assert_eq!(side.session.deadline(), None);
    let out = std::mem::take(&mut side.out);
    assert_eq!(out, close_frame(Violation::ReservedBit));
    let rest = [
        masked(FIN | TEXT, b"a"),
        masked(FIN | PING, b""),
        masked(FIN | 0x70, b""),
    ]
    .concat();
    assert_eq!(side.read(Time(0), &[&rest]), (vec![], None));
    side.send(Kind::Text, b"a");
    side.close(Time(0), 1000, "");
    assert_eq!((side.tick(Time(u64::MAX)), side.out), (Ok(()), vec![]));
}

/// Bytes, handed in one by one, that are taken before a violation is found.
fn taken_before_violation(bytes: &[u8]) -> Option<usize> {
    let mut side = Side::server();
    bytes
        .iter()
        .position(|byte| side.read(Time(0), &[&[*byte]]).1.is_some())
}

#[test]
fn wrong_text_is_refused_at_its_first_wrong_byte() {
    let wrong = b"\xce\xba\xf4\x90\x80\x80 and much more";
    let whole = masked(FIN | TEXT, wrong);
    let head = whole.len() - wrong.len();
    assert_eq!(taken_before_violation(&whole), Some(head + 3));
    let fragments = [
        masked(TEXT, b"\xce"),
        masked(0, b"\xba\xf4"),
        masked(0, b"\x90more"),
    ]
    .concat();
    assert_eq!(taken_before_violation(&fragments), Some(7 + 8 + 6));
    assert_eq!(taken_before_violation(&masked(FIN | BINARY, wrong)), None);
}

#[test]
fn a_character_may_be_cut_by_fragments() {
    let all = "κόσμε 😀";
    let (mut bytes, last) = (masked(TEXT, b""), masked(FIN, b""));
    for byte in all.bytes() {
        bytes.extend(masked(0, &[byte]));
    }
    bytes.extend(last);
    assert_eq!(server(&bytes).seen, [text(all)]);
}

#[test]
fn a_session_is_small_and_holds_nothing_while_idle() {
    assert!(size_of::<Session>() <= 64, "{}", size_of::<Session>());
    let mut side = Side::server();
    let bytes = [
        masked(TEXT, b"a"),
        masked(FIN | PING, b"b"),
        masked(FIN, b"c"),
        masked(FIN | BINARY, b"d"),
    ]
    .concat();
    for byte in bytes {
        side.read(Time(0), &[&[byte]]);
    }
    assert!(side.holds_nothing());
    side.read(Time(0), &[&masked(TEXT, b"a")]);
    assert!(!side.holds_nothing());
}

#[test]
fn masking_is_its_own_inverse_at_every_length() {
    for length in 0..70 {
        let bytes: Vec<u8> = (0..length).collect();
        let expect: Vec<u8> = bytes
            .iter()
            .zip(KEY.iter().cycle())
            .map(|(byte, key)| byte ^ key)
            .collect();
        let mut masked = bytes.clone();
        mask(&mut masked, KEY);
        assert_eq!(masked, expect);
        mask(&mut masked, KEY);
        assert_eq!(masked, bytes);
    }
}

#[test]
fn headers_of_every_length_class() {
    for length in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
        let payload = vec![b'x'; length];
        let mut out = Vec::new();
        encode(Kind::Text, &payload, &mut out);
        assert_eq!(out.len(), frame_header_len(length) + length);
        let expect = Header {
            fin: true,
            rsv: 0,
            opcode: super::frame::Opcode::Data(Kind::Text),
            key: None,
            length: length as u64,
        };
        assert_eq!(Header::parse(&out), Ok(Some((expect, frame_header_len(length)))));
        assert_eq!(out[0], first_byte(Kind::Text));
        let mut client = Side::new(Role::Client, &Limits::default(), None);
        assert_eq!(
            client.read(Time(0), &[&out]),
            (vec![Seen::Text("x".repeat(length))], None)
        );
        // A second piece that ends a byte early, and the byte.
        let mut client = Side::new(Role::Client, &Limits::default(), None);
        let (head, last) = out.split_at(out.len() - 1);
        assert_eq!(
            client.read(Time(0), &[head, last]),
            (vec![Seen::Text("x".repeat(length))], None)
        );
    }
}

/// RFC 6455 §5.3: a key for each frame, not to be guessed from those before.
#[test]
fn a_client_masks_each_frame_with_another_key() {
    let mut client = Side::new(Role::Client, &Limits::default(), None);
    let keys: std::collections::HashSet<_> = (0..100)
        .map(|_| {
            client.out.clear();
            client.send(Kind::Text, b"same");
            client.out[2..6].to_vec()
        })
        .collect();
    assert!(keys.len() > 95);
    let mut other = Side {
        codec: Codec::new(8),
        ..Side::new(Role::Client, &Limits::default(), None)
    };
    other.send(Kind::Text, b"same");
    assert!(!keys.contains(&other.out[2..6]));
}

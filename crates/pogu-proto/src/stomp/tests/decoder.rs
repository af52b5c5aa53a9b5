use proptest::prelude::*;

use super::*;
use crate::cuts::{drive, every_cut, pieces};

/// A frame with its bytes: command, header lines, body.
type Seen = (String, String, Vec<u8>);

fn decode(limits: &Limits, pieces: &[&[u8]]) -> (Vec<Seen>, Option<Violation>, bool) {
    let mut decoder = Decoder::new();
    let (frames, violation) = drive(pieces, |input| {
        let frame = decoder.next(limits, input)?;
        Ok(frame.map(|frame| {
            (
                frame.command().to_owned(),
                frame.lines().to_owned(),
                frame.body().to_vec(),
            )
        }))
    });
    (frames, violation, decoder.is_empty())
}

fn check(limits: &Limits, stream: &[u8], frames: &[(&str, &str, &[u8])], violation: Option<Violation>) {
    every_cut(stream, |pieces| {
        let (decoded, error, _) = decode(limits, pieces);
        let expect: Vec<Seen> = frames
            .iter()
            .map(|(command, lines, body)| ((*command).to_owned(), (*lines).to_owned(), body.to_vec()))
            .collect();
        assert_eq!((decoded, error), (expect, violation.clone()), "{pieces:?}");
    });
}

#[test]
fn frames_of_a_stream() {
    check(&FRAME, b"", &[], None);
    check(&FRAME, b"\n\n\r\n\0\0\n", &[], None);
    check(
        &FRAME,
        b"SEND\ndestination:/queue/a\n\nhello queue a\n\0",
        &[("SEND", "destination:/queue/a\n", b"hello queue a\n")],
        None,
    );
    check(
        &FRAME,
        b"SEND\r\na:b\r\nc:d\r\n\r\nx\r\n\0\r\n",
        &[("SEND", "a:b\r\nc:d\r\n", b"x\r\n")],
        None,
    );
    check(
        &FRAME,
        b"\nDISCONNECT\n\n\0\n\0\r\nACK\nid:1\r\n\n\0BEGIN\n",
        &[("DISCONNECT", "", b""), ("ACK", "id:1\r\n", b"")],
        None,
    );
    // With a length a body may hold NUL, without one it ends there.
    check(
        &FRAME,
        b"SEND\ncontent-length:5\n\na\0b\0c\0SEND\n\na\0b:c\n\n\0",
        &[
            ("SEND", "content-length:5\n", b"a\0b\0c"),
            ("SEND", "", b"a"),
            ("b:c", "", b""),
        ],
        None,
    );
    // White space around the length, and other lengths after the first, do not count.
    check(
        &FRAME,
        b"SEND\ncontent-length: 2 \ncontent-length:1\ncontent-length:x\n\nab\0",
        &[(
            "SEND",
            "content-length: 2 \ncontent-length:1\ncontent-length:x\n",
            b"ab",
        )],
        None,
    );
    check(
        &FRAME,
        b"SEND\ncontent-length:0\n\n\0",
        &[("SEND", "content-length:0\n", b"")],
        None,
    );
    // Values may be empty and hold colons, commands may be anything.
    check(
        &FRAME,
        "ü x\na:\nb::c:d\n: \n".as_bytes(),
        &[],
        Some(Violation::Header),
    );
    check(
        &FRAME,
        "ü x\na:\nb::c:d\n\n\0".as_bytes(),
        &[("ü x", "a:\nb::c:d\n", b"")],
        None,
    );
}

#[test]
fn what_cannot_be_read_ends_the_stream() {
    for (stream, violation) in [
        (&b"SEND\0"[..], Violation::NulInHead),
        (b"SEND\na:b\0\n\n\0", Violation::NulInHead),
        (b"SEND\na:b\n\0", Violation::NulInHead),
        (b"SEND\nab\n", Violation::Header),
        (b"SEND\n:b\n", Violation::Header),
        (b"SEND\n \n", Violation::Header),
        (b"SEND\na\xFF:b\n\n\0", Violation::NotUtf8),
        (b"S\xFFND\n\n\0", Violation::NotUtf8),
        (b"SEND\ncontent-length:\n", Violation::ContentLength),
        (b"SEND\ncontent-length:-1\n", Violation::ContentLength),
        (b"SEND\ncontent-length:+1\n", Violation::ContentLength),
        (b"SEND\ncontent-length:1a\n", Violation::ContentLength),
        (b"SEND\ncontent-length:0x1\n", Violation::ContentLength),
        (b"SEND\ncontent-length:1\n\nab", Violation::NotTerminated),
        (b"SEND\ncontent-length:0\n\na", Violation::NotTerminated),
        (b"SEND\ncontent-length:1\n\n\0\n", Violation::NotTerminated),
    ] {
        check(
            &FRAME,
            &[b"ACK\n\n\0\n", stream].concat(),
            &[("ACK", "", b"")],
            Some(violation),
        );
    }
}

#[test]
fn headers_by_version() {
    let check = |bytes: &[u8], version, expect: &[(&str, &str)]| {
        let mut bytes = bytes.to_vec();
        let (mut decoder, mut input) = (Decoder::new(), Reader::new(&mut bytes));
        let frame = decoder.next(&FRAME, &mut input).unwrap().unwrap();
        let expect: Vec<_> = expect
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        assert_eq!(pairs(frame.headers(version)), expect, "{frame:?}");
        for (name, value) in &expect {
            let first = expect.iter().find(|(other, _)| other == name).unwrap();
            assert_eq!(frame.header(name, version).unwrap(), first.1, "{value}");
        }
        assert_eq!(frame.header("none", version), None);
        assert_eq!(frame.check_escapes(version), Ok(()));
    };
    let escaped = b"SEND\na\\cb:\\\\c\\n:\\cd\n\n\0";
    check(escaped, Version::V1_0, &[("a\\cb", "\\\\c\\n:\\cd")]);
    check(escaped, Version::V1_1, &[("a:b", "\\c\n::d")]);
    check(escaped, Version::V1_2, &[("a:b", "\\c\n::d")]);
    check(b"SEND\na:\\r\\n\r\n\n\0", Version::V1_2, &[("a", "\r\n")]);
    check(
        b"SEND\na:C\\c\\\\new\\\\\n\n\0",
        Version::V1_2,
        &[("a", "C:\\new\\")],
    );
    // White space belongs to names and values, but in 1.0.
    let spaced = b"SEND\n a : b \n\n\0";
    check(spaced, Version::V1_0, &[("a", "b")]);
    check(spaced, Version::V1_1, &[(" a ", " b ")]);
    check(spaced, Version::V1_2, &[(" a ", " b ")]);
    // Nothing is escaped in CONNECT and CONNECTED, but in STOMP.
    for command in ["CONNECT", "CONNECTED"] {
        for version in [Version::V1_1, Version::V1_2] {
            let frame = format!("{command}\npasscode: a\\cb\\t\n\n\0");
            check(frame.as_bytes(), version, &[("passcode", " a\\cb\\t")]);
        }
    }
    check(
        b"STOMP\npasscode: a\\cb\n\n\0",
        Version::V1_2,
        &[("passcode", " a:b")],
    );
    // The first of a name counts.
    check(
        b"MESSAGE\nfoo:World\nfoo:Hello\n\n\0",
        Version::V1_2,
        &[("foo", "World"), ("foo", "Hello")],
    );
}

#[test]
fn an_undefined_escape_is_refused() {
    let check = |line: &str, version: Version| {
        let mut bytes = format!("SEND\na:b\n{line}\n\n\0").into_bytes();
        let (mut decoder, mut input) = (Decoder::new(), Reader::new(&mut bytes));
        let frame = decoder.next(&FRAME, &mut input).unwrap().unwrap();
        frame.check_escapes(version)
    };
    for line in ["a:\\t", "a:\\", "\\x:a", "a:\\\\\\", "a:\\C", "a:\\ü", "a:b\\\r"] {
        assert_eq!(check(line, Version::V1_0), Ok(()), "{line}");
        for version in [Version::V1_1, Version::V1_2] {
            assert!(
                matches!(check(line, version), Err(Violation::Escape(..))),
                "{line}"
            );
        }
    }
    assert!(check("a:\\r", Version::V1_1).is_err());
    assert_eq!(
        check("a:\\t", Version::V1_2).unwrap_err().to_string(),
        "a backslash in a header is written `\\\\`; 1.2 knows no other escapes than \\c, \\n and \\r"
    );
}

#[test]
fn whole_frames_are_lent_where_they_lie() {
    let mut decoder = Decoder::new();
    let mut bytes = b"\nSEND\na:b\n\nbody\0ACK\n\n\0".to_vec();
    let begin = bytes.as_ptr() as usize;
    let mut input = Reader::new(&mut bytes);
    let frame = decoder.next(&FRAME, &mut input).unwrap().unwrap();
    assert_eq!(frame.command().as_ptr() as usize, begin + 1);
    assert_eq!(frame.body().as_ptr() as usize, begin + 11);
    let frame = decoder.next(&FRAME, &mut input).unwrap().unwrap();
    assert_eq!(frame.command().as_ptr() as usize, begin + 16);
}

#[test]
fn memory_stays_below_the_limits_and_is_given_back() {
    assert_eq!(size_of::<Decoder>(), size_of::<usize>());
    // A large read that follows a small one is not copied beyond the limit.
    let mut decoder = Decoder::new();
    assert_eq!(
        decoder.next(&FRAME, &mut Reader::new(&mut b"SEND\na:".to_vec())),
        Ok(None)
    );
    let mut large = vec![b'a'; 1 << 20];
    let mut input = Reader::new(&mut large);
    assert_eq!(
        decoder.next(&FRAME, &mut input),
        Err(Violation::HeaderTooLong(1024))
    );
    assert!(input.rest().len() > (1 << 20) - 2048);

    // A declared length costs nothing before its bytes arrive, and nothing beyond it is copied.
    let limits = Limits {
        body: usize::MAX,
        ..FRAME
    };
    for (length, body) in [("1000000000", b"".to_vec()), ("4", vec![0; 1 << 20])] {
        let mut decoder = Decoder::new();
        let mut head = format!("SEND\ncontent-length:{length}\n\n").into_bytes();
        assert_eq!(decoder.next(&limits, &mut Reader::new(&mut head)), Ok(None));
        assert_eq!(decoder.capacity(), head.len());
        let mut body = body;
        let is_whole = decoder
            .next(&limits, &mut Reader::new(&mut body))
            .unwrap()
            .is_some();
        assert_eq!(is_whole, length == "4");
        assert!(decoder.capacity() <= 3 * head.len());
    }

    let mut decoder = Decoder::new();
    assert_eq!(
        decoder.next(&FRAME, &mut Reader::new(&mut b"AC".to_vec())),
        Ok(None)
    );
    assert!(!decoder.is_empty());
    let mut rest = b"K\n\n\0\n".to_vec();
    let mut input = Reader::new(&mut rest);
    assert_eq!(
        decoder.next(&FRAME, &mut input).unwrap().unwrap().command(),
        "ACK"
    );
    assert!(decoder.is_empty());
    assert_eq!(decoder.next(&FRAME, &mut input), Ok(None));
    assert_eq!(decoder.capacity(), 0);
}

/// Where each byte is looked at once this takes a moment; where a frame is looked at from its start at every read, many minutes.
#[test]
fn long_frames_byte_by_byte_take_linear_time() {
    const LENGTH: usize = 1 << 19;
    let limits = Limits {
        command: LENGTH,
        headers: LENGTH,
        header: LENGTH,
        head: 2 * LENGTH,
        body: LENGTH,
    };
    for (begin, filler) in [
        ("", &b"x"[..]),
        ("SEND\na:", b"x"),
        ("SEND\n", b"a:b\n"),
        ("SEND\n\n", b"\n"),
        ("SEND\ncontent-length:524000\n\n", b"\0"),
    ] {
        let mut decoder = Decoder::new();
        let filling = filler.iter().copied().cycle().take(LENGTH - 16);
        for byte in begin.bytes().chain(filling) {
            match decoder.next(&limits, &mut Reader::new(&mut [byte])) {
                Ok(None) => {}
                Ok(Some(_)) if begin.contains("length") => break,
                other => panic!("{begin}: {other:?}"),
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_are_the_same_frames(
        words in prop::collection::vec(prop::sample::select(vec![
            "SEND", "A", "\n", "\n", "\r\n", "\r", "\0", ":", "a:b\n", "content-length:3\n", "content-length:", "9", "x", "\\", "\n\n", "\n\nabc\0",
        ]), 0..30),
        lengths in prop::collection::vec(1_usize..9, 1..5),
    ) {
        let stream = words.concat().into_bytes();
        let limits = Limits { command: 8, headers: 3, header: 18, head: 40, body: 8 };
        prop_assert_eq!(decode(&limits, &[&stream]), decode(&limits, &pieces(&stream, &lengths)));
    }
}

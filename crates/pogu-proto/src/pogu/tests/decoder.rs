use proptest::prelude::*;

use super::{body, word};
use crate::Reader;
use crate::cuts::{drive, every_cut, pieces};
use crate::pogu::{Command, Decoder, Limits, Violation, parse};

const WIDE: Limits = Limits {
    head: 4096,
    body: 4096,
};

fn decode(limits: Limits, pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Option<Violation>, bool) {
    let mut decoder = Decoder::new();
    let (commands, error) = drive(pieces, |input| {
        decoder
            .next(&limits, input)
            .map(|command| command.map(<[u8]>::to_vec))
    });
    (commands, error, decoder.is_empty())
}

fn check(limits: Limits, stream: &[u8], commands: &[&[u8]], error: Option<Violation>) {
    every_cut(stream, |pieces| {
        let (decoded, violation, _) = decode(limits, pieces);
        assert_eq!(
            (&decoded[..], violation),
            (
                &commands.iter().map(|c| c.to_vec()).collect::<Vec<_>>()[..],
                error
            ),
            "{pieces:?}"
        );
    });
}

#[test]
fn commands_of_a_stream() {
    check(WIDE, b"", &[], None);
    check(WIDE, b"SUB chat\nPING\r\nQUIT", &[b"SUB chat", b"PING"], None);
    check(WIDE, b"\r\n\n  \n SUB chat \r\n\n", &[b"SUB chat "], None);
    check(
        WIDE,
        b"PUB a :x :y\r\nPUB b event=:z ::\n",
        &[b"PUB a :x :y", b"PUB b event=:z ::"],
        None,
    );
    check(
        WIDE,
        b"PUB a len=4 :\nX\r\n\nPING\n",
        &[b"PUB a len=4 :\nX\r\n", b"PING"],
        None,
    );
    check(
        WIDE,
        b"PUB a len=0 :\r\nPUB a len=1 :\r\r\n",
        &[b"PUB a len=0 :", b"PUB a len=1 :\r"],
        None,
    );
    check(
        WIDE,
        b"PUB a len=5 type=image/png :\0\xFF\n:\n\n",
        &[b"PUB a len=5 type=image/png :\0\xFF\n:\n"],
        None,
    );
    // The second word never begins the body, and `len` in it or in a body is none.
    check(
        WIDE,
        b"PUB :x\nPUB :x :y\nPUB len=9 :y\nPUB a :len=9 :\n",
        &[b"PUB :x", b"PUB :x :y", b"PUB len=9 :y", b"PUB a :len=9 :"],
        None,
    );
    // Whatever is not a command is told so by the parser; the stream goes on.
    check(WIDE, b"\0\xFF\rx\nPING\n", &[b"\0\xFF\rx", b"PING"], None);
}

#[test]
fn a_length_that_cannot_be_followed_ends_the_stream() {
    for stream in [
        "PUB a len=1 :xy\n",
        "PUB a len=1 :x\rx",
        "PUB a len=0 :x\n",
        "PUB a len=x :SUB b\n",
        "PUB a len= :\n",
        "PUB a len=+1 :x\n",
        "PUB a len=1 len=1 :x\n",
        "PUB a len=1\nx\n",
        "PUB a len=99999999999999999999 :\n",
    ] {
        check(
            WIDE,
            format!("PING\n{stream}").as_bytes(),
            &[b"PING"],
            Some(Violation::Length),
        );
    }
}

#[test]
fn limits_at_their_edge() {
    let limits = Limits { head: 10, body: 3 };
    let head = Some(Violation::HeadTooLong(10));
    let body = Some(Violation::BodyTooLong(3));
    check(
        limits,
        b"SUB 345678\nSUB 345678\r\n",
        &[b"SUB 345678", b"SUB 345678"],
        None,
    );
    check(limits, b"PING\nSUB 3456789", &[b"PING"], head);
    check(limits, b"SUB 345678\r\r\n", &[], head);
    check(limits, b"SUB 345678\rx\n", &[], head);
    check(
        limits,
        b"PUB 45678 :abc\nPUB 45678 :abc\r\n",
        &[b"PUB 45678 :abc", b"PUB 45678 :abc"],
        None,
    );
    check(limits, b"PUB 456789 :", &[], head);
    check(limits, b"PUB a :abcd", &[], body);
    check(limits, b"PUB a :abc\r\r\n", &[], body);
    check(
        Limits { head: 20, body: 3 },
        b"PUB a len=3 :abc\nPUB a len=4 :",
        &[b"PUB a len=3 :abc"],
        body,
    );
    check(
        Limits { head: 30, body: 3 },
        b"PUB a len=9223372036854775808 :",
        &[],
        body,
    );
    check(Limits { head: 0, body: 0 }, b"\n\r\n \n", &[], None);
    check(
        Limits { head: 0, body: 0 },
        b"P",
        &[],
        Some(Violation::HeadTooLong(0)),
    );
    check(
        Limits { head: 12, body: 0 },
        b"PUB a :\nPUB a len=0 :\n",
        &[b"PUB a :", b"PUB a len=0 :"],
        None,
    );
}

#[test]
fn memory_stays_below_the_limits_and_is_given_back() {
    let limits = Limits { head: 100, body: 100 };
    let mut decoder = Decoder::new();
    assert_eq!(size_of::<Decoder>(), size_of::<usize>());
    // A large read that follows a small one is not copied beyond the limit.
    assert_eq!(
        decoder.next(&limits, &mut Reader::new(&mut b"SUB ".to_vec())),
        Ok(None)
    );
    let mut large = vec![b'a'; 1 << 20];
    let mut input = Reader::new(&mut large);
    assert_eq!(
        decoder.next(&limits, &mut input),
        Err(Violation::HeadTooLong(100))
    );
    assert!(input.rest().len() > (1 << 20) - 200);

    // A declared length costs nothing before its bytes arrive.
    let limits = Limits {
        head: 100,
        body: usize::MAX,
    };
    let mut decoder = Decoder::new();
    let mut head = b"PUB a len=1000000000 :".to_vec();
    assert_eq!(decoder.next(&limits, &mut Reader::new(&mut head)), Ok(None));
    assert_eq!(decoder.capacity(), head.len());

    let mut decoder = Decoder::new();
    assert_eq!(
        decoder.next(&WIDE, &mut Reader::new(&mut b"PI".to_vec())),
        Ok(None)
    );
    assert!(!decoder.is_empty());
    let mut rest = b"NG\n".to_vec();
    let mut input = Reader::new(&mut rest);
    assert_eq!(decoder.next(&WIDE, &mut input), Ok(Some(&b"PING"[..])));
    assert!(decoder.is_empty());
    assert_eq!(decoder.next(&WIDE, &mut input), Ok(None));
    assert_eq!(decoder.capacity(), 0);
}

#[test]
fn whole_commands_are_lent_where_they_lie() {
    let mut decoder = Decoder::new();
    let mut bytes = b"PING\r\n\nPUB a len=1 :x\n".to_vec();
    let address = bytes.as_ptr() as usize;
    let mut input = Reader::new(&mut bytes);
    for at in [0, 7] {
        let command = decoder.next(&WIDE, &mut input).unwrap().unwrap();
        assert_eq!(command.as_ptr() as usize, address + at);
    }
}

/// Where each byte is looked at once this takes a moment; where a line is looked at from its start at every read, many minutes.
#[test]
fn long_lines_byte_by_byte_take_linear_time() {
    const LENGTH: usize = 1 << 20;
    let limits = Limits {
        head: LENGTH,
        body: LENGTH,
    };
    for (begin, filler) in [
        ("PUB a :", b"x"),
        ("SUB ", b":"),
        ("SUB a ", b"="),
        ("PUB a len=1048576 :", b"\n"),
    ] {
        let mut decoder = Decoder::new();
        let mut lent = 0;
        let filling = std::iter::repeat_n(filler, LENGTH - 6);
        for byte in begin.bytes().chain(filling.map(|filler| filler[0])).chain(*b"\n") {
            match decoder.next(&limits, &mut Reader::new(&mut [byte])) {
                Ok(command) => lent += usize::from(command.is_some()),
                Err(violation) => panic!("{begin}: {violation}"),
            }
        }
        assert_eq!(lent, usize::from(!begin.contains("len=")), "{begin}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        commands in prop::collection::vec((word(), any::<Option<String>>(), body(), any::<bool>()), 0..8),
        lengths in prop::collection::vec(1_usize..20, 1..5),
    ) {
        let mut stream = Vec::new();
        let mut expected = Vec::new();
        for (topic, event, body, crlf) in &commands {
            let event = event.as_deref().map(Into::into);
            let command = Command::Publish { topic, event, content_type: None, key: None, headers: Vec::new(), body: body.into() };
            command.encode(&mut stream);
            stream.extend_from_slice(if *crlf { b"\r\n" } else { b"\n" });
            expected.push(Ok(command));
        }
        let (lines, violation, empty) = decode(WIDE, &pieces(&stream, &lengths));
        prop_assert_eq!((violation, empty), (None, true));
        prop_assert_eq!(lines.iter().map(|line| parse(line)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn any_bytes_in_any_pieces_are_the_same_commands(
        words in prop::collection::vec(prop::sample::select(vec![
            "PUB ", "a ", "len=3 ", "len=", "12 ", ":", " :", "\r", "\n", "\r\n", "x", "\0", "=", " ",
        ]), 0..24),
        lengths in prop::collection::vec(1_usize..9, 1..5),
    ) {
        let stream = words.concat().into_bytes();
        let limits = Limits { head: 16, body: 8 };
        prop_assert_eq!(decode(limits, &[&stream]), decode(limits, &pieces(&stream, &lengths)));
    }
}

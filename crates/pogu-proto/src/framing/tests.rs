use proptest::prelude::*;

use super::*;
use crate::cuts::{drive, every_cut, pieces};

type Decoded = (Vec<Vec<u8>>, Option<TooLong>, bool);

fn decode(framing: Framing, limit: usize, pieces: &[&[u8]]) -> Decoded {
    let mut decoder = Decoder::new();
    let (messages, error) = drive(pieces, |input| {
        decoder.next(framing, limit, input).map(|m| m.map(<[u8]>::to_vec))
    });
    (messages, error, decoder.is_empty())
}

fn check(framing: Framing, limit: usize, stream: &[u8], messages: &[&[u8]], error: bool, empty: bool) {
    let error = error.then_some(TooLong { limit });
    let expected: Decoded = (messages.iter().map(|m| m.to_vec()).collect(), error, empty);
    every_cut(stream, |pieces| {
        assert_eq!(decode(framing, limit, pieces), expected, "{framing:?} {pieces:?}");
    });
}

#[test]
fn lines() {
    use Framing::Line;
    check(Line, 9, b"", &[], false, true);
    check(Line, 9, b"a\nbc\r\n", &[b"a", b"bc"], false, true);
    check(Line, 9, b"a\n\n\r\nb\n", &[b"a", b"", b"", b"b"], false, true);
    check(
        Line,
        9,
        b"a\rb\r\r\n\0\xFF\n",
        &[b"a\rb\r", b"\0\xFF"],
        false,
        true,
    );
    check(Line, 9, b"a\nbc", &[b"a"], false, false);
}

#[test]
fn lengths() {
    use Framing::Length;
    check(
        Length,
        9,
        b"\0\0\0\x02ab\0\0\0\0\0\0\0\x01\n",
        &[b"ab", b"", b"\n"],
        false,
        true,
    );
    check(Length, 9, b"\0\0\0\x02a", &[], false, false);
    check(Length, 9, b"\0\0\0", &[], false, false);
}

#[test]
fn limits_at_their_edge() {
    use Framing::{Length, Line};
    check(Line, 3, b"abc\nabc\r\n", &[b"abc", b"abc"], false, true);
    check(Line, 3, b"abc\nabcd", &[b"abc"], true, true);
    check(Line, 3, b"abc\nabc\rd\n", &[b"abc"], true, true);
    check(Line, 3, b"abc\r\r\n", &[], true, true);
    check(Line, 0, b"\n\r\n", &[b"", b""], false, true);
    check(Length, 3, b"\0\0\0\x03abc", &[b"abc"], false, true);
    check(Length, 3, b"\0\0\0\x04", &[], true, true);
    check(Length, 3, b"\xFF\xFF\xFF\xFF", &[], true, true);
}

#[test]
fn a_datagram_is_one_message() {
    let mut decoder = Decoder::new();
    let mut datagram = *b"a\nb";
    let mut input = Reader::new(&mut datagram);
    assert_eq!(
        decoder.next(Framing::Datagram, 3, &mut input),
        Ok(Some(&b"a\nb"[..]))
    );
    assert_eq!(decoder.next(Framing::Datagram, 3, &mut input), Ok(None));
    let mut input = Reader::new(&mut datagram);
    assert_eq!(
        decoder.next(Framing::Datagram, 2, &mut input),
        Err(TooLong { limit: 2 })
    );
}

#[test]
fn whole_messages_are_lent_and_a_declared_length_costs_nothing() {
    let mut decoder = Decoder::new();
    assert_eq!(size_of::<Decoder>(), size_of::<usize>());
    let mut bytes = *b"one\ntwo\nthr";
    let address = bytes.as_ptr() as usize;
    let mut input = Reader::new(&mut bytes);
    for at in [0, 4] {
        let line = decoder.next(Framing::Line, 9, &mut input).unwrap().unwrap();
        assert_eq!(line.as_ptr() as usize, address + at);
    }
    assert_eq!(decoder.next(Framing::Line, 9, &mut input), Ok(None));
    assert_eq!(decoder.0.capacity(), 3);

    let mut decoder = Decoder::new();
    let mut prefix = 0x4000_0000_u32.to_be_bytes();
    assert_eq!(
        decoder.next(Framing::Length, usize::MAX, &mut Reader::new(&mut prefix)),
        Ok(None)
    );
    assert_eq!(decoder.0.capacity(), 4);
}

#[test]
fn memory_is_given_back_when_the_message_was_read() {
    let mut decoder = Decoder::new();
    assert_eq!(
        decoder.next(Framing::Line, 9, &mut Reader::new(&mut b"on".to_vec())),
        Ok(None)
    );
    let mut rest = *b"e\n";
    let mut input = Reader::new(&mut rest);
    assert_eq!(decoder.next(Framing::Line, 9, &mut input), Ok(Some(&b"one"[..])));
    assert!(decoder.is_empty());
    assert_eq!(decoder.next(Framing::Line, 9, &mut input), Ok(None));
    assert_eq!(decoder.0.capacity(), 0);
}

proptest! {
    #[test]
    fn lines_come_back_as_the_lines_of_their_bodies(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8),
        lengths in prop::collection::vec(1_usize..20, 1..5),
    ) {
        let mut stream = Vec::new();
        let mut lines = Vec::new();
        for body in &bodies {
            encode(Framing::Line, body, &mut stream);
            lines.extend(body.split(|byte| *byte == b'\n').map(|line| without_cr(line).to_vec()));
        }
        prop_assert_eq!(decode(Framing::Line, 999, &pieces(&stream, &lengths)), (lines, None, true));
    }

    #[test]
    fn lengths_bring_any_bytes(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8),
        lengths in prop::collection::vec(1_usize..20, 1..5),
    ) {
        let mut stream = Vec::new();
        for body in &bodies {
            encode(Framing::Length, body, &mut stream);
        }
        prop_assert_eq!(decode(Framing::Length, 999, &pieces(&stream, &lengths)), (bodies, None, true));
    }
}

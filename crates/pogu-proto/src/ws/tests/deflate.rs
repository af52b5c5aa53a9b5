use proptest::prelude::*;
use zlib_rs::{Inflate, InflateFlush};

use super::*;
use crate::ws::frame::RSV1;
use crate::ws::{DEFLATE_MIN, encode, encode_deflated};

fn deflated(first: u8, payload: &[u8]) -> Vec<u8> {
    masked(first | RSV1, payload)
}

fn server(bytes: &[u8]) -> Outcome {
    check(Role::Server, &Limits::default(), Some(Deflate::Wide), bytes)
}

fn encoded(payload: &[u8], deflate: Deflate) -> Vec<u8> {
    let mut out = b"before".to_vec();
    encode_deflated(Kind::Binary, payload, deflate, &mut Codec::new(1), &mut out);
    assert!(out.starts_with(b"before"));
    out.split_off(6)
}

fn plainly(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode(Kind::Binary, payload, &mut out);
    out
}

/// RFC 7692 §7.2.3.
#[test]
fn examples_of_the_rfc() {
    let hello = [text("Hello")];
    let fixed = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
    assert_eq!(server(&deflated(FIN | TEXT, fixed)).seen, hello);
    let fragments = [deflated(TEXT, &fixed[..3]), masked(FIN, &fixed[3..])].concat();
    assert_eq!(server(&fragments).seen, hello);
    let between = [
        deflated(TEXT, &fixed[..3]),
        masked(FIN | PING, b""),
        masked(FIN, &fixed[3..]),
    ]
    .concat();
    assert_eq!(server(&between).seen, [Seen::Ping(vec![]), text("Hello")]);
    let stored = b"\x00\x05\x00\xfa\xffHello\x00";
    assert_eq!(server(&deflated(FIN | TEXT, stored)).seen, hello);
    let last_block = b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00";
    assert_eq!(server(&deflated(FIN | TEXT, last_block)).seen, hello);
    let two_blocks = b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00";
    assert_eq!(server(&deflated(FIN | TEXT, two_blocks)).seen, hello);
    assert_eq!(server(&deflated(FIN | TEXT, b"\x00")).seen, [text("")]);
    // §7.2.3.2: the second "Hello" refers to the first, which it may not without context takeover.
    let taken_over = [
        deflated(FIN | TEXT, fixed),
        deflated(FIN | TEXT, b"\xf2\x00\x11\x00\x00"),
    ]
    .concat();
    assert_eq!(server(&taken_over).violation, Some(Violation::NotDeflate));
    // A message may also come as it is.
    assert_eq!(server(&masked(FIN | TEXT, b"Hello")).seen, hello);
}

#[test]
fn the_bit_stands_only_where_it_has_a_meaning() {
    let refused = |deflate, bytes: &[u8]| {
        let outcome = check(Role::Server, &Limits::default(), deflate, bytes);
        assert_eq!(outcome.violation, Some(Violation::ReservedBit), "{bytes:x?}");
    };
    let agreed = Some(Deflate::Wide);
    refused(None, &deflated(FIN | TEXT, b"\x00"));
    refused(agreed, &deflated(FIN | PING, b""));
    refused(agreed, &deflated(FIN | CLOSE, b""));
    refused(agreed, &deflated(FIN, b"\x00"));
    refused(
        agreed,
        &[
            deflated(TEXT, b"\xf2\x48"),
            deflated(FIN, b"\xcd\xc9\xc9\x07\x00"),
        ]
        .concat(),
    );
    refused(agreed, &masked(FIN | RSV1 | 0x20 | TEXT, b"\x00"));
    refused(agreed, &masked(FIN | 0x10 | TEXT, b"a"));
}

#[test]
fn what_is_not_deflate_is_refused() {
    let refused = |payload: &[u8]| {
        let whole = server(&deflated(FIN | BINARY, payload));
        assert_eq!(
            (whole.seen, whole.violation),
            (vec![], Some(Violation::NotDeflate)),
            "{payload:x?}"
        );
        assert_eq!(whole.out, close_frame(Violation::NotDeflate));
    };
    assert_eq!(Violation::NotDeflate.code(), 1007);
    // A reserved block type; a distance before the start; cut inside a block; the tail not left away.
    refused(b"\x06");
    refused(b"\xf2\x00\x11\x00\x00");
    refused(b"\xf2\x48\xcd\xc9");
    refused(b"\x00\x05\x00\xfa\xffHel");
    refused(b"\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff");
    // Cut where the tail would pass for the four bytes that are missing.
    refused(b"\x00\x04\x00\xfb\xff");
    // Cut where the tail would pass for the end of the last block.
    refused(b"\xf3\x48\xcd\xc9\xc9");
    let text = server(&deflated(FIN | TEXT, b"\x00\x01\x00\xfe\xff\xff\x00"));
    assert_eq!(text.violation, Some(Violation::NotUtf8));
}

/// Some compressors make nothing at all of an empty message.
#[test]
fn an_empty_payload_is_an_empty_message() {
    assert_eq!(server(&deflated(FIN | TEXT, b"")).seen, [text("")]);
}

/// CVE-2026-27571 and its kin: the limit holds for what comes out, before memory is spent.
#[test]
fn inflating_stops_at_the_limit() {
    let limits = |message| Limits {
        message,
        ..Limits::default()
    };
    let long = vec![0; 2 << 20];
    let mut bomb = Vec::new();
    let mut client = Side::new(Role::Client, &limits(0), Some(Deflate::Wide));
    client.send(Kind::Binary, &long);
    bomb.append(&mut client.out);
    assert!(bomb.len() < 4_000);
    for message in [0, 1000, 65_536, 1 << 20] {
        let mut side = Side::new(Role::Server, &limits(message), Some(Deflate::Wide));
        // The compressed bytes alone are too long for the small limits.
        assert_eq!(
            side.read(Time(0), &[&bomb]),
            (vec![], Some(Violation::MessageTooLong))
        );
        assert!(side.codec.scratch().len() <= message + 1);
    }
    for (length, fits) in [(1000, true), (1001, false), (4096, false)] {
        client.out.clear();
        client.send(Kind::Binary, &long[..length]);
        let outcome = check(Role::Server, &limits(1000), Some(Deflate::Wide), &client.out);
        let expect = if fits {
            (1, None)
        } else {
            (0, Some(Violation::MessageTooLong))
        };
        assert_eq!((outcome.seen.len(), outcome.violation), expect, "{length}");
    }
}

/// Data that do not compress may arrive longer than the message is.
#[test]
fn a_message_at_the_limit_may_be_longer_while_compressed() {
    let limits = Limits {
        message: 100,
        ..Limits::default()
    };
    let stored = [&b"\x00\x64\x00\x9b\xff"[..], &[b'x'; 100], b"\x00"].concat();
    let outcome = check(
        Role::Server,
        &limits,
        Some(Deflate::Wide),
        &deflated(FIN | TEXT, &stored),
    );
    assert_eq!(outcome.seen, [Seen::Text("x".repeat(100))]);
    let outcome = check(
        Role::Server,
        &limits,
        Some(Deflate::Wide),
        &deflated(FIN | TEXT, &[0; 177]),
    );
    assert_eq!(outcome.violation, Some(Violation::MessageTooLong));
}

/// Bytes that do not compress.
fn noise(seed: u32, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn short_and_incompressible_messages_stay_plain() {
    let noise = noise(1, 5000);
    for deflate in [Deflate::Wide, Deflate::Narrow] {
        assert_eq!(
            encoded(&[b'x'; DEFLATE_MIN - 1], deflate),
            plainly(&[b'x'; DEFLATE_MIN - 1])
        );
        assert!(encoded(&[b'x'; DEFLATE_MIN], deflate).len() < 20);
        assert_eq!(encoded(&noise, deflate), plainly(&noise));
    }
}

#[test]
fn headers_shrink_with_the_payload() {
    for length in [DEFLATE_MIN, 5_000, 65_535, 65_536, 200_000] {
        for step in [1, 40] {
            let payload: Vec<u8> = (0..length).map(|at| (at / step * at / 7) as u8).collect();
            let limits = Limits {
                message: length,
                ..Limits::default()
            };
            let frame = encoded(&payload, Deflate::Wide);
            assert!(frame.len() <= plainly(&payload).len());
            let mut client = Side::new(Role::Client, &limits, Some(Deflate::Wide));
            assert!(
                client.read(Time(0), &[&frame]) == (vec![Seen::Binary(payload.clone())], None),
                "{length} {step}"
            );
            let mut sender = Side::new(Role::Client, &limits, Some(Deflate::Wide));
            sender.send(Kind::Binary, &payload);
            let mut server = Side::new(Role::Server, &limits, Some(Deflate::Wide));
            assert!(
                server.read(Time(0), &[&sender.out]) == (vec![Seen::Binary(payload)], None),
                "{length} {step}"
            );
        }
    }
}

/// What a peer with the smallest window that can be agreed on would have.
fn inflate_narrow(frame: &[u8]) -> Vec<u8> {
    assert_eq!(frame[0], FIN | RSV1 | BINARY);
    let head = match frame[1] {
        0..126 => 2,
        126 => 4,
        _ => 10,
    };
    let mut state = Inflate::new(false, 9);
    let mut bytes = vec![0; 1 << 20];
    let input = [&frame[head..], b"\x00\x00\xff\xff"].concat();
    let mut taken = 0;
    // In pieces, so that what was made before is looked up in the window and not in the output.
    while taken < input.len() {
        let end = input.len().min(taken + 7);
        let made = state.total_out() as usize;
        let space = (made + 64).min(bytes.len());
        state
            .decompress(&input[taken..end], &mut bytes[made..space], InflateFlush::NoFlush)
            .expect("within the window");
        taken = state.total_in() as usize;
    }
    loop {
        let made = state.total_out() as usize;
        state
            .decompress(&[], &mut bytes[made..made + 64], InflateFlush::NoFlush)
            .expect("within the window");
        if state.total_out() as usize == made {
            bytes.truncate(made);
            return bytes;
        }
    }
}

#[test]
fn a_narrow_window_is_kept() {
    // Repeats at all distances, most of them beyond 2^9.
    let payload: Vec<u8> = (0..60u32)
        .flat_map(|block| (0..block * 20).map(move |at| (at * at / 3) as u8))
        .collect();
    let frame = encoded(&payload, Deflate::Narrow);
    assert_eq!(inflate_narrow(&frame), payload);
    assert!(encoded(&payload, Deflate::Wide).len() < frame.len());
}

/// A reset of zlib-rs 0.6.8 does not free the room of output that was left in the state; some messages on, it panicked.
#[test]
fn incompressible_messages_do_not_wear_a_codec_out() {
    for deflate in [Deflate::Wide, Deflate::Narrow] {
        for length in [DEFLATE_MIN, 300, 4000, 20_000] {
            let mut codec = Codec::new(1);
            for seed in 0..(400_000 / length as u32) {
                let payload = noise(seed, length);
                let mut frame = Vec::new();
                encode_deflated(Kind::Binary, &payload, deflate, &mut codec, &mut frame);
                assert!(frame == plainly(&payload));
            }
        }
    }
}

/// A message that a codec works on, and what it is sent or received as.
#[derive(Clone, Debug)]
enum Work {
    Noise(u32, usize),
    Words(Vec<u8>),
    Inflate(Vec<u8>),
}

fn work() -> impl Strategy<Value = Work> {
    prop_oneof![
        (any::<u32>(), 0..6000usize).prop_map(|(seed, length)| Work::Noise(seed, length)),
        prop::collection::vec(0..8u8, 0..3000).prop_map(Work::Words),
        prop::collection::vec(any::<u8>(), 0..50).prop_map(Work::Inflate),
    ]
}

/// What a codec makes of it: the frame and, from a session with a small limit, the message.
fn done(work: &Work, deflate: Deflate, codec: &mut Codec) -> (Vec<u8>, Outcome) {
    let mut frame = Vec::new();
    match work {
        Work::Noise(seed, length) => {
            encode_deflated(Kind::Binary, &noise(*seed, *length), deflate, codec, &mut frame);
        }
        Work::Words(words) => encode_deflated(Kind::Binary, words, deflate, codec, &mut frame),
        Work::Inflate(bytes) => frame = plain(FIN | RSV1 | BINARY, bytes),
    }
    let limits = Limits {
        message: 2000,
        ..Limits::default()
    };
    let mut client = Side::new(Role::Client, &limits, Some(deflate));
    std::mem::swap(&mut client.codec, codec);
    let (seen, violation) = client.read(Time(0), &[&frame]);
    std::mem::swap(&mut client.codec, codec);
    client.out.truncate(1);
    (
        frame,
        Outcome {
            seen,
            violation,
            out: client.out,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]
    /// Compression states are reset and used again, also after a message that failed half way.
    #[test]
    fn a_codec_is_as_new_after_every_message(works in prop::collection::vec(work(), 1..12), narrow: bool) {
        let deflate = if narrow { Deflate::Narrow } else { Deflate::Wide };
        let mut codec = Codec::new(1);
        for work in &works {
            prop_assert_eq!(done(work, deflate, &mut codec), done(work, deflate, &mut Codec::new(1)));
        }
    }

    #[test]
    fn narrow_messages_inflate_in_a_narrow_window(payload in prop::collection::vec(0..6u8, 300..3000)) {
        let frame = encoded(&payload, Deflate::Narrow);
        prop_assert_eq!(inflate_narrow(&frame), payload);
    }
}

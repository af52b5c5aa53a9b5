use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::cuts::pieces;
use crate::ws::frame::RSV1;

fn deflate() -> impl Strategy<Value = Option<Deflate>> {
    option::of(prop_oneof![Just(Deflate::Wide), Just(Deflate::Narrow)])
}

fn message() -> impl Strategy<Value = Seen> {
    prop_oneof![
        vec(any::<char>(), 0..200).prop_map(|text| Seen::Text(text.into_iter().collect())),
        vec(0..3u8, 0..600)
            .prop_map(|text| Seen::Text(text.into_iter().map(|at| ['a', 'b', 'ü'][at as usize]).collect())),
        vec(any::<u8>(), 0..600).prop_map(Seen::Binary),
        (0..70_000usize).prop_map(|length| Seen::Binary(vec![b'x'; length])),
    ]
}

fn parts(message: &Seen) -> (Kind, &[u8]) {
    match message {
        Seen::Text(text) => (Kind::Text, text.as_bytes()),
        Seen::Binary(bytes) => (Kind::Binary, bytes),
        other => panic!("not a message: {other:?}"),
    }
}

/// The message in fragments as long as `lengths` says, compressed when agreed, with a ping before each.
fn fragments(message: &Seen, lengths: &[usize], deflate: Option<Deflate>, codec: &mut Codec) -> Vec<u8> {
    let (kind, payload) = parts(message);
    let mut body = Vec::new();
    let compressed = deflate.and_then(|deflate| codec.deflate(deflate, payload, &mut body));
    if compressed.is_none() {
        body = payload.to_vec();
    }
    let mut first = first_byte(kind) & !FIN | if compressed.is_some() { RSV1 } else { 0 };
    let mut out = Vec::new();
    for fragment in pieces(&body, lengths) {
        out.extend(masked(FIN | PING, b"between"));
        out.extend(masked(first, fragment));
        first = 0;
    }
    out.extend(masked(FIN | first, b""));
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]
    #[test]
    fn messages_come_back_as_they_were_sent(
        messages in vec(message(), 1..6),
        deflate in deflate(),
        lengths in vec(1..5000usize, 1..8),
    ) {
        let limits = Limits::default();
        let mut client = Side::new(Role::Client, &limits, deflate);
        let mut server = Side::new(Role::Server, &limits, deflate);
        for message in &messages {
            let (kind, payload) = parts(message);
            client.send(kind, payload);
        }
        let sent = std::mem::take(&mut client.out);
        let (seen, violation) = server.read(Time(0), &pieces(&sent, &lengths));
        prop_assert_eq!(violation, None);
        prop_assert_eq!(&seen, &messages);
        for message in &seen {
            let (kind, payload) = parts(message);
            server.send(kind, payload);
        }
        let sent = std::mem::take(&mut server.out);
        prop_assert_eq!(client.read(Time(0), &pieces(&sent, &lengths)), (messages, None));
        prop_assert!(client.holds_nothing() && server.holds_nothing());
    }

    #[test]
    fn fragments_are_put_together(
        message in message(),
        deflate in deflate(),
        fragment_lengths in vec(1..2000usize, 1..5),
        lengths in vec(1..3000usize, 1..8),
    ) {
        let mut server = Side::new(Role::Server, &Limits::default(), deflate);
        let bytes = fragments(&message, &fragment_lengths, deflate, &mut Codec::new(1));
        let (mut seen, violation) = server.read(Time(0), &pieces(&bytes, &lengths));
        prop_assert_eq!(violation, None);
        prop_assert_eq!(seen.pop(), Some(message));
        prop_assert!(seen.iter().all(|seen| *seen == Seen::Ping(b"between".into())));
        prop_assert!(server.holds_nothing());
    }
}

proptest! {
    #[test]
    fn any_bytes_come_to_the_same_however_cut(
        frames in vec((any::<u8>(), vec(any::<u8>(), 0..200), 0..20u8), 0..12),
        noise in vec(any::<u8>(), 0..100),
        deflate in deflate(),
        lengths in vec(1..50usize, 1..8),
    ) {
        // Mostly well-formed frames, or random bytes would all fail at the first header.
        let mut bytes = Vec::new();
        for (first, payload, choice) in frames {
            match choice {
                0 => bytes.extend(plain(first, &payload)),
                1..3 => bytes.extend(masked(first, &payload)),
                3..8 => bytes.extend(masked(FIN | TEXT, "söme text".as_bytes())),
                8..12 => bytes.extend(masked(FIN | RSV1 | BINARY, &payload)),
                12..15 => bytes.extend(masked(TEXT, b"a")),
                15..18 => bytes.extend(masked(0, b"b")),
                _ => bytes.extend(masked(FIN, b"c")),
            }
        }
        bytes.extend(noise);
        let limits = Limits { message: 1000, fragments: 5, ..Limits::default() };
        for role in [Role::Server, Role::Client] {
            let run = |pieces: &[&[u8]]| {
                let mut side = Side::new(role, &limits, deflate);
                (side.read(Time(0), pieces), side.out)
            };
            prop_assert_eq!(run(&pieces(&bytes, &lengths)), run(&[&bytes]));
        }
    }
}

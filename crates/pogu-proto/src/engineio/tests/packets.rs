use super::*;
use crate::ws::Kind;

fn read_message(version: Version, kind: Kind, payload: &[u8]) -> Result<Owned, PacketError> {
    let mut scratch = b"old".to_vec();
    Packet::read(version, kind, payload, &mut scratch).map(Owned::from)
}

#[test]
fn text_messages() {
    for version in [Version::V3, Version::V4] {
        for (payload, packet) in [
            (&b"0{\"sid\":1}"[..], Owned::Open("{\"sid\":1}".into())),
            (b"0", Owned::Open("".into())),
            (b"1", Owned::Close),
            (b"2", Owned::Ping("".into())),
            (b"2probe", Owned::Ping("probe".into())),
            (b"3", Owned::Pong("".into())),
            (b"3probe", Owned::Pong("probe".into())),
            (b"4", text("")),
            (b"4hello", text("hello")),
            ("4é€😀\x1E\0".as_bytes(), text("é€😀\x1E\0")),
            (b"5", Owned::Upgrade),
            (b"6", Owned::Noop),
        ] {
            assert_eq!(read_message(version, Kind::Text, payload), Ok(packet.clone()));
            let mut out = Vec::new();
            for base64 in [false, true] {
                out.clear();
                assert_eq!(put_message(version, base64, &packet.lend(), &mut out), Kind::Text);
                assert_eq!(out, payload);
            }
        }
    }
}

#[test]
fn binary_messages() {
    let packet = Owned::Binary(vec![1, 2, 3, 4]);
    for (version, base64, kind, payload) in [
        (Version::V4, false, Kind::Binary, &[1, 2, 3, 4][..]),
        (Version::V4, true, Kind::Text, b"bAQIDBA=="),
        (Version::V3, false, Kind::Binary, &[4, 1, 2, 3, 4]),
        (Version::V3, true, Kind::Text, b"b4AQIDBA=="),
    ] {
        let mut out = Vec::new();
        assert_eq!(put_message(version, base64, &packet.lend(), &mut out), kind);
        assert_eq!(out, payload);
        assert_eq!(read_message(version, kind, payload), Ok(packet.clone()));
    }
    let empty = Owned::Binary(vec![]);
    for (version, kind, payload) in [
        (Version::V4, Kind::Binary, &b""[..]),
        (Version::V4, Kind::Text, b"b"),
        (Version::V3, Kind::Binary, b"\x04"),
        (Version::V3, Kind::Text, b"b4"),
    ] {
        assert_eq!(read_message(version, kind, payload), Ok(empty.clone()));
    }
}

#[test]
fn base64_needs_no_padding() {
    for payload in [&b"bAQIDBA=="[..], b"bAQIDBA"] {
        assert_eq!(
            read_message(Version::V4, Kind::Text, payload),
            Ok(Owned::Binary(vec![1, 2, 3, 4]))
        );
    }
}

#[test]
fn what_is_no_packet() {
    use PacketError::*;
    for (version, kind, payload, error) in [
        (Version::V4, Kind::Text, &b""[..], Empty),
        (Version::V4, Kind::Text, b"abc", Type(b'a')),
        (Version::V4, Kind::Text, b"7", Type(b'7')),
        (Version::V4, Kind::Text, b"-1", Type(b'-')),
        (Version::V4, Kind::Text, b" 4", Type(b' ')),
        (Version::V4, Kind::Text, b"\x044", Type(4)),
        (Version::V4, Kind::Text, "é".as_bytes(), NotUtf8),
        (Version::V4, Kind::Text, b"4\xFF", NotUtf8),
        (Version::V4, Kind::Text, b"2\xC3", NotUtf8),
        (Version::V4, Kind::Text, b"11", Trailing),
        (Version::V4, Kind::Text, b"5probe", Trailing),
        (Version::V4, Kind::Text, b"6 ", Trailing),
        (Version::V4, Kind::Text, b"b!", NotBase64),
        (Version::V4, Kind::Text, b"bAQID_-", NotBase64),
        (Version::V4, Kind::Text, b"bAQIDB", NotBase64),
        (Version::V4, Kind::Text, b"bA=QI", NotBase64),
        (Version::V3, Kind::Text, b"b", Type(b'b')),
        (Version::V3, Kind::Text, b"bAQID", Type(b'b')),
        (Version::V3, Kind::Text, b"b2", Type(b'b')),
        (Version::V3, Kind::Binary, b"", Empty),
        (Version::V3, Kind::Binary, b"\x02probe", Type(2)),
        (Version::V3, Kind::Binary, b"4hello", Type(b'4')),
        (Version::V3, Kind::Binary, b"\xFF", Type(0xFF)),
    ] {
        assert_eq!(
            read_message(version, kind, payload),
            Err(error),
            "{}",
            payload.escape_ascii()
        );
    }
}

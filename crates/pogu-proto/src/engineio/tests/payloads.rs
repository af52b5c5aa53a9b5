use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// What is written for `packets` is `body`, and is read as them.
fn check(form: Form, packets: &[Owned], body: &[u8]) {
    assert_eq!(write(form, packets), body, "{}", body.escape_ascii());
    assert_eq!(read(form, &Limits::default(), body), (packets.to_vec(), None));
}

/// `body` is refused after so many packets.
fn refused(form: Form, body: &[u8], packets: usize, error: PacketError) {
    let (read, wrong) = read(form, &Limits::default(), body);
    assert_eq!(
        (read.len(), wrong),
        (packets, Some(error)),
        "{}",
        body.escape_ascii()
    );
}

#[test]
fn protocol_4() {
    let form = Form::V4;
    check(form, &[text("hello")], b"4hello");
    check(
        form,
        &[text("test1"), text("test2"), text("test3")],
        b"4test1\x1E4test2\x1E4test3",
    );
    check(
        form,
        &[text("hello"), Owned::Binary(vec![1, 2, 3, 4])],
        b"4hello\x1EbAQIDBA==",
    );
    check(
        form,
        &[text("é€😀"), text(""), Owned::Binary(vec![])],
        "4é€😀\x1E4\x1Eb".as_bytes(),
    );
    check(
        form,
        &[Owned::Pong("".into()), Owned::Close, Owned::Noop],
        b"3\x1E1\x1E6",
    );
    check(form, &[Owned::Open("{}".into())], b"0{}");
}

#[test]
fn what_is_no_payload_of_protocol_4() {
    use PacketError::*;
    for (body, packets, error) in [
        (&b""[..], 0, Empty),
        (b"abc", 0, Type(b'a')),
        (b"\x1E", 0, Empty),
        (b"4a\x1E", 1, Empty),
        (b"\x1E4a", 0, Empty),
        (b"4a\x1E\x1E4b", 1, Empty),
        (b"4a\x1Ex\x1E4b", 1, Type(b'x')),
        (b"4a\x1Eb=", 1, NotBase64),
        (b"4a\x1E4\xE2\x82", 1, NotUtf8),
        (b"6:4hello", 0, Trailing),
    ] {
        refused(Form::V4, body, packets, error);
    }
}

#[test]
fn protocol_3_as_text() {
    let form = Form::V3Text;
    check(form, &[text("hello")], b"6:4hello");
    check(form, &[text("test1"), text("test2")], b"6:4test16:4test2");
    check(
        form,
        &[text("hello"), Owned::Binary(vec![1, 2, 3, 4])],
        b"6:4hello10:b4AQIDBA==",
    );
    // Lengths count UTF-16 code units.
    check(
        form,
        &[text("€"), text("😀é"), text("")],
        "2:4€4:4😀é1:4".as_bytes(),
    );
    check(form, &[Owned::Ping("".into())], b"1:2");
    // A payload without packets, and nothing between packets.
    assert_eq!(read(form, &Limits::default(), b"0:"), (vec![], None));
    assert_eq!(
        read(form, &Limits::default(), b"0:02:4a0:"),
        (vec![text("a")], None)
    );
}

#[test]
fn what_is_no_payload_of_protocol_3() {
    use PacketError::*;
    for (body, packets, error) in [
        (&b""[..], 0, Empty),
        (b"abc", 0, Length),
        (b":", 0, Length),
        (b":4a", 0, Length),
        (b"2", 0, Length),
        (b"2:", 0, Length),
        (b"3:4a", 0, Length),
        (b"1:4a", 1, Length),
        (b"-1:4", 0, Length),
        (b"+2:4a", 0, Length),
        (b"2.0:4a", 0, Length),
        (b"1e1:4aaaaaaaaa", 0, Length),
        (b" 2:4a", 0, Length),
        (b"99999999999:4a", 0, Length),
        (b"18446744073709551617:4", 0, Length),
        (b"2:4a2:xa", 1, Type(b'x')),
        (b"3:b2=", 0, Type(b'b')),
        (b"4:b4A=", 0, NotBase64),
        (b"2:4\xFF", 0, Length),
        (b"3:4\xC3a4", 0, NotUtf8),
        (b"2:4\x80", 0, NotUtf8),
        // Inside of a surrogate pair.
        ("2:4😀".as_bytes(), 0, Length),
    ] {
        refused(Form::V3Text, body, packets, error);
    }
}

#[test]
fn protocol_3_as_bytes() {
    let form = Form::V3Binary;
    let hello = [0, 6, 255, 52, 104, 101, 108, 108, 111, 1, 5, 255, 4, 1, 2, 3, 4];
    check(form, &[text("hello"), Owned::Binary(vec![1, 2, 3, 4])], &hello);
    // Lengths count bytes.
    check(form, &[text("€")], b"\0\x04\xFF4\xE2\x82\xAC");
    let long = [&b"\x01\x01\x02\x09\xFF\x04"[..], &[7; 128]].concat();
    check(form, &[Owned::Binary(vec![7; 128])], &long);
    check(form, &[Owned::Binary(vec![])], b"\x01\x01\xFF\x04");
    assert_eq!(
        read(form, &Limits::default(), b"\0\0\xFF\0\x01\xFF2"),
        (vec![Owned::Ping("".into())], None)
    );
}

#[test]
fn what_is_no_payload_of_bytes() {
    use PacketError::*;
    for (body, packets, error) in [
        (&b""[..], 0, Empty),
        (b"\0", 0, Length),
        (b"\0\xFF", 0, Length),
        (b"\0\x01", 0, Length),
        (b"\0\x02\xFF4", 0, Length),
        (b"\0\x0A\xFF4", 0, Length),
        (b"\x006\xFF4hello", 0, Length),
        (b"\x01\0\xFF", 0, Empty),
        (b"\x01\x01\xFF\x02", 0, Type(2)),
        (b"\x02\x01\xFF4", 0, Type(2)),
        (b"6:4hello", 0, Length),
        (b"\0\x02\xFF4\xFF", 0, NotUtf8),
        (b"\0\x02\xFF4a\0", 1, Length),
        (&[9; 400], 0, Length),
    ] {
        refused(Form::V3Binary, body, packets, error);
    }
}

#[test]
fn limits_are_met_at_their_edge() {
    let limits = Limits {
        payload: 10,
        packets: 3,
        ..Limits::default()
    };
    let long = |length: usize| "x".repeat(length);
    let base64 = |bytes: usize| STANDARD.encode(vec![7; bytes]);
    for (fits, longer) in [
        (format!("4{}", long(10)), format!("4{}", long(11))),
        (format!("b{}", base64(10)), format!("b{}", base64(11))),
    ] {
        assert_eq!(read(Form::V4, &limits, fits.as_bytes()).1, None, "{fits}");
        let error = read(Form::V4, &limits, longer.as_bytes());
        assert_eq!(error, (vec![], Some(PacketError::TooLong(10))), "{longer}");
    }
    for (form, first) in [(Form::V4, "4"), (Form::V3Text, "80:4"), (Form::V3Binary, "\0")] {
        assert_eq!(limits.body(), 77);
        let body = |length: usize| [first, &long(length - first.len())].concat();
        let error = |length| read(form, &limits, body(length).as_bytes()).1;
        assert_ne!(error(77), Some(PacketError::TooLong(77)));
        assert_eq!(error(78), Some(PacketError::TooLong(77)));
    }
    for (form, three, four) in [
        (Form::V4, &b"4\x1E4\x1E4"[..], &b"4\x1E4\x1E4\x1E4"[..]),
        (Form::V3Text, b"1:20:1:2", b"0:0:1:20:"),
        (
            Form::V3Binary,
            b"\0\0\xFF\0\0\xFF\0\0\xFF",
            b"\0\0\xFF\0\0\xFF\0\0\xFF\0",
        ),
    ] {
        assert_eq!(read(form, &limits, three).1, None);
        assert_eq!(
            read(form, &limits, four).1,
            Some(PacketError::TooMany(3)),
            "{form:?}"
        );
    }
}

/// CVE-2020-36048: a body of very many packets takes time and memory in proportion to its bytes.
#[test]
fn many_packets_cost_little() {
    let limits = Limits {
        packets: usize::MAX,
        ..Limits::default()
    };
    let (packets, error) = read(Form::V4, &limits, &b"4\x1E".repeat(500_000));
    assert_eq!((packets.len(), error), (500_000, Some(PacketError::Empty)));
    let (packets, error) = read(Form::V3Text, &limits, &b"1:2".repeat(333_333));
    assert_eq!((packets.len(), error), (333_333, None));
    // A length that is longer than its body is looked at once.
    refused(
        Form::V3Text,
        &[b"0:".repeat(9_000), vec![b'9'; 100_000]].concat(),
        0,
        PacketError::Length,
    );
    assert_eq!(
        read(Form::V4, &Limits::default(), &b"2\x1E".repeat(10_001)).1,
        Some(PacketError::TooMany(10_000))
    );
}

#[test]
fn a_separator_in_a_text_begins_no_packet() {
    let mut out = Vec::new();
    put(
        Form::V4,
        &Packet::Message(Data::Text("a\x1E42[\"b\"]\x1E")),
        &mut out,
    );
    assert_eq!(String::from_utf8(out).unwrap(), "4a\u{FFFD}42[\"b\"]\u{FFFD}");
}

#[test]
fn posts_say_what_they_are() {
    for (content_type, v4, v3) in [
        ("text/plain;charset=UTF-8", Some(Form::V4), Some(Form::V3Text)),
        ("", Some(Form::V4), Some(Form::V3Text)),
        (
            "application/x-www-form-urlencoded",
            Some(Form::V4),
            Some(Form::V3Text),
        ),
        // Which hung before it was refused.
        ("application/octet-stream", None, Some(Form::V3Binary)),
        ("Application/Octet-Stream ; a=b", None, Some(Form::V3Binary)),
    ] {
        assert_eq!(Form::of_post(Version::V4, content_type), v4, "{content_type}");
        assert_eq!(Form::of_post(Version::V3, content_type), v3, "{content_type}");
    }
    assert_eq!(Form::V3Text.content_type(), Form::V4.content_type());
    assert_eq!(Form::V3Binary.content_type(), "application/octet-stream");
}

#[test]
fn scripts() {
    let mut out = Vec::new();
    jsonp::script(7, "9:4a\"b\\c\n\u{2028}</script>", &mut out);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        r#"___eio[7]("9:4a\"b\\c\n\u2028</script>");"#
    );
}

#[test]
fn forms() {
    for (form, payload) in [
        (&b"d=6%3A4hello"[..], &b"6:4hello"[..]),
        (b"d=2:4+", b"2:4 "),
        (b"a=1&d=x&dd=2", b"x"),
        (b"d=", b""),
        (b"d=%", b"%"),
        (b"d=%4%zz%41", b"%4%zzA"),
        (b"d=a%5Cnb", b"a\nb"),
        (b"d=a%5C%5Cnb", b"a\\nb"),
        (b"d=a%5C%5C%5Cnb", b"a\\\\nb"),
        (b"d=a%5C%5C%5C%5Cnb", b"a\\\\\\nb"),
        (b"d=\\", b"\\"),
        (b"d=\\\\", b"\\\\"),
        (b"d=\\\\n\\n\\", b"\\n\n\\"),
        ("d=4é%E2%82%AC".as_bytes(), "4é€".as_bytes()),
    ] {
        let mut form = form.to_vec();
        assert_eq!(jsonp::payload(&mut form).unwrap(), payload);
    }
    for form in [&b""[..], b"d", b"e=1", b"d=1&d=2", b"6:4hello"] {
        assert_eq!(
            jsonp::payload(&mut form.to_vec()).unwrap_err(),
            PacketError::Field
        );
    }
}

fn packet() -> impl Strategy<Value = Owned> {
    let text = any::<String>().prop_map(|text| text.replace('\x1E', ""));
    prop_oneof![
        text.clone().prop_map(Owned::Text),
        text.clone().prop_map(Owned::Ping),
        text.clone().prop_map(Owned::Pong),
        text.prop_map(Owned::Open),
        vec(any::<u8>(), 0..5000).prop_map(Owned::Binary),
        Just(Owned::Close),
        Just(Owned::Upgrade),
        Just(Owned::Noop),
    ]
}

#[test]
fn a_payload_is_parted_behind_so_many_packets() {
    for (payload, packets, end) in [
        ("4a\x1E4b\x1E4c", 1, Some(2)),
        ("4a\x1E4b\x1E4c", 2, Some(5)),
        ("4a\x1E4b\x1E4c", 3, None),
        ("4a", 1, None),
        ("", 1, None),
    ] {
        assert_eq!(Form::V4.part(packets, payload.as_bytes()), end);
    }
    assert_eq!(Form::V3Text.part(1, b"2:4\x1E2:4\x1E"), None);
}

fn form() -> impl Strategy<Value = Form> {
    prop_oneof![Just(Form::V4), Just(Form::V3Text), Just(Form::V3Binary)]
}

proptest! {
    #[test]
    fn packets_come_back(packets in vec(packet(), 1..8), form in form()) {
        let body = write(form, &packets);
        prop_assert_eq!(read(form, &Limits::default(), &body), (packets, None));
    }

    #[test]
    fn messages_come_back(packet in packet(), v3 in any::<bool>(), base64 in any::<bool>()) {
        let version = if v3 { Version::V3 } else { Version::V4 };
        let (mut out, mut scratch) = (Vec::new(), Vec::new());
        let kind = put_message(version, base64, &packet.lend(), &mut out);
        let read = Packet::read(version, kind, &out, &mut scratch);
        prop_assert_eq!(read.map(Owned::from), Ok(packet));
    }

    /// A payload in a script is the payload again, and one in a form too.
    #[test]
    fn jsonp_comes_back(packets in vec(packet(), 1..4)) {
        let body = String::from_utf8(write(Form::V3Text, &packets)).unwrap();
        let mut script = Vec::new();
        jsonp::script(0, &body, &mut script);
        let script = String::from_utf8(script).unwrap();
        let string = script.strip_prefix("___eio[0](").unwrap().strip_suffix(");").unwrap();
        prop_assert_eq!(json::string(string), Some(body.as_str().into()));

        let escaped = body.replace("\\n", "\\\\n").replace('\n', "\\n");
        let mut form = b"d=".to_vec();
        form.extend(escaped.bytes().flat_map(|byte| format!("%{byte:02X}").into_bytes()));
        prop_assert_eq!(jsonp::payload(&mut form).unwrap(), body.as_bytes());
    }

    #[test]
    fn any_bytes_are_read(body in vec(any::<u8>(), 0..300), form in form()) {
        let limits = Limits { packets: 5, payload: 200, ..Limits::default() };
        let (packets, _) = read(form, &limits, &body);
        prop_assert!(packets.len() <= 5);
    }
}

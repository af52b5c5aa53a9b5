use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::Reader;
use crate::cuts::{drive, every_cut, pieces};

/// A frame that owns what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Owned {
    Open,
    Heartbeat,
    Messages(Vec<String>),
    Close(u16, String),
}

impl From<Frame<'_>> for Owned {
    fn from(frame: Frame<'_>) -> Self {
        match frame {
            Frame::Open => Self::Open,
            Frame::Heartbeat => Self::Heartbeat,
            Frame::Messages(messages) => Self::Messages(messages.map(String::from).collect()),
            Frame::Close(close) => Self::Close(close.code, close.reason.into_owned()),
        }
    }
}

impl Owned {
    fn put(&self, receiver: Receiver, out: &mut Vec<u8>) {
        match self {
            Self::Open => receiver.put_open("f", out),
            Self::Heartbeat => receiver.put_heartbeat("f", out),
            Self::Messages(messages) => {
                let messages: Vec<_> = messages.iter().map(String::as_str).collect();
                put_messages(receiver, &messages, out);
            }
            Self::Close(code, reason) => {
                let reason = reason.as_str().into();
                receiver.put_close("f", &Close { code: *code, reason }, out);
            }
        }
    }
}

fn messages(messages: &[&str]) -> Owned {
    Owned::Messages(messages.iter().map(|text| String::from(*text)).collect())
}

fn read(frame: &[u8]) -> Result<Owned, FrameError> {
    Frame::read(frame).map(Owned::from)
}

/// The frames of a response, up to the first error.
fn decode(receiver: Receiver, limit: usize, pieces: &[&[u8]]) -> (Vec<Owned>, Option<FrameError>) {
    let mut decoder = Decoder::new(receiver);
    drive(pieces, |input: &mut Reader<'_>| {
        Ok(decoder.next(limit, input)?.map(Owned::from))
    })
}

/// All receivers whose responses are streams of bytes.
fn streams() -> impl Iterator<Item = Receiver> {
    Receiver::ALL
        .into_iter()
        .filter(|receiver| *receiver != Receiver::WebSocket)
}

#[test]
fn frames() {
    for (frame, wanted) in [
        ("o", Owned::Open),
        ("h", Owned::Heartbeat),
        ("hhhh", Owned::Heartbeat),
        ("a[]", messages(&[])),
        (r#"a["x","y\n"]"#, messages(&["x", "y\n"])),
        (r#"a [ "x" ] "#, messages(&["x"])),
        (r#"m"x""#, messages(&["x"])),
        (r#"c[3000,"Go away!"]"#, Owned::Close(3000, "Go away!".into())),
        (r#"c[ 0 , "\u2028" ]"#, Owned::Close(0, "\u{2028}".into())),
    ] {
        assert_eq!(read(frame.as_bytes()), Ok(wanted), "{frame}");
    }
}

#[test]
fn what_is_no_frame() {
    use FrameError::*;
    for (frame, error) in [
        (&b""[..], Type),
        (b"x", Type),
        (b"O", Type),
        (b"[\"a\"]", Type),
        (b"\xFF", Type),
        (b"ok", Malformed),
        (b"html", Malformed),
        (b"a", Malformed),
        (b"a[", Malformed),
        (b"a\"x\"", Malformed),
        (b"a[1]", Malformed),
        (b"a[[\"x\"]]", Malformed),
        (b"a{}", Malformed),
        (b"m[\"x\"]", Malformed),
        (b"m", Malformed),
        (b"c", Malformed),
        (b"c[]", Malformed),
        (b"c[3000]", Malformed),
        (b"c[\"x\",3000]", Malformed),
        (b"c[3000,null]", Malformed),
        (b"c[3000,\"x\",1]", Malformed),
        (b"c[65536,\"x\"]", Malformed),
        (b"c[-1,\"x\"]", Malformed),
        (b"c[1e3,\"x\"]", Malformed),
        (b"c{\"3000\":\"x\"}", Malformed),
        (b"a[\"\xFF\"]", NotUtf8),
    ] {
        assert_eq!(read(frame), Err(error), "{}", String::from_utf8_lossy(frame));
    }
    let deep = [b"a".to_vec(), b"[".repeat(100_000)].concat();
    assert_eq!(read(&deep), Err(Malformed));
}

#[test]
fn responses_cut_anywhere() {
    let frames = [
        Owned::Open,
        messages(&["x", "", "100% %25 \"<\u{2028}포\r\n"]),
        Owned::Heartbeat,
        messages(&["a(b);"]),
        Owned::Close(3000, "Go \"away\"!".into()),
    ];
    for receiver in streams() {
        let mut response = Vec::new();
        // Of the long line of the one prelude a few bytes are as good.
        match receiver {
            Receiver::XhrStreaming => response.extend_from_slice(b"hhh\n"),
            _ => receiver.put_prelude("f", &mut response),
        }
        for frame in &frames {
            frame.put(receiver, &mut response);
        }
        let prelude = (receiver == Receiver::XhrStreaming).then_some(Owned::Heartbeat);
        let wanted: Vec<_> = prelude.into_iter().chain(frames.clone()).collect();
        every_cut(&response, |pieces| {
            assert_eq!(
                decode(receiver, 10_000, pieces),
                (wanted.clone(), None),
                "{receiver:?}"
            );
        });
    }
}

#[test]
fn the_whole_prelude() {
    let mut response = Vec::new();
    Receiver::XhrStreaming.put_prelude("", &mut response);
    Owned::Open.put(Receiver::XhrStreaming, &mut response);
    let wanted = (vec![Owned::Heartbeat, Owned::Open], None);
    assert_eq!(decode(Receiver::XhrStreaming, 2048, &[&response]), wanted);
    let wanted = (vec![], Some(FrameError::TooLong(2047)));
    assert_eq!(decode(Receiver::XhrStreaming, 2047, &[&response]), wanted);
}

#[test]
fn what_else_stands_in_a_response() {
    for (receiver, response, wanted) in [
        (Receiver::Xhr, "\n\r\no\r\n", vec![Owned::Open]),
        // Of other events' fields nothing matters.
        (
            Receiver::EventSource,
            ": comment\r\nid: 1\r\nretry: 5\r\ndata:h\r\n\r\ndata\r\ndata: \r\ndata: a[\"%2541%\"]\r\n",
            vec![Owned::Heartbeat, messages(&["%41%"])],
        ),
        (
            Receiver::HtmlFile,
            "<p>\r\n<script>\np(\"o\");\n</script>\r\n",
            vec![Owned::Open],
        ),
        (Receiver::Jsonp, "\r\n/**/a.b-c(\"o\");\r\n", vec![Owned::Open]),
    ] {
        every_cut(response.as_bytes(), |pieces| {
            assert_eq!(
                decode(receiver, 100, pieces),
                (wanted.clone(), None),
                "{receiver:?}"
            );
        });
    }
}

#[test]
fn what_is_no_response() {
    use FrameError::*;
    for (receiver, response, error) in [
        (Receiver::Xhr, &b"<html>\n"[..], Type),
        (Receiver::Xhr, b"o\n\xFF\n", Type),
        (Receiver::Xhr, b"a[\"\xFF\"]\n", NotUtf8),
        (Receiver::EventSource, b"data: <html>\r\n", Type),
        (Receiver::EventSource, b"data: a[\"%FF\"]\r\n", NotUtf8),
        (Receiver::HtmlFile, b"p(\"o\")\n", Malformed),
        (Receiver::HtmlFile, b"p(o);\n", Malformed),
        (Receiver::HtmlFile, b"p();\n", Malformed),
        (Receiver::HtmlFile, b"p(\"x\");\n", Type),
        (Receiver::HtmlFile, b"p(\"\xFF\");\n", NotUtf8),
        (Receiver::Jsonp, b"/**/f(\"a[\\\"x\\\"\");\r\n", Malformed),
        (Receiver::Jsonp, b"/**/f([\"o\"]);\r\n", Malformed),
        (Receiver::Jsonp, b"/**/f(\"o\"\r\n", Malformed),
    ] {
        every_cut(response, |pieces| {
            assert_eq!(decode(receiver, 100, pieces).1, Some(error), "{receiver:?}");
        });
    }
}

#[test]
fn lines_have_a_limit() {
    for receiver in streams() {
        let mut response = Vec::new();
        messages(&["x"]).put(receiver, &mut response);
        let line = response
            .split(|byte| *byte == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line).len());
        let longest = line.max().unwrap();
        every_cut(&response, |pieces| {
            assert_eq!(decode(receiver, longest, pieces), (vec![messages(&["x"])], None));
            let (_, error) = decode(receiver, longest - 1, pieces);
            assert_eq!(error, Some(FrameError::TooLong(longest - 1)));
        });
    }
    // A line that does not end takes no memory beyond it.
    let mut decoder = Decoder::new(Receiver::Xhr);
    let mut endless = vec![b'h'; 1_000_000];
    let mut input = Reader::new(&mut endless);
    assert!(matches!(
        decoder.next(1000, &mut input),
        Err(FrameError::TooLong(1000))
    ));
}

fn hear(client: &mut Client, frame: &[u8]) -> Result<Option<Owned>, ServerViolation> {
    let event = client.receive(Frame::read(frame))?;
    Ok(event.map(|event| match event {
        ClientEvent::Open => Owned::Open,
        ClientEvent::Messages(messages) => Frame::Messages(messages).into(),
        ClientEvent::Closed(close) => Frame::Close(close).into(),
    }))
}

#[test]
fn a_session_of_a_client() {
    let mut client = Client::new();
    assert!(client.receives() && !client.is_open());
    assert_eq!(hear(&mut client, b"hhh"), Ok(None));
    assert_eq!(hear(&mut client, b"o"), Ok(Some(Owned::Open)));
    assert!(client.receives() && client.is_open());
    assert_eq!(hear(&mut client, b"h"), Ok(None));
    assert_eq!(hear(&mut client, b"a[\"x\"]"), Ok(Some(messages(&["x"]))));
    let closed = Owned::Close(3000, "Go away!".into());
    assert_eq!(hear(&mut client, b"c[3000,\"Go away!\"]"), Ok(Some(closed)));
    assert!(!client.receives() && !client.is_open());
    // What comes after is nothing.
    for frame in [&b"o"[..], b"a[\"x\"]", b"c[1,\"\"]", b"x"] {
        assert_eq!(hear(&mut client, frame), Ok(None));
    }
}

#[test]
fn what_a_server_may_not_say() {
    let frame_error = |error| ServerViolation::Frame(error);
    for (frames, violation) in [
        (&[&b"o"[..], b"o"][..], ServerViolation::Lost),
        (&[b"a[]"], ServerViolation::NotOpen),
        (&[b"x"], frame_error(FrameError::Type)),
        (&[b"o", b"a[1]"], frame_error(FrameError::Malformed)),
    ] {
        let mut client = Client::new();
        let (last, before) = frames.split_last().unwrap();
        for frame in before {
            assert!(hear(&mut client, frame).is_ok());
        }
        assert_eq!(hear(&mut client, last), Err(violation));
        assert!(!client.receives() && !client.is_open());
    }
    // A session may be over before it has begun.
    let mut client = Client::default();
    let event = hear(&mut client, b"c[2010,\"Another connection still open\"]");
    assert_eq!(
        event,
        Ok(Some(Owned::Close(2010, "Another connection still open".into())))
    );
    let mut client = Client::new();
    client.close();
    assert!(!client.receives());
}

fn frame() -> impl Strategy<Value = Owned> {
    prop_oneof![
        Just(Owned::Open),
        Just(Owned::Heartbeat),
        vec(any::<String>(), 0..4).prop_map(Owned::Messages),
        (any::<u16>(), any::<String>()).prop_map(|(code, reason)| Owned::Close(code, reason)),
    ]
}

proptest! {
    #[test]
    fn frames_come_back(frames in vec(frame(), 1..6), lengths in vec(1_usize..50, 1..5)) {
        for receiver in streams() {
            let mut response = Vec::new();
            frames.iter().for_each(|frame| frame.put(receiver, &mut response));
            let decoded = decode(receiver, 1 << 20, &pieces(&response, &lengths));
            prop_assert_eq!(decoded, (frames.clone(), None));
        }
        for frame in frames {
            let mut out = Vec::new();
            frame.put(Receiver::WebSocket, &mut out);
            prop_assert_eq!(read(&out), Ok(frame));
        }
    }

    #[test]
    fn any_bytes_are_decoded(response in vec(any::<u8>(), 0..200), lengths in vec(1_usize..50, 1..5)) {
        for receiver in Receiver::ALL {
            let whole = decode(receiver, 100, &[&response]);
            prop_assert_eq!(decode(receiver, 100, &pieces(&response, &lengths)), whole);
        }
    }
}

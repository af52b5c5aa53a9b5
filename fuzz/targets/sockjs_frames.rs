#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use pogu_proto::sockjs::{
    Close, Decoder, Frame, FrameError, Limits, Messages, Method, Receiver, Request, SendError, Sender, http,
    put_send, put_string,
};

#[derive(Debug, Arbitrary)]
enum Input<'a> {
    /// A response that a client reads.
    Response {
        receiver: u8,
        length: u8,
        bytes: &'a [u8],
    },
    /// A body that a server reads.
    Body {
        jsonp: bool,
        content_type: &'a str,
        bytes: &'a [u8],
    },
    /// What a server asks to be sent to a client.
    Messages {
        code: u16,
        reason: &'a str,
        messages: Vec<&'a str>,
    },
    Request {
        method: u8,
        path: &'a str,
        query: &'a str,
        flags: u8,
    },
    Headers {
        cookie: &'a str,
        tags: &'a str,
    },
}

const LIMIT: usize = 4096;

/// A frame that owns what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Owned {
    Open,
    Heartbeat,
    Messages(Vec<String>),
    Close(u16, String),
}

fn owned(frame: Frame<'_>) -> Owned {
    match frame {
        Frame::Open => Owned::Open,
        Frame::Heartbeat => Owned::Heartbeat,
        Frame::Messages(messages) => Owned::Messages(messages.map(String::from).collect()),
        Frame::Close(close) => Owned::Close(close.code, close.reason.into_owned()),
    }
}

fn put(receiver: Receiver, frame: &Owned, out: &mut Vec<u8>) {
    match frame {
        Owned::Open => receiver.put_open("f", out),
        Owned::Heartbeat => receiver.put_heartbeat("f", out),
        Owned::Close(code, reason) => {
            let reason = reason.as_str().into();
            receiver.put_close("f", &Close { code: *code, reason }, out);
        }
        Owned::Messages(messages) => {
            let mut strings = Vec::new();
            for (at, message) in messages.iter().enumerate() {
                if at > 0 {
                    strings.push(Receiver::SEPARATOR);
                }
                put_string(message, &mut strings);
            }
            receiver.put_messages("f", &strings, out);
        }
    }
}

fn decode(receiver: Receiver, limit: usize, bytes: &[u8], length: u8) -> (Vec<Owned>, Option<FrameError>) {
    let mut decoder = Decoder::new(receiver);
    pogu_fuzz::drive(bytes, length, |input| Ok(decoder.next(limit, input)?.map(owned)))
}

/// Frames are the same after they were written for each receiver.
fn come_back(frames: &[Owned]) {
    for receiver in Receiver::ALL {
        let mut out = Vec::new();
        for frame in frames {
            out.clear();
            put(receiver, frame, &mut out);
            let inside = out.strip_suffix(b"\n").unwrap_or(&out);
            let has_end =
                matches!(receiver, Receiver::Xhr | Receiver::XhrStreaming) && inside.contains(&b'\n');
            assert!(!has_end && !out.contains(&0));
            let again = if receiver == Receiver::WebSocket {
                vec![owned(Frame::read(&out).expect("a frame is a frame"))]
            } else {
                decode(receiver, usize::MAX, &out, 0).0
            };
            assert_eq!(again, std::slice::from_ref(frame));
        }
    }
}

fn body(jsonp: bool, content_type: &str, bytes: &[u8]) {
    let limits = Limits {
        payload: LIMIT,
        messages: 8,
        ..Limits::default()
    };
    let sender = if jsonp { Sender::Jsonp } else { Sender::Xhr };
    let mut body = bytes.to_vec();
    let sent = sender.read(content_type, &mut body, &limits);
    let socket = Messages::of_websocket(bytes, &limits);
    for messages in [sent, socket] {
        match messages {
            Ok(messages) => {
                let messages: Vec<_> = messages.map(String::from).collect();
                assert!(messages.len() <= 8 && bytes.len() <= 3 * LIMIT);
                let mut again = Vec::new();
                put_send(messages.iter().map(String::as_str), &mut again);
                let limits = Limits {
                    payload: usize::MAX,
                    ..limits.clone()
                };
                let again = sender
                    .read("", &mut again, &limits)
                    .expect("what was read is written");
                assert!(again.eq(messages.iter().map(String::as_str)));
                come_back(&[Owned::Messages(messages)]);
            }
            Err(error @ (SendError::NoPayload | SendError::Broken)) => assert_eq!(error.status(), 500),
            Err(error) => assert_eq!(error.status(), 413),
        }
    }
}

fn request(method: u8, path: &str, query: &str, flags: u8) {
    let method = [Method::Get, Method::Post, Method::Options, Method::Other][usize::from(method) % 4];
    match Request::parse(method, path, query, flags & 1 == 0, flags & 2 == 0) {
        Ok(Request::Receive {
            receiver,
            session,
            callback,
        }) => {
            assert!(path.contains(session) && !session.is_empty() && !session.contains(['/', '.']));
            assert_eq!(callback.is_empty(), !receiver.has_callback());
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            assert!(callback.len() <= 32 && callback.bytes().all(is_name));
        }
        Ok(Request::Send { session, .. }) => assert!(!session.is_empty() && method == Method::Post),
        Ok(Request::Preflight { allow }) => assert!(allow.contains("OPTIONS")),
        Ok(_) => assert_eq!(method, Method::Get),
        Err(refusal) => {
            assert!(refusal.status() >= 400 && refusal.allow().is_some() == (refusal.status() == 405))
        }
    }
}

fuzz_target!(|input: Input<'_>| match input {
    Input::Response {
        receiver,
        length,
        bytes,
    } => {
        let receiver = Receiver::ALL[usize::from(receiver) % Receiver::ALL.len()];
        let (frames, error) = decode(receiver, LIMIT, bytes, 0);
        assert_eq!(decode(receiver, LIMIT, bytes, length), (frames.clone(), error));
        come_back(&frames);
    }
    Input::Body {
        jsonp,
        content_type,
        bytes,
    } => body(jsonp, content_type, bytes),
    Input::Messages {
        code,
        reason,
        messages,
    } => {
        let messages = messages.into_iter().map(String::from).collect();
        come_back(&[Owned::Messages(messages), Owned::Close(code, reason.to_owned())]);
    }
    Input::Request {
        method,
        path,
        query,
        flags,
    } => request(method, path, query, flags),
    Input::Headers { cookie, tags } => {
        let cookie = http::session_cookie(Some(cookie));
        assert!(cookie.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '));
        let iframe = http::Iframe::new(tags);
        assert!(iframe.is_known(&iframe.etag));
        iframe.is_known(tags);
    }
});

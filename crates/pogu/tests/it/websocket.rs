//! WebSocket: the upgrade, topics by URL, the pogu dialect, and how a connection ends.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use pogu_proto::ws::{Codec, Deflate, Event, Kind, Limits, Role, Session};
use pogu_proto::{Reader, Time, ws};

use crate::server::{Http, Running};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const UPGRADE: &str = "Upgrade: websocket\nConnection: keep-alive, Upgrade\nSec-WebSocket-Version: 13";

/// What arrived.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Text(String),
    Binary(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>),
    /// The server ended the connection.
    End,
}

/// The client's side of a WebSocket.
pub(crate) struct Socket {
    pub(crate) stream: TcpStream,
    session: Session,
    codec: Codec,
    /// Bytes that arrived and were not heard yet.
    unheard: Vec<u8>,
}

impl Socket {
    pub(crate) fn open(server: &Running, path: &str) -> Socket {
        Socket::open_with(server, path, false, &[])
    }

    /// `first` is what the client says in the same bytes as its request.
    pub(crate) fn open_with(server: &Running, path: &str, deflate: bool, first: &[&str]) -> Socket {
        Socket::on(server.connect(), path, deflate, first)
    }

    pub(crate) fn on(mut stream: TcpStream, path: &str, deflate: bool, first: &[&str]) -> Socket {
        let mut codec = Codec::new(7);
        let request = ws::Request {
            host: "test",
            path,
            deflate,
            ..ws::Request::default()
        };
        let mut out = Vec::new();
        let mut handshake = ws::ClientHandshake::new(&request, [9; 16], &mut out).unwrap();
        let limits = Arc::new(Limits {
            message: 64 << 20,
            ..Limits::default()
        });
        let mut early = Session::new(Role::Client, limits.clone(), None, Time(0));
        for text in first {
            early.send(Kind::Text, text.as_bytes(), &mut codec, &mut out);
        }
        stream.write_all(&out).unwrap();
        let mut buffer = vec![0; 4096];
        loop {
            let n = stream.read(&mut buffer).unwrap();
            assert_ne!(n, 0, "the handshake was cut");
            let mut reader = Reader::new(&mut buffer[..n]);
            if let Some(accepted) = handshake.receive(&mut reader).unwrap() {
                assert_eq!(accepted.deflate.is_some(), deflate);
                return Socket {
                    stream,
                    session: Session::new(Role::Client, limits, accepted.deflate, Time(0)),
                    codec,
                    unheard: reader.rest().to_vec(),
                };
            }
        }
    }

    pub(crate) fn deflate(&self) -> Option<Deflate> {
        self.session.deflate()
    }

    fn write(&mut self, write: impl FnOnce(&mut Session, &mut Codec, &mut Vec<u8>)) {
        let mut out = Vec::new();
        write(&mut self.session, &mut self.codec, &mut out);
        self.stream.write_all(&out).unwrap();
    }

    pub(crate) fn say(&mut self, text: &str) {
        self.write(|session, codec, out| session.send(Kind::Text, text.as_bytes(), codec, out));
    }

    pub(crate) fn say_bytes(&mut self, bytes: &[u8]) {
        self.write(|session, codec, out| session.send(Kind::Binary, bytes, codec, out));
    }

    pub(crate) fn close(&mut self, code: u16) {
        self.write(|session, codec, out| session.close(Time(0), code, "", codec, out));
    }

    /// Sends bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    pub(crate) fn hear(&mut self) -> Heard {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let mut out = Vec::new();
            let mut reader = Reader::new(&mut self.unheard);
            let event = self
                .session
                .next(Time(0), &mut reader, &mut self.codec, &mut out)
                .expect("a frame by the rules");
            let heard = match event {
                None => None,
                Some(Event::Message {
                    kind: Kind::Text,
                    payload,
                }) => Some(Heard::Text(String::from_utf8(payload.to_vec()).unwrap())),
                Some(Event::Message { payload, .. }) => Some(Heard::Binary(payload.to_vec())),
                Some(Event::Ping(_)) => None,
                Some(Event::Pong(payload)) => Some(Heard::Pong(payload.to_vec())),
                Some(Event::Close { code, .. }) => Some(Heard::Close(code)),
            };
            let rest = reader.rest().to_vec();
            let more = !rest.is_empty();
            self.unheard = rest;
            if !out.is_empty() {
                // The server may have gone already.
                let _ = self.stream.write_all(&out);
            }
            match heard {
                Some(heard) => return heard,
                None if more => continue,
                None => {}
            }
            match self.stream.read(&mut buffer).unwrap() {
                0 => return Heard::End,
                n => self.unheard.extend_from_slice(&buffer[..n]),
            }
        }
    }

    pub(crate) fn hear_text(&mut self) -> String {
        match self.hear() {
            Heard::Text(text) => text,
            other => panic!("{other:?} in place of a text"),
        }
    }
}

/// An unmasked or masked frame, written by hand.
fn frame(first: u8, mask: bool, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    assert!(length < 126);
    let mut frame = vec![first, length | if mask { 0x80 } else { 0 }];
    if mask {
        // Zeroes leave the payload as it is.
        frame.extend_from_slice(&[0; 4]);
    }
    frame.extend_from_slice(payload);
    frame
}

#[test]
fn the_upgrade_is_answered_by_the_rules() {
    let server = Running::start();
    for path in ["/topics/a", "/pogu"] {
        let mut http = Http::new(server.connect());
        http.send(
            &format!("GET {path} HTTP/1.1\n{UPGRADE}\nSec-WebSocket-Key: {KEY}"),
            b"",
        );
        let head = http.head();
        assert_eq!(head.status, 101);
        assert_eq!(
            head.header("sec-websocket-accept"),
            Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        );
        assert_eq!(head.header("upgrade"), Some("websocket"));
        assert_eq!(head.header("connection"), Some("Upgrade"));
        assert_eq!(head.header("sec-websocket-extensions"), None, "none was offered");
        assert_eq!(head.header("sec-websocket-protocol"), None);
    }
}

#[test]
fn an_upgrade_against_the_rules_is_refused() {
    let server = Running::with("[cors]\norigins = [\"https://example.com\"]\n");
    let ask = |headers: &str| server.ask(&format!("GET /topics/a HTTP/1.1\n{headers}"), b"");
    let version = UPGRADE.replace("13", "8");
    let old = ask(&format!("{version}\nSec-WebSocket-Key: {KEY}"));
    old.problem(426, "upgrade-required");
    assert_eq!(old.header("sec-websocket-version"), Some("13"));
    assert_eq!(old.header("upgrade"), Some("websocket"));
    server.get("/pogu").problem(426, "upgrade-required");
    for key in [
        "",
        "\nSec-WebSocket-Key: c2hvcnQ=",
        "\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=!",
    ] {
        ask(&format!("{UPGRADE}{key}")).problem(400, "bad-parameter");
    }
    let twice = format!("{UPGRADE}\nSec-WebSocket-Key: {KEY}\nSec-WebSocket-Key: {KEY}");
    ask(&twice).problem(400, "bad-parameter");
    let from = |origin: &str| format!("{UPGRADE}\nSec-WebSocket-Key: {KEY}\nOrigin: {origin}");
    ask(&from("https://evil.example")).problem(403, "bad-origin");
    let mut http = Http::new(server.connect());
    http.send(
        &format!("GET /topics/a HTTP/1.1\n{}", from("https://example.com")),
        b"",
    );
    assert_eq!(http.head().status, 101);
    let post = format!("POST /pogu HTTP/1.1\n{UPGRADE}\nSec-WebSocket-Key: {KEY}");
    server.ask(&post, b"").problem(405, "method-not-allowed");
    let bad = format!("GET /topics/a..b HTTP/1.1\n{UPGRADE}\nSec-WebSocket-Key: {KEY}");
    server.ask(&bad, b"").problem(400, "bad-topic");
}

#[test]
fn what_is_sent_is_published_and_comes_back_in_its_kind() {
    let server = Running::start();
    let mut other = Socket::open(&server, "/topics/a");
    let mut socket = Socket::open(&server, "/topics/a");
    socket.say("안녕");
    socket.say_bytes(b"\x00\xff");
    for socket in [&mut socket, &mut other] {
        assert_eq!(socket.hear(), Heard::Text("안녕".into()));
        assert_eq!(socket.hear(), Heard::Binary(b"\x00\xff".to_vec()));
    }
    let answer = server.get("/topics/a?after=earliest").json();
    assert_eq!(answer["messages"][0]["data"], "안녕");
    assert_eq!(answer["messages"][1]["base64"], "AP8=");
}

#[test]
fn frames_that_come_with_the_request_are_heard_after_the_subscription() {
    let server = Running::start();
    let mut socket = Socket::open_with(&server, "/topics/a", false, &["first", "second"]);
    assert_eq!(socket.hear_text(), "first");
    assert_eq!(socket.hear_text(), "second");
    let mut pogu = Socket::open_with(&server, "/pogu", false, &["PING", "SUB a after=last:1"]);
    assert_eq!(pogu.hear_text(), "PONG");
    assert!(pogu.hear_text().starts_with("OK seq=2 cursor="));
    assert!(pogu.hear_text().ends_with(":second"));
}

#[test]
fn the_url_says_from_where_and_whether_own_messages_come_back() {
    let server = Running::start();
    server.publish("a", b"earlier");
    let mut socket = Socket::open(&server, "/topics/a?after=earliest&echo=0");
    assert_eq!(socket.hear_text(), "earlier");
    socket.say("own");
    let mut other = Socket::open(&server, "/topics/a?after=last:2");
    assert_eq!(other.hear_text(), "earlier");
    assert_eq!(other.hear_text(), "own");
    other.say("theirs");
    assert_eq!(socket.hear_text(), "theirs");
}

#[test]
fn a_pattern_can_be_read_but_not_published_to() {
    let server = Running::start();
    let mut socket = Socket::open(&server, "/topics/a.%3E");
    server.publish("a.b.c", b"deep");
    assert_eq!(socket.hear_text(), "deep");
    socket.say("to whom?");
    assert_eq!(socket.hear(), Heard::Close(Some(1008)));
    assert_eq!(socket.hear(), Heard::End);
}

#[test]
fn the_close_handshake_goes_both_ways() {
    let server = Running::start();
    let mut socket = Socket::open(&server, "/topics/a?echo=0");
    server.await_metric(&["pogu_connections{", "websocket"], 1);
    socket.say("last words");
    socket.close(4000);
    assert_eq!(socket.hear(), Heard::Close(Some(4000)));
    assert_eq!(socket.hear(), Heard::End);
    drop(socket);
    server.await_metric(&["pogu_connections{", "websocket"], 0);
    let mut pogu = Socket::open(&server, "/pogu");
    pogu.say("QUIT");
    assert_eq!(pogu.hear_text(), "BYE quit ".trim_end());
    assert_eq!(pogu.hear(), Heard::Close(Some(1000)));
    assert_eq!(pogu.hear(), Heard::End);
    assert_eq!(server.get("/topics/a?after=earliest").bodies(), ["last words"]);
}

#[test]
fn each_violation_is_closed_with_its_code() {
    let server = Running::with("[limits]\nmessage = 100\n");
    for (bytes, code) in [
        (frame(0x81, false, b"unmasked"), 1002),
        (frame(0xc1, true, b"rsv1 without deflate"), 1002),
        (frame(0x83, true, b"reserved"), 1002),
        (frame(0x80, true, b"nothing to continue"), 1002),
        (frame(0x09, true, b"fragmented ping"), 1002),
        (frame(0x88, true, &[3]), 1002),
        (frame(0x88, true, &1005_u16.to_be_bytes()), 1002),
        (frame(0x81, true, b"\xff\xfe"), 1007),
        (frame(0x81, true, &[b'x'; 101]), 1009),
    ] {
        let mut socket = Socket::open(&server, "/topics/a");
        socket.raw(&bytes);
        assert_eq!(socket.hear(), Heard::Close(Some(code)), "{bytes:?}");
        assert_eq!(socket.hear(), Heard::End);
    }
    let mut socket = Socket::open(&server, "/topics/a");
    socket.say(&"x".repeat(100));
    assert_eq!(socket.hear_text().len(), 100);
}

#[test]
fn a_ping_between_fragments_is_answered() {
    let server = Running::start();
    let mut socket = Socket::open(&server, "/topics/a");
    socket.raw(&frame(0x01, true, b"in "));
    socket.raw(&frame(0x89, true, b"there?"));
    assert_eq!(socket.hear(), Heard::Pong(b"there?".to_vec()));
    socket.raw(&frame(0x80, true, b"pieces"));
    assert_eq!(socket.hear_text(), "in pieces");
}

#[test]
fn compression_is_agreed_and_shared() {
    let server = Running::start();
    let text = "all that repeats, repeats, repeats ".repeat(100);
    let mut sockets: Vec<_> = (0..4)
        .map(|_| Socket::open_with(&server, "/topics/a", true, &[]))
        .collect();
    let mut plain = Socket::open(&server, "/topics/a");
    assert!(sockets[0].deflate().is_some());
    let before = server.metric(&["pogu_bytes_sent_total{", "websocket", "plain"]);
    sockets[0].say(&text);
    for socket in &mut sockets {
        assert_eq!(socket.hear_text(), text);
    }
    assert_eq!(plain.hear_text(), text);
    let sent = server.metric(&["pogu_bytes_sent_total{", "websocket", "plain"]) - before;
    let whole = u64::try_from(text.len()).unwrap();
    assert!(
        sent > whole && sent < 2 * whole,
        "{sent} bytes for one plain and four compressed"
    );
    let off = Running::with("[websocket]\ncompression = false\n");
    let mut http = Http::new(off.connect());
    let offer = "Sec-WebSocket-Extensions: permessage-deflate";
    http.send(
        &format!("GET /topics/a HTTP/1.1\n{UPGRADE}\nSec-WebSocket-Key: {KEY}\n{offer}"),
        b"",
    );
    assert_eq!(http.head().header("sec-websocket-extensions"), None);
}

#[test]
fn input_that_grows_a_thousandfold_is_read_in_many_turns_and_whole() {
    let server = Running::with("[limits]\nmailbox = \"64MiB\"\n");
    let mut reader = Socket::open(&server, "/topics/a?after=earliest");
    let mut writer = Socket::open_with(&server, "/topics/a?echo=0", true, &[]);
    let messages = 40;
    for number in 0..messages {
        writer.say(&format!("{number}{}", " ".repeat(1_000_000)));
    }
    for number in 0..messages {
        let heard = reader.hear_text();
        assert_eq!(
            (heard.trim_end(), heard.len() > 1_000_000),
            (&*number.to_string(), true)
        );
    }
}

#[test]
fn the_pogu_dialect_rides_on_messages() {
    let server = Running::start();
    let mut socket = Socket::open(&server, "/pogu");
    socket.say("SUB a.*");
    assert!(socket.hear_text().starts_with("OK seq=1 cursor="));
    server.publish("a.b", b"hello");
    let message = socket.hear_text();
    assert!(
        message.starts_with("MSG a.b cursor=") && message.ends_with(" :hello"),
        "{message}"
    );
    socket.say("PUB a.c :two\nlines");
    let heard = [socket.hear_text(), socket.hear_text()];
    assert!(
        heard.iter().any(|line| line.starts_with("OK seq=2 cursor=")),
        "{heard:?}"
    );
    assert!(
        heard.iter().any(|line| line.ends_with(":two\nlines")),
        "{heard:?}"
    );
    socket.say("NONSENSE");
    assert!(socket.hear_text().starts_with("ERR "));
    server.ask("POST /topics/a.b HTTP/1.1\nContent-Type: image/png", b"\x89PNG");
    assert!(matches!(socket.hear(), Heard::Binary(bytes) if bytes.ends_with(b":\x89PNG")));
}

#[test]
fn the_largest_body_has_room_beside_its_command() {
    let server = Running::with("[limits]\nmessage = 100\n");
    let mut socket = Socket::open(&server, "/pogu");
    socket.say(&format!("PUB a :{}", "x".repeat(100)));
    assert!(socket.hear_text().starts_with("OK seq=1"));
    socket.say(&format!("PUB a :{}", "x".repeat(101)));
    assert!(socket.hear_text().starts_with("ERR too-large seq=2"));
}

#[test]
fn what_was_asked_before_the_end_is_answered_before_the_close() {
    let server = Running::start();
    let mut socket = Socket::open_with(&server, "/pogu", false, &["PUB a :x", "PUB b :y", "QUIT"]);
    assert!(socket.hear_text().starts_with("OK seq=1"));
    assert!(socket.hear_text().starts_with("OK seq=2"));
    assert!(socket.hear_text().starts_with("BYE quit"));
    assert_eq!(socket.hear(), Heard::Close(Some(1000)));
}

#[test]
fn a_silent_connection_is_pinged_and_given_up() {
    let server = Running::with("[websocket]\nping-interval = \"20ms\"\npong-timeout = \"20ms\"\n");
    let mut silent = server.connect();
    silent
        .write_all(&crate::server::request(
            &format!("GET /topics/b HTTP/1.1\n{UPGRADE}\nSec-WebSocket-Key: {KEY}"),
            b"",
        ))
        .unwrap();
    let mut bytes = Vec::new();
    silent.read_to_end(&mut bytes).unwrap();
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    assert!(
        bytes[end..].starts_with(&[0x89, 0]),
        "a ping: {:?}",
        &bytes[end..]
    );
}

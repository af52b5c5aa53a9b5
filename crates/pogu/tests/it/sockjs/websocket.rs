//! The WebSocket of a session, and the one that is none.

use super::client::{Session, SockJs};
use super::fixed::is_refused;
use super::start;
use super::transport::{Frame, Transport};
use crate::server::Http;
use crate::websocket::{Heard, Socket};

const UPGRADE: &str = "\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\
                       \nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==";

#[test]
fn what_asks_for_no_websocket_is_refused() {
    let server = start();
    for path in ["/echo/0/0/websocket", "/echo/websocket"] {
        for headers in [
            "",
            "\nUpgrade: WebSocket\nConnection: close",
            "\nUpgrade: h2c\nConnection: Upgrade",
            "\nConnection: Upgrade",
        ] {
            let answer = server.ask(&format!("GET {path} HTTP/1.1{headers}"), b"");
            is_refused(&answer, 400, "Not a valid websocket request");
        }
    }
    let old = UPGRADE.replace("13", "8");
    let answer = server.ask(&format!("GET /echo/0/0/websocket HTTP/1.1{old}"), b"");
    answer.problem(426, "upgrade-required");
    for path in ["/0/0/websocket", "/websocket"] {
        let target = format!("/disabled_websocket_echo{path}");
        assert_eq!(server.get(&target).status, 404);
        let asked = format!("GET {target} HTTP/1.1{UPGRADE}");
        assert_eq!(server.ask(&asked, b"").status, 404);
    }
}

#[test]
fn the_upgrade_is_answered_by_the_rules() {
    let server = start();
    for path in ["/echo/000/any/websocket", "/echo/websocket", "/echo"] {
        let mut http = Http::new(server.connect());
        http.send(&format!("GET {path} HTTP/1.1{UPGRADE}"), b"");
        let head = http.head();
        assert_eq!(head.status, 101);
        assert_eq!(
            head.header("sec-websocket-accept"),
            Some("HSmrc0sMlYUkAGmm5OPpG2HaGWk=")
        );
        assert_eq!(head.header("connection"), Some("Upgrade"));
        assert_eq!(head.header("upgrade"), Some("websocket"));
        assert_eq!(head.header("content-length"), None);
        assert_eq!(head.header("sec-websocket-extensions"), None);
    }
}

#[test]
fn a_subprotocol_of_stomp_is_agreed_on() {
    let server = start();
    for (path, agreed) in [
        ("/stomp/0/a/websocket", Some("v11.stomp")),
        ("/stomp/websocket", Some("v11.stomp")),
        ("/pogu/0/a/websocket", None),
    ] {
        let mut http = Http::new(server.connect());
        let offer = "\nSec-WebSocket-Protocol: mqtt, v11.stomp";
        http.send(&format!("GET {path} HTTP/1.1{UPGRADE}{offer}"), b"");
        let head = http.head();
        assert_eq!(
            (head.status, head.header("sec-websocket-protocol")),
            (101, agreed)
        );
    }
}

#[test]
fn each_message_is_a_frame() {
    let server = start();
    let mut sockjs = SockJs::open(&server, "/echo", Transport::WebSocket);
    let socket = sockjs.socket();
    for nothing in ["", "[]", " [ ] "] {
        socket.say(nothing);
    }
    socket.say("[\"a\"]");
    assert_eq!(socket.hear_text(), "a[\"a\"]");
    // One string is as good as an array of one, and a binary message as a text.
    socket.say("\"b\"");
    assert_eq!(socket.hear_text(), "a[\"b\"]");
    socket.say_bytes(b"[\"c\"]");
    assert_eq!(socket.hear_text(), "a[\"c\"]");
    socket.say("[\"d\",\"e\\uffff\"]");
    assert_eq!(socket.hear_text(), "a[\"d\"]");
    assert_eq!(socket.hear_text(), "a[\"e\\uffff\"]");
    socket.close(1000);
    assert_eq!(socket.hear(), Heard::Close(Some(1000)));
    assert_eq!(socket.hear(), Heard::End);
    drop(sockjs);
    server.await_metric(&["pogu_connections{", "sockjs"], 0);
}

#[test]
fn what_comes_with_the_request_is_heard_after_the_open_frame() {
    let server = start();
    for base in ["/echo", "/topics/a"] {
        let url = Session::new(&server, base).url("websocket");
        let mut socket = Socket::open_with(&server, &url, false, &["[\"a\"]", "[\"b\"]"]);
        for frame in ["o", "a[\"a\"]", "a[\"b\"]"] {
            assert_eq!(socket.hear_text(), frame);
        }
    }
}

#[test]
fn two_websockets_of_one_name_are_two_sessions() {
    let server = start();
    let session = Session::new(&server, "/echo");
    session.open();
    let mut sockets: Vec<SockJs> = (0..2)
        .map(|_| SockJs::on(session.clone(), Transport::WebSocket))
        .collect();
    for (number, sockjs) in sockets.iter_mut().enumerate() {
        assert_eq!(sockjs.frame(), Some(Frame::Open));
        sockjs.say(&number.to_string());
    }
    session.send("[\"poll\"]");
    for (number, sockjs) in sockets.iter_mut().enumerate() {
        assert_eq!(sockjs.hear(), number.to_string());
    }
    assert_eq!(session.poll(), "a[\"poll\"]\n");
    drop(sockets);
    let mut again = SockJs::on(session, Transport::WebSocket);
    assert_eq!(again.frame(), Some(Frame::Open));
}

#[test]
fn a_close_frame_is_followed_by_the_websockets_own() {
    let server = start();
    let mut sockjs = SockJs::open(&server, "/close", Transport::WebSocket);
    assert_eq!(sockjs.frame(), Some(Frame::Close(3000, "Go away!".into())));
    assert_eq!(sockjs.socket().hear(), Heard::Close(Some(1000)));
    assert_eq!(sockjs.socket().hear(), Heard::End);
    // Without SockJS the code and the reason are the WebSocket's.
    for path in ["/close/websocket", "/close"] {
        let mut raw = Socket::open(&server, path);
        assert_eq!(raw.hear(), Heard::Close(Some(3000)));
    }
}

#[test]
fn whoever_cannot_be_read_is_cut() {
    let server = start();
    for broken in [
        "[\"a",
        "x",
        "{}",
        "[1]",
        "[[\"a\"]]",
        "1",
        "[\"a\"",
        "[\"\\ud8\"]",
        "null",
    ] {
        let mut sockjs = SockJs::open(&server, "/echo", Transport::WebSocket);
        sockjs.socket().say(broken);
        sockjs.socket().say("[\"after\"]");
        assert_eq!(sockjs.socket().hear(), Heard::Close(Some(3000)), "{broken}");
        assert_eq!(sockjs.socket().hear(), Heard::End);
    }
    let mut sockjs = SockJs::open(&server, "/echo", Transport::WebSocket);
    sockjs.socket().say_bytes(b"[\"\xff\"]");
    assert_eq!(sockjs.socket().hear(), Heard::Close(Some(3000)));
}

#[test]
fn a_raw_websocket_has_no_frames() {
    let server = start();
    let mut raw = Socket::open(&server, "/echo/websocket");
    raw.say("Hello world!\u{ffff}");
    assert_eq!(raw.hear_text(), "Hello world!\u{ffff}");
    raw.say_bytes(b"\xff\x00");
    assert_eq!(raw.hear(), Heard::Binary(b"\xff\x00".to_vec()));
    let mut raw = Socket::open(&server, "/topics/a/websocket?echo=0");
    server.publish("a", b"plain");
    raw.say("own");
    assert_eq!(raw.hear_text(), "plain");
    let mut raw = Socket::open(&server, "/pogu/websocket");
    raw.say("PING");
    assert_eq!(raw.hear_text(), "PONG");
}

//! Peers that mean ill: each is refused clearly, and others are not disturbed.

use std::io::Write;

use base64::Engine;
use sha1_smol::Sha1;

use super::client::{Session, SockJs};
use super::fixed::is_refused;
use super::transport::Transport;
use super::{echo, serve, start};
use crate::server::{Http, Running, request};
use crate::websocket::Heard;

#[test]
fn an_upgrade_where_there_is_no_websocket_is_passed_over() {
    // CVE-2020-7693.
    let server = start();
    let upgrades = [
        "\nUpgrade: websocket",
        "\nUpgrade: websocket\nConnection: Upgrade",
        "\nConnection: upgrade\nUpgrade: WebSocket\nSec-WebSocket-Version: 13\
         \nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==",
    ];
    for (round, upgrade) in upgrades.into_iter().enumerate() {
        for (target, status) in [
            ("GET /echo/", 200),
            ("GET /echo/info", 200),
            ("OPTIONS /echo/info", 204),
            ("GET /echo/iframe.html", 200),
            ("GET /echo/a/a/jsonp", 500),
            ("GET /echo/a/a/jsonp?c=f", 200),
            ("POST /echo/a/a/xhr_send", 500),
            ("POST /echo/a/a/jsonp_send", 500),
            ("GET /echo/a/a/xhr", 405),
            ("GET /echo/a/a/nothing", 404),
            ("GET /echo/a", 404),
            ("POST /echo/a/a/websocket", 405),
            ("GET /disabled_websocket_echo/websocket", 404),
            ("GET /disabled_websocket_echo/a/a/websocket", 404),
            ("GET /sockjs-iframe.js", 200),
        ] {
            let target = target.replace("/a/a/", &format!("/a/a{round}/"));
            let answer = server.ask(&format!("{target} HTTP/1.1{upgrade}"), b"");
            assert_eq!(answer.status, status, "{target}{upgrade}: {answer:?}");
        }
        for transport in Transport::HTTP {
            let session = Session::new(&server, "/echo");
            session.open();
            session.send("[\"x\"]");
            let method = transport.method();
            let last = format!("{}?c=f", transport.name());
            let mut http = session.request(method, &last, upgrade, "");
            let frame = if transport.is_poll() {
                http.answer().text()
            } else {
                assert_eq!(http.head().status, 200);
                http.chunk();
                http.chunk().unwrap()
            };
            assert_eq!(frame, transport.wrap("a[\"x\"]"));
        }
    }
    assert_eq!(server.get("/healthz").text(), "ok\n");
}

#[test]
fn json_that_is_deep_or_endless_is_read_no_further_than_it_may() {
    let server = start();
    let session = Session::new(&server, "/echo");
    session.open();
    for body in [
        "[".repeat(100_000),
        "[\"a\",".repeat(50_000),
        "{\"a\":".repeat(50_000),
        "[".repeat(100_000) + &"]".repeat(100_000),
        "[\"a\"".to_owned() + &",[]".repeat(50_000) + "]",
        "[0".to_owned() + &",0".repeat(50_000) + "]",
        "\"".repeat(100_001),
        "[\"".to_owned() + &"\\".repeat(100_001),
        "[\"".to_owned() + &"\\u".repeat(50_000) + "\"]",
        "1".repeat(100_000),
    ] {
        let answer = session.post(&body);
        assert_eq!(answer.status, 500, "{}", &body[..10]);
        let text = answer.text();
        assert!(
            ["Broken JSON encoding.", "Payload expected."].contains(&&*text),
            "{text}"
        );
        let mut socket = SockJs::open(&server, "/echo", Transport::WebSocket);
        socket.socket().say(&body);
        assert_eq!(socket.socket().hear(), Heard::Close(Some(3000)));
    }
    session.send("[\"still there\"]");
    assert_eq!(session.poll(), "a[\"still there\"]\n");
}

#[test]
fn what_is_not_utf_8_is_no_json() {
    let server = start();
    let session = Session::new(&server, "/echo");
    session.open();
    let post = |last: &str, headers: &str, body: &[u8]| {
        let url = session.url(last);
        server.ask(&format!("POST {url} HTTP/1.1{headers}"), body)
    };
    for body in [
        &b"[\"\xff\"]"[..],
        b"[\"\xc0\xaf\"]",
        b"[\"\xed\xa0\x80\"]",
        b"[\"\xf4\x90\x80\x80\"]",
        b"\xef\xbb\xbf[\"a\"]",
        b"[\"a\"]\0",
        b"\xff\xfe[\0]\0",
    ] {
        is_refused(&post("xhr_send", "", body), 500, "Broken JSON encoding.");
    }
    let form = "\nContent-Type: application/x-www-form-urlencoded";
    for body in [&b"d=[\"%ff\"]"[..], b"d=[\"\xff\"]", b"d=%", b"d=%5B%2"] {
        is_refused(&post("jsonp_send", form, body), 500, "Broken JSON encoding.");
    }
    // A type that is no text is none that is known.
    let answer = post("xhr_send", "\nContent-Type: \u{e9}\u{1F600}", b"[\"a\"]");
    assert_eq!(answer.status, 204);
    assert_eq!(session.poll(), "a[\"a\"]\n");
}

#[test]
fn a_path_is_what_it_is_written_as() {
    let server = start();
    for target in [
        "/echo/../echo/0/a/xhr",
        "/echo/0/../xhr",
        "/./echo/0/a/xhr",
        "//echo/0/a/xhr",
        "/echo//a/xhr",
        "/echo/0/a/xhr/../xhr",
        "/echo/0/a/xhr%2f",
        "/ech%6F/0/a/xhr",
        "/echo/0/a/%78hr",
        "/Echo/0/a/xhr",
        "/echo0/0/a/xhr",
    ] {
        let answer = server.ask(&format!("POST {target} HTTP/1.1"), b"");
        assert_eq!(answer.status, 404, "{target}: {answer:?}");
    }
    assert_eq!(server.metric(&["pogu_connections{", "sockjs"]), 0);
    let deep = "/echo".to_owned() + &"/a".repeat(4000);
    assert_eq!(server.ask(&format!("POST {deep}/xhr HTTP/1.1"), b"").status, 404);
    let long = format!("/echo/0/a/xhr?{}", "c=f&".repeat(2000));
    assert_eq!(server.ask(&format!("POST {long} HTTP/1.1"), b"").text(), "o\n");
}

/// The id that a session of SockJS has within the server, as one of Engine.IO would be written.
fn inner_id(path: &str, name: &str, lanes: u32) -> String {
    let digest = Sha1::from(format!("{path}\0{name}")).digest().bytes();
    let number = u32::from_be_bytes(digest[16..].try_into().unwrap());
    let lane = u16::try_from(number % lanes).unwrap();
    let id = [&lane.to_be_bytes()[..], &digest[..16]].concat();
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(id)
}

#[test]
fn a_session_of_one_protocol_is_none_of_the_other() {
    let server = serve("", &[("/echo", echo())]);
    let session = Session::named(&server, "/echo", "known");
    session.open();
    let sid = inner_id("/echo", "known", 2);
    let target = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    for method in ["GET", "POST"] {
        let answer = server.ask(&format!("{method} {target} HTTP/1.1"), b"1");
        assert_eq!((answer.status, &answer.json()["code"]), (400, &1.into()));
    }
    let mut http = Http::new(server.connect());
    let upgrade = "\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\
                   \nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==";
    let target = format!("/socket.io/?EIO=4&transport=websocket&sid={sid}");
    http.send(&format!("GET {target} HTTP/1.1{upgrade}"), b"");
    assert!(http.ends());
    session.send("[\"undisturbed\"]");
    assert_eq!(session.poll(), "a[\"undisturbed\"]\n");

    let handshake = server.get("/socket.io/?EIO=4&transport=polling").text();
    let handshake: serde_json::Value = serde_json::from_str(&handshake[1..]).unwrap();
    let sid = handshake["sid"].as_str().unwrap();
    for base in ["/echo", "/pogu"] {
        let stranger = Session::named(&server, base, sid);
        assert_eq!(stranger.post("[\"x\"]").status, 404);
        stranger.open();
        stranger.send("[]");
    }
    let target = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    assert_eq!(server.ask(&format!("POST {target} HTTP/1.1"), b"40").text(), "ok");
}

/// Requests in one write.
fn pipeline(server: &Running, requests: &[(String, &str)]) -> Http {
    let mut stream = server.connect();
    let bytes: Vec<u8> = requests
        .iter()
        .flat_map(|(target, body)| request(&format!("POST {target} HTTP/1.1"), body.as_bytes()))
        .collect();
    stream.write_all(&bytes).unwrap();
    Http::new(stream)
}

#[test]
fn pipelined_requests_are_answered_one_after_the_other() {
    let server = serve(
        "[sockjs]\nheartbeat = \"20ms\"\nresponse-limit = 8\n",
        &[("/echo", echo())],
    );
    for last in ["xhr", "xhr_streaming"] {
        let session = Session::new(&server, "/echo");
        let (receive, send) = (session.url(last), session.url("xhr_send"));
        let mut http = pipeline(
            &server,
            &[
                (receive.clone(), ""),
                (send.clone(), "[\"a\"]"),
                (receive.clone(), ""),
                // Behind one that waits: a heartbeat lets it through.
                (receive.clone(), ""),
                (send, "[\"b\"]"),
                (receive, ""),
            ],
        );
        let mut frames = Vec::new();
        for is_send in [false, true, false, false, true, false] {
            if is_send {
                assert_eq!(http.answer().status, 204);
            } else if last == "xhr" {
                frames.push(http.answer().text());
            } else {
                http.head();
                http.chunk();
                frames.extend(std::iter::from_fn(|| http.chunk()));
            }
        }
        frames.retain(|frame| frame != "h\n");
        assert_eq!(frames, ["o\n", "a[\"a\"]\n", "a[\"b\"]\n"]);
    }
}

#[test]
fn a_client_that_goes_with_requests_under_way_leaves_nothing_behind() {
    let server = serve(
        "[sockjs]\nheartbeat = \"20ms\"\ndisconnect-delay = \"20ms\"\n",
        &[("/echo", echo())],
    );
    for last in ["xhr", "xhr_streaming"] {
        let session = Session::new(&server, "/echo");
        let (receive, send) = (session.url(last), session.url("xhr_send"));
        let requests = [
            (receive.clone(), ""),
            (receive.clone(), ""),
            (send, "[\"a\"]"),
            (receive, ""),
        ];
        drop(pipeline(&server, &requests));
        let mut http = pipeline(&server, &requests);
        assert_eq!(http.head().status, 200);
        drop(http);
    }
    server.await_metric(&["pogu_connections{"], 0);
}

//! Responses that go on: `xhr_streaming`, `eventsource` and `htmlfile`; and what HTTP makes of them.

use std::io::{Read, Write};

use super::client::Session;
use super::fixed::{is_for, is_not_cached};
use super::transport::Transport;
use super::{serve, start};
use crate::server::{Http, request};

const PAGE: &str = r#"<!doctype html>
<html><head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
</head><body><h2>Don't panic!</h2>
  <script>
    document.domain = document.domain;
    var c = parent.f;
    c.start();
    function p(d) {c.message(d);};
    window.onload = function() {c.stop();};
  </script>"#;

/// What a stream begins with.
#[track_caller]
fn is_prelude(transport: Transport, prelude: &str) {
    match transport {
        Transport::XhrStreaming => assert_eq!(prelude, "h".repeat(2048) + "\n"),
        Transport::EventSource => assert_eq!(prelude, "\r\n"),
        _ => {
            assert_eq!(prelude.trim_end(), PAGE);
            assert!(
                prelude.len() > 1024 && prelude.ends_with("\r\n\r\n"),
                "{prelude:?}"
            );
        }
    }
}

#[test]
fn each_frame_is_a_chunk_of_its_own() {
    let server = start();
    for (transport, content_type) in [
        (Transport::XhrStreaming, "application/javascript; charset=UTF-8"),
        (Transport::EventSource, "text/event-stream"),
        (Transport::HtmlFile, "text/html; charset=UTF-8"),
    ] {
        let session = Session::new(&server, "/echo");
        let mut stream = session.receive(transport);
        let head = stream.head();
        assert_eq!(head.status, 200);
        assert_eq!(head.header("content-type"), Some(content_type));
        assert_eq!(head.header("transfer-encoding"), Some("chunked"));
        assert_eq!(head.header("content-length"), None);
        is_not_cached(&head);
        is_for(&head, None);
        is_prelude(transport, &stream.chunk().unwrap());
        assert_eq!(stream.chunk().unwrap(), transport.wrap("o"));
        session.send("[\"x\"]");
        assert_eq!(stream.chunk().unwrap(), transport.wrap("a[\"x\"]"));
        session.send("[\"  \\u0000\\n\\r \"]");
        assert_eq!(stream.chunk().unwrap(), transport.wrap("a[\"  \\u0000\\n\\r \"]"));
        session.send("[\"y\",\"z\"]");
        assert_eq!(stream.chunk().unwrap(), transport.wrap("a[\"y\",\"z\"]"));
    }
    let session = Session::new(&server, "/echo");
    let head = session
        .request("POST", "xhr_streaming", "\nOrigin: null", "")
        .head();
    is_for(&head, Some("null"));
}

#[test]
fn a_stream_ends_at_its_length_and_the_next_goes_on() {
    let server = start();
    let session = Session::new(&server, "/echo");
    let mut stream = session.stream(Transport::XhrStreaming);
    assert_eq!(stream.chunk().unwrap(), "o\n");
    let message = format!("[\"{}\"]", "x".repeat(128));
    for _ in 0..31 {
        session.send(&message);
        assert_eq!(stream.chunk().unwrap(), format!("a{message}\n"));
    }
    assert_eq!(stream.chunk(), None);
    // Its connection is for the next request.
    stream.send(&format!("POST {} HTTP/1.1", session.url("xhr")), b"");
    session.send("[\"next\"]");
    assert_eq!(stream.answer().text(), "a[\"next\"]\n");
    for transport in Transport::STREAMS {
        let session = Session::new(&server, "/echo");
        let mut stream = session.stream(transport);
        assert_eq!(stream.chunk().unwrap(), transport.wrap("o"));
        let message = format!("[\"{}\"]", "y".repeat(4096));
        session.send(&message);
        assert_eq!(stream.chunk().unwrap(), transport.wrap(&format!("a{message}")));
        assert_eq!(stream.chunk(), None);
        let mut stream = session.stream(transport);
        session.send("[\"z\"]");
        assert_eq!(stream.chunk().unwrap(), transport.wrap("a[\"z\"]"));
    }
}

#[test]
fn heartbeats_keep_a_response_from_looking_idle() {
    let server = serve("[sockjs]\nheartbeat = \"15ms\"\n", &[]);
    for transport in Transport::STREAMS {
        let session = Session::new(&server, "/topics/a");
        let mut stream = session.stream(transport);
        assert_eq!(stream.chunk().unwrap(), transport.wrap("o"));
        assert_eq!(stream.chunk().unwrap(), transport.wrap("h"));
        assert_eq!(stream.chunk().unwrap(), transport.wrap("h"));
    }
    let session = Session::new(&server, "/topics/a");
    session.open();
    assert_eq!(session.poll(), "h\n");
    let jsonp = session.receive(Transport::Jsonp).answer().text();
    assert_eq!(jsonp, "/**/f(\"h\");\r\n");
    let mut socket = super::Client::open(&server, "/topics/a", Transport::WebSocket);
    assert_eq!(socket.socket().hear_text(), "h");
    assert_eq!(socket.socket().hear_text(), "h");
}

/// What an HTTP/1.0 request is answered, up to the end of the connection.
fn ask_http10(server: &crate::server::Running, head: &str) -> (String, String) {
    let mut stream = server.connect();
    stream.write_all(&request(head, b"")).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}

#[test]
fn http_1_0_has_no_chunks() {
    let server = start();
    let (head, body) = ask_http10(&server, "GET /echo HTTP/1.0");
    assert!(head.contains("content-length: 19") && !head.contains("transfer-encoding"));
    assert_eq!(body, "Welcome to SockJS!\n");
    for keep_alive in ["", "\nConnection: Keep-Alive"] {
        for transport in Transport::STREAMS {
            let url = Session::new(&server, "/close").url(transport.name());
            let method = if transport == Transport::XhrStreaming {
                "POST"
            } else {
                "GET"
            };
            let (head, body) = ask_http10(&server, &format!("{method} {url}?c=f HTTP/1.0{keep_alive}"));
            assert!(head.contains(" 200 "), "{head}");
            assert!(
                !head.contains("transfer-encoding") && !head.contains("content-length"),
                "{head}"
            );
            let frames = transport.wrap("o") + &transport.wrap("c[3000,\"Go away!\"]");
            is_prelude(transport, body.strip_suffix(&frames).unwrap());
        }
    }
    // A poll's length is known, so its connection can go on.
    let session = Session::new(&server, "/echo");
    let mut http = Http::new(server.connect());
    for (last, body) in [("xhr", "o\n"), ("xhr_send", ""), ("xhr", "a[\"x\"]\n")] {
        let head = format!("POST {} HTTP/1.0\nConnection: keep-alive", session.url(last));
        let sent: &[u8] = if last == "xhr" { b"" } else { b"[\"x\"]" };
        http.send(&head, sent);
        assert_eq!(http.answer().text(), body);
    }
}

#[test]
fn http_1_1_keeps_the_connection() {
    let server = start();
    let mut http = Http::new(server.connect());
    for _ in 0..2 {
        http.send("GET /echo HTTP/1.1\nConnection: Keep-Alive", b"");
        let answer = http.answer();
        assert_eq!(answer.header("content-length"), Some("19"));
        assert_eq!(answer.header("transfer-encoding"), None);
        assert!(answer.header("connection").is_none_or(|value| value != "close"));
    }
    let url = Session::new(&server, "/close").url("xhr_streaming");
    for frames in [
        &["o\n", "c[3000,\"Go away!\"]\n"][..],
        &["c[3000,\"Go away!\"]\n"],
    ] {
        http.send(&format!("POST {url} HTTP/1.1"), b"");
        assert_eq!(http.head().header("transfer-encoding"), Some("chunked"));
        is_prelude(Transport::XhrStreaming, &http.chunk().unwrap());
        for frame in frames {
            assert_eq!(http.chunk().unwrap(), *frame);
        }
        assert_eq!(http.chunk(), None);
    }
    // A POST without a length has no body.
    let session = Session::new(&server, "/echo");
    let mut stream = server.connect();
    write!(
        stream,
        "POST {} HTTP/1.1\r\nHost: test\r\n\r\n",
        session.url("xhr")
    )
    .unwrap();
    assert_eq!(Http::new(stream).answer().text(), "o\n");
}

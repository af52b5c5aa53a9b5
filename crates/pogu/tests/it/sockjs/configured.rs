//! What the section `[sockjs]` and the allowed origins change.

use pogu::config::SockJs as Settings;

use super::client::{Session, SockJs};
use super::transport::Transport;
use super::{echo, serve};
use crate::server::{Answer, Http, Running};
use crate::websocket::Socket;

#[test]
fn it_can_be_left_out() {
    let offered = echo().sockjs(Settings::default());
    let server = serve(
        "[sockjs]\nenabled = false\n",
        &[("/echo", echo()), ("/offered", offered)],
    );
    for base in ["/pogu", "/stomp", "/echo"] {
        for last in ["/", "/info", "/iframe.html", "/0/a/eventsource", "/0/a/websocket"] {
            server.get(&format!("{base}{last}")).problem(404, "not-found");
        }
        let answer = Session::new(&server, base).ask("POST", "xhr", "", "");
        answer.problem(404, "not-found");
    }
    server.get("/topics/a/info").problem(400, "bad-topic");
    server.get("/sockjs-iframe.js").problem(404, "not-found");
    // What is not SockJS's is there.
    for path in ["/pogu", "/stomp", "/stomp/websocket", "/topics/a", "/echo"] {
        Socket::open(&server, path);
    }
    // An endpoint has its own say.
    SockJs::open(&server, "/offered", Transport::Xhr);
    let declined = echo().sockjs(Settings {
        enabled: false,
        ..Settings::default()
    });
    let server = serve("", &[("/declined", declined)]);
    assert_eq!(server.get("/declined/info").status, 404);
    assert_eq!(server.get("/declined").status, 426);
}

#[test]
fn websockets_can_be_left_out_and_a_cookie_be_set() {
    let server = serve("[sockjs]\nwebsocket = false\ncookie = true\n", &[]);
    for base in ["/topics/a", "/pogu", "/stomp"] {
        let info = server.get(&format!("{base}/info")).json();
        assert_eq!(
            (&info["websocket"], &info["cookie_needed"]),
            (&false.into(), &true.into())
        );
        assert_eq!(server.get(&format!("{base}/0/a/websocket")).status, 404);
        let answer = Session::new(&server, base).ask("POST", "xhr", "", "");
        assert_eq!(answer.text(), "o\n");
        assert_eq!(answer.header("set-cookie"), Some("JSESSIONID=dummy; path=/"));
        Socket::open(&server, base);
    }
}

const OURS: &str = "https://example.com";

fn listed() -> Running {
    serve(
        "[cors]\norigins = [\"https://example.com\"]\n",
        &[("/echo", echo())],
    )
}

/// What a script of `origin` is told that it may read.
fn allowed(answer: &Answer) -> Option<&str> {
    let origin = answer.header("access-control-allow-origin");
    let with_cookies = answer.header("access-control-allow-credentials");
    assert_eq!(origin.is_some(), with_cookies.is_some(), "{answer:?}");
    origin
}

#[test]
fn pages_on_the_list_may_use_it_and_others_may_not() {
    let server = listed();
    for (origin, is_listed) in [
        (OURS, true),
        // The server's own.
        ("https://test", true),
        ("https://example.com.evil", false),
        ("http://example.com", false),
        ("https://evil.example", false),
        ("null", false),
    ] {
        let header = format!("\nOrigin: {origin}");
        let told = is_listed.then_some(origin);
        let session = Session::new(&server, "/echo");
        for target in ["/echo/info", "/echo/iframe.html", "/echo/"] {
            let answer = server.ask(&format!("GET {target} HTTP/1.1{header}"), b"");
            assert_eq!(
                (answer.status, allowed(&answer)),
                (200, told),
                "{target} {origin}"
            );
        }
        let asked = format!("{header}\nAccess-Control-Request-Method: POST");
        let answer = session.ask("OPTIONS", "xhr_send", &asked, "");
        assert_eq!((answer.status, allowed(&answer)), (204, told));
        for last in ["xhr", "xhr_streaming"] {
            let head = session.request("POST", last, &header, "").head();
            if is_listed {
                assert_eq!((head.status, allowed(&head)), (200, told));
            } else {
                assert_eq!((head.status, allowed(&head)), (403, None));
            }
        }
        let victim = Session::new(&server, "/topics/a");
        victim.open();
        for (last, content_type) in [
            ("xhr_send", "text/plain"),
            ("jsonp_send", "application/x-www-form-urlencoded"),
        ] {
            let headers = format!("{header}\nContent-Type: {content_type}");
            let body = if last == "xhr_send" {
                "[\"x\"]"
            } else {
                "d=[\"x\"]"
            };
            let answer = victim.ask("POST", last, &headers, body);
            if is_listed {
                assert!(answer.status < 300, "{answer:?}");
            } else {
                answer.problem(403, "bad-origin");
            }
        }
        let upgrade = "\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\
                       \nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==";
        for last in ["/websocket", "/0/a/websocket"] {
            let mut http = Http::new(server.connect());
            http.send(&format!("GET /echo{last} HTTP/1.1{upgrade}{header}"), b"");
            assert_eq!(http.head().status, if is_listed { 101 } else { 403 });
        }
        // What is asked for by GET is answered, but not to be read.
        let session = Session::new(&server, "/echo");
        let head = session.request("GET", "eventsource", &header, "").head();
        assert_eq!((head.status, allowed(&head)), (200, told));
    }
    let kept = server.get("/topics/a?after=earliest").bodies();
    assert_eq!(kept.len(), 4, "two pages have sent two each");
}

#[test]
fn a_script_is_never_asked_for_its_origin_and_so_refused() {
    let server = listed();
    for origin in ["", "\nOrigin: https://example.com", "\nOrigin: null"] {
        let answer = Session::new(&server, "/echo").ask("GET", "jsonp?c=f", origin, "");
        answer.problem(403, "bad-origin");
    }
    assert_eq!(server.metric(&["pogu_connections{", "sockjs"]), 0);
    let script = server.get("/sockjs-iframe.js").text();
    assert!(script.starts_with("var SOCKJS_ORIGINS = [\"https://example.com\"];\n"));
}

#[test]
fn without_a_list_any_origin_is_told_back() {
    let server = serve("", &[]);
    for origin in ["https://a.example", "null", "test"] {
        let header = format!("\nOrigin: {origin}");
        let session = Session::new(&server, "/topics/a");
        for (method, last, body) in [
            ("POST", "xhr", ""),
            ("POST", "xhr_send", "[\"x\"]"),
            ("POST", "xhr_send", "broken"),
            ("GET", "jsonp?c=f", ""),
            ("GET", "jsonp", ""),
            ("GET", "xhr", ""),
        ] {
            let answer = session.ask(method, last, &header, body);
            assert_eq!(allowed(&answer), Some(origin), "{last}: {answer:?}");
            assert_eq!(answer.header("vary"), Some("origin"));
        }
        let head = session.request("POST", "xhr_streaming", &header, "").head();
        assert_eq!(allowed(&head), Some(origin));
    }
}

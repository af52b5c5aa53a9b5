//! Responses of one frame: `xhr` and `jsonp`, and what is sent beside them.

use super::client::{BUSY, Session};
use super::fixed::{is_for, is_not_cached, is_refused};
use super::start;
use super::transport::Transport;

#[test]
fn an_xhr_session_opens_sends_and_receives() {
    let server = start();
    let session = Session::new(&server, "/echo");
    let answer = session.ask("POST", "xhr", "\nOrigin: test", "");
    is_refused(&answer, 200, "o\n");
    assert_eq!(
        answer.header("content-type"),
        Some("application/javascript; charset=UTF-8")
    );
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("content-length"), Some("2"));
    is_for(&answer, Some("test"));
    is_not_cached(&answer);
    let answer = session.ask("POST", "xhr_send", "\nOrigin: test", "[\"x\"]");
    is_refused(&answer, 204, "");
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
    is_for(&answer, Some("test"));
    is_not_cached(&answer);
    assert_eq!(session.poll(), "a[\"x\"]\n");
    // What a POST to receive brings along does not matter.
    session.send("[\"y\",\"z\"]");
    assert_eq!(session.ask("POST", "xhr", "", "body").text(), "a[\"y\",\"z\"]\n");
    assert_eq!(
        Session::new(&server, "/echo").ask("POST", "xhr/", "", "").text(),
        "o\n"
    );
}

#[test]
fn what_is_sent_to_no_session_is_not_found() {
    let server = start();
    let session = Session::new(&server, "/echo");
    assert_eq!(session.post("[\"x\"]").status, 404);
    assert_eq!(session.ask("POST", "jsonp_send", "", "d=[]").status, 404);
    is_for(&session.post("[\"x\"]"), None);
}

#[test]
fn what_cannot_be_read_is_refused_with_a_text() {
    let server = start();
    let session = Session::new(&server, "/echo");
    session.open();
    for broken in [
        "[\"x",
        "x",
        "[\"\\x\"]",
        "[\"a\"]]",
        "[\"a\",]",
        "[\"\\ud8\"]",
        "[\"\t\"]",
    ] {
        is_refused(&session.post(broken), 500, "Broken JSON encoding.");
    }
    for no_payload in [
        "",
        "\"x\"",
        "{}",
        "[1]",
        "[[\"x\"]]",
        "[\"a\",null]",
        "null",
        "[\"a\",{}]",
    ] {
        is_refused(&session.post(no_payload), 500, "Payload expected.");
    }
    is_not_cached(&session.post(""));
    session.send("[]");
    session.send(" [ \"a\" ] ");
    assert_eq!(
        session.poll(),
        "a[\"a\"]\n",
        "of those that are refused nothing is taken"
    );
}

#[test]
fn any_type_of_content_will_do() {
    let server = start();
    let session = Session::new(&server, "/echo");
    session.open();
    let types = [
        "text/plain",
        "T",
        "application/json",
        "application/xml",
        "",
        "application/json; charset=utf-8",
        "text/xml; charset=utf-8",
        "text/xml",
        "text/plain;charset=UTF-8",
        // A form is none to XHR.
        "application/x-www-form-urlencoded",
    ];
    for content_type in types {
        let header = format!("\nContent-Type: {content_type}");
        let answer = session.ask("POST", "xhr_send", &header, "[\"a\"]");
        is_refused(&answer, 204, "");
    }
    session.send("[\"none\"]");
    let each = "\"a\",".repeat(types.len());
    assert_eq!(session.poll(), format!("a[{each}\"none\"]\n"));
}

/// Checks that each transport is refused.
#[track_caller]
fn is_busy(session: &Session) {
    for transport in Transport::HTTP {
        if transport.is_poll() {
            assert_eq!(session.receive(transport).answer().text(), transport.wrap(BUSY));
        } else {
            let mut second = session.stream(transport);
            assert_eq!(second.chunk().unwrap(), transport.wrap(BUSY));
            assert_eq!(second.chunk(), None);
        }
    }
}

#[test]
fn a_second_receiver_is_refused_and_the_first_goes_on() {
    let server = start();
    for transport in Transport::STREAMS {
        let session = Session::new(&server, "/echo");
        let mut first = session.stream(transport);
        assert_eq!(first.chunk().unwrap(), transport.wrap("o"));
        is_busy(&session);
        session.send("[\"a\"]");
        assert_eq!(first.chunk().unwrap(), transport.wrap("a[\"a\"]"));
    }
    for transport in [Transport::Xhr, Transport::Jsonp] {
        let session = Session::new(&server, "/echo");
        session.open();
        let mut first = session.wait(transport);
        is_busy(&session);
        session.send("[\"a\"]");
        assert_eq!(first.answer().text(), transport.wrap("a[\"a\"]"));
    }
}

#[test]
fn a_session_that_is_closed_says_so_again_and_again() {
    let server = start();
    let close = "c[3000,\"Go away!\"]";
    for transport in Transport::HTTP {
        let session = Session::new(&server, "/close");
        if transport.is_poll() {
            let first = session.receive(transport).answer().text();
            assert_eq!(first, transport.wrap("o"));
        } else {
            let mut first = session.stream(transport);
            assert_eq!(first.chunk().unwrap(), transport.wrap("o"));
            assert_eq!(first.chunk().unwrap(), transport.wrap(close));
            assert_eq!(first.chunk(), None);
        }
        for transport in Transport::HTTP {
            if transport.is_poll() {
                let again = session.receive(transport).answer().text();
                assert_eq!(again, transport.wrap(close));
            } else {
                let mut again = session.stream(transport);
                assert_eq!(again.chunk().unwrap(), transport.wrap(close));
                assert_eq!(again.chunk(), None);
            }
        }
        assert_eq!(session.post("[\"x\"]").status, 404);
    }
}

#[test]
fn balancers_that_want_one_get_a_cookie() {
    let server = start();
    let base = "/cookie_needed_echo";
    for transport in Transport::HTTP {
        for (sent, set) in [
            ("", "dummy"),
            ("\nCookie: JSESSIONID=abcdef", "abcdef"),
            ("\nCookie: a=b; JSESSIONID=x.1; c=d", "x.1"),
            ("\nCookie: JSESSIONID=a\"b", "dummy"),
            ("\nCookie: JSESSIONID=", "dummy"),
        ] {
            let last = format!("{}?c=f", transport.name());
            let method = transport.method();
            let session = Session::new(&server, base);
            let head = session.request(method, &last, sent, "").head();
            let cookie = format!("JSESSIONID={set}; path=/");
            assert_eq!(
                head.header("set-cookie"),
                Some(&*cookie),
                "{transport:?} {sent:?}"
            );
        }
    }
    let session = Session::new(&server, base);
    session.open();
    for last in ["xhr_send", "jsonp_send"] {
        let answer = session.ask("POST", last, "\nCookie: JSESSIONID=q", "[]");
        assert_eq!(answer.header("set-cookie"), Some("JSESSIONID=q; path=/"));
    }
    for other in ["/iframe.html", "/info", ""] {
        let answer = server.get(&format!("{base}{other}"));
        assert_eq!((answer.status, answer.header("set-cookie")), (200, None));
    }
    let session = Session::new(&server, "/echo");
    let answer = session.ask("POST", "xhr", "\nCookie: JSESSIONID=q", "");
    assert_eq!(answer.header("set-cookie"), None);
}

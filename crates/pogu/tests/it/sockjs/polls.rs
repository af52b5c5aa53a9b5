//! Responses of one frame: `xhr` and `jsonp`, and what is sent beside them.

use super::client::{BUSY, Session, Transport};
use super::fixed::{is_for, is_not_cached, is_refused};
use super::start;

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

const FORM: &str = "\nContent-Type: application/x-www-form-urlencoded";

#[test]
fn a_jsonp_session_opens_sends_and_receives() {
    let server = start();
    let session = Session::new(&server, "/echo");
    let answer = session.ask("GET", "jsonp?c=%63allback", "", "");
    is_refused(&answer, 200, "/**/callback(\"o\");\r\n");
    assert_eq!(
        answer.header("content-type"),
        Some("application/javascript; charset=UTF-8")
    );
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    is_not_cached(&answer);
    let send = |headers: &str, body: &str| session.ask("POST", "jsonp_send", headers, body);
    let answer = send(FORM, "d=%5B%22x%22%5D");
    is_refused(&answer, 200, "ok");
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
    is_not_cached(&answer);
    let receive = || session.ask("GET", "jsonp?callback=a.b_c-9", "", "").text();
    assert_eq!(receive(), "/**/a.b_c-9(\"a[\\\"x\\\"]\");\r\n");
    is_refused(&send(FORM, "d=%5B%22x"), 500, "Broken JSON encoding.");
    for body in ["", "d=", "p=p", "d", "D=[]", "d=[]&d=[]"] {
        is_refused(&send(FORM, body), 500, "Payload expected.");
    }
    is_refused(&send(FORM, "d=%5B%5D"), 200, "ok");
    is_refused(&send(FORM, "x=y&d=%5B%22abc+%2B%22%5D&z"), 200, "ok");
    is_refused(
        &send("\nContent-Type: text/plain", "[\"%61bc</script>\"]"),
        200,
        "ok",
    );
    is_refused(&send(&FORM.to_uppercase(), "d=[\"u\"]"), 200, "ok");
    is_refused(
        &send(&format!("{FORM}; charset=UTF-8"), "d=[\"\\u4e00\"]"),
        200,
        "ok",
    );
    assert_eq!(
        receive(),
        "/**/a.b_c-9(\"a[\\\"abc +\\\",\\\"%61bc\\u003c/script>\\\",\\\"u\\\",\\\"一\\\"]\");\r\n"
    );
}

#[test]
fn a_callback_is_a_name_and_nothing_more() {
    let server = start();
    let session = Session::new(&server, "/echo");
    let longest = "f".repeat(32);
    for last in ["jsonp", "htmlfile"] {
        let ask = |query: &str| session.ask("GET", &format!("{last}{query}"), "", "");
        for query in ["", "?c=", "?callback=", "?x=f", "?c"] {
            is_refused(&ask(query), 500, "\"callback\" parameter required");
        }
        for callback in [
            "%20",
            "*",
            "abc(",
            "abc%28",
            // CVE-2020-8823.
            "%3Cscript%3Ealert(1)%3C/script%3E",
            "f;alert(1)",
            "f%0d%0a",
            "%C3%A9",
            "%ff",
            "f%00",
            "f%",
            &format!("{longest}f"),
        ] {
            for name in ["c", "callback"] {
                let answer = ask(&format!("?{name}={callback}"));
                is_refused(&answer, 500, "invalid \"callback\" parameter");
                assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
            }
        }
    }
    // None of them was a session.
    assert_eq!(session.post("[]").status, 404);
    let answer = session.ask("GET", &format!("jsonp?c={longest}"), "", "");
    assert_eq!(answer.text(), format!("/**/{longest}(\"o\");\r\n"));
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
            let method = match transport {
                Transport::Xhr | Transport::XhrStreaming => "POST",
                _ => "GET",
            };
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

/// What the protocol says a server has to escape, as it has to.
fn escaped() -> String {
    let ranges = [0x200c..=0x200f, 0x2028..=0x202f, 0x2060..=0x206f, 0xfff0..=0xffff];
    let units = ranges.into_iter().flatten();
    units.map(|unit: u32| format!("\\u{unit:04x}")).collect()
}

#[test]
fn what_browsers_change_on_the_way_is_escaped_to_the_byte() {
    let server = start();
    let escaped = escaped();
    let text: String = serde_json::from_str(&format!("\"{escaped}\"")).unwrap();
    let session = Session::new(&server, "/echo");
    session.open();
    for body in [format!("[\"{text}\"]"), format!("[\"{escaped}\"]")] {
        session.send(&body);
        assert_eq!(session.poll(), format!("a[\"{escaped}\"]\n"));
    }
    // What has no need of it is as it is.
    let plain = "\u{7f}\u{9f}\u{ad}\u{e9}\u{300}\u{feff}\u{2010}\u{2030}\u{2070}\u{ffef}😀/'<>&";
    session.send(&format!("[\"{plain}\"]"));
    assert_eq!(session.poll(), format!("a[\"{plain}\"]\n"));
    session.send(r#"["\u0000\u0001\b\t\n\u000b\f\r\u001f\"\\\/\u4e00\ud83d\ude00"]"#);
    assert_eq!(
        session.poll(),
        "a[\"\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f\\\"\\\\/一😀\"]\n"
    );
    // Half of a character is none.
    session.send(r#"["\ud83d","\ude00\ud83d","a\udfffb"]"#);
    assert_eq!(
        session.poll(),
        r#"a["\ufffd","\ufffd\ufffd","a\ufffdb"]"#.to_owned() + "\n"
    );
}

#[test]
fn each_way_escapes_once_more_what_it_has_to() {
    let server = start();
    let text = "100% \"<\\/script>\"\n\u{2028}";
    let frame = "a[\"100% \\\"<\\\\/script>\\\"\\n\\u2028\"]";
    let body = serde_json::json!([text]).to_string();
    for (transport, wrapped) in [
        (Transport::Xhr, format!("{frame}\n")),
        (
            Transport::EventSource,
            "data: a[\"100%25 \\\"<\\\\/script>\\\"\\n\\u2028\"]\r\n\r\n".into(),
        ),
        (
            Transport::HtmlFile,
            "<script>\np(\"a[\\\"100% \\\\\\\"\\u003c\\\\\\\\/script>\\\\\\\"\\\\n\\\\u2028\\\"]\");\n</script>\r\n"
                .into(),
        ),
        (
            Transport::Jsonp,
            "/**/f(\"a[\\\"100% \\\\\\\"\\u003c\\\\\\\\/script>\\\\\\\"\\\\n\\\\u2028\\\"]\");\r\n".into(),
        ),
    ] {
        let session = Session::new(&server, "/echo");
        session.open();
        session.send(&body);
        let heard = if transport.is_poll() {
            session.receive(transport).answer().text()
        } else {
            session.stream(transport).chunk().unwrap()
        };
        assert_eq!(heard, wrapped);
        assert_eq!(transport.unwrap(&heard), frame);
    }
}

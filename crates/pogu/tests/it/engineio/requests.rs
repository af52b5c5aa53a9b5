//! Requests: handshakes, and what is refused with which words.

use super::{POLLING, Polls, WEBSOCKET, lane, opened, refused, unknown};
use crate::server::{Http, Running};
use crate::websocket::{Heard, Socket};

const KEYS: [&str; 5] = ["maxPayload", "pingInterval", "pingTimeout", "sid", "upgrades"];

fn keys(open: &serde_json::Value) -> Vec<&str> {
    let mut keys: Vec<&str> = open.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn a_handshake_on_polls_is_answered_with_five_keys() {
    let server = Running::with(
        "[limits]\nmessage = 123456\n[socketio]\nping-interval = \"7s\"\nping-timeout = \"3s\"\n",
    );
    for target in [
        "/socket.io/?EIO=4&transport=polling",
        "/socket.io?EIO=4&transport=polling",
        "/socket.io/?t=abc&transport=polling&EIO=4&x=%00",
        "/socket.io/?EIO=4&transport=polling&sid=",
        "/socket.io/?EIO=3&EIO=4&transport=%70olling",
        "/socket.io/?EIO=4&transport=polling&j=0&b64=1",
    ] {
        let answer = server.get(target);
        assert_eq!(answer.status, 200, "{target}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("set-cookie"), None);
        let open = opened(&answer.text());
        assert_eq!(keys(&open), KEYS);
        assert_eq!(open["upgrades"], serde_json::json!(["websocket"]));
        assert_eq!(open["pingInterval"], 7000);
        assert_eq!(open["pingTimeout"], 3000);
        assert_eq!(open["maxPayload"], 123_456);
    }
}

#[test]
fn a_handshake_on_a_websocket_has_nothing_to_upgrade_to() {
    let server = Running::start();
    for target in [WEBSOCKET, "/socket.io?transport=websocket&EIO=4"] {
        let mut socket = Socket::open(&server, target);
        let open = opened(&socket.hear_text());
        assert_eq!(keys(&open), KEYS);
        assert_eq!(open["upgrades"], serde_json::json!([]));
        assert_eq!(open["pingInterval"], 25_000);
    }
}

#[test]
fn sids_differ_are_long_and_name_the_lane() {
    let server = Running::start();
    let polls: Vec<Polls> = (0..20).map(|_| Polls::open(&server)).collect();
    let mut sids: Vec<&str> = polls.iter().map(|polls| &*polls.sid).collect();
    assert!(sids.iter().all(|sid| sid.len() == 24 && lane(sid) < 2));
    assert!((0..2).all(|number| sids.iter().any(|sid| lane(sid) == number)));
    sids.sort_unstable();
    sids.dedup();
    assert_eq!(sids.len(), 20);
}

#[test]
fn what_is_wrong_with_a_request_is_told_by_number_and_word() {
    let server = Running::start();
    let sid = Polls::open(&server).sid;
    for (method, query, code, message) in [
        ("GET", "", 0, "Transport unknown"),
        ("GET", "?EIO=4", 0, "Transport unknown"),
        ("GET", "?EIO=4&transport=", 0, "Transport unknown"),
        ("GET", "?EIO=4&transport=abc", 0, "Transport unknown"),
        ("GET", "?EIO=4&transport=__proto__", 0, "Transport unknown"),
        ("GET", "?EIO=4&transport=constructor", 0, "Transport unknown"),
        ("GET", "?EIO=4&transport=polling%00", 0, "Transport unknown"),
        ("GET", "?EIO=4&transport=webtransport", 0, "Transport unknown"),
        ("POST", "?EIO=4&transport=tobi", 0, "Transport unknown"),
        ("GET", "?transport=polling", 5, "Unsupported protocol version"),
        (
            "GET",
            "?EIO=abc&transport=polling",
            5,
            "Unsupported protocol version",
        ),
        (
            "GET",
            "?EIO=3&transport=polling",
            5,
            "Unsupported protocol version",
        ),
        (
            "GET",
            "?EIO=5&transport=polling",
            5,
            "Unsupported protocol version",
        ),
        (
            "GET",
            "?EIO=04&transport=polling",
            5,
            "Unsupported protocol version",
        ),
        ("POST", "?EIO=4&transport=polling", 2, "Bad handshake method"),
        ("PUT", "?EIO=4&transport=polling", 2, "Bad handshake method"),
        ("DELETE", "?EIO=4&transport=polling", 2, "Bad handshake method"),
        ("GET", "?EIO=4&transport=websocket", 3, "Bad request"),
        ("GET", "?EIO=4&transport=polling&sid=abc", 1, "Session ID unknown"),
        (
            "GET",
            "?EIO=4&transport=polling&sid=__proto__",
            1,
            "Session ID unknown",
        ),
        (
            "POST",
            "?EIO=4&transport=polling&sid=abc",
            1,
            "Session ID unknown",
        ),
        // Of no lane, of a lane that is not there, and too long.
        (
            "GET",
            "?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAAAAAA",
            1,
            "Session ID unknown",
        ),
        (
            "GET",
            "?EIO=4&transport=polling&sid=________________________",
            1,
            "Session ID unknown",
        ),
        (
            "POST",
            "?EIO=4&transport=polling&sid=AAHAAAAAAAAAAAAAAAAAAAAA",
            1,
            "Session ID unknown",
        ),
        (
            "GET",
            &format!("?EIO=4&transport=polling&sid={}", "A".repeat(4000)),
            1,
            "Session ID unknown",
        ),
        (
            "GET",
            &format!("?EIO=4&transport=polling&sid={sid}A"),
            1,
            "Session ID unknown",
        ),
        (
            "PUT",
            &format!("?EIO=4&transport=polling&sid={sid}"),
            3,
            "Bad request",
        ),
        (
            "GET",
            &format!("?EIO=4&transport=websocket&sid={sid}"),
            3,
            "Bad request",
        ),
        (
            "POST",
            &format!("?EIO=4&transport=websocket&sid={sid}"),
            3,
            "Bad request",
        ),
    ] {
        let answer = server.ask(&format!("{method} /socket.io/{query} HTTP/1.1"), b"");
        println!("{method} {query}");
        refused(&answer, code, message);
    }
    // It is none the worse for all that.
    let answer = server.ask(&format!("POST {POLLING}&sid={sid} HTTP/1.1"), b"3");
    assert_eq!(answer.text(), "ok");
}

#[test]
fn a_websocket_asked_for_wrongly_is_refused() {
    let server = Running::start();
    let upgrade = "Upgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    let ask = |query: &str| server.ask(&format!("GET /socket.io/{query} HTTP/1.1\n{upgrade}"), b"");
    refused(&ask("?EIO=4&transport=__proto__"), 0, "Transport unknown");
    refused(&ask("?EIO=4&transport=polling"), 3, "Bad request");
    refused(
        &ask("?EIO=2&transport=websocket"),
        5,
        "Unsupported protocol version",
    );
    let old = upgrade.replace("13", "8");
    server
        .ask(&format!("GET {WEBSOCKET} HTTP/1.1\n{old}"), b"")
        .problem(426, "upgrade-required");
    let mut http = Http::new(server.connect());
    http.send(&format!("GET {WEBSOCKET} HTTP/1.1\n{upgrade}"), b"");
    assert_eq!(http.head().status, 101);
}

#[test]
fn a_websocket_for_no_session_is_refused_as_a_request_would_be() {
    let server = Running::start();
    let upgrade = "Upgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    for sid in [
        "abc",
        "AAAAAAAAAAAAAAAAAAAAAAAA",
        "AAEAAAAAAAAAAAAAAAAAAAAA",
        "________________________",
    ] {
        let answer = server.ask(&format!("GET {WEBSOCKET}&sid={sid} HTTP/1.1\n{upgrade}"), b"");
        println!("{sid}");
        unknown(&answer);
    }
}

#[test]
fn pages_of_other_origins_are_kept_out_where_they_are_not_listed() {
    let server = Running::with("[cors]\norigins = [\"https://example.com\"]\n");
    let from = |method: &str, target: &str, origin: &str| {
        server.ask(&format!("{method} {target} HTTP/1.1\nOrigin: {origin}"), b"")
    };
    let answer = from("GET", POLLING, "https://example.com");
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("https://example.com")
    );
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    let sid = opened(&answer.text())["sid"].as_str().unwrap().to_owned();
    let evil = from("GET", POLLING, "https://evil.example");
    assert_eq!(evil.header("access-control-allow-origin"), None);
    let post = from("POST", &format!("{POLLING}&sid={sid}"), "https://evil.example");
    post.problem(403, "bad-origin");
    let upgrade = "Upgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    let socket = from("GET", WEBSOCKET, &format!("https://evil.example\n{upgrade}"));
    socket.problem(403, "bad-origin");
    let any = Running::start();
    let answer = any.ask(
        &format!("GET {POLLING} HTTP/1.1\nOrigin: https://evil.example"),
        b"",
    );
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
}

#[test]
fn a_websocket_says_what_breaks_its_rules_by_its_code() {
    let server = Running::with("[limits]\nmessage = 1000\n");
    for (message, code) in [
        ("2", 1008),
        ("abc", 1008),
        ("", 1008),
        ("5", 1008),
        ("0{}", 1008),
        ("1x", 1008),
    ] {
        let mut socket = Socket::open(&server, WEBSOCKET);
        socket.hear_text();
        socket.say(message);
        assert_eq!(socket.hear(), Heard::Close(Some(code)), "{message:?}");
        assert_eq!(socket.hear(), Heard::End);
    }
    let mut socket = Socket::open(&server, WEBSOCKET);
    socket.hear_text();
    socket.say(&format!("4{}", "x".repeat(20_000)));
    assert_eq!(socket.hear(), Heard::Close(Some(1009)));
    let mut socket = Socket::open(&server, WEBSOCKET);
    socket.hear_text();
    socket.say("1");
    assert_eq!(socket.hear(), Heard::Close(Some(1000)));
    assert_eq!(socket.hear(), Heard::End);
}

//! What has broken servers of this kind.

use super::{By, Client, POLLING, Polls, SESSIONS, WAYS, WEBSOCKET, refused, unknown};
use crate::server::{Http, Running};
use crate::websocket::{Heard, Socket};

/// The server is as well as before: a new client is served by whatever way.
fn is_well(server: &Running) {
    for by in WAYS {
        let mut client = Client::open(server, by);
        client.say("0/well,");
        assert!(client.hear_text().starts_with("0/well,{"), "{by:?}");
    }
}

/// CVE-2020-36048: a body beyond all limits was kept in memory.
#[test]
fn a_body_without_end_is_not_waited_for() {
    let server = Running::with("[limits]\nmessage = 10000\n");
    let mut polls = Polls::open(&server);
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000000\r\n\r\n",
        polls.target()
    );
    let mut http = Http::new(server.connect());
    http.raw(head.as_bytes());
    // It is refused by the bytes that came, not by those that were announced.
    http.raw(&[b'4'; 20_000]);
    assert_eq!(http.answer().status, 413);
    polls.post_ok("40/a,");
    is_well(&server);
}

/// CVE-2022-21676: a session whose first request was of another protocol was not there when the second asked for it.
#[test]
fn protocols_are_not_mixed_within_a_session() {
    let server = Running::with("[socketio]\nallow-eio3 = true\n");
    for (first, then) in [(4, 3), (3, 4)] {
        let open = server.get(&format!("/socket.io/?EIO={first}&transport=polling"));
        let text = open.text();
        let sid = text.split("\"sid\":\"").nth(1).unwrap()[..24].to_owned();
        let target = format!("/socket.io/?EIO={then}&transport=polling&sid={sid}");
        let answer = server.ask(&format!("POST {target} HTTP/1.1"), b"6");
        assert!(matches!(answer.status, 200 | 400), "{answer:?}");
        let upgrade = "Upgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
        let target = format!("/socket.io/?EIO={then}&transport=websocket&sid={sid}");
        let mut http = Http::new(server.connect());
        http.send(&format!("GET {target} HTTP/1.1\n{upgrade}"), b"");
        assert!(matches!(http.head().status, 101 | 400));
    }
    is_well(&server);
}

/// CVE-2022-41940: a request whose client goes while it is answered, and queries of all sorts.
#[test]
fn clients_that_go_in_the_middle_harm_nobody() {
    let server = Running::start();
    for end in [0, 20, 60] {
        let polls = Polls::open(&server);
        let request = format!(
            "GET {WEBSOCKET}&sid={} HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            polls.sid
        );
        for request in [
            request,
            format!("GET {} HTTP/1.1\r\nHost: test\r\n\r\n", polls.target()),
        ] {
            let mut http = Http::new(server.connect());
            http.raw(&request.as_bytes()[..request.len() - end]);
            drop(http);
        }
    }
    for query in [
        "",
        "?EIO=4&transport[]=polling",
        "?EIO=4&EIO=4&transport=polling&transport=polling",
        "?EIO=4&transport=__proto__",
        "?EIO=4&transport=constructor",
        "?EIO=%00&transport=polling",
        "?EIO=4&transport=polling&sid=%00",
        "?EIO=4&transport=polling&sid=__proto__",
        "?sid=&&&===",
    ] {
        let answer = server.get(&format!("/socket.io/{query}"));
        assert!(matches!(answer.status, 200 | 400), "{query}: {answer:?}");
    }
    is_well(&server);
}

#[test]
fn frames_that_break_the_rules_end_their_own_session_alone() {
    let server = Running::start();
    let mut neighbour = Client::open(&server, By::WebSocket);
    for frame in [
        &b"\x81\x05"[..],
        b"\x82\x80\0\0\0\0",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    ] {
        let mut socket = Socket::open(&server, WEBSOCKET);
        socket.hear_text();
        socket.raw(frame);
        socket.raw(&[0xff; 64]);
        while !matches!(socket.hear(), Heard::Close(_) | Heard::End) {}
    }
    neighbour.say("0/still,");
    assert!(neighbour.hear_text().starts_with("0/still,{"));
}

#[test]
fn a_session_is_not_guessed_from_another() {
    let server = Running::start();
    let polls = Polls::open(&server);
    let mut sid = polls.sid.clone().into_bytes();
    for at in 0..sid.len() {
        let old = sid[at];
        sid[at] = if old == b'A' { b'B' } else { b'A' };
        let other = String::from_utf8(sid.clone()).unwrap();
        unknown(&server.get(&format!("{POLLING}&sid={other}")));
        sid[at] = old;
    }
    refused(
        &server.ask(&format!("PUT {} HTTP/1.1", polls.target()), b""),
        3,
        "Bad request",
    );
    server.await_metric(SESSIONS, 1);
}

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

/// A session whose first request was of another protocol.
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

/// A request whose client goes while it is answered, and queries of all sorts.
#[test]
fn clients_that_go_in_the_middle_harm_nobody() {
    let server = Running::start();
    for end in [0, 20, 60] {
        let polls = Polls::open(&server);
        let request = upgrade(&format!("{WEBSOCKET}&sid={}", polls.sid));
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

/// The head of a request that makes its connection a WebSocket.
fn upgrade(target: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// Ends a connection by a reset.
fn reset(stream: &std::net::TcpStream) {
    let socket = socket2::SockRef::from(stream);
    socket.set_linger(Some(std::time::Duration::ZERO)).unwrap();
}

/// CVE-2022-21676: bytes behind the request that makes a WebSocket were read as a frame of reserved bits, which nobody caught.
#[test]
fn frames_of_reserved_bits_may_come_with_the_request() {
    let server = Running::start();
    let polls = Polls::open(&server);
    for target in [WEBSOCKET.to_owned(), format!("{WEBSOCKET}&sid={}", polls.sid)] {
        for bits in [0x40, 0x20, 0x10, 0x70] {
            let mut bytes = upgrade(&target).into_bytes();
            bytes.extend_from_slice(&[0x81 | bits, 0x85, 0, 0, 0, 0]);
            bytes.extend_from_slice(b"2prob");
            let mut http = Http::new(server.connect());
            http.raw(&bytes);
            assert_eq!(http.head().status, 101);
            assert!(http.ends());
        }
    }
    // The session that they probed is as it was.
    let mut polls = polls;
    polls.post_ok("40/a,");
    is_well(&server);
}

/// CVE-2022-41940: a connection that was upgraded, or asked for that, and was reset.
#[test]
fn connections_that_are_reset_at_their_upgrade_harm_nobody() {
    let server = Running::start();
    let h2c = format!(
        "GET {POLLING} HTTP/1.1\r\nHost: test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
         HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
    );
    for _ in 0..10 {
        let polls = Polls::open(&server);
        for request in [
            h2c.clone(),
            upgrade(WEBSOCKET),
            upgrade(&format!("{WEBSOCKET}&sid={}", polls.sid)),
        ] {
            // At once, and after the answer.
            let mut stream = server.connect();
            reset(&stream);
            std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
            drop(stream);
            let stream = server.connect();
            reset(&stream);
            let mut http = Http::new(stream);
            http.raw(request.as_bytes());
            assert!(matches!(http.head().status, 101 | 200));
        }
    }
    is_well(&server);
}

/// CVE-2023-31125: a WebSocket of a transport that every object has.
#[test]
fn transports_are_named_by_their_own_names() {
    let server = Running::start();
    for transport in [
        "__proto__",
        "constructor",
        "toString",
        "webtransport",
        "polling",
        "",
    ] {
        let mut http = Http::new(server.connect());
        http.raw(upgrade(&format!("/socket.io/?EIO=4&transport={transport}")).as_bytes());
        let status = http.head().status;
        assert!(
            status == 400 || (transport == "polling" && status == 200),
            "{transport}: {status}"
        );
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

//! Heartbeats and the ends of sessions by time.

use super::{By, Client, Message, Polls, SESSIONS, WEBSOCKET, unknown};
use crate::server::{Http, Running};
use crate::websocket::{Heard, Socket};

/// Short beats, and long until silence counts.
const BEATS: &str = "[socketio]\nping-interval = \"20ms\"\nping-timeout = \"60s\"\n";
/// Silence counts soon.
const STRICT: &str = "[socketio]\nping-interval = \"50ms\"\nping-timeout = \"50ms\"\n";

#[test]
fn the_server_pings_polls() {
    let server = Running::with(BEATS);
    let mut polls = Polls::open(&server);
    for _ in 0..5 {
        assert_eq!(polls.packet(), "2");
        polls.post_ok("3");
    }
    // One ping a pong.
    assert_eq!(polls.packet(), "2");
    polls.post_ok("40");
    assert!(polls.packet().starts_with("40{"));
}

#[test]
fn the_server_pings_websockets() {
    let server = Running::with(BEATS);
    let mut socket = Socket::open(&server, WEBSOCKET);
    socket.hear_text();
    for _ in 0..5 {
        assert_eq!(socket.hear_text(), "2");
        socket.say("3");
    }
}

#[test]
fn beats_go_on_after_an_upgrade() {
    let server = Running::with(BEATS);
    let polls = Polls::open(&server);
    let Client::Upgraded(_, mut socket) = polls.upgrade(&server) else {
        panic!("no upgrade");
    };
    // The first may have been asked for on polls.
    for _ in 0..5 {
        assert_eq!(socket.hear_text(), "2");
        socket.say("3");
    }
}

#[test]
fn a_client_of_polls_that_is_silent_is_given_up() {
    let server = Running::with(STRICT);
    let polls = Polls::open(&server);
    server.await_metric(SESSIONS, 0);
    unknown(&server.get(&polls.target()));
    let mut polls = Polls::open(&server);
    assert_eq!(polls.packet(), "2");
    polls.poll();
    let answer = polls.answer();
    // A poll may also come too late to be told.
    if answer.status == 200 {
        assert_eq!(answer.text(), "1");
    } else {
        unknown(&answer);
    }
    unknown(&server.get(&polls.target()));
}

#[test]
fn a_client_on_a_websocket_that_is_silent_is_given_up() {
    let server = Running::with(STRICT);
    let mut socket = Socket::open(&server, WEBSOCKET);
    socket.hear_text();
    assert_eq!(socket.hear_text(), "2");
    assert_eq!(socket.hear(), Heard::Close(Some(1000)));
    assert_eq!(socket.hear(), Heard::End);
}

#[test]
fn sessions_that_never_come_back_are_freed() {
    let server = Running::with(STRICT);
    let mut http = Http::new(server.connect());
    for _ in 0..2000 {
        http.send(&format!("GET {} HTTP/1.1", super::POLLING), b"");
        assert_eq!(http.answer().status, 200);
    }
    server.await_metric(SESSIONS, 0);
}

#[test]
fn posts_at_the_very_time_of_the_end_leave_nothing_behind() {
    let server = Running::with("[socketio]\nping-interval = \"5ms\"\nping-timeout = \"5ms\"\n");
    for _ in 0..40 {
        let polls = Polls::open(&server);
        let target = polls.target();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut http = Http::new(server.connect());
                    loop {
                        http.send(&format!("POST {target} HTTP/1.1"), b"6");
                        if http.answer().status != 200 {
                            return;
                        }
                    }
                });
            }
        });
    }
    server.await_metric(SESSIONS, 0);
}

#[test]
fn a_session_that_begins_after_a_long_silence_has_all_its_time() {
    // A lane that has nothing to do has no turn: its clock must not be that of its last one.
    let server =
        Running::with("[socketio]\nping-interval = \"500ms\"\nping-timeout = \"500ms\"\nallow-eio3 = true\n");
    let mut http = Http::new(server.connect());
    http.send("GET /healthz HTTP/1.1", b"");
    http.answer();
    std::thread::sleep(std::time::Duration::from_millis(1200));
    http.send("GET /socket.io/?EIO=3&transport=polling&b64=1 HTTP/1.1", b"");
    let answer = http.answer().text();
    let sid = answer
        .split("\"sid\":\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    http.send(
        &format!("POST /socket.io/?EIO=3&transport=polling&sid={sid} HTTP/1.1"),
        b"1:2",
    );
    assert_eq!(http.answer().text(), "ok");
    http.send(
        &format!("GET /socket.io/?EIO=3&transport=polling&sid={sid} HTTP/1.1"),
        b"",
    );
    assert_eq!(http.answer().text(), "1:3");
}

#[test]
fn a_long_life_by_each_way() {
    let server = Running::with("[socketio]\nping-interval = \"10ms\"\nping-timeout = \"60s\"\n");
    for by in super::WAYS {
        let mut client = Client::open(&server, by);
        client.say("0/a,");
        client.hear_text();
        for number in 0..50 {
            std::thread::sleep(std::time::Duration::from_millis(5));
            server.publish("a", number.to_string().as_bytes());
            assert_eq!(
                client.hear(),
                Message::Text(format!("2/a,[\"message\",\"{number}\"]")),
                "{by:?}"
            );
        }
    }
    let _ = By::Polls;
}

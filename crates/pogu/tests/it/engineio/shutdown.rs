//! A server that stops closes sessions of Engine.IO, so that their clients come back: never a namespace alone.

use super::{By, Client, Message, POLLING, Polls, WAYS, lane, unknown};
use crate::server::{Http, Running};
use crate::websocket::{Heard, Socket};

#[test]
fn a_poll_that_waits_is_told_to_close() {
    let mut server = Running::start();
    let mut polls = Polls::open(&server);
    polls.post_ok("40\u{1e}40/a,");
    polls.packet();
    polls.packet();
    polls.poll();
    polls.post_ok("6");
    server.tell_to_stop();
    let answer = polls.answer();
    // The poll may also come after the end, as its connection is of any lane.
    if answer.status == 200 {
        assert_eq!(answer.text(), "1");
    } else {
        unknown(&answer);
    }
    drop(polls);
    server.join();
}

#[test]
fn what_waits_is_said_before() {
    let mut server = Running::start();
    let mut client = Client::open(&server, By::WebSocket);
    client.say("0/a,");
    client.hear();
    for number in 0..100 {
        server.publish("a", number.to_string().as_bytes());
    }
    server.tell_to_stop();
    for number in 0..100 {
        assert_eq!(
            client.hear(),
            Message::Text(format!("2/a,[\"message\",\"{number}\"]"))
        );
    }
    assert_eq!(client.hear(), Message::End);
}

#[test]
fn a_websocket_is_told_why() {
    let mut server = Running::start();
    let mut socket = Socket::open(&server, super::WEBSOCKET);
    socket.hear_text();
    socket.say("40");
    socket.hear_text();
    server.tell_to_stop();
    assert_eq!(socket.hear(), Heard::Close(Some(1001)));
    assert_eq!(socket.hear(), Heard::End);
}

#[test]
fn nobody_holds_it_up() {
    let mut server = Running::with("shutdown-timeout = \"60s\"\n");
    let idle: Vec<Client> = WAYS.iter().map(|by| Client::open(&server, *by)).collect();
    let polls = Polls::open(&server);
    let probe = polls.probe(&server);
    let begun = std::time::Instant::now();
    server.tell_to_stop();
    drop((idle, polls, probe));
    server.join();
    assert!(begun.elapsed() < crate::PATIENCE);
}

#[test]
fn a_request_for_a_session_of_a_lane_that_has_ended_is_answered() {
    let mut server = Running::with("shutdown-timeout = \"60s\"\n");
    // A session on one lane, and a connection on the other, whose POST is not whole yet.
    let (there, mut here) = loop {
        let there = Polls::open(&server);
        let mut here = Http::new(server.connect());
        here.send(&format!("GET {POLLING} HTTP/1.1"), b"");
        let open = super::opened(&here.answer().text());
        if lane(open["sid"].as_str().unwrap()) != lane(&there.sid) {
            break (there, here);
        }
    };
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
        there.target()
    );
    here.raw(head.as_bytes());
    // It has begun: a connection without a request would just be closed.
    assert_eq!(here.head().status, 100);
    here.raw(b"4");
    let begun = std::time::Instant::now();
    drop(there);
    server.tell_to_stop();
    std::thread::sleep(std::time::Duration::from_millis(500));
    here.raw(b"0");
    assert_eq!(here.answer().status, 400);
    drop(here);
    server.join();
    assert!(begun.elapsed() < crate::PATIENCE);
}

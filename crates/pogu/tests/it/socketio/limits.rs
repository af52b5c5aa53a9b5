//! What one client may use, at the edge of each limit.

use super::peer::SocketIo;
use crate::engineio::{By, Polls, SESSIONS, WAYS};
use crate::server::Running;

const PLACEHOLDERS: [&str; 11] = [
    "{\"_placeholder\":true,\"num\":0}",
    "{\"_placeholder\":true,\"num\":1}",
    "{\"_placeholder\":true,\"num\":2}",
    "{\"_placeholder\":true,\"num\":3}",
    "{\"_placeholder\":true,\"num\":4}",
    "{\"_placeholder\":true,\"num\":5}",
    "{\"_placeholder\":true,\"num\":6}",
    "{\"_placeholder\":true,\"num\":7}",
    "{\"_placeholder\":true,\"num\":8}",
    "{\"_placeholder\":true,\"num\":9}",
    "{\"_placeholder\":true,\"num\":10}",
];

/// An event with so many buffers.
fn event(buffers: usize) -> String {
    format!("5{buffers}-/a,[\"x\",{}]", PLACEHOLDERS[..buffers].join(","))
}

#[test]
fn a_connection_has_a_hundred_namespaces() {
    let server = Running::start();
    for by in [By::WebSocket, By::Polls] {
        let mut client = SocketIo::open(&server, by);
        for number in 0..100 {
            client.enter(&format!("/n{number}"), "");
        }
        // One that was refused or left is none.
        client.say("1/n7,");
        client.say("0/$server,");
        client.hear();
        client.enter("/n100", "");
        client.say("0/n101,");
        assert!(client.ends(), "{by:?}");
    }
    server.await_metric(SESSIONS, 0);
}

#[test]
fn the_name_of_a_namespace_has_an_end() {
    let server = Running::start();
    let mut client = SocketIo::open(&server, By::WebSocket);
    client.enter(&format!("/{}", "n".repeat(254)), "");
    client.say(&format!("0/{},", "n".repeat(1023)));
    assert!(client.hear().contains("Invalid namespace"));
    client.say(&format!("0/{},", "n".repeat(1024)));
    assert!(client.ends());
}

#[test]
fn an_event_has_ten_buffers() {
    let server = Running::start();
    for by in WAYS {
        let mut other = SocketIo::join(&server, "/a");
        let mut client = SocketIo::join_by(&server, by, "/a");
        client.say(&event(10));
        for number in 0..10 {
            client.say_bytes(&[number]);
        }
        assert_eq!(other.hear(), event(10));
        for number in 0..10 {
            assert_eq!(other.hear_bytes(), [number]);
        }
        client.say(&event(11));
        assert!(client.ends(), "{by:?}");
    }
}

#[test]
fn the_buffers_of_an_event_have_an_end_together() {
    let server = Running::with("[limits]\nmessage = 1000\n");
    for by in WAYS {
        let mut other = SocketIo::join(&server, "/a");
        let mut client = SocketIo::join_by(&server, by, "/a");
        client.say(&event(1));
        client.say_bytes(&[7; 700]);
        assert_eq!(other.hear(), event(1));
        assert_eq!(other.hear_bytes(), [7; 700]);
        client.say(&event(2));
        client.say_bytes(&[7; 700]);
        client.say_bytes(&[7; 301]);
        assert!(client.ends(), "{by:?}");
    }
}

#[test]
fn a_packet_has_an_end() {
    let server = Running::with("[limits]\nmessage = 1000\n");
    let fits = format!("2/a,[\"x\",\"{}\"]", "y".repeat(900));
    // A WebSocket's message has room for a head, too.
    let over = format!("2/a,[\"x\",\"{}\"]", "y".repeat(30_000));
    let mut other = SocketIo::join(&server, "/a");
    for by in [By::WebSocket, By::Upgrade] {
        let mut client = SocketIo::join_by(&server, by, "/a");
        client.say(&fits);
        assert_eq!(other.hear(), fits);
        client.say(&over);
        assert!(client.ends(), "{by:?}");
    }
    let mut polls = Polls::open(&server);
    polls.post_ok("40/a,");
    polls.post_ok(&format!("4{fits}"));
    assert_eq!(other.hear(), fits);
    // A request is refused before the session hears of it.
    let head = format!("POST {} HTTP/1.1", polls.target());
    assert_eq!(server.ask(&head, over.as_bytes()).status, 413);
    polls.post_ok(&format!("4{fits}"));
    assert_eq!(other.hear(), fits);
}

#[test]
fn what_grows_by_what_it_crosses_to_has_an_end_too() {
    // A buffer is a third longer as an object.
    let server = Running::with("[limits]\nmessage = 1000\n");
    let mut client = SocketIo::join(&server, "/a");
    client.say("51-/a,0[\"x\",{\"_placeholder\":true,\"num\":0},1]");
    client.say_bytes(&[7; 800]);
    let answer = client.hear();
    assert!(
        answer.starts_with("3/a,0[{\"error\":\"a message has at most 1000 bytes"),
        "{answer}"
    );
    client.publish("/a", "[\"x\"]");
}

#[test]
fn arguments_are_so_deep() {
    let server = Running::start();
    let nested = |depth: usize| format!("2/a,[\"x\",{}{}]", "[".repeat(depth), "]".repeat(depth));
    let mut other = SocketIo::join(&server, "/a");
    let mut client = SocketIo::join(&server, "/a");
    client.say(&nested(63));
    assert_eq!(other.hear(), nested(63));
    client.say(&nested(64));
    assert!(client.ends());
    for depth in [1_000, 100_000, 500_000] {
        for open in ["[", "{\"a\":"] {
            let mut client = SocketIo::join(&server, "/a");
            client.say(&format!(
                "2/a,[\"x\",{}",
                open.repeat(depth.min(1_000_000 / open.len()))
            ));
            assert!(client.ends(), "{depth}");
            let mut client = SocketIo::open(&server, By::WebSocket);
            client.say(&format!("0/a,{}", "{\"a\":".repeat(depth.min(200_000))));
            assert!(client.ends(), "{depth}");
        }
    }
    server.publish("a", b"well");
    assert_eq!(other.hear(), "2/a,[\"message\",\"well\"]");
}

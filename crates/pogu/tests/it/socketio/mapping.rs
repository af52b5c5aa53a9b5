//! Without code a namespace is a topic, and an event is an event.

use super::peer::SocketIo;
use crate::engineio::{By, WAYS};
use crate::server::{Lines, Running, value};
use crate::stomp::peer::Stomp;

#[test]
fn an_event_reaches_all_others_of_its_namespace_and_not_who_emits_it() {
    let server = Running::start();
    let mut clients: Vec<SocketIo> = WAYS
        .iter()
        .map(|by| SocketIo::join_by(&server, *by, "/chat"))
        .collect();
    let mut elsewhere = SocketIo::join(&server, "/other");
    let mut heard = vec![Vec::new(); clients.len()];
    for from in 0..clients.len() {
        clients[from].say(&format!("2/chat,0[\"say\",{from}]"));
        // Others' events may come before the acknowledgement.
        loop {
            let packet = clients[from].hear();
            if packet.starts_with("3/chat,0[") {
                break;
            }
            heard[from].push(packet);
        }
    }
    server.publish("chat", b"last");
    for (at, client) in clients.iter_mut().enumerate() {
        let expected = (0..3).filter(|from| *from != at);
        for from in expected.map(|from| format!("2/chat,[\"say\",{from}]")) {
            let packet = match heard[at].is_empty() {
                true => client.hear(),
                false => heard[at].remove(0),
            };
            assert_eq!(packet, from);
        }
        assert_eq!(client.hear(), "2/chat,[\"message\",\"last\"]");
    }
    server.publish("other", b"first");
    assert_eq!(elsewhere.hear(), "2/other,[\"message\",\"first\"]");
}

#[test]
fn slashes_in_a_namespace_are_dots_in_its_topic() {
    let server = Running::start();
    let mut client = SocketIo::join(&server, "/orders/seoul");
    let mut dotted = SocketIo::join(&server, "/orders.seoul");
    server.publish("orders.seoul", b"1");
    assert_eq!(client.hear(), "2/orders/seoul,[\"message\",\"1\"]");
    assert_eq!(dotted.hear(), "2/orders.seoul,[\"message\",\"1\"]");
    client.publish("/orders/seoul", "[\"new\",2]");
    assert_eq!(dotted.hear(), "2/orders.seoul,[\"new\",2]");
}

#[test]
fn subscriptions_of_the_root_that_overlap_hear_an_event_once_and_each_namespace_for_itself() {
    let server = Running::start();
    let mut client = SocketIo::join(&server, "/");
    for pattern in ["a.*", "a.>", "a.b"] {
        client.ask("/", &format!("[\"subscribe\",\"{pattern}\"]"));
    }
    client.enter("/a.b", "");
    for number in ["1", "2"] {
        server.publish("a.b", number.as_bytes());
        let mut heard = [client.hear(), client.hear()];
        heard.sort();
        let event = format!("[\"message\",\"{number}\"");
        assert!(
            heard[0].starts_with("2/a.b,") && heard[0].contains(&event),
            "{heard:?}"
        );
        assert!(
            heard[1].starts_with("2[") && heard[1].contains(&event),
            "{heard:?}"
        );
    }
}

#[test]
fn an_event_is_acknowledged_with_its_cursor() {
    let server = Running::start();
    let mut lines = Lines::new(&server);
    lines.ask("SUB a", "OK");
    for by in WAYS {
        let mut client = SocketIo::join_by(&server, by, "/a");
        let cursor = client.publish("/a", "[\"greet\",\"hello\"]");
        let line = lines.hear();
        assert_eq!(value(&line, "cursor"), cursor);
        assert_eq!(value(&line, "event"), "greet");
        assert!(line.ends_with(" :hello"), "{line}");
    }
}

#[test]
fn what_cannot_be_published_is_acknowledged_with_an_error() {
    let server = Running::with("[limits]\nmessage = 1000\n");
    let mut client = SocketIo::join(&server, "/a");
    let name = "n".repeat(300);
    let why = client.ask("/a", &format!("[\"{name}\",1]"));
    assert!(
        why["error"].as_str().unwrap().contains("at most 255 bytes"),
        "{why}"
    );
    let why = client.ask("/a", "[\"a\\nb\",1]");
    assert!(
        why["error"].as_str().unwrap().contains("control characters"),
        "{why}"
    );
    // Without an acknowledgement nobody hears of it, and the connection goes on.
    client.emit("/a", "[\"a\\nb\",1]");
    client.publish("/a", "[\"x\",1]");
}

#[test]
fn numbers_are_names_too_and_reserved_names_of_others_are_not_passed_on() {
    let server = Running::start();
    let mut client = SocketIo::join(&server, "/a");
    let mut other = SocketIo::join(&server, "/a");
    other.publish("/a", "[7,\"x\"]");
    assert_eq!(client.hear(), "2/a,[\"7\",\"x\"]");
    let mut lines = Lines::new(&server);
    for name in [
        "connect",
        "disconnect",
        "connect_error",
        "disconnecting",
        "newListener",
    ] {
        lines.ask(&format!("PUB a event={name} :x"), "OK");
        assert_eq!(client.hear(), "2/a,[\"message\",\"x\"]");
    }
    lines.ask("PUB a event=error :x", "OK");
    assert_eq!(client.hear(), "2/a,[\"error\",\"x\"]");
}

#[test]
fn events_reach_stomp_and_stomp_reaches_them() {
    let server = Running::start();
    let mut stomp = Stomp::new(&server);
    stomp.subscribe("1", "/topic/chat");
    let mut client = SocketIo::join_by(&server, By::Polls, "/chat");
    let cursor = client.publish("/chat", "[\"say\",{\"a\":1}]");
    let frame = stomp.hear_message();
    assert_eq!((frame.the("event"), frame.text()), ("say", "{\"a\":1}"));
    assert_eq!(frame.the("cursor"), cursor);
    assert_eq!(frame.the("content-type"), "application/json");
    stomp.say(crate::stomp::peer::send(
        "/topic/chat",
        "event:said\ncontent-type:application/json\n",
        "[1]",
    ));
    assert_eq!(client.hear(), "2/chat,[\"said\",[1]]");
}

//! Sessions that are taken up again after their connection broke, with all that was missed.

use serde_json::json;

use super::peer::{Ids, SocketIo};
use crate::engineio::{By, WAYS};
use crate::server::Running;

const KEPT: &str = "[socketio]\nrecovery = \"1m\"\n";

/// What a client says that was there before.
fn back(ids: &Ids, offset: Option<&str>) -> String {
    let mut auth = json!({"pid": ids.pid, "token": "own"});
    if let Some(offset) = offset {
        auth["offset"] = offset.into();
    }
    auth.to_string()
}

fn joined(server: &Running, by: By, namespace: &str) -> (SocketIo, Ids) {
    let mut client = SocketIo::open(server, by);
    let ids = client.enter(namespace, "");
    assert!(ids.pid.is_some() && ids.pid.as_ref() != Some(&ids.sid));
    (client, ids)
}

#[test]
fn what_was_missed_comes_and_then_what_is_new() {
    let server = Running::with(KEPT);
    for (before, after) in WAYS.into_iter().zip([By::WebSocket, By::Upgrade, By::Polls]) {
        let (mut client, ids) = joined(&server, before, "/a");
        let cursor = server.publish("a", b"1");
        let (args, offset) = client.hear_numbered("/a");
        assert_eq!((args, &offset), (vec![json!("message"), json!("1")], &cursor));
        client.break_off(&server);
        server.publish("a", b"2");
        server.publish("b", b"not of it");
        server.publish("a", b"3");
        let mut client = SocketIo::open(&server, after);
        assert_eq!(client.enter("/a", &back(&ids, Some(&offset))), ids, "{after:?}");
        server.publish("a", b"4");
        for number in ["2", "3", "4"] {
            assert_eq!(client.hear_numbered("/a").0, [json!("message"), json!(number)]);
        }
    }
}

#[test]
fn a_client_that_has_had_no_event_is_recovered_too() {
    let server = Running::with(KEPT);
    server.publish("a", b"before it came");
    for by in WAYS {
        let (client, ids) = joined(&server, by, "/a");
        client.break_off(&server);
        server.publish("a", b"missed");
        let mut client = SocketIo::open(&server, by);
        assert_eq!(client.enter("/a", &back(&ids, None)), ids);
        assert_eq!(client.hear_numbered("/a").0, [json!("message"), json!("missed")]);
    }
}

#[test]
fn acknowledgements_have_no_offset_and_own_events_do_not_come_back() {
    let server = Running::with(KEPT);
    let (mut client, ids) = joined(&server, By::WebSocket, "/a");
    let (mut other, _) = joined(&server, By::WebSocket, "/a");
    let first = client.publish("/a", "[\"say\",\"one\"]");
    assert_eq!(
        other.hear_numbered("/a"),
        (vec![json!("say"), json!("one")], first)
    );
    client.break_off(&server);
    other.publish("/a", "[\"say\",\"two\"]");
    let mut client = SocketIo::open(&server, By::WebSocket);
    assert_eq!(client.enter("/a", &back(&ids, None)), ids);
    let (args, _) = client.hear_numbered("/a");
    assert_eq!(args, [json!("say"), json!("two")], "not its own");
    client.publish("/a", "[\"say\",\"three\"]");
    assert_eq!(other.hear_numbered("/a").0, [json!("say"), json!("three")]);
    other.publish("/a", "[\"say\",\"four\"]");
    assert_eq!(client.hear_numbered("/a").0, [json!("say"), json!("four")]);
}

#[test]
fn several_arguments_none_and_buffers_have_their_offset_last() {
    let server = Running::with(KEPT);
    let (mut client, _) = joined(&server, By::WebSocket, "/a");
    let (mut other, _) = joined(&server, By::WebSocket, "/a");
    other.emit("/a", "[\"none\"]");
    assert_eq!(client.hear_numbered("/a").0, [json!("none")]);
    other.emit("/a", "[\"two\",1,\"x\"]");
    assert_eq!(client.hear_numbered("/a").0, [json!("two"), json!(1), json!("x")]);
    server.ask("POST /topics/a HTTP/1.1\nContent-Type: image/png", b"\x00");
    let packet = client.hear();
    assert!(
        packet.starts_with("51-/a,[\"message\",{\"_placeholder\":true,\"num\":0},\""),
        "{packet}"
    );
    assert_eq!(client.hear_bytes(), [0]);
}

#[test]
fn quiet_and_what_others_publish_lose_nothing() {
    // All that is kept of any topic are two messages.
    let server = Running::with(&format!("{KEPT}[[topics]]\npattern = \">\"\nhistory = 2\n"));
    let (mut client, ids) = joined(&server, By::WebSocket, "/a");
    server.publish("a", b"1");
    let (_, offset) = client.hear_numbered("/a");
    client.break_off(&server);
    for number in 0..50 {
        server.publish("elsewhere", format!("{number}").as_bytes());
    }
    let mut client = SocketIo::open(&server, By::WebSocket);
    assert_eq!(client.enter("/a", &back(&ids, Some(&offset))), ids);
    client.break_off(&server);
    server.publish("a", b"2");
    server.publish("a", b"3");
    let mut client = SocketIo::open(&server, By::WebSocket);
    assert_eq!(client.enter("/a", &back(&ids, Some(&offset))), ids);
    assert_eq!(client.hear_numbered("/a").0[1], "2");
    assert_eq!(client.hear_numbered("/a").0[1], "3");
}

#[test]
fn what_is_lost_is_told_by_a_session_of_its_own() {
    let server = Running::with(&format!("{KEPT}[[topics]]\npattern = \">\"\nhistory = 2\n"));
    let (mut client, ids) = joined(&server, By::WebSocket, "/a");
    server.publish("a", b"0");
    let (_, offset) = client.hear_numbered("/a");
    client.break_off(&server);
    for number in 1..=3 {
        server.publish("a", number.to_string().as_bytes());
    }
    let mut client = SocketIo::open(&server, By::WebSocket);
    let fresh = client.enter("/a", &back(&ids, Some(&offset)));
    assert!(fresh.sid != ids.sid && fresh.pid != ids.pid);
    server.publish("a", b"new");
    assert_eq!(client.hear_numbered("/a").0[1], "new");
}

#[test]
fn who_is_not_known_begins_anew() {
    let server = Running::with(KEPT);
    let (mut client, ids) = joined(&server, By::WebSocket, "/a");
    let (left, left_ids) = {
        let (mut client, ids) = joined(&server, By::WebSocket, "/a");
        client.say("1/a,");
        client.enter("/b", "");
        (client, ids)
    };
    let cursor = client.publish("/a", "[\"x\"]");
    let (epoch, _) = cursor.split_once('-').unwrap();
    let pid = ids.pid.clone().unwrap();
    let someone = Ids {
        sid: String::new(),
        pid: Some("guessed".into()),
    };
    for (namespace, auth) in [
        ("/a", back(&someone, None)),
        ("/a", back(&left_ids, None)),
        // Of another namespace.
        ("/b", back(&ids, None)),
        ("/a", back(&ids, Some("garbage"))),
        ("/a", back(&ids, Some(""))),
        // What nobody was told yet.
        ("/a", back(&ids, Some(&format!("{epoch}-1000000")))),
        ("/a", format!("{{\"pid\":\"{pid}\",\"offset\":7}}")),
        ("/a", format!("{{\"pid\":[\"{pid}\"]}}")),
        ("/a", format!("{{\"pid\":\"{}\"}}", ids.sid)),
    ] {
        let mut other = SocketIo::open(&server, By::WebSocket);
        let fresh = other.enter(namespace, &auth);
        assert!(fresh.sid != ids.sid && fresh.pid != ids.pid, "{auth}");
        assert_ne!(fresh.sid, left_ids.sid, "{auth}");
    }
    // Nobody has taken it over.
    client.publish("/a", "[\"still there\"]");
    drop(left);
}

#[test]
fn a_client_that_is_back_before_its_old_connection_is_known_to_be_dead_has_one() {
    let server = Running::with(KEPT);
    for (before, after) in WAYS.into_iter().zip([By::WebSocket, By::Upgrade, By::Polls]) {
        let (mut old, ids) = joined(&server, before, "/a");
        server.publish("a", b"1");
        let (_, offset) = old.hear_numbered("/a");
        let mut client = SocketIo::open(&server, after);
        assert_eq!(client.enter("/a", &back(&ids, Some(&offset))), ids);
        assert!(old.ends());
        drop(old);
        // Its old connection's end is not the session's.
        server.publish("a", b"2");
        let (args, offset) = client.hear_numbered("/a");
        assert_eq!(args[1], "2");
        client.break_off(&server);
        let mut client = SocketIo::open(&server, after);
        assert_eq!(client.enter("/a", &back(&ids, Some(&offset))), ids);
        client.break_off(&server);
    }
}

#[test]
fn after_its_time_a_session_is_forgotten() {
    let server = Running::with("[socketio]\nrecovery = \"100ms\"\n");
    let (client, ids) = joined(&server, By::WebSocket, "/a");
    client.break_off(&server);
    std::thread::sleep(std::time::Duration::from_millis(300));
    let mut client = SocketIo::open(&server, By::WebSocket);
    assert_ne!(client.enter("/a", &back(&ids, None)), ids);
}

#[test]
fn each_namespace_is_taken_up_for_itself_and_the_root_with_its_subscriptions() {
    let server = Running::with(KEPT);
    let mut client = SocketIo::open(&server, By::WebSocket);
    let root = client.enter("/", "");
    let chat = client.enter("/a", "");
    client.ask("/", "[\"subscribe\",\"orders.*\"]");
    client.ask("/", "[\"subscribe\",\"left\"]");
    client.ask("/", "[\"unsubscribe\",\"left\"]");
    client.break_off(&server);
    let cursor = server.publish("orders.seoul", b"1");
    server.publish("left", b"no");
    server.publish("a", b"2");
    let mut client = SocketIo::open(&server, By::WebSocket);
    assert_eq!(client.enter("/", &back(&root, None)), root);
    let (args, offset) = client.hear_numbered("/");
    assert_eq!(
        args,
        [
            json!("message"),
            json!("1"),
            json!({"topic": "orders.seoul", "cursor": cursor})
        ]
    );
    assert_eq!(offset, cursor);
    assert_eq!(client.enter("/a", &back(&chat, None)), chat);
    assert_eq!(client.hear_numbered("/a").0[1], "2");
    client.ask("/", "[\"unsubscribe\",\"orders.*\"]");
}

fn subscribe(client: &mut SocketIo, topic: &str, after: &str) {
    client.ask("/", &json!(["subscribe", topic, {"after": after}]).to_string());
}

/// The body of the next event of the root, and its offset.
fn body(client: &mut SocketIo) -> (String, String) {
    let (args, offset) = client.hear_numbered("/");
    (args[1].as_str().expect("a string").to_owned(), offset)
}

#[test]
fn what_came_before_a_subscription_does_not_come_with_it() {
    let server = Running::with(KEPT);
    let (mut client, ids) = joined(&server, By::WebSocket, "/");
    client.ask("/", "[\"subscribe\",\"a\"]");
    server.publish("a", b"1");
    let (_, offset) = body(&mut client);
    server.publish("b", b"not of it");
    client.ask("/", "[\"subscribe\",\"b\"]");
    client.break_off(&server);
    server.publish("b", b"2");
    server.publish("a", b"3");
    let mut client = SocketIo::open(&server, By::WebSocket);
    assert_eq!(client.enter("/", &back(&ids, Some(&offset))), ids);
    assert_eq!(body(&mut client).0, "2");
    assert_eq!(body(&mut client).0, "3");
}

#[test]
fn the_past_of_one_subscription_is_taken_up_anywhere() {
    let server = Running::with(KEPT);
    let first = server.publish("a", b"first");
    for number in 0..200 {
        server.publish("a", number.to_string().as_bytes());
    }
    let (mut client, ids) = joined(&server, By::WebSocket, "/");
    subscribe(&mut client, "a", &first);
    let offsets: Vec<String> = (0..120).map(|_| body(&mut client).1).collect();
    client.break_off(&server);
    let mut offset = offsets[99].clone();
    for from in [100, 130] {
        let mut client = SocketIo::open(&server, By::WebSocket);
        assert_eq!(client.enter("/", &back(&ids, Some(&offset))), ids);
        for number in from..from + 30 {
            let (text, cursor) = body(&mut client);
            assert_eq!(text, number.to_string());
            offset = cursor;
        }
        client.break_off(&server);
    }
}

#[test]
fn the_past_beside_others_is_taken_up_before_it_was_sent_and_after_it_is_over() {
    let server = Running::with(KEPT);
    let old = server.publish("b", b"old");
    server.publish("b", b"past");
    let (mut client, ids) = joined(&server, By::WebSocket, "/");
    client.ask("/", "[\"subscribe\",\"a\"]");
    server.publish("a", b"1");
    let (_, of_a) = body(&mut client);
    // Nothing is there to be read: what a client has had stays sure.
    subscribe(&mut client, "none", &old);
    client.break_off(&server);
    let mut client = SocketIo::open(&server, By::WebSocket);
    assert_eq!(client.enter("/", &back(&ids, Some(&of_a))), ids);
    // Beside the past of `b`, the place of its last event does not say what a client has of both.
    subscribe(&mut client, "b", &old);
    let (text, of_b) = body(&mut client);
    assert_eq!(text, "past");
    client.break_off(&server);
    for offset in [&of_a, &of_b] {
        let mut client = SocketIo::open(&server, By::WebSocket);
        assert_ne!(client.enter("/", &back(&ids, Some(offset))).sid, ids.sid);
    }
    // From the first event on that is new, it does.
    let (mut client, ids) = joined(&server, By::WebSocket, "/");
    client.ask("/", "[\"subscribe\",\"a\"]");
    subscribe(&mut client, "b", &old);
    assert_eq!(body(&mut client).0, "past");
    server.publish("a", b"2");
    let (text, offset) = body(&mut client);
    assert_eq!(text, "2");
    client.break_off(&server);
    server.publish("b", b"3");
    let mut client = SocketIo::open(&server, By::WebSocket);
    assert_eq!(client.enter("/", &back(&ids, Some(&offset))), ids);
    assert_eq!(body(&mut client).0, "3");
}

#[test]
fn the_past_beside_others_is_over_when_its_subscription_ends() {
    let server = Running::with(KEPT);
    let old = server.publish("b", b"old");
    let large = vec![b'x'; 100_000];
    for _ in 0..300 {
        server.publish("b", &large);
    }
    let (mut client, ids) = joined(&server, By::WebSocket, "/");
    client.ask("/", "[\"subscribe\",\"a\"]");
    // More than the socket takes, so that it is still read when it ends.
    client.say(&format!("20[\"subscribe\",\"b\",{{\"after\":\"{old}\"}}]"));
    while !client.hear().contains("xxx") {}
    client.say("21[\"unsubscribe\",\"b\"]");
    while !client.hear().starts_with("31[") {}
    server.publish("a", b"new");
    let offset = loop {
        let heard = client.hear();
        if heard.contains("\"new\"") {
            let args: serde_json::Value = serde_json::from_str(&heard[1..]).expect("an event");
            break args[3].as_str().expect("an offset").to_owned();
        }
    };
    client.break_off(&server);
    let mut client = SocketIo::open(&server, By::WebSocket);
    assert_eq!(client.enter("/", &back(&ids, Some(&offset))), ids);
}

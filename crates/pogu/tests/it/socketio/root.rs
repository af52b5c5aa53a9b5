//! The root namespace without code, which reaches all topics.

use serde_json::{Value, json};

use super::peer::SocketIo;
use crate::engineio::WAYS;
use crate::server::Running;

/// An event of the root: its name, its argument, and where it is from.
#[track_caller]
fn event(client: &mut SocketIo) -> (Value, Value, Value) {
    let packet = client.hear();
    let args: Vec<Value> = serde_json::from_str(packet.strip_prefix('2').unwrap()).unwrap();
    match <[Value; 3]>::try_from(args) {
        Ok([name, data, place]) => (name, data, place),
        Err(args) => panic!("{args:?}"),
    }
}

#[track_caller]
fn error(client: &mut SocketIo, event: &str) -> String {
    let answer = client.ask("/", event);
    let why = answer["error"].as_str();
    why.unwrap_or_else(|| panic!("{event}: {answer}")).to_owned()
}

#[test]
fn topics_and_patterns_are_subscribed_to_and_messages_say_where_they_are_from() {
    let server = Running::start();
    for by in WAYS {
        let mut client = SocketIo::join_by(&server, by, "/");
        let start = client.ask("/", "[\"subscribe\",\"orders.*\"]");
        assert!(start["cursor"].is_string(), "{start}");
        assert_eq!(start.get("gap"), None);
        let cursor = server.publish("orders.seoul", b"42");
        server.publish("other", b"no");
        assert_eq!(
            event(&mut client),
            (
                json!("message"),
                json!("42"),
                json!({"topic": "orders.seoul", "cursor": cursor})
            )
        );
        // Its own messages come, too, as in every broker.
        let answer = client.ask(
            "/",
            "[\"publish\",\"orders.busan\",{\"n\":1},{\"event\":\"new\"}]",
        );
        assert_eq!(
            event(&mut client),
            (
                json!("new"),
                json!({"n": 1}),
                json!({"topic": "orders.busan", "cursor": answer["cursor"]})
            )
        );
        assert_eq!(client.ask("/", "[\"unsubscribe\",\"orders.*\"]"), json!({}));
        server.publish("orders.seoul", b"after");
        client.ask("/", "[\"subscribe\",\"orders.>\"]");
        server.publish("orders.seoul", b"last");
        assert_eq!(event(&mut client).1, json!("last"));
    }
}

#[test]
fn a_subscription_may_begin_in_the_past() {
    let server = Running::with("[[topics]]\npattern = \"short\"\nhistory = 2\n");
    let cursors: Vec<String> = (0..5)
        .map(|number| server.publish("a", number.to_string().as_bytes()))
        .collect();
    let mut client = SocketIo::join(&server, "/");
    client.ask(
        "/",
        &format!("[\"subscribe\",\"a\",{{\"after\":\"{}\"}}]", cursors[2]),
    );
    assert_eq!(event(&mut client).1, json!("3"));
    assert_eq!(event(&mut client).1, json!("4"));
    let mut other = SocketIo::join(&server, "/");
    other.ask("/", "[\"subscribe\",\"a\",{\"after\":\"last:1\"}]");
    assert_eq!(event(&mut other).1, json!("4"));
    server.publish("a", b"live");
    assert_eq!(event(&mut client).1, json!("live"));
    assert_eq!(event(&mut other).1, json!("live"));
    // What history no longer has is told.
    let first = server.publish("short", b"0");
    for number in 1..5 {
        server.publish("short", number.to_string().as_bytes());
    }
    let answer = client.ask(
        "/",
        &format!("[\"subscribe\",\"short\",{{\"after\":\"{first}\"}}]"),
    );
    assert_eq!(answer["gap"], json!(true), "{answer}");
    let mut heard = client.hear();
    if heard.starts_with("2[\"gap\"") {
        heard = client.hear();
    }
    assert!(heard.starts_with("2[\"message\",\"3\","), "{heard}");
    assert_eq!(event(&mut client).1, json!("4"));
}

#[test]
fn publishing_needs_no_subscription() {
    let server = Running::start();
    let mut reader = SocketIo::join(&server, "/a");
    let mut client = SocketIo::join(&server, "/");
    client.ask("/", "[\"publish\",\"a\",\"text\"]");
    assert_eq!(reader.hear(), "2/a,[\"message\",\"text\"]");
    client.ask("/", "[\"publish\",\"a\",[1,2],{\"event\":\"list\"}]");
    assert_eq!(reader.hear(), "2/a,[\"list\",[1,2]]");
    client.emit("/", "[\"publish\",\"a\",null]");
    assert_eq!(reader.hear(), "2/a,[\"message\",null]");
    let placeholder = "{\"_placeholder\":true,\"num\":0}";
    client.say(&format!("51-[\"publish\",\"a\",{placeholder}]"));
    client.say_bytes(&[1, 2]);
    assert_eq!(reader.hear(), format!("51-/a,[\"message\",{placeholder}]"));
    assert_eq!(reader.hear_bytes(), [1, 2]);
}

#[test]
fn what_the_root_does_not_take_is_told() {
    let server = Running::with("[limits]\nsubscriptions = 2\n");
    let mut client = SocketIo::join(&server, "/");
    for event in [
        "[\"chat\",\"hello\"]",
        "[\"subscribe\"]",
        "[\"subscribe\",1]",
        "[\"publish\"]",
        "[\"publish\",{}]",
    ] {
        assert!(
            error(&mut client, event).starts_with("`/` takes subscribe("),
            "{event}"
        );
    }
    for event in [
        "[\"publish\",\"a\"]",
        "[\"publish\",\"a.*\",1]",
        "[\"publish\",\"$server\",1]",
        "[\"publish\",\"\",1]",
        "[\"publish\",\"a\",1,{\"event\":\"a\\nb\"}]",
        "[\"subscribe\",\"a..b\"]",
        "[\"subscribe\",\"a\",{\"after\":\"yesterday\"}]",
        "[\"unsubscribe\",\"a\"]",
    ] {
        error(&mut client, event);
    }
    client.ask("/", "[\"subscribe\",\"a\"]");
    assert!(error(&mut client, "[\"subscribe\",\"a\"]").contains("already"));
    client.ask("/", "[\"subscribe\",\"b\"]");
    assert!(error(&mut client, "[\"subscribe\",\"c\"]").contains("at most 2"));
    // Nobody waits: nothing is said, and nothing breaks.
    client.emit("/", "[\"chat\",\"hello\"]");
    client.ask("/", "[\"unsubscribe\",\"b\"]");
    client.ask("/", "[\"subscribe\",\"c\"]");
}

//! Code behind namespaces: who may join, and events by type.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use pogu::socketio::{Arg, Namespace, Refusal};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::peer::SocketIo;
use crate::engineio::{By, WAYS};
use crate::server::Running;

/// One namespace, `/chat`.
fn chat(namespace: &Namespace) -> Running {
    Running::built("", |builder| builder.socketio("/chat", namespace.clone()))
}

#[test]
fn the_first_that_refuses_decides_and_its_data_is_told() {
    let later = Arc::new(AtomicUsize::new(0));
    let count = later.clone();
    let server = chat(
        &Namespace::new()
            .on_connect(|_, auth| match auth["token"].as_str() {
                Some("secret") => Ok(()),
                Some(_) => Err(Refusal::new("wrong \"token\"")),
                None => Err(Refusal::new("no token").with_data(json!({"hint": ["send", "one"]}))),
            })
            .on_connect(move |socket, _| {
                count.fetch_add(1, Ordering::Relaxed);
                socket.emit("welcome", &socket.id().len());
                Ok(())
            }),
    );
    for by in WAYS {
        let mut client = SocketIo::open(&server, by);
        client.say("0/chat,");
        assert_eq!(
            client.hear(),
            "4/chat,{\"message\":\"no token\",\"data\":{\"hint\":[\"send\",\"one\"]}}"
        );
        client.say("0/chat,{\"token\":\"guess\"}");
        assert_eq!(client.hear(), "4/chat,{\"message\":\"wrong \\\"token\\\"\"}");
        client.say("0/chat,{\"token\":7}");
        assert!(client.hear().starts_with("4/chat,{\"message\":\"no token\""));
        let ids = client.enter("/chat", "{\"token\":\"secret\"}");
        assert_eq!(client.hear(), format!("2/chat,[\"welcome\",{}]", ids.sid.len()));
    }
    assert_eq!(later.load(Ordering::Relaxed), 3);
}

#[test]
fn who_is_refused_is_in_no_room_and_says_nothing() {
    let server = chat(
        &Namespace::new()
            .on_connect(|socket, auth| {
                socket.join("kitchen").unwrap();
                socket.emit("early", &1);
                match auth["in"].as_bool() {
                    Some(true) => Ok(()),
                    _ => Err(Refusal::new("no")),
                }
            })
            .on("say", |socket, text: String| {
                socket.to("kitchen").emit("said", &text);
            }),
    );
    let mut client = SocketIo::open(&server, By::WebSocket);
    client.say("0/chat,");
    assert_eq!(client.hear(), "4/chat,{\"message\":\"no\"}");
    server.publish("chat.kitchen", b"not for it");
    server.publish("chat", b"nor this");
    client.enter("/chat", "{\"in\":true}");
    assert_eq!(client.hear(), "2/chat,[\"early\",1]");
    server.publish("chat.kitchen", b"for it");
    assert_eq!(client.hear(), "2/chat,[\"message\",\"for it\"]");
    let mut client = SocketIo::open(&server, By::WebSocket);
    client.say("0/chat,");
    client.hear();
    client.say("2/chat,[\"say\",\"x\"]");
    assert!(client.ends());
}

#[derive(Deserialize, Serialize)]
struct Order {
    item: String,
    number: u32,
}

#[test]
fn events_are_typed_and_answered() {
    let server = chat(
        &Namespace::new()
            .on_ack("sum", |_, (a, b): (i64, i64)| a + b)
            .on_ack("twice", |_, order: Order| Order {
                number: order.number * 2,
                ..order
            })
            .on_ack("none", |_, (): ()| json!({"ok": true}))
            .on_ack("maybe", |_, text: Option<String>| text)
            .on_ack("bytes", |_, bytes: Vec<u8>| bytes.len())
            .on("say", |socket, text: String| socket.emit("said", &text)),
    );
    for by in WAYS {
        let mut client = SocketIo::join_by(&server, by, "/chat");
        assert_eq!(client.ask("/chat", "[\"sum\",1,41]"), 42);
        assert_eq!(
            client.ask("/chat", "[\"twice\",{\"item\":\"tea\",\"number\":2}]"),
            json!({"item": "tea", "number": 4})
        );
        assert_eq!(client.ask("/chat", "[\"none\"]"), json!({"ok": true}));
        assert_eq!(client.ask("/chat", "[\"maybe\",\"x\"]"), "x");
        assert_eq!(client.ask("/chat", "[\"maybe\"]"), Value::Null);
        client.say("51-/chat,9[\"bytes\",{\"_placeholder\":true,\"num\":0}]");
        client.say_bytes(&[1, 2, 3]);
        assert_eq!(client.hear(), "3/chat,9[3]");
        for event in [
            "[\"sum\"]",
            "[\"sum\",1]",
            "[\"sum\",\"1\",\"2\"]",
            "[\"sum\",1,2,3]",
            "[\"sum\",1e400,1]",
            "[\"twice\",{\"item\":\"tea\"}]",
            "[\"twice\",{\"item\":\"tea\",\"number\":-1}]",
            "[\"say\",7]",
        ] {
            let answer = client.ask("/chat", event);
            assert!(answer["error"].is_string(), "{event}: {answer}");
        }
        // Where nobody waits nothing is said.
        client.emit("/chat", "[\"sum\",\"no\"]");
        client.emit("/chat", "[\"sum\",1,2]");
        client.emit("/chat", "[\"say\",\"hello\"]");
        assert_eq!(client.hear(), "2/chat,[\"said\",\"hello\"]");
    }
}

#[test]
fn an_event_is_acknowledged_once_and_with_anything() {
    let server = chat(&Namespace::new().on_event("ask", |socket, event| {
        assert_eq!(event.name, "ask");
        socket.ack(&[Arg::Json("1"), Arg::Binary(&[7, 8]), Arg::Json("\"x\"")]);
        socket.ack(&[Arg::Json("2")]);
        socket.emit("waits", &event.wants_ack);
    }));
    let mut client = SocketIo::join(&server, "/chat");
    client.say("2/chat,5[\"ask\"]");
    assert_eq!(
        client.hear(),
        "61-/chat,5[1,{\"_placeholder\":true,\"num\":0},\"x\"]"
    );
    assert_eq!(client.hear_bytes(), [7, 8]);
    assert_eq!(client.hear(), "2/chat,[\"waits\",true]");
    client.emit("/chat", "[\"ask\"]");
    assert_eq!(client.hear(), "2/chat,[\"waits\",false]");
}

#[test]
fn reasons_are_told_to_the_code() {
    let reasons = Arc::new(Mutex::new(Vec::new()));
    let noted = reasons.clone();
    let namespace = Namespace::new()
        .on_event("leave", |socket, _| socket.disconnect())
        .on_disconnect(move |socket, reason| {
            // Nobody hears it any more, and nothing breaks.
            socket.emit("bye", &1);
            noted.lock().unwrap().push(reason.as_str());
        });
    let config = "[socketio]\nping-interval = \"400ms\"\nping-timeout = \"400ms\"\n";
    let mut server = Running::built(config, |builder| builder.socketio("/chat", namespace.clone()));
    let told = |reason: &str| {
        let until = std::time::Instant::now() + crate::PATIENCE;
        while reasons.lock().unwrap().is_empty() {
            assert!(std::time::Instant::now() < until, "{reason}");
            std::thread::yield_now();
        }
        assert_eq!(std::mem::take(&mut *reasons.lock().unwrap()), [reason]);
    };
    let mut client = SocketIo::join(&server, "/chat");
    client.say("1/chat,");
    told("client namespace disconnect");
    client.enter("/chat", "");
    client.emit("/chat", "[\"leave\"]");
    assert_eq!(client.hear(), "1/chat,");
    told("server namespace disconnect");
    // What it said before it heard so is passed over, and it may come back.
    client.emit("/chat", "[\"leave\"]");
    client.enter("/chat", "");
    drop(client);
    told("transport close");
    let mut client = SocketIo::join(&server, "/chat");
    client.engine.packet("1");
    told("transport close");
    let mut client = SocketIo::join(&server, "/chat");
    client.say("2/chat,{}");
    told("parse error");
    let silent = SocketIo::join(&server, "/chat");
    told("ping timeout");
    drop(silent);
    let last = SocketIo::join(&server, "/chat");
    server.tell_to_stop();
    told("server shutting down");
    drop(last);
    server.join();
}

#[test]
fn a_client_may_be_sent_away_as_it_comes() {
    let namespace = Namespace::new().on_connect(|socket, _| {
        socket.emit("sorry", &1);
        socket.disconnect();
        Ok(())
    });
    let server = Running::built("", |builder| {
        builder
            .socketio("/chat", namespace.clone())
            .socketio("/other", Namespace::relay())
    });
    let mut client = SocketIo::open(&server, By::WebSocket);
    client.enter("/chat", "");
    assert_eq!(client.hear(), "2/chat,[\"sorry\",1]");
    assert_eq!(client.hear(), "1/chat,");
    client.enter("/other", "");
}

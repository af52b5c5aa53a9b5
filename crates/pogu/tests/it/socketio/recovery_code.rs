//! Sessions that are taken up again where there is code behind their namespace: with their rooms, and what was emitted to them alone.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use pogu::socketio::Namespace;
use serde_json::json;

use super::peer::{Ids, SocketIo};
use crate::engineio::{By, WAYS};
use crate::server::Running;

fn server() -> Running {
    let namespace = Namespace::new()
        .on_connect(|socket, _| {
            let back = socket.is_recovered();
            socket.emit("welcome", &back);
            Ok(())
        })
        .on_ack("join", |socket, room: String| socket.join(&room).is_ok())
        .on_ack("leave", |socket, room: String| socket.leave(&room))
        .on("to", |socket, (room, text): (String, String)| {
            socket.to(&room).emit("to", &text);
        })
        .on("ask", |socket, text: String| {
            let timeout = Duration::from_secs(60);
            socket.emit_with_ack("question", &text, timeout, |socket, answer| {
                socket.emit("answered", &answer.is_ok());
            });
        })
        .on("leave-all", |socket, (): ()| socket.disconnect());
    Running::built("[socketio]\nrecovery = \"1m\"\n", |builder| {
        builder.socketio("/chat", namespace.clone())
    })
}

fn joined(server: &Running, by: By) -> (SocketIo, Ids, String) {
    let mut client = SocketIo::open(server, by);
    let ids = client.enter("/chat", "");
    let (args, offset) = client.hear_numbered("/chat");
    assert_eq!(args, [json!("welcome"), json!(false)]);
    (client, ids, offset)
}

fn back(server: &Running, by: By, ids: &Ids, offset: &str) -> (SocketIo, Ids) {
    let mut client = SocketIo::open(server, by);
    let auth = json!({"pid": ids.pid, "offset": offset}).to_string();
    let now = client.enter("/chat", &auth);
    (client, now)
}

#[test]
fn rooms_and_what_was_for_one_alone_come_back() {
    let server = server();
    for by in WAYS {
        let (mut client, ids, offset) = joined(&server, by);
        let (mut other, ..) = joined(&server, By::WebSocket);
        client.ask("/chat", "[\"join\",\"kitchen\"]");
        client.ask("/chat", "[\"join\",\"left\"]");
        client.ask("/chat", "[\"leave\",\"left\"]");
        client.break_off(&server);
        other.emit("/chat", "[\"to\",\"kitchen\",\"to all in it\"]");
        other.emit("/chat", "[\"to\",\"left\",\"not for it\"]");
        other.emit("/chat", &format!("[\"to\",\"{}\",\"to you\"]", ids.sid));
        // All of it is there.
        assert_eq!(other.ask("/chat", "[\"join\",\"x\"]"), true);
        let (mut client, now) = back(&server, by, &ids, &offset);
        assert_eq!(now, ids);
        // In the one order, whatever the rooms: else the offset of the last would not say what the client has.
        let mut heard: Vec<String> = (0..3)
            .map(|_| json!(client.hear_numbered("/chat").0).to_string())
            .collect();
        heard.retain(|event| event != "[\"welcome\",true]");
        assert_eq!(heard, ["[\"to\",\"to all in it\"]", "[\"to\",\"to you\"]"]);
        other.emit("/chat", "[\"to\",\"kitchen\",\"live\"]");
        assert_eq!(client.hear_numbered("/chat").0, [json!("to"), json!("live")]);
    }
}

/// Clients take a last argument that is a string for the offset. Here theirs is the function that acknowledges.
#[test]
fn questions_have_no_offset() {
    let server = server();
    let (mut client, ids, _) = joined(&server, By::WebSocket);
    client.emit("/chat", "[\"ask\",\"how are you\"]");
    assert_eq!(client.hear(), "2/chat,0[\"question\",\"how are you\"]");
    client.say("3/chat,0[\"well\"]");
    let (args, offset) = client.hear_numbered("/chat");
    assert_eq!(args, [json!("answered"), json!(true)]);
    client.break_off(&server);
    let (mut client, now) = back(&server, By::Polls, &ids, &offset);
    assert_eq!(now, ids);
    assert_eq!(client.hear_numbered("/chat").0, [json!("welcome"), json!(true)]);
}

#[test]
fn who_was_sent_away_begins_anew() {
    let server = server();
    let (mut client, ids, offset) = joined(&server, By::WebSocket);
    client.emit("/chat", "[\"leave-all\"]");
    assert_eq!(client.hear(), "1/chat,");
    client.break_off(&server);
    let (mut client, now) = back(&server, By::WebSocket, &ids, &offset);
    assert!(now.sid != ids.sid && now.pid != ids.pid);
    assert_eq!(client.hear_numbered("/chat").0, [json!("welcome"), json!(false)]);
}

/// Whoever counts those who are there is told of each going before the coming back, and once.
#[test]
fn who_is_back_before_it_is_known_to_be_gone_has_gone_first() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let (comes, goes) = (told.clone(), told.clone());
    let namespace = Namespace::new()
        .on_connect(move |socket, _| {
            let how = if socket.is_recovered() { "back" } else { "new" };
            comes.lock().unwrap().push(how);
            Ok(())
        })
        .on_disconnect(move |_, reason| goes.lock().unwrap().push(reason.as_str()));
    let server = Running::built("[socketio]\nrecovery = \"1m\"\n", |builder| {
        builder.socketio("/chat", namespace.clone())
    });
    for (before, after) in WAYS.into_iter().zip([By::WebSocket, By::Upgrade, By::Polls]) {
        let mut old = SocketIo::open(&server, before);
        let ids = old.enter("/chat", "");
        let auth = json!({"pid": ids.pid}).to_string();
        let mut client = SocketIo::open(&server, after);
        assert_eq!(client.enter("/chat", &auth), ids);
        assert!(old.ends());
        drop(old);
        client.break_off(&server);
        let told = std::mem::take(&mut *told.lock().unwrap());
        assert_eq!(told, ["new", "transport close", "back", "transport close"]);
    }
}

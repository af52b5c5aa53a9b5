//! Acknowledgements that code asks clients for.

use std::time::Duration;

use pogu::socketio::{Namespace, NoAck};
use serde_json::{Value, json};

use super::peer::SocketIo;
use crate::engineio::WAYS;
use crate::server::{Lines, Running};

const LONG: Duration = Duration::from_secs(60);

/// `ask` has the client asked; what it answers, or why it does not, reaches all as `answer`.
fn asking(timeout: Duration) -> Namespace {
    Namespace::new()
        .on("ask", move |socket, data: Value| {
            socket.emit_with_ack("question", &data, timeout, |socket, answer| {
                let told = match answer {
                    Ok(value) => json!({"ok": value}),
                    Err(NoAck::Timeout) => json!("timeout"),
                    Err(NoAck::Gone) => json!("gone"),
                    Err(_) => json!("too many"),
                };
                socket.all().emit("answer", &told);
            });
        })
        .on("leave", |socket, (): ()| socket.disconnect())
}

fn server(timeout: Duration, config: &str) -> Running {
    Running::built(config, |builder| builder.socketio("/chat", asking(timeout)))
}

#[test]
fn what_a_client_answers_reaches_who_asked() {
    let server = server(LONG, "");
    for by in WAYS {
        let mut client = SocketIo::join_by(&server, by, "/chat");
        for (id, (data, answer, told)) in [
            ("1", "[2]", "{\"ok\":2}"),
            ("{\"a\":1}", "[\"x\",\"and more\"]", "{\"ok\":\"x\"}"),
            ("null", "[]", "{\"ok\":null}"),
        ]
        .into_iter()
        .enumerate()
        {
            client.emit("/chat", &format!("[\"ask\",{data}]"));
            assert_eq!(client.hear(), format!("2/chat,{id}[\"question\",{data}]"));
            client.say(&format!("3/chat,{id}{answer}"));
            assert_eq!(client.hear(), format!("2/chat,[\"answer\",{told}]"));
            // Once.
            client.say(&format!("3/chat,{id}[\"again\"]"));
        }
        client.emit("/chat", "[\"ask\",0]");
        assert_eq!(client.hear(), "2/chat,3[\"question\",0]");
        client.say("61-/chat,3[{\"_placeholder\":true,\"num\":0}]");
        client.say_bytes(&[1, 2]);
        assert_eq!(client.hear(), "2/chat,[\"answer\",{\"ok\":[1,2]}]");
    }
}

#[test]
fn who_asks_does_not_wait_for_ever() {
    let server = server(Duration::from_millis(50), "");
    for by in WAYS {
        let mut client = SocketIo::join_by(&server, by, "/chat");
        client.emit("/chat", "[\"ask\",1]");
        assert_eq!(client.hear(), "2/chat,0[\"question\",1]");
        assert_eq!(client.hear(), "2/chat,[\"answer\",\"timeout\"]");
        // Too late.
        client.say("3/chat,0[1]");
        client.emit("/chat", "[\"ask\",2]");
        assert_eq!(client.hear(), "2/chat,1[\"question\",2]");
        assert_eq!(client.hear(), "2/chat,[\"answer\",\"timeout\"]");
    }
}

#[test]
fn who_is_gone_does_not_answer() {
    let server = server(LONG, "");
    let mut lines = Lines::new(&server);
    lines.ask("SUB chat", "OK");
    let mut gone = || {
        let line = lines.hear();
        assert!(line.ends_with(" event=answer :gone"), "{line}");
    };
    let asked = |by| {
        let mut client = SocketIo::join_by(&server, by, "/chat");
        client.emit("/chat", "[\"ask\",1]");
        assert_eq!(client.hear(), "2/chat,0[\"question\",1]");
        client
    };
    for by in WAYS {
        asked(by).break_off(&server);
        gone();
        let mut client = asked(by);
        client.say("1/chat,");
        gone();
        client.enter("/chat", "");
        client.emit("/chat", "[\"ask\",1]");
        assert_eq!(client.hear(), "2/chat,0[\"question\",1]");
        client.emit("/chat", "[\"leave\"]");
        assert_eq!(client.hear(), "1/chat,");
        gone();
        client.say("3/chat,0[1]");
        client.enter("/chat", "");
        client.say("2/chat,{}");
        assert!(client.ends());
    }
}

#[test]
fn a_client_owes_so_many() {
    let server = server(LONG, "");
    let mut client = SocketIo::join(&server, "/chat");
    for _ in 0..1001 {
        client.emit("/chat", "[\"ask\",1]");
    }
    for id in 0..1000 {
        assert_eq!(client.hear(), format!("2/chat,{id}[\"question\",1]"));
    }
    assert_eq!(client.hear(), "2/chat,[\"answer\",\"too many\"]");
    client.say("3/chat,500[1]");
    assert_eq!(client.hear(), "2/chat,[\"answer\",{\"ok\":1}]");
    client.emit("/chat", "[\"ask\",1]");
    assert_eq!(client.hear(), "2/chat,1000[\"question\",1]");
}

//! Emitting to one, to a room, to all, and to all but who emits; from other protocols and to them.

use pogu::socketio::{Arg, Namespace};

use super::peer::{Ids, SocketIo};
use crate::engineio::{By, WAYS};
use crate::server::{Lines, Running};

fn rooms() -> Namespace {
    Namespace::new()
        .on_ack("join", |socket, room: String| {
            socket.join(&room).map_err(|error| error.to_string())
        })
        .on_ack("leave", |socket, room: String| socket.leave(&room))
        .on("to", |socket, (room, text): (String, String)| {
            socket.to(&room).emit("to", &text);
        })
        .on("others", |socket, text: String| {
            socket.broadcast().emit("others", &text);
        })
        .on("all", |socket, text: String| socket.all().emit("all", &text))
        .on("args", |socket, (): ()| {
            let args = [Arg::Json("1"), Arg::Binary(&[9]), Arg::Json("{\"a\":[]}")];
            socket.all().emit_args("args", &args);
        })
}

fn server(config: &str) -> Running {
    Running::built(config, |builder| {
        builder.socketio("/chat", rooms()).socketio("/", rooms())
    })
}

/// Clients by each way, on both lanes.
fn three(server: &Running, namespace: &str) -> Vec<(SocketIo, Ids)> {
    let client = |by: &By| {
        let mut client = SocketIo::open(server, *by);
        let ids = client.enter(namespace, "");
        (client, ids)
    };
    WAYS.iter().map(client).collect()
}

#[test]
fn all_or_all_others_hear_an_event() {
    let server = server("");
    for namespace in ["/chat", "/"] {
        let mut clients = three(&server, namespace);
        let prefix = if namespace == "/" { "2" } else { "2/chat," };
        for from in 0..3 {
            clients[from].0.emit(namespace, "[\"others\",\"x\"]");
            clients[from].0.emit(namespace, "[\"all\",\"y\"]");
            clients[from].0.emit(namespace, "[\"args\"]");
            for (at, (client, _)) in clients.iter_mut().enumerate() {
                if at != from {
                    assert_eq!(client.hear(), format!("{prefix}[\"others\",\"x\"]"));
                }
                assert_eq!(client.hear(), format!("{prefix}[\"all\",\"y\"]"));
                let packet = client.hear();
                let args = "[\"args\",1,{\"_placeholder\":true,\"num\":0},{\"a\":[]}]";
                assert_eq!(packet, format!("51-{}{args}", &prefix[1..]));
                assert_eq!(client.hear_bytes(), [9]);
            }
        }
    }
}

#[test]
fn a_room_has_those_who_have_joined_and_not_left() {
    let server = server("");
    for namespace in ["/chat", "/"] {
        let mut clients = three(&server, namespace);
        let prefix = if namespace == "/" { "2" } else { "2/chat," };
        let ok = serde_json::json!({"Ok": null});
        // Twice is once.
        for at in [0, 1, 1] {
            assert_eq!(clients[at].0.ask(namespace, "[\"join\",\"kitchen\"]"), ok);
        }
        clients[2].0.emit(namespace, "[\"to\",\"kitchen\",\"first\"]");
        for at in [0, 1] {
            assert_eq!(clients[at].0.hear(), format!("{prefix}[\"to\",\"first\"]"));
        }
        // But for who emits.
        clients[0].0.emit(namespace, "[\"to\",\"kitchen\",\"second\"]");
        assert_eq!(clients[1].0.hear(), format!("{prefix}[\"to\",\"second\"]"));
        clients[1].0.ask(namespace, "[\"leave\",\"kitchen\"]");
        clients[1].0.ask(namespace, "[\"leave\",\"never joined\"]");
        clients[2].0.emit(namespace, "[\"to\",\"kitchen\",\"third\"]");
        clients[2].0.emit(namespace, "[\"all\",\"end\"]");
        assert_eq!(clients[0].0.hear(), format!("{prefix}[\"to\",\"third\"]"));
        for (client, _) in &mut clients {
            assert_eq!(client.hear(), format!("{prefix}[\"all\",\"end\"]"));
        }
    }
}

#[test]
fn one_is_reached_by_its_id() {
    let server = server("");
    let mut clients = three(&server, "/chat");
    let ids: Vec<String> = clients.iter().map(|(_, ids)| ids.sid.clone()).collect();
    for to in [1, 2] {
        clients[0]
            .0
            .emit("/chat", &format!("[\"to\",\"{}\",\"you\"]", ids[to]));
    }
    clients[0].0.emit("/chat", "[\"to\",\"nobody\",\"you\"]");
    clients[0].0.emit("/chat", "[\"to\",\"no room\",\"you\"]");
    clients[0].0.emit("/chat", "[\"all\",\"end\"]");
    for (at, (client, _)) in clients.iter_mut().enumerate() {
        if at > 0 {
            assert_eq!(client.hear(), "2/chat,[\"to\",\"you\"]");
        }
        assert_eq!(client.hear(), "2/chat,[\"all\",\"end\"]");
    }
}

#[test]
fn namespaces_and_rooms_are_topics_to_other_protocols() {
    let server = server("");
    let mut lines = Lines::new(&server);
    lines.ask("SUB chat", "OK");
    lines.ask("SUB chat.kitchen", "OK");
    let mut client = SocketIo::join(&server, "/chat");
    client.ask("/chat", "[\"join\",\"kitchen\"]");
    client.emit("/chat", "[\"all\",\"x\"]");
    assert_eq!(client.hear(), "2/chat,[\"all\",\"x\"]");
    client.emit("/chat", "[\"to\",\"kitchen\",\"y\"]");
    let heard = lines.hear();
    assert!(
        heard.starts_with("MSG chat ") && heard.ends_with(" event=all :x"),
        "{heard}"
    );
    let heard = lines.hear();
    assert!(
        heard.starts_with("MSG chat.kitchen ") && heard.ends_with(" event=to :y"),
        "{heard}"
    );
    server.publish("chat.kitchen", b"dinner");
    assert_eq!(client.hear(), "2/chat,[\"message\",\"dinner\"]");
    server.publish("chat", b"all");
    assert_eq!(client.hear(), "2/chat,[\"message\",\"all\"]");
}

#[test]
fn a_client_is_in_so_many_rooms_and_rooms_are_named_like_tokens() {
    let server = server("[limits]\nsubscriptions = 4\n");
    let mut client = SocketIo::join(&server, "/chat");
    for room in ["a b", "a..b", "*", ">", "", "a.>"] {
        let answer = client.ask("/chat", &format!("[\"join\",\"{room}\"]"));
        assert!(answer["Err"].is_string(), "{room}: {answer}");
    }
    // The namespace's own and that of its id are two.
    client.ask("/chat", "[\"join\",\"r1\"]");
    client.ask("/chat", "[\"join\",\"r2\"]");
    let answer = client.ask("/chat", "[\"join\",\"r3\"]");
    assert!(answer["Err"].as_str().unwrap().contains("at most 4"), "{answer}");
    client.ask("/chat", "[\"leave\",\"r1\"]");
    let answer = client.ask("/chat", "[\"join\",\"r3\"]");
    assert!(answer.get("Ok").is_some(), "{answer}");
}

#[test]
fn a_namespace_may_be_a_relay_beside_those_with_code() {
    let server = Running::built("", |builder| {
        builder
            .socketio("/relay", Namespace::relay())
            .socketio("/chat", rooms())
    });
    let mut one = SocketIo::join(&server, "/relay");
    let mut other = SocketIo::join(&server, "/relay");
    one.publish("/relay", "[\"say\",1,2]");
    assert_eq!(other.hear(), "2/relay,[\"say\",1,2]");
    // Where there is code there is nothing but what it names.
    one.say("0/,");
    one.say("0/elsewhere,");
    assert!(one.hear().starts_with("4"));
    assert_eq!(one.hear(), "4/elsewhere,{\"message\":\"Invalid namespace\"}");
}

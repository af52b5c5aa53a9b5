//! A server that stops ends connections and not namespaces, so that clients come back by themselves.

use super::peer::SocketIo;
use crate::engineio::{By, Message, WAYS};
use crate::server::Running;

#[test]
fn no_namespace_is_left_and_what_waits_comes_before_the_end() {
    for by in [By::WebSocket, By::Upgrade] {
        let mut server = Running::start();
        let mut client = SocketIo::open(&server, by);
        for namespace in ["/", "/a", "/b"] {
            client.enter(namespace, "");
        }
        for number in 0..20 {
            server.publish("a", number.to_string().as_bytes());
        }
        server.tell_to_stop();
        for number in 0..20 {
            assert_eq!(client.hear(), format!("2/a,[\"message\",\"{number}\"]"), "{by:?}");
        }
        assert_eq!(client.engine.hear(), Message::End, "{by:?}");
        drop(client);
        server.join();
    }
}

#[test]
fn acknowledgements_come_in_order_until_the_end() {
    let mut server = Running::start();
    let mut client = SocketIo::join(&server, "/a");
    for id in 0..50 {
        client.say(&format!("2/a,{id}[\"x\",{id}]"));
    }
    server.tell_to_stop();
    let mut acknowledged = 0;
    while let Message::Text(packet) = client.engine.hear() {
        let ack = format!("3/a,{acknowledged}[{{\"cursor\"");
        assert!(packet.starts_with(&ack), "{packet}");
        acknowledged += 1;
    }
    drop(client);
    server.join();
}

#[test]
fn clients_that_owe_buffers_or_have_joined_nothing_hold_nothing_up() {
    let mut server = Running::with("shutdown-timeout = \"60s\"\n");
    let begun = std::time::Instant::now();
    let clients: Vec<SocketIo> = WAYS
        .iter()
        .map(|by| {
            let mut client = SocketIo::join_by(&server, *by, "/a");
            client.say("51-/a,[\"x\",{\"_placeholder\":true,\"num\":0}]");
            client
        })
        .collect();
    let idle = SocketIo::open(&server, By::WebSocket);
    server.tell_to_stop();
    drop((clients, idle));
    server.join();
    assert!(begun.elapsed() < crate::PATIENCE);
}

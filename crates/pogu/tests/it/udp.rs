//! The pogu dialect over UDP: tokens, leases, and never more than an address has asked for.

use std::net::UdpSocket;

use crate::server::{Running, hear_datagram, udp, value};

fn ask(socket: &UdpSocket, command: &str) -> String {
    socket.send(command.as_bytes()).unwrap();
    hear_datagram(socket)
}

/// Subscribes with a token, and returns it.
fn subscribe(socket: &UdpSocket, pattern: &str) -> String {
    let answer = ask(socket, &format!("SUB {pattern}"));
    assert!(answer.starts_with("OK token="), "{answer:?}");
    let token = value(answer.trim_end(), "token").to_owned();
    let answer = ask(socket, &format!("SUB {pattern} token={token}"));
    assert!(answer.starts_with("OK seq="), "{answer:?}");
    token
}

#[test]
fn a_token_proves_an_address_and_subscribes_it() {
    let server = Running::start();
    let socket = udp(server.address());
    let token = subscribe(&socket, "a");
    server.publish("a", b"hello");
    let message = hear_datagram(&socket);
    assert!(
        message.starts_with("MSG a cursor=") && message.ends_with(" :hello"),
        "{message:?}"
    );
    assert_eq!(ask(&socket, &format!("SUB a token={token}")), "OK\n", "a renewal");
    server.publish("a", b"once");
    assert!(hear_datagram(&socket).ends_with(":once"));
    assert_eq!(ask(&socket, "PING"), "PONG\n", "and not twice");
    assert!(ask(&socket, "UNSUB a").starts_with("OK "));
    server.publish("a", b"unheard");
    assert_eq!(ask(&socket, "PING"), "PONG\n");
}

#[test]
fn the_shortest_sub_is_answered() {
    let server = Running::start();
    // Three times its 5 bytes are 15, the answer without its line feed.
    assert_eq!(ask(&udp(server.address()), "SUB a").len(), 15);
    assert_eq!(ask(&udp(server.address()), "SUB a\n").len(), 16);
}

#[test]
fn without_its_token_an_address_is_sent_nothing() {
    let server = Running::start();
    let (owner, thief) = (udp(server.address()), udp(server.address()));
    let token = subscribe(&owner, "a");
    let refused = ask(&thief, &format!("SUB a token={token}"));
    assert!(refused.starts_with("ERR bad-token"), "{refused:?}");
    assert!(ask(&thief, "SUB a           ").starts_with("OK token="));
    server.publish("a", b"for the owner");
    assert!(hear_datagram(&owner).ends_with(":for the owner"));
    assert_eq!(ask(&thief, "PING"), "PONG\n");
}

#[test]
fn what_is_published_by_datagram_is_answered_with_its_cursor() {
    let server = Running::start();
    let socket = udp(server.address());
    let answer = ask(&socket, "PUB a event=greet :hello over there");
    assert!(answer.starts_with("OK seq=1 cursor="), "{answer:?}");
    let answer = ask(
        &socket,
        "PUB a..b :and a body that is long enough to be answered at length, as refusals have words",
    );
    assert!(answer.starts_with("ERR bad-topic seq=2"), "{answer:?}");
    let polled = server.get("/topics/a?after=earliest").json();
    assert_eq!(polled["messages"][0]["data"], "hello over there");
    assert_eq!(polled["messages"][0]["event"], "greet");
}

#[test]
fn answers_and_foreign_bytes_are_never_answered() {
    let server = Running::start();
    let socket = udp(server.address());
    for datagram in [
        &b"OK seq=1"[..],
        b"ERR bad-topic :why",
        b"MSG a cursor=1-1 :x",
        b"PONG",
        b"BYE quit",
        b"GAP a :1 message is gone",
        b"",
        b"\n",
        b"hello",
        b"\x00\x01\x02\x03",
        b"GET / HTTP/1.1\r\n\r\n",
    ] {
        socket.send(datagram).unwrap();
    }
    assert_eq!(ask(&socket, "PING"), "PONG\n", "the first and only answer");
    server.await_metric(&["pogu_refused_total{", "\"udp\"", "pogu"], 11);
}

#[test]
fn an_unproven_address_is_sent_at_most_three_times_what_it_sent() {
    let server = Running::start();
    let socket = udp(server.address());
    let mut sent = 0;
    for command in [
        "UNSUB x",
        "PUB * :",
        "SUB x",
        "SUB x token=guess",
        "PUB x :",
        "AUTH me",
        "SUB y",
    ] {
        for _ in 0..20 {
            sent += socket.send(command.as_bytes()).unwrap();
        }
    }
    // An address of its own shows that the server has heard the others: datagrams on loopback keep their order.
    assert_eq!(ask(&udp(server.address()), "PING"), "PONG\n");
    socket.set_nonblocking(true).unwrap();
    let mut buffer = [0; 2048];
    let mut received = 0;
    while let Ok(n) = socket.recv(&mut buffer) {
        received += n;
    }
    assert!(received > 0);
    assert!(received <= 3 * sent, "{received} bytes for {sent}");
    assert!(server.metric(&["pogu_messages_dropped_total{", "unverified"]) > 0);
}

#[test]
fn a_message_beyond_a_datagram_is_told_as_an_error() {
    let server = Running::start();
    let socket = udp(server.address());
    subscribe(&socket, "a");
    server.publish("a", &vec![b'x'; 65_000]);
    let whole = hear_datagram(&socket);
    assert!(whole.starts_with("MSG a ") && whole.len() > 65_000);
    let cursor = server.publish("a", &vec![b'x'; 65_507]);
    let refused = hear_datagram(&socket);
    assert!(refused.starts_with("ERR too-large :"), "{refused:?}");
    assert!(refused.contains(&cursor));
}

#[test]
fn a_subscription_by_datagram_replays() {
    let server = Running::start();
    for number in 1..=3 {
        server.publish("a", number.to_string().as_bytes());
    }
    let socket = udp(server.address());
    let answer = ask(&socket, "SUB a after=last:2");
    let token = value(answer.trim_end(), "token").to_owned();
    let answer = ask(&socket, &format!("SUB a after=last:2 token={token}"));
    assert!(answer.starts_with("OK seq="), "{answer:?}");
    assert!(hear_datagram(&socket).ends_with(":2"));
    assert!(hear_datagram(&socket).ends_with(":3"));
}

#[test]
fn an_address_that_quits_is_told_and_forgotten() {
    let server = Running::start();
    let socket = udp(server.address());
    subscribe(&socket, "a");
    assert_eq!(ask(&socket, "QUIT"), "BYE quit\n");
    server.await_metric(&["pogu_connections{", "\"udp\""], 0);
    server.publish("a", b"unheard");
    assert_eq!(ask(&socket, "PING"), "PONG\n");
}

#[test]
fn messages_dropped_before_they_were_sent_are_told() {
    let server = Running::with("[limits]\nmessage = 1000\nmailbox = 2000\n");
    let socket = udp(server.address());
    subscribe(&socket, "a");
    // Commands of one write are published in one turn, and wait together.
    let mut lines = crate::server::Lines::new(&server);
    let commands: String = (0..20).map(|number| format!("PUB a :{number:0900}\n")).collect();
    lines.say(commands);
    let (mut received, mut missed) = (0, 0);
    while received + missed < 20 {
        let datagram = hear_datagram(&socket);
        match datagram.strip_prefix("GAP a :") {
            Some(gap) => missed += gap.split(' ').next().unwrap().parse::<usize>().unwrap(),
            None => received += 1,
        }
    }
    assert_eq!(received + missed, 20);
}

//! Clients that take nothing of what comes for them.

use super::peer::SocketIo;
use crate::engineio::{By, Client, Polls, SESSIONS};
use crate::server::{Lines, Running, connect_narrow};
use crate::websocket::Socket;

const BODY: usize = 1000;

fn server(policy: &str) -> Running {
    Running::with(&format!(
        "[limits]\nmessage = \"8KiB\"\nmailbox = \"32KiB\"\n[[topics]]\npattern = \"a\"\nhistory = 0\nslow-consumer = \"{policy}\"\n"
    ))
}

/// Publishes `batches` of ten messages, each a number in many digits.
fn publish(server: &Running, batches: usize) {
    let mut lines = Lines::new(server);
    for batch in 0..batches {
        let commands = (0..10).map(|number| format!("PUB a :{:0BODY$}\n", batch * 10 + number));
        lines.say(commands.collect::<String>());
        for _ in 0..10 {
            assert!(lines.hear().starts_with("OK"));
        }
    }
}

#[test]
fn who_does_not_poll_is_told_what_it_missed() {
    let server = server("drop-oldest");
    let mut client = SocketIo::join_by(&server, By::Polls, "/a");
    publish(&server, 20);
    let dropped = server.metric(&["pogu_messages_dropped_total{", "oldest"]);
    assert!(dropped > 100, "{dropped}");
    let gap = client.hear();
    let missed = gap
        .strip_prefix("2/a,[\"gap\",")
        .unwrap()
        .strip_suffix(']')
        .unwrap();
    let missed: serde_json::Value = serde_json::from_str(missed).unwrap();
    assert_eq!(missed["missed"], dropped, "{missed}");
    assert_eq!(missed["topic"], "a", "{missed}");
    for number in dropped..200 {
        assert_eq!(client.hear(), format!("2/a,[\"message\",\"{number:0BODY$}\"]"));
    }
    client.publish("/a", "[\"x\"]");
}

#[test]
fn who_does_not_poll_is_cut_where_that_is_the_policy() {
    let server = server("disconnect");
    let mut polls = Polls::open(&server);
    polls.post_ok("40/a,");
    polls.packet();
    server.await_metric(SESSIONS, 1);
    publish(&server, 10);
    polls.poll();
    let answer = polls.answer();
    assert!(answer.status == 400 || answer.text().ends_with('1'), "{answer:?}");
    polls.poll();
    assert_eq!(polls.answer().status, 400);
}

#[test]
fn who_does_not_read_its_websocket_is_cut_and_others_are_not() {
    let server = server("disconnect");
    let mut reader = SocketIo::join(&server, "/a");
    let stream = connect_narrow(server.address());
    let mut socket = Socket::on(stream, crate::engineio::WEBSOCKET, false, &[]);
    socket.hear_text();
    socket.say("40/a,");
    socket.hear_text();
    server.await_metric(SESSIONS, 2);
    // Far more than sockets hold, while the other reads.
    let mut number = 0;
    let mut lines = Lines::new(&server);
    while server.metric(&["pogu_messages_dropped_total{", "disconnect"]) == 0 {
        for _ in 0..100 {
            lines.say(format!("PUB a :{number:07000}\n"));
            assert!(lines.hear().starts_with("OK"));
            assert_eq!(reader.hear(), format!("2/a,[\"message\",\"{number:07000}\"]"));
            number += 1;
        }
        assert!(number < 20_000);
    }
    drop(socket);
    server.await_metric(SESSIONS, 1);
}

/// What waits before a client goes over to its WebSocket comes there.
#[test]
fn what_was_missed_is_told_on_the_websocket_too() {
    let server = server("drop-newest");
    let mut polls = Polls::open(&server);
    polls.post_ok("40/a,");
    polls.packet();
    publish(&server, 10);
    let dropped = server.metric(&["pogu_messages_dropped_total{", "newest"]);
    let mut client: Client = polls.upgrade(&server);
    let gap = client.hear_text();
    assert!(
        gap.starts_with("2/a,[\"gap\",") && gap.contains(&format!("\"missed\":{dropped}")),
        "{gap}"
    );
    for number in 0..100 - dropped {
        assert_eq!(
            client.hear_text(),
            format!("2/a,[\"message\",\"{number:0BODY$}\"]")
        );
    }
}

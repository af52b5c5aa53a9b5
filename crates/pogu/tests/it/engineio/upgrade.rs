//! From polls to a WebSocket: in each order of events, while messages come.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::{Client, Message, PROBES, Polls, SESSIONS, lane, refused, unknown};
use crate::server::{Lines, Running};
use crate::websocket::{Heard, Socket};

const QUICK: &str = "[socketio]\nping-interval = \"60s\"\n";

fn joined(server: &Running) -> Polls {
    let mut polls = Polls::open(server);
    polls.post_ok("40/a,");
    assert!(polls.packet().starts_with("40/a,{"));
    polls
}

#[test]
fn a_poll_that_waits_is_ended_and_all_goes_over_the_websocket() {
    let server = Running::start();
    for _ in 0..4 {
        let mut polls = joined(&server);
        polls.poll();
        let mut socket = polls.probe(&server);
        assert_eq!(polls.answer().text(), "6");
        polls.poll();
        assert_eq!(polls.answer().text(), "6");
        // Nothing goes to the WebSocket before its time.
        server.publish("a", b"by poll");
        assert_eq!(polls.packet(), "42/a,[\"message\",\"by poll\"]");
        socket.say("5");
        socket.say("42/a,7[\"x\"]");
        server.publish("a", b"by websocket");
        let mut heard = [socket.hear_text(), socket.hear_text()];
        heard.sort();
        assert_eq!(heard[0], "42/a,[\"message\",\"by websocket\"]");
        assert!(heard[1].starts_with("43/a,7[{\"cursor\""));
        refused(&server.get(&polls.target()), 3, "Bad request");
        refused(&polls.post("42/a,[\"no\"]"), 3, "Bad request");
        socket.say("42/a,8[\"still there\"]");
        assert!(socket.hear_text().starts_with("43/a,8["));
    }
    server.await_metric(SESSIONS, 0);
    server.await_metric(PROBES, 0);
    assert_eq!(server.metric(&["pogu_connections{", "\"tcp\""]), 0);
    assert_eq!(server.metric(&["pogu_accepted_total{", "\"engine.io-probe\""]), 4);
    assert_eq!(server.metric(&["pogu_accepted_total{", "\"engine.io\""]), 4);
}

#[test]
fn connections_are_counted_once_after_an_upgrade() {
    let server = Running::start();
    let client = joined(&server).upgrade(&server);
    server.await_metric(PROBES, 0);
    server.await_metric(SESSIONS, 1);
    drop(client);
    server.await_metric(SESSIONS, 0);
    // A plain connection is still seen.
    let mut device = Lines::new(&server);
    device.ask("PING", "PONG");
    server.await_metric(&["pogu_connections{", "\"tcp\""], 1);
}

#[test]
fn a_poll_that_waits_at_the_upgrade_is_ended() {
    let server = Running::start();
    let mut polls = joined(&server);
    let mut socket = polls.probe_silently(&server);
    polls.poll();
    // In one piece: the server has no time to end the poll before.
    socket.say("2probe");
    socket.say("5");
    assert_eq!(socket.hear_text(), "3probe");
    // On a lane of its own it may also come after all of it.
    let answer = polls.answer();
    assert!(answer.text() == "6" || answer.status == 400, "{answer:?}");
    server.publish("a", b"x");
    assert_eq!(socket.hear_text(), "42/a,[\"message\",\"x\"]");
}

#[test]
fn what_waits_for_a_poll_goes_over_the_websocket() {
    let server = Running::start();
    let mut polls = joined(&server);
    polls.post_ok("42/a,1[\"x\"]\u{1e}40/b,");
    let mut lines = Lines::new(&server);
    lines.ask("PUB a :waits", "OK");
    lines.ask("PUB b type=image/png :waits", "OK");
    let mut socket = polls.probe(&server);
    socket.say("5");
    let mut heard: Vec<Heard> = (0..5).map(|_| socket.hear()).collect();
    assert_eq!(heard.pop(), Some(Heard::Binary(b"waits".to_vec())));
    let texts: Vec<String> = heard
        .into_iter()
        .map(|heard| match heard {
            Heard::Text(text) => text,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(
        texts[0].starts_with("40/b,{") || texts[0].starts_with("43/a,1["),
        "{texts:?}"
    );
    assert!(
        texts[1].starts_with("43/a,1[") || texts[1].starts_with("40/b,{"),
        "{texts:?}"
    );
    assert_eq!(texts[2], "42/a,[\"message\",\"waits\"]");
    assert_eq!(texts[3], "451-/b,[\"message\",{\"_placeholder\":true,\"num\":0}]");
}

#[test]
fn everything_may_come_with_the_request() {
    let server = Running::start();
    for first in [
        &["2probe", "5"][..],
        &["2probe", "5", "42/a,1[\"x\"]"],
        &["2probe", "5", "42/a,1[\"x\"]", "42/a,2[\"y\"]"],
    ] {
        let polls = joined(&server);
        let target = format!("{}&sid={}", super::WEBSOCKET, polls.sid);
        let mut socket = Socket::open_with(&server, &target, false, first);
        assert_eq!(socket.hear_text(), "3probe");
        for number in 1..first.len() - 1 {
            assert!(socket.hear_text().starts_with(&format!("43/a,{number}[")));
        }
        server.publish("a", b"x");
        assert_eq!(socket.hear_text(), "42/a,[\"message\",\"x\"]");
    }
}

#[test]
fn the_frames_of_an_upgrade_may_be_cut_anywhere() {
    let server = Running::start();
    let mut bytes = Vec::new();
    for text in ["2probe", "5", "42/a,1[\"x\"]"] {
        bytes.extend_from_slice(&[0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0]);
        bytes.extend_from_slice(text.as_bytes());
    }
    for cut in 1..bytes.len() {
        let polls = joined(&server);
        let mut socket = polls.probe_silently(&server);
        socket.raw(&bytes[..cut]);
        // A turn in between, on both lanes.
        polls_turn(&server);
        socket.raw(&bytes[cut..]);
        assert_eq!(socket.hear_text(), "3probe", "cut at {cut}");
        assert!(socket.hear_text().starts_with("43/a,1["), "cut at {cut}");
    }
}

fn polls_turn(server: &Running) {
    server.get("/healthz");
    server.get("/healthz");
}

#[test]
fn a_second_websocket_is_closed_and_the_first_goes_on() {
    let server = Running::start();
    for round in 0..6 {
        let polls = joined(&server);
        let mut first = if round % 2 == 0 {
            polls.probe(&server)
        } else {
            polls.probe_silently(&server)
        };
        let mut second = polls.probe_silently(&server);
        assert!(
            matches!(second.hear(), Heard::Close(_) | Heard::End),
            "round {round}"
        );
        drop(second);
        server.await_metric(PROBES, 1);
        if round % 2 == 1 {
            first.say("2probe");
            assert_eq!(first.hear_text(), "3probe");
        }
        first.say("5");
        first.say("42/a,1[\"x\"]");
        assert!(first.hear_text().starts_with("43/a,1["), "round {round}");
        // After the upgrade, too.
        let mut third = polls.probe_silently(&server);
        assert!(matches!(third.hear(), Heard::Close(_) | Heard::End));
        drop(third);
        server.await_metric(PROBES, 0);
        first.say("42/a,2[\"x\"]");
        assert!(first.hear_text().starts_with("43/a,2["), "round {round}");
        assert_eq!(server.metric(SESSIONS), 1);
        drop(first);
        server.await_metric(SESSIONS, 0);
    }
}

#[test]
fn a_probe_that_says_something_else_is_closed_and_another_may_come() {
    let server = Running::start();
    for wrong in ["4hello", "2", "2prob", "3probe", "6", "1", "0", "x"] {
        let mut polls = joined(&server);
        let mut socket = polls.probe_silently(&server);
        socket.say(wrong);
        assert!(matches!(socket.hear(), Heard::Close(_) | Heard::End), "{wrong}");
        // The first is still going while the second probes.
        let mut next = polls.probe(&server);
        drop(socket);
        server.await_metric(PROBES, 1);
        next.say("5");
        next.say("42/a,1[\"x\"]");
        assert!(next.hear_text().starts_with("43/a,1["), "{wrong}");
        refused(&polls.post("3"), 3, "Bad request");
    }
}

#[test]
fn a_probe_that_goes_leaves_the_session_on_polls() {
    let server = Running::start();
    for said in [&[][..], &["2probe"]] {
        for closes in [false, true] {
            let mut polls = joined(&server);
            let mut socket = polls.probe_silently(&server);
            for text in said {
                socket.say(text);
                socket.hear_text();
            }
            if closes {
                socket.close(1000);
                while socket.hear() != Heard::End {}
            }
            drop(socket);
            server.await_metric(PROBES, 0);
            server.publish("a", b"x");
            assert_eq!(polls.packet(), "42/a,[\"message\",\"x\"]");
            // And may be probed again.
            let client = polls.upgrade(&server);
            let Client::Upgraded(heard, mut socket) = client else {
                panic!("no upgrade");
            };
            assert!(heard.is_empty());
            server.publish("a", b"y");
            assert_eq!(socket.hear_text(), "42/a,[\"message\",\"y\"]");
        }
    }
}

#[test]
fn the_session_ends_under_a_probe() {
    let server = Running::start();
    let mut polls = joined(&server);
    let mut socket = polls.probe(&server);
    polls.post_ok("1");
    server.await_metric(SESSIONS, 0);
    socket.say("5");
    assert!(matches!(socket.hear(), Heard::Close(_) | Heard::End));
    unknown(&polls.post("3"));
    drop(socket);
    server.await_metric(PROBES, 0);
}

#[test]
fn a_poll_given_up_under_a_probe_ends_the_session() {
    let server = Running::start();
    let mut polls = joined(&server);
    let mut socket = polls.probe_silently(&server);
    polls.poll();
    polls.post_ok("6");
    polls.gets = crate::server::Http::new(server.connect());
    server.await_metric(SESSIONS, 0);
    socket.say("2probe");
    assert!(matches!(socket.hear(), Heard::Close(_) | Heard::End));
}

/// Publishes numbers until it is told to stop, and returns how many.
fn publish_until(server: &Running, stop: &AtomicBool) -> usize {
    let mut lines = Lines::new(server);
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        lines.ask(&format!("PUB a :{count}"), "OK");
        count += 1;
        if count % 16 == 0 {
            thread::sleep(Duration::from_millis(1));
        }
    }
    count
}

fn number(message: &str) -> usize {
    let text = message.strip_prefix("42/a,[\"message\",\"").expect(message);
    text.strip_suffix("\"]").unwrap().parse().unwrap()
}

/// Each order in which a client may do what an upgrade takes.
#[derive(Clone, Copy, Debug)]
enum Order {
    /// The poll is left when it is answered, then the upgrade is said.
    PollFirst,
    /// The upgrade is said while a poll waits.
    UpgradeFirst,
    /// Polls go on for a while between probe and upgrade.
    PollsBetween,
    /// No poll waits at all.
    NoPoll,
    /// Probe and upgrade in one write.
    AtOnce,
}

#[test]
fn nothing_is_lost_doubled_or_reordered_while_messages_come() {
    let server = Running::with(QUICK);
    for round in 0..8 {
        for order in [
            Order::PollFirst,
            Order::UpgradeFirst,
            Order::PollsBetween,
            Order::NoPoll,
            Order::AtOnce,
        ] {
            let mut polls = joined(&server);
            let stop = AtomicBool::new(false);
            let heard = thread::scope(|scope| {
                let publisher = scope.spawn(|| publish_until(&server, &stop));
                let _stops = StopAtEnd(&stop);
                let mut heard = Vec::new();
                while heard.len() < round * 3 {
                    heard.push(polls.packet());
                }
                heard.extend(polls.heard.drain(..));
                let mut socket = polls.probe_silently(&server);
                if !matches!(order, Order::NoPoll) {
                    polls.poll();
                }
                socket.say("2probe");
                if !matches!(order, Order::AtOnce) {
                    assert_eq!(socket.hear_text(), "3probe");
                }
                match order {
                    Order::PollFirst => heard.extend(packets(&mut polls)),
                    Order::PollsBetween => {
                        for _ in 0..5 {
                            heard.extend(packets(&mut polls));
                            polls.poll();
                        }
                        heard.extend(packets(&mut polls));
                    }
                    Order::UpgradeFirst | Order::NoPoll | Order::AtOnce => {}
                }
                socket.say("5");
                if matches!(order, Order::AtOnce) {
                    assert_eq!(socket.hear_text(), "3probe");
                }
                if matches!(order, Order::UpgradeFirst | Order::AtOnce) {
                    heard.extend(packets(&mut polls));
                }
                for _ in 0..20 {
                    heard.push(socket.hear_text());
                }
                stop.store(true, Ordering::Relaxed);
                let count = publisher.join().unwrap();
                heard.retain(|packet| packet != "6");
                while heard.len() < count {
                    heard.push(socket.hear_text());
                }
                heard
            });
            let numbers: Vec<usize> = heard.iter().map(|packet| number(packet)).collect();
            assert!(
                numbers.iter().copied().eq(0..numbers.len()),
                "{order:?}: {numbers:?}"
            );
        }
    }
}

/// Has a publisher stop when a test ends by a panic, too.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The packets of the poll's answer. One that a lane has taken up after the upgrade has none.
fn packets(polls: &mut Polls) -> Vec<String> {
    let mut packets: Vec<String> = polls.heard.drain(..).collect();
    let answer = polls.answer();
    if answer.status == 400 {
        refused(&answer, 3, "Bad request");
        return packets;
    }
    packets.extend(answer.text().split('\u{1e}').map(str::to_owned));
    packets
}

#[test]
fn upgrades_are_done_from_either_lane() {
    let server = Running::start();
    let mut seen = [0; 2];
    let mut extra = Vec::new();
    for round in 0..8 {
        let polls = joined(&server);
        seen[usize::from(lane(&polls.sid))] += 1;
        let mut client = polls.upgrade(&server);
        client.say("2/a,9[\"x\"]");
        assert!(client.hear_text().starts_with("3/a,9["));
        server.publish("a", b"y");
        assert_eq!(client.hear(), Message::Text("2/a,[\"message\",\"y\"]".into()));
        if round % 3 == 0 {
            extra.push(server.connect());
        }
        extra.extend(match client {
            Client::Upgraded(_, socket) => Some(socket.stream),
            _ => None,
        });
    }
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
}

//! Clients on polls that go on asking, and do not take what they are answered.

use crate::engineio::{Polls, SESSIONS};
use crate::server::Running;

#[test]
fn a_post_of_who_does_not_take_its_answers_is_not_heard_yet() {
    let server = Running::start();
    let mut polls = Polls::open(&server);
    polls.post_ok("40/a,");
    let asks = 10_000;
    polls.post_ok(&["42/a,1[\"x\"]"; 10_000].join("\u{1e}"));
    let head = format!("POST {} HTTP/1.1", polls.target());
    polls.posts.send(&head, b"42/a,2[\"late\"]");
    // It is answered once the client polls.
    assert!(polls.packet().starts_with("40/a,{"));
    for _ in 0..asks {
        assert!(polls.packet().starts_with("43/a,1["));
    }
    assert_eq!(polls.posts.answer().text(), "ok");
    assert!(polls.packet().starts_with("43/a,2["));
    polls.post_ok("42/a,3[\"x\"]");
    assert!(polls.packet().starts_with("43/a,3["));
}

#[test]
fn it_is_heard_before_what_comes_after_an_upgrade() {
    let server = Running::start();
    let mut polls = Polls::open(&server);
    polls.post_ok("40/a,");
    polls.post_ok(&["42/a,1[\"x\"]"; 10_000].join("\u{1e}"));
    let head = format!("POST {} HTTP/1.1", polls.target());
    let bytes = ["pogu_bytes_received_total{", "\"engine.io\""];
    let before = server.metric(&bytes);
    let late = b"42/a,2[\"late\"]";
    polls.posts.send(&head, late);
    server.await_metric(&bytes, before + late.len() as u64);
    let mut socket = polls.probe(&server);
    socket.say("5");
    assert_eq!(polls.posts.answer().text(), "ok");
    socket.say("42/a,3[\"x\"]");
    assert!(socket.hear_text().starts_with("40/a,{"));
    for _ in 0..10_000 {
        assert!(socket.hear_text().starts_with("43/a,1["));
    }
    assert!(socket.hear_text().starts_with("43/a,2["));
    assert!(socket.hear_text().starts_with("43/a,3["));
}

#[test]
fn who_never_polls_is_given_up() {
    let server = Running::with("[socketio]\nping-interval = \"500ms\"\nping-timeout = \"500ms\"\n");
    // Pongs that nobody has asked for keep a session alive, and so long it is answered.
    let acks = ["42/a,1[\"x\"]"; 2000].join("\u{1e}");
    let visits = ["40/b,\u{1e}41/b,"; 2000].join("\u{1e}");
    for asks in [acks, visits] {
        let mut polls = Polls::open(&server);
        polls.post_ok("40/a,");
        let asks = format!("3\u{1e}{asks}");
        assert!((0..50).any(|_| polls.post(&asks).status != 200));
        server.await_metric(SESSIONS, 0);
    }
}

#[test]
fn a_post_is_heard_once_little_waits_however_often_its_client_polls() {
    let server = Running::start();
    let mut polls = Polls::open(&server);
    polls.post_ok("40/a,");
    let asks = ["42/a,1[\"x\"]"; 10_000].join("\u{1e}");
    polls.post_ok(&asks);
    let head = format!("POST {} HTTP/1.1", polls.target());
    polls.posts.send(&head, asks.as_bytes());
    assert!(polls.packet().starts_with("40/a,{"));
    let (mut taken, mut bytes) = (0, 0);
    while !polls.posts.is_answered() {
        bytes += polls.packet().len() + 1;
        taken += 1;
        assert!(taken < 10_000, "it waits for all");
    }
    assert_eq!(polls.posts.answer().text(), "ok");
    let each = bytes / taken;
    let left = (10_000 - taken) * each;
    // The packets of one answer were taken one by one here.
    assert!(left <= 256 * 1024 + 16 * each, "{left} bytes waited");
}

#[test]
fn a_ping_does_not_wait_behind_what_its_client_has_not_taken() {
    let server = Running::with("[socketio]\nping-interval = \"100ms\"\nping-timeout = \"20s\"\n");
    let mut polls = Polls::open(&server);
    polls.post_ok("40/a,");
    polls.post_ok(&["42/a,1[\"x\"]"; 10_000].join("\u{1e}"));
    let mut taken = 0;
    while polls.packet() != "2" {
        taken += 1;
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert!(taken < 9_000, "it came behind {taken} packets");
}

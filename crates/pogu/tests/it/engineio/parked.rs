//! Polls that have waited for a while, whose connections are the lane's until they are answered.

use super::{POLLING, Polls, SESSIONS, lane, unknown};
use crate::server::{Http, Running};

const PARKED: &[&str] = &["pogu_connections{", "\"engine.io-poll\""];

/// A session in `/a` whose poll is parked.
fn parked(server: &Running, others: u64) -> Polls {
    let mut polls = Polls::open(server);
    polls.post_ok("40/a,");
    assert!(polls.packet().starts_with("40/a,"));
    polls.poll();
    server.await_metric(PARKED, others + 1);
    polls
}

#[test]
fn it_is_answered_like_any_other_and_its_connection_goes_on() {
    let server = Running::start();
    // Sessions and connections are on either lane.
    let mut all: Vec<Polls> = (0..4).map(|others| parked(&server, others)).collect();
    assert!((0..2).all(|number| all.iter().any(|polls| lane(&polls.sid) == number)));
    for number in ["1", "2"] {
        server.publish("a", number.as_bytes());
        for polls in &mut all {
            let answer = polls.answer();
            assert_eq!(
                (answer.status, answer.text()),
                (200, format!("42/a,[\"message\",\"{number}\"]"))
            );
            let header = |name| answer.header(name).unwrap_or_default().to_owned();
            assert_eq!(header("content-type"), "text/plain; charset=UTF-8");
            assert_eq!(header("cache-control"), "no-store");
            assert_eq!(header("x-content-type-options"), "nosniff");
            assert_eq!(header("access-control-allow-origin"), "*");
            assert!(answer.header("date").is_some());
        }
        server.await_metric(PARKED, 0);
        for polls in &mut all {
            polls.poll();
        }
        server.await_metric(PARKED, 4);
    }
}

#[test]
fn requests_behind_it_wait_for_its_answer() {
    let server = Running::start();
    let mut polls = parked(&server, 0);
    polls.gets.send("GET /healthz HTTP/1.1", b"");
    server.publish("a", b"1");
    assert_eq!(polls.answer().text(), "42/a,[\"message\",\"1\"]");
    assert_eq!(polls.gets.answer().status, 200);
    // One that came in the same bytes as the poll.
    let (head, next) = (
        format!("GET {} HTTP/1.1", polls.target()),
        "GET /healthz HTTP/1.1",
    );
    let both = [head.as_str(), next]
        .map(|head| crate::server::request(head, b""))
        .concat();
    polls.gets.raw(&both);
    server.await_metric(PARKED, 1);
    server.publish("a", b"2");
    assert_eq!(polls.gets.answer().text(), "42/a,[\"message\",\"2\"]");
    assert_eq!(polls.gets.answer().status, 200);
}

#[test]
fn one_whose_client_has_gone_takes_its_session_with_it() {
    let server = Running::start();
    let mut polls = parked(&server, 0);
    polls.gets = Http::new(server.connect());
    server.await_metric(PARKED, 0);
    server.await_metric(SESSIONS, 0);
    unknown(&server.get(&polls.target()));
}

#[test]
fn a_session_that_ends_answers_it() {
    let server = Running::start();
    let mut polls = parked(&server, 0);
    // Two polls at once end a session.
    assert_eq!(server.get(&polls.target()).status, 400);
    assert_eq!(polls.answer().text(), "1");
    server.await_metric(PARKED, 0);
    server.await_metric(SESSIONS, 0);
    // The connection is good for another session.
    polls.gets.send(&format!("GET {POLLING} HTTP/1.1"), b"");
    assert!(polls.gets.answer().text().starts_with("0{"));
}

#[test]
fn a_server_that_stops_answers_it() {
    let mut server = Running::start();
    let mut all: Vec<Polls> = (0..4).map(|others| parked(&server, others)).collect();
    server.tell_to_stop();
    for polls in &mut all {
        assert_eq!(polls.answer().text(), "1");
        assert!(polls.gets.ends());
    }
    server.join();
}

#[test]
fn one_that_closes_its_connection_after_the_answer_is_not_parked() {
    let server = Running::start();
    let mut polls = Polls::open(&server);
    polls.post_ok("40/a,");
    polls.packet();
    let mut others: Vec<Polls> = (0..2).map(|others| parked(&server, others)).collect();
    let target = polls.target();
    let mut http = Http::new(server.connect());
    http.send(&format!("GET {target} HTTP/1.1\nConnection: close"), b"");
    // Those that came later are parked before it would have been.
    others.push(parked(&server, 2));
    server.publish("a", b"1");
    assert_eq!(http.answer().text(), "42/a,[\"message\",\"1\"]");
    assert!(http.ends());
}

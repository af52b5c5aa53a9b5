//! Polls that wait: their socket leaves the HTTP engine and comes back with the answer.

use std::io::Write;

use crate::server::{Http, Lines, Running, request};

const WAITING: &[&str] = &["pogu_connections{", "long"];

/// A poll that waits for the next message of `a`, and is known to the server.
fn waiting(server: &Running, headers: &str) -> Http {
    let before = server.metric(WAITING);
    let mut http = Http::new(server.connect());
    http.send(&format!("GET /topics/a?wait=30 HTTP/1.1{headers}"), b"");
    server.await_metric(WAITING, before + 1);
    http
}

#[test]
fn it_is_answered_with_the_first_message_and_its_socket_goes_on() {
    let server = Running::start();
    let mut http = waiting(&server, "");
    for number in 1..=3 {
        let cursor = server.publish("a", format!("m{number}").as_bytes());
        let answer = http.answer();
        assert_eq!(answer.bodies(), [format!("m{number}")]);
        assert_eq!(answer.json()["next"], cursor);
        assert_eq!(answer.json()["gap"], false);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        http.send(&format!("GET /topics/a?wait=30&after={cursor} HTTP/1.1"), b"");
        server.await_metric(WAITING, 1);
    }
    server.publish("a", b"last");
    assert_eq!(http.answer().bodies(), ["last"]);
    http.send("GET /healthz HTTP/1.1", b"");
    assert_eq!(http.answer().text(), "ok\n");
}

#[test]
fn it_does_not_wait_for_what_is_there() {
    let server = Running::start();
    server.publish("a", b"there");
    assert_eq!(server.get("/topics/a?wait=30&after=earliest").bodies(), ["there"]);
}

#[test]
fn it_is_answered_empty_at_the_end_of_its_wait() {
    let server = Running::start();
    let mut http = Http::new(server.connect());
    http.send("GET /topics/a?wait=0.05 HTTP/1.1", b"");
    let answer = http.answer();
    assert!(answer.bodies().is_empty());
    let next = answer.json()["next"].as_str().unwrap().to_owned();
    server.publish("a", b"later");
    http.send(&format!("GET /topics/a?after={next} HTTP/1.1"), b"");
    assert_eq!(http.answer().bodies(), ["later"]);
}

#[test]
fn a_request_that_comes_while_it_waits_is_answered_after_it() {
    let server = Running::start();
    let mut http = waiting(&server, "");
    http.send("GET /healthz HTTP/1.1", b"");
    http.send("GET /readyz HTTP/1.1", b"");
    server.publish("a", b"first");
    assert_eq!(http.answer().bodies(), ["first"]);
    assert_eq!(http.answer().text(), "ok\n");
    assert_eq!(http.answer().text(), "ready\n");
}

#[test]
fn a_request_that_comes_in_the_same_bytes_is_answered_after_it() {
    let server = Running::start();
    let mut stream = server.connect();
    let mut bytes = request("GET /topics/a?wait=30 HTTP/1.1", b"");
    bytes.extend_from_slice(&request("POST /topics/b HTTP/1.1", b"hello"));
    bytes.extend_from_slice(&request("GET /healthz HTTP/1.1", b""));
    stream.write_all(&bytes).unwrap();
    server.await_metric(WAITING, 1);
    server.publish("a", b"first");
    let mut http = Http::new(stream);
    assert_eq!(http.answer().bodies(), ["first"]);
    assert_eq!(http.answer().status, 200);
    assert_eq!(http.answer().text(), "ok\n");
    assert_eq!(server.get("/topics/b?after=earliest").bodies(), ["hello"]);
}

#[test]
fn a_connection_that_is_to_close_closes_after_the_answer() {
    let server = Running::start();
    let mut http = waiting(&server, "\nConnection: close");
    server.publish("a", b"only");
    assert_eq!(http.answer().bodies(), ["only"]);
    assert!(http.ends());
}

#[test]
fn http_1_0_is_answered_and_closed() {
    let server = Running::start();
    let mut http = Http::new(server.connect());
    http.send("GET /topics/a?wait=30 HTTP/1.0", b"");
    server.await_metric(WAITING, 1);
    server.publish("a", b"only");
    assert_eq!(http.answer().bodies(), ["only"]);
    assert!(http.ends());
}

#[test]
fn a_client_that_goes_leaves_nothing_behind() {
    let server = Running::start();
    for headers in ["", "\nConnection: close"] {
        drop(waiting(&server, headers));
        server.await_metric(WAITING, 0);
    }
}

#[test]
fn it_holds_no_more_messages_than_its_limit() {
    let server = Running::start();
    let mut http = Http::new(server.connect());
    http.send("GET /topics/a?wait=30&limit=2 HTTP/1.1", b"");
    server.await_metric(WAITING, 1);
    // Commands of one write are published in one turn.
    let mut lines = Lines::new(&server);
    lines.say("PUB a :1\nPUB a :2\nPUB a :3\n");
    let answer = http.answer();
    let mut seen = answer.bodies();
    assert!((1..=2).contains(&seen.len()), "{answer:?}");
    while seen.len() < 3 {
        let next = server.get(&format!(
            "/topics/a?wait=30&after={}",
            answer.json()["next"].as_str().unwrap()
        ));
        seen.extend(next.bodies());
    }
    assert_eq!(seen, ["1", "2", "3"]);
}

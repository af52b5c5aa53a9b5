//! Endless answers: Server-Sent Events and JSON lines.

use crate::server::{Http, Running};

/// One event of a stream: its fields in the order in which they stand.
fn event(http: &mut Http) -> Vec<String> {
    let mut fields = Vec::new();
    loop {
        let line = http.line().expect("an event");
        if !line.is_empty() {
            fields.push(line);
        } else if !fields.is_empty() {
            return fields;
        }
    }
}

fn stream(server: &Running, head: &str) -> Http {
    let mut http = Http::new(server.connect());
    http.send(head, b"");
    http
}

fn sse(server: &Running, target: &str, headers: &str) -> Http {
    let mut http = stream(
        server,
        &format!("GET {target} HTTP/1.1\nAccept: text/event-stream{headers}"),
    );
    let head = http.head();
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    assert_eq!(head.header("cache-control"), Some("no-store"));
    http
}

/// Passes over what a stream from now begins with, and returns where that is.
fn start(http: &mut Http) -> String {
    assert!(event(http)[0].starts_with("retry: "));
    id(&event(http))
}

fn id(fields: &[String]) -> String {
    let id = fields.iter().find_map(|field| field.strip_prefix("id: "));
    id.expect("an id").to_owned()
}

#[test]
fn an_event_stream_says_first_when_to_come_again_and_from_where() {
    let server = Running::with("[sse]\nretry = \"3s\"\n");
    let mut http = sse(&server, "/topics/a", "");
    assert_eq!(event(&mut http), ["retry: 3000"]);
    let start = id(&event(&mut http));
    drop(http);
    server.publish("a", b"while it was away");
    let mut again = sse(&server, "/topics/a", &format!("\nLast-Event-ID: {start}"));
    assert_eq!(event(&mut again), ["retry: 3000"]);
    assert_eq!(event(&mut again)[1], "data: while it was away");
}

#[test]
fn events_have_names_cursors_and_lines() {
    let server = Running::start();
    let mut http = sse(&server, "/topics/a", "");
    start(&mut http);
    let answer = server.ask("POST /topics/a HTTP/1.1\nPogu-Event: greet", b"one\ntwo\r\nthree");
    let cursor = answer.json()["cursor"].as_str().unwrap().to_owned();
    let fields = event(&mut http);
    assert_eq!(id(&fields), cursor);
    assert!(fields.contains(&"event: greet".to_owned()));
    let data: Vec<_> = fields.iter().filter(|field| field.starts_with("data")).collect();
    assert_eq!(data, ["data: one", "data: two", "data: three"]);
    server.ask("POST /topics/a HTTP/1.1\nContent-Type: image/png", b"\x89PNG");
    let fields = event(&mut http);
    assert_eq!(
        fields[1..],
        ["type: image/png", "data: data:image/png;base64,iVBORw=="]
    );
    // Text that looks like one is text.
    server.ask("POST /topics/a HTTP/1.1", b"data:text/plain;base64,QQ==");
    assert_eq!(event(&mut http)[1..], ["data: data:text/plain;base64,QQ=="]);
}

#[test]
fn a_stream_resumes_by_header_before_query() {
    let server = Running::start();
    let cursors: Vec<_> = (1..=3)
        .map(|number| server.publish("a", format!("m{number}").as_bytes()))
        .collect();
    let first = |target: &str, headers: &str| {
        let mut http = sse(&server, target, headers);
        event(&mut http);
        event(&mut http)[1].clone()
    };
    let query = format!("/topics/a?last_event_id={}", cursors[0]);
    assert_eq!(first(&query, ""), "data: m2");
    assert_eq!(
        first(&query, &format!("\nLast-Event-ID: {}", cursors[1])),
        "data: m3"
    );
    assert_eq!(first("/topics/a?after=last:1", ""), "data: m3");
    assert_eq!(first("/topics/a?after=earliest", ""), "data: m1");
}

#[test]
fn a_stream_replays_and_goes_on_without_loss() {
    let server = Running::with("[[topics]]\npattern = \">\"\nhistory = 1000\n");
    for number in 0..200 {
        server.publish("a", number.to_string().as_bytes());
    }
    let mut http = sse(&server, "/topics/a?after=earliest", "");
    event(&mut http);
    for number in 0..100 {
        assert_eq!(event(&mut http)[1], format!("data: {number}"));
    }
    for number in 200..250 {
        server.publish("a", number.to_string().as_bytes());
    }
    for number in 100..250 {
        assert_eq!(event(&mut http)[1], format!("data: {number}"));
    }
}

#[test]
fn what_history_no_longer_has_is_told_in_a_stream() {
    let server = Running::with("[[topics]]\npattern = \">\"\nhistory = 2\n");
    let first = server.publish("a", b"1");
    for number in 2..=4 {
        server.publish("a", number.to_string().as_bytes());
    }
    let mut http = sse(&server, &format!("/topics/a?after={first}"), "");
    event(&mut http);
    let gap = event(&mut http);
    assert_eq!(gap[0], "event: gap");
    assert!(
        gap[1].starts_with("data: {\"gap\":true,\"topic\":\"a\""),
        "{gap:?}"
    );
    assert_eq!(event(&mut http)[1], "data: 3");
    assert_eq!(event(&mut http)[1], "data: 4");
    assert_eq!(
        server.get(&format!("/topics/a?after={first}")).json()["gap"],
        true
    );
}

#[test]
fn json_lines_are_one_message_each() {
    let server = Running::start();
    server.publish("a.1", b"earlier");
    let head = "GET /topics/a.*?after=earliest HTTP/1.1\nAccept: application/x-ndjson";
    let mut http = stream(&server, head);
    let answer = http.head();
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(http.line().unwrap(), "", "a sign of life");
    let mut message = || -> serde_json::Value { serde_json::from_str(&http.line().unwrap()).unwrap() };
    assert_eq!(message()["data"], "earlier");
    let cursor = server.publish("a.2", b"with\nlines");
    let second = message();
    assert_eq!(second["data"], "with\nlines");
    assert_eq!(second["topic"], "a.2");
    assert_eq!(second["cursor"], cursor);
}

#[test]
fn the_url_asks_for_a_way_where_accept_cannot() {
    let server = Running::start();
    let mut events = stream(&server, "GET /topics/a?via=sse HTTP/1.1");
    assert_eq!(events.head().header("content-type"), Some("text/event-stream"));
    let mut lines = stream(&server, "GET /topics/a?via=stream HTTP/1.1");
    assert_eq!(lines.head().header("content-type"), Some("application/x-ndjson"));
    let poll = "GET /topics/a?via=poll HTTP/1.1\nAccept: text/event-stream";
    assert!(server.ask(poll, b"").bodies().is_empty());
}

#[test]
fn a_silent_stream_gives_signs_of_life() {
    let server = Running::with("[sse]\nkeep-alive = \"20ms\"\n");
    let mut events = sse(&server, "/topics/a", "");
    start(&mut events);
    for _ in 0..3 {
        assert!(event(&mut events)[0].starts_with(':'));
    }
    let mut lines = stream(&server, "GET /topics/a?via=stream HTTP/1.1");
    lines.head();
    for _ in 0..3 {
        assert_eq!(lines.line().unwrap(), "");
    }
}

#[test]
fn a_reader_that_goes_leaves_nothing_behind() {
    let server = Running::start();
    for (target, carrier) in [
        ("/topics/a?via=sse", "\"sse\""),
        ("/topics/a?via=stream", "\"http-stream\""),
    ] {
        let parts = ["pogu_connections{", carrier];
        let mut http = stream(&server, &format!("GET {target} HTTP/1.1"));
        http.head();
        server.await_metric(&parts, 1);
        drop(http);
        server.await_metric(&parts, 0);
    }
}

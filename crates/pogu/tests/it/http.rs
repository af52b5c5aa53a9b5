//! Requests that are answered at once: publishing, polling, refusals, CORS.

use std::io::Write;

use serde_json::json;

use crate::server::{Answer, Http, Running};

fn bodies(server: &Running, target: &str) -> Vec<serde_json::Value> {
    server.get(target).bodies()
}

#[test]
fn what_is_posted_is_polled_from_any_place_in_the_order() {
    let server = Running::start();
    let cursors: Vec<String> = (1..=5)
        .map(|number| server.publish("chat", format!("m{number}").as_bytes()))
        .collect();
    assert_eq!(
        bodies(&server, "/topics/chat?after=earliest"),
        ["m1", "m2", "m3", "m4", "m5"]
    );
    assert_eq!(bodies(&server, "/topics/chat?after=last:2"), ["m4", "m5"]);
    assert_eq!(
        bodies(&server, &format!("/topics/chat?after={}", cursors[2])),
        ["m4", "m5"]
    );
    assert!(bodies(&server, &format!("/topics/chat?after={}", cursors[4])).is_empty());
    assert!(
        bodies(&server, "/topics/chat").is_empty(),
        "without `after` a poll begins now"
    );
    assert!(bodies(&server, "/topics/other?after=earliest").is_empty());
}

#[test]
fn a_limited_poll_goes_on_where_it_ended() {
    let server = Running::start();
    for number in 1..=5 {
        server.publish("chat", format!("m{number}").as_bytes());
    }
    let mut seen = Vec::new();
    let mut after = "earliest".to_owned();
    for _ in 0..3 {
        let answer = server.get(&format!("/topics/chat?limit=2&after={after}"));
        seen.push(answer.bodies().len());
        after = answer.json()["next"].as_str().unwrap().to_owned();
    }
    assert_eq!(seen, [2, 2, 1]);
    server.publish("chat", b"m6");
    assert_eq!(bodies(&server, &format!("/topics/chat?after={after}")), ["m6"]);
}

#[test]
fn a_first_poll_tells_where_to_begin() {
    let server = Running::start();
    server.publish("chat", b"before");
    let next = server.get("/topics/chat").json()["next"]
        .as_str()
        .unwrap()
        .to_owned();
    server.publish("chat", b"after");
    assert_eq!(bodies(&server, &format!("/topics/chat?after={next}")), ["after"]);
}

#[test]
fn a_pattern_is_polled_in_the_one_order() {
    let server = Running::start();
    for topic in ["orders.seoul.1", "orders.busan.2", "other", "orders.seoul.3"] {
        server.publish(topic, topic.as_bytes());
    }
    assert_eq!(
        bodies(&server, "/topics/orders.%3E?after=earliest"),
        ["orders.seoul.1", "orders.busan.2", "orders.seoul.3"]
    );
    assert_eq!(
        bodies(&server, "/topics/orders.seoul.*?after=earliest"),
        ["orders.seoul.1", "orders.seoul.3"]
    );
}

fn post(server: &Running, headers: &str, body: &[u8]) -> Answer {
    server.ask(&format!("POST /topics/kinds HTTP/1.1\n{headers}"), body)
}

#[test]
fn each_kind_of_body_crosses_into_json_in_its_way() {
    let server = Running::start();
    for (headers, body) in [
        (
            "Content-Type: application/json\nPogu-Event: placed",
            &b"{\"n\": [1, 2.50]}"[..],
        ),
        ("Content-Type: text/plain", "안녕 \"you\"\n".as_bytes()),
        ("Content-Type: image/png", b"\x89PNG"),
        ("Content-Type: application/json", b"{not json"),
        ("Content-Type: application/x-www-form-urlencoded", b"from curl"),
        ("Content-Type: application/x-www-form-urlencoded", b"\xff"),
    ] {
        assert_eq!(post(&server, headers, body).status, 200);
    }
    let answer = server.get("/topics/kinds?after=earliest");
    assert!(
        answer.text().contains("2.50"),
        "JSON is spliced as it was written: {answer:?}"
    );
    let answer = answer.json();
    let message = |number: usize| answer["messages"][number].clone();
    assert_eq!(message(0)["data"], json!({"n": [1, 2.5]}));
    assert_eq!(message(0)["event"], "placed");
    assert_eq!(message(0)["type"], "application/json");
    assert_eq!(message(0)["topic"], "kinds");
    assert!(message(0)["time"].is_u64());
    assert_eq!(message(1)["data"], "안녕 \"you\"\n");
    assert_eq!(message(1).get("event"), None);
    assert_eq!(message(2)["base64"], "iVBORw==");
    assert_eq!(message(2)["type"], "image/png");
    assert_eq!(message(2).get("data"), None);
    // A string would be one of JSON, as its type says.
    assert_eq!(message(3)["base64"], "e25vdCBqc29u");
    assert_eq!(message(3)["type"], "application/json");
    // What curl says of -d without being asked.
    assert_eq!(
        (&message(4)["type"], &message(4)["data"]),
        (&json!("text/plain"), &json!("from curl"))
    );
    assert_eq!(message(5)["type"], "application/octet-stream");
}

#[test]
fn a_repeated_idempotency_key_is_one_message() {
    let server = Running::start();
    let publish = |topic: &str, key: &str| {
        let head = format!("POST /topics/{topic} HTTP/1.1\nIdempotency-Key: {key}");
        server.ask(&head, b"once").json()["cursor"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let first = publish("paid", "k1");
    assert_eq!(publish("paid", "k1"), first);
    assert_ne!(publish("paid", "k2"), first);
    assert_ne!(publish("refunded", "k1"), first, "a key belongs to its topic");
    assert_eq!(bodies(&server, "/topics/paid?after=earliest").len(), 2);
    assert_eq!(bodies(&server, "/topics/refunded?after=earliest").len(), 1);
}

#[test]
fn what_is_wrong_is_refused_with_its_name() {
    let server = Running::start();
    let refused = |head: &str, status, code| server.ask(head, b"").problem(status, code);
    refused("POST /topics/a..b HTTP/1.1", 400, "bad-topic");
    refused("POST /topics/a.* HTTP/1.1", 400, "bad-topic");
    refused("POST /topics/$pogu HTTP/1.1", 400, "bad-topic");
    refused(
        &format!("POST /topics/{} HTTP/1.1", "x".repeat(256)),
        400,
        "bad-topic",
    );
    assert_eq!(
        server
            .ask(&format!("POST /topics/{} HTTP/1.1", "x".repeat(255)), b"")
            .status,
        200
    );
    refused("GET /topics/a.%3E.b HTTP/1.1", 400, "bad-topic");
    refused("GET /topics/a%20b HTTP/1.1", 400, "bad-topic");
    refused("GET /topics/a%zz HTTP/1.1", 400, "bad-parameter");
    refused("GET /topics/a?after=yesterday HTTP/1.1", 400, "bad-cursor");
    refused("GET /topics/a?limit=0 HTTP/1.1", 400, "bad-parameter");
    refused("GET /topics/a?wait=-1 HTTP/1.1", 400, "bad-parameter");
    refused("GET /topics/a?via=pigeon HTTP/1.1", 400, "bad-parameter");
    refused(
        "GET /topics/a HTTP/1.1\nAccept: text/event-stream\nLast-Event-ID: nonsense",
        400,
        "bad-cursor",
    );
    refused(
        "POST /topics/a HTTP/1.1\nContent-Encoding: gzip",
        415,
        "encoded-body",
    );
    let nowhere = refused("GET /nowhere HTTP/1.1", 404, "not-found");
    assert!(
        nowhere["reachable"]
            .as_array()
            .unwrap()
            .contains(&json!("/topics/{topic}"))
    );
    let told = nowhere["detail"].as_str().unwrap();
    assert!(told.contains("/topics/{topic}/info (SockJS"), "{told}");
    let answer = server.ask("DELETE /topics/a HTTP/1.1", b"");
    answer.problem(405, "method-not-allowed");
    assert_eq!(answer.header("allow"), Some("GET, HEAD, POST"));
    let answer = server.ask("POST /metrics HTTP/1.1", b"");
    answer.problem(405, "method-not-allowed");
    assert_eq!(answer.header("allow"), Some("GET, HEAD"));
}

#[test]
fn a_body_is_as_long_as_the_limit_and_no_longer() {
    let server = Running::with("[limits]\nmessage = 1000\n");
    server.publish("big", &[b'x'; 1000]);
    let answer = server.ask("POST /topics/big HTTP/1.1", &[b'x'; 1001]);
    assert_eq!(answer.problem(413, "too-large")["limit"], 1000);
    assert_eq!(bodies(&server, "/topics/big?after=earliest").len(), 1);
}

#[test]
fn any_origin_may_read_by_default_and_none_with_credentials() {
    let server = Running::start();
    let answer = server.ask("GET /topics/a HTTP/1.1\nOrigin: https://example.com", b"");
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    let refused = server.ask("GET /topics/a..b HTTP/1.1\nOrigin: https://example.com", b"");
    assert_eq!(
        refused.header("access-control-allow-origin"),
        Some("*"),
        "a page may read why"
    );
}

#[test]
fn an_allow_list_answers_the_origins_on_it() {
    let server = Running::with("[cors]\norigins = [\"https://example.com\"]\n");
    let from = |origin: &str| server.ask(&format!("GET /topics/a HTTP/1.1\nOrigin: {origin}"), b"");
    let allowed = from("https://example.com");
    assert_eq!(
        allowed.header("access-control-allow-origin"),
        Some("https://example.com")
    );
    assert_eq!(allowed.header("vary"), Some("origin"));
    for other in [
        "https://example.com.evil",
        "http://example.com",
        "null",
        "https://example.co",
    ] {
        assert_eq!(from(other).header("access-control-allow-origin"), None, "{other}");
    }
}

#[test]
fn a_preflight_is_answered_by_origin() {
    let server = Running::with("[cors]\norigins = [\"https://example.com\"]\n");
    let preflight = |origin: &str| {
        let head = format!(
            "OPTIONS /topics/a HTTP/1.1\nOrigin: {origin}\nAccess-Control-Request-Method: POST\n\
             Access-Control-Request-Headers: pogu-event, idempotency-key"
        );
        server.ask(&head, b"")
    };
    let allowed = preflight("https://example.com");
    assert_eq!(allowed.status, 204);
    assert_eq!(
        allowed.header("access-control-allow-origin"),
        Some("https://example.com")
    );
    assert_eq!(
        allowed.header("access-control-allow-methods"),
        Some("GET, HEAD, POST")
    );
    assert_eq!(
        allowed.header("access-control-allow-headers"),
        Some("pogu-event, idempotency-key")
    );
    assert_eq!(
        preflight("https://evil.example").header("access-control-allow-origin"),
        None
    );
    server
        .ask("OPTIONS /topics/a HTTP/1.1", b"")
        .problem(405, "method-not-allowed");
}

#[test]
fn one_connection_carries_many_requests_and_pipelined_ones() {
    let server = Running::start();
    let mut http = Http::new(server.connect());
    for number in 0..3 {
        http.send("POST /topics/kept HTTP/1.1", format!("{number}").as_bytes());
        assert_eq!(http.answer().status, 200);
    }
    http.send("GET /topics/kept?after=earliest HTTP/1.1", b"");
    http.send("GET /healthz HTTP/1.1", b"");
    http.send("GET /readyz HTTP/1.1", b"");
    assert_eq!(http.answer().bodies(), ["0", "1", "2"]);
    assert_eq!(http.answer().text(), "ok\n");
    assert_eq!(http.answer().text(), "ready\n");
}

#[test]
fn a_page_elsewhere_may_not_publish_and_the_servers_own_may() {
    let server = Running::with("[cors]\norigins = [\"https://example.com\"]\n");
    let post = |origin: &str| {
        let head = format!("POST /topics/a HTTP/1.1\nOrigin: {origin}\nContent-Type: text/plain");
        server.ask(&head, b"x").status
    };
    assert_eq!(post("https://evil.example"), 403);
    assert_eq!(post("null"), 403);
    assert_eq!(post("https://example.com"), 200);
    assert_eq!(bodies(&server, "/topics/a?after=earliest"), ["x"]);
}

#[test]
fn a_page_whose_name_leads_here_since_a_moment_is_none_of_the_servers_own() {
    let server = Running::with("[cors]\norigins = [\"https://example.com\"]\n");
    let post = |origin: &str, host: &str| {
        let mut http = Http::new(server.connect());
        let head = format!("POST /topics/a HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\n");
        http.raw(format!("{head}Content-Length: 1\r\n\r\nx").as_bytes());
        http.answer().status
    };
    assert_eq!(post("http://evil.example:7070", "evil.example:7070"), 403);
    assert_eq!(post("http://127.0.0.1:7070", "127.0.0.1:7070"), 200);
    assert_eq!(post("https://pogu.example", "pogu.example"), 200);
}

#[test]
fn no_answer_is_to_be_taken_for_what_it_does_not_say_it_is() {
    let server = Running::start();
    for target in [
        "/topics/a",
        "/topics/a?wait=0.01",
        "/topics/a?via=sse",
        "/topics/a?via=stream",
        "/topics/a..b",
        "/socket.io/?EIO=4&transport=polling",
        "/socket.io/?EIO=5",
        "/pogu/info",
        "/pogu/000/none/xhr_send",
        "/metrics",
        "/",
    ] {
        let mut http = Http::new(server.connect());
        http.send(&format!("GET {target} HTTP/1.1"), b"");
        assert_eq!(
            http.head().header("x-content-type-options"),
            Some("nosniff"),
            "{target}"
        );
    }
}

#[test]
fn who_means_a_topic_or_a_parameter_is_told_how_it_is_written() {
    let server = Running::start();
    let detail = |answer: Answer, status: u16, code: &str| {
        answer.problem(status, code)["detail"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    for head in ["GET /topics/a/b HTTP/1.1", "POST /topics/a/b HTTP/1.1"] {
        let told = detail(server.ask(head, b""), 404, "not-found");
        assert!(told.ends_with("write /topics/a.b"), "{told}");
    }
    let told = detail(server.get("/topics/a?wiat=3"), 400, "bad-parameter");
    assert!(told.contains("did you mean \"wait\"?"), "{told}");
    let told = detail(server.get("/topics/a?wait=61"), 400, "bad-parameter");
    assert!(told.contains("at most 60"), "{told}");
    // Others may be for whatever stands in front.
    assert_eq!(server.get("/topics/a?_=1&t=2&token=secret").status, 200);
    // A server may wait less than its clients may ask for.
    let server = Running::with("[limits]\nwait = \"10ms\"\n");
    assert_eq!(server.get("/topics/a?wait=60").status, 200);
    server.get("/topics/a?wait=61").problem(400, "bad-parameter");
}

#[test]
fn who_has_said_all_is_still_answered() {
    let server = Running::start();
    for number in 0..30 {
        for head in [
            "POST /topics/half HTTP/1.1",
            "GET /topics/half?after=last:1 HTTP/1.1",
        ] {
            let mut stream = server.connect();
            let body = if head.starts_with("POST") {
                number.to_string()
            } else {
                String::new()
            };
            stream
                .write_all(&crate::server::request(head, body.as_bytes()))
                .unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let mut http = Http::new(stream);
            assert_eq!(http.answer().status, 200, "{head}");
            assert!(http.ends());
        }
    }
    let kept = server.get("/topics/half?after=earliest&limit=100");
    assert_eq!(kept.bodies().len(), 30);
}

#[test]
fn a_body_is_never_read_as_the_next_request() {
    let server = Running::start();
    let hidden = "POST /topics/smuggled HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nevil";
    let head = "GET /topics/a?wait=1 HTTP/1.1";
    assert_eq!(server.ask(head, hidden.as_bytes()).status, 400);
    assert!(bodies(&server, "/topics/smuggled?after=earliest").is_empty());
}

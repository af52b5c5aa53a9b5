//! Polls and POSTs: payloads, what closes a session, and what is said to the poll that waits.

use super::{By, Client, Message, POLLING, Polls, SESSIONS, lane, refused, unknown};
use crate::server::{Http, Lines, Running, request};

#[test]
fn a_post_is_answered_ok_and_its_packets_are_heard_in_order() {
    let server = Running::start();
    let mut polls = Polls::open(&server);
    let head = format!(
        "POST {} HTTP/1.1\nContent-Type: text/plain;charset=UTF-8",
        polls.target()
    );
    polls.posts.send(&head, b"40");
    let answer = polls.posts.answer();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.text(), "ok");
    assert_eq!(answer.header("content-type"), Some("text/html"));
    assert_eq!(answer.header("content-length"), Some("2"));
    polls.post_ok("40/a,\u{1e}6\u{1e}42/a,1[\"x\"]\u{1e}42/a,2[\"y\"]");
    assert!(polls.packet().starts_with("40{\"sid\":\""));
    assert!(polls.packet().starts_with("40/a,{\"sid\":\""));
    assert!(polls.packet().starts_with("43/a,1[{\"cursor\":\""));
    assert!(polls.packet().starts_with("43/a,2[{\"cursor\":\""));
}

#[test]
fn several_packets_come_in_one_answer() {
    let server = Running::start();
    let mut polls = Polls::open(&server);
    polls.post_ok("40/a,");
    polls.packet();
    let mut lines = Lines::new(&server);
    lines.say("PUB a :1\nPUB a :2\nPUB a len=2 type=image/png :\u{1}\u{2}\nPUB a :안녕\n");
    for _ in 0..4 {
        lines.hear();
    }
    polls.poll();
    let answer = polls.answer();
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(
        answer.text().split('\u{1e}').collect::<Vec<_>>(),
        [
            "42/a,[\"message\",\"1\"]",
            "42/a,[\"message\",\"2\"]",
            "451-/a,[\"message\",{\"_placeholder\":true,\"num\":0}]",
            "bAQI=",
            "42/a,[\"message\",\"안녕\"]",
        ]
    );
}

#[test]
fn requests_reach_a_session_from_the_other_lane() {
    let server = Running::start();
    let sessions: Vec<Polls> = (0..4).map(|_| Polls::open(&server)).collect();
    assert!((0..2).all(|number| sessions.iter().any(|polls| lane(&polls.sid) == number)));
    // Connections go to the lanes in turn, so each session is asked on both.
    for polls in &sessions {
        for number in 0..6 {
            let head = format!("POST {} HTTP/1.1", polls.target());
            let answer = server.ask(&head, format!("40/n{number},").as_bytes());
            assert_eq!(answer.text(), "ok");
            let answer = server.get(&polls.target()).text();
            assert!(answer.starts_with(&format!("40/n{number},{{\"sid\"")), "{answer}");
        }
    }
    for mut polls in sessions {
        polls.poll();
        polls.post_ok("42/n0,1[\"x\"]");
        let mut answer = polls.answer().text();
        // The other session's event may come first.
        while !answer.contains("43/n0,1[") {
            assert!(answer.starts_with("42/n0,[\"x\""), "{answer}");
            polls.poll();
            answer = polls.answer().text();
        }
    }
}

#[test]
fn what_is_no_packet_is_refused_and_ends_the_session() {
    let server = Running::start();
    for payload in [
        "abc",
        "",
        "4\u{1e}",
        "\u{1e}",
        "40\u{1e}\u{1e}40/a,",
        "2",
        "2probe",
        "5",
        "0{}",
        "b!",
        "9",
        "3\u{1e}b AQI=",
    ] {
        let mut polls = Polls::open(&server);
        refused(&polls.post(payload), 3, "Bad request");
        polls.poll();
        unknown(&polls.answer());
        unknown(&polls.post("3"));
    }
    let mut polls = Polls::open(&server);
    refused(&polls.post(b"4\xff"), 3, "Bad request");
    server.await_metric(SESSIONS, 0);
}

#[test]
fn a_poll_that_waits_is_told_that_a_bad_post_has_ended_the_session() {
    let server = Running::start();
    let mut polls = Polls::open(&server);
    polls.poll();
    server.await_metric(SESSIONS, 1);
    refused(&polls.post("abc"), 3, "Bad request");
    let answer = polls.answer();
    assert!(answer.status == 400 || answer.text() == "1", "{answer:?}");
    unknown(&server.get(&polls.target()));
}

#[test]
fn bytes_are_refused_under_protocol_4() {
    let server = Running::start();
    let mut polls = Polls::open(&server);
    let head = format!(
        "POST {} HTTP/1.1\nContent-Type: application/octet-stream",
        polls.target()
    );
    polls.posts.send(&head, b"3");
    refused(&polls.posts.answer(), 3, "Bad request");
    polls.poll();
    unknown(&polls.answer());
}

#[test]
fn a_body_over_the_limit_is_refused_and_one_at_it_is_not() {
    let server = Running::with("[limits]\nmessage = 1000\n");
    let mut polls = Polls::open(&server);
    let fits = format!("40/{},", "a".repeat(96)) + &"\u{1e}6".repeat(448);
    assert_eq!(fits.len(), 996);
    polls.post_ok(&fits);
    polls.post_ok("3\u{1e}6\u{1e}3");
    // The largest message has room in base64; text of that length is too long.
    polls.post_ok("40/a,");
    polls.post_ok(&format!(
        "451-/a,[\"x\",{{\"_placeholder\":true,\"num\":0}}]\u{1e}b{}",
        "A".repeat(1332)
    ));
    refused(&Polls::open(&server).post(vec![b'4'; 1002]), 3, "Bad request");
    let mut other = Polls::open(&server);
    let answer = other.post(vec![b'4'; 1398]);
    assert_eq!(answer.status, 413, "{answer:?}");
    // The same without a length.
    let mut bytes = format!(
        "POST {} HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n",
        other.target()
    )
    .into_bytes();
    for _ in 0..4 {
        bytes.extend_from_slice(b"190\r\n");
        bytes.extend_from_slice(&[b'4'; 400]);
        bytes.extend_from_slice(b"\r\n");
    }
    let mut http = Http::new(server.connect());
    http.raw(&bytes);
    assert_eq!(http.answer().status, 413);
}

#[test]
fn a_second_poll_ends_the_session() {
    let server = Running::start();
    for _ in 0..10 {
        let mut polls = Polls::open(&server);
        polls.poll();
        let first = format!("POST {} HTTP/1.1", polls.target());
        // Answered, so the poll before it is there: both connections are of either lane.
        server.ask(&first, b"6");
        let second = server.get(&polls.target());
        match second.status {
            200 => {
                // It came first.
                assert_eq!(second.text(), "1");
                refused(&polls.answer(), 3, "Bad request");
            }
            _ => {
                refused(&second, 3, "Bad request");
                let answer = polls.answer();
                assert_eq!((answer.status, &*answer.text()), (200, "1"));
            }
        }
        unknown(&server.get(&polls.target()));
        unknown(&polls.post("3"));
    }
    server.await_metric(SESSIONS, 0);
}

#[test]
fn a_poll_that_is_given_up_ends_the_session() {
    let server = Running::start();
    for round in 0..6 {
        let mut polls = Polls::open(&server);
        // Of either lane.
        let extra = (round % 2 == 0).then(|| server.connect());
        let mut gets = Http::new(server.connect());
        gets.send(&format!("GET {} HTTP/1.1", polls.target()), b"");
        server.await_metric(SESSIONS, 1);
        polls.post_ok("6");
        drop(gets);
        server.await_metric(SESSIONS, 0);
        polls.poll();
        unknown(&polls.answer());
        drop(extra);
    }
}

#[test]
fn a_client_that_closes_is_answered_by_its_poll() {
    let server = Running::start();
    for _ in 0..4 {
        let mut polls = Polls::open(&server);
        polls.post_ok("40");
        assert!(polls.packet().starts_with("40{"));
        polls.poll();
        // There is nothing to say: the poll waits, though perhaps not there yet.
        polls.post_ok("1");
        let answer = polls.answer();
        match answer.status {
            200 => assert_eq!(answer.text(), "6"),
            _ => unknown(&answer),
        }
        unknown(&server.get(&polls.target()));
    }
    server.await_metric(SESSIONS, 0);
}

#[test]
fn what_was_said_before_a_close_is_heard() {
    let server = Running::start();
    let mut reader = Client::open(&server, By::WebSocket);
    reader.say("0/a,");
    reader.hear();
    let mut polls = Polls::open(&server);
    polls.post_ok("40/a,\u{1e}42/a,[\"last\"]\u{1e}1\u{1e}42/a,[\"after\"]");
    assert_eq!(reader.hear(), Message::Text("2/a,[\"last\"]".into()));
    server.publish("a", b"next");
    assert_eq!(reader.hear(), Message::Text("2/a,[\"message\",\"next\"]".into()));
}

#[test]
fn a_request_behind_a_poll_on_its_connection_is_answered_after_it() {
    let server = Running::start();
    let mut polls = Polls::open(&server);
    polls.post_ok("40/a,");
    polls.packet();
    let mut bytes = request(&format!("GET {} HTTP/1.1", polls.target()), b"");
    bytes.extend_from_slice(&request("GET /healthz HTTP/1.1", b""));
    bytes.extend_from_slice(&request(
        &format!("POST {} HTTP/1.1", polls.target()),
        b"42/a,5[\"x\"]",
    ));
    bytes.extend_from_slice(&request(&format!("GET {} HTTP/1.1", polls.target()), b""));
    let mut http = Http::new(server.connect());
    http.raw(&bytes);
    server.publish("a", b"first");
    assert_eq!(http.answer().text(), "42/a,[\"message\",\"first\"]");
    assert_eq!(http.answer().text(), "ok\n");
    assert_eq!(http.answer().text(), "ok");
    assert!(http.answer().text().starts_with("43/a,5["));
}

#[test]
fn a_client_that_goes_with_a_request_behind_its_poll_is_noticed_by_the_next_answer() {
    let server = Running::with("[socketio]\nping-interval = \"100ms\"\nping-timeout = \"100ms\"\n");
    let polls = Polls::open(&server);
    let mut bytes = request(&format!("GET {} HTTP/1.1", polls.target()), b"");
    bytes.extend_from_slice(&request("GET /healthz HTTP/1.1", b""));
    let mut http = Http::new(server.connect());
    http.raw(&bytes);
    drop(http);
    server.await_metric(SESSIONS, 0);
}

#[test]
fn sessions_on_polls_of_http_1_0_and_closing_connections_go_on() {
    let server = Running::start();
    let polls = Polls::open(&server);
    let target = polls.target();
    let ask = |head: String, body: &[u8]| server.ask(&head, body).text();
    assert_eq!(
        ask(format!("POST {target} HTTP/1.1\nConnection: close"), b"40"),
        "ok"
    );
    assert!(ask(format!("GET {target} HTTP/1.0"), b"").starts_with("40{"));
    assert_eq!(ask(format!("POST {target} HTTP/1.0"), b"40/a,"), "ok");
    assert!(ask(format!("GET {target} HTTP/1.1\nConnection: close"), b"").starts_with("40/a,{"));
    assert!(!server.get(POLLING).text().is_empty());
}

/// python-engineio refuses more than 16.
#[test]
fn an_answer_has_at_most_sixteen_packets() {
    let server = Running::start();
    let mut polls = Polls::open(&server);
    polls.post_ok("40/a,\u{1e}40/b,");
    polls.packet();
    polls.packet();
    for number in 0..40 {
        server.publish("a", format!("{number}").as_bytes());
    }
    polls.post_ok(
        &(0..16)
            .map(|id| format!("42/b,{id}[\"x\"]"))
            .collect::<Vec<_>>()
            .join("\u{1e}"),
    );
    let mut heard = 0;
    while heard < 40 {
        polls.poll();
        let answer = polls.answer().text();
        let packets: Vec<&str> = answer.split('\u{1e}').collect();
        assert!(packets.len() <= 16, "{packets:?}");
        for packet in packets.iter().filter(|packet| packet.starts_with("42/a,")) {
            assert_eq!(*packet, format!("42/a,[\"message\",\"{heard}\"]"));
            heard += 1;
        }
    }
}

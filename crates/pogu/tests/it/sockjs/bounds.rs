//! What nobody takes, and what is too much.

use std::collections::VecDeque;
use std::io::Write;

use super::client::{Session, SockJs};
use super::transport::{Frame, Transport};
use super::{echo, serve};
use crate::server::{Http, Lines, Running, connect_narrow, request};
use crate::stomp::Stomp;
use crate::websocket::Heard;

const NARROW: &str = "[limits]\nmessage = 1000\nmailbox = 4000\n[[topics]]\npattern = \">\"\nhistory = 0\n";

/// Publishes numbers of so many bytes.
fn publish<const BYTES: usize>(server: &Running, numbers: std::ops::Range<usize>) {
    let mut publisher = Lines::new(server);
    for number in numbers {
        publisher.ask(&format!("PUB slow :{number:0BYTES$}"), "OK");
    }
}

/// Hears until each of `messages` has come or was told to be gone.
fn hear_all(messages: usize, mut hear: impl FnMut() -> String) {
    let (mut came, mut missed, mut last) = (0, 0, None);
    while came + missed < messages {
        let line = hear();
        if let Some(gap) = line.strip_prefix("GAP slow :") {
            missed += gap.split(' ').next().unwrap().parse::<usize>().unwrap();
        } else {
            let (head, body) = line.split_once(" :").unwrap();
            assert!(head.starts_with("MSG slow "), "{line}");
            let number = body.parse::<usize>().unwrap();
            assert!(last.replace(number).is_none_or(|last| last < number), "in order");
            came += 1;
        }
    }
    assert!(missed > 0, "{came} came");
    assert_eq!((came + missed, last), (messages, Some(messages - 1)));
}

#[test]
fn while_nobody_receives_the_oldest_go_and_are_told() {
    let server = serve(NARROW, &[]);
    for transport in [Transport::Xhr, Transport::Jsonp] {
        let mut client = SockJs::open(&server, "/pogu", transport);
        client.say("SUB slow");
        client.hear();
        let mut plain = SockJs::open(&server, "/topics/slow", transport);
        let mut stomp = Stomp::sockjs(&server, transport);
        stomp.subscribe("1", "/topic/slow");
        publish::<500>(&server, 0..50);
        hear_all(50, || client.hear());
        let message = stomp.hear_message();
        let missed: usize = message.the("missed").parse().unwrap();
        assert_eq!(message.number(), missed);
        assert!(plain.hear().parse::<usize>().unwrap() > 0);
    }
    assert!(server.metric(&["pogu_mailbox_bytes"]) < 10 * 4000);
}

#[test]
fn by_the_policy_disconnect_the_session_is_closed() {
    let server = serve(&format!("{NARROW}slow-consumer = \"disconnect\"\n"), &[]);
    let mut client = SockJs::open(&server, "/topics/slow", Transport::Xhr);
    publish::<500>(&server, 0..50);
    let close = Frame::Close(1008, "messages came faster than they were read".into());
    assert_eq!(client.frame(), Some(close.clone()));
    assert_eq!(client.frame(), Some(close));
}

#[test]
fn a_stream_that_is_never_read_costs_its_mailbox() {
    const BODY: usize = 7 * 1024;
    let server = serve(
        "[limits]\nmessage = \"8KiB\"\nmailbox = \"32KiB\"\n[sockjs]\nresponse-limit = \"1GiB\"\n\
         [[topics]]\npattern = \">\"\nhistory = 0\n",
        &[],
    );
    let session = SockJs::open(&server, "/pogu", Transport::Xhr).session;
    session.send("[\"SUB slow\"]");
    assert!(session.poll().starts_with("a[\"OK seq=1 cursor="));
    let mut narrow = connect_narrow(server.address());
    let head = format!("POST {} HTTP/1.1", session.url("xhr_streaming"));
    narrow.write_all(&request(&head, b"")).unwrap();
    let mut stream = Http::new(narrow);
    stream.head();
    let mut published = 0;
    while server.metric(&["pogu_messages_dropped_total{", "oldest"]) < 100 {
        publish::<BODY>(&server, published..published + 100);
        published += 100;
    }
    assert!(server.metric(&["pogu_mailbox_bytes"]) <= 32 * 1024 + 8 * 1024);
    // It can still be spoken to.
    session.send("[\"PING\"]");
    assert!(stream.chunk().unwrap().starts_with("hhh"));
    let mut waiting = VecDeque::new();
    let mut next = || loop {
        if let Some(line) = waiting.pop_front() {
            break line;
        }
        match Frame::read(stream.chunk().unwrap().trim_end()) {
            Frame::Messages(messages) => waiting.extend(messages),
            other => panic!("{other:?}"),
        }
    };
    let mut answered = false;
    hear_all(published, || {
        let line = next();
        if line == "PONG" {
            answered = true;
            return next();
        }
        line
    });
    assert!(answered || next() == "PONG");
}

#[test]
fn whoever_does_not_receive_may_not_send_for_ever() {
    let server = serve("", &[("/echo", echo())]);
    for transport in Transport::HTTP {
        let session = Session::new(&server, "/echo");
        session.open();
        let body = format!("[\"{}\"]", "x".repeat(100_000));
        let mut taken = 0;
        let refused = loop {
            let answer = session.post(&body);
            if answer.status != 204 {
                break answer;
            }
            taken += 1;
        };
        refused.problem(503, "overloaded");
        assert_eq!(taken, 3, "256 KiB may wait");
        let mut client = SockJs::on(session.clone(), transport);
        for _ in 0..taken {
            assert_eq!(client.hear().len(), 100_000);
        }
        session.send("[\"y\"]");
        assert_eq!(client.hear(), "y");
    }
}

/// Twice what a message and a head may have.
const PAYLOAD: usize = 2 * (1000 + 16 * 1024);

#[test]
fn a_body_is_as_long_as_it_may_be() {
    let server = serve(NARROW, &[("/echo", echo())]);
    let session = Session::new(&server, "/echo");
    session.open();
    let mut body = "[\"a\"]".to_owned();
    body.push_str(&" ".repeat(PAYLOAD - body.len()));
    session.send(&body);
    body.push(' ');
    let answer = session.post(&body);
    let text = format!("A payload has at most {PAYLOAD} bytes.");
    assert_eq!((answer.status, answer.text()), (413, text));
    assert_eq!(session.poll(), "a[\"a\"]\n");
    // A form is longer than what it holds, but no less bounded.
    let form = "\nContent-Type: application/x-www-form-urlencoded";
    let answer = session.ask(
        "POST",
        "jsonp_send",
        form,
        &("d=".to_owned() + &"+".repeat(PAYLOAD)),
    );
    assert_eq!(answer.status, 413);
}

#[test]
fn a_message_is_as_long_as_anywhere() {
    let server = serve(NARROW, &[("/echo", echo())]);
    let (fits, too_long) = ("x".repeat(1000), "x".repeat(1001));
    for base in ["/echo", "/topics/a"] {
        for transport in Transport::ALL {
            let mut client = SockJs::open(&server, base, transport);
            client.say(&fits);
            assert_eq!(client.hear(), fits);
            // As it is meant, and not as it is written.
            let escaped = "\"\u{1}".repeat(500);
            client.say(&escaped);
            assert_eq!(client.hear(), escaped);
            if transport == Transport::WebSocket {
                client.say(&too_long);
                let close = client.hear_or_close();
                assert!(matches!(close, Err(Frame::Close(1009, _))), "{close:?}");
                continue;
            }
            // All of a POST or nothing.
            let answer = client.session.post(&format!("[\"a\",\"{too_long}\"]"));
            assert_eq!(answer.problem(413, "too-large")["limit"], 1000);
            client.say("b");
            assert_eq!(client.hear(), "b");
        }
    }
}

#[test]
fn a_command_has_room_for_its_head() {
    let server = serve(NARROW, &[]);
    for transport in Transport::ALL {
        let mut client = SockJs::open(&server, "/pogu", transport);
        client.say(&format!("PUB a :{}", "x".repeat(1000)));
        assert!(client.hear().starts_with("OK seq=1"));
        client.say(&format!("PUB a :{}", "x".repeat(1001)));
        assert!(client.hear().starts_with("ERR too-large seq=2"));
    }
}

#[test]
fn what_is_long_and_escaped_fits_a_websocket_too() {
    let server = serve("[limits]\nmessage = \"100KiB\"\n", &[("/echo", echo())]);
    let quotes = "\"".repeat(100 << 10);
    for base in ["/echo", "/topics/a"] {
        for transport in [Transport::Xhr, Transport::WebSocket] {
            let mut client = SockJs::open(&server, base, transport);
            client.say(&quotes);
            assert_eq!(client.hear(), quotes);
        }
    }
    let mut client = SockJs::open(&server, "/echo", Transport::WebSocket);
    let longest = 2 * ((100 << 10) + (16 << 10));
    client
        .socket()
        .say(&format!("[\"a\"]{}", " ".repeat(longest - 5)));
    assert_eq!(client.hear(), "a");
    client.socket().say(&" ".repeat(longest + 1));
    assert_eq!(client.socket().hear(), Heard::Close(Some(1009)));
}

#[test]
fn a_payload_has_ten_thousand_messages_and_no_more() {
    let server = serve("", &[("/count", echo())]);
    let many = |count: usize| format!("[{}\"\"]", "\"\",".repeat(count - 1));
    let session = Session::new(&server, "/count");
    session.open();
    let answer = session.post(&many(10_001));
    let text = "A payload has at most 10000 messages.";
    assert_eq!((answer.status, &*answer.text()), (413, text));
    session.send(&many(10_000));
    assert_eq!(session.poll(), format!("a{}\n", many(10_000)));
    let mut client = SockJs::open(&server, "/count", Transport::WebSocket);
    client.socket().say(&many(10_000));
    for _ in 0..10_000 {
        assert_eq!(client.hear(), "");
    }
    client.socket().say(&many(10_001));
    assert_eq!(client.socket().hear(), Heard::Close(Some(3000)));
}

#[test]
fn sessions_are_counted_like_connections() {
    let server = serve("[limits]\nconnections = 10\n", &[]);
    let mut http = Http::new(server.connect());
    let mut poll = |name: usize| {
        http.send(&format!("POST /topics/a/0/{name}/xhr HTTP/1.1"), b"");
        http.answer().text()
    };
    let opened = (0..30).take_while(|name| poll(*name) == "o\n").count();
    // What the lanes know of each other may be a turn old.
    assert!((7..12).contains(&opened), "{opened}");
    let refused = poll(opened + 1);
    assert_eq!(refused, "c[1013,\"limits.connections is reached\"]\n");
    let post = |http: &mut Http, body: &[u8]| {
        http.send("POST /topics/a/0/0/xhr_send HTTP/1.1", body);
        http.answer().status
    };
    assert_eq!(post(&mut http, b"[\"x\"]"), 204, "those that are there go on");
    // Engine.IO's are no less.
    http.send("GET /socket.io/?EIO=4&transport=polling HTTP/1.1", b"");
    http.answer().problem(503, "overloaded");
}

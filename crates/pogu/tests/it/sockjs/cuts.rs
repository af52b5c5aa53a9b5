//! Receivers that are cut, and sessions whose clients do not come back.

use super::client::{Session, SockJs};
use super::transport::{Frame, Transport};
use super::{echo, serve};

const INTERRUPTED: &str = "c[1002,\"Connection interrupted\"]\n";

/// Waits until the server has seen that a receiver was cut: nothing is taken then any more.
fn has_seen(session: &Session) {
    while session.post("[]").status != 404 {
        std::thread::yield_now();
    }
}

#[test]
fn what_waits_over_a_cut_is_given_to_the_next_receiver() {
    let server = serve("", &[]);
    for transport in Transport::HTTP {
        let topic = format!("topic.{}", transport.name());
        let session = Session::new(&server, &format!("/topics/{topic}"));
        let first = if transport.is_poll() {
            session.open();
            session.wait(transport)
        } else {
            let mut stream = session.stream(transport);
            assert_eq!(stream.chunk().unwrap(), transport.wrap("o"));
            stream
        };
        drop(first);
        has_seen(&session);
        server.publish(&topic, b"a");
        server.publish(&topic, b"b");
        assert_eq!(session.poll(), "a[\"a\",\"b\"]\n", "{transport:?}");
        for _ in 0..2 {
            assert_eq!(session.poll(), INTERRUPTED, "{transport:?}");
        }
        let mut stream = session.stream(Transport::EventSource);
        let close = Transport::EventSource.wrap(INTERRUPTED.trim_end());
        assert_eq!(stream.chunk().unwrap(), close);
        assert_eq!(stream.chunk(), None);
    }
}

#[test]
fn behind_what_may_be_lost_nothing_is_said() {
    let server = serve("", &[]);
    for transport in Transport::STREAMS {
        let topic = format!("topic.{}", transport.name());
        let mut client = SockJs::open(&server, &format!("/topics/{topic}"), transport);
        server.publish(&topic, b"a");
        assert_eq!(client.hear(), "a");
        client.cut();
        has_seen(&client.session);
        server.publish(&topic, b"b");
        for _ in 0..2 {
            assert_eq!(client.session.poll(), INTERRUPTED, "{transport:?}");
        }
        assert_eq!(client.session.poll(), INTERRUPTED);
    }
}

#[test]
fn a_stream_that_went_on_after_another_is_cut_like_the_first() {
    let server = serve("[sockjs]\nresponse-limit = 100\n", &[("/echo", echo())]);
    for transport in Transport::STREAMS {
        let long = "x".repeat(100);
        let mut client = SockJs::open(&server, "/echo", transport);
        client.say(&long);
        assert_eq!(client.hear(), long);
        // It has ended well; what is said in the next is nothing yet.
        let next = client.session.stream(transport);
        drop(next);
        client.cut();
        has_seen(&client.session);
        assert_eq!(client.session.poll(), INTERRUPTED);
    }
}

#[test]
fn a_session_without_a_client_ends_and_its_name_is_free() {
    let server = serve("[sockjs]\ndisconnect-delay = \"30ms\"\n", &[]);
    let session = Session::new(&server, "/topics/a");
    for _ in 0..3 {
        session.open();
        server.await_metric(&["pogu_connections{", "sockjs"], 0);
        assert_eq!(session.post("[]").status, 404);
        server.publish("a", b"unheard");
    }
    // With a receiver it lives.
    let mut client = SockJs::open(&server, "/topics/a", Transport::XhrStreaming);
    std::thread::sleep(std::time::Duration::from_millis(40));
    server.publish("a", b"heard");
    assert_eq!(client.hear(), "heard");
    // A cut session lives as long as any.
    let client = SockJs::open(&server, "/topics/a", Transport::XhrStreaming);
    let session = client.session.clone();
    drop(client);
    loop {
        match session.poll().as_str() {
            "o\n" => break,
            INTERRUPTED | "c[2010,\"Another connection still open\"]\n" => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_client_that_goes_before_it_was_answered_leaves_no_session() {
    let server = serve("[sockjs]\ndisconnect-delay = \"20ms\"\n", &[]);
    for transport in Transport::HTTP {
        for _ in 0..20 {
            drop(Session::new(&server, "/topics/a").receive(transport));
        }
    }
    server.await_metric(&["pogu_connections{", "sockjs"], 0);
}

#[test]
fn a_websocket_that_is_cut_takes_its_session_along() {
    let server = serve("", &[]);
    let mut client = SockJs::open(&server, "/topics/a", Transport::WebSocket);
    assert_eq!(server.metric(&["pogu_connections{", "sockjs"]), 1);
    client.cut();
    server.await_metric(&["pogu_connections{", "sockjs"], 0);
    let mut again = SockJs::on(client.session.clone(), Transport::WebSocket);
    assert_eq!(again.frame(), Some(Frame::Open));
}

#[test]
fn a_poll_that_is_cut_doubles_nothing() {
    let server = serve("", &[("/echo", echo())]);
    for _ in 0..50 {
        let session = Session::new(&server, "/echo");
        session.open();
        let poll = session.wait(Transport::Xhr);
        // The server sees the one or the other first.
        let mut sender = session.request("POST", "xhr_send", "", "[\"a\"]");
        drop(poll);
        sender.answer();
        let is_open = session.post("[\"b\"]").status == 204;
        let mut heard = String::new();
        while !heard.ends_with("b") && !heard.ends_with('c') {
            match session.poll().as_str() {
                "a[\"a\"]\n" => heard.push('a'),
                "a[\"b\"]\n" => heard.push('b'),
                "a[\"a\",\"b\"]\n" => heard.push_str("ab"),
                INTERRUPTED => heard.push('c'),
                "c[2010,\"Another connection still open\"]\n" => {}
                other => panic!("{other:?}"),
            }
        }
        // What was on its way to a client that had gone is lost.
        let known: &[&str] = if is_open { &["b", "ab"] } else { &["c", "ac"] };
        assert!(known.contains(&&*heard), "{heard}");
    }
}

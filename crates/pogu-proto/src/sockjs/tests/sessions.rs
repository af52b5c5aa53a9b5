use super::*;

const STREAMS: [Receiver; 3] = [Receiver::XhrStreaming, Receiver::EventSource, Receiver::HtmlFile];

#[test]
fn an_idle_session_is_small() {
    assert!(size_of::<Session>() <= 64, "{}", size_of::<Session>());
}

#[test]
fn polls_get_a_frame_each() {
    let mut server = Server::with(Receiver::Xhr);
    assert_eq!(server.take(), took("o\n", 1));
    assert!(server.session.is_open() && server.session.receiver().is_none());
    // What waits goes into one frame, and more of it to the next.
    server.send(10, "a");
    server.send(20, "b");
    assert_eq!(server.take(), took("", 0));
    server.receive(30, Receiver::Xhr).unwrap();
    assert_eq!(server.take(), took("a[\"a\",\"b\"]\n", 1));
    // A poll waits until there is something; another transport may come next.
    server.receive(40, Receiver::Jsonp).unwrap();
    assert_eq!(server.take(), took("", 0));
    assert_eq!(server.session.receiver(), Some(Receiver::Jsonp));
    server.send(50, "c");
    assert_eq!(server.take(), took("/**/f(\"a[\\\"c\\\"]\");\r\n", 1));
    assert_eq!(server.session.deadline(), Some(Time(5_050)));
}

#[test]
fn streams_get_a_frame_after_the_other() {
    let mut server = Server::with(Receiver::XhrStreaming);
    assert_eq!(server.take(), took("o\n", 0));
    server.send(1, "a");
    server.send(2, "b");
    assert_eq!(server.take(), took("a[\"a\"]\na[\"b\"]\n", 0));
    assert_eq!(server.session.receiver(), Some(Receiver::XhrStreaming));
}

#[test]
fn streams_end_at_their_limit() {
    // As the protocol's own test counts: with the open frame, without the prelude.
    let limits = Limits {
        response: 4096,
        ..Limits::default()
    };
    let mut server = Server::new(limits.clone());
    server.receive(0, Receiver::XhrStreaming).unwrap();
    for message in 1..=31 {
        assert_eq!(server.ended, 0, "{message}");
        server.send(0, &"x".repeat(128));
    }
    assert_eq!(server.take().1, 1);
    assert!(server.session.receiver().is_none() && server.session.is_open());
    // One long message is not cut, and the next response counts anew.
    for receiver in STREAMS {
        server.receive(1, receiver).unwrap();
        assert_eq!(server.take(), took("", 0));
        server.send(1, "y");
        assert_eq!(server.take().1, 0);
        server.send(1, &"y".repeat(4096));
        assert_eq!(server.take().1, 1);
    }
    // At the very byte: `o`, and six bytes more than the message.
    for (length, ends) in [(4096 - 2 - 7, 0), (4096 - 2 - 6, 1)] {
        let mut server = Server::new(limits.clone());
        server.receive(0, Receiver::XhrStreaming).unwrap();
        server.send(0, &"z".repeat(length));
        assert_eq!(server.take().1, ends, "{length}");
    }
    // A WebSocket has no end.
    let mut server = Server::new(limits);
    server.receive(0, Receiver::WebSocket).unwrap();
    server.send(0, &"x".repeat(10_000));
    assert_eq!(server.take().1, 0);
}

#[test]
fn heartbeats_keep_their_pace() {
    for receiver in [Receiver::XhrStreaming, Receiver::WebSocket] {
        let mut server = Server::with(receiver);
        let heartbeat = if receiver == Receiver::WebSocket {
            "h"
        } else {
            "h\n"
        };
        server.take();
        assert_eq!(server.session.deadline(), Some(Time(25_000)));
        server.tick(24_999);
        assert_eq!(server.take(), took("", 0));
        server.tick(25_000);
        assert_eq!(server.take(), took(heartbeat, 0));
        server.tick(25_000);
        assert_eq!(server.take(), took("", 0));
        server.send(30_000, "a");
        server.take();
        // A late one is said once.
        server.tick(99_000);
        assert_eq!(server.take(), took(heartbeat, 0));
        assert_eq!(server.session.deadline(), Some(Time(124_000)));
    }
    // It ends a poll, whose next one has 25 seconds of its own.
    let mut server = Server::with(Receiver::Xhr);
    server.receive(1_000, Receiver::Xhr).unwrap();
    server.take();
    server.tick(26_000);
    assert_eq!(server.take(), took("h\n", 1));
    server.receive(27_000, Receiver::Xhr).unwrap();
    assert_eq!(server.session.deadline(), Some(Time(52_000)));
}

#[test]
fn messages_are_a_heartbeat_too() {
    let mut server = Server::with(Receiver::XhrStreaming);
    server.take();
    server.session.tick(Time(25_000));
    server.send(25_000, "a");
    assert_eq!(server.take(), took("a[\"a\"]\n", 0));
    // One that was due for a receiver that has gone is not for the next.
    let mut server = Server::with(Receiver::Xhr);
    server.receive(0, Receiver::Xhr).unwrap();
    server.session.tick(Time(25_000));
    server.send(25_000, "a");
    server.take();
    server.receive(25_000, Receiver::Xhr).unwrap();
    assert_eq!(server.take(), took("", 0));
}

#[test]
fn without_a_receiver_it_ends() {
    let mut server = Server::with(Receiver::Xhr);
    assert_eq!(server.session.deadline(), Some(Time(5_000)));
    server.tick(4_999);
    assert!(server.session.is_open());
    server.tick(5_000);
    assert!(server.session.is_gone() && server.session.is_broken() && !server.session.is_open());
    assert_eq!(server.session.deadline(), None);
    assert_eq!(server.receive(5_001, Receiver::Xhr), Err(Refused::Gone));
    // A request that is there before the timer is no earlier for that.
    let mut server = Server::with(Receiver::Xhr);
    assert_eq!(server.receive(5_000, Receiver::Xhr), Err(Refused::Gone));
    let mut server = Server::with(Receiver::Xhr);
    assert_eq!(server.receive(4_999, Receiver::Xhr), Ok(()));
    server.tick(20_000);
    assert!(server.session.is_open());
    // One that never had a receiver.
    let mut server = Server::new(Limits::default());
    server.tick(5_000);
    assert!(server.session.is_gone());
}

#[test]
fn a_second_receiver_is_refused_and_the_first_goes_on() {
    for receiver in Receiver::ALL {
        let mut server = Server::with(receiver);
        if receiver.is_poll() {
            server.receive(0, receiver).unwrap();
        }
        server.take();
        let deadline = server.session.deadline();
        for second in Receiver::ALL {
            assert_eq!(server.receive(1_000, second), Err(Refused::Busy));
        }
        assert_eq!(
            (server.take(), server.session.deadline()),
            (took("", 0), deadline)
        );
        assert_eq!(server.session.receiver(), Some(receiver));
        server.send(1_000, "a");
        assert!(server.take().0.contains('a'));
    }
    let mut out = Vec::new();
    Receiver::Xhr.put_close("", &Close::ANOTHER, &mut out);
    assert_eq!(out, b"c[2010,\"Another connection still open\"]\n");
}

#[test]
fn a_close_is_told_until_the_session_is_gone() {
    let mut server = Server::with(Receiver::Xhr);
    server.take();
    server.close(1_000, 3000, "Go away!");
    assert!(!server.session.is_open() && !server.session.is_broken());
    assert_eq!(server.session.deadline(), Some(Time(6_000)));
    for now in [1_000, 5_999] {
        server.receive(now, Receiver::Xhr).unwrap();
        assert_eq!(server.take(), took("c[3000,\"Go away!\"]\n", 1));
    }
    server.receive(6_000, Receiver::XhrStreaming).unwrap();
    assert_eq!(server.take(), took("c[3000,\"Go away!\"]\n", 1));
    server.receive(6_000, Receiver::Jsonp).unwrap();
    assert_eq!(server.take(), took("/**/f(\"c[3000,\\\"Go away!\\\"]\");\r\n", 1));
    server.tick(10_999);
    assert!(!server.session.is_gone());
    server.tick(11_000);
    assert!(server.session.is_gone());
}

/// The receiver that a close finds is let go with it: the next one hears of the close, not of the other receiver.
#[test]
fn a_close_ends_the_receiver() {
    for receiver in STREAMS {
        let mut server = Server::with(receiver);
        server.close(0, 3000, "Go away!");
        let (out, ended) = server.take();
        assert!(out.contains('o') && out.contains("c[3000,") && ended == 1);
        server.receive(0, Receiver::XhrStreaming).unwrap();
        assert_eq!(server.take(), took("c[3000,\"Go away!\"]\n", 1));
    }
    let mut server = Server::with(Receiver::WebSocket);
    server.close(0, 3000, "Go away!");
    assert_eq!(server.take(), took("oc[3000,\"Go away!\"]", 1));
    assert!(server.session.is_gone());
}

#[test]
fn a_close_follows_all_that_waits() {
    let mut server = Server::new(Limits::default());
    server.send(0, "a");
    server.close(0, 1000, "");
    server.receive(0, Receiver::XhrStreaming).unwrap();
    assert_eq!(server.take(), took("o\na[\"a\"]\nc[1000,\"\"]\n", 1));
    // Poll by poll.
    let mut server = Server::new(Limits::default());
    server.send(0, "a");
    server.close(0, 1000, "");
    for out in ["o\n", "a[\"a\"]\n", "c[1000,\"\"]\n", "c[1000,\"\"]\n"] {
        server.receive(0, Receiver::Xhr).unwrap();
        assert_eq!(server.take(), took(out, 1));
    }
}

#[test]
fn the_first_close_counts() {
    let mut server = Server::with(Receiver::Xhr);
    server.take();
    server.close(0, 3000, "first");
    server.close(4_000, 3001, "second");
    assert_eq!(server.session.deadline(), Some(Time(5_000)));
    server.receive(0, Receiver::Xhr).unwrap();
    assert_eq!(server.take(), took("c[3000,\"first\"]\n", 1));
    // One that is gone is not closed.
    server.tick(5_000);
    server.close(5_000, 3000, "third");
    assert!(server.session.is_gone() && server.session.deadline().is_none());
}

#[test]
fn a_reason_is_cut() {
    for (reason, told) in [
        ("x".repeat(123), "x".repeat(123)),
        ("x".repeat(124), "x".repeat(123)),
        ("포".repeat(41), "포".repeat(41)),
        ("포".repeat(42), "포".repeat(41)),
        (
            "x".to_owned() + &"포".repeat(41),
            "x".to_owned() + &"포".repeat(40),
        ),
        ("\"\n\u{2028}".to_owned(), "\\\"\\n\\u2028".to_owned()),
    ] {
        let mut server = Server::with(Receiver::Xhr);
        server.take();
        server.session.close(Time(0), 3000, reason);
        server.receive(0, Receiver::Xhr).unwrap();
        assert_eq!(server.take().0, format!("c[3000,\"{told}\"]\n"));
    }
}

#[test]
fn a_receiver_that_is_cut_breaks_the_session() {
    for receiver in [Receiver::Xhr, Receiver::XhrStreaming] {
        let mut server = Server::with(Receiver::Xhr);
        server.receive(0, receiver).unwrap();
        server.take();
        server.session.lost(Time(1_000), true);
        server.waiting.push("behind a gap".into());
        assert!(server.session.is_broken() && !server.session.is_open() && !server.session.is_gone());
        assert_eq!(server.session.deadline(), Some(Time(6_000)));
        server.receive(2_000, receiver).unwrap();
        assert_eq!(server.take(), took("c[1002,\"Connection interrupted\"]\n", 1));
        server.tick(7_000);
        assert!(server.session.is_gone());
    }
    // A response that has ended and could not be written.
    let mut server = Server::with(Receiver::Xhr);
    server.take();
    server.session.lost(Time(0), true);
    server.receive(0, Receiver::Xhr).unwrap();
    assert_eq!(server.take(), took("c[1002,\"Connection interrupted\"]\n", 1));
    // Before the client knows of it there is nothing to break.
    let mut server = Server::new(Limits::default());
    server.session.attach(Time(0), Receiver::Xhr).unwrap();
    server.session.lost(Time(0), true);
    assert!(server.session.is_gone());
    // A WebSocket is all there is of its session.
    let mut server = Server::with(Receiver::WebSocket);
    server.session.lost(Time(0), true);
    assert!(server.session.is_gone() && server.session.deadline().is_none());
}

/// What waits was never under way, and nothing before it was: the next receiver gets it, and hears of the interruption after it.
#[test]
fn what_waits_outlives_a_receiver_that_was_sent_nothing() {
    for receiver in [Receiver::Xhr, Receiver::XhrStreaming] {
        let mut server = Server::with(Receiver::Xhr);
        server.receive(0, receiver).unwrap();
        server.take();
        server.session.lost(Time(1_000), false);
        server.waiting.push("a".into());
        assert!(!server.session.is_broken() && !server.session.is_open());
        server.receive(2_000, Receiver::XhrStreaming).unwrap();
        let told = "a[\"a\"]\nc[1002,\"Connection interrupted\"]\n";
        assert_eq!(server.take(), took(told, 1));
    }
}

#[test]
fn nothing_behind_a_loss_is_said_after_a_close() {
    let mut server = Server::with(Receiver::XhrStreaming);
    server.take();
    server.session.close(Time(0), 3000, "Go away!");
    server.waiting.push("a".into());
    server.session.lost(Time(0), true);
    server.receive(0, Receiver::Xhr).unwrap();
    assert_eq!(server.take(), took("c[3000,\"Go away!\"]\n", 1));
}

/// Two WebSockets may have the same name, and one after the other too: each has a session of its own.
#[test]
fn a_websocket_has_a_session_of_its_own() {
    let mut servers = [
        Server::with(Receiver::WebSocket),
        Server::with(Receiver::WebSocket),
    ];
    for (server, message) in servers.iter_mut().zip(["a", "b"]) {
        server.send(0, message);
        assert_eq!(server.take(), took(&format!("oa[\"{message}\"]"), 0));
    }
}

#[test]
fn what_is_asked_twice_is_the_same() {
    let mut session = Session::new(Arc::new(Limits::default()), Time(0));
    assert_eq!(session.say(true), None);
    // Nothing was asked for, and nothing is said.
    assert!(!session.said(Time(0), 10));
    session.attach(Time(0), Receiver::XhrStreaming).unwrap();
    assert_eq!(session.say(true), Some(Say::Open));
    assert_eq!(session.say(false), Some(Say::Open));
    assert!(!session.said(Time(0), 2));
    assert_eq!(session.say(false), None);
    assert_eq!(session.say(true), Some(Say::Messages));
    assert_eq!(session.say(true), Some(Say::Messages));
    session.close(Time(0), 3000, "");
    assert_eq!(session.say(true), Some(Say::Messages));
    // Its last word is on its way, however long that takes.
    assert_eq!(session.deadline(), None);
    session.tick(Time(1 << 40));
    assert!(matches!(session.say(false), Some(Say::Close(close)) if close.code == 3000));
    assert!(session.said(Time(1 << 40), 10));
    assert!(!session.said(Time(1 << 40), 10));
    assert_eq!(session.deadline(), Some(Time((1 << 40) + 5_000)));
}

#[test]
fn times_that_never_come() {
    let limits = Limits {
        heartbeat: u64::MAX,
        disconnect_delay: u64::MAX,
        response: usize::MAX,
        ..Limits::default()
    };
    let mut server = Server::new(limits);
    server.receive(5, Receiver::XhrStreaming).unwrap();
    assert_eq!(server.session.deadline(), Some(Time(u64::MAX)));
    server.tick(u64::MAX - 1);
    assert_eq!(server.take(), took("o\n", 0));
}

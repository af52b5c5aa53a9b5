use super::*;

const V3: Version = Version::V3;
const V4: Version = Version::V4;

/// What a packet comes to that a client sends by the transport of its session.
fn hear<'a>(session: &mut Session, now: u64, packet: Packet<'a>) -> Result<Option<Event<'a>>, Violation> {
    let transport = match session.output() {
        Some(transport) => transport,
        None => Transport::Polling,
    };
    session.receive(Time(now), transport, Ok(packet))
}

#[test]
fn an_idle_session_is_small() {
    assert!(size_of::<Session>() <= 64, "{}", size_of::<Session>());
}

#[test]
fn the_open_packet_has_five_keys() {
    let limits = Limits {
        ping_interval: 300,
        ping_timeout: 200,
        ..Limits::default()
    };
    let json = |transport, with_upgrade| {
        let mut out = Vec::new();
        open("a\"b", transport, with_upgrade, &limits, &mut out);
        String::from_utf8(out).unwrap()
    };
    let upgradable = r#"{"sid":"a\"b","upgrades":["websocket"],"pingInterval":300,"pingTimeout":200,"maxPayload":1000000}"#;
    let fixed = upgradable.replace("\"websocket\"", "");
    assert_eq!(json(Transport::Polling, true), upgradable);
    assert_eq!(json(Transport::Polling, false), fixed);
    assert_eq!(json(Transport::WebSocket, true), fixed);
}

#[test]
fn output_goes_to_the_poll_that_waits() {
    let mut session = polling();
    assert_eq!(session.output(), None);
    assert_eq!(session.poll(Time(0)), Ok(()));
    assert_eq!(
        (session.output(), session.answer()),
        (Some(Transport::Polling), None)
    );
    session.poll_answered();
    assert_eq!(session.output(), None);
    assert_eq!(session.poll(Time(1)), Ok(()));
    assert_eq!(session.output(), Some(Transport::Polling));
}

#[test]
fn output_goes_to_the_websocket() {
    let mut session = session(V4, Transport::WebSocket);
    assert_eq!(session.output(), Some(Transport::WebSocket));
    // There is no polling for it, and asking does no harm.
    assert_eq!(session.poll(Time(0)), Err(Refusal::Bad));
    assert_eq!(session.post(Time(0)), Err(Refusal::Bad));
    assert_eq!(session.probe(Time(0)), Err(Refusal::Bad));
    assert_eq!(
        (session.output(), session.answer()),
        (Some(Transport::WebSocket), None)
    );
}

#[test]
fn messages_are_handed_on() {
    for version in [V3, V4] {
        for transport in [Transport::Polling, Transport::WebSocket] {
            let mut session = session(version, transport);
            for data in [Data::Text("hello"), Data::Binary(&[1, 2]), Data::Text("")] {
                let event = session.receive(Time(1), transport, Ok(Packet::Message(data)));
                assert_eq!(event, Ok(Some(Event::Message(data))));
            }
            assert_eq!(session.receive(Time(1), transport, Ok(Packet::Noop)), Ok(None));
        }
    }
}

#[test]
fn what_a_client_may_not_send() {
    let error = PacketError::Type(b'a');
    for (version, packet, violation) in [
        (V4, Err(error), Violation::Packet(error)),
        (V4, Ok(Packet::Open("{}")), Violation::Unexpected),
        (V4, Ok(Packet::Upgrade), Violation::Unexpected),
        (V4, Ok(Packet::Ping("")), Violation::Heartbeat),
        (V4, Ok(Packet::Ping("probe")), Violation::Heartbeat),
        (V3, Ok(Packet::Pong("")), Violation::Heartbeat),
        (V3, Ok(Packet::Upgrade), Violation::Unexpected),
        (V3, Err(error), Violation::Packet(error)),
    ] {
        for transport in [Transport::Polling, Transport::WebSocket] {
            let mut session = session(version, transport);
            if transport == Transport::Polling {
                session.poll(Time(0)).unwrap();
                session.post(Time(0)).unwrap();
            }
            assert_eq!(session.receive(Time(1), transport, packet), Err(violation));
            assert!(session.is_closed() && session.output().is_none() && session.deadline().is_none());
            let is_polling = transport == Transport::Polling;
            assert_eq!(session.answer(), is_polling.then_some(Packet::Close));
            assert_eq!(session.answer(), None);
            // What comes after is nothing, and what is asked for is not there.
            let more = session.receive(Time(2), transport, Ok(Packet::Message(Data::Text("a"))));
            assert_eq!(more, Ok(None));
            assert_eq!(session.tick(Time(1 << 40)), Ok(None));
            session.post_done();
            let gone = [
                session.poll(Time(2)),
                session.post(Time(2)),
                session.probe(Time(2)),
            ];
            assert_eq!(gone, [Err(Refusal::Session); 3]);
        }
    }
}

#[test]
fn a_second_poll_closes() {
    let mut session = polling();
    session.poll(Time(0)).unwrap();
    assert_eq!(session.poll(Time(5)), Err(Refusal::Bad));
    assert_eq!(
        (session.answer(), session.is_closed()),
        (Some(Packet::Close), true)
    );
    assert_eq!(session.poll(Time(6)), Err(Refusal::Session));
}

#[test]
fn a_second_post_closes() {
    let mut session = polling();
    session.poll(Time(0)).unwrap();
    session.post(Time(0)).unwrap();
    session.post_done();
    session.post(Time(1)).unwrap();
    assert_eq!(session.post(Time(2)), Err(Refusal::Bad));
    assert_eq!(
        (session.answer(), session.is_closed()),
        (Some(Packet::Close), true)
    );
}

#[test]
fn giving_a_request_up_closes() {
    let mut session = polling();
    session.poll(Time(0)).unwrap();
    session.poll_lost();
    assert_eq!((session.answer(), session.is_closed()), (None, true));

    let mut session = polling();
    session.poll(Time(0)).unwrap();
    session.post(Time(0)).unwrap();
    session.post_failed();
    assert_eq!(
        (session.answer(), session.is_closed()),
        (Some(Packet::Close), true)
    );

    // Those that are not there cannot be lost.
    let mut session = polling();
    session.poll_lost();
    session.post_failed();
    session.websocket_lost();
    assert!(!session.is_closed());
}

#[test]
fn the_websocket_lost_closes() {
    let mut session = session(V4, Transport::WebSocket);
    session.websocket_lost();
    assert!(session.is_closed());
}

#[test]
fn a_client_closes() {
    let mut session = polling();
    session.poll(Time(0)).unwrap();
    session.post(Time(0)).unwrap();
    assert_eq!(hear(&mut session, 1, Packet::Close), Ok(Some(Event::Closed)));
    assert_eq!(
        (session.answer(), session.is_closed()),
        (Some(Packet::Noop), true)
    );
    // The rest of its payload.
    assert_eq!(hear(&mut session, 1, Packet::Message(Data::Text("a"))), Ok(None));
    assert_eq!(session.poll(Time(2)), Err(Refusal::Session));
}

#[test]
fn a_server_closes() {
    let mut session = session(V4, Transport::WebSocket);
    session.close(Time(0));
    assert!(session.is_closed());

    let mut session = polling();
    session.poll(Time(0)).unwrap();
    session.close(Time(0));
    assert_eq!(
        (session.answer(), session.is_closed()),
        (Some(Packet::Close), true)
    );
}

#[test]
fn a_server_closes_without_a_poll() {
    let closing = || {
        let mut session = polling();
        session.close(Time(10));
        assert_eq!((session.is_closed(), session.output()), (false, None));
        assert_eq!(session.deadline(), Some(Time(30_010)));
        session
    };
    // The next one brings the news.
    let mut session = closing();
    assert_eq!(session.post(Time(11)), Ok(()));
    assert_eq!(hear(&mut session, 11, Packet::Message(Data::Text("a"))), Ok(None));
    session.post_done();
    session.close(Time(12));
    assert_eq!(session.probe(Time(13)), Err(Refusal::Session));
    assert_eq!(session.poll(Time(14)), Ok(()));
    assert_eq!(
        (session.answer(), session.is_closed()),
        (Some(Packet::Close), true)
    );
    // Or the client closes first, or comes no more.
    let mut session = closing();
    assert_eq!(hear(&mut session, 11, Packet::Close), Ok(None));
    assert!(session.is_closed());
    let mut session = closing();
    assert_eq!(session.tick(Time(30_009)), Ok(None));
    assert_eq!(session.tick(Time(30_010)), Ok(Some(Due::Closed)));
    assert_eq!((session.is_closed(), session.deadline()), (true, None));
}

#[test]
fn a_server_pings() {
    for transport in [Transport::Polling, Transport::WebSocket] {
        let mut session = session(V4, transport);
        assert_eq!(session.deadline(), Some(Time(25_000)));
        assert_eq!(session.tick(Time(24_999)), Ok(None));
        assert_eq!(session.tick(Time(25_000)), Ok(Some(Due::Ping)));
        assert_eq!(session.tick(Time(25_000)), Ok(None));
        assert_eq!(session.deadline(), Some(Time(45_000)));
        // Messages are no sign of life, a pong is, and the interval begins with it.
        let message = Ok(Packet::Message(Data::Text("a")));
        session.receive(Time(30_000), transport, message).unwrap();
        assert_eq!(session.deadline(), Some(Time(45_000)));
        assert_eq!(
            session.receive(Time(40_000), transport, Ok(Packet::Pong(""))),
            Ok(None)
        );
        assert_eq!(session.deadline(), Some(Time(65_000)));
        // One that nobody asked for is one, too.
        assert_eq!(
            session.receive(Time(50_000), transport, Ok(Packet::Pong("x"))),
            Ok(None)
        );
        assert_eq!(session.deadline(), Some(Time(75_000)));
        assert_eq!(session.tick(Time(75_000)), Ok(Some(Due::Ping)));
        assert_eq!(session.tick(Time(94_999)), Ok(None));
        assert_eq!(session.tick(Time(95_000)), Err(Violation::Silence));
        assert!(session.is_closed());
        assert_eq!(session.tick(Time(95_000)), Ok(None));
    }
}

#[test]
fn a_client_of_protocol_3_pings() {
    for transport in [Transport::Polling, Transport::WebSocket] {
        let mut session = session(V3, transport);
        assert_eq!(session.deadline(), Some(Time(45_000)));
        assert_eq!(
            session.receive(Time(25_000), transport, Ok(Packet::Ping(""))),
            Ok(Some(Event::Ping))
        );
        assert_eq!(session.deadline(), Some(Time(70_000)));
        assert_eq!(session.tick(Time(69_999)), Ok(None));
        assert_eq!(session.tick(Time(70_000)), Err(Violation::Silence));
        assert!(session.is_closed());
    }
}

#[test]
fn silence_ends_a_poll() {
    let mut session = polling();
    session.tick(Time(25_000)).unwrap();
    session.poll(Time(25_001)).unwrap();
    assert_eq!(session.tick(Time(45_000)), Err(Violation::Silence));
    assert_eq!(session.answer(), Some(Packet::Close));
}

/// A request may come before the timer of a session that has been silent for too long.
#[test]
fn a_request_that_comes_too_late_finds_no_session() {
    for request in [Session::poll, Session::post] {
        let mut session = polling();
        session.tick(Time(25_000)).unwrap();
        assert_eq!(request(&mut session, Time(45_000)), Err(Refusal::Session));
        assert!(session.is_closed());

        let mut session = super::session(V3, Transport::Polling);
        assert_eq!(request(&mut session, Time(44_999)), Ok(()));
        session.poll_answered();
        session.post_done();
        assert_eq!(request(&mut session, Time(45_000)), Err(Refusal::Session));
        assert!(session.is_closed());
    }
}

#[test]
fn times_do_not_overflow() {
    let limits = Limits {
        ping_interval: u64::MAX,
        ping_timeout: u64::MAX,
        upgrade_timeout: u64::MAX,
        close_timeout: u64::MAX,
        ..Limits::default()
    };
    for version in [V3, V4] {
        let mut session = Session::new(version, Transport::Polling, Arc::new(limits.clone()), Time(5));
        session.probe(Time(5)).unwrap();
        let _ = session.receive(Time(6), Transport::Polling, Ok(Packet::Noop));
        let _ = hear(
            &mut session,
            6,
            if version == V3 {
                Packet::Ping("")
            } else {
                Packet::Pong("")
            },
        );
        assert_eq!(session.deadline(), Some(Time(u64::MAX)));
        session.close(Time(7));
        assert_eq!(session.deadline(), Some(Time(u64::MAX)));
    }
}

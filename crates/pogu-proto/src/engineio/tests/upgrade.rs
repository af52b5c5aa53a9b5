use super::*;

const POLLING: Transport = Transport::Polling;
const WEBSOCKET: Transport = Transport::WebSocket;

/// On polling since 0, with a WebSocket since 1,000.
fn probing() -> Session {
    let mut session = polling();
    session.probe(Time(1000)).unwrap();
    session
}

/// And the probe answered at 1,010.
fn probed() -> Session {
    let mut session = probing();
    assert_eq!(say(&mut session, 1010, Packet::Ping("probe")), Event::Probe);
    session
}

/// What the WebSocket's packet comes to.
fn say<'a>(session: &mut Session, now: u64, packet: Packet<'a>) -> Event<'a> {
    let event = session.receive(Time(now), WEBSOCKET, Ok(packet));
    event.unwrap().expect("a probing WebSocket is always answered")
}

#[test]
fn a_websocket_takes_over() {
    for version in [Version::V3, Version::V4] {
        let mut session = session(version, POLLING);
        session.poll(Time(0)).unwrap();
        session.probe(Time(1000)).unwrap();
        assert_eq!(say(&mut session, 1010, Packet::Ping("probe")), Event::Probe);
        assert_eq!((session.output(), session.answer()), (Some(POLLING), None));
        // The poll is ended, so that the client can go.
        assert_eq!(session.deadline(), Some(Time(1110)));
        assert_eq!(session.tick(Time(1110)), Ok(None));
        assert_eq!((session.answer(), session.answer()), (Some(Packet::Noop), None));
        assert_eq!(session.output(), None);
        assert_eq!(say(&mut session, 1120, Packet::Upgrade), Event::Upgraded);
        assert_eq!((session.output(), session.answer()), (Some(WEBSOCKET), None));
        let message = Packet::Message(Data::Binary(&[1]));
        assert_eq!(
            session.receive(Time(1130), WEBSOCKET, Ok(message)),
            Ok(Some(Event::Message(Data::Binary(&[1]))))
        );
    }
}

#[test]
fn polls_go_on_until_the_websocket_takes_over() {
    let mut session = probed();
    // Nothing waits: there is nothing to end.
    assert_eq!(session.deadline(), Some(Time(11_000)));
    assert_eq!(session.tick(Time(1110)), Ok(None));
    for now in [1110, 1300, 1400, 2000] {
        session.poll(Time(now)).unwrap();
        // The first 100 ms after the probe, and after each end, are passed.
        assert_eq!(session.tick(Time(now)), Ok(None));
        assert_eq!(session.answer(), Some(Packet::Noop), "{now}");
        session.poll(Time(now)).unwrap();
        assert_eq!(session.deadline(), Some(Time(now + 100)));
        assert_eq!(session.tick(Time(now + 99)), Ok(None));
        assert_eq!((session.answer(), session.output()), (None, Some(POLLING)));
        session.poll_answered();
    }
    assert_eq!(say(&mut session, 3000, Packet::Upgrade), Event::Upgraded);
}

#[test]
fn a_poll_that_waits_is_ended_by_the_upgrade() {
    let mut session = probed();
    session.poll(Time(1020)).unwrap();
    assert_eq!(say(&mut session, 1030, Packet::Upgrade), Event::Upgraded);
    assert_eq!(
        (session.answer(), session.output()),
        (Some(Packet::Noop), Some(WEBSOCKET))
    );
    // Its connection may be lost with it.
    session.poll_lost();
    assert!(!session.is_closed());
}

#[test]
fn a_post_may_end_after_the_upgrade() {
    let mut session = probed();
    session.post(Time(1020)).unwrap();
    assert_eq!(say(&mut session, 1030, Packet::Upgrade), Event::Upgraded);
    let message = Packet::Message(Data::Text("late"));
    assert_eq!(
        session.receive(Time(1040), POLLING, Ok(message)),
        Ok(Some(Event::Message(Data::Text("late"))))
    );
    session.post_failed();
    assert!(!session.is_closed());
}

#[test]
fn polling_after_the_upgrade_is_refused_and_harmless() {
    let mut session = probed();
    say(&mut session, 1020, Packet::Upgrade);
    assert_eq!(session.poll(Time(1030)), Err(Refusal::Bad));
    assert_eq!(session.post(Time(1030)), Err(Refusal::Bad));
    assert_eq!((session.output(), session.answer()), (Some(WEBSOCKET), None));
}

#[test]
fn a_second_websocket_is_refused_and_harmless() {
    let mut session = probing();
    assert_eq!(session.probe(Time(1001)), Err(Refusal::Bad));
    assert_eq!(say(&mut session, 1010, Packet::Ping("probe")), Event::Probe);
    assert_eq!(session.probe(Time(1011)), Err(Refusal::Bad));
    assert_eq!(say(&mut session, 1020, Packet::Upgrade), Event::Upgraded);
    assert_eq!(session.probe(Time(1021)), Err(Refusal::Bad));
    assert_eq!(session.output(), Some(WEBSOCKET));
}

#[test]
fn a_websocket_that_says_something_else_is_closed() {
    for packet in [
        Ok(Packet::Ping("")),
        Ok(Packet::Ping("Probe")),
        Ok(Packet::Pong("probe")),
        Ok(Packet::Message(Data::Text("a"))),
        Ok(Packet::Message(Data::Binary(b"2probe"))),
        Ok(Packet::Open("")),
        Ok(Packet::Close),
        Ok(Packet::Noop),
        Err(PacketError::Empty),
    ] {
        for mut session in [probing(), probed()] {
            let event = session.receive(Time(1020), WEBSOCKET, packet);
            assert_eq!(event, Ok(Some(Event::ProbeFailed)));
            assert!(!session.is_closed());
            // What it says before it is closed is nothing.
            assert_eq!(
                session.receive(Time(1021), WEBSOCKET, Ok(Packet::Upgrade)),
                Ok(None)
            );
            assert_eq!(session.poll(Time(1022)), Ok(()));
            assert_eq!(session.output(), Some(POLLING));
            assert_eq!(session.deadline(), Some(Time(25_000)));
            // Another may try.
            assert_eq!(session.probe(Time(1023)), Ok(()));
        }
    }
}

#[test]
fn probes_may_be_repeated_and_left_out() {
    let mut session = probed();
    assert_eq!(say(&mut session, 1050, Packet::Ping("probe")), Event::Probe);
    session.poll(Time(1060)).unwrap();
    assert_eq!(session.deadline(), Some(Time(1150)));
    let mut session = probing();
    assert_eq!(say(&mut session, 1050, Packet::Upgrade), Event::Upgraded);
}

#[test]
fn a_websocket_that_takes_too_long_is_closed() {
    for mut session in [probing(), probed()] {
        // However often it probes.
        assert_eq!(say(&mut session, 10_999, Packet::Ping("probe")), Event::Probe);
        assert_eq!(session.deadline(), Some(Time(11_000)));
        assert_eq!(session.tick(Time(11_000)), Ok(Some(Due::ProbeFailed)));
        assert_eq!(session.tick(Time(11_000)), Ok(None));
        session.websocket_lost();
        assert_eq!(
            (session.is_closed(), session.deadline()),
            (false, Some(Time(25_000)))
        );
        session.poll(Time(11_001)).unwrap();
        assert_eq!((session.tick(Time(11_200)), session.answer()), (Ok(None), None));
    }
}

/// CVE-2022-41940: a connection that is upgraded and reset at once.
#[test]
fn a_websocket_that_is_lost_before_it_took_over_is_no_loss() {
    for mut session in [probing(), probed()] {
        session.poll(Time(1020)).unwrap();
        session.websocket_lost();
        assert_eq!((session.is_closed(), session.output()), (false, Some(POLLING)));
    }
}

#[test]
fn a_session_that_ends_while_a_websocket_probes() {
    let ends: [fn(&mut Session); 5] = [
        |session| session.poll_lost(),
        |session| assert!(session.poll(Time(1030)).is_err()),
        |session| assert!(session.receive(Time(1030), POLLING, Ok(Packet::Close)).is_ok()),
        |session| {
            let unreadable = Err(PacketError::Empty);
            assert!(session.receive(Time(1030), POLLING, unreadable).is_err());
        },
        |session| session.close(Time(1030)),
    ];
    for end in ends {
        for mut session in [probing(), probed()] {
            session.poll(Time(1020)).unwrap();
            end(&mut session);
            assert!(session.is_closed());
            assert_eq!(
                session.receive(Time(1040), WEBSOCKET, Ok(Packet::Upgrade)),
                Ok(None)
            );
            assert!(session.is_closed() && session.deadline().is_none());
        }
    }
}

#[test]
fn heartbeats_go_on_while_a_websocket_probes() {
    let mut session = polling();
    session.probe(Time(24_000)).unwrap();
    assert_eq!(say(&mut session, 24_950, Packet::Ping("probe")), Event::Probe);
    session.poll(Time(24_960)).unwrap();
    // Both are due, and the poll takes the ping along.
    assert_eq!(session.tick(Time(25_060)), Ok(Some(Due::Ping)));
    assert_eq!(session.answer(), Some(Packet::Noop));
    assert_eq!(say(&mut session, 25_070, Packet::Upgrade), Event::Upgraded);
    // The upgrade is no pong.
    assert_eq!(session.deadline(), Some(Time(45_060)));
    assert_eq!(
        session.receive(Time(25_080), WEBSOCKET, Ok(Packet::Pong(""))),
        Ok(None)
    );
    assert_eq!(session.deadline(), Some(Time(50_080)));
}

/// What can happen during an upgrade, in every order and with everything at any place: what goes where never breaks the rules.
#[test]
fn every_interleaving() {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Step {
        Poll,
        Answer,
        Post,
        Websocket,
        Probe,
        Upgrade,
        Tick,
        Lost,
    }
    use Step::*;
    const STEPS: [Step; 8] = [Poll, Answer, Post, Websocket, Probe, Upgrade, Tick, Lost];
    const LENGTH: u32 = 6;
    for number in 0..STEPS.len().pow(LENGTH) {
        let steps = (0..LENGTH).map(|at| STEPS[number / STEPS.len().pow(at) % STEPS.len()]);
        let mut session = polling();
        let (mut polls, mut has_websocket, mut upgraded) = (0, false, false);
        for (at, step) in steps.enumerate() {
            let now = Time(200 * at as u64);
            match step {
                Poll => polls += i32::from(session.poll(now).is_ok()),
                Answer if session.output() == Some(POLLING) => {
                    session.poll_answered();
                    polls -= 1;
                }
                Post => {
                    if session.post(now).is_ok() {
                        let message = Packet::Message(Data::Text("a"));
                        let event = session.receive(now, POLLING, Ok(message));
                        assert_eq!(event, Ok(Some(Event::Message(Data::Text("a")))));
                        session.post_done();
                    }
                }
                Websocket => has_websocket |= session.probe(now).is_ok(),
                Probe | Upgrade if has_websocket => {
                    let packet = if step == Probe {
                        Packet::Ping("probe")
                    } else {
                        Packet::Upgrade
                    };
                    let was = upgraded;
                    match session.receive(now, WEBSOCKET, Ok(packet)) {
                        Ok(Some(Event::Probe)) => assert!(!was),
                        Ok(Some(Event::Upgraded)) => upgraded = true,
                        Ok(None) => assert!(session.is_closed()),
                        Ok(other) => panic!("{other:?}"),
                        Err(_) => assert!(was),
                    }
                }
                Tick => assert_eq!(session.tick(now), Ok(None)),
                Lost if has_websocket => {
                    session.websocket_lost();
                    has_websocket = false;
                    assert!(!upgraded || session.is_closed());
                }
                Answer | Probe | Upgrade | Lost => {}
            }
            polls -= i32::from(session.answer().is_some());
            // Each poll is answered once, and at most one waits.
            assert!((0..=1).contains(&polls));
            match session.output() {
                Some(POLLING) => assert!(!upgraded && polls == 1),
                Some(WEBSOCKET) => assert!(upgraded && polls == 0),
                None => assert!(polls == 0 && (session.is_closed() || !upgraded)),
            }
        }
    }
}

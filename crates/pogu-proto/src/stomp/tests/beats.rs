use super::*;
use crate::stomp::heart_beat::Beats;

const DAY: Time = Time(24 * 3_600_000);

fn offer(send: u32, receive: u32) -> HeartBeat {
    HeartBeat { send, receive }
}

/// A server and what CONNECTED said of heart-beats.
fn agree(client: &str, server: HeartBeat) -> (Server, String) {
    let mut side = Server::new(Time(0));
    let mut out = Vec::new();
    let mut bytes = wire(&format!("CONNECT\naccept-version:1.2\nheart-beat:{client}\n\n^@"));
    let mut input = Reader::new(&mut bytes);
    assert!(
        side.next(Time(0), &LIMITS, &mut input, &mut out)
            .unwrap()
            .is_some()
    );
    let accepted = Accepted {
        session: "s",
        server: "p",
        heart_beat: server,
    };
    side.accept(Time(0), &accepted, &mut out);
    let connected = shown(&out);
    let line = connected
        .lines()
        .find_map(|line| line.strip_prefix("heart-beat:"));
    (side, line.unwrap_or_default().to_owned())
}

/// Hands in bytes in which there is no event.
fn hear(side: &mut Server, now: Time, bytes: &[u8]) {
    let (mut bytes, mut out) = (bytes.to_vec(), Vec::new());
    let mut input = Reader::new(&mut bytes);
    assert!(side.next(now, &LIMITS, &mut input, &mut out).unwrap().is_none());
    assert!(out.is_empty());
}

#[test]
fn what_is_agreed_on() {
    for (client, server, beat, end) in [
        ("0,0", offer(10_000, 10_000), None, None),
        ("10000,10000", offer(0, 0), None, None),
        ("10000,0", offer(10_000, 10_000), None, Some(20_000)),
        ("0,10000", offer(10_000, 10_000), Some(7_500), None),
        ("1000,4000", offer(2_000, 1_500), Some(3_000), Some(3_000)),
        ("1000,0", offer(0, 1_000), None, Some(2_000)),
        // Nobody makes a server beat more often than twice a second.
        ("1,1", offer(1, 1), Some(375), Some(1_000)),
        ("1,1", offer(10_000, 10_000), Some(7_500), Some(20_000)),
        (
            "99999999999,99999999999",
            offer(10_000, 10_000),
            Some(3_221_225_472),
            Some(8_589_934_590),
        ),
    ] {
        let theirs = HeartBeat::parse(client).unwrap();
        let mut beats = Beats::new(Time(0));
        beats.agree(Time(0), server.offered(), theirs);
        let first = beat.into_iter().chain(end).min();
        assert_eq!(beats.deadline(), first.map(Time), "{client}");
        let mut out = Vec::new();
        if let Some(end) = end {
            assert_eq!(beats.silence(Time(end - 1)), None, "{client}");
        }
        assert_eq!(beats.silence(Time(end.unwrap_or(u64::MAX))), end, "{client}");
        if let Some(beat) = beat {
            beats.beat(Time(beat - 1), &mut out);
            assert!(out.is_empty(), "{client}");
        }
        beats.beat(Time(beat.unwrap_or(u64::MAX)), &mut out);
        assert_eq!(out.len(), usize::from(beat.is_some()), "{client}");
    }
    assert_eq!(agree("0,0", offer(1, 499)).1, "500,500");
    assert_eq!(agree("0,0", offer(500, 501)).1, "500,501");
    assert_eq!(agree("0,0", offer(0, 0)).1, "0,0");
}

#[test]
fn what_was_sent_or_heard_puts_off_a_beat_or_the_end() {
    let (mut side, _) = agree("1000,1000", offer(1_000, 1_000));
    let mut out = Vec::new();
    assert_eq!(side.deadline(&LIMITS), Some(Time(750)));
    side.sent(Time(600));
    assert_eq!(side.deadline(&LIMITS), Some(Time(1_350)));
    side.tick(Time(1_349), &LIMITS, &mut out).unwrap();
    assert!(out.is_empty());
    side.tick(Time(1_350), &LIMITS, &mut out).unwrap();
    assert_eq!(out, b"\n");
    // One byte is a sign of life, whatever it belongs to.
    for (now, byte) in [(1_900, b'\n'), (3_800, b'S')] {
        side.sent(Time(now));
        hear(&mut side, Time(now), &[byte]);
        side.tick(Time(now), &LIMITS, &mut out).unwrap();
    }
    side.heard(Time(5_000));
    side.sent(Time(6_999));
    // Nothing is heard in an empty read.
    hear(&mut side, Time(6_000), &[]);
    side.tick(Time(6_999), &LIMITS, &mut out).unwrap();
    out.clear();
    assert_eq!(
        side.tick(Time(7_000), &LIMITS, &mut out),
        Err(Violation::Silent(2_000))
    );
    assert_eq!(
        shown(&out),
        "ERROR\nmessage:no heart-beat\ncontent-type:text/plain\ncontent-length:25\n\nnothing heard for 2000 ms^@"
    );
    assert!(side.is_ended());
    assert_eq!(side.deadline(&LIMITS), None);
    out.clear();
    assert_eq!(side.tick(DAY, &LIMITS, &mut out), Ok(()));
    assert!(out.is_empty());
}

#[test]
fn connect_comes_in_time() {
    let mut side = Server::new(Time(5));
    let mut out = Vec::new();
    assert_eq!(side.deadline(&LIMITS), Some(Time(10_005)));
    side.tick(Time(10_004), &LIMITS, &mut out).unwrap();
    // Bytes that are no CONNECT do not put it off.
    hear(&mut side, Time(10_000), b"\nCONN");
    assert_eq!(
        side.tick(Time(10_005), &LIMITS, &mut out),
        Err(Violation::ConnectTimeout(10_000))
    );
    assert!(shown(&out).starts_with("ERROR\nmessage:connect timeout\n"));
    assert!(side.is_ended());
}

#[test]
fn times_do_not_overflow() {
    let limits = ServerLimits {
        connect_timeout: u64::MAX,
        ..LIMITS
    };
    let side = Server::new(Time(1));
    assert_eq!(side.deadline(&limits), Some(Time(u64::MAX)));
}

#[test]
fn a_day_of_heart_beats() {
    let mut pair = pair::Pair::new(offer(5_000, 4_000), offer(1_000, 1_000));
    pair.settle();
    let mut beats = (0, 0);
    while pair.now < DAY {
        pair.now = pair.deadline().expect("beats were agreed on");
        pair.tick().expect("both are alive");
        beats.0 += usize::from(pair.side.out == b"\n");
        beats.1 += usize::from(pair.to_server == b"\n");
        assert_eq!(pair.settle(), (vec![], vec![]));
    }
    // The server beats every 4 s, the client every 5, each a quarter early.
    assert_eq!(beats, (86_400 / 3, 86_400_000 / 3_750));
}

#[test]
fn a_peer_that_falls_silent_is_noticed() {
    let mut pair = pair::Pair::new(offer(1_000, 1_000), offer(1_000, 1_000));
    pair.settle();
    let mut out = Vec::new();
    let ended = loop {
        let now = pair.client.deadline().unwrap();
        if let Err(violation) = pair.client.tick(now, &mut out) {
            break (now, violation);
        }
    };
    assert_eq!(ended, (Time(2_000), Violation::Silent(2_000)));
    assert!(!pair.client.is_connected());
    assert_eq!(pair.client.deadline(), None);
    assert!(out.iter().all(|byte| *byte == b'\n'));
}

use super::*;

const LIMITS: Limits = Limits {
    message: 100,
    fragments: 100,
    ping_interval: 25_000,
    pong_timeout: 20_000,
    close_timeout: 5_000,
};

fn side() -> Side {
    Side::new(Role::Server, &LIMITS, None)
}

#[test]
fn silence_is_pinged_and_then_ended() {
    let mut side = side();
    assert_eq!(side.session.deadline(), Some(Time(25_000)));
    assert_eq!((side.tick(Time(24_999)), side.out.len()), (Ok(()), 0));
    assert_eq!(
        (side.tick(Time(25_000)), side.out.as_slice()),
        (Ok(()), &plain(FIN | PING, b"")[..])
    );
    assert_eq!(side.session.deadline(), Some(Time(45_000)));
    side.out.clear();
    assert_eq!((side.tick(Time(44_999)), side.out.len()), (Ok(()), 0));
    assert_eq!(side.tick(Time(45_000)), Err(Violation::NoPong));
    assert_eq!(side.out, close_frame(Violation::NoPong));
    assert_eq!(Violation::NoPong.code(), 1011);
    assert!(side.session.is_closed());
    assert_eq!(side.session.deadline(), None);
}

#[test]
fn anything_that_arrives_is_a_sign_of_life() {
    let mut side = side();
    side.read(Time(10_000), &[&masked(FIN | TEXT, b"a")]);
    assert_eq!(side.session.deadline(), Some(Time(35_000)));
    side.tick(Time(35_000)).unwrap();
    assert_eq!(side.session.deadline(), Some(Time(55_000)));
    // The first byte of a slow message answers the ping as well as a pong does.
    side.read(Time(50_000), &[&masked(FIN | TEXT, b"a")[..1]]);
    assert_eq!(side.session.deadline(), Some(Time(75_000)));
    side.read(Time(60_000), &[]);
    assert_eq!(side.session.deadline(), Some(Time(75_000)));
}

#[test]
fn a_day_of_pings() {
    let (mut server, mut client) = (side(), Side::new(Role::Client, &LIMITS, None));
    let mut pings = 0;
    let day = Time(24 * 3_600_000);
    let mut now = Time(0);
    while now < day {
        let due = [&server, &client].map(|side| side.session.deadline());
        now = due.into_iter().flatten().min().unwrap();
        for side in [&mut server, &mut client] {
            side.tick(now).unwrap();
        }
        while !server.out.is_empty() || !client.out.is_empty() {
            let (from_server, from_client) =
                (std::mem::take(&mut server.out), std::mem::take(&mut client.out));
            for (side, bytes) in [(&mut server, from_client), (&mut client, from_server)] {
                let (seen, violation) = side.read(now, &[&bytes]);
                assert_eq!(violation, None);
                pings += seen.iter().filter(|seen| matches!(seen, Seen::Ping(_))).count();
            }
        }
    }
    // Both are due at once, and each answers the other.
    assert_eq!(pings, 2 * 24 * 3_600_000 / 25_000);
    assert!(!server.session.is_closing() && !client.session.is_closing());
}

#[test]
fn a_close_that_is_not_answered_ends() {
    let mut side = side();
    side.tick(Time(25_000)).unwrap();
    side.close(Time(30_000), 1001, "");
    side.out.clear();
    assert_eq!(side.session.deadline(), Some(Time(35_000)));
    // A peer that goes on talking does not put the end off.
    side.read(Time(34_000), &[&masked(FIN | TEXT, b"a")]);
    assert_eq!(side.tick(Time(34_999)), Ok(()));
    assert_eq!(side.tick(Time(35_000)), Err(Violation::NoClose));
    assert_eq!(Violation::NoClose.code(), 1006);
    assert!(side.out.is_empty() && side.session.is_closed());
}

#[test]
fn a_ping_of_the_caller_is_cut_to_what_a_control_frame_holds() {
    let mut side = side();
    side.session.ping(&[b'x'; 126], &mut side.codec, &mut side.out);
    assert_eq!(side.out, plain(FIN | PING, &[b'x'; 125]));
}

#[test]
fn times_do_not_overflow() {
    let limits = Limits {
        ping_interval: u64::MAX,
        ..LIMITS
    };
    let side = Side::new(Role::Server, &limits, None);
    assert_eq!(side.session.deadline(), Some(Time(u64::MAX)));
}

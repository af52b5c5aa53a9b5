mod peers;
mod pogu;
mod wire;

use std::time::Duration;

use super::measure::{Measured, STALL, measured};
use super::progress::Bar;
use super::publisher::Load;
use super::stamp::Phases;
use super::target::{Target, Via};
use super::{echo, fanout, floor};
use peers::Fault;

const SUBSCRIBERS: u64 = 10;
const MESSAGES: u32 = 200;
const SIZE: usize = 128;
const FRAME: usize = SIZE + 4;

/// Longer than any run: nothing timed decides a test.
const FOREVER: Duration = Duration::from_secs(600);
/// For what must be waited for in vain.
const IN_VAIN: Duration = Duration::from_millis(300);

fn bar() -> Bar {
    Bar::new(1, FOREVER)
}

fn stage(subscribe: Target, via: Via, publish: Target) -> fanout::Stage {
    let subscribers = SUBSCRIBERS as usize;
    fanout::Stage {
        subscribe,
        via,
        passes: via == Via::Frames,
        publish,
        subscribers,
        stalled: 0,
        threads: 2,
    }
}

fn fan_out(stage: &fanout::Stage, stall: Duration) -> Measured {
    let load = Load {
        size: SIZE,
        burst: 4,
        window: 8,
        rate: None,
        messages: Some(MESSAGES),
        duration: FOREVER,
    };
    let mut phases = Phases::new();
    let mut fanout = fanout::Fanout::connect(stage, SIZE, &mut phases, &bar()).unwrap();
    measured(None, || fanout.run(phases.next(), &load, stall, &bar())).unwrap()
}

fn relayed(fault: Fault, stall: Duration) -> Measured {
    let [subscribe, publish] = peers::relay(FRAME, fault).map(Target::bare);
    fan_out(&stage(subscribe, Via::Frames, publish), stall)
}

/// Lost, doubled, reordered and foreign messages.
fn faults(measured: &Measured) -> [u64; 4] {
    [
        measured.lost,
        measured.duplicates,
        measured.reordered,
        measured.foreign,
    ]
}

fn assert_faultless(measured: &Measured, sent: u64, receivers: u64) {
    assert_eq!((measured.sent, measured.delivered), (sent, sent * receivers));
    assert_eq!((faults(measured), measured.closed), ([0; 4], 0));
    assert!(measured.is_faultless());
    assert!(measured.latency_us.p50 > 0.0 && measured.latency_us.p50 <= measured.latency_us.max);
}

#[test]
fn a_sound_fan_out_is_faultless() {
    assert_faultless(&relayed(Fault::None, STALL), u64::from(MESSAGES), SUBSCRIBERS);
}

#[test]
fn the_faults_of_a_fan_out_are_counted() {
    let all = SUBSCRIBERS;
    for (fault, expect) in [
        (Fault::Lose(5), [all, 0, 0, 0]),
        (Fault::Double(5), [0, all, 0, 0]),
        (Fault::Swap(5), [0, 0, all, 0]),
        (Fault::Invent(5), [0, 0, 0, all]),
    ] {
        let measured = relayed(fault, STALL);
        assert_eq!(faults(&measured), expect, "{fault:?}");
        assert_eq!(
            measured.delivered + measured.lost,
            all * u64::from(MESSAGES),
            "{fault:?}"
        );
        assert_eq!(
            measured.is_faultless(),
            matches!(fault, Fault::Invent(_)),
            "{fault:?}"
        );
    }
}

#[test]
fn a_last_message_that_never_comes_is_lost() {
    let measured = relayed(Fault::Lose(MESSAGES - 1), IN_VAIN);
    assert_eq!(faults(&measured), [SUBSCRIBERS, 0, 0, 0]);
}

#[test]
fn a_closed_connection_is_a_fault() {
    let measured = relayed(Fault::HangUp(50), STALL);
    assert!(measured.closed > 0 && measured.lost > 0, "{measured:?}");
    assert!(!measured.is_faultless());
}

#[test]
fn a_websocket_fan_out_reaches_the_publisher_too_and_is_counted_once() {
    let url = format!("ws://{}/room?n={{i}}", peers::websocket(Fault::None));
    let target = Target::parse(&url).unwrap();
    let measured = fan_out(&stage(target.clone(), Via::Ws, target), STALL);
    assert_faultless(&measured, u64::from(MESSAGES), SUBSCRIBERS);
}

#[test]
fn a_fixed_rate_sends_as_many_as_there_is_time_for() {
    let [subscribe, publish] = peers::relay(FRAME, Fault::None).map(Target::bare);
    let stage = stage(subscribe, Via::Frames, publish);
    // The clock of the schedule is the one that ends it: bursts at 0, 10, … 90 ms, however late they go out.
    let duration = Duration::from_millis(100);
    let load = Load {
        size: SIZE,
        burst: 2,
        window: 64,
        rate: Some(200.0),
        messages: None,
        duration,
    };
    let mut phases = Phases::new();
    let mut fanout = fanout::Fanout::connect(&stage, SIZE, &mut phases, &bar()).unwrap();
    let measured = measured(None, || fanout.run(phases.next(), &load, STALL, &bar())).unwrap();
    assert!(measured.sent <= 20, "{measured:?}");
    assert_faultless(&measured, measured.sent, SUBSCRIBERS);
}

#[test]
fn the_relay_of_the_floor_passes_all_on_at_any_size_of_write() {
    for bytes in [FRAME, 16 * FRAME, 100] {
        let mut relay = floor::Relay::bind(bytes).unwrap();
        let [subscribe, publish] = relay.addresses().unwrap().map(Target::bare);
        let server = std::thread::spawn(move || relay.run());
        let measured = fan_out(&stage(subscribe, Via::Frames, publish), STALL);
        assert_faultless(&measured, u64::from(MESSAGES), SUBSCRIBERS);
        server.join().unwrap().unwrap();
    }
}

fn echoed(target: Target, via: Via, inflight: u32, stall: Duration) -> Measured {
    let stage = echo::Stage {
        target,
        via,
        connections: 10,
        threads: 2,
        size: 64,
        inflight,
    };
    let mut echo = echo::Echo::connect(&stage).unwrap();
    let mut phases = Phases::new();
    let load = echo::Load {
        messages: Some(MESSAGES),
        duration: FOREVER,
    };
    // Twice, as after a warm-up.
    echo.run(phases.next(), &load, stall, &bar()).unwrap();
    measured(None, || echo.run(phases.next(), &load, stall, &bar())).unwrap()
}

#[test]
fn a_sound_echo_is_faultless() {
    let url = format!("ws://{}/echo", peers::websocket(Fault::None));
    for inflight in [1, 16] {
        let measured = echoed(Target::parse(&url).unwrap(), Via::Ws, inflight, STALL);
        assert_faultless(&measured, 10 * u64::from(MESSAGES), 1);
    }
}

#[test]
fn the_faults_of_an_echo_are_counted() {
    let all = 10;
    for (fault, expect, stall) in [
        (Fault::Lose(MESSAGES - 1), [all, 0, 0, 0], IN_VAIN),
        (Fault::Double(5), [0, all, 0, 0], STALL),
        (Fault::Swap(5), [0, 0, all, 0], STALL),
    ] {
        let url = format!("ws://{}/echo", peers::websocket(fault));
        let measured = echoed(Target::parse(&url).unwrap(), Via::Ws, 4, stall);
        assert_eq!(faults(&measured), expect, "{fault:?}");
        assert!(!measured.is_faultless());
    }
}

#[test]
fn the_echo_of_the_floor_echoes() {
    let mut server = floor::Echo::bind().unwrap();
    let target = Target::bare(server.address().unwrap());
    let server = std::thread::spawn(move || server.run());
    let measured = echoed(target, Via::Raw, 4, STALL);
    assert_faultless(&measured, 10 * u64::from(MESSAGES), 1);
    server.join().unwrap().unwrap();
}

#[test]
fn a_server_that_is_not_there_or_refuses_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = listener.local_addr().unwrap();
    drop(listener);
    let stage = |url: String| {
        let target = Target::parse(&url).unwrap();
        echo::Stage {
            via: target.via(),
            target,
            connections: 1,
            threads: 1,
            size: 64,
            inflight: 1,
        }
    };
    let refused = echo::Echo::connect(&stage(format!("ws://{gone}/")))
        .err()
        .unwrap();
    assert!(format!("{refused:#}").contains("refused"), "{refused:#}");
}

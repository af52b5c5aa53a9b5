use std::sync::Arc;
use std::time::UNIX_EPOCH;

use pogu_hub::Stats;

use super::*;

fn lanes(count: usize) -> Vec<Arc<LaneCounters>> {
    let started = UNIX_EPOCH + Duration::from_millis(1_500);
    (0..count).map(|_| Arc::new(LaneCounters::new(started))).collect()
}

/// The value of the one line that begins with `series`.
#[track_caller]
fn value(text: &str, series: &str) -> f64 {
    let mut lines = text
        .lines()
        .filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    let value = lines.next().unwrap_or_else(|| panic!("no {series} in\n{text}"));
    assert_eq!(lines.next(), None, "{series} twice");
    value.parse().unwrap()
}

#[test]
fn each_way_has_its_place() {
    let places: Vec<usize> = Way::ALL.iter().map(|way| *way as usize).collect();
    assert_eq!(places, (0..Way::ALL.len()).collect::<Vec<_>>());
    let places: Vec<usize> = Loss::ALL.iter().map(|loss| *loss as usize).collect();
    assert_eq!(places, (0..Loss::ALL.len()).collect::<Vec<_>>());
    let mut labels: Vec<_> = Way::ALL
        .iter()
        .map(|way| (way.carrier(), way.dialect()))
        .collect();
    labels.sort_unstable();
    labels.dedup();
    assert_eq!(labels.len(), Way::ALL.len());
}

#[test]
fn lanes_are_added_up() {
    let lanes = lanes(2);
    for lane in &lanes {
        lane.opened(Way::WsPlain);
        lane.opened(Way::WsPlain);
        lane.received(Way::WsPlain, 10);
        lane.bytes_in(Way::WsPlain, 16);
        lane.sent(Way::WsPlain, 3);
        lane.wrote(Way::WsPlain, 100);
        lane.refused(Way::HttpPost);
        lane.lost(Loss::UdpTooLarge, 2);
    }
    lanes[1].closed(Way::WsPlain);
    lanes[1].waiting(7, 700);
    let text = render(&lanes, Stats::default(), Whole::default());
    let ws = r#"{carrier="websocket",dialect="plain"}"#;
    assert_eq!(value(&text, &format!("pogu_connections{ws}")), 3.0);
    assert_eq!(value(&text, &format!("pogu_accepted_total{ws}")), 4.0);
    assert_eq!(value(&text, &format!("pogu_messages_received_total{ws}")), 2.0);
    assert_eq!(value(&text, &format!("pogu_body_bytes_received_total{ws}")), 20.0);
    assert_eq!(value(&text, &format!("pogu_bytes_received_total{ws}")), 32.0);
    assert_eq!(value(&text, &format!("pogu_messages_sent_total{ws}")), 6.0);
    assert_eq!(value(&text, &format!("pogu_bytes_sent_total{ws}")), 200.0);
    assert_eq!(value(&text, &format!("pogu_writes_total{ws}")), 2.0);
    assert_eq!(
        value(
            &text,
            r#"pogu_refused_total{carrier="http-post",dialect="plain"}"#
        ),
        2.0
    );
    assert_eq!(
        value(&text, r#"pogu_connections{carrier="tcp",dialect="pogu"}"#),
        0.0
    );
    assert_eq!(
        value(&text, r#"pogu_messages_dropped_total{reason="udp-too-large"}"#),
        4.0
    );
    assert_eq!(value(&text, r#"pogu_mailbox_messages{lane="0"}"#), 0.0);
    assert_eq!(value(&text, r#"pogu_mailbox_messages{lane="1"}"#), 7.0);
    assert_eq!(value(&text, r#"pogu_mailbox_bytes{lane="1"}"#), 700.0);
    assert_eq!(value(&text, "process_start_time_seconds"), 1.5);
    let build = format!(r#"pogu_build_info{{version="{}"}}"#, env!("CARGO_PKG_VERSION"));
    assert_eq!(value(&text, &build), 1.0);
}

#[test]
fn turns_fall_into_buckets_at_their_upper_end() {
    let lanes = lanes(1);
    for took in [
        Duration::from_micros(10),
        Duration::from_nanos(10_001),
        Duration::from_secs(2),
    ] {
        lanes[0].turn(took);
    }
    let text = render(&lanes, Stats::default(), Whole::default());
    let bucket = |end: &str| {
        value(
            &text,
            &format!(r#"pogu_lane_turn_seconds_bucket{{le="{end}",lane="0"}}"#),
        )
    };
    assert_eq!(
        (
            bucket("0.00001"),
            bucket("0.00003"),
            bucket("1.0"),
            bucket("+Inf")
        ),
        (1.0, 2.0, 2.0, 3.0)
    );
    assert_eq!(value(&text, r#"pogu_lane_turn_seconds_count{lane="0"}"#), 3.0);
    assert_eq!(
        value(&text, r#"pogu_lane_turn_seconds_sum{lane="0"}"#),
        2.000_020_001
    );
}

#[test]
fn the_text_is_whole() {
    let text = render(&lanes(1), Stats::default(), Whole::default());
    assert!(text.ends_with("\n# EOF\n"));
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        value.parse::<f64>().unwrap();
        let name = series.split('{').next().unwrap();
        assert!(
            name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
            "{name}"
        );
    }
    for family in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = family.split(' ').next().unwrap();
        assert!(text.contains(&format!("# HELP {name} ")), "{name}");
    }
    assert!(render(&[], Stats::default(), Whole::default()).ends_with("# EOF\n"));
}

#[test]
fn counting_in_a_lane_is_seen_by_others() {
    let lanes = lanes(1);
    let lane = lanes[0].clone();
    std::thread::spawn(move || (0..1000).for_each(|_| lane.received(Way::UdpPogu, 1)))
        .join()
        .unwrap();
    let text = render(&lanes, Stats::default(), Whole::default());
    assert_eq!(
        value(
            &text,
            r#"pogu_messages_received_total{carrier="udp",dialect="pogu"}"#
        ),
        1000.0
    );
}

#[test]
fn lanes_share_no_cache_line() {
    assert_eq!(align_of::<LaneCounters>(), 128);
    assert_eq!(size_of::<LaneCounters>() % 128, 0);
}

#[test]
fn what_the_hub_holds_is_told() {
    let topic = || "a".parse().unwrap();
    let hub = pogu_hub::Hub::new(
        1,
        1,
        vec![],
        vec![],
        pogu_hub::Limits::default(),
        Box::new(|_| {}),
    );
    let kind = pogu_hub::Kind::Text;
    let mut drafts = vec![
        pogu_hub::Draft::new(topic(), kind, "one"),
        pogu_hub::Draft::to_queue(topic(), kind, "two"),
    ];
    hub.publish(0, &mut drafts);
    let text = render(&[], hub.stats(), Whole::default());
    assert_eq!(value(&text, "pogu_history_messages"), 1.0);
    assert_eq!(value(&text, "pogu_queue_messages"), 1.0);
    assert_eq!(value(&text, "pogu_queue_dropped_total"), 0.0);
}

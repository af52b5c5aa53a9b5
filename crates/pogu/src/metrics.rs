//! What a server counts, and its Prometheus text.
//!
//! Each lane has counters of its own that only it writes, so counting costs a load and a store and no cache line is shared;
//! `/metrics` reads and adds them up. No label depends on what clients send.

use std::fmt::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

/// The type of what [`render`] returns.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper ends of the buckets of the lane's turn time.
const TURN_BUCKETS: [Duration; 10] = [
    Duration::from_micros(10),
    Duration::from_micros(30),
    Duration::from_micros(100),
    Duration::from_micros(300),
    Duration::from_millis(1),
    Duration::from_millis(3),
    Duration::from_millis(10),
    Duration::from_millis(30),
    Duration::from_millis(100),
    Duration::from_secs(1),
];

/// A way in or out: carrier × dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The pogu dialect on TCP.
    TcpPogu,
    /// A bound TCP port.
    TcpPlain,
    /// The pogu dialect on UDP.
    UdpPogu,
    /// A bound UDP port.
    UdpPlain,
    /// A topic's WebSocket.
    WsPlain,
    /// The pogu dialect on a WebSocket.
    WsPogu,
    /// STOMP on TCP.
    TcpStomp,
    /// STOMP on a WebSocket.
    WsStomp,
    /// A WebSocket that the application handles itself.
    WsHandler,
    /// A poll that is answered at once.
    HttpPoll,
    /// A poll that waits.
    HttpLongPoll,
    /// A stream of JSON lines.
    HttpStream,
    /// Server-sent events.
    HttpSse,
    /// A message sent by POST.
    HttpPost,
}

impl Way {
    /// All of them, in order.
    pub const ALL: [Way; 14] = [
        Way::TcpPogu,
        Way::TcpPlain,
        Way::UdpPogu,
        Way::UdpPlain,
        Way::WsPlain,
        Way::WsPogu,
        Way::TcpStomp,
        Way::WsStomp,
        Way::WsHandler,
        Way::HttpPoll,
        Way::HttpLongPoll,
        Way::HttpStream,
        Way::HttpSse,
        Way::HttpPost,
    ];

    /// The label `carrier`.
    pub fn carrier(self) -> &'static str {
        match self {
            Way::TcpPogu | Way::TcpPlain | Way::TcpStomp => "tcp",
            Way::UdpPogu | Way::UdpPlain => "udp",
            Way::WsPlain | Way::WsPogu | Way::WsStomp | Way::WsHandler => "websocket",
            Way::HttpPoll => "http-poll",
            Way::HttpLongPoll => "http-long-poll",
            Way::HttpStream => "http-stream",
            Way::HttpSse => "sse",
            Way::HttpPost => "http-post",
        }
    }

    /// The label `dialect`.
    pub fn dialect(self) -> &'static str {
        match self {
            Way::TcpPogu | Way::UdpPogu | Way::WsPogu => "pogu",
            Way::TcpStomp | Way::WsStomp => "stomp",
            Way::WsHandler => "handler",
            Way::TcpPlain
            | Way::UdpPlain
            | Way::WsPlain
            | Way::HttpPoll
            | Way::HttpLongPoll
            | Way::HttpStream
            | Way::HttpSse
            | Way::HttpPost => "plain",
        }
    }
}

/// Why a message did not reach a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The mailbox was full and the oldest went.
    Oldest,
    /// The mailbox was full and the new one went.
    Newest,
    /// The mailbox was full and a newer message of the topic took its place.
    Conflated,
    /// The mailbox was full and the client went.
    Disconnected,
    /// The socket had no room for the datagram.
    UdpNoRoom,
    /// The message is larger than a datagram.
    UdpTooLarge,
    /// The address has not shown that it receives what is sent to it, and has had its share.
    UdpUnverified,
}

impl Loss {
    /// All of them, in order.
    pub const ALL: [Loss; 7] = [
        Loss::Oldest,
        Loss::Newest,
        Loss::Conflated,
        Loss::Disconnected,
        Loss::UdpNoRoom,
        Loss::UdpTooLarge,
        Loss::UdpUnverified,
    ];

    /// The label `reason`.
    pub fn reason(self) -> &'static str {
        match self {
            Loss::Oldest => "mailbox-drop-oldest",
            Loss::Newest => "mailbox-drop-newest",
            Loss::Conflated => "mailbox-conflate",
            Loss::Disconnected => "mailbox-disconnect",
            Loss::UdpNoRoom => "udp-no-room",
            Loss::UdpTooLarge => "udp-too-large",
            Loss::UdpUnverified => "udp-unverified",
        }
    }
}

/// A number that one thread raises and others read.
#[derive(Debug, Default)]
struct Counter(AtomicU64);

impl Counter {
    /// A load and a store rather than one locked instruction: there is one writer.
    fn add(&self, n: u64) {
        self.0.store(self.get().wrapping_add(n), Ordering::Relaxed);
    }

    fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters of one way.
#[derive(Debug, Default)]
struct WayCounters {
    opened: Counter,
    closed: Counter,
    messages_in: Counter,
    messages_out: Counter,
    body_bytes_in: Counter,
    bytes_in: Counter,
    bytes_out: Counter,
    writes: Counter,
    refused: Counter,
}

/// The counters of one lane, written by its thread only. Aligned so that no two lanes write to one cache line (or to a
/// pair of them, which processors fetch together).
#[derive(Debug)]
#[repr(align(128))]
pub struct LaneCounters {
    started: SystemTime,
    ways: [WayCounters; Way::ALL.len()],
    losses: [Counter; Loss::ALL.len()],
    waiting_messages: Counter,
    waiting_bytes: Counter,
    /// One more than [`TURN_BUCKETS`], for what is longer than the last.
    turns: [Counter; TURN_BUCKETS.len() + 1],
    turn_nanos: Counter,
}

impl LaneCounters {
    /// All at zero; `started` is when the process did.
    pub fn new(started: SystemTime) -> LaneCounters {
        LaneCounters {
            started,
            ways: Default::default(),
            losses: Default::default(),
            waiting_messages: Counter::default(),
            waiting_bytes: Counter::default(),
            turns: Default::default(),
            turn_nanos: Counter::default(),
        }
    }

    /// A connection, or a request that stays, was taken.
    pub fn opened(&self, way: Way) {
        self.way(way).opened.add(1);
    }

    /// A connection that was [`opened`](Self::opened) has ended.
    pub fn closed(&self, way: Way) {
        self.way(way).closed.add(1);
    }

    /// A message came in, with a body of so many bytes.
    pub fn received(&self, way: Way, body: usize) {
        let way = self.way(way);
        way.messages_in.add(1);
        way.body_bytes_in.add(body as u64);
    }

    /// So many bytes were read.
    pub fn bytes_in(&self, way: Way, bytes: usize) {
        self.way(way).bytes_in.add(bytes as u64);
    }

    /// So many messages were handed to the carrier.
    pub fn sent(&self, way: Way, messages: usize) {
        self.way(way).messages_out.add(messages as u64);
    }

    /// One write took so many bytes.
    pub fn wrote(&self, way: Way, bytes: usize) {
        let way = self.way(way);
        way.writes.add(1);
        way.bytes_out.add(bytes as u64);
    }

    /// A command, a request or a connection was refused.
    pub fn refused(&self, way: Way) {
        self.way(way).refused.add(1);
    }

    /// So many messages did not reach one client.
    pub fn lost(&self, loss: Loss, messages: usize) {
        // The compiler knows the enum is within the array.
        self.losses[loss as usize].add(messages as u64);
    }

    /// What waits in all mailboxes of the lane now.
    pub fn waiting(&self, messages: usize, bytes: usize) {
        self.waiting_messages.set(messages as u64);
        self.waiting_bytes.set(bytes as u64);
    }

    /// A turn of the lane took so long.
    pub fn turn(&self, took: Duration) {
        let bucket = TURN_BUCKETS.partition_point(|end| *end < took);
        self.turns[bucket].add(1);
        self.turn_nanos
            .add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    fn way(&self, way: Way) -> &WayCounters {
        &self.ways[way as usize]
    }
}

/// The text for `/metrics`, of type [`CONTENT_TYPE`].
pub fn render(lanes: &[Arc<LaneCounters>]) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Lanes(lanes.to_vec())));
    let mut text = String::new();
    // Writing to a string fails only when memory ends, and that is not told by an error.
    let _ = encode(&mut text, &registry);
    text
}

type Read = fn(&WayCounters) -> u64;

#[derive(Debug)]
struct Lanes(Vec<Arc<LaneCounters>>);

impl Collector for Lanes {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        self.process(&mut encoder)?;
        self.by_way(
            &mut encoder,
            MetricType::Gauge,
            "pogu_connections",
            "Connections, streams and waiting polls that are open",
            // A close may be seen before its open, as the two are read apart.
            |way| way.opened.get().saturating_sub(way.closed.get()),
        )?;
        let counters: [(&str, &str, Read); 8] = [
            (
                "pogu_accepted",
                "Connections, streams and waiting polls that were opened",
                |way| way.opened.get(),
            ),
            ("pogu_messages_received", "Messages that came in", |way| {
                way.messages_in.get()
            }),
            (
                "pogu_messages_sent",
                "Messages that went out, one for each receiver",
                |way| way.messages_out.get(),
            ),
            (
                "pogu_body_bytes_received",
                "Bytes of the bodies of messages that came in",
                |way| way.body_bytes_in.get(),
            ),
            ("pogu_bytes_received", "Bytes read", |way| way.bytes_in.get()),
            ("pogu_bytes_sent", "Bytes written", |way| way.bytes_out.get()),
            ("pogu_writes", "Writes, each of all that waited", |way| {
                way.writes.get()
            }),
            (
                "pogu_refused",
                "Commands, requests and connections that were refused",
                |way| way.refused.get(),
            ),
        ];
        for (name, help, read) in counters {
            self.by_way(&mut encoder, MetricType::Counter, name, help, read)?;
        }
        self.losses(&mut encoder)?;
        self.by_lane(
            &mut encoder,
            "pogu_mailbox_messages",
            "Messages that wait in mailboxes",
            |lane| lane.waiting_messages.get(),
        )?;
        self.by_lane(
            &mut encoder,
            "pogu_mailbox_bytes",
            "Bytes that wait in mailboxes",
            |lane| lane.waiting_bytes.get(),
        )?;
        self.turns(&mut encoder)
    }
}

impl Lanes {
    fn process(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
        encoder
            .encode_descriptor("pogu_build", "The version of pogu", None, MetricType::Info)?
            .encode_info(&[("version", env!("CARGO_PKG_VERSION"))])?;
        let Some(started) = self.0.iter().map(|lane| lane.started).min() else {
            return Ok(());
        };
        let seconds = started
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs_f64();
        encoder
            .encode_descriptor(
                "process_start_time_seconds",
                "When the process started, in seconds since 1970",
                None,
                MetricType::Gauge,
            )?
            .encode_gauge(&seconds)
    }

    fn by_way(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        kind: MetricType,
        name: &str,
        help: &str,
        read: impl Fn(&WayCounters) -> u64,
    ) -> Result<(), Error> {
        let values = Way::ALL.map(|way| {
            let labels = [("carrier", way.carrier()), ("dialect", way.dialect())];
            (labels, self.0.iter().map(|lane| read(lane.way(way))).sum())
        });
        write_all(encoder, kind, name, help, &values)
    }

    fn by_lane(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
        read: impl Fn(&LaneCounters) -> u64,
    ) -> Result<(), Error> {
        let values: Vec<_> = self
            .0
            .iter()
            .enumerate()
            .map(|(index, lane)| ([("lane", index)], read(lane)))
            .collect();
        write_all(encoder, MetricType::Gauge, name, help, &values)
    }

    fn losses(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
        let values = Loss::ALL.map(|loss| {
            let lost = self.0.iter().map(|lane| lane.losses[loss as usize].get()).sum();
            ([("reason", loss.reason())], lost)
        });
        write_all(
            encoder,
            MetricType::Counter,
            "pogu_messages_dropped",
            "Messages that did not reach a client",
            &values,
        )
    }

    fn turns(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
        let mut family = encoder.encode_descriptor(
            "pogu_lane_turn_seconds",
            "How long the turns of a lane took",
            None,
            MetricType::Histogram,
        )?;
        for (index, lane) in self.0.iter().enumerate() {
            let ends = TURN_BUCKETS
                .iter()
                .map(Duration::as_secs_f64)
                .chain([f64::INFINITY]);
            let buckets: Vec<(f64, u64)> = ends.zip(lane.turns.iter().map(Counter::get)).collect();
            let count = buckets.iter().map(|(_, count)| count).sum();
            let seconds = Duration::from_nanos(lane.turn_nanos.get()).as_secs_f64();
            family
                .encode_family(&[("lane", index)])?
                .encode_histogram::<NoLabelSet>(seconds, count, &buckets, None)?;
        }
        Ok(())
    }
}

fn write_all<L: EncodeLabelSet>(
    encoder: &mut DescriptorEncoder<'_>,
    kind: MetricType,
    name: &str,
    help: &str,
    values: &[(L, u64)],
) -> Result<(), Error> {
    let mut family = encoder.encode_descriptor(name, help, None, kind)?;
    for (labels, value) in values {
        let mut metric = family.encode_family(labels)?;
        match kind {
            MetricType::Counter => metric.encode_counter::<NoLabelSet, u64, u64>(value, None)?,
            _ => metric.encode_gauge(value)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
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
        let text = render(&lanes);
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
        let text = render(&lanes);
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
        let text = render(&lanes(1));
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
        assert!(render(&[]).ends_with("# EOF\n"));
    }

    #[test]
    fn counting_in_a_lane_is_seen_by_others() {
        let lanes = lanes(1);
        let lane = lanes[0].clone();
        std::thread::spawn(move || (0..1000).for_each(|_| lane.received(Way::UdpPogu, 1)))
            .join()
            .unwrap();
        let text = render(&lanes);
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
}

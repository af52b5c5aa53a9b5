//! The Prometheus text of what was counted.

use std::fmt::Error;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use pogu_hub::Stats;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::{Counter, LaneCounters, Loss, Refused, TURN_BUCKETS, Way, WayCounters, Whole};

/// The type of what [`render`] returns.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The text for `/metrics`, of type [`CONTENT_TYPE`].
pub fn render(lanes: &[Arc<LaneCounters>], hub: Stats, whole: Whole) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Lanes(lanes.to_vec())));
    registry.register_collector(Box::new(Held(hub, whole)));
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
            ("pogu_refused", "Commands and requests that were refused", |way| {
                way.refused.get()
            }),
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

/// What the hub holds, and the rest of the server.
#[derive(Debug)]
struct Held(Stats, Whole);

impl Collector for Held {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let stats = &self.0;
        let gauges = [
            ("pogu_topics", "Topics that are remembered", stats.topics),
            (
                "pogu_history_messages",
                "Messages that history keeps",
                stats.messages,
            ),
            ("pogu_history_bytes", "Bytes that history keeps", stats.bytes),
            (
                "pogu_idempotency_keys",
                "Idempotency keys that are remembered",
                stats.keys,
            ),
            ("pogu_queues", "Queues that there are", stats.queues),
            ("pogu_queue_consumers", "Consumers of queues", stats.consumers),
            (
                "pogu_queue_messages",
                "Messages that queues hold, delivered and not acknowledged ones too",
                stats.queue_messages,
            ),
            ("pogu_queue_bytes", "Bytes that queues hold", stats.queue_bytes),
            (
                "pogu_request_body_bytes",
                "Bytes of request bodies that are on their way",
                self.1.body_bytes,
            ),
        ];
        for (name, help, value) in gauges {
            encoder
                .encode_descriptor(name, help, None, MetricType::Gauge)?
                .encode_gauge(&(value as u64))?;
        }
        let counters = [
            (
                "pogu_history_evicted",
                "Messages that history no longer keeps or never kept",
                stats.evicted,
            ),
            (
                "pogu_queue_dead_lettered",
                "Messages that went to a dead-letter queue",
                stats.dead_lettered,
            ),
            (
                "pogu_queue_expired",
                "Messages that expired in a queue",
                stats.expired,
            ),
            (
                "pogu_queue_dropped",
                "Messages that a full durable or dead-letter queue has dropped",
                stats.dropped,
            ),
        ];
        for (name, help, value) in counters {
            encoder
                .encode_descriptor(name, help, None, MetricType::Counter)?
                .encode_counter::<NoLabelSet, u64, u64>(&value, None)?;
        }
        let refused = Refused::ALL.map(|why| ([("reason", why.reason())], self.1.refused[why as usize]));
        write_all(
            &mut encoder,
            MetricType::Counter,
            "pogu_connections_refused",
            "Connections that were refused",
            &refused,
        )
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

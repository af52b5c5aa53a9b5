//! What a server counts, and its Prometheus text.
//!
//! Each lane has counters of its own that only it writes, so counting costs a load and a store and no cache line is shared;
//! `/metrics` reads and adds them up. No label depends on what clients send.

mod render;
mod way;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

pub use render::{CONTENT_TYPE, render};
pub use way::{Loss, Refused, Way};

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

/// What a server counts beside its lanes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Whole {
    /// Bytes of the request bodies that are on their way.
    pub body_bytes: usize,
    /// Connections that were refused, in the order of [`Refused::ALL`].
    pub refused: [u64; Refused::ALL.len()],
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

    /// A command or a request was refused.
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

#[cfg(test)]
mod tests;

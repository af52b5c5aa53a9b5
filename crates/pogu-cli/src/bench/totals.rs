//! What one thread counted in one phase, and what all of them counted together.

use anyhow::Context;
use hdrhistogram::Histogram;

use super::tracker::Arrival;

/// Latencies from 1 µs to 60 s are told apart, to three digits; longer ones count as 60 s.
const LATENCY: (u64, u64) = (1_000, 60_000_000_000);

/// Counts and latencies of a phase.
#[derive(Clone, Debug)]
pub(super) struct Totals {
    pub(super) counts: Counts,
    /// Nanoseconds from sending to receiving.
    pub(super) latency: Histogram<u64>,
}

/// Counts of a phase.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    /// Messages that came, doubles not counted.
    pub(super) received: u64,
    pub(super) lost: u64,
    pub(super) duplicates: u64,
    pub(super) reordered: u64,
    /// Messages that are not of this phase.
    pub(super) foreign: u64,
    /// Connections that the server closed, in this phase or before.
    pub(super) closed: u64,
    pub(super) reads: u64,
    /// When the last message came, as the clock tells it.
    pub(super) last: u64,
}

impl Totals {
    pub(super) fn new() -> anyhow::Result<Totals> {
        let latency = Histogram::new_with_bounds(LATENCY.0, LATENCY.1, 3).context("latency histogram")?;
        Ok(Totals {
            counts: Counts::default(),
            latency,
        })
    }

    pub(super) fn clear(&mut self) {
        self.counts = Counts {
            closed: self.counts.closed,
            ..Counts::default()
        };
        self.latency.reset();
    }

    /// Notes a message that came `now` and was sent at `sent`.
    pub(super) fn count(&mut self, arrival: Arrival, now: u64, sent: u64) {
        match arrival {
            Arrival::New => {}
            Arrival::Reordered => self.counts.reordered += 1,
            Arrival::Duplicate => self.counts.duplicates += 1,
            Arrival::Foreign => self.counts.foreign += 1,
        }
        if arrival.is_first() {
            self.counts.received += 1;
            self.counts.last = now;
            self.latency
                .saturating_record(now.saturating_sub(sent).max(LATENCY.0));
        }
    }

    pub(super) fn add(&mut self, other: &Totals) -> anyhow::Result<()> {
        let (sum, more) = (&mut self.counts, &other.counts);
        sum.received += more.received;
        sum.lost += more.lost;
        sum.duplicates += more.duplicates;
        sum.reordered += more.reordered;
        sum.foreign += more.foreign;
        sum.closed += more.closed;
        sum.reads += more.reads;
        sum.last = sum.last.max(more.last);
        self.latency.add(&other.latency).context("latency histogram")
    }
}

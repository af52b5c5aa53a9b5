//! From counts and samples to figures.

use std::time::Duration;

use serde::Serialize;

use super::process::{Meter, Usage, own_cpu};
use super::totals::Totals;

/// How long nothing may arrive while something is on its way. What has not come then is lost.
pub(super) const STALL: Duration = Duration::from_secs(5);

/// What one phase sent, and what became of it.
pub(super) struct Outcome {
    /// Messages sent, by all together.
    pub(super) sent: u64,
    pub(super) totals: Totals,
    /// From the first message sent to the last one received.
    pub(super) elapsed: Duration,
}

/// The figures of one phase. A delivery is one message at one receiver; an echo is a delivery.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Measured {
    pub(super) seconds: f64,
    pub(super) sent: u64,
    pub(super) delivered: u64,
    pub(super) lost: u64,
    pub(super) duplicates: u64,
    pub(super) reordered: u64,
    /// Messages that were none of this phase.
    pub(super) foreign: u64,
    /// Connections that the server closed.
    pub(super) closed: u64,
    pub(super) per_second: f64,
    /// How many deliveries one read of the generator brought: how well the server gathers its writes.
    pub(super) per_read: f64,
    pub(super) latency_us: Latency,
    pub(super) server: Option<Server>,
    /// CPU microseconds of the generator for each delivery.
    pub(super) generator_cpu_us: f64,
}

/// Microseconds from sending a message to receiving it.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Latency {
    pub(super) p50: f64,
    pub(super) p90: f64,
    pub(super) p99: f64,
    pub(super) p99_9: f64,
    pub(super) max: f64,
}

/// What the measured process used during the phase.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Server {
    pub(super) user_seconds: f64,
    pub(super) system_seconds: f64,
    /// CPU microseconds for each delivery, user and system.
    pub(super) cpu_us: f64,
    /// The user part of it.
    pub(super) user_us: f64,
    /// Resident bytes at the end of the phase.
    pub(super) rss_bytes: u64,
}

/// Runs `phase` between two samples.
pub(super) fn measured(
    meter: Option<&Meter>,
    phase: impl FnOnce() -> anyhow::Result<Outcome>,
) -> anyhow::Result<Measured> {
    let sample = || meter.map(Meter::sample).transpose();
    let own = own_cpu()?;
    let before = sample()?;
    let outcome = phase();
    // A server that died explains whatever else went wrong.
    let after = sample()?;
    let outcome = outcome?;
    let usage = after.zip(before).map(|(after, before)| after - before);
    Ok(Measured::new(&outcome, usage, own_cpu()? - own))
}

impl Measured {
    fn new(outcome: &Outcome, usage: Option<Usage>, own: f64) -> Measured {
        let counts = outcome.totals.counts;
        let seconds = outcome.elapsed.as_secs_f64();
        let each = |seconds: f64| seconds * 1e6 / counts.received.max(1) as f64;
        let latency = |quantile: f64| outcome.totals.latency.value_at_quantile(quantile) as f64 / 1e3;
        Measured {
            seconds,
            sent: outcome.sent,
            delivered: counts.received,
            lost: counts.lost,
            duplicates: counts.duplicates,
            reordered: counts.reordered,
            foreign: counts.foreign,
            closed: counts.closed,
            per_second: if seconds > 0.0 {
                counts.received as f64 / seconds
            } else {
                0.0
            },
            per_read: counts.received as f64 / counts.reads.max(1) as f64,
            latency_us: Latency {
                p50: latency(0.5),
                p90: latency(0.9),
                p99: latency(0.99),
                p99_9: latency(0.999),
                max: outcome.totals.latency.max() as f64 / 1e3,
            },
            server: usage.map(|usage| Server {
                user_seconds: usage.user,
                system_seconds: usage.system,
                cpu_us: each(usage.user + usage.system),
                user_us: each(usage.user),
                rss_bytes: usage.rss,
            }),
            generator_cpu_us: each(own),
        }
    }

    /// Whether all that was sent came, once, in order, over connections that stood.
    pub(super) fn is_faultless(&self) -> bool {
        self.lost + self.duplicates + self.reordered + self.closed == 0 && self.delivered > 0
    }
}

/// The middle one of `values`, or of the two in the middle the mean; none of none.
pub(super) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 1 => Some(values[middle]),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median([].into_iter()), None);
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median([4.0, 1.0].into_iter()), Some(2.5));
    }
}

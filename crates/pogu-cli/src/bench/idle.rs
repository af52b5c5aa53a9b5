//! What subscribers cost that get nothing.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::json;

use super::args::IdleArgs;
use super::clock::Clock;
use super::process::Meter;
use super::progress::Bar;
use super::report::{json_line, system, write_table};
use super::stamp;
use super::target::Target;
use super::worker::{Worker, join};

/// Connections opened and closed before the first sample, so that what a server sets up once is not laid at their door.
const FIRST: usize = 100;

/// Resident bytes of the server.
pub(super) struct Report {
    parameters: serde_json::Value,
    connections: u64,
    before: u64,
    connected: u64,
    after: u64,
    /// Connections that the server closed while they were idle.
    closed: u64,
}

/// Connects, waits, reads memory, disconnects, waits, reads memory.
pub(super) fn run(args: &IdleArgs) -> anyhow::Result<Report> {
    let target = Target::parse(&args.url)?;
    let via = args.via.unwrap_or(target.via());
    let target = target.carried_by(via, args.sockjs_transport)?;
    let meter = Meter::new(&args.pid)?.context("the memory of no process")?;
    let (threads, connections) = (args.threads as usize, args.connections as usize);
    let crew = |connections| Worker::crew(&target, via, stamp::LEN, threads, connections, Clock::start());
    let mut bar = Bar::new(3, args.settle);
    bar.begin(0, "before".to_owned());
    drop(crew(FIRST)?);
    settle(&mut [], args.settle, &bar)?;
    let before = meter.sample()?.rss;
    bar.begin(1, format!("{connections} connections"));
    let mut workers = crew(connections)?;
    settle(&mut workers, args.settle, &bar)?;
    let connected = meter.sample()?.rss;
    let closed = workers.iter().map(|worker| worker.totals.counts.closed).sum();
    drop(workers);
    bar.begin(2, "after".to_owned());
    settle(&mut [], args.settle, &bar)?;
    let after = meter.sample()?.rss;
    bar.finish();
    let parameters = serde_json::to_value(args)?;
    Ok(Report {
        parameters,
        connections: u64::from(args.connections),
        before,
        connected,
        after,
        closed,
    })
}

/// Waits, and answers what must be answered meanwhile.
fn settle(workers: &mut [Worker], time: Duration, bar: &Bar) -> anyhow::Result<()> {
    let end = Instant::now() + time;
    thread::scope(|scope| {
        let serving: Vec<_> = workers
            .iter_mut()
            .map(|worker| {
                scope.spawn(move || {
                    while Instant::now() < end {
                        worker.turn(Duration::from_millis(100), |_, _| Ok(()))?;
                    }
                    Ok(())
                })
            })
            .collect();
        while Instant::now() < end {
            thread::sleep(Duration::from_millis(50));
            bar.tick();
        }
        serving.into_iter().try_for_each(join)
    })
}

impl Report {
    pub(super) fn is_faultless(&self) -> bool {
        self.closed == 0
    }

    /// One JSON object, or a table for people.
    pub(super) fn render(&self, json: bool) -> anyhow::Result<Vec<u8>> {
        if json {
            return Ok(json_line(&self.to_json()));
        }
        let kib = |bytes: u64| format!("{:.0}", bytes as f64 / 1024.0);
        let headings = [
            "before KiB",
            "connected KiB",
            "closed KiB",
            "per connection KiB",
            "lost connections",
        ];
        let row = vec![
            kib(self.before),
            kib(self.connected),
            kib(self.after),
            format!("{:.3}", self.per_connection() / 1024.0),
            self.closed.to_string(),
        ];
        let mut out = Vec::new();
        write_table(&[headings.map(str::to_owned).to_vec(), row], &mut out)?;
        Ok(out)
    }

    /// Resident bytes that each connection added.
    fn per_connection(&self) -> f64 {
        (self.connected as f64 - self.before as f64) / self.connections.max(1) as f64
    }

    fn to_json(&self) -> serde_json::Value {
        json!({
            "bench": "idle",
            "version": env!("CARGO_PKG_VERSION"),
            "system": system(),
            "parameters": self.parameters,
            "memory": "Rss of /proc/PID/smaps_rollup",
            "first_connections": FIRST,
            "rss_before_bytes": self.before,
            "rss_connected_bytes": self.connected,
            "rss_after_bytes": self.after,
            "per_connection_bytes": self.per_connection(),
            "closed": self.closed,
            "faultless": self.is_faultless(),
        })
    }
}

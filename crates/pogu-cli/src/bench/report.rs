//! What is printed.

use std::io::Write;

use serde::Serialize;
use serde_json::json;

use super::measure::{Measured, Server, median};
use super::plan::Plan;

/// All figures of a run.
pub(super) struct Report {
    mode: &'static str,
    parameters: serde_json::Value,
    series: Vec<Series>,
}

/// One trial, round by round.
#[derive(Serialize)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) rounds: Vec<Measured>,
    /// Of CPU time per delivery to that of the floor in the same round.
    ratios: Vec<f64>,
}

impl Series {
    pub(super) fn new(name: String) -> Series {
        Series {
            name,
            rounds: Vec::new(),
            ratios: Vec::new(),
        }
    }

    fn median(&self, figure: impl Fn(&Measured) -> f64) -> f64 {
        median(self.rounds.iter().map(figure)).unwrap_or_default()
    }

    fn server_median(&self, figure: impl Fn(&Server) -> f64) -> Option<f64> {
        median(
            self.rounds
                .iter()
                .filter_map(|round| round.server.as_ref())
                .map(figure),
        )
    }

    fn ratio(&self) -> Option<f64> {
        median(self.ratios.iter().copied())
    }

    fn sum(&self, figure: impl Fn(&Measured) -> u64) -> u64 {
        self.rounds.iter().map(figure).sum()
    }

    fn medians(&self) -> serde_json::Value {
        json!({
            "per_second": self.median(|round| round.per_second),
            "per_read": self.median(|round| round.per_read),
            "cpu_us": self.server_median(|server| server.cpu_us),
            "user_us": self.server_median(|server| server.user_us),
            "generator_cpu_us": self.median(|round| round.generator_cpu_us),
            "ratio": self.ratio(),
            "latency_us": {
                "p50": self.median(|round| round.latency_us.p50),
                "p90": self.median(|round| round.latency_us.p90),
                "p99": self.median(|round| round.latency_us.p99),
                "p99_9": self.median(|round| round.latency_us.p99_9),
                "max": self.median(|round| round.latency_us.max),
            },
        })
    }

    fn row(&self) -> Vec<String> {
        let micro = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
        let milli = |figure: fn(&Measured) -> f64| format!("{:.2}", self.median(figure) / 1e3);
        vec![
            self.name.clone(),
            format!("{:.0}", self.median(|round| round.per_second)),
            micro(self.server_median(|server| server.cpu_us)),
            micro(self.server_median(|server| server.user_us)),
            self.ratio()
                .map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}")),
            milli(|round| round.latency_us.p50),
            milli(|round| round.latency_us.p90),
            milli(|round| round.latency_us.p99),
            milli(|round| round.latency_us.p99_9),
            milli(|round| round.latency_us.max),
            format!("{:.1}", self.median(|round| round.per_read)),
            format!("{:.3}", self.median(|round| round.generator_cpu_us)),
            self.server_median(|server| server.rss_bytes as f64)
                .map_or_else(|| "-".to_owned(), |bytes| format!("{:.1}", bytes / 1_048_576.0)),
        ]
    }
}

const HEADINGS: [&str; 13] = [
    "",
    "per second",
    "CPU µs",
    "user µs",
    "ratio",
    "p50 ms",
    "p90",
    "p99",
    "p99.9",
    "max",
    "per read",
    "bench µs",
    "RSS MiB",
];

impl Report {
    /// The report of `series`, measured by `plan`.
    pub(super) fn new(mode: &'static str, plan: Plan, series: Vec<Series>) -> Report {
        let mut series = series;
        if plan.compare
            && let Some((floor, others)) = series.split_first_mut()
        {
            for other in others {
                let pairs = other.rounds.iter().zip(&floor.rounds);
                let costs =
                    pairs.filter_map(|(a, b)| Some((a.server.as_ref()?.cpu_us, b.server.as_ref()?.cpu_us)));
                other.ratios = costs
                    .filter(|&(_, floor)| floor > 0.0)
                    .map(|(cost, floor)| cost / floor)
                    .collect();
            }
        }
        Report {
            mode,
            parameters: plan.parameters,
            series,
        }
    }

    pub(super) fn is_faultless(&self) -> bool {
        self.series
            .iter()
            .flat_map(|series| &series.rounds)
            .all(Measured::is_faultless)
    }

    /// One JSON object, or a table for people.
    pub(super) fn render(&self, json: bool) -> anyhow::Result<Vec<u8>> {
        if json {
            return Ok(json_line(&self.to_json()));
        }
        let mut out = Vec::new();
        self.write_text(&mut out)?;
        Ok(out)
    }

    fn to_json(&self) -> serde_json::Value {
        let series = self.series.iter().map(|series| {
            json!({
                "name": series.name,
                "median": series.medians(),
                "ratios": series.ratios,
                "rounds": series.rounds,
            })
        });
        json!({
            "bench": self.mode,
            "version": env!("CARGO_PKG_VERSION"),
            "system": system(),
            "parameters": self.parameters,
            "series": series.collect::<Vec<_>>(),
            "faultless": self.is_faultless(),
        })
    }

    fn write_text(&self, out: &mut Vec<u8>) -> anyhow::Result<()> {
        let mut rows = vec![HEADINGS.map(str::to_owned).to_vec()];
        rows.extend(self.series.iter().map(Series::row));
        write_table(&rows, out)?;
        for series in &self.series {
            let server = series.rounds.iter().filter_map(|round| round.server.as_ref());
            let each: Vec<_> = server.map(|server| format!("{:.3}", server.cpu_us)).collect();
            if each.len() > 1 {
                writeln!(out, "{}: CPU µs of each round {}", series.name, each.join(" "))?;
            }
            writeln!(
                out,
                "{}: {} delivered, {} lost, {} doubled, {} reordered, {} foreign, {} connections closed",
                series.name,
                series.sum(|round| round.delivered),
                series.sum(|round| round.lost),
                series.sum(|round| round.duplicates),
                series.sum(|round| round.reordered),
                series.sum(|round| round.foreign),
                series.sum(|round| round.closed),
            )?;
        }
        Ok(())
    }
}

/// Where the figures were got.
pub(super) fn system() -> serde_json::Value {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    json!({
        "cpus": std::thread::available_parallelism().map_or(0, usize::from),
        "kernel": kernel.trim(),
        "arch": std::env::consts::ARCH,
    })
}

pub(super) fn json_line(value: &serde_json::Value) -> Vec<u8> {
    format!("{value}\n").into_bytes()
}

/// Columns side by side, the first to the left and the others to the right.
pub(super) fn write_table(rows: &[Vec<String>], out: &mut impl Write) -> anyhow::Result<()> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate();
        let cells: Vec<String> = cells
            .map(|(column, (cell, &width))| {
                if column == 0 {
                    format!("{cell:width$}")
                } else {
                    format!("{cell:>width$}")
                }
            })
            .collect();
        writeln!(out, "{}", cells.join("  "))?;
    }
    Ok(())
}

//! What the measured processes use, as the kernel tells it in `/proc`.

use std::fs;
use std::ops::Sub;

use anyhow::{Context, bail};

/// Clock ticks a second of the times in `/proc/PID/stat`: a constant of Linux's ABI.
const TICKS: f64 = 100.0;

/// The processes of a server, watched together.
pub(super) struct Meter {
    /// Their ids, and when each was started, so that a successor with the same id is not taken for it.
    processes: Vec<(u32, u64)>,
}

/// CPU seconds used so far by all threads, and bytes resident.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    pub(super) user: f64,
    pub(super) system: f64,
    pub(super) rss: u64,
}

impl Sub for Usage {
    type Output = Usage;

    /// The CPU time between two samples; memory is that of the later one.
    fn sub(self, before: Usage) -> Usage {
        Usage {
            user: self.user - before.user,
            system: self.system - before.system,
            rss: self.rss,
        }
    }
}

impl Meter {
    pub(super) fn new(pids: &[u32]) -> anyhow::Result<Option<Meter>> {
        let processes = pids
            .iter()
            .map(|&pid| Ok((pid, stat(pid)?.started)))
            .collect::<anyhow::Result<Vec<_>>>()?;
        Ok((!processes.is_empty()).then_some(Meter { processes }))
    }

    /// What they have used up to now; an error when one has ended.
    pub(super) fn sample(&self) -> anyhow::Result<Usage> {
        let mut usage = Usage::default();
        for &(pid, started) in &self.processes {
            let stat = stat(pid).with_context(|| format!("the server (process {pid}) has died"))?;
            if stat.started != started || stat.zombie {
                bail!("the server (process {pid}) has died");
            }
            usage.user += stat.user;
            usage.system += stat.system;
            usage.rss += rss(pid)?;
        }
        Ok(usage)
    }
}

/// CPU seconds of this process, user and system.
pub(super) fn own_cpu() -> anyhow::Result<f64> {
    let stat = stat(std::process::id())?;
    Ok(stat.user + stat.system)
}

struct Stat {
    zombie: bool,
    user: f64,
    system: f64,
    started: u64,
}

fn stat(pid: u32) -> anyhow::Result<Stat> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).with_context(|| path.clone())?;
    parse_stat(&text).with_context(|| format!("{path} is not as proc(5) says"))
}

fn parse_stat(text: &str) -> Option<Stat> {
    // The name of the process may hold anything, brackets too; the fields begin behind the last one, with the third.
    let (_, fields) = text.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some(Stat {
        zombie: matches!(*fields.first()?, "Z" | "X"),
        user: number(14)? as f64 / TICKS,
        system: number(15)? as f64 / TICKS,
        started: number(22)?,
    })
}

/// Resident bytes, `Rss` of `/proc/PID/smaps_rollup`: exact, where `statm` lags behind by pages per thread.
fn rss(pid: u32) -> anyhow::Result<u64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path).with_context(|| path.clone())?;
    parse_rss(&text).with_context(|| format!("{path} is not as proc(5) says"))
}

fn parse_rss(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_read_as_it_is() {
        let text = "42 (a) b) R 1 2 3 4 5 6 7 8 9 10 250 50 13 14 15 16 17 18 777 20";
        let stat = parse_stat(text).unwrap();
        assert_eq!(
            (stat.user, stat.system, stat.started, stat.zombie),
            (2.5, 0.5, 777, false)
        );
        assert!(parse_stat("42 (a) R 1").is_none());
        assert_eq!(
            parse_rss("00-ff ---p 0 [rollup]\nRss:    12 kB\nPss: 3 kB\n"),
            Some(12 * 1024)
        );
    }

    #[test]
    fn this_process_lives_and_a_gone_one_is_noticed() {
        let meter = Meter::new(&[std::process::id()]).unwrap().unwrap();
        assert!(meter.sample().unwrap().rss > 0);
        let successor = Meter {
            processes: vec![(std::process::id(), 0)],
        };
        assert!(successor.sample().unwrap_err().to_string().contains("has died"));
        assert!(Meter::new(&[]).unwrap().is_none());
    }
}

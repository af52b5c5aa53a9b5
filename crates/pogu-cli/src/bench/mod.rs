//! `pogu bench`: how much a server does, how fast, and what it costs, told beside what the kernel alone would cost.
//!
//! The load generator knows nothing of pogu but URLs, so other servers and the floor are measured with the same generator in
//! the same way. It is built to be far cheaper than what it measures: a few threads that each poll their plain sockets, one
//! buffer a thread, and frames that are counted where they lie.
//!
//! A run is a list of [`trial`]s, repeated in rounds so that a change of the machine's mood hits all of them alike. In a
//! trial, *phases* follow one another on the same connections: probes until everybody gets them, a warm-up, the measured one.
//! Every message carries a [`stamp`], by which a [`tracker`] for each receiver tells what was lost, doubled or reordered.

mod args;
mod clock;
mod conn;
mod echo;
mod fanout;
mod floor;
mod framing;
mod http;
mod idle;
mod measure;
mod plan;
mod process;
mod progress;
mod publisher;
mod report;
mod socketio;
mod sockjs;
mod stamp;
mod stomp;
mod target;
mod totals;
mod tracker;
mod trial;
mod window;
mod wire;
mod worker;

#[cfg(test)]
mod tests;

use std::process::ExitCode;

pub(crate) use args::Args;

use crate::output;
use args::Mode;
use plan::Plan;
use progress::Bar;
use report::{Report, Series};
use stamp::Phases;

/// Measures, and prints the figures. The exit code is not 0 when a message was lost, doubled or reordered or a connection
/// was closed.
///
/// # Errors
///
/// When a server cannot be reached, breaks its protocol or dies.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let plan = match &args.mode {
        Mode::Echo(echo) => echo.plan()?,
        Mode::Fanout(fanout) => fanout.plan()?,
        Mode::Floor { floor } => floor.plan()?,
        Mode::Idle(idle) => {
            let report = idle::run(idle)?;
            return finish(&report.render(args.json)?, report.is_faultless());
        }
        Mode::FloorServer { server } => {
            server.run()?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    let series = rounds(&plan)?;
    let report = Report::new(args.mode.name(), plan, series);
    finish(&report.render(args.json)?, report.is_faultless())
}

/// All trials, one after the other, as often as asked.
fn rounds(plan: &Plan) -> anyhow::Result<Vec<Series>> {
    let mut series: Vec<_> = plan
        .trials
        .iter()
        .map(|trial| Series::new(trial.name.clone()))
        .collect();
    let mut phases = Phases::new();
    let mut bar = Bar::new(plan.trials.len() * plan.rounds as usize, plan.each);
    for round in 0..plan.rounds as usize {
        for (n, (trial, series)) in plan.trials.iter().zip(&mut series).enumerate() {
            bar.begin(
                round * plan.trials.len() + n,
                format!("{} ({} of {})", trial.name, round + 1, plan.rounds),
            );
            series.rounds.push(trial.run(&mut phases, &bar)?);
        }
    }
    bar.finish();
    Ok(series)
}

fn finish(report: &[u8], faultless: bool) -> anyhow::Result<ExitCode> {
    output::print(report)?;
    Ok(if faultless {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

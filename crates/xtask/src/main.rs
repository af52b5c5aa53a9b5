//! Tasks of the pogu workspace: `cargo xtask test | conformance | tidy`.

#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    reason = "a task runner talks to the person who started it"
)]

mod autobahn;
mod clients;
mod drivers;
mod provide;
mod shell;
mod steps;
mod tidy;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Tasks of the pogu workspace")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Everything that must pass on a fresh clone
    Test {
        /// Run only this step (repeatable)
        #[arg(long, value_name = "STEP")]
        only: Vec<String>,
        /// List the steps and stop
        #[arg(long)]
        list: bool,
        /// Go on after a failed step
        #[arg(long)]
        keep_going: bool,
    },
    /// All sections of the Autobahn suite against the echo server, compared with the kept results
    Conformance {
        /// Keep the results of this run as the expected ones
        #[arg(long)]
        bless: bool,
    },
    /// What neither the compiler nor clippy checks: crate borders, clocks and sockets, long files, the two READMEs
    Tidy,
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<bool> {
    let workspace = Workspace::find()?;
    match task {
        Task::Test { list: true, .. } => {
            steps::list();
            Ok(true)
        }
        Task::Test { only, keep_going, .. } => steps::run(&workspace, &only, keep_going),
        Task::Conformance { bless } => autobahn::conformance(&workspace, bless).map(|()| true),
        Task::Tidy => tidy::run(&workspace).map(|()| true),
    }
}

//! The command-line tool pogu: flags, terminal and exit codes around the libraries `pogu` and `pogu-client`.

#![forbid(unsafe_code)]

mod bench;
mod check;
mod cli;
mod connect;
mod escape;
mod exit;
mod input;
mod log;
mod output;
mod publish;
mod serve;
mod signals;
mod subscribe;
mod target;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use pogu::config::ConfigError;

use crate::cli::{Cli, Command};
use crate::exit::Exit;

/// It gives memory back after a crowd has gone, and costs less than the system's for the small blocks that messages are. How it is set
/// is in `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    run(cli).unwrap_or_else(|error| {
        complain(&error);
        exit::of(&error).into()
    })
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    if !matches!(cli.command, Command::Serve(_)) {
        log::start_client(cli.verbose);
    }
    match cli.command {
        Command::Serve(args) => serve::run(args, cli.verbose).map(Into::into),
        Command::Pub(args) => wait_for(publish::run(args)),
        Command::Sub(args) => wait_for(subscribe::run(args)),
        Command::Connect(args) => wait_for(connect::run(args)),
        Command::Bench(args) => bench::run(&args),
        Command::Check(args) => check::run(&args).map(Into::into),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "pogu", &mut script);
            output::print(&script).map(Into::into)
        }
    }
}

/// Runs a client's command on one thread: it waits more than it works.
fn wait_for(command: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let exit = runtime.block_on(command)?;
    // A thread that waits for standard input is not waited for.
    runtime.shutdown_background();
    Ok(exit.into())
}

/// Prints one line, or for a configuration one for each of its faults: what did not work, why, and what to try.
fn complain(error: &anyhow::Error) {
    if let Some(ConfigError::Several(faults)) = error.downcast_ref() {
        for fault in faults {
            // Without a standard error there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "pogu: {}", escape::text(&fault.to_string()));
        }
        return;
    }
    let message = escape::text(&format!("{error:#}"));
    // Without a standard error there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "pogu: {message}{}", exit::advice(error));
}

use std::ffi::OsStr;
use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::thread::{self, ScopedJoinHandle};

use anyhow::{Context, Result, bail, ensure};

/// The cargo that started this task, so that a toolchain chosen with `cargo +name` stays chosen.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs a command in the open: its line is printed, its output goes where ours goes, nothing is read from the terminal.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = describe(command);
    println!("    $ {line}");
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| line.clone())?;
    ensure!(status.success(), "`{line}` ended with {status}");
    Ok(())
}

/// Runs commands side by side as `run` would, and shows the output of each when it has ended, one after the other. All are waited for.
pub(crate) fn run_together(commands: &mut [Command]) -> Result<()> {
    let ended: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> = commands
            .iter_mut()
            .map(|command| scope.spawn(|| (describe(command), command.stdin(Stdio::null()).output())))
            .collect();
        running.into_iter().map(ScopedJoinHandle::join).collect()
    });
    let mut failed = Vec::new();
    for ended in ended {
        let Ok((line, output)) = ended else {
            bail!("a thread that waits for a command has ended");
        };
        let output = output.with_context(|| line.clone())?;
        println!("    $ {line}");
        io::stdout().write_all(&output.stdout)?;
        io::stderr().write_all(&output.stderr)?;
        if !output.status.success() {
            failed.push(format!("`{line}` ended with {}", output.status));
        }
    }
    ensure!(failed.is_empty(), "{}", failed.join("; "));
    Ok(())
}

/// Whether a command can be started and ends well, in silence.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let quiet = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Whether a program of this name is on the search path.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

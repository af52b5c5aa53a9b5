use std::fmt;
use std::io::ErrorKind;
use std::process::ExitCode;

use pogu_client::Error;

/// How the tool ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, also when the reader of the output has gone.
    Success,
    /// It did not work; standard error says why.
    Failure,
    /// What was asked for makes no sense. Clap ends with the same where it finds it out.
    Usage,
    /// The time given with `--timeout` passed before the messages of `--count` had come.
    TimedOut,
    /// Ctrl-C.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Success => 0,
            Exit::Failure => 1,
            Exit::Usage => 2,
            // As timeout(1).
            Exit::TimedOut => 124,
            // 128 and the number of SIGINT, as shells have it.
            Exit::Interrupted => 130,
        })
    }
}

/// What was asked for makes no sense, whatever a server would say.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Refuses what makes no sense.
pub(crate) fn require(holds: bool, why: impl Into<String>) -> Result<(), Usage> {
    if holds { Ok(()) } else { Err(Usage(why.into())) }
}

/// Why no conversation began: some of it is for the user to put right, and the rest is not.
pub(crate) fn not_begun(error: Error) -> anyhow::Error {
    match error {
        Error::BadUrl { .. } | Error::TlsMissing { .. } | Error::Unsupported(_) => {
            Usage(error.to_string()).into()
        }
        other => other.into(),
    }
}

/// How the tool ends with this error.
pub(crate) fn of(error: &anyhow::Error) -> Exit {
    if error.is::<Usage>() {
        Exit::Usage
    } else {
        Exit::Failure
    }
}

/// What to try, as the end of an error's line; empty where the error says it or nothing can be said.
pub(crate) fn advice(error: &anyhow::Error) -> &'static str {
    match error.downcast_ref::<Error>() {
        Some(Error::Connect { cause, .. }) if cause.kind() == ErrorKind::ConnectionRefused => {
            "; try `pogu serve` there, or another server"
        }
        Some(Error::Resolve { .. }) => "; try an address, or check the name",
        Some(Error::Silent { .. } | Error::Overdue { .. }) => {
            "; try another way with --via, or check that a pogu server is there"
        }
        Some(Error::Violation(_)) => "; check that a pogu server is there",
        _ => "",
    }
}

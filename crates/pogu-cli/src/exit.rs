use std::io::ErrorKind;
use std::process::ExitCode;

use pogu_client::Error;

/// How the tool ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, also when the reader of the output has gone.
    Success,
    /// It did not work; standard error says why. Wrong flags end with 2, which clap does.
    Failure,
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
            // As timeout(1).
            Exit::TimedOut => 124,
            // 128 and the number of SIGINT, as shells have it.
            Exit::Interrupted => 130,
        })
    }
}

/// What to try, as the end of an error's line; empty where the error says it or nothing can be said.
pub(crate) fn advice(error: &anyhow::Error) -> &'static str {
    match error.downcast_ref::<Error>() {
        Some(Error::Connect { cause, .. }) if cause.kind() == ErrorKind::ConnectionRefused => {
            "; try `pogu serve` there, or another server with --server"
        }
        Some(Error::Resolve { .. }) => "; try an address, or check the name",
        Some(Error::Silent { .. } | Error::Overdue { .. }) => {
            "; try another way with --via, or check that a pogu server is there"
        }
        Some(Error::Violation(_)) => "; check that a pogu server is there",
        _ => "",
    }
}

use std::io::IsTerminal;

use pogu::config::{LogFormat, LogLevel};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Logs a client's warnings to standard error, and with each `-v` more: what it does, how, and everything.
pub(crate) fn start_client(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::new(format!("warn,pogu={level},pogu_client={level}"));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .log_internal_errors(false)
        .without_time()
        .with_target(false);
    tracing_subscriber::registry().with(filter).with(lines).init();
}

/// Logs the server to standard error.
pub(crate) fn start_server(format: LogFormat, level: LogLevel) {
    let filter = match level {
        LogLevel::Trace => EnvFilter::new("trace"),
        // What the libraries below do is for those who ask for everything.
        level => EnvFilter::new(format!("off,pogu={}", level.as_str())),
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        // Where a line cannot be written, as after the terminal was closed, nor can that it could not; trying ends in a panic.
        .log_internal_errors(false);
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        LogFormat::Text => registry.with(lines).init(),
        LogFormat::Json => registry.with(lines.json()).init(),
    }
}

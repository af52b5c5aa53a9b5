//! The signals that stop a server.

use std::fs;
use std::process;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::warn;

/// SIGINT, SIGTERM, and SIGHUP, which comes when the terminal is closed.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// None where it is ignored, as `nohup` has it: listening for it would undo that.
    hangup: Option<Signal>,
}

impl Signals {
    /// Listens for them; from now on none ends the program by itself.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let hangup = match is_ignored(SignalKind::hangup()) {
            true => None,
            false => Some(signal(SignalKind::hangup())?),
        };
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup,
        })
    }

    /// Done at the first of them; a second one ends the program at once.
    pub(crate) async fn stop(mut self) {
        self.next().await;
        tokio::spawn(async move {
            let last = self.next().await;
            warn!("stopped at once, clients were not told");
            // As shells have it.
            process::exit(128 + last.as_raw_value());
        });
    }

    async fn next(&mut self) -> SignalKind {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = hangup => SignalKind::hangup(),
        }
    }
}

/// Whether this program was started with a signal ignored, as far as the kernel tells.
fn is_ignored(kind: SignalKind) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignored(&status).is_some_and(|mask| mask >> (kind.as_raw_value() - 1) & 1 == 1)
}

/// The mask of ignored signals in `/proc/PID/status`, signal 1 in the lowest bit.
fn ignored(status: &str) -> Option<u64> {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_is_read_as_the_kernel_writes_it() {
        assert_eq!(
            ignored("Name:\tpogu\nSigBlk:\t0000000000000002\nSigIgn:\t0000000000001001\n"),
            Some(0x1001)
        );
        assert_eq!(ignored("Name:\tpogu\n"), None);
        assert_eq!(ignored("SigIgn:\tx\n"), None);
    }
}

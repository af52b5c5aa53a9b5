//! Standard output, written on a thread of its own: a reader that pauses does not pause the protocols, and one that goes ends
//! the program quietly.

use std::io::{self, ErrorKind, Write};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::exit::Exit;

/// Pieces that wait to be written.
const WAITING_MAX: usize = 64;

/// How long the last piece may take when the program ends.
const LAST_MAX: Duration = Duration::from_secs(2);

/// The writing end.
#[derive(Debug)]
pub(crate) struct Output {
    pieces: mpsc::Sender<Vec<u8>>,
    ended: oneshot::Receiver<io::Result<()>>,
}

/// Nobody reads any more, or writing failed.
#[derive(Debug)]
pub(crate) struct Gone;

impl Output {
    pub(crate) fn start() -> Self {
        let (pieces, mut receiver) = mpsc::channel::<Vec<u8>>(WAITING_MAX);
        let (sender, ended) = oneshot::channel();
        std::thread::spawn(move || {
            let mut stdout = io::stdout().lock();
            let mut result = Ok(());
            while let Some(piece) = receiver.blocking_recv() {
                result = stdout.write_all(&piece).and_then(|()| stdout.flush());
                if result.is_err() {
                    break;
                }
            }
            // The program may have ended without waiting.
            let _ = sender.send(result);
        });
        Self { pieces, ended }
    }

    /// Hands over a piece; waits while many wait already.
    pub(crate) async fn write(&self, piece: Vec<u8>) -> Result<(), Gone> {
        self.pieces.send(piece).await.map_err(|_| Gone)
    }

    /// Done once nobody reads any more.
    pub(crate) async fn gone(&self) {
        self.pieces.closed().await;
    }

    /// Waits until all is written. A reader that has gone is no error.
    pub(crate) async fn finish(self) -> anyhow::Result<()> {
        drop(self.pieces);
        match timeout(LAST_MAX, self.ended).await {
            Ok(Ok(Err(error))) if error.kind() != ErrorKind::BrokenPipe => {
                Err(anyhow::Error::new(error).context("cannot write to standard output"))
            }
            _ => Ok(()),
        }
    }
}

/// Prints at once what is known at once.
pub(crate) fn print(bytes: &[u8]) -> anyhow::Result<Exit> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("cannot write to standard output"))
        }
        _ => Ok(Exit::Success),
    }
}

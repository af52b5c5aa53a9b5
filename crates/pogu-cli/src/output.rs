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
    pieces: mpsc::Sender<Piece>,
    ended: oneshot::Receiver<io::Result<()>>,
}

#[derive(Debug)]
struct Piece {
    bytes: Vec<u8>,
    /// Whom to tell once it is written.
    written: Option<oneshot::Sender<()>>,
}

/// Nobody reads any more, or writing failed.
#[derive(Debug)]
pub(crate) struct Gone;

impl Output {
    pub(crate) fn start() -> Self {
        let (pieces, mut receiver) = mpsc::channel::<Piece>(WAITING_MAX);
        let (sender, ended) = oneshot::channel();
        std::thread::spawn(move || {
            let mut stdout = io::stdout().lock();
            let mut result = Ok(());
            while let Some(piece) = receiver.blocking_recv() {
                result = stdout.write_all(&piece.bytes).and_then(|()| stdout.flush());
                if result.is_err() {
                    break;
                }
                if let Some(written) = piece.written {
                    // Whoever waited may have been interrupted.
                    let _ = written.send(());
                }
            }
            // The program may have ended without waiting.
            let _ = sender.send(result);
        });
        Self { pieces, ended }
    }

    /// Hands over a piece; waits while many wait already.
    pub(crate) async fn write(&self, bytes: Vec<u8>) -> Result<(), Gone> {
        let piece = Piece { bytes, written: None };
        self.pieces.send(piece).await.map_err(|_| Gone)
    }

    /// Hands over a piece and waits until it is written.
    pub(crate) async fn write_through(&self, bytes: Vec<u8>) -> Result<(), Gone> {
        let (sender, written) = oneshot::channel();
        let piece = Piece {
            bytes,
            written: Some(sender),
        };
        self.pieces.send(piece).await.map_err(|_| Gone)?;
        written.await.map_err(|_| Gone)
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

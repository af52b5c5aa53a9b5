//! A stream whose first bytes were read already.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::idle::Patience;
use crate::core::WRITE_STALL;

/// Gives back what sniffing has read, then the stream.
#[derive(Debug)]
pub(super) struct Rewind {
    first: Bytes,
    stream: TcpStream,
    /// Whether the last write was not taken: then something still waits to be written.
    blocked: Rc<Cell<bool>>,
    /// Runs while nothing is taken.
    stall: Option<Pin<Box<Sleep>>>,
    /// How long what comes is waited for; `None` if hyper knows.
    patience: Option<Patience>,
    /// The client has said its last byte. Runs while it may still wait for an answer.
    ended: Option<Pin<Box<Sleep>>>,
}

/// How long a client that says no more is taken to wait for the answer to what it has said, and not to have gone.
const HALF_CLOSED: Duration = Duration::from_secs(1);

impl Rewind {
    pub(super) fn new(
        first: Vec<u8>,
        stream: TcpStream,
        blocked: Rc<Cell<bool>>,
        patience: Option<Patience>,
    ) -> Self {
        Self {
            first: first.into(),
            stream,
            blocked,
            stall: None,
            patience,
            ended: None,
        }
    }

    /// What was not read again, and the stream.
    pub(super) fn into_parts(self) -> (Bytes, TcpStream) {
        (self.first, self.stream)
    }
}

impl Rewind {
    /// Ends a connection whose other side has taken nothing for too long: hyper itself would wait for ever.
    fn watch(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.blocked.set(written.is_pending());
        if written.is_ready() {
            self.stall = None;
            return written;
        }
        let limit = Duration::from_millis(WRITE_STALL);
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(limit)));
        stall
            .as_mut()
            .poll(context)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Rewind {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            let before = buf.filled().len();
            let read = Pin::new(&mut self.stream).poll_read(context, buf);
            let Some(patience) = &mut self.patience else {
                return read;
            };
            if read.is_pending() {
                // To hyper it is as if the client had gone.
                return patience.poll(context).map(Ok);
            }
            if buf.filled().len() > before {
                patience.heard();
            } else if matches!(read, Poll::Ready(Ok(()))) && buf.remaining() > 0 && patience.is_asked() {
                let this = &mut *self;
                let ended = this.ended.get_or_insert_with(|| Box::pin(sleep(HALF_CLOSED)));
                return ended.as_mut().poll(context).map(Ok);
            }
            return read;
        }
        let n = self.first.len().min(buf.remaining());
        buf.put_slice(&self.first[..n]);
        self.first.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rewind {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watch(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use pogu_proto::Reader;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, timeout_at};

use crate::limits::READ_BYTES;
use crate::socket::TcpConnection;

/// A TCP connection with what waits to be written and what waits to be read.
///
/// Both directions move while either is waited for, so that a peer that does not read is still heard. Every wait can be cancelled
/// without losing a byte.
#[derive(Debug)]
pub(crate) struct Wire {
    socket: TcpConnection,
    /// Written from `sent` on while there is something to wait for.
    pub(crate) out: Vec<u8>,
    sent: usize,
    /// Holds what arrived in `from..to`.
    input: Vec<u8>,
    from: usize,
    to: usize,
}

/// What a wait came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    /// Bytes arrived.
    Input,
    /// The peer sends no more.
    End,
    /// The time was up.
    Nothing,
}

impl Wire {
    /// A wire on which `input` has arrived already.
    pub(crate) fn new(socket: TcpConnection, mut input: Vec<u8>) -> Self {
        let to = input.len();
        input.resize(to.max(READ_BYTES), 0);
        Self {
            socket,
            out: Vec::new(),
            sent: 0,
            input,
            from: 0,
            to,
        }
    }

    /// Bytes that wait to be written.
    pub(crate) fn backlog(&self) -> usize {
        self.out.len() - self.sent
    }

    /// Waits for input until `until`, writing what there is to write.
    pub(crate) async fn wait(&mut self, until: Instant) -> io::Result<Moved> {
        match timeout_at(until, poll_fn(|cx| self.poll_wait(cx))).await {
            Ok(result) => result,
            Err(_) => Ok(Moved::Nothing),
        }
    }

    /// Writes all there is to write.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_out(cx)).await
    }

    /// Lends what arrived to `read` together with the outgoing bytes, and forgets what it took.
    pub(crate) fn read<T>(&mut self, read: impl FnOnce(&mut Reader<'_>, &mut Vec<u8>) -> T) -> T {
        let mut reader = Reader::new(&mut self.input[self.from..self.to]);
        let result = read(&mut reader, &mut self.out);
        let rest = reader.rest().len();
        self.from = self.to - rest;
        result
    }

    fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Moved>> {
        let unwritten = match self.poll_out(cx) {
            Poll::Ready(Err(error)) => Some(error),
            _ => None,
        };
        if self.from < self.to {
            return Poll::Ready(Ok(Moved::Input));
        }
        let mut buffer = ReadBuf::new(&mut self.input);
        let polled = Pin::new(&mut self.socket).poll_read(cx, &mut buffer);
        let read = buffer.filled().len();
        match (polled, unwritten) {
            (Poll::Ready(Ok(())), _) if read > 0 => {
                (self.from, self.to) = (0, read);
                Poll::Ready(Ok(Moved::Input))
            }
            // Only once all is read that the peer has said, perhaps why it reads no more.
            (_, Some(error)) | (Poll::Ready(Err(error)), None) => Poll::Ready(Err(error)),
            (Poll::Ready(Ok(())), None) => Poll::Ready(Ok(Moved::End)),
            (Poll::Pending, None) => Poll::Pending,
        }
    }

    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.out.len() {
            match Pin::new(&mut self.socket).poll_write(cx, &self.out[self.sent..]) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(sent)) => self.sent += sent,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            }
        }
        self.out.clear();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }
}

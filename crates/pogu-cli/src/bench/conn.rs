//! One connection of the load generator: a socket, what is not yet decoded and what is not yet sent.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use anyhow::{Context, ensure};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use pogu_proto::ws::Codec;

use super::wire::{Decoder, Unit};

/// One connection.
#[derive(Debug)]
pub(super) struct Conn {
    socket: TcpStream,
    connected: bool,
    decoder: Decoder,
    rest: Vec<u8>,
    out: Vec<u8>,
}

/// What reading brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Bytes, and perhaps more to come.
    More,
    /// All there is for now.
    Drained,
    /// The server is gone.
    Closed,
}

impl Conn {
    /// Begins to connect and to say `greeting`.
    pub(super) fn open(
        registry: &Registry,
        token: Token,
        address: SocketAddr,
        (greeting, decoder): (Vec<u8>, Decoder),
    ) -> anyhow::Result<Conn> {
        let mut socket = TcpStream::connect(address).with_context(|| format!("connect to {address}"))?;
        // Edge-triggered, so asking for both once costs nothing later.
        registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Conn {
            socket,
            connected: false,
            decoder,
            rest: Vec::new(),
            out: greeting,
        })
    }

    /// Whether the connection stands; asked when the socket is first writable. Says the greeting.
    pub(super) fn connected(&mut self) -> anyhow::Result<bool> {
        if self.connected {
            return Ok(true);
        }
        if let Some(error) = self.socket.take_error()? {
            return Err(error).context("connect");
        }
        match self.socket.peer_addr() {
            Ok(_) => {
                self.connected = true;
                self.socket.set_nodelay(true)?;
                self.flush()?;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error).context("connect"),
        }
    }

    pub(super) fn ready_at_once(&self) -> bool {
        self.decoder.ready_at_once()
    }

    /// Reads once into `buffer` and hands over what is in it.
    pub(super) fn read(
        &mut self,
        buffer: &mut [u8],
        codec: &mut Codec,
        mut found: impl FnMut(Unit<'_>),
    ) -> anyhow::Result<Progress> {
        let kept = self.rest.len();
        let room = buffer.len() - kept;
        ensure!(room > 0, "a message is longer than {} bytes", buffer.len());
        let n = match self.socket.read(&mut buffer[kept..]) {
            Ok(0) => return Ok(Progress::Closed),
            Ok(n) => n,
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => return Ok(Progress::Drained),
                io::ErrorKind::Interrupted => return Ok(Progress::More),
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => return Ok(Progress::Closed),
                _ => return Err(error).context("read"),
            },
        };
        buffer[..kept].copy_from_slice(&self.rest);
        self.rest.clear();
        let bytes = &mut buffer[..kept + n];
        let mut closed = false;
        let mut answer = Vec::new();
        let done = self
            .decoder
            .decode(bytes, codec, &mut answer, |unit| match unit {
                Unit::Closed => closed = true,
                other => found(other),
            })?;
        self.rest.extend_from_slice(&bytes[done..]);
        self.send(&answer)?;
        Ok(match (closed, n < room) {
            (true, _) => Progress::Closed,
            (false, true) => Progress::Drained,
            (false, false) => Progress::More,
        })
    }

    /// Sends `bytes`, now as far as the socket takes them and the rest later.
    pub(super) fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut sent = 0;
        if self.out.is_empty() {
            sent = write(&mut self.socket, bytes)?;
        }
        self.out.extend_from_slice(&bytes[sent..]);
        Ok(())
    }

    /// Sends what waits.
    pub(super) fn flush(&mut self) -> anyhow::Result<()> {
        if !self.out.is_empty() {
            let sent = write(&mut self.socket, &self.out)?;
            self.out.drain(..sent);
        }
        Ok(())
    }

    /// Whether something waits to be sent.
    pub(super) fn is_blocked(&self) -> bool {
        !self.out.is_empty()
    }
}

fn write(socket: &mut TcpStream, bytes: &[u8]) -> anyhow::Result<usize> {
    let mut sent = 0;
    while sent < bytes.len() {
        match socket.write(&bytes[sent..]) {
            Ok(n) => sent += n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error).context("write"),
        }
    }
    Ok(sent)
}

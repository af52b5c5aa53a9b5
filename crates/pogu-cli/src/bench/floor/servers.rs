use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

const EVENTS: usize = 1024;
const BUFFER: usize = 64 * 1024;
/// How long a server without connections waits for one.
const LONELY: Duration = Duration::from_secs(30);

const LISTENER: Token = Token(0);
const PUBLISHERS: Token = Token(1);
const PUBLISHER: Token = Token(2);
const FIRST: usize = 3;

/// Writes back what it reads.
pub(crate) struct Echo {
    poll: Poll,
    listener: TcpListener,
    peers: Vec<Option<Peer>>,
}

/// Writes what it reads from the one publisher to all subscribers.
pub(crate) struct Relay {
    poll: Poll,
    subscribers: TcpListener,
    publishers: TcpListener,
    publisher: Option<TcpStream>,
    peers: Vec<Option<Peer>>,
    buffer: Vec<u8>,
    /// Subscribers whose socket was full; nothing is read until it is not.
    blocked: usize,
}

struct Peer {
    socket: TcpStream,
    /// What the socket did not take. It stays empty while the bench keeps to its window.
    backlog: Vec<u8>,
}

impl Echo {
    pub(crate) fn bind() -> anyhow::Result<Echo> {
        let poll = Poll::new()?;
        let listener = listen(&poll, LISTENER)?;
        Ok(Echo {
            poll,
            listener,
            peers: Vec::new(),
        })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until the last connection is closed.
    pub(crate) fn run(&mut self) -> anyhow::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        let mut buffer = vec![0; BUFFER];
        let mut open = 0;
        loop {
            wait(&mut self.poll, &mut events, open)?;
            for event in &events {
                if event.token() == LISTENER {
                    open += accept(
                        &self.poll,
                        &self.listener,
                        &mut self.peers,
                        Interest::READABLE | Interest::WRITABLE,
                    )?;
                    continue;
                }
                let Some(slot) = self.peers.get_mut(event.token().0 - FIRST) else {
                    continue;
                };
                let Some(peer) = slot else { continue };
                if peer.echo(&mut buffer, event.is_read_closed())? {
                    *slot = None;
                    open -= 1;
                    if open == 0 {
                        return Ok(());
                    }
                }
            }
        }
    }
}

impl Relay {
    /// A relay that reads and writes at most `bytes` at a time.
    pub(crate) fn bind(bytes: usize) -> anyhow::Result<Relay> {
        let poll = Poll::new()?;
        let subscribers = listen(&poll, LISTENER)?;
        let publishers = listen(&poll, PUBLISHERS)?;
        Ok(Relay {
            poll,
            subscribers,
            publishers,
            publisher: None,
            peers: Vec::new(),
            buffer: vec![0; bytes],
            blocked: 0,
        })
    }

    /// Where subscribers connect, and where the publisher does.
    pub(crate) fn addresses(&self) -> io::Result<[SocketAddr; 2]> {
        Ok([self.subscribers.local_addr()?, self.publishers.local_addr()?])
    }

    /// Serves until the publisher is gone.
    pub(crate) fn run(&mut self) -> anyhow::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            wait(&mut self.poll, &mut events, self.peers.len())?;
            for event in &events {
                match event.token() {
                    LISTENER => {
                        accept(&self.poll, &self.subscribers, &mut self.peers, Interest::WRITABLE)?;
                    }
                    PUBLISHERS => {
                        if let Ok((mut socket, _)) = self.publishers.accept() {
                            self.poll
                                .registry()
                                .register(&mut socket, PUBLISHER, Interest::READABLE)?;
                            self.publisher = Some(socket);
                        }
                    }
                    PUBLISHER => {}
                    token => self.unblock(token.0 - FIRST),
                }
            }
            if self.forward()? {
                return Ok(());
            }
        }
    }

    /// Passes on all that is there; true when the publisher is gone.
    fn forward(&mut self) -> anyhow::Result<bool> {
        let Some(publisher) = &mut self.publisher else {
            return Ok(false);
        };
        while self.blocked == 0 {
            let n = match publisher.read(&mut self.buffer) {
                Ok(0) => return Ok(true),
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error).context("read"),
            };
            for slot in &mut self.peers {
                let Some(peer) = slot else { continue };
                match peer.write(&self.buffer[..n]) {
                    Ok(true) => {}
                    Ok(false) => self.blocked += 1,
                    Err(_) => *slot = None,
                }
            }
        }
        Ok(false)
    }

    fn unblock(&mut self, index: usize) {
        let Some(slot) = self.peers.get_mut(index) else {
            return;
        };
        let Some(peer) = slot.as_mut().filter(|peer| !peer.backlog.is_empty()) else {
            return;
        };
        match peer.flush() {
            Ok(false) => return,
            Ok(true) => {}
            Err(_) => *slot = None,
        }
        self.blocked -= 1;
    }
}

impl Peer {
    /// Reads and writes back; true when the other side is gone.
    fn echo(&mut self, buffer: &mut [u8], closed: bool) -> anyhow::Result<bool> {
        if !self.backlog.is_empty() && !self.flush()? {
            return Ok(false);
        }
        loop {
            let n = match self.socket.read(buffer) {
                Ok(0) => return Ok(true),
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(true),
                Err(error) => return Err(error).context("read"),
            };
            let taken = self.write(&buffer[..n])?;
            // Less than asked for is all there is: epoll tells when more comes.
            if !taken || (n < buffer.len() && !closed) {
                return Ok(false);
            }
        }
    }

    /// Writes `bytes`; false when some of them have to wait.
    fn write(&mut self, bytes: &[u8]) -> io::Result<bool> {
        let sent = send(&mut self.socket, bytes)?;
        self.backlog.extend_from_slice(&bytes[sent..]);
        Ok(sent == bytes.len())
    }

    fn flush(&mut self) -> io::Result<bool> {
        let sent = send(&mut self.socket, &self.backlog)?;
        self.backlog.drain(..sent);
        Ok(self.backlog.is_empty())
    }
}

fn send(socket: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let mut sent = 0;
    while sent < bytes.len() {
        match socket.write(&bytes[sent..]) {
            Ok(n) => sent += n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(sent)
}

fn listen(poll: &Poll, token: Token) -> anyhow::Result<TcpListener> {
    let mut listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).context("bind the floor")?;
    poll.registry()
        .register(&mut listener, token, Interest::READABLE)?;
    Ok(listener)
}

fn wait(poll: &mut Poll, events: &mut Events, open: usize) -> anyhow::Result<()> {
    let timeout = (open == 0).then_some(LONELY);
    match poll.poll(events, timeout) {
        Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error).context("poll"),
        _ if open == 0 && events.is_empty() => bail!("nobody connected for {LONELY:?}"),
        _ => Ok(()),
    }
}

/// Accepts all who wait; returns how many.
fn accept(
    poll: &Poll,
    listener: &TcpListener,
    peers: &mut Vec<Option<Peer>>,
    interest: Interest,
) -> anyhow::Result<usize> {
    let before = peers.len();
    loop {
        match listener.accept() {
            Ok((mut socket, _)) => {
                socket.set_nodelay(true)?;
                poll.registry()
                    .register(&mut socket, Token(FIRST + peers.len()), interest)?;
                peers.push(Some(Peer {
                    socket,
                    backlog: Vec::new(),
                }));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(peers.len() - before),
            Err(error) => return Err(error).context("accept"),
        }
    }
}

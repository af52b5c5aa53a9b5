//! The one that sends in a fan-out, on a thread of its own so that reading for the subscribers does not delay it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use mio::{Events, Poll, Token, Waker};
use pogu_proto::ws::Codec;

use super::clock::{Clock, nanoseconds};
use super::conn::{Conn, Progress};
use super::framing::Framing;
use super::stamp::Stamp;
use super::target::Target;
use super::window::Window;
use super::wire::Unit;

const SOCKET: Token = Token(0);
const WAKE: Token = Token(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const BUFFER: usize = 64 * 1024;

/// What one phase sends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// Bytes of a message.
    pub(super) size: usize,
    /// Messages sent in one write.
    pub(super) burst: u32,
    /// Messages on their way at most.
    pub(super) window: u32,
    /// Messages a second; as many as the window lets through without it.
    pub(super) rate: Option<f64>,
    /// The end of the phase, whichever comes first.
    pub(super) messages: Option<u32>,
    pub(super) duration: Duration,
}

/// A connection that publishes.
pub(super) struct Publisher {
    poll: Poll,
    waker: Arc<Waker>,
    events: Events,
    buffer: Vec<u8>,
    conn: Conn,
    framing: Framing,
    codec: Codec,
    ready: bool,
    clock: Clock,
}

impl Publisher {
    /// Connects and waits until the server takes messages.
    pub(super) fn connect(
        target: &Target,
        framing: Framing,
        size: usize,
        clock: Clock,
    ) -> anyhow::Result<Publisher> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let conn = Conn::open(poll.registry(), SOCKET, target.address, target.publication()?)?;
        let mut publisher = Publisher {
            poll,
            waker,
            events: Events::with_capacity(4),
            buffer: vec![0; BUFFER + 2 * size],
            conn,
            framing,
            codec: Codec::new(1),
            ready: false,
            clock,
        };
        let began = Instant::now();
        while !publisher.ready {
            ensure!(
                began.elapsed() < CONNECT_TIMEOUT,
                "no answer to the publisher for {CONNECT_TIMEOUT:?}"
            );
            publisher
                .turn(Some(Duration::from_millis(100)))
                .context("publisher")?;
        }
        Ok(publisher)
    }

    /// Ends the wait of a running [`Publisher::send`].
    pub(super) fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Sends a phase; returns how many messages went out.
    pub(super) fn send(
        &mut self,
        phase: u32,
        load: &Load,
        window: &Window,
        stop: &AtomicBool,
    ) -> anyhow::Result<u32> {
        let start = self.clock.now();
        let end = start.saturating_add(nanoseconds(load.duration));
        // At a fixed rate, the time of a burst is when it was due: waiting for a slow server is part of its latency.
        let interval = load.rate.map(|rate| f64::from(load.burst) / rate * 1e9);
        let limit = load.messages.unwrap_or(u32::MAX - load.burst);
        let mut due = start;
        let mut sent = 0;
        let mut burst = Vec::new();
        while sent < limit && !stop.load(Ordering::Relaxed) {
            let now = self.clock.now();
            if now.max(due) >= end {
                break;
            }
            if now < due {
                self.turn(Some(Duration::from_nanos(due - now)))?;
                continue;
            }
            if self.conn.is_blocked() || !window.launch() {
                self.turn(Some(Duration::from_nanos(end - now)))?;
                continue;
            }
            burst.clear();
            let stamped = if interval.is_some() { due } else { now };
            for seq in sent..sent + load.burst {
                self.framing.encode(
                    Stamp {
                        phase,
                        seq,
                        sent: stamped,
                    },
                    &mut self.codec,
                    &mut burst,
                );
            }
            self.conn.send(&burst)?;
            sent += load.burst;
            if let Some(interval) = interval {
                due = start + (interval * f64::from(sent / load.burst)) as u64;
            }
        }
        while self.conn.is_blocked() && !stop.load(Ordering::Relaxed) {
            self.turn(Some(Duration::from_millis(100)))?;
        }
        Ok(sent)
    }

    /// Waits for the window, the socket or the time; what the server sends is read and dropped.
    fn turn(&mut self, timeout: Option<Duration>) -> anyhow::Result<()> {
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in self.events.iter().filter(|event| event.token() == SOCKET) {
            if event.is_writable() && self.conn.connected()? {
                self.conn.flush()?;
                self.ready |= self.conn.ready_at_once();
            }
            while event.is_readable() {
                let ready = &mut self.ready;
                let progress = self.conn.read(&mut self.buffer, &mut self.codec, |unit| {
                    *ready |= unit == Unit::Ready
                })?;
                match progress {
                    Progress::More => {}
                    Progress::Drained if event.is_read_closed() => {}
                    Progress::Drained => break,
                    Progress::Closed => bail!("the server closed the publisher's connection"),
                }
            }
        }
        Ok(())
    }
}

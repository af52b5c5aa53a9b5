//! One thread of the load generator: a poll, its connections and one buffer for all of them.

use std::ops::Range;
use std::sync::Arc;
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};
use mio::event::Event;
use mio::{Events, Poll, Token, Waker};
use pogu_proto::ws::Codec;

use super::clock::Clock;
use super::conn::{Conn, Progress};
use super::target::{Target, Via};
use super::totals::Totals;
use super::tracker::Tracker;
use super::wire::Unit;

/// Connections in the making at a time. Few, or what handshakes need for a moment would be counted as what connections need
/// for good, allocators being slow to give back.
const CONNECTING_MAX: usize = 16;
/// How long the server may take to accept one more connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes read at once; a longer message gets a longer buffer.
const BUFFER: usize = 64 * 1024;
const EVENTS: usize = 1024;
const WAKE: Token = Token(usize::MAX);

/// A subscriber.
pub(super) struct Client {
    pub(super) conn: Conn,
    pub(super) tracker: Tracker,
    /// Messages sent in this phase, by echo.
    pub(super) sent: u32,
    pub(super) number: usize,
    ready: bool,
    open: bool,
}

/// How far one read brought one client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Advance {
    /// [`Tracker::next`] before and after it.
    pub(super) seqs: (u32, u32),
    /// Messages that came for the first time.
    pub(super) received: u32,
}

/// A thread's worth of clients. Between two calls nothing runs.
pub(super) struct Worker {
    poll: Poll,
    waker: Arc<Waker>,
    events: Events,
    buffer: Vec<u8>,
    target: Target,
    via: Via,
    size: usize,
    codec: Codec,
    clock: Clock,
    ready: usize,
    pub(super) clients: Vec<Client>,
    pub(super) totals: Totals,
}

impl Worker {
    /// A worker for messages of `size` bytes.
    pub(super) fn new(target: &Target, via: Via, size: usize, clock: Clock) -> anyhow::Result<Worker> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        Ok(Worker {
            poll,
            waker,
            events: Events::with_capacity(EVENTS),
            buffer: vec![0; BUFFER + 2 * size],
            target: target.clone(),
            via,
            size,
            codec: Codec::new(0),
            clock,
            ready: 0,
            clients: Vec::new(),
            totals: Totals::new()?,
        })
    }

    /// `threads` workers that share `connections` clients and have connected them.
    pub(super) fn crew(
        target: &Target,
        via: Via,
        size: usize,
        threads: usize,
        connections: usize,
        clock: Clock,
    ) -> anyhow::Result<Vec<Worker>> {
        let threads = threads.clamp(1, connections.max(1));
        let mut crew = (0..threads)
            .map(|_| Worker::new(target, via, size, clock))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let share = |n: usize| n * connections / threads;
        thread::scope(|scope| {
            let connecting = crew.iter_mut().enumerate();
            let connecting: Vec<_> = connecting
                .map(|(n, worker)| scope.spawn(move || worker.connect(share(n)..share(n + 1))))
                .collect();
            connecting.into_iter().try_for_each(join)
        })?;
        Ok(crew)
    }

    /// Ends the wait of a running [`Worker::turn`].
    pub(super) fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Connects the clients with these numbers and waits until the server has accepted all.
    pub(super) fn connect(&mut self, numbers: Range<usize>) -> anyhow::Result<()> {
        let mut numbers = numbers;
        let total = self.clients.len() + numbers.len();
        let mut last = (self.ready, Instant::now());
        loop {
            while self.clients.len() - self.ready < CONNECTING_MAX {
                let Some(number) = numbers.next() else { break };
                self.open(number)
                    .with_context(|| format!("connection {number}"))?;
            }
            if self.ready == total {
                return Ok(());
            }
            self.turn(Duration::from_millis(100), |_, _| Ok(()))?;
            ensure!(
                self.totals.counts.closed == 0,
                "the server closed a connection before it was in use"
            );
            if self.ready > last.0 {
                last = (self.ready, Instant::now());
            }
            if last.1.elapsed() > CONNECT_TIMEOUT {
                bail!(
                    "{} of {total} connections stand, and no more for {CONNECT_TIMEOUT:?}",
                    self.ready
                );
            }
        }
    }

    /// Starts the count over.
    pub(super) fn start(&mut self, phase: u32) {
        self.totals.clear();
        for client in &mut self.clients {
            client.tracker.start(phase);
            client.sent = 0;
        }
    }

    /// Waits for at most `timeout`, reads what is there and tells `advanced` of each client that got something.
    pub(super) fn turn(
        &mut self,
        timeout: Duration,
        mut advanced: impl FnMut(&mut Client, Advance) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in &self.events {
            let Some(client) = self.clients.get_mut(event.token().0) else {
                continue;
            };
            let was_ready = client.ready;
            let mut scratch = Scratch {
                buffer: &mut self.buffer,
                codec: &mut self.codec,
                totals: &mut self.totals,
                target: &self.target,
                clock: self.clock,
            };
            client
                .serve(event, &mut scratch, &mut advanced)
                .with_context(|| format!("connection {}", client.number))?;
            self.ready += usize::from(client.ready && !was_ready);
        }
        Ok(())
    }

    fn open(&mut self, number: usize) -> anyhow::Result<()> {
        let token = Token(self.clients.len());
        let greeting = self.target.subscription(number, self.via, self.size)?;
        let conn = Conn::open(self.poll.registry(), token, self.target.address, greeting)?;
        self.clients.push(Client {
            conn,
            tracker: Tracker::default(),
            sent: 0,
            number,
            ready: false,
            open: true,
        });
        Ok(())
    }
}

/// What all clients of a worker share while one is served.
struct Scratch<'a> {
    buffer: &'a mut [u8],
    codec: &'a mut Codec,
    totals: &'a mut Totals,
    target: &'a Target,
    clock: Clock,
}

impl Client {
    /// Does what `event` allows.
    fn serve(
        &mut self,
        event: &Event,
        scratch: &mut Scratch<'_>,
        advanced: &mut impl FnMut(&mut Client, Advance) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        if !self.open {
            return Ok(());
        }
        if event.is_writable() {
            if !self.conn.connected()? {
                return Ok(());
            }
            self.conn.flush()?;
        }
        self.ready |= self.conn.ready_at_once();
        while event.is_readable() {
            let before = self.tracker.next();
            let (progress, received) = self.read(scratch)?;
            if received > 0 {
                let seqs = (before, self.tracker.next());
                advanced(self, Advance { seqs, received })?;
            }
            match progress {
                Progress::More => {}
                // The end follows what was read, and epoll tells of it only once.
                Progress::Drained if event.is_read_closed() => {}
                Progress::Drained => break,
                Progress::Closed => {
                    self.open = false;
                    scratch.totals.counts.closed += 1;
                    break;
                }
            }
        }
        Ok(())
    }

    /// Reads once; returns how many messages came for the first time, too.
    fn read(&mut self, scratch: &mut Scratch<'_>) -> anyhow::Result<(Progress, u32)> {
        let mut polled = None;
        let mut received = 0;
        let mut now = None;
        let totals = &mut *scratch.totals;
        let progress = self.conn.read(scratch.buffer, scratch.codec, |unit| match unit {
            Unit::Message(stamp) => {
                let arrival = self.tracker.see(stamp.phase, stamp.seq);
                received += u32::from(arrival.is_first());
                // One look at the clock for all that one read brought.
                let now = *now.get_or_insert_with(|| scratch.clock.now());
                totals.count(arrival, now, stamp.sent);
            }
            Unit::Foreign => totals.counts.foreign += 1,
            Unit::Ready => self.ready = true,
            Unit::Next(cursor) => polled = Some(scratch.target.poll(self.number, Some(cursor))),
            Unit::Closed => {}
        })?;
        scratch.totals.counts.reads += 1;
        if let Some(request) = polled {
            self.ready = true;
            self.conn.send(&request)?;
        }
        Ok((progress, received))
    }
}

/// What a thread of the bench came to.
pub(super) fn join<T>(handle: ScopedJoinHandle<'_, anyhow::Result<T>>) -> anyhow::Result<T> {
    handle
        .join()
        .map_err(|_| anyhow!("a thread of the bench panicked"))?
}

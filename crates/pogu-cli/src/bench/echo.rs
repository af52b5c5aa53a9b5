//! Connections that each send messages and wait for them to come back.

use std::thread;
use std::time::Duration;

use pogu_proto::ws::Codec;

use super::clock::{Clock, nanoseconds};
use super::framing::Framing;
use super::measure::Outcome;
use super::progress::Bar;
use super::stamp::Stamp;
use super::target::{Target, Via};
use super::totals::Totals;
use super::worker::{Client, Worker, join};

/// Whom to connect to, and how many.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    pub(super) target: Target,
    pub(super) via: Via,
    pub(super) connections: usize,
    pub(super) threads: usize,
    /// Bytes of a message.
    pub(super) size: usize,
    /// Messages of one connection on their way.
    pub(super) inflight: u32,
}

/// What one phase sends, whichever end comes first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// Messages of each connection.
    pub(super) messages: Option<u32>,
    pub(super) duration: Duration,
}

/// The connections of one round.
pub(super) struct Echo {
    stage: Stage,
    workers: Vec<Worker>,
    clock: Clock,
}

impl Echo {
    pub(super) fn connect(stage: &Stage) -> anyhow::Result<Echo> {
        let clock = Clock::start();
        let workers = Worker::crew(
            &stage.target,
            stage.via,
            stage.size,
            stage.threads,
            stage.connections,
            clock,
        )?;
        Ok(Echo {
            stage: stage.clone(),
            workers,
            clock,
        })
    }

    /// Sends and receives one phase; ends when all has come back or nothing more does for `stall`.
    pub(super) fn run(
        &mut self,
        phase: u32,
        load: &Load,
        stall: Duration,
        bar: &Bar,
    ) -> anyhow::Result<Outcome> {
        let began = self.clock.now();
        let (stage, clock) = (&self.stage, self.clock);
        thread::scope(|scope| {
            let running: Vec<_> = self
                .workers
                .iter_mut()
                .map(|worker| {
                    scope.spawn(move || {
                        Turns {
                            stage,
                            load,
                            phase,
                            clock,
                            stall,
                        }
                        .run(worker)
                    })
                })
                .collect();
            while !running.iter().all(|worker| worker.is_finished()) {
                thread::park_timeout(Duration::from_millis(10));
                bar.tick();
            }
            running.into_iter().try_for_each(join)
        })?;
        let mut totals = Totals::new()?;
        let mut sent = 0;
        for worker in &mut self.workers {
            worker.totals.counts.lost = worker
                .clients
                .iter()
                .map(|client| client.tracker.lost(client.sent))
                .sum();
            sent += worker
                .clients
                .iter()
                .map(|client| u64::from(client.sent))
                .sum::<u64>();
            totals.add(&worker.totals)?;
        }
        let elapsed = Duration::from_nanos(totals.counts.last.saturating_sub(began));
        Ok(Outcome {
            sent,
            totals,
            elapsed,
        })
    }
}

/// One worker's part of a phase.
struct Turns<'a> {
    stage: &'a Stage,
    load: &'a Load,
    phase: u32,
    clock: Clock,
    stall: Duration,
}

impl Turns<'_> {
    fn run(&self, worker: &mut Worker) -> anyhow::Result<()> {
        worker.start(self.phase);
        let first = worker.clients.first().map_or(0, |client| client.number);
        let framing = |client: &Client| {
            self.stage
                .target
                .framing(client.number, self.stage.via, self.stage.size)
        };
        let mut sender = Sender {
            phase: self.phase,
            clock: self.clock,
            framings: worker.clients.iter().map(framing).collect(),
            first,
            codec: Codec::new(2),
            out: Vec::new(),
            waiting: 0,
        };
        let quota = self.load.messages.unwrap_or(u32::MAX);
        let end = self.clock.now().saturating_add(nanoseconds(self.load.duration));
        for client in &mut worker.clients {
            sender.send(client, self.stage.inflight.min(quota))?;
        }
        let mut moved = self.clock.now();
        while sender.waiting > 0 && worker.totals.counts.closed == 0 {
            let now = self.clock.now();
            let before = worker.totals.counts.received;
            worker.turn(Duration::from_millis(100), |client, advance| {
                sender.waiting -= u64::from(advance.received);
                let more = if now < end {
                    advance.received.min(quota - client.sent)
                } else {
                    0
                };
                sender.send(client, more)
            })?;
            if worker.totals.counts.received > before {
                moved = now;
            } else if now.saturating_sub(moved) > nanoseconds(self.stall) {
                break;
            }
        }
        Ok(())
    }
}

/// Sends for all clients of one worker.
struct Sender {
    phase: u32,
    clock: Clock,
    /// Of each client, and the number of the first.
    framings: Vec<Framing>,
    first: usize,
    codec: Codec,
    out: Vec<u8>,
    /// Messages on their way.
    waiting: u64,
}

impl Sender {
    /// Sends the next `count` messages of `client` in one write.
    fn send(&mut self, client: &mut Client, count: u32) -> anyhow::Result<()> {
        let sent = self.clock.now();
        let framing = &mut self.framings[client.number - self.first];
        self.out.clear();
        for seq in client.sent..client.sent + count {
            framing.encode(
                Stamp {
                    phase: self.phase,
                    seq,
                    sent,
                },
                &mut self.codec,
                &mut self.out,
            );
        }
        client.sent += count;
        self.waiting += u64::from(count);
        client.conn.send(&self.out)
    }
}

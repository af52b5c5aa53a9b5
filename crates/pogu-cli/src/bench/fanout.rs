//! One publisher, many subscribers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::bail;

use super::clock::Clock;
use super::framing::Framing;
use super::measure::{Outcome, STALL};
use super::progress::Bar;
use super::publisher::{Load, Publisher};
use super::stamp::Phases;
use super::target::{Target, Via};
use super::totals::Totals;
use super::window::Window;
use super::worker::{Worker, join};

/// How long one probe is waited for, and how many are sent, before the subscribers are believed to get nothing.
const PROBE_WAIT: Duration = Duration::from_millis(500);
const PROBES: u32 = 20;

/// Whom to connect to, and how many.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    pub(super) subscribe: Target,
    pub(super) via: Via,
    pub(super) publish: Target,
    /// Whether the server passes on frames as they are.
    pub(super) passes: bool,
    pub(super) subscribers: usize,
    /// More subscribers, which never read what they are sent.
    pub(super) stalled: usize,
    pub(super) threads: usize,
}

/// The connections of one round.
pub(super) struct Fanout {
    workers: Vec<Worker>,
    /// Never given a turn, so its clients never read.
    _stalled: Vec<Worker>,
    publisher: Publisher,
    subscribers: u32,
    clock: Clock,
}

impl Fanout {
    /// Connects all, and sends probes until one has reached every subscriber.
    pub(super) fn connect(
        stage: &Stage,
        size: usize,
        phases: &mut Phases,
        bar: &Bar,
    ) -> anyhow::Result<Fanout> {
        let clock = Clock::start();
        let workers = Worker::crew(
            &stage.subscribe,
            stage.via,
            size,
            stage.threads,
            stage.subscribers,
            clock,
        )?;
        let stalled = Worker::crew(&stage.subscribe, stage.via, size, 1, stage.stalled, clock)?;
        let framing = if stage.passes {
            Framing::passed(size)
        } else {
            stage.publish.framing(0, stage.publish.via(), size)
        };
        let publisher = Publisher::connect(&stage.publish, framing, size, clock)?;
        let subscribers = u32::try_from(stage.subscribers)?;
        let mut fanout = Fanout {
            workers,
            _stalled: stalled,
            publisher,
            subscribers,
            clock,
        };
        let probe = Load {
            size,
            burst: 1,
            window: 1,
            rate: None,
            messages: Some(1),
            duration: STALL,
        };
        for _ in 0..PROBES {
            let outcome = fanout.run(phases.next(), &probe, PROBE_WAIT, bar)?;
            if outcome.totals.counts.lost == 0 {
                return Ok(fanout);
            }
        }
        bail!(
            "of {PROBES} messages sent, none reached all {} subscribers",
            stage.subscribers
        )
    }

    /// Sends and receives one phase; ends when all has arrived or nothing more does for `stall`.
    pub(super) fn run(
        &mut self,
        phase: u32,
        load: &Load,
        stall: Duration,
        bar: &Bar,
    ) -> anyhow::Result<Outcome> {
        let bursts = (load.window / load.burst).max(1);
        let window = Window::new(self.subscribers, load.burst, bursts, self.publisher.waker());
        let (stop, done) = (AtomicBool::new(false), AtomicBool::new(false));
        let wakers: Vec<_> = self.workers.iter().map(Worker::waker).collect();
        let publisher_waker = self.publisher.waker();
        let began = self.clock.now();
        let main = thread::current();
        let sent = thread::scope(|scope| {
            let (window, done, stop, main) = (&window, &done, &stop, &main);
            let readers: Vec<_> = self
                .workers
                .iter_mut()
                .map(|worker| {
                    scope.spawn(move || {
                        let result = receive(worker, phase, window, done);
                        main.unpark();
                        result
                    })
                })
                .collect();
            let publisher = &mut self.publisher;
            let sending = scope.spawn(move || {
                let result = publisher.send(phase, load, window, stop);
                main.unpark();
                result
            });
            let mut moved = (0, Instant::now());
            loop {
                thread::park_timeout(Duration::from_millis(10));
                bar.tick();
                let (launched, completed) = (window.launched(), window.completed());
                let waiting = launched > completed;
                if !waiting || completed != moved.0 {
                    moved = (completed, Instant::now());
                }
                let all = sending.is_finished() && !waiting;
                let broken = readers.iter().any(|reader| reader.is_finished());
                if all || broken || moved.1.elapsed() > stall {
                    break;
                }
            }
            stop.store(true, Ordering::Relaxed);
            done.store(true, Ordering::Relaxed);
            publisher_waker.wake()?;
            wakers.iter().try_for_each(|waker| waker.wake())?;
            readers.into_iter().try_for_each(join)?;
            join(sending)
        })?;
        let mut totals = Totals::new()?;
        for worker in &mut self.workers {
            worker.totals.counts.lost = worker
                .clients
                .iter()
                .map(|client| client.tracker.lost(sent))
                .sum();
            totals.add(&worker.totals)?;
        }
        let elapsed = Duration::from_nanos(totals.counts.last.saturating_sub(began));
        Ok(Outcome {
            sent: u64::from(sent),
            totals,
            elapsed,
        })
    }
}

fn receive(worker: &mut Worker, phase: u32, window: &Window, done: &AtomicBool) -> anyhow::Result<()> {
    worker.start(phase);
    while !done.load(Ordering::Relaxed) && worker.totals.counts.closed == 0 {
        worker.turn(Duration::from_millis(100), |_, advance| {
            window.advance(advance.seqs)
        })?;
    }
    Ok(())
}

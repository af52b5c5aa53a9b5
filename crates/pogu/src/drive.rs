//! The loop around a lane: hands in sockets that are ready, and has it look at the clock.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::io::unix::AsyncFd;
use tokio::time::sleep_until;

use crate::errand::Errand;
use crate::given_back::GivenBack;
use crate::lane::{Lane, Ready};
use crate::listener::Incoming;
use crate::udp;

/// Events taken from the poller at once.
const EVENTS: usize = 1024;
/// Turns in a row before the runtime's other tasks get theirs.
const TURNS_IN_A_ROW: usize = 8;
/// How long a lane waits before it looks again whether the hub has room.
const CONGESTION_PAUSE: Duration = Duration::from_millis(1);
/// The poller's name of the lane's waker.
pub(crate) const WAKER: mio::Token = mio::Token(usize::MAX);

/// What other threads tell a lane.
#[derive(Debug)]
pub(crate) enum Command {
    /// Serve a connection.
    Serve(Incoming),
    /// Do what a request on another lane asks of a session here.
    Errand(Errand),
    /// Tell every client that the server stops, and end when all have gone.
    ShutDown,
}

/// A lane as other threads see it.
#[derive(Debug)]
pub(crate) struct Handle {
    /// `None` once the lane has ended.
    commands: Mutex<Option<Vec<Command>>>,
    waker: mio::Waker,
    /// Connections on this lane, for the acceptor's choice.
    pub(crate) load: std::sync::atomic::AtomicUsize,
}

impl Handle {
    pub(crate) fn new(waker: mio::Waker) -> Self {
        Self {
            commands: Mutex::new(Some(Vec::new())),
            waker,
            load: 0.into(),
        }
    }

    /// Tells the lane something, unless it has ended; then whoever waits for an answer sees that none comes.
    pub(crate) fn send(&self, command: Command) {
        if let Some(commands) = &mut *self.commands() {
            commands.push(command);
        }
        self.wake();
    }

    fn commands(&self) -> MutexGuard<'_, Option<Vec<Command>>> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a turn, from any thread.
    pub(crate) fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            tracing::error!(%error, "a lane cannot be woken");
        }
    }

    fn take(&self) -> Vec<Command> {
        self.commands().as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The lane has ended: nothing is told it any more.
    fn close(&self) {
        *self.commands() = None;
    }
}

thread_local! {
    /// The lane that runs on this thread.
    static CURRENT: Cell<usize> = const { Cell::new(usize::MAX) };
    /// Whether something came into its inbox since it was last drained.
    static WOKEN: Cell<bool> = const { Cell::new(false) };
}

/// Notes that the inbox of `lane` has something, if the lane runs on this thread: then no other needs to wake it.
pub(crate) fn note_woken(lane: usize) -> bool {
    let is_current = CURRENT.get() == lane;
    if is_current {
        WOKEN.set(true);
    }
    is_current
}

/// Whether something came into the inbox of this thread's lane since this was last asked.
pub(crate) fn take_woken() -> bool {
    WOKEN.take()
}

/// All lanes of a server, by number.
pub(crate) type Lanes = Arc<[Arc<Handle>]>;

/// A lane shared by the tasks of its thread; borrowed for a moment, never over an await.
pub(crate) type Shared = Rc<RefCell<Lane>>;

/// Runs a lane until it was told to shut down and its last peer has gone.
pub(crate) async fn drive(
    lane: Shared,
    poll: mio::Poll,
    handle: Arc<Handle>,
    serve: impl Fn(&Shared, Incoming),
    serve_on: impl Fn(&Shared, GivenBack),
) -> io::Result<()> {
    CURRENT.set(usize::from(lane.borrow().core.index));
    let mut poll = watch(poll)?;
    let mut events = mio::Events::with_capacity(EVENTS);
    let mut ready: Vec<Ready> = Vec::with_capacity(EVENTS);
    let mut datagrams: Vec<usize> = Vec::new();
    let signals = lane.borrow().core.signals.clone();
    let began = lane.borrow().began;
    let mut timer = pin!(sleep_until((began + Duration::from_secs(1)).into()));
    let mut busy_turns = 0;
    loop {
        poll.get_mut().poll(&mut events, Some(Duration::ZERO))?;
        ready.clear();
        let mut woken = false;
        for event in &events {
            match event.token() {
                WAKER => woken = true,
                token if token.0 >= udp::FIRST_TOKEN => {
                    let index = token.0 - udp::FIRST_TOKEN;
                    if event.is_readable() && !datagrams.contains(&index) {
                        datagrams.push(index);
                    }
                }
                token => ready.push(Ready {
                    slot: token.0,
                    readable: event.is_readable() || event.is_error(),
                    writable: event.is_writable(),
                    ended: event.is_read_closed(),
                }),
            }
        }
        let drained = ready.len() + datagrams.len() + 1 < EVENTS;
        let now = Instant::now();
        lane.borrow_mut().look_at_clock();
        if woken {
            for command in handle.take() {
                match command {
                    Command::Serve(incoming) => serve(&lane, incoming),
                    Command::Errand(errand) => lane.borrow_mut().run_errand(errand),
                    Command::ShutDown => lane.borrow_mut().shut_down(),
                }
            }
        }
        let (deadline, more) = {
            let mut lane = lane.borrow_mut();
            datagrams.retain(|index| lane.receive_datagrams(*index));
            lane.turn(&ready);
            lane.core.counters.turn(now.elapsed());
            handle
                .load
                .store(lane.connections(), std::sync::atomic::Ordering::Relaxed);
            if lane.shutting_down && lane.peers.is_empty() && lane.tasks == 0 {
                handle.close();
                return Ok(());
            }
            let more = lane.has_dirty() || lane.core.has_settles() || !datagrams.is_empty() || take_woken();
            let pause = lane.has_held().then(|| {
                if lane.core.hub.congested() {
                    now + CONGESTION_PAUSE
                } else {
                    now
                }
            });
            let timer = lane.timers.next().map(|at| began + Duration::from_millis(at.0));
            ([pause, timer].into_iter().flatten().min(), more)
        };
        let given_back = std::mem::take(&mut lane.borrow_mut().given_back);
        for socket in given_back {
            serve_on(&lane, socket);
        }
        let at_once = more || !drained || deadline.is_some_and(|at| at <= now);
        busy_turns = if at_once { busy_turns + 1 } else { 0 };
        if at_once && busy_turns < TURNS_IN_A_ROW {
            continue;
        }
        if at_once {
            busy_turns = 0;
            tokio::task::yield_now().await;
            continue;
        }
        // A day is as good as never.
        let deadline = deadline.unwrap_or(now + Duration::from_secs(86_400)).into();
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        poll_fn(|context| {
            if signals.take_nudge(context.waker()) || timer.as_mut().poll(context).is_ready() {
                return Poll::Ready(Ok(()));
            }
            match poll.poll_read_ready_mut(context) {
                Poll::Ready(Ok(mut guard)) => {
                    guard.clear_ready();
                    Poll::Ready(Ok(()))
                }
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Pending => Poll::Pending,
            }
        })
        .await?;
    }
}

/// Has the runtime see the lane's poller as one descriptor that becomes readable.
#[expect(
    unsafe_code,
    reason = "the one way to have tokio watch a descriptor that is not its own"
)]
fn watch(poll: mio::Poll) -> io::Result<AsyncFd<mio::Poll>> {
    // SAFETY: `mio::Poll` owns its epoll descriptor, opens it when it is made, closes it when it is dropped and never changes it;
    // `as_raw_fd` returns that descriptor each time. The `AsyncFd` owns the `Poll` and no other code is given it.
    Ok(unsafe { AsyncFd::register_with_interest(poll, tokio::io::Interest::READABLE)? })
}

//! Bringing messages to a server, each once, whatever becomes of the connections on the way.

mod http;
mod line;
mod pipelined;
mod udp;

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tracing::{debug, warn};

use self::http::HttpPublisher;
use self::pipelined::PipelinedPublisher;
use self::udp::UdpPublisher;
use crate::backoff::Backoff;
use crate::limits::{DRAFTS_WAITING_MAX, GOODBYE_MAX};
use crate::{Error, Options, Target, Via};

/// A message to be published.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// The topic; by [`Via::Stomp`] also a destination, as `/queue/jobs`.
    pub topic: String,
    /// The body.
    pub body: Bytes,
    /// The event's name.
    pub event: Option<String>,
    /// The content type; without one the server takes the body for text if it is UTF-8.
    pub content_type: Option<String>,
    /// The idempotency key: a server that has seen it takes nothing and answers as it did then. Without one, a random key is
    /// made, so that a message that is sent again after a cut is not doubled.
    pub key: Option<String>,
}

/// What became of a published message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// Its place in the server's order; a STOMP server other than pogu does not tell it.
    pub cursor: Option<String>,
}

/// A receipt that is on its way.
#[derive(Debug)]
pub struct Pending(oneshot::Receiver<Result<Receipt, Error>>);

/// Publishes messages in order, over connections that it makes as it needs them.
///
/// A message whose answer is lost is sent again with the same key until it is answered or [`Options::publish_timeout`] has passed.
/// Over a WebSocket and TCP up to a few hundred messages are on their way at once; over HTTP and UDP one.
#[derive(Debug)]
pub struct Publisher {
    jobs: mpsc::Sender<Job>,
    task: JoinHandle<()>,
    keys: Keys,
    timeout: Duration,
    /// What connecting took of the first message's time.
    spent: Duration,
}

/// A message on its way, with where to tell what became of it.
#[derive(Debug)]
struct Job {
    draft: Draft,
    key: String,
    /// When to give up.
    deadline: Instant,
    answer: oneshot::Sender<Result<Receipt, Error>>,
}

impl Job {
    /// Tells what became of the message; a caller that no longer wants to know is none of our business.
    fn tell(self, result: Result<Receipt, Error>) {
        let _ = self.answer.send(result);
    }
}

/// Where publications go and how.
#[derive(Clone, Debug)]
struct Plan {
    target: Target,
    options: Options,
}

impl Plan {
    /// The time of a message passed before there was `what`.
    fn overdue(&self, what: &'static str, via: Via) -> Error {
        Error::Overdue {
            what,
            via,
            address: self.target.authority(),
            within: self.options.publish_timeout,
        }
    }
}

/// Random keys: a random prefix and a number.
#[derive(Debug)]
struct Keys {
    prefix: u64,
    next: u64,
}

impl Keys {
    fn new() -> Result<Self, Error> {
        let prefix = getrandom::u64()
            .map_err(|error| Error::Unsupported(format!("the system gives no random numbers: {error}")))?;
        Ok(Self { prefix, next: 0 })
    }

    fn next(&mut self) -> String {
        self.next += 1;
        format!("{:016x}-{}", self.prefix, self.next)
    }
}

impl Publisher {
    /// Connects to the server; with [`Options::insist`] again and again, until [`Options::publish_timeout`] has passed.
    ///
    /// # Errors
    ///
    /// No connection came about, or nothing can be published by this way.
    pub async fn connect(target: &Target, via: Via, options: Options) -> Result<Self, Error> {
        let timeout = options.publish_timeout;
        let plan = Plan {
            target: target.clone(),
            options,
        };
        let keys = Keys::new()?;
        debug!(%via, target = %plan.target, "publishing");
        let begun = Instant::now();
        let (jobs, task) = connect(&plan, via, begun + timeout).await?;
        Ok(Self {
            jobs,
            task,
            keys,
            timeout,
            spent: begun.elapsed(),
        })
    }

    /// Sends a message on its way, in the order of the calls, and returns once there is room for it.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] if the publisher has ended.
    pub async fn publish(&mut self, draft: Draft) -> Result<Pending, Error> {
        let (answer, pending) = oneshot::channel();
        let key = draft.key.clone().unwrap_or_else(|| self.keys.next());
        let job = Job {
            draft,
            key,
            deadline: Instant::now() + self.timeout.saturating_sub(std::mem::take(&mut self.spent)),
            answer,
        };
        self.jobs.send(job).await.map_err(|_| Error::Closed)?;
        Ok(Pending(pending))
    }

    /// Waits until all that was sent is answered or given up, and says goodbye to the server.
    pub async fn close(self) {
        drop(self.jobs);
        // A task that failed has told so to those who wait for receipts.
        let _ = self.task.await;
    }
}

/// The task that publishes, and the way to it.
type Begun = (mpsc::Sender<Job>, JoinHandle<()>);

/// Connects until it succeeds, fails for good or the time is up; once only, unless it is to insist.
async fn connect(plan: &Plan, via: Via, deadline: Instant) -> Result<Begun, Error> {
    let mut backoff = Backoff::new(plan.options.backoff_base, plan.options.backoff_cap);
    let mut trouble = None;
    loop {
        let error = match timeout_at(deadline, start(plan.clone(), via)).await {
            Ok(Ok(begun)) => return Ok(begun),
            Ok(Err(error)) => error,
            Err(_) => return Err(trouble.unwrap_or_else(|| plan.overdue("connection", via))),
        };
        // Where another program listens, it still does at the next attempt.
        let is_final = error.is_final() || matches!(error, Error::Violation(_));
        if is_final || !plan.options.insist {
            return Err(error);
        }
        if trouble.is_none() {
            warn!("{error}; trying for {:?}", plan.options.publish_timeout);
        }
        trouble = Some(error);
        sleep_until(deadline.min(Instant::now() + backoff.next())).await;
    }
}

/// Connects, and begins to take messages.
async fn start(plan: Plan, via: Via) -> Result<Begun, Error> {
    let (sender, jobs) = mpsc::channel(DRAFTS_WAITING_MAX);
    let task = match via {
        Via::Http | Via::Auto => tokio::spawn(HttpPublisher::connect(plan).await?.run(jobs)),
        Via::Ws | Via::Tcp | Via::Stomp | Via::SocketIo | Via::SockJs => {
            tokio::spawn(PipelinedPublisher::connect(plan, via).await?.run(jobs))
        }
        Via::Udp => tokio::spawn(UdpPublisher::connect(plan).await?.run(jobs)),
        Via::Sse | Via::Stream | Via::LongPoll | Via::Poll => {
            let why = format!(
                "{via} carries messages from the server only; publish by http, ws, tcp, udp, stomp, socketio or sockjs"
            );
            return Err(Error::Unsupported(why));
        }
    };
    Ok((sender, task))
}

impl Future for Pending {
    type Output = Result<Receipt, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.get_mut().0).poll(cx));
        Poll::Ready(answer.unwrap_or(Err(Error::Closed)))
    }
}

/// Gives a goodbye its time.
async fn goodbye(saying: impl Future<Output = Result<(), Error>>) {
    // A server that does not hear it notices the end of the connection.
    let _ = timeout(GOODBYE_MAX, saying).await;
}

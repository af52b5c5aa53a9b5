use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tracing::{debug, info};

use crate::backoff::Backoff;
use crate::deliveries::Deliveries;
use crate::ladder::Ladder;
use crate::limits::{EVENTS_WAITING_MAX, GOODBYE_MAX, SETTLED_WAITING_MAX};
use crate::link::{Link, Plan, Step};
use crate::stomp::is_queue;
use crate::{Error, Gap, Message, Options, Target, Via};

/// A link that lived so long was a good one even if no message came.
const GOOD_LIFE: Duration = Duration::from_secs(60);

/// A subscription to a topic or pattern that outlives its connections.
///
/// A connection that breaks is made anew after a random wait that grows, and resumes after the last message that was
/// delivered: while the server's history reaches back, nothing is lost and nothing comes twice. Where history does not
/// reach back, [`Event::Gap`] says so. Over UDP, which promises nothing, datagrams can be lost.
///
/// It reads in a task of its own: while [`Subscriber::next`] is not called, at most a few hundred messages wait here and the
/// others on the server.
///
/// # Queues
///
/// By [`Via::Stomp`] it also takes messages of a queue, each of which one subscriber gets. One that comes is to be
/// [acknowledged](Subscriber::acknowledge) when it is done with; those that are not when the subscriber ends go to others. A
/// connection that breaks doubles nothing here; but what was not acknowledged when it broke may go to another subscriber as well.
#[derive(Debug)]
pub struct Subscriber {
    events: mpsc::Receiver<Result<Event, Error>>,
    /// Cursors of messages of a queue that are done with.
    settled: Option<mpsc::Sender<String>>,
    task: JoinHandle<()>,
}

/// What happens to a subscription.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A connection is there; the first event, and again after each [`Event::Lost`].
    Open {
        /// The way it goes; never [`Via::Auto`].
        via: Via,
    },
    /// A message arrived.
    Message(Message),
    /// Messages were lost.
    Gap(Gap),
    /// The connection broke, or could not be made anew.
    Lost {
        /// Why.
        error: Error,
        /// When the next attempt is made.
        retry_in: Duration,
    },
}

impl Subscriber {
    /// Subscribes to `pattern` and waits for the first connection.
    ///
    /// `after` is a cursor, `earliest` or `last:N`; without it, messages are those from now on.
    ///
    /// # Errors
    ///
    /// The first connection did not come about, or the server refused the pattern or `after`. A queue has no `after`.
    pub async fn connect(
        target: &Target,
        pattern: &str,
        after: Option<&str>,
        via: Via,
        options: Options,
    ) -> Result<Self, Error> {
        let plan = Plan {
            target: target.clone(),
            pattern: pattern.to_owned(),
            options,
            choosy: via == Via::Auto,
        };
        let queue = via == Via::Stomp && is_queue(pattern);
        if queue && after.is_some() {
            return Err(Error::Unsupported(format!(
                "{pattern} is a queue: it begins with the oldest message that nobody has taken, and with no other"
            )));
        }
        let mut ladder = Ladder::new(via);
        let after = after.map(str::to_owned);
        let opening = open(&plan, &mut ladder, after.as_deref());
        let opened = match plan.options.opening_timeout {
            Some(limit) => timeout(limit, opening).await.map_err(|_| limit),
            None => Ok(opening.await),
        };
        let link = opened.map_err(|within| Error::Overdue {
            what: "subscription",
            via: ladder.current(),
            address: plan.target.authority(),
            within,
        })??;
        let (sender, events) = mpsc::channel(EVENTS_WAITING_MAX);
        let (settled, settling) = match queue {
            true => {
                let (sender, receiver) = mpsc::channel(SETTLED_WAITING_MAX);
                (Some(sender), Some(receiver))
            }
            false => (None, None),
        };
        let backoff = Backoff::new(plan.options.backoff_base, plan.options.backoff_cap);
        let runner = Runner {
            plan,
            ladder,
            after,
            lost_place: false,
            backoff,
            sender,
            settling,
            deliveries: Deliveries::default(),
        };
        let task = tokio::spawn(runner.run(link));
        Ok(Self {
            events,
            settled,
            task,
        })
    }

    /// The next event. May be cancelled at any time: no event is lost by that.
    ///
    /// # Errors
    ///
    /// The server answered that trying again cannot help; after that, [`Error::Closed`].
    pub async fn next(&mut self) -> Result<Event, Error> {
        self.events.recv().await.unwrap_or(Err(Error::Closed))
    }

    /// The next event if it has come already.
    pub fn try_next(&mut self) -> Option<Result<Event, Error>> {
        self.events.try_recv().ok()
    }

    /// The next message, passing over all other events.
    ///
    /// # Errors
    ///
    /// As [`Subscriber::next`].
    pub async fn next_message(&mut self) -> Result<Message, Error> {
        loop {
            if let Event::Message(message) = self.next().await? {
                return Ok(message);
            }
        }
    }

    /// Whether its messages are to be acknowledged, being those of a queue.
    pub fn acknowledges(&self) -> bool {
        self.settled.is_some()
    }

    /// Tells a queue that one of its messages is done with. Of a topic's messages nobody is told.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] if the subscriber has ended.
    pub async fn acknowledge(&mut self, message: &Message) -> Result<(), Error> {
        let Some(settled) = &self.settled else {
            return Ok(());
        };
        let cursor = message.cursor.clone();
        settled.send(cursor).await.map_err(|_| Error::Closed)
    }

    /// Says goodbye to the server, for a second at most, after what was acknowledged. Dropping a subscriber does the same in
    /// the background.
    pub async fn close(self) {
        drop(self.events);
        // The task ends by itself soon after; waiting longer would help nobody.
        let _ = timeout(GOODBYE_MAX * 2, self.task).await;
    }
}

/// Opens a link by the way the ladder is at, or by one further down.
async fn open(plan: &Plan, ladder: &mut Ladder, after: Option<&str>) -> Result<Link, Error> {
    loop {
        let via = ladder.current();
        let error = match Link::open(plan, via, after).await {
            Ok(link) => {
                debug!(%via, target = %plan.target, pattern = plan.pattern, after, "subscribed");
                return Ok(link);
            }
            Err(error) => error,
        };
        if !ladder.refused(&error) {
            return Err(error);
        }
        info!(%error, "{via} does not work here, trying {}", ladder.current());
    }
}

/// The task behind a subscriber.
struct Runner {
    plan: Plan,
    ladder: Ladder,
    /// Where to resume: the last cursor that was delivered, or where the caller asked to begin.
    after: Option<String>,
    /// The current link goes on from now, as nobody knew where the last one ended.
    lost_place: bool,
    backoff: Backoff,
    sender: mpsc::Sender<Result<Event, Error>>,
    /// Of a queue: what the caller is done with.
    settling: Option<mpsc::Receiver<String>>,
    deliveries: Deliveries,
}

/// The caller dropped the subscriber.
struct Gone;

impl Runner {
    async fn run(mut self, link: Link) {
        let mut link = link;
        // Either nobody listens any more, or the last error was told.
        while let Ok(Some(next)) = self.live(link).await {
            link = next;
        }
    }

    /// Delivers from one link to its end and returns the next; `None` after a final error.
    async fn live(&mut self, mut link: Link) -> Result<Option<Link>, Gone> {
        let start = Instant::now();
        let mut brought = false;
        let Ok(error) = self.deliver(&mut link, &mut brought).await else {
            self.leave(link).await;
            return Err(Gone);
        };
        drop(link);
        self.deliveries.cut();
        let fruitful = brought || start.elapsed() >= GOOD_LIFE;
        if fruitful {
            self.backoff.reset();
        }
        self.ladder.broke(fruitful);
        self.reopen(error).await
    }

    /// Delivers until the link breaks, and returns why; `brought` is whether it had brought something.
    async fn deliver(&mut self, link: &mut Link, brought: &mut bool) -> Result<Error, Gone> {
        self.tell(Ok(Event::Open {
            via: self.ladder.current(),
        }))
        .await?;
        if std::mem::take(&mut self.lost_place) {
            let topic = self.plan.pattern.clone();
            self.tell(Ok(Event::Gap(Gap { topic, missed: None }))).await?;
        }
        loop {
            if let Err(error) = link.acknowledge(&mut self.deliveries) {
                return Ok(error);
            }
            let step = tokio::select! {
                step = link.next(&self.plan) => step,
                cursor = settled(&mut self.settling) => {
                    self.deliveries.settle(&cursor);
                    continue;
                }
                () = self.sender.closed() => return Err(Gone),
            };
            *brought |= matches!(step, Ok(Step::Message(_) | Step::Delivery { .. } | Step::Gap(_)));
            match step {
                Ok(Step::Message(message)) => {
                    if self.after.as_ref() != Some(&message.cursor) {
                        self.after = Some(message.cursor.clone());
                        self.tell(Ok(Event::Message(message))).await?;
                    }
                }
                Ok(Step::Delivery { message, ack }) => match self.deliveries.arrived(&message, ack) {
                    Ok(true) => self.tell(Ok(Event::Message(message))).await?,
                    Ok(false) => {}
                    Err(error) => return Ok(error),
                },
                Ok(Step::Gap(gap)) => self.tell(Ok(Event::Gap(gap))).await?,
                Ok(Step::Position(cursor)) => self.after = Some(cursor),
                Err(error) => return Ok(error),
            }
        }
    }

    /// Tries until there is a link again or trying cannot help.
    async fn reopen(&mut self, mut error: Error) -> Result<Option<Link>, Gone> {
        loop {
            if error.is_final() {
                self.tell(Err(error)).await?;
                return Ok(None);
            }
            let retry_in = self.backoff.next();
            self.tell(Ok(Event::Lost { error, retry_in })).await?;
            error = match self.attempt(retry_in).await? {
                Ok(link) => {
                    // It begins at another place than where the last one ended.
                    self.lost_place = self.after.is_none() && self.settling.is_none();
                    return Ok(Some(link));
                }
                Err(error) => error,
            };
            if !matches!(error, Error::Connect { .. } | Error::Resolve { .. }) {
                self.ladder.restart();
            }
        }
    }

    /// Opens a link after a wait.
    async fn attempt(&mut self, wait: Duration) -> Result<Result<Link, Error>, Gone> {
        let Self {
            plan,
            ladder,
            after,
            sender,
            settling,
            deliveries,
            ..
        } = self;
        let attempt = async {
            sleep(wait).await;
            open(plan, ladder, after.as_deref()).await
        };
        tokio::pin!(attempt);
        loop {
            tokio::select! {
                result = &mut attempt => return Ok(result),
                cursor = settled(settling) => deliveries.settle(&cursor),
                () = sender.closed() => return Err(Gone),
            }
        }
    }

    /// Tells the caller, and hears meanwhile what it is done with: it may do that first.
    async fn tell(&mut self, event: Result<Event, Error>) -> Result<(), Gone> {
        loop {
            tokio::select! {
                permit = self.sender.reserve() => {
                    permit.map_err(|_| Gone)?.send(event);
                    return Ok(());
                }
                cursor = settled(&mut self.settling) => self.deliveries.settle(&cursor),
            }
        }
    }

    /// Says goodbye after what the caller is done with.
    async fn leave(&mut self, mut link: Link) {
        while let Some(Ok(cursor)) = self.settling.as_mut().map(mpsc::Receiver::try_recv) {
            self.deliveries.settle(&cursor);
        }
        // A server that does not hear it notices the end of the connection.
        let _ = link.acknowledge(&mut self.deliveries);
        let _ = timeout(GOODBYE_MAX, link.close(&self.plan)).await;
    }
}

/// The next cursor that the caller is done with, of a queue. Can be cancelled without loss.
async fn settled(settling: &mut Option<mpsc::Receiver<String>>) -> String {
    if let Some(settling) = settling
        && let Some(cursor) = settling.recv().await
    {
        return cursor;
    }
    std::future::pending().await
}

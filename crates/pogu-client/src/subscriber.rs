use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tracing::{debug, info};

use crate::backoff::Backoff;
use crate::ladder::Ladder;
use crate::limits::{EVENTS_WAITING_MAX, GOODBYE_MAX};
use crate::link::{Link, Plan, Step};
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
#[derive(Debug)]
pub struct Subscriber {
    events: mpsc::Receiver<Result<Event, Error>>,
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
    /// The first connection did not come about, or the server refused the pattern or `after`.
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
        let mut ladder = Ladder::new(via);
        let after = after.map(str::to_owned);
        let link = open(&plan, &mut ladder, after.as_deref()).await?;
        let (sender, events) = mpsc::channel(EVENTS_WAITING_MAX);
        let backoff = Backoff::new(plan.options.backoff_base, plan.options.backoff_cap);
        let runner = Runner {
            plan,
            ladder,
            after,
            backoff,
            sender,
        };
        let task = tokio::spawn(runner.run(link));
        Ok(Self { events, task })
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

    /// Says goodbye to the server, for a second at most. Dropping a subscriber does the same in the background.
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
    backoff: Backoff,
    sender: mpsc::Sender<Result<Event, Error>>,
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
        self.tell(Ok(Event::Open {
            via: self.ladder.current(),
        }))
        .await?;
        let start = Instant::now();
        let mut brought = false;
        let error = loop {
            let step = tokio::select! {
                step = link.next(&self.plan) => step,
                () = self.sender.closed() => {
                    // A server that does not hear the goodbye notices the end of the connection.
                    let _ = timeout(GOODBYE_MAX, link.close(&self.plan)).await;
                    return Err(Gone);
                }
            };
            match step {
                Ok(Step::Message(message)) => {
                    brought = true;
                    if self.after.as_ref() != Some(&message.cursor) {
                        self.after = Some(message.cursor.clone());
                        self.tell(Ok(Event::Message(message))).await?;
                    }
                }
                Ok(Step::Gap(gap)) => {
                    brought = true;
                    self.tell(Ok(Event::Gap(gap))).await?;
                }
                Ok(Step::Position(cursor)) => self.after = Some(cursor),
                Err(error) => break error,
            }
        };
        drop(link);
        let fruitful = brought || start.elapsed() >= GOOD_LIFE;
        if fruitful {
            self.backoff.reset();
        }
        self.ladder.broke(fruitful);
        self.reopen(error).await
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
            let attempt = async {
                sleep(retry_in).await;
                open(&self.plan, &mut self.ladder, self.after.as_deref()).await
            };
            let result = tokio::select! {
                result = attempt => result,
                () = self.sender.closed() => return Err(Gone),
            };
            error = match result {
                Ok(link) => return Ok(Some(link)),
                Err(error) => error,
            };
            if !matches!(error, Error::Connect { .. } | Error::Resolve { .. }) {
                self.ladder.restart();
            }
        }
    }

    async fn tell(&self, event: Result<Event, Error>) -> Result<(), Gone> {
        self.sender.send(event).await.map_err(|_| Gone)
    }
}

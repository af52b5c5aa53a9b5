use std::collections::VecDeque;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::debug;

use super::line::{Answer, Line};
use super::{Job, Plan, goodbye};
use crate::backoff::Backoff;
use crate::limits::{BACKLOG_BYTES_MAX, IN_FLIGHT_MAX};
use crate::{Error, Via};

/// A conversation with many messages on their way.
#[derive(Debug)]
pub(super) struct PipelinedPublisher {
    plan: Plan,
    via: Via,
    line: Option<Line>,
    /// Sent, or to be sent again, and not answered; in order, each with its number in the conversation.
    in_flight: VecDeque<(u64, Job)>,
    backoff: Backoff,
    /// Why the last connection broke or did not come about.
    trouble: Option<Error>,
    /// The key of the message that was the first without an answer when the server last ended a connection for its policy.
    suspect: Option<String>,
}

/// Why a conversation was left.
enum Left {
    /// All was said.
    Done,
    Broken(Error),
    /// The oldest message was not answered in its time although the connection stands.
    Overdue,
}

impl PipelinedPublisher {
    pub(super) async fn connect(plan: Plan, via: Via) -> Result<Self, Error> {
        let line = Some(Line::open(&plan, via).await?);
        let backoff = Backoff::new(plan.options.backoff_base, plan.options.backoff_cap);
        Ok(Self {
            plan,
            via,
            line,
            in_flight: VecDeque::new(),
            backoff,
            trouble: None,
            suspect: None,
        })
    }

    pub(super) async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        loop {
            // Without anything to say, a lost connection is not made anew.
            if self.line.is_none() && self.in_flight.is_empty() {
                match jobs.recv().await {
                    Some(job) => self.in_flight.push_back((0, job)),
                    None => return,
                }
            }
            let Some(mut line) = self.reconnect().await else {
                continue;
            };
            match self.talk(&mut line, &mut jobs).await {
                Left::Done => return goodbye(line.close()).await,
                Left::Broken(error @ Error::TooLarge(_)) => self.give_up_largest(error),
                Left::Broken(error @ Error::Policy(_)) if self.is_first_again() => {
                    if let Some((_, job)) = self.in_flight.pop_front() {
                        job.tell(Err(error));
                    }
                }
                Left::Broken(error) => {
                    debug!(%error, waiting = self.in_flight.len(), "the connection broke");
                    self.trouble = Some(error);
                }
                Left::Overdue => {
                    let error = self.overdue();
                    if let Some((_, job)) = self.in_flight.pop_front() {
                        job.tell(Err(error));
                    }
                }
            }
        }
    }

    /// The conversation that there is, or a new one in which all that waits is said again; `None` once all that waits was given up.
    async fn reconnect(&mut self) -> Option<Line> {
        if let Some(line) = self.line.take() {
            return Some(line);
        }
        loop {
            let deadline = self.in_flight.front().map(|(_, job)| job.deadline)?;
            let attempt = async {
                // Also after a conversation that opened and broke, or a server that ends each would be met without end.
                sleep(self.backoff.next()).await;
                Line::open(&self.plan, self.via).await
            };
            let error = match timeout_at(deadline, attempt).await {
                Ok(Ok(mut line)) => {
                    for (_, job) in std::mem::take(&mut self.in_flight) {
                        self.say(&mut line, job);
                    }
                    return Some(line);
                }
                Ok(Err(error)) if !error.is_final() => {
                    debug!(%error, "trying again");
                    self.trouble = Some(error);
                    continue;
                }
                Ok(Err(error)) => error,
                Err(_) => self.overdue(),
            };
            let (_, job) = self.in_flight.pop_front()?;
            job.tell(Err(error));
        }
    }

    /// Says what comes and hears the answers.
    async fn talk(&mut self, line: &mut Line, jobs: &mut mpsc::Receiver<Job>) -> Left {
        loop {
            let oldest = self.in_flight.front().map(|(_, job)| job.deadline);
            let room = self.in_flight.len() < IN_FLIGHT_MAX && line.backlog() < BACKLOG_BYTES_MAX;
            tokio::select! {
                biased;
                job = jobs.recv(), if room => match job {
                    Some(job) => self.say(line, job),
                    None if self.in_flight.is_empty() => return Left::Done,
                    None => return self.drain(line).await,
                },
                answer = line.next() => match answer {
                    Ok(answer) => self.hear(answer),
                    Err(error) => return Left::Broken(error),
                },
                () = until(oldest) => return Left::Overdue,
            }
        }
    }

    fn say(&mut self, line: &mut Line, job: Job) {
        if let Err(error) = line.check(&job.draft) {
            return job.tell(Err(error));
        }
        let seq = line.send(&job.draft, &job.key);
        self.in_flight.push_back((seq, job));
    }

    /// Hears the last answers.
    async fn drain(&mut self, line: &mut Line) -> Left {
        while let Some((_, job)) = self.in_flight.front() {
            match timeout_at(job.deadline, line.next()).await {
                Ok(Ok(answer)) => self.hear(answer),
                Ok(Err(error)) => return Left::Broken(error),
                Err(_) => return Left::Overdue,
            }
        }
        Left::Done
    }

    /// Gives up the largest message: if one is above the server's limit, it is.
    fn give_up_largest(&mut self, error: Error) {
        let sizes = self.in_flight.iter().map(|(_, job)| job.draft.body.len());
        let Some((largest, _)) = sizes.enumerate().max_by_key(|(_, size)| *size) else {
            return;
        };
        if let Some((_, job)) = self.in_flight.remove(largest) {
            job.tell(Err(error));
        }
    }

    /// Whether the first message without an answer is the one that was it before: then the server ends connections for what it says.
    fn is_first_again(&mut self) -> bool {
        let first = self.in_flight.front().map(|(_, job)| job.key.clone());
        let before = std::mem::replace(&mut self.suspect, first);
        before.is_some() && before == self.suspect
    }

    /// Why the time of a message has passed: the last trouble, or else silence.
    fn overdue(&mut self) -> Error {
        let trouble = self.trouble.take();
        trouble.unwrap_or_else(|| self.plan.overdue("receipt", self.via))
    }

    fn hear(&mut self, answer: Answer) {
        let Answer { seq, result } = answer;
        // Answers come in order, so it is the first one, or nearly.
        let Some(index) = self.in_flight.iter().position(|(number, _)| *number == seq) else {
            return;
        };
        if let Some((_, job)) = self.in_flight.remove(index) {
            self.backoff.reset();
            self.trouble = None;
            job.tell(result);
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

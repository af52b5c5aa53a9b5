use std::borrow::Cow;
use std::collections::VecDeque;

use pogu_proto::pogu::Command;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::debug;

use super::{Draft, Job, Plan, Receipt, goodbye};
use crate::backoff::Backoff;
use crate::conversation::{Conversation, Reply};
use crate::limits::{BACKLOG_BYTES_MAX, IN_FLIGHT_MAX};
use crate::{Error, Via};

/// The pogu dialect over a WebSocket or TCP, with many messages on their way.
#[derive(Debug)]
pub(super) struct PoguPublisher {
    plan: Plan,
    via: Via,
    conversation: Option<Conversation>,
    /// Sent, or to be sent again, and not answered; in order, each with its number in the conversation.
    in_flight: VecDeque<(u64, Job)>,
    backoff: Backoff,
    /// Why the last connection broke or did not come about.
    trouble: Option<Error>,
}

/// Why a conversation was left.
enum Left {
    /// All was said.
    Done,
    Broken(Error),
    /// The oldest message was not answered in its time although the connection stands.
    Overdue,
}

pub(super) fn command<'a>(draft: &'a Draft, key: &'a str) -> Command<'a> {
    Command::Publish {
        topic: &draft.topic,
        event: draft.event.as_deref().map(Cow::Borrowed),
        content_type: draft.content_type.as_deref().map(Cow::Borrowed),
        key: Some(Cow::Borrowed(key)),
        body: &draft.body,
    }
}

impl PoguPublisher {
    pub(super) async fn connect(plan: Plan, via: Via) -> Result<Self, Error> {
        let conversation = Some(converse(&plan, via).await?);
        let backoff = Backoff::new(plan.options.backoff_base, plan.options.backoff_cap);
        Ok(Self {
            plan,
            via,
            conversation,
            in_flight: VecDeque::new(),
            backoff,
            trouble: None,
        })
    }

    pub(super) async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        loop {
            // Without anything to say, a lost connection is not made anew.
            if self.conversation.is_none() && self.in_flight.is_empty() {
                match jobs.recv().await {
                    Some(job) => self.in_flight.push_back((0, job)),
                    None => return,
                }
            }
            let Some(mut conversation) = self.reconnect().await else {
                continue;
            };
            match self.talk(&mut conversation, &mut jobs).await {
                Left::Done => return goodbye(conversation.close()).await,
                Left::Broken(error @ Error::TooLarge(_)) => self.give_up_largest(error),
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
    async fn reconnect(&mut self) -> Option<Conversation> {
        if let Some(conversation) = self.conversation.take() {
            return Some(conversation);
        }
        loop {
            let deadline = self.in_flight.front().map(|(_, job)| job.deadline)?;
            let attempt = async {
                // Also after a conversation that opened and broke, or a server that ends each would be met without end.
                sleep(self.backoff.next()).await;
                converse(&self.plan, self.via).await
            };
            let error = match timeout_at(deadline, attempt).await {
                Ok(Ok(mut conversation)) => {
                    for (seq, job) in &mut self.in_flight {
                        *seq = conversation.send(&command(&job.draft, &job.key));
                    }
                    return Some(conversation);
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
    async fn talk(&mut self, conversation: &mut Conversation, jobs: &mut mpsc::Receiver<Job>) -> Left {
        loop {
            let oldest = self.in_flight.front().map(|(_, job)| job.deadline);
            let room = self.in_flight.len() < IN_FLIGHT_MAX && conversation.backlog() < BACKLOG_BYTES_MAX;
            tokio::select! {
                biased;
                job = jobs.recv(), if room => match job {
                    Some(job) => {
                        let seq = conversation.send(&command(&job.draft, &job.key));
                        self.in_flight.push_back((seq, job));
                    }
                    None if self.in_flight.is_empty() => return Left::Done,
                    None => return self.drain(conversation).await,
                },
                reply = conversation.next() => match reply {
                    Ok(reply) => self.hear(reply),
                    Err(error) => return Left::Broken(error),
                },
                () = until(oldest) => return Left::Overdue,
            }
        }
    }

    /// Hears the last answers.
    async fn drain(&mut self, conversation: &mut Conversation) -> Left {
        while let Some((_, job)) = self.in_flight.front() {
            match timeout_at(job.deadline, conversation.next()).await {
                Ok(Ok(reply)) => self.hear(reply),
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

    /// Why the time of a message has passed: the last trouble, or else silence.
    fn overdue(&mut self) -> Error {
        let silent = Error::Silent {
            address: self.plan.target.authority(),
            after: self.plan.options.publish_timeout,
        };
        self.trouble.take().unwrap_or(silent)
    }

    fn hear(&mut self, reply: Reply) {
        let (seq, result) = match reply {
            Reply::Ok {
                seq,
                cursor: Some(cursor),
                ..
            } => (seq, Ok(Receipt { cursor })),
            Reply::Refused {
                seq: Some(seq),
                code,
                why,
            } => (seq, Err(Error::Refused { code, why })),
            _ => return,
        };
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

async fn converse(plan: &Plan, via: Via) -> Result<Conversation, Error> {
    match via {
        Via::Tcp => Conversation::tcp(&plan.target, &plan.options).await,
        _ => Conversation::ws(&plan.target, &plan.options).await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

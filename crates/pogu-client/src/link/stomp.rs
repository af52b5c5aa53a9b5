use std::collections::VecDeque;

use pogu_proto::stomp::{AckMode, Request};

use super::{Plan, Step};
use crate::limits::{BACKLOG_BYTES_MAX, EVENTS_WAITING_MAX, PREFETCH_MAX};
use crate::patience::within;
use crate::stomp::{Heard, Incoming, StompConversation, destination, ended, is_queue};
use crate::{Error, Gap};

/// What SUBSCRIBE is called, and its RECEIPT: there is one in a connection.
const ID: &str = "1";

/// STOMP over a WebSocket or TCP.
#[derive(Debug)]
pub(crate) struct StompLink {
    conversation: StompConversation,
    pattern: String,
    /// How its messages are acknowledged.
    ack: AckMode,
    /// What arrived and is not taken.
    waiting: VecDeque<Step>,
}

impl StompLink {
    /// Subscribes. With [`AckMode::ClientIndividual`], which is for queues, each message is a [`Step::Delivery`] to be acknowledged.
    pub(crate) async fn open(plan: &Plan, after: Option<&str>, ack: AckMode) -> Result<Self, Error> {
        let mut conversation = StompConversation::open(&plan.target, &plan.options).await?;
        let prefetch = plan.options.prefetch.clamp(1, PREFETCH_MAX).to_string();
        let header = match (after, is_queue(&plan.pattern)) {
            (_, true) => Some(("prefetch-count", prefetch.as_str())),
            (Some(after), false) => Some(("after", after)),
            (None, false) => None,
        };
        conversation.send(&Request::Subscribe {
            id: ID,
            destination: &destination(&plan.pattern),
            ack,
            receipt: Some(ID),
            headers: header.as_slice(),
        });
        let mut link = Self {
            conversation,
            pattern: plan.pattern.clone(),
            ack,
            waiting: VecDeque::new(),
        };
        let limit = plan.options.connect_timeout;
        within(limit, &plan.target.authority(), link.answered()).await?;
        Ok(link)
    }

    /// Waits for the answer to SUBSCRIBE.
    async fn answered(&mut self) -> Result<(), Error> {
        // A server that sends so much before its answer has subscribed us, whatever becomes of the answer.
        while self.waiting.len() < EVENTS_WAITING_MAX {
            match self.conversation.next().await? {
                Heard::Receipt { receipt, cursor } if receipt == ID => {
                    if let Some(start) = cursor {
                        self.waiting.push_front(Step::Position(start));
                    }
                    break;
                }
                Heard::Error {
                    receipt: Some(_),
                    message,
                    why,
                } => return Err(Error::Refused { code: message, why }),
                heard => self.keep(heard)?,
            }
        }
        Ok(())
    }

    /// The next thing that arrives. Can be cancelled without loss.
    pub(crate) async fn next(&mut self) -> Result<Step, Error> {
        loop {
            if let Some(step) = self.waiting.pop_front() {
                return Ok(step);
            }
            let heard = self.conversation.next().await?;
            self.keep(heard)?;
        }
    }

    /// Says that a message is done with; `ack` is that of its [`Step::Delivery`] on this link.
    pub(crate) fn acknowledge(&mut self, ack: &str) -> Result<(), Error> {
        if self.backlog() > BACKLOG_BYTES_MAX {
            return Err(Error::Violation(
                "the queue goes on delivering and takes no acknowledgements".into(),
            ));
        }
        self.conversation.send(&Request::Ack {
            id: ack,
            subscription: Some(ID),
            transaction: None,
            receipt: None,
        });
        Ok(())
    }

    /// Sends a message to where this link reads, whose outcome is only heard if it is a refusal.
    pub(crate) fn send(&mut self, body: &[u8]) {
        self.conversation.send(&Request::Send {
            destination: &destination(&self.pattern),
            content_type: None,
            transaction: None,
            receipt: None,
            headers: &[],
            body,
        });
    }

    /// Bytes that wait to be written.
    pub(crate) fn backlog(&self) -> usize {
        self.conversation.backlog()
    }

    pub(crate) async fn close(&mut self) -> Result<(), Error> {
        self.conversation.close().await
    }

    fn keep(&mut self, heard: Heard) -> Result<(), Error> {
        match heard {
            Heard::Connected | Heard::Receipt { .. } => {}
            Heard::Error { message, why, .. } => return Err(ended(&message, &why)),
            Heard::Message(incoming) => {
                let Incoming {
                    message,
                    ack,
                    missed,
                    gap,
                } = *incoming;
                if gap || missed > 0 {
                    self.waiting.push_back(Step::Gap(Gap {
                        topic: self.pattern.clone(),
                        missed: (!gap).then_some(missed),
                    }));
                }
                self.waiting.push_back(match self.ack {
                    AckMode::ClientIndividual => Step::Delivery { message, ack },
                    _ => Step::Message(message),
                });
            }
        }
        Ok(())
    }
}

use std::collections::VecDeque;

use super::{Plan, Step};
use crate::limits::EVENTS_WAITING_MAX;
use crate::patience::within;
use crate::publisher::Draft;
use crate::socketio::{Heard, SocketIoConversation};
use crate::{Error, Gap};

/// Socket.IO, in the namespace in which a pogu server takes subscriptions.
#[derive(Debug)]
pub(crate) struct SocketIoLink {
    conversation: SocketIoConversation,
    pattern: String,
    /// What arrived and is not taken.
    waiting: VecDeque<Step>,
}

impl SocketIoLink {
    pub(crate) async fn open(plan: &Plan, after: Option<&str>) -> Result<Self, Error> {
        let mut conversation = SocketIoConversation::open(&plan.target, &plan.options).await?;
        let asked = conversation.subscribe(&plan.pattern, after);
        let mut link = Self {
            conversation,
            pattern: plan.pattern.clone(),
            waiting: VecDeque::new(),
        };
        let limit = plan.options.connect_timeout;
        within(limit, &plan.target.authority(), link.answered(asked)).await?;
        Ok(link)
    }

    /// Waits for the answer to the subscription.
    async fn answered(&mut self, asked: u64) -> Result<(), Error> {
        // A server that sends so much before its answer has subscribed us, whatever becomes of the answer.
        while self.waiting.len() < EVENTS_WAITING_MAX {
            match self.conversation.next().await? {
                Heard::Answer { id, result } if id == asked => {
                    let answer = result?;
                    if answer.gap {
                        self.waiting.push_front(Step::Gap(Gap {
                            topic: self.pattern.clone(),
                            missed: None,
                        }));
                    }
                    if let Some(start) = answer.cursor {
                        self.waiting.push_front(Step::Position(start));
                    }
                    break;
                }
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

    /// Publishes to where this link reads; the outcome is only heard if it is a refusal.
    pub(crate) fn send(&mut self, body: &[u8]) {
        let draft = Draft {
            topic: self.pattern.clone(),
            body: body.to_vec().into(),
            ..Draft::default()
        };
        self.conversation.publish(&draft, None);
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
            Heard::Message(message) => self.waiting.push_back(Step::Message(*message)),
            Heard::Gap(gap) => self.waiting.push_back(Step::Gap(gap)),
            Heard::Answer { result, .. } => {
                result?;
            }
        }
        Ok(())
    }
}

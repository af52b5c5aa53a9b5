use std::collections::VecDeque;

use pogu_proto::pogu::Command;

use super::{Plan, Step};
use crate::Error;
use crate::conversation::{Conversation, Reply};
use crate::limits::EVENTS_WAITING_MAX;
use crate::patience::within;

/// The pogu dialect over a WebSocket, TCP or SockJS.
#[derive(Debug)]
pub(crate) struct PoguLink {
    conversation: Conversation,
    /// What came before the answer to SUB.
    waiting: VecDeque<Step>,
}

impl PoguLink {
    pub(crate) async fn open(
        plan: &Plan,
        after: Option<&str>,
        mut conversation: Conversation,
    ) -> Result<Self, Error> {
        let subscribe = Command::Subscribe {
            pattern: &plan.pattern,
            after,
            echo: true,
            token: None,
        };
        let seq = conversation.send(&subscribe);
        let mut waiting = VecDeque::new();
        let limit = plan.options.connect_timeout;
        let answered = async {
            // A server that sends so much before its answer has subscribed us, whatever becomes of the answer.
            while waiting.len() < EVENTS_WAITING_MAX {
                match conversation.next().await? {
                    Reply::Ok {
                        seq: answered,
                        cursor,
                        ..
                    } if answered == seq => return Ok(cursor),
                    Reply::Refused { code, why, .. } => return Err(Error::Refused { code, why }),
                    reply => waiting.extend(step(reply)),
                }
            }
            Ok(None)
        };
        let start = within(limit, &plan.target.authority(), answered).await?;
        if let Some(start) = start {
            waiting.push_front(Step::Position(start));
        }
        Ok(Self {
            conversation,
            waiting,
        })
    }

    /// The next thing that arrives. Can be cancelled without loss.
    pub(crate) async fn next(&mut self) -> Result<Step, Error> {
        loop {
            if let Some(step) = self.waiting.pop_front() {
                return Ok(step);
            }
            match self.conversation.next().await? {
                Reply::Refused { code, why, .. } => return Err(Error::Refused { code, why }),
                reply => self.waiting.extend(step(reply)),
            }
        }
    }

    /// Says a command besides, whose answer is only heard if it is a refusal.
    pub(crate) fn send(&mut self, command: &Command<'_>) {
        self.conversation.send(command);
    }

    /// Bytes that wait to be written.
    pub(crate) fn backlog(&self) -> usize {
        self.conversation.backlog()
    }

    pub(crate) async fn close(&mut self) -> Result<(), Error> {
        self.conversation.close().await
    }
}

fn step(reply: Reply) -> Option<Step> {
    match reply {
        Reply::Message(message) => Some(Step::Message(message)),
        Reply::Gap(gap) => Some(Step::Gap(gap)),
        _ => None,
    }
}

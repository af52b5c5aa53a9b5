use std::borrow::Cow;

use pogu_proto::pogu::Command;
use pogu_proto::stomp::Request;

use super::{Draft, Plan, Receipt};
use crate::conversation::{Conversation, Reply};
use crate::socketio::{self, SocketIoConversation};
use crate::stomp::{Heard, StompConversation, destination, ended};
use crate::{Error, Via};

/// A conversation in which messages are numbered and answered by number, many being on their way.
#[derive(Debug)]
pub(super) enum Line {
    Pogu(Conversation),
    Stomp {
        conversation: Box<StompConversation>,
        /// Messages sent so far; the number is what RECEIPT names.
        sent: u64,
    },
    SocketIo(Box<SocketIoConversation>),
}

/// What became of one message.
pub(super) struct Answer {
    pub(super) seq: u64,
    pub(super) result: Result<Receipt, Error>,
}

pub(super) fn command<'a>(draft: &'a Draft, key: &'a str) -> Command<'a> {
    Command::Publish {
        topic: &draft.topic,
        event: draft.event.as_deref().map(Cow::Borrowed),
        content_type: draft.content_type.as_deref().map(Cow::Borrowed),
        key: Some(Cow::Borrowed(key)),
        headers: Vec::new(),
        body: (&*draft.body).into(),
    }
}

impl Line {
    pub(super) async fn open(plan: &Plan, via: Via) -> Result<Self, Error> {
        let Plan { target, options } = plan;
        Ok(match via {
            Via::Stomp => Line::Stomp {
                conversation: Box::new(StompConversation::open(target, options).await?),
                sent: 0,
            },
            Via::SocketIo => Line::SocketIo(Box::new(SocketIoConversation::open(target, options).await?)),
            Via::Tcp => {
                let mut conversation = Conversation::tcp(target, options).await?;
                // Other carriers begin with a handshake, which shows who is there.
                conversation.greet(options.connect_timeout).await?;
                Line::Pogu(conversation)
            }
            Via::SockJs => Line::Pogu(Conversation::sockjs(target, options).await?),
            _ => Line::Pogu(Conversation::ws(target, options).await?),
        })
    }

    /// Whether a message can be said at all.
    pub(super) fn check(&self, draft: &Draft) -> Result<(), Error> {
        match self {
            Line::SocketIo(conversation) => conversation.check(&draft.body),
            Line::Pogu(_) | Line::Stomp { .. } => Ok(()),
        }
    }

    /// Says a message and returns its number. It is written while [`Line::next`] waits.
    pub(super) fn send(&mut self, draft: &Draft, key: &str) -> u64 {
        match self {
            Line::Pogu(conversation) => conversation.send(&command(draft, key)),
            Line::Stomp { conversation, sent } => {
                *sent += 1;
                let mut headers = vec![("idempotency-key", key)];
                headers.extend(draft.event.as_deref().map(|event| ("event", event)));
                conversation.send(&Request::Send {
                    destination: &destination(&draft.topic),
                    content_type: draft.content_type.as_deref(),
                    transaction: None,
                    receipt: Some(&sent.to_string()),
                    headers: &headers,
                    body: &draft.body,
                });
                *sent
            }
            Line::SocketIo(conversation) => conversation.publish(draft, Some(key)),
        }
    }

    /// Bytes that wait to be written.
    pub(super) fn backlog(&self) -> usize {
        match self {
            Line::Pogu(conversation) => conversation.backlog(),
            Line::Stomp { conversation, .. } => conversation.backlog(),
            Line::SocketIo(conversation) => conversation.backlog(),
        }
    }

    /// Waits for the next answer. Can be cancelled without loss.
    pub(super) async fn next(&mut self) -> Result<Answer, Error> {
        loop {
            let answer = match self {
                Line::Pogu(conversation) => of_reply(conversation.next().await?),
                Line::Stomp { conversation, .. } => of_heard(conversation.next().await?)?,
                Line::SocketIo(conversation) => of_event(conversation.next().await?)?,
            };
            if let Some(answer) = answer {
                return Ok(answer);
            }
        }
    }

    /// Ends the conversation in good order.
    pub(super) async fn close(&mut self) -> Result<(), Error> {
        match self {
            Line::Pogu(conversation) => conversation.close().await,
            Line::Stomp { conversation, .. } => conversation.close().await,
            Line::SocketIo(conversation) => conversation.close().await,
        }
    }
}

fn of_reply(reply: Reply) -> Option<Answer> {
    match reply {
        Reply::Ok {
            seq,
            cursor: Some(cursor),
            ..
        } => Some(Answer {
            seq,
            result: Ok(Receipt { cursor: Some(cursor) }),
        }),
        Reply::Refused {
            seq: Some(seq),
            code,
            why,
        } => Some(Answer {
            seq,
            result: Err(Error::Refused { code, why }),
        }),
        _ => None,
    }
}

fn of_heard(heard: Heard) -> Result<Option<Answer>, Error> {
    let number = |receipt: Option<String>| receipt.and_then(|receipt| receipt.parse().ok());
    match heard {
        Heard::Receipt { receipt, cursor } => Ok(number(Some(receipt)).map(|seq| Answer {
            seq,
            result: Ok(Receipt { cursor }),
        })),
        // One message is refused, and the conversation is over for all.
        Heard::Error {
            receipt,
            message,
            why,
        } => match number(receipt) {
            Some(seq) => Ok(Some(Answer {
                seq,
                result: Err(Error::Refused { code: message, why }),
            })),
            None => Err(ended(&message, &why)),
        },
        Heard::Connected | Heard::Message(_) => Ok(None),
    }
}

fn of_event(heard: socketio::Heard) -> Result<Option<Answer>, Error> {
    match heard {
        socketio::Heard::Answer { id, result } => Ok(Some(Answer {
            seq: id,
            result: result.map(|answer| Receipt {
                cursor: answer.cursor,
            }),
        })),
        socketio::Heard::Message(_) | socketio::Heard::Gap(_) => Ok(None),
    }
}

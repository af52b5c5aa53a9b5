use std::time::Duration;

use pogu_proto::pogu::{self, Answer, Command, Decoder, SyntaxError};
use pogu_proto::ws::Kind;

use crate::limits::{HEAD_BYTES_MAX, MESSAGE_BYTES_MAX};
use crate::patience::within;
use crate::pulse::Pulse;
use crate::socket::TcpConnection;
use crate::sockjs::SockJs;
use crate::wire::{Moved, Wire};
use crate::ws::WsConnection;
use crate::{Error, Gap, Message, Options, Target};

const LIMITS: pogu::Limits = pogu::Limits {
    head: HEAD_BYTES_MAX,
    body: MESSAGE_BYTES_MAX,
};

/// The name of the error for a body above the server's limit, which ends a TCP conversation.
const TOO_LARGE: &str = "too-large";

/// The type of a body that has none.
const TEXT: &str = "text/plain";

/// The pogu dialect over TCP, a WebSocket or SockJS: commands out, answers in.
#[derive(Debug)]
pub(crate) struct Conversation {
    carrier: Carrier,
    /// Commands said so far; the server counts them too and answers by number.
    sent: u64,
    command: Vec<u8>,
    /// The server has said something that a pogu server says.
    is_known: bool,
    address: String,
}

#[derive(Debug)]
enum Carrier {
    Tcp(Box<Lines>),
    Ws(Box<WsConnection>),
    SockJs(Box<SockJs>),
}

#[derive(Debug)]
struct Lines {
    wire: Wire,
    decoder: Decoder,
    pulse: Pulse,
}

/// What the server says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Ok {
        seq: u64,
        cursor: Option<String>,
        token: Option<String>,
    },
    Message(Message),
    Gap(Gap),
    Refused {
        seq: Option<u64>,
        code: String,
        why: String,
    },
    Bye {
        why: String,
    },
    /// An answer that asks for nothing.
    Other,
    /// One that this client does not know, by its first word.
    Unknown(String),
}

impl Conversation {
    /// Over TCP.
    pub(crate) async fn tcp(target: &Target, options: &Options) -> Result<Self, Error> {
        let socket = TcpConnection::connect(target, options.trace.as_ref(), options.connect_timeout).await?;
        let lines = Lines {
            wire: Wire::new(socket, Vec::new()),
            decoder: Decoder::new(),
            pulse: Pulse::new(options),
        };
        Ok(Self::new(Carrier::Tcp(Box::new(lines)), target))
    }

    /// Over a WebSocket.
    pub(crate) async fn ws(target: &Target, options: &Options) -> Result<Self, Error> {
        let connection = WsConnection::open(target, &target.pogu_path(), &[], options).await?;
        Ok(Self::new(Carrier::Ws(Box::new(connection)), target))
    }

    /// Over SockJS.
    pub(crate) async fn sockjs(target: &Target, options: &Options) -> Result<Self, Error> {
        let session = SockJs::open(target, &target.pogu_path(), options).await?;
        Ok(Self::new(Carrier::SockJs(Box::new(session)), target))
    }

    fn new(carrier: Carrier, target: &Target) -> Self {
        Self {
            carrier,
            sent: 0,
            command: Vec::new(),
            is_known: false,
            address: target.authority(),
        }
    }

    /// Asks who is there and hears the answer, within `limit`.
    pub(crate) async fn greet(&mut self, limit: Duration) -> Result<(), Error> {
        self.send(&Command::Ping);
        let address = self.address.clone();
        within(limit, &address, self.hear()).await.map(drop)
    }

    /// Says a command and returns its number. It is written while [`Conversation::next`] waits.
    pub(crate) fn send(&mut self, command: &Command<'_>) -> u64 {
        match &mut self.carrier {
            Carrier::Tcp(lines) => {
                command.encode(&mut lines.wire.out);
                lines.wire.out.push(b'\n');
            }
            Carrier::Ws(connection) => {
                self.command.clear();
                command.encode(&mut self.command);
                let is_text = std::str::from_utf8(&self.command).is_ok();
                connection.send(if is_text { Kind::Text } else { Kind::Binary }, &self.command);
            }
            Carrier::SockJs(session) => {
                self.command.clear();
                command.encode_text(&mut self.command);
                // Written so that it is text.
                session.send(std::str::from_utf8(&self.command).unwrap_or_default());
            }
        }
        self.sent += 1;
        self.sent
    }

    /// Bytes that wait to be written.
    pub(crate) fn backlog(&self) -> usize {
        match &self.carrier {
            Carrier::Tcp(lines) => lines.wire.backlog(),
            Carrier::Ws(connection) => connection.backlog(),
            Carrier::SockJs(session) => session.backlog(),
        }
    }

    /// Waits for the next answer. Can be cancelled without loss.
    pub(crate) async fn next(&mut self) -> Result<Reply, Error> {
        loop {
            match self.hear().await? {
                Reply::Other | Reply::Unknown(_) => {}
                reply => return Ok(reply),
            }
        }
    }

    /// The next answer, of whatever kind.
    async fn hear(&mut self) -> Result<Reply, Error> {
        loop {
            let reply = match &mut self.carrier {
                Carrier::Ws(connection) => Some(connection.next(|_, answer| parse(answer)).await??),
                Carrier::Tcp(lines) => match lines.next(&self.address).await {
                    Err(error) if !self.is_known => return Err(error.at_first(&self.address)),
                    heard => heard?,
                },
                Carrier::SockJs(session) => session
                    .next(|answer| parse(answer.as_bytes()))
                    .await?
                    .transpose()?,
            };
            let Some(reply) = reply else {
                self.send(&Command::Ping);
                continue;
            };
            if let Reply::Unknown(word) = &reply
                && !self.is_known
            {
                return Err(Error::Violation(format!(
                    "{} begins with {word:?}, as no pogu server does",
                    self.address
                )));
            }
            self.is_known = true;
            match reply {
                Reply::Bye { why } => return Err(Error::Ended(why)),
                Reply::Refused { seq: None, code, why } if code == TOO_LARGE => {
                    return Err(Error::TooLarge(why));
                }
                // Without a number it is about the conversation, which ends with it.
                Reply::Refused { seq: None, code, why } => {
                    return Err(Error::Ended(format!("{code}: {why}")));
                }
                reply => return Ok(reply),
            }
        }
    }

    /// Ends the conversation in good order.
    pub(crate) async fn close(&mut self) -> Result<(), Error> {
        match &mut self.carrier {
            Carrier::Ws(connection) => connection.close().await,
            Carrier::Tcp(_) | Carrier::SockJs(_) => {
                self.send(&Command::Quit);
                while self.next().await.is_ok() {}
                Ok(())
            }
        }
    }
}

impl Lines {
    /// The next answer, `None` when it is time for a PING.
    async fn next(&mut self, address: &str) -> Result<Option<Reply>, Error> {
        loop {
            let Self { wire, decoder, .. } = self;
            let reply = wire.read(|reader, _| match decoder.next(&LIMITS, reader) {
                Ok(Some(answer)) => parse(answer).map(Some),
                Ok(None) => Ok(None),
                Err(violation) => Err(Error::Violation(violation.to_string())),
            })?;
            if reply.is_some() {
                return Ok(reply);
            }
            let moved = self.wire.wait(self.pulse.deadline()).await;
            match moved.map_err(|error| Error::broken(address, error))? {
                Moved::Input => self.pulse.beat(),
                Moved::End => return Err(Error::Ended(String::new())),
                Moved::Nothing => {
                    self.pulse.miss(address)?;
                    return Ok(None);
                }
            }
        }
    }
}

/// Reads one whole answer.
pub(crate) fn parse(answer: &[u8]) -> Result<Reply, Error> {
    Ok(match pogu::parse_answer(answer) {
        Ok(Answer::Ok { seq, cursor, token }) => Reply::Ok {
            seq,
            cursor: cursor.map(str::to_owned),
            token: token.map(str::to_owned),
        },
        Ok(Answer::Message {
            topic,
            cursor,
            event,
            content_type,
            headers,
            body,
        }) => Reply::Message(Message {
            topic: topic.to_owned(),
            cursor: cursor.to_owned(),
            time: None,
            event: event.map(|event| event.into_owned()),
            content_type: Some(content_type.map_or_else(|| TEXT.to_owned(), |given| given.into_owned())),
            headers: headers
                .into_iter()
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
            body: body.into_owned().into(),
        }),
        Ok(Answer::Gap { pattern, missed }) => Reply::Gap(Gap {
            topic: pattern.to_owned(),
            missed,
        }),
        Ok(Answer::Error { name, seq, why }) => Reply::Refused {
            seq,
            code: name.to_owned(),
            why: why.into_owned(),
        },
        Ok(Answer::Bye { name, why }) => Reply::Bye {
            why: if why.is_empty() {
                name.to_owned()
            } else {
                why.into_owned()
            },
        },
        Ok(_) => Reply::Other,
        Err(SyntaxError::Answer(word)) => Reply::Unknown(word),
        Err(error) => return Err(Error::Violation(error.to_string())),
    })
}

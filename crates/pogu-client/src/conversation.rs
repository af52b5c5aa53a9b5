use pogu_proto::pogu::{self, Answer, Command, Decoder, SyntaxError};
use pogu_proto::ws::Kind;
use tokio::time::Instant;

use crate::limits::{HEAD_BYTES_MAX, MESSAGE_BYTES_MAX};
use crate::socket::TcpConnection;
use crate::wire::{Moved, Wire};
use crate::ws::WsConnection;
use crate::{Error, Gap, Message, Options, Target};

const LIMITS: pogu::Limits = pogu::Limits {
    head: HEAD_BYTES_MAX,
    body: MESSAGE_BYTES_MAX,
};

/// The name of the error for a body above the server's limit, which ends a TCP conversation.
const TOO_LARGE: &str = "too-large";

/// The pogu dialect over TCP or a WebSocket: commands out, answers in.
#[derive(Debug)]
pub(crate) struct Conversation {
    carrier: Carrier,
    /// Commands said so far; the server counts them too and answers by number.
    sent: u64,
    command: Vec<u8>,
}

#[derive(Debug)]
enum Carrier {
    Tcp(Box<Lines>),
    Ws(Box<WsConnection>),
}

#[derive(Debug)]
struct Lines {
    wire: Wire,
    decoder: Decoder,
    heard: Instant,
    /// Silence was met with a PING that nothing has followed yet.
    pinged: bool,
    options: Options,
    address: String,
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
    /// An answer that asks for nothing, or one that this client does not know.
    Other,
}

impl Conversation {
    /// Over TCP.
    pub(crate) async fn tcp(target: &Target, options: &Options) -> Result<Self, Error> {
        let socket = TcpConnection::connect(target, options.trace.as_ref(), options.connect_timeout).await?;
        let lines = Lines {
            wire: Wire::new(socket, Vec::new()),
            decoder: Decoder::new(),
            heard: Instant::now(),
            pinged: false,
            options: options.clone(),
            address: target.authority(),
        };
        Ok(Self {
            carrier: Carrier::Tcp(Box::new(lines)),
            sent: 0,
            command: Vec::new(),
        })
    }

    /// Over a WebSocket.
    pub(crate) async fn ws(target: &Target, options: &Options) -> Result<Self, Error> {
        let connection = WsConnection::open(target, &target.pogu_path(), &[], options).await?;
        Ok(Self {
            carrier: Carrier::Ws(Box::new(connection)),
            sent: 0,
            command: Vec::new(),
        })
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
        }
        self.sent += 1;
        self.sent
    }

    /// Bytes that wait to be written.
    pub(crate) fn backlog(&self) -> usize {
        match &self.carrier {
            Carrier::Tcp(lines) => lines.wire.backlog(),
            Carrier::Ws(connection) => connection.backlog(),
        }
    }

    /// Waits for the next answer. Can be cancelled without loss.
    pub(crate) async fn next(&mut self) -> Result<Reply, Error> {
        loop {
            let reply = match &mut self.carrier {
                Carrier::Ws(connection) => connection.next(|_, answer| parse(answer)).await??,
                Carrier::Tcp(lines) => match lines.next().await? {
                    Some(reply) => reply,
                    None => {
                        self.send(&Command::Ping);
                        continue;
                    }
                },
            };
            match reply {
                Reply::Other => {}
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
            Carrier::Tcp(_) => {
                self.send(&Command::Quit);
                while self.next().await.is_ok() {}
                Ok(())
            }
        }
    }
}

impl Lines {
    /// The next answer, `None` when it is time for a PING.
    async fn next(&mut self) -> Result<Option<Reply>, Error> {
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
            let idle = self.options.idle_timeout;
            let until = self.heard + if self.pinged { idle * 2 } else { idle };
            match self
                .wire
                .wait(until)
                .await
                .map_err(|error| Error::broken(&self.address, error))?
            {
                Moved::Input => {
                    self.heard = Instant::now();
                    self.pinged = false;
                }
                Moved::End => return Err(Error::Ended(String::new())),
                Moved::Nothing if self.pinged => {
                    return Err(Error::Silent {
                        address: self.address.clone(),
                        after: idle * 2,
                    });
                }
                Moved::Nothing => {
                    self.pinged = true;
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
            content_type: content_type.map_or_else(|| "text/plain".to_owned(), |given| given.into_owned()),
            headers: headers
                .into_iter()
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
            body: bytes::Bytes::copy_from_slice(body),
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
        Ok(_) | Err(SyntaxError::Answer(_)) => Reply::Other,
        Err(error) => return Err(Error::Violation(error.to_string())),
    })
}

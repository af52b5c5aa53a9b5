//! What a client's frames mean.

use std::borrow::Cow;
use std::fmt;

use super::header::Headers;
use super::heart_beat::HeartBeat;
use super::violation::culprit;
use super::{Frame, Version, Violation};

/// What a client asks for, lent until the next call.
#[derive(Clone, Debug)]
pub enum Event<'e> {
    /// CONNECT or STOMP; answer with [`Server::accept`](super::Server::accept) or [`Server::fail`](super::Server::fail).
    Connect(Connect<'e>),
    /// SEND: publish a message.
    Send {
        /// Where to.
        destination: Cow<'e, str>,
        /// The type of the body, when the client tells it.
        content_type: Option<Cow<'e, str>>,
        /// The transaction that it is part of.
        transaction: Option<Cow<'e, str>>,
        /// What RECEIPT is to name when it is done.
        receipt: Option<Cow<'e, str>>,
        /// All other headers, most of them the user's.
        headers: Headers<'e>,
        /// The body.
        body: &'e [u8],
    },
    /// SUBSCRIBE.
    Subscribe {
        /// What the client calls it; always present from 1.1 on. That it is not taken is for the caller to see to.
        id: Option<Cow<'e, str>>,
        /// Where from.
        destination: Cow<'e, str>,
        /// How messages are acknowledged.
        ack: AckMode,
        /// What RECEIPT is to name when it is done.
        receipt: Option<Cow<'e, str>>,
        /// All other headers, such as `selector`.
        headers: Headers<'e>,
    },
    /// UNSUBSCRIBE, with an id or, in 1.0 only, perhaps only a destination.
    Unsubscribe {
        /// What SUBSCRIBE called it; always present from 1.1 on.
        id: Option<Cow<'e, str>>,
        /// Where from.
        destination: Option<Cow<'e, str>>,
        /// What RECEIPT is to name when it is done.
        receipt: Option<Cow<'e, str>>,
        /// All other headers.
        headers: Headers<'e>,
    },
    /// ACK: a message was processed.
    Ack(Ack<'e>),
    /// NACK: a message was not processed.
    Nack(Ack<'e>),
    /// BEGIN: start a transaction.
    Begin {
        /// What the client calls it. That it is not open is for the caller to see to.
        transaction: Cow<'e, str>,
        /// What RECEIPT is to name when it is done.
        receipt: Option<Cow<'e, str>>,
    },
    /// COMMIT: do what is part of a transaction.
    Commit {
        /// Which.
        transaction: Cow<'e, str>,
        /// What RECEIPT is to name when it is done.
        receipt: Option<Cow<'e, str>>,
    },
    /// ABORT: forget what is part of a transaction.
    Abort {
        /// Which.
        transaction: Cow<'e, str>,
        /// What RECEIPT is to name when it is done.
        receipt: Option<Cow<'e, str>>,
    },
    /// DISCONNECT: nothing more is read. Close once the RECEIPT, if any, is on its way.
    Disconnect {
        /// What RECEIPT is to name when everything before is done.
        receipt: Option<Cow<'e, str>>,
    },
}

impl Event<'_> {
    /// What RECEIPT is to name when it is done.
    pub fn receipt(&self) -> Option<&str> {
        match self {
            Event::Connect(_) => None,
            Event::Ack(ack) | Event::Nack(ack) => ack.receipt.as_deref(),
            Event::Send { receipt, .. }
            | Event::Subscribe { receipt, .. }
            | Event::Unsubscribe { receipt, .. }
            | Event::Begin { receipt, .. }
            | Event::Commit { receipt, .. }
            | Event::Abort { receipt, .. }
            | Event::Disconnect { receipt } => receipt.as_deref(),
        }
    }
}

/// Who connects.
#[derive(Clone)]
pub struct Connect<'e> {
    /// The highest version in common, which the session will speak.
    pub version: Version,
    /// The user's name.
    pub login: Option<Cow<'e, str>>,
    /// The password or token.
    pub passcode: Option<Cow<'e, str>>,
    /// The virtual host. Required from 1.1 on, but left out by clients in wide use, stompjs among them.
    pub host: Option<Cow<'e, str>>,
    /// `client-id`, with which ActiveMQ's users name their durable subscriptions.
    pub client_id: Option<Cow<'e, str>>,
    /// The heart-beats it offers; none in 1.0.
    pub heart_beat: HeartBeat,
    /// All other headers.
    pub headers: Headers<'e>,
}

/// Which message, by what its MESSAGE said.
#[derive(Clone, Debug)]
pub struct Ack<'e> {
    /// From 1.2 on the `ack` of the MESSAGE, before that its `message-id`.
    pub id: Cow<'e, str>,
    /// The id of the subscription; always present in 1.1.
    pub subscription: Option<Cow<'e, str>>,
    /// The transaction that it is part of.
    pub transaction: Option<Cow<'e, str>>,
    /// What RECEIPT is to name when it is done.
    pub receipt: Option<Cow<'e, str>>,
    /// All other headers.
    pub headers: Headers<'e>,
}

/// How the messages of a subscription are acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AckMode {
    /// Not at all: what is sent is taken as received.
    #[default]
    Auto,
    /// An ACK or NACK is for a message and all before it in its subscription.
    Client,
    /// An ACK or NACK is for one message.
    ClientIndividual,
}

impl AckMode {
    /// As it stands in a header.
    pub fn as_str(self) -> &'static str {
        match self {
            AckMode::Auto => "auto",
            AckMode::Client => "client",
            AckMode::ClientIndividual => "client-individual",
        }
    }

    fn read(mode: Option<&str>, version: Version) -> Result<Self, Violation> {
        match mode {
            None | Some("auto") => Ok(AckMode::Auto),
            Some("client") => Ok(AckMode::Client),
            Some("client-individual") if version > Version::V1_0 => Ok(AckMode::ClientIndividual),
            Some(other) => Err(Violation::AckMode(culprit(other))),
        }
    }
}

/// Reads a frame that comes before all others.
pub(super) fn connect<'e>(frame: &Frame<'e>) -> Result<Connect<'e>, Violation> {
    if !matches!(frame.command(), "CONNECT" | "STOMP") {
        return Err(Violation::NotConnected(culprit(frame.command())));
    }
    // Which headers are escaped depends on the version, but no version has a character that is.
    let version = match frame.header("accept-version", Version::V1_0) {
        None => Version::V1_0,
        Some(accepted) => {
            Version::highest(&accepted).ok_or_else(|| Violation::NoVersion(culprit(&accepted)))?
        }
    };
    check_body("CONNECT", frame, version)?;
    let heart_beat = match frame.header("heart-beat", version) {
        Some(text) if version > Version::V1_0 => {
            HeartBeat::parse(&text).ok_or_else(|| Violation::HeartBeat(culprit(&text)))?
        }
        _ => HeartBeat::default(),
    };
    let headers = frame.headers(version);
    Ok(Connect {
        version,
        login: headers.value("login"),
        passcode: headers.value("passcode"),
        host: headers.value("host"),
        client_id: headers.value("client-id"),
        heart_beat,
        headers: headers.without(&[
            "accept-version",
            "login",
            "passcode",
            "host",
            "client-id",
            "heart-beat",
            "content-length",
        ]),
    })
}

/// Reads a frame that comes after CONNECT.
pub(super) fn event<'e>(frame: &Frame<'e>, version: Version) -> Result<Event<'e>, Violation> {
    let command = Command::named(frame.command())?;
    let name = command.name();
    frame.check_escapes(version)?;
    if command == Command::Nack && version == Version::V1_0 {
        return Err(Violation::Nack);
    }
    if command != Command::Send {
        check_body(name, frame, version)?;
    }
    let known = Known::of(frame, version);
    let need = |value: Option<Cow<'e, str>>, header| {
        value.ok_or(Violation::Missing {
            command: name,
            header,
        })
    };
    let receipt = known.receipt;
    let headers = frame.headers(version);
    Ok(match command {
        Command::Connect => return Err(Violation::ConnectedTwice),
        Command::Send => Event::Send {
            destination: need(known.destination, "destination")?,
            content_type: known.content_type,
            transaction: known.transaction,
            receipt,
            headers: headers.without(&[
                "destination",
                "content-type",
                "content-length",
                "transaction",
                "receipt",
            ]),
            body: frame.body(),
        },
        Command::Subscribe => {
            let destination = need(known.destination, "destination")?;
            let id = match version {
                Version::V1_0 => known.id,
                _ => Some(need(known.id, "id")?),
            };
            Event::Subscribe {
                id,
                destination,
                ack: AckMode::read(known.ack.as_deref(), version)?,
                receipt,
                headers: headers.without(&["id", "destination", "ack", "receipt", "content-length"]),
            }
        }
        Command::Unsubscribe => {
            let id = match version {
                Version::V1_0 if known.destination.is_some() => known.id,
                _ => Some(need(known.id, "id")?),
            };
            Event::Unsubscribe {
                id,
                destination: known.destination,
                receipt,
                headers: headers.without(&["id", "destination", "receipt", "content-length"]),
            }
        }
        Command::Ack | Command::Nack => {
            let id = match version {
                Version::V1_2 => need(known.id, "id")?,
                _ => need(known.message_id, "message-id")?,
            };
            let subscription = match version {
                Version::V1_1 => Some(need(known.subscription, "subscription")?),
                _ => known.subscription,
            };
            let ack = Ack {
                id,
                subscription,
                transaction: known.transaction,
                receipt,
                headers: headers.without(&[
                    "id",
                    "message-id",
                    "subscription",
                    "transaction",
                    "receipt",
                    "content-length",
                ]),
            };
            if command == Command::Ack {
                Event::Ack(ack)
            } else {
                Event::Nack(ack)
            }
        }
        Command::Begin => Event::Begin {
            transaction: need(known.transaction, "transaction")?,
            receipt,
        },
        Command::Commit => Event::Commit {
            transaction: need(known.transaction, "transaction")?,
            receipt,
        },
        Command::Abort => Event::Abort {
            transaction: need(known.transaction, "transaction")?,
            receipt,
        },
        Command::Disconnect => Event::Disconnect { receipt },
    })
}

/// Refuses a body where none may be. In 1.0 it is ignored, and line ends are in every version: whoever types a frame writes them.
fn check_body(command: &'static str, frame: &Frame<'_>, version: Version) -> Result<(), Violation> {
    let is_blank = frame.body().iter().all(|byte| b"\r\n".contains(byte));
    if version == Version::V1_0 || is_blank {
        return Ok(());
    }
    Err(Violation::Body(command))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    Connect,
    Send,
    Subscribe,
    Unsubscribe,
    Ack,
    Nack,
    Begin,
    Commit,
    Abort,
    Disconnect,
}

impl Command {
    fn named(name: &str) -> Result<Self, Violation> {
        Ok(match name {
            "CONNECT" | "STOMP" => Self::Connect,
            "SEND" => Self::Send,
            "SUBSCRIBE" => Self::Subscribe,
            "UNSUBSCRIBE" => Self::Unsubscribe,
            "ACK" => Self::Ack,
            "NACK" => Self::Nack,
            "BEGIN" => Self::Begin,
            "COMMIT" => Self::Commit,
            "ABORT" => Self::Abort,
            "DISCONNECT" => Self::Disconnect,
            other => return Err(Violation::Command(culprit(other))),
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::Send => "SEND",
            Self::Subscribe => "SUBSCRIBE",
            Self::Unsubscribe => "UNSUBSCRIBE",
            Self::Ack => "ACK",
            Self::Nack => "NACK",
            Self::Begin => "BEGIN",
            Self::Commit => "COMMIT",
            Self::Abort => "ABORT",
            Self::Disconnect => "DISCONNECT",
        }
    }
}

/// The headers that have a meaning, read in one go; of those with the same name the first.
#[derive(Default)]
struct Known<'e> {
    destination: Option<Cow<'e, str>>,
    content_type: Option<Cow<'e, str>>,
    id: Option<Cow<'e, str>>,
    ack: Option<Cow<'e, str>>,
    message_id: Option<Cow<'e, str>>,
    subscription: Option<Cow<'e, str>>,
    transaction: Option<Cow<'e, str>>,
    receipt: Option<Cow<'e, str>>,
}

impl<'e> Known<'e> {
    fn of(frame: &Frame<'e>, version: Version) -> Self {
        let mut known = Self::default();
        for (name, value) in frame.headers(version) {
            let place = match &*name {
                "destination" => &mut known.destination,
                "content-type" => &mut known.content_type,
                "id" => &mut known.id,
                "ack" => &mut known.ack,
                "message-id" => &mut known.message_id,
                "subscription" => &mut known.subscription,
                "transaction" => &mut known.transaction,
                "receipt" => &mut known.receipt,
                _ => continue,
            };
            place.get_or_insert(value);
        }
        known
    }
}

/// Without the passcode, which has no place in a log.
impl fmt::Debug for Connect<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("version", &self.version)
            .field("login", &self.login)
            .field("host", &self.host)
            .field("client_id", &self.client_id)
            .field("heart_beat", &self.heart_beat)
            .finish_non_exhaustive()
    }
}

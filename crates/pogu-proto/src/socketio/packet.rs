use std::borrow::Cow;

use super::args::{self, ArgsError};
use super::{Limits, write};
use crate::engineio::json::{self, JsonError};

/// A packet without its binary messages, lent out of its text. JSON is as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// A client asks for a namespace, a server grants it.
    Connect {
        /// The namespace; of a client of protocol 4 with its query.
        namespace: &'a str,
        /// An object.
        data: Option<&'a str>,
    },
    /// The end of the connection to a namespace.
    Disconnect {
        /// The namespace.
        namespace: &'a str,
    },
    /// An event.
    Event {
        /// The namespace.
        namespace: &'a str,
        /// What an acknowledgement is to have, if one is wanted.
        id: Option<u64>,
        /// The event's name.
        name: Cow<'a, str>,
        /// The arguments after it, with commas between them.
        args: &'a str,
        /// Binary messages that follow.
        attachments: usize,
    },
    /// The acknowledgement of an event.
    Ack {
        /// The namespace.
        namespace: &'a str,
        /// That of the event.
        id: u64,
        /// The arguments, with commas between them.
        args: &'a str,
        /// Binary messages that follow.
        attachments: usize,
    },
    /// A server refuses a namespace.
    ConnectError {
        /// The namespace.
        namespace: &'a str,
        /// An object with a `message`; in protocol 4 any value.
        data: Option<&'a str>,
    },
}

/// Why a packet could not be read; the connection is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PacketError {
    /// The type is missing or unknown.
    #[error("unknown packet type")]
    Type,
    /// The number of binary messages is missing or none.
    #[error("invalid number of attachments")]
    Attachments,
    /// More binary messages than a packet may have.
    #[error("more than {0} attachments")]
    TooManyAttachments(usize),
    /// A namespace with a control character.
    #[error("invalid namespace")]
    Namespace,
    /// A namespace that is longer than it may be.
    #[error("a namespace of more than {0} bytes")]
    NamespaceTooLong(usize),
    /// An acknowledgement without an id, an id where there is none, or one beyond 2^53 - 1.
    #[error("invalid acknowledgement id")]
    Id,
    /// The payload is missing, or is not what a packet of its type has.
    #[error("invalid payload")]
    Payload,
    /// The payload is no JSON.
    #[error("invalid JSON")]
    Json,
    /// The payload has arrays and objects too deep in one another.
    #[error("JSON of more than {0} levels")]
    TooDeep(usize),
    /// An event without a name, or with one that is reserved.
    #[error("invalid event name")]
    Name,
    /// Placeholders and binary messages are not one to one.
    #[error("illegal attachments")]
    Placeholder,
}

impl From<JsonError> for PacketError {
    fn from(error: JsonError) -> Self {
        match error {
            JsonError::Malformed => Self::Json,
            JsonError::TooDeep(levels) => Self::TooDeep(levels),
        }
    }
}

impl From<ArgsError> for PacketError {
    fn from(error: ArgsError) -> Self {
        match error {
            ArgsError::Json(error) => error.into(),
            ArgsError::Placeholder => Self::Placeholder,
        }
    }
}

/// What no event may be called, as clients and servers use it for themselves.
const RESERVED: [&str; 6] = [
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
];

/// The largest integer that JavaScript counts to.
const ID_MAX: u64 = (1 << 53) - 1;

/// Bits of the set in which used attachments are kept.
const ATTACHMENTS_MAX: usize = 64;

/// Whether an event may not have that name.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// Whether `name` can be a namespace: it begins with `/` and has no comma and no control character.
pub fn is_namespace(name: &str) -> bool {
    name.starts_with('/') && !name.contains(|letter: char| letter == ',' || letter.is_control())
}

impl<'a> Packet<'a> {
    /// Reads the text of a packet.
    ///
    /// # Errors
    ///
    /// It is none, or beyond a limit.
    pub fn parse(limits: &Limits, text: &'a str) -> Result<Self, PacketError> {
        let kind = *text.as_bytes().first().ok_or(PacketError::Type)?;
        if !(b'0'..=b'6').contains(&kind) {
            return Err(PacketError::Type);
        }
        let rest = &text[1..];
        let (attachments, rest) = match kind {
            b'5' | b'6' => take_attachments(limits, rest)?,
            _ => (0, rest),
        };
        let (namespace, rest) = take_namespace(limits, rest)?;
        let (id, data) = take_id(rest)?;
        let data = Some(data).filter(|data| !data.is_empty());
        match kind {
            b'0' | b'1' | b'4' => {
                if id.is_some() {
                    return Err(PacketError::Id);
                }
                plain(limits, kind, namespace, data)
            }
            _ => with_args(limits, kind, namespace, id, data, attachments),
        }
    }

    /// Appends the text of the packet.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Connect { namespace, data } => write::plain(b'0', namespace, data.unwrap_or_default(), out),
            Self::Disconnect { namespace } => write::plain(b'1', namespace, "", out),
            Self::ConnectError { namespace, data } => {
                write::plain(b'4', namespace, data.unwrap_or_default(), out);
            }
            Self::Event {
                namespace,
                id,
                name,
                args,
                attachments,
            } => {
                write::put_event_head(namespace, *id, *attachments, out);
                out.push(b'[');
                json::put_string(name, out);
                if !args.is_empty() {
                    out.push(b',');
                }
                out.extend_from_slice(args.as_bytes());
                out.push(b']');
            }
            Self::Ack {
                namespace,
                id,
                args,
                attachments,
            } => {
                write::put_ack_head(namespace, *id, *attachments, out);
                out.push(b'[');
                out.extend_from_slice(args.as_bytes());
                out.push(b']');
            }
        }
    }
}

/// CONNECT, DISCONNECT and CONNECT_ERROR.
fn plain<'a>(
    limits: &Limits,
    kind: u8,
    namespace: &'a str,
    data: Option<&'a str>,
) -> Result<Packet<'a>, PacketError> {
    if let Some(data) = data {
        json::check(data, limits.depth)?;
    }
    match (kind, data) {
        (b'1', None) => Ok(Packet::Disconnect { namespace }),
        (b'1', Some(_)) => Err(PacketError::Payload),
        (b'4', _) => Ok(Packet::ConnectError { namespace, data }),
        (_, Some(data)) if !data.trim_start().starts_with('{') => Err(PacketError::Payload),
        _ => Ok(Packet::Connect { namespace, data }),
    }
}

/// EVENT and ACK.
fn with_args<'a>(
    limits: &Limits,
    kind: u8,
    namespace: &'a str,
    id: Option<u64>,
    data: Option<&'a str>,
    attachments: usize,
) -> Result<Packet<'a>, PacketError> {
    let array = data.ok_or(PacketError::Payload)?;
    args::check(array, attachments, limits.depth)?;
    if !array.trim_start().starts_with('[') {
        return Err(PacketError::Payload);
    }
    if let b'3' | b'6' = kind {
        return Ok(Packet::Ack {
            namespace,
            id: id.ok_or(PacketError::Id)?,
            args: args::inside(array).ok_or(PacketError::Payload)?,
            attachments,
        });
    }
    let (first, args) = args::split_first(array).ok_or(PacketError::Name)?;
    let name = match first.as_bytes().first() {
        Some(b'"') => json::string(first).ok_or(PacketError::Name)?,
        Some(b'-' | b'0'..=b'9') => Cow::Borrowed(first),
        _ => return Err(PacketError::Name),
    };
    if is_reserved(&name) {
        return Err(PacketError::Name);
    }
    Ok(Packet::Event {
        namespace,
        id,
        name,
        args,
        attachments,
    })
}

fn take_attachments<'a>(limits: &Limits, rest: &'a str) -> Result<(usize, &'a str), PacketError> {
    let (digits, rest) = split_digits(rest);
    let rest = rest.strip_prefix('-').ok_or(PacketError::Attachments)?;
    if digits.is_empty() {
        return Err(PacketError::Attachments);
    }
    let most = limits.attachments.min(ATTACHMENTS_MAX);
    let count = digits.parse().ok().filter(|count| *count <= most);
    Ok((count.ok_or(PacketError::TooManyAttachments(most))?, rest))
}

fn take_namespace<'a>(limits: &Limits, rest: &'a str) -> Result<(&'a str, &'a str), PacketError> {
    if !rest.starts_with('/') {
        return Ok(("/", rest));
    }
    let (namespace, rest) = rest.split_once(',').unwrap_or((rest, ""));
    if namespace.len() > limits.namespace {
        return Err(PacketError::NamespaceTooLong(limits.namespace));
    }
    if !is_namespace(namespace) {
        return Err(PacketError::Namespace);
    }
    Ok((namespace, rest))
}

fn take_id(rest: &str) -> Result<(Option<u64>, &str), PacketError> {
    let (digits, rest) = split_digits(rest);
    if digits.is_empty() {
        return Ok((None, rest));
    }
    let id = digits.parse().ok().filter(|id| *id <= ID_MAX);
    Ok((Some(id.ok_or(PacketError::Id)?), rest))
}

fn split_digits(text: &str) -> (&str, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    text.split_at(digits)
}

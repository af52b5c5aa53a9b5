use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use super::assembler::{Added, Assembler, NOWHERE, Said};
use super::{Arg, Args, Limits, Packet, PacketError, is_namespace, write};
use crate::engineio::{Data, json};

/// The client's side of one connection of protocol 5: which namespaces it has joined, and what the server says in them.
#[derive(Debug)]
pub struct Client {
    limits: Arc<Limits>,
    namespaces: Vec<Namespace>,
    assembler: Assembler,
}

#[derive(Debug)]
struct Namespace {
    name: Box<str>,
    is_joined: bool,
    /// The id of the next acknowledgement that is asked for.
    next_id: u64,
    pid: Option<Box<str>>,
    offset: Option<Box<str>>,
}

/// What lets a client go on in a namespace on another connection: hand it to [`Client::connect`] there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The private id.
    pub pid: Box<str>,
    /// That of the last event, when there was one; without it nothing can be recovered.
    pub offset: Option<Box<str>>,
}

/// What a server said, lent until the next call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent<'e> {
    /// A namespace is joined.
    Connected {
        /// Which.
        namespace: &'e str,
        /// The client's public id there.
        sid: Cow<'e, str>,
        /// It goes on where another connection was: what was missed comes, or came, as events.
        recovered: bool,
    },
    /// A namespace is refused.
    Refused {
        /// Which.
        namespace: &'e str,
        /// Why, in words.
        message: Cow<'e, str>,
        /// What else the server tells, a JSON value.
        data: Option<&'e str>,
    },
    /// An event. With recovery its last argument may be an offset, which is only for the client itself. It may come before
    /// [`Connected`](Self::Connected).
    Event {
        /// Where.
        namespace: &'e str,
        /// It wants an [acknowledgement](super::ack) with this.
        id: Option<u64>,
        /// The event's name.
        name: Cow<'e, str>,
        /// Its arguments.
        args: Args<'e>,
    },
    /// The acknowledgement of an event.
    Ack {
        /// Where.
        namespace: &'e str,
        /// That of the event.
        id: u64,
        /// What it answers.
        args: Args<'e>,
    },
    /// The server has ended a namespace.
    Disconnected {
        /// Which.
        namespace: &'e str,
    },
}

/// What a server did that ends the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerViolation {
    /// What cannot be read.
    #[error(transparent)]
    Packet(#[from] PacketError),
    /// CONNECT without an id, as servers of protocol 4 send it, or CONNECT_ERROR without a message.
    #[error("invalid answer to CONNECT")]
    Answer,
    /// Text where binary must follow.
    #[error("text inside a packet with binary")]
    Interleaved,
    /// Binary that belongs to no packet.
    #[error("binary without a packet")]
    Unwanted,
    /// More bytes of binary than a packet may have.
    #[error("more than {0} bytes of binary in a packet")]
    TooLong(usize),
}

/// Bytes of an offset; longer strings are none.
const OFFSET_MAX: usize = 1024;

impl Client {
    /// A connection that begins.
    pub fn new(limits: Arc<Limits>) -> Self {
        Self {
            limits,
            namespaces: Vec::new(),
            assembler: Assembler::new(),
        }
    }

    /// Asks for a namespace, showing the JSON object `auth`: appends the packet. Whether it could: the namespace [is
    /// one](is_namespace), was not asked for before, and there are not more than [`Limits::namespaces`].
    pub fn connect(
        &mut self,
        namespace: &str,
        auth: Option<&str>,
        recovery: Option<Recovery>,
        out: &mut Vec<u8>,
    ) -> bool {
        let is_known = self.find(namespace).is_some();
        if is_known || !is_namespace(namespace) || self.namespaces.len() >= self.limits.namespaces {
            return false;
        }
        let (pid, offset) = match recovery {
            Some(Recovery { pid, offset }) => (Some(pid), offset),
            None => (None, None),
        };
        match (&pid, &offset) {
            (Some(pid), Some(offset)) => {
                let mut object = br#"{"pid":"#.to_vec();
                json::put_string(pid, &mut object);
                object.extend_from_slice(br#","offset":"#);
                json::put_string(offset, &mut object);
                let members = auth.and_then(|auth| auth.trim().strip_prefix('{')?.strip_suffix('}'));
                if let Some(members) = members.filter(|members| !members.trim().is_empty()) {
                    object.push(b',');
                    object.extend_from_slice(members.as_bytes());
                }
                object.push(b'}');
                write::connect(namespace, None, out);
                out.extend_from_slice(&object);
            }
            _ => write::connect(namespace, auth, out),
        }
        self.namespaces.push(Namespace {
            name: namespace.into(),
            is_joined: false,
            next_id: 0,
            pid,
            offset,
        });
        true
    }

    /// Leaves a namespace, or takes back that it was asked for: appends the packet.
    pub fn disconnect(&mut self, namespace: &str, out: &mut Vec<u8>) {
        if self.remove(namespace) {
            write::disconnect(namespace, out);
        }
    }

    /// The id of the next acknowledgement that is asked for in a namespace, for an [`event`](super::event()) there; `None` when it is
    /// not joined, and events are not to be sent there either.
    pub fn next_id(&mut self, namespace: &str) -> Option<u64> {
        let place = self.find(namespace)?;
        let joined = self.namespaces.get_mut(place)?;
        if !joined.is_joined {
            return None;
        }
        joined.next_id += 1;
        Some(joined.next_id - 1)
    }

    /// Whether a namespace is joined.
    pub fn is_joined(&self, namespace: &str) -> bool {
        let place = self.find(namespace);
        place.is_some_and(|place| self.namespaces[place].is_joined)
    }

    /// What lets another connection go on in a namespace, if the server can do that.
    pub fn recovery(&self, namespace: &str) -> Option<Recovery> {
        let namespace = &self.namespaces[self.find(namespace)?];
        Some(Recovery {
            pid: namespace.pid.clone()?,
            offset: namespace.offset.clone(),
        })
    }

    /// Takes up an Engine.IO message. `Ok(None)` when nothing is to be done about it: what is for a namespace that was left is passed
    /// over.
    ///
    /// # Errors
    ///
    /// Close the Engine.IO session.
    pub fn receive<'e>(&'e mut self, data: Data<'e>) -> Result<Option<ClientEvent<'e>>, ServerViolation> {
        self.assembler.trim();
        match data {
            Data::Text(_) if self.assembler.is_partial() => Err(ServerViolation::Interleaved),
            Data::Text(text) => self.text(text),
            Data::Binary(bytes) => self.binary(bytes),
        }
    }

    fn text<'e>(&'e mut self, text: &'e str) -> Result<Option<ClientEvent<'e>>, ServerViolation> {
        let (name, (id, event, args), wanted) = match Packet::parse(&self.limits, text)? {
            Packet::Connect { namespace, data } => return self.connected(namespace, data),
            Packet::ConnectError { namespace, data } => return self.refused(namespace, data),
            Packet::Disconnect { namespace } => {
                let was_there = self.remove(namespace);
                return Ok(was_there.then_some(ClientEvent::Disconnected { namespace }));
            }
            Packet::Event {
                namespace,
                id,
                name,
                args,
                attachments,
            } => (namespace, (id, Some(name), args), attachments),
            Packet::Ack {
                namespace,
                id,
                args,
                attachments,
            } => (namespace, (Some(id), None, args), attachments),
        };
        let said = Said {
            // Binary must be taken even if nobody wants it.
            namespace: self.find(name).unwrap_or(NOWHERE),
            id,
            name: event,
            args,
        };
        if wanted > 0 {
            self.assembler.begin(said, wanted);
            return Ok(None);
        }
        Ok(self
            .namespaces
            .get_mut(said.namespace)
            .map(|namespace| namespace.event(said, &[])))
    }

    fn binary(&mut self, bytes: &[u8]) -> Result<Option<ClientEvent<'_>>, ServerViolation> {
        let limit = self.limits.attachment_bytes;
        match self.assembler.add(bytes, limit) {
            Added::Partial => Ok(None),
            Added::Unwanted => Err(ServerViolation::Unwanted),
            Added::TooLong => Err(ServerViolation::TooLong(limit)),
            Added::Whole(said, attachments) => {
                let namespace = self.namespaces.get_mut(said.namespace);
                Ok(namespace.map(|namespace| namespace.event(said, attachments)))
            }
        }
    }

    fn connected<'e>(
        &'e mut self,
        name: &'e str,
        data: Option<&'e str>,
    ) -> Result<Option<ClientEvent<'e>>, ServerViolation> {
        let Some(place) = self.find(name) else {
            return Ok(None);
        };
        let (mut sid, mut pid) = (None, None);
        for (key, value) in json::members(data.unwrap_or_default()) {
            match key {
                "sid" => sid = json::string(value),
                "pid" => pid = json::string(value),
                _ => {}
            }
        }
        let namespace = &mut self.namespaces[place];
        namespace.is_joined = true;
        let recovered = pid.is_some() && pid.as_deref() == namespace.pid.as_deref();
        if !recovered {
            namespace.offset = None;
        }
        namespace.pid = pid.map(Into::into);
        Ok(Some(ClientEvent::Connected {
            namespace: name,
            sid: sid.ok_or(ServerViolation::Answer)?,
            recovered,
        }))
    }

    fn refused<'e>(
        &mut self,
        namespace: &'e str,
        object: Option<&'e str>,
    ) -> Result<Option<ClientEvent<'e>>, ServerViolation> {
        if !self.remove(namespace) {
            return Ok(None);
        }
        let (mut message, mut data) = (None, None);
        for (key, value) in json::members(object.unwrap_or_default()) {
            match key {
                "message" => message = json::string(value),
                "data" => data = Some(value),
                _ => {}
            }
        }
        Ok(Some(ClientEvent::Refused {
            namespace,
            message: message.ok_or(ServerViolation::Answer)?,
            data,
        }))
    }

    /// Whether the namespace was there.
    fn remove(&mut self, name: &str) -> bool {
        let place = self.find(name);
        if let Some(place) = place {
            self.namespaces.remove(place);
            self.assembler.removed(place);
        }
        place.is_some()
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.namespaces
            .iter()
            .position(|namespace| *namespace.name == *name)
    }
}

impl Namespace {
    fn event<'e>(&'e mut self, said: Said<'e>, attachments: &'e [Bytes]) -> ClientEvent<'e> {
        let args = Args::new(said.args, attachments);
        let (name, id) = match (said.name, said.id) {
            (None, Some(id)) => {
                return ClientEvent::Ack {
                    namespace: &self.name,
                    id,
                    args,
                };
            }
            (name, id) => (name.unwrap_or_default(), id),
        };
        if self.pid.is_some()
            && let Some(Arg::Json(value)) = args.iter().last()
            && let Some(offset) = json::string(value)
            && offset.len() <= OFFSET_MAX
        {
            self.offset = Some(offset.into());
        }
        ClientEvent::Event {
            namespace: &self.name,
            id,
            name,
            args,
        }
    }
}

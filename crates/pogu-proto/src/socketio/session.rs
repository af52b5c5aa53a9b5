use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use super::assembler::{Added, Assembler, Said};
use super::{Args, Limits, Packet, PacketError, write};
use crate::Time;
use crate::engineio::{Data, Version, json};

/// The server's side of one connection: which namespaces the client has joined, and what it says in them.
///
/// What is to be said waits with the caller, in whatever form Engine.IO gives it. After a violation close the Engine.IO session.
#[derive(Debug)]
pub struct Session {
    limits: Arc<Limits>,
    /// The place of a namespace is its [`NamespaceId`].
    namespaces: Vec<Namespace>,
    assembler: Assembler,
    /// Until the first namespace is joined.
    connect_until: Option<Time>,
    version: Version,
}

/// One of a connection's namespaces. Its number is free again when the client has left it or was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NamespaceId(u16);

#[derive(Debug)]
struct Namespace {
    name: Box<str>,
    state: State,
    /// The id of the next acknowledgement that the server asks for.
    next_id: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nobody's.
    Free,
    /// The client asked for it and has no answer.
    Asked,
    Joined,
    /// The server has ended it: what the client said before it heard so is passed over.
    Left,
}

/// What a client shows when it asks for a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth<'e> {
    /// Nothing.
    None,
    /// A JSON object.
    Json(&'e str),
    /// Of protocol 4, the query that followed the namespace's name, as it stands.
    Query(&'e str),
}

/// What a client shows that was there before, on another connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resumption<'e> {
    /// Its private id.
    pub pid: Cow<'e, str>,
    /// The last argument, being a string, of the last event that it has; which an application may have said. Before its first event a
    /// client has none.
    pub offset: Option<Cow<'e, str>>,
}

/// What a client said, lent until the next call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'e> {
    /// It asks for a namespace: [`accept`](Session::accept) or [`refuse`](Session::refuse).
    Connect {
        /// Which.
        namespace: NamespaceId,
        /// Its name.
        name: &'e str,
        /// What it shows.
        auth: Auth<'e>,
        /// It says that it was there before.
        resumption: Option<Resumption<'e>>,
    },
    /// An event.
    Event {
        /// Where.
        namespace: NamespaceId,
        /// It wants an [acknowledgement](super::ack) with this.
        id: Option<u64>,
        /// The event's name.
        name: Cow<'e, str>,
        /// Its arguments.
        args: Args<'e>,
    },
    /// It acknowledges an event, perhaps one that nobody waits for.
    Ack {
        /// Where.
        namespace: NamespaceId,
        /// That of the event.
        id: u64,
        /// What it answers.
        args: Args<'e>,
    },
    /// It has left a namespace, or has taken back that it asked.
    Disconnect {
        /// Which; the number is free.
        namespace: NamespaceId,
    },
}

/// What a client did that ends the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// What cannot be read.
    #[error(transparent)]
    Packet(#[from] PacketError),
    /// A packet for a namespace that the client has not joined.
    #[error("packet for a namespace that is not joined")]
    NotJoined,
    /// CONNECT for a namespace that the client has joined or asked for.
    #[error("namespace asked for twice")]
    Twice,
    /// CONNECT_ERROR, which only servers send.
    #[error("packet type not expected from a client")]
    Unexpected,
    /// More namespaces than a connection may have.
    #[error("more than {0} namespaces")]
    TooManyNamespaces(usize),
    /// Text where binary must follow.
    #[error("text inside a packet with binary")]
    Interleaved,
    /// Binary that belongs to no packet.
    #[error("binary without a packet")]
    Unwanted,
    /// More bytes of binary than a packet may have.
    #[error("more than {0} bytes of binary in a packet")]
    TooLong(usize),
    /// No namespace joined in time.
    #[error("no namespace joined in time")]
    Silence,
}

impl NamespaceId {
    /// The number, from 0 on and below [`Limits::namespaces`]: for a table beside the session.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    fn at(place: usize) -> Self {
        // A table has no more places.
        Self(u16::try_from(place).unwrap_or(u16::MAX))
    }
}

impl Session {
    /// A connection that begins `now`.
    pub fn new(version: Version, limits: Arc<Limits>, now: Time) -> Self {
        Self {
            connect_until: Some(now + limits.connect_timeout),
            limits,
            namespaces: Vec::new(),
            assembler: Assembler::new(),
            version,
        }
    }

    /// To be called first. A client of protocol 4 joins `/` without asking: the event that stands for it.
    pub fn begin(&mut self) -> Option<Event<'static>> {
        if self.version == Version::V4 || !self.namespaces.is_empty() {
            return None;
        }
        self.namespaces.push(Namespace::asked("/"));
        Some(Event::Connect {
            namespace: NamespaceId(0),
            name: "/",
            auth: Auth::None,
            resumption: None,
        })
    }

    /// Takes up an Engine.IO message. `Ok(None)` when nothing is to be done about it.
    ///
    /// # Errors
    ///
    /// Close the Engine.IO session.
    pub fn receive<'e>(&'e mut self, data: Data<'e>) -> Result<Option<Event<'e>>, Violation> {
        self.assembler.trim();
        match data {
            Data::Text(_) if self.assembler.is_partial() => Err(Violation::Interleaved),
            Data::Text(text) => self.text(text),
            Data::Binary(bytes) => self.binary(bytes),
        }
    }

    /// Whether a packet with binary has begun and is not whole.
    pub fn has_begun(&self) -> bool {
        self.assembler.is_partial()
    }

    /// The client may join: appends the answer. Its ids are made by the caller; of protocol 4 the public one is known beforehand,
    /// that of the Engine.IO session, in other namespaces than `/` with the name and `#` before it.
    pub fn accept(&mut self, namespace: NamespaceId, sid: &str, pid: Option<&str>, out: &mut Vec<u8>) {
        let version = self.version;
        if let Some(asked) = self.in_state(namespace, State::Asked) {
            asked.state = State::Joined;
            write::connected(version, &asked.name, sid, pid, out);
            self.connect_until = None;
        }
    }

    /// The client may not join: appends the answer, [`refused`](super::refused).
    pub fn refuse(&mut self, namespace: NamespaceId, message: &str, data: Option<&str>, out: &mut Vec<u8>) {
        let version = self.version;
        if let Some(asked) = self.in_state(namespace, State::Asked) {
            asked.state = State::Free;
            write::refused(version, &asked.name, message, data, out);
        }
    }

    /// Ends a namespace that the client has joined: appends [`disconnect`](super::disconnect).
    pub fn leave(&mut self, namespace: NamespaceId, out: &mut Vec<u8>) {
        if let Some(joined) = self.in_state(namespace, State::Joined) {
            joined.state = State::Left;
            write::disconnect(&joined.name, out);
        }
    }

    /// The id of the next acknowledgement that the server asks for in a namespace; `None` when it is not joined.
    pub fn next_id(&mut self, namespace: NamespaceId) -> Option<u64> {
        let joined = self.in_state(namespace, State::Joined)?;
        joined.next_id += 1;
        Some(joined.next_id - 1)
    }

    /// The name of a namespace that the client has joined.
    pub fn name(&self, namespace: NamespaceId) -> Option<&str> {
        let namespace = self.namespaces.get(namespace.index())?;
        (namespace.state == State::Joined).then_some(&*namespace.name)
    }

    /// The client's revision, as Engine.IO counts.
    pub fn version(&self) -> Version {
        self.version
    }

    /// When [`tick`](Self::tick) is wanted; `None` once a namespace was joined.
    pub fn deadline(&self) -> Option<Time> {
        self.connect_until
    }

    /// Ends a connection that has joined no namespace in time.
    ///
    /// # Errors
    ///
    /// Close the Engine.IO session.
    pub fn tick(&mut self, now: Time) -> Result<(), Violation> {
        match self.connect_until {
            Some(until) if until <= now => Err(Violation::Silence),
            _ => Ok(()),
        }
    }

    fn text<'e>(&mut self, text: &'e str) -> Result<Option<Event<'e>>, Violation> {
        let (name, said, wanted) = match Packet::parse(&self.limits, text)? {
            Packet::Connect { namespace, data } => return self.ask(namespace, data).map(Some),
            Packet::ConnectError { .. } => return Err(Violation::Unexpected),
            Packet::Disconnect { namespace } => return self.leave_by_client(namespace),
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
        let namespace = self.find(name).ok_or(Violation::NotJoined)?;
        let state = self.namespaces[namespace].state;
        if state == State::Asked {
            return Err(Violation::NotJoined);
        }
        let (id, name, args) = said;
        let said = Said {
            namespace,
            id,
            name,
            args,
        };
        if wanted > 0 {
            self.assembler.begin(said, wanted);
            return Ok(None);
        }
        Ok((state == State::Joined).then(|| event(said, &[])))
    }

    fn binary(&mut self, bytes: &[u8]) -> Result<Option<Event<'_>>, Violation> {
        let limit = self.limits.attachment_bytes;
        match self.assembler.add(bytes, limit) {
            Added::Partial => Ok(None),
            Added::Unwanted => Err(Violation::Unwanted),
            Added::TooLong => Err(Violation::TooLong(limit)),
            Added::Whole(said, attachments) => {
                let is_joined = self.namespaces[said.namespace].state == State::Joined;
                Ok(is_joined.then(|| event(said, attachments)))
            }
        }
    }

    fn ask<'e>(&mut self, name: &'e str, data: Option<&'e str>) -> Result<Event<'e>, Violation> {
        let (name, query) = split_query(self.version, name);
        let auth = match (query, data) {
            (Some(query), _) => Auth::Query(query),
            (None, Some(object)) => Auth::Json(object),
            (None, None) => Auth::None,
        };
        let place = match self.find(name) {
            Some(place) if self.namespaces[place].state == State::Left => place,
            Some(_) => return Err(Violation::Twice),
            None => self.place()?,
        };
        self.namespaces[place] = Namespace::asked(name);
        Ok(Event::Connect {
            namespace: NamespaceId::at(place),
            name,
            auth,
            resumption: data.and_then(Resumption::parse),
        })
    }

    /// A place that is free, or made so.
    fn place(&mut self) -> Result<usize, Violation> {
        let limit = self.limits.namespaces.min(usize::from(u16::MAX));
        let in_state = |state| {
            self.namespaces
                .iter()
                .position(|namespace| namespace.state == state)
        };
        if let Some(place) = in_state(State::Free) {
            return Ok(place);
        }
        if self.namespaces.len() < limit {
            // Most connections have one.
            self.namespaces.reserve_exact(1);
            self.namespaces.push(Namespace::asked(""));
            return Ok(self.namespaces.len() - 1);
        }
        in_state(State::Left).ok_or(Violation::TooManyNamespaces(limit))
    }

    fn leave_by_client(&mut self, name: &str) -> Result<Option<Event<'static>>, Violation> {
        let place = self.find(name).ok_or(Violation::NotJoined)?;
        let state = std::mem::replace(&mut self.namespaces[place].state, State::Free);
        let namespace = NamespaceId::at(place);
        Ok((state != State::Left).then_some(Event::Disconnect { namespace }))
    }

    /// Where a namespace is that the client has asked for.
    fn find(&self, name: &str) -> Option<usize> {
        let (name, _) = split_query(self.version, name);
        self.namespaces
            .iter()
            .position(|namespace| namespace.state != State::Free && *namespace.name == *name)
    }

    fn in_state(&mut self, namespace: NamespaceId, state: State) -> Option<&mut Namespace> {
        let namespace = self.namespaces.get_mut(namespace.index());
        namespace.filter(|namespace| namespace.state == state)
    }
}

impl Namespace {
    fn asked(name: &str) -> Self {
        Self {
            name: name.into(),
            state: State::Asked,
            next_id: 0,
        }
    }
}

impl<'e> Resumption<'e> {
    /// Reads it out of an object, where what it tells is strings.
    fn parse(object: &'e str) -> Option<Self> {
        let (mut pid, mut offset) = (None, Some(None));
        for (key, value) in json::members(object) {
            match key {
                "pid" => pid = json::string(value),
                "offset" => offset = json::string(value).map(Some),
                _ => {}
            }
        }
        let (pid, offset) = pid.zip(offset)?;
        Some(Self { pid, offset })
    }
}

fn event<'e>(said: Said<'e>, attachments: &'e [Bytes]) -> Event<'e> {
    let namespace = NamespaceId::at(said.namespace);
    let args = Args::new(said.args, attachments);
    match (said.name, said.id) {
        (None, Some(id)) => Event::Ack { namespace, id, args },
        (name, id) => Event::Event {
            namespace,
            id,
            name: name.unwrap_or_default(),
            args,
        },
    }
}

/// What clients of protocol 4 show follows the name of the namespace.
fn split_query(version: Version, name: &str) -> (&str, Option<&str>) {
    match name.split_once('?') {
        Some((name, query)) if version == Version::V3 => (name, Some(query)),
        _ => (name, None),
    }
}

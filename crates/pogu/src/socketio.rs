//! Socket.IO namespaces with code behind them.
//!
//! ```
//! use pogu::Server;
//! use pogu::socketio::{Namespace, Refusal};
//! use serde_json::json;
//!
//! let chat = Namespace::new()
//!     .on_connect(|socket, auth| {
//!         if auth["token"] != "secret" {
//!             return Err(Refusal::new("not authorized").with_data(json!({ "hint": "send a token" })));
//!         }
//!         socket.emit("welcome", &"hello");
//!         Ok(())
//!     })
//!     .on("say", |socket, text: String| socket.broadcast().emit("said", &text))
//!     .on_ack("sum", |_, (a, b): (i64, i64)| a + b)
//!     .on("enter", |socket, room: String| {
//!         if socket.join(&room).is_ok() {
//!             let id = socket.id().to_owned();
//!             socket.to(&room).emit("entered", &id);
//!         }
//!     })
//!     .on_disconnect(|socket, reason| socket.broadcast().emit("left", &reason.as_str()));
//! let server = Server::builder().socketio("/chat", chat);
//! # drop(server);
//! ```
//!
//! A namespace `/chat` is the topic `chat`, and a room `kitchen` in it the topic `chat.kitchen`: what any other protocol publishes there
//! reaches the sockets as an event, and what they emit there reaches any other protocol. Handlers run on the lane that the
//! connection lives on and must not block.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pogu_hub::{After, Draft, SubscriptionId, Topic, TopicError};
use pogu_proto::socketio::{self, put_string};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use pogu_proto::socketio::{Arg, Args};

use crate::core::{Core, milliseconds};
use crate::dialect::Wrap;
use crate::dialect::socketio::{Joined, PendingAck, body};
use crate::id::PeerId;

/// The topic of the root namespace, which has no name that could be one.
const ROOT: &str = "$socketio";
/// Acknowledgements that a client may owe at a time.
const ACKS_MAX: usize = 1_000;

type OnConnect = dyn Fn(&mut Socket<'_>, &Value) -> Result<(), Refusal> + Send + Sync;
type OnEvent = dyn Fn(&mut Socket<'_>, &Event<'_>) + Send + Sync;
type OnDisconnect = dyn Fn(&mut Socket<'_>, Reason) + Send + Sync;
pub(crate) type OnAck = Box<dyn FnOnce(&mut Socket<'_>, Result<Value, NoAck>)>;

/// What a namespace does with its clients and their events.
#[derive(Clone, Default)]
pub struct Namespace {
    connect: Vec<Arc<OnConnect>>,
    events: HashMap<Box<str>, Arc<OnEvent>>,
    disconnect: Option<Arc<OnDisconnect>>,
    /// Events go to all others, as without code.
    relays: bool,
}

/// An event that a client emitted.
#[derive(Clone, Copy, Debug)]
pub struct Event<'e> {
    /// Its name.
    pub name: &'e str,
    /// Its arguments, binary ones among them.
    pub args: Args<'e>,
    /// Whether the client waits for an acknowledgement.
    pub wants_ack: bool,
}

/// Namespaces by name.
pub(crate) type Namespaces = Arc<HashMap<String, Arc<Namespace>>>;

/// Why a client may not join.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub(crate) message: String,
    pub(crate) data: Option<Value>,
}

/// Why a client is gone from a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The client has left the namespace.
    ClientLeft,
    /// [`Socket::disconnect`] was called.
    ServerLeft,
    /// Its connection was closed or broke.
    TransportClosed,
    /// It did not answer in time.
    PingTimeout,
    /// It broke the protocol.
    ParseError,
    /// The server stops.
    ServerShutdown,
}

/// Why there is no acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoAck {
    /// The client has not acknowledged in time.
    #[error("no acknowledgement in time")]
    Timeout,
    /// It is gone.
    #[error("the client is gone")]
    Gone,
    /// It owes too many already.
    #[error("a client owes at most {ACKS_MAX} acknowledgements")]
    TooMany,
}

impl Namespace {
    /// A namespace that does nothing with events for which there is no handler.
    pub fn new() -> Self {
        Self::default()
    }

    /// A namespace without code: what a client emits reaches all others.
    pub fn relay() -> Self {
        Self {
            relays: true,
            ..Self::default()
        }
    }

    /// Calls `handler` for each client that asks to join, with the `auth` it shows (`{}` where it shows none). Several are called in
    /// order; the first that refuses decides, and its message and data reach the client's `connect_error`.
    #[must_use]
    pub fn on_connect(
        mut self,
        handler: impl Fn(&mut Socket<'_>, &Value) -> Result<(), Refusal> + Send + Sync + 'static,
    ) -> Self {
        self.connect.push(Arc::new(handler));
        self
    }

    /// Calls `handler` for each event of this name, with its argument, or with several as a tuple. Arguments that are not of that type
    /// are answered with `{"error":…}` where the client waits for an acknowledgement.
    #[must_use]
    pub fn on<T: DeserializeOwned>(
        self,
        event: &str,
        handler: impl Fn(&mut Socket<'_>, T) + Send + Sync + 'static,
    ) -> Self {
        self.on_event(event, move |socket, event| match typed(&event.args) {
            Ok(data) => handler(socket, data),
            Err(error) => socket.ack_error(&error),
        })
    }

    /// The same for a handler whose value is the acknowledgement.
    #[must_use]
    pub fn on_ack<T: DeserializeOwned, R: Serialize>(
        self,
        event: &str,
        handler: impl Fn(&mut Socket<'_>, T) -> R + Send + Sync + 'static,
    ) -> Self {
        self.on_event(event, move |socket, event| match typed(&event.args) {
            Ok(data) => {
                let value = json(&handler(socket, data));
                socket.ack(&[Arg::Json(&value)]);
            }
            Err(error) => socket.ack_error(&error),
        })
    }

    /// Calls `handler` for each event of this name with its arguments as they came, binary ones among them. [`Socket::ack`]
    /// acknowledges it.
    #[must_use]
    pub fn on_event(
        mut self,
        event: &str,
        handler: impl Fn(&mut Socket<'_>, &Event<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.events.insert(event.into(), Arc::new(handler));
        self
    }

    /// Calls `handler` when a client is gone.
    #[must_use]
    pub fn on_disconnect(
        mut self,
        handler: impl Fn(&mut Socket<'_>, Reason) + Send + Sync + 'static,
    ) -> Self {
        self.disconnect = Some(Arc::new(handler));
        self
    }

    pub(crate) fn relays(&self) -> bool {
        self.relays
    }

    pub(crate) fn connect(&self, socket: &mut Socket<'_>, auth: &Value) -> Result<(), Refusal> {
        self.connect.iter().try_for_each(|handler| handler(socket, auth))
    }

    pub(crate) fn event(&self, name: &str) -> Option<&Arc<OnEvent>> {
        self.events.get(name)
    }

    pub(crate) fn disconnect(&self, socket: &mut Socket<'_>, reason: Reason) {
        if let Some(handler) = &self.disconnect {
            handler(socket, reason);
        }
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace")
            .field("events", &self.events.keys())
            .finish_non_exhaustive()
    }
}

impl Refusal {
    /// A refusal with the message that the client's `connect_error` has.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            data: None,
        }
    }

    /// Adds the `data` that its `connect_error` has.
    #[must_use]
    pub fn with_data(mut self, data: Value) -> Self {
        self.data = Some(data);
        self
    }
}

impl Reason {
    /// As Socket.IO's own servers say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::ClientLeft => "client namespace disconnect",
            Reason::ServerLeft => "server namespace disconnect",
            Reason::TransportClosed => "transport close",
            Reason::PingTimeout => "ping timeout",
            Reason::ParseError => "parse error",
            Reason::ServerShutdown => "server shutting down",
        }
    }
}

/// The topic of a namespace, below which those of its rooms are.
pub(crate) fn topic_of(namespace: &str) -> Result<Topic, TopicError> {
    match namespace.trim_start_matches('/') {
        "" => ROOT.parse(),
        name => name.replace('/', ".").parse(),
    }
}

/// The topic of a room. Rooms of the root are topics of their own.
pub(crate) fn room_topic(namespace: &str, room: &str) -> Result<Topic, TopicError> {
    match namespace.trim_start_matches('/') {
        "" => room.parse(),
        name => format!("{}.{room}", name.replace('/', ".")).parse(),
    }
}

/// A client in a namespace, lent to a handler.
pub struct Socket<'s> {
    pub(crate) id: PeerId,
    pub(crate) wrap: Wrap,
    pub(crate) out: &'s mut Vec<u8>,
    pub(crate) catching_up: &'s mut Vec<SubscriptionId>,
    pub(crate) core: &'s mut Core,
    pub(crate) joined: &'s mut Joined,
    pub(crate) acks: &'s mut Vec<PendingAck>,
    /// What the event that is handled is to be acknowledged with.
    pub(crate) ack: Option<u64>,
    pub(crate) leaves: bool,
}

impl Socket<'_> {
    /// The public id of the client in this namespace. [`Socket::to`] reaches it by that.
    pub fn id(&self) -> &str {
        &self.joined.sid
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.joined.name
    }

    /// Whether the client is back where it was, its rooms and all that it missed with it.
    pub fn is_recovered(&self) -> bool {
        self.joined.is_recovered
    }

    /// Emits an event with one argument to this client.
    pub fn emit(&mut self, event: &str, data: &impl Serialize) {
        self.emit_args(event, &[Arg::Json(&json(data))]);
    }

    /// Emits an event with any arguments to this client.
    pub fn emit_args(&mut self, event: &str, args: &[Arg<'_>]) {
        // What is taken up again later must be in history.
        if self.joined.pid.is_some() {
            let id = self.joined.sid.clone();
            return self.publish(Some(&id), 0, event, args);
        }
        let name = &self.joined.name;
        self.wrap.put(self.out, self.core, |out| {
            socketio::event(name, None, event, args, out)
        });
        self.wrap.put_binary(self.out, args);
    }

    /// Emits an event that the client is to acknowledge; `then` is called with the first argument of that (`null` for none), or with why there is
    /// none.
    pub fn emit_with_ack(
        &mut self,
        event: &str,
        data: &impl Serialize,
        timeout: Duration,
        then: impl FnOnce(&mut Socket<'_>, Result<Value, NoAck>) + 'static,
    ) {
        if self.acks.len() >= ACKS_MAX {
            return then(self, Err(NoAck::TooMany));
        }
        let id = self.joined.next_ack;
        self.joined.next_ack += 1;
        let data = json(data);
        let args = [Arg::Json(&data)];
        let name = &self.joined.name;
        self.wrap.put(self.out, self.core, |out| {
            socketio::event(name, Some(id), event, &args, out);
        });
        self.acks.push(PendingAck {
            namespace: self.joined.id,
            id,
            until: self.core.now + milliseconds(timeout),
            then: Box::new(then),
        });
    }

    /// Acknowledges the event that is handled, once; nothing happens where the client does not wait for that.
    pub fn ack(&mut self, args: &[Arg<'_>]) {
        let Some(id) = self.ack.take() else { return };
        let name = &self.joined.name;
        self.wrap
            .put(self.out, self.core, |out| socketio::ack(name, id, args, out));
        self.wrap.put_binary(self.out, args);
    }

    fn ack_error(&mut self, why: &str) {
        let mut answer = b"{\"error\":".to_vec();
        put_string(why, &mut answer);
        answer.push(b'}');
        let answer = String::from_utf8(answer).unwrap_or_default();
        self.ack(&[Arg::Json(&answer)]);
    }

    /// All in the namespace but this client.
    pub fn broadcast(&mut self) -> Target<'_> {
        let (topic, origin) = (topic_of(&self.joined.name), self.joined.origin);
        self.target(topic, origin)
    }

    /// All in the namespace, this client among them.
    pub fn all(&mut self) -> Target<'_> {
        let topic = topic_of(&self.joined.name);
        self.target(topic, 0)
    }

    /// All in a room but this client, or the client with that id.
    pub fn to(&mut self, room: &str) -> Target<'_> {
        let (topic, origin) = (room_topic(&self.joined.name, room), self.joined.origin);
        self.target(topic, origin)
    }

    fn target(&mut self, topic: Result<Topic, TopicError>, origin: u64) -> Target<'_> {
        Target {
            core: self.core,
            // A room that nobody can be in.
            topic: topic.ok(),
            origin,
        }
    }

    /// Joins a room; nothing happens if it is in it already.
    ///
    /// # Errors
    /// A room is named like tokens of a topic; or the client is in too many.
    pub fn join(&mut self, room: &str) -> Result<(), JoinError> {
        let topic = room_topic(&self.joined.name, room).map_err(|error| JoinError(error.to_string()))?;
        if self
            .core
            .find(&self.joined.subscriptions, topic.as_str())
            .is_some()
        {
            return Ok(());
        }
        let limit = self.core.config.limits.subscriptions;
        if self.joined.subscriptions.len() >= limit {
            return Err(JoinError(format!("a client is in at most {limit} rooms")));
        }
        // What was emitted before is not for it.
        self.core.publish();
        let origin = self.joined.origin;
        let outcome = self
            .core
            .subscribe(self.id, topic.into(), After::Now, origin, None)
            .map_err(|error| JoinError(error.to_string()))?;
        self.joined.subscribed(&outcome, self.catching_up, self.core);
        Ok(())
    }

    /// Leaves a room.
    pub fn leave(&mut self, room: &str) {
        let Ok(topic) = room_topic(&self.joined.name, room) else {
            return;
        };
        if let Some(at) = self.core.find(&self.joined.subscriptions, topic.as_str()) {
            self.joined.unsubscribe(at, self.catching_up, self.core);
        }
    }

    /// Has the client leave the namespace. It does not come back by itself.
    pub fn disconnect(&mut self) {
        self.leaves = true;
    }

    fn publish(&mut self, room: Option<&str>, origin: u64, event: &str, args: &[Arg<'_>]) {
        let topic = match room {
            Some(room) => room_topic(&self.joined.name, room),
            None => topic_of(&self.joined.name),
        };
        let topic = topic.ok();
        let target = Target {
            core: self.core,
            topic,
            origin,
        };
        target.emit_args(event, args);
    }
}

impl fmt::Debug for Socket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("id", &self.id())
            .field("namespace", &self.namespace())
            .finish_non_exhaustive()
    }
}

/// Why a client cannot join a room.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JoinError(String);

/// Those that an event is to reach.
pub struct Target<'t> {
    core: &'t mut Core,
    topic: Option<Topic>,
    origin: u64,
}

impl Target<'_> {
    /// Emits an event with one argument.
    pub fn emit(self, event: &str, data: &impl Serialize) {
        self.emit_args(event, &[Arg::Json(&json(data))]);
    }

    /// Emits an event with any arguments.
    pub fn emit_args(self, event: &str, args: &[Arg<'_>]) {
        let Some(topic) = self.topic else { return };
        let (kind, content_type, body) = body::of_args(args);
        let mut draft = Draft::new(topic, kind, body);
        draft.content_type = content_type;
        draft.event = Some(event.into());
        draft.origin = self.origin;
        self.core.draft(draft);
    }
}

impl fmt::Debug for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

/// A value as JSON; what cannot be one, such as a map whose keys are no strings, is `null`.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".into())
}

/// One argument as it is, several as a tuple.
fn typed<T: DeserializeOwned>(args: &Args<'_>) -> Result<T, String> {
    let mut each = args.iter();
    let parsed = match (each.next(), each.next()) {
        (None, _) => serde_json::from_str("null"),
        (Some(Arg::Json(one)), None) => serde_json::from_str(one),
        (Some(Arg::Binary(bytes)), None) => serde_json::from_value(bytes.into()),
        (Some(_), Some(_)) => serde_json::from_str(&format!("[{}]", args.raw())),
    };
    parsed.map_err(|error| error.to_string())
}

//! The tables of the configuration.

use std::num::NonZero;
use std::str::FromStr;
use std::time::Duration;

use pogu_hub::{Policy, Rule, Selector};
use serde::Deserialize;
use serde::de::value::Error as WordError;
use serde::de::{Deserializer, Error, IntoDeserializer};

use super::error::Wrong;
use super::value::{self, Size};

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<LogFormat, String> {
        word(text, "text or json")
    }
}

/// The least important line that is still logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// Something does not work.
    Error,
    /// Something will not work, or is not safe.
    Warn,
    /// What the server does.
    Info,
    /// Each connection and each refusal.
    Debug,
    /// Everything, of the libraries below, too.
    Trace,
}

impl LogLevel {
    /// The word for it, as a filter of `tracing` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
            LogLevel::Trace => "trace",
        }
    }
}

impl FromStr for LogLevel {
    type Err = String;

    fn from_str(text: &str) -> Result<LogLevel, String> {
        word(text, "error, warn, info, debug or trace")
    }
}

/// A word of a flag or of the environment, read as it is read in the file.
fn word<'de, T: Deserialize<'de>>(text: &'de str, known: &str) -> Result<T, String> {
    let deserializer = IntoDeserializer::<WordError>::into_deserializer(text);
    T::deserialize(deserializer).map_err(|_| format!("{text:?} is not {known}"))
}

/// What one client, and all of them together, may use.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Limits {
    /// The body of one message.
    pub message: Size,
    /// What waits for one client before the slow-consumer policy of the topic is applied.
    pub mailbox: Size,
    /// The head of an HTTP request, and a command of the pogu dialect without its body.
    pub head: Size,
    /// Header fields of one HTTP request.
    pub headers: usize,
    /// Clients at a time; sessions of Socket.IO and SockJS count, too.
    pub connections: usize,
    /// The same of one address, of IPv6 one network of 64 bits; none, unless it is set, as behind a proxy all clients have one address.
    pub connections_per_address: Option<usize>,
    /// Subscriptions of one client.
    pub subscriptions: usize,
    /// Topics that are remembered; beyond, the one published to longest ago is forgotten.
    pub topics: usize,
    /// The history of all topics together; beyond, the oldest messages go.
    pub history: Size,
    /// The messages of all queues together; beyond, publishing to a queue is refused.
    pub queues: Size,
    /// The bodies of all HTTP requests that are on their way together; beyond, requests with one are refused.
    pub bodies: Size,
    /// The longest a poll may wait for a message.
    #[serde(deserialize_with = "value::duration")]
    pub wait: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            message: Size::new(1 << 20),
            mailbox: Size::new(1 << 20),
            head: Size::new(16 << 10),
            headers: 100,
            connections: 100_000,
            connections_per_address: None,
            subscriptions: 1_000,
            topics: 100_000,
            history: Size::new(256 << 20),
            queues: Size::new(512 << 20),
            bodies: Size::new(256 << 20),
            wait: Duration::from_secs(60),
        }
    }
}

impl Limits {
    /// Less than this and the requests of ordinary browsers do not fit; hyper takes no less either.
    const HEAD_MIN: Size = Size::new(8 << 10);
    const HEADERS_MIN: usize = 32;

    /// The largest body that a request may have: of SockJS, a message with its head in a string, where most characters are one byte and
    /// few two.
    pub(crate) fn largest_body(&self) -> usize {
        self.message
            .bytes()
            .saturating_add(self.head.bytes())
            .saturating_mul(2)
    }

    pub(super) fn check(&self, wrong: &mut Vec<Wrong>) {
        let mut check = |key, good: bool, why: &str| {
            if !good {
                wrong.push(Wrong::new(&["limits", key], why));
            }
        };
        let zero = "this may not be zero";
        check("message", self.message.bytes() > 0, zero);
        check("connections", self.connections > 0, zero);
        check(
            "connections-per-address",
            self.connections_per_address != Some(0),
            zero,
        );
        check("subscriptions", self.subscriptions > 0, zero);
        check("topics", self.topics > 0, zero);
        let small = format!(
            "the largest message would not fit; write at least limits.message, {}",
            self.message
        );
        check("mailbox", self.mailbox >= self.message, &small);
        check("history", self.history >= self.message, &small);
        check("queues", self.queues >= self.message, &small);
        let largest = Size::new(self.largest_body());
        let small = format!(
            "the largest body would not fit; write at least twice limits.message and limits.head together, {largest}"
        );
        check("bodies", self.bodies >= largest, &small);
        let small = format!(
            "ordinary requests would not fit; write at least {}",
            Limits::HEAD_MIN
        );
        check("head", self.head >= Limits::HEAD_MIN, &small);
        let small = format!(
            "ordinary requests would not fit; write at least {}",
            Limits::HEADERS_MIN
        );
        check("headers", self.headers >= Limits::HEADERS_MIN, &small);
    }
}

/// What is kept of the topics that a pattern matches, and what happens to clients that read them too slowly.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    expecting = "a table: write [[topics]] on a line of its own and pattern = \"…\" below it"
)]
pub struct TopicRule {
    /// The topics it is for: `orders.*`, `logs.>`, `chat`.
    #[serde(deserialize_with = "selector")]
    pub pattern: Selector,
    /// Messages kept for each topic; 0 keeps none.
    #[serde(default = "default_history")]
    pub history: usize,
    /// How long they are kept.
    #[serde(default = "default_history_age", deserialize_with = "value::duration")]
    pub history_age: Duration,
    /// What happens when a client's mailbox is full. It is told what it missed in each case.
    #[serde(default, deserialize_with = "policy")]
    pub slow_consumer: Policy,
}

impl TopicRule {
    pub(super) fn to_hub(&self) -> Rule {
        Rule {
            pattern: self.pattern.clone(),
            history: self.history,
            history_age_ms: u64::try_from(self.history_age.as_millis()).unwrap_or(u64::MAX),
            policy: self.slow_consumer,
        }
    }
}

/// How much the queues that a pattern matches hold, and how often they deliver a message.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    expecting = "a table: write [[queues]] on a line of its own and pattern = \"…\" below it"
)]
pub struct QueueRule {
    /// The queues it is for: `jobs`, `mail.*`, `>`.
    #[serde(deserialize_with = "selector")]
    pub pattern: Selector,
    /// Messages that each queue holds, those among them that are delivered and not acknowledged; beyond, publishing to it is refused.
    #[serde(default = "default_queue_messages")]
    pub messages: usize,
    /// The same in bytes.
    #[serde(default = "default_queue_bytes")]
    pub bytes: Size,
    /// How often a message is delivered before it goes to the dead-letter queue.
    #[serde(default = "default_delivery_limit", deserialize_with = "deliveries")]
    pub delivery_limit: NonZero<u32>,
}

impl QueueRule {
    pub(super) fn to_hub(&self) -> pogu_hub::QueueRule {
        pogu_hub::QueueRule {
            pattern: self.pattern.clone(),
            messages: self.messages,
            bytes: self.bytes.bytes(),
            delivery_limit: self.delivery_limit.get(),
        }
    }

    pub(super) fn check(&self, index: usize, wrong: &mut Vec<Wrong>) {
        let full = "a queue that holds nothing takes nothing; write at least 1";
        if self.messages == 0 {
            wrong.push(Wrong::entry("queues", index, "messages", full));
        }
        if self.bytes.bytes() == 0 {
            wrong.push(Wrong::entry("queues", index, "bytes", full));
        }
    }
}

fn default_queue_messages() -> usize {
    pogu_hub::QueueRule::default().messages
}

fn default_queue_bytes() -> Size {
    Size::new(pogu_hub::QueueRule::default().bytes)
}

fn default_delivery_limit() -> NonZero<u32> {
    NonZero::new(pogu_hub::QueueRule::default().delivery_limit).unwrap_or(NonZero::<u32>::MIN)
}

fn default_history() -> usize {
    Rule::default().history
}

fn default_history_age() -> Duration {
    Duration::from_millis(Rule::default().history_age_ms)
}

fn selector<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Selector, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse()
        .map_err(|why| D::Error::custom(format!("{text:?} is not a pattern: {why}")))
}

fn deliveries<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NonZero<u32>, D::Error> {
    let number = u32::deserialize(deserializer)?;
    NonZero::new(number)
        .ok_or_else(|| D::Error::custom("this may not be zero: a message is delivered once at least"))
}

fn policy<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Policy, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Word {
        DropOldest,
        DropNewest,
        Conflate,
        Disconnect,
    }
    Ok(match Word::deserialize(deserializer)? {
        Word::DropOldest => Policy::DropOldest,
        Word::DropNewest => Policy::DropNewest,
        Word::Conflate => Policy::Conflate,
        Word::Disconnect => Policy::Disconnect,
    })
}

/// Which web pages may use the server, by their origin. Credentials are never allowed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Cors {
    /// `"*"` for any, or origins such as `https://example.com`.
    #[serde(deserialize_with = "origins")]
    pub origins: Vec<String>,
}

impl Default for Cors {
    fn default() -> Cors {
        Cors {
            origins: vec!["*".to_owned()],
        }
    }
}

impl Cors {
    /// Whether every page may use the server.
    pub(crate) fn is_open(&self) -> bool {
        self.origins.iter().any(|origin| origin == "*")
    }

    pub(super) fn check(&self) -> Result<(), Wrong> {
        let wrong = self.origins.iter().find(|origin| !is_origin(origin));
        let Some(origin) = wrong else { return Ok(()) };
        let message = format!(
            "{origin:?} is not an origin; write \"*\" for any, or scheme and host in lower case with no path and no port that the scheme has anyway, as in \"https://example.com\" or \"http://localhost:3000\""
        );
        Err(Wrong::new(&["cors", "origins"], message))
    }
}

fn origins<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        Many(Vec<String>),
        One(String),
    }
    match OneOrMany::deserialize(deserializer) {
        Ok(OneOrMany::Many(origins)) => Ok(origins),
        Ok(OneOrMany::One(one)) => Err(D::Error::custom(format!(
            "origins are a list; write origins = [{one:?}]"
        ))),
        Err(_) => Err(D::Error::custom(
            "origins are a list of strings; write origins = [\"*\"] or [\"https://example.com\"]",
        )),
    }
}

/// An origin as browsers serialize it (RFC 6454, 6.2), which is what theirs is compared with.
fn is_origin(text: &str) -> bool {
    if text == "*" {
        return true;
    }
    // Browsers leave the port out that a scheme has anyway (RFC 6454, 6.2).
    let is_usual = |port: &str, scheme: &str| text.ends_with(port) && text.starts_with(scheme);
    if is_usual(":80", "http://") || is_usual(":443", "https://") {
        return false;
    }
    text.split_once("://").is_some_and(|(scheme, host)| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        !scheme.is_empty()
            && scheme.bytes().all(|byte| plain(byte) || b"+-.".contains(&byte))
            && !host.is_empty()
            && host.bytes().all(|byte| plain(byte) || b"-._:[]".contains(&byte))
    })
}

/// WebSocket connections.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct WebSocket {
    /// Whether permessage-deflate (RFC 7692) is agreed to when the client offers it.
    pub compression: bool,
    /// How long a connection may be silent before it is pinged.
    #[serde(deserialize_with = "value::duration")]
    pub ping_interval: Duration,
    /// How long the pong may take before the connection is given up.
    #[serde(deserialize_with = "value::duration")]
    pub pong_timeout: Duration,
}

impl Default for WebSocket {
    fn default() -> WebSocket {
        WebSocket {
            compression: true,
            ping_interval: Duration::from_secs(30),
            pong_timeout: Duration::from_secs(20),
        }
    }
}

/// Socket.IO.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct SocketIo {
    /// From one pong of a client, or its beginning, to the next ping.
    #[serde(deserialize_with = "value::duration")]
    pub ping_interval: Duration,
    /// How long the pong may take before the session is given up.
    #[serde(deserialize_with = "value::duration")]
    pub ping_timeout: Duration,
    /// How long a client has to join its first namespace.
    #[serde(deserialize_with = "value::duration")]
    pub connect_timeout: Duration,
    /// How long a session can be taken up again after its connection broke, with all that was missed; zero for never.
    #[serde(deserialize_with = "value::duration")]
    pub recovery: Duration,
    /// Whether clients of Socket.IO 1 and 2 are served (`EIO=3`).
    pub allow_eio3: bool,
    /// Where its requests go, as clients have it in their `path`.
    pub path: String,
}

impl Default for SocketIo {
    fn default() -> SocketIo {
        SocketIo {
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(45),
            recovery: Duration::ZERO,
            allow_eio3: false,
            path: "/socket.io/".into(),
        }
    }
}

impl SocketIo {
    pub(super) fn check(&self) -> Result<(), Wrong> {
        let first = self
            .path
            .strip_prefix('/')
            .and_then(|rest| rest.split('/').next());
        let taken = ["", "topics", "pogu", "stomp", "healthz", "readyz", "metrics"];
        let is_plain = self
            .path
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"?#%".contains(&byte));
        if is_plain && first.is_some_and(|first| !taken.contains(&first)) {
            return Ok(());
        }
        let message = format!(
            "{:?} is no path of its own; write one as \"/socket.io/\"",
            self.path
        );
        Err(Wrong::new(&["socketio", "path"], message))
    }
}

/// SockJS, beside every WebSocket endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct SockJs {
    /// Whether it is offered.
    pub enabled: bool,
    /// Whether WebSocket is offered within it.
    pub websocket: bool,
    /// Whether answers set the cookie `JSESSIONID`, by which balancers keep a client at its server.
    pub cookie: bool,
    /// From one heartbeat to the next.
    #[serde(deserialize_with = "value::duration")]
    pub heartbeat: Duration,
    /// How long a session lives without its client.
    #[serde(deserialize_with = "value::duration")]
    pub disconnect_delay: Duration,
    /// How much a response that streams holds before the client is to ask for another.
    pub response_limit: Size,
}

impl Default for SockJs {
    fn default() -> SockJs {
        SockJs {
            enabled: true,
            websocket: true,
            cookie: false,
            heartbeat: Duration::from_secs(25),
            disconnect_delay: Duration::from_secs(5),
            response_limit: Size::new(128 * 1024),
        }
    }
}

impl SockJs {
    /// Less than this and each message would need a request of its own.
    const RESPONSE_MIN: Size = Size::new(1 << 10);

    pub(super) fn check(&self) -> Result<(), Wrong> {
        if self.response_limit >= SockJs::RESPONSE_MIN {
            return Ok(());
        }
        let message = format!(
            "each message would need a response of its own; write at least {}",
            SockJs::RESPONSE_MIN
        );
        Err(Wrong::new(&["sockjs", "response-limit"], message))
    }
}

/// Server-sent events.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Sse {
    /// How long a stream may be silent before a comment is sent, so that proxies do not cut it.
    #[serde(deserialize_with = "value::duration")]
    pub keep_alive: Duration,
    /// How long the browser is told to wait before it connects again.
    #[serde(deserialize_with = "value::duration")]
    pub retry: Duration,
}

impl Default for Sse {
    fn default() -> Sse {
        Sse {
            keep_alive: Duration::from_secs(15),
            retry: Duration::from_secs(2),
        }
    }
}

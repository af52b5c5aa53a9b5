//! The tables of the configuration.

use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error as WordError;

use super::error::Wrong;
use super::value;

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
    /// What each connection does.
    Debug,
    /// Everything.
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

/// What one client, and all of them together, may use. Nothing in the server grows beyond these.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of the body of one message.
    #[serde(deserialize_with = "value::size")]
    pub message_bytes: usize,
    /// Bytes that wait for one client before the slow-consumer policy of the topic is applied.
    #[serde(deserialize_with = "value::size")]
    pub mailbox_bytes: usize,
    /// Bytes of the head of an HTTP request, and of a line of the pogu dialect without its body.
    #[serde(deserialize_with = "value::size")]
    pub head_bytes: usize,
    /// Header fields of one HTTP request.
    pub headers: usize,
    /// Clients at a time.
    pub connections: usize,
    /// Subscriptions of one client.
    pub subscriptions: usize,
    /// Topics that have history.
    pub topics: usize,
    /// Bytes of the history of all topics together.
    #[serde(deserialize_with = "value::size")]
    pub history_bytes: usize,
    /// Messages in one answer to a poll.
    pub poll_messages: usize,
    /// The longest a poll may wait for a message.
    #[serde(deserialize_with = "value::duration")]
    pub poll_wait: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            message_bytes: 1 << 20,
            mailbox_bytes: 1 << 20,
            head_bytes: 16 << 10,
            headers: 100,
            connections: 100_000,
            subscriptions: 1_000,
            topics: 100_000,
            history_bytes: 256 << 20,
            poll_messages: 256,
            poll_wait: Duration::from_secs(60),
        }
    }
}

impl Limits {
    /// Less than this and the requests of ordinary browsers do not fit; hyper takes no smaller buffer either.
    const HEAD_BYTES_MIN: usize = 8 << 10;
    const HEADERS_MIN: usize = 32;

    pub(super) fn check(&self) -> Result<(), Wrong> {
        let largest = value::size_text(self.message_bytes);
        let at_least = |key, value: usize, least: usize, why: &str| {
            if value >= least {
                return Ok(());
            }
            Err(Wrong::new(&["limits", key], why))
        };
        at_least("message-bytes", self.message_bytes, 1, "this may not be zero")?;
        at_least("connections", self.connections, 1, "this may not be zero")?;
        at_least("subscriptions", self.subscriptions, 1, "this may not be zero")?;
        at_least("topics", self.topics, 1, "this may not be zero")?;
        at_least("poll-messages", self.poll_messages, 1, "this may not be zero")?;
        at_least(
            "mailbox-bytes",
            self.mailbox_bytes,
            self.message_bytes,
            &format!("the largest message would not fit; write at least limits.message-bytes, {largest}"),
        )?;
        at_least(
            "history-bytes",
            self.history_bytes,
            self.message_bytes,
            &format!("the largest message would not fit; write at least limits.message-bytes, {largest}"),
        )?;
        at_least(
            "head-bytes",
            self.head_bytes,
            Limits::HEAD_BYTES_MIN,
            "ordinary requests would not fit; write at least 8KiB",
        )?;
        at_least(
            "headers",
            self.headers,
            Limits::HEADERS_MIN,
            "ordinary requests would not fit; write at least 32",
        )
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
    /// The topics it is for: `orders.*`, `logs.>`.
    pub pattern: String,
    /// Messages kept for each topic; 0 keeps none.
    #[serde(default = "TopicRule::default_history")]
    pub history: usize,
    /// How long they are kept.
    #[serde(
        default = "TopicRule::default_history_age",
        deserialize_with = "value::duration"
    )]
    pub history_age: Duration,
    /// What happens when a client's mailbox is full.
    #[serde(default)]
    pub slow_consumer: SlowConsumer,
}

impl TopicRule {
    /// Messages kept for a topic that no rule is for.
    pub const fn default_history() -> usize {
        256
    }

    /// How long messages are kept for a topic that no rule is for.
    pub const fn default_history_age() -> Duration {
        Duration::from_secs(5 * 60)
    }
}

/// What happens when a client's mailbox is full. It is told what it missed in each case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SlowConsumer {
    /// The oldest waiting messages go.
    #[default]
    DropOldest,
    /// The new message goes.
    DropNewest,
    /// Only the last message of each topic waits.
    Conflate,
    /// The client goes.
    Disconnect,
}

/// Which web pages may use the server, by their origin. Credentials are never allowed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Cors {
    /// `"*"` for any, or origins such as `https://example.com`.
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
    pub(super) fn check(&self) -> Result<(), Wrong> {
        let wrong = self.origins.iter().find(|origin| !is_origin(origin));
        let Some(origin) = wrong else { return Ok(()) };
        let message = format!(
            "{origin:?} is not an origin; write \"*\" for any, or scheme and host in lower case with no path, as in \"https://example.com\" or \"http://localhost:3000\""
        );
        Err(Wrong::new(&["cors", "origins"], message))
    }
}

/// An origin as browsers serialize it (RFC 6454, 6.2), which is what theirs is compared with.
fn is_origin(text: &str) -> bool {
    if text == "*" {
        return true;
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

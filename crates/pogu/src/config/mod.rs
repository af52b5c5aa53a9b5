//! The configuration: one typed tree with defaults, read from TOML, checked once and then shared.
//!
//! A flag wins over the environment and the environment over the file; the tool sets the fields of the tree after reading the file
//! and calls [`Config::validate`] again.

mod error;
mod listen;
mod sections;
mod value;

#[cfg(test)]
mod tests;

use std::fs;
use std::num::NonZero;
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde::Deserialize;

pub use error::{ConfigError, Invalid};
pub use listen::{Address, Carriers, Listen, Protocol, TopicTemplate};
pub use pogu_hub::Policy;
pub use pogu_proto::framing::Framing;
pub use sections::{
    Cors, Limits, LogFormat, LogLevel, QueueRule, SockJs, SocketIo, Sse, TopicRule, WebSocket,
};
pub use value::{Size, parse_duration};

use error::Wrong;

/// The most lanes a server has; a number of a lane goes into 10 bits.
pub const LANES_MAX: usize = 1024;

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Config {
    /// Where to listen.
    pub listen: Vec<Listen>,
    /// Threads that serve connections; none means one a core. See [`Config::lane_count`].
    pub lanes: Option<usize>,
    /// How long clients have to hear of a shutdown and to be sent what waits for them.
    #[serde(deserialize_with = "value::duration")]
    pub shutdown_timeout: Duration,
    /// How long a connection that has begun to speak has to show what; one that is silent may stay so.
    #[serde(deserialize_with = "value::duration")]
    pub sniff_timeout: Duration,
    /// How long the head of an HTTP request or a first line may take to arrive whole.
    #[serde(deserialize_with = "value::duration")]
    pub head_timeout: Duration,
    /// How long an HTTP connection may be idle between two requests.
    #[serde(deserialize_with = "value::duration")]
    pub keep_alive_timeout: Duration,
    /// How log lines look.
    pub log_format: LogFormat,
    /// The least important line that is still logged.
    pub log_level: LogLevel,
    /// What one client, and all of them together, may use.
    pub limits: Limits,
    /// Rules by topic; the first whose pattern matches decides.
    pub topics: Vec<TopicRule>,
    /// Rules by queue; the first whose pattern matches decides.
    pub queues: Vec<QueueRule>,
    /// Which web pages may use the server.
    pub cors: Cors,
    /// WebSocket connections.
    pub websocket: WebSocket,
    /// Server-sent events.
    pub sse: Sse,
    /// Socket.IO.
    #[serde(rename = "socketio")]
    pub socketio: SocketIo,
    /// SockJS.
    #[serde(rename = "sockjs")]
    pub sockjs: SockJs,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            listen: vec![Listen::from(Address {
                carriers: Carriers::Both,
                host: "127.0.0.1".to_owned(),
                port: 7070,
            })],
            lanes: None,
            shutdown_timeout: Duration::from_secs(10),
            sniff_timeout: Duration::from_secs(3),
            head_timeout: Duration::from_secs(10),
            keep_alive_timeout: Duration::from_secs(75),
            log_format: LogFormat::Text,
            log_level: LogLevel::Info,
            limits: Limits::default(),
            topics: Vec::new(),
            queues: Vec::new(),
            cors: Cors::default(),
            websocket: WebSocket::default(),
            sse: Sse::default(),
            socketio: SocketIo::default(),
            sockjs: SockJs::default(),
        }
    }
}

impl Config {
    /// The file at `path`, or the defaults when there is none.
    ///
    /// # Errors
    /// The file cannot be read, is not TOML, has a key that is not known or a value that is wrong.
    pub fn load(path: Option<&Path>) -> Result<Config, ConfigError> {
        let Some(path) = path else {
            return Ok(Config::default());
        };
        let name = path.display().to_string();
        match fs::read_to_string(path) {
            Ok(text) => Config::parse(&text, &name),
            Err(cause) => Err(ConfigError::Read { path: name, cause }),
        }
    }

    /// Reads and checks TOML; `name` is the file that errors tell.
    ///
    /// # Errors
    /// The text is not TOML, has a key that is not known or a value that is wrong.
    pub fn parse(text: &str, name: &str) -> Result<Config, ConfigError> {
        let config: Config = toml::from_str(text).map_err(|error| error::explain(&error, text, name))?;
        config.check().map_err(|wrong| wrong.in_file(text, name))?;
        Ok(config)
    }

    /// Checks what no single value shows: what is zero, too small for another limit or set where it has no meaning.
    ///
    /// # Errors
    /// The first such value, with its path.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.check().map_err(|wrong| wrong.bare().into())
    }

    /// The defaults as TOML, each key with its meaning.
    pub const fn default_toml() -> &'static str {
        include_str!("default.toml")
    }

    /// [`Config::lanes`], or the number of cores.
    pub fn lane_count(&self) -> usize {
        self.lanes
            .or_else(|| thread::available_parallelism().ok().map(NonZero::get))
            .unwrap_or(1)
            .min(LANES_MAX)
    }

    /// The rules of the hub, in the same order.
    pub fn hub_rules(&self) -> Vec<pogu_hub::Rule> {
        self.topics.iter().map(TopicRule::to_hub).collect()
    }

    /// The rules of its queues, in the same order.
    pub fn queue_rules(&self) -> Vec<pogu_hub::QueueRule> {
        self.queues.iter().map(QueueRule::to_hub).collect()
    }

    /// The bounds of the hub, as far as they can be set.
    pub fn hub_limits(&self) -> pogu_hub::Limits {
        pogu_hub::Limits {
            topics: self.limits.topics,
            history_bytes: self.limits.history.bytes(),
            queue_bytes: self.limits.queues.bytes(),
            // What a subscription catches up with at once fits its mailbox.
            page_bytes: self.limits.mailbox.bytes() / 2,
            ..pogu_hub::Limits::default()
        }
    }

    fn check(&self) -> Result<(), Wrong> {
        if self.listen.is_empty() {
            return Err(Wrong::new(
                &["listen"],
                "there is nothing to listen on; add a [[listen]] or leave listen out",
            ));
        }
        for (index, listen) in self.listen.iter().enumerate() {
            listen.check(index)?;
            let earlier = self.listen[..index]
                .iter()
                .position(|earlier| earlier.address.collides(&listen.address));
            if let Some(earlier) = earlier {
                let message = format!("{} is listen[{earlier}] already", listen.address);
                return Err(Wrong::entry("listen", index, "address", message));
            }
        }
        if self.lanes.is_some_and(|lanes| lanes == 0 || lanes > LANES_MAX) {
            let message = format!("lanes go from 1 to {LANES_MAX}; leave it out for one a core");
            return Err(Wrong::new(&["lanes"], message));
        }
        not_zero(&["shutdown-timeout"], self.shutdown_timeout)?;
        not_zero(&["sniff-timeout"], self.sniff_timeout)?;
        not_zero(&["head-timeout"], self.head_timeout)?;
        not_zero(&["keep-alive-timeout"], self.keep_alive_timeout)?;
        not_zero(&["websocket", "ping-interval"], self.websocket.ping_interval)?;
        not_zero(&["websocket", "pong-timeout"], self.websocket.pong_timeout)?;
        not_zero(&["socketio", "ping-interval"], self.socketio.ping_interval)?;
        not_zero(&["socketio", "ping-timeout"], self.socketio.ping_timeout)?;
        not_zero(&["socketio", "connect-timeout"], self.socketio.connect_timeout)?;
        not_zero(&["sockjs", "heartbeat"], self.sockjs.heartbeat)?;
        not_zero(&["sockjs", "disconnect-delay"], self.sockjs.disconnect_delay)?;
        not_zero(&["sse", "keep-alive"], self.sse.keep_alive)?;
        not_zero(&["sse", "retry"], self.sse.retry)?;
        self.limits.check()?;
        self.cors.check()
    }
}

fn not_zero(keys: &[&str], duration: Duration) -> Result<(), Wrong> {
    if duration.is_zero() {
        return Err(Wrong::new(keys, "this may not be zero"));
    }
    Ok(())
}

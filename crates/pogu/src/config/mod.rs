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
pub(crate) use error::nearest;

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
        let wrong = config.check();
        ConfigError::of_all(wrong.into_iter().map(|wrong| wrong.in_file(text, name)).collect())?;
        Ok(config)
    }

    /// Checks what no single value shows: what is zero, too small for another limit or set where it has no meaning.
    ///
    /// # Errors
    /// All such values, with their paths.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::of_all(self.check().into_iter().map(Wrong::bare).collect())
    }

    /// Looks closer than a start does, for who has written it: looks up the names to listen on, which may take time, and tells of values that
    /// work and that nobody means.
    ///
    /// # Errors
    /// All that was found.
    pub fn look_closer(&self) -> Result<(), ConfigError> {
        let unknown = |(index, listen): (usize, &Listen)| {
            let error = listen.address.resolve().err()?;
            let message = format!(
                "{:?} is no address that is known here: {error}",
                listen.address.host
            );
            Some(Wrong::entry("listen", index, "address", message).bare())
        };
        let mut found: Vec<Invalid> = self.listen.iter().enumerate().filter_map(unknown).collect();
        found.extend(self.sockjs.check().err().map(Wrong::bare));
        ConfigError::of_all(found)
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

    /// All that no single value shows.
    fn check(&self) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        if self.listen.is_empty() {
            wrong.push(Wrong::new(
                &["listen"],
                "there is nothing to listen on; add a [[listen]] or leave listen out",
            ));
        }
        for (index, listen) in self.listen.iter().enumerate() {
            wrong.extend(listen.check(index).err());
            let earlier = self.listen[..index]
                .iter()
                .position(|earlier| earlier.address.collides(&listen.address));
            if let Some(earlier) = earlier {
                let message = format!("{} is within listen[{earlier}] already", listen.address);
                wrong.push(Wrong::entry("listen", index, "address", message));
            }
        }
        if self.lanes.is_some_and(|lanes| lanes == 0 || lanes > LANES_MAX) {
            let message = format!("lanes go from 1 to {LANES_MAX}; leave it out for one a core");
            wrong.push(Wrong::new(&["lanes"], message));
        }
        let times: [(&[&str], Duration, Duration); 13] = [
            (&["shutdown-timeout"], self.shutdown_timeout, NONZERO),
            (&["sniff-timeout"], self.sniff_timeout, TIME_MIN),
            (&["head-timeout"], self.head_timeout, TIME_MIN),
            (&["keep-alive-timeout"], self.keep_alive_timeout, TIME_MIN),
            (
                &["websocket", "ping-interval"],
                self.websocket.ping_interval,
                TIME_MIN,
            ),
            (
                &["websocket", "pong-timeout"],
                self.websocket.pong_timeout,
                TIME_MIN,
            ),
            (
                &["socketio", "ping-interval"],
                self.socketio.ping_interval,
                TIME_MIN,
            ),
            (
                &["socketio", "ping-timeout"],
                self.socketio.ping_timeout,
                TIME_MIN,
            ),
            (
                &["socketio", "connect-timeout"],
                self.socketio.connect_timeout,
                TIME_MIN,
            ),
            (&["sockjs", "heartbeat"], self.sockjs.heartbeat, TIME_MIN),
            (
                &["sockjs", "disconnect-delay"],
                self.sockjs.disconnect_delay,
                TIME_MIN,
            ),
            (&["sse", "keep-alive"], self.sse.keep_alive, TIME_MIN),
            (&["sse", "retry"], self.sse.retry, NONZERO),
        ];
        wrong.extend(
            times
                .iter()
                .filter_map(|(keys, time, least)| too_short(keys, *time, *least)),
        );
        self.limits.check(&mut wrong);
        for (index, rule) in self.queues.iter().enumerate() {
            rule.check(index, &mut wrong);
        }
        wrong.extend(self.cors.check().err());
        wrong.extend(self.socketio.check().err());
        wrong
    }
}

/// No answer comes over a network in less, so that each client would be given up.
const TIME_MIN: Duration = Duration::from_millis(5);
const NONZERO: Duration = Duration::from_nanos(1);

fn too_short(keys: &[&str], time: Duration, least: Duration) -> Option<Wrong> {
    if time >= least {
        return None;
    }
    Some(if time.is_zero() {
        Wrong::new(keys, "this may not be zero")
    } else {
        Wrong::new(
            keys,
            format!("nobody answers in {time:?}; write at least {least:?}"),
        )
    })
}

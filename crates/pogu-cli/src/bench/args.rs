//! The flags of `pogu bench`.

use std::time::Duration;

use anyhow::ensure;
use clap::{Subcommand, value_parser};
use pogu::config::parse_duration;
use pogu_client::SockJsTransport;
use serde::{Serialize, Serializer};

use super::target::Via;
use super::{floor, stamp};
use crate::target::transports;

/// Bytes of the longest message.
const SIZE_MAX: i64 = 1 << 20;

/// Measure a server: deliveries and echoes a second, what one costs, latencies, losses, memory
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(super) mode: Mode,
    /// Print one JSON object with all figures
    #[arg(long, global = true)]
    pub(super) json: bool,
}

const EXAMPLES: &str = "\
Examples:
  pogu bench fanout ws://127.0.0.1:7070/topics/bench --pid $(pidof pogu) --floor --rounds 3
  pogu bench fanout http://127.0.0.1:7070/topics/bench --via sse --rate 25
  pogu bench fanout ws://127.0.0.1:7070/topics/bench --via stomp
  pogu bench fanout 'socketio://127.0.0.1:7070/bench?transport=polling'
  pogu bench fanout ws://127.0.0.1:7070/topics/bench --via sockjs --sockjs-transport xhr-streaming
  pogu bench echo 'ws://127.0.0.1:7070/topics/bench.{i}' --inflight 16
  pogu bench idle ws://127.0.0.1:7070/topics/bench --pid $(pidof pogu)
  pogu bench floor fanout --json";

#[derive(Clone, Debug, Subcommand)]
pub(super) enum Mode {
    /// Connections that each send messages and wait for them to come back
    Echo(EchoArgs),
    /// One publisher, many subscribers
    Fanout(FanoutArgs),
    /// The memory of subscribers that get nothing
    Idle(IdleArgs),
    /// What the kernel alone needs for the same bytes on the same number of sockets
    Floor {
        #[command(subcommand)]
        floor: FloorMode,
    },
    /// Run a server of the floor
    #[command(hide = true)]
    FloorServer {
        #[command(subcommand)]
        server: floor::Server,
    },
}

#[derive(Clone, Debug, Subcommand, Serialize)]
#[serde(untagged)]
pub(super) enum FloorMode {
    /// Bytes written back as they were read
    Echo {
        #[command(flatten)]
        #[serde(flatten)]
        load: EchoLoad,
        #[command(flatten)]
        #[serde(flatten)]
        run: Run,
    },
    /// Bytes written to all, with one write per message and with 16 messages a write, at full rate and at a fixed one
    Fanout {
        #[command(flatten)]
        #[serde(flatten)]
        load: FanoutLoad,
        #[command(flatten)]
        #[serde(flatten)]
        run: Run,
    },
}

const ECHO_EXAMPLE: &str = "\
Example:
  pogu bench echo 'ws://127.0.0.1:7070/topics/bench.{i}' --inflight 16";

#[derive(Clone, Debug, clap::Args, Serialize)]
#[command(after_help = ECHO_EXAMPLE)]
pub(super) struct EchoArgs {
    /// Where to connect: ws://HOST/PATH, tcp://HOST/TOPIC for lines of the pogu dialect, tcp://HOST for an echo of bytes,
    /// stomp://HOST/TOPIC.
    /// `{i}` becomes the connection's number, so that each has a topic of its own;
    /// without it each gets what all of them send
    pub(super) url: String,
    /// stomp, to send and receive by STOMP with ws:// and tcp:// too. As the URL's scheme suggests without it
    #[arg(long, value_enum)]
    pub(super) via: Option<Via>,
    #[command(flatten)]
    #[serde(flatten)]
    pub(super) load: EchoLoad,
    #[command(flatten)]
    #[serde(flatten)]
    pub(super) run: Run,
    #[command(flatten)]
    #[serde(flatten)]
    pub(super) watch: Watch,
}

#[derive(Clone, Debug, clap::Args, Serialize)]
pub(super) struct EchoLoad {
    /// Connections
    #[arg(long, default_value_t = 64, value_parser = value_parser!(u32).range(1..))]
    pub(super) connections: u32,
    /// Bytes of a message
    #[arg(long, default_value_t = 64, value_parser = value_parser!(u32).range(stamp::LEN as i64..=SIZE_MAX))]
    pub(super) size: u32,
    /// Messages of each connection on their way at a time
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u32).range(1..=65_536))]
    pub(super) inflight: u32,
}

#[derive(Clone, Debug, clap::Args, Serialize)]
pub(super) struct FanoutArgs {
    /// Where the subscribers connect: ws://, http://, tcp://HOST/TOPIC, stomp://HOST/TOPIC or socketio://HOST/NAMESPACE. `{i}` becomes
    /// the subscriber's number
    pub(super) url: String,
    /// Where messages are published: ws://, http:// (POST), tcp://HOST/TOPIC, stomp://HOST/TOPIC or socketio://HOST/NAMESPACE. As the
    /// subscribers' without it, ws taking the place of http, and of polls a WebSocket
    #[arg(long, value_name = "URL")]
    pub(super) publish_url: Option<String>,
    /// How the subscribers receive. As the URL's scheme suggests without it, http being sse
    #[arg(long, value_enum)]
    pub(super) via: Option<Via>,
    /// What carries sockjs [default: websocket]
    #[arg(long, value_name = "TRANSPORT", value_parser = transports())]
    #[serde(serialize_with = "name")]
    pub(super) sockjs_transport: Option<SockJsTransport>,
    /// More subscribers that never read what they are sent. Messages may be lost to them
    #[arg(long, default_value_t = 0)]
    pub(super) stalled: u32,
    #[command(flatten)]
    #[serde(flatten)]
    pub(super) load: FanoutLoad,
    #[command(flatten)]
    #[serde(flatten)]
    pub(super) run: Run,
    #[command(flatten)]
    #[serde(flatten)]
    pub(super) watch: Watch,
}

#[derive(Clone, Debug, clap::Args, Serialize)]
pub(super) struct FanoutLoad {
    /// Subscribers
    #[arg(long, default_value_t = 1000, value_parser = value_parser!(u32).range(1..))]
    pub(super) subscribers: u32,
    /// Bytes of a message
    #[arg(long, default_value_t = 128, value_parser = value_parser!(u32).range(stamp::LEN as i64..=SIZE_MAX))]
    pub(super) size: u32,
    /// Messages a second. Full rate without it: as fast as the slowest subscriber receives
    #[arg(long, value_parser = rate)]
    pub(super) rate: Option<f64>,
    /// Messages that the publisher sends in one write [default: 16 at full rate, else 1]
    #[arg(long, value_parser = value_parser!(u32).range(1..=4096))]
    pub(super) burst: Option<u32>,
    /// Messages that the publisher may be ahead of the slowest subscriber [default: two bursts at full rate, else 64].
    /// Two bursts keep a server busy, the next being there when one is done, and yet hand it one burst at a time, as the
    /// floor has it; a few KiB for each subscriber are no reason for any server to drop something
    #[arg(long, value_parser = value_parser!(u32).range(1..=65_536))]
    pub(super) window: Option<u32>,
}

#[derive(Clone, Debug, clap::Args, Serialize)]
pub(super) struct IdleArgs {
    /// Where to connect: ws://, http://, stomp://HOST/TOPIC or socketio://HOST/NAMESPACE. `{i}` becomes the subscriber's number
    pub(super) url: String,
    /// How the subscribers receive. As the URL's scheme suggests without it, http being sse
    #[arg(long, value_enum)]
    pub(super) via: Option<Via>,
    /// What carries sockjs [default: websocket]
    #[arg(long, value_name = "TRANSPORT", value_parser = transports())]
    #[serde(serialize_with = "name")]
    pub(super) sockjs_transport: Option<SockJsTransport>,
    /// Subscribers
    #[arg(long, default_value_t = 10_000, value_parser = value_parser!(u32).range(1..))]
    pub(super) connections: u32,
    /// How long to wait before memory is read
    #[arg(long, default_value = "3s", value_parser = parse_duration)]
    #[serde(serialize_with = "seconds")]
    pub(super) settle: Duration,
    /// The server's processes
    #[arg(long, value_name = "PID", value_delimiter = ',', required = true)]
    pub(super) pid: Vec<u32>,
    /// Threads of the load generator
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u32).range(1..=64))]
    pub(super) threads: u32,
}

#[derive(Clone, Debug, clap::Args, Serialize)]
pub(super) struct Run {
    /// How long to measure
    #[arg(long, default_value = "5s", value_parser = parse_duration)]
    #[serde(serialize_with = "seconds")]
    pub(super) duration: Duration,
    /// How long to do the same before it is measured
    #[arg(long, default_value = "500ms", value_parser = parse_duration)]
    #[serde(serialize_with = "seconds")]
    pub(super) warmup: Duration,
    /// Messages to send, when that ends earlier: by the publisher, or by all connections of an echo together
    #[arg(long, value_parser = value_parser!(u32).range(1..))]
    pub(super) messages: Option<u32>,
    /// How often to do all of it; the median is told
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u32).range(1..=1000))]
    pub(super) rounds: u32,
    /// Threads of the load generator
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u32).range(1..=64))]
    pub(super) threads: u32,
}

#[derive(Clone, Debug, clap::Args, Serialize)]
pub(super) struct Watch {
    /// The server's processes, to tell their CPU time and memory
    #[arg(long, value_name = "PID", value_delimiter = ',')]
    pub(super) pid: Vec<u32>,
    /// Measure the floor too, in turn, and tell the ratio to it
    #[arg(long)]
    pub(super) floor: bool,
}

impl Mode {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Mode::Echo(_) => "echo",
            Mode::Fanout(_) => "fanout",
            Mode::Idle(_) => "idle",
            Mode::Floor {
                floor: FloorMode::Echo { .. },
            } => "floor echo",
            Mode::Floor {
                floor: FloorMode::Fanout { .. },
            } => "floor fanout",
            Mode::FloorServer { .. } => "floor-server",
        }
    }
}

fn rate(text: &str) -> anyhow::Result<f64> {
    let rate: f64 = text.parse()?;
    ensure!(rate.is_finite() && rate > 0.0, "a rate is above 0");
    Ok(rate)
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

fn name<S: Serializer>(transport: &Option<SockJsTransport>, serializer: S) -> Result<S::Ok, S::Error> {
    transport.map(SockJsTransport::name).serialize(serializer)
}

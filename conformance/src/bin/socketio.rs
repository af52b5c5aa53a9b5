//! The server that the public suites of Engine.IO and Socket.IO drive: `socketio 127.0.0.1:3000`, with `eio3` after it for protocol 3.

use std::time::Duration;

use anyhow::{Context, Result};
use pogu::Server;
use pogu::config::{Config, Size};
use pogu::socketio::Namespace;

/// What the suites take for granted.
const PING_INTERVAL: Duration = Duration::from_millis(300);
const PING_TIMEOUT: Duration = Duration::from_millis(200);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const PAYLOAD_BYTES: usize = 1_000_000;

fn namespace() -> Namespace {
    Namespace::new()
        .on_connect(|socket, auth| {
            socket.emit("auth", auth);
            Ok(())
        })
        .on_event("message", |socket, event| {
            let args: Vec<_> = event.args.iter().collect();
            socket.emit_args("message-back", &args);
        })
        .on_event("message-with-ack", |socket, event| {
            let args: Vec<_> = event.args.iter().collect();
            socket.ack(&args);
        })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().context("usage: socketio ADDRESS [eio3]")?;
    let allow_eio3 = arguments.next().is_some_and(|word| word == "eio3");
    let listen = vec![address.parse().map_err(anyhow::Error::msg)?];
    let mut config = Config {
        listen,
        ..Config::default()
    };
    config.limits.message = Size::new(PAYLOAD_BYTES);
    config.socketio.ping_interval = PING_INTERVAL;
    config.socketio.ping_timeout = PING_TIMEOUT;
    config.socketio.connect_timeout = CONNECT_TIMEOUT;
    config.socketio.allow_eio3 = allow_eio3;
    let server = Server::builder()
        .config(config)
        .engineio("/engine.io/", |socket, message| {
            socket.send(message.kind, message.payload);
        })
        .socketio("/", namespace())
        .socketio("/custom", namespace())
        .bind()?;
    server.run(std::future::pending()).await?;
    Ok(())
}

//! The WebSocket echo server that the Autobahn suite drives: `echo 127.0.0.1:9001`.

use anyhow::{Context, Result};
use pogu::Server;
use pogu::config::{Config, Size};

/// The suite sends messages of 16 MiB.
const MESSAGE_BYTES: usize = 64 << 20;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let address = std::env::args().nth(1).context("usage: echo ADDRESS")?;
    let listen = vec![address.parse().map_err(anyhow::Error::msg)?];
    let mut config = Config {
        listen,
        ..Config::default()
    };
    config.limits.message = Size::new(MESSAGE_BYTES);
    config.limits.mailbox = Size::new(MESSAGE_BYTES);
    let server = Server::builder()
        .config(config)
        .websocket("/", |socket, message| socket.send(message.kind, message.payload))
        .bind()?;
    server.run(std::future::pending()).await?;
    Ok(())
}

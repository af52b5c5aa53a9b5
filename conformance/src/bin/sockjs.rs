//! The server that the public suite of SockJS drives: `sockjs 127.0.0.1:8081`.

use anyhow::{Context, Result};
use pogu::config::{Config, Size, SockJs};
use pogu::{Endpoint, Kind, Server};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let address = std::env::args().nth(1).context("usage: sockjs ADDRESS")?;
    let sockjs = SockJs {
        response_limit: Size::new(4096),
        ..SockJs::default()
    };
    let config = Config {
        listen: vec![address.parse().map_err(anyhow::Error::msg)?],
        sockjs: sockjs.clone(),
        ..Config::default()
    };
    let echo = || Endpoint::new(|socket, message| socket.send(message.kind, message.payload));
    let server = Server::builder()
        .config(config)
        .endpoint("/echo", echo())
        .endpoint(
            "/disabled_websocket_echo",
            echo().sockjs(SockJs {
                websocket: false,
                ..sockjs.clone()
            }),
        )
        .endpoint(
            "/cookie_needed_echo",
            echo().sockjs(SockJs {
                cookie: true,
                ..sockjs
            }),
        )
        .endpoint(
            "/close",
            Endpoint::new(|_, _| {}).on_open(|socket| socket.close(3000, "Go away!")),
        )
        // For the client's own tests: a message n is answered with 2^n letters.
        .endpoint(
            "/amplify",
            Endpoint::new(|socket, message| {
                let power = std::str::from_utf8(message.payload).unwrap_or_default();
                let power = power.trim().parse().unwrap_or(1).clamp(1, 18);
                socket.send(Kind::Text, &vec![b'x'; 1 << power]);
            }),
        )
        .bind()?;

    server.run(std::future::pending()).await?;
    Ok(())
}

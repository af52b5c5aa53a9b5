//! The server with a topic's ways and a WebSocket endpoint of one's own, `/echo`.

use pogu::config::Config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = Config::default();
    if let Some(address) = std::env::args().nth(1) {
        config.listen = vec![address.parse()?];
    }
    let server = pogu::Server::builder()
        .config(config)
        .websocket("/echo", |socket, message| {
            socket.send(message.kind, message.payload)
        })
        .bind()?;
    server.run(async { drop(tokio::signal::ctrl_c().await) }).await?;
    Ok(())
}

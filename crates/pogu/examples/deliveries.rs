//! A board on which a shop sees its riders move.
//!
//! Riders tell their position by Socket.IO (`/riders`, after showing a token) or by a datagram, `PUB riders event=position
//! type=application/json :{"rider":"kim","lat":35.1,"lon":129.0}`; the page at `/` of this program's own port shows them.
//! A rider who is asked whether they are free acknowledges.
//!
//!     cargo run --release --example deliveries [ADDRESS]

#![expect(clippy::print_stdout, reason = "a program says where it can be reached")]

use std::time::Duration;

use pogu::Server;
use pogu::config::Config;
use pogu::socketio::{Namespace, Refusal};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Where a rider is.
#[derive(Debug, Deserialize, Serialize)]
struct Position {
    rider: String,
    lat: f64,
    lon: f64,
}

impl Position {
    fn is_on_earth(&self) -> bool {
        self.lat.abs() <= 90.0 && self.lon.abs() <= 180.0
    }
}

fn riders() -> Namespace {
    Namespace::new()
        .on_connect(|socket, auth| {
            let Some(name) = auth["rider"].as_str().filter(|name| !name.is_empty()) else {
                let missing = json!({ "missing": "rider" });
                return Err(Refusal::new("who are you?").with_data(missing));
            };
            // Each rider is a room, so that the shop reaches one by name.
            socket.join(name).map_err(|error| Refusal::new(error.to_string()))
        })
        .on_ack("position", |socket, position: Position| {
            if !position.is_on_earth() {
                return json!({ "error": "no such place" });
            }
            socket.broadcast().emit("position", &position);
            json!({ "ok": true })
        })
        .on("watch", |socket, (): ()| {
            // The shop's page: it sees everybody, as all in the namespace do.
            socket.emit("watching", &"riders");
        })
        .on("offer", |socket, (rider, order): (String, String)| {
            socket.to(&rider).emit("offer", &order);
        })
        .on("free?", |socket, (): ()| {
            socket.emit_with_ack("free?", &(), Duration::from_secs(5), |socket, answer| {
                let answer = answer.unwrap_or(Value::Bool(false));
                socket.broadcast().emit("free", &answer);
            });
        })
        .on_disconnect(|socket, reason| {
            let id = socket.id().to_owned();
            socket.broadcast().emit("gone", &(id, reason.as_str()));
        })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = Config::default();
    if let Some(address) = std::env::args().nth(1) {
        config.listen = vec![address.parse()?];
    }
    let server = Server::builder()
        .config(config)
        .socketio("/riders", riders())
        .bind()?;
    for address in server.addresses() {
        println!("riders connect to http://{address}/riders; the board: http://{address}/");
    }
    server
        .run(async {
            let _ = tokio::signal::ctrl_c().await;
        })
        .await?;
    Ok(())
}

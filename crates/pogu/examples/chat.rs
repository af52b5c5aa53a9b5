//! Rooms in which people talk and show pictures, and in which a client whose connection broke has missed nothing.
//!
//! A client shows a name (`auth: { name: "kim" }`), enters rooms, and says something in one, text or bytes. What is said in the room `kitchen` is a
//! message of the topic `chat.kitchen` for every other protocol.
//!
//!     cargo run --release --example chat [ADDRESS]

#![expect(clippy::print_stdout, reason = "a program says where it can be reached")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pogu::Server;
use pogu::config::Config;
use pogu::socketio::{Arg, Event, Namespace, Refusal, Socket};
use serde_json::{Value, json};

/// The longest name, in characters.
const NAME_MAX: usize = 20;
/// How long somebody may take to answer a knock.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who is there, by the id of their socket.
#[derive(Clone, Default)]
struct Guests(Arc<Mutex<HashMap<String, String>>>);

impl Guests {
    /// Lets somebody in, unless another one has the name.
    fn admit(&self, socket: &Socket<'_>, name: &str) -> Result<(), Refusal> {
        let mut guests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = |(id, other): (&String, &String)| other == name && id != socket.id();
        if guests.iter().any(taken) {
            return Err(Refusal::new("somebody has this name").with_data(json!({ "name": name })));
        }
        guests.insert(socket.id().to_owned(), name.to_owned());
        Ok(())
    }

    fn name(&self, socket: &Socket<'_>) -> String {
        let guests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        guests.get(socket.id()).cloned().unwrap_or_default()
    }

    fn leaves(&self, socket: &Socket<'_>) -> Option<String> {
        let mut guests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        guests.remove(socket.id())
    }
}

/// Refuses who shows no name, before anybody else is asked.
fn named(_: &mut Socket<'_>, auth: &Value) -> Result<(), Refusal> {
    let name = auth["name"].as_str().unwrap_or_default();
    if name.is_empty() || name.chars().count() > NAME_MAX {
        let wanted = json!({ "characters": [1, NAME_MAX] });
        return Err(Refusal::new("what is your name?").with_data(wanted));
    }
    Ok(())
}

/// Shows a picture, its room's name and then its bytes, to those in the room, and acknowledges how large it is.
fn picture(socket: &mut Socket<'_>, event: &Event<'_>) {
    let args: Vec<Arg<'_>> = event.args.iter().collect();
    let [Arg::Json(room), Arg::Binary(bytes)] = args[..] else {
        return socket.ack(&[Arg::Json("{\"error\":\"a picture is a room and bytes\"}")]);
    };
    let room: String = serde_json::from_str(room).unwrap_or_default();
    socket.to(&room).emit_args("picture", &[Arg::Binary(bytes)]);
    socket.ack(&[Arg::Json(&bytes.len().to_string())]);
}

fn chat(guests: &Guests) -> Namespace {
    let [admits, enters, says, knocks, leaves] = std::array::from_fn(|_| guests.clone());
    Namespace::new()
        .on_connect(named)
        .on_connect(move |socket, auth| admits.admit(socket, auth["name"].as_str().unwrap_or_default()))
        .on_ack("enter", move |socket, room: String| {
            if let Err(error) = socket.join(&room) {
                return json!({ "error": error.to_string() });
            }
            let name = enters.name(socket);
            socket.to(&room).emit("entered", &name);
            json!({ "entered": room })
        })
        .on("say", move |socket, (room, text): (String, String)| {
            let name = says.name(socket);
            socket.to(&room).emit("said", &(name, text));
        })
        .on_event("picture", picture)
        .on("leave", |socket, room: String| socket.leave(&room))
        .on("knock", move |socket, (): ()| {
            let name = knocks.name(socket);
            socket.emit_with_ack("are you there?", &name, PATIENCE, |socket, answer| {
                let is_there = answer.is_ok_and(|answer| answer == true);
                socket.all().emit("there", &is_there);
            });
        })
        .on_disconnect(move |socket, reason| {
            if let Some(name) = leaves.leaves(socket) {
                socket.broadcast().emit("gone", &(name, reason.as_str()));
            }
        })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = Config::default();
    config.socketio.recovery = Duration::from_secs(120);
    if let Some(address) = std::env::args().nth(1) {
        config.listen = vec![address.parse()?];
    }
    let server = Server::builder()
        .config(config)
        .socketio("/chat", chat(&Guests::default()))
        .bind()?;
    for address in server.addresses() {
        println!("people talk at http://{address}/chat");
    }
    server
        .run(async {
            let _ = tokio::signal::ctrl_c().await;
        })
        .await?;
    Ok(())
}

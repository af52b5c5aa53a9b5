//! One port, every socket: the realtime messaging server as a library.
//!
//! A server is built from a [`config::Config`], bound, and run until it is told to stop:
//!
//! ```no_run
//! # async fn example() -> Result<(), pogu::ServerError> {
//! let server = pogu::Server::builder().bind()?;
//! println!("listening on {:?}", server.addresses());
//! server.run(std::future::pending()).await
//! # }
//! ```
//!
//! The way of a message: `listener` finds out what a connection speaks, `http` serves requests and upgrades them, `peer` is a session
//! where protocols and hub meet, `lane` moves the bytes in turns, `flush` writes. `ARCHITECTURE.md` has the whole picture.

mod attendance;
mod beyond;
mod carrier;
pub mod config;
mod core;
mod dialect;
mod door;
mod drive;
mod engineio;
mod errand;
mod flush;
mod form;
mod given_back;
mod handler;
mod hear;
mod http;
mod id;
mod json;
mod lane;
mod lease;
mod link;
mod listener;
pub mod metrics;
mod page;
mod peer;
mod pipe;
mod problem;
mod purpose;
mod read;
mod recovery;
mod server;
mod signal;
pub mod socketio;
mod sockjs;
mod spares;
mod throttle;
mod timers;
mod udp;

pub use handler::{Endpoint, Incoming, Socket};
pub use pogu_proto::ws::Kind;
pub use server::{Builder, Server, ServerError};

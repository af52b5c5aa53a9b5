//! Client of pogu and of the protocols it speaks.
//!
//! A [`Subscriber`] reads a topic or pattern, or takes from a queue, by one of the ways of [`Via`] and outlives its connections; a
//! [`Publisher`] brings messages to topics and queues. Both take a [`Target`], which is a URL that was read, and [`Options`]. A
//! [`Pipe`] is one plain two-way conversation, as it is: nothing is made anew.
//!
//! ```no_run
//! use pogu_client::{Draft, Options, Publisher, Subscriber, Target, Via};
//!
//! # async fn example() -> Result<(), pogu_client::Error> {
//! let server: Target = "http://127.0.0.1:7070".parse()?;
//! let mut chat = Subscriber::connect(&server, "chat", None, Via::Auto, Options::default()).await?;
//! let mut publisher = Publisher::connect(&server, Via::Tcp, Options::default()).await?;
//! let draft = Draft { topic: "chat".into(), body: "hello".into(), ..Draft::default() };
//! let receipt = publisher.publish(draft).await?.await?;
//! let message = chat.next_message().await?;
//! assert_eq!(Some(message.cursor), receipt.cursor);
//! # Ok(())
//! # }
//! ```
//!
//! Everything runs on tokio; the protocols themselves are those of `pogu-proto`.

#![forbid(unsafe_code)]

mod backoff;
mod chunks;
mod conversation;
mod deliveries;
mod engineio;
mod error;
mod event;
mod http;
mod ladder;
mod limits;
mod link;
mod message;
mod options;
mod patience;
mod pipe;
mod polling;
mod publisher;
mod pulse;
mod recent;
mod socket;
mod socketio;
mod sockjs;
mod stomp;
mod subscriber;
mod target;
mod trace;
mod upgrade;
mod via;
mod wire;
mod ws;

pub use error::Error;
pub use message::{Gap, Message, is_json};
pub use options::Options;
pub use pipe::{Pipe, Received};
pub use publisher::{Draft, Pending, Publisher, Receipt};
pub use sockjs::{SockJsTransport, UnknownTransport};
pub use subscriber::{Event, Subscriber};
pub use target::{DEFAULT_PORT, Scheme, Target};
pub use trace::{Call, Trace, TraceStep, Transport};
pub use via::{UnknownVia, Via};

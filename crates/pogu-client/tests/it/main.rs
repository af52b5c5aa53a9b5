//! The client against a real server, and against proxies and peers that misbehave.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic"
)]

mod cuts;
mod door;
mod fallback;
mod hostile;
mod pipes;
mod proxy;
mod publishing;
mod server;
mod socketio;
mod socketio_peers;
mod sockjs;
mod stomp;
mod stomp_peers;
mod subscribing;
mod udp;
mod upgrade;

use std::time::Duration;

use pogu_client::{Draft, Event, Message, Options, Publisher, Subscriber, Target, Via};
use tokio::time::timeout;

/// Every way to subscribe but [`Via::Auto`] and [`Via::Udp`], which promises nothing.
const RELIABLE: [Via; 9] = [
    Via::Sse,
    Via::Stream,
    Via::LongPoll,
    Via::Poll,
    Via::Ws,
    Via::Tcp,
    Via::Stomp,
    Via::SocketIo,
    Via::SockJs,
];

/// Longer than anything here takes; a test that waits so long fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Text that looks like what bytes are in a carrier of text.
const LOOKS_BINARY: &[u8] = b"data:text/plain;base64,QQ==";

/// Times that suit tests: short waits, and a patience that a busy machine does not use up.
fn options() -> Options {
    Options {
        connect_timeout: Duration::from_secs(5),
        backoff_base: Duration::from_millis(1),
        backoff_cap: Duration::from_millis(20),
        poll_interval: Duration::from_millis(10),
        ..Options::default()
    }
}

fn target(address: std::net::SocketAddr) -> Target {
    by("http", address)
}

/// The schemes by whose URLs STOMP goes over a WebSocket and over TCP.
const STOMP: [&str; 2] = ["ws", "stomp"];

/// What Socket.IO goes over: a WebSocket, polls, and polls until a WebSocket takes over.
const SOCKETIO: [&str; 3] = ["ws", POLLS, UPGRADE];

/// No schemes, but what is asked of an HTTP server.
const POLLS: &str = "polls";
const UPGRADE: &str = "upgrade";

fn by(scheme: &str, address: std::net::SocketAddr) -> Target {
    let url = match scheme {
        POLLS => format!("http://{address}?transport=polling"),
        UPGRADE => format!("http://{address}?transport=polling,websocket"),
        _ => format!("{scheme}://{address}"),
    };
    url.parse().unwrap()
}

fn draft(topic: &str, body: &str) -> Draft {
    Draft {
        topic: topic.to_owned(),
        body: body.to_owned().into(),
        ..Draft::default()
    }
}

/// Publishes bodies in order, each answered before this returns.
async fn publish(address: std::net::SocketAddr, topic: &str, bodies: &[&str]) {
    let mut publisher = Publisher::connect(&target(address), Via::Tcp, options())
        .await
        .unwrap();
    let mut pending = Vec::new();
    for body in bodies {
        pending.push(publisher.publish(draft(topic, body)).await.unwrap());
    }
    for receipt in pending {
        receipt.await.unwrap();
    }
    publisher.close().await;
}

/// The next message; a gap fails the test.
async fn message(subscriber: &mut Subscriber) -> Message {
    loop {
        let event = timeout(PATIENCE, subscriber.next())
            .await
            .expect("a message in time")
            .unwrap();
        match event {
            Event::Message(message) => return message,
            Event::Gap(gap) => panic!("{gap:?}"),
            _ => {}
        }
    }
}

async fn bodies(subscriber: &mut Subscriber, count: usize) -> Vec<String> {
    let mut bodies = Vec::new();
    for _ in 0..count {
        let body = message(subscriber).await.body;
        bodies.push(String::from_utf8(body.to_vec()).unwrap());
    }
    bodies
}

/// All that the server has of a topic.
async fn history(address: std::net::SocketAddr, topic: &str, count: usize) -> Vec<String> {
    let mut options = options();
    // One answer has it all; what is more than was expected comes with it.
    options.poll_interval = PATIENCE;
    let mut subscriber = Subscriber::connect(&target(address), topic, Some("earliest"), Via::Poll, options)
        .await
        .unwrap();
    let all = bodies(&mut subscriber, count).await;
    let more = timeout(Duration::from_millis(10), message(&mut subscriber)).await;
    assert!(more.is_err(), "{topic} holds more than {all:?}: {more:?}");
    all
}

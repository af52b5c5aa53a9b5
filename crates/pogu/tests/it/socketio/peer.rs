//! A Socket.IO client that blocks. Packets are said and heard as they stand, so that it can be wrong on purpose.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::engineio::{By, Client, Message, SESSIONS};
use crate::server::Running;

/// A connection, and what was said on it.
pub(crate) struct SocketIo {
    pub(crate) engine: Client,
    /// The id of the next acknowledgement that it asks for.
    next_id: u64,
}

/// What the answer to CONNECT tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ids {
    pub(crate) sid: String,
    /// If sessions can be taken up again.
    pub(crate) pid: Option<String>,
}

impl SocketIo {
    pub(crate) fn open(server: &Running, by: By) -> SocketIo {
        SocketIo {
            engine: Client::open(server, by),
            next_id: 0,
        }
    }

    /// On a WebSocket and in a namespace.
    pub(crate) fn join(server: &Running, namespace: &str) -> SocketIo {
        SocketIo::join_by(server, By::WebSocket, namespace)
    }

    pub(crate) fn join_by(server: &Running, by: By, namespace: &str) -> SocketIo {
        let mut client = SocketIo::open(server, by);
        client.enter(namespace, "");
        client
    }

    /// Asks for a namespace and is let in; `auth` is a JSON object, or empty.
    #[track_caller]
    pub(crate) fn enter(&mut self, namespace: &str, auth: &str) -> Ids {
        self.say(&format!("0{}{auth}", prefix(namespace)));
        let answer = self.hear();
        let json = answer
            .strip_prefix(&format!("0{}", prefix(namespace)))
            .unwrap_or_else(|| panic!("{answer:?} in place of CONNECT"));
        let json: Value = serde_json::from_str(json).unwrap();
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        Ids {
            sid: text("sid").expect("a sid"),
            pid: text("pid"),
        }
    }

    /// Says a packet.
    pub(crate) fn say(&mut self, packet: &str) {
        self.engine.say(packet);
    }

    /// Says a buffer of the packet before.
    pub(crate) fn say_bytes(&mut self, bytes: &[u8]) {
        match &mut self.engine {
            Client::Polls(polls) => {
                polls.post(format!("b{}", STANDARD.encode(bytes)));
            }
            Client::Socket(socket) | Client::Upgraded(_, socket) => socket.say_bytes(bytes),
        }
    }

    /// Emits an event, a JSON array with its name first.
    pub(crate) fn emit(&mut self, namespace: &str, event: &str) {
        self.say(&format!("2{}{event}", prefix(namespace)));
    }

    /// Emits an event and returns the first argument of its acknowledgement, which comes next.
    #[track_caller]
    pub(crate) fn ask(&mut self, namespace: &str, event: &str) -> Value {
        let id = self.next_id;
        self.next_id += 1;
        self.say(&format!("2{}{id}{event}", prefix(namespace)));
        let answer = self.hear();
        let json = answer
            .strip_prefix(&format!("3{}{id}", prefix(namespace)))
            .unwrap_or_else(|| panic!("{answer:?} in place of acknowledgement {id} of {event}"));
        let mut args: Vec<Value> = serde_json::from_str(json).unwrap();
        assert_eq!(args.len(), 1, "{json}");
        args.remove(0)
    }

    /// The cursor with which an event is acknowledged.
    #[track_caller]
    pub(crate) fn publish(&mut self, namespace: &str, event: &str) -> String {
        let answer = self.ask(namespace, event);
        let cursor = answer["cursor"].as_str();
        cursor.unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// The next packet.
    #[track_caller]
    pub(crate) fn hear(&mut self) -> String {
        self.engine.hear_text()
    }

    /// The next buffer.
    #[track_caller]
    pub(crate) fn hear_bytes(&mut self) -> Vec<u8> {
        match self.engine.hear() {
            Message::Binary(bytes) => bytes,
            other => panic!("{other:?} in place of a buffer"),
        }
    }

    /// The next packet, an event: its name, its arguments but for the offset, and the offset.
    #[track_caller]
    pub(crate) fn hear_numbered(&mut self, namespace: &str) -> (Vec<Value>, String) {
        let packet = self.hear();
        let json = packet
            .strip_prefix(&format!("2{}", prefix(namespace)))
            .unwrap_or_else(|| panic!("{packet:?} in place of an event"));
        let mut args: Vec<Value> = serde_json::from_str(json).unwrap();
        let offset = args.pop().unwrap();
        (args, offset.as_str().expect("an offset").to_owned())
    }

    /// Ends the connection as a broken network does, and waits for the server to see it.
    pub(crate) fn break_off(mut self, server: &Running) {
        let others = server.metric(SESSIONS) - 1;
        if let Client::Polls(polls) = &mut self.engine {
            // A session without a poll is not known to be dead.
            polls.poll();
            polls.post_ok("6");
        }
        drop(self);
        server.await_metric(SESSIONS, others);
    }

    /// Whether the server closes the connection, after whatever it still has to say.
    pub(crate) fn ends(&mut self) -> bool {
        while self.engine.hear() != Message::End {}
        true
    }
}

/// How a packet names its namespace.
fn prefix(namespace: &str) -> String {
    match namespace {
        "/" => String::new(),
        name => format!("{name},"),
    }
}

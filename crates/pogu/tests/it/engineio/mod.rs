//! Engine.IO over real sockets: a client on polls, on a WebSocket, and on its way from one to the other.

mod hostile;
mod parked;
mod polls;
mod requests;
mod shutdown;
mod times;
mod upgrade;
mod v3;

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::server::{Answer, Http, Running};
use crate::websocket::{Heard, Socket};

pub(crate) const POLLING: &str = "/socket.io/?EIO=4&transport=polling";
pub(crate) const WEBSOCKET: &str = "/socket.io/?EIO=4&transport=websocket";

/// Sessions of Engine.IO that are open.
pub(crate) const SESSIONS: &[&str] = &["pogu_connections{", "\"engine.io\""];
/// WebSockets that are to take one over.
pub(crate) const PROBES: &[&str] = &["pogu_connections{", "\"engine.io-probe\""];

/// A message, as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Text(String),
    Binary(Vec<u8>),
    /// The session is over.
    End,
}

/// The JSON of an open packet.
pub(crate) fn opened(packet: &str) -> Value {
    let json = packet.strip_prefix('0').expect("an open packet");
    serde_json::from_str(json).unwrap()
}

/// The lane that a session lives on, which its id begins with.
pub(crate) fn lane(sid: &str) -> u16 {
    let bytes = URL_SAFE_NO_PAD.decode(sid).unwrap();
    u16::from_be_bytes([bytes[0], bytes[1]])
}

/// A session on polls: a connection for its GETs and one for its POSTs.
pub(crate) struct Polls {
    pub(crate) sid: String,
    pub(crate) gets: Http,
    pub(crate) posts: Http,
    /// A GET has no answer yet.
    waits: bool,
    /// Packets that were not heard yet.
    heard: VecDeque<String>,
}

impl Polls {
    pub(crate) fn open(server: &Running) -> Polls {
        let mut gets = Http::new(server.connect());
        gets.send(&format!("GET {POLLING} HTTP/1.1"), b"");
        let answer = gets.answer();
        assert_eq!(answer.status, 200, "{answer:?}");
        let mut heard: VecDeque<String> = answer.text().split('\u{1e}').map(str::to_owned).collect();
        let open = opened(&heard.pop_front().unwrap());
        Polls {
            sid: open["sid"].as_str().unwrap().to_owned(),
            gets,
            posts: Http::new(server.connect()),
            waits: false,
            heard,
        }
    }

    pub(crate) fn target(&self) -> String {
        format!("{POLLING}&sid={}", self.sid)
    }

    /// Asks for packets, unless it has asked and has no answer yet.
    pub(crate) fn poll(&mut self) {
        if !self.waits {
            let head = format!("GET {} HTTP/1.1", self.target());
            self.gets.send(&head, b"");
            self.waits = true;
        }
    }

    /// The answer to the poll.
    pub(crate) fn answer(&mut self) -> Answer {
        assert!(self.waits, "nothing was asked");
        self.waits = false;
        self.gets.answer()
    }

    pub(crate) fn post(&mut self, payload: impl AsRef<[u8]>) -> Answer {
        let head = format!(
            "POST {} HTTP/1.1\nContent-Type: text/plain;charset=UTF-8",
            self.target()
        );
        self.posts.send(&head, payload.as_ref());
        self.posts.answer()
    }

    #[track_caller]
    pub(crate) fn post_ok(&mut self, payload: &str) {
        let answer = self.post(payload);
        assert_eq!((answer.status, &*answer.text()), (200, "ok"), "{answer:?}");
    }

    /// The next packet as it stands; empty when the session is over.
    pub(crate) fn packet(&mut self) -> String {
        while self.heard.is_empty() {
            self.poll();
            let answer = self.answer();
            if answer.status != 200 {
                return String::new();
            }
            self.heard
                .extend(answer.text().split('\u{1e}').map(str::to_owned));
        }
        self.heard.pop_front().unwrap()
    }

    /// A WebSocket that probes the session and was answered.
    pub(crate) fn probe(&self, server: &Running) -> Socket {
        let mut socket = self.probe_silently(server);
        socket.say("2probe");
        assert_eq!(socket.hear_text(), "3probe");
        socket
    }

    /// A WebSocket for the session that has said nothing.
    pub(crate) fn probe_silently(&self, server: &Running) -> Socket {
        Socket::open(server, &format!("{WEBSOCKET}&sid={}", self.sid))
    }

    /// Goes over to a WebSocket as clients do: the poll is left before.
    pub(crate) fn upgrade(mut self, server: &Running) -> Client {
        let mut socket = self.probe(server);
        if self.waits {
            let answer = self.answer();
            assert_eq!(answer.status, 200, "{answer:?}");
            self.heard
                .extend(answer.text().split('\u{1e}').map(str::to_owned));
        }
        socket.say("5");
        Client::Upgraded(self.heard, socket)
    }
}

/// How a client rides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Polls,
    WebSocket,
    /// A WebSocket after polls.
    Upgrade,
}

pub(crate) const WAYS: [By; 3] = [By::Polls, By::WebSocket, By::Upgrade];

/// A client by whatever way, which answers pings by itself.
pub(crate) enum Client {
    Polls(Polls),
    Socket(Socket),
    /// With the packets that the last poll had.
    Upgraded(VecDeque<String>, Socket),
}

impl Client {
    pub(crate) fn open(server: &Running, by: By) -> Client {
        match by {
            By::Polls => Client::Polls(Polls::open(server)),
            By::WebSocket => {
                let mut socket = Socket::open(server, WEBSOCKET);
                opened(&socket.hear_text());
                Client::Socket(socket)
            }
            By::Upgrade => Polls::open(server).upgrade(server),
        }
    }

    /// Sends a packet as it stands.
    pub(crate) fn packet(&mut self, packet: &str) {
        match self {
            Client::Polls(polls) => {
                // A session that is over answers otherwise, and the next poll says so.
                polls.post(packet);
            }
            Client::Socket(socket) | Client::Upgraded(_, socket) => socket.say(packet),
        }
    }

    pub(crate) fn say(&mut self, text: &str) {
        self.packet(&format!("4{text}"));
    }

    /// The next message.
    pub(crate) fn hear(&mut self) -> Message {
        loop {
            let packet = match self {
                Client::Polls(polls) => polls.packet(),
                Client::Upgraded(heard, _) if !heard.is_empty() => heard.pop_front().unwrap(),
                Client::Socket(socket) | Client::Upgraded(_, socket) => match socket.hear() {
                    Heard::Text(packet) => packet,
                    Heard::Binary(bytes) => return Message::Binary(bytes),
                    Heard::Close(_) | Heard::End => return Message::End,
                    Heard::Pong(_) => continue,
                },
            };
            match packet.chars().next() {
                Some('4') => return Message::Text(packet[1..].to_owned()),
                Some('b') => return Message::Binary(STANDARD.decode(&packet[1..]).unwrap()),
                Some('2') => self.packet("3"),
                Some('6') => {}
                None | Some('1') => return Message::End,
                Some(_) => panic!("{packet:?} from a server"),
            }
        }
    }

    #[track_caller]
    pub(crate) fn hear_text(&mut self) -> String {
        match self.hear() {
            Message::Text(text) => text,
            other => panic!("{other:?} in place of a text"),
        }
    }
}

/// Checks a refusal of Engine.IO.
#[track_caller]
pub(crate) fn refused(answer: &Answer, code: u64, message: &str) {
    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(
        answer.text(),
        format!("{{\"code\":{code},\"message\":\"{message}\"}}")
    );
}

#[track_caller]
pub(crate) fn unknown(answer: &Answer) {
    refused(answer, 1, "Session ID unknown");
}

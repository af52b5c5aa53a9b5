//! A client and a server with a queue each and a clock moved by hand.

use super::*;
use crate::Reader;

struct Pair {
    now: u64,
    server: Server,
    client: Client,
    /// What the client is told by.
    receiver: Receiver,
    decoder: Decoder,
    /// What the client has to say and has not.
    from_client: Vec<String>,
    heard_by_server: Vec<String>,
    heard_by_client: Vec<String>,
    responses: usize,
}

impl Pair {
    fn new(receiver: Receiver) -> Self {
        let limits = Limits {
            response: 4096,
            ..Limits::default()
        };
        Self {
            now: 0,
            server: Server::new(limits),
            client: Client::new(),
            receiver,
            decoder: Decoder::new(receiver),
            from_client: Vec::new(),
            heard_by_server: Vec::new(),
            heard_by_client: Vec::new(),
            responses: 0,
        }
    }

    /// Everything that can happen now happens.
    fn settle(&mut self) {
        for _ in 0..10 {
            self.server.tick(self.now);
            self.post();
            self.receive();
        }
    }

    fn post(&mut self) {
        if self.client.is_open() && !self.from_client.is_empty() {
            assert!(self.server.session.is_open());
            self.deliver();
        }
    }

    /// What the client has said arrives.
    fn deliver(&mut self) {
        let mut body = Vec::new();
        put_send(self.from_client.iter().map(String::as_str), &mut body);
        self.from_client.clear();
        let limits = Limits::default();
        let messages = if self.receiver == Receiver::WebSocket {
            Messages::of_websocket(&body, &limits)
        } else {
            Sender::Xhr.read("text/plain", &mut body, &limits)
        };
        self.heard_by_server.extend(messages.unwrap().map(String::from));
    }

    fn receive(&mut self) {
        // A WebSocket is opened once.
        let has_ended = self.responses == 0 || self.receiver != Receiver::WebSocket;
        if self.client.receives() && self.server.session.receiver().is_none() && has_ended {
            self.decoder = Decoder::new(self.receiver);
            self.responses += 1;
            self.receiver.put_prelude("f", &mut self.server.out);
            self.server.receive(self.now, self.receiver).unwrap();
        }
        self.server.flush(self.now);
        let mut bytes = std::mem::take(&mut self.server.out);
        let ends = std::mem::take(&mut self.server.ends);
        if self.receiver == Receiver::WebSocket {
            let mut start = 0;
            for end in ends {
                let frame = Frame::read(&bytes[start..end]);
                hear(self.client.receive(frame).unwrap(), &mut self.heard_by_client);
                start = end;
            }
            return;
        }
        let mut input = Reader::new(&mut bytes);
        while let Some(frame) = self.decoder.next(10_000, &mut input).unwrap() {
            let event = self.client.receive(Ok(frame)).unwrap();
            hear(event, &mut self.heard_by_client);
        }
    }
}

fn hear(event: Option<ClientEvent<'_>>, heard: &mut Vec<String>) {
    match event {
        Some(ClientEvent::Messages(messages)) => heard.extend(messages.map(String::from)),
        Some(ClientEvent::Closed(close)) => heard.push(format!("{} {}", close.code, close.reason)),
        Some(ClientEvent::Open) | None => {}
    }
}

#[test]
fn a_quiet_day() {
    for receiver in Receiver::ALL {
        let mut pair = Pair::new(receiver);
        pair.settle();
        let mut beats = 0;
        while pair.now < 24 * 3_600_000 {
            pair.now = pair.server.session.deadline().unwrap().0;
            pair.settle();
            beats += 1;
        }
        assert!(pair.client.is_open() && pair.server.session.is_open());
        assert_eq!(beats, 24 * 3_600_000 / 25_000);
        let responses = match receiver {
            Receiver::WebSocket => 1,
            // A poll for the open frame, and one for each heartbeat.
            _ if receiver.is_poll() => 1 + beats + 1,
            _ => pair.responses,
        };
        assert_eq!(pair.responses, responses, "{receiver:?}");
    }
}

#[test]
fn nothing_is_lost_or_turned_round() {
    for receiver in Receiver::ALL {
        let mut pair = Pair::new(receiver);
        let mut sent = Vec::new();
        pair.settle();
        for step in 0..200 {
            let message = format!("{step} % < \" \\ \u{2028} 포구");
            sent.push(message.clone());
            pair.from_client.push(message.clone());
            pair.server.waiting.push(message);
            // One thing after the other, or all at once.
            match step % 5 {
                0 => pair.post(),
                1 => pair.receive(),
                2 => pair.settle(),
                3 => pair.now += 4_000,
                _ => {}
            }
        }
        // What the client has said it has said before it could know of the close.
        pair.deliver();
        pair.server.session.close(Time(pair.now), 3000, "Go away!");
        pair.settle();
        assert_eq!(pair.heard_by_server, sent, "{receiver:?}");
        sent.push("3000 Go away!".into());
        assert_eq!(pair.heard_by_client, sent, "{receiver:?}");
        let is_stream = !receiver.is_poll() && receiver != Receiver::WebSocket;
        assert!(!is_stream || pair.responses > 1, "{receiver:?}");
        assert!(!pair.client.receives());
    }
}

#[test]
fn a_client_that_was_cut_is_told() {
    for receiver in Receiver::ALL {
        let mut pair = Pair::new(receiver);
        pair.settle();
        pair.server.session.lost(Time(pair.now), true);
        if receiver == Receiver::WebSocket {
            assert!(pair.server.session.is_gone());
            continue;
        }
        pair.settle();
        assert_eq!(
            pair.heard_by_client,
            ["1002 Connection interrupted"],
            "{receiver:?}"
        );
        // One that comes too late finds another session, and knows it.
        let mut pair = Pair::new(receiver);
        pair.settle();
        let mut out = Vec::new();
        Receiver::WebSocket.put_open("", &mut out);
        let event = pair.client.receive(Frame::read(&out));
        assert!(matches!(event, Err(ServerViolation::Lost)));
    }
}

//! A client and a server with a queue each and a clock moved by hand.

use std::collections::VecDeque;

use super::*;

struct Pair {
    now: Time,
    client: Client,
    server: Session,
    /// What the client and the server have to say and have not.
    from_client: Vec<Owned>,
    from_server: Vec<Owned>,
    /// On the WebSocket, on their way.
    to_server: VecDeque<Owned>,
    to_client: VecDeque<Owned>,
    is_probing: bool,
    may_upgrade: bool,
    pings: usize,
    /// Messages that arrived.
    heard_by_server: Vec<Owned>,
    heard_by_client: Vec<Owned>,
}

impl Pair {
    fn new(transport: Transport) -> Self {
        let server = session(Version::V4, transport);
        let mut client = Client::new(transport);
        let (mut json, limits) = (Vec::new(), Limits::default());
        open("sid", transport, true, &limits, &mut json);
        let json = String::from_utf8(json).unwrap();
        let event = client.receive(Time(0), transport, Ok(Packet::Open(&json)));
        let Ok(Some(ClientEvent::Open(open))) = event else {
            panic!("{event:?}");
        };
        assert_eq!(
            (&*open.sid, open.may_upgrade),
            ("sid", transport == Transport::Polling)
        );
        Self {
            now: Time(0),
            client,
            server,
            from_client: Vec::new(),
            from_server: Vec::new(),
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            is_probing: false,
            may_upgrade: false,
            pings: 0,
            heard_by_server: Vec::new(),
            heard_by_client: Vec::new(),
        }
    }

    fn upgrade(&mut self) {
        assert!(self.client.probe());
        self.server.probe(self.now).unwrap();
        self.to_server.push_back(Owned::Ping("probe".into()));
        self.is_probing = true;
    }

    /// Everything that can happen now happens.
    fn settle(&mut self) {
        for _ in 0..10 {
            self.tick();
            self.post();
            self.poll();
            self.websocket();
        }
    }

    fn tick(&mut self) {
        self.client.tick(self.now).unwrap();
        while let Some(due) = self.server.tick(self.now).unwrap() {
            assert_eq!(due, Due::Ping);
            self.from_server.push(Owned::Ping("".into()));
        }
    }

    fn post(&mut self) {
        if self.client.output() != Some(Transport::Polling) || self.from_client.is_empty() {
            return;
        }
        let mut body = write(Form::V4, &std::mem::take(&mut self.from_client));
        self.server.post(self.now).unwrap();
        for packet in Payload::new(Form::V4, &Limits::default(), &mut body) {
            let event = self.server.receive(self.now, Transport::Polling, packet);
            match event.unwrap() {
                Some(Event::Message(data)) => self.heard_by_server.push(Packet::Message(data).into()),
                None => {}
                other => panic!("{other:?}"),
            }
        }
        self.server.post_done();
    }

    fn poll(&mut self) {
        if self.client.polls() && self.server.output().is_none() {
            self.server.poll(self.now).unwrap();
        }
        let mut answer = Vec::new();
        if self.server.output() == Some(Transport::Polling) && !self.from_server.is_empty() {
            answer = write(Form::V4, &std::mem::take(&mut self.from_server));
            self.server.poll_answered();
        } else if let Some(packet) = self.server.answer() {
            put(Form::V4, &packet, &mut answer);
        }
        if !answer.is_empty() {
            for packet in Payload::new(Form::V4, &Limits::default(), &mut answer) {
                self.hear(Transport::Polling, packet.map(Owned::from).unwrap());
            }
        }
        // The client's last poll is answered: it can go.
        if self.may_upgrade && self.server.output().is_none() {
            self.client.upgrade();
            self.to_server.push_back(Owned::Upgrade);
            self.may_upgrade = false;
        }
    }

    fn websocket(&mut self) {
        if self.client.output() == Some(Transport::WebSocket) {
            self.to_server.extend(self.from_client.drain(..));
        }
        while let Some(packet) = self.to_server.pop_front() {
            let event = self
                .server
                .receive(self.now, Transport::WebSocket, Ok(packet.lend()));
            match event.unwrap() {
                Some(Event::Message(data)) => self.heard_by_server.push(Packet::Message(data).into()),
                Some(Event::Probe) => self.to_client.push_back(Owned::Pong("probe".into())),
                Some(Event::Upgraded) => self.is_probing = false,
                None => {}
                other => panic!("{other:?}"),
            }
        }
        if self.server.output() == Some(Transport::WebSocket) {
            assert!(!self.is_probing);
            self.to_client.extend(self.from_server.drain(..));
        }
        while let Some(packet) = self.to_client.pop_front() {
            self.hear(Transport::WebSocket, packet);
        }
    }

    fn hear(&mut self, transport: Transport, packet: Owned) {
        let event = self.client.receive(self.now, transport, Ok(packet.lend()));
        match event.unwrap() {
            Some(ClientEvent::Message(data)) => self.heard_by_client.push(Packet::Message(data).into()),
            Some(ClientEvent::Ping) => {
                self.pings += 1;
                self.from_client.push(Owned::Pong("".into()));
            }
            Some(ClientEvent::Probed) => self.may_upgrade = true,
            None => {}
            other => panic!("{other:?}"),
        }
    }

    /// Moves the clock to the next deadline.
    fn wait(&mut self) {
        let due = [self.server.deadline(), self.client.deadline()];
        self.now = due.into_iter().flatten().min().unwrap();
    }
}

#[test]
fn a_quiet_day() {
    for transport in [Transport::Polling, Transport::WebSocket] {
        let mut pair = Pair::new(transport);
        let day = Time(24 * 3_600_000);
        while pair.now < day {
            pair.wait();
            pair.settle();
        }
        assert_eq!(pair.pings, 24 * 3_600_000 / 25_000);
        assert!(!pair.server.is_closed() && !pair.client.is_closed());
    }
}

#[test]
fn nothing_is_lost_or_turned_round_by_an_upgrade() {
    // At each step a message each way; the upgrade begins at any of them.
    for begin in 0..12 {
        let mut pair = Pair::new(Transport::Polling);
        let mut sent = Vec::new();
        for step in 0..20 {
            if step == begin {
                pair.upgrade();
            }
            let message = match step % 3 {
                0 => Owned::Binary(vec![step]),
                _ => text(&step.to_string()),
            };
            sent.push(message.clone());
            pair.from_client.push(message.clone());
            pair.from_server.push(message);
            // One thing after the other, or all at once.
            match (step + begin) % 4 {
                0 => pair.websocket(),
                1 => pair.poll(),
                2 => pair.post(),
                _ => pair.settle(),
            }
            pair.now = pair.now + 60;
            pair.tick();
        }
        for _ in 0..3 {
            pair.now = pair.now + 100;
            pair.settle();
        }
        assert_eq!(pair.server.output(), Some(Transport::WebSocket), "{begin}");
        assert_eq!(pair.client.output(), Some(Transport::WebSocket), "{begin}");
        assert_eq!(pair.heard_by_server, sent, "{begin}");
        assert_eq!(pair.heard_by_client, sent, "{begin}");
    }
}

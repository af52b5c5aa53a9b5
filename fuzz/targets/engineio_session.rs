#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use pogu_proto::Time;
use pogu_proto::engineio::{
    Client, ClientEvent, Data, Due, Event, Limits, Packet, PacketError, Session, Transport, Version,
};

const PACKETS: [Result<Packet<'static>, PacketError>; 12] = [
    Ok(Packet::Ping("probe")),
    Ok(Packet::Upgrade),
    Ok(Packet::Pong("")),
    Ok(Packet::Ping("")),
    Ok(Packet::Message(Data::Text("a"))),
    Ok(Packet::Message(Data::Binary(b"b"))),
    Ok(Packet::Noop),
    Ok(Packet::Close),
    Ok(Packet::Pong("probe")),
    Ok(Packet::Open(OPEN)),
    Ok(Packet::Open("{}")),
    Err(PacketError::Empty),
];

const OPEN: &str = r#"{"sid":"s","upgrades":["websocket"],"pingInterval":100,"pingTimeout":50}"#;

/// A session and what its caller has for it.
struct Server {
    session: Session,
    polls: usize,
    has_websocket: bool,
    has_upgraded: bool,
}

impl Server {
    /// One thing happens; each byte is a step.
    fn step(&mut self, now: Time, step: u8) {
        let session = &mut self.session;
        match step {
            b'g' => self.polls += usize::from(session.poll(now).is_ok()),
            b'a' if session.output() == Some(Transport::Polling) => {
                session.poll_answered();
                self.polls -= 1;
            }
            b'G' if self.polls > 0 => {
                session.poll_lost();
                self.polls = 0;
            }
            b'p' => drop(session.post(now)),
            b'd' => session.post_done(),
            b'P' => session.post_failed(),
            b'w' => self.has_websocket |= session.probe(now).is_ok(),
            b'W' if self.has_websocket => {
                session.websocket_lost();
                self.has_websocket = false;
                assert!(!self.has_upgraded || session.is_closed());
            }
            b'c' => session.close(now),
            b't' => {
                // At most the probe's end and a ping are due at once.
                for _ in 0..3 {
                    match session.tick(now) {
                        Ok(Some(Due::Closed)) | Err(_) => assert!(session.is_closed()),
                        Ok(Some(Due::ProbeFailed)) => self.has_websocket = false,
                        Ok(Some(Due::Ping)) => {}
                        Ok(None) => return,
                    }
                }
                panic!("there is always more to do");
            }
            0..24 => self.hear(now, step),
            _ => {}
        }
    }

    fn hear(&mut self, now: Time, step: u8) {
        let transport = if step < 12 {
            Transport::Polling
        } else {
            Transport::WebSocket
        };
        if transport == Transport::WebSocket && !self.has_websocket {
            return;
        }
        match self
            .session
            .receive(now, transport, PACKETS[usize::from(step) % 12])
        {
            Ok(Some(Event::Upgraded)) => {
                assert!(!self.has_upgraded);
                self.has_upgraded = true;
            }
            Ok(Some(Event::ProbeFailed)) => self.has_websocket = false,
            Ok(Some(Event::Closed)) | Err(_) => assert!(self.session.is_closed()),
            Ok(Some(Event::Message(_) | Event::Ping | Event::Probe) | None) => {}
        }
    }

    fn check(&mut self) {
        self.polls -= usize::from(self.session.answer().is_some());
        assert!(self.polls <= 1);
        assert!(self.session.is_closed() == self.session.deadline().is_none());
        match self.session.output() {
            Some(Transport::Polling) => assert!(self.polls == 1 && !self.has_upgraded),
            Some(Transport::WebSocket) => assert!(self.polls == 0 && self.has_upgraded && self.has_websocket),
            None => assert_eq!(self.polls, 0),
        }
    }
}

fn client(steps: &[u8]) {
    let mut client = Client::new(Transport::Polling);
    let mut has_upgraded = false;
    for (at, step) in steps.iter().enumerate() {
        let now = Time(10 * at as u64);
        match step {
            b'w' => drop(client.probe()),
            b'u' => client.upgrade(),
            b'W' => client.websocket_lost(),
            b'c' => client.close(),
            b't' => drop(client.tick(now)),
            0..24 => {
                let transport = if *step < 12 {
                    Transport::Polling
                } else {
                    Transport::WebSocket
                };
                let event = client.receive(now, transport, PACKETS[usize::from(*step) % 12].clone());
                if let Ok(Some(ClientEvent::Closed)) | Err(_) = event {
                    assert!(client.is_closed());
                }
            }
            _ => {}
        }
        has_upgraded |= client.output() == Some(Transport::WebSocket);
        assert!(!has_upgraded || client.output() != Some(Transport::Polling));
        assert!(!client.is_closed() || client.deadline().is_none() && client.output().is_none());
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((first, steps)) = bytes.split_first() else {
        return;
    };
    client(steps);
    let limits = Limits {
        ping_interval: 300,
        ping_timeout: 200,
        upgrade_timeout: 250,
        close_timeout: 400,
        ..Limits::default()
    };
    let version = if *first == b'3' { Version::V3 } else { Version::V4 };
    let mut server = Server {
        session: Session::new(version, Transport::Polling, Arc::new(limits), Time(0)),
        polls: 0,
        has_websocket: false,
        has_upgraded: false,
    };
    for (at, step) in steps.iter().enumerate() {
        server.step(Time(30 * at as u64), *step);
        server.check();
    }
});

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use pogu_proto::Time;
use pogu_proto::sockjs::{Client, ClientEvent, Frame, Limits, Receiver, Refused, Say, Session};

const HEARTBEAT: u64 = 250;
const DELAY: u64 = 50;
const RESPONSE: usize = 40;

/// A session and what its caller has for it.
struct Server {
    session: Session,
    receiver: Option<Receiver>,
    /// Numbers that wait to be said, the next one, and the last that was said.
    waiting: Vec<u32>,
    next: u32,
    said: u32,
    bytes: usize,
    is_open: bool,
    is_closed: bool,
    was_lost: bool,
}

impl Server {
    fn new(now: Time) -> Self {
        let limits = Limits {
            heartbeat: HEARTBEAT,
            disconnect_delay: DELAY,
            response: RESPONSE,
            ..Limits::default()
        };
        Self {
            session: Session::new(Arc::new(limits), now),
            receiver: None,
            waiting: Vec::new(),
            next: 0,
            said: 0,
            bytes: 0,
            is_open: false,
            is_closed: false,
            was_lost: false,
        }
    }

    /// One thing happens; each byte is a step.
    fn step(&mut self, now: Time, step: u8, client: &mut Client) {
        match step {
            0..6 => {
                let receiver = Receiver::ALL[usize::from(step)];
                match self.session.attach(now, receiver) {
                    Ok(()) => {
                        assert!(self.receiver.is_none());
                        (self.receiver, self.bytes) = (Some(receiver), 0);
                    }
                    Err(Refused::Busy) => assert!(self.receiver.is_some()),
                    Err(Refused::Gone) => {
                        *self = Self::new(now);
                        *client = Client::new();
                    }
                }
            }
            b'm' => {
                self.next += 1;
                self.waiting.push(self.next);
            }
            b's' => self.say(now, client),
            b'S' => {
                // As many times as a heartbeat, messages and a close may follow an open frame.
                for _ in 0..4 {
                    self.say(now, client);
                }
                assert!(self.session.say(!self.waiting.is_empty()).is_none());
            }
            b'l' => {
                self.session.lost(now, true);
                (self.receiver, self.was_lost) = (None, true);
                assert!(!self.session.is_open() && self.session.is_broken());
            }
            b'c' => {
                self.session.close(now, 3000, "closed");
                assert!(!self.session.is_open());
            }
            b't' => {
                self.session.tick(now);
                assert!(self.session.deadline().is_none_or(|due| due > now));
            }
            _ => {}
        }
    }

    fn say(&mut self, now: Time, client: &mut Client) {
        let is_waiting = !self.waiting.is_empty();
        let Some(say) = self.session.say(is_waiting) else {
            return;
        };
        let receiver = self.receiver.expect("something is only said to a receiver");
        let (mut out, frame) = (Vec::new(), self.is_open);
        let mut is_close = false;
        match say {
            Say::Open => {
                assert!(!frame && !self.is_closed);
                self.is_open = true;
                out.push(b'o');
            }
            Say::Heartbeat => {
                assert!(frame && !is_waiting);
                out.push(b'h');
            }
            Say::Messages => {
                assert!(frame && is_waiting && !self.was_lost && !self.is_closed);
                for number in self.waiting.drain(..) {
                    assert_eq!(number, self.said + 1);
                    self.said = number;
                }
                out.extend_from_slice(b"a[\"x\"]");
            }
            Say::Close(close) => {
                assert!(frame && (self.was_lost || !is_waiting && close.code == 3000));
                (is_close, self.is_closed) = (true, true);
                Receiver::WebSocket.put_close("", close, &mut out);
            }
        }
        self.bytes += out.len();
        let ends = self.session.said(now, out.len());
        let is_full = self.bytes >= RESPONSE && receiver != Receiver::WebSocket;
        assert_eq!(ends, is_close || receiver.is_poll() || is_full);
        if ends {
            self.receiver = None;
        }
        match client.receive(Frame::read(&out)) {
            Ok(Some(ClientEvent::Closed(_))) => assert!(is_close),
            // It hears of the close again.
            Ok(_) => {}
            Err(violation) => panic!("{violation}"),
        }
    }

    fn check(&self, now: Time) {
        assert_eq!(self.session.receiver(), self.receiver);
        let deadline = self.session.deadline();
        if self.session.is_gone() {
            assert!(deadline.is_none() && !self.session.is_open() && self.receiver.is_none());
        } else if self.receiver.is_none() {
            assert!(deadline.is_some_and(|due| due <= now + DELAY));
        }
        assert!(deadline.is_none_or(|due| due <= now + HEARTBEAT));
    }
}

fuzz_target!(|steps: &[u8]| {
    let mut server = Server::new(Time(0));
    let mut client = Client::new();
    let mut now = Time(0);
    for step in steps {
        now = now + if *step == b'+' { 40 } else { 1 };
        server.step(now, *step, &mut client);
        server.check(now);
    }
});

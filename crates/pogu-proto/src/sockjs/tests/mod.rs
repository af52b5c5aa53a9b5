mod client;
mod headers;
mod messages;
mod pair;
mod requests;
mod sessions;
mod strings;
mod wire;

use std::sync::Arc;

use super::*;
use crate::Time;

/// Appends a frame of messages, as a session's caller does.
fn put_messages(receiver: Receiver, messages: &[&str], out: &mut Vec<u8>) {
    let mut strings = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        if at > 0 {
            strings.push(Receiver::SEPARATOR);
        }
        put_string(message, &mut strings);
    }
    receiver.put_messages("f", &strings, out);
}

/// A session and what its caller has for it.
struct Server {
    session: Session,
    /// What waits to be said.
    waiting: Vec<String>,
    /// What the receiver was sent since it was last asked for.
    out: Vec<u8>,
    /// Where each frame in it ends.
    ends: Vec<usize>,
    /// Responses that have ended.
    ended: usize,
}

impl Server {
    fn new(limits: Limits) -> Self {
        Self {
            session: Session::new(Arc::new(limits), Time(0)),
            waiting: Vec::new(),
            out: Vec::new(),
            ends: Vec::new(),
            ended: 0,
        }
    }

    /// A session with a receiver of this kind.
    fn with(receiver: Receiver) -> Self {
        let mut server = Self::new(Limits::default());
        server.receive(0, receiver).unwrap();
        server
    }

    fn receive(&mut self, now: u64, receiver: Receiver) -> Result<(), Refused> {
        self.session.attach(Time(now), receiver)?;
        self.flush(now);
        Ok(())
    }

    /// Says all that is to be said, messages that wait in one frame.
    fn flush(&mut self, now: u64) {
        while let Some(receiver) = self.session.receiver() {
            let Some(say) = self.session.say(!self.waiting.is_empty()) else {
                break;
            };
            let start = self.out.len();
            match say {
                Say::Open => receiver.put_open("f", &mut self.out),
                Say::Heartbeat => receiver.put_heartbeat("f", &mut self.out),
                Say::Close(close) => receiver.put_close("f", close, &mut self.out),
                Say::Messages => {
                    let waiting = std::mem::take(&mut self.waiting);
                    let messages: Vec<_> = waiting.iter().map(String::as_str).collect();
                    put_messages(receiver, &messages, &mut self.out);
                }
            }
            self.ends.push(self.out.len());
            if self.session.said(Time(now), self.out.len() - start) {
                self.ended += 1;
            }
        }
    }

    fn send(&mut self, now: u64, message: &str) {
        self.waiting.push(message.to_owned());
        self.flush(now);
    }

    fn tick(&mut self, now: u64) {
        self.session.tick(Time(now));
        self.flush(now);
    }

    fn close(&mut self, now: u64, code: u16, reason: &'static str) {
        self.session.close(Time(now), code, reason);
        self.flush(now);
    }

    /// What was sent since the last call, and how many responses have ended.
    fn take(&mut self) -> (String, usize) {
        let out = String::from_utf8(std::mem::take(&mut self.out)).unwrap();
        (out, std::mem::take(&mut self.ended))
    }
}

/// What [`Server::take`] is to be.
fn took(out: &str, ended: usize) -> (String, usize) {
    (out.to_owned(), ended)
}

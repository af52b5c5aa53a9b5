mod close;
mod deflate;
mod frames;
mod keep_alive;
mod limits;
mod round_trip;

use std::sync::Arc;

use super::frame::{self, Control, FIN, first_byte};
use super::{Codec, Deflate, Event, Kind, Limits, Role, Session, Violation};
use crate::cuts::{drive, every_cut};
use crate::{Reader, Time};

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = Control::Close as u8;
const PING: u8 = Control::Ping as u8;
const PONG: u8 = Control::Pong as u8;

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// An event that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
}

impl From<Event<'_>> for Seen {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Message {
                kind: Kind::Text,
                payload,
            } => Self::Text(String::from_utf8(payload.to_vec()).expect("text is UTF-8")),
            Event::Message {
                kind: Kind::Binary,
                payload,
            } => Self::Binary(payload.to_vec()),
            Event::Ping(payload) => Self::Ping(payload.to_vec()),
            Event::Pong(payload) => Self::Pong(payload.to_vec()),
            Event::Close { code, reason } => Self::Close(code, reason.to_owned()),
        }
    }
}

/// A session with its codec and all that it wrote.
struct Side {
    session: Session,
    codec: Codec,
    out: Vec<u8>,
}

impl Side {
    fn new(role: Role, limits: &Limits, deflate: Option<Deflate>) -> Self {
        Self {
            session: Session::new(role, Arc::new(limits.clone()), deflate, Time(0)),
            codec: Codec::new(7),
            out: Vec::new(),
        }
    }

    fn server() -> Self {
        Self::new(Role::Server, &Limits::default(), None)
    }

    /// Hands in the pieces, a read each; what was seen before an error, and the error.
    fn read(&mut self, now: Time, pieces: &[&[u8]]) -> (Vec<Seen>, Option<Violation>) {
        drive(pieces, |input: &mut Reader<'_>| {
            let event = self.session.next(now, input, &mut self.codec, &mut self.out)?;
            Ok(event.map(Seen::from))
        })
    }

    fn send(&mut self, kind: Kind, payload: &[u8]) {
        self.session.send(kind, payload, &mut self.codec, &mut self.out);
    }

    fn close(&mut self, now: Time, code: u16, reason: &str) {
        self.session
            .close(now, code, reason, &mut self.codec, &mut self.out);
    }

    fn tick(&mut self, now: Time) -> Result<(), Violation> {
        self.session.tick(now, &mut self.codec, &mut self.out)
    }

    /// Whether nothing is kept of what arrived.
    fn holds_nothing(&self) -> bool {
        format!("{:?}", self.session).contains("partial: None")
    }
}

/// What came of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    seen: Vec<Seen>,
    violation: Option<Violation>,
    out: Vec<u8>,
}

/// What comes of `bytes`: the same however they are cut.
fn check(role: Role, limits: &Limits, deflate: Option<Deflate>, bytes: &[u8]) -> Outcome {
    let run = |pieces: &[&[u8]]| {
        let mut side = Side::new(role, limits, deflate);
        let (seen, violation) = side.read(Time(0), pieces);
        Outcome {
            seen,
            violation,
            out: side.out,
        }
    };
    let expect = run(&[bytes]);
    every_cut(bytes, |pieces| assert_eq!(run(pieces), expect));
    expect
}

/// What a server with default limits and no compression makes of `bytes`.
fn server(bytes: &[u8]) -> Outcome {
    check(Role::Server, &Limits::default(), None, bytes)
}

/// A masked frame.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    frame::write(first, payload, Some(KEY), &mut out);
    out
}

/// An unmasked frame.
fn plain(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    frame::write(first, payload, None, &mut out);
    out
}

/// The unmasked Close that tells a violation.
fn close_frame(violation: Violation) -> Vec<u8> {
    plain(
        FIN | CLOSE,
        &[
            &violation.code().to_be_bytes()[..],
            violation.to_string().as_bytes(),
        ]
        .concat(),
    )
}

fn text(text: &str) -> Seen {
    Seen::Text(text.to_owned())
}

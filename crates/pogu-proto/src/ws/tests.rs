use std::sync::Arc;

use super::*;
use crate::{Reader, Time};

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

/// A session, its codec and all it answered.
struct Side {
    session: Session,
    codec: Codec,
    out: Vec<u8>,
}

impl Side {
    fn new(role: Role, limits: Limits, deflate: Option<Deflate>) -> Self {
        Self {
            session: Session::new(role, Arc::new(limits), deflate, Time(0)),
            codec: Codec::new(7),
            out: Vec::new(),
        }
    }

    /// Hands in one read.
    fn read(&mut self, bytes: &[u8]) -> Result<Vec<Seen>, Violation> {
        let mut bytes = bytes.to_vec();
        let mut input = Reader::new(&mut bytes);
        let mut seen = Vec::new();
        while let Some(event) = self
            .session
            .next(Time(0), &mut input, &mut self.codec, &mut self.out)?
        {
            seen.push(event.into());
        }
        assert!(input.is_empty(), "all input is taken");
        Ok(seen)
    }

    /// Hands in several reads.
    fn reads<'a>(&mut self, reads: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Seen>, Violation> {
        let mut seen = Vec::new();
        for bytes in reads {
            seen.extend(self.read(bytes)?);
        }
        Ok(seen)
    }
}

/// What comes of `bytes`: the same however they are cut.
fn check(
    role: Role,
    limits: Limits,
    deflate: Option<Deflate>,
    bytes: &[u8],
) -> (Result<Vec<Seen>, Violation>, Vec<u8>) {
    let mut whole = Side::new(role, limits.clone(), deflate);
    let expect = (whole.read(bytes), whole.out);
    for cut in 0..=bytes.len() {
        let mut side = Side::new(role, limits.clone(), deflate);
        let (a, b) = bytes.split_at(cut);
        assert_eq!((side.reads([a, b]), side.out), expect, "cut at {cut}");
    }
    let mut side = Side::new(role, limits, deflate);
    assert_eq!((side.reads(bytes.chunks(1)), side.out), expect, "byte by byte");
    expect
}

fn server(bytes: &[u8]) -> (Result<Vec<Seen>, Violation>, Vec<u8>) {
    check(Role::Server, Limits::default(), None, bytes)
}

/// The examples of RFC 6455 §5.7.
#[test]
fn rfc_examples() {
    let hello = || vec![Seen::Text("Hello".into())];
    let client = |bytes: &[u8]| check(Role::Client, Limits::default(), None, bytes);
    assert_eq!(client(b"\x81\x05Hello"), (Ok(hello()), vec![]));
    assert_eq!(
        server(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
        (Ok(hello()), vec![])
    );
    assert_eq!(client(b"\x01\x03Hel\x80\x02lo"), (Ok(hello()), vec![]));
    let (seen, out) = server(b"\x89\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    assert_eq!(
        (seen, out),
        (Ok(vec![Seen::Ping(b"Hello".into())]), b"\x8a\x05Hello".to_vec())
    );
    assert_eq!(
        accept_key("dGhlIHNhbXBsZSBub25jZQ=="),
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    );
}

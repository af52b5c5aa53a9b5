#![no_main]

use std::sync::Arc;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use pogu_proto::ws::{Codec, Deflate, Event, Kind, Limits, Role, Session};
use pogu_proto::{Reader, Time};

/// What a client and a server do in turn; each step is made by the one that `server` names.
#[derive(Debug, Arbitrary)]
struct Step<'a> {
    server: bool,
    what: What<'a>,
}

#[derive(Debug, Arbitrary)]
enum What<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
    Ping(&'a [u8]),
    Close(u16, &'a str),
    /// So many bytes of what the other sent arrive.
    Hear(u16),
}

struct Side {
    session: Session,
    out: Vec<u8>,
    /// Messages sent that have not arrived.
    sent: Vec<(Kind, Vec<u8>)>,
}

impl Side {
    fn new(role: Role) -> Self {
        let session = Session::new(role, Arc::new(Limits::default()), Some(Deflate::Narrow), Time(0));
        Self {
            session,
            out: Vec::new(),
            sent: Vec::new(),
        }
    }

    fn send(&mut self, kind: Kind, payload: &[u8], codec: &mut Codec) {
        if !self.session.is_closing() {
            self.sent.push((kind, payload.to_vec()));
        }
        self.session.send(kind, payload, codec, &mut self.out);
    }

    /// `count` bytes of what `from` said arrive, and with them its messages in order.
    fn hear(&mut self, from: &mut Side, count: usize, codec: &mut Codec) {
        let mut bytes: Vec<u8> = from.out.drain(..count.min(from.out.len())).collect();
        let mut input = Reader::new(&mut bytes);
        loop {
            match self.session.next(Time(0), &mut input, codec, &mut self.out) {
                Ok(Some(Event::Message { kind, payload })) => {
                    assert_eq!((kind, payload.to_vec()), from.sent.remove(0));
                }
                Ok(Some(_)) => {}
                Ok(None) => return,
                Err(violation) => panic!("a session does not understand its like: {violation}"),
            }
        }
    }
}

fuzz_target!(|steps: Vec<Step<'_>>| {
    let codec = &mut Codec::new(0);
    let (mut client, mut server) = (Side::new(Role::Client), Side::new(Role::Server));
    for Step {
        server: by_server,
        what,
    } in steps
    {
        let (side, other) = if by_server {
            (&mut server, &mut client)
        } else {
            (&mut client, &mut server)
        };
        match what {
            What::Text(text) => side.send(Kind::Text, text.as_bytes(), codec),
            What::Binary(bytes) => side.send(Kind::Binary, bytes, codec),
            What::Ping(payload) => side.session.ping(payload, codec, &mut side.out),
            What::Close(code, reason) => side.session.close(Time(0), code, reason, codec, &mut side.out),
            What::Hear(count) => side.hear(other, usize::from(count), codec),
        }
    }
    // Then everything arrives. A pong may answer what the first turn brought, so there are two.
    for _ in 0..2 {
        server.hear(&mut client, usize::MAX, codec);
        client.hear(&mut server, usize::MAX, codec);
    }
    assert!(client.sent.is_empty() && server.sent.is_empty());
});

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use pogu_proto::Time;
use pogu_proto::ws::{Codec, Deflate, Event, Kind, Limits, Role, Session, Violation};

const MESSAGE_MAX: usize = 4096;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    server: bool,
    deflate: bool,
    length: u8,
    stream: &'a [u8],
}

/// What arrives at a session, the violation that ended it, and what it answered.
type Heard = (Vec<String>, Option<Violation>, Vec<u8>);

fn hear(input: &Input<'_>, length: u8) -> Heard {
    let role = if input.server { Role::Server } else { Role::Client };
    let limits = Limits {
        message: MESSAGE_MAX,
        fragments: 16,
        ..Limits::default()
    };
    let mut session = Session::new(
        role,
        Arc::new(limits),
        input.deflate.then_some(Deflate::Wide),
        Time(0),
    );
    let mut codec = Codec::new(0);
    let mut out = Vec::new();
    let (events, violation) = pogu_fuzz::drive(input.stream, length, |input| {
        let event = session.next(Time(0), input, &mut codec, &mut out)?;
        if let Some(Event::Message { kind, payload }) = &event {
            assert!(payload.len() <= MESSAGE_MAX);
            assert!(*kind == Kind::Binary || str::from_utf8(payload).is_ok());
        }
        Ok(event.map(|event| format!("{event:?}")))
    });
    assert!(violation.is_none() || session.is_closed());
    (events, violation, out)
}

fuzz_target!(|input: Input<'_>| assert_eq!(hear(&input, 0), hear(&input, input.length)));

#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use pogu_proto::Time;
use pogu_proto::stomp::{Accepted, Client, HeartBeat, Limits, Offer, Server, ServerLimits, Violation};

const FRAME: Limits = Limits {
    command: 16,
    headers: 8,
    header: 64,
    head: 256,
    body: 64,
};

const LIMITS: ServerLimits = ServerLimits {
    before_connect: FRAME,
    frame: FRAME,
    connect_timeout: 10_000,
};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    server: bool,
    length: u8,
    stream: &'a [u8],
}

/// What a session heard, the violation that ended it, and what it answered.
type Heard = (Vec<String>, Option<Violation>, Vec<u8>);

fn server(stream: &[u8], length: u8) -> Heard {
    let mut session = Server::new(Time(0));
    let mut out = Vec::new();
    let (events, violation) = pogu_fuzz::drive(stream, length, |input| {
        let event = session.next(Time(0), &LIMITS, input, &mut out)?;
        let event = event.map(|event| format!("{event:?}"));
        let accepted = Accepted {
            session: "s",
            server: "p",
            heart_beat: HeartBeat::default(),
        };
        session.accept(Time(0), &accepted, &mut out);
        Ok::<_, Violation>(event)
    });
    if let Some(violation) = &violation {
        let why = violation.to_string();
        assert!(session.is_ended() && why.len() < 1024 && !why.contains(char::is_control));
    }
    // A client understands all that was answered.
    let mut answered = out.clone();
    let limits = Limits {
        body: 1024,
        ..Limits::default()
    };
    let mut input = pogu_proto::Reader::new(&mut answered);
    let mut client = Client::connect(Time(0), &Offer::default(), &mut Vec::new());
    while client
        .next(Time(0), &limits, &mut input)
        .expect("a client understands its server")
        .is_some()
    {}
    (events, violation, out)
}

fn client(stream: &[u8], length: u8) -> Heard {
    let mut out = Vec::new();
    let mut session = Client::connect(Time(0), &Offer::default(), &mut out);
    let (events, violation) = pogu_fuzz::drive(stream, length, |input| {
        let told = session.next(Time(0), &FRAME, input)?;
        Ok::<_, Violation>(told.map(|told| format!("{told:?}")))
    });
    (events, violation, out)
}

fuzz_target!(|input: Input<'_>| {
    let hear = if input.server { server } else { client };
    assert_eq!(hear(input.stream, 0), hear(input.stream, input.length));
});

#![no_main]

use libfuzzer_sys::fuzz_target;
use pogu_proto::ws::{
    ClientHandshake, HandshakeError, Request, choose_protocol, is_valid_key, negotiate_deflate,
};

fuzz_target!(|input: (u8, &[u8])| {
    let (length, response) = input;
    let request = Request {
        host: "localhost",
        path: "/pogu",
        protocols: &["a", "b"],
        headers: &[],
        deflate: true,
    };
    let receive = |length| {
        let mut out = Vec::new();
        let mut handshake =
            ClientHandshake::new(&request, [0; 16], &mut out).expect("the request is well formed");
        let mut accepted = None;
        let (_, error) = pogu_fuzz::drive(response, length, |input| {
            if accepted.is_none() {
                accepted = handshake.receive(input)?;
            }
            // What follows are frames.
            input.take(usize::MAX);
            Ok::<_, HandshakeError>(None::<()>)
        });
        (accepted, error)
    };
    assert_eq!(receive(0), receive(length));

    // A server's half reads header values.
    if let Ok(value) = str::from_utf8(response) {
        is_valid_key(value);
        choose_protocol([value].into_iter(), &["a", "b"]);
        if let Some((_, answer)) = negotiate_deflate([value].into_iter()) {
            assert!(answer.starts_with("permessage-deflate"));
        }
    }
});

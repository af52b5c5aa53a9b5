#![no_main]

use libfuzzer_sys::fuzz_target;
use pogu_proto::stomp::{Decoder, Limits, Version, Violation};

const LIMITS: Limits = Limits {
    command: 16,
    headers: 4,
    header: 32,
    head: 64,
    body: 64,
};

/// A frame, its headers as each version means them.
fn decode(stream: &[u8], length: u8) -> (Vec<String>, Option<Violation>) {
    let mut decoder = Decoder::new();
    pogu_fuzz::drive(stream, length, |input| {
        let Some(frame) = decoder.next(&LIMITS, input)? else {
            return Ok(None);
        };
        assert!(!frame.command().is_empty() && frame.command().len() <= LIMITS.command);
        assert!(frame.command().len() + frame.lines().trim_end_matches(['\r', '\n']).len() < LIMITS.head);
        assert!(frame.body().len() <= LIMITS.body);
        let headers = Version::ALL.map(|version| {
            let headers = frame.headers(version);
            assert!(headers.clone().count() <= LIMITS.headers);
            (frame.check_escapes(version), headers)
        });
        Ok(Some(format!("{frame:?} {headers:?}")))
    })
}

fuzz_target!(|input: (u8, &[u8])| {
    let (length, stream) = input;
    assert_eq!(decode(stream, 0), decode(stream, length));
});

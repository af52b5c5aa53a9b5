#![no_main]

use libfuzzer_sys::fuzz_target;
use pogu_proto::pogu::{Decoder, Limits, Violation, parse};

const LIMITS: Limits = Limits { head: 64, body: 64 };

fuzz_target!(|input: (u8, &[u8])| {
    let (length, stream) = input;
    let decode = |length| {
        let mut decoder = Decoder::new();
        pogu_fuzz::drive(stream, length, |input| {
            Ok::<_, Violation>(decoder.next(&LIMITS, input)?.map(<[u8]>::to_vec))
        })
    };
    let (commands, violation) = decode(0);
    for command in &commands {
        assert!(command.len() <= LIMITS.head + 1 + LIMITS.body);
        // Cutting and parsing agree on where a body ends.
        assert!(
            parse(command)
                .err()
                .is_none_or(|error| error.name() != "bad-length")
        );
    }
    assert_eq!((commands, violation), decode(length));
});

#![no_main]

use libfuzzer_sys::fuzz_target;
use pogu_proto::TooLong;
use pogu_proto::framing::{Decoder, Framing, encode};

const LIMIT: usize = 64;

fuzz_target!(|input: (bool, u8, &[u8])| {
    let (lines, length, stream) = input;
    let framing = if lines { Framing::Line } else { Framing::Length };
    let decode = |stream: &[u8], length| {
        let mut decoder = Decoder::new();
        pogu_fuzz::drive(stream, length, |input| {
            Ok::<_, TooLong>(decoder.next(framing, LIMIT, input)?.map(<[u8]>::to_vec))
        })
    };
    let (messages, error) = decode(stream, 0);
    assert_eq!((messages.clone(), error), decode(stream, length));
    let mut written = Vec::new();
    for message in &messages {
        assert!(message.len() <= LIMIT);
        encode(framing, message, &mut written);
    }
    // A line read out of CRCRLF ends in CR, which before the LF alone that is written would be read as half of a CRLF.
    if !lines || messages.iter().all(|message| !message.ends_with(b"\r")) {
        assert_eq!(decode(&written, length), (messages, None));
    }
});

#![no_main]

use libfuzzer_sys::fuzz_target;
use pogu_proto::TooLong;
use pogu_proto::sse::{Decoder, event};

const LIMIT: usize = 256;

type Event = (String, Option<String>, String);

fn decode(limit: usize, stream: &[u8], length: u8) -> (Vec<Event>, Option<TooLong>, Decoder) {
    let mut decoder = Decoder::new("");
    let (events, error) = pogu_fuzz::drive(stream, length, |input| {
        let event = decoder.next(limit, input)?;
        Ok(event.map(|event| {
            (
                event.id.to_owned(),
                event.event.map(str::to_owned),
                event.data.to_owned(),
            )
        }))
    });
    (events, error, decoder)
}

fuzz_target!(|input: (u8, &[u8])| {
    let (length, stream) = input;
    let (mut events, error, decoder) = decode(LIMIT, stream, 0);
    let (cut_events, cut_error, cut_decoder) = decode(LIMIT, stream, length);
    assert_eq!((&events, error), (&cut_events, cut_error));
    assert_eq!(
        (decoder.last_id(), decoder.retry()),
        (cut_decoder.last_id(), cut_decoder.retry())
    );

    let mut written = Vec::new();
    for (id, name, data) in &mut events {
        assert!(data.len() <= LIMIT);
        event(Some(id), name.as_deref(), None, data, &mut written);
        // A reader may meet NUL in a name, a writer leaves it out.
        *name = name
            .take()
            .map(|name| name.replace('\0', ""))
            .filter(|name| !name.is_empty());
    }
    // Field names, and what stands for bytes that are not UTF-8, make lines longer.
    let (again, error, _) = decode(8 * LIMIT, &written, length);
    assert_eq!((again, error), (events, None));
});

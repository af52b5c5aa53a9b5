#![no_main]

use libfuzzer_sys::fuzz_target;
use pogu_proto::pogu::{Answer, is_answer, message, parse_answer};

fuzz_target!(|bytes: &[u8]| {
    let Ok(Answer::Message {
        topic,
        cursor,
        event,
        content_type,
        headers,
        body,
    }) = parse_answer(bytes)
    else {
        return;
    };
    let mut written = Vec::new();
    message(
        topic,
        cursor,
        event.as_deref(),
        content_type.as_deref(),
        headers.iter().map(|(name, value)| (&**name, &**value)),
        &body,
        &mut written,
    );
    assert!(is_answer(&written));
    let Ok(Answer::Message {
        event: event_again,
        content_type: type_again,
        headers: headers_again,
        body: body_again,
        ..
    }) = parse_answer(&written)
    else {
        panic!("{}", written.escape_ascii())
    };
    assert_eq!(headers_again, headers);
    assert_eq!((event_again, type_again, body_again), (event, content_type, body));
});

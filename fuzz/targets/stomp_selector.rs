#![no_main]

use libfuzzer_sys::fuzz_target;
use pogu_proto::stomp::selector::Selector;

fuzz_target!(|input: (&str, &str, &str)| {
    let (text, one, other) = input;
    match text.parse::<Selector>() {
        Ok(selector) => {
            let header = |name: &str| match name.len() {
                1 => Some(one),
                2 => Some(other),
                3 => Some("12"),
                _ => None,
            };
            // What is not so is not so, and what is unknown stays so.
            let negated = format!("NOT ({text})").parse::<Selector>();
            let is_not = negated.is_ok_and(|negated| negated.matches(header));
            assert!(!(selector.matches(header) && is_not));
        }
        Err(error) => {
            assert!(error.position <= text.len());
            assert!(error.to_string().len() < 256);
        }
    }
});

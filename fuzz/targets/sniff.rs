#![no_main]

use libfuzzer_sys::fuzz_target;
use pogu_proto::sniff::{LIMIT, sniff};

fuzz_target!(|bytes: &[u8]| {
    let bytes = &bytes[..bytes.len().min(LIMIT)];
    let mut told = None;
    for length in 0..=bytes.len() {
        let now = sniff(&bytes[..length]);
        assert!(told.is_none() || now == told);
        told = now;
    }
    assert!(bytes.len() < LIMIT || told.is_some());
});

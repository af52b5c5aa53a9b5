mod answers;
mod commands;
mod decoder;

use proptest::prelude::*;

/// Topics and tokens: not empty, no white space, no control characters.
fn word() -> impl Strategy<Value = String> {
    "[^\\s\\p{Cc}]{1,12}"
}

/// Bodies of which many hold line breaks, colons and `len=`.
fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<String>().prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..40),
        "[ :=a\r\n\0%]{0,20}".prop_map(String::into_bytes),
    ]
}

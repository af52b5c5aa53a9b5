#![no_main]

use libfuzzer_sys::fuzz_target;
use pogu_proto::pogu::{Command, is_answer, parse};

fn written(command: &Command<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    command.encode(&mut out);
    out
}

fuzz_target!(|bytes: &[u8]| {
    match parse(bytes) {
        Ok(command) => {
            assert!(!is_answer(bytes));
            let once = written(&command);
            let Ok(again) = parse(&once) else {
                panic!("{}", once.escape_ascii())
            };
            assert_eq!(written(&again), once);
        }
        Err(error) => {
            let why = error.to_string();
            assert!(why.len() < 1024 && !why.contains(char::is_control));
        }
    }
});

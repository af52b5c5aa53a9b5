mod wire;

use super::*;

/// Appends a frame of messages, as a session's caller does.
fn put_messages(receiver: Receiver, messages: &[&str], out: &mut Vec<u8>) {
    receiver.begin_messages("f", out);
    for (at, message) in messages.iter().enumerate() {
        if at > 0 {
            out.push(Receiver::SEPARATOR);
        }
        put_string(receiver.form(), message, out);
    }
    receiver.end_messages(out);
}

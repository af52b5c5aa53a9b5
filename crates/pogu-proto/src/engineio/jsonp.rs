//! JSONP, the polling of protocol 3 where there are only script elements and forms: bodies in a script, and in a form's field.

use super::{PacketError, json};
use crate::percent::decode_in_place;

/// Appends the script that hands `payload` to the client's function number `index`.
///
/// `payload` is of the form [`V3Text`](super::Form::V3Text), with base64 for binary. The answer's `Content-Type` is
/// `text/javascript; charset=UTF-8`.
pub fn script(index: u32, payload: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"___eio[");
    out.extend_from_slice(itoa::Buffer::new().format(index).as_bytes());
    out.extend_from_slice(b"](");
    json::put_script_string(payload, out);
    out.extend_from_slice(b");");
}

/// Takes the payload out of a form, `d=…` URL-encoded, in place.
///
/// Clients write a line feed as `\n` and `\n` as `\\n`, as browsers change line ends in forms.
///
/// # Errors
///
/// There is no field `d`, or more than one.
pub fn payload(form: &mut [u8]) -> Result<&mut [u8], PacketError> {
    let mut fields = form.split_mut(|byte| *byte == b'&');
    let field = fields.find(|field| field.starts_with(b"d="));
    let value = field.and_then(|field| field.get_mut(2..));
    if fields.any(|field| field.starts_with(b"d=")) {
        return Err(PacketError::Field);
    }
    let value = value.ok_or(PacketError::Field)?;
    let length = decode_in_place(value, true);
    let length = unescape_in_place(&mut value[..length]);
    Ok(&mut value[..length])
}

fn unescape_in_place(value: &mut [u8]) -> usize {
    let (mut from, mut to) = (0, 0);
    while from < value.len() {
        let rest = &value[from..];
        if rest.starts_with(b"\\\\n") {
            value[to..to + 2].copy_from_slice(b"\\n");
            (from, to) = (from + 3, to + 2);
            continue;
        }
        let is_line_feed = rest.starts_with(b"\\n");
        value[to] = if is_line_feed { b'\n' } else { value[from] };
        (from, to) = (from + if is_line_feed { 2 } else { 1 }, to + 1);
    }
    to
}

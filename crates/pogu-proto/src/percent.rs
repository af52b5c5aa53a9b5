//! The encoding of queries, forms and events.

/// Decodes `%XX` and, where it stands for a blank, `+`; tells the new length. A `%` without two digits stands for itself.
pub(crate) fn decode_in_place(value: &mut [u8], with_plus: bool) -> usize {
    let (mut from, mut to) = (0, 0);
    while from < value.len() {
        let (byte, length) = match value[from..] {
            [b'+', ..] if with_plus => (b' ', 1),
            [b'%', high, low, ..] => match (hex(high), hex(low)) {
                (Some(high), Some(low)) => (high << 4 | low, 3),
                _ => (b'%', 1),
            },
            _ => (value[from], 1),
        };
        value[to] = byte;
        (from, to) = (from + length, to + 1);
    }
    to
}

fn hex(digit: u8) -> Option<u8> {
    let digit = char::from(digit).to_digit(16);
    digit.and_then(|digit| u8::try_from(digit).ok())
}

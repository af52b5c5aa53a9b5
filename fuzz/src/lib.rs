//! What the targets share: bytes arrive in pieces, and however they are cut the same must come out.

use pogu_proto::Reader;

/// Drives `next` over `bytes` in pieces of `length` bytes, in one when that is 0. What it yields, up to the first error.
pub fn drive<T, E>(
    bytes: &[u8],
    length: u8,
    mut next: impl FnMut(&mut Reader<'_>) -> Result<Option<T>, E>,
) -> (Vec<T>, Option<E>) {
    let mut bytes = bytes.to_vec();
    let length = if length == 0 {
        bytes.len().max(1)
    } else {
        usize::from(length)
    };
    let mut yielded = Vec::new();
    for piece in bytes.chunks_mut(length) {
        let mut input = Reader::new(piece);
        loop {
            match next(&mut input) {
                Ok(Some(unit)) => yielded.push(unit),
                Ok(None) => break,
                Err(error) => return (yielded, Some(error)),
            }
        }
        assert!(input.is_empty());
    }
    (yielded, None)
}

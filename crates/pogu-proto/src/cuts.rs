//! For tests: the pieces in which bytes may arrive.

use crate::Reader;

/// Calls `check` with `bytes` in one piece, in two cut at every place, and byte by byte.
pub(crate) fn every_cut(bytes: &[u8], mut check: impl FnMut(&[&[u8]])) {
    check(&[bytes]);
    for at in 0..=bytes.len() {
        check(&[&bytes[..at], &bytes[at..]]);
    }
    check(&bytes.chunks(1).collect::<Vec<_>>());
}

/// Drives `next` over `pieces`, each in a reader of its own, and collects what it yields up to the first error.
pub(crate) fn drive<T, E>(
    pieces: &[&[u8]],
    mut next: impl FnMut(&mut Reader<'_>) -> Result<Option<T>, E>,
) -> (Vec<T>, Option<E>) {
    let mut yielded = Vec::new();
    for piece in pieces {
        let mut piece = piece.to_vec();
        let mut input = Reader::new(&mut piece);
        loop {
            match next(&mut input) {
                Ok(Some(unit)) => yielded.push(unit),
                Ok(None) => break,
                Err(error) => return (yielded, Some(error)),
            }
        }
        assert!(input.is_empty(), "None only when all bytes are taken");
    }
    (yielded, None)
}

/// `bytes` in pieces as long as `lengths` says, over and over.
pub(crate) fn pieces<'a>(mut bytes: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for length in lengths.iter().cycle() {
        if bytes.is_empty() {
            break;
        }
        let (piece, rest) = bytes.split_at((*length).clamp(1, bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

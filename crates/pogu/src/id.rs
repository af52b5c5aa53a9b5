//! Names: of a peer within its lane, and of sessions that a name is enough to reach.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A peer's slot in its lane, and the number that tells it from those that had the slot before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PeerId {
    pub(crate) slot: u32,
    pub(crate) serial: u32,
}

impl PeerId {
    /// No peer.
    pub(crate) const NOBODY: Self = Self {
        slot: u32::MAX,
        serial: 0,
    };
}

/// A name that nobody guesses: 128 bits, as base64 that URLs, headers and topics take.
pub(crate) fn unguessable() -> Box<str> {
    let mut bits = [0; 16];
    fill_unguessable(&mut bits);
    URL_SAFE_NO_PAD.encode(bits).into()
}

/// Fills `bytes` with what nobody guesses.
pub(crate) fn fill_unguessable(bytes: &mut [u8]) {
    // A system without randomness has not started: the server has asked for some.
    let _ = getrandom::fill(bytes);
}

//! The name of a peer within its lane.

/// A peer's slot in its lane, and the number that tells it from those that had the slot before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PeerId {
    pub(crate) slot: u32,
    pub(crate) serial: u32,
}

use std::fmt;
use std::hash::{DefaultHasher, Hasher};

use super::deflate::{Compressors, Inflater};
use super::{Deflate, Role, Violation};

/// Bytes of the scratch buffer that outlive a message; a longer one is given back at the next call.
const SCRATCH_KEPT: usize = 64 << 10;

/// What all sessions of one thread share: the compression states, a buffer for messages that did not lie in one
/// piece in the input, and the source of masking keys.
pub struct Codec {
    seed: u64,
    keys: u64,
    inflater: Inflater,
    inflated: usize,
    pub(super) compressors: Compressors,
    /// Holds the event lent last, when it is not lent out of the input.
    scratch: Vec<u8>,
}

impl Codec {
    /// A codec whose masking keys come from `seed`, which should be a secret random number (RFC 6455 §5.3). No
    /// compression state is allocated before it is needed.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            keys: 0,
            inflater: Inflater::default(),
            inflated: 0,
            compressors: Compressors::default(),
            scratch: Vec::new(),
        }
    }

    /// A masking key for a client's frame. A keyed hash of a counter, so that keys seen do not tell the next one.
    pub(super) fn key(&mut self, role: Role) -> Option<[u8; 4]> {
        if role == Role::Server {
            return None;
        }
        self.keys = self.keys.wrapping_add(1);
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.seed);
        hasher.write_u64(self.keys);
        let [a, b, c, d, ..] = hasher.finish().to_le_bytes();
        Some([a, b, c, d])
    }

    /// Gives the buffer back that a long message left.
    #[inline]
    pub(super) fn trim(&mut self) {
        if self.scratch.capacity() > SCRATCH_KEPT {
            self.scratch = Vec::new();
        }
    }

    /// Takes `bytes` over, to lend them from [`Codec::scratch`].
    pub(super) fn keep(&mut self, bytes: Vec<u8>) -> usize {
        self.scratch = bytes;
        self.scratch.len()
    }

    /// Inflates `bytes` to be lent from [`Codec::scratch`] and returns how many came out, at most `limit`.
    pub(super) fn inflate(&mut self, bytes: &[u8], limit: usize) -> Result<usize, Violation> {
        let length = self.inflater.inflate(bytes, limit, &mut self.scratch)?;
        self.inflated += length;
        Ok(length)
    }

    /// How many bytes came out of inflating since this was last asked.
    pub fn take_inflated(&mut self) -> usize {
        std::mem::take(&mut self.inflated)
    }

    pub(super) fn scratch(&self) -> &[u8] {
        &self.scratch
    }

    /// Appends the compressed form of `payload` (RFC 7692 §7.2.1) when it is shorter, else nothing and `None`.
    pub(super) fn deflate(&mut self, deflate: Deflate, payload: &[u8], out: &mut Vec<u8>) -> Option<usize> {
        self.compressors.deflate(deflate, payload, out)
    }
}

impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codec").finish_non_exhaustive()
    }
}

/// A peer sent a unit that is longer than its limit; the stream cannot be read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("longer than the limit of {limit} bytes")]
pub struct TooLong {
    /// The limit in bytes.
    pub limit: usize,
}

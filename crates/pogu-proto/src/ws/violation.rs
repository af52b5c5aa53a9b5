use thiserror::Error;

/// What a peer did that ends the session. The Close frame that says so has been written already.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// An RSV bit without an extension that gives it a meaning (RFC 6455 §5.2, RFC 7692 §6).
    #[error("reserved bit set")]
    ReservedBit,
    /// An opcode that RFC 6455 §5.2 reserves.
    #[error("reserved opcode {0:#x}")]
    ReservedOpcode(u8),
    /// A control frame without FIN (RFC 6455 §5.5).
    #[error("fragmented control frame")]
    ControlFragmented,
    /// A control frame of more than 125 bytes (RFC 6455 §5.5).
    #[error("control frame over 125 bytes")]
    ControlTooLong,
    /// A length not written in the fewest bytes, or with the top bit of 64 set (RFC 6455 §5.2).
    #[error("malformed frame length")]
    MalformedLength,
    /// A client's frame that is not masked (RFC 6455 §5.1).
    #[error("client frame not masked")]
    Unmasked,
    /// A server's frame that is masked (RFC 6455 §5.1).
    #[error("server frame masked")]
    Masked,
    /// A continuation frame without a message to continue (RFC 6455 §5.4).
    #[error("continuation without a message")]
    NothingToContinue,
    /// A new message inside a fragmented one (RFC 6455 §5.4).
    #[error("message inside a fragmented message")]
    Interleaved,
    /// A Close payload of one byte (RFC 6455 §5.5.1).
    #[error("truncated close code")]
    TruncatedClose,
    /// A close code that may not be sent (RFC 6455 §7.4).
    #[error("invalid close code {0}")]
    CloseCode(u16),
    /// A text message or a close reason that is not UTF-8 (RFC 6455 §8.1).
    #[error("invalid UTF-8")]
    NotUtf8,
    /// A compressed message that is not DEFLATE, or ends inside a block (RFC 7692 §7.2.2).
    #[error("invalid DEFLATE data")]
    NotDeflate,
    /// A message longer than [`Limits::message`](super::Limits::message).
    #[error("message too long")]
    MessageTooLong,
    /// A message of more frames than [`Limits::fragments`](super::Limits::fragments).
    #[error("too many fragments")]
    TooManyFragments,
    /// Nothing arrived within [`Limits::pong_timeout`](super::Limits::pong_timeout) of a ping.
    #[error("no answer to a ping")]
    NoPong,
    /// No Close arrived within [`Limits::close_timeout`](super::Limits::close_timeout) of ours.
    #[error("no answer to Close")]
    NoClose,
}

impl Violation {
    /// The close code of this violation (RFC 6455 §7.4.1). 1006 is never sent: there, Close had been sent before.
    pub fn code(self) -> u16 {
        match self {
            Self::ReservedBit
            | Self::ReservedOpcode(_)
            | Self::ControlFragmented
            | Self::ControlTooLong
            | Self::MalformedLength
            | Self::Unmasked
            | Self::Masked
            | Self::NothingToContinue
            | Self::Interleaved
            | Self::TruncatedClose
            | Self::CloseCode(_) => 1002,
            Self::NotUtf8 | Self::NotDeflate => 1007,
            Self::TooManyFragments => 1008,
            Self::MessageTooLong => 1009,
            Self::NoPong => 1011,
            Self::NoClose => 1006,
        }
    }
}

/// Whether a Close frame may carry `code` (RFC 6455 §7.4 and its registry).
pub fn is_close_code(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

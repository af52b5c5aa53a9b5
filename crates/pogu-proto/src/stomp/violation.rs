/// What a peer did that ends the session. A server has written the ERROR frame that says so already.
///
/// Strangers' words in it are short and printable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// The first line is longer than [`Limits::command`](super::Limits::command).
    #[error("a command has at most {0} bytes")]
    CommandTooLong(usize),
    /// More headers than [`Limits::headers`](super::Limits::headers).
    #[error("a frame has at most {0} headers")]
    TooManyHeaders(usize),
    /// A header line longer than [`Limits::header`](super::Limits::header).
    #[error("a header line has at most {0} bytes")]
    HeaderTooLong(usize),
    /// Command and headers longer than [`Limits::head`](super::Limits::head).
    #[error("a frame has at most {0} bytes before its body")]
    HeadTooLong(usize),
    /// The body is, or is declared to be, longer than [`Limits::body`](super::Limits::body).
    #[error("a body has at most {0} bytes here")]
    BodyTooLong(usize),
    /// NUL among the headers.
    #[error("NUL before the blank line that ends the headers")]
    NulInHead,
    /// A header line without a colon, or with nothing before it.
    #[error("a header line is a name, a colon and a value")]
    Header,
    /// Command or headers that are not UTF-8.
    #[error("command and headers are UTF-8")]
    NotUtf8,
    /// `content-length` is not a number.
    #[error("`content-length` is the number of bytes of the body in decimal digits")]
    ContentLength,
    /// The byte after a body of `content-length` bytes is not NUL.
    #[error("NUL does not follow after the `content-length` bytes of the body")]
    NotTerminated,
    /// An escape that the version does not define.
    #[error("a backslash in a header is written `\\\\`; {0} knows no other escapes than {1}")]
    Escape(super::Version, &'static str),
    /// A command that is unknown, or that only the other side sends.
    #[error("no command `{0}`")]
    Command(String),
    /// A frame before CONNECT.
    #[error("the first frame is CONNECT or STOMP, not `{0}`")]
    NotConnected(String),
    /// CONNECT, or from a server CONNECTED, for the second time.
    #[error("connected already")]
    ConnectedTwice,
    /// No version in common.
    #[error("no version in common: {0}")]
    NoVersion(String),
    /// A header that the command needs in this version.
    #[error("{command} needs `{header}`")]
    Missing {
        /// The command.
        command: &'static str,
        /// The header.
        header: &'static str,
    },
    /// An unknown `ack` of SUBSCRIBE.
    #[error("no ack mode `{0}`: use auto, client or, from 1.1 on, client-individual")]
    AckMode(String),
    /// `heart-beat` is not two numbers.
    #[error("`heart-beat` is two numbers of milliseconds with a comma between them, not `{0}`")]
    HeartBeat(String),
    /// NACK in version 1.0.
    #[error("1.0 has no NACK")]
    Nack,
    /// A body where none may be.
    #[error("{0} has no body")]
    Body(&'static str),
    /// Nothing was heard for twice the agreed interval of heart-beats.
    #[error("nothing heard for {0} ms")]
    Silent(u64),
    /// No CONNECT within [`ServerLimits::connect_timeout`](super::ServerLimits::connect_timeout).
    #[error("no CONNECT within {0} ms")]
    ConnectTimeout(u64),
}

impl Violation {
    /// In few words, for the `message` header of ERROR.
    pub fn name(&self) -> &'static str {
        match self {
            Self::CommandTooLong(_)
            | Self::TooManyHeaders(_)
            | Self::HeaderTooLong(_)
            | Self::HeadTooLong(_)
            | Self::BodyTooLong(_) => "limit exceeded",
            Self::NulInHead
            | Self::Header
            | Self::NotUtf8
            | Self::ContentLength
            | Self::NotTerminated
            | Self::Escape(..)
            | Self::Body(_) => "malformed frame",
            Self::Command(_) | Self::Nack => "unknown command",
            Self::NotConnected(_) => "not connected",
            Self::ConnectedTwice => "connected already",
            Self::NoVersion(_) => "no version in common",
            Self::Missing { .. } => "missing header",
            Self::AckMode(_) | Self::HeartBeat(_) => "invalid header",
            Self::Silent(_) => "no heart-beat",
            Self::ConnectTimeout(_) => "connect timeout",
        }
    }
}

/// A stranger's word as it may stand in an error.
pub(super) fn culprit(word: &str) -> String {
    const CHARACTERS_MAX: usize = 32;
    word.chars()
        .take(CHARACTERS_MAX)
        .flat_map(char::escape_debug)
        .collect()
}

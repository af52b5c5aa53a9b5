/// Why a command or an answer could not be read.
///
/// Each says which part is at fault and what would be right; strangers' words in it are short and printable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SyntaxError {
    /// There is no verb.
    #[error("nothing but a command is read here: SUB, UNSUB, PUB, AUTH, PING or QUIT")]
    Empty,
    /// The verb is unknown.
    #[error("no verb `{0}`: use SUB, UNSUB, PUB, AUTH, PING or QUIT")]
    Verb(String),
    /// An answer with an unknown verb.
    #[error("no answer `{0}`: known are OK, MSG, ERR, GAP, PONG and BYE")]
    Answer(String),
    /// What stands before the body is not printable UTF-8.
    #[error(
        "before its body a command is UTF-8 without control characters, one command in one line or message"
    )]
    Characters,
    /// The argument is missing.
    #[error("{verb} needs {what} after it")]
    Argument {
        /// The verb.
        verb: &'static str,
        /// What it needs.
        what: &'static str,
    },
    /// A word too many.
    #[error("`{0}` is neither key=value nor, with a `:` before it, the body")]
    Word(String),
    /// A key that the verb does not take.
    #[error("{verb} takes no `{key}=`; it takes {known}")]
    Key {
        /// The verb.
        verb: &'static str,
        /// The key.
        key: String,
        /// The keys that it takes.
        known: &'static str,
    },
    /// A key that stands there twice.
    #[error("`{0}=` stands there twice")]
    Repeated(&'static str),
    /// Headers beyond [`HEADERS_MAX`](super::HEADERS_MAX).
    #[error("a message has at most {} headers", super::HEADERS_MAX)]
    Headers,
    /// A value that its key does not take.
    #[error("`{key}=` needs {what}")]
    Value {
        /// The key.
        key: &'static str,
        /// What it needs.
        what: &'static str,
    },
    /// `PUB` or `MSG` without a body.
    #[error("{0} needs a body, which begins with ` :` even when it is empty: {0} topic :text")]
    NoBody(&'static str),
    /// A body where none belongs.
    #[error("{0} takes no body")]
    Body(&'static str),
    /// `base64=1`, and the body is none.
    #[error("with `base64=1` the body is base64 with its padding and nothing else: base64=1 :AP8=")]
    Base64,
    /// `len` and the body do not agree.
    #[error(
        "`len=` needs the number of bytes of the body, which stands after ` :` with nothing but a line end behind it"
    )]
    Length,
}

impl SyntaxError {
    /// Its name, for `ERR`: `bad-verb`, `bad-argument`, `bad-body` or `bad-length`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Empty | Self::Verb(_) | Self::Answer(_) => "bad-verb",
            Self::Characters | Self::Argument { .. } | Self::Word(_) => "bad-argument",
            Self::Key { .. } | Self::Repeated(_) | Self::Headers | Self::Value { .. } => "bad-argument",
            Self::NoBody(_) | Self::Body(_) | Self::Base64 => "bad-body",
            Self::Length => "bad-length",
        }
    }

    /// Whether the bytes do not even begin like a command, so that on UDP it is wiser not to answer.
    pub fn is_foreign(&self) -> bool {
        matches!(
            self,
            Self::Empty | Self::Verb(_) | Self::Answer(_) | Self::Characters
        )
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

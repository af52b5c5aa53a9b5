use std::io;
use std::time::Duration;

use crate::Via;

/// Why something did not work, by who can do something about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller's URL cannot be used.
    #[error("{url:?} cannot be used: {why}")]
    BadUrl {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },

    /// The URL asks for TLS.
    #[error("{scheme}:// needs TLS, and TLS is not there yet; try the same URL without the last s")]
    TlsMissing {
        /// `https` or `wss`.
        scheme: String,
    },

    /// The caller asked for something that this way of carrying messages cannot do.
    #[error("{0}")]
    Unsupported(String),

    /// The host's name has no address.
    #[error("cannot find the address of {host}: {cause}")]
    Resolve {
        /// The name.
        host: String,
        /// What the system said.
        cause: io::Error,
    },

    /// No connection came about.
    #[error("cannot connect to {address}: {cause}")]
    Connect {
        /// `host:port`.
        address: String,
        /// What the system said.
        cause: io::Error,
    },

    /// The connection broke.
    #[error("the connection to {address} broke: {cause}")]
    Broken {
        /// `host:port`.
        address: String,
        /// What the system or the HTTP library said.
        cause: Box<dyn std::error::Error + Send + Sync>,
    },

    /// The server ended the connection.
    #[error("the server ended the connection{}", if .0.is_empty() { String::new() } else { format!(": {}", .0) })]
    Ended(String),

    /// The server ended a WebSocket or a session of SockJS for what it calls a breach of its policy, code 1008 (RFC 6455 §7.4.1): being
    /// too slow may be one, and so may what was said last.
    #[error("the server ended the connection: {0}")]
    Policy(String),

    /// Nothing was heard for too long.
    #[error("nothing was heard from {address} for {}.{:01} s", .after.as_secs(), .after.subsec_millis() / 100)]
    Silent {
        /// `host:port`.
        address: String,
        /// For how long.
        after: Duration,
    },

    /// The time that the caller gave passed first.
    #[error("there was no {what} by {via} at {address} within {} s", .within.as_secs_f32())]
    Overdue {
        /// What was waited for.
        what: &'static str,
        /// The way it was to come by.
        via: Via,
        /// `host:port`.
        address: String,
        /// For how long.
        within: Duration,
    },

    /// An HTTP answer other than success.
    #[error("the server answered {status}: {why}")]
    Status {
        /// The status code.
        status: u16,
        /// The problem's detail or title (RFC 9457), or the reason phrase.
        why: String,
    },

    /// A pogu `ERR`.
    #[error("the server answered {code}: {why}")]
    Refused {
        /// The error's code, as `bad-topic`.
        code: String,
        /// The error's text.
        why: String,
    },

    /// The server ended the connection because a message is larger than it takes.
    #[error("the message is too large for the server: {0}")]
    TooLarge(String),

    /// The server said something that its protocol does not allow, or more than this client takes.
    #[error("the server does not keep to the protocol: {0}")]
    Violation(String),

    /// The subscriber or publisher ended earlier, by an error that was already told.
    #[error("it ended before")]
    Closed,
}

impl Error {
    /// Whether trying again cannot help: the same request would meet the same answer.
    pub fn is_final(&self) -> bool {
        match self {
            Error::BadUrl { .. }
            | Error::TlsMissing { .. }
            | Error::Unsupported(_)
            | Error::Refused { .. }
            | Error::TooLarge(_)
            | Error::Closed => true,
            Error::Status { status, .. } => (400..500).contains(status) && ![408, 425, 429].contains(status),
            Error::Resolve { .. }
            | Error::Connect { .. }
            | Error::Broken { .. }
            | Error::Ended(_)
            | Error::Policy(_)
            | Error::Silent { .. }
            | Error::Overdue { .. }
            | Error::Violation(_) => false,
        }
    }

    /// The peer was there, and closed the connection before it said anything.
    pub(crate) fn unanswered(address: &str) -> Self {
        Error::Ended(format!(
            "{address} closed it without an answer, perhaps having as many as it takes"
        ))
    }

    /// This error, met before the peer has said anything.
    pub(crate) fn at_first(self, address: &str) -> Self {
        match self {
            Error::Ended(why) if why.is_empty() => Error::unanswered(address),
            other => other,
        }
    }

    pub(crate) fn broken(address: &str, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Error::Broken {
            address: address.to_owned(),
            cause: cause.into(),
        }
    }
}

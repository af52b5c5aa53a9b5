use super::write::Frame;
use super::{AckMode, Version};

/// What a client sends once it is connected.
///
/// Headers of the user's are written as they are given: whoever names one that the command has of its own writes it twice, and the first counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// SEND: publish a message.
    Send {
        /// Where to.
        destination: &'a str,
        /// The type of the body.
        content_type: Option<&'a str>,
        /// The transaction that it is to be part of.
        transaction: Option<&'a str>,
        /// What RECEIPT is to name.
        receipt: Option<&'a str>,
        /// The user's headers.
        headers: &'a [(&'a str, &'a str)],
        /// The body.
        body: &'a [u8],
    },
    /// SUBSCRIBE.
    Subscribe {
        /// What MESSAGE is to call it.
        id: &'a str,
        /// Where from.
        destination: &'a str,
        /// How messages are acknowledged.
        ack: AckMode,
        /// What RECEIPT is to name.
        receipt: Option<&'a str>,
        /// Further headers, such as `selector`.
        headers: &'a [(&'a str, &'a str)],
    },
    /// UNSUBSCRIBE.
    Unsubscribe {
        /// What SUBSCRIBE called it.
        id: &'a str,
        /// What RECEIPT is to name.
        receipt: Option<&'a str>,
    },
    /// ACK: a message was processed.
    Ack {
        /// From 1.2 on the `ack` of the MESSAGE, before that its `message-id`.
        id: &'a str,
        /// The `subscription` of the MESSAGE, which 1.1 needs.
        subscription: Option<&'a str>,
        /// The transaction that it is to be part of.
        transaction: Option<&'a str>,
        /// What RECEIPT is to name.
        receipt: Option<&'a str>,
    },
    /// NACK: a message was not processed. Not in 1.0.
    Nack {
        /// As in ACK.
        id: &'a str,
        /// As in ACK.
        subscription: Option<&'a str>,
        /// The transaction that it is to be part of.
        transaction: Option<&'a str>,
        /// What RECEIPT is to name.
        receipt: Option<&'a str>,
    },
    /// BEGIN: start a transaction.
    Begin {
        /// What to call it.
        transaction: &'a str,
        /// What RECEIPT is to name.
        receipt: Option<&'a str>,
    },
    /// COMMIT: do what is part of a transaction.
    Commit {
        /// Which.
        transaction: &'a str,
        /// What RECEIPT is to name.
        receipt: Option<&'a str>,
    },
    /// ABORT: forget what is part of a transaction.
    Abort {
        /// Which.
        transaction: &'a str,
        /// What RECEIPT is to name.
        receipt: Option<&'a str>,
    },
    /// DISCONNECT: nothing more will be sent.
    Disconnect {
        /// What RECEIPT is to name; when that arrives everything before has been received.
        receipt: Option<&'a str>,
    },
}

impl Request<'_> {
    /// Appends the frame in the version that was agreed.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) {
        let frame = Frame::begin(self.command(), version.into(), out);
        match *self {
            Self::Send {
                destination,
                content_type,
                transaction,
                receipt,
                headers,
                body,
            } => frame
                .header("destination", destination)
                .maybe("content-type", content_type)
                .maybe("transaction", transaction)
                .maybe("receipt", receipt)
                .all(headers)
                .body(body),
            Self::Subscribe {
                id,
                destination,
                ack,
                receipt,
                headers,
            } => frame
                .header("id", id)
                .header("destination", destination)
                .header("ack", ack.as_str())
                .maybe("receipt", receipt)
                .all(headers)
                .end(),
            Self::Unsubscribe { id, receipt } => frame.header("id", id).maybe("receipt", receipt).end(),
            Self::Ack {
                id,
                subscription,
                transaction,
                receipt,
            }
            | Self::Nack {
                id,
                subscription,
                transaction,
                receipt,
            } => frame
                .header(
                    if version == Version::V1_2 {
                        "id"
                    } else {
                        "message-id"
                    },
                    id,
                )
                .maybe("subscription", subscription)
                .maybe("transaction", transaction)
                .maybe("receipt", receipt)
                .end(),
            Self::Begin { transaction, receipt }
            | Self::Commit { transaction, receipt }
            | Self::Abort { transaction, receipt } => frame
                .header("transaction", transaction)
                .maybe("receipt", receipt)
                .end(),
            Self::Disconnect { receipt } => frame.maybe("receipt", receipt).end(),
        }
    }

    fn command(&self) -> &'static str {
        match self {
            Self::Send { .. } => "SEND",
            Self::Subscribe { .. } => "SUBSCRIBE",
            Self::Unsubscribe { .. } => "UNSUBSCRIBE",
            Self::Ack { .. } => "ACK",
            Self::Nack { .. } => "NACK",
            Self::Begin { .. } => "BEGIN",
            Self::Commit { .. } => "COMMIT",
            Self::Abort { .. } => "ABORT",
            Self::Disconnect { .. } => "DISCONNECT",
        }
    }
}

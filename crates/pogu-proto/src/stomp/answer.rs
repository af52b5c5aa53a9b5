use super::Version;
use super::header::{Writing, is_one_of};
use super::heart_beat::HeartBeat;
use super::version::SUPPORTED;
use super::write::Frame;

/// Appends CONNECTED. A session of version 1.0 has no heart-beats, and is told of none.
pub(super) fn connected(
    version: Version,
    session: &str,
    server: &str,
    heart_beat: HeartBeat,
    out: &mut Vec<u8>,
) {
    let beats = (version > Version::V1_0).then(|| heart_beat.to_string());
    Frame::begin("CONNECTED", Writing::Plain, out)
        .header("version", version.as_str())
        .maybe("heart-beat", beats.as_deref())
        .header("session", session)
        .header("server", server)
        .end();
}

/// Appends RECEIPT: what the frame with the header `receipt` asked for is done. `headers` say more of it.
pub fn receipt(receipt: &str, headers: &[(&str, &str)], version: Version, out: &mut Vec<u8>) {
    Frame::begin("RECEIPT", version.into(), out)
        .header("receipt-id", receipt)
        .all(headers)
        .end();
}

/// What an ERROR frame says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failure<'a> {
    /// In few words, for the header `message`.
    pub message: &'a str,
    /// In more words, for the body.
    pub detail: &'a str,
    /// The `receipt` of the frame that failed, when it had one.
    pub receipt: Option<&'a str>,
}

/// Appends ERROR, after which the connection is closed. `versions` adds the list of those known here.
pub(super) fn error(failure: Failure<'_>, versions: bool, version: Version, out: &mut Vec<u8>) {
    Frame::begin("ERROR", version.into(), out)
        .header("message", failure.message)
        .maybe("receipt-id", failure.receipt)
        .maybe("version", versions.then_some(SUPPORTED))
        .header("content-type", "text/plain")
        .body(failure.detail.as_bytes());
}

/// Appends the part of a MESSAGE that differs by subscription; [`message_tail`] is the rest. `subscription` is the `id` of SUBSCRIBE,
/// `ack` what acknowledges this delivery (from 1.2 on, in the modes that want it).
pub fn message_head(subscription: Option<&str>, ack: Option<&str>, version: Version, out: &mut Vec<u8>) {
    let _ = Frame::begin("MESSAGE", version.into(), out)
        .maybe("subscription", subscription)
        .maybe("ack", ack);
}

/// The part of a MESSAGE that all subscriptions share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail<'a> {
    /// Where it was sent.
    pub destination: &'a str,
    /// What no other message of the server is called.
    pub message_id: &'a str,
    /// The type of the body, when it is known.
    pub content_type: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
}

/// Appends the rest of a MESSAGE after its [`message_head`], up to its NUL.
///
/// `headers` are the user's; those that name what the server alone says are left out, also where a reader that trims would take them for it.
pub fn message_tail<'a>(
    tail: &Tail<'_>,
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    version: Version,
    out: &mut Vec<u8>,
) {
    let mut frame = Frame::resume(version.into(), out)
        .header("destination", tail.destination)
        .header("message-id", tail.message_id)
        .maybe("content-type", tail.content_type);
    for (name, value) in headers {
        if !is_one_of(name, OF_MESSAGE) {
            frame = frame.any(name, value);
        }
    }
    frame.body(tail.body);
}

/// What in a MESSAGE the server alone says. An empty name is none.
const OF_MESSAGE: &[&str] = &[
    "",
    "destination",
    "message-id",
    "subscription",
    "ack",
    "content-type",
    "content-length",
];

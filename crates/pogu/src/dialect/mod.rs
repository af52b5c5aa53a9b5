//! What messages mean, from what a peer said to what the hub is asked: a file per dialect.

mod answers;
mod plain;
mod pogu;
pub(crate) mod socketio;
mod stomp;

use std::rc::Rc;
use std::sync::Arc;

use pogu_hub::{CatchUpTogether, Cursor, Message, PublishError, SubscriptionId, Subscriptions, Topic};
use pogu_proto::engineio::{Data, Packet};
use pogu_proto::socketio::Arg;
use pogu_proto::{Reader, Time, ws};

use crate::core::Core;
use crate::engineio::Packing;
use crate::form::Head;
use crate::handler::Endpoint;
use crate::http::NAME_MAX;
use crate::id::PeerId;
use crate::metrics::Way;
use crate::peer::Ending;
use crate::sockjs::Strings;

pub(crate) use plain::Plain;
pub(crate) use pogu::Pogu;
pub(crate) use socketio::{SocketIo, message as socketio_message};
pub(crate) use stomp::{Stomp, tail as stomp_tail};

/// What messages mean.
pub(crate) enum Dialect {
    Plain(Plain),
    Pogu(Box<Pogu>),
    Stomp(Box<Stomp>),
    SocketIo(Box<SocketIo>),
    Handler(Arc<Endpoint>),
}

impl Dialect {
    /// Whether a byte stream stands between two of its units.
    pub(crate) fn is_between_units(&self) -> bool {
        match self {
            Dialect::Plain(plain) => plain.decoder.is_empty(),
            Dialect::Pogu(pogu) => pogu.is_between_commands(),
            Dialect::Stomp(stomp) => stomp.is_between_frames(),
            Dialect::SocketIo(_) | Dialect::Handler(_) => true,
        }
    }

    /// Whether what it says of a message needs room beside the body.
    pub(crate) fn has_envelope(&self) -> bool {
        match self {
            Dialect::Pogu(_) | Dialect::Stomp(_) => true,
            Dialect::Plain(_) | Dialect::SocketIo(_) | Dialect::Handler(_) => false,
        }
    }

    /// The kind of message in which text goes out, where the carrier has two.
    pub(crate) fn text_kind(&self) -> ws::Kind {
        match self {
            Dialect::Stomp(stomp) => stomp.text_kind(),
            _ => ws::Kind::Text,
        }
    }

    /// Answers a publish that was asked for with number `seq`.
    pub(crate) fn published(
        &mut self,
        seq: u64,
        result: Result<Cursor, PublishError>,
        wrap: Wrap,
        out: &mut Vec<u8>,
        core: &mut Core,
    ) -> Result<(), Ending> {
        match self {
            Dialect::Pogu(pogu) => pogu.published(seq, result, wrap, out, core),
            Dialect::Stomp(stomp) => return stomp.published(seq, result, wrap, out, core),
            Dialect::SocketIo(conversation) => conversation.published(seq, result, wrap, out, core),
            Dialect::Plain(_) | Dialect::Handler(_) => {}
        }
        Ok(())
    }

    /// What a message of a subscription begins with, in a form that has [`Head`]s.
    pub(crate) fn head(&self, subscription: SubscriptionId) -> Option<&Rc<Head>> {
        match self {
            Dialect::Stomp(stomp) => stomp.head(subscription),
            Dialect::SocketIo(conversation) => conversation.head(subscription),
            _ => None,
        }
    }

    /// The head of a message that waits by a subscription which has ended, if it is another's, too.
    pub(crate) fn heir(&self, message: &Message, subscriptions: &Subscriptions) -> Option<&Rc<Head>> {
        match self {
            Dialect::SocketIo(conversation) => conversation.heir(message, subscriptions),
            Dialect::Stomp(_) | Dialect::Plain(_) | Dialect::Pogu(_) | Dialect::Handler(_) => None,
        }
    }

    /// Whether a message of a subscription says no more than it says of one of `others`, for which it waits already.
    pub(crate) fn is_told(
        &self,
        subscription: SubscriptionId,
        mut others: impl Iterator<Item = SubscriptionId>,
    ) -> bool {
        match self {
            Dialect::SocketIo(conversation) => {
                let head = |id| conversation.head(id).map(Rc::as_ptr);
                others.any(|other| head(other) == head(subscription))
            }
            // Each names its own. The two selectors of a `#` have no topic in common.
            Dialect::Stomp(_) => false,
            Dialect::Plain(_) | Dialect::Pogu(_) | Dialect::Handler(_) => others.next().is_some(),
        }
    }

    /// The same for a message that has to tell what was lost before it.
    pub(crate) fn noted_head(&self, subscription: SubscriptionId) -> Option<Rc<Head>> {
        match self {
            Dialect::Stomp(stomp) => stomp.noted_head(subscription),
            _ => None,
        }
    }

    /// Whether some next message has to.
    pub(crate) fn has_notes(&self) -> bool {
        match self {
            Dialect::Stomp(stomp) => stomp.has_notes(),
            _ => false,
        }
    }

    /// Those of these subscriptions are told.
    pub(crate) fn forget_notes(&mut self, noted: &[SubscriptionId]) {
        if let Dialect::Stomp(stomp) = self {
            stomp.forget_notes(noted);
        }
    }

    /// A page of history for its subscriptions is about to be sent.
    pub(crate) fn caught_up(&mut self, page: &CatchUpTogether, core: &Core) {
        if let Dialect::SocketIo(conversation) = self {
            conversation.caught_up(page, core);
        }
    }

    /// Writes what waits outside of the mailbox, as much as one write may take.
    pub(crate) fn fill(
        &mut self,
        way: Way,
        wrap: Wrap,
        out: &mut Vec<u8>,
        core: &mut Core,
    ) -> Result<(), Ending> {
        match self {
            Dialect::Stomp(stomp) => stomp.fill(way, wrap, out, core),
            _ => Ok(()),
        }
    }

    /// Messages of the mailbox were written to the peer.
    pub(crate) fn wrote(&mut self, core: &mut Core) {
        if let Dialect::Stomp(stomp) = self {
            stomp.wrote(core.now);
        }
    }

    /// All that was written has left.
    pub(crate) fn emptied(&mut self, core: &mut Core) {
        if let Dialect::Stomp(stomp) = self {
            stomp.accept_written(core);
        }
    }

    /// Ends what it has asked of the hub. `ending` is how it has come to that, where its connection did not just break.
    pub(crate) fn leave(&mut self, ending: Option<&Ending>, speaker: &mut Speaker<'_>) {
        let core = &mut *speaker.core;
        match self {
            Dialect::Plain(plain) => plain.subscription.into_iter().for_each(|id| core.unsubscribe(id)),
            Dialect::Pogu(pogu) => pogu.subscriptions().iter().for_each(|id| core.unsubscribe(*id)),
            Dialect::Stomp(stomp) => stomp.leave(matches!(ending, Some(Ending::Finished)), core),
            Dialect::SocketIo(conversation) => conversation.leave(ending, speaker),
            Dialect::Handler(_) => {}
        }
    }

    /// When it wants [`Dialect::tick`] at the latest.
    pub(crate) fn deadline(&self, core: &Core) -> Option<Time> {
        match self {
            Dialect::Stomp(stomp) => stomp.deadline(core),
            Dialect::SocketIo(conversation) => conversation.deadline(),
            _ => None,
        }
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, speaker: &mut Speaker<'_>) -> Result<(), Ending> {
        match self {
            Dialect::Stomp(stomp) => stomp.tick(speaker.wrap, speaker.out, speaker.core),
            Dialect::SocketIo(conversation) => conversation.tick(speaker),
            _ => Ok(()),
        }
    }
}

/// A message of the carrier, or a piece of its byte stream.
pub(crate) enum Input<'a> {
    Bytes(Reader<'a>),
    Text(&'a [u8]),
    Binary(&'a [u8]),
}

/// How one answer of a dialect rides on its carrier.
#[derive(Clone, Copy)]
pub(crate) enum Wrap {
    /// As it is, where the dialect has ends of its own.
    Bytes,
    Line,
    Frame(ws::Kind, Option<ws::Deflate>),
    /// In a message of Engine.IO.
    Packets(Packing),
    /// In a message of SockJS.
    Strings(Strings),
    Datagram,
}

impl Wrap {
    /// Appends what was put together apart from `out` in the same wrap.
    pub(crate) fn append(self, out: &mut Vec<u8>, more: &[u8]) {
        if let (Wrap::Packets(packing), false, false) = (self, out.is_empty(), more.is_empty()) {
            out.extend_from_slice(packing.separator());
        }
        out.extend_from_slice(more);
    }

    /// Appends the buffers among arguments, each a packet of its own.
    pub(crate) fn put_binary(self, out: &mut Vec<u8>, args: &[Arg<'_>]) {
        let Wrap::Packets(packing) = self else { return };
        for arg in args {
            if let Arg::Binary(bytes) = arg {
                packing.put(&Packet::Message(Data::Binary(bytes)), out);
            }
        }
    }

    pub(crate) fn put(self, out: &mut Vec<u8>, core: &mut Core, write: impl FnOnce(&mut Vec<u8>)) {
        match self {
            Wrap::Bytes => write(out),
            // Answers hold no line feed: it parts the datagrams too.
            Wrap::Line | Wrap::Datagram => {
                write(out);
                out.push(b'\n');
            }
            Wrap::Packets(packing) => {
                let mut scratch = std::mem::take(&mut core.scratch);
                scratch.clear();
                write(&mut scratch);
                // What is written so is text; what is not could not be read.
                let text = std::str::from_utf8(&scratch).unwrap_or_default();
                packing.put(&Packet::Message(Data::Text(text)), out);
                core.scratch = scratch;
            }
            Wrap::Strings(strings) => {
                let mut scratch = std::mem::take(&mut core.scratch);
                scratch.clear();
                write(&mut scratch);
                // Bodies that are no text are sorted out before.
                strings.put(std::str::from_utf8(&scratch).unwrap_or_default(), out);
                core.scratch = scratch;
            }
            Wrap::Frame(kind, deflate) => {
                let mut scratch = std::mem::take(&mut core.scratch);
                scratch.clear();
                write(&mut scratch);
                crate::form::frame(kind, &scratch, deflate, &mut core.codec, out);
                core.scratch = scratch;
            }
        }
    }
}

/// What a dialect may touch while it hears a peer.
pub(crate) struct Speaker<'a> {
    pub(crate) id: PeerId,
    pub(crate) wrap: Wrap,
    pub(crate) way: Way,
    pub(crate) out: &'a mut Vec<u8>,
    pub(crate) catching_up: &'a mut Vec<SubscriptionId>,
    pub(crate) core: &'a mut Core,
    /// Commands or messages that were whole.
    pub(crate) units: usize,
}

impl Speaker<'_> {
    pub(crate) fn hear(&mut self, dialect: &mut Dialect, input: Input<'_>) -> Result<(), Ending> {
        match dialect {
            Dialect::Plain(plain) => self.hear_plain(plain, input),
            Dialect::Pogu(pogu) => self.hear_pogu(pogu, input),
            Dialect::Stomp(stomp) => self.hear_stomp(stomp, input),
            Dialect::SocketIo(conversation) => self.hear_socketio(conversation, input),
            Dialect::Handler(_) => Ok(()),
        }
    }
}

/// Headers of a message that say something to the server and are not passed on, or that only the server may say.
const OWN_HEADERS: [&str; 10] = [
    "idempotency-key",
    "event",
    "expires",
    "ack",
    "cursor",
    "gap",
    "message-id",
    "missed",
    "redelivered",
    "subscription",
];

/// Whether a header is not for those who publish to say. STOMP has it among all others and passes over it.
fn is_own_header(name: &str) -> bool {
    OWN_HEADERS.contains(&name)
}

/// Checks a header where it is said to be one.
pub(crate) fn check_header(name: &str, value: &str) -> Result<(), String> {
    let wrong = |text: &str| text.chars().any(char::is_control);
    if name.is_empty() || name.len() > NAME_MAX || wrong(name) || wrong(value) {
        return Err(format!(
            "a header has a name of 1 to {NAME_MAX} bytes, and no control characters"
        ));
    }
    if is_own_header(name) {
        return Err(format!(
            "`{name}` is for the server to say: choose another name for the header"
        ));
    }
    Ok(())
}

/// A topic that clients may publish to.
pub(crate) fn parse_publish_topic(topic: &str) -> Result<Topic, String> {
    let topic: Topic = topic
        .parse()
        .map_err(|error: pogu_hub::TopicError| error.to_string())?;
    if topic.is_reserved() {
        return Err(format!(
            "`{topic}` belongs to the server: a first token beginning with `$` cannot be published to"
        ));
    }
    Ok(topic)
}

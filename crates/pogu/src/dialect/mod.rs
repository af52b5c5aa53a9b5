//! What messages mean, from what a peer said to what the hub is asked: a file per dialect.

mod answers;
mod plain;
mod pogu;

use pogu_hub::{Cursor, PublishError, SubscriptionId, Topic};
use pogu_proto::{Reader, ws};

use crate::core::Core;
use crate::handler::Handler;
use crate::id::PeerId;
use crate::metrics::Way;
use crate::peer::Ending;

pub(crate) use plain::Plain;
pub(crate) use pogu::Pogu;

/// What messages mean.
pub(crate) enum Dialect {
    Plain(Plain),
    Pogu(Box<Pogu>),
    Handler(Handler),
}

impl Dialect {
    /// Whether a byte stream stands between two of its units.
    pub(crate) fn is_between_units(&self) -> bool {
        match self {
            Dialect::Plain(plain) => plain.decoder.is_empty(),
            Dialect::Pogu(pogu) => pogu.is_between_commands(),
            Dialect::Handler(_) => true,
        }
    }

    /// All subscriptions of its session.
    pub(crate) fn subscriptions(&self) -> &[SubscriptionId] {
        match self {
            Dialect::Plain(plain) => plain.subscription.as_slice(),
            Dialect::Pogu(pogu) => pogu.subscriptions(),
            Dialect::Handler(_) => &[],
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
    ) {
        match self {
            Dialect::Pogu(pogu) => pogu.published(seq, result, wrap, out, core),
            Dialect::Plain(_) | Dialect::Handler(_) => {}
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
    Line,
    Frame(Option<ws::Deflate>),
    Datagram,
}

impl Wrap {
    pub(crate) fn put(self, out: &mut Vec<u8>, core: &mut Core, write: impl FnOnce(&mut Vec<u8>)) {
        match self {
            // Answers hold no line feed: it parts the datagrams too.
            Wrap::Line | Wrap::Datagram => {
                write(out);
                out.push(b'\n');
            }
            Wrap::Frame(deflate) => {
                let mut scratch = std::mem::take(&mut core.scratch);
                scratch.clear();
                write(&mut scratch);
                crate::form::frame(ws::Kind::Text, &scratch, deflate, &mut core.codec, out);
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
            Dialect::Handler(_) => Ok(()),
        }
    }
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

//! What messages mean: the plain and the pogu dialect, from what a peer said to what the hub is asked.

use bytes::Bytes;
use pogu_hub::{After, Draft, Kind, Selector, SubscribeOutcome, SubscriptionId, Topic};
use pogu_proto::framing::{self, Framing};
use pogu_proto::{Reader, pogu, ws};

use crate::core::{Core, Waiting};
use crate::handler::Handler;
use crate::id::PeerId;
use crate::json;
use crate::metrics::Way;
use crate::peer::Ending;

/// What messages mean.
pub(crate) enum Dialect {
    Plain(Plain),
    Pogu(Box<Pogu>),
    Handler(Handler),
}

/// The URL, or the configuration of a bound port, names the topic; a message is a body.
pub(crate) struct Plain {
    /// What is received is published here; `None` where nothing can be published, as under a pattern.
    pub(crate) topic: Option<Topic>,
    pub(crate) echo: bool,
    pub(crate) framing: Framing,
    pub(crate) decoder: framing::Decoder,
    pub(crate) subscription: Option<SubscriptionId>,
}

impl Plain {
    pub(crate) fn new(topic: Option<Topic>, framing: Framing) -> Self {
        Self {
            topic,
            echo: true,
            framing,
            decoder: framing::Decoder::new(),
            subscription: None,
        }
    }
}

/// One-line commands; each is counted, and its answer names the count.
#[derive(Default)]
pub(crate) struct Pogu {
    seq: u64,
    decoder: pogu::Decoder,
    subscriptions: Vec<SubscriptionId>,
}

impl Pogu {
    pub(crate) fn subscriptions(&self) -> &[SubscriptionId] {
        &self.subscriptions
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
}

impl Speaker<'_> {
    pub(crate) fn hear(&mut self, dialect: &mut Dialect, input: Input<'_>) -> Result<(), Ending> {
        match dialect {
            Dialect::Plain(plain) => self.hear_plain(plain, input),
            Dialect::Pogu(pogu) => self.hear_pogu(pogu, input),
            Dialect::Handler(_) => Ok(()),
        }
    }

    fn hear_plain(&mut self, plain: &mut Plain, input: Input<'_>) -> Result<(), Ending> {
        let Some(topic) = &plain.topic else {
            return Err(Ending::Violation(
                "a pattern can be read but not published to".into(),
            ));
        };
        match input {
            Input::Text(body) => self.publish_plain(topic, Kind::Text, body),
            Input::Binary(body) => {
                let kind = if matches!(self.wrap, Wrap::Frame(_)) {
                    Kind::Binary
                } else {
                    text_or_binary(body)
                };
                self.publish_plain(topic, kind, body);
            }
            Input::Bytes(mut reader) => {
                let limit = self.core.config.limits.message.bytes();
                loop {
                    match plain.decoder.next(plain.framing, limit, &mut reader) {
                        Ok(Some(body)) => self.publish_plain(topic, text_or_binary(body), body),
                        Ok(None) => break,
                        Err(error) => return Err(Ending::Violation(error.to_string())),
                    }
                }
            }
        }
        Ok(())
    }

    fn publish_plain(&mut self, topic: &Topic, kind: Kind, body: &[u8]) {
        self.core.counters.received(self.way, body.len());
        let mut draft = Draft::new(topic.clone(), kind, Bytes::copy_from_slice(body));
        draft.origin = self.core.origin(self.id);
        self.core.draft(draft);
    }

    fn hear_pogu(&mut self, pogu: &mut Pogu, input: Input<'_>) -> Result<(), Ending> {
        let Pogu {
            decoder,
            seq,
            subscriptions,
        } = pogu;
        let mut reader = match input {
            Input::Text(command) | Input::Binary(command) => {
                return self.obey(seq, subscriptions, command);
            }
            Input::Bytes(reader) => reader,
        };
        let limits = self.core.pogu_limits;
        loop {
            match decoder.next(&limits, &mut reader) {
                Ok(Some(command)) => self.obey(seq, subscriptions, command)?,
                Ok(None) => return Ok(()),
                Err(violation) => {
                    let why = violation.to_string();
                    self.answer(|out| pogu::error(violation.name(), None, &why, out));
                    return Err(Ending::Violation(why));
                }
            }
        }
    }

    fn obey(
        &mut self,
        seq: &mut u64,
        subscriptions: &mut Vec<SubscriptionId>,
        command: &[u8],
    ) -> Result<(), Ending> {
        *seq += 1;
        let seq = *seq;
        let command = match pogu::parse(command) {
            Ok(command) => command,
            Err(error) => {
                self.refuse(seq, error.name(), &error.to_string());
                return Ok(());
            }
        };
        match command {
            pogu::Command::Ping => self.answer(pogu::pong),
            pogu::Command::Quit => {
                self.answer(|out| pogu::bye("quit", "", out));
                return Err(Ending::Finished);
            }
            pogu::Command::Auth { .. } => {
                self.refuse(seq, "no-auth", "this server asks for no token: leave AUTH out");
            }
            pogu::Command::Subscribe {
                pattern, after, echo, ..
            } => match self.subscribe(subscriptions, pattern, after, echo) {
                Ok(outcome) => {
                    // Where it starts, to go on from should the connection break before the first message.
                    self.answer(|out| pogu::ok(seq, Some(&outcome.start), None, out));
                    if outcome.gap {
                        self.answer(|out| pogu::gap(pattern, None, out));
                    }
                }
                Err((name, why)) => self.refuse(seq, name, &why),
            },
            pogu::Command::Unsubscribe { pattern, .. } => {
                if self.unsubscribe(subscriptions, pattern) {
                    self.answer(|out| pogu::ok(seq, None, None, out));
                } else {
                    self.refuse(
                        seq,
                        "not-subscribed",
                        &format!("there is no subscription to `{pattern}`"),
                    );
                }
            }
            pogu::Command::Publish {
                topic,
                event,
                content_type,
                key,
                body,
            } => {
                let topic: Topic = match parse_publish_topic(topic) {
                    Ok(topic) => topic,
                    Err(why) => {
                        self.refuse(seq, "bad-topic", &why);
                        return Ok(());
                    }
                };
                if event
                    .as_deref()
                    .is_some_and(|event| event.chars().any(char::is_control))
                {
                    self.refuse(seq, "bad-argument", "an event name holds no control characters");
                    return Ok(());
                }
                if body.len() > self.core.config.limits.message.bytes() {
                    self.refuse(seq, "too-large", "the body is above the limit of a message");
                    return Ok(());
                }
                self.core.counters.received(self.way, body.len());
                let (kind, body) = json::classify(content_type.as_deref(), body);
                let mut draft = Draft::new(topic, kind, body);
                draft.content_type = content_type
                    .filter(|given| *given != kind.content_type())
                    .map(Into::into);
                draft.event = event.map(Into::into);
                draft.key = key.map(Into::into);
                draft.origin = self.core.origin(self.id);
                draft.receipt = self.core.receipt(Waiting::Peer { peer: self.id, seq });
                self.core.draft(draft);
            }
        }
        Ok(())
    }

    fn subscribe(
        &mut self,
        subscriptions: &mut Vec<SubscriptionId>,
        pattern: &str,
        after: Option<&str>,
        echo: bool,
    ) -> Result<SubscribeOutcome, (&'static str, String)> {
        let selector: Selector = pattern
            .parse()
            .map_err(|error: pogu_hub::TopicError| ("bad-topic", error.to_string()))?;
        let after: After = match after {
            None => After::Now,
            Some(after) => after
                .parse()
                .map_err(|error: pogu_hub::CursorError| ("bad-cursor", error.to_string()))?,
        };
        let limit = self.core.config.limits.subscriptions;
        if subscriptions.len() >= limit {
            return Err(("too-many", format!("a session has at most {limit} subscriptions")));
        }
        if self.core.find(subscriptions, pattern).is_some() {
            return Err((
                "subscribed",
                format!("there is a subscription to `{pattern}` already: UNSUB it first"),
            ));
        }
        let outcome = self
            .core
            .subscribe(self.id, selector, after, echo)
            .map_err(|error| ("refused", error.to_string()))?;
        subscriptions.push(outcome.id);
        if !outcome.live {
            self.catching_up.push(outcome.id);
        }
        Ok(outcome)
    }

    fn unsubscribe(&mut self, subscriptions: &mut Vec<SubscriptionId>, pattern: &str) -> bool {
        let Some(index) = self.core.find(subscriptions, pattern) else {
            return false;
        };
        let id = subscriptions.swap_remove(index);
        self.catching_up.retain(|other| *other != id);
        self.core.unsubscribe(id);
        true
    }

    fn answer(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.wrap.put(self.out, self.core, write);
    }

    fn refuse(&mut self, seq: u64, name: &str, why: &str) {
        self.core.counters.refused(self.way);
        self.answer(|out| pogu::error(name, Some(seq), why, out));
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

fn text_or_binary(body: &[u8]) -> Kind {
    if std::str::from_utf8(body).is_ok() {
        Kind::Text
    } else {
        Kind::Binary
    }
}

//! What messages mean: the plain and the pogu dialect, from what a peer said to what the hub is asked.

use std::collections::VecDeque;

use bytes::Bytes;
use pogu_hub::{After, Draft, Kind, Selector, SubscribeOutcome, SubscriptionId, Topic};
use pogu_proto::framing::{self, Framing};
use pogu_proto::{Reader, pogu, ws};

use crate::core::{Core, Waiting};
use crate::handler::Handler;
use crate::http::NAME_MAX;
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
    decoder: pogu::Decoder,
    pub(crate) talk: Talk,
}

impl Pogu {
    pub(crate) fn subscriptions(&self) -> &[SubscriptionId] {
        &self.talk.subscriptions
    }
}

/// Where a conversation of commands stands.
#[derive(Default)]
pub(crate) struct Talk {
    seq: u64,
    /// Commands refused in a row.
    refused: u32,
    /// Answers that wait for that of a publish before them: a session is answered in the order in which it spoke.
    held: VecDeque<Held>,
    subscriptions: Vec<SubscriptionId>,
}

enum Held {
    /// The answer to this publish is still to come.
    Publish(u64),
    /// Whole answers.
    Ready(Vec<u8>),
}

impl Talk {
    /// The answer to publish `seq` has come: it goes out in its turn, with those that waited for it.
    pub(crate) fn answer_publish(&mut self, seq: u64, answer: Vec<u8>, out: &mut Vec<u8>) {
        let waiting = |held: &&mut Held| matches!(held, Held::Publish(other) if *other == seq);
        if let Some(held) = self.held.iter_mut().find(waiting) {
            *held = Held::Ready(answer);
        }
        while let Some(Held::Ready(bytes)) = self.held.front() {
            out.extend_from_slice(bytes);
            self.held.pop_front();
        }
        if self.held.is_empty() {
            self.held = VecDeque::new();
        }
    }
}

/// Commands refused in a row before the conversation is ended: a peer that reads no answers learns nothing from more.
const REFUSALS_MAX: u32 = 100;

impl Dialect {
    /// Whether a byte stream stands between two of its units.
    pub(crate) fn is_between_units(&self) -> bool {
        match self {
            Dialect::Plain(plain) => plain.decoder.is_empty(),
            Dialect::Pogu(pogu) => pogu.decoder.is_empty(),
            Dialect::Handler(_) => true,
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
        self.units += 1;
        self.core.counters.received(self.way, body.len());
        let mut draft = Draft::new(topic.clone(), kind, Bytes::copy_from_slice(body));
        draft.origin = self.core.origin(self.id);
        self.core.draft(draft);
    }

    fn hear_pogu(&mut self, pogu: &mut Pogu, input: Input<'_>) -> Result<(), Ending> {
        let Pogu { decoder, talk } = pogu;
        let mut reader = match input {
            Input::Text(command) | Input::Binary(command) => {
                return self.obey(talk, command);
            }
            Input::Bytes(reader) => reader,
        };
        let limits = self.core.pogu_limits;
        loop {
            match decoder.next(&limits, &mut reader) {
                Ok(Some(command)) => self.obey(talk, command)?,
                Ok(None) => return Ok(()),
                Err(violation) => {
                    let why = violation.to_string();
                    self.answer(talk, |out| pogu::error(violation.name(), None, &why, out));
                    return Err(Ending::Violation(why));
                }
            }
        }
    }

    fn obey(&mut self, talk: &mut Talk, command: &[u8]) -> Result<(), Ending> {
        self.units += 1;
        talk.seq += 1;
        let seq = talk.seq;
        let command = match pogu::parse(command) {
            Ok(command) => command,
            Err(error) => return self.refuse(talk, error.name(), &error.to_string()),
        };
        match command {
            pogu::Command::Ping => self.answer(talk, pogu::pong),
            pogu::Command::Quit => {
                self.answer(talk, |out| pogu::bye("quit", "", out));
                return Err(Ending::Finished);
            }
            pogu::Command::Auth { .. } => {
                return self.refuse(talk, "no-auth", "this server asks for no token: leave AUTH out");
            }
            pogu::Command::Subscribe {
                pattern, after, echo, ..
            } => match self.subscribe(talk, pattern, after, echo) {
                Ok(outcome) => {
                    // Where it starts, to go on from should the connection break before the first message.
                    self.answer(talk, |out| pogu::ok(seq, Some(&outcome.start), None, out));
                    if outcome.gap {
                        self.answer(talk, |out| pogu::gap(pattern, None, out));
                    }
                }
                Err((name, why)) => return self.refuse(talk, name, &why),
            },
            pogu::Command::Unsubscribe { pattern, .. } => {
                if self.unsubscribe(talk, pattern) {
                    self.answer(talk, |out| pogu::ok(seq, None, None, out));
                } else {
                    return self.refuse(
                        talk,
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
                        return self.refuse(talk, "bad-topic", &why);
                    }
                };
                for (name, value) in [("event", &event), ("type", &content_type), ("key", &key)] {
                    let wrong = |text: &str| text.len() > NAME_MAX || text.chars().any(char::is_control);
                    if value.as_deref().is_some_and(wrong) {
                        let why =
                            format!("{name} is text of at most {NAME_MAX} bytes without control characters");
                        return self.refuse(talk, "bad-argument", &why);
                    }
                }
                if body.len() > self.core.config.limits.message.bytes() {
                    return self.refuse(talk, "too-large", "the body is above the limit of a message");
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
                if draft.receipt.is_some() {
                    talk.held.push_back(Held::Publish(seq));
                }
                self.core.draft(draft);
            }
        }
        talk.refused = 0;
        Ok(())
    }

    fn subscribe(
        &mut self,
        talk: &mut Talk,
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
        let subscriptions = &mut talk.subscriptions;
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
        // What it has published itself comes before, in `last:N` too.
        self.core.publish();
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

    fn unsubscribe(&mut self, talk: &mut Talk, pattern: &str) -> bool {
        let subscriptions = &mut talk.subscriptions;
        let Some(index) = self.core.find(subscriptions, pattern) else {
            return false;
        };
        let id = subscriptions.swap_remove(index);
        self.catching_up.retain(|other| *other != id);
        self.core.unsubscribe(id);
        true
    }

    fn answer(&mut self, talk: &mut Talk, write: impl FnOnce(&mut Vec<u8>)) {
        match talk.held.back_mut() {
            None => self.wrap.put(self.out, self.core, write),
            Some(Held::Ready(bytes)) => self.wrap.put(bytes, self.core, write),
            Some(Held::Publish(_)) => {
                let mut bytes = Vec::new();
                self.wrap.put(&mut bytes, self.core, write);
                talk.held.push_back(Held::Ready(bytes));
            }
        }
    }

    fn refuse(&mut self, talk: &mut Talk, name: &str, why: &str) -> Result<(), Ending> {
        self.core.counters.refused(self.way);
        let seq = talk.seq;
        self.answer(talk, |out| pogu::error(name, Some(seq), why, out));
        talk.refused += 1;
        if talk.refused < REFUSALS_MAX {
            return Ok(());
        }
        self.answer(talk, |out| {
            pogu::bye("refused", "too many commands in a row could not be done", out)
        });
        Err(Ending::Finished)
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

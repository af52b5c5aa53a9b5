//! The pogu dialect: commands of one line, each answered, in the order in which they came.

use std::fmt::Display;

use pogu_hub::{After, Cursor, Draft, PublishError, Selector, SubscribeOutcome, SubscriptionId, Topic};
use pogu_proto::{pogu, sniff};

use super::answers::Answers;
use super::{Input, Speaker, Wrap, parse_publish_topic};
use crate::core::{Core, Waiting};
use crate::http::NAME_MAX;
use crate::json;
use crate::peer::Ending;

/// One-line commands; each is counted, and its answer names the count.
#[derive(Default)]
pub(crate) struct Pogu {
    decoder: pogu::Decoder,
    talk: Talk,
}

impl Pogu {
    pub(crate) fn subscriptions(&self) -> &[SubscriptionId] {
        &self.talk.subscriptions
    }

    pub(super) fn is_between_commands(&self) -> bool {
        self.decoder.is_empty()
    }

    /// The last command has no end.
    pub(crate) fn was_cut(&mut self, wrap: Wrap, out: &mut Vec<u8>, core: &mut Core) {
        self.talk.seq += 1;
        let seq = self.talk.seq;
        let place = self.talk.answers.place(out);
        wrap.put(place, core, |out| {
            let why = "the connection ended within this command: it was not done";
            pogu::error("unfinished", Some(seq), why, out);
        });
    }

    pub(super) fn published(
        &mut self,
        seq: u64,
        result: Result<Cursor, PublishError>,
        wrap: Wrap,
        out: &mut Vec<u8>,
        core: &mut Core,
    ) {
        let mut answer = Vec::new();
        wrap.put(&mut answer, core, |out| match result {
            Ok(cursor) => pogu::ok(seq, Some(&cursor), None, out),
            Err(error) => pogu::error("refused", Some(seq), &error.to_string(), out),
        });
        self.talk.answers.arrived(seq, answer, out);
    }
}

/// Where a conversation of commands stands.
#[derive(Default)]
struct Talk {
    seq: u64,
    /// Commands refused in a row.
    refused: u32,
    answers: Answers,
    subscriptions: Vec<SubscriptionId>,
}

/// Commands refused in a row before the conversation is ended: a peer that reads no answers learns nothing from more.
const REFUSALS_MAX: u32 = 100;

impl Speaker<'_> {
    pub(super) fn hear_pogu(&mut self, pogu: &mut Pogu, input: Input<'_>) -> Result<(), Ending> {
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
                Ok(Some(command)) if sniff::is_of_request(command) => return Err(self.end_of_http(talk)),
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

    /// A web page may have a browser send what it likes, commands among it, to any address and past the check of its origin; but never
    /// without a request line before it.
    fn end_of_http(&mut self, talk: &mut Talk) -> Ending {
        self.core.counters.refused(self.way);
        self.answer(talk, |out| {
            pogu::bye("http", "HTTP on a connection that speaks the pogu dialect", out)
        });
        Ending::Finished
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
                    let start = outcome.start.as_ref().map(|start| start as &dyn Display);
                    self.answer(talk, |out| pogu::ok(seq, start, None, out));
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
                headers,
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
                for (name, value) in &headers {
                    if let Err(why) = super::check_header(name, value) {
                        return self.refuse(talk, "bad-argument", &why);
                    }
                }
                if body.len() > self.core.config.limits.message.bytes() {
                    return self.refuse(talk, "too-large", "the body is above the limit of a message");
                }
                self.core.counters.received(self.way, body.len());
                let (kind, body) = json::classify(content_type.as_deref(), &body);
                let mut draft = Draft::new(topic, kind, body);
                draft.content_type = content_type
                    .filter(|given| *given != kind.content_type())
                    .map(Into::into);
                draft.event = event.map(Into::into);
                draft.key = key.map(Into::into);
                draft.headers = headers
                    .into_iter()
                    .map(|(name, value)| (name.into(), value.into()))
                    .collect();
                draft.origin = self.core.origin(self.id);
                draft.receipt = self.core.receipt(Waiting::Peer { peer: self.id, seq });
                if draft.receipt.is_some() {
                    talk.answers.expect(seq);
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
        let exclude = if echo { 0 } else { self.core.origin(self.id) };
        let outcome = self
            .core
            .subscribe(self.id, selector, after, exclude, None)
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
        self.core.end(id);
        true
    }

    fn answer(&mut self, talk: &mut Talk, write: impl FnOnce(&mut Vec<u8>)) {
        let place = talk.answers.place(self.out);
        self.wrap.put(place, self.core, write);
    }

    fn refuse(&mut self, talk: &mut Talk, name: &str, why: &str) -> Result<(), Ending> {
        self.core.counters.refused(self.way);
        let seq = talk.seq;
        tracing::debug!(slot = self.id.slot, seq, name, why, "command refused");
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

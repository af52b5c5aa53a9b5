//! What a STOMP client subscribes to: topics, queues, and topics by a queue that stays while it is away.

use std::rc::Rc;

use pogu_hub::{After, Bind, Consume, Cursor, Filter, Message, Selector, SubscribeError, Topic};
use pogu_proto::stomp::{self, AckMode, Headers, Version};

use super::destination::{self, Source};
use super::hear::number;
use super::{Lasts, Lost, Refusal, State, Subscribed, Subscription};
use crate::dialect::Speaker;
use crate::form::Head;

/// Messages that a consumer may have without having acknowledged them, where it does not say.
const PREFETCH: u32 = 1_000;
const PREFETCH_MAX: u32 = 65_535;
/// Bytes of such messages. The queue holds them anyway; this bounds what one client keeps from the others.
const WINDOW: usize = 4 << 20;

impl Speaker<'_> {
    pub(super) fn check_room(&self, state: &State) -> Result<(), Refusal> {
        let limit = self.core.config.limits.subscriptions;
        if state.subscriptions.len() >= limit {
            return Err(Refusal::new(
                "too many subscriptions",
                format!("a session has at most {limit} subscriptions"),
            ));
        }
        Ok(())
    }

    pub(super) fn subscribe_stomp(
        &mut self,
        state: &mut State,
        id: Option<&str>,
        destination: &str,
        options: &Options,
        version: Version,
    ) -> Result<Option<Cursor>, Refusal> {
        self.check_room(state)?;
        let selecting = || state.subscriptions.iter().filter(|known| known.selects).count();
        if options.filter.is_some() && selecting() >= SELECTORS_MAX {
            return Err(Refusal::new(
                "too many selectors",
                format!("a session has at most {SELECTORS_MAX} subscriptions with a selector"),
            ));
        }
        if let Some(id) = id
            && state
                .subscriptions
                .iter()
                .any(|other| other.id.as_deref() == Some(id))
        {
            return Err(Refusal::new(
                "subscribed already",
                format!("there is a subscription `{id}` already: UNSUBSCRIBE it first"),
            ));
        }
        let source = destination::source(destination, &state.name).map_err(bad_destination)?;
        let selectors = match source {
            Source::Queue(queue) => {
                let lasts = if destination::is_temporary(destination) {
                    Lasts::Temporary
                } else {
                    Lasts::Shared
                };
                self.consume(state, queue, lasts, id, destination, options)?;
                return Ok(None);
            }
            Source::Topics(selectors) => selectors,
        };
        if !options.durable {
            return self.follow(state, selectors, id, destination, options, version);
        }
        let [selector] = <[Selector; 1]>::try_from(selectors).map_err(|_| {
            bad_destination("a durable subscription is to one pattern: `#` is not one".into())
        })?;
        let name =
            id.ok_or_else(|| Refusal::new("missing header", "a durable subscription needs an `id`"))?;
        if state.client.is_empty() {
            // All that have none would take up each other's.
            return Err(Refusal::new(
                "missing header",
                "a durable subscription needs the `client-id` of CONNECT",
            ));
        }
        let queue = destination::durable(&state.client, name).map_err(bad_destination)?;
        let bind = Bind {
            queue: queue.clone(),
            selector,
            filter: options.filter.clone(),
        };
        // What it has published itself before is not for it.
        self.core.publish();
        self.core
            .hub
            .bind(bind)
            .map_err(|error| Refusal::new("not subscribed", error.to_string()))?;
        self.consume(state, queue, Lasts::Durable, id, destination, options)?;
        Ok(None)
    }

    /// Subscribes to topics, and tells where that starts.
    fn follow(
        &mut self,
        state: &mut State,
        selectors: Vec<Selector>,
        id: Option<&str>,
        destination: &str,
        options: &Options,
        version: Version,
    ) -> Result<Option<Cursor>, Refusal> {
        // What it has published itself comes before, in `last:N` too.
        self.core.publish();
        let mut bytes = Vec::new();
        stomp::message_head(id, None, version, &mut bytes);
        let head = Head {
            bytes: bytes.into(),
            placed: version == Version::V1_2 && options.ack != AckMode::Auto,
            numbered: false,
        };
        let exclude = if options.echo {
            0
        } else {
            self.core.origin(self.id)
        };
        let mut ids = Vec::new();
        let mut lost = Lost::default();
        let mut start = None;
        let mut refused = None;
        for selector in selectors {
            match self
                .core
                .subscribe(self.id, selector, options.after, exclude, options.filter.clone())
            {
                Ok(outcome) => {
                    start = start.or(outcome.start);
                    ids.push(outcome.id);
                    lost.gap |= outcome.gap;
                    if !outcome.live {
                        self.catching_up.push(outcome.id);
                    }
                }
                Err(error) => refused = Some(error),
            }
        }
        if let Some(error) = refused {
            for id in ids {
                self.core.unsubscribe(id);
            }
            return Err(not_subscribed(&error));
        }
        let head = Rc::new(head);
        for id in &ids {
            let place = state.topics.partition_point(|(other, _)| other < id);
            state.topics.insert(place, (*id, head.clone()));
        }
        let to = Subscribed::Topics { ids, head, lost };
        state.add(id, destination, options, to);
        Ok(start)
    }

    pub(super) fn consume(
        &mut self,
        state: &mut State,
        queue: Topic,
        lasts: Lasts,
        id: Option<&str>,
        destination: &str,
        options: &Options,
    ) -> Result<(), Refusal> {
        let consume = Consume {
            lane: self.core.index,
            peer: self.id.slot,
            queue: queue.clone(),
            prefetch: options.prefetch,
            window: WINDOW,
            // A durable queue was filled through it.
            filter: options.filter.clone().filter(|_| lasts != Lasts::Durable),
        };
        // What it has sent itself comes before.
        self.core.publish();
        let consumer = self
            .core
            .hub
            .consume(self.core.unix, consume)
            .map_err(|error| Refusal::new("not subscribed", error.to_string()))?;
        let to = Subscribed::Queue {
            consumer,
            queue,
            lasts,
            reached: 0,
            accepted: 0,
        };
        state.add(id, destination, options, to);
        Ok(())
    }

    /// `ends` gives up what a durable subscription keeps.
    pub(super) fn unsubscribe_stomp(
        &mut self,
        state: &mut State,
        id: Option<&str>,
        destination: Option<&str>,
        ends: bool,
    ) -> Result<(), Refusal> {
        let at = state.subscriptions.iter().position(|known| match id {
            Some(_) => known.id.as_deref() == id,
            None => Some(&*known.destination) == destination,
        });
        let Some(at) = at else {
            let named = id.or(destination).unwrap_or_default();
            // A durable subscription can be given up without taking it up first.
            if ends
                && !state.client.is_empty()
                && let Ok(queue) = destination::durable(&state.client, named)
            {
                self.core.hub.remove_queue(&queue);
                return Ok(());
            }
            return Err(Refusal::new(
                "not subscribed",
                format!("there is no subscription `{named}`"),
            ));
        };
        let mut ended = state.subscriptions.swap_remove(at);
        // What was written goes out before the receipt, and to nobody else.
        ended.accept_written(self.core);
        match ended.to {
            Subscribed::Topics { ids, .. } => {
                for id in ids {
                    state.topics.retain(|(other, _)| *other != id);
                    self.catching_up.retain(|other| *other != id);
                    self.core.unsubscribe(id);
                }
            }
            Subscribed::Queue {
                consumer,
                queue,
                lasts,
                reached,
                ..
            } => {
                state.waiting.retain(|delivery| delivery.consumer != consumer);
                self.core.cancel(consumer, reached);
                let is_last = match lasts {
                    Lasts::Shared => false,
                    Lasts::Temporary => !state.consumes(&queue),
                    Lasts::Durable => ends,
                };
                if is_last {
                    self.core.hub.remove_queue(&queue);
                }
            }
        }
        Ok(())
    }
}

impl State {
    /// Whether it is subscribed to a queue.
    pub(super) fn consumes(&self, queue: &Topic) -> bool {
        self.subscriptions
            .iter()
            .any(|known| matches!(&known.to, Subscribed::Queue { queue: known, .. } if known == queue))
    }

    fn add(&mut self, id: Option<&str>, destination: &str, options: &Options, to: Subscribed) {
        self.subscriptions.push(Subscription {
            id: id.map(Box::from),
            destination: destination.into(),
            ack: options.ack,
            selects: options.filter.is_some(),
            number: self.subscribed,
            to,
        });
        self.subscribed += 1;
    }
}

/// Subscriptions of a session that have a selector: each is asked of every message.
const SELECTORS_MAX: usize = 32;

/// What the headers of a SUBSCRIBE ask for beside its destination.
pub(super) struct Options {
    ack: AckMode,
    durable: bool,
    echo: bool,
    after: After,
    prefetch: u32,
    filter: Option<Filter>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ack: AckMode::Auto,
            durable: false,
            echo: true,
            after: After::Now,
            prefetch: PREFETCH,
            filter: None,
        }
    }
}

impl Options {
    pub(super) fn read(ack: AckMode, headers: &Headers<'_>) -> Result<Self, Refusal> {
        let header = |name| headers.value(name);
        let after = match header("after").as_deref() {
            None => After::Now,
            Some(after) => after
                .parse()
                .map_err(|error: pogu_hub::CursorError| Refusal::new("bad cursor", error.to_string()))?,
        };
        let prefetch = match header("prefetch-count").as_deref() {
            None => PREFETCH,
            Some(text) => match number(text, "prefetch-count", "messages")? {
                count @ 1..=65_535 => u32::try_from(count).unwrap_or(PREFETCH_MAX),
                _ => {
                    return Err(Refusal::new(
                        "invalid header",
                        format!("`prefetch-count` goes from 1 to {PREFETCH_MAX}, not `{text}`"),
                    ));
                }
            },
        };
        let filter = match header("selector").as_deref() {
            None | Some("") => None,
            Some(text) => Some(filter(text)?),
        };
        Ok(Self {
            ack,
            durable: is_true(headers, "durable"),
            echo: !is_true(headers, "no-echo"),
            after,
            prefetch,
            filter,
        })
    }
}

pub(super) fn is_true(headers: &Headers<'_>, name: &str) -> bool {
    headers.value(name).is_some_and(|value| value == "true")
}

pub(super) fn bad_destination(why: String) -> Refusal {
    Refusal::new("bad destination", why)
}

fn filter(text: &str) -> Result<Filter, Refusal> {
    let selector: stomp::selector::Selector = text
        .parse()
        .map_err(|error: stomp::selector::SelectorError| Refusal::new("bad selector", error.to_string()))?;
    Ok(Filter::new(text, move |message| {
        selector.matches(|name| header(message, name))
    }))
}

/// What a selector sees of a message: its headers and its event, whatever protocol they came by.
fn header<'m>(message: &'m Message, name: &str) -> Option<&'m str> {
    match name {
        "event" => message.event.as_deref(),
        "content-type" => Some(message.content_type()),
        _ => message
            .headers
            .iter()
            .find(|(known, _)| &**known == name)
            .map(|(_, value)| &**value),
    }
}

fn not_subscribed(error: &SubscribeError) -> Refusal {
    Refusal::new("not subscribed", error.to_string())
}

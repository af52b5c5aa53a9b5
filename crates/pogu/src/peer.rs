//! The one file where protocols and hub meet: a peer is a session (carrier and dialect) and its link.
//!
//! Bytes come in by [`Peer::receive`]; what they mean is said to the hub through [`Core`], what they answer is
//! appended to the peer's own output. The lane does the rest.

use std::net::SocketAddr;

use bytes::Bytes;
use pogu_hub::{
    After, Cursor, Draft, Kind, Mailbox, PublishError, Selector, SubscribeOutcome, SubscriptionId, Topic,
};
use pogu_proto::framing::{self, Framing};
use pogu_proto::{Reader, Time, pogu, sse, ws};

use crate::core::{Core, Waiting};
use crate::form::Form;
use crate::handler::{Handler, Incoming, Socket};
use crate::json;
use crate::lane::Depth;
use crate::link::Link;
use crate::metrics::Way;
use crate::udp::Lease;

/// A peer's slot in its lane, and the number that tells it from those that had the slot before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PeerId {
    pub(crate) slot: u32,
    pub(crate) serial: u32,
}

/// How messages ride.
pub(crate) enum Carrier {
    /// A TCP byte stream, cut up by the dialect.
    Stream,
    /// One command or message a datagram.
    Datagram(Lease),
    WebSocket(ws::Session),
    /// An endless response body of Server-Sent Events.
    Sse {
        quiet_since: Time,
    },
    /// An endless response body of JSON lines.
    JsonLines {
        quiet_since: Time,
    },
    /// A response that ends with its first messages.
    LongPoll {
        until: Time,
        next: Cursor,
        /// What the answer begins with where hyper does not write it, but for its length.
        head: Box<[u8]>,
    },
}

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

/// Why a peer comes to its end. What is in its output is still sent.
#[derive(Debug)]
pub(crate) enum Ending {
    /// The conversation is over in good order.
    Finished,
    /// The peer broke a rule of its protocol; it has been told.
    Violation(String),
    /// A topic's slow-consumer policy is to disconnect, and this peer was slow.
    TooSlow,
    /// It was silent, or took nothing, for too long.
    TimedOut,
    /// The server stops.
    ShuttingDown,
}

pub(crate) struct Peer {
    pub(crate) id: PeerId,
    pub(crate) link: Link,
    pub(crate) remote: SocketAddr,
    pub(crate) carrier: Carrier,
    pub(crate) dialect: Dialect,
    /// Answers of its own that wait to be written.
    pub(crate) out: Vec<u8>,
    /// What is left of a run of messages whose write was cut short.
    pub(crate) rest: Bytes,
    /// Messages that wait, boxed only while some do.
    pub(crate) mailbox: Option<Box<Mailbox>>,
    /// What waits in the mailbox as the lane's sum has it.
    pub(crate) counted: Depth,
    /// Subscriptions that still read history.
    pub(crate) catching_up: Vec<SubscriptionId>,
    /// When the lane's timers have it down.
    pub(crate) armed: Option<Time>,
    /// Since when it has taken nothing although something waits.
    pub(crate) stalled: Option<Time>,
    /// It ends: its output is written, its input thrown away, until this time at most.
    pub(crate) closing: Option<Time>,
    pub(crate) dirty: bool,
    /// Its link takes nothing until the poller, or hyper, says so.
    pub(crate) blocked: bool,
    /// Input may wait in its socket that was not read yet.
    pub(crate) unread: bool,
    /// It has sent its last byte.
    pub(crate) heard_out: bool,
    /// Its write side is shut.
    pub(crate) shut: bool,
}

/// A message of the carrier, or a piece of its byte stream.
enum Input<'a> {
    Bytes(Reader<'a>),
    Text(&'a [u8]),
    Binary(&'a [u8]),
}

impl Peer {
    pub(crate) fn new(
        id: PeerId,
        link: Link,
        remote: SocketAddr,
        carrier: Carrier,
        dialect: Dialect,
    ) -> Self {
        Self {
            id,
            link,
            remote,
            carrier,
            dialect,
            out: Vec::new(),
            rest: Bytes::new(),
            mailbox: None,
            counted: Depth::default(),
            catching_up: Vec::new(),
            armed: None,
            stalled: None,
            closing: None,
            dirty: false,
            blocked: false,
            unread: false,
            heard_out: false,
            shut: false,
        }
    }

    /// The form in which messages are delivered to it; `None` if it takes none.
    pub(crate) fn form(&self) -> Option<Form> {
        Some(match (&self.carrier, &self.dialect) {
            (_, Dialect::Handler(_)) => return None,
            (Carrier::WebSocket(session), Dialect::Plain(_)) => Form::Frame(session.deflate()),
            (Carrier::WebSocket(session), Dialect::Pogu(_)) => Form::PoguFrame(session.deflate()),
            (Carrier::Stream, Dialect::Pogu(_)) => Form::PoguLine,
            (Carrier::Datagram(_), Dialect::Pogu(_)) => Form::PoguDatagram,
            (Carrier::Stream | Carrier::Datagram(_), Dialect::Plain(plain)) => Form::Framed(plain.framing),
            (Carrier::Sse { .. }, _) => Form::Sse,
            (Carrier::JsonLines { .. }, _) => Form::JsonLine,
            (Carrier::LongPoll { .. }, _) => Form::JsonElement,
        })
    }

    /// The way it talks, for the metrics.
    pub(crate) fn way(&self) -> Way {
        match (&self.carrier, &self.dialect) {
            (Carrier::WebSocket(_), Dialect::Plain(_)) => Way::WsPlain,
            (Carrier::WebSocket(_), Dialect::Pogu(_)) => Way::WsPogu,
            (Carrier::WebSocket(_), Dialect::Handler(_)) => Way::WsHandler,
            (Carrier::Stream, Dialect::Pogu(_)) => Way::TcpPogu,
            (Carrier::Stream, _) => Way::TcpPlain,
            (Carrier::Datagram(_), Dialect::Pogu(_)) => Way::UdpPogu,
            (Carrier::Datagram(_), _) => Way::UdpPlain,
            (Carrier::Sse { .. }, _) => Way::HttpSse,
            (Carrier::JsonLines { .. }, _) => Way::HttpStream,
            (Carrier::LongPoll { .. }, _) => Way::HttpLongPoll,
        }
    }

    /// All its subscriptions.
    pub(crate) fn subscriptions(&self) -> &[SubscriptionId] {
        match &self.dialect {
            Dialect::Plain(plain) => plain.subscription.as_slice(),
            Dialect::Pogu(pogu) => &pogu.subscriptions,
            Dialect::Handler(_) => &[],
        }
    }

    /// Bytes of its own answers and of a cut write: while they are many, its input stays unread.
    pub(crate) fn backlog(&self) -> usize {
        self.out.len() + self.rest.len()
    }

    /// Takes bytes that arrived.
    pub(crate) fn receive(
        &mut self,
        bytes: &mut [u8],
        codec: &mut ws::Codec,
        core: &mut Core,
    ) -> Result<(), Ending> {
        let way = self.way();
        let Carrier::WebSocket(session) = &mut self.carrier else {
            let mut speaker = Speaker {
                id: self.id,
                wrap: if matches!(self.carrier, Carrier::Datagram(_)) {
                    Wrap::Datagram
                } else {
                    Wrap::Line
                },
                way,
                out: &mut self.out,
                catching_up: &mut self.catching_up,
                core,
            };
            return match self.carrier {
                Carrier::Stream => speaker.hear(&mut self.dialect, Input::Bytes(Reader::new(bytes))),
                Carrier::Datagram(_) => speaker.hear(&mut self.dialect, Input::Binary(bytes)),
                // A response body carries nothing back.
                _ => Ok(()),
            };
        };
        let deflate = session.deflate();
        let mut reader = Reader::new(bytes);
        loop {
            let event = session.next(core.now, &mut reader, codec, &mut self.out);
            let (kind, payload) = match event {
                Ok(Some(ws::Event::Message { kind, payload })) => (kind, payload),
                Ok(Some(ws::Event::Close { .. })) => return Err(Ending::Finished),
                Ok(Some(_)) => continue,
                Ok(None) => return Ok(()),
                Err(violation) => return Err(Ending::Violation(violation.to_string())),
            };
            let heard = if let Dialect::Handler(handler) = &self.dialect {
                core.counters.received(way, payload.len());
                let mut socket = Socket {
                    deflate,
                    codec: &mut core.codec,
                    out: &mut self.out,
                    close: None,
                };
                handler(&mut socket, Incoming { kind, payload });
                match socket.close {
                    None => Ok(()),
                    Some((code, reason)) => Err((code, Ending::Finished, reason)),
                }
            } else {
                let mut speaker = Speaker {
                    id: self.id,
                    wrap: Wrap::Frame(deflate),
                    way,
                    out: &mut self.out,
                    catching_up: &mut self.catching_up,
                    core,
                };
                let input = match kind {
                    ws::Kind::Text => Input::Text(payload),
                    ws::Kind::Binary => Input::Binary(payload),
                };
                speaker
                    .hear(&mut self.dialect, input)
                    .map_err(|ending| match ending {
                        Ending::Violation(why) => (1008, Ending::Violation(why.clone()), why),
                        other => (1000, other, String::new()),
                    })
            };
            if let Err((code, ending, reason)) = heard {
                session.close(core.now, code, &reason, &mut core.codec, &mut self.out);
                return Err(ending);
            }
        }
    }

    /// Answers a publish that was asked for with number `seq`.
    pub(crate) fn published(&mut self, seq: u64, result: Result<Cursor, PublishError>, core: &mut Core) {
        if !matches!(self.dialect, Dialect::Pogu(_)) {
            return;
        }
        let wrap = self.wrap();
        wrap.put(&mut self.out, core, |out| match result {
            Ok(cursor) => pogu::ok(seq, Some(&cursor), None, out),
            Err(error) => pogu::error("refused", Some(seq), &error.to_string(), out),
        });
    }

    /// Tells that `missed` messages (where the number is known) were lost on the way to it, before what comes next.
    ///
    /// A plain WebSocket and a bound port have no envelope to tell it in; there only the metrics know.
    pub(crate) fn tell_gap(&mut self, selector: &str, missed: Option<u64>, core: &mut Core) {
        match (&self.carrier, &self.dialect) {
            (Carrier::Sse { .. }, _) => {
                let data = gap_json(selector, missed);
                sse::event(None, Some("gap"), &data, &mut self.out);
            }
            (Carrier::JsonLines { .. }, _) => {
                self.out.extend_from_slice(gap_json(selector, missed).as_bytes());
                self.out.push(b'\n');
            }
            (_, Dialect::Pogu(_)) => {
                let wrap = self.wrap();
                wrap.put(&mut self.out, core, |out| pogu::gap(selector, missed, out));
            }
            _ => {}
        }
    }

    /// Ends a poll: `messages` are joined by commas, and the last of them is at `next`.
    pub(crate) fn answer_poll(&mut self, messages: &[u8], gap: bool) {
        let Carrier::LongPoll { next, head, .. } = &self.carrier else {
            return;
        };
        let mut body = Vec::with_capacity(messages.len() + 64);
        json::poll_answer_of(messages, *next, gap, &mut body);
        if !head.is_empty() {
            self.out.extend_from_slice(head);
            self.out
                .extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
        }
        self.out.append(&mut body);
    }

    /// Tells, in its own protocol, that the server ends the conversation.
    pub(crate) fn say_goodbye(&mut self, ending: &Ending, core: &mut Core) {
        let (code, name, why) = match ending {
            Ending::ShuttingDown => (1001, "shutting-down", "the server is shutting down"),
            Ending::TooSlow => (1008, "too-slow", "messages came faster than they were read"),
            _ => return,
        };
        if let Carrier::WebSocket(session) = &mut self.carrier {
            return session.close(core.now, code, why, &mut core.codec, &mut self.out);
        }
        match (&self.carrier, &self.dialect) {
            (Carrier::LongPoll { .. }, _) => self.answer_poll(&[], false),
            (Carrier::Sse { .. }, _) => sse::comment(why, &mut self.out),
            (_, Dialect::Pogu(_)) => {
                let wrap = self.wrap();
                wrap.put(&mut self.out, core, |out| pogu::bye(name, why, out));
            }
            _ => {}
        }
    }

    /// When it wants [`Peer::tick`] at the latest.
    pub(crate) fn deadline(&self, core: &Core) -> Option<Time> {
        if let Some(until) = self.closing {
            return Some(until);
        }
        let own = match &self.carrier {
            Carrier::WebSocket(session) => session.deadline(),
            Carrier::Sse { quiet_since } | Carrier::JsonLines { quiet_since } => {
                Some(*quiet_since + core.times.keep_alive)
            }
            Carrier::LongPoll { until, .. } => Some(*until),
            Carrier::Datagram(lease) => Some(lease.until),
            Carrier::Stream => None,
        };
        let stall = self.stalled.map(|since| since + core.times.write_stall);
        [own, stall].into_iter().flatten().min()
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, core: &mut Core) -> Result<(), Ending> {
        let now = core.now;
        if self.closing.is_some_and(|until| until <= now) {
            return Err(Ending::TimedOut);
        }
        if self
            .stalled
            .is_some_and(|since| since + core.times.write_stall <= now)
        {
            return Err(Ending::TimedOut);
        }
        match &mut self.carrier {
            Carrier::WebSocket(session) => {
                session
                    .tick(now, &mut core.codec, &mut self.out)
                    .map_err(|_| Ending::TimedOut)?;
            }
            Carrier::Datagram(lease) if lease.until <= now => return Err(Ending::TimedOut),
            Carrier::Sse { quiet_since } if *quiet_since + core.times.keep_alive <= now => {
                *quiet_since = now;
                sse::comment("", &mut self.out);
            }
            Carrier::JsonLines { quiet_since } if *quiet_since + core.times.keep_alive <= now => {
                *quiet_since = now;
                // An empty line: readers of JSON lines pass over it.
                self.out.push(b'\n');
            }
            Carrier::LongPoll { until, .. } if *until <= now => {
                self.answer_poll(&[], false);
                return Err(Ending::Finished);
            }
            _ => {}
        }
        Ok(())
    }

    fn wrap(&self) -> Wrap {
        match &self.carrier {
            Carrier::WebSocket(session) => Wrap::Frame(session.deflate()),
            Carrier::Datagram(_) => Wrap::Datagram,
            _ => Wrap::Line,
        }
    }
}

fn gap_json(selector: &str, missed: Option<u64>) -> String {
    // A selector holds no white space or control characters; quotes and backslashes it may hold.
    let topic = serde_json::Value::from(selector);
    match missed {
        Some(missed) => format!(r#"{{"gap":true,"topic":{topic},"missed":{missed}}}"#),
        None => format!(r#"{{"gap":true,"topic":{topic}}}"#),
    }
}

/// How one answer of a dialect rides on its carrier.
#[derive(Clone, Copy)]
enum Wrap {
    Line,
    Frame(Option<ws::Deflate>),
    Datagram,
}

impl Wrap {
    fn put(self, out: &mut Vec<u8>, core: &mut Core, write: impl FnOnce(&mut Vec<u8>)) {
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
struct Speaker<'a> {
    id: PeerId,
    wrap: Wrap,
    way: Way,
    out: &'a mut Vec<u8>,
    catching_up: &'a mut Vec<SubscriptionId>,
    core: &'a mut Core,
}

impl Speaker<'_> {
    fn hear(&mut self, dialect: &mut Dialect, input: Input<'_>) -> Result<(), Ending> {
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

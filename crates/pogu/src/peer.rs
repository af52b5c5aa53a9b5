//! The one file where protocols and hub meet: a peer is a session (carrier and dialect) and its link.
//!
//! Bytes come in by [`Peer::receive`] (`hear.rs`); what they mean is said to the hub through [`Core`], what they answer is
//! appended to the peer's own output. The lane does the rest.

use std::net::SocketAddr;

use bytes::Bytes;
use pogu_hub::{Cursor, Kind, Mailbox, Message, PublishError, SubscriptionId};
use pogu_proto::{Time, pogu, sse};

use crate::carrier::Carrier;
use crate::core::{Core, UNIT_TIME};
use crate::dialect::{Dialect, Speaker, Wrap};
use crate::form::{Form, Said};
use crate::id::PeerId;
use crate::json;
use crate::link::Link;
use crate::metrics::Way;

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

/// What waits in one mailbox, or in all of a lane.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Depth {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

impl Depth {
    pub(crate) fn of(mailbox: Option<&Mailbox>) -> Self {
        mailbox.map_or(Self::default(), |mailbox| Self {
            messages: mailbox.len(),
            bytes: mailbox.bytes(),
        })
    }

    /// Has the sum hold `after` where it held `before`.
    pub(crate) fn change(&mut self, before: Self, after: Self) {
        self.messages = self.messages + after.messages - before.messages;
        self.bytes = self.bytes + after.bytes - before.bytes;
    }
}

pub(crate) struct Peer {
    pub(crate) id: PeerId,
    pub(crate) link: Link,
    pub(crate) remote: SocketAddr,
    pub(crate) carrier: Carrier,
    pub(crate) dialect: Dialect,
    /// Answers of its own that wait to be written.
    pub(crate) out: Vec<u8>,
    /// Its last word, written when nothing else waits.
    pub(crate) farewell: Vec<u8>,
    /// What is left of a run of messages whose write was cut short.
    pub(crate) rest: Bytes,
    /// Messages that wait, boxed only while some do.
    pub(crate) mailbox: Option<Box<Mailbox>>,
    /// What waits in the mailbox as the lane's sum has it.
    pub(crate) counted: Depth,
    /// Subscriptions that still read history.
    pub(crate) catching_up: Vec<SubscriptionId>,
    /// When it came.
    pub(crate) since: Time,
    /// When the lane's timers have it down.
    pub(crate) armed: Option<Time>,
    /// Since when a command or a message of its byte stream has begun and is not whole.
    pub(crate) begun: Option<Time>,
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
    /// Why it goes, for the log.
    pub(crate) end: End,
}

/// Why a peer goes, for the log.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum End {
    #[default]
    Gone,
    Finished,
    Violation,
    TooSlow,
    TimedOut,
    ShuttingDown,
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
            farewell: Vec::new(),
            rest: Bytes::new(),
            mailbox: None,
            counted: Depth::default(),
            catching_up: Vec::new(),
            since: Time(0),
            armed: None,
            begun: None,
            stalled: None,
            closing: None,
            dirty: false,
            blocked: false,
            unread: false,
            heard_out: false,
            shut: false,
            end: End::default(),
        }
    }

    /// The form in which messages are delivered to it; `None` if it takes none.
    pub(crate) fn form(&self) -> Option<Form> {
        Some(match (&self.carrier, &self.dialect) {
            (_, Dialect::Handler(_)) | (Carrier::Probe { .. } | Carrier::Silent | Carrier::Parked(_), _) => {
                return None;
            }
            (Carrier::EngineIo(engine), _) => Form::SocketIo(engine.packing()),
            (_, Dialect::SocketIo(_)) => return None,
            (Carrier::SockJs(carrier), dialect) => {
                let said = match dialect {
                    Dialect::Pogu(_) => Said::Pogu,
                    Dialect::Stomp(stomp) => Said::Stomp(stomp.version()),
                    _ => Said::Body,
                };
                Form::SockJs(said, carrier.strings())
            }
            (Carrier::WebSocket(_), Dialect::Stomp(stomp)) => {
                Form::StompFrame(stomp.version(), stomp.text_kind())
            }
            (_, Dialect::Stomp(stomp)) => Form::Stomp(stomp.version()),
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
            (Carrier::WebSocket(_), Dialect::Stomp(_)) => Way::WsStomp,
            (Carrier::WebSocket(_), Dialect::Handler(_) | Dialect::SocketIo(_)) => Way::WsHandler,
            (Carrier::EngineIo(_), Dialect::Handler(_)) => Way::EngineIoHandler,
            (Carrier::EngineIo(_), _) => Way::SocketIo,
            (Carrier::SockJs(_), Dialect::Plain(_)) => Way::SockJsPlain,
            (Carrier::SockJs(_), Dialect::Pogu(_)) => Way::SockJsPogu,
            (Carrier::SockJs(_), Dialect::Stomp(_)) => Way::SockJsStomp,
            (Carrier::SockJs(_), Dialect::Handler(_) | Dialect::SocketIo(_)) => Way::SockJsHandler,
            (Carrier::Probe { .. }, _) => Way::SocketIoProbe,
            (Carrier::Parked(_), _) => Way::SocketIoPoll,
            (Carrier::Silent, _) => Way::TcpSilent,
            (Carrier::Stream, Dialect::Pogu(_)) => Way::TcpPogu,
            (Carrier::Stream, Dialect::Stomp(_)) => Way::TcpStomp,
            (Carrier::Stream, Dialect::Plain(_) | Dialect::SocketIo(_) | Dialect::Handler(_)) => {
                Way::TcpPlain
            }
            (Carrier::Datagram(_), Dialect::Pogu(_)) => Way::UdpPogu,
            (
                Carrier::Datagram(_),
                Dialect::Plain(_) | Dialect::Stomp(_) | Dialect::SocketIo(_) | Dialect::Handler(_),
            ) => Way::UdpPlain,
            (Carrier::Sse { .. }, _) => Way::HttpSse,
            (Carrier::JsonLines { .. }, _) => Way::HttpStream,
            (Carrier::LongPoll { .. }, _) => Way::HttpLongPoll,
        }
    }

    /// Messages that one write to it holds at most.
    pub(crate) fn limit(&self) -> usize {
        match (&self.carrier, &self.dialect, &self.mailbox) {
            (Carrier::LongPoll { limit, .. }, ..) => *limit,
            // One that is no text is for its own turn.
            (Carrier::SockJs(_), Dialect::Stomp(_), Some(mailbox)) => mailbox
                .iter()
                .take_while(|(letter, _)| is_text(&letter.message))
                .count(),
            _ => usize::MAX,
        }
    }

    /// Writes what waits outside of the mailbox, as much as one write may take.
    pub(crate) fn fill(&mut self, core: &mut Core) -> Result<(), Ending> {
        if !self.out.is_empty() {
            return Ok(());
        }
        let (way, wrap) = (self.way(), self.wrap());
        self.dialect.fill(way, wrap, &mut self.out, core)
    }

    /// Whether it can be told what waits first for it: STOMP has no way to say what is no text where its carrier has none.
    pub(crate) fn check_text(&mut self, core: &mut Core) -> Result<(), Ending> {
        let (Carrier::SockJs(_), Some(mailbox)) = (&self.carrier, &self.mailbox) else {
            return Ok(());
        };
        let (Dialect::Stomp(stomp), Some((letter, _))) = (&mut self.dialect, mailbox.front()) else {
            return Ok(());
        };
        if is_text(&letter.message) {
            return Ok(());
        }
        let wrap = Wrap::Strings(match &self.carrier {
            Carrier::SockJs(carrier) => carrier.strings(),
            _ => return Ok(()),
        });
        Err(stomp.refuse_binary(&letter.message, wrap, &mut self.out, core))
    }

    /// Bytes of its own answers and of a cut write: while they are many, its input stays unread.
    pub(crate) fn backlog(&self) -> usize {
        self.out.len() + self.rest.len()
    }

    /// Answers a publish that was asked for with number `seq`.
    pub(crate) fn published(
        &mut self,
        seq: u64,
        result: Result<Cursor, PublishError>,
        core: &mut Core,
    ) -> Result<(), Ending> {
        let wrap = self.wrap();
        self.dialect.published(seq, result, wrap, &mut self.out, core)
    }

    /// Tells that `missed` messages (where the number is known) were lost on the way to it, before what comes next.
    ///
    /// A plain WebSocket and a bound port have no envelope to tell it in; there only the metrics know.
    pub(crate) fn tell_gap(
        &mut self,
        subscription: SubscriptionId,
        selector: &str,
        missed: Option<u64>,
        core: &mut Core,
    ) {
        if let Dialect::Stomp(stomp) = &mut self.dialect {
            return stomp.note_lost(subscription, missed);
        }
        match (&mut self.carrier, &self.dialect) {
            (Carrier::Sse { .. }, _) => {
                let data = gap_json(selector, missed);
                sse::event(None, Some("gap"), None, &data, &mut self.out);
            }
            (Carrier::JsonLines { .. }, _) => {
                self.out.extend_from_slice(gap_json(selector, missed).as_bytes());
                self.out.push(b'\n');
            }
            (_, Dialect::Pogu(_)) => {
                let wrap = self.wrap();
                wrap.put(&mut self.out, core, |out| pogu::gap(selector, missed, out));
            }
            (_, Dialect::SocketIo(conversation)) => {
                let (wrap, gap) = (self.wrap(), gap_json(selector, missed));
                conversation.tell_gap(subscription, &gap, wrap, &mut self.out, core);
            }
            (Carrier::LongPoll { gap, .. }, _) => *gap = true,
            // The others have no place for it, or told it above.
            (_, Dialect::Plain(_) | Dialect::Handler(_) | Dialect::Stomp(_)) => {}
        }
    }

    /// Ends a poll: `messages` are joined by commas, and the last of them is at `next`.
    pub(crate) fn answer_poll(&mut self, messages: &[u8], gap: bool) {
        let Carrier::LongPoll {
            next,
            held,
            gap: told,
            ..
        } = &self.carrier
        else {
            return;
        };
        let gap = gap || *told;
        let mut body = Vec::with_capacity(messages.len() + 64);
        json::poll_answer_of(messages, *next, gap, &mut body);
        if !held.head.is_empty() {
            self.out.extend_from_slice(&held.head);
            self.out
                .extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
        }
        self.out.append(&mut body);
    }

    /// Tells, in its own protocol, that the server ends the conversation.
    pub(crate) fn say_goodbye(&mut self, ending: &Ending, core: &mut Core) {
        if let Carrier::EngineIo(engine) = &mut self.carrier {
            let (code, why) = match ending {
                Ending::ShuttingDown => (1001, "the server is shutting down"),
                Ending::TooSlow => (1008, "messages came faster than they were read"),
                Ending::Violation(why) => (1008, &**why),
                Ending::Finished | Ending::TimedOut => (1000, ""),
            };
            return engine.close(code, why, &mut self.farewell, core);
        }
        let (code, name, why) = match ending {
            Ending::ShuttingDown => (1001, "shutting-down", "the server is shutting down"),
            Ending::TooSlow => (1008, "too-slow", "messages came faster than they were read"),
            // The dialect has had its say; its answers may still wait for that of a publish, and a Close follows them all.
            Ending::Violation(why) => return self.close(1008, why, core),
            Ending::Finished => return self.close(1000, "", core),
            Ending::TimedOut => return,
        };
        let wrap = self.wrap();
        let farewell = &mut self.farewell;
        if let Dialect::Stomp(stomp) = &mut self.dialect {
            stomp.say_goodbye(why, wrap, farewell, core);
        }
        match (&mut self.carrier, &self.dialect) {
            (Carrier::WebSocket(session), _) => session.close(core.now, code, why, &mut core.codec, farewell),
            (Carrier::SockJs(carrier), _) => carrier.close(code, why, farewell, core),
            // What waits is its answer.
            (Carrier::LongPoll { .. }, _) if self.mailbox.is_some() => {}
            (Carrier::LongPoll { .. }, _) => self.answer_poll(&[], false),
            (Carrier::Sse { .. }, _) => sse::comment(why, farewell),
            (_, Dialect::Pogu(_)) => wrap.put(farewell, core, |out| pogu::bye(name, why, out)),
            // The others have no word for it, or have said it above.
            (_, Dialect::Plain(_) | Dialect::Handler(_) | Dialect::SocketIo(_) | Dialect::Stomp(_)) => {}
        }
    }

    /// Has the Close of a WebSocket be its last word, unless it was said.
    fn close(&mut self, code: u16, why: &str, core: &mut Core) {
        match &mut self.carrier {
            Carrier::WebSocket(session) => {
                session.close(core.now, code, why, &mut core.codec, &mut self.farewell);
            }
            Carrier::SockJs(carrier) => carrier.close(code, why, &mut self.farewell, core),
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
            Carrier::EngineIo(engine) => engine.deadline(),
            Carrier::SockJs(carrier) => carrier.deadline(),
            Carrier::Probe { until, .. } => Some(*until),
            Carrier::Sse { quiet_since } | Carrier::JsonLines { quiet_since } => {
                Some(*quiet_since + core.times.keep_alive)
            }
            Carrier::LongPoll { until, .. } => Some(*until),
            Carrier::Datagram(lease) => Some(lease.until),
            Carrier::Stream | Carrier::Silent | Carrier::Parked(_) => None,
        };
        let dialect = self.dialect.deadline(core);
        let stall = self.stalled.map(|since| since + core.times.write_stall);
        let unit = self.begun.map(|since| since + UNIT_TIME);
        [own, dialect, stall, unit].into_iter().flatten().min()
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
        if self.begun.is_some_and(|since| since + UNIT_TIME <= now) {
            return Err(Ending::TimedOut);
        }
        let mut speaker = Speaker {
            id: self.id,
            wrap: self.wrap(),
            way: self.way(),
            out: &mut self.out,
            catching_up: &mut self.catching_up,
            core,
            units: 0,
        };
        // Whoever is not read cannot be heard.
        if let Dialect::Stomp(stomp) = &mut self.dialect
            && (self.unread || speaker.core.hub.congested())
        {
            stomp.heard(now);
        }
        self.dialect.tick(&mut speaker)?;
        match &mut self.carrier {
            Carrier::WebSocket(session) => {
                session
                    .tick(now, &mut core.codec, &mut self.out)
                    .map_err(|_| Ending::TimedOut)?;
            }
            Carrier::EngineIo(engine) => engine.tick(&mut self.out, core)?,
            Carrier::SockJs(carrier) => carrier.tick(&mut self.out, core)?,
            Carrier::Probe { until, .. } if *until <= now => return Err(Ending::TimedOut),
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

    /// Says what its dialect has to say before it is spoken to.
    pub(crate) fn begin(&mut self, core: &mut Core) -> Result<(), Ending> {
        if let Dialect::Handler(endpoint) = &self.dialect {
            let endpoint = endpoint.clone();
            return self.call(core, |socket| endpoint.open(socket));
        }
        let mut speaker = Speaker {
            id: self.id,
            wrap: self.wrap(),
            way: self.way(),
            out: &mut self.out,
            catching_up: &mut self.catching_up,
            core,
            units: 0,
        };
        if let Dialect::SocketIo(conversation) = &mut self.dialect {
            conversation.begin(&mut speaker);
        }
        Ok(())
    }

    /// Ends what it has asked of the hub.
    pub(crate) fn leave(&mut self, ending: Option<&Ending>, core: &mut Core) {
        // Nobody hears it any more.
        let mut unheard = Vec::new();
        let mut speaker = Speaker {
            id: self.id,
            wrap: self.wrap(),
            way: self.way(),
            out: &mut unheard,
            catching_up: &mut self.catching_up,
            core,
            units: 0,
        };
        self.dialect.leave(ending, &mut speaker);
    }

    /// How an answer of its dialect rides on its carrier.
    pub(crate) fn wrap(&self) -> Wrap {
        match (&self.carrier, &self.dialect) {
            (Carrier::WebSocket(session), dialect) => Wrap::Frame(dialect.text_kind(), session.deflate()),
            (Carrier::EngineIo(engine), _) => Wrap::Packets(engine.packing()),
            (Carrier::SockJs(carrier), _) => Wrap::Strings(carrier.strings()),
            (Carrier::Datagram(_), _) => Wrap::Datagram,
            (_, Dialect::Stomp(_)) => Wrap::Bytes,
            (_, Dialect::Pogu(_) | Dialect::Plain(_) | Dialect::SocketIo(_) | Dialect::Handler(_)) => {
                Wrap::Line
            }
        }
    }
}

/// Whether a body can be said as text.
pub(crate) fn is_text(message: &Message) -> bool {
    message.kind != Kind::Binary || std::str::from_utf8(&message.body).is_ok()
}

pub(crate) fn gap_json(selector: &str, missed: Option<u64>) -> String {
    // A selector holds no white space or control characters; quotes and backslashes it may hold.
    let topic = serde_json::Value::from(selector);
    match missed {
        Some(missed) => format!(r#"{{"gap":true,"topic":{topic},"missed":{missed}}}"#),
        None => format!(r#"{{"gap":true,"topic":{topic}}}"#),
    }
}

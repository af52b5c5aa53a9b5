use std::sync::Arc;

use super::{Data, Limits, Packet, PacketError, Refusal, Transport, Version, json};
use crate::Time;

/// The server's side of one session.
///
/// It holds no packet and no socket: the caller has at most one poll that waits, one POST that is read and one WebSocket for it, says
/// here what happens to them, and looks after every call
///
/// - at [`answer`](Self::answer), whether the poll is to be ended,
/// - at [`is_closed`](Self::is_closed), whether the WebSocket is to be closed and the session forgotten,
/// - at [`output`](Self::output), where what waits to be said may go. What was made for polling when the WebSocket took over is
///   read again with [`Payload`](super::Payload) and sent there.
///
/// The WebSocket is the one that [`probe`](Self::probe) took up, or that the session began on. One that was refused or has failed is
/// to be closed and heard no more, not even of its loss, as another may have come in its place.
#[derive(Debug)]
pub struct Session {
    limits: Arc<Limits>,
    /// V4: when to ping or, then, by when the pong is wanted. V3: by when a ping is.
    beat: Time,
    state: State,
    poll: Poll,
    version: Version,
    /// V4: a ping was sent, its pong has not arrived.
    pinged: bool,
    /// A POST is being read.
    posting: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Polling,
    /// On polling, with a WebSocket that wants to take over until then.
    Probing {
        until: Time,
        /// The probe was answered: from then on polls are ended, so that the client can leave them.
        end_polls: Option<Time>,
    },
    WebSocket,
    /// Closed by the server, and until then the client may fetch the last word.
    Closing {
        until: Time,
    },
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Poll {
    None,
    Waiting,
    /// It is to be ended: the WebSocket takes over, or the client has closed.
    Noop,
    /// It is to be ended: the session is over.
    Close,
}

/// What a packet came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A message.
    Message(Data<'a>),
    /// A client of protocol 3 pings: say [`Packet::Pong`], with nothing after it.
    Ping,
    /// The WebSocket probes: answer `Pong("probe")` on it at once, wherever output goes.
    Probe,
    /// The WebSocket said something else: close it. The session stays on polling.
    ProbeFailed,
    /// The WebSocket has taken over.
    Upgraded,
    /// The client has closed the session.
    Closed,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Say [`Packet::Ping`], with nothing after it.
    Ping,
    /// Close the WebSocket that has not taken over in time. The session stays on polling.
    ProbeFailed,
    /// Nobody came for the last word of a session that was closed.
    Closed,
}

/// What a client did that ends the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// What cannot be read.
    #[error(transparent)]
    Packet(#[from] PacketError),
    /// A packet that only a server sends, or an upgrade of what is no probing WebSocket.
    #[error("packet type not expected from a client here")]
    Unexpected,
    /// A ping of protocol 4, or a pong of protocol 3.
    #[error("heartbeat in the wrong direction")]
    Heartbeat,
    /// No pong, or in protocol 3 no ping, in time.
    #[error("no heartbeat in time")]
    Silence,
}

/// Milliseconds between the ends of two polls while a WebSocket probes.
const POLL_END_INTERVAL: u64 = 100;

impl Session {
    /// A session that begins `now` on `transport`; its [`open`] packet is the first thing to say.
    ///
    /// The GET of a handshake is answered with it at once and is no [`poll`](Self::poll).
    pub fn new(version: Version, transport: Transport, limits: Arc<Limits>, now: Time) -> Self {
        let silence = match version {
            Version::V3 => limits.ping_interval.saturating_add(limits.ping_timeout),
            Version::V4 => limits.ping_interval,
        };
        Self {
            beat: now + silence,
            limits,
            state: match transport {
                Transport::Polling => State::Polling,
                Transport::WebSocket => State::WebSocket,
            },
            poll: Poll::None,
            version,
            pinged: false,
            posting: false,
        }
    }

    /// The client's revision.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Where output may go now: to the poll that waits, as its answer, or to the WebSocket. `None` while there is no poll.
    pub fn output(&self) -> Option<Transport> {
        match (self.state, self.poll) {
            (State::WebSocket, _) => Some(Transport::WebSocket),
            (State::Polling | State::Probing { .. }, Poll::Waiting) => Some(Transport::Polling),
            _ => None,
        }
    }

    /// Whether it is over: close its WebSocket, and answer requests with [`Refusal::Session`].
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Takes up a GET, which waits for output.
    ///
    /// # Errors
    ///
    /// The answer to that GET. When another one waits already the session is closed by it.
    pub fn poll(&mut self, now: Time) -> Result<(), Refusal> {
        self.check(now)?;
        match (self.state, self.poll) {
            (State::Closing { .. }, _) => {
                self.poll = Poll::Close;
                self.state = State::Closed;
            }
            (_, Poll::None) => self.poll = Poll::Waiting,
            _ => {
                self.end(Poll::Close);
                return Err(Refusal::Bad);
            }
        }
        Ok(())
    }

    /// The poll that waited was answered with output.
    pub fn poll_answered(&mut self) {
        self.poll = Poll::None;
    }

    /// The poll that waits is to be answered with this packet, after what else there is to say on polling. Told once; then it waits no
    /// more.
    pub fn answer(&mut self) -> Option<Packet<'static>> {
        let packet = match self.poll {
            Poll::None | Poll::Waiting => return None,
            Poll::Noop => Packet::Noop,
            Poll::Close => Packet::Close,
        };
        self.poll = Poll::None;
        Some(packet)
    }

    /// The client has given up its poll before the answer, and by that the session.
    pub fn poll_lost(&mut self) {
        let was_there = std::mem::replace(&mut self.poll, Poll::None) != Poll::None;
        if was_there && self.state != State::WebSocket {
            self.end(Poll::Close);
        }
    }

    /// Takes up a POST whose body is still to come.
    ///
    /// # Errors
    ///
    /// The answer to that POST. When another one is not done yet the session is closed by it.
    pub fn post(&mut self, now: Time) -> Result<(), Refusal> {
        self.check(now)?;
        if self.posting {
            self.end(Poll::Close);
            return Err(Refusal::Bad);
        }
        self.posting = true;
        Ok(())
    }

    /// The packets of the POST were received, and it is answered.
    pub fn post_done(&mut self) {
        self.posting = false;
    }

    /// The client has given up its POST, or its body was not a payload at all ([`Form::of_post`](super::Form::of_post)).
    pub fn post_failed(&mut self) {
        let was_there = std::mem::replace(&mut self.posting, false);
        if was_there && self.state != State::WebSocket {
            self.end(Poll::Close);
        }
    }

    /// Takes up a WebSocket for the session, which is on polling.
    ///
    /// # Errors
    ///
    /// Close that WebSocket; the session goes on as it was.
    pub fn probe(&mut self, now: Time) -> Result<(), Refusal> {
        match self.state {
            State::Polling => {
                self.state = State::Probing {
                    until: now + self.limits.upgrade_timeout,
                    end_polls: None,
                };
                Ok(())
            }
            State::Probing { .. } | State::WebSocket => Err(Refusal::Bad),
            State::Closing { .. } | State::Closed => Err(Refusal::Session),
        }
    }

    /// The WebSocket is gone: the end of the session, unless it was probing.
    pub fn websocket_lost(&mut self) {
        match self.state {
            State::Probing { .. } => self.state = State::Polling,
            State::WebSocket => self.end(Poll::Close),
            State::Polling | State::Closing { .. } | State::Closed => {}
        }
    }

    /// Closes the session: the poll that waits is ended, or else the next one.
    pub fn close(&mut self, now: Time) {
        match (self.state, self.poll) {
            (State::Polling | State::Probing { .. }, Poll::None | Poll::Noop) => {
                self.state = State::Closing {
                    until: now + self.limits.close_timeout,
                };
            }
            (State::Closing { .. }, _) => {}
            _ => self.end(Poll::Close),
        }
    }

    /// Takes up what came by `transport`: what [`Packet::read`](Packet::read) made of a message of the WebSocket, or a
    /// [`Payload`](super::Payload) of the POST, packet by packet.
    ///
    /// # Errors
    ///
    /// The session is closed; a POST is answered with [`Refusal::Bad`].
    pub fn receive<'a>(
        &mut self,
        now: Time,
        transport: Transport,
        packet: Result<Packet<'a>, PacketError>,
    ) -> Result<Option<Event<'a>>, Violation> {
        match (self.state, transport) {
            (State::Closed, _) => return Ok(None),
            (State::Closing { .. }, _) => {
                if packet == Ok(Packet::Close) {
                    self.end(Poll::Noop);
                }
                return Ok(None);
            }
            (State::Probing { until, .. }, Transport::WebSocket) => {
                return Ok(Some(self.hear_probe(now, until, packet)));
            }
            // It was to be closed.
            (State::Polling, Transport::WebSocket) => return Ok(None),
            // A POST may end after the upgrade: what it says was said before.
            (State::Polling | State::Probing { .. } | State::WebSocket, _) => {}
        }
        match (packet, self.version) {
            (Err(error), _) => Err(self.fail(error.into())),
            (Ok(Packet::Message(data)), _) => Ok(Some(Event::Message(data))),
            (Ok(Packet::Ping(_)), Version::V3) => {
                self.beat = now + self.limits.ping_interval + self.limits.ping_timeout;
                Ok(Some(Event::Ping))
            }
            (Ok(Packet::Pong(_)), Version::V4) => {
                self.beat = now + self.limits.ping_interval;
                self.pinged = false;
                Ok(None)
            }
            (Ok(Packet::Ping(_) | Packet::Pong(_)), _) => Err(self.fail(Violation::Heartbeat)),
            (Ok(Packet::Close), _) => {
                self.end(Poll::Noop);
                Ok(Some(Event::Closed))
            }
            (Ok(Packet::Noop), _) => Ok(None),
            (Ok(Packet::Open(_) | Packet::Upgrade), _) => Err(self.fail(Violation::Unexpected)),
        }
    }

    /// When [`tick`](Self::tick) is wanted next; `None` once the session is closed.
    pub fn deadline(&self) -> Option<Time> {
        match self.state {
            State::Polling | State::WebSocket => Some(self.beat),
            State::Probing { until, end_polls } => {
                let end_poll = end_polls.filter(|_| self.poll == Poll::Waiting);
                Some(self.beat.min(until).min(end_poll.unwrap_or(until)))
            }
            State::Closing { until } => Some(until),
            State::Closed => None,
        }
    }

    /// Does what is due, one thing a call, until `Ok(None)`. Nothing before the deadline.
    ///
    /// # Errors
    ///
    /// The client was silent for too long; the session is closed.
    pub fn tick(&mut self, now: Time) -> Result<Option<Due>, Violation> {
        match self.state {
            State::Closing { until } if until <= now => {
                self.end(Poll::Close);
                return Ok(Some(Due::Closed));
            }
            State::Closing { .. } | State::Closed => return Ok(None),
            State::Probing { until, .. } if until <= now => {
                self.state = State::Polling;
                return Ok(Some(Due::ProbeFailed));
            }
            State::Probing {
                until,
                end_polls: Some(end_polls),
            } if end_polls <= now && self.poll == Poll::Waiting => {
                self.poll = Poll::Noop;
                self.state = State::Probing {
                    until,
                    end_polls: Some(now + POLL_END_INTERVAL),
                };
            }
            State::Probing { .. } | State::Polling | State::WebSocket => {}
        }
        if now < self.beat {
            return Ok(None);
        }
        if self.pinged || self.version == Version::V3 {
            return Err(self.fail(Violation::Silence));
        }
        self.pinged = true;
        self.beat = now + self.limits.ping_timeout;
        Ok(Some(Due::Ping))
    }

    fn hear_probe<'a>(
        &mut self,
        now: Time,
        until: Time,
        packet: Result<Packet<'a>, PacketError>,
    ) -> Event<'a> {
        match packet {
            Ok(Packet::Ping("probe")) => {
                self.state = State::Probing {
                    until,
                    end_polls: Some(now + POLL_END_INTERVAL),
                };
                Event::Probe
            }
            Ok(Packet::Upgrade) => {
                self.state = State::WebSocket;
                self.end_poll(Poll::Noop);
                Event::Upgraded
            }
            _ => {
                self.state = State::Polling;
                Event::ProbeFailed
            }
        }
    }

    /// Whether a request for a session that is on polling may be taken up.
    fn check(&mut self, now: Time) -> Result<(), Refusal> {
        let is_silent = now >= self.beat && (self.pinged || self.version == Version::V3);
        match self.state {
            State::Polling | State::Probing { .. } if is_silent => {
                self.end(Poll::Close);
                Err(Refusal::Session)
            }
            State::Closed => Err(Refusal::Session),
            State::WebSocket => Err(Refusal::Bad),
            State::Polling | State::Probing { .. } | State::Closing { .. } => Ok(()),
        }
    }

    fn fail(&mut self, violation: Violation) -> Violation {
        self.end(Poll::Close);
        violation
    }

    fn end(&mut self, with: Poll) {
        self.state = State::Closed;
        self.end_poll(with);
    }

    fn end_poll(&mut self, with: Poll) {
        if self.poll == Poll::Waiting {
            self.poll = with;
        }
    }
}

/// Appends the JSON of the [open](Packet::Open) packet of a session that begins on `transport`. `with_upgrade` says whether a session
/// on polling may go on on a WebSocket.
pub fn open(sid: &str, transport: Transport, with_upgrade: bool, limits: &Limits, out: &mut Vec<u8>) {
    let upgrades: &[u8] = if with_upgrade && transport == Transport::Polling {
        br#","upgrades":["websocket"]"#
    } else {
        br#","upgrades":[]"#
    };
    out.extend_from_slice(br#"{"sid":"#);
    json::put_string(sid, out);
    out.extend_from_slice(upgrades);
    let payload = limits.payload as u64;
    for (name, number) in [
        (&br#","pingInterval":"#[..], limits.ping_interval),
        (br#","pingTimeout":"#, limits.ping_timeout),
        (br#","maxPayload":"#, payload),
    ] {
        out.extend_from_slice(name);
        out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }
    out.push(b'}');
}

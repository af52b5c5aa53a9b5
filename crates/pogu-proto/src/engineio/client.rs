use std::borrow::Cow;

use super::{Data, Packet, PacketError, Transport, json};
use crate::Time;

/// The client's side of one session of protocol 4.
///
/// It keeps at most one GET waiting while [`polls`](Self::polls) says so, and at most one POST; as with a
/// [`Session`](super::Session), what is to be said waits with the caller.
#[derive(Debug)]
pub struct Client {
    state: State,
    /// By when the next ping is wanted; `None` before the handshake.
    beat: Option<Time>,
    /// Milliseconds from one ping to the next, at most.
    patience: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Opening(Transport),
    Polling,
    /// On polling; a WebSocket was opened and probed.
    Probing,
    /// The probe was answered: polling comes to its end.
    Leaving,
    WebSocket,
    Closed,
}

/// What the server's [open](Packet::Open) packet says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open<'a> {
    /// The session's id, for the `sid` of all further requests.
    pub sid: Cow<'a, str>,
    /// Whether the session may go on on a WebSocket.
    pub may_upgrade: bool,
    /// Milliseconds between pings.
    pub ping_interval: u64,
    /// Milliseconds that the server waits for a pong.
    pub ping_timeout: u64,
    /// Bytes of a POST's body, at most; 0 when the server does not say.
    pub max_payload: u64,
}

/// What a packet came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent<'a> {
    /// The session is open.
    Open(Open<'a>),
    /// A message.
    Message(Data<'a>),
    /// The server pings: say `Pong`, with nothing after it.
    Ping,
    /// The WebSocket answers: begin no further GET or POST and, when those under way are done, [`upgrade`](Client::upgrade).
    Probed,
    /// The WebSocket said something else: close it. The session stays on polling.
    ProbeFailed,
    /// The server has closed the session.
    Closed,
}

/// What a server did that ends the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerViolation {
    /// What cannot be read.
    #[error(transparent)]
    Packet(#[from] PacketError),
    /// The handshake is not JSON, lacks something or says something out of range.
    #[error("invalid handshake")]
    Handshake,
    /// A packet that does not fit here.
    #[error("packet type not expected from a server here")]
    Unexpected,
    /// No ping in time.
    #[error("no ping in time")]
    Silence,
}

/// Bytes of a session id, at most.
const SID_MAX: usize = 256;
/// A day: no server's ping interval or timeout is longer.
const MILLISECONDS_MAX: u64 = 86_400_000;

impl Client {
    /// A session whose handshake is under way.
    pub fn new(transport: Transport) -> Self {
        Self {
            state: State::Opening(transport),
            beat: None,
            patience: 0,
        }
    }

    /// Where output may go: into a POST or to the WebSocket.
    pub fn output(&self) -> Option<Transport> {
        match self.state {
            State::Polling | State::Probing => Some(Transport::Polling),
            State::WebSocket => Some(Transport::WebSocket),
            State::Opening(_) | State::Leaving | State::Closed => None,
        }
    }

    /// Whether a GET is to wait at the server.
    pub fn polls(&self) -> bool {
        matches!(self.state, State::Polling | State::Probing)
    }

    /// Whether the session is over.
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// A WebSocket was opened with the session's `sid`: say `Ping("probe")` on it. Whether the session is on polling, so that it is
    /// worth it.
    pub fn probe(&mut self) -> bool {
        let may_probe = self.state == State::Polling;
        if may_probe {
            self.state = State::Probing;
        }
        may_probe
    }

    /// After [`ClientEvent::Probed`], when no GET and no POST is under way any more: say `Upgrade` on the WebSocket, and everything
    /// else after it.
    pub fn upgrade(&mut self) {
        if self.state == State::Leaving {
            self.state = State::WebSocket;
        }
    }

    /// The WebSocket is gone: the end of the session, unless it had not taken over.
    pub fn websocket_lost(&mut self) {
        match self.state {
            State::Probing | State::Leaving => self.state = State::Polling,
            State::Opening(Transport::WebSocket) | State::WebSocket => self.state = State::Closed,
            State::Opening(Transport::Polling) | State::Polling | State::Closed => {}
        }
    }

    /// Closes the session. On polling say [`Packet::Close`] in a last POST, on a WebSocket close it.
    pub fn close(&mut self) {
        self.state = State::Closed;
    }

    /// Takes up what came by `transport`, packet by packet.
    ///
    /// # Errors
    ///
    /// The session is closed.
    pub fn receive<'a>(
        &mut self,
        now: Time,
        transport: Transport,
        packet: Result<Packet<'a>, PacketError>,
    ) -> Result<Option<ClientEvent<'a>>, ServerViolation> {
        match (self.state, transport) {
            (State::Closed, _) => return Ok(None),
            (State::Opening(_), _) => return self.handshake(now, packet).map(Some),
            (State::Probing, Transport::WebSocket) => {
                let is_answer = packet == Ok(Packet::Pong("probe"));
                self.state = if is_answer { State::Leaving } else { State::Polling };
                return Ok(Some(if is_answer {
                    ClientEvent::Probed
                } else {
                    ClientEvent::ProbeFailed
                }));
            }
            // It was to be closed, or says something before it was taken up.
            (State::Polling, Transport::WebSocket) => return Ok(None),
            _ => {}
        }
        match packet {
            Err(error) => Err(self.fail(error.into())),
            Ok(Packet::Message(data)) => Ok(Some(ClientEvent::Message(data))),
            Ok(Packet::Ping(_)) => {
                self.beat = Some(now + self.patience);
                Ok(Some(ClientEvent::Ping))
            }
            Ok(Packet::Close) => {
                self.state = State::Closed;
                Ok(Some(ClientEvent::Closed))
            }
            Ok(Packet::Noop) => Ok(None),
            Ok(Packet::Open(_) | Packet::Pong(_) | Packet::Upgrade) => {
                Err(self.fail(ServerViolation::Unexpected))
            }
        }
    }

    /// When [`tick`](Self::tick) is wanted; `None` before the handshake, for which the caller has its own patience, and at the end.
    pub fn deadline(&self) -> Option<Time> {
        self.beat.filter(|_| !self.is_closed())
    }

    /// Ends the session when no ping came in time.
    ///
    /// # Errors
    ///
    /// None came; the session is closed.
    pub fn tick(&mut self, now: Time) -> Result<(), ServerViolation> {
        match self.deadline() {
            Some(deadline) if deadline <= now => Err(self.fail(ServerViolation::Silence)),
            _ => Ok(()),
        }
    }

    fn handshake<'a>(
        &mut self,
        now: Time,
        packet: Result<Packet<'a>, PacketError>,
    ) -> Result<ClientEvent<'a>, ServerViolation> {
        let State::Opening(transport) = self.state else {
            return Err(self.fail(ServerViolation::Unexpected));
        };
        let open = match packet {
            Ok(Packet::Open(text)) => Open::parse(text),
            Ok(_) => return Err(self.fail(ServerViolation::Unexpected)),
            Err(error) => return Err(self.fail(error.into())),
        };
        let Some(open) = open else {
            return Err(self.fail(ServerViolation::Handshake));
        };
        self.state = match transport {
            Transport::Polling => State::Polling,
            Transport::WebSocket => State::WebSocket,
        };
        self.patience = open.ping_interval + open.ping_timeout;
        self.beat = Some(now + self.patience);
        Ok(ClientEvent::Open(open))
    }

    fn fail(&mut self, violation: ServerViolation) -> ServerViolation {
        self.state = State::Closed;
        violation
    }
}

impl<'a> Open<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        json::check(text, json::DEPTH_MAX).ok()?;
        let (mut sid, mut upgrades, mut max_payload) = (None, "", 0);
        let (mut ping_interval, mut ping_timeout) = (None, None);
        for (key, value) in json::members(text) {
            match key {
                "sid" => sid = json::string(value),
                "upgrades" => upgrades = value,
                "pingInterval" => ping_interval = milliseconds(value),
                "pingTimeout" => ping_timeout = milliseconds(value),
                "maxPayload" => max_payload = value.parse().ok()?,
                _ => {}
            }
        }
        Some(Self {
            sid: sid.filter(|sid| (1..=SID_MAX).contains(&sid.len()))?,
            may_upgrade: json::array(upgrades)
                .is_some_and(|mut all| all.any(|name| name == r#""websocket""#)),
            ping_interval: ping_interval?,
            ping_timeout: ping_timeout?,
            max_payload,
        })
    }
}

fn milliseconds(value: &str) -> Option<u64> {
    value.parse().ok().filter(|number| *number <= MILLISECONDS_MAX)
}

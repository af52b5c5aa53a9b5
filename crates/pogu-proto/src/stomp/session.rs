use super::answer::{Failure, connected, error};
use super::event::{self, Event};
use super::heart_beat::{Beats, HeartBeat};
use super::{Decoder, Limits, Version, Violation};
use crate::{Reader, Time};

/// The server's side of one connection.
///
/// It holds what arrived of an incomplete frame and nothing else; what is complete is lent. CONNECTED, ERROR and heart-beats it writes itself;
/// MESSAGE and RECEIPT are the caller's, in the session's [version](Server::version).
#[derive(Debug)]
pub struct Server {
    decoder: Decoder,
    beats: Beats,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// For CONNECT.
    Waiting,
    /// For the caller to accept it, with the heart-beats that the client offered.
    Asked(Version, HeartBeat),
    Connected(Version),
    /// After DISCONNECT: nothing more is read, but what came before it may still fail.
    Left(Version),
    /// After ERROR: nothing more is read or said.
    Ended(Version),
}

/// What a server allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// How large CONNECT may be.
    pub before_connect: Limits,
    /// How large every other frame may be.
    pub frame: Limits,
    /// Milliseconds until CONNECT must be there.
    pub connect_timeout: u64,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            before_connect: Limits::BEFORE_CONNECT,
            frame: Limits::default(),
            connect_timeout: 10_000,
        }
    }
}

/// What CONNECTED says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted<'a> {
    /// The id of the session.
    pub session: &'a str,
    /// The server's `name/version`.
    pub server: &'a str,
    /// The heart-beats it offers; an interval below 500 ms is offered as 500 ms.
    pub heart_beat: HeartBeat,
}

impl Server {
    /// A session that begins `now`.
    pub fn new(now: Time) -> Self {
        Self {
            decoder: Decoder::new(),
            beats: Beats::new(now),
            state: State::Waiting,
        }
    }

    /// Takes the next event from `input`. `Ok(None)` when all input is taken; input stays there only between [`Event::Connect`] and its
    /// answer. What follows DISCONNECT or ERROR is ignored.
    ///
    /// # Errors
    ///
    /// What the client did. An ERROR frame that says so, with the `receipt` of the offending frame, has been appended to `out`;
    /// the session is ended and the connection is to be closed.
    pub fn next<'e>(
        &'e mut self,
        now: Time,
        limits: &ServerLimits,
        input: &'e mut Reader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Option<Event<'e>>, Violation> {
        let limits = match self.state {
            State::Waiting => &limits.before_connect,
            State::Connected(_) => &limits.frame,
            State::Asked(..) => return Ok(None),
            State::Left(_) | State::Ended(_) => {
                self.decoder = Decoder::new();
                input.take(usize::MAX);
                return Ok(None);
            }
        };
        if !input.is_empty() {
            self.beats.heard(now);
        }
        let state = &mut self.state;
        let frame = match self.decoder.next(limits, input) {
            Ok(Some(frame)) => frame,
            Ok(None) => return Ok(None),
            Err(violation) => return Err(violated(state, violation, None, out)),
        };
        let event = match *state {
            State::Connected(version) => event::event(&frame, version),
            _ => event::connect(&frame).map(Event::Connect),
        };
        match &event {
            Ok(Event::Connect(connect)) => *state = State::Asked(connect.version, connect.heart_beat),
            Ok(Event::Disconnect { .. }) => *state = State::Left(state.version()),
            Ok(_) => {}
            Err(violation) => {
                let receipt = frame.header("receipt", state.version());
                return Err(violated(state, violation.clone(), receipt.as_deref(), out));
            }
        }
        event.map(Some)
    }

    /// Answers [`Event::Connect`] with CONNECTED. Does nothing at any other time.
    pub fn accept(&mut self, now: Time, accepted: &Accepted<'_>, out: &mut Vec<u8>) {
        let State::Asked(version, theirs) = self.state else {
            return;
        };
        let ours = accepted.heart_beat.offered();
        connected(version, accepted.session, accepted.server, ours, out);
        self.state = State::Connected(version);
        self.beats.sent(now);
        self.beats.agree(now, ours, theirs);
    }

    /// Refuses a CONNECT, or anything else that cannot be done: appends ERROR and ends the session; the connection is to be closed.
    /// After DISCONNECT this is for what came before it; nothing is sent after ERROR.
    pub fn fail(&mut self, failure: Failure<'_>, out: &mut Vec<u8>) {
        if !matches!(self.state, State::Ended(_)) {
            error(failure, false, self.version(), out);
            self.state = State::Ended(self.version());
        }
    }

    /// The caller wrote something `now`, such as a MESSAGE: a heart-beat is not wanted yet.
    pub fn sent(&mut self, now: Time) {
        self.beats.sent(now);
    }

    /// Something was heard `now` that was not handed in, or could not be because the caller was not reading.
    pub fn heard(&mut self, now: Time) {
        self.beats.heard(now);
    }

    /// When [`Server::tick`] is wanted next.
    pub fn deadline(&self, limits: &ServerLimits) -> Option<Time> {
        match self.state {
            // Nothing was sent since the session began.
            State::Waiting => Some(self.beats.last_sent() + limits.connect_timeout),
            State::Connected(_) => self.beats.deadline(),
            State::Asked(..) | State::Left(_) | State::Ended(_) => None,
        }
    }

    /// Does what is due: a heart-beat when nothing else was sent, the end when there is no CONNECT or nothing was heard for twice the interval.
    ///
    /// # Errors
    ///
    /// As those of [`Server::next`].
    pub fn tick(&mut self, now: Time, limits: &ServerLimits, out: &mut Vec<u8>) -> Result<(), Violation> {
        if self.deadline(limits).is_none_or(|deadline| now < deadline) {
            return Ok(());
        }
        let violation = match self.state {
            State::Waiting => Some(Violation::ConnectTimeout(limits.connect_timeout)),
            _ => self.beats.silence(now).map(Violation::Silent),
        };
        if let Some(violation) = violation {
            return Err(violated(&mut self.state, violation, None, out));
        }
        self.beats.beat(now, out);
        Ok(())
    }

    /// The version of the session, in which to write to the client; 1.0 before CONNECT.
    pub fn version(&self) -> Version {
        self.state.version()
    }

    /// Whether CONNECT was accepted and neither DISCONNECT nor ERROR has followed.
    pub fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected(_))
    }

    /// Whether DISCONNECT was heard or ERROR written.
    pub fn is_ended(&self) -> bool {
        matches!(self.state, State::Left(_) | State::Ended(_))
    }

    /// Whether no incomplete frame is kept.
    pub fn is_between_frames(&self) -> bool {
        self.decoder.is_empty()
    }
}

impl State {
    fn version(self) -> Version {
        match self {
            State::Waiting => Version::V1_0,
            State::Asked(version, _)
            | State::Connected(version)
            | State::Left(version)
            | State::Ended(version) => version,
        }
    }
}

/// Writes the ERROR of a violation and ends the session.
fn violated(state: &mut State, violation: Violation, receipt: Option<&str>, out: &mut Vec<u8>) -> Violation {
    let detail = violation.to_string();
    let failure = Failure {
        message: violation.name(),
        detail: &detail,
        receipt,
    };
    let versions = matches!(violation, Violation::NoVersion(_));
    error(failure, versions, state.version(), out);
    *state = State::Ended(state.version());
    violation
}

use std::borrow::Cow;
use std::sync::Arc;

use super::{Close, Limits, Receiver};
use crate::Time;

/// The server's side of one session.
///
/// It holds no message and no socket: the caller has the response or WebSocket that is its receiver, if there is one, says here what
/// happens to it, and after every call
///
/// - asks [`say`](Self::say) what is to be said next, says it, and tells [`said`](Self::said), until there is no more;
/// - forgets the session when [`is_gone`](Self::is_gone).
///
/// A session of responses is found by its name, and outlives them. That of a WebSocket is nobody's but the WebSocket's.
#[derive(Debug)]
pub struct Session {
    limits: Arc<Limits>,
    /// With a receiver the next heartbeat, without one the end.
    due: Time,
    /// Bytes that the receiver has been sent.
    sent: usize,
    state: State,
    receiver: Option<Receiver>,
    /// The client knows of it.
    opened: bool,
    /// A heartbeat is due and not yet said.
    beats: bool,
    /// Something that was said may be lost: what waits behind it is not said, so that no client mistakes it for what comes next.
    broken: bool,
    /// What [`Session::say`] has answered.
    saying: Saying,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Live,
    /// Closed, by the server or by the network.
    Closing(Close<'static>),
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Saying {
    Nothing,
    Open,
    Messages,
    Heartbeat,
    Close,
}

/// What is to be said to the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Say<'s> {
    /// [`Receiver::put_open`].
    Open,
    /// Messages that wait, as many in one frame as the caller likes: [`Receiver::put_messages`].
    Messages,
    /// [`Receiver::put_heartbeat`].
    Heartbeat,
    /// [`Receiver::put_close`].
    Close(&'s Close<'static>),
}

/// Why a receiver is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is one already, which goes on: this one gets [`Close::ANOTHER`] in a response that ends with it.
    #[error("another connection still open")]
    Busy,
    /// The session is gone: forget it, and take up another under its name.
    #[error("session is gone")]
    Gone,
}

/// Bytes of a reason, as in a WebSocket's Close (RFC 6455 §5.5).
const REASON_MAX: usize = 123;

impl Session {
    /// A session without a receiver; [attach](Self::attach) the one it was made for.
    pub fn new(limits: Arc<Limits>, now: Time) -> Self {
        Self {
            due: now + limits.disconnect_delay,
            limits,
            sent: 0,
            state: State::Live,
            receiver: None,
            opened: false,
            beats: false,
            broken: false,
            saying: Saying::Nothing,
        }
    }

    /// Where output goes now.
    pub fn receiver(&self) -> Option<Receiver> {
        self.receiver
    }

    /// Whether messages from the client are taken. What comes later is well-formed or not, but nothing else.
    pub fn is_open(&self) -> bool {
        self.opened && self.state == State::Live
    }

    /// Whether nothing is left of it but to say that it is closed: what waits to be said can be forgotten.
    pub fn is_broken(&self) -> bool {
        self.broken || self.is_gone()
    }

    /// Whether it is over.
    pub fn is_gone(&self) -> bool {
        self.state == State::Gone
    }

    /// Takes up a response or a WebSocket, which begins with the receiver's [prelude](Receiver::put_prelude).
    ///
    /// # Errors
    ///
    /// It is answered otherwise.
    pub fn attach(&mut self, now: Time, receiver: Receiver) -> Result<(), Refused> {
        self.expire(now);
        match (&self.state, self.receiver) {
            (State::Gone, _) => return Err(Refused::Gone),
            (_, Some(_)) => return Err(Refused::Busy),
            (_, None) => {}
        }
        self.receiver = Some(receiver);
        self.sent = 0;
        self.beats = false;
        self.due = now + self.limits.heartbeat;
        Ok(())
    }

    /// What is to be said next, if messages are `waiting` or if not; the same until it is [said](Self::said). `None` without a receiver,
    /// and when there is nothing to say.
    pub fn say(&mut self, waiting: bool) -> Option<Say<'_>> {
        self.saying = Saying::Nothing;
        self.receiver?;
        let (saying, say) = match &self.state {
            State::Live | State::Closing(_) if !self.opened => (Saying::Open, Say::Open),
            State::Live | State::Closing(_) if waiting && !self.broken => (Saying::Messages, Say::Messages),
            State::Live if self.beats => (Saying::Heartbeat, Say::Heartbeat),
            State::Closing(close) => (Saying::Close, Say::Close(close)),
            State::Live | State::Gone => return None,
        };
        self.saying = saying;
        Some(say)
    }

    /// What [`say`](Self::say) has answered was said, in a frame of so many bytes with all that it rides in. Whether the response ends
    /// with it, or the WebSocket is to be closed; the session is then without a receiver.
    #[must_use]
    pub fn said(&mut self, now: Time, bytes: usize) -> bool {
        let Some(receiver) = self.receiver else {
            return false;
        };
        let saying = std::mem::replace(&mut self.saying, Saying::Nothing);
        self.opened |= saying == Saying::Open;
        self.beats = false;
        self.sent = self.sent.saturating_add(bytes);
        let ends = match receiver {
            _ if saying == Saying::Close => true,
            Receiver::Xhr | Receiver::Jsonp => true,
            Receiver::XhrStreaming | Receiver::EventSource | Receiver::HtmlFile => {
                self.sent >= self.limits.response
            }
            Receiver::WebSocket => false,
        };
        if ends {
            self.detach(now);
        }
        ends
    }

    /// The receiver was cut or given up; a client that only wants to leave does the same. The next one is told that there was an
    /// interruption, after what waits: but if messages that were said are `in_doubt`, what waits behind them is never said.
    pub fn lost(&mut self, now: Time, in_doubt: bool) {
        match self.state {
            _ if !self.opened => self.state = State::Gone,
            State::Live => self.state = State::Closing(Close::INTERRUPTED),
            State::Closing(_) | State::Gone => {}
        }
        self.broken |= in_doubt;
        self.detach(now);
    }

    /// Closes the session, after what waits; of two closes the first one counts. Until it is gone every receiver is told so.
    ///
    /// A reason is cut at 123 bytes.
    pub fn close(&mut self, now: Time, code: u16, reason: impl Into<Cow<'static, str>>) {
        if self.state != State::Live {
            return;
        }
        let mut reason = reason.into();
        if reason.len() > REASON_MAX {
            let end = reason.floor_char_boundary(REASON_MAX);
            reason = Cow::Owned(reason[..end].to_owned());
        }
        self.state = State::Closing(Close { code, reason });
        if self.receiver.is_none() {
            self.due = now + self.limits.disconnect_delay;
        }
    }

    /// When [`tick`](Self::tick) is wanted next.
    pub fn deadline(&self) -> Option<Time> {
        match self.state {
            State::Gone => None,
            // All that is left to say is on its way.
            State::Closing(_) if self.receiver.is_some() => None,
            _ => Some(self.due),
        }
    }

    /// Does what is due: a heartbeat, or the end. Nothing before the deadline.
    pub fn tick(&mut self, now: Time) {
        self.expire(now);
        if self.deadline().is_some_and(|due| due <= now) {
            self.beats = true;
            self.due = now + self.limits.heartbeat;
        }
    }

    fn expire(&mut self, now: Time) {
        if self.receiver.is_none() && self.due <= now {
            self.state = State::Gone;
        }
    }

    fn detach(&mut self, now: Time) {
        let receiver = self.receiver.take();
        self.beats = false;
        self.due = now + self.limits.disconnect_delay;
        if receiver == Some(Receiver::WebSocket) {
            self.state = State::Gone;
        }
    }
}

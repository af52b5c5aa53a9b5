use std::sync::Arc;

use super::deflate::write_deflated;
use super::frame::{self, CONTROL_MAX, Control};
use super::receiver::{Receiver, Unit, What};
use super::{Codec, Deflate, Kind, Limits, Role, Violation, is_close_code};
use crate::{Reader, Time};

/// One WebSocket connection after its handshake.
///
/// It holds what arrived of an incomplete frame or message and nothing else; what is complete is lent. Whatever it has
/// to say, the answers to ping and Close included, it appends to `out`.
#[derive(Debug)]
pub struct Session {
    receiver: Receiver,
    /// When the peer was last heard or, in the other states, when the state began.
    since: Time,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// A keep-alive ping was sent and nothing arrived since.
    Pinged,
    /// Our Close was sent, the peer's has not arrived.
    Closing,
    /// Both were sent, or the session failed.
    Closed,
}

/// What arrived, lent until the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'e> {
    /// A whole message.
    Message {
        /// Text or binary.
        kind: Kind,
        /// The message, unmasked and inflated; UTF-8 when it is text.
        payload: &'e [u8],
    },
    /// A ping; its pong has been written.
    Ping(&'e [u8]),
    /// A pong, asked for or not.
    Pong(&'e [u8]),
    /// The peer's Close. Ours has been written, before or as the answer, and the session is closed.
    Close {
        /// The close code, when there is one.
        code: Option<u16>,
        /// The reason, often empty.
        reason: &'e str,
    },
}

impl Session {
    /// A session that begins `now`, with the first byte after the handshake.
    pub fn new(role: Role, limits: Arc<Limits>, deflate: Option<Deflate>, now: Time) -> Self {
        Self {
            receiver: Receiver::new(role, limits, deflate),
            since: now,
            state: State::Open,
        }
    }

    /// Takes the next event from `input` and appends what is to be answered to `out`. `Ok(None)` when all input is
    /// taken.
    ///
    /// Messages go on arriving after our Close, until the peer's; whatever follows that is ignored. After an error the
    /// session is closed, and a Close frame with the violation's code has been written unless one was before.
    #[inline]
    pub fn next<'e>(
        &mut self,
        now: Time,
        input: &'e mut Reader<'_>,
        codec: &'e mut Codec,
        out: &mut Vec<u8>,
    ) -> Result<Option<Event<'e>>, Violation> {
        codec.trim();
        if input.is_empty() {
            return Ok(None);
        }
        match self.state {
            State::Open | State::Pinged => {
                self.state = State::Open;
                self.since = now;
            }
            State::Closing => {}
            State::Closed => {
                input.take(usize::MAX);
                return Ok(None);
            }
        }
        let Unit { what, payload } = match self.receiver.next(input, codec) {
            Ok(Some(unit)) => unit,
            Ok(None) => return Ok(None),
            Err(violation) => return Err(self.fail(violation, codec, out)),
        };
        Ok(Some(match what {
            What::Message(kind) => Event::Message {
                kind,
                payload: payload.lend(codec),
            },
            What::Control(control) => {
                let key = codec.key(self.receiver.role);
                self.control(control, payload.lend(codec), key, out)
            }
        }))
    }

    /// Appends a message: compressed when that was agreed and makes it shorter, masked by a client. Nothing is sent
    /// after Close.
    #[inline]
    pub fn send(&mut self, kind: Kind, payload: &[u8], codec: &mut Codec, out: &mut Vec<u8>) {
        if self.is_closing() {
            return;
        }
        let key = codec.key(self.receiver.role);
        match self.receiver.deflate {
            Some(deflate) => write_deflated(kind, payload, deflate, key, codec, out),
            None => frame::write(frame::first_byte(kind), payload, key, out),
        }
    }

    /// Appends a ping with the first 125 bytes of `payload`. Nothing is sent after Close.
    pub fn ping(&mut self, payload: &[u8], codec: &mut Codec, out: &mut Vec<u8>) {
        if !self.is_closing() {
            frame::write_control(Control::Ping, payload, codec.key(self.receiver.role), out);
        }
    }

    /// Starts the close handshake with `code`, or with 1011 for one that may not be sent (RFC 6455 §7.4), and the
    /// first 123 bytes of `reason`. Does nothing when Close was sent before.
    pub fn close(&mut self, now: Time, code: u16, reason: &str, codec: &mut Codec, out: &mut Vec<u8>) {
        if !self.is_closing() {
            self.write_close(code, reason, codec, out);
            self.state = State::Closing;
            self.since = now;
        }
    }

    /// When [`Session::tick`] is wanted next; `None` once the session is closed.
    pub fn deadline(&self) -> Option<Time> {
        let limits = &self.receiver.limits;
        match self.state {
            State::Open => Some(self.since + limits.ping_interval),
            State::Pinged => Some(self.since + limits.pong_timeout),
            State::Closing => Some(self.since + limits.close_timeout),
            State::Closed => None,
        }
    }

    /// Does what is due: a ping after silence, the end when that or our Close is not answered. Nothing before the
    /// deadline. An error is told as by [`Session::next`].
    pub fn tick(&mut self, now: Time, codec: &mut Codec, out: &mut Vec<u8>) -> Result<(), Violation> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Ok(());
        }
        match self.state {
            State::Open => {
                self.ping(&[], codec, out);
                self.state = State::Pinged;
                self.since = now;
                Ok(())
            }
            State::Pinged => Err(self.fail(Violation::NoPong, codec, out)),
            State::Closing => Err(self.fail(Violation::NoClose, codec, out)),
            State::Closed => Ok(()),
        }
    }

    /// Whether our Close was sent, after which nothing is.
    pub fn is_closing(&self) -> bool {
        matches!(self.state, State::Closing | State::Closed)
    }

    /// Whether both sides sent Close or the session failed: when `out` is written, the transport may be shut.
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// The compression agreed.
    pub fn deflate(&self) -> Option<Deflate> {
        self.receiver.deflate
    }

    fn control<'e>(
        &mut self,
        control: Control,
        payload: &'e [u8],
        key: Option<[u8; 4]>,
        out: &mut Vec<u8>,
    ) -> Event<'e> {
        match control {
            Control::Ping => {
                if !self.is_closing() {
                    frame::write_control(Control::Pong, payload, key, out);
                }
                Event::Ping(payload)
            }
            Control::Pong => Event::Pong(payload),
            Control::Close => {
                let (code, reason) = match payload.split_first_chunk() {
                    Some((code, reason)) => (Some(code), reason),
                    None => (None, &[][..]),
                };
                if !self.is_closing() {
                    frame::write_control(Control::Close, code.map_or(&[], |code| &code[..]), key, out);
                }
                self.end();
                Event::Close {
                    code: code.copied().map(u16::from_be_bytes),
                    // Checked by the receiver.
                    reason: str::from_utf8(reason).unwrap_or_default(),
                }
            }
        }
    }

    fn fail(&mut self, violation: Violation, codec: &mut Codec, out: &mut Vec<u8>) -> Violation {
        if !self.is_closing() {
            self.write_close(violation.code(), &violation.to_string(), codec, out);
        }
        self.end();
        violation
    }

    fn end(&mut self) {
        self.state = State::Closed;
        self.receiver.clear();
    }

    fn write_close(&mut self, code: u16, reason: &str, codec: &mut Codec, out: &mut Vec<u8>) {
        let code = if is_close_code(code) { code } else { 1011 };
        let reason = &reason[..reason.floor_char_boundary(CONTROL_MAX - 2)];
        let payload = [&code.to_be_bytes(), reason.as_bytes()].concat();
        frame::write_control(Control::Close, &payload, codec.key(self.receiver.role), out);
    }
}

//! SockJS as a carrier: a session on a WebSocket of its own, or on responses one after another.
//!
//! Requests for a session of responses arrive on any lane and are handed to its own as errands; its lane follows from its name. What
//! is to be said waits as strings, and a response gets them in frames of its own kind.

mod requests;
mod write;

use std::sync::Arc;

use pogu_proto::sockjs::{Close, Limits, Messages, Receiver, Say, SendError, Session, put_string};
use pogu_proto::{Reader, Time, ws};

use crate::carrier::Carrier;
use crate::core::Core;
use crate::engineio::Sid;
use crate::peer::{Ending, Peer};

pub(crate) use requests::{Errand, Post, Receive, Response, SendRefusal};

/// The code for a message above the limit.
const TOO_LONG: u16 = 1009;

/// How messages are put into output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strings {
    /// Each a frame in a WebSocket message.
    Frames,
    /// Strings of a frame that is made when there is a response for it, each with the separator behind it.
    Items,
}

impl Strings {
    /// Appends a message.
    pub(crate) fn put(self, text: &str, out: &mut Vec<u8>) {
        match self {
            Strings::Frames => frame(out, |out| {
                out.extend_from_slice(b"a[");
                put_string(text, out);
                out.push(b']');
            }),
            Strings::Items => {
                put_string(text, out);
                out.push(Receiver::SEPARATOR);
            }
        }
    }
}

/// Appends a text message with what `put` appends in it.
fn frame(out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    put(out);
    // The header depends on the length, so it is written last and turned to the front.
    let end = out.len();
    ws::encode_header(ws::Kind::Text, end - start, out);
    let header = out.len() - end;
    out[start..].rotate_right(header);
}

/// A session and how it rides now.
pub(crate) struct SockJs {
    session: Session,
    limits: Arc<Limits>,
    rides: Rides,
}

enum Rides {
    WebSocket(ws::Session),
    Responses(Responses),
}

/// What a session of responses has beside the one that is its peer's link.
struct Responses {
    sid: Sid,
    /// The number of its response, or of the last.
    number: u64,
    /// The client's function, for responses that call one.
    callback: Box<str>,
    /// The strings of the messages in the pipe, while they may still be in it.
    offered: Vec<u8>,
    /// The response was sent messages of which it is not known that they arrived.
    in_doubt: bool,
}

impl SockJs {
    /// A session on a WebSocket, of whose output `first` is the beginning.
    pub(crate) fn on_websocket(
        socket: ws::Session,
        limits: Arc<Limits>,
        core: &Core,
        first: &mut Vec<u8>,
    ) -> Self {
        let mut carrier = Self {
            session: Session::new(limits.clone(), core.now),
            limits,
            rides: Rides::WebSocket(socket),
        };
        // A new session takes its first receiver.
        let _ = carrier.session.attach(core.now, Receiver::WebSocket);
        carrier.say(core.now, first);
        carrier
    }

    fn on_responses(sid: Sid, limits: Arc<Limits>, now: Time) -> Self {
        Self {
            session: Session::new(limits.clone(), now),
            limits,
            rides: Rides::Responses(Responses {
                sid,
                number: 0,
                callback: Box::default(),
                offered: Vec::new(),
                in_doubt: false,
            }),
        }
    }

    /// The name by which requests find it.
    pub(crate) fn sid(&self) -> Option<Sid> {
        match &self.rides {
            Rides::WebSocket(_) => None,
            Rides::Responses(responses) => Some(responses.sid),
        }
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.session.is_gone() && matches!(self.rides, Rides::Responses(_))
    }

    pub(crate) fn strings(&self) -> Strings {
        match self.rides {
            Rides::WebSocket(_) => Strings::Frames,
            Rides::Responses(_) => Strings::Items,
        }
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        let socket = match &self.rides {
            Rides::WebSocket(socket) => socket.deadline(),
            Rides::Responses(_) => None,
        };
        [self.session.deadline(), socket].into_iter().flatten().min()
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, out: &mut Vec<u8>, core: &mut Core) -> Result<(), Ending> {
        if let Rides::WebSocket(socket) = &mut self.rides {
            socket
                .tick(core.now, &mut core.codec, out)
                .map_err(|_| Ending::TimedOut)?;
        }
        self.session.tick(core.now);
        if self.session.is_gone() {
            return Err(Ending::TimedOut);
        }
        self.say(core.now, out);
        Ok(())
    }

    /// Closes the session. A client is told until it has been gone for the disconnect delay.
    pub(crate) fn close(&mut self, code: u16, why: &str, out: &mut Vec<u8>, core: &mut Core) {
        self.session.close(core.now, code, why.to_owned());
        self.say(core.now, out);
        if let Rides::WebSocket(socket) = &mut self.rides {
            socket.close(core.now, 1000, "", &mut core.codec, out);
        }
    }

    /// How long a client that was told the end has to go.
    pub(crate) fn linger(&self) -> u64 {
        match self.rides {
            Rides::WebSocket(_) => 0,
            Rides::Responses(_) => self.limits.disconnect_delay,
        }
    }

    /// Says on a WebSocket what is to be said beside messages, which go out as they come.
    fn say(&mut self, now: Time, out: &mut Vec<u8>) {
        if let Rides::Responses(_) = self.rides {
            return;
        }
        while let Some(say) = self.session.say(false) {
            let start = out.len();
            frame(out, |out| match say {
                Say::Open => Receiver::WebSocket.put_open("", out),
                Say::Heartbeat => Receiver::WebSocket.put_heartbeat("", out),
                Say::Close(close) => Receiver::WebSocket.put_close("", close, out),
                Say::Messages => {}
            });
            if self.session.said(now, out.len() - start) {
                return;
            }
        }
    }
}

impl Peer {
    /// Bytes of a message, as on a WebSocket that is no SockJS.
    fn message_max(&self, core: &Core) -> usize {
        if self.dialect.has_envelope() {
            core.ws_head_limits.message
        } else {
            core.ws_limits.message
        }
    }

    /// Closes the session as a WebSocket would be closed (RFC 6455 §7.4.1): clients need not try again.
    fn refuse_length(&mut self, why: String, core: &mut Core) -> Ending {
        if let Carrier::SockJs(carrier) = &mut self.carrier {
            carrier.close(TOO_LONG, &why, &mut self.out, core);
        }
        Ending::Violation(why)
    }

    /// Takes bytes of the WebSocket of a SockJS session.
    pub(crate) fn receive_sockjs(
        &mut self,
        bytes: &mut [u8],
        codec: &mut ws::Codec,
        core: &mut Core,
    ) -> Result<(), Ending> {
        let mut reader = Reader::new(bytes);
        loop {
            let Carrier::SockJs(carrier) = &mut self.carrier else {
                return Ok(());
            };
            let Rides::WebSocket(socket) = &mut carrier.rides else {
                return Ok(());
            };
            let payload = match socket.next(core.now, &mut reader, codec, &mut self.out) {
                Ok(Some(ws::Event::Message { payload, .. })) => payload,
                Ok(Some(ws::Event::Close { .. })) => return Err(Ending::Finished),
                Ok(Some(_)) => continue,
                Ok(None) => return Ok(()),
                Err(violation) => return Err(Ending::Violation(violation.to_string())),
            };
            let messages = match Messages::of_websocket(payload, &carrier.limits) {
                Ok(messages) => messages,
                Err(error @ SendError::TooLong(_)) => return Err(self.refuse_length(error.to_string(), core)),
                Err(error) => {
                    // Whoever cannot be read is told in the WebSocket's own Close, as no SockJS client looks for it elsewhere.
                    let Close { code, reason } = Close::BROKEN;
                    socket.close(core.now, code, &reason, &mut core.codec, &mut self.out);
                    carrier.session.lost(core.now, true);
                    return Err(Ending::Violation(error.to_string()));
                }
            };
            for message in messages {
                if message.len() > self.message_max(core) {
                    return Err(self.refuse_length("a message longer than may be".into(), core));
                }
                self.hear_message(ws::Kind::Text, message.as_bytes(), core)?;
            }
        }
    }
}

//! How messages stand in the bytes that a server sends, per way of subscribing.
//!
//! A decoder is handed bytes that begin where the last call stopped. It only looks for stamps and for what must be answered:
//! the load generator has to be far cheaper than what it measures.

use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use memchr::memmem;
use pogu_proto::ws::{ClientHandshake, Codec, Event, Kind, Limits, Role, Session};
use pogu_proto::{Reader, Time};

use super::http::{self, Body};
use super::socketio::{self, Polls};
use super::sockjs;
use super::stamp::{self, Stamp};
use super::stomp::Joining;

/// Bytes of a WebSocket message.
const MESSAGE_MAX: usize = 2 << 20;
/// Bytes of one long poll's answer.
const ANSWER_MAX: usize = 16 << 20;
/// Bytes of one line that answers a subscription.
const LINE_MAX: usize = 1024;

/// What a server did that said something that cannot be.
pub(super) const BROKEN: &str = "the server broke the protocol";

/// What a decoder found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit<'a> {
    /// The server accepted the connection; messages may come from here on.
    Ready,
    Message(Stamp),
    /// A message that is not of the bench.
    Foreign,
    /// The answer to a long poll ended; the cursor to go on from.
    Next(&'a str),
    /// The server said goodbye.
    Closed,
}

/// One connection's place in what it receives.
#[derive(Debug)]
pub(super) enum Decoder {
    /// Before the answer to a WebSocket handshake.
    Handshake(Box<ClientHandshake>, Over),
    /// Before a STOMP server has answered.
    Joining(Box<Joining>),
    /// STOMP frames.
    Stomp,
    /// Before a Socket.IO server has answered.
    Entering(Box<socketio::Joining>),
    /// Packets of Engine.IO in WebSocket frames.
    Packets(Session),
    /// The same in answers to polls.
    Polls(Box<Polls>),
    /// Frames of SockJS in WebSocket frames.
    SockJs(Session),
    /// The same in responses.
    Responses(Box<sockjs::Responses>),
    /// WebSocket frames.
    Frames(Session),
    /// Messages of one size and nothing else.
    Fixed { size: usize },
    /// pogu lines; `ready` once the subscription was answered.
    Lines { ready: bool },
    /// What a publisher is answered: only a refusal matters.
    Answers,
    /// One response that never ends: SSE or lines of JSON.
    Stream(Response),
    /// One response after the other.
    LongPoll(Response),
}

/// What goes on over a WebSocket once it is open.
#[derive(Debug)]
pub(super) enum Over {
    /// Messages as they are.
    Nothing,
    Stomp(Box<Joining>),
    /// Socket.IO, in this namespace.
    SocketIo(String),
    SockJs,
}

/// A response: before its head, or within its body. `text` is what was decoded of the body and not yet looked through.
#[derive(Debug, Default)]
pub(super) struct Response {
    body: Option<Body>,
    text: Vec<u8>,
}

impl Decoder {
    /// WebSocket frames without a handshake before them.
    pub(super) fn frames() -> Decoder {
        Decoder::Frames(session())
    }

    /// Whether the connection is in use as soon as it is made, without anything said.
    pub(super) fn ready_at_once(&self) -> bool {
        matches!(
            self,
            Decoder::Frames(_) | Decoder::Fixed { .. } | Decoder::Answers
        )
    }

    /// Hands each unit in `bytes` to `found` and appends to `out` what is to be answered; returns how many bytes are done with.
    pub(super) fn decode(
        &mut self,
        bytes: &mut [u8],
        codec: &mut Codec,
        out: &mut Vec<u8>,
        mut found: impl FnMut(Unit<'_>),
    ) -> anyhow::Result<usize> {
        match self {
            Decoder::Handshake(handshake, over) => {
                let all = bytes.len();
                let mut input = Reader::new(bytes);
                if handshake.receive(&mut input)?.is_none() {
                    return Ok(all);
                }
                let frames = session();
                *self = match std::mem::replace(over, Over::Nothing) {
                    Over::Nothing => {
                        found(Unit::Ready);
                        Decoder::Frames(frames)
                    }
                    Over::Stomp(mut joining) => {
                        joining.start_over(frames, codec, out);
                        Decoder::Joining(joining)
                    }
                    Over::SockJs => Decoder::SockJs(frames),
                    Over::SocketIo(namespace) => {
                        Decoder::Entering(Box::new(socketio::Joining::new(namespace, frames)))
                    }
                };
                let at = all - input.rest().len();
                Ok(at + self.decode(&mut bytes[at..], codec, out, found)?)
            }
            Decoder::Joining(joining) => {
                let (at, joined) = joining.read(bytes, codec, out, &mut found)?;
                let Some(next) = joined else { return Ok(at) };
                *self = next;
                Ok(at + self.decode(&mut bytes[at..], codec, out, found)?)
            }
            Decoder::Entering(joining) => {
                let (at, joined) = joining.read(bytes, codec, out, &mut found)?;
                let Some(frames) = joined else { return Ok(at) };
                *self = Decoder::Packets(frames);
                Ok(at + self.decode(&mut bytes[at..], codec, out, found)?)
            }
            Decoder::Packets(session) => read_messages(session, bytes, codec, out, found, |packet, found| {
                socketio::read_packet(packet, found)
            }),
            Decoder::SockJs(session) => read_messages(session, bytes, codec, out, found, |frame, found| {
                sockjs::read_frame(frame, found);
                None
            }),
            Decoder::Responses(responses) => responses.read(bytes, out, found),
            Decoder::Polls(polls) => polls.read(bytes, out, found),
            Decoder::Stomp => Ok(stamp::scan(bytes, |stamp| found(Unit::Message(stamp)))),
            Decoder::Frames(session) => read_messages(session, bytes, codec, out, found, |payload, found| {
                read_message(payload, found);
                None
            }),
            Decoder::Fixed { size } => {
                let whole = bytes.chunks_exact(*size);
                let rest = whole.remainder().len();
                whole.for_each(|message| found(Stamp::read(message).map_or(Unit::Foreign, Unit::Message)));
                Ok(bytes.len() - rest)
            }
            Decoder::Lines { ready } => {
                let mut at = 0;
                if !*ready {
                    let Some(end) = memchr::memchr(b'\n', bytes) else {
                        ensure!(
                            bytes.len() <= LINE_MAX,
                            "the answer to SUB is longer than {LINE_MAX} bytes"
                        );
                        return Ok(0);
                    };
                    let answer = String::from_utf8_lossy(&bytes[..end]);
                    ensure!(
                        answer.starts_with("OK"),
                        "the server refused the subscription: {}",
                        answer.trim_end()
                    );
                    *ready = true;
                    found(Unit::Ready);
                    at = end + 1;
                }
                Ok(at + stamp::scan(&bytes[at..], |stamp| found(Unit::Message(stamp))))
            }
            Decoder::Answers => {
                let refused = [&b"ERR"[..], b"HTTP/1.1 4", b"HTTP/1.1 5"]
                    .iter()
                    .any(|bad| bytes.starts_with(bad));
                // An ERROR of STOMP says why in its headers and its body.
                let end = if bytes.starts_with(b"ERROR\n") { 0 } else { b'\n' };
                let line = bytes.split(|&byte| byte == end).next().unwrap_or_default();
                ensure!(
                    !refused,
                    "the server refused a message: {}",
                    String::from_utf8_lossy(line).trim_end().replace('\n', " ")
                );
                Ok(bytes.len())
            }
            Decoder::Stream(response) => {
                let (n, began) = response.read(bytes)?;
                if began {
                    found(Unit::Ready);
                }
                let done = stamp::scan(&response.text, |stamp| found(Unit::Message(stamp)));
                response.text.drain(..done);
                if response.body == Some(Body::Done) {
                    found(Unit::Closed);
                }
                Ok(n)
            }
            Decoder::LongPoll(response) => {
                let mut at = 0;
                loop {
                    let (n, answer) = response.whole(&bytes[at..])?;
                    at += n;
                    let Some(answer) = answer else { return Ok(at) };
                    stamp::scan(&answer, |stamp| found(Unit::Message(stamp)));
                    found(Unit::Next(next_cursor(&answer)?));
                }
            }
        }
    }
}

impl Response {
    /// Reads on; returns how many bytes are done with and, when it has come whole, the body. Then the next one can be read.
    pub(super) fn whole(&mut self, bytes: &[u8]) -> anyhow::Result<(usize, Option<Vec<u8>>)> {
        let (at, _) = self.read(bytes)?;
        let is_whole = self.body == Some(Body::Done);
        Ok((at, is_whole.then(|| std::mem::take(self).text)))
    }

    /// Reads on and hands each line of the body to `found`, without its end; returns how many bytes are done with and whether the
    /// response has ended. Then the next one can be read.
    pub(super) fn lines(
        &mut self,
        bytes: &[u8],
        mut found: impl FnMut(&[u8]),
    ) -> anyhow::Result<(usize, bool)> {
        let (at, _) = self.read(bytes)?;
        let whole = memchr::memrchr(b'\n', &self.text).map_or(0, |end| end + 1);
        for line in self.text.drain(..whole).as_slice().split(|&byte| byte == b'\n') {
            found(line.strip_suffix(b"\r").unwrap_or(line));
        }
        let ended = self.body == Some(Body::Done);
        if ended {
            *self = Response::default();
        }
        Ok((at, ended))
    }

    /// Reads on; returns how many bytes are done with and whether the head came with them.
    fn read(&mut self, bytes: &[u8]) -> anyhow::Result<(usize, bool)> {
        let mut at = 0;
        let began = self.body.is_none();
        let body = match &mut self.body {
            Some(body) => body,
            none => {
                let Some((head, n)) = http::head(bytes)? else {
                    return Ok((0, false));
                };
                ensure!(
                    head.status == 200,
                    "the server refused the request: {}",
                    head.line
                );
                at = n;
                none.insert(head.body)
            }
        };
        at += body.read(&bytes[at..], &mut self.text)?;
        ensure!(
            self.text.len() <= ANSWER_MAX,
            "an answer is longer than {ANSWER_MAX} bytes"
        );
        Ok((at, began))
    }
}

/// A client's session for as long as this program runs: it is never ticked, so it never pings.
pub(super) fn session() -> Session {
    let limits = Limits {
        message: MESSAGE_MAX,
        ..Limits::default()
    };
    Session::new(Role::Client, Arc::new(limits), None, Time(0))
}

/// Hands each message on a WebSocket to `take`, and sends the text that it returns.
fn read_messages<F: FnMut(Unit<'_>)>(
    session: &mut Session,
    bytes: &mut [u8],
    codec: &mut Codec,
    out: &mut Vec<u8>,
    mut found: F,
    take: impl Fn(&[u8], &mut F) -> Option<&'static [u8]>,
) -> anyhow::Result<usize> {
    let all = bytes.len();
    let mut input = Reader::new(bytes);
    while let Some(event) = session.next(Time(0), &mut input, codec, out).context(BROKEN)? {
        let answer = match event {
            Event::Message { payload, .. } => take(payload, &mut found),
            Event::Ping(_) | Event::Pong(_) => None,
            Event::Close { .. } => {
                found(Unit::Closed);
                None
            }
        };
        if let Some(answer) = answer {
            session.send(Kind::Text, answer, codec, out);
        }
    }
    Ok(all)
}

/// A message as it is, or in something.
fn read_message(payload: &[u8], found: &mut impl FnMut(Unit<'_>)) {
    match Stamp::read(payload) {
        Some(stamp) => found(Unit::Message(stamp)),
        None => wrapped(payload, found),
    }
}

/// A message that the server put something around, or several.
pub(super) fn wrapped(payload: &[u8], found: &mut impl FnMut(Unit<'_>)) {
    let mut none = true;
    stamp::scan(payload, |stamp| {
        none = false;
        found(Unit::Message(stamp));
    });
    if none {
        found(Unit::Foreign);
    }
}

/// `"next":"…"` of a poll's answer.
fn next_cursor(text: &[u8]) -> anyhow::Result<&str> {
    let cursor = memmem::rfind(text, b"\"next\"").and_then(|at| {
        let mut strings = text[at + b"\"next\"".len()..].split(|&byte| byte == b'"');
        strings.next().filter(|between| between.trim_ascii() == b":")?;
        std::str::from_utf8(strings.next()?).ok()
    });
    match cursor {
        Some(cursor) => Ok(cursor),
        None => bail!("the answer to a poll names no next cursor"),
    }
}

//! As much of Socket.IO as a load generator needs: joining a namespace, events of it, and polls.

use std::sync::Arc;

use anyhow::{Context, bail};
use pogu_proto::engineio::{self, ClientEvent, Packet, PacketError, SEPARATOR, Transport, Version};
use pogu_proto::socketio::{self, Limits};
use pogu_proto::ws::{Codec, Event, Kind, Session};
use pogu_proto::{Reader, Time};

use super::stamp::{MARK, Stamp};
use super::wire::{BROKEN, Response, Unit, wrapped};

/// Packets of Engine.IO, as they stand on a WebSocket and, but for binary, in the answer to a poll.
const CLOSE: &[u8] = b"1";
const PING: &[u8] = b"2";
const PONG: &[u8] = b"3";
const NOOP: &[u8] = b"6";

/// From the first packet to the point from which on events come, or can be sent.
#[derive(Debug)]
struct Entry {
    transport: Transport,
    engine: engineio::Client,
    client: socketio::Client,
    namespace: String,
}

/// What a packet asks for.
enum Told {
    Nothing,
    /// The session is open, with this id: say a packet.
    Opened(String, Vec<u8>),
    Ping,
    Closed,
    Joined,
}

impl Entry {
    fn new(transport: Transport, namespace: String) -> Entry {
        Entry {
            transport,
            engine: engineio::Client::new(transport),
            client: socketio::Client::new(Arc::new(Limits::default())),
            namespace,
        }
    }

    fn hear(&mut self, packet: Result<Packet<'_>, PacketError>) -> anyhow::Result<Told> {
        let event = self.engine.receive(Time(0), self.transport, packet);
        let data = match event.context(BROKEN)? {
            Some(ClientEvent::Open(open)) => {
                let mut say = b"4".to_vec();
                self.client.connect(&self.namespace, None, None, &mut say);
                return Ok(Told::Opened(open.sid.into_owned(), say));
            }
            Some(ClientEvent::Message(data)) => data,
            Some(ClientEvent::Ping) => return Ok(Told::Ping),
            Some(ClientEvent::Closed) => return Ok(Told::Closed),
            Some(ClientEvent::Probed | ClientEvent::ProbeFailed) | None => return Ok(Told::Nothing),
        };
        match self.client.receive(data).context(BROKEN)? {
            Some(socketio::ClientEvent::Connected { .. }) => Ok(Told::Joined),
            Some(socketio::ClientEvent::Refused { message, .. }) => {
                bail!("the server refused {}: {message}", self.namespace)
            }
            Some(socketio::ClientEvent::Disconnected { .. }) => Ok(Told::Closed),
            _ => Ok(Told::Nothing),
        }
    }
}

/// Joining over a WebSocket.
#[derive(Debug)]
pub(super) struct Joining {
    entry: Entry,
    /// There until it is handed on.
    frames: Option<Session>,
}

impl Joining {
    /// Over a WebSocket that is open.
    pub(super) fn new(namespace: String, frames: Session) -> Joining {
        Joining {
            entry: Entry::new(Transport::WebSocket, namespace),
            frames: Some(frames),
        }
    }

    /// Hears what the server says and appends what is to be said; returns how many bytes are done with, and what to read on by once it
    /// has joined.
    pub(super) fn read(
        &mut self,
        bytes: &mut [u8],
        codec: &mut Codec,
        out: &mut Vec<u8>,
        found: &mut impl FnMut(Unit<'_>),
    ) -> anyhow::Result<(usize, Option<Session>)> {
        let all = bytes.len();
        let mut input = Reader::new(bytes);
        let Some(frames) = &mut self.frames else {
            return Ok((all, None));
        };
        let mut scratch = Vec::new();
        while let Some(event) = frames.next(Time(0), &mut input, codec, out).context(BROKEN)? {
            let told = match event {
                Event::Message { kind, payload } => {
                    let packet = Packet::read(Version::V4, kind, payload, &mut scratch);
                    self.entry.hear(packet)?
                }
                Event::Ping(_) | Event::Pong(_) => Told::Nothing,
                Event::Close { .. } => Told::Closed,
            };
            match told {
                Told::Nothing => {}
                Told::Opened(_, say) => frames.send(Kind::Text, &say, codec, out),
                Told::Ping => frames.send(Kind::Text, PONG, codec, out),
                Told::Closed => found(Unit::Closed),
                Told::Joined => {
                    found(Unit::Ready);
                    return Ok((all - input.rest().len(), self.frames.take()));
                }
            }
        }
        Ok((all, None))
    }
}

/// Takes a packet, and returns its answer if it wants one.
pub(super) fn read_packet(packet: &[u8], found: &mut impl FnMut(Unit<'_>)) -> Option<&'static [u8]> {
    match packet {
        PING => return Some(PONG),
        CLOSE => found(Unit::Closed),
        NOOP => {}
        _ => {
            // Most often the stamp is the first that has its first letter; looking for that is cheaper than for its mark.
            let at = memchr::memchr(MARK[0], packet).unwrap_or(packet.len());
            match Stamp::read(&packet[at..]) {
                Some(stamp) => found(Unit::Message(stamp)),
                None => wrapped(packet, found),
            }
        }
    }
    None
}

/// A client that polls, over one connection: what it has to say goes between two polls.
#[derive(Debug)]
pub(super) struct Polls {
    /// Until it has joined.
    entry: Option<Entry>,
    host: String,
    path: String,
    response: Response,
    is_posting: bool,
}

impl Polls {
    /// On `path`, whose query lacks nothing but the session's id.
    pub(super) fn new(host: &str, path: String, namespace: String) -> Polls {
        Polls {
            entry: Some(Entry::new(Transport::Polling, namespace)),
            host: host.to_owned(),
            path,
            response: Response::default(),
            is_posting: false,
        }
    }

    /// The next poll; the first one opens the session.
    pub(super) fn poll(&self) -> Vec<u8> {
        let Polls { path, host, .. } = self;
        format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes()
    }

    /// Hears answers and appends the next request; returns how many bytes are done with.
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        out: &mut Vec<u8>,
        mut found: impl FnMut(Unit<'_>),
    ) -> anyhow::Result<usize> {
        let mut at = 0;
        loop {
            let (n, answer) = self.response.whole(&bytes[at..])?;
            at += n;
            let Some(answer) = answer else { return Ok(at) };
            let say = match std::mem::take(&mut self.is_posting) {
                true => None,
                false => self.hear(&answer, &mut found)?,
            };
            match say {
                None => out.append(&mut self.poll()),
                Some(say) => {
                    let (path, host, length) = (&self.path, &self.host, say.len());
                    let fields =
                        format!("Content-Type: text/plain;charset=UTF-8\r\nContent-Length: {length}");
                    out.extend_from_slice(
                        format!("POST {path} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n\r\n").as_bytes(),
                    );
                    out.extend_from_slice(&say);
                    self.is_posting = true;
                }
            }
        }
    }

    /// Takes the packets of a poll's answer; returns the one that is to be said.
    fn hear(&mut self, answer: &[u8], found: &mut impl FnMut(Unit<'_>)) -> anyhow::Result<Option<Vec<u8>>> {
        let mut say = None;
        for packet in answer.split(|byte| *byte == SEPARATOR) {
            let Some(entry) = &mut self.entry else {
                if let Some(answer) = read_packet(packet, found) {
                    say = Some(answer.to_vec());
                }
                continue;
            };
            match entry.hear(Packet::read(Version::V4, Kind::Text, packet, &mut Vec::new()))? {
                Told::Nothing => {}
                Told::Opened(sid, connect) => {
                    self.path.push_str("&sid=");
                    self.path.push_str(&sid);
                    say = Some(connect);
                }
                Told::Ping => say = Some(PONG.to_vec()),
                Told::Closed => found(Unit::Closed),
                Told::Joined => {
                    found(Unit::Ready);
                    self.entry = None;
                }
            }
        }
        Ok(say)
    }
}

/// What stands before a message in an event, and behind it.
pub(super) fn around(namespace: &str) -> (Vec<u8>, &'static [u8]) {
    let mut head = b"4".to_vec();
    socketio::put_event_head(namespace, None, 0, &mut head);
    head.extend_from_slice(b"[\"message\",\"");
    (head, b"\"]")
}

//! As much of STOMP as a load generator needs: joining a server, and sending.

use std::mem;

use anyhow::{Context, bail};
use pogu_proto::stomp::{AckMode, Answer, Client, Limits, Offer, Request, Version};
use pogu_proto::ws::{Codec, Event, Kind, Session};
use pogu_proto::{Reader, Time};

use super::stamp::{self, Stamp};
use super::wire::{BROKEN, Decoder, Unit};

/// The subprotocols of a WebSocket, the best first.
pub(super) const PROTOCOLS: [&str; 3] = ["v12.stomp", "v11.stomp", "v10.stomp"];

/// What SUBSCRIBE is called, and its RECEIPT.
const ID: &str = "1";

/// Bytes of a message's body.
const BODY_MAX: usize = 2 << 20;

/// From CONNECT to the point from which on messages come, or can be sent. It offers no heart-beats, so none need be sent.
#[derive(Debug)]
pub(super) struct Joining {
    client: Client,
    /// CONNECT, until it is said.
    connect: Vec<u8>,
    /// The WebSocket that carries it, if one does.
    frames: Option<Session>,
    /// What is to be subscribed to.
    destination: Option<String>,
}

impl Joining {
    pub(super) fn new(host: &str, destination: Option<String>) -> Joining {
        let offer = Offer {
            host,
            ..Offer::default()
        };
        let mut connect = Vec::new();
        Joining {
            client: Client::connect(Time(0), &offer, &mut connect),
            connect,
            frames: None,
            destination,
        }
    }

    /// Says CONNECT over TCP.
    pub(super) fn start(&mut self) -> Vec<u8> {
        mem::take(&mut self.connect)
    }

    /// Says CONNECT over a WebSocket.
    pub(super) fn start_over(&mut self, frames: Session, codec: &mut Codec, out: &mut Vec<u8>) {
        let connect = mem::take(&mut self.connect);
        self.frames.insert(frames).send(Kind::Text, &connect, codec, out);
    }

    /// Hears what the server says and appends what is to be said; returns how many bytes are done with, and how to read on once it
    /// has joined.
    pub(super) fn read(
        &mut self,
        bytes: &mut [u8],
        codec: &mut Codec,
        out: &mut Vec<u8>,
        found: &mut impl FnMut(Unit<'_>),
    ) -> anyhow::Result<(usize, Option<Decoder>)> {
        let all = bytes.len();
        let mut input = Reader::new(bytes);
        let Some(mut frames) = self.frames.take() else {
            let joined = self.hear(&mut input, out, found)?;
            let next = match self.destination {
                Some(_) => Decoder::Stomp,
                None => Decoder::Answers,
            };
            return Ok((all - input.rest().len(), joined.then_some(next)));
        };
        while let Some(event) = frames.next(Time(0), &mut input, codec, out).context(BROKEN)? {
            let mut piece = match event {
                Event::Message { payload, .. } => payload.to_vec(),
                Event::Ping(_) | Event::Pong(_) => continue,
                Event::Close { .. } => {
                    found(Unit::Closed);
                    continue;
                }
            };
            let mut piece = Reader::new(&mut piece);
            let mut said = Vec::new();
            let joined = self.hear(&mut piece, &mut said, found)?;
            if !said.is_empty() {
                frames.send(Kind::Text, &said, codec, out);
            }
            if joined {
                stamp::scan(piece.rest(), |stamp| found(Unit::Message(stamp)));
                return Ok((all - input.rest().len(), Some(Decoder::Frames(frames))));
            }
        }
        self.frames = Some(frames);
        Ok((all, None))
    }

    /// Takes frames until it has joined; what follows is left.
    fn hear(
        &mut self,
        input: &mut Reader<'_>,
        out: &mut Vec<u8>,
        found: &mut impl FnMut(Unit<'_>),
    ) -> anyhow::Result<bool> {
        let limits = Limits {
            body: BODY_MAX,
            ..Limits::default()
        };
        while let Some(told) = self.client.next(Time(0), &limits, input).context(BROKEN)? {
            match told {
                Answer::Connected { version, .. } => match &self.destination {
                    Some(destination) => Request::Subscribe {
                        id: ID,
                        destination,
                        ack: AckMode::Auto,
                        receipt: Some(ID),
                        headers: &[],
                    }
                    .encode(version, out),
                    None => {
                        found(Unit::Ready);
                        return Ok(true);
                    }
                },
                Answer::Receipt { .. } => {
                    found(Unit::Ready);
                    return Ok(true);
                }
                Answer::Message { body, .. } => {
                    found(Stamp::read(body).map_or(Unit::Foreign, Unit::Message));
                }
                Answer::Error { message, body, .. } => bail!(
                    "the server refused: {}: {}",
                    message.unwrap_or_default(),
                    String::from_utf8_lossy(body)
                ),
            }
        }
        Ok(false)
    }
}

/// What stands before a message of `size` bytes in a SEND; NUL stands behind it.
pub(super) fn send_head(destination: &str, size: usize) -> Vec<u8> {
    let send = Request::Send {
        destination,
        content_type: None,
        transaction: None,
        receipt: None,
        headers: &[],
        body: &vec![0; size],
    };
    let mut frame = Vec::new();
    send.encode(Version::V1_2, &mut frame);
    frame.truncate(frame.len() - size - 1);
    frame
}

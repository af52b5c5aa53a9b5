mod client;
mod packets;
mod pair;
mod payloads;
mod requests;
mod sessions;
mod upgrade;

use std::sync::Arc;

use super::*;
use crate::Time;

/// A packet that owns what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Owned {
    Open(String),
    Close,
    Ping(String),
    Pong(String),
    Text(String),
    Binary(Vec<u8>),
    Upgrade,
    Noop,
}

impl From<Packet<'_>> for Owned {
    fn from(packet: Packet<'_>) -> Self {
        match packet {
            Packet::Open(text) => Self::Open(text.to_owned()),
            Packet::Close => Self::Close,
            Packet::Ping(text) => Self::Ping(text.to_owned()),
            Packet::Pong(text) => Self::Pong(text.to_owned()),
            Packet::Message(Data::Text(text)) => Self::Text(text.to_owned()),
            Packet::Message(Data::Binary(bytes)) => Self::Binary(bytes.to_vec()),
            Packet::Upgrade => Self::Upgrade,
            Packet::Noop => Self::Noop,
        }
    }
}

impl Owned {
    fn lend(&self) -> Packet<'_> {
        match self {
            Self::Open(text) => Packet::Open(text),
            Self::Close => Packet::Close,
            Self::Ping(text) => Packet::Ping(text),
            Self::Pong(text) => Packet::Pong(text),
            Self::Text(text) => Packet::Message(Data::Text(text)),
            Self::Binary(bytes) => Packet::Message(Data::Binary(bytes)),
            Self::Upgrade => Packet::Upgrade,
            Self::Noop => Packet::Noop,
        }
    }
}

/// The packets of a payload up to the first error, and that.
fn read(form: Form, limits: &Limits, body: &[u8]) -> (Vec<Owned>, Option<PacketError>) {
    let mut body = body.to_vec();
    let (mut packets, mut error) = (Vec::new(), None);
    let mut payload = Payload::new(form, limits, &mut body);
    for packet in payload.by_ref() {
        match packet {
            Ok(packet) => packets.push(packet.into()),
            Err(wrong) => error = Some(wrong),
        }
    }
    assert!(payload.next().is_none());
    (packets, error)
}

/// A payload of packets.
fn write(form: Form, packets: &[Owned]) -> Vec<u8> {
    let mut body = Vec::new();
    for packet in packets {
        if !body.is_empty() {
            body.extend_from_slice(form.separator());
        }
        put(form, &packet.lend(), &mut body);
    }
    body
}

fn text(text: &str) -> Owned {
    Owned::Text(text.to_owned())
}

fn session(version: Version, transport: Transport) -> Session {
    Session::new(version, transport, Arc::new(Limits::default()), Time(0))
}

fn polling() -> Session {
    session(Version::V4, Transport::Polling)
}

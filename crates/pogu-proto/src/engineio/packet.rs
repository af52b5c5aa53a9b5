use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::Version;
use crate::ws::Kind;

/// One packet, lent out of what it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// `0`: the server opens the session; the JSON says how.
    Open(&'a str),
    /// `1`: the session is over.
    Close,
    /// `2`, with `probe` when it begins an upgrade.
    Ping(&'a str),
    /// `3`, with `probe` when it answers such a ping.
    Pong(&'a str),
    /// `4`, or binary.
    Message(Data<'a>),
    /// `5`: the client takes up the WebSocket.
    Upgrade,
    /// `6`: says nothing, and ends a poll by it.
    Noop,
}

/// What a message carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data<'a> {
    /// UTF-8.
    Text(&'a str),
    /// Any bytes.
    Binary(&'a [u8]),
}

/// Why a packet or a payload could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PacketError {
    /// It has no type.
    #[error("empty packet")]
    Empty,
    /// Its type is none that is known, or none that is binary.
    #[error("unknown packet type {0:#04x}")]
    Type(u8),
    /// Something follows a type that is all of its packet.
    #[error("data after a packet that has none")]
    Trailing,
    /// Text that is not UTF-8.
    #[error("invalid UTF-8")]
    NotUtf8,
    /// Binary in a text that is not base64.
    #[error("invalid base64")]
    NotBase64,
    /// A length of protocol 3 that is no number, or not that of its packet.
    #[error("invalid length")]
    Length,
    /// A JSONP form without the one field `d`.
    #[error("a form without one field `d`")]
    Field,
    /// More bytes than a payload may have.
    #[error("more than {0} bytes")]
    TooLong(usize),
    /// More packets than a payload may have.
    #[error("more than {0} packets")]
    TooMany(usize),
}

impl<'a> Packet<'a> {
    /// Reads a WebSocket message. Clients may send binary as base64 text there too; it is decoded into `scratch`.
    ///
    /// # Errors
    ///
    /// It is no packet; [`Session::receive`](super::Session::receive) takes that up.
    pub fn read(
        version: Version,
        kind: Kind,
        payload: &'a [u8],
        scratch: &'a mut Vec<u8>,
    ) -> Result<Self, PacketError> {
        match (kind, version) {
            (Kind::Binary, Version::V4) => Ok(Self::Message(Data::Binary(payload))),
            (Kind::Binary, Version::V3) => match payload.split_first() {
                Some((4, bytes)) => Ok(Self::Message(Data::Binary(bytes))),
                Some((kind, _)) => Err(PacketError::Type(*kind)),
                None => Err(PacketError::Empty),
            },
            (Kind::Text, _) => match base64_of(version, payload)? {
                Some(text) => {
                    scratch.clear();
                    BASE64
                        .decode_vec(text, scratch)
                        .map_err(|_| PacketError::NotBase64)?;
                    Ok(Self::Message(Data::Binary(scratch)))
                }
                None => Self::from_text(payload),
            },
        }
    }

    /// Reads a packet that is no binary message.
    pub(super) fn from_text(text: &'a [u8]) -> Result<Self, PacketError> {
        let (kind, rest) = text.split_first().ok_or(PacketError::Empty)?;
        let rest = simdutf8::basic::from_utf8(rest).map_err(|_| PacketError::NotUtf8)?;
        let packet = match kind {
            b'0' => Self::Open(rest),
            b'2' => Self::Ping(rest),
            b'3' => Self::Pong(rest),
            b'4' => Self::Message(Data::Text(rest)),
            b'1' => Self::Close,
            b'5' => Self::Upgrade,
            b'6' => Self::Noop,
            kind => return Err(PacketError::Type(*kind)),
        };
        let is_bare = matches!(packet, Self::Close | Self::Upgrade | Self::Noop);
        if is_bare && !rest.is_empty() {
            return Err(PacketError::Trailing);
        }
        Ok(packet)
    }

    /// The digit of its type and, but for binary, what follows it.
    pub(super) fn text(&self) -> (u8, &'a str) {
        match *self {
            Self::Open(json) => (b'0', json),
            Self::Close => (b'1', ""),
            Self::Ping(text) => (b'2', text),
            Self::Pong(text) => (b'3', text),
            Self::Message(Data::Text(text)) => (b'4', text),
            Self::Message(Data::Binary(_)) => (b'4', ""),
            Self::Upgrade => (b'5', ""),
            Self::Noop => (b'6', ""),
        }
    }
}

/// Appends `packet` as the payload of a WebSocket message of the kind that is returned. With `base64` it is always text, for clients
/// that asked for it ([`Request::Handshake`](super::Request::Handshake)).
///
/// A binary message of protocol 4 is its own payload and need not be copied by this.
pub fn put_message(version: Version, base64: bool, packet: &Packet<'_>, out: &mut Vec<u8>) -> Kind {
    match *packet {
        Packet::Message(Data::Binary(bytes)) if base64 => {
            put_base64(version, bytes, out);
            Kind::Text
        }
        Packet::Message(Data::Binary(bytes)) => {
            if version == Version::V3 {
                out.push(4);
            }
            out.extend_from_slice(bytes);
            Kind::Binary
        }
        _ => {
            let (kind, text) = packet.text();
            out.push(kind);
            out.extend_from_slice(text.as_bytes());
            Kind::Text
        }
    }
}

/// Appends a binary message as text.
pub(super) fn put_base64(version: Version, bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(base64_prefix(version));
    let start = out.len();
    out.resize(start + base64_len(bytes), 0);
    // The room is exactly what it takes.
    let _ = BASE64.encode_slice(bytes, &mut out[start..]);
}

/// Bytes of the base64 of `bytes`.
pub(super) fn base64_len(bytes: &[u8]) -> usize {
    bytes.len().div_ceil(3) * 4
}

/// The base64 in a packet that is text, when it is a binary message.
pub(super) fn base64_of(version: Version, text: &[u8]) -> Result<Option<&[u8]>, PacketError> {
    if text.first() != Some(&b'b') {
        return Ok(None);
    }
    match text.strip_prefix(base64_prefix(version)) {
        Some(base64) => Ok(Some(base64)),
        None => Err(PacketError::Type(b'b')),
    }
}

pub(super) fn base64_prefix(version: Version) -> &'static [u8] {
    match version {
        Version::V3 => b"b4",
        Version::V4 => b"b",
    }
}

/// Written with padding, read with and without it.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

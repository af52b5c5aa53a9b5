//! Frame headers and masking (RFC 6455 §5.2, §5.3).

use super::{Kind, Violation};

/// Bytes of the longest header: two, a 64-bit length and a masking key.
pub(super) const HEADER_MAX: usize = 14;
/// Bytes of the longest control payload.
pub(super) const CONTROL_MAX: usize = 125;

pub(super) const FIN: u8 = 0x80;
pub(super) const RSV1: u8 = 0x40;
const RSV: u8 = 0x70;
pub(super) const MASKED: u8 = 0x80;

/// The first byte of a frame that is a whole text message.
pub(super) const TEXT: u8 = FIN | 1;
/// The first byte of a frame that is a whole binary message.
pub(super) const BINARY: u8 = FIN | 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation,
    /// The first or only frame of a message.
    Data(Kind),
    Control(Control),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Control {
    Close = 8,
    Ping = 9,
    Pong = 10,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) fin: bool,
    /// The RSV bits, where they stand in the first byte.
    pub(super) rsv: u8,
    pub(super) opcode: Opcode,
    pub(super) key: Option<[u8; 4]>,
    /// Bytes of payload, below 2^63.
    pub(super) length: u64,
}

impl Header {
    /// The header that `bytes` begin with and its size, or `None` while it is incomplete.
    #[inline]
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Header, usize)>, Violation> {
        let Some(size) = header_size(bytes) else {
            return Ok(None);
        };
        let Some(header) = bytes.get(..size) else {
            return Ok(None);
        };
        let opcode = match header[0] & 0x0f {
            0 => Opcode::Continuation,
            1 => Opcode::Data(Kind::Text),
            2 => Opcode::Data(Kind::Binary),
            8 => Opcode::Control(Control::Close),
            9 => Opcode::Control(Control::Ping),
            10 => Opcode::Control(Control::Pong),
            reserved => return Err(Violation::ReservedOpcode(reserved)),
        };
        let (length, rest) = match (header[1] & !MASKED, &header[2..]) {
            (126, [a, b, rest @ ..]) => (u64::from(u16::from_be_bytes([*a, *b])), rest),
            (127, [a, b, c, d, e, f, g, h, rest @ ..]) => {
                (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), rest)
            }
            (short, rest) => (u64::from(short), rest),
        };
        let minimal = match header[1] & !MASKED {
            126 => length >= 126,
            127 => length > 0xffff && length >> 63 == 0,
            _ => true,
        };
        if !minimal {
            return Err(Violation::MalformedLength);
        }
        let header = Header {
            fin: header[0] & FIN != 0,
            rsv: header[0] & RSV,
            opcode,
            key: rest.first_chunk().copied(),
            length,
        };
        Ok(Some((header, size)))
    }
}

/// Bytes of the header that `bytes` begin with, known from the second byte on.
#[inline]
pub(super) fn header_size(bytes: &[u8]) -> Option<usize> {
    let second = *bytes.get(1)?;
    let length = match second & !MASKED {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let key = if second & MASKED == 0 { 0 } else { 4 };
    Some(2 + length + key)
}

/// Bytes of the header of an unmasked frame with `payload` bytes.
pub const fn frame_header_len(payload: usize) -> usize {
    match payload {
        0..126 => 2,
        126..0x1_0000 => 4,
        _ => 10,
    }
}

/// Appends a whole unmasked frame with one message: what a server sends, encoded once for all its receivers.
#[inline]
pub fn encode(kind: Kind, payload: &[u8], out: &mut Vec<u8>) {
    write(first_byte(kind), payload, None, out);
}

/// Appends the header of such a frame, for a payload of `length` bytes that is put together behind it.
#[inline]
pub fn encode_header(kind: Kind, length: usize, out: &mut Vec<u8>) {
    write_header(first_byte(kind), length, None, out);
}

/// The first byte of a frame that is a whole message.
#[inline]
pub(super) fn first_byte(kind: Kind) -> u8 {
    match kind {
        Kind::Text => TEXT,
        Kind::Binary => BINARY,
    }
}

/// Appends a control frame; of a payload over 125 bytes only those.
pub(super) fn write_control(control: Control, payload: &[u8], key: Option<[u8; 4]>, out: &mut Vec<u8>) {
    write(
        FIN | control as u8,
        &payload[..payload.len().min(CONTROL_MAX)],
        key,
        out,
    );
}

/// Appends a frame whose first byte is `first`, masked when there is a key.
#[inline]
pub(super) fn write(first: u8, payload: &[u8], key: Option<[u8; 4]>, out: &mut Vec<u8>) {
    out.reserve(HEADER_MAX + payload.len());
    write_header(first, payload.len(), key, out);
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(key) = key {
        mask(&mut out[start..], key);
    }
}

#[inline]
pub(super) fn write_header(first: u8, length: usize, key: Option<[u8; 4]>, out: &mut Vec<u8>) {
    let masked = if key.is_some() { MASKED } else { 0 };
    match length {
        0..126 => out.extend_from_slice(&[first, masked | length as u8]),
        126..0x1_0000 => {
            let [a, b] = (length as u16).to_be_bytes();
            out.extend_from_slice(&[first, masked | 126, a, b]);
        }
        _ => {
            out.extend_from_slice(&[first, masked | 127]);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    if let Some(key) = key {
        out.extend_from_slice(&key);
    }
}

/// Masks or unmasks `bytes` (RFC 6455 §5.3), eight at a time so that the compiler can make vectors of it.
#[inline]
pub(super) fn mask(bytes: &mut [u8], key: [u8; 4]) {
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (chunks, rest) = bytes.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(wide.to_ne_bytes()) {
        *byte ^= key;
    }
}

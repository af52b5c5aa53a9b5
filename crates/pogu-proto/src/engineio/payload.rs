use base64::Engine as _;
use memchr::memchr;

use super::form::LENGTH_END;
use super::packet::{BASE64, base64_of};
use super::{Data, Form, Limits, Packet, PacketError, SEPARATOR, Version};

/// The packets of a payload, lent out of its bytes; base64 is decoded in place. After an error there are no more.
#[derive(Debug)]
pub struct Payload<'a> {
    form: Form,
    rest: &'a mut [u8],
    body_max: usize,
    message_max: usize,
    packets_max: usize,
    state: State,
    /// Packets that may still come.
    left: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Begun,
    /// A separator was met: a packet must follow.
    Separated,
    Between,
    Ended,
}

impl<'a> Payload<'a> {
    /// The packets of `body`, within [`Limits::payload`] and [`Limits::packets`].
    pub fn new(form: Form, limits: &Limits, body: &'a mut [u8]) -> Self {
        Self {
            form,
            rest: body,
            body_max: limits.body(),
            message_max: limits.payload,
            packets_max: limits.packets,
            state: State::Begun,
            left: limits.packets,
        }
    }

    fn read(&mut self) -> Result<Option<Packet<'a>>, PacketError> {
        if self.state == State::Begun && self.rest.len() > self.body_max {
            return Err(PacketError::TooLong(self.body_max));
        }
        loop {
            if self.rest.is_empty() {
                return match self.state {
                    State::Begun | State::Separated => Err(PacketError::Empty),
                    State::Between | State::Ended => Ok(None),
                };
            }
            let left = self.left.checked_sub(1);
            self.left = left.ok_or(PacketError::TooMany(self.packets_max))?;
            self.state = State::Between;
            let packet = match self.form {
                Form::V4 => Some(self.separated()?),
                Form::V3Text => self.counted()?,
                Form::V3Binary => self.counted_bytes()?,
            };
            let length = match &packet {
                Some(Packet::Message(Data::Text(text))) => text.len(),
                Some(Packet::Message(Data::Binary(bytes))) => bytes.len(),
                _ => 0,
            };
            if length > self.message_max {
                return Err(PacketError::TooLong(self.message_max));
            }
            if packet.is_some() {
                return Ok(packet);
            }
        }
    }

    fn separated(&mut self) -> Result<Packet<'a>, PacketError> {
        let end = memchr(SEPARATOR, self.rest);
        let item = self.take(end.unwrap_or(self.rest.len()));
        if end.is_some() {
            self.take(1);
            self.state = State::Separated;
        }
        item_of_text(Version::V4, item)
    }

    /// An item of protocol 3 after its length. An empty one, which stands for a payload without packets, is passed over.
    fn counted(&mut self) -> Result<Option<Packet<'a>>, PacketError> {
        let digits = self.rest.iter().take(DIGITS_MAX + 1);
        let digits = digits.take_while(|byte| **byte != b':').count();
        let length = number(self.take(digits), b'0')?;
        if self.take(1) != b":" {
            return Err(PacketError::Length);
        }
        let bytes = bytes_of_units(self.rest, length)?;
        if bytes == 0 {
            return Ok(None);
        }
        let item = self.take(bytes);
        item_of_text(Version::V3, item).map(Some)
    }

    fn counted_bytes(&mut self) -> Result<Option<Packet<'a>>, PacketError> {
        let kind = self.take(1);
        let digits = self.rest.iter().take(DIGITS_MAX + 1);
        let digits = digits.take_while(|byte| **byte != LENGTH_END).count();
        let length = number(self.take(digits), 0)?;
        if self.take(1) != [LENGTH_END] || length > self.rest.len() {
            return Err(PacketError::Length);
        }
        let item = self.take(length);
        match (&*kind, &*item) {
            ([0], []) => Ok(None),
            ([1], []) => Err(PacketError::Empty),
            ([0], _) => item_of_text(Version::V3, item).map(Some),
            ([1], [4, ..]) => Ok(Some(Packet::Message(Data::Binary(&item[1..])))),
            ([1], [kind, ..]) | ([kind, ..], _) => Err(PacketError::Type(*kind)),
            ([], _) => Err(PacketError::Empty),
        }
    }

    fn take(&mut self, n: usize) -> &'a mut [u8] {
        let n = n.min(self.rest.len());
        let (head, tail) = std::mem::take(&mut self.rest).split_at_mut(n);
        self.rest = tail;
        head
    }
}

impl<'a> Iterator for Payload<'a> {
    type Item = Result<Packet<'a>, PacketError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::Ended {
            return None;
        }
        let read = self.read().transpose();
        if !matches!(read, Some(Ok(_))) {
            self.state = State::Ended;
        }
        read
    }
}

fn item_of_text(version: Version, item: &mut [u8]) -> Result<Packet<'_>, PacketError> {
    match base64_of(version, item)?.map(<[u8]>::len) {
        None => Packet::from_text(item),
        Some(length) => {
            let prefix = item.len() - length;
            let bytes = decode_in_place(&mut item[prefix..])?;
            Ok(Packet::Message(Data::Binary(bytes)))
        }
    }
}

/// Decodes base64 into the beginning of where it stands.
fn decode_in_place(text: &mut [u8]) -> Result<&[u8], PacketError> {
    /// A multiple of 4, so that padding can only stand in the last piece.
    const PIECE: usize = 1024;
    let mut decoded = [0; PIECE / 4 * 3];
    let (mut from, mut to) = (0, 0);
    while from < text.len() {
        let piece = &text[from..text.len().min(from + PIECE)];
        from += piece.len();
        let length = BASE64.decode_slice(piece, &mut decoded);
        let length = length.map_err(|_| PacketError::NotBase64)?;
        let is_whole = length == decoded.len() || from == text.len();
        if !is_whole {
            return Err(PacketError::NotBase64);
        }
        text[to..to + length].copy_from_slice(&decoded[..length]);
        to += length;
    }
    Ok(&text[..to])
}

/// Digits of a length, more than any payload needs.
const DIGITS_MAX: usize = 10;

/// A decimal number whose digits count from `zero`.
fn number(digits: &[u8], zero: u8) -> Result<usize, PacketError> {
    if digits.is_empty() || digits.len() > DIGITS_MAX {
        return Err(PacketError::Length);
    }
    let mut number = 0_usize;
    for digit in digits {
        let digit = digit.wrapping_sub(zero);
        if digit > 9 {
            return Err(PacketError::Length);
        }
        number = number.saturating_mul(10).saturating_add(usize::from(digit));
    }
    Ok(number)
}

/// Bytes of the first `units` UTF-16 code units of a text that may not be UTF-8 after them.
fn bytes_of_units(text: &[u8], units: usize) -> Result<usize, PacketError> {
    let (mut bytes, mut left) = (0, units);
    while left > 0 {
        let first = text.get(bytes).ok_or(PacketError::Length)?;
        // Whether the following bytes are right is seen when the item is read.
        let (length, units) = match first {
            0..0x80 => (1, 1),
            0x80..0xC0 => return Err(PacketError::NotUtf8),
            0xC0..0xE0 => (2, 1),
            0xE0..0xF0 => (3, 1),
            0xF0.. => (4, 2),
        };
        left = left.checked_sub(units).ok_or(PacketError::Length)?;
        bytes += length;
    }
    if bytes > text.len() {
        return Err(PacketError::Length);
    }
    Ok(bytes)
}

//! From bytes to whole messages and control frames, by the rules of RFC 6455 §5 and RFC 7692 §6.

use std::sync::Arc;

use super::frame::{self, CONTROL_MAX, Control, Header, Opcode, RSV1, header_size};
use super::message::Message;
use super::{Codec, Deflate, Kind, Limits, Role, Violation, is_close_code};
use crate::Reader;

/// The receiving half of a session.
#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) limits: Arc<Limits>,
    /// What is incomplete; nothing is held between messages.
    partial: Option<Box<Partial>>,
    pub(super) role: Role,
    pub(super) deflate: Option<Deflate>,
}

#[derive(Debug, Default)]
struct Partial {
    /// The start of a header.
    head: Vec<u8>,
    /// The frame whose payload is arriving.
    frame: Option<Incoming>,
    /// The message whose frames are arriving.
    message: Option<Message>,
}

#[derive(Debug)]
struct Incoming {
    opcode: Opcode,
    fin: bool,
    key: Option<[u8; 4]>,
    remaining: usize,
    /// The payload so far, of a control frame.
    control: Vec<u8>,
}

/// A message or a control frame, whole and checked.
pub(super) struct Unit<'b> {
    pub(super) what: What,
    pub(super) payload: Payload<'b>,
}

#[derive(Clone, Copy)]
pub(super) enum What {
    Message(Kind),
    Control(Control),
}

pub(super) enum Payload<'b> {
    Input(&'b [u8]),
    /// So many first bytes of the codec's scratch buffer.
    Scratch(usize),
}

impl<'b> Payload<'b> {
    #[inline]
    pub(super) fn lend<'e>(&self, codec: &'e Codec) -> &'e [u8]
    where
        'b: 'e,
    {
        match *self {
            Self::Input(bytes) => bytes,
            Self::Scratch(length) => &codec.scratch()[..length],
        }
    }
}

impl Receiver {
    pub(super) fn new(role: Role, limits: Arc<Limits>, deflate: Option<Deflate>) -> Self {
        Self {
            limits,
            partial: None,
            role,
            deflate,
        }
    }

    /// Forgets what is incomplete.
    pub(super) fn clear(&mut self) {
        self.partial = None;
    }

    /// Takes the next unit. A frame that lies in the input as a whole is unmasked there and lent; fragments and
    /// frames that arrive in pieces are collected. `None` when all input is taken.
    #[inline]
    pub(super) fn next<'b>(
        &mut self,
        input: &mut Reader<'b>,
        codec: &mut Codec,
    ) -> Result<Option<Unit<'b>>, Violation> {
        if let Some((kind, payload)) = self.short(input) {
            return self.message(kind, false, payload, codec).map(Some);
        }
        loop {
            if self
                .partial
                .as_ref()
                .is_none_or(|partial| partial.frame.is_none())
            {
                let Some(header) = self.header(input)? else {
                    return Ok(None);
                };
                let length = self.check(&header)?;
                let arrived = length <= input.rest().len();
                match header.opcode {
                    Opcode::Data(kind) if arrived && header.fin => {
                        let payload = unmasked(input, length, header.key);
                        return self.message(kind, header.rsv == RSV1, payload, codec).map(Some);
                    }
                    Opcode::Control(control) if arrived => {
                        let payload = unmasked(input, length, header.key);
                        check_control(control, payload)?;
                        return Ok(Some(Unit {
                            what: What::Control(control),
                            payload: Payload::Input(payload),
                        }));
                    }
                    _ => self.begin(&header, length),
                }
            }
            if let Some(unit) = self.collect(input, codec)? {
                return Ok(Some(unit));
            }
            if input.is_empty() {
                return Ok(None);
            }
        }
    }

    /// Takes the frame that most are: up to 125 bytes that are a whole message and lie in the input as a whole. It only
    /// spares their cost; what has any other shape, right or wrong, is left to the rules.
    #[inline]
    fn short<'b>(&self, input: &mut Reader<'b>) -> Option<(Kind, &'b [u8])> {
        let &[first, second, ..] = input.rest() else {
            return None;
        };
        let kind = match first {
            frame::TEXT => Kind::Text,
            frame::BINARY => Kind::Binary,
            _ => return None,
        };
        let (head, length) = match self.role {
            Role::Server => (6, usize::from(second ^ frame::MASKED)),
            Role::Client => (2, usize::from(second)),
        };
        let most = self.limits.message.min(CONTROL_MAX);
        if length > most || input.rest().len() < head + length || self.partial.is_some() {
            return None;
        }
        let (head, payload) = input.take(head + length).split_at_mut(head);
        if let [_, _, a, b, c, d] = *head {
            frame::mask(payload, [a, b, c, d]);
        }
        Some((kind, payload))
    }

    /// The next header, put together when it arrives in pieces.
    #[inline]
    fn header(&mut self, input: &mut Reader<'_>) -> Result<Option<Header>, Violation> {
        if self
            .partial
            .as_ref()
            .is_none_or(|partial| partial.head.is_empty())
            && let Some((header, size)) = Header::parse(input.rest())?
        {
            input.take(size);
            return Ok(Some(header));
        }
        self.header_in_pieces(input)
    }

    #[cold]
    fn header_in_pieces(&mut self, input: &mut Reader<'_>) -> Result<Option<Header>, Violation> {
        while !input.is_empty() {
            let partial = self.partial.get_or_insert_default();
            let size = header_size(&partial.head).unwrap_or(2);
            partial
                .head
                .extend_from_slice(input.take(size - partial.head.len()));
            if let Some((header, _)) = Header::parse(&partial.head)? {
                partial.head = Vec::new();
                self.release();
                return Ok(Some(header));
            }
        }
        Ok(None)
    }

    /// The rules for a header, before any of its payload is kept; returns the payload's length.
    #[inline]
    fn check(&self, header: &Header) -> Result<usize, Violation> {
        let may_deflate = matches!(header.opcode, Opcode::Data(_)) && self.deflate.is_some();
        if header.rsv != 0 && !(header.rsv == RSV1 && may_deflate) {
            return Err(Violation::ReservedBit);
        }
        match (self.role, header.key) {
            (Role::Server, None) => return Err(Violation::Unmasked),
            (Role::Client, Some(_)) => return Err(Violation::Masked),
            _ => {}
        }
        let begun = self.partial.as_ref().and_then(|partial| partial.message.as_ref());
        let (most, violation) = match (header.opcode, begun) {
            (Opcode::Control(_), _) if !header.fin => return Err(Violation::ControlFragmented),
            (Opcode::Control(_), _) => (CONTROL_MAX, Violation::ControlTooLong),
            (Opcode::Data(_), None) => (
                Message::limit(header.rsv == RSV1, &self.limits),
                Violation::MessageTooLong,
            ),
            (Opcode::Data(_), Some(_)) => return Err(Violation::Interleaved),
            (Opcode::Continuation, None) => return Err(Violation::NothingToContinue),
            (Opcode::Continuation, Some(message)) if message.fragments >= self.limits.fragments => {
                return Err(Violation::TooManyFragments);
            }
            (Opcode::Continuation, Some(message)) => (
                Message::limit(message.deflated, &self.limits).saturating_sub(message.bytes.len()),
                Violation::MessageTooLong,
            ),
        };
        match usize::try_from(header.length) {
            Ok(length) if length <= most => Ok(length),
            _ => Err(violation),
        }
    }

    /// A message that lies in the input as a whole.
    #[inline]
    fn message<'b>(
        &self,
        kind: Kind,
        deflated: bool,
        payload: &'b [u8],
        codec: &mut Codec,
    ) -> Result<Unit<'b>, Violation> {
        let payload = if deflated {
            Payload::Scratch(codec.inflate(payload, self.limits.message)?)
        } else {
            Payload::Input(payload)
        };
        if kind == Kind::Text {
            check_utf8(payload.lend(codec))?;
        }
        Ok(Unit {
            what: What::Message(kind),
            payload,
        })
    }

    /// Begins to collect a frame that is a fragment or has not arrived as a whole.
    fn begin(&mut self, header: &Header, length: usize) {
        let partial = self.partial.get_or_insert_default();
        if let Opcode::Data(kind) = header.opcode {
            partial.message = Some(Message::new(kind, header.rsv == RSV1));
        }
        if let (Opcode::Data(_) | Opcode::Continuation, Some(message)) = (header.opcode, &mut partial.message)
        {
            message.fragments += 1;
        }
        partial.frame = Some(Incoming {
            opcode: header.opcode,
            fin: header.fin,
            key: header.key,
            remaining: length,
            control: Vec::new(),
        });
    }

    /// Collects what arrived of the frame begun; a unit when that completes one.
    fn collect<'b>(
        &mut self,
        input: &mut Reader<'b>,
        codec: &mut Codec,
    ) -> Result<Option<Unit<'b>>, Violation> {
        let Some(partial) = &mut self.partial else {
            return Ok(None);
        };
        let Some(frame) = &mut partial.frame else {
            return Ok(None);
        };
        let bytes = input.take(frame.remaining);
        frame.remaining -= bytes.len();
        if let Some(key) = &mut frame.key {
            frame::mask(bytes, *key);
            key.rotate_left(bytes.len() % 4);
        }
        let done = frame.remaining == 0;
        if let Opcode::Control(control) = frame.opcode {
            frame.control.extend_from_slice(bytes);
            if !done {
                return Ok(None);
            }
            check_control(control, &frame.control)?;
            let length = codec.keep(std::mem::take(&mut frame.control));
            partial.frame = None;
            self.release();
            return Ok(Some(Unit {
                what: What::Control(control),
                payload: Payload::Scratch(length),
            }));
        }
        let Some(message) = &mut partial.message else {
            return Ok(None);
        };
        let most = if frame.fin {
            message.bytes.len() + bytes.len() + frame.remaining
        } else {
            Message::limit(message.deflated, &self.limits)
        };
        message.append(bytes, most)?;
        if !done {
            return Ok(None);
        }
        let fin = frame.fin;
        partial.frame = None;
        if !fin {
            return Ok(None);
        }
        let Some(message) = partial.message.take() else {
            return Ok(None);
        };
        self.release();
        message.end()?;
        let kind = message.kind;
        let length = if message.deflated {
            let length = codec.inflate(&message.bytes, self.limits.message)?;
            if kind == Kind::Text {
                check_utf8(&codec.scratch()[..length])?;
            }
            length
        } else {
            codec.keep(message.bytes)
        };
        Ok(Some(Unit {
            what: What::Message(kind),
            payload: Payload::Scratch(length),
        }))
    }

    /// Frees the state of what is incomplete when nothing is.
    fn release(&mut self) {
        let idle = |partial: &Partial| {
            partial.head.is_empty() && partial.frame.is_none() && partial.message.is_none()
        };
        if self.partial.as_deref().is_some_and(idle) {
            self.partial = None;
        }
    }
}

/// Takes a payload that lies in the input as a whole.
#[inline]
fn unmasked<'b>(input: &mut Reader<'b>, length: usize, key: Option<[u8; 4]>) -> &'b [u8] {
    let payload = input.take(length);
    if let Some(key) = key {
        frame::mask(payload, key);
    }
    payload
}

#[inline]
fn check_utf8(bytes: &[u8]) -> Result<(), Violation> {
    match simdutf8::basic::from_utf8(bytes) {
        Ok(_) => Ok(()),
        Err(_) => Err(Violation::NotUtf8),
    }
}

/// Checks the payload of Close (RFC 6455 §5.5.1); that of the other control frames is free.
fn check_control(control: Control, payload: &[u8]) -> Result<(), Violation> {
    match (control, payload) {
        (Control::Close, [_]) => Err(Violation::TruncatedClose),
        (Control::Close, [a, b, reason @ ..]) => {
            let code = u16::from_be_bytes([*a, *b]);
            if !is_close_code(code) {
                return Err(Violation::CloseCode(code));
            }
            check_utf8(reason)
        }
        _ => Ok(()),
    }
}

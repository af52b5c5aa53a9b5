//! Wire forms: what a message looks like to a kind of peer, encoded once per lane and shared by all peers of that kind.

use std::borrow::Cow;
use std::rc::Rc;

use bytes::Bytes;
use pogu_hub::{Cursor, Kind, Letter, Message};
use pogu_proto::framing::{self, Framing};
use pogu_proto::{pogu, sse, stomp, ws};

use crate::dialect;
use crate::engineio::Packing;
use crate::json;
use crate::sockjs::Strings;

/// A wire form: carrier × dialect, as far as the bytes of a delivery differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A body in a WebSocket frame, compressed if agreed.
    Frame(Option<ws::Deflate>),
    /// A pogu `MSG` in a WebSocket frame, compressed if agreed.
    PoguFrame(Option<ws::Deflate>),
    /// A pogu `MSG` and a line feed.
    PoguLine,
    /// A pogu `MSG`, alone in a datagram.
    PoguDatagram,
    /// A body on a bound port.
    Framed(Framing),
    /// A Server-Sent Event.
    Sse,
    /// A JSON message and a line feed.
    JsonLine,
    /// A JSON message, an element of the answer to a long poll.
    JsonElement,
    /// A STOMP MESSAGE in its stream.
    Stomp(stomp::Version),
    /// A STOMP MESSAGE in a WebSocket frame, of this kind unless its body is binary. Not compressed, as each subscription has another
    /// head and what is compressed is not shared.
    StompFrame(stomp::Version, ws::Kind),
    /// A Socket.IO event in packets of Engine.IO.
    SocketIo(Packing),
    /// A message in a string of SockJS.
    SockJs(Said, Strings),
}

/// What is said in a carrier of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// A body; what is no text as a data URL (RFC 2397).
    Body,
    /// A pogu `MSG`; what is no text in base64.
    Pogu,
    /// A STOMP MESSAGE. Its body is text.
    Stomp(stomp::Version),
}

/// What a message has of its own for each subscription.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// STOMP: the command and the headers that name the subscription. Socket.IO: the namespace.
    pub(crate) bytes: Box<[u8]>,
    /// Whether its place is told, too. STOMP: its cursor, by which it is acknowledged. Socket.IO: topic and cursor, as an argument.
    pub(crate) placed: bool,
    /// Socket.IO: whether the offset by which the session is taken up again follows as a last argument.
    pub(crate) numbered: bool,
}

impl Form {
    /// The slot of a [`Letter`] that holds this form, or this form but for its line feed: below [`pogu_hub::FORMS`], and no other's.
    fn slot(self) -> Option<usize> {
        Some(match self {
            Form::Frame(deflate) => class(deflate),
            Form::PoguFrame(deflate) => 3 + class(deflate),
            Form::PoguLine | Form::PoguDatagram => 6,
            Form::Framed(Framing::Line) => 7,
            Form::Framed(Framing::Length) => 8,
            // The body as it is.
            Form::Framed(Framing::Datagram) => return None,
            Form::Sse => 9,
            Form::JsonLine | Form::JsonElement => 10,
            Form::Stomp(version) | Form::StompFrame(version, _) => 11 + version as usize,
            Form::SockJs(Said::Body, strings) => 14 + strings as usize,
            Form::SockJs(Said::Pogu, strings) => 16 + strings as usize,
            // Who wants it in the same packets nearly always waits for the same run.
            Form::SocketIo(_) | Form::SockJs(Said::Stomp(_), _) => return None,
        })
    }

    /// What follows each message of this form.
    fn end(self) -> &'static [u8] {
        match self {
            Form::PoguLine | Form::JsonLine => b"\n",
            // They end where their frame, their datagram or their event does, or have their end within.
            Form::Frame(_)
            | Form::PoguFrame(_)
            | Form::PoguDatagram
            | Form::Framed(_)
            | Form::Sse
            | Form::JsonElement
            | Form::Stomp(_)
            | Form::StompFrame(..)
            | Form::SocketIo(_)
            | Form::SockJs(..) => b"",
        }
    }

    /// Whether a message of this form begins with the [`Head`] of its subscription.
    pub(crate) fn has_heads(self) -> bool {
        matches!(
            self,
            Form::Stomp(_) | Form::StompFrame(..) | Form::SocketIo(_) | Form::SockJs(Said::Stomp(_), _)
        )
    }

    /// Appends `letter` in this form, begun with the head of its subscription.
    pub(crate) fn append_with(
        self,
        head: &Head,
        letter: &Rc<Letter>,
        codec: &mut ws::Codec,
        out: &mut Vec<u8>,
    ) {
        if let Form::SocketIo(packing) = self {
            return dialect::socketio_message(&letter.message, head, packing, out);
        }
        if let Form::SockJs(Said::Stomp(version), strings) = self {
            let mut frame = Vec::with_capacity(letter.message.body.len() + 256);
            Form::Stomp(version).append_with(head, letter, codec, &mut frame);
            // Bodies that are no text are sorted out before.
            return strings.put(std::str::from_utf8(&frame).unwrap_or_default(), out);
        }
        let start = out.len();
        out.extend_from_slice(&head.bytes);
        if head.placed {
            out.extend_from_slice(b"ack:");
            out.extend_from_slice(CursorText::new(letter.message.cursor).as_str().as_bytes());
            out.push(b'\n');
        }
        self.append(letter, codec, out);
        if let Form::StompFrame(_, kind) = self {
            let kind = match letter.message.kind {
                Kind::Binary => ws::Kind::Binary,
                Kind::Text | Kind::Json => kind,
            };
            // The header depends on the length, so it is written last and turned to the front.
            let end = out.len();
            ws::encode_header(kind, end - start, out);
            let header = out.len() - end;
            out[start..].rotate_right(header);
        }
    }

    /// Appends `letter` in this form.
    ///
    /// The first of several peers that wait for the letter leaves the bytes in its slot for the others.
    pub(crate) fn append(self, letter: &Rc<Letter>, codec: &mut ws::Codec, out: &mut Vec<u8>) {
        if let Some(bytes) = self.slot().and_then(|slot| letter.cached(slot)) {
            out.extend_from_slice(bytes);
        } else {
            let start = out.len();
            encode(self, &letter.message, codec, out);
            if let Some(slot) = self.slot()
                && Rc::strong_count(letter) > 1
            {
                letter.keep(slot, || Bytes::copy_from_slice(&out[start..]));
            }
        }
        out.extend_from_slice(self.end());
    }

    /// What stands between two messages of one write.
    pub(crate) fn separator(self) -> &'static [u8] {
        if self == Form::JsonElement { b"," } else { b"" }
    }
}

/// 0 without compression, 1 with the full window, 2 with the small one: two windows are enough to share frames by.
fn class(deflate: Option<ws::Deflate>) -> usize {
    match deflate {
        None => 0,
        Some(ws::Deflate::Wide) => 1,
        Some(ws::Deflate::Narrow) => 2,
    }
}

fn encode(form: Form, message: &Message, codec: &mut ws::Codec, out: &mut Vec<u8>) {
    match form {
        Form::Frame(deflate) => frame(frame_kind(message.kind), &message.body, deflate, codec, out),
        Form::PoguFrame(deflate) => {
            let mut line = Vec::with_capacity(message.body.len() + 128);
            pogu_message(message, &mut line);
            let kind = if message.kind == Kind::Binary {
                ws::Kind::Binary
            } else {
                ws::Kind::Text
            };
            frame(kind, &line, deflate, codec, out);
        }
        Form::PoguLine | Form::PoguDatagram => pogu_message(message, out),
        Form::Framed(framing) => framing::encode(framing, &message.body, out),
        Form::Sse => sse_event(message, out),
        Form::JsonLine | Form::JsonElement => json::message(message, out),
        Form::Stomp(version) | Form::StompFrame(version, _) => dialect::stomp_tail(message, version, out),
        Form::SockJs(Said::Body, strings) => strings.put(&text_body(message), out),
        Form::SockJs(Said::Pogu, strings) => {
            let mut line = Vec::with_capacity(message.body.len() + 128);
            pogu_text(message, &mut line);
            strings.put(std::str::from_utf8(&line).unwrap_or_default(), out);
        }
        // Never without a head.
        Form::SocketIo(_) | Form::SockJs(Said::Stomp(_), _) => {}
    }
}

/// A whole message frame, compressed where that was agreed and is worth it.
pub(crate) fn frame(
    kind: ws::Kind,
    payload: &[u8],
    deflate: Option<ws::Deflate>,
    codec: &mut ws::Codec,
    out: &mut Vec<u8>,
) {
    match deflate {
        None => ws::encode(kind, payload, out),
        Some(deflate) => ws::encode_deflated(kind, payload, deflate, codec, out),
    }
}

fn frame_kind(kind: Kind) -> ws::Kind {
    match kind {
        Kind::Json | Kind::Text => ws::Kind::Text,
        Kind::Binary => ws::Kind::Binary,
    }
}

fn pogu_message(message: &Message, out: &mut Vec<u8>) {
    let content_type = match (message.kind, message.content_type()) {
        (Kind::Text, "text/plain") => None,
        (_, other) => Some(other),
    };
    pogu::message(
        &message.topic,
        CursorText::new(message.cursor).as_str(),
        message.event.as_deref(),
        content_type,
        message.first_headers(),
        &message.body,
        out,
    );
}

/// The same where there is only text: what is none is in base64, which its head says.
fn pogu_text(message: &Message, out: &mut Vec<u8>) {
    if message.kind != Kind::Binary {
        return pogu_message(message, out);
    }
    pogu::message_in_base64(
        &message.topic,
        CursorText::new(message.cursor).as_str(),
        message.event.as_deref(),
        Some(message.content_type()),
        message.first_headers(),
        &message.body,
        out,
    );
}

/// A body where there is only text: what is none is a data URL (RFC 2397).
fn text_body(message: &Message) -> Cow<'_, str> {
    match std::str::from_utf8(&message.body) {
        Ok(text) if message.kind != Kind::Binary => Cow::Borrowed(text),
        _ => Cow::Owned(json::data_url(message)),
    }
}

fn sse_event(message: &Message, out: &mut Vec<u8>) {
    let cursor = CursorText::new(message.cursor);
    let event = message.event.as_deref();
    // Says that the data is a data URL: text may look like one.
    let binary = (message.kind == Kind::Binary).then(|| message.content_type());
    sse::event(Some(cursor.as_str()), event, binary, &text_body(message), out);
}

/// A cursor as text, without an allocation.
struct CursorText {
    bytes: [u8; CursorText::SIZE],
    length: usize,
}

impl CursorText {
    /// 13 digits of base 36, a dash and 20 decimal digits are the most that two `u64` take.
    const SIZE: usize = 34;

    fn new(cursor: Cursor) -> Self {
        use std::io::Write;
        let mut bytes = [0; Self::SIZE];
        let mut rest = &mut bytes[..];
        // SIZE holds every cursor; were it short, the text would be cut, and a test would see it.
        let _ = write!(rest, "{cursor}");
        let length = Self::SIZE - rest.len();
        Self { bytes, length }
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All forms, those together that share a slot.
    fn forms() -> Vec<Vec<Form>> {
        let deflates = [None, Some(ws::Deflate::Wide), Some(ws::Deflate::Narrow)];
        let versions = [stomp::Version::V1_0, stomp::Version::V1_1, stomp::Version::V1_2];
        let strings = [Strings::Frames, Strings::Items];
        let framed = [Framing::Line, Framing::Length, Framing::Datagram];
        let kinds = [ws::Kind::Text, ws::Kind::Binary];
        let mut forms = vec![
            vec![Form::PoguLine, Form::PoguDatagram],
            vec![Form::Sse],
            vec![Form::JsonLine, Form::JsonElement],
        ];
        forms.extend(deflates.map(|deflate| vec![Form::Frame(deflate)]));
        forms.extend(deflates.map(|deflate| vec![Form::PoguFrame(deflate)]));
        forms.extend(framed.map(|framing| vec![Form::Framed(framing)]));
        forms.extend(versions.map(|version| {
            let frames = kinds.map(|kind| Form::StompFrame(version, kind));
            [vec![Form::Stomp(version)], frames.to_vec()].concat()
        }));
        forms.extend(strings.map(|strings| vec![Form::SockJs(Said::Body, strings)]));
        forms.extend(strings.map(|strings| vec![Form::SockJs(Said::Pogu, strings)]));
        for form in forms.iter().flatten() {
            // Whoever adds one adds it above, too.
            match form {
                Form::Frame(_) | Form::PoguFrame(_) | Form::PoguLine | Form::PoguDatagram => {}
                Form::Framed(_) | Form::Sse | Form::JsonLine | Form::JsonElement => {}
                Form::Stomp(_) | Form::StompFrame(..) | Form::SocketIo(_) | Form::SockJs(..) => {}
            }
        }
        forms
    }

    #[test]
    fn each_form_that_is_kept_has_a_slot_of_its_own() {
        let mut taken = vec![false; pogu_hub::FORMS];
        for together in forms() {
            let slots: Vec<_> = together.iter().map(|form| form.slot()).collect();
            assert!(slots.windows(2).all(|two| two[0] == two[1]), "{together:?}");
            let Some(slot) = slots[0] else { continue };
            assert!(!std::mem::replace(&mut taken[slot], true), "{together:?}");
        }
        assert!(taken.iter().all(|taken| *taken), "{taken:?}");
    }

    #[test]
    fn the_longest_cursor_fits() {
        let cursor = Cursor {
            epoch: u64::MAX,
            seq: u64::MAX,
        };
        assert_eq!(CursorText::new(cursor).as_str(), cursor.to_string());
    }
}

use super::packet::{base64_len, base64_prefix, put_base64};
use super::{Data, Packet, Version};

/// What stands between the packets of a payload of protocol 4.
pub const SEPARATOR: u8 = 0x1E;

/// How packets stand in a payload. All of one payload have the same form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// Protocol 4: text, joined with [`SEPARATOR`].
    V4,
    /// Protocol 3 as text.
    V3Text,
    /// Protocol 3 as bytes, for answers with binary to clients that did not ask for base64.
    V3Binary,
}

impl Form {
    /// The form of a POST's body; `None` for one that is refused, by which the POST [has failed](super::Session::post_failed).
    ///
    /// `content_type` is the header's value. The body of a JSONP form is not a payload before [`jsonp::payload`](super::jsonp::payload)
    /// has taken it out.
    pub fn of_post(version: Version, content_type: &str) -> Option<Self> {
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        let is_binary = media_type.eq_ignore_ascii_case("application/octet-stream");
        match version {
            Version::V4 if is_binary => None,
            Version::V4 => Some(Self::V4),
            Version::V3 if is_binary => Some(Self::V3Binary),
            Version::V3 => Some(Self::V3Text),
        }
    }

    /// The `Content-Type` of an answer in this form.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::V4 | Self::V3Text => "text/plain; charset=UTF-8",
            Self::V3Binary => "application/octet-stream",
        }
    }

    /// What stands between two packets.
    pub fn separator(self) -> &'static [u8] {
        match self {
            Self::V4 => &[SEPARATOR],
            Self::V3Text | Self::V3Binary => b"",
        }
    }

    /// Where the first so many packets of a payload of protocol 4 end, at a [`SEPARATOR`]; `None` if it has no more than these. Those of
    /// protocol 3 are not parted.
    pub fn part(self, packets: usize, payload: &[u8]) -> Option<usize> {
        let mut separators = memchr::memchr_iter(SEPARATOR, payload);
        let end = separators.nth(packets.saturating_sub(1));
        end.filter(|_| self == Self::V4)
    }
}

/// Appends `packet` as it stands in a payload, without the [separator](Form::separator), so that one encoding serves all sessions.
///
/// A [`SEPARATOR`] in the text of a payload of protocol 4, which would begin another packet, becomes U+FFFD. JSON never has one.
pub fn put(form: Form, packet: &Packet<'_>, out: &mut Vec<u8>) {
    match form {
        Form::V4 => put_v4(packet, out),
        Form::V3Text => put_v3_text(packet, out),
        Form::V3Binary => put_v3_binary(packet, out),
    }
}

fn put_v4(packet: &Packet<'_>, out: &mut Vec<u8>) {
    if let Packet::Message(Data::Binary(bytes)) = packet {
        put_base64(Version::V4, bytes, out);
        return;
    }
    let (kind, text) = packet.text();
    out.push(kind);
    let mut pieces = text.as_bytes().split(|byte| *byte == SEPARATOR);
    out.extend_from_slice(pieces.next().unwrap_or_default());
    for piece in pieces {
        out.extend_from_slice("\u{FFFD}".as_bytes());
        out.extend_from_slice(piece);
    }
}

fn put_v3_text(packet: &Packet<'_>, out: &mut Vec<u8>) {
    let mut number = itoa::Buffer::new();
    if let Packet::Message(Data::Binary(bytes)) = packet {
        let length = base64_prefix(Version::V3).len() + base64_len(bytes);
        out.extend_from_slice(number.format(length).as_bytes());
        out.push(b':');
        put_base64(Version::V3, bytes, out);
        return;
    }
    let (kind, text) = packet.text();
    let units = if text.is_ascii() {
        text.len()
    } else {
        text.encode_utf16().count()
    };
    out.extend_from_slice(number.format(1 + units).as_bytes());
    out.extend_from_slice(&[b':', kind]);
    out.extend_from_slice(text.as_bytes());
}

fn put_v3_binary(packet: &Packet<'_>, out: &mut Vec<u8>) {
    let (is_binary, kind, bytes) = match *packet {
        Packet::Message(Data::Binary(bytes)) => (true, 4, bytes),
        _ => {
            let (kind, text) = packet.text();
            (false, kind, text.as_bytes())
        }
    };
    out.push(u8::from(is_binary));
    let mut number = itoa::Buffer::new();
    let digits = number.format(1 + bytes.len()).bytes();
    out.extend(digits.map(|digit| digit - b'0'));
    out.extend_from_slice(&[LENGTH_END, kind]);
    out.extend_from_slice(bytes);
}

/// What ends a length in a payload of bytes.
pub(super) const LENGTH_END: u8 = 0xFF;

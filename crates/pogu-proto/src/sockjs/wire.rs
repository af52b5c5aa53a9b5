use super::frame::put_close;
use super::messages::{Messages, SendError};
use super::string::Form;
use super::{Close, Limits, http};
use crate::percent::decode_in_place;

/// How frames ride to a client: what stands last in the path of the request that receives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Receiver {
    /// `xhr`: a response for each frame.
    Xhr,
    /// `xhr_streaming`: a line for each frame.
    XhrStreaming,
    /// `eventsource`: a server-sent event for each frame.
    EventSource,
    /// `htmlfile`: a page that does not end, with a script for each frame.
    HtmlFile,
    /// `jsonp`: a script for each frame. Answer it with `X-Content-Type-Options: nosniff`.
    Jsonp,
    /// `websocket`: a text message for each frame.
    WebSocket,
}

/// How messages come from a client that has no WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// `xhr_send`.
    Xhr,
    /// `jsonp_send`: from a form, or as with the other.
    Jsonp,
}

/// Bytes of a page before the first script, that browsers begin to show it.
const PAGE_MIN: usize = 1024;
/// Bytes of the line before the first frame, that browsers begin to hand them on.
const PRELUDE: usize = 2048;

impl Receiver {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Xhr,
        Self::XhrStreaming,
        Self::EventSource,
        Self::HtmlFile,
        Self::Jsonp,
        Self::WebSocket,
    ];

    /// What stands last in the path.
    pub fn name(self) -> &'static str {
        match self {
            Self::Xhr => "xhr",
            Self::XhrStreaming => "xhr_streaming",
            Self::EventSource => "eventsource",
            Self::HtmlFile => "htmlfile",
            Self::Jsonp => "jsonp",
            Self::WebSocket => "websocket",
        }
    }

    /// The `Content-Type` of the response, which has status 200; empty for a WebSocket.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Xhr | Self::XhrStreaming | Self::Jsonp => http::JAVASCRIPT,
            Self::EventSource => "text/event-stream",
            Self::HtmlFile => http::HTML,
            Self::WebSocket => "",
        }
    }

    /// How its frames are written.
    fn form(self) -> Form {
        match self {
            Self::Xhr | Self::XhrStreaming | Self::WebSocket => Form::Plain,
            Self::EventSource => Form::Event,
            Self::HtmlFile | Self::Jsonp => Form::Script,
        }
    }

    /// Whether the request names a function of the client.
    pub fn has_callback(self) -> bool {
        matches!(self, Self::HtmlFile | Self::Jsonp)
    }

    /// Whether a response is one frame, so that its length is known when it begins.
    pub fn is_poll(self) -> bool {
        matches!(self, Self::Xhr | Self::Jsonp)
    }

    /// Appends what a response begins with, before all frames; nothing where a response is one frame.
    ///
    /// `callback` is [`Request::Receive`](super::Request::Receive)'s. It is no frame and does not count as
    /// [said](super::Session::said).
    pub fn put_prelude(self, callback: &str, out: &mut Vec<u8>) {
        match self {
            Self::XhrStreaming => {
                out.resize(out.len() + PRELUDE, b'h');
                out.push(b'\n');
            }
            Self::EventSource => out.extend_from_slice(b"\r\n"),
            Self::HtmlFile => {
                let start = out.len();
                let [before, after] = http::PAGE;
                out.extend_from_slice(before.as_bytes());
                out.extend_from_slice(callback.as_bytes());
                out.extend_from_slice(after.as_bytes());
                out.resize(out.len().max(start + PAGE_MIN), b' ');
                out.extend_from_slice(b"\r\n\r\n");
            }
            Self::Xhr | Self::Jsonp | Self::WebSocket => {}
        }
    }

    /// Appends what stands before each frame.
    fn begin(self, callback: &str, out: &mut Vec<u8>) {
        match self {
            Self::EventSource => out.extend_from_slice(b"data: "),
            Self::HtmlFile => out.extend_from_slice(b"<script>\np(\""),
            Self::Jsonp => {
                // A file that began with letters of the client's choice could be taken for one of another kind.
                out.extend_from_slice(b"/**/");
                out.extend_from_slice(callback.as_bytes());
                out.extend_from_slice(b"(\"");
            }
            Self::Xhr | Self::XhrStreaming | Self::WebSocket => {}
        }
    }

    /// Appends what stands after each frame.
    fn end(self, out: &mut Vec<u8>) {
        out.extend_from_slice(match self {
            Self::Xhr | Self::XhrStreaming => b"\n",
            Self::EventSource => b"\r\n\r\n",
            Self::HtmlFile => b"\");\n</script>\r\n",
            Self::Jsonp => b"\");\r\n",
            Self::WebSocket => b"",
        });
    }

    /// Appends a frame that is made of these parts.
    fn put(self, callback: &str, parts: &[&[u8]], out: &mut Vec<u8>) {
        self.begin(callback, out);
        for part in parts {
            self.form().put(part, out);
        }
        self.end(out);
    }

    /// Appends an open frame.
    pub fn put_open(self, callback: &str, out: &mut Vec<u8>) {
        self.put(callback, &[b"o"], out);
    }

    /// Appends a heartbeat.
    pub fn put_heartbeat(self, callback: &str, out: &mut Vec<u8>) {
        self.put(callback, &[b"h"], out);
    }

    /// Appends a close frame.
    pub fn put_close(self, callback: &str, close: &Close<'_>, out: &mut Vec<u8>) {
        let mut frame = Vec::with_capacity(64);
        put_close(close, &mut frame);
        self.put(callback, &[&frame], out);
    }

    /// Appends a frame of messages: their strings, each made by [`put_string`](super::put_string), with
    /// [`SEPARATOR`](Self::SEPARATOR) between two and, perhaps, behind the last. A string made once serves all sessions that receive it,
    /// whatever it rides in.
    pub fn put_messages(self, callback: &str, strings: &[u8], out: &mut Vec<u8>) {
        let strings = strings.strip_suffix(&[Self::SEPARATOR]).unwrap_or(strings);
        self.put(callback, &[b"a[", strings, b"]"], out);
    }

    /// What stands between the strings of two messages.
    pub const SEPARATOR: u8 = b',';
}

impl Sender {
    /// What stands last in the path.
    pub fn name(self) -> &'static str {
        match self {
            Self::Xhr => "xhr_send",
            Self::Jsonp => "jsonp_send",
        }
    }

    /// Status and body of the answer when the messages are taken, [`http::TEXT`] even when there is none.
    pub fn answer(self) -> (u16, &'static str) {
        match self {
            Self::Xhr => (204, ""),
            // A browser of old shows nothing after a form without a body.
            Self::Jsonp => (200, "ok"),
        }
    }

    /// Reads a POST's body, whose `Content-Type` says whether it is a form. A form is decoded in place.
    ///
    /// # Errors
    ///
    /// The answer, instead of messages: its [status](SendError::status) and its text.
    pub fn read<'a>(
        self,
        content_type: &str,
        body: &'a mut [u8],
        limits: &Limits,
    ) -> Result<Messages<'a>, SendError> {
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        let is_form = media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded");
        match self {
            Self::Jsonp if is_form => Messages::of_body(field(body)?, limits),
            Self::Xhr | Self::Jsonp => Messages::of_body(body, limits),
        }
    }
}

/// Takes the field `d` out of a form.
fn field(form: &mut [u8]) -> Result<&[u8], SendError> {
    let mut fields = form.split_mut(|byte| *byte == b'&');
    let field = fields.find(|field| field.starts_with(b"d="));
    let value = field.and_then(|field| field.get_mut(2..));
    if fields.any(|field| field.starts_with(b"d=")) {
        return Err(SendError::NoPayload);
    }
    let value = value.ok_or(SendError::NoPayload)?;
    let length = decode_in_place(value, true);
    Ok(&value[..length])
}

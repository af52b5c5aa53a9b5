//! WebSocket and Engine.IO endpoints with code behind them: the library's users' own protocols on pogu's port.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use pogu_proto::engineio::{Data, Packet};
use pogu_proto::ws;

use crate::engineio::Packing;
use crate::form;

/// A message that a client sent.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// Text or binary.
    pub kind: ws::Kind,
    /// The whole body, valid UTF-8 if it is text.
    pub payload: &'a [u8],
}

/// The connection that a message came from, lent to its handler.
///
/// What is sent goes out with one write once the handler has seen all that arrived with it.
pub struct Socket<'a> {
    pub(crate) sends: Sends,
    pub(crate) codec: &'a mut ws::Codec,
    pub(crate) out: &'a mut Vec<u8>,
    pub(crate) close: Option<(u16, String)>,
}

/// How what is sent rides.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sends {
    Frames(Option<ws::Deflate>),
    Packets(Packing),
}

impl Socket<'_> {
    /// Sends a message to this client.
    pub fn send(&mut self, kind: ws::Kind, payload: &[u8]) {
        match (self.sends, kind) {
            (Sends::Frames(deflate), _) => form::frame(kind, payload, deflate, self.codec, self.out),
            (Sends::Packets(packing), ws::Kind::Text) => {
                // What is no text cannot be sent as such.
                let text = std::str::from_utf8(payload).unwrap_or_default();
                packing.put(&Packet::Message(Data::Text(text)), self.out);
            }
            (Sends::Packets(packing), ws::Kind::Binary) => {
                packing.put(&Packet::Message(Data::Binary(payload)), self.out);
            }
        }
    }

    /// Closes the connection with a code of RFC 6455 §7.4 once what was sent before is out.
    pub fn close(&mut self, code: u16, reason: impl Into<String>) {
        self.close = Some((code, reason.into()));
    }
}

impl fmt::Debug for Socket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("sends", &self.sends)
            .finish_non_exhaustive()
    }
}

/// Code behind an endpoint: called on the lane that the connection lives on, once a message.
pub(crate) type Handler = Arc<dyn Fn(&mut Socket<'_>, Incoming<'_>) + Send + Sync>;

/// Code by the path that it serves.
#[derive(Clone, Default)]
pub(crate) struct Handlers {
    pub(crate) websocket: HashMap<String, Handler>,
    pub(crate) engineio: HashMap<String, Handler>,
}

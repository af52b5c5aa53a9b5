//! Endpoints with code behind them: the library's users' own protocols on pogu's port.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use pogu_hub::Kind;
use pogu_proto::engineio::{Data, Packet};
use pogu_proto::ws;

use crate::config;
use crate::engineio::Packing;
use crate::form;
use crate::json;
use crate::sockjs::Strings;

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
    Strings(Strings),
}

impl Socket<'_> {
    /// Sends a message to this client. By SockJS, which has no binary, that goes as a data URL (RFC 2397).
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
            (Sends::Strings(strings), ws::Kind::Text) => {
                strings.put(std::str::from_utf8(payload).unwrap_or_default(), self.out);
            }
            (Sends::Strings(strings), ws::Kind::Binary) => {
                strings.put(&json::data_url_of(Kind::Binary.content_type(), payload), self.out);
            }
        }
    }

    /// Closes the connection with a code of RFC 6455 §7.4 once what was sent before is out; SockJS takes 1000 and those from 3000 on.
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

type OnOpen = dyn Fn(&mut Socket<'_>) + Send + Sync;
type OnMessage = dyn Fn(&mut Socket<'_>, Incoming<'_>) + Send + Sync;

/// Code behind an endpoint, called on the lane that the connection lives on.
///
/// It must not block: the lane's other connections wait for it.
#[derive(Clone)]
pub struct Endpoint {
    on_open: Option<Arc<OnOpen>>,
    on_message: Arc<OnMessage>,
    pub(crate) sockjs: Option<config::SockJs>,
}

impl Endpoint {
    /// Calls `handler` once a message.
    pub fn new(handler: impl Fn(&mut Socket<'_>, Incoming<'_>) + Send + Sync + 'static) -> Self {
        Self {
            on_open: None,
            on_message: Arc::new(handler),
            sockjs: None,
        }
    }

    /// Calls `handler` when a connection begins, before its first message.
    #[must_use]
    pub fn on_open(mut self, handler: impl Fn(&mut Socket<'_>) + Send + Sync + 'static) -> Self {
        self.on_open = Some(Arc::new(handler));
        self
    }

    /// Takes this for the `[sockjs]` of the configuration.
    #[must_use]
    pub fn sockjs(mut self, sockjs: config::SockJs) -> Self {
        self.sockjs = Some(sockjs);
        self
    }

    pub(crate) fn open(&self, socket: &mut Socket<'_>) {
        if let Some(on_open) = &self.on_open {
            on_open(socket);
        }
    }

    pub(crate) fn hear(&self, socket: &mut Socket<'_>, incoming: Incoming<'_>) {
        (self.on_message)(socket, incoming);
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("sockjs", &self.sockjs)
            .finish_non_exhaustive()
    }
}

/// Code by the path that it serves.
#[derive(Clone, Default)]
pub(crate) struct Handlers {
    pub(crate) websocket: HashMap<String, Arc<Endpoint>>,
    pub(crate) engineio: HashMap<String, Arc<Endpoint>>,
}

impl Handlers {
    /// The endpoint that `path` is at or below, and what follows its own path.
    pub(crate) fn find<'p>(&self, path: &'p str) -> Option<(Arc<Endpoint>, &'p str)> {
        if let Some(endpoint) = self.websocket.get(path) {
            return Some((endpoint.clone(), ""));
        }
        // What SockJS has below an endpoint is at most three names deep.
        path.rmatch_indices('/').take(4).find_map(|(at, _)| {
            let (base, rest) = path.split_at(at);
            self.websocket.get(base).map(|endpoint| (endpoint.clone(), rest))
        })
    }
}

//! Where to connect and what to say there first.

use std::net::{SocketAddr, ToSocketAddrs};

use anyhow::Context;
use clap::ValueEnum;
use pogu_client::SockJsTransport;
use pogu_proto::ws::{ClientHandshake, Request};

use super::framing::Framing;
use super::socketio::Polls;
use super::sockjs::{self, Responses};
use super::stomp::{Joining, PROTOCOLS};
use super::wire::{Decoder, Over, Response};
use crate::exit::{Usage, require};
use crate::target::check_transport;

/// The key of every WebSocket handshake. It protects the caches of browsers, and here is neither.
const KEY: [u8; 16] = *b"the sample nonce";

/// What precedes a topic in the paths of HTTP.
const TOPICS: &str = "/topics/";

/// A way of receiving.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Via {
    /// A WebSocket.
    Ws,
    /// Server-sent events.
    Sse,
    /// Lines of JSON.
    Stream,
    /// One request after the other, each held until there is something.
    Longpoll,
    /// Lines of the pogu dialect.
    Tcp,
    /// STOMP, over a WebSocket with ws:// and http://, else over TCP.
    Stomp,
    /// Socket.IO, over a WebSocket, or with ?transport=polling in the URL over polls; with ?transport=polling,websocket over the WebSocket
    /// that such a client goes over to.
    Socketio,
    /// SockJS below the path, over a WebSocket or what --sockjs-transport says.
    Sockjs,
    /// WebSocket frames without a handshake, from the floor.
    #[value(skip)]
    Frames,
    /// Messages of so many bytes and nothing else, from an echo of bytes.
    #[value(skip)]
    Raw,
}

/// A URL, resolved. `{i}` in its path stands for a connection's number.
#[derive(Clone, Debug)]
pub(super) struct Target {
    scheme: Scheme,
    pub(super) address: SocketAddr,
    authority: String,
    path: String,
    /// What carries SockJS.
    transport: SockJsTransport,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Ws,
    Http,
    Tcp,
    Stomp,
    SocketIo,
}

impl Target {
    pub(super) fn parse(url: &str) -> anyhow::Result<Target> {
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| Usage(format!("{url}: not a URL")))?;
        let (scheme, port) = match scheme {
            "ws" => (Scheme::Ws, 80),
            "http" => (Scheme::Http, 80),
            "tcp" => (Scheme::Tcp, 7070),
            "stomp" => (Scheme::Stomp, 7070),
            "socketio" => (Scheme::SocketIo, 7070),
            _ => {
                let why = format!("{url}: the scheme must be ws, http, tcp, stomp or socketio");
                return Err(Usage(why).into());
            }
        };
        let (authority, path) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let has_port = authority
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let host = if has_port {
            authority.to_owned()
        } else {
            format!("{authority}:{port}")
        };
        let mut addresses = host
            .to_socket_addrs()
            .with_context(|| format!("{url}: cannot resolve {host}"))?;
        Ok(Target {
            scheme,
            address: addresses
                .next()
                .with_context(|| format!("{url}: {host} has no address"))?,
            authority: authority.to_owned(),
            path: path.to_owned(),
            transport: SockJsTransport::WebSocket,
        })
    }

    /// An address where nothing is said first.
    pub(super) fn bare(address: SocketAddr) -> Target {
        Target {
            scheme: Scheme::Tcp,
            address,
            authority: address.to_string(),
            path: String::new(),
            transport: SockJsTransport::WebSocket,
        }
    }

    /// The same with what carries SockJS, if that was chosen.
    pub(super) fn carried_by(self, via: Via, transport: Option<SockJsTransport>) -> anyhow::Result<Target> {
        require(
            via != Via::Sockjs || self.is_over_http(),
            "SockJS needs ws:// or http://",
        )?;
        check_transport(via == Via::Sockjs, transport)?;
        Ok(Target {
            transport: transport.unwrap_or(self.transport),
            ..self
        })
    }

    /// The way that the scheme suggests.
    pub(super) fn via(&self) -> Via {
        match self.scheme {
            Scheme::Ws => Via::Ws,
            Scheme::Http => Via::Sse,
            Scheme::Tcp if self.is_bare() => Via::Raw,
            Scheme::Tcp => Via::Tcp,
            Scheme::Stomp => Via::Stomp,
            Scheme::SocketIo => Via::Socketio,
        }
    }

    /// Where to publish to what is subscribed to here: a WebSocket in place of HTTP.
    pub(super) fn publisher(&self) -> Target {
        if self.scheme != Scheme::Http {
            return self.clone();
        }
        Target {
            scheme: Scheme::Ws,
            path: without_transport(&self.path),
            ..self.clone()
        }
    }

    /// Whether nothing is named but an address.
    fn is_bare(&self) -> bool {
        self.scheme == Scheme::Tcp && self.path.trim_matches('/').is_empty()
    }

    /// How a client that is connected by `via` sends messages of `size` bytes here.
    pub(super) fn framing(&self, n: usize, via: Via, size: usize) -> Framing {
        if via == Via::Stomp {
            let destination = self.destination(n);
            return if self.is_over_http() {
                Framing::stomp_ws(&destination, size)
            } else {
                Framing::stomp(&destination, size)
            };
        }
        match self.scheme {
            Scheme::Ws => Framing::ws(size),
            Scheme::Http => {
                let (path, host) = (self.path(n), &self.authority);
                Framing::post(&path, host, size)
            }
            Scheme::Tcp if self.is_bare() => Framing::raw(size),
            Scheme::SocketIo => Framing::socketio(&self.namespace(n), size),
            Scheme::Tcp | Scheme::Stomp => Framing::line(&self.topic(n), size),
        }
    }

    /// What connection `n` says first to receive by `via` messages of `size` bytes, and how to read what follows.
    pub(super) fn subscription(&self, n: usize, via: Via, size: usize) -> anyhow::Result<(Vec<u8>, Decoder)> {
        let accept = match via {
            Via::Ws => return self.websocket(&self.path(n), Over::Nothing),
            Via::Socketio if self.asks_for_polls()? => return self.polls(n),
            Via::Socketio => return self.socketio(n),
            Via::Sockjs => return self.sockjs(n),
            Via::Stomp => return self.stomp(Some(self.destination(n))),
            Via::Tcp => {
                let greeting = format!("SUB {}\n", self.topic(n)).into_bytes();
                return Ok((greeting, Decoder::Lines { ready: false }));
            }
            Via::Longpoll => return Ok((self.poll(n, None), Decoder::LongPoll(Response::default()))),
            Via::Frames => return Ok((Vec::new(), Decoder::frames())),
            Via::Raw => return Ok((Vec::new(), Decoder::Fixed { size })),
            Via::Sse => "text/event-stream",
            Via::Stream => "application/x-ndjson",
        };
        Ok((
            self.get(&self.path(n), accept),
            Decoder::Stream(Response::default()),
        ))
    }

    /// What the publisher says first.
    pub(super) fn publication(&self) -> anyhow::Result<(Vec<u8>, Decoder)> {
        match self.scheme {
            Scheme::Ws => self.websocket(&self.path(0), Over::Nothing),
            Scheme::Stomp => self.stomp(None),
            Scheme::SocketIo => self.socketio(0),
            Scheme::Http | Scheme::Tcp => Ok((Vec::new(), Decoder::Answers)),
        }
    }

    /// A long poll from `cursor` on; without one it is answered at once with where to start.
    pub(super) fn poll(&self, n: usize, cursor: Option<&str>) -> Vec<u8> {
        let path = self.path(n);
        let mark = if path.contains('?') { '&' } else { '?' };
        let query = cursor.map_or_else(
            || "via=poll".to_owned(),
            |cursor| format!("after={cursor}&wait=25"),
        );
        self.get(&format!("{path}{mark}{query}"), "application/json")
    }

    fn websocket(&self, path: &str, over: Over) -> anyhow::Result<(Vec<u8>, Decoder)> {
        let request = Request {
            host: &self.authority,
            path,
            protocols: match over {
                Over::Stomp(_) => &PROTOCOLS,
                Over::Nothing | Over::SocketIo(_) | Over::SockJs => &[],
            },
            ..Request::default()
        };
        let mut greeting = Vec::new();
        let handshake = ClientHandshake::new(&request, KEY, &mut greeting)?;
        Ok((greeting, Decoder::Handshake(Box::new(handshake), over)))
    }

    /// Joins a STOMP server, and subscribes to a destination.
    fn stomp(&self, destination: Option<String>) -> anyhow::Result<(Vec<u8>, Decoder)> {
        let mut joining = Box::new(Joining::new(&self.authority, destination));
        if !self.is_over_http() {
            return Ok((joining.start(), Decoder::Joining(joining)));
        }
        self.websocket(&format!("{}/stomp", self.prefix()?), Over::Stomp(joining))
    }

    /// Joins a namespace of a Socket.IO server over a WebSocket.
    fn socketio(&self, n: usize) -> anyhow::Result<(Vec<u8>, Decoder)> {
        let path = format!("{}/socket.io/?EIO=4&transport=websocket", self.prefix()?);
        self.websocket(&path, Over::SocketIo(self.namespace(n)))
    }

    /// The same over polls.
    fn polls(&self, n: usize) -> anyhow::Result<(Vec<u8>, Decoder)> {
        let path = format!("{}/socket.io/?EIO=4&transport=polling", self.prefix()?);
        let polls = Polls::new(&self.authority, path, self.namespace(n));
        Ok((polls.poll(), Decoder::Polls(Box::new(polls))))
    }

    /// A session of SockJS at the path.
    fn sockjs(&self, n: usize) -> anyhow::Result<(Vec<u8>, Decoder)> {
        let path = self.path(n);
        let (base, query) = path.split_once('?').unwrap_or((&path, ""));
        let mut path = sockjs::path(base.trim_end_matches('/'), self.transport);
        if !query.is_empty() {
            path = format!("{path}?{query}");
        }
        if self.transport == SockJsTransport::WebSocket {
            return self.websocket(&path, Over::SockJs);
        }
        let responses = Responses::new(&self.authority, &path, self.transport);
        Ok((responses.request(), Decoder::Responses(Box::new(responses))))
    }

    /// Whether Socket.IO goes over polls to the end. A client that begins on them and goes over to a WebSocket is measured on that one.
    fn asks_for_polls(&self) -> anyhow::Result<bool> {
        let query = self.path.split_once('?').map_or("", |(_, query)| query);
        let asked = query.split('&').find_map(|pair| pair.strip_prefix("transport="));
        let over_websocket = ["websocket", "websocket,polling", "polling,websocket"];
        require(
            asked.is_none_or(|asked| asked == "polling" || over_websocket.contains(&asked)),
            format!(
                "{:?} is no transport; there are websocket, polling, and \"polling,websocket\" for both",
                asked.unwrap_or_default()
            ),
        )?;
        Ok(asked == Some("polling"))
    }

    /// What stands before the server's own paths.
    fn prefix(&self) -> anyhow::Result<&str> {
        if !self.is_over_http() {
            return Ok("");
        }
        let prefix = self.path.rfind(TOPICS).map(|at| &self.path[..at]);
        let why = || {
            Usage(format!(
                "{}: there is no topic, as in ws://HOST/topics/TOPIC",
                self.path
            ))
        };
        Ok(prefix.ok_or_else(why)?)
    }

    fn get(&self, path: &str, accept: &str) -> Vec<u8> {
        format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAccept: {accept}\r\n\r\n",
            self.authority
        )
        .into_bytes()
    }

    fn path(&self, n: usize) -> String {
        let slash = if self.path.starts_with('/') { "" } else { "/" };
        format!("{slash}{}", self.path.replace("{i}", &n.to_string()))
    }

    /// What STOMP calls the topic. A path of several segments, which is no topic, is a destination as it is.
    fn destination(&self, n: usize) -> String {
        let path = self.path(n);
        let path = path.split('?').next().unwrap_or_default();
        if !self.is_over_http() && path[1..].contains('/') {
            path.to_owned()
        } else {
            format!("/topic/{}", self.topic(n))
        }
    }

    /// What Socket.IO calls the topic.
    fn namespace(&self, n: usize) -> String {
        match self.scheme {
            Scheme::SocketIo => self.path(n).split('?').next().unwrap_or_default().to_owned(),
            _ => format!("/{}", self.topic(n)),
        }
    }

    fn is_over_http(&self) -> bool {
        matches!(self.scheme, Scheme::Ws | Scheme::Http)
    }

    /// The last segment of the path, which is the topic both in `/topics/T` and in `tcp://host/T`.
    fn topic(&self, n: usize) -> String {
        let path = self.path(n);
        let path = path.split('?').next().unwrap_or_default();
        path.rsplit('/').next().unwrap_or_default().to_owned()
    }
}

/// A path without the word in its query that only a client of Socket.IO is meant by.
fn without_transport(path: &str) -> String {
    let Some((path, query)) = path.split_once('?') else {
        return path.to_owned();
    };
    let others: Vec<&str> = query
        .split('&')
        .filter(|pair| !pair.starts_with("transport="))
        .collect();
    if others.is_empty() {
        return path.to_owned();
    }
    format!("{path}?{}", others.join("&"))
}

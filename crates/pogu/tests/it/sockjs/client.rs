//! A SockJS client that blocks. It reads and writes all by itself, so that it sees each byte and can be wrong on purpose.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

use super::transport::{Frame, Transport};
use crate::server::{Answer, Http, Running, connect};
use crate::websocket::{Heard, Socket};

/// What a second receiver is told.
pub(crate) const BUSY: &str = "c[2010,\"Another connection still open\"]";

/// A session by its name: what is asked of it, each on a connection of its own.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    address: SocketAddr,
    /// What stands in each URL before the transport.
    path: String,
    /// What stands in each URL behind it.
    query: String,
}

impl Session {
    /// A new name below `base`, which may have a query.
    pub(crate) fn new(server: &Running, base: &str) -> Session {
        static NAMES: AtomicU64 = AtomicU64::new(0);
        let name = format!("s{}", NAMES.fetch_add(1, Ordering::Relaxed));
        Session::named(server, base, &name)
    }

    pub(crate) fn named(server: &Running, base: &str, name: &str) -> Session {
        let (base, query) = base.split_once('?').unwrap_or((base, ""));
        Session {
            address: server.address(),
            path: format!("{base}/000/{name}"),
            query: query.to_owned(),
        }
    }

    /// The same by another address of the server, or with another number for balancers.
    pub(crate) fn by(&self, number: &str) -> Session {
        Session {
            path: self.path.replace("/000/", &format!("/{number}/")),
            ..self.clone()
        }
    }

    /// The URL for what stands last in its path, query and all.
    pub(crate) fn url(&self, last: &str) -> String {
        let (last, own) = last.split_once('?').unwrap_or((last, ""));
        let mark = if own.is_empty() && self.query.is_empty() {
            ""
        } else {
            "?"
        };
        let and = if own.is_empty() || self.query.is_empty() {
            ""
        } else {
            "&"
        };
        format!("{}/{last}{mark}{}{and}{own}", self.path, self.query)
    }

    /// Sends a request; `headers` are more lines, each after a line feed.
    pub(crate) fn request(&self, method: &str, last: &str, headers: &str, body: &str) -> Http {
        let mut http = Http::new(connect(self.address));
        let url = self.url(last);
        http.send(&format!("{method} {url} HTTP/1.1{headers}"), body.as_bytes());
        http
    }

    pub(crate) fn ask(&self, method: &str, last: &str, headers: &str, body: &str) -> Answer {
        self.request(method, last, headers, body).answer()
    }

    /// Asks to receive; the answer is not read yet.
    pub(crate) fn receive(&self, transport: Transport) -> Http {
        let last = match transport {
            Transport::HtmlFile | Transport::Jsonp => format!("{}?c=f", transport.name()),
            _ => transport.name().to_owned(),
        };
        self.request(transport.method(), &last, "", "")
    }

    /// Asks for a stream and reads its head and prelude.
    #[track_caller]
    pub(crate) fn stream(&self, transport: Transport) -> Http {
        let mut http = self.receive(transport);
        let head = http.head();
        assert_eq!(head.status, 200, "{head:?}");
        assert!(http.chunk().is_some(), "a prelude");
        http
    }

    /// A poll that waits: of two the server refuses the one that comes later. There has to be nothing to say.
    pub(crate) fn wait(&self, transport: Transport) -> Http {
        let [mut first, mut second] = [self.receive(transport), self.receive(transport)];
        while !first.is_answered() && !second.is_answered() {
            std::thread::yield_now();
        }
        if first.is_answered() {
            std::mem::swap(&mut first, &mut second);
        }
        assert_eq!(second.answer().text(), transport.wrap(BUSY));
        first
    }

    /// The text of a poll's answer.
    #[track_caller]
    pub(crate) fn poll(&self) -> String {
        let answer = self.receive(Transport::Xhr).answer();
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.text()
    }

    /// Opens it by a poll.
    #[track_caller]
    pub(crate) fn open(&self) {
        assert_eq!(self.poll(), "o\n");
    }

    /// Sends a body to `xhr_send`.
    pub(crate) fn post(&self, body: &str) -> Answer {
        self.ask("POST", "xhr_send", "", body)
    }

    /// The same, and it is taken.
    #[track_caller]
    pub(crate) fn send(&self, body: &str) {
        let answer = self.post(body);
        assert_eq!((answer.status, &*answer.body), (204, &b""[..]), "{answer:?}");
    }
}

/// A conversation by one transport, that asks again whenever a response has ended.
pub(crate) struct SockJs {
    pub(crate) session: Session,
    pub(crate) transport: Transport,
    link: Link,
    /// Messages of a frame that were not heard yet.
    waiting: VecDeque<String>,
}

enum Link {
    None,
    Stream(Box<Http>),
    WebSocket(Box<Socket>),
}

impl SockJs {
    /// A session that is open.
    #[track_caller]
    pub(crate) fn open(server: &Running, base: &str, transport: Transport) -> SockJs {
        let mut sockjs = SockJs::on(Session::new(server, base), transport);
        assert_eq!(sockjs.frame(), Some(Frame::Open));
        sockjs
    }

    /// A session of this name, open or not.
    pub(crate) fn on(session: Session, transport: Transport) -> SockJs {
        let link = match transport {
            Transport::WebSocket => {
                let stream = connect(session.address);
                let socket = Socket::on(stream, &session.url("websocket"), false, &[]);
                Link::WebSocket(Box::new(socket))
            }
            _ => Link::None,
        };
        SockJs {
            session,
            transport,
            link,
            waiting: VecDeque::new(),
        }
    }

    pub(crate) fn socket(&mut self) -> &mut Socket {
        match &mut self.link {
            Link::WebSocket(socket) => socket,
            _ => panic!("it is on {:?}", self.transport),
        }
    }

    /// The next frame, `None` when a response has ended without one.
    #[track_caller]
    pub(crate) fn frame(&mut self) -> Option<Frame> {
        assert!(self.waiting.is_empty(), "{:?} were not heard", self.waiting);
        self.hear_frame()
    }

    #[track_caller]
    fn hear_frame(&mut self) -> Option<Frame> {
        let transport = self.transport;
        let text = match &mut self.link {
            Link::WebSocket(socket) => match socket.hear() {
                Heard::Text(text) => text,
                Heard::Close(_) | Heard::End => return None,
                other => panic!("{other:?} in place of a frame"),
            },
            Link::Stream(http) => match http.chunk() {
                Some(chunk) => transport.unwrap(&chunk),
                None => {
                    self.link = Link::None;
                    return self.hear_frame();
                }
            },
            Link::None if transport.is_poll() => {
                let answer = self.session.receive(transport).answer();
                assert_eq!(answer.status, 200, "{answer:?}");
                if answer.body.is_empty() {
                    return None;
                }
                transport.unwrap(&answer.text())
            }
            Link::None => {
                let mut http = self.session.stream(transport);
                let chunk = http.chunk()?;
                self.link = Link::Stream(Box::new(http));
                transport.unwrap(&chunk)
            }
        };
        Some(Frame::read(&text))
    }

    /// The next message; heartbeats are passed over.
    #[track_caller]
    pub(crate) fn hear(&mut self) -> String {
        self.hear_or_close()
            .unwrap_or_else(|close| panic!("{:?} in place of a message", close))
    }

    /// The next message, or how the session was closed.
    #[track_caller]
    pub(crate) fn hear_or_close(&mut self) -> Result<String, Frame> {
        loop {
            if let Some(message) = self.waiting.pop_front() {
                return Ok(message);
            }
            match self.hear_frame().expect("a frame") {
                Frame::Messages(messages) => self.waiting.extend(messages),
                Frame::Heartbeat => {}
                other => return Err(other),
            }
        }
    }

    /// Sends messages together.
    #[track_caller]
    pub(crate) fn say_all<T: AsRef<str>>(&mut self, messages: impl IntoIterator<Item = T>) {
        let messages: Vec<Value> = messages.into_iter().map(|text| text.as_ref().into()).collect();
        let body = Value::from(messages).to_string();
        let answer = match (&mut self.link, self.transport) {
            (Link::WebSocket(socket), _) => return socket.say(&body),
            (_, Transport::Jsonp) => {
                let form = "\nContent-Type: application/x-www-form-urlencoded";
                let body = format!("d={}", url_encoded(&body));
                self.session.ask("POST", "jsonp_send", form, &body)
            }
            _ => self.session.post(&body),
        };
        let wanted = if self.transport == Transport::Jsonp {
            200
        } else {
            204
        };
        assert_eq!(answer.status, wanted, "{answer:?}");
    }

    /// Sends one message.
    #[track_caller]
    pub(crate) fn say(&mut self, text: &str) {
        self.say_all([text]);
    }

    /// Cuts the response or the WebSocket, if there is one.
    pub(crate) fn cut(&mut self) {
        self.link = Link::None;
    }
}

pub(crate) fn url_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => char::from(byte).to_string(),
            b' ' => "+".to_owned(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

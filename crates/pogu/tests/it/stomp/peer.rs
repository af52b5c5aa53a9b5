//! A STOMP client that blocks. It reads and writes frames by itself, so that it can be wrong on purpose and sees what is wrong.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::server::{Running, connect};
use crate::sockjs::{self, Transport};
use crate::websocket::{Heard, Socket};

/// A frame that arrived, its headers as they are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) command: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Frame {
    /// The value of a header, of the first when there are several.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| &**value)
    }

    #[track_caller]
    pub(crate) fn the(&self, name: &str) -> &str {
        self.header(name)
            .unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body as a number.
    #[track_caller]
    pub(crate) fn number(&self) -> usize {
        assert_eq!(self.command, "MESSAGE", "{self:?}");
        self.text().parse().unwrap()
    }

    /// What acknowledges it, in 1.2.
    pub(crate) fn ack(&self) -> &str {
        self.the("ack")
    }
}

enum Link {
    Tcp(TcpStream),
    WebSocket(Box<Socket>),
    SockJs(Box<sockjs::Client>),
}

/// A conversation.
pub(crate) struct Stomp {
    link: Link,
    /// Whether header values are escaped: from 1.1 on, after CONNECTED.
    escaped: bool,
    /// Bytes that arrived and were not heard yet.
    unheard: Vec<u8>,
    receipts: usize,
    /// What the server calls it.
    pub(crate) session: String,
    /// Whether the last WebSocket message was binary.
    pub(crate) binary: bool,
    /// The code with which the WebSocket was closed.
    pub(crate) closed: Option<u16>,
}

impl Stomp {
    /// Over TCP, connected, in version 1.2.
    pub(crate) fn new(server: &Running) -> Stomp {
        Stomp::connected(server.connect(), "1.2", "")
    }

    /// Over TCP, connected; `headers` are more lines of CONNECT.
    #[track_caller]
    pub(crate) fn connected(stream: TcpStream, version: &str, headers: &str) -> Stomp {
        let mut stomp = Stomp::on(stream);
        stomp.connect(version, headers);
        stomp
    }

    /// Over TCP, before CONNECT.
    pub(crate) fn on(stream: TcpStream) -> Stomp {
        Stomp::over(Link::Tcp(stream))
    }

    /// Over a WebSocket, connected, in version 1.2.
    #[track_caller]
    pub(crate) fn websocket(server: &Running) -> Stomp {
        let mut stomp = Stomp::on_socket(Socket::open(server, "/stomp"));
        stomp.connect("1.2", "");
        stomp
    }

    /// Over a WebSocket, before CONNECT.
    pub(crate) fn on_socket(socket: Socket) -> Stomp {
        Stomp::over(Link::WebSocket(Box::new(socket)))
    }

    /// By SockJS, connected, in version 1.2.
    #[track_caller]
    pub(crate) fn sockjs(server: &Running, transport: Transport) -> Stomp {
        let mut stomp = Stomp::sockjs_before(server, transport);
        stomp.connect("1.2", "");
        stomp
    }

    /// By SockJS, before CONNECT.
    #[track_caller]
    pub(crate) fn sockjs_before(server: &Running, transport: Transport) -> Stomp {
        let client = sockjs::Client::open(server, "/stomp", transport);
        Stomp::over(Link::SockJs(Box::new(client)))
    }

    fn over(link: Link) -> Stomp {
        Stomp {
            link,
            escaped: false,
            unheard: Vec::new(),
            receipts: 0,
            session: String::new(),
            binary: false,
            closed: None,
        }
    }

    /// Says CONNECT and hears CONNECTED, in just this version.
    #[track_caller]
    pub(crate) fn connect(&mut self, version: &str, headers: &str) -> Frame {
        self.say(format!(
            "CONNECT\naccept-version:{version}\nhost:test\n{headers}\n\0"
        ));
        let connected = self.hear();
        assert_eq!(connected.command, "CONNECTED", "{connected:?}");
        assert_eq!(connected.the("version"), version);
        self.escaped = version != "1.0";
        self.session = connected.the("session").to_owned();
        connected
    }

    /// The socket below, to be broken.
    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        match &mut self.link {
            Link::Tcp(stream) => stream,
            Link::WebSocket(socket) => &mut socket.stream,
            Link::SockJs(_) => panic!("it is on none of its own"),
        }
    }

    pub(crate) fn socket(&mut self) -> &mut Socket {
        match &mut self.link {
            Link::WebSocket(socket) => socket,
            _ => panic!("it is on no WebSocket"),
        }
    }

    pub(crate) fn client(&mut self) -> &mut sockjs::Client {
        match &mut self.link {
            Link::SockJs(client) => client,
            _ => panic!("it is on no SockJS"),
        }
    }

    /// Ends the connection by a reset, with nothing said.
    pub(crate) fn reset(mut self) {
        let socket = socket2::SockRef::from(&*self.stream());
        socket.set_linger(Some(std::time::Duration::ZERO)).unwrap();
    }

    /// Sends bytes as they are; on a WebSocket in one text message if they are text.
    pub(crate) fn say(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        match &mut self.link {
            Link::Tcp(stream) => stream.write_all(bytes).unwrap(),
            Link::WebSocket(socket) => match std::str::from_utf8(bytes) {
                Ok(text) => socket.say(text),
                Err(_) => socket.say_bytes(bytes),
            },
            Link::SockJs(client) => client.say(std::str::from_utf8(bytes).expect("text")),
        }
    }

    /// Sends what may not arrive, as the server may have gone.
    pub(crate) fn try_say(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream().write_all(bytes.as_ref())
    }

    /// Sends a message that asks for nothing.
    pub(crate) fn send(&mut self, destination: &str, body: impl AsRef<[u8]>) {
        self.say(send(destination, "", body));
    }

    /// The bytes of a frame without a body, with a receipt asked for, and the receipt.
    pub(crate) fn with_receipt(&mut self, head: &str) -> (String, String) {
        self.receipts += 1;
        let receipt = format!("receipt-{}", self.receipts);
        (format!("{head}\nreceipt:{receipt}\n\n\0"), receipt)
    }

    /// Says a frame, given as its lines without the empty one, and hears that it is done, before anything else.
    #[track_caller]
    pub(crate) fn ask(&mut self, head: &str) {
        let (frame, receipt) = self.with_receipt(head);
        self.say(frame);
        let answer = self.hear();
        assert_eq!(answer.command, "RECEIPT", "to {head:?}: {answer:?}");
        assert_eq!(answer.the("receipt-id"), receipt);
    }

    /// The same where messages may come before.
    #[track_caller]
    pub(crate) fn ask_amid(&mut self, head: &str) -> Vec<Frame> {
        let (frame, receipt) = self.with_receipt(head);
        self.say(frame);
        let mut before = Vec::new();
        loop {
            let frame = self.hear();
            if frame.header("receipt-id") == Some(&receipt) {
                assert_eq!(frame.command, "RECEIPT", "to {head:?}: {frame:?}");
                return before;
            }
            before.push(frame);
        }
    }

    #[track_caller]
    pub(crate) fn subscribe(&mut self, id: &str, destination: &str) {
        self.ask(&format!("SUBSCRIBE\nid:{id}\ndestination:{destination}"));
    }

    /// Sends a message and hears that it is there.
    #[track_caller]
    pub(crate) fn publish(&mut self, destination: &str, body: &str) {
        let (mut frame, receipt) = self.with_receipt(&format!("SEND\ndestination:{destination}"));
        frame.insert_str(frame.len() - 1, body);
        self.say(frame);
        let answer = self.hear();
        assert_eq!(answer.command, "RECEIPT", "{answer:?}");
        assert_eq!(answer.the("receipt-id"), receipt);
    }

    /// Hears that nothing waits. What was delivered to it before is written behind the first answer and before the second.
    #[track_caller]
    pub(crate) fn is_quiet(&mut self) {
        for _ in 0..2 {
            self.ask("BEGIN\ntransaction:quiet");
            self.ask("ABORT\ntransaction:quiet");
        }
    }

    /// The next frame; heart-beats are passed over. Fails at the end of the connection.
    #[track_caller]
    pub(crate) fn hear(&mut self) -> Frame {
        self.hear_or_end().expect("a frame")
    }

    /// The next frame, which is a MESSAGE.
    #[track_caller]
    pub(crate) fn hear_message(&mut self) -> Frame {
        let frame = self.hear();
        assert_eq!(frame.command, "MESSAGE", "{frame:?}");
        frame
    }

    /// The next frame, `None` at the end of the connection.
    pub(crate) fn hear_or_end(&mut self) -> Option<Frame> {
        loop {
            let noise = self.unheard.iter().take_while(|byte| **byte == b'\n').count();
            self.unheard.drain(..noise);
            if let Some((frame, length)) = read(&self.unheard, self.escaped) {
                self.unheard.drain(..length);
                return Some(frame);
            }
            if !self.listen() {
                assert!(self.unheard.is_empty(), "a frame was cut: {:?}", self.unheard);
                return None;
            }
        }
    }

    /// Waits for more bytes; false at the end of the connection.
    pub(crate) fn listen(&mut self) -> bool {
        match &mut self.link {
            Link::Tcp(stream) => {
                let mut buffer = vec![0; 64 << 10];
                let n = stream.read(&mut buffer).expect("bytes or the end");
                self.unheard.extend_from_slice(&buffer[..n]);
                n > 0
            }
            Link::WebSocket(socket) => {
                let (bytes, binary) = match socket.hear() {
                    Heard::Text(text) => (text.into_bytes(), false),
                    Heard::Binary(bytes) => (bytes, true),
                    Heard::Close(code) => {
                        self.closed = code;
                        assert_eq!(socket.hear(), Heard::End, "nothing follows a Close");
                        return false;
                    }
                    Heard::Pong(_) => return true,
                    Heard::End => return false,
                };
                assert!(!bytes.is_empty(), "a message of nothing");
                self.binary = binary;
                self.unheard.extend_from_slice(&bytes);
                true
            }
            Link::SockJs(client) => match client.hear_or_close() {
                Ok(message) => {
                    self.unheard.extend_from_slice(message.as_bytes());
                    true
                }
                Err(sockjs::Frame::Close(code, _)) => {
                    self.closed = Some(code);
                    false
                }
                Err(other) => panic!("{other:?} in place of a message"),
            },
        }
    }

    /// All whole frames that still come, however the connection ends.
    pub(crate) fn rest(&mut self) -> Vec<Frame> {
        // A reset may follow; what arrived before it is there.
        let _ = self.stream().try_clone().unwrap().read_to_end(&mut self.unheard);
        let mut frames = Vec::new();
        let mut bytes = &*self.unheard;
        while let Some((frame, length)) = read(bytes, self.escaped) {
            frames.push(frame);
            bytes = &bytes[length..];
        }
        frames
    }

    /// What arrived and was not heard yet.
    pub(crate) fn waiting(&self) -> &[u8] {
        &self.unheard
    }

    /// Hears one ERROR with this message, and the end.
    #[track_caller]
    pub(crate) fn is_refused(&mut self, message: &str) -> Frame {
        let error = self.hear();
        assert_eq!(error.command, "ERROR", "{error:?}");
        assert_eq!(error.the("message"), message, "{error:?}");
        self.has_ended();
        error
    }

    /// Hears the end of the connection, and nothing before it.
    #[track_caller]
    pub(crate) fn has_ended(&mut self) {
        assert_eq!(self.hear_or_end(), None);
        if !matches!(self.link, Link::Tcp(_)) {
            assert!(self.closed.is_some(), "it ends with a Close");
        }
    }
}

/// The bytes of a SEND; `headers` are more lines, each with its end.
pub(crate) fn send(destination: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!(
        "SEND\ndestination:{destination}\n{headers}content-length:{}\n\n",
        body.len()
    );
    [head.as_bytes(), body, b"\0"].concat()
}

/// A connection to the `index`th address.
pub(crate) fn connect_to(server: &Running, index: usize) -> TcpStream {
    connect(server.addresses[index])
}

/// The first whole frame and its length, with its NUL.
fn read(bytes: &[u8], escaped: bool) -> Option<(Frame, usize)> {
    let head_end = bytes.windows(2).position(|window| window == b"\n\n")?;
    let head = std::str::from_utf8(&bytes[..head_end]).expect("UTF-8");
    assert!(!head.contains(['\r', '\0']), "{head:?}");
    let mut lines = head.lines();
    let command = lines.next().expect("a command").to_owned();
    let escaped = escaped && command != "CONNECTED";
    let mut headers = Vec::new();
    for line in lines {
        let (name, value) = line
            .split_once(':')
            .unwrap_or_else(|| panic!("no colon in {line:?}"));
        if escaped {
            assert!(!value.contains(':'), "{line:?} is escaped");
        }
        headers.push((meant(name, escaped), meant(value, escaped)));
    }
    let begin = head_end + 2;
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let end = match length {
        Some((_, length)) => begin + length.parse::<usize>().expect("a length"),
        None => begin + bytes[begin..].iter().position(|byte| *byte == 0)?,
    };
    assert_eq!(bytes.get(end)?, &0, "NUL after the body of {head:?}");
    let frame = Frame {
        command,
        headers,
        body: bytes[begin..end].to_vec(),
    };
    Some((frame, end + 1))
}

fn meant(text: &str, escaped: bool) -> String {
    if !escaped {
        return text.to_owned();
    }
    let mut meant = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        meant.push(match character {
            '\\' => match characters.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('c') => ':',
                Some('\\') => '\\',
                other => panic!("an escape {other:?} in {text:?}"),
            },
            other => other,
        });
    }
    meant
}

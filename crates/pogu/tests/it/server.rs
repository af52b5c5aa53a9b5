//! A server to test, and clients that block: small on purpose, as what they do not hide can be seen to go wrong.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::thread::{self, JoinHandle};

use pogu::config::Config;
use pogu::{Builder, Endpoint, Server, ServerError};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::PATIENCE;

/// A server that runs until it is dropped.
pub(crate) struct Running {
    pub(crate) addresses: Vec<SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), ServerError>>>,
}

impl Running {
    /// With the defaults, two lanes and a port of its own.
    pub(crate) fn start() -> Running {
        Running::with("")
    }

    /// With `config` in TOML; without a `[[listen]]` it listens on a port of its own, unless it begins with `lanes` it has two.
    pub(crate) fn with(config: &str) -> Running {
        Running::built(config, |builder| builder)
    }

    /// The same, with code behind these paths.
    pub(crate) fn serving(config: &str, endpoints: &[(&str, Endpoint)]) -> Running {
        Running::built(config, |builder| {
            let endpoints = endpoints.iter().cloned();
            endpoints.fold(builder, |builder, (path, endpoint)| {
                builder.endpoint(path, endpoint)
            })
        })
    }

    /// The same, with what `build` adds to it.
    pub(crate) fn built(config: &str, build: impl Fn(Builder) -> Builder) -> Running {
        let lanes = if config.starts_with("lanes = ") {
            ""
        } else {
            "lanes = 2\n"
        };
        let mut text = format!("{lanes}{config}\n");
        if !config.contains("[[listen]]") {
            text.push_str("[[listen]]\naddress = \"127.0.0.1:0\"\n");
        }
        let config = Config::parse(&text, "test.toml").unwrap();
        let server = (0..10)
            .find_map(|_| match build(Server::builder().config(config.clone())).bind() {
                Ok(server) => Some(server),
                // The number that TCP was given may be another program's over UDP.
                Err(ServerError::Listen { .. }) => None,
                Err(error) => panic!("{error}"),
            })
            .expect("a free port");
        let addresses = server.addresses();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(server.run(async {
                // A sender that was dropped stops the server too.
                let _ = stopped.await;
            }))
        });
        Running {
            addresses,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    pub(crate) fn connect(&self) -> TcpStream {
        connect(self.address())
    }

    /// One request on a connection of its own.
    pub(crate) fn ask(&self, head: &str, body: &[u8]) -> Answer {
        let mut http = Http::new(self.connect());
        http.send(head, body);
        http.answer()
    }

    pub(crate) fn get(&self, target: &str) -> Answer {
        self.ask(&format!("GET {target} HTTP/1.1"), b"")
    }

    /// Publishes, and returns the cursor.
    pub(crate) fn publish(&self, topic: &str, body: &[u8]) -> String {
        let answer = self.ask(&format!("POST /topics/{topic} HTTP/1.1"), body);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["cursor"].as_str().unwrap().to_owned()
    }

    /// The sum of the samples of `/metrics` whose names and labels hold all of `parts`.
    pub(crate) fn metric(&self, parts: &[&str]) -> u64 {
        let metrics = self.get("/metrics").text();
        metrics
            .lines()
            .filter(|line| !line.starts_with('#') && parts.iter().all(|part| line.contains(part)))
            .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
            .sum()
    }

    /// Asks until a metric has the value: what it counts comes after what a client can see.
    pub(crate) fn await_metric(&self, parts: &[&str], value: u64) {
        let until = std::time::Instant::now() + PATIENCE;
        loop {
            let now = self.metric(parts);
            if now == value {
                return;
            }
            assert!(
                std::time::Instant::now() < until,
                "{parts:?} is {now}, not {value}"
            );
            thread::yield_now();
        }
    }

    /// Tells the server to stop, but does not wait.
    pub(crate) fn tell_to_stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits for the server to end after [`Running::tell_to_stop`].
    pub(crate) fn join(&mut self) {
        self.tell_to_stop();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap().unwrap();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tell_to_stop();
        if let Some(thread) = self.thread.take()
            && !thread::panicking()
        {
            thread.join().unwrap().unwrap();
        }
    }
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

pub(crate) fn udp(address: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// The next datagram as text.
pub(crate) fn hear_datagram(socket: &UdpSocket) -> String {
    let mut buffer = vec![0; 65_536];
    let n = socket.recv(&mut buffer).expect("a datagram");
    String::from_utf8(buffer[..n].to_vec()).unwrap()
}

/// What an HTTP request was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The bodies of a poll's messages.
    pub(crate) fn bodies(&self) -> Vec<Value> {
        assert_eq!(self.status, 200, "{self:?}");
        let messages = self.json()["messages"].as_array().unwrap().clone();
        messages.iter().map(|message| message["data"].clone()).collect()
    }

    /// Checks that it is a refusal by RFC 9457, and returns its members.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let body = self.json();
        assert_eq!(body["status"], status);
        assert_eq!(body["code"], code, "{self:?}");
        assert!(body["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
        body
    }
}

/// An HTTP/1.1 connection.
pub(crate) struct Http {
    stream: BufReader<TcpStream>,
}

impl Http {
    pub(crate) fn new(stream: TcpStream) -> Http {
        Http {
            stream: BufReader::new(stream),
        }
    }

    /// Sends a request line, with header lines after it if there are any, `Host`, and the body.
    pub(crate) fn send(&mut self, head: &str, body: &[u8]) {
        self.stream.get_mut().write_all(&request(head, body)).unwrap();
    }

    /// Sends bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).unwrap();
    }

    /// The next answer's head, with an empty body.
    pub(crate) fn head(&mut self) -> Answer {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(
                self.stream.read_line(&mut head).unwrap(),
                0,
                "the end of {head:?}"
            );
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer {
            status,
            head,
            body: Vec::new(),
        }
    }

    pub(crate) fn answer(&mut self) -> Answer {
        let mut answer = self.head();
        match answer
            .header("content-length")
            .map(|length| length.parse().unwrap())
        {
            Some(length) => {
                answer.body = vec![0; length];
                self.stream.read_exact(&mut answer.body).unwrap();
            }
            None if answer.status == 204 => {}
            None => {
                self.stream.read_to_end(&mut answer.body).unwrap();
            }
        }
        answer
    }

    /// The next line of a body without its end, `None` at the end of the connection.
    pub(crate) fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).unwrap() == 0 {
            return None;
        }
        Some(line.trim_end_matches('\n').to_owned())
    }

    /// Whether bytes have arrived that were not read yet, or the end.
    pub(crate) fn is_answered(&self) -> bool {
        let stream = self.stream.get_ref();
        stream.set_nonblocking(true).unwrap();
        let arrived = stream.peek(&mut [0]).is_ok();
        stream.set_nonblocking(false).unwrap();
        arrived || !self.stream.buffer().is_empty()
    }

    /// The next chunk of a body (RFC 9112 §7.1), `None` after the last.
    pub(crate) fn chunk(&mut self) -> Option<String> {
        let size = self.line().expect("a chunk");
        let size = usize::from_str_radix(size.trim_end(), 16).unwrap();
        let mut chunk = vec![0; size + 2];
        self.stream.read_exact(&mut chunk).unwrap();
        assert!(chunk.ends_with(b"\r\n"));
        chunk.truncate(size);
        (size > 0).then(|| String::from_utf8(chunk).unwrap())
    }

    /// Whether the server has ended the connection; what it still sends is thrown away.
    pub(crate) fn ends(&mut self) -> bool {
        io::copy(&mut self.stream, &mut io::sink()).is_ok()
    }
}

/// A request's bytes.
pub(crate) fn request(head: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = head.replace('\n', "\r\n").into_bytes();
    bytes.extend_from_slice(b"\r\nHost: test\r\n");
    if !body.is_empty() || head.starts_with("POST") {
        bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// A connection whose buffers are small, so that a client that does not read is noticed soon.
pub(crate) fn connect_narrow(address: SocketAddr) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&address.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// A conversation in pogu lines.
pub(crate) struct Lines {
    stream: BufReader<TcpStream>,
}

impl Lines {
    pub(crate) fn new(server: &Running) -> Lines {
        Lines::on(server.connect())
    }

    pub(crate) fn on(stream: TcpStream) -> Lines {
        Lines {
            stream: BufReader::new(stream),
        }
    }

    pub(crate) fn say(&mut self, commands: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(commands.as_ref()).unwrap();
    }

    /// The next line without its end; empty at the end of the connection. A line that the connection ends in is none.
    #[track_caller]
    pub(crate) fn hear(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("a line");
        assert!(line.is_empty() || line.ends_with('\n'), "{line:?} has no end");
        line.trim_end_matches('\n').to_owned()
    }

    /// Says a command and hears its answer, which begins with `answer`.
    #[track_caller]
    pub(crate) fn ask(&mut self, command: &str, answer: &str) -> String {
        self.say(format!("{command}\n"));
        let line = self.hear();
        assert!(line.starts_with(answer), "{command:?} was answered {line:?}");
        line
    }

    pub(crate) fn hear_bytes(&mut self, bytes: &mut [u8]) {
        self.stream.read_exact(bytes).unwrap();
    }

    /// Says that nothing more will be said.
    pub(crate) fn finish(&self) {
        self.stream.get_ref().shutdown(Shutdown::Write).unwrap();
    }

    /// All lines until the server ends the connection.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        (&mut self.stream).lines().map(Result::unwrap).collect()
    }
}

/// The value of `key` in a line of answers.
#[track_caller]
pub(crate) fn value<'a>(line: &'a str, key: &str) -> &'a str {
    line.split(' ')
        .find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
        .unwrap_or_else(|| panic!("no {key} in {line:?}"))
}

use bytes::Bytes;
use pogu_proto::pogu::Command;
use pogu_proto::stomp::AckMode;
use pogu_proto::ws::Kind;
use tokio::time::{Duration, Instant, timeout};

use crate::conversation::Conversation;
use crate::limits::{BACKLOG_BYTES_MAX, DATAGRAM_BYTES_MAX, GOODBYE_MAX};
use crate::link::{Link, Plan, PoguLink, SocketIoLink, Step, StompLink, UdpLink};
use crate::publisher::{Draft, Publisher};
use crate::socket::{TcpConnection, UdpConnection};
use crate::sockjs::SockJs;
use crate::wire::{Moved, Wire};
use crate::ws::WsConnection;
use crate::{Error, Gap, Options, Scheme, Target, Via};

/// How long a wait for input lasts before it is begun again.
const LONG: Duration = Duration::from_secs(3600);

/// One plain two-way conversation with whatever a URL names. It ends when its connection does.
///
/// | URL | up | down |
/// | --- | --- | --- |
/// | `tcp://host:port` | bytes | bytes |
/// | `udp://host:port` | datagrams | datagrams |
/// | `ws://host:port/any/path` | messages | messages |
/// | `tcp://host:port/topic`, `udp://…` | `PUB` | `MSG` of a `SUB` |
/// | `http://host:port/topics/topic` | `POST` | a stream, or Server-Sent Events |
/// | `stomp://host:port/topic`, or any with [`Via::Stomp`] | `SEND` | `MESSAGE` of a `SUBSCRIBE` |
/// | `socketio://host:port/topic`, or any with [`Via::SocketIo`] | `publish` | events of a `subscribe` |
/// | `sockjs://host:port/topic`, or any that names a topic with [`Via::SockJs`] | `PUB` | `MSG` of a `SUB` |
/// | `http://host:port/any/path`, `ws://…` with [`Via::SockJs`] | messages | messages of the endpoint there |
///
/// A message of a queue counts as done with once it is sent here.
#[derive(Debug)]
pub struct Pipe {
    plan: Plan,
    ends: Ends,
}

/// What came down a pipe.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Received {
    /// A piece of a byte stream.
    Bytes(Bytes),
    /// A whole message or datagram.
    Message(Bytes),
    /// Messages were lost on the way.
    Gap(Gap),
}

#[derive(Debug)]
enum Ends {
    Tcp(Wire),
    Udp {
        socket: UdpConnection,
        buffer: Box<[u8]>,
    },
    Ws(Box<WsConnection>),
    Pogu(Box<PoguLink>),
    PoguUdp(Box<UdpLink>),
    Stomp(Box<StompLink>),
    SocketIo(Box<SocketIoLink>),
    SockJs(Box<SockJs>),
    Http {
        down: Box<Link>,
        up: Box<Publisher>,
    },
}

impl Pipe {
    /// Connects to what `target` names. `via` chooses between [`Via::Stream`] and [`Via::Sse`] for `http`, and with [`Via::Stomp`],
    /// [`Via::SocketIo`] and [`Via::SockJs`] it is that whatever the scheme.
    ///
    /// # Errors
    ///
    /// No connection came about, or the URL names nothing that can be talked to.
    pub async fn open(target: &Target, via: Via, options: Options) -> Result<Self, Error> {
        let topic = target.topic();
        let pattern = topic.clone().unwrap_or_default();
        let after = target.query_value("after");
        let plan = Plan {
            target: target.clone(),
            pattern,
            options,
            choosy: false,
        };
        let options = &plan.options;
        let is_socketio = via == Via::SocketIo || target.scheme == Scheme::SocketIo && via != Via::Stomp;
        let is_stomp = via == Via::Stomp || target.scheme == Scheme::Stomp;
        let is_sockjs = via == Via::SockJs || target.scheme == Scheme::SockJs;
        let ends = match (target.scheme, topic) {
            (_, Some(_)) if is_sockjs => {
                let conversation = Conversation::sockjs(target, options).await?;
                Ends::Pogu(Box::new(
                    PoguLink::open(&plan, after.as_deref(), conversation).await?,
                ))
            }
            (Scheme::Http | Scheme::Ws, None) if is_sockjs && !target.path.trim_matches('/').is_empty() => {
                let base = target.path.trim_end_matches('/');
                Ends::SockJs(Box::new(SockJs::open(target, base, options).await?))
            }
            _ if is_sockjs => {
                return Err(nothing_named(
                    target,
                    "SockJS needs a topic or an endpoint, as in sockjs://127.0.0.1:7070/chat or http://127.0.0.1:7070/pogu",
                ));
            }
            (_, Some(_)) if is_socketio => {
                Ends::SocketIo(Box::new(SocketIoLink::open(&plan, after.as_deref()).await?))
            }
            _ if is_socketio => {
                return Err(nothing_named(
                    target,
                    "Socket.IO needs a topic, as in socketio://127.0.0.1:7070/chat",
                ));
            }
            (_, Some(_)) if is_stomp => Ends::Stomp(Box::new(
                StompLink::open(&plan, after.as_deref(), AckMode::Auto).await?,
            )),
            _ if is_stomp => {
                return Err(nothing_named(
                    target,
                    "STOMP needs a topic or a queue, as in stomp://127.0.0.1:7070/chat or stomp://127.0.0.1:7070/queue/jobs",
                ));
            }
            (Scheme::Tcp, None) => {
                let trace = options.trace.as_ref();
                let socket = TcpConnection::connect(target, trace, options.connect_timeout).await?;
                Ends::Tcp(Wire::new(socket, Vec::new()))
            }
            (Scheme::Udp, None) => {
                let socket = UdpConnection::connect(target, options.trace.as_ref()).await?;
                Ends::Udp {
                    socket,
                    buffer: vec![0; DATAGRAM_BYTES_MAX].into(),
                }
            }
            (Scheme::Ws, _) => {
                let path = target.path_and_query();
                Ends::Ws(Box::new(WsConnection::open(target, &path, &[], options).await?))
            }
            (Scheme::Tcp, Some(_)) => {
                let conversation = Conversation::tcp(target, options).await?;
                Ends::Pogu(Box::new(
                    PoguLink::open(&plan, after.as_deref(), conversation).await?,
                ))
            }
            (Scheme::Udp, Some(_)) => Ends::PoguUdp(Box::new(UdpLink::open(&plan, after.as_deref()).await?)),
            (Scheme::Http, Some(_)) => {
                let via = if via == Via::Sse { Via::Sse } else { Via::Stream };
                let down = Box::new(Link::open(&plan, via, after.as_deref()).await?);
                let up = Box::new(Publisher::connect(target, Via::Http, options.clone()).await?);
                Ends::Http { down, up }
            }
            (Scheme::Http | Scheme::Stomp | Scheme::SocketIo | Scheme::SockJs, _) => {
                return Err(nothing_named(
                    target,
                    "an http URL needs a topic, as in http://127.0.0.1:7070/topics/chat",
                ));
            }
        };
        Ok(Self { plan, ends })
    }

    /// Whether [`Pipe::send`] may be called: less than a megabyte waits to be written.
    pub fn has_room(&self) -> bool {
        let backlog = match &self.ends {
            Ends::Tcp(wire) => wire.backlog(),
            Ends::Ws(connection) => connection.backlog(),
            Ends::Pogu(link) => link.backlog(),
            Ends::Stomp(link) => link.backlog(),
            Ends::SocketIo(link) => link.backlog(),
            Ends::SockJs(session) => session.backlog(),
            Ends::Udp { .. } | Ends::PoguUdp(_) | Ends::Http { .. } => 0,
        };
        backlog < BACKLOG_BYTES_MAX
    }

    /// Sends a line, given without its end: as a line of a byte stream, or as a message or datagram. On TCP and WebSocket it is
    /// written while [`Pipe::next`] waits.
    ///
    /// # Errors
    ///
    /// The line cannot be sent this way, or the connection broke.
    pub async fn send(&mut self, line: &[u8]) -> Result<(), Error> {
        let topic = self.plan.pattern.as_str();
        let publish = Command::Publish {
            topic,
            event: None,
            content_type: None,
            key: None,
            headers: Vec::new(),
            body: line.into(),
        };
        match &mut self.ends {
            Ends::Tcp(wire) => {
                wire.out.extend_from_slice(line);
                wire.out.push(b'\n');
                Ok(())
            }
            Ends::Udp { socket, .. } => {
                let address = self.plan.target.authority();
                socket
                    .send(line)
                    .await
                    .map_err(|error| Error::broken(&address, error))
            }
            Ends::Ws(connection) => {
                let kind = if std::str::from_utf8(line).is_ok() {
                    Kind::Text
                } else {
                    Kind::Binary
                };
                connection.send(kind, line);
                Ok(())
            }
            Ends::Pogu(link) => {
                link.send(&publish);
                Ok(())
            }
            Ends::PoguUdp(link) => link.say(&self.plan, &publish).await,
            Ends::Stomp(link) => {
                link.send(line);
                Ok(())
            }
            Ends::SocketIo(link) => {
                link.send(line);
                Ok(())
            }
            Ends::SockJs(session) => {
                let text = std::str::from_utf8(line).map_err(|_| {
                    Error::Unsupported("SockJS carries text, and the line is not UTF-8".to_owned())
                })?;
                session.send(text);
                Ok(())
            }
            Ends::Http { up, .. } => {
                let draft = Draft {
                    topic: topic.to_owned(),
                    body: Bytes::copy_from_slice(line),
                    ..Draft::default()
                };
                up.publish(draft).await?.await.map(drop)
            }
        }
    }

    /// Waits for what comes down; `None` at the end of a byte stream. Can be cancelled without loss.
    ///
    /// # Errors
    ///
    /// The connection broke, or the server ended it.
    pub async fn next(&mut self) -> Result<Option<Received>, Error> {
        loop {
            let step = match &mut self.ends {
                Ends::Tcp(wire) => return read_bytes(wire, &self.plan.target).await,
                Ends::Udp { socket, buffer } => {
                    let received = socket.recv(buffer).await;
                    let size =
                        received.map_err(|error| Error::broken(&self.plan.target.authority(), error))?;
                    return Ok(Some(Received::Message(Bytes::copy_from_slice(&buffer[..size]))));
                }
                Ends::Ws(connection) => {
                    let message = connection
                        .next(|_, payload| Bytes::copy_from_slice(payload))
                        .await?;
                    return Ok(Some(Received::Message(message)));
                }
                Ends::SockJs(session) => {
                    // That nothing came for a while is for the server's own signs of life to mend.
                    let message = session
                        .next(|text| Bytes::copy_from_slice(text.as_bytes()))
                        .await?;
                    if let Some(message) = message {
                        return Ok(Some(Received::Message(message)));
                    }
                    continue;
                }
                Ends::Pogu(link) => link.next().await?,
                Ends::PoguUdp(link) => link.next(&self.plan).await?,
                Ends::Stomp(link) => link.next().await?,
                Ends::SocketIo(link) => link.next().await?,
                Ends::Http { down, .. } => down.next(&self.plan).await?,
            };
            match step {
                Step::Message(message) | Step::Delivery { message, .. } => {
                    return Ok(Some(Received::Message(message.body)));
                }
                Step::Gap(gap) => return Ok(Some(Received::Gap(gap))),
                // Nothing that a pipe shows.
                Step::Position(_) => {}
            }
        }
    }

    /// Writes what waits to be written and says goodbye, for a second at most.
    pub async fn close(mut self) {
        let saying = async {
            match &mut self.ends {
                Ends::Tcp(wire) => wire.flush().await.map_err(|error| Error::broken("", error)),
                Ends::Udp { .. } => Ok(()),
                Ends::Ws(connection) => connection.close().await,
                Ends::Pogu(link) => link.close().await,
                Ends::PoguUdp(link) => link.close(&self.plan).await,
                Ends::Stomp(link) => link.close().await,
                Ends::SocketIo(link) => link.close().await,
                // It has no goodbye: its server notices the end of what carried it.
                Ends::SockJs(_) => Ok(()),
                Ends::Http { .. } => Ok(()),
            }
        };
        // A server that does not hear it notices the end of the connection.
        let _ = timeout(GOODBYE_MAX, saying).await;
    }
}

fn nothing_named(target: &Target, why: &str) -> Error {
    Error::BadUrl {
        url: target.to_string(),
        why: why.to_owned(),
    }
}

async fn read_bytes(wire: &mut Wire, target: &Target) -> Result<Option<Received>, Error> {
    loop {
        match wire
            .wait(Instant::now() + LONG)
            .await
            .map_err(|error| Error::broken(&target.authority(), error))?
        {
            Moved::Input => {
                let bytes = wire.read(|reader, _| Bytes::copy_from_slice(reader.take(usize::MAX)));
                return Ok(Some(Received::Bytes(bytes)));
            }
            Moved::End => return Ok(None),
            Moved::Nothing => {}
        }
    }
}

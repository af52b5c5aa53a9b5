//! Accepting connections, and finding out by their first bytes what they speak.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pogu_proto::Time;
use pogu_proto::framing::Framing;
use pogu_proto::sniff::{self, Protocol};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::attendance::HttpLog;
use crate::beyond;
use crate::carrier::Carrier;
use crate::config::TopicTemplate;
use crate::dialect::{Dialect, Plain, Stomp};
use crate::door::{Admitted, Door, Seat};
use crate::drive::{Command, Handle, Shared};
use crate::given_back::{GivenBack, Next};
use crate::http;
use crate::link::Link;
use crate::metrics::Refused;

/// How long accepting rests after it failed, as it does when the process has no descriptor left.
const REST: Duration = Duration::from_millis(100);
/// Bytes that are read at most before the protocol is known; a usual request comes with them.
const FIRST_BYTES: usize = 2048;
const _: () = assert!(FIRST_BYTES >= sniff::LIMIT);
/// Silence after which the kernel asks whether the other side is still there.
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);

/// What is spoken on a TCP port.
#[derive(Clone, Debug)]
pub(crate) enum Spoken {
    /// Whatever the first bytes say.
    Any,
    /// STOMP alone.
    Stomp,
    Bound {
        topic: TopicTemplate,
        reply_topic: Option<TopicTemplate>,
        framing: Framing,
    },
}

/// A connection on its way to its lane.
pub(crate) struct Incoming {
    stream: std::net::TcpStream,
    remote: SocketAddr,
    spoken: Arc<Spoken>,
    admitted: Admitted,
}

impl std::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Incoming")
            .field("remote", &self.remote)
            .finish_non_exhaustive()
    }
}

/// Accepts for ever, handing each connection to the lane with the fewest.
pub(crate) async fn accept(
    listener: TcpListener,
    spoken: Arc<Spoken>,
    lanes: Arc<[Arc<Handle>]>,
    door: Arc<Door>,
) {
    loop {
        let accepted = match listener.accept().await {
            Ok((stream, remote)) => stream.into_std().map(|stream| (stream, remote)),
            Err(error) => Err(error),
        };
        match accepted {
            Ok((stream, remote)) => {
                let total: usize = lanes.iter().map(|lane| lane.load.load(Ordering::Relaxed)).sum();
                let Some(admitted) = door.admit(remote, total) else {
                    continue;
                };
                let least = lanes.iter().min_by_key(|lane| lane.load.load(Ordering::Relaxed));
                if let Some(lane) = least {
                    // The lane corrects the number at its next turn.
                    if let Admitted::In(_) = admitted {
                        lane.load.fetch_add(1, Ordering::Relaxed);
                    }
                    lane.send(Command::Serve(Incoming {
                        stream,
                        remote,
                        spoken: spoken.clone(),
                        admitted,
                    }));
                }
            }
            Err(error) if is_connection_error(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept connections; trying again");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

/// Errors of the one connection that was to be accepted.
fn is_connection_error(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

/// Begins to serve a connection on its lane.
pub(crate) fn serve(lane: &Shared, incoming: Incoming) {
    let Incoming {
        stream,
        remote,
        spoken,
        admitted,
    } = incoming;
    // Held until its task, or its peer, is counted.
    let _seat = match admitted {
        Admitted::In(seat) => seat,
        Admitted::Beyond(place) => {
            let lane = lane.clone();
            // It is none of those that are counted, and a shutdown does not wait for it.
            tokio::task::spawn_local(
                async move { beyond::serve(lane, stream, remote, &spoken, place).await },
            );
            return;
        }
    };
    let socket = socket2::SockRef::from(&stream);
    let keepalive = socket2::TcpKeepalive::new().with_time(TCP_KEEPALIVE);
    // Comfort only: without them the connection works too.
    let _ = stream
        .set_nodelay(true)
        .and_then(|()| socket.set_tcp_keepalive(&keepalive));
    match &*spoken {
        Spoken::Bound {
            topic,
            reply_topic,
            framing,
        } => {
            serve_bound(lane, stream, remote, topic, reply_topic.as_ref(), *framing);
        }
        Spoken::Stomp => speak(lane, stream, remote, stomp_dialect, &mut []),
        Spoken::Any => {
            let Ok(stream) = TcpStream::from_std(stream) else {
                return;
            };
            let shared = lane.clone();
            spawn(lane, remote, async move { sniff(&shared, stream, remote).await });
        }
    }
}

/// Goes on serving a connection that the lane has had meanwhile.
pub(crate) fn serve_on(lane: &Shared, socket: GivenBack) {
    let GivenBack { stream, remote, next } = socket;
    let Ok(stream) = TcpStream::from_std(stream) else {
        return;
    };
    let shared = lane.clone();
    match next {
        Next::Sniffing => spawn(lane, remote, async move { sniff(&shared, stream, remote).await }),
        Next::Http(first) => spawn(lane, remote, async move {
            let log = HttpLog::new(remote, "1", false);
            http::serve(&shared, stream, remote, first, log).await;
        }),
    }
}

/// Runs a task of the lane, which a shutdown waits for.
fn spawn(lane: &Shared, remote: SocketAddr, task: impl Future<Output = ()> + 'static) {
    lane.borrow_mut().tasks += 1;
    let seat = Seat::new(lane.borrow().door.clone(), remote);
    let lane = lane.clone();
    tokio::task::spawn_local(async move {
        task.await;
        drop(seat);
        let mut lane = lane.borrow_mut();
        lane.tasks -= 1;
        lane.core.signals.nudge();
    });
}

fn serve_bound(
    lane: &Shared,
    stream: std::net::TcpStream,
    remote: SocketAddr,
    topic: &TopicTemplate,
    reply_topic: Option<&TopicTemplate>,
    framing: Framing,
) {
    let topic = match topic.fill(remote).parse() {
        Ok(topic) => topic,
        Err(error) => return tracing::error!(%error, %topic, "the topic of a bound port cannot be made"),
    };
    let mut lane = lane.borrow_mut();
    let link = Link::Tcp(mio::net::TcpStream::from_std(stream));
    let dialect = Dialect::Plain(Plain::new(Some(topic), framing));
    let Ok(id) = lane.add(link, remote, Carrier::Stream, dialect, &mut []) else {
        return;
    };
    let Some(reply_topic) = reply_topic else { return };
    match reply_topic.fill(remote).parse() {
        Ok(selector) => {
            if let Err(error) = lane.subscribe_plain(id, selector, pogu_hub::After::Now) {
                tracing::warn!(%error, "a bound port has no replies");
            }
        }
        Err(error) => {
            tracing::error!(%error, topic = %reply_topic, "the reply topic of a bound port cannot be made")
        }
    }
}

/// Serves a connection whose first bytes are to come.
async fn sniff(lane: &Shared, mut stream: TcpStream, remote: SocketAddr) {
    match first_bytes(lane, &mut stream).await {
        First::Known(protocol, bytes) => route(lane, protocol, stream, remote, bytes).await,
        First::Silence => {
            if let Ok(stream) = stream.into_std() {
                lane.borrow_mut().keep_silent(stream, remote);
            }
        }
        First::End => {}
    }
}

/// What a connection began with.
pub(crate) enum First {
    Known(Protocol, Vec<u8>),
    /// Nothing came in the time given.
    Silence,
    /// It ended before anything was known.
    End,
}

/// Reads until the protocol is known. What stops before that is pogu: somebody types.
pub(crate) async fn first_bytes(lane: &Shared, stream: &mut TcpStream) -> First {
    let limit = lane.borrow().core.config.sniff_timeout;
    let mut bytes = Vec::new();
    let read = async {
        // Many say nothing for long, and need no buffer meanwhile.
        stream.readable().await.ok()?;
        bytes.reserve_exact(FIRST_BYTES);
        while bytes.len() < FIRST_BYTES {
            if stream.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
            if let Some(protocol) = sniff::sniff(&bytes) {
                return Some(protocol);
            }
        }
        Some(Protocol::Pogu)
    };
    match timeout(limit, read).await {
        Ok(Some(protocol)) => First::Known(protocol, bytes),
        Ok(None) => First::End,
        Err(_) if bytes.is_empty() => First::Silence,
        Err(_) => First::Known(Protocol::Pogu, bytes),
    }
}

fn pogu_dialect(_: Time) -> Dialect {
    Dialect::Pogu(Box::default())
}

fn stomp_dialect(now: Time) -> Dialect {
    Dialect::Stomp(Box::new(Stomp::new(now)))
}

/// Hands a connection to its lane, to speak a dialect on its bytes. `first` were read of it already.
fn speak(
    lane: &Shared,
    stream: std::net::TcpStream,
    remote: SocketAddr,
    dialect: fn(Time) -> Dialect,
    first: &mut [u8],
) {
    let mut lane = lane.borrow_mut();
    if lane.shutting_down {
        return;
    }
    lane.look_at_clock();
    let link = Link::Tcp(mio::net::TcpStream::from_std(stream));
    let dialect = dialect(lane.core.now);
    // The lane reads what follows by itself: registering tells it of bytes that wait.
    let _ = lane.add(link, remote, Carrier::Stream, dialect, first);
}

async fn route(
    lane: &Shared,
    protocol: Protocol,
    mut stream: TcpStream,
    remote: SocketAddr,
    mut first: Vec<u8>,
) {
    match protocol {
        Protocol::Http1 => {
            let log = HttpLog::new(remote, "1", true);
            // Boxed, so that a connection that says nothing yet does not hold the room.
            Box::pin(http::serve(lane, stream, remote, first, log)).await;
        }
        Protocol::Http2 => Box::pin(http::serve_h2(lane, stream, remote, first)).await,
        Protocol::Pogu | Protocol::Stomp => {
            let Ok(stream) = stream.into_std() else { return };
            let dialect = if protocol == Protocol::Stomp {
                stomp_dialect
            } else {
                pogu_dialect
            };
            speak(lane, stream, remote, dialect, &mut first);
        }
        // A fatal alert, `handshake_failure` (RFC 8446 §6).
        Protocol::Tls => {
            lane.borrow().door.refuse(Refused::Tls, remote);
            refuse(&mut stream, &[0x15, 3, 1, 0, 2, 2, 40]).await;
        }
        // There is no answer in the PROXY protocol but to close (§3.1 of its specification).
        Protocol::ProxyV1 | Protocol::ProxyV2 => {
            lane.borrow().door.refuse(Refused::ProxyHeader, remote);
        }
    }
}

/// Says a last word and waits a moment for the other side to take it.
pub(crate) async fn refuse(stream: &mut TcpStream, word: &[u8]) {
    use tokio::io::AsyncWriteExt;
    let farewell = async {
        stream.write_all(word).await?;
        stream.shutdown().await?;
        let mut sink = [0; 512];
        for _ in 0..128 {
            if stream.read(&mut sink).await? == 0 {
                break;
            }
        }
        io::Result::Ok(())
    };
    let _ = timeout(Duration::from_secs(2), farewell).await;
}

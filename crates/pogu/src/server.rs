//! The server as a value: built from a configuration, bound, then run until it is told to stop.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pogu_hub::Hub;
use pogu_proto::ws;
use tokio::runtime::{Builder as Runtime, LocalOptions};
use tokio::sync::{oneshot, watch};

use crate::config::{Config, ConfigError, Listen, Protocol};
use crate::core::{Core, Times, WRITE_STALL, milliseconds};
use crate::door::Door;
use crate::drive::{self, Command, Handle, Lanes, WAKER};
use crate::handler::{Endpoint, Handlers, Incoming, Socket};
use crate::http::Bodies;
use crate::lane::Lane;
use crate::listener::{self, Spoken};
use crate::metrics::LaneCounters;
use crate::recovery::Recoveries;
use crate::signal::Signals;
use crate::socketio::{Namespace, Namespaces};
use crate::udp::{self, UdpSocket, Use};

/// How long a peer that was told the end has to go, in milliseconds.
const LINGER: u64 = 2_000;
/// Connections that the kernel holds until they are accepted.
const BACKLOG: i32 = 4096;

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {why}")]
    Listen {
        /// The address as it was configured.
        address: String,
        /// The cause and the way out.
        why: String,
    },
    /// The system refused a thread, a descriptor or randomness.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
}

/// Collects what a server is made of.
#[derive(Default)]
pub struct Builder {
    config: Config,
    handlers: Handlers,
    namespaces: HashMap<String, Arc<Namespace>>,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Builder {
    /// Takes `config` in place of the defaults.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Serves WebSocket and SockJS at `path` with `handler`, called for each message on the lane of its connection.
    ///
    /// A handler must not block: its lane's other connections wait for it.
    #[must_use]
    pub fn websocket(
        self,
        path: impl Into<String>,
        handler: impl Fn(&mut Socket<'_>, Incoming<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.endpoint(path, Endpoint::new(handler))
    }

    /// Serves WebSocket and SockJS at `path` with an endpoint of more parts.
    #[must_use]
    pub fn endpoint(mut self, path: impl Into<String>, endpoint: Endpoint) -> Self {
        self.handlers.websocket.insert(path.into(), Arc::new(endpoint));
        self
    }

    /// Serves Engine.IO at `path`, as `/engine.io/`, with `handler`, called for each message on the lane of its session.
    ///
    /// A handler must not block: its lane's other connections wait for it.
    #[must_use]
    pub fn engineio(
        mut self,
        path: impl Into<String>,
        handler: impl Fn(&mut Socket<'_>, Incoming<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.handlers
            .engineio
            .insert(path.into(), Arc::new(Endpoint::new(handler)));
        self
    }

    /// Puts code behind a namespace of Socket.IO: `/`, `/chat`. Where there are such, there are no others.
    #[must_use]
    pub fn socketio(mut self, name: impl Into<String>, namespace: Namespace) -> Self {
        self.namespaces.insert(name.into(), Arc::new(namespace));
        self
    }

    /// Checks the configuration and binds its addresses.
    ///
    /// # Errors
    /// The configuration is wrong, or an address cannot be listened on.
    pub fn bind(self) -> Result<Server, ServerError> {
        self.config.validate()?;
        let mut sockets = Vec::new();
        for listen in &self.config.listen {
            sockets.push(Bound::new(listen)?);
        }
        Ok(Server {
            config: Arc::new(self.config),
            handlers: self.handlers,
            namespaces: Arc::new(self.namespaces),
            sockets,
        })
    }
}

/// A server whose addresses are bound.
pub struct Server {
    config: Arc<Config>,
    handlers: Handlers,
    namespaces: Namespaces,
    sockets: Vec<Bound>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("addresses", &self.addresses())
            .finish_non_exhaustive()
    }
}

/// The sockets of one `[[listen]]`.
struct Bound {
    listen: Listen,
    address: SocketAddr,
    tcp: Option<std::net::TcpListener>,
    udp: Option<std::net::UdpSocket>,
}

impl Bound {
    fn new(listen: &Listen) -> Result<Self, ServerError> {
        let fail = |error: io::Error| ServerError::Listen {
            address: listen.address.to_string(),
            why: explain(&error),
        };
        let mut address = listen.address.resolve().map_err(fail)?;
        let mut bound = Self {
            listen: listen.clone(),
            address,
            tcp: None,
            udp: None,
        };
        if listen.address.carriers.tcp() {
            let tcp = listen_tcp(address).map_err(fail)?;
            // With port 0, UDP takes the number that TCP was given.
            address = tcp.local_addr().map_err(fail)?;
            bound.tcp = Some(tcp);
        }
        if listen.address.carriers.udp() {
            let udp = std::net::UdpSocket::bind(address).map_err(fail)?;
            udp.set_nonblocking(true).map_err(fail)?;
            address = udp.local_addr().map_err(fail)?;
            bound.udp = Some(udp);
        }
        bound.address = address;
        Ok(bound)
    }

    fn spoken(&self) -> Spoken {
        let Some(topic) = self.listen.topic.clone() else {
            return match self.listen.protocol {
                Some(Protocol::Stomp) => Spoken::Stomp,
                None => Spoken::Any,
            };
        };
        Spoken::Bound {
            topic,
            reply_topic: self.listen.reply_topic.clone(),
            framing: self.listen.framing(),
        }
    }

    fn udp_use(&self) -> Use {
        match self.listen.topic.clone() {
            None => Use::Pogu,
            Some(topic) => Use::Bound {
                topic,
                reply_topic: self.listen.reply_topic.clone(),
            },
        }
    }
}

fn listen_tcp(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    // A restart need not wait for connections of the process before it to be forgotten.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn explain(error: &io::Error) -> String {
    use io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied};
    match error.kind() {
        AddrInUse => "another program listens there; stop it or choose another port".into(),
        AddrNotAvailable => "this machine has no such address".into(),
        PermissionDenied => "ports below 1024 need the right to bind them (CAP_NET_BIND_SERVICE)".into(),
        _ => error.to_string(),
    }
}

/// What a lane's thread takes with it.
struct LaneParts {
    index: u16,
    poll: mio::Poll,
    handle: Arc<Handle>,
    lanes: Lanes,
    hub: Arc<Hub>,
    recoveries: Arc<Recoveries>,
    namespaces: Namespaces,
    bodies: Arc<Bodies>,
    door: Arc<Door>,
    config: Arc<Config>,
    counters: Arc<[Arc<LaneCounters>]>,
    handlers: Handlers,
    udp: Vec<(std::net::UdpSocket, Use)>,
    stop: watch::Receiver<bool>,
    seed: u64,
}

impl Server {
    /// A builder with the default configuration.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The addresses that are listened on, in the order of the configuration.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.sockets.iter().map(|bound| bound.address).collect()
    }

    /// Serves until `stop` is done, then tells every client, waits for their going for at most the shutdown timeout and
    /// returns. To be run in a tokio runtime, which accepts connections; the lanes have threads of their own.
    ///
    /// # Errors
    /// The system refuses a thread or a descriptor.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), ServerError> {
        let lanes = self.config.lane_count();
        let shutdown_timeout = self.config.shutdown_timeout;
        let (stop_sender, stop_receiver) = watch::channel(false);
        let mut polls = Vec::new();
        let mut handles = Vec::new();
        for _ in 0..lanes {
            let poll = mio::Poll::new()?;
            handles.push(Arc::new(Handle::new(mio::Waker::new(poll.registry(), WAKER)?)));
            polls.push(poll);
        }
        let handles: Arc<[Arc<Handle>]> = handles.into();
        let hub = Arc::new(new_hub(&self.config, handles.clone())?);
        let recoveries = Arc::new(Recoveries::new(milliseconds(self.config.socketio.recovery)));
        let bodies = Arc::new(Bodies::new(&self.config.limits));
        let door = Arc::new(Door::new(&self.config.limits));
        let counters: Arc<[Arc<LaneCounters>]> = (0..lanes)
            .map(|_| Arc::new(LaneCounters::new(SystemTime::now())))
            .collect();
        let mut udp_sockets: Vec<Vec<_>> = (0..lanes).map(|_| Vec::new()).collect();
        let mut acceptors = Vec::new();
        for (index, mut bound) in self.sockets.into_iter().enumerate() {
            let spoken = bound.spoken();
            if let Some(udp) = bound.udp.take() {
                udp_sockets[index % lanes].push((udp, bound.udp_use()));
            }
            if let Some(tcp) = bound.tcp.take() {
                acceptors.push((tokio::net::TcpListener::from_std(tcp)?, Arc::new(spoken)));
            }
        }
        let ended = Arc::new(Mutex::new(Vec::new()));
        let mut endings = Vec::new();
        for (index, (poll, udp)) in polls.into_iter().zip(udp_sockets).enumerate() {
            let parts = LaneParts {
                index: u16::try_from(index).unwrap_or(u16::MAX),
                poll,
                handle: handles[index].clone(),
                lanes: handles.clone(),
                hub: hub.clone(),
                recoveries: recoveries.clone(),
                namespaces: self.namespaces.clone(),
                bodies: bodies.clone(),
                door: door.clone(),
                config: self.config.clone(),
                counters: counters.clone(),
                handlers: self.handlers.clone(),
                udp,
                stop: stop_receiver.clone(),
                seed: random()?,
            };
            let (sender, ending) = oneshot::channel();
            endings.push(ending);
            let ended = ended.clone();
            thread::Builder::new()
                .name(format!("lane-{index}"))
                .spawn(move || {
                    let result = run_lane(parts);
                    ended.lock().unwrap_or_else(PoisonError::into_inner).push(result);
                    // The server may have stopped waiting.
                    let _ = sender.send(());
                })?;
        }
        let accepting: Vec<_> = acceptors
            .into_iter()
            .map(|(listener, spoken)| {
                tokio::spawn(listener::accept(listener, spoken, handles.clone(), door.clone()))
            })
            .collect();
        let sweep = tokio::spawn(sweep(hub));
        stop.await;
        for task in &accepting {
            task.abort();
        }
        sweep.abort();
        tracing::info!("stopping: clients are told");
        // Receivers may all have gone.
        let _ = stop_sender.send(true);
        for handle in handles.iter() {
            handle.send(Command::ShutDown);
        }
        let all = async {
            for ending in endings {
                // An error is a lane that ended by a panic: it has ended.
                let _ = ending.await;
            }
        };
        if tokio::time::timeout(shutdown_timeout, all).await.is_err() {
            tracing::warn!(timeout = ?shutdown_timeout, "clients were still connected at the end of shutdown-timeout");
        }
        let results = std::mem::take(&mut *ended.lock().unwrap_or_else(PoisonError::into_inner));
        results.into_iter().collect::<io::Result<()>>()?;
        Ok(())
    }
}

/// How often history is looked through for what is too old.
const SWEEP: Duration = Duration::from_secs(1);

async fn sweep(hub: Arc<Hub>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        hub.tick(unix_milliseconds());
    }
}

fn unix_milliseconds() -> u64 {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(unix.as_millis()).unwrap_or(u64::MAX)
}

fn random() -> io::Result<u64> {
    getrandom::u64().map_err(|error| io::Error::other(format!("no randomness: {error}")))
}

fn new_hub(config: &Config, handles: Arc<[Arc<Handle>]>) -> Result<Hub, ServerError> {
    // Milliseconds tell a later start from this one; the low bits, two starts in one.
    let epoch = unix_milliseconds() << 8 | (random()? & 0xff);
    let wake = Box::new(move |lane: usize| {
        if !drive::note_woken(lane)
            && let Some(handle) = handles.get(lane)
        {
            handle.wake();
        }
    });
    Ok(Hub::new(
        epoch,
        config.lane_count(),
        config.hub_rules(),
        config.queue_rules(),
        config.hub_limits(),
        wake,
    ))
}

fn run_lane(parts: LaneParts) -> io::Result<()> {
    let config = parts.config;
    let index = usize::from(parts.index);
    let runtime = Runtime::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())?;
    let times = Times {
        keep_alive: milliseconds(config.sse.keep_alive),
        write_stall: WRITE_STALL,
        linger: LINGER,
    };
    let ws_limits = ws::Limits {
        message: config.limits.message.bytes(),
        ping_interval: milliseconds(config.websocket.ping_interval),
        pong_timeout: milliseconds(config.websocket.pong_timeout),
        ..ws::Limits::default()
    };
    let core = Core::new(
        parts.index,
        parts.hub,
        config,
        parts.counters[index].clone(),
        times,
        Arc::new(ws_limits),
        Rc::<Signals>::default(),
        parts.recoveries,
        parts.namespaces,
        parts.seed,
    );
    let registry = parts.poll.registry().try_clone()?;
    let mut lane = Lane::new(
        core,
        registry,
        parts.seed,
        parts.stop,
        parts.counters,
        parts.lanes,
        Rc::new(parts.handlers),
        parts.bodies,
        parts.door,
    );
    for (number, (socket, spoken)) in parts.udp.into_iter().enumerate() {
        let mut socket = mio::net::UdpSocket::from_std(socket);
        let token = mio::Token(udp::FIRST_TOKEN + number);
        parts
            .poll
            .registry()
            .register(&mut socket, token, mio::Interest::READABLE)?;
        lane.udp.push(UdpSocket::new(socket, spoken));
    }
    let lane = Rc::new(RefCell::new(lane));
    runtime.block_on(drive::drive(
        lane,
        parts.poll,
        parts.handle,
        listener::serve,
        listener::serve_on,
    ))
}

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A hook that is told each step of every socket's life.
#[derive(Clone)]
pub struct Trace(Arc<dyn Fn(&TraceStep) + Send + Sync>);

impl Trace {
    /// A hook that calls `tell` on the thread of the socket; it must not block for long.
    pub fn new(tell: impl Fn(&TraceStep) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trace")
    }
}

/// One step of a socket's life with what is known of its five-tuple.
#[derive(Clone, Debug)]
pub struct TraceStep {
    /// What happened.
    pub call: Call,
    /// The transport, first of the five-tuple.
    pub transport: Transport,
    /// This side's address and port, known from `bind` on.
    pub local: Option<SocketAddr>,
    /// The other side's address and port.
    pub remote: SocketAddr,
    /// Time since the socket was made.
    pub elapsed: Duration,
}

/// What a socket did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Call {
    /// The socket was made.
    Socket,
    /// The socket has a local address: asked for with UDP, chosen by the kernel within `connect` with TCP.
    Bind,
    /// The socket is connected.
    Connect,
    /// So many bytes were handed to the kernel.
    Send(usize),
    /// So many bytes came; none is the end of what the peer sends.
    Recv(usize),
    /// A call failed.
    Failed(String),
    /// The socket was closed by this side.
    Close,
}

/// The transport of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP
    Tcp,
    /// UDP
    Udp,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
        })
    }
}

/// The trace of one socket; does nothing without a hook.
#[derive(Debug)]
pub(crate) struct Tracer {
    hook: Option<Trace>,
    transport: Transport,
    local: Option<SocketAddr>,
    remote: SocketAddr,
    start: Instant,
}

impl Tracer {
    pub(crate) fn new(hook: Option<Trace>, transport: Transport, remote: SocketAddr) -> Self {
        let tracer = Self {
            hook,
            transport,
            local: None,
            remote,
            start: Instant::now(),
        };
        tracer.tell(Call::Socket);
        tracer
    }

    pub(crate) fn bound(&mut self, local: Option<SocketAddr>) {
        self.local = local;
        self.tell(Call::Bind);
    }

    pub(crate) fn connected(&mut self, local: Option<SocketAddr>) {
        self.local = local;
        self.tell(Call::Connect);
    }

    pub(crate) fn failed(&self, error: &std::io::Error) {
        if self.hook.is_some() {
            self.tell(Call::Failed(error.to_string()));
        }
    }

    pub(crate) fn tell(&self, call: Call) {
        let Some(Trace(tell)) = &self.hook else { return };
        tell(&TraceStep {
            call,
            transport: self.transport,
            local: self.local,
            remote: self.remote,
            elapsed: self.start.elapsed(),
        });
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        self.tell(Call::Close);
    }
}

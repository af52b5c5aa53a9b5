use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream, UdpSocket, lookup_host};
use tokio::time::timeout;

use crate::trace::{Call, Trace, Tracer, Transport};
use crate::{Error, Target};

/// How many addresses of a name are tried before giving up.
const ADDRESSES_MAX: usize = 8;

/// A connected TCP socket that tells its trace.
#[derive(Debug)]
pub(crate) struct TcpConnection {
    stream: TcpStream,
    tracer: Tracer,
}

/// A connected UDP socket that tells its trace.
#[derive(Debug)]
pub(crate) struct UdpConnection {
    socket: UdpSocket,
    tracer: Tracer,
}

impl TcpConnection {
    /// Connects to the first address of the target that answers, `limit` being the longest wait for each.
    pub(crate) async fn connect(
        target: &Target,
        trace: Option<&Trace>,
        limit: Duration,
    ) -> Result<Self, Error> {
        let mut last = None;
        for remote in resolve(target).await? {
            match timeout(limit, connect_tcp(remote, trace)).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) => last = Some(error),
                Err(_) => {
                    let why = format!("no answer in {} s", limit.as_secs_f32());
                    last = Some(io::Error::new(io::ErrorKind::TimedOut, why));
                }
            }
        }
        Err(connect_error(target, last))
    }
}

async fn connect_tcp(remote: SocketAddr, trace: Option<&Trace>) -> io::Result<TcpConnection> {
    let mut tracer = Tracer::new(trace.cloned(), Transport::Tcp, remote);
    let connecting = async {
        let socket = if remote.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        let stream = socket.connect(remote).await?;
        // What is written is already whole: waiting to make packets larger only adds latency.
        stream.set_nodelay(true)?;
        Ok(stream)
    };
    match connecting.await {
        Ok(stream) => {
            tracer.bound(stream.local_addr().ok());
            tracer.connected(stream.local_addr().ok());
            Ok(TcpConnection { stream, tracer })
        }
        Err(error) => {
            tracer.failed(&error);
            Err(error)
        }
    }
}

impl UdpConnection {
    /// A socket bound to a free port and connected to the first address of the target.
    pub(crate) async fn connect(target: &Target, trace: Option<&Trace>) -> Result<Self, Error> {
        let mut last = None;
        for remote in resolve(target).await? {
            match connect_udp(remote, trace).await {
                Ok(connection) => return Ok(connection),
                Err(error) => last = Some(error),
            }
        }
        Err(connect_error(target, last))
    }

    /// Sends one datagram.
    pub(crate) async fn send(&self, datagram: &[u8]) -> io::Result<()> {
        let sent = self
            .socket
            .send(datagram)
            .await
            .inspect_err(|error| self.tracer.failed(error))?;
        self.tracer.tell(Call::Send(sent));
        Ok(())
    }

    /// Receives one datagram and returns its size; what does not fit into `buffer` is cut off.
    pub(crate) async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self
            .socket
            .recv(buffer)
            .await
            .inspect_err(|error| self.tracer.failed(error))?;
        self.tracer.tell(Call::Recv(size));
        Ok(size)
    }
}

async fn connect_udp(remote: SocketAddr, trace: Option<&Trace>) -> io::Result<UdpConnection> {
    let mut tracer = Tracer::new(trace.cloned(), Transport::Udp, remote);
    let any: SocketAddr = if remote.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let connecting = async {
        let socket = UdpSocket::bind(any).await?;
        tracer.bound(socket.local_addr().ok());
        socket.connect(remote).await?;
        tracer.connected(socket.local_addr().ok());
        Ok(socket)
    };
    match connecting.await {
        Ok(socket) => Ok(UdpConnection { socket, tracer }),
        Err(error) => {
            tracer.failed(&error);
            Err(error)
        }
    }
}

async fn resolve(target: &Target) -> Result<Vec<SocketAddr>, Error> {
    let failed = |cause| Error::Resolve {
        host: target.host.clone(),
        cause,
    };
    let addresses = lookup_host((target.host.as_str(), target.port))
        .await
        .map_err(failed)?;
    Ok(addresses.take(ADDRESSES_MAX).collect())
}

fn connect_error(target: &Target, last: Option<io::Error>) -> Error {
    let cause = last.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    Error::Connect {
        address: target.authority(),
        cause,
    }
}

impl AsyncRead for TcpConnection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let result = ready!(Pin::new(&mut this.stream).poll_read(cx, buf));
        match &result {
            Ok(()) => this.tracer.tell(Call::Recv(buf.filled().len() - before)),
            Err(error) => this.tracer.failed(error),
        }
        Poll::Ready(result)
    }
}

impl AsyncWrite for TcpConnection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = ready!(Pin::new(&mut this.stream).poll_write(cx, buf));
        Poll::Ready(this.wrote(result))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = ready!(Pin::new(&mut this.stream).poll_write_vectored(cx, bufs));
        Poll::Ready(this.wrote(result))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl TcpConnection {
    fn wrote(&self, result: io::Result<usize>) -> io::Result<usize> {
        match &result {
            Ok(sent) => self.tracer.tell(Call::Send(*sent)),
            Err(error) => self.tracer.failed(error),
        }
        result
    }
}

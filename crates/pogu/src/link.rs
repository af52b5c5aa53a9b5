//! What can carry a peer's output now.

use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;

use crate::engineio::Poll;
use crate::pipe::Pipe;

/// What can carry a peer's output now.
pub(crate) enum Link {
    /// Nothing, until a request comes that can.
    None,
    Tcp(mio::net::TcpStream),
    /// A poll of Engine.IO, which one answer ends.
    Poll(Poll),
    /// An HTTP response body.
    Pipe(Arc<Pipe>),
    /// An address behind one of the lane's UDP sockets.
    Udp {
        socket: usize,
        address: SocketAddr,
    },
}

impl Link {
    /// Writes what the link takes now. `Ok(0)` says that it takes nothing until it is ready again.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Link::Tcp(stream) => loop {
                match stream.write(bytes) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    other => return other,
                }
            },
            Link::Pipe(pipe) => Ok(if pipe.offer(|| bytes::Bytes::copy_from_slice(bytes)) {
                bytes.len()
            } else {
                0
            }),
            // Datagrams are sent one by one where the socket is, and polls are answered whole.
            Link::Udp { .. } | Link::Poll(_) | Link::None => Ok(bytes.len()),
        }
    }

    /// Says that no more will be written. A pipe still carries out what is in it.
    pub(crate) fn shut(&mut self) {
        match self {
            Link::Tcp(stream) => {
                // The peer may have gone first; then there is nothing to tell.
                let _ = stream.shutdown(Shutdown::Write);
            }
            Link::Pipe(pipe) => pipe.end(),
            Link::Udp { .. } | Link::Poll(_) | Link::None => {}
        }
    }
}

//! Sockets that the lane gives back to tasks: of a poll that is answered, and of a client that at last says something.

use std::net::SocketAddr;

use crate::carrier::Carrier;
use crate::dialect::{Dialect, Plain};
use crate::lane::Lane;
use crate::link::Link;
use crate::peer::Peer;

/// A socket, and what is to become of it.
pub(crate) struct GivenBack {
    pub(crate) stream: std::net::TcpStream,
    pub(crate) remote: SocketAddr,
    pub(crate) next: Next,
}

/// What reads a socket next.
pub(crate) enum Next {
    /// Its first bytes are to show what it speaks.
    Sniffing,
    /// The client's next HTTP request, of which these bytes were read.
    Http(Vec<u8>),
}

impl Lane {
    /// Keeps the connection of a client that has said nothing yet, for as long as it likes. Browsers connect ahead of their requests, so
    /// silence says nothing about what will be spoken; it costs a slot here, and no task.
    pub(crate) fn keep_silent(&mut self, stream: std::net::TcpStream, remote: SocketAddr) {
        if self.shutting_down {
            return;
        }
        let link = Link::Tcp(mio::net::TcpStream::from_std(stream));
        let dialect = Dialect::Plain(Plain::mute());
        // What the kernel refuses is closed.
        let _ = self.add(link, remote, Carrier::Silent, dialect, &mut []);
        self.core.signals.nudge();
    }

    /// Gives the socket of a poll that is answered back to hyper, for the client's next request.
    pub(crate) fn give_back(&mut self, slot: usize) {
        let Some(Peer {
            link: Link::Tcp(mut stream),
            remote,
            carrier,
            ..
        }) = self.take(slot)
        else {
            return;
        };
        let next = match carrier {
            Carrier::LongPoll { held, .. } => Next::Http(held.unread),
            Carrier::Parked(parked) => Next::Http(parked.unread.into_vec()),
            Carrier::Silent => Next::Sniffing,
            _ => return,
        };
        if self.registry.deregister(&mut stream).is_ok() {
            self.given_back.push(GivenBack {
                stream: stream.into(),
                remote,
                next,
            });
        }
    }
}

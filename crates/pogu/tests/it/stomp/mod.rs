//! STOMP over real sockets, by a client of its own that knows nothing of the server's code.

pub(crate) mod peer;
mod queues;
mod session;
mod topics;

pub(crate) use peer::Stomp;

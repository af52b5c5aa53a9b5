//! Socket.IO over real sockets: what the public suite checks, namespaces as topics, sessions that are taken up again, and code behind
//! namespaces.

mod acks;
mod code;
mod connect;
mod crossing;
mod events;
mod hostile;
mod limits;
mod mapping;
pub(crate) mod peer;
mod recovery;
mod recovery_code;
mod rooms;
mod root;
mod shutdown;
mod slow;
mod unread;

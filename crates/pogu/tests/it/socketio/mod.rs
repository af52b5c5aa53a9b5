//! Socket.IO over real sockets: what the public suite checks, and namespaces as topics.

mod connect;
mod crossing;
mod events;
mod mapping;
mod peer;
mod recovery;
mod root;

//! One port, every socket: the realtime messaging server as a library.

pub mod config;

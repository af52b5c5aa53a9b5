//! One port, every socket: the realtime messaging server as a library.

pub mod config;
pub mod metrics;
mod problem;

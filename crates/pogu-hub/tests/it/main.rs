//! The hub from outside: against a model that does the same in the plainest way, and from many threads.

mod model;
mod simulation;
mod threads;

//! The hub from outside: by cases, against a model that does the same in the plainest way, and from many threads.

#[cfg(test)]
mod cases;
#[cfg(test)]
mod competing;
#[cfg(test)]
mod model;
#[cfg(test)]
mod queue_model;
#[cfg(test)]
mod queue_simulation;
#[cfg(test)]
mod queues;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod threads;
mod together;

//! The hub from outside: by cases, against a model that does the same in the plainest way, and from many threads.

use pogu_hub::{After, Hub, Reading, Selector};

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

/// A page of history, in as many slices as it takes.
fn read(hub: &Hub, now: u64, selector: &Selector, after: After, limit: usize) -> Reading {
    let mut reading = hub.reading(now, selector.clone(), after, limit);
    while !hub.read(now, &mut reading) {}
    reading
}

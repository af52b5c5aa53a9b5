use std::collections::VecDeque;

use crate::limits::HELD_MAX;
use crate::recent::Recent;
use crate::{Error, Message};

/// The messages of a queue that the caller has and those it is done with, over all connections.
///
/// A queue delivers again what was not acknowledged over the connection that broke. Whether the caller has it still or is done with it is
/// remembered here, so that it comes to the caller once and is acknowledged at last.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    held: VecDeque<Held>,
    /// The cursors of those that the caller is done with.
    done: Recent,
    /// What is to be acknowledged over the current connection.
    acks: Vec<String>,
}

/// A message that the caller has.
#[derive(Debug)]
struct Held {
    cursor: String,
    /// What acknowledges it over the current connection; none if it came over an earlier one.
    ack: Option<String>,
}

impl Deliveries {
    /// A message arrived; whether it is for the caller, or one that the caller had before.
    pub(crate) fn arrived(&mut self, message: &Message, ack: String) -> Result<bool, Error> {
        let cursor = &message.cursor;
        if let Some(held) = self.held.iter_mut().find(|held| held.cursor == *cursor) {
            held.ack = Some(ack);
            return Ok(false);
        }
        if self.done.has(cursor) {
            self.acks.push(ack);
            return Ok(false);
        }
        if self.held.len() >= HELD_MAX {
            // One of an earlier connection, which by now somebody else may have.
            let forgotten = self.held.iter().position(|held| held.ack.is_none());
            let Some(forgotten) = forgotten else {
                return Err(Error::Violation(format!(
                    "the queue delivers more than {HELD_MAX} messages that are not acknowledged"
                )));
            };
            self.held.remove(forgotten);
        }
        self.held.push_back(Held {
            cursor: cursor.clone(),
            ack: Some(ack),
        });
        Ok(true)
    }

    /// The caller is done with the message at `cursor`.
    pub(crate) fn settle(&mut self, cursor: &str) {
        // Most are settled in the order in which they came.
        let at = self.held.iter().position(|held| held.cursor == cursor);
        if let Some(held) = at.and_then(|at| self.held.remove(at)) {
            self.done.is_new(cursor);
            self.acks.extend(held.ack);
        }
    }

    /// Takes what is to be acknowledged now.
    pub(crate) fn acks(&mut self) -> std::vec::Drain<'_, String> {
        self.acks.drain(..)
    }

    /// The connection broke, and what was to be acknowledged over it will come again.
    pub(crate) fn cut(&mut self) {
        self.acks.clear();
        for held in &mut self.held {
            held.ack = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: usize) -> Message {
        Message {
            topic: "/queue/jobs".into(),
            cursor: format!("a-{number}"),
            time: None,
            event: None,
            content_type: Some("text/plain".into()),
            headers: Default::default(),
            body: "x".into(),
        }
    }

    fn arrive(deliveries: &mut Deliveries, number: usize, ack: &str) -> bool {
        deliveries.arrived(&message(number), ack.to_owned()).unwrap()
    }

    fn acks(deliveries: &mut Deliveries) -> Vec<String> {
        deliveries.acks().collect()
    }

    #[test]
    fn what_is_settled_is_acknowledged() {
        let mut deliveries = Deliveries::default();
        assert!(arrive(&mut deliveries, 1, "one"));
        assert!(arrive(&mut deliveries, 2, "two"));
        deliveries.settle("a-2");
        deliveries.settle("a-2");
        deliveries.settle("unknown");
        deliveries.settle("a-1");
        assert_eq!(acks(&mut deliveries), ["two", "one"]);
    }

    #[test]
    fn what_comes_again_is_acknowledged_by_its_last_name_and_not_told_twice() {
        let mut deliveries = Deliveries::default();
        assert!(arrive(&mut deliveries, 1, "one"));
        assert!(arrive(&mut deliveries, 2, "two"));
        assert!(arrive(&mut deliveries, 3, "three"));
        deliveries.settle("a-1");
        deliveries.cut();
        deliveries.settle("a-2");
        assert_eq!(acks(&mut deliveries), Vec::<String>::new());
        for (number, ack) in [(1, "one again"), (2, "two again"), (3, "three again")] {
            assert!(!arrive(&mut deliveries, number, ack));
        }
        assert_eq!(acks(&mut deliveries), ["one again", "two again"]);
        deliveries.settle("a-3");
        assert_eq!(acks(&mut deliveries), ["three again"]);
    }

    #[test]
    fn so_many_are_held_and_the_oldest_of_an_earlier_connection_forgotten() {
        let mut deliveries = Deliveries::default();
        for number in 0..HELD_MAX {
            assert!(arrive(&mut deliveries, number, "ack"));
        }
        assert!(deliveries.arrived(&message(HELD_MAX), "ack".into()).is_err());
        deliveries.cut();
        assert!(!arrive(&mut deliveries, 0, "again"));
        assert!(arrive(&mut deliveries, HELD_MAX, "ack"));
        assert!(arrive(&mut deliveries, 1, "the one that was forgotten"));
        assert_eq!(deliveries.held.len(), HELD_MAX);
    }
}

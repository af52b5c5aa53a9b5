//! The table of topics: by name, and by when they were last published to.

use std::collections::{HashMap, VecDeque};
use std::ops::{Index, IndexMut};
use std::sync::Arc;

use foldhash::fast::RandomState;
use slab::Slab;

use super::log::Entry;
use super::sieve::Shape;
use crate::engine::Reader;
use crate::interest::Route;
use crate::message::Message;
use crate::topic::Topic;

/// No topic: the ends of the list.
const NONE: u32 = u32::MAX;
/// Places that a table can have.
pub(super) const TOPICS_MAX: usize = NONE as usize;

/// Topics, each in a place that it keeps while it is in the table, and on a list from the one published to last to the one
/// published to longest ago.
pub(super) struct Table {
    index: HashMap<Topic, u32, RandomState>,
    places: Slab<(History, Neighbours)>,
    newest: u32,
    oldest: u32,
}

/// A topic in the table. It stays, without messages, as the mark of what it lost.
pub(super) struct History {
    pub(super) topic: Topic,
    pub(super) shape: Shape,
    pub(super) rule: usize,
    /// What is kept, oldest first.
    pub(super) ring: VecDeque<Arc<Message>>,
    /// How many messages left the ring, wrapping: the number of the first one in it.
    pub(super) first: u32,
    /// The last message that was published.
    pub(super) published: u64,
    pub(super) loss: Loss,
    pub(super) route: Route,
}

/// The newest message that is gone, and the count of evictions when it went. What is gone is always the oldest part.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Loss {
    pub(super) seq: u64,
    pub(super) evictions: u64,
}

struct Neighbours {
    newer: u32,
    older: u32,
}

impl Table {
    pub(super) fn new() -> Table {
        Table {
            index: HashMap::default(),
            places: Slab::new(),
            newest: NONE,
            oldest: NONE,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// No place is as high as this.
    pub(super) fn places(&self) -> usize {
        self.places.capacity()
    }

    pub(super) fn contains(&self, at: usize) -> bool {
        self.places.contains(at)
    }

    /// The topic that has a place, if one has.
    pub(super) fn get(&self, at: usize) -> Option<&History> {
        self.places.get(at).map(|(history, _)| history)
    }

    pub(super) fn find(&self, topic: &Topic) -> Option<usize> {
        self.index.get(topic).map(|&at| at as usize)
    }

    /// The place of a topic that is published to, which is the newest then.
    pub(super) fn touch(&mut self, topic: &Topic) -> Option<usize> {
        if let Some((history, _)) = self.places.get(self.newest as usize)
            && history.topic == *topic
        {
            return Some(self.newest as usize);
        }
        let at = *self.index.get(topic)?;
        self.unlink(at);
        self.link_newest(at);
        Some(at as usize)
    }

    /// Puts in a topic that is not there, as the newest.
    pub(super) fn insert(&mut self, history: History) -> usize {
        let topic = history.topic.clone();
        let at = self.places.insert((
            history,
            Neighbours {
                newer: NONE,
                older: NONE,
            },
        ));
        self.index.insert(topic, at as u32);
        self.link_newest(at as u32);
        at
    }

    pub(super) fn remove(&mut self, at: usize) {
        self.unlink(at as u32);
        let (history, _) = self.places.remove(at);
        self.index.remove(&history.topic);
    }

    /// The place of the topic published to longest ago.
    pub(super) fn oldest(&self) -> usize {
        self.oldest as usize
    }

    /// The topics from the one published to last.
    pub(super) fn recent(&self) -> impl Iterator<Item = &History> {
        let first = self.places.get(self.newest as usize);
        std::iter::successors(first, |(_, neighbours)| {
            self.places.get(neighbours.older as usize)
        })
        .map(|(history, _)| history)
    }

    /// The message of a log entry, unless it was evicted since. A place that was given to another topic holds newer messages
    /// only, so the number tells.
    pub(super) fn kept(&self, entry: &Entry) -> Option<&Arc<Message>> {
        let (history, _) = self.places.get(entry.topic as usize)?;
        let message = history.ring.get(entry.nth.wrapping_sub(history.first) as usize)?;
        (message.cursor.seq == entry.seq).then_some(message)
    }

    fn link_newest(&mut self, at: u32) {
        let older = self.newest;
        self.places[at as usize].1 = Neighbours { newer: NONE, older };
        match self.places.get_mut(older as usize) {
            Some((_, neighbours)) => neighbours.newer = at,
            None => self.oldest = at,
        }
        self.newest = at;
    }

    fn unlink(&mut self, at: u32) {
        let Neighbours { newer, older } = self.places[at as usize].1;
        match self.places.get_mut(newer as usize) {
            Some((_, neighbours)) => neighbours.older = older,
            None => self.newest = older,
        }
        match self.places.get_mut(older as usize) {
            Some((_, neighbours)) => neighbours.newer = newer,
            None => self.oldest = newer,
        }
    }
}

impl Index<usize> for Table {
    type Output = History;

    fn index(&self, at: usize) -> &History {
        &self.places[at].0
    }
}

impl IndexMut<usize> for Table {
    fn index_mut(&mut self, at: usize) -> &mut History {
        &mut self.places[at].0
    }
}

impl History {
    /// A topic without messages, that has lost so much already.
    pub(super) fn new(topic: Topic, rule: usize, loss: Loss) -> History {
        let shape = Shape::of(&topic);
        History {
            topic,
            shape,
            rule,
            ring: VecDeque::new(),
            first: 0,
            published: 0,
            loss,
            route: Route::default(),
        }
    }
}

impl Loss {
    /// Whether a reader has lost something it does not know of.
    pub(super) fn hits(&self, reader: &Reader) -> bool {
        self.seq > reader.seq && self.evictions > reader.evictions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(text: &str) -> Topic {
        text.parse().expect(text)
    }

    fn recent(table: &Table) -> Vec<&str> {
        table.recent().map(|history| history.topic.as_str()).collect()
    }

    #[test]
    fn the_list_follows_what_is_published() {
        let mut table = Table::new();
        for text in ["a", "b", "c"] {
            assert_eq!(table.touch(&topic(text)), None);
            table.insert(History::new(topic(text), 0, Loss::default()));
        }
        assert_eq!(recent(&table), ["c", "b", "a"]);
        let b = table.find(&topic("b"));
        assert_eq!(table.touch(&topic("b")), b);
        assert_eq!(table.touch(&topic("b")), b);
        assert_eq!(recent(&table), ["b", "c", "a"]);
        table.touch(&topic("a"));
        assert_eq!(recent(&table), ["a", "b", "c"]);
        assert_eq!(table[table.oldest()].topic, topic("c"));

        table.remove(b.expect("it is there"));
        assert_eq!(recent(&table), ["a", "c"]);
        assert_eq!(table.find(&topic("b")), None);
        table.remove(table.oldest());
        table.remove(table.oldest());
        assert_eq!((recent(&table).len(), table.len(), table.index.len()), (0, 0, 0));
        table.insert(History::new(topic("d"), 0, Loss::default()));
        assert_eq!(recent(&table), ["d"]);
        assert_eq!(table[table.oldest()].topic, topic("d"));
    }
}

//! Which lanes have a subscriber for a topic.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::selector::Selector;
use crate::topic::Topic;
use crate::trie::Trie;

/// A set of lanes. Up to 64 lanes it allocates nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LaneSet {
    first: u64,
    rest: Vec<u64>,
}

/// The lanes of one topic as they were at some generation of the patterns: kept with the topic, so that publishing
/// again asks nothing.
#[derive(Debug, Default)]
pub(crate) struct Route {
    generation: u64,
    lanes: LaneSet,
}

/// The selectors with a live subscriber, and the lanes that have one. Its size follows the subscriptions'.
pub(crate) struct Interest {
    topics: HashMap<Topic, LaneSet, RandomState>,
    patterns: Trie<LaneSet>,
    /// Changes with every change of a pattern's lanes, which no route can know otherwise. Never 0: that is a stale route.
    generation: u64,
}

impl Interest {
    pub(crate) fn new() -> Interest {
        Interest {
            topics: HashMap::default(),
            patterns: Trie::new(),
            generation: 1,
        }
    }

    /// The lane got its first live subscriber of this selector. `route` is that of the topic, where the selector is one.
    pub(crate) fn add(&mut self, lane: usize, selector: &Selector, route: Option<&mut Route>) {
        match selector {
            Selector::Topic(topic) => self.topics.entry(topic.clone()).or_default().insert(lane),
            Selector::Pattern(pattern) => self.patterns.entry(pattern).get_or_insert_default().insert(lane),
        }
        self.changed(selector, route);
    }

    /// The lane lost its last live subscriber of this selector.
    pub(crate) fn remove(&mut self, lane: usize, selector: &Selector, route: Option<&mut Route>) {
        match selector {
            Selector::Topic(topic) => {
                if let Some(lanes) = self.topics.get_mut(topic) {
                    lanes.remove(lane);
                    if lanes.is_empty() {
                        self.topics.remove(topic);
                    }
                }
            }
            Selector::Pattern(pattern) => {
                if let Some(lanes) = self.patterns.get_mut(pattern) {
                    lanes.remove(lane);
                    if lanes.is_empty() {
                        self.patterns.remove(pattern);
                    }
                }
            }
        }
        self.changed(selector, route);
    }

    /// The lanes with a match, from the route if it is fresh.
    pub(crate) fn lanes<'a>(&self, topic: &Topic, route: &'a mut Route) -> &'a LaneSet {
        if route.generation != self.generation {
            route.generation = self.generation;
            route.lanes.clear();
            if let Some(lanes) = self.topics.get(topic) {
                route.lanes.join(lanes);
            }
            self.patterns.matching(topic, |lanes| route.lanes.join(lanes));
        }
        &route.lanes
    }

    fn changed(&mut self, selector: &Selector, route: Option<&mut Route>) {
        match selector {
            Selector::Topic(_) => {
                if let Some(route) = route {
                    route.generation = 0;
                }
            }
            Selector::Pattern(_) => self.generation += 1,
        }
    }
}

impl LaneSet {
    pub(crate) fn insert(&mut self, lane: usize) {
        if lane >= 64 && self.rest.len() < lane / 64 {
            self.rest.resize(lane / 64, 0);
        }
        if let Some(word) = self.word(lane) {
            *word |= 1 << (lane % 64);
        }
    }

    fn remove(&mut self, lane: usize) {
        if let Some(word) = self.word(lane) {
            *word &= !(1 << (lane % 64));
        }
    }

    fn join(&mut self, other: &LaneSet) {
        self.first |= other.first;
        if self.rest.len() < other.rest.len() {
            self.rest.resize(other.rest.len(), 0);
        }
        for (word, more) in self.rest.iter_mut().zip(&other.rest) {
            *word |= more;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.first = 0;
        self.rest.fill(0);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first == 0 && self.rest.iter().all(|&word| word == 0)
    }

    /// The lanes, rising.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        let words = std::iter::once(self.first).chain(self.rest.iter().copied());
        words.enumerate().flat_map(|(index, word)| {
            let mut left = word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some(index * 64 + bit)
            })
        })
    }

    fn word(&mut self, lane: usize) -> Option<&mut u64> {
        match lane / 64 {
            0 => Some(&mut self.first),
            word => self.rest.get_mut(word - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes(interest: &Interest, topic: &str, route: &mut Route) -> Vec<usize> {
        interest
            .lanes(&topic.parse().expect(topic), route)
            .iter()
            .collect()
    }

    #[test]
    fn lanes_beyond_one_word() {
        let mut set = LaneSet::default();
        for lane in [0, 63, 64, 127, 128, 1000] {
            set.insert(lane);
        }
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 63, 64, 127, 128, 1000]);
        for lane in [0, 63, 64, 128, 1000, 5000] {
            set.remove(lane);
        }
        assert_eq!(set.iter().collect::<Vec<_>>(), [127]);
        set.remove(127);
        assert!(set.is_empty());
    }

    #[test]
    fn a_route_follows_every_change() {
        let mut interest = Interest::new();
        let mut route = Route::default();
        let topic: Selector = "a.b".parse().expect("a topic");
        let pattern: Selector = "a.*".parse().expect("a pattern");
        assert!(lanes(&interest, "a.b", &mut route).is_empty());

        interest.add(3, &topic, Some(&mut route));
        assert_eq!(lanes(&interest, "a.b", &mut route), [3]);
        interest.add(70, &pattern, None);
        assert_eq!(lanes(&interest, "a.b", &mut route), [3, 70]);
        interest.add(3, &pattern, None);
        interest.remove(3, &topic, Some(&mut route));
        assert_eq!(lanes(&interest, "a.b", &mut route), [3, 70]);
        interest.remove(3, &pattern, None);
        assert_eq!(lanes(&interest, "a.b", &mut route), [70]);
        interest.remove(70, &pattern, None);
        assert!(lanes(&interest, "a.b", &mut route).is_empty());
        assert!(interest.topics.is_empty());
    }
}

//! Who wants a topic: the lanes with a subscriber, and the queues that are bound to it.

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

/// Who gets the messages of a selector, or of a topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Audience {
    /// Those with a live subscriber.
    pub(crate) lanes: LaneSet,
    /// The slots of the queues that are bound.
    pub(crate) queues: Vec<u32>,
}

/// The audience of one topic as it was at some generation of the patterns: kept with the topic, so that publishing
/// again asks nothing.
#[derive(Debug, Default)]
pub(crate) struct Route {
    generation: u64,
    audience: Audience,
}

/// The selectors with a live subscriber or a bound queue, and whose they are. Its size follows theirs.
pub(crate) struct Interest {
    topics: HashMap<Topic, Audience, RandomState>,
    patterns: Trie<Audience>,
    /// Changes with every change of a pattern's audience, which no route can know otherwise. Never 0: that is a stale route.
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
        self.change(selector, route, |audience| audience.lanes.insert(lane));
    }

    /// The lane lost its last live subscriber of this selector.
    pub(crate) fn remove(&mut self, lane: usize, selector: &Selector, route: Option<&mut Route>) {
        self.change(selector, route, |audience| audience.lanes.remove(lane));
    }

    /// A queue gets what is published to this selector.
    pub(crate) fn bind(&mut self, queue: u32, selector: &Selector, route: Option<&mut Route>) {
        self.change(selector, route, |audience| audience.queues.push(queue));
    }

    /// The queue no longer does.
    pub(crate) fn unbind(&mut self, queue: u32, selector: &Selector, route: Option<&mut Route>) {
        self.change(selector, route, |audience| {
            audience.queues.retain(|&bound| bound != queue);
        });
    }

    /// Who gets the messages of this topic, from the route if it is fresh.
    #[inline]
    pub(crate) fn audience<'a>(&self, topic: &Topic, route: &'a mut Route) -> &'a Audience {
        if route.generation != self.generation {
            self.refresh(topic, route);
        }
        &route.audience
    }

    fn refresh(&self, topic: &Topic, route: &mut Route) {
        route.generation = self.generation;
        route.audience.clear();
        if let Some(audience) = self.topics.get(topic) {
            route.audience.join(audience);
        }
        self.patterns
            .matching(topic, |audience| route.audience.join(audience));
    }

    fn change(&mut self, selector: &Selector, route: Option<&mut Route>, change: impl FnOnce(&mut Audience)) {
        match selector {
            Selector::Topic(topic) => {
                let audience = self.topics.entry(topic.clone()).or_default();
                change(audience);
                if audience.is_empty() {
                    self.topics.remove(topic);
                }
                if let Some(route) = route {
                    route.generation = 0;
                }
            }
            Selector::Pattern(pattern) => {
                let audience = self.patterns.entry(pattern).get_or_insert_default();
                change(audience);
                if audience.is_empty() {
                    self.patterns.remove(pattern);
                }
                self.generation += 1;
            }
        }
    }
}

impl Audience {
    fn join(&mut self, other: &Audience) {
        self.lanes.join(&other.lanes);
        self.queues.extend_from_slice(&other.queues);
    }

    fn clear(&mut self) {
        self.lanes.clear();
        self.queues.clear();
    }

    fn is_empty(&self) -> bool {
        self.lanes.is_empty() && self.queues.is_empty()
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
            .audience(&topic.parse().expect(topic), route)
            .lanes
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

    #[test]
    fn bound_queues_are_found_beside_the_lanes() {
        let mut interest = Interest::new();
        let mut route = Route::default();
        let topic: Selector = "a.b".parse().expect("a topic");
        let pattern: Selector = "a.*".parse().expect("a pattern");
        let mut queues = |interest: &Interest| {
            let topic = "a.b".parse().expect("a topic");
            interest.audience(&topic, &mut route).queues.clone()
        };
        interest.bind(7, &pattern, None);
        interest.add(1, &pattern, None);
        assert_eq!(queues(&interest), [7]);
        interest.bind(8, &pattern, None);
        interest.remove(1, &pattern, None);
        assert_eq!(queues(&interest), [7, 8]);
        interest.unbind(7, &pattern, None);
        assert_eq!(queues(&interest), [8]);
        interest.unbind(8, &pattern, None);
        assert_eq!(queues(&interest), []);

        let mut route = Route::default();
        interest.bind(9, &topic, Some(&mut route));
        let name = "a.b".parse().expect("a topic");
        assert_eq!(interest.audience(&name, &mut route).queues, [9]);
        interest.unbind(9, &topic, Some(&mut route));
        assert_eq!(interest.audience(&name, &mut route).queues, []);
        assert!(interest.topics.is_empty());
    }
}

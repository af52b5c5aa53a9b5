//! Mailboxes: what waits for one peer, bounded, and honest about what it dropped.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::rc::Rc;

use foldhash::fast::RandomState;

use crate::letter::Letter;
use crate::limits::Policy;
use crate::selector::Selector;
use crate::subscriptions::SubscriptionId;

/// Dropped entries that may lie between waiting ones, beside as many as wait.
const DEAD_MIN: usize = 16;
/// Subscriptions that have ended of which a mailbox knows.
const ENDED_MAX: usize = 1024;

/// What waits for one peer, oldest first. The lane makes one only while something waits.
///
/// It is full when the sizes of its messages pass its limit; one message fits always. Then the policy of the message that
/// comes decides.
pub struct Mailbox {
    /// The first one is never dropped.
    entries: VecDeque<Entry>,
    /// The number of the first entry; entries are numbered from 0 as they come.
    first: u64,
    /// Entries among them that were dropped.
    dead: usize,
    bytes: usize,
    limit: usize,
    missed: Vec<(SubscriptionId, u64)>,
    /// Subscriptions that have ended while something waited.
    ended: Vec<(SubscriptionId, Selector)>,
    latest: Option<Latest>,
}

struct Entry {
    /// None: dropped.
    letter: Option<Rc<Letter>>,
    subscription: SubscriptionId,
}

/// While conflating: the number of the latest waiting message of each subscription and topic, by their hash. Two that
/// share a hash do not conflate, no more.
struct Latest {
    numbers: HashMap<u64, u64, RandomState>,
    hasher: RandomState,
}

/// What became of a message that was pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It waits.
    Queued,
    /// So many messages were dropped. Under [`Policy::DropNewest`] the pushed one was, else it waits.
    Dropped(u64),
    /// It was not taken: the peer is too slow for its topic, and to be disconnected.
    Disconnect,
}

impl Mailbox {
    /// An empty mailbox for messages of `limit_bytes` together, as [`Message::size`](crate::Message::size) counts them.
    pub fn new(limit_bytes: usize) -> Mailbox {
        Mailbox {
            entries: VecDeque::new(),
            first: 0,
            dead: 0,
            bytes: 0,
            limit: limit_bytes,
            missed: Vec::new(),
            ended: Vec::new(),
            latest: None,
        }
    }

    /// Puts a message at the end, and makes room by the policy of its topic. O(1) amortised.
    ///
    /// Under [`Policy::Conflate`], from the first time it is full until it is empty, only the latest message of each
    /// subscription and topic waits; when these alone are too many, the oldest are dropped.
    pub fn push(&mut self, letter: Rc<Letter>, subscription: SubscriptionId) -> Pushed {
        let size = letter.message.size();
        let policy = letter.message.policy;
        let mut dropped = 0;
        if policy == Policy::Conflate {
            if self.latest.is_none() && !self.fits(size) {
                dropped += self.conflate();
            }
            dropped += self.replace(&letter, subscription);
        }
        if !self.fits(size) {
            match policy {
                Policy::Disconnect => return Pushed::Disconnect,
                Policy::DropNewest => {
                    self.miss(subscription);
                    return Pushed::Dropped(1);
                }
                Policy::DropOldest | Policy::Conflate => {}
            }
        }
        while !self.fits(size)
            && let Some((_, subscription)) = self.pop_front()
        {
            self.miss(subscription);
            dropped += 1;
        }
        if policy == Policy::Conflate
            && let Some(latest) = &mut self.latest
        {
            let hash = latest.hash(&letter, subscription);
            latest
                .numbers
                .insert(hash, self.first + self.entries.len() as u64);
        }
        self.fill(letter, subscription);
        match dropped {
            0 => Pushed::Queued,
            dropped => Pushed::Dropped(dropped),
        }
    }

    /// Puts a message of a page of history at the end, whatever its limit: a page has bounds of its own, and nobody was too slow.
    pub fn fill(&mut self, letter: Rc<Letter>, subscription: SubscriptionId) {
        self.bytes += letter.message.size();
        self.entries.push_back(Entry {
            letter: Some(letter),
            subscription,
        });
    }

    /// What waits, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&Rc<Letter>, SubscriptionId)> {
        self.entries
            .iter()
            .filter_map(|entry| Some((entry.letter.as_ref()?, entry.subscription)))
    }

    /// The subscriptions for which `letter` waits at the end, if it is the one that came last.
    pub fn last(&self, letter: &Rc<Letter>) -> impl Iterator<Item = SubscriptionId> {
        let entries = self.entries.iter().rev();
        let same = entries.take_while(move |entry| {
            let own = entry.letter.as_ref();
            own.is_some_and(|own| Rc::ptr_eq(own, letter))
        });
        same.map(|entry| entry.subscription)
    }

    /// The oldest message.
    pub fn front(&self) -> Option<(&Rc<Letter>, SubscriptionId)> {
        self.iter().next()
    }

    /// Takes the oldest message out.
    pub fn pop_front(&mut self) -> Option<(Rc<Letter>, SubscriptionId)> {
        let Entry { letter, subscription } = self.entries.pop_front()?;
        let letter = letter?;
        self.bytes -= letter.message.size();
        if let Some(latest) = &mut self.latest {
            let hash = latest.hash(&letter, subscription);
            if latest.numbers.get(&hash) == Some(&self.first) {
                latest.numbers.remove(&hash);
            }
        }
        self.first += 1;
        self.settle();
        Some((letter, subscription))
    }

    /// Lets go of the `count` oldest messages: they were sent.
    pub fn drain_front(&mut self, count: usize) {
        if count >= self.len() {
            self.entries.clear();
            self.ended.clear();
            self.dead = 0;
            self.bytes = 0;
            self.latest = None;
            return;
        }
        for _ in 0..count {
            self.pop_front();
        }
    }

    /// The sizes of the waiting messages together.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many messages wait.
    pub fn len(&self) -> usize {
        self.entries.len() - self.dead
    }

    /// How many entries it has memory for; a lane that keeps spare mailboxes lets big ones go.
    pub fn capacity(&self) -> usize {
        self.entries.capacity()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many messages of each subscription were dropped since this was last asked, so that the peer can be told before it
    /// gets the next message. In the order of the ids; empty, and without cost, if none were.
    pub fn take_missed(&mut self) -> Vec<(SubscriptionId, u64)> {
        std::mem::take(&mut self.missed)
    }

    /// A subscription has ended: what waits by it may be another's, too, and what was missed by it is to be told.
    pub fn end(&mut self, subscription: SubscriptionId, selector: Selector) {
        if self.is_empty() && self.missed.is_empty() {
            return;
        }
        if self.ended.len() == ENDED_MAX {
            self.ended.remove(0);
        }
        self.ended.push((subscription, selector));
    }

    /// What a subscription asked for that has ended while something waits.
    pub fn ended(&self, subscription: SubscriptionId) -> Option<&Selector> {
        let found = self.ended.iter().find(|(id, _)| *id == subscription);
        found.map(|(_, selector)| selector)
    }

    fn fits(&self, size: usize) -> bool {
        self.is_empty() || self.bytes.saturating_add(size) <= self.limit
    }

    fn miss(&mut self, subscription: SubscriptionId) {
        match self.missed.binary_search_by_key(&subscription, |(id, _)| *id) {
            Ok(at) => self.missed[at].1 += 1,
            Err(at) => self.missed.insert(at, (subscription, 1)),
        }
    }

    /// Begins to conflate: drops each message that has a newer one of its subscription and topic behind it.
    fn conflate(&mut self) -> u64 {
        let mut latest = Latest::new();
        let mut older = Vec::new();
        for (number, entry) in (self.first..).zip(&self.entries) {
            if let Some(letter) = entry.conflates() {
                let hash = latest.hash(letter, entry.subscription);
                older.extend(latest.numbers.insert(hash, number).map(|before| (before, number)));
            }
        }
        self.latest = Some(latest);
        let mut dropped = 0;
        for (before, number) in older {
            let Some(Entry {
                letter: Some(letter),
                subscription,
            }) = self.entry(number)
            else {
                continue;
            };
            let (letter, subscription) = (Rc::clone(letter), *subscription);
            dropped += self.drop_waiting(before, &letter, subscription);
        }
        self.settle();
        dropped
    }

    /// While conflating: drops the waiting message that this one replaces.
    fn replace(&mut self, letter: &Letter, subscription: SubscriptionId) -> u64 {
        let Some(latest) = &self.latest else { return 0 };
        let Some(&number) = latest.numbers.get(&latest.hash(letter, subscription)) else {
            return 0;
        };
        let dropped = self.drop_waiting(number, letter, subscription);
        self.settle();
        dropped
    }

    /// Drops the entry `number` if it waits and has the subscription and topic of `letter`.
    fn drop_waiting(&mut self, number: u64, letter: &Letter, subscription: SubscriptionId) -> u64 {
        let Some(entry) = self.entry(number) else { return 0 };
        let same = |other: &&Rc<Letter>| other.message.topic == letter.message.topic;
        let Some(older) = entry.letter.as_ref().filter(same) else {
            return 0;
        };
        if entry.subscription != subscription {
            return 0;
        }
        self.bytes -= older.message.size();
        let at = number.wrapping_sub(self.first) as usize;
        self.entries[at].letter = None;
        self.dead += 1;
        self.miss(subscription);
        1
    }

    fn entry(&self, number: u64) -> Option<&Entry> {
        self.entries
            .get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    /// Makes the first entry one that waits, and lets the dropped ones go once they are the larger part.
    fn settle(&mut self) {
        while self.entries.front().is_some_and(|entry| entry.letter.is_none()) {
            self.entries.pop_front();
            self.first += 1;
            self.dead -= 1;
        }
        if self.entries.is_empty() {
            self.latest = None;
            self.ended.clear();
        }
        if self.dead <= DEAD_MIN || self.dead * 2 <= self.entries.len() {
            return;
        }
        self.entries.retain(|entry| entry.letter.is_some());
        self.dead = 0;
        let Some(latest) = &mut self.latest else { return };
        latest.numbers.clear();
        for (number, entry) in (self.first..).zip(&self.entries) {
            if let Some(letter) = entry.conflates() {
                let hash = latest.hash(letter, entry.subscription);
                latest.numbers.insert(hash, number);
            }
        }
    }
}

impl Entry {
    fn conflates(&self) -> Option<&Rc<Letter>> {
        self.letter
            .as_ref()
            .filter(|letter| letter.message.policy == Policy::Conflate)
    }
}

impl Latest {
    fn new() -> Latest {
        Latest {
            numbers: HashMap::default(),
            hasher: RandomState::default(),
        }
    }

    fn hash(&self, letter: &Letter, subscription: SubscriptionId) -> u64 {
        self.hasher.hash_one((subscription, &letter.message.topic))
    }
}

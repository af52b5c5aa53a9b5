//! One lane's subscriptions: who gets a message, and who is still catching up.

mod group;
mod together;

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, MutexGuard};

use foldhash::fast::RandomState;
use slab::Slab;

use crate::cursor::{After, Cursor};
use crate::engine::Reader;
use crate::filter::Filter;
use crate::hub::{Core, Hub};
use crate::message::Message;
use crate::selector::Selector;
use crate::trie::Trie;

use group::{Group, Member};

/// Work that is done at once for a new subscription: mostly it is enough to know where it begins. What is not done then is done where it
/// catches up.
const BEGIN_WORK: usize = 1024;

pub use together::CatchUpTogether;

/// One lane's subscriptions. Not shared, so without a lock.
///
/// A subscription is *live* or *catching up*. Live, it gets from [`dispatch`](Subscriptions::dispatch) what comes back from the engine.
/// Catching up, it holds only a position and reads history with [`catch_up`](Subscriptions::catch_up). It goes live where a
/// page reaches the head of the order, under the same lock, so that nothing is lost or doubled in between.
///
/// A peer with several subscriptions that match is named once for each; the id tells which.
pub struct Subscriptions {
    lane: usize,
    slots: Slab<Subscription>,
    groups: Slab<Group>,
    topics: HashMap<crate::topic::Topic, usize, RandomState>,
    patterns: Trie<usize>,
    /// Of the few subscriptions that have one.
    filters: HashMap<SubscriptionId, Filter, RandomState>,
    generation: u32,
}

/// Names a subscription of one lane; not used again for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionId {
    slot: u32,
    generation: u32,
}

/// A subscription that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubscribeOutcome {
    /// Its name.
    pub id: SubscriptionId,
    /// Where it starts: it gets what comes after this. `None` where the last so many of a pattern are still looked for.
    pub start: Option<Cursor>,
    /// Whether a selected message newer than the cursor asked for is known to be gone. [`CatchUp::gap`] does not tell it again, but
    /// what comes to be known later.
    pub gap: bool,
    /// Whether it is live already; else it is to be caught up.
    pub live: bool,
}

/// Why a subscription was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The lane has as many as [`Limits::subscriptions`](crate::Limits::subscriptions) allows.
    #[error("the server has no room for another subscription (limit {0})")]
    TooMany(usize),
}

/// A page for a subscription that is catching up. It can be empty without being the last, where a pattern has few
/// matches among many messages, or a filter admits few.
#[derive(Debug, Clone, Default)]
pub struct CatchUp {
    /// In order, oldest first.
    pub messages: Vec<Arc<Message>>,
    /// Whether messages that should have been in this or a later page have been evicted since the last one.
    pub gap: bool,
    /// Whether the subscription is live now; false: come again.
    pub live: bool,
}

struct Subscription {
    generation: u32,
    group: u32,
    state: State,
}

enum State {
    /// Its place among the members of its group.
    Live(u32),
    CatchingUp(Box<CatchingUp>),
}

struct CatchingUp {
    peer: u32,
    filtered: bool,
    reader: Reader,
    exclude_origin: u64,
}

impl SubscriptionId {
    #[cfg(test)]
    pub(crate) fn test(slot: u32) -> SubscriptionId {
        SubscriptionId { slot, generation: 1 }
    }
}

impl Subscriptions {
    /// The subscriptions of this lane.
    pub fn new(lane: usize) -> Subscriptions {
        Subscriptions {
            lane,
            slots: Slab::new(),
            groups: Slab::new(),
            topics: HashMap::default(),
            patterns: Trie::new(),
            filters: HashMap::default(),
            generation: 0,
        }
    }

    /// Subscribes a peer. What begins at the head is live at once; anything else catches up. Messages of `exclude_origin` (0:
    /// none) and those that do not meet the filter are left out. A cursor beyond the head counts as the head; one of another epoch
    /// as the earliest, with a gap.
    #[expect(clippy::too_many_arguments, reason = "all of them say what is asked for")]
    pub fn subscribe(
        &mut self,
        hub: &Hub,
        now: u64,
        peer: u32,
        selector: Selector,
        after: After,
        exclude_origin: u64,
        filter: Option<Filter>,
    ) -> Result<SubscribeOutcome, SubscribeError> {
        self.check_room(hub, 1)?;
        let mut core = hub.lock();
        let mut reader = core.engine.begin(now, &selector, after);
        let mut work = BEGIN_WORK;
        let is_prepared = core.engine.prepare(now, &selector, &mut reader, &mut work);
        let lives = is_prepared && reader.seq == core.engine.head().seq;
        Ok(self.add(core, peer, &selector, reader, exclude_origin, filter, lives))
    }

    fn check_room(&self, hub: &Hub, count: usize) -> Result<(), SubscribeError> {
        let limit = hub.limits().subscriptions.min(u32::MAX as usize);
        if self.slots.len() + count > limit {
            return Err(SubscribeError::TooMany(limit));
        }
        Ok(())
    }

    /// Makes a subscription, live or with a reader that catches up.
    #[expect(clippy::too_many_arguments, reason = "all of them say what is asked for")]
    fn add(
        &mut self,
        mut core: MutexGuard<'_, Core>,
        peer: u32,
        selector: &Selector,
        mut reader: Reader,
        exclude_origin: u64,
        filter: Option<Filter>,
        lives: bool,
    ) -> SubscribeOutcome {
        let group = self.group(selector);
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let slot = self.slots.vacant_key();
        let id = SubscriptionId {
            slot: slot as u32,
            generation,
        };

        let outcome = SubscribeOutcome {
            id,
            start: reader.search.is_none().then(|| Cursor {
                seq: reader.seq,
                ..core.engine.head()
            }),
            gap: mem::take(&mut reader.gap),
            live: lives,
        };
        let group_at = group as u32;
        let filtered = filter.is_some();
        let group = &mut self.groups[group];
        let state = if lives {
            let member = Member {
                id,
                peer,
                filtered,
                from_seq: reader.seq,
                exclude_origin,
            };
            State::Live(group.join(&mut core, self.lane, member))
        } else {
            group.catching_up += 1;
            State::CatchingUp(Box::new(CatchingUp {
                peer,
                filtered,
                reader,
                exclude_origin,
            }))
        };
        drop(core);
        self.filters.extend(filter.map(|filter| (id, filter)));
        self.slots.insert(Subscription {
            generation,
            group: group_at,
            state,
        });
        outcome
    }

    /// Ends a subscription; false if there is none of this name. O(1) in the number of others. Messages of it that wait in a
    /// mailbox stay there.
    pub fn unsubscribe(&mut self, hub: &Hub, id: SubscriptionId) -> bool {
        if self.get(id).is_none() {
            return false;
        }
        let Subscription { group: at, state, .. } = self.slots.remove(id.slot as usize);
        let group = &mut self.groups[at as usize];
        if !self.filters.is_empty() {
            self.filters.remove(&id);
        }
        match state {
            State::CatchingUp(_) => group.catching_up -= 1,
            State::Live(place) => {
                group.members.swap_remove(place as usize);
                if let Some(moved) = group.members.get(place as usize) {
                    self.slots[moved.id.slot as usize].state = State::Live(place);
                }
                if group.members.is_empty() {
                    hub.lock().interest_remove(self.lane, &group.selector);
                    group.members = Vec::new();
                }
            }
        }
        if group.members.is_empty() && group.catching_up == 0 {
            let group = self.groups.remove(at as usize);
            match &group.selector {
                Selector::Topic(topic) => drop(self.topics.remove(topic)),
                Selector::Pattern(pattern) => drop(self.patterns.remove(pattern)),
            }
        }
        true
    }

    /// Calls `deliver(subscription, peer)` for each live subscription that matches and has not had the message.
    pub fn dispatch(&self, message: &Message, mut deliver: impl FnMut(SubscriptionId, u32)) {
        if let Some(&group) = self.topics.get(&message.topic) {
            self.deliver(group, message, &mut deliver);
        }
        self.patterns.matching(&message.topic, |&group| {
            self.deliver(group, message, &mut deliver)
        });
    }

    /// The next page of history for a subscription that is catching up, of at most `limit` messages (at least one) and
    /// [`Limits::page_bytes`](crate::Limits::page_bytes). For one that is live already, or gone, there is nothing to catch up:
    /// an empty page, `live`.
    pub fn catch_up(&mut self, hub: &Hub, now: u64, id: SubscriptionId, limit: usize) -> CatchUp {
        let page = self.catch_up_together(hub, now, &[id], limit);
        CatchUp {
            messages: page.messages.into_iter().map(|(message, _)| message).collect(),
            gap: !page.gaps.is_empty(),
            live: page.live,
        }
    }

    /// Whether the subscription exists and is live.
    pub fn is_live(&self, id: SubscriptionId) -> bool {
        self.get(id)
            .is_some_and(|subscription| matches!(subscription.state, State::Live(_)))
    }

    /// What the subscription asked for.
    pub fn selector(&self, id: SubscriptionId) -> Option<&Selector> {
        Some(&self.groups[self.get(id)?.group as usize].selector)
    }

    /// How many subscriptions there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    fn deliver(&self, group: usize, message: &Message, deliver: &mut impl FnMut(SubscriptionId, u32)) {
        for member in &self.groups[group].members {
            let excluded = member.exclude_origin != 0 && member.exclude_origin == message.origin;
            if message.cursor.seq > member.from_seq && !excluded && self.admits(member, message) {
                deliver(member.id, member.peer);
            }
        }
    }

    fn admits(&self, member: &Member, message: &Message) -> bool {
        if !member.filtered {
            return true;
        }
        let filter = self.filters.get(&member.id);
        filter.is_none_or(|filter| filter.admits(message))
    }

    fn get(&self, id: SubscriptionId) -> Option<&Subscription> {
        self.slots
            .get(id.slot as usize)
            .filter(|subscription| subscription.generation == id.generation)
    }

    /// The group of a selector, made if it is not there.
    fn group(&mut self, selector: &Selector) -> usize {
        let groups = &mut self.groups;
        let new = || groups.insert(Group::new(selector.clone()));
        match selector {
            Selector::Topic(topic) => *self.topics.entry(topic.clone()).or_insert_with(new),
            Selector::Pattern(pattern) => *self.patterns.entry(pattern).get_or_insert_with(new),
        }
    }
}

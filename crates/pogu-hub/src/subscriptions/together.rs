//! Several subscriptions of one peer that read history in one order.

use std::mem;
use std::sync::Arc;

use super::group::Member;
use super::{CatchingUp, State, SubscribeError, SubscribeOutcome, SubscriptionId, Subscriptions};
use crate::cursor::{After, Cursor};
use crate::engine::{Asked, Budget, Reader, Slice, Wanted};
use crate::hub::{Hub, SLICE_WORK};
use crate::message::Message;
use crate::selector::Selector;

/// Work that is left for each subscription of a page, so that all come on.
const SHARE_WORK: usize = 128;
/// Slices of work within which it is found out whether one of several subscriptions has lost something: all topics and more, unless patterns
/// overlap by the thousand.
const ASK_SLICES: usize = 64;

/// A page for several subscriptions that are catching up.
#[derive(Debug, Clone, Default)]
pub struct CatchUpTogether {
    /// In the one order, oldest first, each with the subscription that it is for.
    pub messages: Vec<(Arc<Message>, SubscriptionId)>,
    /// Those of which messages that should have been in this or a later page have been evicted since the last one.
    pub gaps: Vec<SubscriptionId>,
    /// Whether all are live now; false: come again, none is.
    pub live: bool,
    /// What it has cost: entries of the log passed over, or more of those that had to be looked at.
    pub work: usize,
    /// The head of the order when this was read: what they are live from.
    pub head: u64,
}

impl Subscriptions {
    /// Subscribes a peer to several selectors, each from a place of its own. None is live before all have been
    /// [caught up together](Subscriptions::catch_up_together), so that what they get is in one order from the beginning. Whether one has
    /// lost something is known at once; where that would take too long it counts as lost.
    ///
    /// # Errors
    ///
    /// There is no room for all of them; then none is made.
    pub fn subscribe_together(
        &mut self,
        hub: &Hub,
        now: u64,
        peer: u32,
        selectors: &[(Selector, Cursor)],
        exclude_origin: u64,
    ) -> Result<Vec<SubscribeOutcome>, SubscribeError> {
        self.check_room(hub, selectors.len())?;
        let mut readers = Vec::with_capacity(selectors.len());
        let mut wanted = Wanted::new();
        for (selector, cursor) in selectors {
            let mut core = hub.lock();
            let mut reader = core.engine.begin(now, selector, After::Cursor(*cursor));
            match selector {
                Selector::Topic(_) => {
                    core.engine.prepare(now, selector, &mut reader, &mut 0);
                }
                Selector::Pattern(pattern) if !reader.gap => wanted.add(pattern, reader),
                Selector::Pattern(_) => {}
            }
            readers.push(reader);
        }
        let asked = ask(hub, &wanted);
        let subscriptions = selectors.iter().zip(readers);
        let make = |((selector, _), mut reader): (&(Selector, Cursor), Reader)| {
            if let Selector::Pattern(_) = selector {
                match asked {
                    Asked::Lost => reader.gap = true,
                    Asked::Whole(evictions) => reader.evictions = reader.evictions.max(evictions),
                }
            }
            self.add(hub.lock(), peer, selector, reader, exclude_origin, None, false)
        };
        Ok(subscriptions.map(make).collect())
    }

    /// The next page of history for several subscriptions, of about `limit` messages (at least one for each that has some) and
    /// [`Limits::page_bytes`](crate::Limits::page_bytes). What is live already, or gone, is passed over. All go live at once, where the
    /// page reaches the head of the order for all of them.
    pub fn catch_up_together(
        &mut self,
        hub: &Hub,
        now: u64,
        ids: &[SubscriptionId],
        limit: usize,
    ) -> CatchUpTogether {
        let mut page = CatchUpTogether::default();
        let whole = hub.budget(limit);
        let mut behind: Vec<Behind> = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some((_, catching_up)) = catching_up(&mut self.slots, *id) {
                behind.push(Behind {
                    id: *id,
                    seq: catching_up.reader.before(),
                    beyond: u64::MAX,
                });
            }
        }
        // Who is furthest behind holds up the others, so it has the first of the work.
        behind.sort_by_key(|behind| behind.seq);
        let share = Budget {
            messages: (whole.messages / ids.len().max(1)).max(1),
            bytes: whole.bytes / ids.len().max(1),
            work: 0,
        };
        // Up to where all of them have read.
        let mut bound = u64::MAX;
        let mut work = whole.work;
        let mut found: Vec<(Arc<Message>, usize)> = Vec::new();
        let mut core = hub.lock();
        page.head = core.engine.head().seq;
        for (at, Behind { id, .. }) in behind.iter().enumerate() {
            let Some((group, catching_up)) = catching_up(&mut self.slots, *id) else {
                continue;
            };
            let CatchingUp {
                reader,
                exclude_origin,
                ..
            } = catching_up;
            if reader.seq >= bound && reader.search.is_none() {
                continue;
            }
            let others = behind.len() - at - 1;
            let given = work.saturating_sub(others * SHARE_WORK).max(SHARE_WORK);
            let mut budget = Budget { work: given, ..share };
            let mut messages = Vec::new();
            let selector = &self.groups[group].selector;
            let slice = core
                .engine
                .read(now, selector, reader, *exclude_origin, &mut budget, &mut messages);
            let spent = given - budget.work;
            work = work.saturating_sub(spent);
            page.work += spent;
            if slice != Slice::Head {
                bound = bound.min(reader.before());
            }
            if mem::take(&mut reader.gap) {
                page.gaps.push(*id);
            }
            found.extend(messages.into_iter().map(|message| (message, at)));
        }
        found.sort_by_key(|(message, _)| message.cursor.seq);
        // What one page may hold ends it, too, but never between two of one message.
        let mut bytes = 0;
        let mut last = None;
        for (message, _) in &found {
            if let Some(last) = last
                && last != message.cursor.seq
                && bytes + message.size() > whole.bytes
            {
                bound = bound.min(last);
                break;
            }
            bytes += message.size();
            last = Some(message.cursor.seq);
        }
        // What was found beyond is read again.
        for (message, at) in found.iter().rev() {
            if message.cursor.seq <= bound {
                break;
            }
            behind[*at].beyond = message.cursor.seq;
        }
        found.retain(|(message, _)| message.cursor.seq <= bound);
        page.live = bound == u64::MAX;
        for Behind { id, beyond, .. } in &behind {
            let Some((group, catching_up)) = catching_up(&mut self.slots, *id) else {
                continue;
            };
            if !page.live {
                catching_up.reader.seq = catching_up.reader.seq.min(beyond - 1);
                continue;
            }
            let member = Member {
                id: *id,
                peer: catching_up.peer,
                filtered: catching_up.filtered,
                from_seq: catching_up.reader.seq,
                exclude_origin: catching_up.exclude_origin,
            };
            let group = &mut self.groups[group];
            group.catching_up -= 1;
            let place = group.join(&mut core, self.lane, member);
            self.slots[id.slot as usize].state = State::Live(place);
        }
        drop(core);
        let found = found.into_iter().map(|(message, at)| (message, behind[at].id));
        page.messages.extend(found.filter(|(message, id)| {
            let filter = self.filters.get(id);
            filter.is_none_or(|filter| filter.admits(message))
        }));
        page
    }
}

/// A subscription that catches up beside others.
struct Behind {
    id: SubscriptionId,
    /// Where it was.
    seq: u64,
    /// Its first message that is not in the page, though it was read.
    beyond: u64,
}

/// Whether one of several readers of patterns has lost something, in as many slices as it takes.
fn ask(hub: &Hub, wanted: &Wanted) -> Asked {
    if wanted.is_empty() {
        return Asked::Whole(0);
    }
    let mut walk = None;
    for _ in 0..ASK_SLICES {
        let mut work = SLICE_WORK;
        if let Some(asked) = hub.lock().engine.lost_of_any(wanted, &mut walk, &mut work) {
            return asked;
        }
    }
    Asked::Lost
}

/// The group of a subscription that is catching up, and how far it is.
fn catching_up(
    slots: &mut slab::Slab<super::Subscription>,
    id: SubscriptionId,
) -> Option<(usize, &mut CatchingUp)> {
    let subscription = slots.get_mut(id.slot as usize)?;
    if subscription.generation != id.generation {
        return None;
    }
    match &mut subscription.state {
        State::CatchingUp(catching_up) => Some((subscription.group as usize, catching_up)),
        State::Live(_) => None,
    }
}

//! Several subscriptions of one peer that read history in one order.

use std::sync::Arc;

use super::group::Member;
use super::{CatchingUp, State, SubscribeError, SubscribeOutcome, SubscriptionId, Subscriptions};
use crate::cursor::After;
use crate::engine::{Budget, Slice};
use crate::hub::Hub;
use crate::message::Message;
use crate::selector::Selector;

/// A page for several subscriptions that are catching up.
#[derive(Debug, Clone, Default)]
pub struct CatchUpTogether {
    /// In the one order, oldest first, each with the subscription that it is for.
    pub messages: Vec<(Arc<Message>, SubscriptionId)>,
    /// Those of which messages that should have been in this or a later page have been evicted since the last one.
    pub gaps: Vec<SubscriptionId>,
    /// Whether all are live now; false: come again, none is.
    pub live: bool,
    /// The head of the order when this was read: what they are live from.
    pub head: u64,
}

impl Subscriptions {
    /// Subscribes a peer to several selectors, each from a place of its own. None is live before all have been
    /// [caught up together](Subscriptions::catch_up_together), so that what they get is in one order from the beginning.
    ///
    /// # Errors
    ///
    /// There is no room for all of them; then none is made.
    pub fn subscribe_together(
        &mut self,
        hub: &Hub,
        now: u64,
        peer: u32,
        selectors: &[(Selector, After)],
        exclude_origin: u64,
    ) -> Result<Vec<SubscribeOutcome>, SubscribeError> {
        let mut outcomes: Vec<SubscribeOutcome> = Vec::with_capacity(selectors.len());
        for (selector, after) in selectors {
            match self.add(
                hub,
                now,
                peer,
                selector.clone(),
                *after,
                exclude_origin,
                None,
                true,
            ) {
                Ok(outcome) => outcomes.push(outcome),
                Err(error) => {
                    for outcome in outcomes {
                        self.unsubscribe(hub, outcome.id);
                    }
                    return Err(error);
                }
            }
        }
        Ok(outcomes)
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
        let share = Budget {
            messages: (whole.messages / ids.len().max(1)).max(1),
            bytes: whole.bytes / ids.len().max(1),
        };
        // Up to where all of them have read.
        let mut bound = u64::MAX;
        let mut read = Vec::new();
        let mut core = hub.lock();
        page.head = core.engine.head().seq;
        for id in ids {
            let Some((group, catching_up)) = catching_up(&mut self.slots, *id) else {
                continue;
            };
            let CatchingUp {
                position,
                exclude_origin,
                ..
            } = catching_up;
            let selector = &self.groups[group].selector;
            if core.engine.lost(now, selector, position) {
                page.gaps.push(*id);
            }
            read.push((*id, position.seq));
            let mut messages = Vec::new();
            let mut budget = Budget { ..share };
            let slice = core
                .engine
                .read(selector, position, *exclude_origin, &mut budget, &mut messages);
            if slice != Slice::Head {
                bound = bound.min(position.seq);
            }
            page.messages
                .extend(messages.into_iter().map(|message| (message, *id)));
        }
        page.messages.sort_by_key(|(message, _)| message.cursor.seq);
        // What one page may hold ends it, too, but never between two of one message.
        let mut bytes = 0;
        let mut last = None;
        for (message, _) in &page.messages {
            if bytes > whole.bytes && last != Some(message.cursor.seq) {
                bound = bound.min(last.unwrap_or(bound));
                break;
            }
            bytes += message.size();
            last = Some(message.cursor.seq);
        }
        page.messages.retain(|(message, _)| message.cursor.seq <= bound);
        page.live = bound == u64::MAX;
        for (id, before) in read {
            let Some((group, catching_up)) = catching_up(&mut self.slots, id) else {
                continue;
            };
            if !page.live {
                // What was read beyond is read again.
                catching_up.position.seq = catching_up.position.seq.min(bound).max(before);
                continue;
            }
            let member = Member {
                id,
                peer: catching_up.peer,
                filtered: catching_up.filtered,
                from_seq: catching_up.position.seq,
                exclude_origin: catching_up.exclude_origin,
            };
            let group = &mut self.groups[group];
            group.catching_up -= 1;
            let place = group.join(&mut core, self.lane, member);
            self.slots[id.slot as usize].state = State::Live(place);
        }
        drop(core);
        page.messages.retain(|(message, id)| {
            let filter = self.filters.get(id);
            filter.is_none_or(|filter| filter.admits(message))
        });
        page
    }
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

//! The subscriptions of one selector.

use super::SubscriptionId;
use crate::hub::Core;
use crate::selector::Selector;

pub(super) struct Group {
    pub(super) selector: Selector,
    /// Those that are live.
    pub(super) members: Vec<Member>,
    pub(super) catching_up: usize,
}

/// All that dispatching needs of a live subscription, side by side with the others of its group.
pub(super) struct Member {
    pub(super) id: SubscriptionId,
    pub(super) peer: u32,
    /// Whether the table of filters has one for it.
    pub(super) filtered: bool,
    /// What is not newer was in the inbox before, or in a page.
    pub(super) from_seq: u64,
    pub(super) exclude_origin: u64,
}

impl Group {
    pub(super) fn new(selector: Selector) -> Group {
        Group {
            selector,
            members: Vec::new(),
            catching_up: 0,
        }
    }

    /// Makes a subscription live, under the lock in which it was found to have had all until now. Gives its place.
    pub(super) fn join(&mut self, core: &mut Core, lane: usize, member: Member) -> u32 {
        if self.members.is_empty() {
            core.interest_add(lane, &self.selector);
            // Many topics have one subscriber; a vec begins with room for four.
            self.members.reserve_exact(1);
        }
        self.members.push(member);
        self.members.len() as u32 - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_costs_the_others_nothing() {
        assert_eq!(size_of::<Member>(), 32);
    }
}

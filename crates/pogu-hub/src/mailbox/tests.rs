use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::cursor::Cursor;
use crate::message::{Draft, Kind, MESSAGE_OVERHEAD};

fn letter(seq: u64, topic: &str, body: usize, policy: Policy) -> Rc<Letter> {
    let draft = Draft::new(topic.parse().expect(topic), Kind::Binary, vec![0; body]);
    Rc::new(Letter::new(Arc::new(draft.stamp(
        Cursor { epoch: 1, seq },
        0,
        policy,
    ))))
}

/// A message of topic `a` whose size is a round 300.
fn plain(seq: u64, policy: Policy) -> Rc<Letter> {
    letter(seq, "a", 300 - MESSAGE_OVERHEAD - 1, policy)
}

fn id(slot: u32) -> SubscriptionId {
    SubscriptionId::test(slot)
}

fn waiting(mailbox: &Mailbox) -> Vec<u64> {
    mailbox
        .iter()
        .map(|(letter, _)| letter.message.cursor.seq)
        .collect()
}

#[test]
fn the_limit_at_its_edge() {
    for (policy, pushed, left, missed) in [
        (Policy::DropOldest, Pushed::Dropped(1), vec![2, 3], 1),
        (Policy::DropNewest, Pushed::Dropped(1), vec![1, 2], 1),
        (Policy::Conflate, Pushed::Dropped(2), vec![3], 2),
        (Policy::Disconnect, Pushed::Disconnect, vec![1, 2], 0),
    ] {
        let mut exact = Mailbox::new(900);
        let mut short = Mailbox::new(899);
        for seq in 1..=2 {
            assert_eq!(exact.push(plain(seq, policy), id(0)), Pushed::Queued);
            assert_eq!(short.push(plain(seq, policy), id(0)), Pushed::Queued);
        }
        assert_eq!(exact.push(plain(3, policy), id(0)), Pushed::Queued);
        assert_eq!((waiting(&exact), exact.bytes()), (vec![1, 2, 3], 900));
        assert!(exact.take_missed().is_empty());

        assert_eq!(short.push(plain(3, policy), id(0)), pushed, "{policy:?}");
        assert_eq!((short.bytes(), waiting(&short)), (300 * left.len(), left));
        let expect = if missed == 0 {
            vec![]
        } else {
            vec![(id(0), missed)]
        };
        assert_eq!(short.take_missed(), expect);
        assert!(short.take_missed().is_empty());
    }
}

#[test]
fn one_message_always_fits() {
    for policy in [
        Policy::DropOldest,
        Policy::DropNewest,
        Policy::Conflate,
        Policy::Disconnect,
    ] {
        let mut mailbox = Mailbox::new(0);
        assert_eq!(
            mailbox.push(letter(1, "a", 1 << 20, policy), id(0)),
            Pushed::Queued
        );
        assert_eq!(mailbox.len(), 1);
    }
    let mut mailbox = Mailbox::new(1000);
    for seq in 1..=3 {
        mailbox.push(plain(seq, Policy::DropOldest), id(0));
    }
    assert_eq!(
        mailbox.push(letter(4, "a", 5000, Policy::DropOldest), id(0)),
        Pushed::Dropped(3)
    );
    assert_eq!(waiting(&mailbox), [4]);
}

#[test]
fn what_was_missed_is_told_by_subscription() {
    let mut mailbox = Mailbox::new(600);
    for (seq, slot) in [(1, 7), (2, 3), (3, 7), (4, 7), (5, 3)] {
        mailbox.push(plain(seq, Policy::DropOldest), id(slot));
    }
    assert_eq!(mailbox.take_missed(), [(id(3), 1), (id(7), 2)]);
    assert_eq!(waiting(&mailbox), [4, 5]);
}

#[test]
fn conflating_keeps_the_latest_of_each_topic_and_subscription() {
    let size = 300 - MESSAGE_OVERHEAD - 1;
    let mut mailbox = Mailbox::new(1500);
    for (seq, topic, slot) in [(1, "a", 0), (2, "b", 0), (3, "a", 1), (4, "a", 0), (5, "b", 0)] {
        assert_eq!(
            mailbox.push(letter(seq, topic, size, Policy::Conflate), id(slot)),
            Pushed::Queued
        );
    }
    assert_eq!(
        mailbox.push(letter(6, "c", size, Policy::Conflate), id(0)),
        Pushed::Dropped(2)
    );
    assert_eq!(waiting(&mailbox), [3, 4, 5, 6]);
    // It conflates until it is empty, though there is room again.
    mailbox.pop_front();
    assert_eq!(
        mailbox.push(letter(7, "c", size, Policy::Conflate), id(0)),
        Pushed::Dropped(1)
    );
    assert_eq!(waiting(&mailbox), [4, 5, 7]);
    mailbox.drain_front(3);
    for seq in 8..=9 {
        assert_eq!(
            mailbox.push(letter(seq, "a", size, Policy::Conflate), id(0)),
            Pushed::Queued
        );
    }
    // Only distinct ones: the oldest give way.
    let mut mailbox = Mailbox::new(900);
    for (seq, topic) in (1..).zip(["a", "b", "c", "d"]) {
        mailbox.push(letter(seq, topic, size, Policy::Conflate), id(0));
    }
    assert_eq!(waiting(&mailbox), [2, 3, 4]);
}

#[test]
fn overload_leaves_nothing_behind() {
    let mut mailbox = Mailbox::new(64 * 300);
    for seq in 0..20_000 {
        // Few topics for a while, so that entries die in the middle, then ever new ones.
        let topic = if seq < 10_000 {
            format!("t{}", seq * seq % 61)
        } else {
            format!("t{seq}")
        };
        mailbox.push(letter(seq, &topic, 0, Policy::Conflate), id(0));
        assert!(
            mailbox.dead <= DEAD_MIN.max(mailbox.len()),
            "{} dead of {}",
            mailbox.dead,
            mailbox.entries.len()
        );
        let latest = mailbox.latest.as_ref().map_or(0, |latest| latest.numbers.len());
        assert!(latest <= mailbox.len(), "{latest} of {}", mailbox.len());
    }
    assert!(mailbox.latest.is_some());
    mailbox.drain_front(usize::MAX);
    assert!(mailbox.is_empty() && mailbox.latest.is_none() && mailbox.bytes() == 0);
}

/// The same in the plainest way.
#[derive(Default)]
struct Plain {
    waiting: Vec<(Rc<Letter>, SubscriptionId)>,
    limit: usize,
    conflating: bool,
    missed: std::collections::BTreeMap<SubscriptionId, u64>,
}

impl Plain {
    fn fits(&self, size: usize) -> bool {
        let sum: usize = self.waiting.iter().map(|(letter, _)| letter.message.size()).sum();
        self.waiting.is_empty() || sum + size <= self.limit
    }

    fn drop(&mut self, at: usize) -> u64 {
        let (_, id) = self.waiting.remove(at);
        *self.missed.entry(id).or_default() += 1;
        1
    }

    fn push(&mut self, letter: Rc<Letter>, id: SubscriptionId) -> Pushed {
        let (size, policy) = (letter.message.size(), letter.message.policy);
        let mut dropped = 0;
        if policy == Policy::Conflate && !self.fits(size) && !self.conflating {
            self.conflating = true;
            let same = |a: &(Rc<Letter>, SubscriptionId), b: &(Rc<Letter>, SubscriptionId)| {
                a.1 == b.1
                    && a.0.message.topic == b.0.message.topic
                    && [a, b].iter().all(|one| one.0.message.policy == Policy::Conflate)
            };
            while let Some(at) = (0..self.waiting.len()).find(|&at| {
                self.waiting[at + 1..]
                    .iter()
                    .any(|later| same(&self.waiting[at], later))
            }) {
                dropped += self.drop(at);
            }
        }
        if policy == Policy::Conflate && self.conflating {
            let older = self.waiting.iter().rposition(|(other, other_id)| {
                *other_id == id
                    && other.message.topic == letter.message.topic
                    && other.message.policy == Policy::Conflate
            });
            dropped += older.map_or(0, |at| self.drop(at));
            self.conflating &= !self.waiting.is_empty();
        }
        if !self.fits(size) && policy == Policy::Disconnect {
            return Pushed::Disconnect;
        }
        if !self.fits(size) && policy == Policy::DropNewest {
            *self.missed.entry(id).or_default() += 1;
            return Pushed::Dropped(1);
        }
        while !self.fits(size) {
            dropped += self.drop(0);
            self.conflating &= !self.waiting.is_empty();
        }
        self.waiting.push((letter, id));
        if dropped == 0 {
            Pushed::Queued
        } else {
            Pushed::Dropped(dropped)
        }
    }
}

proptest! {
    #[test]
    fn does_what_the_plain_one_does(
        limit in 0usize..4000,
        steps in prop::collection::vec((0usize..12, 0u32..3, 0usize..4, 0usize..600, 0usize..5), 1..120),
    ) {
        let mut mailbox = Mailbox::new(limit);
        let mut plain = Plain { limit, ..Plain::default() };
        // A topic has one policy, as its rule says.
        let policies = [Policy::Conflate, Policy::Conflate, Policy::DropOldest, Policy::DropNewest, Policy::Disconnect];
        for (seq, (what, slot, topic, body, count)) in (1..).zip(steps) {
            match what {
                0 => {
                    mailbox.drain_front(count);
                    plain.waiting.drain(..count.min(plain.waiting.len()));
                }
                1 => {
                    let popped = mailbox.pop_front().map(|(letter, id)| (letter.message.cursor, id));
                    let expect = (!plain.waiting.is_empty()).then(|| plain.waiting.remove(0));
                    prop_assert_eq!(popped, expect.map(|(letter, id)| (letter.message.cursor, id)));
                }
                2 => {
                    let expect: Vec<_> = std::mem::take(&mut plain.missed).into_iter().collect();
                    prop_assert_eq!(mailbox.take_missed(), expect);
                }
                what => {
                    let topic = if what < 9 { topic % 2 } else { topic };
                    let letter = letter(seq, &format!("t{topic}"), body, policies[topic]);
                    let expect = plain.push(Rc::clone(&letter), id(slot));
                    prop_assert_eq!(mailbox.push(letter, id(slot)), expect);
                }
            }
            plain.conflating &= !plain.waiting.is_empty();
            let expect: Vec<u64> = plain.waiting.iter().map(|(letter, _)| letter.message.cursor.seq).collect();
            prop_assert_eq!(waiting(&mailbox), expect);
            prop_assert_eq!(mailbox.bytes(), plain.waiting.iter().map(|(letter, _)| letter.message.size()).sum::<usize>());
            prop_assert_eq!(mailbox.len(), plain.waiting.len());
            prop_assert_eq!(mailbox.is_empty(), plain.waiting.is_empty());
        }
    }
}

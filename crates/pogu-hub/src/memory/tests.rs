use proptest::prelude::*;

use super::*;
use crate::cursor::After;
use crate::engine::{Asked, Budget, LOOK_WORK, Reader, Slice, Wanted};
use crate::limits::Policy;
use crate::message::{Kind, MESSAGE_OVERHEAD};
use crate::selector::Selector;

const EPOCH: u64 = 9;

fn rule(history: usize, history_age_ms: u64) -> Rule {
    Rule {
        history,
        history_age_ms,
        ..Rule::default()
    }
}

fn memory(rule: Rule, limits: Limits) -> Memory {
    Memory::new(EPOCH, vec![rule], &limits)
}

fn selector(text: &str) -> Selector {
    text.parse().expect(text)
}

fn publish(memory: &mut Memory, now: u64, topic: &str) -> u64 {
    let draft = Draft::new(topic.parse().expect(topic), Kind::Text, "");
    match memory.publish(now, draft) {
        Ok(Published::New(message, _)) => message.cursor.seq,
        _ => panic!("a draft without a key is published"),
    }
}

/// All that is kept after `after`, and whether there is a gap.
fn read(memory: &mut Memory, now: u64, text: &str, after: After) -> (Vec<u64>, bool) {
    let selector = selector(text);
    let mut reader = memory.begin(now, &selector, after);
    let mut messages = Vec::new();
    let slice = memory.read(
        now,
        &selector,
        &mut reader,
        0,
        &mut budget(usize::MAX),
        &mut messages,
    );
    assert_eq!((slice, reader.seq), (Slice::Head, memory.head));
    (
        messages.iter().map(|message| message.cursor.seq).collect(),
        reader.gap,
    )
}

fn budget(work: usize) -> Budget {
    Budget {
        messages: usize::MAX,
        bytes: usize::MAX,
        work,
    }
}

/// Whether a reader has lost something that it was not told of.
fn lost(memory: &mut Memory, text: &str, reader: &mut Reader) -> bool {
    assert!(memory.prepare(0, &selector(text), reader, &mut usize::MAX.clone()));
    std::mem::take(&mut reader.gap)
}

fn after(seq: u64) -> After {
    After::Cursor(Cursor { epoch: EPOCH, seq })
}

#[test]
fn count_at_its_edge() {
    let mut memory = memory(rule(3, 1000), Limits::default());
    for _ in 0..3 {
        publish(&mut memory, 0, "a");
    }
    for text in ["a", "*"] {
        assert_eq!(read(&mut memory, 0, text, after(0)), (vec![1, 2, 3], false));
    }
    publish(&mut memory, 0, "a");
    for text in ["a", "*"] {
        assert_eq!(read(&mut memory, 0, text, after(0)), (vec![2, 3, 4], true));
        assert_eq!(read(&mut memory, 0, text, after(1)), (vec![2, 3, 4], false));
        assert_eq!(read(&mut memory, 0, text, after(4)), (vec![], false));
        assert_eq!(
            read(&mut memory, 0, text, After::Earliest),
            (vec![2, 3, 4], false)
        );
        assert_eq!(read(&mut memory, 0, text, After::Now), (vec![], false));
    }
}

#[test]
fn last_is_no_gap() {
    let mut memory = memory(rule(2, 1000), Limits::default());
    for topic in ["a", "b", "a", "a", "c"] {
        publish(&mut memory, 0, topic);
    }
    for (text, count, expect) in [
        ("a", 0, vec![]),
        ("a", 1, vec![4]),
        ("a", 2, vec![3, 4]),
        ("a", u32::MAX, vec![3, 4]),
        ("none", 5, vec![]),
    ] {
        assert_eq!(
            read(&mut memory, 0, text, After::Last(count)),
            (expect, false),
            "{text} {count}"
        );
    }
    // Of a pattern by searching back, whatever the pieces.
    for (text, count, expect) in [
        ("*", 0, 5),
        ("*", 1, 4),
        ("*", 3, 2),
        ("*", 4, 1),
        ("*", 100, 1),
        ("x.*", 100, 5),
    ] {
        for piece in [LOOK_WORK, LOOK_WORK + 1, usize::MAX] {
            let mut reader = memory.begin(0, &selector(text), After::Last(count));
            while !memory.prepare(0, &selector(text), &mut reader, &mut piece.clone()) {}
            assert_eq!((reader.seq, reader.gap), (expect, false), "{text} {count}");
        }
    }
}

#[test]
fn other_epochs_and_the_future() {
    let mut memory = memory(rule(10, 1000), Limits::default());
    publish(&mut memory, 0, "a");
    publish(&mut memory, 0, "a");
    let other = After::Cursor(Cursor {
        epoch: EPOCH - 1,
        seq: 2,
    });
    assert_eq!(read(&mut memory, 0, "a", other), (vec![1, 2], true));
    assert_eq!(read(&mut memory, 0, "none", other), (vec![], true));
    assert_eq!(read(&mut memory, 0, "a", after(u64::MAX)), (vec![], false));
    let reader = memory.begin(0, &selector("a"), after(u64::MAX));
    assert_eq!(reader.seq, 2, "what is published next is not missed");
}

#[test]
fn age_at_its_edge() {
    let mut memory = memory(rule(10, 100), Limits::default());
    publish(&mut memory, 1000, "a");
    publish(&mut memory, 1001, "b");
    memory.tick(1100);
    assert_eq!(read(&mut memory, 1100, "*", after(0)), (vec![1, 2], false));
    // By name without a tick, by a pattern with it.
    assert_eq!(read(&mut memory, 1101, "a", after(0)), (vec![], true));
    assert_eq!(read(&mut memory, 1102, "*", after(1)), (vec![2], false));
    memory.tick(1102);
    assert_eq!(read(&mut memory, 1102, "*", after(1)), (vec![], true));
    assert_eq!(
        memory.stats(),
        Stats {
            topics: 2,
            evicted: 2,
            ..Stats::default()
        }
    );
}

#[test]
fn a_clock_that_steps_back() {
    let mut memory = memory(rule(10, 100), Limits::default());
    for now in [1000, 10, u64::MAX, 0] {
        publish(&mut memory, now, "a");
        memory.tick(now);
    }
    assert_eq!(read(&mut memory, 0, "a", After::Earliest), (vec![3, 4], false));
}

#[test]
fn a_tick_is_bounded() {
    let mut memory = memory(
        rule(usize::MAX, 100),
        Limits {
            history_bytes: usize::MAX,
            ..Limits::default()
        },
    );
    for _ in 0..TICK_MESSAGES + 1 {
        publish(&mut memory, 0, "a");
    }
    memory.tick(1000);
    assert_eq!(memory.stats().messages, 1);
    memory.tick(1000);
    assert_eq!(memory.stats().messages, 0);

    for topic in 0..3 * TICK_TOPICS {
        publish(&mut memory, 0, &topic.to_string());
    }
    memory.tick(1000);
    let left = memory.stats().messages;
    assert!((2 * TICK_TOPICS..3 * TICK_TOPICS).contains(&left), "{left}");
    for _ in 0..4 {
        memory.tick(1000);
    }
    assert_eq!(memory.stats().messages, 0);
}

#[test]
fn bytes_at_their_edge() {
    let size = MESSAGE_OVERHEAD + 1;
    let mut memory = memory(
        rule(10, 1000),
        Limits {
            history_bytes: 3 * size,
            ..Limits::default()
        },
    );
    for topic in ["a", "b", "a"] {
        publish(&mut memory, 0, topic);
    }
    assert_eq!(memory.stats().bytes, 3 * size);
    assert_eq!(read(&mut memory, 0, "*", after(0)), (vec![1, 2, 3], false));
    // The oldest of all goes, whatever its topic.
    publish(&mut memory, 0, "c");
    assert_eq!(memory.stats().bytes, 3 * size);
    assert_eq!(read(&mut memory, 0, "*", after(0)), (vec![2, 3, 4], true));
    assert_eq!(read(&mut memory, 0, "b", after(0)), (vec![2], false));
    publish(&mut memory, 0, "c");
    assert_eq!(read(&mut memory, 0, "b", after(0)), (vec![], true));
    assert_eq!(read(&mut memory, 0, "b", after(2)), (vec![], false));
}

#[test]
fn a_message_larger_than_all_history_is_not_kept() {
    let limits = Limits {
        history_bytes: 1000,
        ..Limits::default()
    };
    let mut memory = memory(rule(10, 1000), limits);
    publish(&mut memory, 0, "a");
    publish(&mut memory, 0, "b");
    let draft = Draft::new("a".parse().expect("a topic"), Kind::Binary, vec![0; 1000]);
    assert!(memory.publish(0, draft).is_ok());
    assert_eq!(read(&mut memory, 0, "a", after(0)), (vec![], true));
    assert_eq!(read(&mut memory, 0, "a", after(2)), (vec![], true));
    assert_eq!(read(&mut memory, 0, "a", after(3)), (vec![], false));
    assert_eq!(
        read(&mut memory, 0, "b", after(0)),
        (vec![2], false),
        "others keep theirs"
    );
}

#[test]
fn without_history_every_cursor_before_has_a_gap() {
    let mut memory = memory(rule(0, 1000), Limits::default());
    publish(&mut memory, 0, "a");
    for text in ["a", ">"] {
        assert_eq!(read(&mut memory, 0, text, after(0)), (vec![], true));
        assert_eq!(read(&mut memory, 0, text, after(1)), (vec![], false));
    }
    assert_eq!(read(&mut memory, 0, "b", after(0)), (vec![], false));
    assert_eq!(memory.stats().bytes, 0);
}

#[test]
fn the_table_of_topics_at_its_edge() {
    let mut memory = memory(
        rule(1, 1000),
        Limits {
            topics: 3,
            ..Limits::default()
        },
    );
    for topic in ["quiet", "a", "b", "a", "b"] {
        publish(&mut memory, 0, topic);
    }
    // A quiet topic has no false gap, however much was evicted elsewhere.
    assert_eq!(read(&mut memory, 0, "quiet", after(1)), (vec![], false));
    assert_eq!(read(&mut memory, 0, "quiet", after(0)), (vec![1], false));
    assert_eq!(read(&mut memory, 0, "unknown", after(0)), (vec![], false));
    // One more: the quiet one is forgotten. Whoever may have lost something is told.
    publish(&mut memory, 0, "c");
    assert_eq!(memory.stats().topics, 3);
    assert_eq!(read(&mut memory, 0, "quiet", after(0)), (vec![], true));
    assert_eq!(read(&mut memory, 0, "quiet", after(1)), (vec![], false));
    assert_eq!(read(&mut memory, 0, "unknown", after(0)), (vec![], true));
    assert!(read(&mut memory, 0, ">", after(0)).1);
    assert_eq!(read(&mut memory, 0, ">", after(3)), (vec![4, 5, 6], false));
    // It comes back (a goes), and still cannot say what it had.
    publish(&mut memory, 0, "quiet");
    assert_eq!(read(&mut memory, 0, "quiet", after(0)), (vec![7], true));
    assert_eq!(read(&mut memory, 0, "quiet", after(4)), (vec![7], false));
    assert_eq!(read(&mut memory, 0, "a", after(3)), (vec![], true));
    assert_eq!(
        read(&mut memory, 0, "b", after(4)),
        (vec![5], false),
        "it stayed in the table"
    );
}

#[test]
fn a_gap_is_told_once() {
    let mut memory = memory(rule(2, 1000), Limits::default());
    for _ in 0..3 {
        publish(&mut memory, 0, "a");
    }
    for text in ["a", "*"] {
        let mut reader = memory.begin(0, &selector(text), after(0));
        assert!(lost(&mut memory, text, &mut reader));
        assert!(!lost(&mut memory, text, &mut reader));
    }
    let mut reader = memory.begin(0, &selector("*"), after(1));
    assert!(!lost(&mut memory, "*", &mut reader));
    publish(&mut memory, 0, "b");
    assert!(!lost(&mut memory, "*", &mut reader));
    publish(&mut memory, 0, "a");
    assert!(lost(&mut memory, "*", &mut reader));
    assert!(!lost(&mut memory, "*", &mut reader));
}

proptest! {
    /// Whichever way it is found out, by however small pieces, and whatever is lost meanwhile.
    #[test]
    fn a_gap_is_told_if_and_only_if_something_is_lost(
        before in prop::collection::vec(0..40_usize, 0..120),
        meanwhile in prop::collection::vec(prop::collection::vec(0..40_usize, 0..3), 0..12),
        (kept, topics) in (0..3_usize, prop::sample::select(vec![20, 1000])),
        seq in any::<prop::sample::Index>(),
        first in prop::sample::select(vec![0, 16, usize::MAX]),
        (text, piece) in (prop::sample::select(vec!["a.*", "*.1", ">", "b.>"]), LOOK_WORK..400),
    ) {
        let limits = Limits { topics, ..Limits::default() };
        let mut memory = memory(rule(kept, 1000), limits);
        let name = |number: &usize| format!("{}.{}", ["a", "b"][number % 2], number / 2);
        for number in &before {
            publish(&mut memory, 0, &name(number));
        }
        let seq = seq.index(before.len() + 1) as u64;
        let selector = selector(text);
        let mut reader = memory.begin(0, &selector, after(seq));
        memory.prepare(0, &selector, &mut reader, &mut first.clone());
        let mut all = before.clone();
        let mut meanwhile = meanwhile.into_iter();
        let mut rounds = 0;
        loop {
            for number in meanwhile.next().into_iter().flatten() {
                publish(&mut memory, 0, &name(&number));
                all.push(number);
            }
            rounds += 1;
            if memory.prepare(0, &selector, &mut reader, &mut piece.clone()) {
                break;
            }
        }
        prop_assert!(rounds < 100);
        let (there, _) = read(&mut memory, 0, text, After::Earliest);
        let wanted = all.iter().enumerate().filter(|(at, number)| {
            *at as u64 >= seq && selector.matches(&name(number).parse().expect("a topic"))
        });
        let is_lost = wanted.clone().any(|(at, _)| !there.contains(&(at as u64 + 1)));
        if is_lost {
            prop_assert!(reader.gap, "a gap that nobody was told of");
        } else if topics == 1000 && reader.walks < 2 {
            prop_assert!(!reader.gap, "a gap that is none");
        }
    }

    /// Several patterns are asked for as each of them would be.
    #[test]
    fn what_one_of_several_has_lost_is_lost(
        published in prop::collection::vec(0..40_usize, 0..120),
        kept in 0..4_usize,
        wanted in prop::collection::vec((prop::sample::select(vec!["a.*", "*.1", ">", "b.>"]), any::<prop::sample::Index>()), 1..4),
        piece in LOOK_WORK..400,
    ) {
        let mut memory = memory(rule(kept, 1000), Limits::default());
        for number in &published {
            publish(&mut memory, 0, &format!("{}.{}", ["a", "b"][number % 2], number / 2));
        }
        let mut together = Wanted::new();
        let mut is_lost = false;
        for (text, seq) in wanted {
            let after = after(seq.index(published.len() + 1) as u64);
            let mut reader = memory.begin(0, &selector(text), after);
            let Selector::Pattern(pattern) = selector(text) else {
                panic!("{text} is no pattern")
            };
            together.add(&pattern, reader);
            is_lost |= lost(&mut memory, text, &mut reader);
        }
        let mut walk = None;
        let asked = loop {
            if let Some(asked) = memory.lost_of_any(&together, &mut walk, &mut piece.clone()) {
                break asked;
            }
        };
        let whole = Asked::Whole(memory.evictions);
        prop_assert_eq!(asked, if is_lost { Asked::Lost } else { whole });
    }
}

#[test]
fn more_losses_than_can_be_looked_at_are_a_gap() {
    let mut memory = memory(rule(1, 1000), Limits::default());
    for topic in 0..200 {
        publish(&mut memory, 0, &format!("a.{}", topic % 100));
    }
    let selector = selector("none.*");
    let mut reader = memory.begin(0, &selector, after(0));
    let mut rounds = 0;
    while !memory.prepare(0, &selector, &mut reader, &mut 100) {
        for topic in 0..100 {
            publish(&mut memory, 0, &format!("a.{topic}"));
        }
        rounds += 1;
        assert!(rounds < 20, "it comes to an end");
    }
    assert!(reader.gap);
}

#[test]
fn the_first_rule_that_matches_wins() {
    let rules = vec![
        Rule {
            pattern: selector("a.b"),
            history: 1,
            policy: Policy::Conflate,
            ..Rule::default()
        },
        Rule {
            pattern: selector("a.*"),
            history: 2,
            policy: Policy::DropNewest,
            ..Rule::default()
        },
        Rule {
            pattern: selector("$x"),
            history: 3,
            policy: Policy::Disconnect,
            ..Rule::default()
        },
    ];
    let mut memory = Memory::new(EPOCH, rules, &Limits::default());
    for (topic, kept, policy) in [
        ("a.b", 1, Policy::Conflate),
        ("a.c", 2, Policy::DropNewest),
        ("$x", 3, Policy::Disconnect),
        ("$y", 256, Policy::DropOldest),
        ("b", 256, Policy::DropOldest),
    ] {
        for _ in 0..300 {
            publish(&mut memory, 0, topic);
        }
        assert_eq!(
            read(&mut memory, 0, topic, After::Earliest).0.len(),
            kept,
            "{topic}"
        );
        let draft = Draft::new(topic.parse().expect(topic), Kind::Text, "");
        assert!(
            matches!(memory.publish(0, draft), Ok(Published::New(message, _)) if message.policy == policy)
        );
    }
}

#[test]
fn a_key_publishes_once() {
    let mut memory = memory(
        rule(10, 1000),
        Limits {
            key_age_ms: 100,
            ..Limits::default()
        },
    );
    let draft = |topic: &str, key: &str| {
        let mut draft = Draft::new(topic.parse().expect(topic), Kind::Text, "");
        draft.key = Some(key.into());
        draft
    };
    let mut seq = |now, topic, key: &str| match memory.publish(now, draft(topic, key)) {
        Ok(Published::New(message, _)) => Ok((message.cursor.seq, true)),
        Ok(Published::Repeat(cursor)) => Ok((cursor.seq, false)),
        Err(error) => Err(error),
    };
    assert_eq!(seq(0, "a", "k"), Ok((1, true)));
    assert_eq!(seq(50, "a", "k"), Ok((1, false)));
    assert_eq!(seq(50, "b", "k"), Ok((2, true)));
    assert_eq!(seq(100, "a", "k"), Ok((1, false)));
    assert_eq!(seq(101, "a", "k"), Ok((3, true)));
    let longest = "k".repeat(KEY_BYTES_MAX);
    assert_eq!(seq(101, "a", &longest), Ok((4, true)));
    assert_eq!(
        seq(101, "a", &format!("{longest}k")),
        Err(PublishError::KeyTooLong(KEY_BYTES_MAX + 1))
    );
    assert_eq!(memory.head().seq, 4);
}

#[test]
fn a_slice_of_a_scan_is_bounded() {
    let mut memory = memory(
        rule(usize::MAX, 1000),
        Limits {
            history_bytes: usize::MAX,
            ..Limits::default()
        },
    );
    publish(&mut memory, 0, "rare.x");
    let slice = 1000;
    // The same shape, but no match, so that each must be looked at.
    let pattern = selector("a.b.c.d.*");
    for _ in 0..slice / LOOK_WORK + 1 {
        publish(&mut memory, 0, "a.b.c.other.x");
    }
    let mut slices = |selector: &Selector, after| {
        let mut reader = memory.begin(0, selector, after);
        let mut messages = Vec::new();
        let mut count = 1;
        while memory.read(0, selector, &mut reader, 0, &mut budget(slice), &mut messages) == Slice::More {
            count += 1;
        }
        assert_eq!(reader.seq, memory.head);
        count
    };
    assert_eq!(slices(&pattern, after(1)), 2);
    assert_eq!(slices(&pattern, after(2)), 1);
    assert_eq!(slices(&selector("rare.*"), after(0)), 1);
    assert_eq!(slices(&pattern, After::Last(1)), 2);
}

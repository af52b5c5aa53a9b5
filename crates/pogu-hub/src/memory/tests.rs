use super::*;
use crate::limits::Policy;
use crate::message::{Kind, MESSAGE_OVERHEAD};

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
    let (mut position, gap) = memory.begin(now, &selector, after);
    let mut budget = Budget {
        messages: usize::MAX,
        bytes: usize::MAX,
    };
    let mut messages = Vec::new();
    while memory.read(&selector, &mut position, 0, &mut budget, &mut messages) != Slice::Head {}
    (messages.iter().map(|message| message.cursor.seq).collect(), gap)
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
    // Of a pattern by searching back.
    for (text, count, expect) in [
        ("*", 0, 6),
        ("*", 1, 5),
        ("*", 3, 3),
        ("*", 4, 2),
        ("*", 100, 2),
        ("x.*", 100, 6),
    ] {
        let Selector::Pattern(pattern) = selector(text) else {
            panic!("{text} is no pattern")
        };
        let mut search = Search {
            seq: 6,
            found: 6,
            left: count,
        };
        let position = memory.search(&pattern, &mut search);
        assert_eq!(
            position.map(|position| position.seq + 1),
            Some(expect),
            "{text} {count}"
        );
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
    let (position, _) = memory.begin(0, &selector("a"), after(u64::MAX));
    assert_eq!(position.seq, 2, "what is published next is not missed");
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
        let selector = selector(text);
        let (mut position, gap) = memory.begin(0, &selector, after(0));
        assert!(gap);
        assert!(!memory.lost(0, &selector, &mut position));
    }
    let (mut position, gap) = memory.begin(0, &selector("*"), after(1));
    assert!(!gap);
    publish(&mut memory, 0, "b");
    assert!(!memory.lost(0, &selector("*"), &mut position));
    publish(&mut memory, 0, "a");
    assert!(memory.lost(0, &selector("*"), &mut position));
    assert!(!memory.lost(0, &selector("*"), &mut position));
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
    let looked = SLICE_WORK / LOOK_WORK;
    // The same shape, but no match, so that each must be looked at.
    let pattern = selector("a.b.c.d.*");
    for _ in 0..looked + 1 {
        publish(&mut memory, 0, "a.b.c.other.x");
    }
    let mut messages = Vec::new();
    let mut slices = |selector: &Selector, seq| {
        let mut position = Position { seq, evictions: 0 };
        let mut budget = Budget {
            messages: 10,
            bytes: usize::MAX,
        };
        let mut count = 1;
        while memory.read(selector, &mut position, 0, &mut budget, &mut messages) == Slice::More {
            count += 1;
        }
        assert_eq!(position.seq, memory.head);
        count
    };
    assert_eq!(slices(&pattern, 1), 2);
    assert_eq!(slices(&pattern, 2), 1);
    assert_eq!(slices(&selector("rare.*"), 0), 1);

    let Selector::Pattern(pattern) = pattern else {
        panic!("it is a pattern")
    };
    let end = memory.head + 1;
    let mut search = Search {
        seq: end,
        found: end,
        left: 1,
    };
    assert!(memory.search(&pattern, &mut search).is_none());
    assert_eq!(
        memory.search(&pattern, &mut search),
        Some(Position {
            seq: memory.head,
            evictions: 0
        })
    );
}

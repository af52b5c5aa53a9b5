//! Inboxes, wakes, limits and subscriptions, by cases.

use std::sync::{Arc, Mutex};

use pogu_hub::{
    After, Cursor, Draft, Event, Hub, KEY_BYTES_MAX, Kind, Limits, MESSAGE_OVERHEAD, PublishError, Receipt,
    Rule, Selector, SubscribeError, Subscriptions, Topic,
};

use crate::read;

const EPOCH: u64 = 5;

struct Fixture {
    hub: Hub,
    woken: Arc<Mutex<Vec<usize>>>,
}

fn fixture(lanes: usize, limits: Limits) -> Fixture {
    let woken = Arc::new(Mutex::new(Vec::new()));
    let wake = Arc::clone(&woken);
    let wake = Box::new(move |lane| wake.lock().expect("no panic").push(lane));
    Fixture {
        hub: Hub::new(EPOCH, lanes, vec![], vec![], limits, wake),
        woken,
    }
}

fn topic(text: &str) -> Topic {
    text.parse().expect(text)
}

fn selector(text: &str) -> Selector {
    text.parse().expect(text)
}

fn draft(text: &str) -> Draft {
    Draft::new(topic(text), Kind::Text, "")
}

impl Fixture {
    fn publish(&self, topics: &[&str]) {
        self.hub
            .publish(0, &mut topics.iter().map(|topic| draft(topic)).collect());
    }

    fn subscribed(&self, lane: usize, text: &str) -> Subscriptions {
        let mut subscriptions = Subscriptions::new(lane);
        let made = subscriptions.subscribe(&self.hub, 0, 0, selector(text), After::Now, 0, None);
        assert!(made.is_ok_and(|made| made.live && !made.gap));
        subscriptions
    }

    fn drain(&self, lane: usize) -> Vec<u64> {
        let mut events = Vec::new();
        self.hub.drain(lane, &mut events);
        let seq = |event: &Event| match event {
            Event::Message(message) => message.cursor.seq,
            other => panic!("{other:?}"),
        };
        events.iter().map(seq).collect()
    }

    fn woken(&self) -> Vec<usize> {
        std::mem::take(&mut self.woken.lock().expect("no panic"))
    }
}

#[test]
fn a_lane_is_woken_once_and_only_for_what_it_wants() {
    let fixture = fixture(3, Limits::default());
    let _first = fixture.subscribed(0, "a.*");
    let _second = fixture.subscribed(2, "a.b");
    fixture.publish(&[]);
    fixture.publish(&["c"]);
    assert!(fixture.woken().is_empty());
    fixture.publish(&["a.b", "a.b", "a.c"]);
    assert_eq!(fixture.woken(), [0, 2]);
    fixture.publish(&["a.b"]);
    assert!(fixture.woken().is_empty(), "not again before it drains");
    assert_eq!(fixture.drain(0), [2, 3, 4, 5]);
    fixture.publish(&["a.b"]);
    assert_eq!(fixture.woken(), [0]);
    assert_eq!(fixture.drain(0), [6]);
    assert_eq!(fixture.drain(1), []);
    assert_eq!(fixture.drain(2), [2, 3, 5, 6]);
    fixture.publish(&["a.c"]);
    assert_eq!(
        fixture.woken(),
        [0],
        "who was woken before is not, without a match"
    );
    assert_eq!(fixture.drain(0), [7]);
    assert_eq!(fixture.drain(99), []);
}

#[test]
fn more_lanes_than_bits_in_a_word() {
    let fixture = fixture(130, Limits::default());
    let _wanting: Vec<_> = [0, 63, 64, 129].map(|lane| fixture.subscribed(lane, ">")).into();
    fixture.publish(&["a"]);
    assert_eq!(fixture.woken(), [0, 63, 64, 129]);
    assert_eq!(fixture.drain(129), [1]);
    assert_eq!(fixture.drain(128), []);
    // A lane that the hub does not have gets nothing.
    let _beyond = fixture.subscribed(1000, "a");
    fixture.publish(&["a"]);
    assert_eq!(fixture.woken(), [129]);
}

#[test]
fn congestion_by_events_at_its_edge() {
    let fixture = fixture(
        2,
        Limits {
            inbox_events: 3,
            ..Limits::default()
        },
    );
    let _all = [fixture.subscribed(0, ">"), fixture.subscribed(1, "a")];
    fixture.publish(&["a", "a", "a"]);
    assert!(!fixture.hub.congested());
    fixture.publish(&["a"]);
    assert!(fixture.hub.congested(), "both lanes are over");
    fixture.woken();
    fixture.drain(0);
    assert!(fixture.hub.congested());
    assert!(fixture.woken().is_empty());
    fixture.drain(1);
    assert!(!fixture.hub.congested());
    assert_eq!(fixture.woken(), [0, 1], "publishers on every lane may go on");
    fixture.drain(1);
    assert!(fixture.woken().is_empty());
    assert!(!fixture.hub.congested());
}

#[test]
fn congestion_by_bytes_at_its_edge() {
    let size = MESSAGE_OVERHEAD + 1;
    let fixture = fixture(
        1,
        Limits {
            inbox_bytes: 2 * size,
            ..Limits::default()
        },
    );
    let _all = fixture.subscribed(0, ">");
    for _ in 0..2 {
        fixture.publish(&["a", "a"]);
        assert!(!fixture.hub.congested());
        fixture.publish(&["a"]);
        assert!(fixture.hub.congested());
        fixture.drain(0);
        assert!(!fixture.hub.congested());
    }
}

#[test]
fn receipts() {
    let fixture = fixture(2, Limits::default());
    let _all = fixture.subscribed(0, "a");
    let with = |ticket, lane, key: &str| {
        let mut draft = draft("a");
        draft.receipt = Some(Receipt { lane, ticket });
        draft.key = Some(key.into());
        draft
    };
    let long = "k".repeat(KEY_BYTES_MAX + 1);
    let mut drafts = vec![
        with(1, 0, "k"),
        with(2, 0, "k"),
        with(3, 1, &long),
        with(4, 1, "k"),
        with(5, 7, "x"),
    ];
    fixture.hub.publish(0, &mut drafts);
    assert_eq!(fixture.woken(), [0, 1]);
    let mut events = Vec::new();
    fixture.hub.drain(0, &mut events);
    fixture.hub.drain(1, &mut events);
    let told: Vec<_> = events
        .iter()
        .map(|event| match event {
            Event::Message(message) => (0, Ok(message.cursor)),
            Event::Receipt { ticket, result } => (*ticket, *result),
            other => panic!("{other:?}"),
        })
        .collect();
    let at = |seq| Ok(Cursor { epoch: EPOCH, seq });
    let too_long = Err(PublishError::KeyTooLong(KEY_BYTES_MAX + 1));
    assert_eq!(
        told,
        [
            (0, at(1)),
            (1, at(1)),
            (2, at(1)),
            (0, at(2)),
            (3, too_long),
            (4, at(1))
        ]
    );
}

#[test]
fn a_page_at_its_edges() {
    let size = MESSAGE_OVERHEAD + 1;
    let fixture = fixture(
        1,
        Limits {
            page_bytes: 2 * size,
            ..Limits::default()
        },
    );
    fixture.publish(&["a", "b", "a", "a"]);
    for text in ["a", "*"] {
        let read = |after, limit| {
            let page = read(&fixture.hub, 0, &selector(text), after, limit);
            let seqs: Vec<u64> = page.messages.iter().map(|message| message.cursor.seq).collect();
            (seqs, page.next.seq, page.next == fixture.hub.head())
        };
        let after = |seq| After::Cursor(Cursor { epoch: EPOCH, seq });
        let second = if text == "a" { 3 } else { 2 };
        assert_eq!(read(After::Earliest, 10), (vec![1, second], second, false));
        assert_eq!(read(After::Earliest, 1), (vec![1], 1, false));
        assert_eq!(read(After::Earliest, 0), (vec![1], 1, false), "at least one");
        assert_eq!(read(after(2), 2), (vec![3, 4], 4, true));
        assert_eq!(read(after(2), 1), (vec![3], 3, false));
        assert_eq!(read(after(3), 1), (vec![4], 4, true));
        assert_eq!(read(After::Now, 1), (vec![], 4, true));
        assert_eq!(read(After::Last(1), 1), (vec![4], 4, true));
    }
    let small = Fixture {
        hub: Hub::new(
            EPOCH,
            1,
            vec![],
            vec![],
            Limits {
                page_bytes: 0,
                ..Limits::default()
            },
            Box::new(|_| {}),
        ),
        ..fixture
    };
    small.publish(&["a", "a"]);
    assert_eq!(
        read(&small.hub, 0, &selector("a"), After::Earliest, 10)
            .messages
            .len(),
        1,
        "at least one"
    );
}

#[test]
fn a_read_of_a_pattern_looks_at_a_bounded_part_and_goes_on() {
    let rules = vec![Rule {
        history: usize::MAX,
        ..Rule::default()
    }];
    let limits = Limits {
        history_bytes: usize::MAX,
        ..Limits::default()
    };
    let hub = Hub::new(EPOCH, 1, rules, vec![], limits, Box::new(|_| {}));
    // Of the same shape as what is asked for, so that each must be looked at.
    let mut drafts = vec![draft("a.b.c.other"); 70_000];
    drafts.insert(0, draft("a.b.c.here"));
    drafts.push(draft("a.b.c.here"));
    hub.publish(0, &mut drafts);
    let selector = selector("*.b.c.here");
    for (after, least) in [(After::Earliest, 30), (After::Last(2), 60)] {
        let mut reading = hub.reading(0, selector.clone(), after, 10);
        let mut slices = 1;
        while !hub.read(0, &mut reading) {
            slices += 1;
        }
        let seqs: Vec<u64> = reading
            .messages
            .iter()
            .map(|message| message.cursor.seq)
            .collect();
        assert_eq!(
            (seqs, reading.next, reading.gap),
            (vec![1, 70_002], hub.head(), false)
        );
        assert!(slices > least, "a slice at a time: {slices}");
    }

    let mut subscriptions = Subscriptions::new(0);
    let made = subscriptions
        .subscribe(&hub, 0, 0, selector.clone(), After::Earliest, 0, None)
        .expect("below the limit");
    let mut found = 0;
    let mut turns = 0;
    while !subscriptions.is_live(made.id) {
        found += subscriptions.catch_up(&hub, 0, made.id, 10).messages.len();
        turns += 1;
    }
    assert_eq!(found, 2);
    assert!(turns > 10, "a slice at a time: {turns}");

    // The last so many are looked for where it catches up, and where it begins is not known before.
    let made = subscriptions
        .subscribe(&hub, 0, 0, selector, After::Last(2), 0, None)
        .expect("below the limit");
    assert_eq!((made.start, made.live, made.gap), (None, false, false));
    let mut pages = Vec::new();
    while !subscriptions.is_live(made.id) {
        pages.push(subscriptions.catch_up(&hub, 0, made.id, 10).messages);
        assert!(pages.len() < 100, "it comes to an end");
    }
    assert!(pages.len() > 10, "a slice at a time: {}", pages.len());
    assert_eq!(pages.concat().len(), 2);
}

#[test]
fn subscriptions_at_their_limit() {
    let fixture = fixture(
        1,
        Limits {
            subscriptions: 2,
            ..Limits::default()
        },
    );
    let mut subscriptions = Subscriptions::new(0);
    let mut subscribe =
        |text: &str| subscriptions.subscribe(&fixture.hub, 0, 0, selector(text), After::Now, 0, None);
    let first = subscribe("a").expect("below the limit");
    subscribe("a").expect("below the limit");
    assert_eq!(subscribe("b"), Err(SubscribeError::TooMany(2)));
    assert!(subscriptions.unsubscribe(&fixture.hub, first.id));
    let again = subscriptions
        .subscribe(&fixture.hub, 0, 0, selector("b"), After::Now, 0, None)
        .expect("there is room");
    assert_ne!(again.id, first.id, "a name is not used again");
    assert!(subscriptions.selector(first.id).is_none());
    let page = subscriptions.catch_up(&fixture.hub, 0, first.id, 1);
    assert!(page.live && page.messages.is_empty());
}

#[test]
fn overlapping_subscriptions_each_get_the_message() {
    let fixture = fixture(1, Limits::default());
    let mut subscriptions = Subscriptions::new(0);
    let mut subscribe = |text: &str, exclude| {
        let made = subscriptions.subscribe(&fixture.hub, 0, 7, selector(text), After::Now, exclude, None);
        made.expect("below the limit").id
    };
    let ids = [
        subscribe("a.b", 0),
        subscribe("a.b", 0),
        subscribe("a.*", 0),
        subscribe(">", 0),
    ];
    subscribe(">", 42);
    let mut draft = draft("a.b");
    draft.origin = 42;
    fixture.hub.publish(0, &mut vec![draft]);
    let mut events = Vec::new();
    fixture.hub.drain(0, &mut events);
    let [Event::Message(message)] = &events[..] else {
        panic!("one message: {events:?}")
    };
    let mut got = Vec::new();
    subscriptions.dispatch(message, |id, peer| got.push((id, peer)));
    got.sort();
    assert_eq!(got, ids.map(|id| (id, 7)));
}

#[test]
fn what_waits_in_the_inbox_from_before_is_not_delivered() {
    let fixture = fixture(1, Limits::default());
    let mut subscriptions = fixture.subscribed(0, "a");
    fixture.publish(&["a"]);
    let late = subscriptions
        .subscribe(&fixture.hub, 0, 1, selector("a"), After::Now, 0, None)
        .expect("below the limit");
    fixture.publish(&["a"]);
    let mut events = Vec::new();
    fixture.hub.drain(0, &mut events);
    let mut got = Vec::new();
    for event in &events {
        let Event::Message(message) = event else {
            panic!("a message: {event:?}")
        };
        subscriptions.dispatch(message, |id, _| got.push((message.cursor.seq, id == late.id)));
    }
    got.sort();
    assert_eq!(got, [(1, false), (2, false), (2, true)]);
}

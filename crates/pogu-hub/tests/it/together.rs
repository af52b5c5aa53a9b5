//! Several subscriptions that catch up together: one order, nothing lost or doubled, and live at once.

#![expect(clippy::expect_used, reason = "a test fails by a panic")]

use pogu_hub::{Cursor, Draft, Event, Hub, Kind, Limits, Selector, SubscriptionId, Subscriptions};
use proptest::prelude::*;

const EPOCH: u64 = 5;
const TOPICS: [&str; 4] = ["a.x", "a.y", "b.x", "c"];

fn publish(hub: &Hub, topics: &[usize], body: usize) {
    let draft = |at: &usize| {
        Draft::new(
            TOPICS[*at].parse().expect("a topic"),
            Kind::Text,
            "x".repeat(body),
        )
    };
    hub.publish(0, &mut topics.iter().map(draft).collect());
}

fn matches(selector: &Selector, topic: &str) -> bool {
    match selector {
        Selector::Topic(name) => name.to_string() == topic,
        Selector::Pattern(pattern) => pattern.matches(&topic.parse().expect("a topic")),
    }
}

proptest! {
    #[test]
    fn one_order_whatever_is_published_meanwhile(
        before in prop::collection::vec(0..TOPICS.len(), 0..60),
        meanwhile in prop::collection::vec(prop::collection::vec(0..TOPICS.len(), 0..6), 0..12),
        selectors in prop::collection::vec(prop::sample::select(vec!["a.x", "a.*", "b.x", ">", "c"]), 1..4),
        after in 0..60_u64,
        apart in 0..20_u64,
        limit in 1..10_usize,
        body in prop::sample::select(vec![0, 300]),
    ) {
        let limits = Limits { page_bytes: 1000, ..Limits::default() };
        let hub = Hub::new(EPOCH, 1, vec![], vec![], limits, Box::new(|_| {}));
        publish(&hub, &before, body);
        let selectors: Vec<Selector> = selectors.iter().map(|text| text.parse().unwrap()).collect();
        let mut subscriptions = Subscriptions::new(0);
        let afters: Vec<u64> = (0..selectors.len() as u64).map(|at| (after + at * apart).min(before.len() as u64)).collect();
        let places = afters.iter().map(|seq| Cursor { epoch: EPOCH, seq: *seq });
        let places: Vec<(Selector, Cursor)> = selectors.iter().cloned().zip(places).collect();
        let made = subscriptions.subscribe_together(&hub, 0, 7, &places, 0).unwrap();
        let ids: Vec<SubscriptionId> = made.iter().map(|made| made.id).collect();
        prop_assert!(made.iter().all(|made| !made.live && !made.gap));
        let mut heard = Vec::new();
        let mut events = Vec::new();
        let mut all = before;
        let mut meanwhile = meanwhile.into_iter();
        loop {
            let page = subscriptions.catch_up_together(&hub, 0, &ids, limit);
            prop_assert!(page.gaps.is_empty());
            heard.extend(page.messages.into_iter().map(|(message, id)| (message.cursor.seq, id)));
            prop_assert_eq!(ids.iter().filter(|id| subscriptions.is_live(**id)).count(), if page.live { ids.len() } else { 0 });
            if page.live {
                prop_assert_eq!(page.head, all.len() as u64);
                break;
            }
            if let Some(more) = meanwhile.next() {
                publish(&hub, &more, body);
                all.extend(more);
            }
        }
        for more in meanwhile {
            publish(&hub, &more, body);
            all.extend(more);
        }
        hub.drain(0, &mut events);
        for event in events {
            if let Event::Message(message) = event {
                subscriptions.dispatch(&message, |id, _| heard.push((message.cursor.seq, id)));
            }
        }
        prop_assert!(heard.windows(2).all(|two| two[0].0 <= two[1].0), "{:?}", heard);
        let mut wanted = Vec::new();
        for (at, topic) in all.iter().enumerate() {
            for ((selector, id), after) in selectors.iter().zip(&ids).zip(&afters) {
                if at as u64 >= *after && matches(selector, TOPICS[*topic]) {
                    wanted.push((at as u64 + 1, *id));
                }
            }
        }
        heard.sort();
        wanted.sort();
        prop_assert_eq!(heard, wanted);
    }
}

#[test]
fn without_room_for_all_there_is_none() {
    let limits = Limits {
        subscriptions: 2,
        ..Limits::default()
    };
    let hub = Hub::new(EPOCH, 1, vec![], vec![], limits, Box::new(|_| {}));
    let mut subscriptions = Subscriptions::new(0);
    let selectors = ["a", "b", "c"].map(|text| (text.parse().unwrap(), Cursor { epoch: EPOCH, seq: 0 }));
    assert!(
        subscriptions
            .subscribe_together(&hub, 0, 7, &selectors, 0)
            .is_err()
    );
    assert!(subscriptions.is_empty());
    let made = subscriptions
        .subscribe_together(&hub, 0, 7, &selectors[..2], 0)
        .unwrap();
    let ids: Vec<SubscriptionId> = made.iter().map(|made| made.id).collect();
    assert!(subscriptions.catch_up_together(&hub, 0, &ids, 1).live);
    // What is gone or live is passed over.
    subscriptions.unsubscribe(&hub, ids[0]);
    let page = subscriptions.catch_up_together(&hub, 0, &ids, 1);
    assert!(page.live && page.messages.is_empty());
}

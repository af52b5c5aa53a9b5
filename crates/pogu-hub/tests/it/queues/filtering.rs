//! Filters of consumers and of subscriptions.

use pogu_hub::{After, Consume, Delivery, Event, Hub, Outcome, Subscriptions};

use super::{
    accept, consume, consumer, deliveries, draft, events, go_on, only, plain, publish, send, settle,
};

#[test]
fn filters_choose() {
    let hub = plain();
    let choosy = |body| Consume {
        filter: only(body),
        ..consume("a", 2)
    };
    let x = hub.consume(0, choosy("x")).expect("there is room");
    let y = hub.consume(0, choosy("y")).expect("there is room");
    send(&hub, "a", &["x", "y", "z", "x", "y", "x", "x"]);
    let got = |hub: &Hub| -> Vec<_> {
        let numbers = |delivery: &Delivery| (delivery.consumer == x, delivery.message.cursor.seq);
        deliveries(hub).iter().map(numbers).collect()
    };
    assert_eq!(got(&hub), [(true, 1), (false, 2), (true, 4), (false, 5)]);
    accept(&hub, x, 2);
    assert_eq!(got(&hub), [(true, 6)]);
    // What returns is found again, also by one that has looked further.
    let x2 = hub.consume(0, choosy("x")).expect("there is room");
    assert_eq!(got(&hub), [(false, 7)]);
    settle(&hub, x, 1, false, Outcome::Release);
    let mut again = deliveries(&hub);
    assert_eq!(again.len(), 1);
    assert_eq!(again.remove(0).message.cursor.seq, 1);
    hub.cancel(0, x, 0);
    assert_eq!(deliveries(&hub).len(), 0, "the other has no credit");
    hub.cancel(0, y, 0);
    accept(&hub, x2, 1);
    accept(&hub, x2, 2);
    let rest: Vec<_> = deliveries(&hub)
        .iter()
        .map(|delivery| delivery.message.cursor.seq)
        .collect();
    assert!(rest.iter().all(|seq| *seq != 3), "nobody wants it: {rest:?}");
    let anything = consumer(&hub, "a", 10);
    let rest = deliveries(&hub);
    assert!(rest.iter().all(|delivery| delivery.consumer == anything));
    assert!(rest.iter().any(|delivery| delivery.message.body == "z"));
}

#[test]
fn a_long_scan_is_done_in_slices() {
    let hub = plain();
    let mut drafts = vec![draft("a", "x"); 10_000];
    drafts.push(draft("a", "y"));
    hub.publish(0, &mut drafts);
    let choosy = Consume {
        filter: only("y"),
        ..consume("a", 10)
    };
    let id = hub.consume(0, choosy).expect("there is room");
    let (turns, count) = go_on(&hub);
    assert_eq!(count, 1);
    assert!(turns >= 9, "{turns}");
    // It does not begin again for one that is new.
    send(&hub, "a", &["x", "y"]);
    assert_eq!(go_on(&hub), (0, 1));
    // Nor for one that comes back.
    settle(&hub, id, 1, false, Outcome::Release);
    assert_eq!(go_on(&hub), (0, 1));
}

#[test]
fn a_long_scan_holds_up_nobody() {
    let hub = plain();
    let choosy = Consume {
        filter: only("y"),
        ..consume("a", 10)
    };
    hub.consume(0, choosy).expect("there is room");
    hub.publish(0, &mut vec![draft("a", "x"); 10_000]);
    events(&hub);
    consumer(&hub, "a", 100);
    let count = deliveries(&hub).len();
    assert!(count > 50, "it has its turns: {count}");
    assert_eq!(go_on(&hub), (0, 0), "the ticket is out already");
}

#[test]
fn subscriptions_with_a_filter() {
    let hub = plain();
    let mut subscriptions = Subscriptions::new(0);
    publish(&hub, &["a", "b", "c", "b"]);
    let mut subscribe = |after, filter| {
        let all = ">".parse().expect("a pattern");
        let made = subscriptions.subscribe(&hub, 0, 0, all, after, 0, filter);
        made.expect("there is room").id
    };
    let live = subscribe(After::Now, only("b"));
    let all = subscribe(After::Now, None);
    let behind = subscribe(After::Earliest, only("b"));
    let page = subscriptions.catch_up(&hub, 0, behind, 3);
    assert_eq!(page.messages.len(), 1);
    let page = subscriptions.catch_up(&hub, 0, behind, 3);
    assert_eq!((page.messages.len(), page.live), (1, true));
    publish(&hub, &["a", "b"]);
    let mut got = Vec::new();
    for event in events(&hub) {
        let Event::Message(message) = event else {
            panic!("a message")
        };
        subscriptions.dispatch(&message, |id, _| got.push((message.cursor.seq, id)));
    }
    got.sort();
    let mut expect = vec![(5, all), (6, live), (6, all), (6, behind)];
    expect.sort();
    assert_eq!(got, expect);
    assert!(subscriptions.unsubscribe(&hub, live));
    assert!(subscriptions.unsubscribe(&hub, behind));
}

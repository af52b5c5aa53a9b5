//! What is delivered, to whom and how much at once.

use pogu_hub::{
    After, Consume, Cursor, Draft, Event, KEY_BYTES_MAX, Kind, Outcome, PublishError, Subscriptions, To,
};

use crate::read;

use super::{
    EPOCH, SIZE, accept, asking, bodies, consume, consumer, deliveries, draft, events, go_on, held, name,
    plain, receipts, send, settle,
};

#[test]
fn what_a_delivery_says() {
    let hub = plain();
    hub.publish(42, &mut vec![draft("a", "x")]);
    let id = consumer(&hub, "a", 1);
    let [delivery] = &deliveries(&hub)[..] else {
        panic!("one delivery")
    };
    assert_eq!((delivery.peer, delivery.consumer, delivery.number), (7, id, 1));
    assert_eq!((delivery.redelivered, delivery.missed), (0, 0));
    let message = &delivery.message;
    assert_eq!((&*message.topic, message.to, message.time), ("a", To::Queue, 42));
    assert_eq!(message.cursor, Cursor { epoch: EPOCH, seq: 1 });
    assert_eq!(hub.head(), message.cursor, "queues are in the one order");
    let page = read(&hub, 0, &">".parse().expect("a pattern"), After::Earliest, 10);
    assert!(
        page.messages.is_empty() && page.next == hub.head(),
        "history does not have it"
    );
}

#[test]
fn a_topic_and_a_queue_of_the_same_name_are_two() {
    let hub = plain();
    let mut subscriptions = Subscriptions::new(1);
    let all = ">".parse().expect("a pattern");
    subscriptions
        .subscribe(&hub, 0, 0, all, After::Now, 0, None)
        .expect("there is room");
    consumer(&hub, "a", 10);
    hub.publish(
        0,
        &mut vec![draft("a", "queue"), Draft::new(name("a"), Kind::Text, "topic")],
    );
    assert_eq!(bodies(&hub), "queue");
    let mut events = Vec::new();
    hub.drain(1, &mut events);
    assert!(matches!(&events[..], [Event::Message(message)] if message.body == "topic"));

    let keyed = |mut draft: Draft, ticket| {
        draft.key = Some("k".into());
        asking(draft, ticket)
    };
    let topic = || Draft::new(name("a"), Kind::Text, "");
    let mut drafts = vec![
        keyed(draft("a", "k"), 1),
        keyed(topic(), 2),
        keyed(draft("a", "k"), 3),
        keyed(topic(), 4),
    ];
    let long = "k".repeat(KEY_BYTES_MAX + 1);
    drafts.push(asking(draft("a", "k"), 5));
    drafts[4].key = Some(long.into());
    hub.publish(0, &mut drafts);
    let too_long = Err(PublishError::KeyTooLong(KEY_BYTES_MAX + 1));
    assert_eq!(
        receipts(&hub),
        [(1, Ok(3)), (2, Ok(4)), (3, Ok(3)), (4, Ok(4)), (5, too_long)]
    );
}

#[test]
fn turns_go_round_among_those_with_credit() {
    let hub = plain();
    let ids = [1, 2, 3].map(|prefetch| consumer(&hub, "a", prefetch));
    send(&hub, "a", &["0", "1", "2", "3", "4", "5", "6", "7"]);
    let got: Vec<_> = deliveries(&hub)
        .iter()
        .map(|delivery| {
            let at = ids.iter().position(|id| *id == delivery.consumer);
            (at.expect("one of them"), delivery.message.cursor.seq)
        })
        .collect();
    assert_eq!(got, [(0, 1), (1, 2), (2, 3), (1, 4), (2, 5), (2, 6)]);
    assert_eq!(accept(&hub, ids[1], 1), 1);
    assert_eq!(bodies(&hub), "6");
    assert_eq!(accept(&hub, ids[1], 1), 0, "it was settled");
    assert_eq!(accept(&hub, ids[1], 4), 0, "it was never made");
    assert_eq!(bodies(&hub), "");
    assert_eq!(held(hub.stats()), (1, 3, 7));
}

#[test]
fn credit_in_bytes_at_its_edge() {
    let hub = plain();
    let window = 2 * SIZE;
    let id = hub
        .consume(
            0,
            Consume {
                window,
                ..consume("a", 10)
            },
        )
        .expect("there is room");
    send(&hub, "a", &["0", "1", "2"]);
    assert_eq!(bodies(&hub), "0 1");
    assert_eq!(accept(&hub, id, 2), 1);
    assert_eq!(bodies(&hub), "2");

    let narrow = Consume {
        window: 0,
        ..consume("b", 0)
    };
    let id = hub.consume(0, narrow).expect("there is room");
    send(&hub, "b", &["0", "1"]);
    assert_eq!(bodies(&hub), "0", "one fits always");
    accept(&hub, id, 1);
    assert_eq!(bodies(&hub), "1");
}

#[test]
fn a_burst_is_done_in_slices() {
    let hub = plain();
    hub.publish(0, &mut vec![draft("a", "x"); 3000]);
    let id = consumer(&hub, "a", 2500);
    assert_eq!(go_on(&hub), (2, 2500));
    assert_eq!(settle(&hub, id, 2500, true, Outcome::Accept), 1);
    assert_eq!(go_on(&hub), (0, 500));
    // A ticket of a queue that is gone, whose slot another has.
    hub.publish(0, &mut vec![draft("a", "x"); 3000]);
    consumer(&hub, "a", 3000);
    let ticket = events(&hub).into_iter().find_map(|event| match event {
        Event::Scan(ticket) => Some(ticket),
        _ => None,
    });
    assert!(hub.remove_queue(&name("a")));
    send(&hub, "b", &["x"]);
    hub.scan(0, ticket.expect("more than a slice"));
    assert!(events(&hub).is_empty());
    assert_eq!(held(hub.stats()), (1, 0, 1));
}

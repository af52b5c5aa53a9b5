//! Queues that are bound to topics.

use pogu_hub::{Bound, Delivery, Draft, Hub, Kind, Limits, Outcome, PublishError, QueueError, QueueRule};

use super::{
    SIZE, asking, bind, bodies, consumer, deliveries, draft, held, hub, name, only, plain, publish, receipts,
    send, settle,
};

#[test]
fn a_bound_queue_keeps_what_is_published_meanwhile() {
    let hub = plain();
    publish(&hub, &["a.x"]);
    assert_eq!(bind(&hub, "$d.1", "a.*", None), Ok(Bound::New));
    assert_eq!(bind(&hub, "$d.2", "a.x", None), Ok(Bound::New));
    assert_eq!(bind(&hub, "$d.3", ">", only("b")), Ok(Bound::New));
    publish(&hub, &["a.x", "a.y", "b", "c"]);
    assert_eq!(held(hub.stats()), (3, 0, 4));
    let id = consumer(&hub, "$d.1", 10);
    assert_eq!(bodies(&hub), "a.x a.y");
    publish(&hub, &["a.z"]);
    assert_eq!(bodies(&hub), "a.z");
    assert_eq!(settle(&hub, id, 2, true, Outcome::Accept), 1);
    hub.cancel(0, id, 3);
    assert_eq!(bind(&hub, "$d.1", "a.*", None), Ok(Bound::Kept));
    consumer(&hub, "$d.1", 10);
    assert_eq!(bodies(&hub), "a.z");
    consumer(&hub, "$d.2", 10);
    consumer(&hub, "$d.3", 10);
    assert_eq!(bodies(&hub), "a.x b");

    // Another selector, or filter, replaces.
    assert_eq!(bind(&hub, "$d.2", "a.y", None), Ok(Bound::Replaced));
    assert_eq!(bind(&hub, "$d.3", ">", only("c")), Ok(Bound::Replaced));
    publish(&hub, &["a.x", "a.y", "b", "c"]);
    assert_eq!(bodies(&hub), "a.x a.y");
    consumer(&hub, "$d.2", 10);
    consumer(&hub, "$d.3", 10);
    assert_eq!(bodies(&hub), "a.y c");
    for queue in ["$d.1", "$d.2", "$d.3"] {
        assert!(hub.remove_queue(&name(queue)));
    }
    publish(&hub, &["a.x", "a.y", "b", "c"]);
    assert_eq!(bodies(&hub), "");
    assert_eq!(held(hub.stats()), (0, 0, 0));
}

#[test]
fn a_queue_that_is_there_cannot_be_bound() {
    let hub = plain();
    send(&hub, "a", &["x"]);
    assert_eq!(bind(&hub, "a", ">", None), Err(QueueError::NotBound));
    assert_eq!(held(hub.stats()), (1, 0, 1));
}

#[test]
fn a_full_bound_queue_drops_its_oldest_and_tells() {
    let rule = QueueRule {
        messages: 3,
        ..QueueRule::default()
    };
    let hub = hub(rule, Limits::default());
    bind(&hub, "$d", ">", None).expect("there is room");
    publish(&hub, &["a", "b", "c", "d", "e"]);
    assert_eq!(hub.stats().dropped, 0, "the rule does not reach what is reserved");
    assert!(hub.remove_queue(&name("$d")));

    bind(&hub, "d", ">", None).expect("there is room");
    publish(&hub, &["a", "b", "c", "d", "e"]);
    let told = |hub: &Hub| -> Vec<_> {
        let told = |delivery: &Delivery| (delivery.message.topic.to_string(), delivery.missed);
        deliveries(hub).iter().map(told).collect()
    };
    let id = consumer(&hub, "d", 3);
    let expect = [("c".to_owned(), 2), ("d".into(), 0), ("e".into(), 0)];
    assert_eq!(told(&hub), expect);
    // All that it holds is with the consumer: the new one is what gives way.
    publish(&hub, &["f"]);
    hub.cancel(0, id, 0);
    assert_eq!(hub.stats().dropped, 3);
    consumer(&hub, "d", 3);
    assert_eq!(
        told(&hub)[0],
        ("c".to_owned(), 3),
        "told again, as it may not have got there"
    );
}

#[test]
fn a_bound_queue_within_what_all_may_hold() {
    let limits = Limits {
        queue_bytes: 3 * SIZE,
        ..Limits::default()
    };
    let hub = hub(QueueRule::default(), limits);
    bind(&hub, "d", "*", None).expect("there is room");
    publish(&hub, &["a", "b", "c", "e"]);
    assert_eq!((hub.stats().queue_messages, hub.stats().dropped), (3, 1));
    hub.publish(0, &mut vec![asking(draft("q", "0"), 1)]);
    assert_eq!(receipts(&hub), [(1, Err(PublishError::AllQueues(3 * SIZE)))]);
    // One that will not fit drives none out.
    let large = Draft::new(name("l"), Kind::Text, "l".repeat(3 * SIZE));
    hub.publish(0, &mut vec![large]);
    assert_eq!((hub.stats().queue_messages, hub.stats().dropped), (3, 2));
    consumer(&hub, "d", 9);
    assert_eq!(bodies(&hub), "b c e");
}

//! How much queues hold, and how long they and their messages live.

use pogu_hub::{Draft, Limits, Outcome, PublishError, QueueError, QueueRule, Settle};

use super::{
    SIZE, accept, asking, bodies, consume, consumer, draft, held, hub, name, plain, receipts, send, settle,
};

#[test]
fn a_full_queue_refuses_and_loses_nothing() {
    let rule = QueueRule {
        messages: 3,
        bytes: 3 * SIZE,
        ..QueueRule::default()
    };
    let limits = Limits {
        queue_bytes: 4 * SIZE,
        queues: 3,
        ..Limits::default()
    };
    let hub = hub(rule, limits);
    hub.publish(
        0,
        &mut vec![
            asking(draft("a", &"0".repeat(3 * SIZE)), 1),
            asking(draft("a", "0"), 2),
            asking(draft("a", "1"), 3),
            asking(draft("a", "22"), 4),
            asking(draft("a", "2"), 5),
            asking(draft("a", "3"), 6),
            asking(draft("b", "4"), 7),
            asking(draft("b", "5"), 8),
            asking(draft("$b", "6"), 9),
        ],
    );
    let bytes = Err(PublishError::QueueBytes(3 * SIZE));
    assert_eq!(
        receipts(&hub),
        [
            (1, bytes),
            (2, Ok(1)),
            (3, Ok(2)),
            (4, bytes),
            (5, Ok(3)),
            (6, Err(PublishError::QueueMessages(3))),
            (7, Ok(4)),
            (8, Err(PublishError::AllQueues(4 * SIZE))),
            (9, Err(PublishError::NoQueue)),
        ]
    );
    let id = consumer(&hub, "a", 10);
    assert_eq!(bodies(&hub), "0 1 2");
    hub.publish(0, &mut vec![asking(draft("a", "3"), 1)]);
    let full = Err(PublishError::QueueMessages(3));
    assert_eq!(receipts(&hub), [(1, full)], "what is not settled counts");
    accept(&hub, id, 1);
    hub.publish(
        0,
        &mut vec![asking(draft("a", "3"), 1), asking(draft("c", ""), 2)],
    );
    let full = Err(PublishError::AllQueues(4 * SIZE));
    assert_eq!(receipts(&hub), [(1, Ok(5)), (2, full)]);
    accept(&hub, id, 2);
    hub.publish(0, &mut vec![asking(draft("c", ""), 1), asking(draft("d", ""), 2)]);
    let many = Err(PublishError::TooManyQueues(3));
    assert_eq!(receipts(&hub), [(1, Ok(6)), (2, many)]);
    assert_eq!(hub.consume(0, consume("d", 1)), Err(QueueError::TooManyQueues(3)));
    assert_eq!(held(hub.stats()), (3, 1, 4));
}

#[test]
fn consumers_at_their_limit() {
    let limits = Limits {
        consumers: 2,
        ..Limits::default()
    };
    let hub = hub(QueueRule::default(), limits);
    let first = consumer(&hub, "a", 1);
    consumer(&hub, "b", 1);
    assert_eq!(
        hub.consume(0, consume("a", 1)),
        Err(QueueError::TooManyConsumers(2))
    );
    assert!(hub.cancel(0, first, 0));
    consumer(&hub, "c", 1);
    assert_eq!(held(hub.stats()), (2, 2, 0));
}

#[test]
fn a_queue_is_there_while_something_keeps_it() {
    let hub = plain();
    send(&hub, "a", &["0"]);
    assert_eq!(held(hub.stats()), (1, 0, 1));
    let id = consumer(&hub, "a", 1);
    accept(&hub, id, 1);
    assert_eq!(held(hub.stats()), (1, 1, 0));
    hub.cancel(0, id, 1);
    assert_eq!(held(hub.stats()), (0, 0, 0));
    assert_eq!(hub.stats().queue_bytes, 0);
}

#[test]
fn a_private_queue() {
    let hub = plain();
    hub.publish(0, &mut vec![asking(draft("$private", "x"), 1)]);
    assert_eq!(receipts(&hub), [(1, Err(PublishError::NoQueue))]);
    let id = consumer(&hub, "$private", 1);
    send(&hub, "$private", &["0", "1", "2"]);
    settle(&hub, id, 1, false, Outcome::Reject);
    assert_eq!(held(hub.stats()), (2, 1, 3));
    assert!(hub.remove_queue(&name("$private")));
    assert!(!hub.remove_queue(&name("$private")));
    assert_eq!(held(hub.stats()), (0, 0, 0), "its dead letters go with it");
    assert_eq!(accept(&hub, id, 2), 0);
    assert!(!hub.cancel(0, id, 2));
    hub.publish(0, &mut vec![asking(draft("$private", "late"), 1)]);
    bodies(&hub);
    assert_eq!(held(hub.stats()), (0, 0, 0));
}

#[test]
fn what_has_expired_is_not_delivered() {
    let hub = plain();
    let with = |body: &str, expires| Draft {
        expires: Some(expires),
        ..draft("a", body)
    };
    hub.publish(
        10,
        &mut vec![with("0", 20), draft("a", "1"), with("2", 21), with("3", 5)],
    );
    assert_eq!(hub.stats().expired, 1);
    let id = hub.consume(20, consume("a", 1)).expect("there is room");
    assert_eq!(bodies(&hub), "1");
    assert_eq!(hub.stats().expired, 2);
    hub.tick(20);
    assert_eq!(hub.stats().queue_messages, 2);
    let accepted = Settle {
        consumer: id,
        delivery: 1,
        cumulative: false,
        outcome: Outcome::Accept,
    };
    hub.settle(20, &mut vec![accepted]);
    assert_eq!(bodies(&hub), "2");
    hub.tick(100);
    assert_eq!(hub.stats().expired, 2, "what is delivered does not expire");
    hub.cancel(100, id, 2);
    assert_eq!((hub.stats().expired, hub.stats().queues), (3, 0));

    let id = hub.consume(0, consume("a", 1)).expect("there is room");
    hub.publish(0, &mut vec![with("0", 20)]);
    settle(&hub, id, 1, false, Outcome::Reject);
    hub.cancel(0, id, 1);
    hub.tick(20);
    assert_eq!(held(hub.stats()), (1, 0, 1), "the dead do not expire");
    assert!(hub.remove_queue(&name("dead.a")));

    hub.publish(0, &mut vec![with("0", 20)]);
    hub.tick(19);
    assert_eq!(held(hub.stats()), (1, 0, 1));
    hub.tick(20);
    assert_eq!(held(hub.stats()), (0, 0, 0));
}

#[test]
fn a_full_queue_lets_go_of_what_has_expired() {
    let rule = QueueRule {
        messages: 1,
        ..QueueRule::default()
    };
    let hub = hub(rule, Limits::default());
    let old = Draft {
        expires: Some(20),
        ..draft("a", "0")
    };
    hub.publish(10, &mut vec![old]);
    hub.publish(19, &mut vec![asking(draft("a", "1"), 1)]);
    hub.publish(20, &mut vec![asking(draft("a", "2"), 2)]);
    assert_eq!(
        receipts(&hub),
        [(1, Err(PublishError::QueueMessages(1))), (2, Ok(2))]
    );
    consumer(&hub, "a", 1);
    assert_eq!(bodies(&hub), "2");
}

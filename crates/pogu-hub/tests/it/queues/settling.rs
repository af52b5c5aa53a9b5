//! Settling, returning and dead letters.

use pogu_hub::{Limits, Outcome, QueueRule, dead_letter_queue};

use super::{accept, bodies, consumer, deliveries, held, hub, name, plain, send, settle};

#[test]
fn cumulative_settling() {
    let hub = plain();
    let id = consumer(&hub, "a", 5);
    send(&hub, "a", &["0", "1", "2", "3", "4", "5", "6", "7", "8"]);
    assert_eq!(bodies(&hub), "0 1 2 3 4");
    assert_eq!(settle(&hub, id, 6, true, Outcome::Accept), 0, "it was never made");
    accept(&hub, id, 2);
    assert_eq!(settle(&hub, id, 3, true, Outcome::Accept), 1);
    assert_eq!(bodies(&hub), "5 6 7");
    assert_eq!(settle(&hub, id, 3, true, Outcome::Accept), 0);
    assert_eq!(settle(&hub, id, 5, true, Outcome::Release), 1);
    assert_eq!(bodies(&hub), "3 4", "they take their old places");
    assert_eq!(settle(&hub, id, u64::MAX, true, Outcome::Accept), 0);
    assert_eq!(settle(&hub, id, 10, true, Outcome::Reject), 1);
    assert_eq!(bodies(&hub), "8");
    assert_eq!(hub.stats().dead_lettered, 5);
    consumer(&hub, "dead.a", 5);
    assert_eq!(bodies(&hub), "5 6 7 3 4", "in the order of their deliveries");
}

#[test]
fn what_was_not_settled_returns_in_order() {
    let hub = plain();
    let first = consumer(&hub, "a", 4);
    send(&hub, "a", &["0", "1", "2", "3", "4", "5"]);
    accept(&hub, first, 2);
    assert_eq!(bodies(&hub), "0 1 2 3 4");
    assert!(hub.cancel(0, first, 3));
    assert!(!hub.cancel(0, first, 3));
    assert_eq!(settle(&hub, first, 1, false, Outcome::Accept), 0, "it is gone");
    let second = consumer(&hub, "a", 10);
    assert_ne!(first, second);
    let again = deliveries(&hub);
    let told: Vec<_> = again
        .iter()
        .map(|delivery| (delivery.number, delivery.message.cursor.seq, delivery.redelivered))
        .collect();
    // What came after the third delivery never got to the peer.
    assert_eq!(told, [(1, 1, 1), (2, 3, 1), (3, 4, 0), (4, 5, 0), (5, 6, 0)]);
}

#[test]
fn the_delivery_limit_at_its_edge() {
    let rule = QueueRule {
        delivery_limit: 3,
        ..QueueRule::default()
    };
    let hub = hub(rule, Limits::default());
    let id = consumer(&hub, "a", 1);
    send(&hub, "a", &["x"]);
    for round in 0..3 {
        let [delivery] = &deliveries(&hub)[..] else {
            panic!("one delivery")
        };
        assert_eq!(delivery.redelivered, round);
        assert_eq!(hub.stats().dead_lettered, 0);
        settle(&hub, id, u64::from(round) + 1, false, Outcome::Release);
    }
    assert!(deliveries(&hub).is_empty());
    assert_eq!(hub.stats().dead_lettered, 1);
    let dead = consumer(&hub, "dead.a", 1);
    let [delivery] = &deliveries(&hub)[..] else {
        panic!("one delivery")
    };
    assert_eq!((&*delivery.message.topic, delivery.redelivered), ("a", 0));
    settle(&hub, dead, 1, false, Outcome::Reject);
    assert_eq!(hub.stats().dropped, 1, "the dead do not die again");
    assert_eq!(held(hub.stats()), (2, 2, 0));
}

#[test]
fn names_of_dead_letter_queues() {
    let dead = |text: &str| dead_letter_queue(&name(text)).map(|dead| dead.to_string());
    assert_eq!(dead("a.b"), Some("dead.a.b".into()));
    assert_eq!(dead("$s.b"), Some("$dead.$s.b".into()));
    assert_eq!(dead("dead.a"), None);
    assert_eq!(dead("$dead.$a"), None);
    assert_eq!(dead("dead"), Some("dead.dead".into()));
    let long = "a".repeat(250);
    assert_eq!(dead(&long), Some(format!("dead.{long}")));
    assert_eq!(dead(&"a".repeat(251)), None);

    let hub = plain();
    let id = consumer(&hub, &"a".repeat(251), 1);
    send(&hub, &"a".repeat(251), &["x"]);
    settle(&hub, id, 1, false, Outcome::Reject);
    assert_eq!((hub.stats().dropped, hub.stats().dead_lettered), (1, 0));
}

#[test]
fn a_dead_letter_queue_drops_its_oldest() {
    let rule = QueueRule {
        messages: 2,
        ..QueueRule::default()
    };
    let hub = hub(rule, Limits::default());
    let id = consumer(&hub, "a", 1);
    for body in ["0", "1", "2"] {
        send(&hub, "a", &[body]);
    }
    assert_eq!(held(hub.stats()), (1, 1, 2), "the third was refused");
    for (number, body) in ["0", "1", "2", "3"].into_iter().enumerate() {
        send(&hub, "a", &[body]);
        settle(&hub, id, number as u64 + 1, false, Outcome::Reject);
    }
    let stats = hub.stats();
    assert_eq!(stats.dead_lettered - stats.dropped, 2);
    bodies(&hub);
    consumer(&hub, "dead.a", 5);
    let dead = deliveries(&hub);
    assert_eq!(dead.len(), 2);
    assert_eq!(u64::from(dead[0].missed), stats.dropped);
    assert_eq!(dead[1].missed, 0);
}

//! Transactions.

use pogu_hub::{
    After, Draft, Event, KEY_BYTES_MAX, Kind, Limits, Outcome, PublishError, QueueRule, Receipt, Settle,
    Subscriptions,
};

use super::{SIZE, asking, bind, bodies, consumer, draft, events, held, hub, name, plain, receipts, send};

#[test]
fn a_commit_is_all_or_nothing() {
    let rule = QueueRule {
        messages: 2,
        ..QueueRule::default()
    };
    let hub = hub(rule, Limits::default());
    let id = consumer(&hub, "in", 2);
    send(&hub, "in", &["0", "1"]);
    bodies(&hub);
    let mut subscriptions = Subscriptions::new(0);
    subscriptions
        .subscribe(&hub, 0, 0, ">".parse().expect("a pattern"), After::Now, 0, None)
        .expect("there is room");
    let accepted = |delivery| Settle {
        consumer: id,
        delivery,
        cumulative: false,
        outcome: Outcome::Accept,
    };
    let topic = || Draft::new(name("t"), Kind::Text, "t");
    let mut settles = vec![accepted(1)];
    let mut drafts = vec![
        asking(topic(), 1),
        asking(draft("out", "0"), 2),
        draft("out", "1"),
        draft("out", "2"),
    ];
    let full = PublishError::QueueMessages(2);
    assert_eq!(hub.commit(0, &mut drafts, &mut settles), Err(full));
    assert!(drafts.is_empty() && settles.is_empty());
    assert_eq!(receipts(&hub), [(1, Err(full)), (2, Err(full))]);
    assert_eq!(held(hub.stats()), (1, 1, 2));
    assert_eq!(hub.head().seq, 2);

    let mut drafts = vec![
        asking(topic(), 1),
        asking(draft("out", "0"), 2),
        draft("out", "1"),
        topic(),
    ];
    let mut settles = vec![accepted(1), accepted(9)];
    assert_eq!(hub.commit(0, &mut drafts, &mut settles), Ok(1));
    let seen: Vec<_> = events(&hub)
        .iter()
        .map(|event| match event {
            Event::Message(message) => ("message", message.cursor.seq),
            Event::Receipt { ticket, .. } => ("receipt", *ticket),
            Event::Delivery(delivery) => ("delivery", delivery.message.cursor.seq),
            Event::Scan(_) => ("scan", 0),
        })
        .collect();
    assert_eq!(
        seen,
        [("message", 3), ("receipt", 1), ("receipt", 2), ("message", 6)]
    );
    assert_eq!(held(hub.stats()), (2, 1, 3));
    assert_eq!(hub.commit(0, &mut vec![], &mut vec![]), Ok(0));
}

#[test]
fn a_commit_looks_at_everything_first() {
    let limits = Limits {
        queues: 2,
        queue_bytes: 4 * SIZE,
        ..Limits::default()
    };
    let hub = hub(QueueRule::default(), limits);
    let commit = |drafts: &[Draft]| hub.commit(0, &mut drafts.to_vec(), &mut vec![]);
    let many = Err(PublishError::TooManyQueues(2));
    assert_eq!(commit(&[draft("a", "0"), draft("b", "0"), draft("c", "0")]), many);
    let long = Draft {
        key: Some("k".repeat(KEY_BYTES_MAX + 1).into()),
        ..draft("a", "0")
    };
    let too_long = Err(PublishError::KeyTooLong(KEY_BYTES_MAX + 1));
    assert_eq!(commit(&[draft("a", "0"), long]), too_long);
    let full = Err(PublishError::AllQueues(4 * SIZE));
    assert_eq!(commit(&vec![draft("a", "0"); 5]), full);
    assert_eq!(held(hub.stats()), (0, 0, 0));

    // What a bound queue gets of it gives way to what was planned.
    bind(&hub, "d", "t", None).expect("there is room");
    let topic = Draft::new(name("t"), Kind::Text, "t");
    let keyed = Draft {
        key: Some("k".into()),
        ..draft("a", "0")
    };
    let mut drafts = vec![topic; 3];
    drafts.extend([keyed.clone(), keyed.clone(), draft("a", "1")]);
    assert_eq!(commit(&drafts), Ok(0));
    assert_eq!(
        held(hub.stats()),
        (2, 0, 3),
        "one of the keyed, the other, and one bound"
    );
    assert_eq!(commit(&[keyed]), Ok(0), "it is there already");
    assert_eq!(held(hub.stats()), (2, 0, 3));
}

#[test]
fn what_is_for_a_reserved_queue_that_is_gone_is_dropped_alone() {
    let hub = plain();
    let mut drafts = vec![draft("$gone", "0"), draft("a", "1"), draft("$gone", "2")];
    for (ticket, draft) in (1..).zip(&mut drafts) {
        draft.receipt = Some(Receipt { lane: 0, ticket });
    }
    assert_eq!(hub.commit(0, &mut drafts, &mut vec![]), Ok(0));
    let gone = Err(PublishError::NoQueue);
    assert_eq!(receipts(&hub), [(1, gone), (2, Ok(1)), (3, gone)]);
    assert_eq!(held(hub.stats()), (1, 0, 1));
}

#[test]
fn what_a_commit_repeats_is_asked_once() {
    let rule = QueueRule {
        messages: 1,
        ..QueueRule::default()
    };
    let limits = Limits {
        keys: 1,
        ..Limits::default()
    };
    let hub = hub(rule, limits);
    let keyed = |queue, key: &str, ticket| Draft {
        key: Some(key.into()),
        ..asking(draft(queue, "0"), ticket)
    };
    hub.publish(0, &mut vec![keyed("a", "k", 1)]);
    // The first draft's key drives out that of the second.
    let mut drafts = vec![keyed("b", "other", 2), keyed("a", "k", 3)];
    assert_eq!(hub.commit(0, &mut drafts, &mut vec![]), Ok(0));
    assert_eq!(receipts(&hub), [(1, Ok(1)), (2, Ok(2)), (3, Ok(1))]);
    assert_eq!(held(hub.stats()), (2, 0, 2));
}

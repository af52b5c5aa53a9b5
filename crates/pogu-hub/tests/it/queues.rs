//! Queues, by cases.

use pogu_hub::{
    After, Bind, Bound, Consume, ConsumerId, Cursor, Delivery, Draft, Event, Filter, Hub, KEY_BYTES_MAX,
    Kind, Limits, MESSAGE_OVERHEAD, Message, Outcome, PublishError, QueueError, QueueRule, QueueTicket,
    Receipt, Settle, Stats, Subscriptions, To, Topic, dead_letter_queue,
};

const EPOCH: u64 = 5;
/// What a message to a queue of one letter with a body of one letter counts.
const SIZE: usize = MESSAGE_OVERHEAD + 2;

fn hub(rule: QueueRule, limits: Limits) -> Hub {
    Hub::new(EPOCH, 2, vec![], vec![rule], limits, Box::new(|_| {}))
}

fn plain() -> Hub {
    hub(QueueRule::default(), Limits::default())
}

fn name(text: &str) -> Topic {
    text.parse().expect(text)
}

fn draft(queue: &str, body: &str) -> Draft {
    Draft::to_queue(name(queue), Kind::Text, body.to_owned())
}

fn asking(mut draft: Draft, ticket: u64) -> Draft {
    draft.receipt = Some(Receipt { lane: 0, ticket });
    draft
}

fn send(hub: &Hub, queue: &str, bodies: &[&str]) {
    hub.publish(0, &mut bodies.iter().map(|body| draft(queue, body)).collect());
}

fn consume(queue: &str, prefetch: u32) -> Consume {
    Consume {
        lane: 0,
        peer: 7,
        queue: name(queue),
        prefetch,
        window: 1 << 20,
        filter: None,
    }
}

fn only(body: &'static str) -> Option<Filter> {
    Some(Filter::new(body, move |message: &Message| message.body == body))
}

fn consumer(hub: &Hub, queue: &str, prefetch: u32) -> ConsumerId {
    hub.consume(0, consume(queue, prefetch)).expect("there is room")
}

fn events(hub: &Hub) -> Vec<Event> {
    let mut events = Vec::new();
    hub.drain(0, &mut events);
    events
}

fn deliveries(hub: &Hub) -> Vec<Delivery> {
    let delivery = |event| match event {
        Event::Delivery(delivery) => Some(delivery),
        Event::Message(_) | Event::Receipt { .. } | Event::Scan(_) => None,
    };
    events(hub).into_iter().filter_map(delivery).collect()
}

/// The bodies that were delivered since this was last asked.
fn bodies(hub: &Hub) -> String {
    let text = |delivery: Delivery| String::from_utf8(delivery.message.body.to_vec()).expect("text");
    deliveries(hub)
        .into_iter()
        .map(text)
        .collect::<Vec<_>>()
        .join(" ")
}

fn receipts(hub: &Hub) -> Vec<(u64, Result<u64, PublishError>)> {
    let receipt = |event| match event {
        Event::Receipt { ticket, result } => Some((ticket, result.map(|cursor: Cursor| cursor.seq))),
        Event::Message(_) | Event::Delivery(_) | Event::Scan(_) => None,
    };
    events(hub).into_iter().filter_map(receipt).collect()
}

fn settle(hub: &Hub, consumer: ConsumerId, delivery: u64, cumulative: bool, outcome: Outcome) -> usize {
    let settle = Settle {
        consumer,
        delivery,
        cumulative,
        outcome,
    };
    hub.settle(0, &mut vec![settle])
}

fn accept(hub: &Hub, consumer: ConsumerId, delivery: u64) -> usize {
    settle(hub, consumer, delivery, false, Outcome::Accept)
}

fn held(stats: Stats) -> (usize, usize, usize) {
    (stats.queues, stats.consumers, stats.queue_messages)
}

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
    let page = hub.read(0, &">".parse().expect("a pattern"), After::Earliest, 10);
    assert!(
        page.messages.is_empty() && page.complete,
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

/// Takes up the tickets until there is none; gives how many there were, and what was delivered.
fn go_on(hub: &Hub) -> (usize, usize) {
    let (mut turns, mut count) = (0, 0);
    loop {
        let mut tickets: Vec<QueueTicket> = Vec::new();
        for event in events(hub) {
            match event {
                Event::Delivery(_) => count += 1,
                Event::Scan(ticket) => tickets.push(ticket),
                Event::Message(_) | Event::Receipt { .. } => {}
            }
        }
        assert!(tickets.len() <= 1, "one at a time");
        let Some(ticket) = tickets.pop() else {
            return (turns, count);
        };
        turns += 1;
        hub.scan(0, ticket);
    }
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

fn bind(hub: &Hub, queue: &str, selector: &str, filter: Option<Filter>) -> Result<Bound, QueueError> {
    hub.bind(Bind {
        queue: name(queue),
        selector: selector.parse().expect(selector),
        filter,
    })
}

fn publish(hub: &Hub, topics: &[&str]) {
    let draft = |topic: &&str| Draft::new(name(topic), Kind::Text, topic.to_string());
    hub.publish(0, &mut topics.iter().map(draft).collect());
}

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
    let none = Err(PublishError::NoQueue);
    assert_eq!(commit(&[draft("a", "0"), draft("$a", "0")]), none);
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

//! Queues, by cases.

mod binding;
mod committing;
mod delivering;
mod filtering;
mod limits;
mod settling;

use pogu_hub::{
    Bind, Bound, Consume, ConsumerId, Cursor, Delivery, Draft, Event, Filter, Hub, Kind, Limits,
    MESSAGE_OVERHEAD, Message, Outcome, PublishError, QueueError, QueueRule, QueueTicket, Receipt, Settle,
    Stats, Topic,
};

pub(crate) const EPOCH: u64 = 5;
/// What a message to a queue of one letter with a body of one letter counts.
pub(crate) const SIZE: usize = MESSAGE_OVERHEAD + 2;

pub(crate) fn hub(rule: QueueRule, limits: Limits) -> Hub {
    Hub::new(EPOCH, 2, vec![], vec![rule], limits, Box::new(|_| {}))
}

pub(crate) fn plain() -> Hub {
    hub(QueueRule::default(), Limits::default())
}

pub(crate) fn name(text: &str) -> Topic {
    text.parse().expect(text)
}

pub(crate) fn draft(queue: &str, body: &str) -> Draft {
    Draft::to_queue(name(queue), Kind::Text, body.to_owned())
}

pub(crate) fn asking(mut draft: Draft, ticket: u64) -> Draft {
    draft.receipt = Some(Receipt { lane: 0, ticket });
    draft
}

pub(crate) fn send(hub: &Hub, queue: &str, bodies: &[&str]) {
    hub.publish(0, &mut bodies.iter().map(|body| draft(queue, body)).collect());
}

pub(crate) fn consume(queue: &str, prefetch: u32) -> Consume {
    Consume {
        lane: 0,
        peer: 7,
        queue: name(queue),
        prefetch,
        window: 1 << 20,
        filter: None,
    }
}

pub(crate) fn only(body: &'static str) -> Option<Filter> {
    Some(Filter::new(body, move |message: &Message| message.body == body))
}

pub(crate) fn consumer(hub: &Hub, queue: &str, prefetch: u32) -> ConsumerId {
    hub.consume(0, consume(queue, prefetch)).expect("there is room")
}

pub(crate) fn events(hub: &Hub) -> Vec<Event> {
    let mut events = Vec::new();
    hub.drain(0, &mut events);
    events
}

pub(crate) fn deliveries(hub: &Hub) -> Vec<Delivery> {
    let delivery = |event| match event {
        Event::Delivery(delivery) => Some(delivery),
        Event::Message(_) | Event::Receipt { .. } | Event::Scan(_) => None,
    };
    events(hub).into_iter().filter_map(delivery).collect()
}

/// The bodies that were delivered since this was last asked.
pub(crate) fn bodies(hub: &Hub) -> String {
    let text = |delivery: Delivery| String::from_utf8(delivery.message.body.to_vec()).expect("text");
    deliveries(hub)
        .into_iter()
        .map(text)
        .collect::<Vec<_>>()
        .join(" ")
}

pub(crate) fn receipts(hub: &Hub) -> Vec<(u64, Result<u64, PublishError>)> {
    let receipt = |event| match event {
        Event::Receipt { ticket, result } => Some((ticket, result.map(|cursor: Cursor| cursor.seq))),
        Event::Message(_) | Event::Delivery(_) | Event::Scan(_) => None,
    };
    events(hub).into_iter().filter_map(receipt).collect()
}

pub(crate) fn settle(
    hub: &Hub,
    consumer: ConsumerId,
    delivery: u64,
    cumulative: bool,
    outcome: Outcome,
) -> usize {
    let settle = Settle {
        consumer,
        delivery,
        cumulative,
        outcome,
    };
    hub.settle(0, &mut vec![settle])
}

pub(crate) fn accept(hub: &Hub, consumer: ConsumerId, delivery: u64) -> usize {
    settle(hub, consumer, delivery, false, Outcome::Accept)
}

pub(crate) fn held(stats: Stats) -> (usize, usize, usize) {
    (stats.queues, stats.consumers, stats.queue_messages)
}

/// Takes up the tickets until there is none; gives how many there were, and what was delivered.
pub(crate) fn go_on(hub: &Hub) -> (usize, usize) {
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

pub(crate) fn publish(hub: &Hub, topics: &[&str]) {
    let draft = |topic: &&str| Draft::new(name(topic), Kind::Text, topic.to_string());
    hub.publish(0, &mut topics.iter().map(draft).collect());
}

pub(crate) fn bind(
    hub: &Hub,
    queue: &str,
    selector: &str,
    filter: Option<Filter>,
) -> Result<Bound, QueueError> {
    hub.bind(Bind {
        queue: name(queue),
        selector: selector.parse().expect(selector),
        filter,
    })
}

//! What the hub promises of queues, done in the plainest way: a list of messages per queue, scanned for everything.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use pogu_hub::{
    Bind, Bound, Consume, ConsumerId, Delivery, Draft, Filter, Limits, Message, Outcome, PublishError,
    QueueError, QueueRule, Selector, Settle, Stats, To, Topic, dead_letter_queue,
};

/// A message in a queue.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    seq: u64,
    size: usize,
    number: u64,
    expires: Option<u64>,
    deliveries: u32,
    /// The last time it came back to its place: the how manieth call in which some did.
    returned: Option<u64>,
    /// Who has it.
    with: Option<ConsumerId>,
}

#[derive(Default)]
pub(crate) struct Queue {
    /// In the order of their places.
    items: Vec<Item>,
    missed: u64,
    bound: Option<(Selector, Option<Filter>)>,
    /// How many queues were bound before it.
    bindings: u64,
}

pub(crate) struct Consumer {
    queue: Topic,
    prefetch: usize,
    window: usize,
    /// The remainder of the numbers it asks for.
    asks: Option<u64>,
    pub(crate) delivered: u64,
    /// The sequence number of what is unsettled, how many were missed before it, and its size.
    unsettled: BTreeMap<u64, (u64, u32, usize)>,
}

pub(crate) struct Model {
    pub(crate) queues: BTreeMap<Topic, Queue>,
    pub(crate) consumers: BTreeMap<ConsumerId, Consumer>,
    keys: HashMap<(To, Topic, String), u64>,
    touched: BTreeSet<Topic>,
    bindings: u64,
    returns: u64,
    rules: Vec<QueueRule>,
    limits: Limits,
    pub(crate) head: u64,
    expired: u64,
    dropped: u64,
    dead_lettered: u64,
    pub(crate) accepted: Vec<u64>,
}

/// The filters there are: those numbers that leave this remainder.
pub(crate) fn filter(remainder: u64) -> Filter {
    let text = remainder.to_string();
    Filter::new(&text, move |message| number(message) % 3 == remainder)
}

pub(crate) fn number(message: &Message) -> u64 {
    let text = std::str::from_utf8(&message.body).expect("text");
    text.trim_end().parse().expect("a number")
}

fn drops_oldest(name: &Topic, queue: Option<&Queue>) -> bool {
    let bound = queue.is_some_and(|queue| queue.bound.is_some());
    bound || name.starts_with("dead.") || name.starts_with("$dead.")
}

impl Model {
    pub(crate) fn new(rules: Vec<QueueRule>, limits: Limits) -> Model {
        Model {
            queues: BTreeMap::new(),
            consumers: BTreeMap::new(),
            keys: HashMap::new(),
            touched: BTreeSet::new(),
            bindings: 0,
            returns: 0,
            rules,
            limits,
            head: 0,
            expired: 0,
            dropped: 0,
            dead_lettered: 0,
            accepted: Vec::new(),
        }
    }

    fn rule(&self, name: &Topic) -> QueueRule {
        let rule = self.rules.iter().find(|rule| rule.pattern.matches(name));
        rule.cloned().unwrap_or_default()
    }

    fn bytes(&self) -> usize {
        self.queues.values().map(Queue::bytes).sum()
    }

    /// Publishes drafts one by one, each for itself.
    pub(crate) fn publish(&mut self, now: u64, drafts: &[Draft]) -> Vec<Result<u64, PublishError>> {
        drafts
            .iter()
            .map(|draft| {
                if let Some(seq) = self.repeats(draft) {
                    return Ok(seq);
                }
                if draft.to == To::Queue {
                    self.room(now, &draft.topic, &[draft], &[draft], 1)?;
                }
                Ok(self.take(now, draft, 0))
            })
            .collect()
    }

    /// Publishes all or none, but what is for a reserved queue that is gone.
    pub(crate) fn commit(
        &mut self,
        now: u64,
        drafts: &[Draft],
    ) -> Result<Vec<Result<u64, PublishError>>, PublishError> {
        let mut planned: Vec<&Draft> = Vec::new();
        let mut new = BTreeSet::new();
        for draft in drafts {
            if draft.to == To::Topic || self.repeats(draft).is_some() || self.lacks(draft) {
                continue;
            }
            planned.push(draft);
            if !self.queues.contains_key(&draft.topic) {
                new.insert(draft.topic.clone());
            }
            let own: Vec<_> = planned
                .iter()
                .filter(|other| other.topic == draft.topic)
                .copied()
                .collect();
            self.room(now, &draft.topic, &own, &planned, new.len())?;
        }
        let mut reserved: usize = planned.iter().map(|draft| draft.size()).sum();
        let mut seqs = Vec::new();
        for draft in drafts {
            if let Some(seq) = self.repeats(draft) {
                seqs.push(Ok(seq));
                continue;
            }
            if self.lacks(draft) {
                seqs.push(Err(PublishError::NoQueue));
                continue;
            }
            if draft.to == To::Queue {
                reserved -= draft.size();
            }
            seqs.push(Ok(self.take(now, draft, reserved)));
        }
        Ok(seqs)
    }

    /// Whether it is for a queue that messages do not make, and that is not there.
    fn lacks(&self, draft: &Draft) -> bool {
        draft.to == To::Queue && draft.topic.is_reserved() && !self.queues.contains_key(&draft.topic)
    }

    fn repeats(&self, draft: &Draft) -> Option<u64> {
        let key = draft.key.as_ref()?;
        self.keys
            .get(&(draft.to, draft.topic.clone(), key.to_string()))
            .copied()
    }

    /// Whether a queue has room for its own as part of all.
    fn room(
        &mut self,
        now: u64,
        name: &Topic,
        own: &[&Draft],
        all: &[&Draft],
        new: usize,
    ) -> Result<(), PublishError> {
        let size = |drafts: &[&Draft]| drafts.iter().map(|draft| draft.size()).sum::<usize>();
        let queue = self.queues.get(name);
        if queue.is_none() && name.is_reserved() {
            return Err(PublishError::NoQueue);
        }
        if queue.is_none() && self.queues.len() + new > self.limits.queues {
            return Err(PublishError::TooManyQueues(self.limits.queues));
        }
        if drops_oldest(name, queue) {
            return Ok(());
        }
        let rule = self.rule(name);
        loop {
            let (count, bytes) = self
                .queues
                .get(name)
                .map_or((0, 0), |queue| (queue.items.len(), queue.bytes()));
            let full = if count + own.len() > rule.messages {
                PublishError::QueueMessages(rule.messages)
            } else if bytes + size(own) > rule.bytes {
                PublishError::QueueBytes(rule.bytes)
            } else if self.bytes() + size(all) > self.limits.queue_bytes {
                PublishError::AllQueues(self.limits.queue_bytes)
            } else {
                return Ok(());
            };
            if !self.expire_one(now, name) {
                return Err(full);
            }
        }
    }

    /// Stamps a draft for which there is room, and puts it where it goes.
    fn take(&mut self, now: u64, draft: &Draft, reserved: usize) -> u64 {
        self.head += 1;
        if let Some(key) = &draft.key {
            self.keys
                .insert((draft.to, draft.topic.clone(), key.to_string()), self.head);
        }
        let cursor = pogu_hub::Cursor {
            epoch: 0,
            seq: self.head,
        };
        let message = draft.clone().stamp(cursor, now, pogu_hub::Policy::default());
        let item = Item {
            seq: self.head,
            size: message.size(),
            number: number(&message),
            expires: draft.expires,
            deliveries: 0,
            returned: None,
            with: None,
        };
        match draft.to {
            To::Queue => self.put(now, &draft.topic, item, reserved),
            To::Topic => {
                let wants = |queue: &Queue| {
                    let (selector, filter) = queue.bound.as_ref()?;
                    let admits = filter.as_ref().is_none_or(|filter| filter.admits(&message));
                    // Who is first matters where room is short: topics, then patterns from the widest.
                    let rank = match selector {
                        Selector::Topic(_) => 0,
                        Selector::Pattern(pattern) => pattern.as_str().len() as u32,
                    };
                    (selector.matches(&draft.topic) && admits).then_some(rank)
                };
                let mut wanting: Vec<(u32, u64, Topic)> = self
                    .queues
                    .iter()
                    .filter_map(|(name, queue)| wants(queue).map(|rank| (rank, queue.bindings, name.clone())))
                    .collect();
                wanting.sort();
                for (_, _, name) in wanting {
                    self.put(now, &name, item.clone(), reserved);
                }
            }
        }
        self.head
    }

    /// Puts an item at the end of a queue, or drops what has to be.
    fn put(&mut self, now: u64, name: &Topic, mut item: Item, reserved: usize) {
        let rule = self.rule(name);
        self.touched.insert(name.clone());
        let size = item.size;
        self.queues.entry(name.clone()).or_default();
        if drops_oldest(name, self.queues.get(name)) {
            if name.starts_with("dead.") || name.starts_with("$dead.") {
                item.expires = None;
            }
            loop {
                let all = self.bytes() + reserved + size;
                let queue = &self.queues[name];
                if queue.items.len() < rule.messages
                    && queue.bytes() + size <= rule.bytes
                    && all <= self.limits.queue_bytes
                {
                    break;
                }
                let hopeless = size > rule.bytes || all - queue.bytes() > self.limits.queue_bytes;
                if !hopeless && self.expire_one(now, name) {
                    continue;
                }
                self.dropped += 1;
                let queue = self.queues.get_mut(name).expect("it is there");
                queue.missed += 1;
                match queue.items.iter().position(|item| item.with.is_none()) {
                    Some(at) if !hopeless => drop(queue.items.remove(at)),
                    _ => return,
                }
            }
        }
        self.queues.get_mut(name).expect("it is there").items.push(item);
    }

    fn expire_one(&mut self, now: u64, name: &Topic) -> bool {
        let Some(queue) = self.queues.get_mut(name) else {
            return false;
        };
        let expired = queue
            .items
            .iter()
            .enumerate()
            .filter(|(_, item)| item.with.is_none() && item.expires.is_some_and(|expires| expires <= now))
            .min_by_key(|(at, item)| (item.expires, *at))
            .map(|(at, _)| at);
        if let Some(at) = expired {
            queue.items.remove(at);
            self.expired += 1;
        }
        expired.is_some()
    }

    pub(crate) fn consume(&self, consume: &Consume) -> Result<(), QueueError> {
        if self.consumers.len() >= self.limits.consumers {
            return Err(QueueError::TooManyConsumers(self.limits.consumers));
        }
        if !self.queues.contains_key(&consume.queue) && self.queues.len() >= self.limits.queues {
            return Err(QueueError::TooManyQueues(self.limits.queues));
        }
        Ok(())
    }

    pub(crate) fn consuming(&mut self, id: ConsumerId, consume: Consume) {
        self.touched.insert(consume.queue.clone());
        self.queues.entry(consume.queue.clone()).or_default();
        let before = self.consumers.insert(
            id,
            Consumer {
                queue: consume.queue,
                prefetch: consume.prefetch.max(1) as usize,
                window: consume.window,
                asks: consume
                    .filter
                    .map(|filter| filter.text().parse().expect("a number")),
                delivered: 0,
                unsettled: BTreeMap::new(),
            },
        );
        assert!(before.is_none(), "an id was used again");
    }

    pub(crate) fn cancel(&mut self, now: u64, id: ConsumerId, reached: u64) -> bool {
        let Some(consumer) = self.consumers.remove(&id) else {
            return false;
        };
        let name = consumer.queue;
        self.touched.insert(name.clone());
        self.returns += 1;
        let mut back: Vec<u64> = Vec::new();
        for (number, (seq, missed, _)) in &consumer.unsettled {
            let queue = self.queues.get_mut(&name).expect("it has a consumer");
            queue.missed += u64::from(*missed);
            let item = queue.item(*seq);
            if *number > reached {
                item.deliveries -= 1;
            }
            back.push(*seq);
        }
        let queue = &self.queues[&name];
        let in_order: Vec<u64> = queue
            .items
            .iter()
            .map(|item| item.seq)
            .filter(|seq| back.contains(seq))
            .collect();
        for seq in in_order {
            self.give_back(now, &name, seq);
        }
        true
    }

    fn give_back(&mut self, now: u64, name: &Topic, seq: u64) {
        let limit = self.rule(name).delivery_limit.max(1);
        let item = self.queues.get_mut(name).expect("it has a consumer").item(seq);
        item.with = None;
        item.returned = Some(self.returns);
        if item.deliveries >= limit {
            self.bury(now, name, seq);
        }
    }

    fn bury(&mut self, now: u64, name: &Topic, seq: u64) {
        let queue = self.queues.get_mut(name).expect("it has a consumer");
        let at = queue.items.iter().position(|item| item.seq == seq);
        let mut item = queue.items.remove(at.expect("it is there"));
        let dead = dead_letter_queue(name);
        let room = |dead: &Topic| self.queues.contains_key(dead) || self.queues.len() < self.limits.queues;
        let Some(dead) = dead.filter(room) else {
            self.dropped += 1;
            return;
        };
        self.dead_lettered += 1;
        (item.deliveries, item.returned, item.with) = (0, None, None);
        self.put(now, &dead, item, 0);
    }

    pub(crate) fn settle(&mut self, now: u64, settle: &Settle) -> bool {
        let Some(consumer) = self.consumers.get_mut(&settle.consumer) else {
            return false;
        };
        let name = consumer.queue.clone();
        let meant = |number: &u64| match settle.cumulative {
            true => settle.delivery <= consumer.delivered && *number <= settle.delivery,
            false => *number == settle.delivery,
        };
        let numbers: Vec<u64> = consumer.unsettled.keys().copied().filter(meant).collect();
        let seqs: Vec<u64> = numbers
            .iter()
            .filter_map(|number| consumer.unsettled.remove(number))
            .map(|(seq, _, _)| seq)
            .collect();
        if seqs.is_empty() {
            return false;
        }
        self.touched.insert(name.clone());
        for &seq in &seqs {
            match settle.outcome {
                Outcome::Accept => {
                    self.accepted.push(seq);
                    let queue = self.queues.get_mut(&name).expect("it has a consumer");
                    queue.items.retain(|item| item.seq != seq);
                }
                Outcome::Reject => self.bury(now, &name, seq),
                Outcome::Release => {}
            }
        }
        if settle.outcome == Outcome::Release {
            self.returns += 1;
            let queue = &self.queues[&name];
            let in_order: Vec<u64> = queue
                .items
                .iter()
                .map(|item| item.seq)
                .filter(|seq| seqs.contains(seq))
                .collect();
            for seq in in_order {
                self.give_back(now, &name, seq);
            }
        }
        true
    }

    pub(crate) fn bind(&mut self, bind: &Bind) -> Result<Bound, QueueError> {
        let asked = (bind.selector.clone(), bind.filter.clone());
        let outcome = match self.queues.get(&bind.queue) {
            Some(queue) => match &queue.bound {
                None => return Err(QueueError::NotBound),
                Some(bound) if *bound == asked => return Ok(Bound::Kept),
                Some(_) => Bound::Replaced,
            },
            None => Bound::New,
        };
        self.remove(&bind.queue);
        if self.queues.len() >= self.limits.queues {
            return Err(QueueError::TooManyQueues(self.limits.queues));
        }
        self.bindings += 1;
        let queue = self.queues.entry(bind.queue.clone()).or_default();
        (queue.bound, queue.bindings) = (Some(asked), self.bindings);
        Ok(outcome)
    }

    pub(crate) fn remove(&mut self, name: &Topic) -> bool {
        let known = self.queues.remove(name).is_some();
        let dead = dead_letter_queue(name).filter(|dead| known && self.queues.remove(dead).is_some());
        if known {
            self.consumers
                .retain(|_, consumer| consumer.queue != *name && Some(&consumer.queue) != dead.as_ref());
        }
        known
    }

    /// What the end of every call does to the queues that it touched, and a tick to all.
    pub(crate) fn end_of_call(&mut self, now: u64, all: bool) {
        let names: Vec<Topic> = match all {
            true => self.queues.keys().cloned().collect(),
            false => std::mem::take(&mut self.touched).into_iter().collect(),
        };
        for name in names {
            while self.expire_one(now, &name) {}
            let idle = self
                .queues
                .get(&name)
                .is_some_and(|queue| queue.items.is_empty() && queue.bound.is_none());
            if idle && self.consumers.values().all(|consumer| consumer.queue != name) {
                self.queues.remove(&name);
            }
        }
    }

    /// Checks a delivery, and notes it.
    pub(crate) fn deliver(&mut self, now: u64, delivery: &Delivery) {
        let Delivery {
            consumer: id,
            number,
            redelivered,
            missed,
            message,
            ..
        } = delivery;
        let consumer = self.consumers.get_mut(id).expect("the consumer is there");
        assert!(consumer.has_credit(), "more than it has credit for");
        assert_eq!(*number, consumer.delivered + 1);
        let queue = self.queues.get_mut(&consumer.queue).expect("it has a consumer");
        let wanted = |item: &Item| item.with.is_none() && consumer.admits(item);
        let seq = message.cursor.seq;
        let item = queue
            .items
            .iter()
            .find(|item| item.seq == seq)
            .expect("it is in its queue");
        assert!(wanted(item), "{seq} is with {:?}, or not asked for", item.with);
        assert!(item.expires.is_none_or(|expires| now < expires), "it has expired");
        assert_eq!(*redelivered, item.deliveries);
        assert_eq!(item.number, self::number(message));
        let before: Vec<&Item> = queue
            .items
            .iter()
            .take_while(|item| item.seq != seq)
            .filter(|item| wanted(item))
            .collect();
        // One with a filter gets what came back in the order in which it did.
        let later = |other: &&Item| other.returned > item.returned;
        let in_order = before.is_empty()
            || consumer.asks.is_some() && item.returned.is_some() && before.iter().all(later);
        assert!(in_order, "{seq} overtakes {before:?}");
        assert_eq!(u64::from(*missed), queue.missed);
        queue.missed = 0;
        let item = queue.item(seq);
        item.with = Some(*id);
        item.deliveries += 1;
        consumer.delivered += 1;
        consumer.unsettled.insert(*number, (seq, *missed, item.size));
    }

    /// Once all deliveries have come: nothing is left that somebody with credit wants, and the numbers agree.
    pub(crate) fn check(&self, stats: Stats) {
        for consumer in self.consumers.values() {
            let queue = &self.queues[&consumer.queue];
            let left = queue
                .items
                .iter()
                .find(|item| item.with.is_none() && consumer.admits(item));
            assert!(
                !consumer.has_credit() || left.is_none(),
                "{left:?} is not delivered"
            );
        }
        let count: usize = self.queues.values().map(|queue| queue.items.len()).sum();
        assert_eq!(stats.queues, self.queues.len());
        assert_eq!(stats.consumers, self.consumers.len());
        assert_eq!((stats.queue_messages, stats.queue_bytes), (count, self.bytes()));
        assert!(stats.queue_bytes <= self.limits.queue_bytes && stats.queues <= self.limits.queues);
        assert_eq!(
            (stats.expired, stats.dropped, stats.dead_lettered),
            (self.expired, self.dropped, self.dead_lettered)
        );
        for (name, queue) in &self.queues {
            let rule = self.rule(name);
            assert!(queue.items.len() <= rule.messages && queue.bytes() <= rule.bytes);
        }
    }
}

impl Queue {
    fn bytes(&self) -> usize {
        self.items.iter().map(|item| item.size).sum()
    }

    fn item(&mut self, seq: u64) -> &mut Item {
        let item = self.items.iter_mut().find(|item| item.seq == seq);
        item.expect("it is in its queue")
    }
}

impl Consumer {
    fn has_credit(&self) -> bool {
        let bytes: usize = self.unsettled.values().map(|(_, _, size)| size).sum();
        self.unsettled.is_empty() || (self.unsettled.len() < self.prefetch && bytes < self.window)
    }

    fn admits(&self, item: &Item) -> bool {
        self.asks.is_none_or(|remainder| item.number % 3 == remainder)
    }
}

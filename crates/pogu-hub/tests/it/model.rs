//! What the hub promises, done in the plainest way: one list of all messages ever, scanned for everything.

use std::collections::HashMap;

use pogu_hub::{After, Cursor, Limits, Message, Policy, Rule, Selector, Topic};

pub(crate) const EPOCH: u64 = 46655;

/// A published message, and when it was evicted: the how manieth eviction that was.
pub(crate) struct Published {
    pub(crate) seq: u64,
    pub(crate) topic: Topic,
    pub(crate) origin: u64,
    pub(crate) body: String,
    pub(crate) size: usize,
    pub(crate) time: u64,
    pub(crate) evicted: Option<u64>,
}

pub(crate) struct Model {
    pub(crate) all: Vec<Published>,
    pub(crate) evictions: u64,
    /// Topics in the table, the one published to longest ago first.
    table: Vec<Topic>,
    /// The eviction count and last message of topics that left the table.
    pub(crate) forgotten: Vec<(u64, u64)>,
    keys: HashMap<(Topic, String), u64>,
    rules: Vec<Rule>,
    pub(crate) limits: Limits,
}

impl Model {
    pub(crate) fn new(rules: Vec<Rule>, limits: Limits) -> Model {
        Model {
            all: Vec::new(),
            evictions: 0,
            table: Vec::new(),
            forgotten: Vec::new(),
            keys: HashMap::new(),
            rules,
            limits,
        }
    }

    pub(crate) fn head(&self) -> u64 {
        self.all.len() as u64
    }

    pub(crate) fn rule(&self, topic: &Topic) -> Rule {
        self.rules
            .iter()
            .find(|rule| rule.pattern.matches(topic))
            .cloned()
            .unwrap_or_default()
    }

    /// Publishes, and gives the number of the message or of that which had the key first.
    pub(crate) fn publish(
        &mut self,
        now: u64,
        topic: &Topic,
        origin: u64,
        body: &str,
        size: usize,
        key: Option<&str>,
    ) -> u64 {
        if let Some(key) = key {
            let next = self.head() + 1;
            let seq = *self.keys.entry((topic.clone(), key.to_owned())).or_insert(next);
            if seq != next {
                return seq;
            }
        }
        if let Some(at) = self.table.iter().position(|other| other == topic) {
            self.table.remove(at);
        } else if self.table.len() == self.limits.topics {
            let forgotten = self.table.remove(0);
            self.evict_where(|published| published.topic == forgotten);
            self.evictions += 1;
            let last = self
                .all
                .iter()
                .rev()
                .find(|published| published.topic == forgotten);
            self.forgotten
                .push((self.evictions, last.expect("it was published to").seq));
        }
        self.table.push(topic.clone());
        let seq = self.head() + 1;
        self.all.push(Published {
            seq,
            topic: topic.clone(),
            origin,
            body: body.to_owned(),
            size,
            time: now,
            evicted: None,
        });
        let history = self.rule(topic).history;
        let kept: Vec<u64> = self
            .kept()
            .filter(|published| published.topic == *topic)
            .map(|published| published.seq)
            .collect();
        let unkeepable = size > self.limits.history_bytes;
        let excess = if unkeepable {
            kept.len()
        } else {
            kept.len().saturating_sub(history)
        };
        for seq in &kept[..excess] {
            self.evict(*seq);
        }
        while self.kept().map(|published| published.size).sum::<usize>() > self.limits.history_bytes {
            let oldest = self.kept().next().expect("something is kept").seq;
            self.evict(oldest);
        }
        seq
    }

    pub(crate) fn kept(&self) -> impl Iterator<Item = &Published> {
        self.all.iter().filter(|published| published.evicted.is_none())
    }

    /// Evicts what is too old, oldest first, of the topic that is asked for by name, or of all.
    pub(crate) fn expire(&mut self, now: u64, selector: Option<&Selector>) {
        let mut fresh = Vec::new();
        for at in 0..self.all.len() {
            let Published {
                topic, time, evicted, ..
            } = &self.all[at];
            let asked = match selector {
                Some(Selector::Topic(own)) => own == topic,
                Some(Selector::Pattern(_)) => false,
                None => true,
            };
            if !asked || evicted.is_some() || fresh.contains(topic) {
                continue;
            }
            if now.saturating_sub(*time) > self.rule(topic).history_age_ms {
                self.evict(at as u64 + 1);
            } else {
                fresh.push(topic.clone());
            }
        }
    }

    /// Where a reader begins, as a number.
    pub(crate) fn begin(&self, selector: &Selector, after: After) -> u64 {
        match after {
            After::Now => self.head(),
            After::Earliest => 0,
            After::Last(count) => {
                let matching: Vec<u64> = self
                    .kept()
                    .filter(|published| selector.matches(&published.topic))
                    .map(|published| published.seq)
                    .collect();
                match matching.len().checked_sub(count as usize) {
                    _ if count == 0 => self.head(),
                    Some(skip) => matching[skip] - 1,
                    None => matching.first().map_or(self.head(), |seq| seq - 1),
                }
            }
            After::Cursor(Cursor { epoch, .. }) if epoch != EPOCH => 0,
            After::Cursor(cursor) => cursor.seq.min(self.head()),
        }
    }

    /// Whether something selected above `seq` was evicted since there had been so many evictions.
    /// Messages of an excluded origin (0: none) do not count.
    pub(crate) fn lost(&self, selector: &Selector, seq: u64, evictions: u64, exclude: u64) -> bool {
        self.all.iter().any(|published| {
            published.seq > seq
                && (exclude == 0 || exclude != published.origin)
                && selector.matches(&published.topic)
                && published.evicted.is_some_and(|at| at > evictions)
        })
    }

    /// Whether the hub may say that something was lost because it no longer knows: a topic left the table since.
    pub(crate) fn may_be_lost(&self, selector: &Selector, seq: u64, evictions: u64) -> bool {
        let known = |topic: &Topic| {
            let first = self.all.iter().find(|published| published.topic == *topic);
            first.is_some_and(|first| self.table.contains(topic) && first.seq <= seq)
        };
        match selector {
            // A topic that has been in the table since before the cursor is never doubted.
            Selector::Topic(topic) if known(topic) && !self.was_forgotten(topic) => false,
            _ => self
                .forgotten
                .iter()
                .any(|(at, last)| *at > evictions && *last > seq),
        }
    }

    /// Checks that a message is what was published.
    pub(crate) fn check(&self, message: &Message) {
        let published = &self.all[message.cursor.seq as usize - 1];
        assert_eq!(
            message.cursor,
            Cursor {
                epoch: EPOCH,
                seq: published.seq
            }
        );
        assert_eq!(message.topic, published.topic);
        assert_eq!(message.origin, published.origin);
        assert_eq!(message.body, published.body);
        assert_eq!(message.time, published.time);
        assert_eq!(message.policy, self.policy(&published.topic));
    }

    pub(crate) fn policy(&self, topic: &Topic) -> Policy {
        self.rule(topic).policy
    }

    fn was_forgotten(&self, topic: &Topic) -> bool {
        self.forgotten
            .iter()
            .any(|(_, last)| self.all[*last as usize - 1].topic == *topic)
    }

    fn evict(&mut self, seq: u64) {
        self.evictions += 1;
        self.all[seq as usize - 1].evicted = Some(self.evictions);
    }

    fn evict_where(&mut self, which: impl Fn(&Published) -> bool) {
        let seqs: Vec<u64> = self
            .kept()
            .filter(|published| which(published))
            .map(|published| published.seq)
            .collect();
        seqs.into_iter().for_each(|seq| self.evict(seq));
    }
}

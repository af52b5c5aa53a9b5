//! Random producers and consumers of queues, by seed, against the model.

use pogu_hub::{
    Bind, Consume, ConsumerId, Draft, Event, Hub, Kind, Limits, MESSAGE_OVERHEAD, Outcome, PublishError,
    QueueRule, Receipt, Selector, Settle, Topic,
};

use crate::queue_model::{Model, filter};
use crate::simulation::Random;

const SEEDS: u64 = 200;
const STEPS: usize = 300;
/// About what a message counts.
const SIZE: usize = MESSAGE_OVERHEAD + 10;

struct Simulation {
    random: Random,
    hub: Hub,
    model: Model,
    queues: Vec<Topic>,
    topics: Vec<Topic>,
    selectors: Vec<Selector>,
    /// All there ever were.
    ids: Vec<ConsumerId>,
    /// The number that is the body of the next message.
    number: u64,
    now: u64,
}

fn simulate(seed: u64) {
    println!("seed {seed}");
    let mut random = Random(seed);
    let rule = |pattern: &str, messages, bytes, delivery_limit| QueueRule {
        pattern: pattern.parse().expect(pattern),
        messages,
        bytes,
        delivery_limit,
    };
    let rules = vec![
        rule("q.a", 8, usize::MAX, 3),
        rule("dead.>", 4, 1 << 20, 2),
        rule("$d.>", 5, 6 * SIZE, 2),
        rule("d", 1000, 4 * SIZE, 20),
    ];
    let limits = Limits {
        queues: if random.one_in(2) { 100 } else { 5 },
        consumers: 6,
        queue_bytes: match random.one_in(3) {
            true => 20 * SIZE,
            false => 1 << 20,
        },
        ..Limits::default()
    };
    let parse = |text: &&str| text.parse::<Topic>().expect(text);
    let simulation = Simulation {
        hub: Hub::new(1, 1, vec![], rules.clone(), limits.clone(), Box::new(|_| {})),
        model: Model::new(rules, limits),
        queues: [
            "q.a", "q.b", "q.c", "dead.q.a", "dead.d", "$p", "$dead.$p", "$d.x", "d",
        ]
        .iter()
        .map(parse)
        .collect(),
        topics: ["t.x", "t.y", "q.a"].iter().map(parse).collect(),
        selectors: ["t.x", "t.*", ">"]
            .iter()
            .map(|text| text.parse().expect(text))
            .collect(),
        ids: Vec::new(),
        number: 0,
        now: 1000,
        random,
    };
    simulation.run();
}

impl Simulation {
    fn run(mut self) {
        for _ in 0..STEPS {
            match self.random.below(100) {
                0..35 => self.publish(),
                35..50 => self.consume(),
                50..60 => self.cancel(),
                60..80 => self.settle(),
                80..88 => self.commit(),
                88..92 => self.bind(),
                92..94 => self.remove(),
                _ => self.pass_time(),
            }
            self.deliver();
        }
        self.finish();
    }

    fn drafts(&mut self, most: u64) -> Vec<Draft> {
        let count = self.random.below(most + 1);
        (0..count).map(|_| self.draft()).collect()
    }

    fn draft(&mut self) -> Draft {
        self.number += 1;
        let body = format!("{:<1$}", self.number, self.random.below(100) as usize);
        let mut draft = match self.random.one_in(4) {
            true => Draft::new(self.random.pick(&self.topics).clone(), Kind::Text, body),
            false => Draft::to_queue(self.random.pick(&self.queues).clone(), Kind::Text, body),
        };
        if self.random.one_in(6) {
            draft.key = Some(self.random.below(4).to_string().into());
        }
        if self.random.one_in(4) {
            draft.expires = Some(self.now + self.random.below(40));
        }
        draft.receipt = Some(Receipt {
            lane: 0,
            ticket: self.number,
        });
        draft
    }

    fn publish(&mut self) {
        let mut drafts = self.drafts(6);
        let expect = self.model.publish(self.now, &drafts);
        let tickets = tickets(&drafts);
        self.hub.publish(self.now, &mut drafts);
        self.receipts(tickets, expect);
    }

    fn commit(&mut self) {
        let mut drafts = self.drafts(5);
        let mut settles = self.settles();
        let tickets = tickets(&drafts);
        let published = self.model.commit(self.now, &drafts);
        let result = self.hub.commit(self.now, &mut drafts, &mut settles.clone());
        match published {
            Ok(seqs) => {
                settles.retain(|settle| self.model.settle(self.now, settle));
                assert_eq!(result, Ok(settles.len()));
                self.receipts(tickets, seqs);
            }
            Err(error) => {
                assert_eq!(result, Err(error));
                self.receipts(tickets.clone(), vec![Err(error); tickets.len()]);
            }
        }
    }

    fn settles(&mut self) -> Vec<Settle> {
        let count = self.random.below(4);
        (0..count).filter_map(|_| self.any_settle()).collect()
    }

    fn any_settle(&mut self) -> Option<Settle> {
        let consumer = self.any()?;
        let delivered = self
            .model
            .consumers
            .get(&consumer)
            .map_or(3, |known| known.delivered);
        Some(Settle {
            consumer,
            delivery: (delivered + 2).saturating_sub(self.random.below(6)),
            cumulative: self.random.one_in(2),
            outcome: match self.random.below(5) {
                0 => Outcome::Reject,
                1..3 => Outcome::Release,
                _ => Outcome::Accept,
            },
        })
    }

    fn settle(&mut self) {
        let mut settles = self.settles();
        let known = self.hub.settle(self.now, &mut settles.clone());
        settles.retain(|settle| self.model.settle(self.now, settle));
        assert_eq!(known, settles.len());
    }

    fn consume(&mut self) {
        let consume = Consume {
            lane: 0,
            peer: 7,
            queue: self.random.pick(&self.queues).clone(),
            prefetch: self.random.below(6) as u32,
            window: self.random.below(5) as usize * SIZE,
            filter: self.random.one_in(3).then(|| filter(self.random.below(3))),
        };
        let expect = self.model.consume(&consume);
        match self.hub.consume(self.now, consume.clone()) {
            Ok(id) => {
                assert_eq!(expect, Ok(()));
                self.model.consuming(id, consume);
                self.ids.push(id);
            }
            Err(error) => assert_eq!(expect, Err(error)),
        }
    }

    fn cancel(&mut self) {
        let Some(id) = self.any() else { return };
        let delivered = self.model.consumers.get(&id).map_or(0, |known| known.delivered);
        let reached = match self.random.one_in(2) {
            true => u64::MAX,
            false => delivered.saturating_sub(self.random.below(4)),
        };
        let known = self.model.cancel(self.now, id, reached);
        assert_eq!(self.hub.cancel(self.now, id, reached), known);
    }

    fn bind(&mut self) {
        let at = self.queues.len() - 1 - self.random.below(2) as usize;
        let bind = Bind {
            queue: self.queues[at].clone(),
            selector: self.random.pick(&self.selectors).clone(),
            filter: self.random.one_in(4).then(|| filter(self.random.below(3))),
        };
        let expect = self.model.bind(&bind);
        assert_eq!(self.hub.bind(bind), expect);
    }

    fn remove(&mut self) {
        let name = self.random.pick(&self.queues).clone();
        assert_eq!(self.hub.remove_queue(&name), self.model.remove(&name));
    }

    fn pass_time(&mut self) {
        self.now = match self.random.below(10) {
            // A clock that steps back.
            0 => self.now - 30,
            _ => self.now + self.random.below(20),
        };
        if self.random.one_in(2) {
            self.hub.tick(self.now);
            self.model.end_of_call(self.now, true);
        }
    }

    fn receipts(&mut self, tickets: Vec<u64>, expect: Vec<Result<u64, PublishError>>) {
        assert_eq!(self.hub.head().seq, self.model.head);
        let mut events = Vec::new();
        self.hub.drain(0, &mut events);
        let mut told = Vec::new();
        self.model.end_of_call(self.now, false);
        for event in events {
            match event {
                Event::Receipt { ticket, result } => told.push((ticket, result.map(|cursor| cursor.seq))),
                Event::Delivery(delivery) => self.model.deliver(self.now, &delivery),
                other => panic!("{other:?}"),
            }
        }
        let expect: Vec<_> = tickets.into_iter().zip(expect).collect();
        assert_eq!(told, expect);
    }

    /// Takes in what the last call delivered.
    fn deliver(&mut self) {
        self.model.end_of_call(self.now, false);
        let mut events = Vec::new();
        self.hub.drain(0, &mut events);
        for event in events {
            match event {
                Event::Delivery(delivery) => self.model.deliver(self.now, &delivery),
                other => panic!("{other:?}"),
            }
        }
        self.model.check(self.hub.stats());
    }

    /// Everything is accepted in the end, and each message once.
    fn finish(mut self) {
        while let Some((&id, _)) = self.model.consumers.first_key_value() {
            assert!(self.hub.cancel(self.now, id, 0) && self.model.cancel(self.now, id, 0));
            self.deliver();
        }
        let names: Vec<Topic> = self.model.queues.keys().cloned().collect();
        for queue in names {
            let consume = Consume {
                lane: 0,
                peer: 7,
                queue,
                prefetch: 1000,
                window: usize::MAX,
                filter: None,
            };
            let id = self
                .hub
                .consume(self.now, consume.clone())
                .expect("there is room");
            self.model.consuming(id, consume);
            self.deliver();
            let settle = Settle {
                consumer: id,
                delivery: self.model.consumers[&id].delivered,
                cumulative: true,
                outcome: Outcome::Accept,
            };
            self.hub.settle(self.now, &mut vec![settle]);
            self.model.settle(self.now, &settle);
            self.deliver();
            self.hub.cancel(self.now, id, 0);
            self.model.cancel(self.now, id, 0);
            self.deliver();
        }
        assert_eq!(self.hub.stats().queue_messages, 0);
        for name in self.queues.clone() {
            assert_eq!(self.hub.remove_queue(&name), self.model.remove(&name));
        }
        self.deliver();
        assert_eq!(self.hub.stats().queues, 0);
    }

    fn any(&mut self) -> Option<ConsumerId> {
        if self.ids.is_empty() {
            return None;
        }
        // Mostly one that is there.
        if !self.random.one_in(10) && !self.model.consumers.is_empty() {
            let at = self.random.below(self.model.consumers.len() as u64) as usize;
            return self.model.consumers.keys().nth(at).copied();
        }
        Some(*self.random.pick(&self.ids))
    }
}

fn tickets(drafts: &[Draft]) -> Vec<u64> {
    let ticket = |draft: &Draft| draft.receipt.expect("each asks").ticket;
    drafts.iter().map(ticket).collect()
}

#[test]
fn by_seed() {
    for seed in 0..SEEDS {
        simulate(seed);
    }
}

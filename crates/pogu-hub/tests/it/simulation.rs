//! Random publishers, subscribers and slow readers over several lanes, by seed.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use pogu_hub::{
    After, Cursor, Draft, Event, Hub, Kind, Letter, Limits, MESSAGE_OVERHEAD, Mailbox, Message, Policy,
    Pushed, Receipt, Rule, Selector, SubscriptionId, Subscriptions, Topic,
};

use crate::model::{EPOCH, Model};
use crate::read;

const SEEDS: u64 = 150;
const STEPS: usize = 300;
const LANES: usize = 3;
const PEERS: u64 = 4;
const PAGE_BYTES: usize = 3 * (MESSAGE_OVERHEAD + 10);

/// splitmix64
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }
}

struct Lane {
    subscriptions: Subscriptions,
    mailboxes: HashMap<u32, Mailbox>,
    watched: BTreeMap<SubscriptionId, Watched>,
    events: Vec<Event>,
    last: u64,
}

/// What is known of a subscription from outside.
struct Watched {
    selector: Selector,
    peer: u32,
    exclude: u64,
    /// The last message that was handed to it, or where it started, and what it was told to have lost up to there.
    seq: u64,
    evictions: u64,
    /// What it was told to have lost: from which position, and after how many evictions.
    told: Vec<(u64, u64)>,
    /// What its mailbox took, until it is received; with what was dropped told.
    pushed: VecDeque<u64>,
    missed: u64,
    live: bool,
}

struct Simulation {
    random: Random,
    hub: Hub,
    model: Model,
    woken: Arc<Mutex<Vec<bool>>>,
    lanes: Vec<Lane>,
    topics: Vec<Topic>,
    selectors: Vec<Selector>,
    receipts: HashMap<u64, u64>,
    tickets: u64,
    now: u64,
    exact: bool,
    mailbox_limit: usize,
}

fn simulate(seed: u64) {
    println!("seed {seed}");
    let mut random = Random(seed);
    let exact = random.one_in(2);
    let rule = |pattern: &str, history, history_age_ms, policy| Rule {
        pattern: pattern.parse().expect(pattern),
        history,
        history_age_ms,
        policy,
    };
    let rules = vec![
        rule("a.>", 4, 400, Policy::Conflate),
        rule("*.none", 0, 400, Policy::DropOldest),
        rule("b.*", 2, 100, Policy::DropNewest),
        rule("c", 8, 10_000, Policy::Disconnect),
    ];
    let limits = Limits {
        topics: if exact { 100 } else { 5 },
        history_bytes: if random.one_in(3) {
            8 * (MESSAGE_OVERHEAD + 10)
        } else {
            1 << 20
        },
        page_bytes: PAGE_BYTES,
        keys: 100_000,
        key_age_ms: u64::MAX,
        ..Limits::default()
    };
    let woken = Arc::new(Mutex::new(vec![false; LANES]));
    let wake = Arc::clone(&woken);
    let hub = Hub::new(
        EPOCH,
        LANES,
        rules.clone(),
        vec![],
        limits.clone(),
        Box::new(move |lane| wake.lock().expect("no panic")[lane] = true),
    );
    let parse = |text: &&str| text.parse::<Topic>().expect(text);
    let simulation = Simulation {
        hub,
        model: Model::new(rules, limits),
        woken,
        lanes: (0..LANES)
            .map(|lane| Lane {
                subscriptions: Subscriptions::new(lane),
                mailboxes: HashMap::new(),
                watched: BTreeMap::new(),
                events: Vec::new(),
                last: 0,
            })
            .collect(),
        topics: ["a.x", "a.y", "a.none", "b.none", "b.x", "b.y", "c", "d", "$s.x"]
            .iter()
            .map(parse)
            .collect(),
        selectors: [
            "a.x", "a.y", "b.x", "c", "a.none", "b.none", "$s.x", "a.*", "*.x", ">", "*", "b.>", "*.none",
            "$s.>",
        ]
        .iter()
        .map(|text| text.parse().expect(text))
        .collect(),
        receipts: HashMap::new(),
        tickets: 0,
        now: 1_000_000,
        exact,
        mailbox_limit: (1 + random.below(8) as usize) * (MESSAGE_OVERHEAD + 10),
        random,
    };
    simulation.run();
}

impl Simulation {
    fn run(mut self) {
        for _ in 0..STEPS {
            let lane = self.random.below(LANES as u64) as usize;
            match self.random.below(100) {
                0..30 => self.publish(),
                30..45 => self.turn(lane),
                45..60 => self.catch_up(lane),
                60..72 => {
                    let peer = self.random.below(PEERS) as u32;
                    self.receive(lane, peer);
                }
                72..82 => self.subscribe(lane),
                82..88 => self.unsubscribe(lane),
                88..94 => self.read(),
                _ => self.pass_time(),
            }
            self.check();
        }
        self.finish();
    }

    fn publish(&mut self) {
        let mut drafts = Vec::new();
        for _ in 0..1 + self.random.below(6) {
            let topic = self.random.pick(&self.topics).clone();
            let mut draft = Draft::new(topic, Kind::Text, format!("body {}", self.tickets));
            draft.origin = self.random.below(4);
            if self.random.one_in(5) {
                draft.key = Some(self.random.below(6).to_string().into());
            }
            if self.random.one_in(3) {
                draft.receipt = Some(Receipt {
                    lane: self.random.below(LANES as u64 + 1) as u16,
                    ticket: self.tickets,
                });
            }
            let size = draft.clone().stamp(self.hub.head(), 0, Policy::default()).size();
            let body = format!("body {}", self.tickets);
            let seq = self.model.publish(
                self.now,
                &draft.topic,
                draft.origin,
                &body,
                size,
                draft.key.as_deref(),
            );
            if let Some(receipt) = draft.receipt.filter(|receipt| usize::from(receipt.lane) < LANES) {
                self.receipts.insert(receipt.ticket, seq);
            }
            self.tickets += 1;
            drafts.push(draft);
        }
        self.hub.publish(self.now, &mut drafts);
        assert!(drafts.is_empty());
        assert_eq!(self.hub.head().seq, self.model.head());
    }

    fn subscribe(&mut self, lane: usize) {
        let selector = self.random.pick(&self.selectors).clone();
        let after = self.after();
        let peer = self.random.below(PEERS) as u32;
        let exclude = if self.random.one_in(3) {
            1 + self.random.below(3)
        } else {
            0
        };
        self.turn(lane);
        self.model.expire(self.now, Some(&selector));
        let start = self.model.begin(&selector, after);
        let subscriptions = &mut self.lanes[lane].subscriptions;
        let made = subscriptions
            .subscribe(&self.hub, self.now, peer, selector.clone(), after, exclude, None)
            .expect("below the limit");
        let Some(known) = made.start else {
            // Where the last so many begin takes longer to find.
            assert!(matches!(after, After::Last(_)) && !made.live);
            assert!(subscriptions.unsubscribe(&self.hub, made.id));
            return;
        };
        let expect = Cursor {
            epoch: EPOCH,
            seq: start,
        };
        assert_eq!(known, expect, "{selector} {after:?}");
        assert_eq!(made.live, start == self.model.head());
        assert_eq!(subscriptions.is_live(made.id), made.live);
        assert_eq!(subscriptions.selector(made.id), Some(&selector));
        self.check_gap(&selector, after, made.gap);
        let mut told = Vec::new();
        if made.gap || !matches!(after, After::Cursor(_)) {
            // Who asks for the earliest or the last asks for what is kept.
            told.push((start, self.model.evictions));
        }
        let watched = Watched {
            selector,
            peer,
            exclude,
            seq: start,
            evictions: self.model.evictions,
            told,
            pushed: VecDeque::new(),
            missed: 0,
            live: made.live,
        };
        assert!(
            self.lanes[lane].watched.insert(made.id, watched).is_none(),
            "an id was used again"
        );
    }

    fn unsubscribe(&mut self, lane: usize) {
        let Some(id) = self.any(lane) else { return };
        let Lane {
            subscriptions,
            watched,
            ..
        } = &mut self.lanes[lane];
        assert!(subscriptions.unsubscribe(&self.hub, id));
        assert!(!subscriptions.unsubscribe(&self.hub, id));
        assert_eq!(subscriptions.selector(id), None);
        assert!(!subscriptions.is_live(id));
        watched.remove(&id);
        assert_eq!(subscriptions.len(), watched.len());
    }

    /// Drains the inbox of a lane that was woken; one that was not has nothing in it.
    fn turn(&mut self, lane: usize) {
        let woken = std::mem::take(&mut self.woken.lock().expect("no panic")[lane]);
        let mut events = std::mem::take(&mut self.lanes[lane].events);
        self.hub.drain(lane, &mut events);
        assert!(woken || events.is_empty(), "events without a wake");
        for event in events.drain(..) {
            match event {
                Event::Message(message) => self.dispatch(lane, message),
                Event::Receipt { ticket, result } => {
                    let seq = result.expect("a good key").seq;
                    assert_eq!(self.receipts.remove(&ticket), Some(seq));
                }
                other => panic!("{other:?}"),
            }
        }
        self.lanes[lane].events = events;
    }

    fn dispatch(&mut self, lane: usize, message: Arc<Message>) {
        let Lane {
            subscriptions,
            watched,
            last,
            ..
        } = &mut self.lanes[lane];
        self.model.check(&message);
        assert!(message.cursor.seq > *last, "the inbox is in order");
        *last = message.cursor.seq;
        let mut to = Vec::new();
        subscriptions.dispatch(&message, |id, peer| to.push((id, peer)));
        for (id, watched) in watched.iter() {
            let wanted = watched.wants(&message.topic, message.origin);
            let due = watched.live && message.cursor.seq > watched.seq && wanted;
            let count = to.iter().filter(|other| **other == (*id, watched.peer)).count();
            assert_eq!(
                count,
                usize::from(due),
                "{} {:?}",
                watched.selector,
                message.cursor
            );
        }
        let letter = Rc::new(Letter::new(message));
        for (id, _) in to {
            self.hand(lane, id, &letter);
        }
    }

    fn catch_up(&mut self, lane: usize) {
        let Some(id) = self.any(lane) else { return };
        let limit = self.random.below(5) as usize;
        let Lane {
            subscriptions,
            watched,
            mailboxes,
            ..
        } = &mut self.lanes[lane];
        let watching = watched.get_mut(&id).expect("it is watched");
        if watching.live {
            let page = subscriptions.catch_up(&self.hub, self.now, id, limit);
            assert!(page.live && page.messages.is_empty() && !page.gap);
            return;
        }
        if mailboxes
            .get(&watching.peer)
            .is_some_and(|mailbox| !mailbox.is_empty())
        {
            return;
        }
        self.model.expire(self.now, Some(&watching.selector));
        let page = subscriptions.catch_up(&self.hub, self.now, id, limit);
        assert!(page.messages.len() <= limit.max(1));
        let bytes: usize = page.messages.iter().map(|message| message.size()).sum();
        assert!(bytes <= PAGE_BYTES || page.messages.len() == 1);
        assert_eq!(subscriptions.is_live(id), page.live);

        let lost = |exclude| {
            let Watched {
                selector,
                seq,
                evictions,
                ..
            } = &*watching;
            self.model.lost(selector, *seq, *evictions, exclude)
        };
        let must = lost(watching.exclude);
        // It may have read past messages that it excludes, which the hub knows and the model does not.
        let unsure = !self.exact
            && self
                .model
                .may_be_lost(&watching.selector, watching.seq, watching.evictions);
        let may = lost(0) || unsure;
        assert!(
            must <= page.gap && page.gap <= may,
            "gap {}, must {must}, may {may}",
            page.gap
        );
        if page.gap {
            watching.told.push((watching.seq, self.model.evictions));
        }
        watching.evictions = self.model.evictions;
        for message in page.messages {
            self.model.check(&message);
            self.hand(lane, id, &Rc::new(Letter::new(message)));
        }
        // A peer may have been too slow in between.
        if page.live
            && let Some(watching) = self.lanes[lane].watched.get_mut(&id)
        {
            watching.pass(&self.model, self.model.head());
            watching.live = true;
        }
    }

    /// A message for a subscription: it is the next one, or what is missing was told. Puts it into the mailbox.
    fn hand(&mut self, lane: usize, id: SubscriptionId, letter: &Rc<Letter>) {
        let Lane {
            watched, mailboxes, ..
        } = &mut self.lanes[lane];
        let Some(watching) = watched.get_mut(&id) else {
            return;
        };
        let Message {
            cursor,
            topic,
            origin,
            ..
        } = &*letter.message;
        assert!(cursor.seq > watching.seq, "in order, and once");
        assert!(watching.wants(topic, *origin));
        watching.pass(&self.model, cursor.seq - 1);
        watching.seq = cursor.seq;
        let peer = watching.peer;
        let mailbox = mailboxes
            .entry(peer)
            .or_insert_with(|| Mailbox::new(self.mailbox_limit));
        let before = mailbox.len();
        let pushed = mailbox.push(Rc::clone(letter), id);
        assert!(mailbox.bytes() <= self.mailbox_limit || mailbox.len() == 1);
        let sum: usize = mailbox.iter().map(|(letter, _)| letter.message.size()).sum();
        assert_eq!(mailbox.bytes(), sum);
        assert_eq!(mailbox.len(), mailbox.iter().count());
        match pushed {
            Pushed::Queued => assert_eq!(mailbox.len(), before + 1),
            Pushed::Dropped(dropped) => assert_eq!(mailbox.len() as u64 + dropped, before as u64 + 1),
            Pushed::Disconnect => assert_eq!(
                (mailbox.len(), letter.message.policy),
                (before, Policy::Disconnect)
            ),
        }
        if pushed == Pushed::Disconnect {
            self.disconnect(lane, peer);
        } else {
            watching.pushed.push_back(cursor.seq);
        }
    }

    fn disconnect(&mut self, lane: usize, peer: u32) {
        let Lane {
            subscriptions,
            watched,
            mailboxes,
            ..
        } = &mut self.lanes[lane];
        mailboxes.remove(&peer);
        watched.retain(|id, watching| {
            let gone = watching.peer == peer;
            assert!(!gone || subscriptions.unsubscribe(&self.hub, *id));
            !gone
        });
        assert_eq!(subscriptions.len(), watched.len());
    }

    /// A peer takes some of its messages.
    fn receive(&mut self, lane: usize, peer: u32) {
        let Lane {
            watched, mailboxes, ..
        } = &mut self.lanes[lane];
        let Some(mailbox) = mailboxes.get_mut(&peer) else {
            return;
        };
        for (id, missed) in mailbox.take_missed() {
            assert!(missed > 0);
            if let Some(watching) = watched.get_mut(&id) {
                watching.missed += missed;
            }
        }
        assert!(mailbox.take_missed().is_empty());
        let count = self.random.below(6) as usize;
        let taken: Vec<_> = mailbox
            .iter()
            .take(count)
            .map(|(letter, id)| (Rc::clone(letter), id))
            .collect();
        let front = mailbox.front().map(|(letter, id)| (letter.message.cursor, id));
        assert_eq!(
            front,
            mailbox
                .iter()
                .next()
                .map(|(letter, id)| (letter.message.cursor, id))
        );
        if self.random.one_in(2) {
            mailbox.drain_front(count);
        } else {
            for expect in &taken {
                let (letter, id) = mailbox.pop_front().expect("it was seen");
                assert_eq!((letter.message.cursor, id), (expect.0.message.cursor, expect.1));
            }
        }
        for (letter, id) in taken {
            if let Some(watching) = watched.get_mut(&id) {
                watching.receive(letter.message.cursor.seq);
            }
        }
    }

    fn read(&mut self) {
        let selector = self.random.pick(&self.selectors).clone();
        let after = self.after();
        let limit = self.random.below(12) as usize;
        self.model.expire(self.now, Some(&selector));
        let start = self.model.begin(&selector, after);
        let page = read(&self.hub, self.now, &selector, after, limit);
        let mut expect = self
            .model
            .kept()
            .filter(|published| published.seq > start && selector.matches(&published.topic));
        let mut bytes = 0;
        for message in &page.messages {
            self.model.check(message);
            assert_eq!(
                Some(message.cursor.seq),
                expect.next().map(|published| published.seq)
            );
            bytes += message.size();
        }
        let next = expect.next();
        match next {
            Some(next) => {
                let full = page.messages.len() == limit.max(1) || bytes + next.size > PAGE_BYTES;
                assert!(full && page.next.seq < next.seq);
                assert!(
                    page.messages
                        .last()
                        .is_none_or(|last| page.next.seq >= last.cursor.seq)
                );
            }
            None => assert_eq!(page.next, self.hub.head()),
        }
        assert!(page.messages.len() <= limit.max(1));
        assert!(bytes <= PAGE_BYTES || page.messages.len() == 1);
        self.check_gap(&selector, after, page.gap);
    }

    fn pass_time(&mut self) {
        self.now = match self.random.below(10) {
            // A clock that steps back.
            0 => self.now - 500,
            _ => self.now + self.random.below(120),
        };
        if self.random.one_in(2) {
            self.model.expire(self.now, None);
            self.hub.tick(self.now);
        }
    }

    fn check(&self) {
        let stats = self.hub.stats();
        assert!(stats.topics <= self.model.limits.topics);
        assert_eq!(stats.messages, self.model.kept().count());
        assert_eq!(
            stats.bytes,
            self.model.kept().map(|published| published.size).sum::<usize>()
        );
        assert!(stats.bytes <= self.model.limits.history_bytes);
    }

    /// Everybody catches up and receives all: nothing is left over anywhere.
    fn finish(mut self) {
        for lane in 0..LANES {
            self.turn(lane);
            let mut turns = 0;
            while self.lanes[lane].is_busy() {
                (0..PEERS as u32).for_each(|peer| self.receive(lane, peer));
                self.catch_up(lane);
                turns += 1;
                assert!(turns < 10_000, "somebody never gets there");
            }
            (0..PEERS as u32).for_each(|peer| self.receive(lane, peer));
            for watching in self.lanes[lane].watched.values() {
                assert!(watching.live, "{}", watching.selector);
                assert_eq!(
                    watching.pushed.len() as u64,
                    watching.missed,
                    "{}",
                    watching.selector
                );
            }
        }
        for lane in 0..LANES {
            while let Some(id) = self.any(lane) {
                self.lanes[lane].watched.remove(&id);
                assert!(self.lanes[lane].subscriptions.unsubscribe(&self.hub, id));
            }
            assert!(self.lanes[lane].subscriptions.is_empty());
        }
        assert!(self.receipts.is_empty(), "every receipt came");
        self.publish();
        self.receipts.clear();
        for lane in 0..LANES {
            let mut events = Vec::new();
            self.hub.drain(lane, &mut events);
            assert!(
                events.iter().all(|event| matches!(event, Event::Receipt { .. })),
                "nobody is interested"
            );
        }
    }

    fn check_gap(&self, selector: &Selector, after: After, gap: bool) {
        let After::Cursor(cursor) = after else {
            return assert!(!gap, "{after:?} has no gap");
        };
        let seq = cursor.seq.min(self.model.head());
        let lost = cursor.epoch != EPOCH || self.model.lost(selector, seq, 0, 0);
        let may = !self.exact && self.model.may_be_lost(selector, seq, 0);
        assert!(
            gap == lost || (gap && may),
            "{selector} after {cursor}: gap {gap}, lost {lost}"
        );
    }

    fn after(&mut self) -> After {
        let head = self.model.head();
        match self.random.below(8) {
            0..2 => After::Now,
            2 => After::Earliest,
            3 => After::Last(self.random.below(6) as u32),
            4 => After::Cursor(Cursor {
                epoch: EPOCH + self.random.below(2),
                seq: self.random.below(head + 5),
            }),
            _ => After::Cursor(Cursor {
                epoch: EPOCH,
                seq: head - self.random.below(head.min(20) + 1),
            }),
        }
    }

    fn any(&mut self, lane: usize) -> Option<SubscriptionId> {
        let watched = &self.lanes[lane].watched;
        let at = self.random.below(watched.len().max(1) as u64) as usize;
        watched.keys().nth(at).copied()
    }
}

impl Lane {
    fn is_busy(&self) -> bool {
        !self.mailboxes.values().all(Mailbox::is_empty)
            || !self.watched.values().all(|watching| watching.live)
    }
}

impl Watched {
    fn wants(&self, topic: &Topic, origin: u64) -> bool {
        self.selector.matches(topic) && (self.exclude == 0 || self.exclude != origin)
    }

    /// All up to `seq` that was not handed over must be gone, and told.
    fn pass(&mut self, model: &Model, seq: u64) {
        for published in &model.all[self.seq as usize..seq.max(self.seq) as usize] {
            if !self.wants(&published.topic, published.origin) {
                continue;
            }
            assert!(!self.live, "{} missed {} live", self.selector, published.seq);
            let evicted = published.evicted.unwrap_or(u64::MAX);
            let told = self
                .told
                .iter()
                .any(|(from, evictions)| *from < published.seq && evicted <= *evictions);
            assert!(told, "{} lost {} silently", self.selector, published.seq);
        }
        self.seq = seq;
    }

    /// The peer got a message: all pushed before it were dropped, and that was told.
    fn receive(&mut self, seq: u64) {
        while let Some(pushed) = self.pushed.pop_front() {
            if pushed == seq {
                return;
            }
            self.dropped();
        }
        panic!("{} got {seq} twice, or out of order", self.selector);
    }

    fn dropped(&mut self) {
        assert!(self.missed > 0, "{} was not told of a drop", self.selector);
        self.missed -= 1;
    }
}

#[test]
fn by_seed() {
    for seed in 0..SEEDS {
        simulate(seed);
    }
}

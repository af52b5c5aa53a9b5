//! Many messages and consumers, of which some die: each message is accepted once, and none is lost.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use pogu_hub::{Consume, ConsumerId, Delivery, Draft, Event, Hub, Kind, Limits, Outcome, Settle, Topic};

use crate::simulation::Random;

fn queue() -> Topic {
    "work".parse().expect("a topic")
}

fn consume(lane: u16, peer: u32, prefetch: u32) -> Consume {
    Consume {
        lane,
        peer,
        queue: queue(),
        prefetch,
        window: 1 << 20,
        filter: None,
    }
}

fn drafts(count: usize) -> Vec<Draft> {
    let draft = |number: usize| Draft::to_queue(queue(), Kind::Text, number.to_string());
    (0..count).map(draft).collect()
}

const MESSAGES: usize = 100_000;
const CONSUMERS: usize = 8;
/// When the first and the second of them die, in messages accepted by all.
const DEATHS: [usize; 2] = [30_000, 60_000];

struct Worker {
    id: ConsumerId,
    /// What it has not settled, as it came.
    waiting: VecDeque<Delivery>,
    /// The last message that was delivered to it for the first time.
    last: u64,
}

#[test]
fn two_of_eight_die() {
    let hub = Hub::new(1, 1, vec![], vec![], Limits::default(), Box::new(|_| {}));
    let mut random = Random(8);
    hub.publish(0, &mut drafts(MESSAGES));
    assert_eq!(hub.stats().queue_messages, MESSAGES, "they fit by default");
    let mut workers: Vec<Worker> = (0..CONSUMERS)
        .map(|peer| {
            let prefetch = 1 + random.below(200) as u32;
            let consume = consume(0, peer as u32, prefetch);
            Worker {
                id: hub.consume(0, consume).expect("there is room"),
                waiting: VecDeque::new(),
                last: 0,
            }
        })
        .collect();
    let mut accepted = vec![0; MESSAGES + 1];
    let mut count = 0;
    let mut deaths = DEATHS.iter().peekable();
    let mut orphans: Vec<u64> = Vec::new();
    let mut returned: Vec<u64> = Vec::new();
    let mut events = Vec::new();
    while count < MESSAGES {
        hub.drain(0, &mut events);
        for event in events.drain(..) {
            match event {
                Event::Delivery(delivery) => {
                    let seq = delivery.message.cursor.seq;
                    let worker = workers.iter_mut().find(|worker| worker.id == delivery.consumer);
                    let worker = worker.expect("nothing is delivered to the dead");
                    if delivery.redelivered == 0 {
                        assert!(seq > worker.last, "in order, where nothing was redelivered");
                        worker.last = seq;
                    } else {
                        returned.push(seq);
                    }
                    worker.waiting.push_back(delivery);
                }
                Event::Scan(ticket) => hub.scan(0, ticket),
                Event::Message(_) | Event::Receipt { .. } => panic!("{event:?}"),
            }
        }
        if deaths.next_if(|at| count >= **at).is_some() {
            let dead = workers.swap_remove(random.below(workers.len() as u64) as usize);
            assert!(!dead.waiting.is_empty());
            orphans.extend(dead.waiting.iter().map(|delivery| delivery.message.cursor.seq));
            assert!(hub.cancel(0, dead.id, u64::MAX));
            continue;
        }
        let at = random.below(workers.len() as u64) as usize;
        let Some(last) = workers[at].waiting.len().checked_sub(1) else {
            continue;
        };
        let chosen = random.below(last as u64 + 1) as usize;
        let cumulative = random.one_in(2);
        let settle = Settle {
            consumer: workers[at].id,
            delivery: workers[at].waiting[chosen].number,
            cumulative,
            outcome: Outcome::Accept,
        };
        let first = if cumulative { 0 } else { chosen };
        for delivery in workers[at].waiting.drain(first..=chosen) {
            accepted[delivery.message.cursor.seq as usize] += 1;
            count += 1;
        }
        assert_eq!(hub.settle(0, &mut vec![settle]), 1);
    }
    assert!(accepted[1..].iter().all(|times| *times == 1), "each once");
    assert_eq!(workers.len(), CONSUMERS - 2);
    assert_eq!(returned, orphans, "what the dead had came back, in order");
    assert_eq!(hub.stats().queue_messages, 0);
    assert_eq!(hub.stats().dead_lettered, 0);
}

const LANES: usize = 3;
const EACH: usize = 20_000;
const PRODUCERS: usize = 2;

struct Shared {
    hub: Hub,
    /// How often each message was accepted.
    accepted: Vec<AtomicU32>,
    count: AtomicUsize,
}

/// Each lane has consumers that accept, release and die; every accepted message was in one hand only.
#[test]
fn several_lanes() {
    let (wakers, sleepers): (Vec<_>, Vec<_>) = (0..LANES).map(|_| mpsc::channel()).unzip();
    let wake = move |lane: usize| wakers[lane].send(()).unwrap_or_default();
    let shared = Arc::new(Shared {
        hub: Hub::new(1, LANES, vec![], vec![], Limits::default(), Box::new(wake)),
        accepted: (0..=PRODUCERS * EACH).map(|_| AtomicU32::new(0)).collect(),
        count: AtomicUsize::new(0),
    });
    let lanes: Vec<_> = sleepers
        .into_iter()
        .enumerate()
        .map(|(lane, sleeper)| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || run_lane(&shared, lane, &sleeper))
        })
        .collect();
    let producers: Vec<_> = (0..PRODUCERS)
        .map(|_| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let mut all = drafts(EACH);
                while !all.is_empty() {
                    let mut some = all.split_off(all.len().saturating_sub(37));
                    shared.hub.publish(0, &mut some);
                }
            })
        })
        .collect();
    for thread in producers.into_iter().chain(lanes) {
        thread.join().expect("no panic");
    }
    let stats = shared.hub.stats();
    assert_eq!((stats.queue_messages, stats.consumers, stats.queues), (0, 0, 0));
    let dead = stats.dead_lettered + stats.dropped;
    assert_eq!(dead, 0, "the limit of deliveries is above what was released");
    assert!(
        shared.accepted[1..]
            .iter()
            .all(|times| times.load(Ordering::Relaxed) == 1)
    );
}

fn run_lane(shared: &Shared, lane: usize, sleeper: &mpsc::Receiver<()>) {
    let hub = &shared.hub;
    let mut random = Random(lane as u64);
    let mut fresh = |peer| {
        hub.consume(0, consume(lane as u16, peer, 50))
            .expect("there is room")
    };
    let mut ids: Vec<ConsumerId> = (0..3).map(&mut fresh).collect();
    let mut events = Vec::new();
    while shared.count.load(Ordering::Relaxed) < PRODUCERS * EACH {
        // Another lane may have taken the last one.
        if sleeper.recv_timeout(Duration::from_millis(50)).is_err() {
            continue;
        }
        hub.drain(lane, &mut events);
        let mut settles = Vec::new();
        for event in events.drain(..) {
            let delivery = match event {
                Event::Delivery(delivery) => delivery,
                Event::Scan(ticket) => {
                    hub.scan(0, ticket);
                    continue;
                }
                Event::Message(_) | Event::Receipt { .. } => panic!("{event:?}"),
            };
            // The consumer may have died since.
            let Some(at) = ids.iter().position(|id| *id == delivery.consumer) else {
                continue;
            };
            assert_eq!(delivery.peer as usize, at);
            let releases = delivery.redelivered < 10 && random.one_in(50);
            settles.push(Settle {
                consumer: delivery.consumer,
                delivery: delivery.number,
                cumulative: false,
                outcome: if releases {
                    Outcome::Release
                } else {
                    Outcome::Accept
                },
            });
            if !releases {
                let seq = delivery.message.cursor.seq as usize;
                shared.accepted[seq].fetch_add(1, Ordering::Relaxed);
            }
            // What it has not settled by then goes back, before anybody could have accepted it.
            if delivery.redelivered < 10 && random.one_in(500) {
                settle(shared, &mut settles);
                assert!(hub.cancel(0, delivery.consumer, u64::MAX));
                ids[at] = fresh(at as u32);
            }
        }
        settle(shared, &mut settles);
    }
    for id in ids {
        assert!(hub.cancel(0, id, u64::MAX));
    }
}

fn settle(shared: &Shared, settles: &mut Vec<Settle>) {
    let accepts = settles
        .iter()
        .filter(|settle| settle.outcome == Outcome::Accept)
        .count();
    let all = settles.len();
    assert_eq!(shared.hub.settle(0, settles), all, "all of them were outstanding");
    shared.count.fetch_add(accepts, Ordering::Relaxed);
}

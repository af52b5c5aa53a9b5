//! Many threads publish: every lane sees the same one order, complete, and is woken for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use pogu_hub::{After, Draft, Event, Hub, Kind, Limits, Receipt, Rule, Selector, Subscriptions, Topic};

const LANES: usize = 3;
const PUBLISHERS: usize = 4;
const EACH: usize = 5_000;

#[test]
fn one_order() {
    let (wakers, sleepers): (Vec<_>, Vec<_>) = (0..LANES).map(|_| mpsc::channel()).unzip();
    let wake = move |lane: usize| wakers[lane].send(()).unwrap_or_default();
    let rules = vec![Rule {
        history: 16,
        ..Rule::default()
    }];
    let hub = Arc::new(Hub::new(
        1,
        LANES,
        rules,
        vec![],
        Limits::default(),
        Box::new(wake),
    ));

    let all: Selector = ">".parse().expect("a pattern");
    let lanes: Vec<_> = sleepers
        .into_iter()
        .enumerate()
        .map(|(lane, sleeper)| {
            let hub = Arc::clone(&hub);
            let mut subscriptions = Subscriptions::new(lane);
            let made = subscriptions.subscribe(&hub, 0, 7, all.clone(), After::Now, 0, None);
            assert!(made.is_ok_and(|made| made.live));
            thread::spawn(move || {
                let (mut seen, mut tickets, mut events) = (Vec::new(), Vec::new(), Vec::new());
                while seen.len() < PUBLISHERS * EACH {
                    // Only a wake tells of events: one that is lost would end this in an error.
                    sleeper.recv_timeout(Duration::from_secs(60)).expect("a wake");
                    hub.drain(lane, &mut events);
                    for event in events.drain(..) {
                        match event {
                            Event::Message(message) => subscriptions.dispatch(&message, |_, _| {
                                seen.push((message.cursor.seq, message.body.clone()))
                            }),
                            Event::Receipt { ticket, result } => {
                                tickets.push((ticket, result.expect("published").seq))
                            }
                            other => panic!("{other:?}"),
                        }
                    }
                }
                (seen, tickets)
            })
        })
        .collect();

    let published = Arc::new(AtomicU64::new(0));
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|publisher| {
            let (hub, published) = (Arc::clone(&hub), Arc::clone(&published));
            thread::spawn(move || {
                let topic: Topic = format!("t.{publisher}").parse().expect("a topic");
                let mut drafts = Vec::new();
                for number in 0..EACH {
                    let mut draft = Draft::new(topic.clone(), Kind::Text, format!("{publisher} {number}"));
                    let ticket = (publisher * EACH + number) as u64;
                    draft.receipt = Some(Receipt { lane: 0, ticket });
                    drafts.push(draft);
                    if drafts.len() > number % 7 {
                        published.fetch_add(drafts.len() as u64, Ordering::Relaxed);
                        hub.publish(0, &mut drafts);
                    }
                }
                published.fetch_add(drafts.len() as u64, Ordering::Relaxed);
                hub.publish(0, &mut drafts);
            })
        })
        .collect();
    publishers
        .into_iter()
        .for_each(|publisher| publisher.join().expect("no panic"));

    let seen: Vec<_> = lanes
        .into_iter()
        .map(|lane| lane.join().expect("no panic"))
        .collect();
    assert_eq!(published.load(Ordering::Relaxed), hub.head().seq);
    let (first, tickets) = &seen[0];
    assert!(
        first
            .iter()
            .map(|(seq, _)| *seq)
            .eq(1..=(PUBLISHERS * EACH) as u64)
    );
    assert!(
        seen.iter().all(|(other, _)| other == first),
        "every lane has the same order"
    );
    for publisher in 0..PUBLISHERS {
        let start = format!("{publisher} ");
        let own = first
            .iter()
            .filter(|(_, body)| body.starts_with(start.as_bytes()));
        let expect = (0..EACH).map(|number| bytes::Bytes::from(format!("{publisher} {number}")));
        assert!(
            own.map(|(_, body)| body.clone()).eq(expect),
            "a publisher's own order holds"
        );
    }
    for (ticket, seq) in tickets {
        let (publisher, number) = (*ticket as usize / EACH, *ticket as usize % EACH);
        assert_eq!(first[*seq as usize - 1].1, format!("{publisher} {number}"));
    }
    assert_eq!(tickets.len(), PUBLISHERS * EACH);
    assert!(!hub.congested());
}

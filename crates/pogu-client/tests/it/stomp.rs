//! STOMP over a WebSocket and over TCP: queues, refusals, and what it cannot tell.

use std::net::SocketAddr;
use std::time::Duration;

use pogu_client::{
    Draft, Error, Event, Message, Options, Pipe, Publisher, Received, Subscriber, Target, Via,
};
use tokio::time::{sleep, timeout};

use crate::proxy::{Fate, Mood, Proxy};
use crate::server::Harbour;
use crate::{PATIENCE, STOMP, bodies, by, draft, message, options, publish, target};

/// Long enough for what would come to come.
const IN_VAIN: Duration = Duration::from_millis(100);

async fn subscriber(target: &Target, name: &str, options: Options) -> Subscriber {
    for _ in 0..10 {
        match Subscriber::connect(target, name, None, Via::Stomp, options.clone()).await {
            Ok(subscriber) => return subscriber,
            Err(error) => assert!(!error.is_final(), "{target} {name}: {error}"),
        }
    }
    panic!("{target} {name}: it never opened");
}

async fn send(address: SocketAddr, name: &str, bodies: &[&str]) {
    let mut publisher = Publisher::connect(&by("stomp", address), Via::Stomp, options())
        .await
        .unwrap();
    let mut pending = Vec::new();
    for body in bodies {
        pending.push(publisher.publish(draft(name, body)).await.unwrap());
    }
    for receipt in pending {
        receipt.await.unwrap();
    }
    publisher.close().await;
}

/// What comes within a short while, each acknowledged.
async fn drain(subscriber: &mut Subscriber) -> Vec<String> {
    let mut bodies = Vec::new();
    while let Ok(message) = timeout(IN_VAIN, message(subscriber)).await {
        subscriber.acknowledge(&message).await.unwrap();
        bodies.push(text(&message));
    }
    bodies
}

/// What nobody has taken from a queue.
async fn left_in(address: SocketAddr, queue: &str) -> Vec<String> {
    let mut subscriber = subscriber(&by("stomp", address), queue, options()).await;
    let left = drain(&mut subscriber).await;
    subscriber.close().await;
    left
}

fn text(message: &Message) -> String {
    String::from_utf8(message.body.to_vec()).unwrap()
}

#[tokio::test]
async fn both_carriers_bring_the_same_message() {
    let harbour = Harbour::start();
    for scheme in STOMP {
        for name in ["same.ws", "/topic/same.path", "/queue/same"] {
            let target = by(scheme, harbour.address);
            let mut subscriber = subscriber(&target, name, options()).await;
            let mut publisher = Publisher::connect(&target, Via::Stomp, options()).await.unwrap();
            // The last one is larger than one WebSocket message.
            for (content_type, body) in [
                (None, b"text: \"quoted\"\nsecond line".to_vec()),
                (Some("application/json"), br#"{"a":[1,2,null]}"#.to_vec()),
                (Some("image/png"), vec![0x89, b'P', 0, 0xff, b'\n']),
                (None, vec![0xff; 300_000]),
                (None, "ü".repeat(100_000).into_bytes()),
            ] {
                let receipt = publisher
                    .publish(Draft {
                        topic: name.to_owned(),
                        body: body.clone().into(),
                        event: Some("greet: you\\".to_owned()),
                        content_type: content_type.map(str::to_owned),
                        key: None,
                    })
                    .await
                    .unwrap()
                    .await
                    .unwrap();
                let message = message(&mut subscriber).await;
                subscriber.acknowledge(&message).await.unwrap();
                assert_eq!(Some(&message.cursor), receipt.cursor.as_ref(), "{scheme} {name}");
                assert_eq!(message.body, body, "{scheme} {name}");
                assert_eq!(
                    message.topic,
                    name.strip_prefix("/topic/").unwrap_or(name),
                    "{scheme}"
                );
                assert_eq!(message.event.as_deref(), Some("greet: you\\"), "{scheme} {name}");
                let kind = if body[0] == 0xff {
                    "application/octet-stream"
                } else {
                    "text/plain"
                };
                assert_eq!(
                    message.content_type.as_deref(),
                    content_type.or(Some(kind)),
                    "{scheme} {name}"
                );
            }
            subscriber.close().await;
        }
    }
}

#[tokio::test]
async fn each_message_of_a_queue_goes_to_one() {
    let harbour = Harbour::start();
    let mut options = options();
    options.prefetch = 1;
    let mut first = subscriber(&by("ws", harbour.address), "/queue/shared", options.clone()).await;
    let mut second = subscriber(&by("stomp", harbour.address), "/queue/shared", options).await;
    assert!(first.acknowledges());
    send(harbour.address, "/queue/shared", &["one", "two", "three", "four"]).await;
    // Each has one and gets no more before that is acknowledged.
    let (one, two) = (message(&mut first).await, message(&mut second).await);
    assert!(timeout(IN_VAIN, message(&mut first)).await.is_err());
    first.acknowledge(&one).await.unwrap();
    let three = message(&mut first).await;
    first.acknowledge(&three).await.unwrap();
    let four = message(&mut first).await;
    first.acknowledge(&four).await.unwrap();
    second.acknowledge(&two).await.unwrap();
    let mut all = [one, two, three, four].map(|message| text(&message));
    all.sort();
    assert_eq!(all, ["four", "one", "three", "two"]);
    first.close().await;
    second.close().await;
    assert!(left_in(harbour.address, "/queue/shared").await.is_empty());
}

#[tokio::test]
async fn what_is_not_acknowledged_goes_to_another() {
    let harbour = Harbour::start();
    for scheme in STOMP {
        let queue = format!("/queue/left.{scheme}");
        send(harbour.address, &queue, &["one", "two", "three"]).await;
        let mut subscriber = subscriber(&by(scheme, harbour.address), &queue, options()).await;
        let mut messages = Vec::new();
        for _ in 0..3 {
            messages.push(message(&mut subscriber).await);
        }
        // What is acknowledged just before the end is acknowledged.
        subscriber.acknowledge(&messages[0]).await.unwrap();
        subscriber.acknowledge(&messages[2]).await.unwrap();
        subscriber.acknowledge(&messages[2]).await.unwrap();
        subscriber.close().await;
        assert_eq!(left_in(harbour.address, &queue).await, ["two"], "{scheme}");
    }
}

#[tokio::test]
async fn a_caller_that_acknowledges_late_is_not_waited_for() {
    let harbour = Harbour::start();
    let numbers: Vec<_> = (0..1000).map(|number| number.to_string()).collect();
    let numbers: Vec<_> = numbers.iter().map(String::as_str).collect();
    send(harbour.address, "/queue/late", &numbers).await;
    let mut options = options();
    options.prefetch = u16::MAX;
    let mut subscriber = subscriber(&by("stomp", harbour.address), "/queue/late", options).await;
    let mut all = Vec::new();
    for _ in 0..2 {
        let mut messages = Vec::new();
        for _ in 0..500 {
            messages.push(timeout(PATIENCE, message(&mut subscriber)).await.unwrap());
        }
        for message in &messages {
            timeout(PATIENCE, subscriber.acknowledge(message))
                .await
                .unwrap()
                .unwrap();
        }
        all.extend(messages.iter().map(text));
    }
    assert_eq!(all, numbers);
    subscriber.close().await;
    assert!(left_in(harbour.address, "/queue/late").await.is_empty());
}

/// Takes five messages of a queue behind a proxy, all but the first of which it acknowledges at the end.
async fn take_across_a_cut(address: SocketAddr, scheme: &str, name: &str, fates: Vec<Fate>) -> usize {
    let queue = format!("/queue/cut.{scheme}.{name}");
    send(address, &queue, &["one", "two", "three"]).await;
    let proxy = Proxy::start(address, fates).await;
    let mut subscriber = subscriber(&by(scheme, proxy.address), &queue, options()).await;
    let mut messages = Vec::new();
    for number in 0..5 {
        let message = timeout(PATIENCE, message(&mut subscriber)).await;
        messages.push(message.unwrap_or_else(|_| panic!("{queue}: {number} comes")));
        if number == 1 {
            subscriber.acknowledge(&messages[0]).await.unwrap();
            send(address, &queue, &["four", "five"]).await;
        }
    }
    let bodies: Vec<_> = messages.iter().map(text).collect();
    for message in &messages[1..] {
        subscriber.acknowledge(message).await.unwrap();
    }
    // Nothing comes twice, also after what was said was not heard.
    let mut quiet = IN_VAIN;
    while let Ok(event) = timeout(quiet, subscriber.next()).await {
        assert!(
            !matches!(event, Ok(Event::Message(_) | Event::Gap(_)) | Err(_)),
            "{queue}: {event:?}"
        );
        quiet = match event {
            Ok(Event::Lost { .. }) => PATIENCE,
            _ => IN_VAIN,
        };
    }
    subscriber.close().await;
    let bytes = proxy.bytes_down();
    let mut sorted = bodies.clone();
    sorted.sort();
    assert_eq!(
        sorted,
        ["five", "four", "one", "three", "two"],
        "{queue}: {bodies:?}"
    );
    assert!(left_in(address, &queue).await.is_empty(), "{queue}");
    bytes
}

#[tokio::test]
async fn a_queue_is_taken_once_across_every_cut() {
    let harbour = Harbour::start();
    let address = harbour.address;
    for scheme in STOMP {
        let bytes = take_across_a_cut(address, scheme, "whole", vec![Fate::Whole]).await;
        assert!((300..5_000).contains(&bytes), "{scheme}: {bytes}");
        crate::cuts::for_each((0..=bytes).step_by(5), |at| async move {
            take_across_a_cut(
                address,
                scheme,
                &format!("down-{at}"),
                vec![Fate::CutDown(at), Fate::Whole],
            )
            .await;
            take_across_a_cut(
                address,
                scheme,
                &format!("up-{at}"),
                vec![Fate::CutUp(at), Fate::Whole],
            )
            .await;
        })
        .await;
    }
}

/// Publishes four messages to a queue behind a proxy, and looks what it got.
async fn publish_across_a_cut(address: SocketAddr, scheme: &str, name: &str, fates: Vec<Fate>) {
    let queue = format!("/queue/pub.{scheme}.{name}");
    let proxy = Proxy::start(address, fates).await;
    let target = by(scheme, proxy.address);
    let mut connected = None;
    for _ in 0..10 {
        match Publisher::connect(&target, Via::Stomp, options()).await {
            Ok(publisher) => {
                connected = Some(publisher);
                break;
            }
            Err(error) => assert!(!error.is_final(), "{queue}: {error}"),
        }
    }
    let mut publisher = connected.expect("it opens");
    let mut pending = Vec::new();
    for body in ["one", "two", "three", "four"] {
        pending.push(publisher.publish(draft(&queue, body)).await.unwrap());
    }
    for receipt in pending {
        timeout(PATIENCE, receipt)
            .await
            .expect("a receipt in time")
            .unwrap();
    }
    publisher.close().await;
    assert_eq!(
        left_in(address, &queue).await,
        ["one", "two", "three", "four"],
        "{queue}"
    );
}

#[tokio::test]
async fn what_is_published_across_every_cut_is_there_once() {
    let harbour = Harbour::start();
    let address = harbour.address;
    for scheme in STOMP {
        // Above what the conversation takes in either direction.
        crate::cuts::for_each((0..700).step_by(5), |at| async move {
            publish_across_a_cut(
                address,
                scheme,
                &format!("down-{at}"),
                vec![Fate::CutDown(at), Fate::Whole],
            )
            .await;
            publish_across_a_cut(
                address,
                scheme,
                &format!("up-{at}"),
                vec![Fate::CutUp(at), Fate::Whole],
            )
            .await;
        })
        .await;
    }
}

#[tokio::test]
async fn a_refused_message_is_named_and_the_others_pass() {
    let harbour = Harbour::with("[limits]\nmessage = \"10KiB\"\n");
    let large = "x".repeat(100_000);
    for scheme in STOMP {
        for (number, (topic, body, why)) in [
            ("no..topic", "x", "empty"),
            ("/nowhere", "x", "/nowhere"),
            ("large", large.as_str(), "10240"),
        ]
        .into_iter()
        .enumerate()
        {
            let name = format!("/queue/refused.{scheme}.{number}");
            let mut publisher = Publisher::connect(&by(scheme, harbour.address), Via::Stomp, options())
                .await
                .unwrap();
            let good = publisher.publish(draft(&name, "one")).await.unwrap();
            let bad = publisher.publish(draft(topic, body)).await.unwrap();
            let better = publisher.publish(draft(&name, "two")).await.unwrap();
            timeout(PATIENCE, good).await.unwrap().unwrap();
            let error = timeout(PATIENCE, bad).await.unwrap().unwrap_err();
            assert!(error.is_final(), "{scheme} {topic}: {error}");
            assert!(error.to_string().contains(why), "{scheme} {topic}: {error}");
            timeout(PATIENCE, better).await.unwrap().unwrap();
            publisher.close().await;
            let got = left_in(harbour.address, &name).await;
            assert_eq!(got, ["one", "two"], "{scheme} {topic}");
        }
    }
}

#[tokio::test]
async fn a_body_of_the_limit_passes() {
    let harbour = Harbour::with("[limits]\nmessage = \"20KiB\"\n");
    let body = "x".repeat(20 << 10);
    for scheme in STOMP {
        let target = by(scheme, harbour.address);
        let mut subscriber = subscriber(&target, "limit", options()).await;
        let mut publisher = Publisher::connect(&target, Via::Stomp, options()).await.unwrap();
        let receipt = publisher.publish(draft("limit", &body)).await.unwrap();
        timeout(PATIENCE, receipt).await.unwrap().unwrap();
        assert_eq!(bodies(&mut subscriber, 1).await, [body.as_str()], "{scheme}");
    }
}

#[tokio::test]
async fn a_queue_has_no_past() {
    let harbour = Harbour::start();
    let error = Subscriber::connect(
        &target(harbour.address),
        "/queue/jobs",
        Some("earliest"),
        Via::Stomp,
        options(),
    )
    .await
    .unwrap_err();
    assert!(
        matches!(&error, Error::Unsupported(why) if why.contains("/queue/jobs")),
        "{error}"
    );
}

#[tokio::test]
async fn over_tcp_it_goes_on_after_the_last_message() {
    let harbour = Harbour::with("[[topics]]\npattern = \"short\"\nhistory = 2\n");
    let proxy = Proxy::start(harbour.address, vec![Fate::Whole]).await;
    let mut subscriber = subscriber(&by("stomp", proxy.address), "short", options()).await;
    assert!(!subscriber.acknowledges());
    assert!(matches!(subscriber.next().await, Ok(Event::Open { .. })));
    // Not even the first message has come, and yet it is known where to go on.
    proxy.set(Mood::Closed);
    publish(harbour.address, "short", &["one", "two"]).await;
    proxy.set(Mood::Passing);
    assert_eq!(bodies(&mut subscriber, 2).await, ["one", "two"]);
    proxy.set(Mood::Closed);
    publish(harbour.address, "short", &["three", "four", "five"]).await;
    proxy.set(Mood::Passing);
    let mut got = Vec::new();
    while got.len() < 3 {
        match timeout(PATIENCE, subscriber.next()).await.unwrap().unwrap() {
            Event::Gap(gap) => got.push(format!("gap in {}", gap.topic)),
            Event::Message(message) => got.push(text(&message)),
            _ => {}
        }
    }
    assert_eq!(got, ["gap in short", "four", "five"]);
}

#[tokio::test]
async fn a_queue_is_a_pipe_too() {
    let harbour = Harbour::start();
    let url = format!("stomp://{}/queue/pipe", harbour.address);
    let mut pipe = Pipe::open(&url.parse().unwrap(), Via::Auto, options())
        .await
        .unwrap();
    pipe.send(b"hello").await.unwrap();
    let received = timeout(PATIENCE, pipe.next()).await.unwrap().unwrap();
    assert_eq!(received, Some(Received::Message("hello".into())));
    pipe.close().await;
    sleep(Duration::from_millis(10)).await;
    assert!(left_in(harbour.address, "/queue/pipe").await.is_empty());
}

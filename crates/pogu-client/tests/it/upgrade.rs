//! Socket.IO that begins on polls and goes over to a WebSocket, if one gets through.

use std::time::Duration;

use pogu_client::{Error, Event, Options, Pipe, Publisher, Subscriber, Via};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::cuts::opened;
use crate::door::{Door, Manner};
use crate::server::Harbour;
use crate::{PATIENCE, UPGRADE, bodies, by, draft, history, message, options, publish};

/// Messages of a test at most, if a WebSocket that is awaited does not come.
const MESSAGES_MAX: usize = 100_000;

/// Messages that are published and not yet read, at most.
const UNREAD_MAX: usize = 100;

async fn subscriber(door: &Door, topic: &str, options: Options) -> Subscriber {
    let target = by(UPGRADE, door.address);
    Subscriber::connect(&target, topic, None, Via::SocketIo, options)
        .await
        .unwrap()
}

async fn publisher(door: &Door, options: Options) -> Publisher {
    Publisher::connect(&by(UPGRADE, door.address), Via::SocketIo, options)
        .await
        .unwrap()
}

/// What becomes of a subscriber up to the next message, which is to have this body: whether its connection was lost.
async fn lost_before(subscriber: &mut Subscriber, body: &str) -> bool {
    let mut lost = false;
    loop {
        match timeout(PATIENCE, subscriber.next()).await.unwrap().unwrap() {
            Event::Message(message) => {
                assert_eq!(message.body, body);
                return lost;
            }
            Event::Lost { .. } => lost = true,
            Event::Gap(gap) => panic!("{gap:?}"),
            _ => {}
        }
    }
}

/// The body of a numbered message: short ones are text, and some are buffers, of text or not.
fn numbered(number: usize) -> Vec<u8> {
    let mut body = number.to_string().into_bytes();
    match number % 7 {
        3 => body.resize(1500, b'.'),
        5 => body.extend([0xff, 0x1e]),
        _ => {}
    }
    body
}

/// Publishes by a session in its upgrade to another in its own, from before the upgrades until both were seen to have happened.
async fn publish_through_upgrades(harbour: &Harbour, topic: &str, manner: Manner) {
    let down = Door::open(harbour.address, Manner::Passes).await;
    let up = Door::open(harbour.address, manner).await;
    let mut subscriber = subscriber(&down, topic, options()).await;
    let mut publisher = publisher(&up, options()).await;
    // However slow the reading is, it is not too slow for the server.
    let unread = Semaphore::new(UNREAD_MAX);
    let publishing = async {
        let mut pending = Vec::new();
        while !(up.carried() && down.carried()) && pending.len() < MESSAGES_MAX {
            let mut draft = draft(topic, "");
            draft.body = numbered(pending.len()).into();
            unread.acquire().await.unwrap().forget();
            pending.push(publisher.publish(draft).await.unwrap());
        }
        let mut cursors = Vec::new();
        for receipt in pending {
            let receipt = timeout(PATIENCE, receipt).await.expect("a receipt in time");
            cursors.push(receipt.unwrap().cursor.unwrap());
        }
        // The last, after which there is nothing.
        publish(harbour.address, topic, &["end"]).await;
        cursors
    };
    let reading = async {
        let mut cursors = Vec::new();
        loop {
            let message = message(&mut subscriber).await;
            if message.body == "end" {
                return cursors;
            }
            assert_eq!(message.body, numbered(cursors.len()), "{topic}");
            cursors.push(message.cursor);
            unread.add_permits(1);
        }
    };
    let (published, read) = tokio::join!(publishing, reading);
    assert!(up.carried() && down.carried(), "{topic}: both have upgraded");
    assert_eq!((up.websockets(), down.websockets()), (1, 1), "{topic}");
    assert_eq!(published, read, "{topic}");
    publisher.close().await;
    subscriber.close().await;
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_or_reordered_while_it_upgrades() {
    // Such a limit is also that of a POST: more waits to be posted than one takes.
    let harbour = Harbour::with("[limits]\nmessage = \"4KiB\"\n");
    for number in 0..5 {
        for manner in [Manner::Passes, Manner::DelaysPosts] {
            publish_through_upgrades(&harbour, &format!("upgrade.{manner:?}.{number}"), manner).await;
        }
    }
}

#[tokio::test]
async fn a_pipe_goes_over_to_a_websocket() {
    let harbour = Harbour::start();
    let door = Door::open(harbour.address, Manner::Passes).await;
    let url = format!("socketio://{}/pipe/up?transport=polling,websocket", door.address);
    let mut pipe = Pipe::open(&url.parse().unwrap(), Via::Auto, options())
        .await
        .unwrap();
    for number in 0..MESSAGES_MAX {
        let line = number.to_string();
        pipe.send(line.as_bytes()).await.unwrap();
        let received = timeout(PATIENCE, pipe.next()).await.unwrap().unwrap();
        assert_eq!(received, Some(pogu_client::Received::Message(line.into())));
        if door.carried() {
            break;
        }
    }
    assert!(door.carried());
    pipe.close().await;
}

#[tokio::test]
async fn a_break_after_the_upgrade_is_gone_on_from() {
    let harbour = Harbour::start();
    let mut door = Door::open(harbour.address, Manner::Passes).await;
    let mut subscriber = subscriber(&door, "chat", options()).await;
    let mut last = 0;
    for round in 1..=3 {
        while !door.carried() || door.websockets() < round {
            publish(harbour.address, "chat", &[&last.to_string()]).await;
            assert!(!lost_before(&mut subscriber, &last.to_string()).await);
            last += 1;
        }
        door.cut();
        let [missed, later] = [format!("{round}a"), format!("{round}b")];
        publish(harbour.address, "chat", &[&missed, &later]).await;
        assert!(lost_before(&mut subscriber, &missed).await, "round {round}");
        assert_eq!(bodies(&mut subscriber, 1).await, [later]);
        door.saw(|seen| seen.websockets > round).await;
    }
    subscriber.close().await;
}

/// With so long for a WebSocket to take over.
fn impatient() -> Options {
    Options {
        connect_timeout: Duration::from_secs(2),
        ..options()
    }
}

#[tokio::test]
async fn where_no_probe_is_answered_it_stays_on_polls() {
    let harbour = Harbour::start();
    for manner in [Manner::Swallows, Manner::Garbles] {
        let mut door = Door::open(harbour.address, manner).await;
        let topic = format!("stay.{manner:?}");
        let mut subscriber = subscriber(&door, &topic, impatient()).await;
        let mut publisher = publisher(&door, impatient()).await;
        for number in 0..40 {
            if number == 20 {
                door.saw(|seen| seen.ended == 2).await;
            }
            let body = number.to_string();
            let receipt = publisher.publish(draft(&topic, &body)).await.unwrap();
            timeout(PATIENCE, receipt).await.unwrap().unwrap();
            assert!(!lost_before(&mut subscriber, &body).await, "{manner:?}");
        }
        assert!(!door.carried(), "{manner:?}");
        assert_eq!(door.websockets(), 2, "{manner:?}: each tries once");
        publisher.close().await;
        subscriber.close().await;
    }
}

#[tokio::test]
async fn polls_that_do_not_end_go_on() {
    let harbour = Harbour::start();
    let mut door = Door::open(harbour.address, Manner::HoldsPolls).await;
    let mut subscriber = subscriber(&door, "chat", impatient()).await;
    door.answer();
    publish(harbour.address, "chat", &["one"]).await;
    assert!(!lost_before(&mut subscriber, "one").await);
    door.saw(|seen| seen.ended == 1).await;
    for body in ["two", "three"] {
        publish(harbour.address, "chat", &[body]).await;
        assert!(!lost_before(&mut subscriber, body).await);
    }
    assert!(!door.carried());
    subscriber.close().await;
}

#[tokio::test]
async fn a_websocket_that_is_cut_when_it_was_probed_costs_nothing() {
    let harbour = Harbour::start();
    for number in 0..10 {
        let topic = format!("cut.{number}");
        let door = Door::open(harbour.address, Manner::Cuts).await;
        let target = by(UPGRADE, door.address);
        // The cut may come between the upgrade and the answer that makes it open.
        let mut subscriber =
            opened(|| Subscriber::connect(&target, &topic, None, Via::SocketIo, options())).await;
        let mut publisher = opened(|| Publisher::connect(&target, Via::SocketIo, options())).await;
        let mut expected = Vec::new();
        let mut pending = Vec::new();
        for number in 0..100 {
            expected.push(number.to_string());
            pending.push(publisher.publish(draft(&topic, &expected[number])).await.unwrap());
        }
        assert_eq!(bodies(&mut subscriber, 100).await, expected);
        for receipt in pending {
            timeout(PATIENCE, receipt).await.unwrap().unwrap();
        }
        assert_eq!(history(harbour.address, &topic, 100).await, expected);
        publisher.close().await;
        subscriber.close().await;
    }
}

#[tokio::test]
async fn transports_have_names() {
    let harbour = Harbour::start();
    for (transport, websockets) in [
        ("websocket", 1),
        ("polling", 0),
        ("websocket,polling", 1),
        ("polling%2Cwebsocket", 1),
    ] {
        let mut door = Door::open(harbour.address, Manner::Passes).await;
        let target = format!("http://{}?transport={transport}", door.address)
            .parse()
            .unwrap();
        let mut publisher = Publisher::connect(&target, Via::SocketIo, options())
            .await
            .unwrap();
        let receipt = publisher.publish(draft("chat", transport)).await.unwrap();
        timeout(PATIENCE, receipt).await.unwrap().unwrap();
        door.saw(|seen| seen.websockets == websockets).await;
        publisher.close().await;
    }
    for transport in ["", "Polling", "polling,polling", "webtransport", "websocket,"] {
        let target = format!("http://{}?transport={transport}", harbour.address)
            .parse()
            .unwrap();
        let error = Publisher::connect(&target, Via::SocketIo, options())
            .await
            .unwrap_err();
        assert!(
            matches!(&error, Error::BadUrl { why, .. } if why.contains("polling,websocket")),
            "{error}"
        );
    }
}

use std::time::Duration;

use pogu_client::{Error, Event, Subscriber, Via};
use tokio::time::timeout;

use crate::proxy::{Fate, Mood, Proxy};
use crate::server::Harbour;
use crate::{PATIENCE, RELIABLE, bodies, message, options, publish, target};

#[tokio::test]
async fn what_is_published_while_the_connection_is_down_arrives() {
    let harbour = Harbour::start();
    for via in RELIABLE {
        let topic = format!("down.{via}");
        let proxy = Proxy::start(harbour.address, vec![Fate::Whole]).await;
        let mut subscriber = Subscriber::connect(&target(proxy.address), &topic, None, via, options())
            .await
            .unwrap();
        assert!(matches!(subscriber.next().await, Ok(Event::Open { via: by }) if by == via));
        // Not even the first message has come, and yet it is known where to go on.
        proxy.set(Mood::Closed);
        publish(harbour.address, &topic, &["one", "two"]).await;
        proxy.set(Mood::Passing);
        assert_eq!(bodies(&mut subscriber, 2).await, ["one", "two"], "{via}");
        proxy.set(Mood::Closed);
        publish(harbour.address, &topic, &["three"]).await;
        proxy.set(Mood::Passing);
        assert_eq!(bodies(&mut subscriber, 1).await, ["three"], "{via}");
    }
}

#[tokio::test]
async fn a_connection_that_falls_silent_is_left() {
    let harbour = Harbour::start();
    for via in RELIABLE.into_iter().filter(|via| !matches!(via, Via::LongPoll)) {
        let topic = format!("silent.{via}");
        let proxy = Proxy::start(harbour.address, vec![Fate::Whole]).await;
        let mut options = options();
        options.idle_timeout = Duration::from_millis(150);
        options.connect_timeout = Duration::from_millis(300);
        let mut subscriber = Subscriber::connect(&target(proxy.address), &topic, None, via, options)
            .await
            .unwrap();
        assert!(matches!(subscriber.next().await, Ok(Event::Open { .. })));
        proxy.set(Mood::Stalled);
        let lost = async {
            loop {
                if let Event::Lost { error, .. } = subscriber.next().await.unwrap() {
                    return error;
                }
            }
        };
        let error = timeout(PATIENCE, lost).await.unwrap();
        assert!(matches!(error, Error::Silent { .. }), "{via}: {error}");
        publish(harbour.address, &topic, &["one"]).await;
        proxy.set(Mood::Passing);
        assert_eq!(bodies(&mut subscriber, 1).await, ["one"], "{via}");
    }
}

#[tokio::test]
async fn a_quiet_conversation_is_kept_alive() {
    let harbour = Harbour::start();
    for via in [Via::Ws, Via::Tcp, Via::Udp, Via::Stomp] {
        let topic = format!("quiet.{via}");
        let mut options = options();
        options.idle_timeout = Duration::from_millis(400);
        let mut subscriber = Subscriber::connect(&target(harbour.address), &topic, None, via, options)
            .await
            .unwrap();
        assert!(matches!(subscriber.next().await, Ok(Event::Open { .. })));
        tokio::time::sleep(Duration::from_millis(1500)).await;
        publish(harbour.address, &topic, &["one"]).await;
        // Nothing was lost and made anew in between.
        let next = timeout(PATIENCE, subscriber.next()).await.unwrap();
        assert!(
            matches!(&next, Ok(Event::Message(message)) if &message.body[..] == b"one"),
            "{via}: {next:?}"
        );
    }
}

#[tokio::test]
async fn history_that_does_not_reach_back_is_told() {
    let harbour = Harbour::with("[[topics]]\npattern = \"short.*\"\nhistory = 2\n");
    for via in RELIABLE.into_iter().chain([Via::Udp]) {
        let topic = format!("short.{via}");
        publish(harbour.address, &topic, &["first"]).await;
        let proxy = Proxy::start(harbour.address, vec![Fate::Whole]).await;
        // UDP does not go through the proxy: there the cursor is an old one from the beginning.
        let mut subscriber = Subscriber::connect(
            &target(proxy.address),
            &topic,
            Some("earliest"),
            Via::Poll,
            options(),
        )
        .await
        .unwrap();
        let cursor = message(&mut subscriber).await.cursor;
        subscriber.close().await;
        publish(harbour.address, &topic, &["two", "three", "four", "five"]).await;
        let mut subscriber =
            Subscriber::connect(&target(harbour.address), &topic, Some(&cursor), via, options())
                .await
                .unwrap();
        let mut gaps = 0;
        let mut got = Vec::new();
        while got.len() < 2 {
            match timeout(PATIENCE, subscriber.next()).await.unwrap().unwrap() {
                Event::Gap(_) => {
                    assert!(got.is_empty(), "{via}: the gap comes before what follows it");
                    gaps += 1;
                }
                Event::Message(message) => got.push(message.body),
                _ => {}
            }
        }
        assert_eq!((gaps, got), (1, vec!["four".into(), "five".into()]), "{via}");
    }
}

#[tokio::test]
async fn a_restarted_server_is_found_again_and_the_gap_is_told() {
    for via in RELIABLE {
        let harbour = Harbour::start();
        let address = harbour.address;
        publish(address, "chat", &["before"]).await;
        let mut subscriber = Subscriber::connect(&target(address), "chat", Some("earliest"), via, options())
            .await
            .unwrap();
        assert_eq!(bodies(&mut subscriber, 1).await, ["before"]);
        harbour.stop().await;
        let _harbour = Harbour::again(address);
        publish(address, "chat", &["after"]).await;
        let mut told = Vec::new();
        while !told.iter().any(|event| matches!(event, Event::Message(_))) {
            told.push(timeout(PATIENCE, subscriber.next()).await.unwrap().unwrap());
        }
        let gaps = told.iter().filter(|event| matches!(event, Event::Gap(_))).count();
        assert_eq!(gaps, 1, "{via}: {told:?}");
        assert!(
            matches!(told.last(), Some(Event::Message(message)) if &message.body[..] == b"after"),
            "{via}: {told:?}"
        );
    }
}

#[tokio::test]
async fn what_cannot_work_is_refused_at_once() {
    let harbour = Harbour::start();
    for via in RELIABLE.into_iter().chain([Via::Udp, Via::Auto]) {
        for (pattern, after) in [("a..b", None), ("a.>.b", None), ("chat", Some("nonsense"))] {
            let result = Subscriber::connect(&target(harbour.address), pattern, after, via, options()).await;
            let error = result.expect_err(pattern);
            assert!(error.is_final(), "{via} {pattern} {after:?}: {error}");
        }
    }
    let error = Subscriber::connect(&target(harbour.address), "chat", None, Via::Http, options())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unsupported(_)));
}

#[tokio::test]
async fn nobody_there_is_an_error_that_names_the_address() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for via in RELIABLE.into_iter().chain([Via::Udp, Via::Auto]) {
        let error = Subscriber::connect(&target(free), "chat", None, via, options())
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Connect { .. }), "{via}: {error}");
        assert!(error.to_string().contains(&free.to_string()), "{error}");
    }
}

#[tokio::test]
async fn each_way_brings_the_same_message() {
    let harbour = Harbour::start();
    for via in RELIABLE.into_iter().chain([Via::Udp, Via::Auto]) {
        let topic = format!("same.{via}");
        let mut subscriber = Subscriber::connect(&target(harbour.address), &topic, None, via, options())
            .await
            .unwrap();
        let mut publisher = pogu_client::Publisher::connect(&target(harbour.address), Via::Http, options())
            .await
            .unwrap();
        for (content_type, body) in [
            (None, &b"text \"quoted\"\nsecond line"[..]),
            (Some("application/json"), br#"{"a":[1,2,null]}"#),
            (Some("image/png"), &[0x89, b'P', 0, 0xff, b'\n']),
            (None, crate::LOOKS_BINARY),
        ] {
            let mut draft = crate::draft(&topic, "");
            draft.body = body.to_vec().into();
            draft.event = Some("greet you".to_owned());
            draft.content_type = content_type.map(str::to_owned);
            let receipt = publisher.publish(draft).await.unwrap().await.unwrap();
            let message = message(&mut subscriber).await;
            assert_eq!(&message.body[..], body, "{via}");
            assert_eq!(message.topic, topic, "{via}");
            assert_eq!(Some(message.cursor), receipt.cursor, "{via}");
            assert_eq!(message.event.as_deref(), Some("greet you"), "{via}");
            // Server-Sent Events carry no type of what is text, and Socket.IO none of what is binary.
            let told = match (via, content_type) {
                (Via::Sse, Some("image/png")) => content_type,
                (Via::Sse, _) => None,
                (Via::SocketIo, Some("image/png")) => Some("application/octet-stream"),
                _ => content_type.or(Some("text/plain")),
            };
            assert_eq!(message.content_type.as_deref(), told, "{via}");
        }
        subscriber.close().await;
    }
}

#[tokio::test]
async fn a_poll_reads_a_long_history_in_one_go() {
    let harbour = Harbour::with("[[topics]]\npattern = \"long\"\nhistory = 1000\n");
    let numbers: Vec<_> = (0..700).map(|number| number.to_string()).collect();
    publish(
        harbour.address,
        "long",
        &numbers.iter().map(String::as_str).collect::<Vec<_>>(),
    )
    .await;
    let mut options = options();
    // It waits only where there is nothing more.
    options.poll_interval = PATIENCE * 2;
    let mut subscriber = Subscriber::connect(
        &target(harbour.address),
        "long",
        Some("earliest"),
        Via::Poll,
        options,
    )
    .await
    .unwrap();
    assert_eq!(bodies(&mut subscriber, 700).await, numbers);
}

//! SockJS by each of its transports.

use std::net::SocketAddr;
use std::time::Duration;

use pogu_client::{Error, Event, Options, Publisher, SockJsTransport, Subscriber, Via};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::cuts::for_each;
use crate::hostile::{answering, peer};
use crate::proxy::{Fate, Habit, Mood, Proxy, http_proxy};
use crate::server::Harbour;
use crate::{LOOKS_BINARY, PATIENCE, bodies, draft, history, message, options, publish, target};

/// The transports that are not a WebSocket, of which the other tests have that one.
const RESPONSES: [SockJsTransport; 3] = [
    SockJsTransport::XhrStreaming,
    SockJsTransport::XhrPolling,
    SockJsTransport::EventSource,
];

fn by(transport: SockJsTransport) -> Options {
    Options {
        sockjs_transport: Some(transport),
        ..options()
    }
}

async fn subscribe(
    address: SocketAddr,
    topic: &str,
    after: Option<&str>,
    options: Options,
) -> Result<Subscriber, Error> {
    let target = target(address);
    let connecting = Subscriber::connect(&target, topic, after, Via::SockJs, options);
    timeout(PATIENCE, connecting).await.expect("an end in time")
}

async fn publisher(address: SocketAddr, options: Options) -> Publisher {
    Publisher::connect(&target(address), Via::SockJs, options)
        .await
        .unwrap()
}

#[tokio::test]
async fn each_transport_brings_the_same_message() {
    let harbour = Harbour::start();
    for transport in SockJsTransport::ALL {
        let topic = format!("same.{transport}");
        let mut subscriber = subscribe(harbour.address, &topic, None, by(transport))
            .await
            .unwrap();
        let mut publisher = Publisher::connect(&target(harbour.address), Via::Ws, options())
            .await
            .unwrap();
        for (content_type, body) in [
            (None, &b"text \"quoted\" % %41\r\nsecond line \xe2\x80\xa8"[..]),
            (Some("application/json"), br#"{"a":[1,2,null]}"#),
            (Some("image/png"), &[0x89, b'P', 0, 0xff, b'\n']),
            (None, b"\xff"),
            (None, LOOKS_BINARY),
            (Some("image/png"), LOOKS_BINARY),
        ] {
            let mut draft = draft(&topic, "");
            draft.body = body.to_vec().into();
            draft.event = Some("greet you".to_owned());
            draft.content_type = content_type.map(str::to_owned);
            let receipt = publisher.publish(draft).await.unwrap().await.unwrap();
            let message = message(&mut subscriber).await;
            assert_eq!(&message.body[..], body, "{transport}");
            assert_eq!(Some(message.cursor), receipt.cursor, "{transport}");
            assert_eq!(message.event.as_deref(), Some("greet you"), "{transport}");
            let told = content_type.unwrap_or(match body {
                b"\xff" => "application/octet-stream",
                _ => "text/plain",
            });
            assert_eq!(message.content_type.as_deref(), Some(told), "{transport}");
        }
        subscriber.close().await;
    }
}

#[tokio::test]
async fn responses_end_and_are_followed_by_others() {
    // Each holds a message or two.
    let harbour = Harbour::with(
        "[sockjs]\nresponse-limit = \"4KiB\"\n[[topics]]\npattern = \"many.*\"\nhistory = 500\n",
    );
    for transport in RESPONSES {
        let topic = format!("many.{transport}");
        let mut subscriber = subscribe(harbour.address, &topic, None, by(transport))
            .await
            .unwrap();
        let mut publisher = publisher(harbour.address, by(transport)).await;
        let expected: Vec<_> = (0..300)
            .map(|number| format!("{number} {}", "x".repeat(1000)))
            .collect();
        let mut pending = Vec::new();
        for body in &expected {
            pending.push(publisher.publish(draft(&topic, body)).await.unwrap());
        }
        for receipt in pending {
            timeout(PATIENCE, receipt).await.unwrap().unwrap();
        }
        assert_eq!(bodies(&mut subscriber, 300).await, expected, "{transport}");
        publisher.close().await;
        subscriber.close().await;
    }
}

#[tokio::test]
async fn what_is_published_while_the_connection_is_down_arrives() {
    let harbour = Harbour::start();
    for transport in RESPONSES {
        let topic = format!("down.{transport}");
        let proxy = Proxy::start(harbour.address, vec![Fate::Whole]).await;
        let mut subscriber = subscribe(proxy.address, &topic, None, by(transport))
            .await
            .unwrap();
        assert!(matches!(subscriber.next().await, Ok(Event::Open { .. })));
        proxy.set(Mood::Closed);
        publish(harbour.address, &topic, &["one", "two"]).await;
        proxy.set(Mood::Passing);
        assert_eq!(bodies(&mut subscriber, 2).await, ["one", "two"], "{transport}");
    }
}

#[tokio::test]
async fn a_session_that_falls_silent_is_left_and_a_quiet_one_is_kept() {
    let harbour = Harbour::start();
    for transport in RESPONSES {
        let topic = format!("quiet.{transport}");
        let proxy = Proxy::start(harbour.address, vec![Fate::Whole]).await;
        let mut options = by(transport);
        options.idle_timeout = Duration::from_millis(500);
        let mut subscriber = subscribe(proxy.address, &topic, None, options).await.unwrap();
        assert!(matches!(subscriber.next().await, Ok(Event::Open { .. })));
        tokio::time::sleep(Duration::from_millis(1200)).await;
        let told = subscriber.try_next();
        assert!(told.is_none(), "{transport}: {told:?}");
        proxy.set(Mood::Stalled);
        let next = timeout(PATIENCE, subscriber.next()).await.unwrap();
        let is_silent = matches!(
            &next,
            Ok(Event::Lost {
                error: Error::Silent { .. },
                ..
            })
        );
        assert!(is_silent, "{transport}: {next:?}");
    }
}

async fn read_across_a_cut(address: SocketAddr, transport: SockJsTransport, topic: &str, fates: Vec<Fate>) {
    publish(address, topic, &["one", "two", "three"]).await;
    let proxy = Proxy::start(address, fates).await;
    let mut subscriber = None;
    while subscriber.is_none() {
        match subscribe(proxy.address, topic, Some("earliest"), by(transport)).await {
            Ok(opened) => subscriber = Some(opened),
            Err(error) => assert!(!error.is_final(), "{topic}: {error}"),
        }
    }
    let mut subscriber = subscriber.expect("it opened");
    let first = bodies(&mut subscriber, 1).await;
    publish(address, topic, &["four", "five"]).await;
    let rest = bodies(&mut subscriber, 4).await;
    assert_eq!(
        [first, rest].concat(),
        ["one", "two", "three", "four", "five"],
        "{topic}"
    );
    while let Some(event) = subscriber.try_next() {
        let is_more = matches!(event, Ok(Event::Message(_) | Event::Gap(_)));
        assert!(!is_more, "{topic}: {event:?}");
    }
    subscriber.close().await;
}

#[tokio::test]
async fn responses_survive_every_cut() {
    let harbour = Harbour::start();
    let address = harbour.address;
    for transport in RESPONSES {
        // The first connection is that of the responses, the second one that of the POSTs.
        for (which, bytes) in [(0, 4000), (1, 700)] {
            for_each((0..bytes).step_by(13), |at| async move {
                let topic = format!("cut.{transport}.{which}.{at}");
                let mut fates = vec![Fate::Whole; 3];
                fates[which] = Fate::CutDown(at);
                read_across_a_cut(address, transport, &topic, fates).await;
            })
            .await;
        }
    }
}

#[tokio::test]
async fn publications_survive_every_cut() {
    let harbour = Harbour::start();
    let address = harbour.address;
    for transport in SockJsTransport::ALL {
        for which in [0, 1] {
            for_each((0..800).step_by(13), |at| async move {
                let topic = format!("pub.{transport}.{which}.{at}");
                let mut fates = vec![Fate::Whole; 3];
                fates[which] = Fate::CutUp(at);
                let proxy = Proxy::start(address, fates).await;
                let mut connected = None;
                while connected.is_none() {
                    match Publisher::connect(&target(proxy.address), Via::SockJs, by(transport)).await {
                        Ok(publisher) => connected = Some(publisher),
                        Err(error) => assert!(!error.is_final(), "{topic}: {error}"),
                    }
                }
                let mut publisher = connected.expect("it opened");
                let mut pending = Vec::new();
                for body in ["one", "two", "three", "four"] {
                    pending.push(publisher.publish(draft(&topic, body)).await.unwrap());
                }
                for receipt in pending {
                    timeout(PATIENCE, receipt)
                        .await
                        .expect("a receipt in time")
                        .unwrap();
                }
                publisher.close().await;
                assert_eq!(
                    history(address, &topic, 4).await,
                    ["one", "two", "three", "four"],
                    "{topic}"
                );
            })
            .await;
        }
    }
}

#[tokio::test]
async fn where_no_websocket_gets_through_responses_do() {
    let harbour = Harbour::start();
    for habit in [Habit::Passes, Habit::Collects, Habit::CollectsBodies] {
        let proxy = http_proxy(harbour.address, habit).await;
        let mut options = options();
        options.connect_timeout = Duration::from_millis(500);
        let topic = format!("through.{habit:?}");
        let mut subscriber = subscribe(proxy, &topic, None, options.clone()).await.unwrap();
        let mut publisher = publisher(proxy, options).await;
        for body in ["one", "two"] {
            publisher
                .publish(draft(&topic, body))
                .await
                .unwrap()
                .await
                .unwrap();
            assert_eq!(bodies(&mut subscriber, 1).await, [body], "{habit:?}");
        }
    }
}

#[tokio::test]
async fn what_is_no_text_is_published_as_it_is() {
    let harbour = Harbour::start();
    for transport in SockJsTransport::ALL {
        let topic = format!("binary.{transport}");
        let target = target(harbour.address);
        let mut subscriber = Subscriber::connect(&target, &topic, None, Via::Ws, options())
            .await
            .unwrap();
        let mut publisher = publisher(harbour.address, by(transport)).await;
        for (content_type, body, told) in [
            (None, &b"\xff"[..], "application/octet-stream"),
            (Some("image/png"), b"\x89P\0\n", "image/png"),
            (None, b"two\n\0", "text/plain"),
            (None, LOOKS_BINARY, "text/plain"),
            (Some("image/png"), LOOKS_BINARY, "image/png"),
        ] {
            let mut draft = draft(&topic, "");
            draft.body = body.into();
            draft.content_type = content_type.map(str::to_owned);
            let receipt = publisher.publish(draft).await.unwrap();
            timeout(PATIENCE, receipt).await.unwrap().unwrap();
            let message = message(&mut subscriber).await;
            assert_eq!(&message.body[..], body, "{transport}");
            assert_eq!(message.content_type.as_deref(), Some(told), "{transport}");
        }
        publisher.close().await;
    }
}

#[tokio::test]
async fn a_message_above_the_limit_is_refused_and_the_others_pass() {
    let harbour = Harbour::with("[limits]\nmessage = \"10KiB\"\n");
    for transport in RESPONSES {
        let topic = format!("large.{transport}");
        let mut publisher = publisher(harbour.address, by(transport)).await;
        let mut pending = Vec::new();
        for body in ["one", &"x".repeat(200_000), "two"] {
            pending.push(publisher.publish(draft(&topic, body)).await.unwrap());
        }
        let mut results = Vec::new();
        for receipt in pending {
            results.push(timeout(PATIENCE, receipt).await.unwrap());
        }
        let error = results.remove(1).unwrap_err();
        assert!(matches!(error, Error::TooLarge(_)), "{transport}: {error}");
        assert!(results.iter().all(Result::is_ok), "{transport}: {results:?}");
        publisher.close().await;
        assert_eq!(
            history(harbour.address, &topic, 2).await,
            ["one", "two"],
            "{transport}"
        );
    }
}

/// What a peer that answers every request with this, and then stays, comes to.
async fn refusal(answer: &str) -> Error {
    let mut options = by(SockJsTransport::XhrStreaming);
    options.connect_timeout = Duration::from_millis(300);
    options.idle_timeout = Duration::from_secs(3600);
    let result = subscribe(answering(answer).await, "chat", None, options).await;
    result.unwrap_err()
}

const STREAM: &str = "HTTP/1.1 200 OK\r\n\r\n";

#[tokio::test]
async fn what_is_no_session_is_told_apart() {
    for frames in [
        "<html>\n",
        "a[\"one\"]\n",
        "o\no\n",
        "o\na[1]\n",
        "o\nc[]\n",
        "o\na[\"\\ud8\"]\n",
        "o\n\u{ff}\n",
    ] {
        let error = refusal(&format!("{STREAM}{frames}")).await;
        assert!(matches!(error, Error::Violation(_)), "{frames:?}: {error}");
    }
    for frames in [
        "",
        "h\n",
        "hhh\n",
        "o\n",
        "o\na[]\n",
        "o\na[\"PONG\",\"NEWS x\"]\n",
        "o\na[\"one",
    ] {
        let error = refusal(&format!("{STREAM}{frames}")).await;
        assert!(matches!(error, Error::Silent { .. }), "{frames:?}: {error}");
    }
    let error = refusal(&format!("{STREAM}o\nc[3000,\"Go away!\"]\n")).await;
    assert!(
        matches!(&error, Error::Ended(why) if why.contains("3000, Go away!")),
        "{error}"
    );
    // A response that ends without anything, or within a frame, ends the session: the next one waits for its turn.
    for body in ["", "o\na[\"one"] {
        let length = body.len();
        let error = refusal(&format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
        .await;
        assert!(matches!(error, Error::Ended(_)), "{body:?}: {error}");
    }
    let error = refusal("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await;
    assert!(matches!(error, Error::Status { status: 404, .. }), "{error}");
}

#[tokio::test]
async fn endless_frames_are_cut_off() {
    for (head, filler) in [
        ("", "x"),
        ("o\na[\"", "x"),
        ("o\na[\"\"", ",\"\""),
        ("o\nc[1000,\"", "x"),
        ("o\n", "h"),
    ] {
        let address = peer(move |mut stream| async move {
            let _ = stream.write_all(format!("{STREAM}{head}").as_bytes()).await;
            let block = filler.repeat(65_536 / filler.len());
            while stream.write_all(block.as_bytes()).await.is_ok() {}
        })
        .await;
        let mut options = by(SockJsTransport::XhrStreaming);
        options.connect_timeout = PATIENCE;
        let error = subscribe(address, "chat", None, options).await.unwrap_err();
        assert!(matches!(error, Error::Violation(_)), "{head:?}: {error}");
    }
}

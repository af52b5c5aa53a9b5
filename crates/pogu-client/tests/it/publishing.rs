use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pogu_client::{Error, Publisher, Via};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::proxy::{Fate, Mood, Proxy};
use crate::server::Harbour;
use crate::{PATIENCE, draft, history, options, target};

const WAYS: [Via; 8] = [
    Via::Http,
    Via::Auto,
    Via::Ws,
    Via::Tcp,
    Via::Udp,
    Via::Stomp,
    Via::SocketIo,
    Via::SockJs,
];

#[tokio::test]
async fn many_are_published_in_order() {
    let harbour = Harbour::with("[[topics]]\npattern = \"many.*\"\nhistory = 2000\n");
    for via in WAYS {
        let topic = format!("many.{via}");
        let count = if via == Via::Udp { 100 } else { 1000 };
        let mut publisher = Publisher::connect(&target(harbour.address), via, options())
            .await
            .unwrap();
        let mut pending = Vec::new();
        for number in 0..count {
            pending.push(
                publisher
                    .publish(draft(&topic, &number.to_string()))
                    .await
                    .unwrap(),
            );
        }
        let mut last = None;
        for receipt in pending {
            let receipt = timeout(PATIENCE, receipt).await.unwrap().unwrap();
            assert_ne!(receipt.cursor, last);
            last = receipt.cursor;
        }
        publisher.close().await;
        let expected: Vec<_> = (0..count).map(|number: usize| number.to_string()).collect();
        assert_eq!(history(harbour.address, &topic, count).await, expected, "{via}");
    }
}

#[tokio::test]
async fn a_key_makes_one_of_two() {
    let harbour = Harbour::start();
    for via in WAYS {
        let topic = format!("key.{via}");
        let mut publisher = Publisher::connect(&target(harbour.address), via, options())
            .await
            .unwrap();
        let mut draft = draft(&topic, "once");
        draft.key = Some(format!("key of {via}"));
        let first = publisher.publish(draft.clone()).await.unwrap().await.unwrap();
        let second = publisher.publish(draft).await.unwrap().await.unwrap();
        assert_eq!(first, second, "{via}");
        assert_eq!(history(harbour.address, &topic, 1).await, ["once"], "{via}");
    }
}

#[tokio::test]
async fn a_refused_message_does_not_hold_up_the_others() {
    let harbour = Harbour::start();
    for via in WAYS {
        let topic = format!("refused.{via}");
        let mut publisher = Publisher::connect(&target(harbour.address), via, options())
            .await
            .unwrap();
        let good = publisher.publish(draft(&topic, "one")).await.unwrap();
        let bad = publisher.publish(draft("no..topic", "x")).await.unwrap();
        let better = publisher.publish(draft(&topic, "two")).await.unwrap();
        good.await.unwrap();
        let error = bad.await.unwrap_err();
        assert!(
            matches!(
                error,
                Error::Status { status: 400..500, .. } | Error::Refused { .. }
            ),
            "{via}: {error}"
        );
        better.await.unwrap();
        publisher.close().await;
        assert_eq!(history(harbour.address, &topic, 2).await, ["one", "two"], "{via}");
    }
}

#[tokio::test]
async fn an_idle_publisher_finds_its_server_again() {
    let harbour = Harbour::start();
    for via in [
        Via::Http,
        Via::Ws,
        Via::Tcp,
        Via::Stomp,
        Via::SocketIo,
        Via::SockJs,
    ] {
        let topic = format!("idle.{via}");
        let proxy = Proxy::start(harbour.address, vec![Fate::Whole]).await;
        let mut publisher = Publisher::connect(&target(proxy.address), via, options())
            .await
            .unwrap();
        publisher
            .publish(draft(&topic, "one"))
            .await
            .unwrap()
            .await
            .unwrap();
        proxy.set(Mood::Closed);
        tokio::time::sleep(Duration::from_millis(50)).await;
        proxy.set(Mood::Passing);
        let receipt = publisher.publish(draft(&topic, "two")).await.unwrap();
        timeout(PATIENCE, receipt).await.unwrap().unwrap();
        assert_eq!(history(harbour.address, &topic, 2).await, ["one", "two"], "{via}");
    }
}

#[tokio::test]
async fn a_message_is_given_up_in_time() {
    let harbour = Harbour::start();
    for via in WAYS {
        for mood in [Mood::Closed, Mood::Stalled] {
            let proxy = Proxy::start(harbour.address, vec![Fate::Whole]).await;
            let mut options = options();
            options.publish_timeout = Duration::from_millis(300);
            options.connect_timeout = Duration::from_millis(200);
            // Nobody listens on UDP where the proxy is.
            let mut publisher = Publisher::connect(&target(proxy.address), via, options)
                .await
                .unwrap();
            proxy.set(mood);
            let receipt = publisher.publish(draft("given.up", "x")).await.unwrap();
            let error = timeout(Duration::from_secs(5), receipt)
                .await
                .expect("in time")
                .unwrap_err();
            assert!(!error.is_final(), "{via} {mood:?}: {error}");
            publisher.close().await;
        }
    }
}

/// A WebSocket server that ends each conversation with code 1008 at the first word.
async fn averse(conversations: Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 4096];
            let length = stream.read(&mut head).await.unwrap();
            let head = String::from_utf8_lossy(&head[..length]).into_owned();
            let key = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("sec-websocket-key").then_some(value)
            });
            let accept = pogu_proto::ws::accept_key(key.unwrap());
            let answer = format!(
                "HTTP/1.1 101 x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n"
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            conversations.fetch_add(1, Ordering::SeqCst);
            let _ = stream.write_all(b"\x88\x08\x03\xf0not so").await;
            // Until the client has heard it.
            let _ = stream.read(&mut [0; 4096]).await;
        }
    });
    address
}

#[tokio::test]
async fn a_message_that_ends_its_connection_twice_is_given_up() {
    let conversations = Arc::new(AtomicUsize::new(0));
    let address = averse(conversations.clone()).await;
    let mut publisher = Publisher::connect(&target(address), Via::Ws, options())
        .await
        .unwrap();
    let mut receipts = Vec::new();
    for body in ["one", "two"] {
        receipts.push(publisher.publish(draft("averse", body)).await.unwrap());
    }
    for (number, receipt) in receipts.into_iter().enumerate() {
        let error = timeout(PATIENCE, receipt).await.unwrap().unwrap_err();
        assert!(
            matches!(&error, Error::Policy(why) if why.contains("not so")),
            "{error}"
        );
        assert_eq!(conversations.load(Ordering::SeqCst), 2 * (number + 1));
    }
}

#[tokio::test]
async fn what_no_datagram_holds_is_refused_here() {
    let harbour = Harbour::start();
    let mut publisher = Publisher::connect(&target(harbour.address), Via::Udp, options())
        .await
        .unwrap();
    let large = publisher
        .publish(draft("large", &"x".repeat(65_500)))
        .await
        .unwrap()
        .await;
    assert!(matches!(large, Err(Error::Unsupported(why)) if why.contains("65507")));
    let fits = publisher
        .publish(draft("large", &"x".repeat(60_000)))
        .await
        .unwrap()
        .await;
    fits.unwrap();
}

#[tokio::test]
async fn ways_that_only_receive_are_refused() {
    let harbour = Harbour::start();
    for via in [Via::Sse, Via::Stream, Via::LongPoll, Via::Poll] {
        let error = Publisher::connect(&target(harbour.address), via, options())
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Unsupported(_)), "{via}: {error}");
    }
}

#[tokio::test]
async fn a_message_above_the_limit_is_refused_and_the_others_pass() {
    let harbour = Harbour::with("[limits]\nmessage = \"10KiB\"\n");
    for via in [
        Via::Http,
        Via::Ws,
        Via::Tcp,
        Via::Stomp,
        Via::SocketIo,
        Via::SockJs,
    ] {
        let topic = format!("large.{via}");
        let mut publisher = Publisher::connect(&target(harbour.address), via, options())
            .await
            .unwrap();
        let mut pending = Vec::new();
        for body in ["one", &"x".repeat(100_000), "two"] {
            pending.push(publisher.publish(draft(&topic, body)).await.unwrap());
        }
        let mut results = Vec::new();
        for receipt in pending {
            results.push(timeout(PATIENCE, receipt).await.unwrap());
        }
        let error = results.remove(1).unwrap_err();
        assert!(error.is_final(), "{via}: {error}");
        assert!(
            error.to_string().contains("10240") || matches!(via, Via::Ws | Via::SockJs),
            "{via}: {error}"
        );
        assert!(results.iter().all(Result::is_ok), "{via}: {results:?}");
        publisher.close().await;
        assert_eq!(history(harbour.address, &topic, 2).await, ["one", "two"], "{via}");
    }
}

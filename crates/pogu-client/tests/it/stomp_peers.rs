//! STOMP servers that are not pogu, or hostile.

use std::net::SocketAddr;
use std::time::Duration;

use pogu_client::{Error, Event, Options, Subscriber, Via};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::hostile::peer;
use crate::{PATIENCE, bodies, by, options};

/// Takes both for a topic and for a queue the first subscription.
const SUBSCRIBED: &str = "CONNECTED\nversion:1.2\n\n\0RECEIPT\nreceipt-id:1\n\n\0";

/// Longer than a test, so that nothing is tried again.
const NEVER: Duration = Duration::from_secs(3600);

fn once() -> Options {
    Options {
        backoff_base: NEVER,
        backoff_cap: NEVER,
        ..options()
    }
}

fn delivery(number: usize) -> String {
    format!(
        "MESSAGE\nsubscription:1\nack:ack-{number}\ndestination:/queue/jobs\nmessage-id:{number}\ncursor:a-{number}\n\n{number}\0"
    )
}

/// A server that says `greeting` after CONNECT and then what `then` does.
async fn server<F>(
    greeting: &'static str,
    then: impl Fn(TcpStream) -> F + Send + Copy + 'static,
) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    peer(move |mut stream| async move {
        if stream.write_all(greeting.as_bytes()).await.is_ok() {
            then(stream).await;
        }
    })
    .await
}

async fn connect(address: SocketAddr, name: &str, options: Options) -> Result<Subscriber, Error> {
    let target = by("stomp", address);
    let after = (!name.starts_with('/')).then_some("earliest");
    let connecting = Subscriber::connect(&target, name, after, Via::Stomp, options);
    timeout(PATIENCE, connecting).await.expect("an end in time")
}

/// Why the connection is lost; what comes before is passed over.
async fn loss(subscriber: &mut Subscriber) -> Error {
    loop {
        match timeout(PATIENCE, subscriber.next())
            .await
            .expect("an end in time")
        {
            Ok(Event::Lost { error, .. }) | Err(error) => return error,
            Ok(_) => {}
        }
    }
}

async fn stay(stream: TcpStream) {
    tokio::time::sleep(PATIENCE).await;
    drop(stream);
}

#[tokio::test]
async fn an_error_says_why_and_whether_trying_again_can_help() {
    for (answer, is_final, why) in [
        (
            "ERROR\nmessage:bad login\n\nno such user\0",
            false,
            "bad login: no such user",
        ),
        ("ERROR\n\n\0", false, "the server ended the connection"),
        (
            "CONNECTED\nversion:1.2\n\n\0ERROR\nmessage:bad destination\nreceipt-id:1\n\nnot there\0",
            true,
            "bad destination: not there",
        ),
        (
            "CONNECTED\nversion:1.2\n\n\0ERROR\nmessage:shutting down\n\n\0",
            false,
            "shutting down",
        ),
        ("CONNECTED\nversion:9.9\n\n\0", false, "9.9"),
        ("RECEIPT\nreceipt-id:1\n\n\0", false, "RECEIPT"),
    ] {
        let address = server(answer, stay).await;
        for name in ["chat", "/queue/jobs"] {
            let error = connect(address, name, once()).await.unwrap_err();
            assert!(error.to_string().contains(why), "{answer:?}: {error}");
            assert_eq!(error.is_final(), is_final, "{answer:?}: {error}");
        }
    }
    let address = server(SUBSCRIBED, |mut stream| async move {
        let _ = stream
            .write_all(b"ERROR\nmessage:too slow\n\nmessages came faster\0")
            .await;
        stay(stream).await;
    })
    .await;
    let mut subscriber = connect(address, "chat", once()).await.unwrap();
    let error = loss(&mut subscriber).await;
    assert!(
        matches!(&error, Error::Ended(why) if why.contains("too slow: messages")),
        "{error}"
    );
}

#[tokio::test]
async fn a_long_reason_is_cut() {
    let address = server("ERROR\nmessage:no\n\n", |mut stream| async move {
        let _ = stream.write_all(&b"x".repeat(1 << 20)).await;
        let _ = stream.write_all(b"\0").await;
        stay(stream).await;
    })
    .await;
    let error = connect(address, "chat", once()).await.unwrap_err();
    assert!(error.to_string().len() < 2000, "{error}");
}

#[tokio::test]
async fn messages_before_the_receipt_are_kept() {
    let address = server("CONNECTED\nversion:1.2\n\n\0", |mut stream| async move {
        let flood: String = (0..1000)
            .map(|number| {
                format!(
                    "MESSAGE\ndestination:/topic/chat\nmessage-id:{number}\ncursor:a-{number}\n\n{number}\0"
                )
            })
            .collect();
        let _ = stream.write_all(flood.as_bytes()).await;
        stay(stream).await;
    })
    .await;
    let mut subscriber = connect(address, "chat", once()).await.unwrap();
    let expected: Vec<_> = (0..1000).map(|number| number.to_string()).collect();
    assert_eq!(bodies(&mut subscriber, 1000).await, expected);
}

#[tokio::test]
async fn losses_are_told_before_the_message_that_tells_them() {
    let address = server(SUBSCRIBED, |mut stream| async move {
        let frames = "MESSAGE\ndestination:/topic/chat\nmessage-id:1\ncursor:a-4\nmissed:3\n\n4\0\
                      MESSAGE\ndestination:/topic/chat\nmessage-id:2\ncursor:a-9\nmissed:1\ngap:true\n\n9\0";
        let _ = stream.write_all(frames.as_bytes()).await;
        stay(stream).await;
    })
    .await;
    let mut subscriber = connect(address, "chat", once()).await.unwrap();
    let mut told = Vec::new();
    while told.len() < 4 {
        match timeout(PATIENCE, subscriber.next()).await.unwrap().unwrap() {
            Event::Message(message) => told.push(message.cursor),
            Event::Gap(gap) => told.push(gap.to_json()),
            _ => {}
        }
    }
    assert_eq!(
        told,
        [
            r#"{"gap":true,"topic":"chat","missed":3}"#,
            "a-4",
            r#"{"gap":true,"topic":"chat"}"#,
            "a-9"
        ]
    );
}

#[tokio::test]
async fn where_it_is_not_known_where_to_go_on_a_gap_is_told() {
    let address = server(SUBSCRIBED, |mut stream| async move {
        // What a server says that ends every conversation.
        let _ = stream.write_all(b"ERROR\nmessage:bye\n\n\0").await;
    })
    .await;
    let target = by("stomp", address);
    let mut subscriber = Subscriber::connect(&target, "chat", None, Via::Stomp, options())
        .await
        .unwrap();
    loop {
        match timeout(PATIENCE, subscriber.next()).await.unwrap().unwrap() {
            Event::Gap(gap) => return assert_eq!(gap.to_json(), r#"{"gap":true,"topic":"chat"}"#),
            Event::Message(message) => panic!("{message:?}"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_queue_that_delivers_without_end_is_left() {
    let address = server(SUBSCRIBED, |mut stream| async move {
        for number in 0.. {
            if stream.write_all(delivery(number).as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await;
    let mut subscriber = connect(address, "/queue/jobs", once()).await.unwrap();
    let error = loss(&mut subscriber).await;
    assert!(
        matches!(&error, Error::Violation(why) if why.contains("not acknowledged")),
        "{error}"
    );
}

#[tokio::test]
async fn a_queue_that_does_not_hear_acknowledgements_is_left() {
    let address = server(SUBSCRIBED, |mut stream| async move {
        // It never reads, and delivers the same again and again.
        while stream
            .write_all(delivery(1).repeat(1000).as_bytes())
            .await
            .is_ok()
        {}
    })
    .await;
    let mut subscriber = connect(address, "/queue/jobs", once()).await.unwrap();
    let message = crate::message(&mut subscriber).await;
    subscriber.acknowledge(&message).await.unwrap();
    let error = loss(&mut subscriber).await;
    assert!(
        matches!(&error, Error::Violation(why) if why.contains("takes no")),
        "{error}"
    );
}

#[tokio::test]
async fn signs_of_life_are_given_and_wanted() {
    const BEATING: &str = "CONNECTED\nversion:1.2\nheart-beat:500,500\n\n\0RECEIPT\nreceipt-id:1\n\n\0";
    let address = server(BEATING, |mut stream| async move {
        // SUBSCRIBE, and then nothing but signs of life, each answered as long as they come in time.
        let mut buffer = [0; 4096];
        let mut beats = 0;
        while beats < 3 {
            let Ok(Ok(read @ 1..)) = timeout(Duration::from_millis(600), stream.read(&mut buffer)).await
            else {
                return;
            };
            if buffer[..read] == *b"\n" {
                beats += 1;
                let _ = stream.write_all(b"\n").await;
            }
        }
        stay(stream).await;
    })
    .await;
    let mut options = once();
    options.idle_timeout = Duration::from_millis(500);
    let mut subscriber = connect(address, "chat", options).await.unwrap();
    let start = Instant::now();
    let error = loss(&mut subscriber).await;
    // Three beats, each within half a second, and then a silence of twice that.
    assert!(matches!(error, Error::Silent { .. }), "{error}");
    assert!(
        start.elapsed() > Duration::from_millis(1500),
        "{:?}",
        start.elapsed()
    );
}

//! Peers that are no pogu server, or a hostile one.

use std::net::SocketAddr;
use std::time::Duration;

use pogu_client::{Error, Event, Options, Publisher, Subscriber, Via};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::{PATIENCE, RELIABLE, by, draft, options, target};

/// A peer that reads a first request and then does what `act` does.
pub(crate) async fn peer<F>(act: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            tokio::spawn(act(stream));
        }
    });
    address
}

/// A peer that answers every connection's first request with the same bytes and then stays.
pub(crate) async fn answering(answer: impl Into<Vec<u8>>) -> SocketAddr {
    let answer = answer.into();
    peer(move |mut stream| {
        let answer = answer.clone();
        async move {
            let _ = stream.write_all(&answer).await;
            tokio::time::sleep(PATIENCE).await;
        }
    })
    .await
}

async fn refusal(address: SocketAddr, via: Via) -> Error {
    let mut options = options();
    options.connect_timeout = Duration::from_millis(300);
    // Into history, so that the first request is already the one for the stream.
    let target = target(address);
    let connecting = Subscriber::connect(&target, "chat", Some("earliest"), via, options);
    timeout(PATIENCE, connecting)
        .await
        .expect("an end in time")
        .unwrap_err()
}

#[tokio::test]
async fn a_silent_peer_is_given_up() {
    let address = answering("").await;
    for via in RELIABLE.into_iter().chain([Via::Auto]) {
        let error = refusal(address, via).await;
        assert!(matches!(error, Error::Silent { .. }), "{via}: {error}");
    }
}

/// Steps that have as long as they like, within a short time for all together.
fn in_all() -> Options {
    let long = Duration::from_secs(3600);
    Options {
        connect_timeout: long,
        idle_timeout: long,
        opening_timeout: Some(Duration::from_millis(200)),
        publish_timeout: Duration::from_millis(200),
        ..options()
    }
}

#[tokio::test]
async fn one_time_holds_for_all_that_connecting_takes() {
    let silent = answering("").await;
    let deaf = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let over_udp = (Via::Udp, deaf.local_addr().unwrap());
    let ways = RELIABLE.into_iter().chain([Via::Auto]).map(|via| (via, silent));
    for (via, address) in ways.chain([over_udp]) {
        let target = target(address);
        let connecting = Subscriber::connect(&target, "chat", None, via, in_all());
        let error = timeout(PATIENCE, connecting).await.expect("an end in time");
        let error = error.unwrap_err().to_string();
        let via = if via == Via::Auto { Via::Ws } else { via };
        let expected = format!("there was no subscription by {via} at {address} within 0.2 s");
        assert_eq!(error, expected);
    }
}

#[tokio::test]
async fn one_time_holds_for_connecting_and_publishing() {
    let silent = answering("").await;
    let deaf = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let ways = [Via::Ws, Via::Tcp, Via::Stomp, Via::SocketIo, Via::SockJs].map(|via| (via, silent));
    for (via, address) in ways {
        let target = target(address);
        let connecting = Publisher::connect(&target, via, in_all());
        let error = timeout(PATIENCE, connecting).await.expect("an end in time");
        let expected = format!("there was no connection by {via} at {address} within 0.2 s");
        assert_eq!(error.unwrap_err().to_string(), expected);
    }
    for (via, address) in [(Via::Http, silent), (Via::Udp, deaf.local_addr().unwrap())] {
        let mut publisher = Publisher::connect(&target(address), via, in_all()).await.unwrap();
        let receipt = publisher.publish(draft("chat", "x")).await.unwrap();
        let error = timeout(PATIENCE, receipt).await.expect("an end in time");
        let error = error.unwrap_err().to_string();
        let expected = format!("by {via} at {address} within 0.2 s");
        assert!(error.ends_with(&expected), "{error}");
    }
}

#[tokio::test]
async fn who_speaks_otherwise_is_named_at_once() {
    let mut options = options();
    options.publish_timeout = Duration::from_secs(3600);
    let address = answering("SSH-2.0-OpenSSH_9\r\n").await;
    let target = target(address);
    let connecting = Publisher::connect(&target, Via::Tcp, options.clone());
    let error = timeout(PATIENCE, connecting)
        .await
        .expect("an end in time")
        .unwrap_err();
    let why = format!("{address} begins with \"SSH-2.0-OpenSSH_9\", as no pogu server does");
    assert!(
        matches!(&error, Error::Violation(said) if *said == why),
        "{error}"
    );
    let error = refusal(address, Via::Tcp).await;
    assert!(
        matches!(&error, Error::Violation(said) if *said == why),
        "{error}"
    );

    let mut publisher = Publisher::connect(&target, Via::Http, options).await.unwrap();
    let receipt = publisher.publish(draft("chat", "x")).await.unwrap();
    let error = timeout(PATIENCE, receipt)
        .await
        .expect("an end in time")
        .unwrap_err();
    let why = format!("{address} does not answer in HTTP");
    assert!(
        matches!(&error, Error::Violation(said) if said.contains(&why)),
        "{error}"
    );
}

/// What is said of a peer that does `act` with each connection before it has read anything.
async fn unasked<F>(via: Via, act: impl Fn(TcpStream) -> F + Send + 'static) -> Error
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(act(stream));
        }
    });
    refusal(address, via).await
}

#[tokio::test]
async fn a_connection_that_is_closed_without_an_answer_is_told_in_words() {
    let error = refusal(peer(|stream| async { drop(stream) }).await, Via::Poll).await;
    assert!(
        matches!(&error, Error::Ended(why) if why.contains("closed it without an answer")),
        "{error}"
    );
    for via in [Via::Poll, Via::Ws, Via::Tcp, Via::SockJs, Via::Stomp] {
        let error = unasked(via, |stream| async { drop(stream) }).await;
        // What was written may be answered by a reset.
        assert!(
            matches!(error, Error::Ended(_) | Error::Broken { .. }),
            "{via}: {error}"
        );
        assert!(!error.to_string().contains("channel"), "{via}: {error}");
    }
}

#[tokio::test]
async fn another_kind_of_server_is_told_apart() {
    let page = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>";
    let address = answering(page).await;
    for via in [Via::Sse, Via::Stream, Via::LongPoll, Via::Poll] {
        let error = refusal(address, via).await;
        assert!(matches!(error, Error::Violation(_)), "{via}: {error}");
    }
    let error = refusal(address, Via::Ws).await;
    assert!(
        matches!(error, Error::Status { status: 200, .. } | Error::Violation(_)),
        "{error}"
    );
    let error = refusal(answering("SSH-2.0-OpenSSH_9\r\n").await, Via::Stream).await;
    assert!(!error.is_final(), "{error}");
}

#[tokio::test]
async fn a_problem_is_told_by_its_detail() {
    let problem = r#"{"title":"Bad topic","detail":"an empty token"}"#;
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\r\n{problem}",
        problem.len()
    );
    let error = refusal(answering(answer).await, Via::Poll).await;
    assert!(
        matches!(&error, Error::Status { status: 400, why } if why == "an empty token"),
        "{error}"
    );
    assert!(error.is_final());
    let answer = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 3\r\n\r\n\x1b[J";
    let error = refusal(answering(answer).await, Via::Poll).await;
    assert!(
        matches!(&error, Error::Status { status: 503, why } if why == "Service Unavailable"),
        "{error}"
    );
    assert!(!error.is_final());
}

/// A peer that begins with `head` and then sends `filler` without end; what it had sent when the client left is returned.
async fn flood(head: &'static str, filler: &'static [u8], via: Via) -> Error {
    let address = peer(move |mut stream| async move {
        let _ = stream.write_all(head.as_bytes()).await;
        let block = filler.repeat(65_536 / filler.len());
        while stream.write_all(&block).await.is_ok() {}
    })
    .await;
    let mut options = options();
    options.backoff_base = Duration::from_secs(3600);
    options.backoff_cap = Duration::from_secs(3600);
    let scheme = match via {
        Via::Stomp => "stomp",
        Via::SocketIo => crate::POLLS,
        _ => "http",
    };
    let target = by(scheme, address);
    let connecting = Subscriber::connect(&target, "chat", Some("earliest"), via, options);
    let mut subscriber = match timeout(PATIENCE, connecting).await.expect("an end in time") {
        Ok(subscriber) => subscriber,
        Err(error) => return error,
    };
    let lost = async {
        loop {
            match subscriber.next().await {
                Ok(Event::Lost { error, .. }) | Err(error) => return error,
                Ok(_) => {}
            }
        }
    };
    timeout(PATIENCE, lost).await.expect("an end in time")
}

const CONNECTED: &str = "CONNECTED\nversion:1.2\n\n\0";

const LINE: &str = concat!(
    "data: ",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "\n"
);

#[tokio::test]
async fn endless_units_are_cut_off() {
    let stream = "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n\r\n";
    let sse = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    let json = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
    for (head, filler, via) in [
        (stream, &b"x"[..], Via::Stream),
        (sse, b"x", Via::Sse),
        (sse, LINE.as_bytes(), Via::Sse),
        (json, b" ", Via::Poll),
        ("MSG chat cursor=a-1 :", b"x", Via::Tcp),
        ("MSG chat cursor=a-1 len=99999999999 :", b"x", Via::Tcp),
        ("MSG ", b"x", Via::Tcp),
        ("", b"x", Via::Stomp),
        (CONNECTED, b"x", Via::Stomp),
        (CONNECTED, b"MESSAGE\na:b\n", Via::Stomp),
        (
            "CONNECTED\nversion:1.2\n\n\0MESSAGE\ncontent-length:99999999999\n\n",
            b"x",
            Via::Stomp,
        ),
        (
            "CONNECTED\nversion:1.2\n\n\0MESSAGE\ndestination:/topic/chat\n\n",
            b"x",
            Via::Stomp,
        ),
        (json, b" ", Via::SocketIo),
        (CONNECTED, b"CONNECTED\n\n\0", Via::Stomp),
        (
            CONNECTED,
            b"MESSAGE\ndestination:/topic/chat\nmessage-id:1\n\nwithout a cursor\0",
            Via::Stomp,
        ),
    ] {
        let error = flood(head, filler, via).await;
        assert!(matches!(error, Error::Violation(_)), "{via} {head:?}: {error}");
    }
    // A sign of life is no answer.
    let error = flood(CONNECTED, b"\n", Via::Stomp).await;
    assert!(matches!(error, Error::Silent { .. }), "{error}");
    let error = flood("HTTP/1.1 101 ", b"x", Via::Ws).await;
    assert!(matches!(error, Error::Violation(_)), "{error}");
    let error = flood("HTTP/1.1 200 ", b"x", Via::Poll).await;
    assert!(matches!(error, Error::Violation(_)), "{error}");
}

#[tokio::test]
async fn messages_before_the_answer_are_kept_within_bounds() {
    let mut flood = Vec::new();
    for number in 0..1000 {
        flood.extend_from_slice(format!("MSG chat cursor=a-{number} :{number}\n").as_bytes());
    }
    let address = answering(flood).await;
    let mut subscriber = Subscriber::connect(&target(address), "chat", Some("earliest"), Via::Tcp, options())
        .await
        .unwrap();
    let expected: Vec<_> = (0..1000).map(|number| number.to_string()).collect();
    assert_eq!(crate::bodies(&mut subscriber, 1000).await, expected);
}

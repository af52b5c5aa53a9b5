//! Socket.IO servers that are not pogu, or hostile.

use std::net::SocketAddr;
use std::time::Duration;

use pogu_client::{Error, Event, Options, Publisher, Subscriber, Via};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::{PATIENCE, POLLS, UPGRADE, by, draft, options};

/// Longer than a test, so that nothing is tried again.
const NEVER: Duration = Duration::from_secs(3600);

const OPEN: &str =
    r#"0{"sid":"S","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":100}"#;
const JOINED: &str = r#"40{"sid":"P"}"#;
const SUBSCRIBED: &str = r#"430[{"cursor":"a-0"}]"#;

fn once() -> Options {
    Options {
        backoff_base: NEVER,
        backoff_cap: NEVER,
        connect_timeout: Duration::from_millis(500),
        ..options()
    }
}

/// A server that answers polls in turn, and the last never; what is posted is passed on.
async fn polled(answers: &[&str]) -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (post, posts) = mpsc::unbounded_channel();
    let (answer, mut next) = mpsc::unbounded_channel();
    for text in answers {
        answer.send((*text).to_owned()).unwrap();
    }
    tokio::spawn(async move {
        // Which of the connections is that of the polls is seen at its first request.
        let mut streams: Vec<BufReader<TcpStream>> = Vec::new();
        while streams.len() < 2 {
            let Ok((stream, _)) = listener.accept().await else {
                return;
            };
            let mut stream = BufReader::new(stream);
            if streams.is_empty() {
                let Some((line, _)) = request(&mut stream).await else {
                    return;
                };
                assert!(
                    line.starts_with("GET /socket.io/?EIO=4&transport=polling "),
                    "{line}"
                );
                let Some(first) = next.recv().await else { return };
                respond(&mut stream, &first).await;
            }
            streams.push(stream);
        }
        let (Some(mut posting), Some(mut polling)) = (streams.pop(), streams.pop()) else {
            return;
        };
        let polls = async {
            while let Some((line, _)) = request(&mut polling).await {
                assert!(line.contains("&sid=S "), "{line}");
                let Some(text) = next.recv().await else { return };
                respond(&mut polling, &text).await;
            }
        };
        let posted = async {
            while let Some((line, body)) = request(&mut posting).await {
                assert!(line.starts_with("POST ") && line.contains("&sid=S "), "{line}");
                let _ = post.send(body);
                respond(&mut posting, "ok").await;
            }
        };
        tokio::join!(polls, posted);
        drop(answer);
    });
    (address, posts)
}

/// The request line and the body.
async fn request(stream: &mut BufReader<TcpStream>) -> Option<(String, String)> {
    let (mut first, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
        if first.is_empty() {
            first = line;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((first, String::from_utf8(body).unwrap()))
}

async fn respond(stream: &mut BufReader<TcpStream>, body: &str) {
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let _ = stream.write_all(answer.as_bytes()).await;
}

async fn connect(address: SocketAddr) -> Result<Subscriber, Error> {
    connect_by(POLLS, address).await
}

async fn connect_by(scheme: &str, address: SocketAddr) -> Result<Subscriber, Error> {
    let target = by(scheme, address);
    let connecting = Subscriber::connect(&target, "chat", Some("earliest"), Via::SocketIo, once());
    timeout(PATIENCE, connecting).await.expect("an end in time")
}

#[tokio::test]
async fn a_server_that_says_something_else_is_told_apart() {
    for (answers, is_final, why) in [
        (&["hello"][..], false, "packet"),
        (&[r#"0{"sid":"S"}"#], false, "handshake"),
        (&["1"], false, "not expected"),
        (&[OPEN, "1"], false, "the server ended"),
        (&[OPEN, "4hello"], false, "unknown packet type"),
        (
            &[OPEN, r#"44{"message":"not\nyou"}"#],
            true,
            "connect_error: not\nyou",
        ),
        (&[OPEN, "40"], false, "CONNECT"),
        (&[OPEN, "41"], false, "the namespace /"),
        (
            &[OPEN, JOINED, r#"430[{"error":"no such topic"}]"#],
            true,
            "no such topic",
        ),
        (&[OPEN, JOINED, "430[]"], false, "not one of pogu"),
        (&[OPEN, JOINED, r#"430["ok"]"#], false, "not one of pogu"),
        (&[OPEN, JOINED, r#"42["welcome","you"]"#], false, "has no place"),
        (
            &[
                OPEN,
                JOINED,
                r#"42["gap",{"gap":true,"topic":"t"},{"topic":"t","cursor":"c"},"s","t"]"#,
            ],
            false,
            "no place",
        ),
        (
            &[
                OPEN,
                JOINED,
                r#"451-["binary",{"_placeholder":true,"num":0}]"#,
                "42[\"a\"]",
            ],
            false,
            "inside",
        ),
        (&[OPEN, JOINED], false, "nothing was heard"),
        (
            &[OPEN, JOINED, r#"431[{"cursor":"a-1"}]"#],
            false,
            "nothing was heard",
        ),
    ] {
        let (address, _posts) = polled(answers).await;
        let error = connect(address).await.unwrap_err();
        assert!(error.to_string().contains(why), "{answers:?}: {error}");
        assert_eq!(error.is_final(), is_final, "{answers:?}: {error}");
    }
}

#[tokio::test]
async fn a_server_that_pings_without_end_is_left() {
    let pings = ["2"; 1000].join("\u{1e}");
    let (address, _posts) = polled(&[OPEN, JOINED, SUBSCRIBED, &pings]).await;
    let mut subscriber = connect(address).await.unwrap();
    loop {
        match timeout(PATIENCE, subscriber.next()).await.unwrap().unwrap() {
            Event::Lost { error, .. } => {
                return assert!(
                    matches!(&error, Error::Violation(why) if why.contains("pinging")),
                    "{error}"
                );
            }
            other => assert!(matches!(other, Event::Open { .. }), "{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_comes_around_the_answer_is_kept_in_order() {
    let before = r#"42["greet","one",{"topic":"chat","cursor":"a-1"}]"#;
    let gap = r#"42["gap",{"gap":true,"topic":"chat","missed":3}]"#;
    let after = r#"42["message",{"n":2},{"topic":"chat","cursor":"a-5"},"a-5"]"#;
    let all = [before, SUBSCRIBED, gap, after].join("\u{1e}");
    let (address, mut posts) = polled(&[OPEN, JOINED, &all, "2"]).await;
    let mut subscriber = connect(address).await.unwrap();
    let mut told = Vec::new();
    while told.len() < 3 {
        match timeout(PATIENCE, subscriber.next()).await.unwrap().unwrap() {
            Event::Message(message) => told.push(message.to_json()),
            Event::Gap(gap) => told.push(gap.to_json()),
            _ => {}
        }
    }
    assert_eq!(
        told,
        [
            r#"{"topic":"chat","cursor":"a-1","event":"greet","type":"text/plain","data":"one"}"#,
            r#"{"gap":true,"topic":"chat","missed":3}"#,
            r#"{"topic":"chat","cursor":"a-5","type":"application/json","data":{"n":2}}"#,
        ]
    );
    let mut said = Vec::new();
    for _ in 0..3 {
        said.push(timeout(PATIENCE, posts.recv()).await.unwrap().unwrap());
    }
    assert_eq!(
        said,
        ["40", r#"420["subscribe","chat",{"after":"earliest"}]"#, "3"]
    );
    subscriber.close().await;
    assert_eq!(
        timeout(PATIENCE, posts.recv()).await.unwrap().unwrap(),
        "41\u{1e}1"
    );
}

#[tokio::test]
async fn no_websocket_is_opened_where_the_server_has_none() {
    for open in [
        OPEN.replace("[\"websocket\"]", "[]"),
        OPEN.replace("websocket", "webtransport"),
    ] {
        // It takes no connection but those of the polls and the POSTs.
        let (address, mut posts) = polled(&[&open, JOINED, SUBSCRIBED]).await;
        let subscriber = connect_by(UPGRADE, address).await.unwrap();
        assert_eq!(posts.recv().await.as_deref(), Some("40"));
        subscriber.close().await;
    }
}

#[tokio::test]
async fn posts_are_no_longer_than_the_server_takes() {
    let (address, mut posts) = polled(&[OPEN, JOINED]).await;
    let mut publisher = Publisher::connect(&by(POLLS, address), Via::SocketIo, once())
        .await
        .unwrap();
    let mut pending = Vec::new();
    for number in 0..20 {
        let mut draft = draft("chat", &number.to_string());
        draft.key = Some("k".to_owned());
        pending.push(publisher.publish(draft).await.unwrap());
    }
    assert_eq!(posts.recv().await.as_deref(), Some("40"));
    let mut said = Vec::new();
    while said.len() < 20 {
        let post = timeout(PATIENCE, posts.recv()).await.unwrap().unwrap();
        assert!(post.len() <= 100, "{post}");
        said.extend(post.split('\u{1e}').map(str::to_owned));
    }
    for (number, event) in said.iter().enumerate() {
        let expected = format!(r#"42{number}["publish","chat","{number}",{{"key":"k"}}]"#);
        assert_eq!(*event, expected);
    }
}

//! HTTP/2 with prior knowledge: every way of a topic on streams of one connection.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;

use crate::PATIENCE;
use crate::server::{Lines, Running};

pub(crate) type Client = SendRequest<Full<Bytes>>;

/// Runs a client that has `window` bytes of flow control for a stream.
pub(crate) fn with_client<F: Future<Output = ()>>(
    server: &Running,
    window: u32,
    client: impl FnOnce(Client) -> F,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let address = server.address();
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(window)
            .handshake(TokioIo::new(stream))
            .await
            .unwrap();
        let connection = tokio::spawn(connection);
        tokio::time::timeout(2 * PATIENCE, client(sender)).await.unwrap();
        connection.abort();
    });
}

pub(crate) const WINDOW: u32 = 1 << 16;

async fn ask(client: &mut Client, method: &str, target: &str, body: &'static str) -> Response<Incoming> {
    let request = Request::builder()
        .method(method)
        .uri(format!("http://test{target}"))
        .body(Full::from(body))
        .unwrap();
    client.ready().await.unwrap();
    client.send_request(request).await.unwrap()
}

async fn json(response: Response<Incoming>) -> Value {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&body).unwrap()
}

/// Reads a body until it ends with `end`.
async fn read_until(body: &mut Incoming, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        let frame = body.frame().await.expect("more").unwrap();
        text.push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap());
    }
    text
}

#[test]
fn a_topic_is_published_to_polled_and_streamed_on_one_connection() {
    let server = Running::start();
    with_client(&server, WINDOW, |mut client| async move {
        let events = ask(&mut client, "GET", "/topics/a?via=sse", "").await;
        assert_eq!(events.headers()["content-type"], "text/event-stream");
        assert!(!events.headers().contains_key("connection"));
        let mut events = events.into_body();
        let first = read_until(&mut events, "\n\n").await;
        assert!(first.starts_with("retry: "), "{first:?}");
        let stream = ask(&mut client, "GET", "/topics/a?via=stream", "").await;
        let mut stream = stream.into_body();
        assert_eq!(read_until(&mut stream, "\n").await, "\n");
        for number in 0..3 {
            let published = ask(&mut client, "POST", "/topics/a", "hello").await;
            assert_eq!(published.status(), 200);
            let cursor = json(published).await["cursor"].clone();
            let event = read_until(&mut events, "\n\n").await;
            assert!(event.contains("data: hello\n"), "{event:?}");
            let line: Value = serde_json::from_str(&read_until(&mut stream, "\n").await).unwrap();
            assert_eq!(line["cursor"], cursor);
            let polled = json(ask(&mut client, "GET", "/topics/a?after=earliest", "").await).await;
            assert_eq!(polled["messages"].as_array().unwrap().len(), number + 1);
        }
        let refused = ask(&mut client, "GET", "/topics/a..b", "").await;
        assert_eq!(refused.status(), 400);
        assert_eq!(json(refused).await["code"], "bad-topic");
    });
}

#[test]
fn a_poll_waits_while_its_connection_carries_others() {
    let server = Running::start();
    with_client(&server, WINDOW, |mut client| async move {
        let mut waiting = client.clone();
        let poll =
            tokio::spawn(async move { json(ask(&mut waiting, "GET", "/topics/a?wait=30", "").await).await });
        // The poll is there when the metrics, on the same connection, say so.
        loop {
            let metrics = ask(&mut client, "GET", "/metrics", "").await;
            let metrics = metrics.into_body().collect().await.unwrap().to_bytes();
            let metrics = String::from_utf8(metrics.to_vec()).unwrap();
            if metrics.contains("pogu_connections{carrier=\"http-long-poll\",dialect=\"plain\"} 1") {
                break;
            }
        }
        let published = json(ask(&mut client, "POST", "/topics/a", "hello").await).await;
        let answer = poll.await.unwrap();
        assert_eq!(answer["messages"][0]["data"], "hello");
        assert_eq!(answer["next"], published["cursor"]);
        let empty = json(ask(&mut client, "GET", "/topics/a?wait=0.05", "").await).await;
        assert_eq!(empty["messages"], Value::Array(Vec::new()));
    });
}

#[test]
fn a_stream_that_is_cancelled_leaves_nothing_behind() {
    let server = Running::start();
    with_client(&server, WINDOW, |mut client| async move {
        let mut events = ask(&mut client, "GET", "/topics/a?via=sse", "").await.into_body();
        read_until(&mut events, "\n\n").await;
        let mut waiting = client.clone();
        let poll = ask(&mut waiting, "GET", "/topics/a?wait=60", "");
        assert!(
            tokio::time::timeout(Duration::from_millis(50), poll)
                .await
                .is_err()
        );
        drop(events);
        // The connection goes on.
        assert_eq!(ask(&mut client, "GET", "/healthz", "").await.status(), 200);
    });
    server.await_metric(&["pogu_connections{"], 0);
}

#[test]
fn a_websocket_is_not_upgraded_to_on_http_2() {
    let server = Running::start();
    with_client(&server, WINDOW, |mut client| async move {
        assert_eq!(ask(&mut client, "GET", "/pogu", "").await.status(), 426);
    });
}

#[test]
fn a_stream_whose_window_is_full_is_told_of_each_message_it_missed() {
    const MESSAGES: usize = 2000;
    let server =
        Running::with("[limits]\nmessage = 1000\nmailbox = 2000\n[[topics]]\npattern = \">\"\nhistory = 0\n");
    let server = &server;
    with_client(server, WINDOW, |mut client| async move {
        let events = ask(&mut client, "GET", "/topics/slow?via=sse", "").await;
        let mut events = events.into_body();
        read_until(&mut events, "\n\n").await;
        // What is not read fills the window; each message is a turn of its own.
        tokio::task::spawn_blocking({
            let mut lines = Lines::new(server);
            move || {
                let body = "x".repeat(500);
                for number in 0..MESSAGES {
                    lines.ask(&format!("PUB slow event=n{number} :{body}"), "OK");
                }
                lines.ask("PUB slow event=end :end", "OK");
            }
        })
        .await
        .unwrap();
        let text = read_until(&mut events, "data: end\n\n").await;
        let received = text.matches("event: n").count();
        let gaps: Vec<usize> = text
            .lines()
            .filter_map(|line| line.strip_prefix("data: {\"gap\":true,\"topic\":\"slow\",\"missed\":"))
            .map(|rest| rest.trim_end_matches('}').parse().unwrap())
            .collect();
        let missed: usize = gaps.iter().sum();
        assert!(missed > 0);
        assert_eq!(received + missed, MESSAGES);
        assert!(
            gaps.len() < MESSAGES / 10,
            "{} gaps were written while nothing was read",
            gaps.len()
        );
    });
}

#[test]
fn more_answers_than_wait_at_a_time_all_come() {
    const MESSAGES: usize = 10;
    let server = Running::start();
    let body = "x".repeat(50_000);
    for _ in 0..MESSAGES {
        server.publish("large", body.as_bytes());
    }
    with_client(&server, WINDOW, |client| async move {
        let readers: Vec<_> = (0..20)
            .map(|_| {
                let mut client = client.clone();
                tokio::spawn(async move {
                    json(ask(&mut client, "GET", "/topics/large?after=earliest", "").await).await
                })
            })
            .collect();
        for reader in readers {
            let answer = reader.await.unwrap();
            assert_eq!(answer["messages"].as_array().unwrap().len(), MESSAGES);
        }
    });
}

#[test]
fn an_idle_connection_is_closed_and_one_with_a_stream_is_not() {
    let server = Running::with("keep-alive-timeout = \"500ms\"\n");
    with_client(&server, WINDOW, |mut client| async move {
        let mut events = ask(&mut client, "GET", "/topics/a?via=sse", "").await.into_body();
        read_until(&mut events, "\n\n").await;
        let answer = ask(&mut client, "GET", "/topics/a?wait=1.2", "").await;
        assert_eq!(answer.status(), 200);
        drop((events, answer));
        while client.ready().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
}

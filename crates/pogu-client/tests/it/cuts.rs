//! A connection that is cut anywhere: nothing is lost, nothing comes twice.

use std::net::SocketAddr;
use std::sync::Arc;

use pogu_client::{Error, Event, Publisher, Subscriber, Via};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::proxy::{Fate, Proxy};
use crate::server::Harbour;
use crate::{PATIENCE, POLLS, SOCKETIO, STOMP, UPGRADE, bodies, by, draft, history, options, publish};

/// Runs `one` for each number, some at a time.
pub(crate) async fn for_each<F>(numbers: impl Iterator<Item = usize>, one: impl Fn(usize) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let room = Arc::new(Semaphore::new(32));
    let mut running = JoinSet::new();
    for number in numbers {
        let permit = room.clone().acquire_owned().await.unwrap();
        let run = one(number);
        running.spawn(async move {
            run.await;
            drop(permit);
        });
    }
    while let Some(result) = running.join_next().await {
        result.unwrap();
    }
}

/// How many bytes lie between two cuts: of HTTP most are heads, whose every byte would take long and tell nothing new.
fn step(via: Via, scheme: &str) -> usize {
    let is_framed = matches!(via, Via::Ws | Via::Tcp | Via::Stomp | Via::SocketIo | Via::SockJs);
    if is_framed && ![POLLS, UPGRADE].contains(&scheme) {
        1
    } else {
        3
    }
}

/// A subscriber behind `proxy`, tried until it opens: the first connection may be the one that is cut.
async fn subscribe(proxy: &Proxy, topic: &str, via: Via, scheme: &str) -> Subscriber {
    let target = by(scheme, proxy.address);
    opened(|| Subscriber::connect(&target, topic, Some("earliest"), via, options())).await
}

/// What `open` opens, tried until it does.
pub(crate) async fn opened<T, F: Future<Output = Result<T, Error>>>(open: impl Fn() -> F) -> T {
    for _ in 0..10 {
        match open().await {
            Ok(opened) => return opened,
            Err(error) => assert!(!error.is_final(), "{error}"),
        }
    }
    panic!("it never opened");
}

async fn read_across_a_cut(
    address: SocketAddr,
    via: Via,
    scheme: &str,
    at: usize,
    fates: Vec<Fate>,
) -> usize {
    let topic = format!("cut.{via}.{scheme}.{at}");
    publish(address, &topic, &["one", "two", "three"]).await;
    let proxy = Proxy::start(address, fates).await;
    let mut subscriber = subscribe(&proxy, &topic, via, scheme).await;
    let first = bodies(&mut subscriber, 1).await;
    publish(address, &topic, &["four", "five"]).await;
    let rest = bodies(&mut subscriber, 4).await;
    let all = [first, rest].concat();
    assert_eq!(
        all,
        ["one", "two", "three", "four", "five"],
        "{via} cut after {at} bytes"
    );
    while let Some(event) = subscriber.try_next() {
        assert!(
            !matches!(event, Ok(Event::Message(_) | Event::Gap(_))),
            "{via} cut after {at} bytes: {event:?}"
        );
    }
    let down = proxy.bytes_down();
    subscriber.close().await;
    down
}

/// Cuts the first connection all along what a whole one brings.
async fn cut_everywhere(via: Via, scheme: &'static str) {
    let harbour = Harbour::start();
    let address = harbour.address;
    let bytes = read_across_a_cut(address, via, scheme, usize::MAX, vec![Fate::Whole]).await;
    assert!((100..5_000).contains(&bytes), "{via}: {bytes}");
    for_each((0..=bytes).step_by(step(via, scheme)), |at| async move {
        read_across_a_cut(address, via, scheme, at, vec![Fate::CutDown(at), Fate::Whole]).await;
    })
    .await;
}

#[tokio::test]
async fn sse_survives_every_cut() {
    cut_everywhere(Via::Sse, "http").await;
}

#[tokio::test]
async fn stream_survives_every_cut() {
    cut_everywhere(Via::Stream, "http").await;
}

#[tokio::test]
async fn long_poll_survives_every_cut() {
    cut_everywhere(Via::LongPoll, "http").await;
}

#[tokio::test]
async fn poll_survives_every_cut() {
    cut_everywhere(Via::Poll, "http").await;
}

#[tokio::test]
async fn websocket_survives_every_cut() {
    cut_everywhere(Via::Ws, "http").await;
}

#[tokio::test]
async fn sockjs_survives_every_cut() {
    cut_everywhere(Via::SockJs, "http").await;
}

#[tokio::test]
async fn tcp_survives_every_cut() {
    cut_everywhere(Via::Tcp, "http").await;
}

#[tokio::test]
async fn stomp_survives_every_cut() {
    for scheme in STOMP {
        cut_everywhere(Via::Stomp, scheme).await;
    }
}

#[tokio::test]
async fn socketio_survives_every_cut() {
    for scheme in SOCKETIO {
        cut_everywhere(Via::SocketIo, scheme).await;
    }
}

#[tokio::test]
async fn an_upgrade_survives_every_cut_of_its_websocket() {
    let harbour = Harbour::start();
    let address = harbour.address;
    // The WebSocket is among the connections that follow the first poll's, with the first POST's.
    for_each((0..700).step_by(3), |at| async move {
        let fates = vec![Fate::Whole, Fate::CutDown(at), Fate::CutDown(at), Fate::Whole];
        read_across_a_cut(address, Via::SocketIo, UPGRADE, at, fates).await;
    })
    .await;
}

/// Publishes through `fates` and returns what the server then has.
async fn publish_across_a_cut(address: SocketAddr, via: Via, scheme: &str, at: &str, fates: Vec<Fate>) {
    let topic = format!("pub.{via}.{scheme}.{at}");
    let proxy = Proxy::start(address, fates).await;
    let target = by(scheme, proxy.address);
    let mut publisher = opened(|| Publisher::connect(&target, via, options())).await;
    let mut pending = Vec::new();
    for body in ["one", "two", "three", "four"] {
        pending.push(publisher.publish(draft(&topic, body)).await.unwrap());
    }
    let mut cursors = Vec::new();
    for receipt in pending {
        let receipt: Result<_, Error> = timeout(PATIENCE, receipt).await.expect("a receipt in time");
        cursors.push(receipt.unwrap().cursor);
    }
    publisher.close().await;
    cursors.dedup();
    assert_eq!(cursors.len(), 4, "{via} cut {at}");
    assert_eq!(
        history(address, &topic, 4).await,
        ["one", "two", "three", "four"],
        "{via} cut {at}"
    );
}

async fn cut_publications_everywhere(via: Via, scheme: &'static str, down: usize, up: usize) {
    let harbour = Harbour::start();
    let address = harbour.address;
    for_each((0..down).step_by(step(via, scheme)), |at| async move {
        let fates = vec![Fate::CutDown(at), Fate::Whole];
        publish_across_a_cut(address, via, scheme, &format!("down-{at}"), fates).await;
    })
    .await;
    for_each((0..up).step_by(step(via, scheme)), |at| async move {
        let fates = vec![Fate::CutUp(at), Fate::Whole];
        publish_across_a_cut(address, via, scheme, &format!("up-{at}"), fates).await;
    })
    .await;
}

// The second number is above what the conversation takes in that direction, which a run without a cut would show.

#[tokio::test]
async fn posts_survive_every_cut() {
    cut_publications_everywhere(Via::Http, "http", 700, 800).await;
}

#[tokio::test]
async fn publications_over_websocket_survive_every_cut() {
    cut_publications_everywhere(Via::Ws, "http", 320, 500).await;
}

#[tokio::test]
async fn publications_over_tcp_survive_every_cut() {
    cut_publications_everywhere(Via::Tcp, "http", 140, 260).await;
}

#[tokio::test]
async fn publications_over_socketio_survive_every_cut() {
    cut_publications_everywhere(Via::SocketIo, "ws", 800, 900).await;
}

#[tokio::test]
async fn publications_over_polls_survive_every_cut() {
    cut_publications_everywhere(Via::SocketIo, POLLS, 900, 900).await;
    // The second connection is that of the POSTs.
    cut_later_connections(POLLS, 1, 900).await;
}

#[tokio::test]
async fn publications_in_an_upgrade_survive_every_cut() {
    // The first connection is that of the polls, the next two are that of the POSTs and the WebSocket.
    cut_later_connections(UPGRADE, 2, 1200).await;
}

/// Cuts publications by Socket.IO on connections after the first.
async fn cut_later_connections(scheme: &'static str, connections: usize, bytes: usize) {
    let harbour = Harbour::start();
    let address = harbour.address;
    for_each((0..bytes).step_by(5), |at| async move {
        for (name, fate) in [
            (format!("later-down-{at}"), Fate::CutDown(at)),
            (format!("later-up-{at}"), Fate::CutUp(at)),
        ] {
            let mut fates = vec![Fate::Whole];
            fates.extend(std::iter::repeat_n(fate, connections));
            fates.push(Fate::Whole);
            publish_across_a_cut(address, Via::SocketIo, scheme, &name, fates).await;
        }
    })
    .await;
}

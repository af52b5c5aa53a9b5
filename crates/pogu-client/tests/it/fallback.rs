//! `auto` finds a way through whatever stands between.

use std::time::Duration;

use pogu_client::{Event, Subscriber, Via};

use crate::proxy::{Fate, Habit, Proxy, http_proxy};
use crate::server::Harbour;
use crate::{bodies, options, publish, target};

/// Subscribes by `auto` at `address`, and returns the way that it took after it brought two messages.
async fn way_through(address: std::net::SocketAddr, harbour: &Harbour, topic: &str) -> Via {
    let mut options = options();
    options.connect_timeout = Duration::from_millis(500);
    let mut subscriber = Subscriber::connect(&target(address), topic, None, Via::Auto, options)
        .await
        .unwrap();
    let Ok(Event::Open { via }) = subscriber.next().await else {
        panic!("it opens first")
    };
    publish(harbour.address, topic, &["one", "two"]).await;
    assert_eq!(bodies(&mut subscriber, 2).await, ["one", "two"]);
    via
}

#[tokio::test]
async fn without_anything_between_it_is_websocket() {
    let harbour = Harbour::start();
    assert_eq!(way_through(harbour.address, &harbour, "a").await, Via::Ws);
}

#[tokio::test]
async fn behind_a_proxy_without_upgrades_it_is_a_stream() {
    let harbour = Harbour::start();
    let proxy = http_proxy(harbour.address, Habit::Passes).await;
    assert_eq!(way_through(proxy, &harbour, "a").await, Via::Stream);
}

#[tokio::test]
async fn behind_a_proxy_that_collects_answers_it_is_long_polling() {
    let harbour = Harbour::start();
    for habit in [Habit::Collects, Habit::CollectsBodies] {
        let proxy = http_proxy(harbour.address, habit).await;
        assert_eq!(
            way_through(proxy, &harbour, "a").await,
            Via::LongPoll,
            "{habit:?}"
        );
    }
}

#[tokio::test]
async fn where_nothing_else_passes_it_is_sockjs() {
    let harbour = Harbour::start();
    let proxy = http_proxy(harbour.address, Habit::OnlySockJs).await;
    assert_eq!(way_through(proxy, &harbour, "a").await, Via::SockJs);
}

#[tokio::test]
async fn behind_a_proxy_that_cuts_everything_soon_all_still_arrives() {
    let harbour = Harbour::start();
    let proxy = Proxy::start(harbour.address, vec![Fate::CutAfter(40)]).await;
    let mut subscriber = Subscriber::connect(&target(proxy.address), "a", None, Via::Auto, options())
        .await
        .unwrap();
    for number in 0..20 {
        let body = number.to_string();
        publish(harbour.address, "a", &[&body]).await;
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
    let expected: Vec<_> = (0..20).map(|number| number.to_string()).collect();
    assert_eq!(bodies(&mut subscriber, 20).await, expected);
    assert!(proxy.connections() > 3, "{} connections", proxy.connections());
}

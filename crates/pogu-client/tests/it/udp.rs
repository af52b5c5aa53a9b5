//! Datagrams that are lost or come twice.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pogu_client::{Publisher, Subscriber, Via};
use tokio::net::UdpSocket;

use crate::server::Harbour;
use crate::{bodies, draft, history, options, publish, target};

/// What happens to a datagram, by its number.
type Fate = fn(usize) -> usize;

/// Relays one client's datagrams, each as many times as `fate` says.
async fn relay(upstream: SocketAddr, fate: Fate) -> SocketAddr {
    let front = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let address = front.local_addr().unwrap();
    tokio::spawn(async move {
        let mut backs: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
        let mut buffer = vec![0; 65_536];
        let answered = Arc::new(AtomicUsize::new(0));
        for number in 0.. {
            let (size, client) = front.recv_from(&mut buffer).await.unwrap();
            let back = match backs.entry(client) {
                Entry::Occupied(known) => known.get().clone(),
                Entry::Vacant(new) => {
                    let back = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
                    back.connect(upstream).await.unwrap();
                    tokio::spawn(answers(
                        back.clone(),
                        front.clone(),
                        client,
                        fate,
                        answered.clone(),
                    ));
                    new.insert(back).clone()
                }
            };
            for _ in 0..fate(number) {
                back.send(&buffer[..size]).await.unwrap();
            }
        }
    });
    address
}

async fn answers(
    back: Arc<UdpSocket>,
    front: Arc<UdpSocket>,
    client: SocketAddr,
    fate: Fate,
    answered: Arc<AtomicUsize>,
) {
    let mut buffer = vec![0; 65_536];
    while let Ok(size) = back.recv(&mut buffer).await {
        for _ in 0..fate(answered.fetch_add(1, Ordering::SeqCst)) {
            front.send_to(&buffer[..size], client).await.unwrap();
        }
    }
}

#[tokio::test]
async fn each_is_published_once_whatever_is_lost_or_doubled() {
    let harbour = Harbour::start();
    let fates: [(&str, Fate); 4] = [
        ("every third lost", |n| usize::from(n % 3 != 2)),
        ("the first lost", |n| usize::from(n > 0)),
        ("all doubled", |_| 2),
        ("lost and doubled", |n| n % 3),
    ];
    for (number, (name, fate)) in fates.into_iter().enumerate() {
        let topic = format!("udp.{number}");
        let relay = relay(harbour.address, fate).await;
        let mut publisher = Publisher::connect(&target(relay), Via::Udp, options())
            .await
            .unwrap();
        for body in ["one", "two", "three", "four", "five", "six"] {
            publisher
                .publish(draft(&topic, body))
                .await
                .unwrap()
                .await
                .unwrap();
        }
        assert_eq!(
            history(harbour.address, &topic, 6).await,
            ["one", "two", "three", "four", "five", "six"],
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_subscription_comes_about_over_a_lossy_path_and_nothing_comes_twice() {
    let harbour = Harbour::start();
    let relay_lossy = relay(harbour.address, |n| usize::from(n % 2 == 1)).await;
    let subscribed = Subscriber::connect(&target(relay_lossy), "a", None, Via::Udp, options()).await;
    subscribed.unwrap().close().await;

    let relay_doubling = relay(harbour.address, |_| 2).await;
    let mut subscriber = Subscriber::connect(&target(relay_doubling), "b", None, Via::Udp, options())
        .await
        .unwrap();
    publish(harbour.address, "b", &["one", "two", "three"]).await;
    assert_eq!(bodies(&mut subscriber, 3).await, ["one", "two", "three"]);
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert!(subscriber.try_next().is_none());
}

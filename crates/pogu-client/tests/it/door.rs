//! What stands between a Socket.IO client and a server, and tells WebSockets from polls.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, copy_bidirectional};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use crate::PATIENCE;

/// What becomes of a WebSocket that is to take a session over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Passes,
    /// It passes, and what is posted takes its time: whoever does not wait for it overtakes it.
    DelaysPosts,
    /// It opens, and nothing that the client says on it arrives.
    Swallows,
    /// The answer to the probe is another one.
    Garbles,
    /// It is cut behind the answer to the probe.
    Cuts,
    /// The probe is answered when the test wants it, and from then on no poll is, until the WebSocket ends.
    HoldsPolls,
}

/// What has been seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// WebSockets that were asked for.
    pub(crate) websockets: usize,
    /// Those that have ended.
    pub(crate) ended: usize,
    /// What the server said since the last was asked for on any of them, after their handshakes.
    pub(crate) said: Vec<u8>,
}

pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    seen: watch::Receiver<Seen>,
    orders: Arc<Orders>,
}

/// What the test wants to happen.
#[derive(Default)]
struct Orders {
    cut: Notify,
    answer: Notify,
}

/// Of a POST: longer than a server keeps a poll once a probe is answered, so that the POST outlasts it.
const DELAY: Duration = Duration::from_millis(150);

/// What the server answers a probe, as a frame.
const ANSWER: &[u8] = b"\x81\x063probe";

impl Door {
    pub(crate) async fn open(upstream: SocketAddr, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sees, seen) = watch::channel(Seen::default());
        let orders = Arc::new(Orders::default());
        let obeyed = orders.clone();
        tokio::spawn(async move {
            let sees = Arc::new(sees);
            while let Ok((client, _)) = listener.accept().await {
                let (sees, orders) = (sees.clone(), obeyed.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        _ = carry(client, upstream, manner, &sees, &orders) => {}
                        () = orders.cut.notified() => {}
                    }
                });
            }
        });
        Self {
            address,
            seen,
            orders,
        }
    }

    /// Waits until it has seen so much.
    pub(crate) async fn saw(&mut self, enough: impl FnMut(&Seen) -> bool) {
        let seeing = self.seen.wait_for(enough);
        timeout(PATIENCE, seeing).await.expect("it is seen").unwrap();
    }

    /// How many WebSockets were asked for.
    pub(crate) fn websockets(&self) -> usize {
        self.seen.borrow().websockets
    }

    /// Whether a WebSocket has brought answers or messages.
    pub(crate) fn carried(&self) -> bool {
        self.seen.borrow().carried()
    }

    /// Cuts all connections.
    pub(crate) fn cut(&self) {
        self.orders.cut.notify_waiters();
    }

    /// Has the probe answered.
    pub(crate) fn answer(&self) {
        self.orders.answer.notify_one();
    }
}

impl Seen {
    /// Whether a WebSocket has brought answers or messages.
    pub(crate) fn carried(&self) -> bool {
        self.said.windows(8).any(|part| part == br#""cursor""#)
    }

    fn is_held(&self) -> bool {
        self.ended < self.websockets && self.said.ends_with(ANSWER)
    }
}

async fn carry(
    mut client: TcpStream,
    upstream: SocketAddr,
    manner: Manner,
    sees: &watch::Sender<Seen>,
    orders: &Orders,
) -> std::io::Result<()> {
    let mut server = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let request = head(&mut client).await?;
    server.write_all(&request).await?;
    let line = String::from_utf8_lossy(&request);
    if line.contains("transport=websocket") {
        sees.send_modify(|seen| {
            seen.websockets += 1;
            seen.said.clear();
        });
        client.write_all(&head(&mut server).await?).await?;
        carry_websocket(client, server, manner, sees, orders).await;
        sees.send_modify(|seen| seen.ended += 1);
        return Ok(());
    }
    let is_post = line.starts_with("POST ");
    if manner == Manner::DelaysPosts && is_post {
        let (client_read, mut client_write) = client.into_split();
        let (mut server_read, server_write) = server.into_split();
        tokio::select! {
            _ = delay(client_read, server_write) => {}
            _ = copy(&mut server_read, &mut client_write) => {}
        }
    } else if manner == Manner::HoldsPolls && !is_post {
        let (mut client_read, client_write) = client.into_split();
        let (server_read, mut server_write) = server.into_split();
        tokio::select! {
            _ = copy(&mut client_read, &mut server_write) => {}
            _ = hold(server_read, client_write, sees) => {}
        }
    } else {
        copy_bidirectional(&mut client, &mut server).await?;
    }
    Ok(())
}

/// All up to the first empty line.
async fn head(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(head)
}

async fn carry_websocket(
    client: TcpStream,
    server: TcpStream,
    manner: Manner,
    sees: &watch::Sender<Seen>,
    orders: &Orders,
) {
    let (mut client_read, client_write) = client.into_split();
    let (server_read, mut server_write) = server.into_split();
    let up = async {
        if manner == Manner::Swallows {
            copy(&mut client_read, &mut tokio::io::sink()).await
        } else {
            copy(&mut client_read, &mut server_write).await
        }
    };
    tokio::select! {
        _ = up => {}
        _ = listen(server_read, client_write, manner, sees, orders) => {}
    }
}

async fn listen(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    manner: Manner,
    sees: &watch::Sender<Seen>,
    orders: &Orders,
) -> std::io::Result<()> {
    let mut answer = [0; ANSWER.len()];
    from.read_exact(&mut answer).await?;
    if manner == Manner::HoldsPolls {
        orders.answer.notified().await;
    }
    sees.send_modify(|seen| seen.said.extend_from_slice(&answer));
    if manner == Manner::Garbles {
        answer[2] = b'4';
    }
    to.write_all(&answer).await?;
    if manner == Manner::Cuts {
        return Ok(());
    }
    let mut buffer = [0; 4096];
    while let read @ 1.. = from.read(&mut buffer).await? {
        sees.send_modify(|seen| seen.said.extend_from_slice(&buffer[..read]));
        to.write_all(&buffer[..read]).await?;
    }
    Ok(())
}

async fn delay(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> std::io::Result<()> {
    let mut buffer = [0; 4096];
    while let read @ 1.. = from.read(&mut buffer).await? {
        sleep(DELAY).await;
        to.write_all(&buffer[..read]).await?;
    }
    Ok(())
}

async fn hold(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    sees: &watch::Sender<Seen>,
) -> std::io::Result<()> {
    let mut buffer = [0; 4096];
    let mut seen = sees.subscribe();
    while let read @ 1.. = from.read(&mut buffer).await? {
        drop(seen.wait_for(|seen| !seen.is_held()).await);
        to.write_all(&buffer[..read]).await?;
    }
    Ok(())
}

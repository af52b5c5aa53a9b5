//! What can stand between a client and a server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What happens to one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Passes all.
    Whole,
    /// Is cut once so many bytes have reached the client.
    CutDown(usize),
    /// Is cut once so many bytes have reached the server.
    CutUp(usize),
    /// Is cut after so many milliseconds.
    CutAfter(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Passing,
    /// Passes nothing on and cuts nothing.
    Stalled,
    /// Cuts what there is and what comes.
    Closed,
}

/// A proxy of TCP connections.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    mood: watch::Sender<Mood>,
    connections: Arc<AtomicUsize>,
    /// Bytes that reached clients.
    down: Arc<AtomicUsize>,
}

impl Proxy {
    /// The n-th connection has the n-th fate, all later ones the last one's.
    pub(crate) async fn start(upstream: SocketAddr, fates: Vec<Fate>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mood, moods) = watch::channel(Mood::Passing);
        let connections = Arc::new(AtomicUsize::new(0));
        let down = Arc::new(AtomicUsize::new(0));
        let (count, sum) = (connections.clone(), down.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *moods.borrow() == Mood::Closed {
                    continue;
                }
                let n = count.fetch_add(1, Ordering::SeqCst);
                let fate = fates[n.min(fates.len() - 1)];
                tokio::spawn(carry(client, upstream, fate, moods.clone(), sum.clone()));
            }
        });
        Self {
            address,
            mood,
            connections,
            down,
        }
    }

    pub(crate) fn set(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn bytes_down(&self) -> usize {
        self.down.load(Ordering::SeqCst)
    }
}

async fn carry(
    client: TcpStream,
    upstream: SocketAddr,
    fate: Fate,
    mut moods: watch::Receiver<Mood>,
    sum: Arc<AtomicUsize>,
) {
    let server = TcpStream::connect(upstream).await.unwrap();
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    // Half of the cuts are resets.
    if matches!(fate, Fate::CutDown(n) | Fate::CutUp(n) if n % 2 == 1) {
        client.set_zero_linger().unwrap();
    }
    let (up_limit, down_limit) = match fate {
        Fate::CutUp(n) => (n, usize::MAX),
        Fate::CutDown(n) => (usize::MAX, n),
        Fate::Whole | Fate::CutAfter(_) => (usize::MAX, usize::MAX),
    };
    let life = Duration::from_millis(if let Fate::CutAfter(life) = fate {
        life
    } else {
        3_600_000
    });
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    let stall = moods.clone();
    let closed = async { drop(moods.wait_for(|mood| *mood == Mood::Closed).await) };
    // The first to end ends all: both sockets are dropped.
    tokio::select! {
        () = copy(client_read, server_write, up_limit, stall.clone(), Arc::default()) => {}
        () = copy(server_read, client_write, down_limit, stall, sum) => {}
        () = closed => {}
        () = tokio::time::sleep(life) => {}
    }
}

async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    limit: usize,
    mut moods: watch::Receiver<Mood>,
    sum: Arc<AtomicUsize>,
) {
    let mut buffer = [0; 4096];
    let mut left = limit;
    while left > 0 {
        let Ok(read @ 1..) = from.read(&mut buffer).await else {
            return;
        };
        drop(moods.wait_for(|mood| *mood != Mood::Stalled).await);
        let pass = read.min(left);
        if to.write_all(&buffer[..pass]).await.is_err() {
            return;
        }
        sum.fetch_add(pass, Ordering::SeqCst);
        left -= pass;
    }
}

/// What an HTTP proxy does to answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    /// Passes them on as they come.
    Passes,
    /// Collects each until it is whole.
    Collects,
    /// Passes the head on and collects the body.
    CollectsBodies,
    /// Passes them on, and knows no path but those of SockJS.
    OnlySockJs,
}

/// An HTTP proxy that knows no WebSocket: it takes `Upgrade` out of requests.
pub(crate) async fn http_proxy(upstream: SocketAddr, habit: Habit) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let server = TcpStream::connect(upstream).await.unwrap();
                let (client_read, client_write) = client.into_split();
                let (server_read, server_write) = server.into_split();
                tokio::select! {
                    () = requests(client_read, server_write, habit) => {}
                    () = answers(server_read, client_write, habit) => {}
                }
            });
        }
    });
    address
}

async fn requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, habit: Habit) {
    let mut head = Vec::new();
    let mut length = 0;
    loop {
        let Ok(byte) = from.read_u8().await else { return };
        head.push(byte);
        if !head.ends_with(b"\n") {
            continue;
        }
        let line = String::from_utf8(std::mem::take(&mut head)).unwrap();
        let lower = line.to_ascii_lowercase();
        if habit == Habit::OnlySockJs && lower.contains(" http/1.1") && !lower.contains(" /pogu/") {
            return;
        }
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if lower.starts_with("upgrade:") || lower.starts_with("connection:") {
            continue;
        }
        if to.write_all(line.as_bytes()).await.is_err() {
            return;
        }
        if line == "\r\n" {
            let mut body = vec![0; std::mem::take(&mut length)];
            if from.read_exact(&mut body).await.is_err() || to.write_all(&body).await.is_err() {
                return;
            }
        }
    }
}

async fn answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, habit: Habit) {
    let mut held = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else {
            return;
        };
        held.extend_from_slice(&buffer[..read]);
        let ready = match habit {
            Habit::Passes | Habit::OnlySockJs => held.len(),
            Habit::Collects | Habit::CollectsBodies => whole(&held, habit),
        };
        let rest = held.split_off(ready);
        if to.write_all(&held).await.is_err() {
            return;
        }
        held = rest;
    }
}

/// How many bytes of the answers may pass.
fn whole(held: &[u8], habit: Habit) -> usize {
    let text = String::from_utf8_lossy(held);
    let Some(head_end) = text.find("\r\n\r\n").map(|at| at + 4) else {
        return 0;
    };
    if !text.starts_with("HTTP/") {
        return 0;
    }
    let lower = text[..head_end].to_ascii_lowercase();
    let length = lower
        .lines()
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    match length {
        Some(length) if held.len() >= head_end + length => head_end + length,
        None if habit == Habit::CollectsBodies => head_end,
        _ => 0,
    }
}

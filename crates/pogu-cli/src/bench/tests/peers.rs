//! Servers under test, as simple as can be, some of them faulty.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use pogu_proto::ws::{Codec, Event, Kind, Limits, Role, Session, accept_key, encode};
use pogu_proto::{Reader, Time};

use crate::bench::stamp::{self, Stamp};

/// What a server does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    Lose(u32),
    Double(u32),
    /// Sends the message after the next one.
    Swap(u32),
    /// Closes every connection in place of sending it.
    HangUp(u32),
    /// Adds a message that nobody sent.
    Invent(u32),
}

/// What is sent in place of one message, given what was held back; `None` is the end.
fn spoil(fault: Fault, frame: &[u8], held: &mut Vec<u8>) -> Option<Vec<u8>> {
    let mut seq = None;
    stamp::scan(frame, |stamp| seq = Some(stamp.seq));
    let hit = |at: u32| seq == Some(at);
    Some(match fault {
        Fault::Lose(at) if hit(at) => Vec::new(),
        Fault::Double(at) if hit(at) => frame.repeat(2),
        Fault::HangUp(at) if hit(at) => return None,
        Fault::Swap(at) if hit(at) => {
            held.extend_from_slice(frame);
            Vec::new()
        }
        Fault::Swap(_) => [frame, &std::mem::take(held)].concat(),
        Fault::Invent(at) if hit(at) => {
            let mut foreign = frame.to_vec();
            let head = frame.len() - foreign.windows(4).rev().position(|w| w == b"~pb:").unwrap() - 4;
            Stamp {
                phase: 0,
                seq: 0,
                sent: 0,
            }
            .write(&mut foreign[head..]);
            [frame, &foreign].concat()
        }
        _ => frame.to_vec(),
    })
}

/// Passes frames of `size` bytes from one publisher to all subscribers; returns where both connect.
pub(super) fn relay(size: usize, fault: Fault) -> [SocketAddr; 2] {
    let subscribers = TcpListener::bind("127.0.0.1:0").unwrap();
    let publishers = TcpListener::bind("127.0.0.1:0").unwrap();
    let addresses = [
        subscribers.local_addr().unwrap(),
        publishers.local_addr().unwrap(),
    ];
    let peers = Arc::new(Mutex::new(Vec::new()));
    let all = Arc::clone(&peers);
    thread::spawn(move || {
        subscribers
            .incoming()
            .for_each(|peer| all.lock().unwrap().push(peer.unwrap()))
    });
    thread::spawn(move || {
        let (mut publisher, _) = publishers.accept().unwrap();
        let mut frame = vec![0; size];
        let mut held = Vec::new();
        while publisher.read_exact(&mut frame).is_ok() {
            let Some(bytes) = spoil(fault, &frame, &mut held) else {
                peers
                    .lock()
                    .unwrap()
                    .drain(..)
                    .for_each(|peer: TcpStream| drop(peer));
                continue;
            };
            for peer in peers.lock().unwrap().iter_mut() {
                let _ = peer.write_all(&bytes);
            }
        }
    });
    addresses
}

/// A WebSocket server. What is sent to `/echo` comes back to its sender; anywhere else it comes to all who are there.
pub(super) fn websocket(fault: Fault) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let room = Arc::new(Mutex::new(Vec::new()));
    thread::spawn(move || {
        for socket in listener.incoming() {
            let room = Arc::clone(&room);
            thread::spawn(move || serve(socket.unwrap(), &room, fault));
        }
    });
    address
}

fn serve(mut socket: TcpStream, room: &Mutex<Vec<TcpStream>>, fault: Fault) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if socket.read_exact(&mut byte).is_err() {
            return;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let key = head
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
        .unwrap();
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
        accept_key(key)
    );
    // A ping at once: who does not answer in frames of its own breaks the session here.
    let mut session = Session::new(Role::Server, Arc::new(Limits::default()), None, Time(0));
    let mut codec = Codec::new(0);
    let mut greeting = answer.into_bytes();
    session.ping(b"there?", &mut codec, &mut greeting);
    let echo = head.starts_with("GET /echo ");
    {
        let mut room = room.lock().unwrap();
        socket.write_all(&greeting).unwrap();
        if !echo {
            room.push(socket.try_clone().unwrap());
        }
    }
    let mut held = Vec::new();
    let mut buffer = vec![0; 65_536];
    while let Ok(n @ 1..) = socket.read(&mut buffer) {
        let mut input = Reader::new(&mut buffer[..n]);
        let mut frames = Vec::new();
        while let Some(event) = session
            .next(Time(0), &mut input, &mut codec, &mut Vec::new())
            .unwrap()
        {
            if let Event::Message { payload, .. } = event {
                let mut frame = Vec::new();
                encode(Kind::Text, payload, &mut frame);
                match spoil(fault, &frame, &mut held) {
                    Some(bytes) => frames.extend_from_slice(&bytes),
                    None => return,
                }
            }
        }
        if echo {
            let _ = socket.write_all(&frames);
            continue;
        }
        for peer in room.lock().unwrap().iter_mut() {
            let _ = peer.write_all(&frames);
        }
    }
}

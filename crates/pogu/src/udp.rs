//! UDP: an address is a peer for as long as its lease lasts.
//!
//! An address can be forged, so one that has not shown a token is sent at most [`AMPLIFICATION`](crate::lease::AMPLIFICATION) times what it sent
//! (as RFC 9000 §8.1), and only one that has shown it is subscribed. What cannot be sent at once is lost and counted: UDP never waits.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::SocketAddr;

use pogu_proto::{Time, pogu};

use crate::carrier::Carrier;
use crate::config::TopicTemplate;
use crate::dialect::{Dialect, Plain, Pogu};
use crate::flush::{take_missed, tell_missed};
use crate::form::Form;
use crate::lane::Lane;
use crate::lease::Lease;
use crate::link::Link;
use crate::metrics::{Loss, Way};
use crate::peer::Peer;

/// How long an address is subscribed without saying SUB again, in milliseconds.
const LEASE: u64 = 60_000;
/// How long an address without a token is remembered.
const ACQUAINTANCE: u64 = 10_000;
/// Addresses that one socket remembers.
const ADDRESSES_MAX: usize = 65_536;
/// Datagrams taken from one socket in a turn.
const DATAGRAMS_PER_TURN: usize = 256;
/// Bytes that fit a UDP datagram over IPv4.
pub(crate) const DATAGRAM_MAX: usize = 65_507;
/// The poller's names of UDP sockets begin here.
pub(crate) const FIRST_TOKEN: usize = usize::MAX / 2;

/// What is spoken on a socket.
pub(crate) enum Use {
    Pogu,
    Bound {
        topic: TopicTemplate,
        reply_topic: Option<TopicTemplate>,
    },
}

/// A UDP socket of a lane, and the addresses that speak to it.
pub(crate) struct UdpSocket {
    pub(crate) socket: mio::net::UdpSocket,
    pub(crate) spoken: Use,
    addresses: HashMap<SocketAddr, u32>,
    tokens: Tokens,
}

/// Tokens prove that an address receives what is sent to it. They are computed, not kept: a keyed hash (SipHash) of the address
/// and the time, valid for one to two periods.
struct Tokens {
    key: RandomState,
}

impl Tokens {
    const PERIOD: u64 = 2 * LEASE;
    /// 36 bits: short enough that `OK token=…` is within three times the shortest SUB.
    const LENGTH: usize = 6;
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    fn make(&self, address: SocketAddr, period: u64) -> [u8; Self::LENGTH] {
        let hash = self.key.hash_one((address, period));
        std::array::from_fn(|digit| Self::ALPHABET[(hash >> (6 * digit) & 63) as usize])
    }

    fn current(&self, address: SocketAddr, now: Time) -> [u8; Self::LENGTH] {
        self.make(address, now.0 / Self::PERIOD)
    }

    fn accepts(&self, token: &str, address: SocketAddr, now: Time) -> bool {
        let period = now.0 / Self::PERIOD;
        [period, period.wrapping_sub(1)]
            .iter()
            .any(|period| self.make(address, *period) == token.as_bytes())
    }
}

impl UdpSocket {
    pub(crate) fn new(socket: mio::net::UdpSocket, spoken: Use) -> Self {
        Self {
            socket,
            spoken,
            addresses: HashMap::new(),
            tokens: Tokens {
                key: RandomState::new(),
            },
        }
    }

    /// How many addresses it remembers.
    pub(crate) fn addresses(&self) -> usize {
        self.addresses.len()
    }

    pub(crate) fn forget(&mut self, address: SocketAddr) {
        self.addresses.remove(&address);
    }
}

impl Lane {
    /// Takes the datagrams that wait. Returns whether some may be left.
    pub(crate) fn receive_datagrams(&mut self, index: usize) -> bool {
        let mut buffer = self.take_buffer();
        let mut left = true;
        for _ in 0..DATAGRAMS_PER_TURN {
            let Some(udp) = self.udp.get(index) else { break };
            match udp.socket.recv_from(&mut buffer) {
                Ok((n, address)) => self.receive_datagram(index, address, &mut buffer[..n]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    left = false;
                    break;
                }
                // An ICMP answer to an earlier send; the next datagram may be fine.
                Err(_) => {}
            }
        }
        self.return_buffer(buffer);
        left
    }

    fn receive_datagram(&mut self, index: usize, address: SocketAddr, bytes: &mut [u8]) {
        let bound = matches!(self.udp[index].spoken, Use::Bound { .. });
        let way = if bound { Way::UdpPlain } else { Way::UdpPogu };
        if self.shutting_down || self.core.hub.congested() {
            return self.core.counters.refused(way);
        }
        let subscribe = match (bound, pogu::parse(bytes)) {
            (true, _) => None,
            // Never answer an answer, nor what is not ours (CVE-2024-2169): another server may stand there.
            (false, Err(error)) if error.is_foreign() => return self.core.counters.refused(way),
            (false, Ok(pogu::Command::Subscribe { pattern, token, .. })) => Some((pattern, token)),
            (false, _) => None,
        };
        let Some(slot) = self.address_slot(index, address) else {
            return self.core.counters.refused(way);
        };
        let now = self.core.now;
        let tokens = &self.udp[index].tokens;
        let Some(Peer {
            carrier: Carrier::Datagram(lease),
            out,
            dialect,
            ..
        }) = self.peers.get_mut(slot)
        else {
            return;
        };
        self.core.counters.bytes_in(way, bytes.len());
        lease.heard(bytes.len());
        lease.until = lease.until.max(now + ACQUAINTANCE);
        if let (Dialect::Pogu(pogu), Some((pattern, token))) = (dialect, subscribe) {
            match token {
                None => {
                    out.extend_from_slice(b"OK token=");
                    out.extend_from_slice(&tokens.current(address, now));
                    out.push(b'\n');
                    return self.touched(slot);
                }
                Some(token) if tokens.accepts(token, address, now) => {
                    lease.verify();
                    lease.until = now + LEASE;
                    if self.core.find(pogu.subscriptions(), pattern).is_some() {
                        out.extend_from_slice(b"OK\n");
                        return self.touched(slot);
                    }
                }
                Some(_) => {
                    out.extend_from_slice(b"ERR bad-token :send SUB without a token to get one\n");
                    return self.touched(slot);
                }
            }
        }
        self.receive(slot, bytes);
        self.touched(slot);
    }

    /// The slot of an address, made if there is room.
    fn address_slot(&mut self, index: usize, address: SocketAddr) -> Option<usize> {
        if let Some(slot) = self.udp[index].addresses.get(&address) {
            return Some(*slot as usize);
        }
        if self.udp[index].addresses.len() >= ADDRESSES_MAX {
            return None;
        }
        let (dialect, reply_to) = match &self.udp[index].spoken {
            Use::Pogu => (Dialect::Pogu(Box::<Pogu>::default()), None),
            Use::Bound { topic, reply_topic } => {
                let topic = topic.fill(address).parse().ok();
                let reply_to = reply_topic
                    .as_ref()
                    .and_then(|template| template.fill(address).parse().ok());
                (
                    Dialect::Plain(Plain::new(topic, pogu_proto::framing::Framing::Datagram)),
                    reply_to,
                )
            }
        };
        let lease = Lease::new(self.core.now + ACQUAINTANCE);
        let link = Link::Udp {
            socket: index,
            address,
        };
        let id = self
            .add(link, address, Carrier::Datagram(lease), dialect, &mut [])
            .ok()?;
        self.udp[index].addresses.insert(address, id.slot);
        if let Some(selector) = reply_to {
            self.subscribe_plain(id, selector, pogu_hub::After::Now).ok()?;
        }
        Some(id.slot as usize)
    }

    /// Sends all that waits for an address, each answer and message a datagram.
    pub(crate) fn flush_datagrams(&mut self, slot: usize) {
        self.catch_up(slot);
        let Lane {
            peers,
            core,
            udp,
            spares,
            ..
        } = self;
        let Some(peer) = peers.get_mut(slot) else { return };
        if let Some(mailbox) = &mut peer.mailbox {
            let missed = take_missed(mailbox, core);
            tell_missed(peer, &missed, core);
        }
        let form = peer.form();
        let way = peer.way();
        let (Link::Udp { socket, address }, Carrier::Datagram(lease)) = (&peer.link, &mut peer.carrier)
        else {
            return;
        };
        let socket = &udp[*socket].socket;
        let send = |lease: &mut Lease, bytes: &[u8]| {
            if !lease.allows(bytes.len()) {
                return core.counters.lost(Loss::UdpUnverified, 1);
            }
            match socket.send_to(bytes, *address) {
                Ok(n) => core.counters.wrote(way, n),
                Err(_) => core.counters.lost(Loss::UdpNoRoom, 1),
            }
        };
        let mut out = std::mem::take(&mut peer.out);
        out.append(&mut peer.farewell);
        for answer in out.split_inclusive(|byte| *byte == b'\n') {
            // The line feed is for people who read along; the shortest SUB does not pay for it.
            let length = answer.len() - usize::from(!lease.affords(answer.len()));
            send(lease, &answer[..length]);
        }
        spares.keep_buffer(out);
        let mut datagram = spares.buffer();
        if let (Some(mut mailbox), Some(form)) = (peer.mailbox.take(), form) {
            for (letter, _) in mailbox.iter() {
                datagram.clear();
                form.append(letter, &mut core.codec, &mut datagram);
                if datagram.len() <= DATAGRAM_MAX {
                    send(lease, &datagram);
                    core.counters.sent(way, 1);
                    continue;
                }
                core.counters.lost(Loss::UdpTooLarge, 1);
                if form == Form::PoguDatagram {
                    let (cursor, bytes) = (letter.message.cursor, datagram.len());
                    let refusal = format!(
                        "ERR too-large :message {cursor} takes {bytes} bytes, a datagram {DATAGRAM_MAX}\n"
                    );
                    send(lease, refusal.as_bytes());
                }
            }
            mailbox.drain_front(mailbox.len());
            spares.keep_mailbox(mailbox);
        }
        spares.keep_buffer(datagram);
        let unfinished = !peer.catching_up.is_empty();
        if peer.closing.is_some() {
            self.remove(slot);
        } else if unfinished {
            self.mark_dirty(slot);
        }
    }
}

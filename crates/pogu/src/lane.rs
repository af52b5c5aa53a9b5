//! A lane: one thread's peers, and the turn that moves everything.
//!
//! [`Lane::turn`] reads what is ready, does what is due, drains the inbox and flushes what is dirty, in this order.
//! Sockets are handed in; `drive.rs` has the loop that does so.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use pogu_hub::{Event, Letter, Pushed, SubscriptionId};
use pogu_proto::engineio::Form;
use pogu_proto::{Time, ws};
use slab::Slab;
use tokio::sync::watch;

use crate::attendance;
use crate::carrier::Carrier;
use crate::core::{Core, Waiting, milliseconds};
use crate::dialect::Dialect;
use crate::door::Door;
use crate::drive::{self, Lanes};
use crate::engineio::Sid;
use crate::flush::Runs;
use crate::given_back::GivenBack;
use crate::handler::Handlers;
use crate::http::Bodies;
use crate::id::PeerId;
use crate::link::Link;
use crate::metrics::{LaneCounters, Loss};
use crate::peer::{Depth, Ending, Peer};
use crate::read::READ_BYTES;
use crate::signal::Signal;
use crate::spares::Spares;
use crate::timers::Timers;
use crate::udp::UdpSocket;

/// What the poller saw of a socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    pub(crate) slot: usize,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// The other side has sent its last byte.
    pub(crate) ended: bool,
}

pub(crate) struct Lane {
    pub(crate) peers: Slab<Peer>,
    pub(crate) core: Core,
    pub(crate) udp: Vec<UdpSocket>,
    pub(crate) registry: mio::Registry,
    pub(crate) timers: Timers,
    pub(crate) runs: Runs,
    pub(crate) dirty: Vec<u32>,
    /// Work of reading history that is left in this turn, and who had none of it.
    pub(crate) catch_up_work: usize,
    pub(crate) passed_over: Vec<u32>,
    /// What waits in all mailboxes.
    pub(crate) depth: Depth,
    pub(crate) spares: Spares,
    pub(crate) codec: ws::Codec,
    pub(crate) buffer: Vec<u8>,
    /// Peers whose input waits unread until the hub has room, or for their next share of a turn.
    pub(crate) held: Vec<PeerId>,
    events: Vec<Event>,
    signals: Vec<Signal>,
    serial: u32,
    /// When its time began.
    pub(crate) began: Instant,
    /// Sockets that tasks are to serve again.
    pub(crate) given_back: Vec<GivenBack>,
    /// HTTP connections that hyper serves on this lane, and those not yet sniffed.
    pub(crate) tasks: usize,
    pub(crate) shutting_down: bool,
    /// Tells tasks that the server stops.
    pub(crate) stop: watch::Receiver<bool>,
    /// Of all lanes, for `/metrics`.
    pub(crate) all_counters: Arc<[Arc<LaneCounters>]>,
    pub(crate) lanes: Lanes,
    pub(crate) handlers: Rc<Handlers>,
    /// Of HTTP requests on all lanes.
    pub(crate) bodies: Arc<Bodies>,
    pub(crate) door: Arc<Door>,
    /// Sessions that requests name.
    pub(crate) sessions: HashMap<Sid, PeerId>,
    /// Sessions that their clients have closed while no poll waited, for one that comes late.
    pub(crate) just_closed: VecDeque<(Sid, Form)>,
    /// Polls that requests on this lane have asked for.
    pub(crate) polls: u64,
}

impl Lane {
    #[expect(clippy::too_many_arguments, reason = "called once, by the server")]
    pub(crate) fn new(
        core: Core,
        registry: mio::Registry,
        seed: u64,
        stop: watch::Receiver<bool>,
        all_counters: Arc<[Arc<LaneCounters>]>,
        lanes: Lanes,
        handlers: Rc<Handlers>,
        bodies: Arc<Bodies>,
        door: Arc<Door>,
    ) -> Self {
        Self {
            peers: Slab::new(),
            core,
            udp: Vec::new(),
            registry,
            timers: Timers::default(),
            runs: Runs::default(),
            dirty: Vec::new(),
            catch_up_work: 0,
            passed_over: Vec::new(),
            depth: Depth::default(),
            spares: Spares::default(),
            codec: ws::Codec::new(seed),
            buffer: vec![0; READ_BYTES],
            held: Vec::new(),
            events: Vec::new(),
            signals: Vec::new(),
            serial: 0,
            began: Instant::now(),
            given_back: Vec::new(),
            tasks: 0,
            shutting_down: false,
            stop,
            all_counters,
            lanes,
            handlers,
            bodies,
            door,
            sessions: HashMap::default(),
            just_closed: VecDeque::new(),
            polls: 0,
        }
    }

    /// One turn: read, tick, drain, flush. The caller has looked at the clock ([`Lane::look_at_clock`]).
    pub(crate) fn turn(&mut self, ready: &[Ready]) {
        self.take_signals();
        for peer in mem::take(&mut self.held) {
            if self.get(peer).is_some() {
                self.read(peer.slot as usize, false);
            }
        }
        for event in ready {
            self.on_ready(*event);
        }
        self.tick();
        self.close_replaced();
        self.core.publish();
        self.core.settle_all();
        self.drain();
        self.flush();
        self.core.counters.waiting(self.depth.messages, self.depth.bytes);
    }

    /// Looks at the clock: what is done now, in a turn or between two, has this time. A lane that has nothing to do has no turn, so whoever
    /// begins something between two looks first.
    pub(crate) fn look_at_clock(&mut self) {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.core.now = Time(milliseconds(self.began.elapsed()));
        self.core.unix = milliseconds(unix);
    }

    /// Connections, as the acceptor counts them: an address that sent a datagram is none.
    pub(crate) fn connections(&self) -> usize {
        let addresses: usize = self.udp.iter().map(UdpSocket::addresses).sum();
        self.peers.len().saturating_sub(addresses) + self.tasks
    }

    /// Whether input waits that a further turn has to read.
    pub(crate) fn has_held(&self) -> bool {
        !self.held.is_empty()
    }

    /// Whether something waits to be flushed in a further turn.
    pub(crate) fn has_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Adds a peer and returns its id. `first` are bytes of it that were read already.
    pub(crate) fn add(
        &mut self,
        link: Link,
        remote: SocketAddr,
        carrier: Carrier,
        dialect: Dialect,
        first: &mut [u8],
    ) -> io::Result<PeerId> {
        self.serial = self.serial.wrapping_add(1).max(1);
        let entry = self.peers.vacant_entry();
        let id = PeerId {
            slot: slot_number(entry.key())?,
            serial: self.serial,
        };
        let mut peer = Peer::new(id, link, remote, carrier, dialect);
        if let Link::Tcp(stream) = &mut peer.link {
            let interest = mio::Interest::READABLE | mio::Interest::WRITABLE;
            self.registry
                .register(stream, peer_token(entry.key()), interest)?;
        }
        let way = peer.way();
        attendance::entered(&mut peer, &self.core, &self.door);
        if let Some(sid) = peer.carrier.sid() {
            self.sessions.insert(sid, id);
        }
        entry.insert(peer);
        let slot = id.slot as usize;
        if !first.is_empty() {
            self.core.counters.bytes_in(way, first.len());
            self.receive(slot, first);
        }
        self.touched(slot);
        Ok(id)
    }

    /// Has the poller know a socket by another slot.
    pub(crate) fn watch_again(&self, stream: &mut mio::net::TcpStream, slot: usize) -> io::Result<()> {
        let interest = mio::Interest::READABLE | mio::Interest::WRITABLE;
        self.registry.reregister(stream, peer_token(slot), interest)
    }

    /// Has a new peer say what comes before it is spoken to.
    pub(crate) fn begin(&mut self, id: PeerId) {
        let Lane { peers, core, .. } = self;
        let slot = id.slot as usize;
        if let Some(peer) = peers.get_mut(slot)
            && let Err(ending) = peer.begin(core)
        {
            self.end(slot, &ending);
        }
        self.mark_dirty(slot);
    }

    /// The peer with `id`, if it is still there.
    pub(crate) fn get(&mut self, id: PeerId) -> Option<&mut Peer> {
        self.peers.get_mut(id.slot as usize).filter(|peer| peer.id == id)
    }

    /// Begins the end of a peer: it is told, its output is written and its input thrown away.
    pub(crate) fn end(&mut self, slot: usize, ending: &Ending) {
        let Some(peer) = self.peers.get_mut(slot) else {
            return;
        };
        if peer.closing.is_some() {
            return;
        }
        attendance::ends(peer, ending);
        if !matches!(ending, Ending::ShuttingDown) {
            // Nothing follows a last word, and one that its own end has written stands in its output already.
            peer.mailbox = None;
        }
        peer.say_goodbye(ending, &mut self.core);
        let linger = match (&peer.carrier, &peer.link) {
            (Carrier::SockJs(carrier), Link::None) => carrier.linger(),
            (Carrier::SockJs(carrier), _) => carrier.linger().max(self.core.times.linger),
            // Until all that waits for it is written.
            (_, Link::Tcp(_) | Link::Pipe(_)) if matches!(ending, Ending::ShuttingDown) => {
                milliseconds(self.core.config.shutdown_timeout)
            }
            _ => self.core.times.linger,
        };
        peer.closing = Some(self.core.now + linger);
        peer.leave(Some(ending), &mut self.core);
        peer.catching_up = Vec::new();
        self.mark_dirty(slot);
        self.arm(slot);
    }

    /// Removes a peer at once.
    pub(crate) fn remove(&mut self, slot: usize) {
        drop(self.take(slot));
    }

    pub(crate) fn take(&mut self, slot: usize) -> Option<Peer> {
        let mut peer = self.peers.try_remove(slot)?;
        if peer.closing.is_none() {
            peer.leave(None, &mut self.core);
        }
        if let Some(at) = peer.armed {
            self.timers.remove(at, peer.id.slot);
        }
        if let Link::Udp { socket, address } = peer.link {
            self.udp[socket].forget(address);
        }
        if let Link::Pipe(pipe) = &peer.link {
            pipe.end();
        }
        self.forget_session(&peer);
        self.depth.change(peer.counted, Depth::default());
        attendance::left(&peer, &self.core, &self.door);
        Some(peer)
    }

    /// Tells every peer that the server stops.
    pub(crate) fn shut_down(&mut self) {
        self.shutting_down = true;
        // What was published before comes before the last words.
        self.drain();
        // A poll that is parked is answered with its session's last words.
        let told = self
            .peers
            .iter()
            .filter(|(_, peer)| !matches!(peer.carrier, Carrier::Parked(_)));
        let slots: Vec<usize> = told.map(|(slot, _)| slot).collect();
        for slot in slots {
            self.end(slot, &Ending::ShuttingDown);
            // One that has ended before may have stayed only for a client that asks again.
            self.mark_dirty(slot);
        }
    }

    /// Lends the lane's read buffer out.
    pub(crate) fn take_buffer(&mut self) -> Vec<u8> {
        mem::take(&mut self.buffer)
    }

    pub(crate) fn return_buffer(&mut self, buffer: Vec<u8>) {
        self.buffer = buffer;
    }

    /// Hands a turn's bytes of a datagram or a stream to a peer.
    pub(crate) fn receive(&mut self, slot: usize, bytes: &mut [u8]) {
        let Some(peer) = self.peers.get_mut(slot) else {
            return;
        };
        if peer.closing.is_some() {
            return;
        }
        if let Carrier::Probe { .. } = peer.carrier {
            return self.receive_probe(slot, bytes);
        }
        if peer.out.capacity() == 0 {
            peer.out = self.spares.buffer();
        }
        let result = peer.receive(bytes, &mut self.codec, &mut self.core);
        if let Err(ending) = result {
            self.end(slot, &ending);
        }
    }

    /// After anything that may have changed a peer: flush it if it has output, and keep its timer true.
    pub(crate) fn touched(&mut self, slot: usize) {
        let Some(peer) = self.peers.get_mut(slot) else {
            return;
        };
        for (id, selector) in self.core.ended.drain(..) {
            if let Some(mailbox) = &mut peer.mailbox {
                mailbox.end(id, selector);
            }
        }
        if !peer.out.is_empty() || !peer.catching_up.is_empty() {
            self.mark_dirty(slot);
        } else if peer.out.capacity() > 0 {
            self.spares.keep_buffer(mem::take(&mut peer.out));
        }
        self.arm(slot);
    }

    pub(crate) fn mark_dirty(&mut self, slot: usize) {
        let Some(peer) = self.peers.get_mut(slot) else {
            return;
        };
        if !mem::replace(&mut peer.dirty, true) {
            self.dirty.push(peer.id.slot);
        }
    }

    fn take_signals(&mut self) {
        let mut signals = mem::take(&mut self.signals);
        self.core.signals.take(&mut signals);
        for signal in signals.drain(..) {
            match signal {
                Signal::Ready(id) => {
                    if let Some(peer) = self.get(id) {
                        peer.blocked = false;
                        self.mark_dirty(id.slot as usize);
                    }
                }
                Signal::Gone(id) => {
                    if self.get(id).is_some() {
                        self.remove(id.slot as usize);
                    }
                }
            }
        }
        self.signals = signals;
    }

    fn tick(&mut self) {
        while let Some(slot) = self.timers.pop_due(self.core.now) {
            let slot = slot as usize;
            let Some(peer) = self.peers.get_mut(slot) else {
                continue;
            };
            peer.armed = None;
            if peer.deadline(&self.core).is_none_or(|at| at > self.core.now) {
                self.arm(slot);
                continue;
            }
            match peer.tick(&mut self.core) {
                Ok(()) => {
                    // A poll that waits may have to be ended, though there is nothing to say.
                    if let Carrier::EngineIo(_) | Carrier::SockJs(_) = peer.carrier {
                        self.mark_dirty(slot);
                    }
                    self.touched(slot);
                }
                Err(_) if peer.closing.is_some() || peer.carrier.is_gone() => self.remove(slot),
                Err(ending) => self.end(slot, &ending),
            }
        }
    }

    /// Has the timers hold the peer's deadline, if it comes before the time they hold.
    ///
    /// A deadline that moved later, as it does with every byte heard, is left for the timer to find out.
    pub(crate) fn arm(&mut self, slot: usize) {
        let Some(peer) = self.peers.get_mut(slot) else {
            return;
        };
        let Some(at) = peer.deadline(&self.core) else {
            return;
        };
        if peer.armed.is_some_and(|armed| armed <= at) {
            return;
        }
        if let Some(armed) = peer.armed {
            self.timers.remove(armed, peer.id.slot);
        }
        peer.armed = Some(at);
        self.timers.insert(at, peer.id.slot);
    }

    fn drain(&mut self) {
        let mut events = mem::take(&mut self.events);
        drive::take_woken();
        self.core.hub.drain(usize::from(self.core.index), &mut events);
        for event in events.drain(..) {
            match event {
                Event::Message(message) => self.deliver(message),
                Event::Receipt { ticket, result } => match self.core.waited(ticket) {
                    Some(Waiting::Peer { peer, seq }) => {
                        let Some(found) = self
                            .peers
                            .get_mut(peer.slot as usize)
                            .filter(|found| found.id == peer)
                        else {
                            continue;
                        };
                        let answered = found.published(seq, result, &mut self.core);
                        let slot = peer.slot as usize;
                        self.mark_dirty(slot);
                        if let Err(ending) = answered {
                            self.end(slot, &ending);
                        }
                    }
                    // Whoever asked may have gone.
                    Some(Waiting::Request(sender)) => drop(sender.send(result)),
                    None => {}
                },
                Event::Delivery(delivery) => {
                    let slot = delivery.peer as usize;
                    if let Some(peer) = self.peers.get_mut(slot)
                        && let Dialect::Stomp(stomp) = &mut peer.dialect
                        && stomp.take_delivery(delivery)
                    {
                        self.mark_dirty(slot);
                    }
                }
                Event::Scan(ticket) => self.core.hub.scan(self.core.unix, ticket),
            }
        }
        self.events = events;
    }

    fn deliver(&mut self, message: std::sync::Arc<pogu_hub::Message>) {
        let Lane {
            peers,
            core,
            dirty,
            spares,
            ..
        } = self;
        let limit = core.config.limits.mailbox.bytes();
        let mut letter = None;
        let mut slow: Vec<usize> = Vec::new();
        let shared = message.clone();
        core.subscriptions
            .dispatch(&message, |subscription: SubscriptionId, slot: u32| {
                let Some(peer) = peers.get_mut(slot as usize) else {
                    return;
                };
                let letter = letter.get_or_insert_with(|| Rc::new(Letter::new(shared.clone())));
                let mailbox = peer.mailbox.get_or_insert_with(|| spares.mailbox(limit));
                if peer.dialect.is_told(subscription, mailbox.last(letter)) {
                    return;
                }
                match mailbox.push(letter.clone(), subscription) {
                    Pushed::Queued => {}
                    Pushed::Dropped(dropped) => core.counters.lost(
                        message.policy.into(),
                        usize::try_from(dropped).unwrap_or(usize::MAX),
                    ),
                    Pushed::Disconnect => slow.push(slot as usize),
                }
                if !mem::replace(&mut peer.dirty, true) {
                    dirty.push(slot);
                }
            });
        for slot in slow {
            self.core.counters.lost(Loss::Disconnected, 1);
            self.end(slot, &Ending::TooSlow);
        }
    }
}

/// The poller's name of a peer's socket.
pub(crate) fn peer_token(slot: usize) -> mio::Token {
    mio::Token(slot)
}

fn slot_number(slot: usize) -> io::Result<u32> {
    u32::try_from(slot).map_err(|_| io::Error::other("the lane has no slot left"))
}

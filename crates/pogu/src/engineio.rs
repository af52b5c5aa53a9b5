//! Engine.IO as a carrier: a session that outlives its connections, and goes from polls to a WebSocket without its dialect noticing.
//!
//! Requests for a session arrive on any lane and are handed to its own as errands (`errand.rs`). While no poll waits the peer has no link,
//! and what is to be said waits in its output and its mailbox.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Buf as _;
use pogu_proto::engineio::{
    self, Data, Due, Event, Form, Packet, PacketError, Payload, Session, Transport, Version,
};
use pogu_proto::{Reader, Time, ws};
use sha1_smol::Sha1;
use tokio::sync::oneshot;

use crate::carrier::Carrier;
use crate::core::Core;
use crate::errand::Post;
use crate::flush::{Progress, take_missed, tell_missed};
use crate::id::{self, PeerId};
use crate::lane::Lane;
use crate::link::Link;
use crate::peer::{Ending, Peer};
use crate::read::BACKLOG_MAX;

/// Packets in the answer to a poll: python-engineio, which most clients in Python are built on, refuses more than 16.
const PACKETS_MAX: usize = 16;

/// The name of a session: nobody guesses it, and its first bytes are the number of its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Sid([u8; Sid::BYTES]);

impl Sid {
    const BYTES: usize = 18;

    pub(crate) fn new(lane: u16) -> Self {
        let mut bytes = [0; Self::BYTES];
        let (number, secret) = bytes.split_at_mut(2);
        number.copy_from_slice(&lane.to_be_bytes());
        id::fill_unguessable(secret);
        Self(bytes)
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; Self::BYTES];
        let read = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        (read == Self::BYTES).then_some(Self(bytes))
    }

    /// The name of a session that its client has named, below this path. All lanes agree on its lane.
    pub(crate) fn of_name(path: &str, name: &str, lanes: usize) -> Self {
        let mut hash = Sha1::from(path);
        hash.update(b"\0");
        hash.update(name.as_bytes());
        let digest = hash.digest().bytes();
        let number = u32::from_be_bytes([digest[16], digest[17], digest[18], digest[19]]);
        let lane = u16::try_from(number as usize % lanes.max(1)).unwrap_or_default();
        let mut bytes = [0; Self::BYTES];
        let (head, rest) = bytes.split_at_mut(2);
        head.copy_from_slice(&lane.to_be_bytes());
        rest.copy_from_slice(&digest[..16]);
        Self(bytes)
    }

    pub(crate) fn lane(self) -> usize {
        usize::from(u16::from_be_bytes([self.0[0], self.0[1]]))
    }

    pub(crate) fn text(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

/// How packets are put into output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    /// Each a WebSocket message.
    Frames { version: Version, base64: bool },
    /// Items of the answer to a poll.
    Items(Form),
}

impl Packing {
    /// What stands between two packets.
    pub(crate) fn separator(self) -> &'static [u8] {
        match self {
            Packing::Frames { .. } => b"",
            Packing::Items(form) => form.separator(),
        }
    }

    /// Appends a packet.
    pub(crate) fn put(self, packet: &Packet<'_>, out: &mut Vec<u8>) {
        match self {
            Packing::Frames { version, base64 } => {
                // The header depends on the length, so it is written last and turned to the front.
                let start = out.len();
                let kind = engineio::put_message(version, base64, packet, out);
                let end = out.len();
                ws::encode_header(kind, end - start, out);
                let header = out.len() - end;
                out[start..].rotate_right(header);
            }
            Packing::Items(form) => {
                if !out.is_empty() {
                    out.extend_from_slice(form.separator());
                }
                engineio::put(form, packet, out);
            }
        }
    }
}

/// The answer to a poll.
#[derive(Debug)]
pub(crate) enum Answer {
    Payload(Form, Vec<u8>),
    Refused(engineio::Refusal),
}

/// A poll that waits, on whatever lane.
#[derive(Debug)]
pub(crate) struct Poll {
    /// Tells it from the session's other polls.
    pub(crate) number: u64,
    pub(crate) answer: oneshot::Sender<Answer>,
}

/// A session and how it rides now.
pub(crate) struct EngineIo {
    pub(crate) sid: Sid,
    pub(crate) session: Session,
    limits: Arc<engineio::Limits>,
    /// Its WebSocket, once it is on one.
    pub(crate) socket: Option<ws::Session>,
    /// How packets stand in the answers to its polls.
    form: Form,
    /// Binary goes out as base64 on a WebSocket too.
    base64: bool,
    /// A ping waits for a poll. It goes before all that waits there, or a client with much to take would seem dead.
    pings: bool,
    /// A POST that is heard once the client has taken what waits for it.
    pub(crate) unheard: Option<Box<Post>>,
}

impl EngineIo {
    /// A session that begins with a handshake, on the WebSocket if there is one.
    pub(crate) fn new(version: Version, base64: bool, socket: Option<ws::Session>, core: &Core) -> Self {
        let transport = match socket {
            None => Transport::Polling,
            Some(_) => Transport::WebSocket,
        };
        let form = match version {
            Version::V4 => Form::V4,
            Version::V3 => Form::V3Text,
        };
        let limits = core.engineio_limits.clone();
        Self {
            sid: Sid::new(core.index),
            session: Session::new(version, transport, limits.clone(), core.now),
            limits,
            socket,
            form,
            base64,
            pings: false,
            unheard: None,
        }
    }

    /// Appends its first packet.
    pub(crate) fn open(&self, out: &mut Vec<u8>) {
        let transport = match self.socket {
            None => Transport::Polling,
            Some(_) => Transport::WebSocket,
        };
        let mut json = Vec::with_capacity(160);
        engineio::open(&self.sid.text(), transport, true, &self.limits, &mut json);
        let json = String::from_utf8(json).unwrap_or_default();
        self.packing().put(&Packet::Open(&json), out);
    }

    pub(crate) fn form(&self) -> Form {
        self.form
    }

    /// A payload as it goes out. Clients of protocol 3 take binary as bytes, if there is some and they have not asked for base64.
    fn answer(&self, payload: Vec<u8>) -> Answer {
        if self.form != Form::V3Text || self.base64 {
            return Answer::Payload(self.form, payload);
        }
        let (mut bytes, mut has_binary) = (Vec::new(), false);
        let mut items = payload.clone();
        for packet in Payload::new(self.form, &self.no_limits(), &mut items).flatten() {
            has_binary |= matches!(packet, Packet::Message(Data::Binary(_)));
            engineio::put(Form::V3Binary, &packet, &mut bytes);
        }
        if has_binary {
            Answer::Payload(Form::V3Binary, bytes)
        } else {
            Answer::Payload(self.form, payload)
        }
    }

    /// What the server itself has written it can read again.
    fn no_limits(&self) -> engineio::Limits {
        engineio::Limits {
            payload: usize::MAX,
            packets: usize::MAX,
            ..(*self.limits).clone()
        }
    }

    pub(crate) fn packing(&self) -> Packing {
        match self.socket {
            None => Packing::Items(self.form),
            Some(_) => Packing::Frames {
                version: self.session.version(),
                base64: self.base64,
            },
        }
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        let socket = self.socket.as_ref().and_then(ws::Session::deadline);
        [self.session.deadline(), socket].into_iter().flatten().min()
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, out: &mut Vec<u8>, core: &mut Core) -> Result<(), Ending> {
        if let Some(socket) = &mut self.socket {
            socket
                .tick(core.now, &mut core.codec, out)
                .map_err(|_| Ending::TimedOut)?;
        }
        loop {
            match self.session.tick(core.now) {
                Ok(None) => return Ok(()),
                Ok(Some(Due::Ping)) if self.socket.is_none() => self.pings = true,
                Ok(Some(Due::Ping)) => self.packing().put(&Packet::Ping(""), out),
                // The WebSocket that probes has the same deadline of its own.
                Ok(Some(Due::ProbeFailed)) => {}
                Ok(Some(Due::Closed)) => return Err(Ending::Finished),
                Err(_) => return Err(Ending::TimedOut),
            }
        }
    }

    /// Ends the session, so that its client comes back where the server does.
    pub(crate) fn close(&mut self, code: u16, why: &str, out: &mut Vec<u8>, core: &mut Core) {
        self.session.close(core.now);
        if let Some(socket) = &mut self.socket {
            socket.close(core.now, code, why, &mut core.codec, out);
        }
    }

    /// Goes over to a WebSocket: what was to be said to polls is put into its messages.
    fn upgrade(&mut self, socket: ws::Session, out: &mut Vec<u8>) {
        let mut items = std::mem::take(out);
        self.socket = Some(socket);
        let limits = self.no_limits();
        if std::mem::take(&mut self.pings) {
            self.packing().put(&Packet::Ping(""), out);
        }
        if items.is_empty() {
            return;
        }
        for packet in Payload::new(self.form, &limits, &mut items).flatten() {
            self.packing().put(&packet, out);
        }
    }
}

/// Appends packets to others.
fn join(form: Form, items: &mut Vec<u8>, more: &[u8]) {
    if !items.is_empty() && !more.is_empty() {
        items.extend_from_slice(form.separator());
    }
    items.extend_from_slice(more);
}

impl Peer {
    /// Takes bytes of the WebSocket of an Engine.IO session.
    pub(crate) fn receive_engineio(
        &mut self,
        bytes: &mut [u8],
        codec: &mut ws::Codec,
        core: &mut Core,
    ) -> Result<(), Ending> {
        let mut reader = Reader::new(bytes);
        let mut decoded = Vec::new();
        loop {
            let Carrier::EngineIo(engine) = &mut self.carrier else {
                return Ok(());
            };
            let Some(socket) = &mut engine.socket else {
                return Ok(());
            };
            let version = engine.session.version();
            let (kind, payload) = match socket.next(core.now, &mut reader, codec, &mut self.out) {
                Ok(Some(ws::Event::Message { kind, payload })) => (kind, payload),
                Ok(Some(ws::Event::Close { .. })) => return Err(Ending::Finished),
                Ok(Some(_)) => continue,
                Ok(None) => return Ok(()),
                Err(violation) => return Err(Ending::Violation(violation.to_string())),
            };
            let packet = Packet::read(version, kind, payload, &mut decoded);
            self.hear_packet(Transport::WebSocket, packet, core)?;
        }
    }

    /// Takes up a packet, by whatever way it came.
    pub(crate) fn hear_packet(
        &mut self,
        transport: Transport,
        packet: Result<Packet<'_>, PacketError>,
        core: &mut Core,
    ) -> Result<(), Ending> {
        let Carrier::EngineIo(engine) = &mut self.carrier else {
            return Ok(());
        };
        let packing = engine.packing();
        let event = engine
            .session
            .receive(core.now, transport, packet)
            .map_err(|violation| Ending::Violation(violation.to_string()))?;
        let data = match event {
            Some(Event::Message(data)) => data,
            Some(Event::Ping) => {
                packing.put(&Packet::Pong(""), &mut self.out);
                return Ok(());
            }
            Some(Event::Closed) => return Err(Ending::Finished),
            // Those of a WebSocket that probes are for its own peer.
            Some(Event::Probe | Event::ProbeFailed | Event::Upgraded) | None => return Ok(()),
        };
        match data {
            Data::Text(text) => self.hear_message(ws::Kind::Text, text.as_bytes(), core),
            Data::Binary(bytes) => self.hear_message(ws::Kind::Binary, bytes, core),
        }
    }
}

impl Lane {
    /// Answers the poll that waits for a session, if there is something to say.
    pub(crate) fn answer_engineio(&mut self, slot: usize) -> Progress {
        self.catch_up(slot);
        let Lane {
            peers,
            core,
            runs,
            spares,
            ..
        } = self;
        let Some(peer) = peers.get_mut(slot) else {
            return Progress::Parked;
        };
        let way = peer.way();
        let form = peer.form();
        let Carrier::EngineIo(engine) = &mut peer.carrier else {
            return Progress::Parked;
        };
        let last = engine.session.answer();
        if last.is_none() && engine.session.output() != Some(Transport::Polling) {
            return if peer.closing.is_some() {
                Progress::Done
            } else {
                Progress::Parked
            };
        }
        // While nobody polls it is counted in the mailbox: told each time, it would grow without end.
        if let Some(mailbox) = &mut peer.mailbox {
            let missed = take_missed(mailbox, core);
            tell_missed(peer, &missed, core);
        }
        let Carrier::EngineIo(engine) = &mut peer.carrier else {
            return Progress::Parked;
        };
        let items = engine.form();
        let mut payload = Vec::new();
        if std::mem::take(&mut engine.pings) {
            engine.packing().put(&Packet::Ping(""), &mut payload);
        }
        let room = PACKETS_MAX - usize::from(!payload.is_empty());
        if peer.rest.is_empty()
            && items.part(room, &peer.out).is_none()
            && let (Some(form), Some(mut mailbox)) = (form, peer.mailbox.take())
        {
            let run = runs.of(
                form,
                &peer.dialect,
                &mailbox,
                room,
                &core.subscriptions,
                &mut core.codec,
            );
            join(items, &mut peer.out, &run.bytes);
            core.counters.sent(way, run.messages);
            mailbox.drain_front(run.messages);
            if mailbox.is_empty() {
                spares.keep_mailbox(mailbox);
            } else {
                peer.mailbox = Some(mailbox);
            }
        }
        if let Some(packet) = &last {
            engine.packing().put(packet, &mut peer.out);
        }
        if peer.closing.is_some() || peer.rest.is_empty() && items.part(room, &peer.out).is_none() {
            join(items, &mut payload, &std::mem::take(&mut peer.rest));
            join(items, &mut payload, &std::mem::take(&mut peer.out));
        } else {
            // What is left is neither copied nor looked at before its turn comes.
            if peer.rest.is_empty() {
                peer.rest = std::mem::take(&mut peer.out).into();
            }
            let end = items.part(room, &peer.rest).unwrap_or(peer.rest.len());
            join(items, &mut payload, &peer.rest.split_to(end));
            peer.rest.advance(items.separator().len().min(peer.rest.len()));
        }
        if last.is_none() {
            if payload.is_empty() {
                // There may be something in the next part of the past.
                return match peer.catching_up.is_empty() {
                    true => Progress::Parked,
                    false => Progress::More,
                };
            }
            engine.session.poll_answered();
        }
        core.counters.wrote(way, payload.len());
        if let Link::Poll(poll) = std::mem::replace(&mut peer.link, Link::None) {
            // Whoever polled may have gone; then the lane hears of that too.
            let _ = poll.answer.send(engine.answer(payload));
        }
        if peer.closing.is_some() {
            return Progress::Done;
        }
        // Each poll takes a part of what waits: the POST is for when enough of it is gone.
        let takes_more = peer.rest.len() + peer.out.len() <= BACKLOG_MAX;
        let unheard = if takes_more { engine.unheard.take() } else { None };
        if let (id, Some(post)) = (peer.id, unheard) {
            self.hear_post(id, *post);
        }
        Progress::Parked
    }

    /// Takes bytes of a WebSocket that is to take a session over.
    pub(crate) fn receive_probe(&mut self, slot: usize, bytes: &mut [u8]) {
        let Lane {
            peers, core, codec, ..
        } = self;
        let Some(peer) = peers.get_mut(slot) else { return };
        let Carrier::Probe { socket, session, .. } = &mut peer.carrier else {
            return;
        };
        let session = *session;
        let Some(mut socket) = socket.take() else { return };
        let mut out = std::mem::take(&mut peer.out);
        let mut reader = Reader::new(bytes);
        let mut decoded = Vec::new();
        let outcome = loop {
            let (kind, payload) = match socket.next(core.now, &mut reader, codec, &mut out) {
                Ok(Some(ws::Event::Message { kind, payload })) => (kind, payload),
                Ok(Some(ws::Event::Close { .. })) | Err(_) => break Some(Event::ProbeFailed),
                Ok(Some(_)) => continue,
                Ok(None) => break None,
            };
            let target = peers
                .get_mut(session.slot as usize)
                .filter(|target| target.id == session);
            let Some(Carrier::EngineIo(engine)) = target.map(|target| &mut target.carrier) else {
                break Some(Event::ProbeFailed);
            };
            let version = engine.session.version();
            let packet = Packet::read(version, kind, payload, &mut decoded);
            match engine.session.receive(core.now, Transport::WebSocket, packet) {
                Ok(Some(Event::Probe)) => {
                    let packing = Packing::Frames {
                        version,
                        base64: false,
                    };
                    packing.put(&Packet::Pong("probe"), &mut out);
                }
                Ok(Some(Event::Upgraded)) => break Some(Event::Upgraded),
                _ => break Some(Event::ProbeFailed),
            }
        };
        if outcome == Some(Event::Upgraded) {
            let rest = reader.take(usize::MAX);
            return self.upgrade(slot, session, *socket, out, rest);
        }
        if outcome.is_some() {
            socket.close(core.now, 1000, "", &mut core.codec, &mut out);
            // Another may come while this one is still going.
            if let Some(target) = peers.get_mut(session.slot as usize)
                && target.id == session
                && let Carrier::EngineIo(engine) = &mut target.carrier
            {
                engine.session.websocket_lost();
            }
        }
        if let Some(peer) = peers.get_mut(slot) {
            peer.out = out;
            if let Carrier::Probe {
                socket: kept,
                session,
                ..
            } = &mut peer.carrier
            {
                *kept = Some(socket);
                if outcome.is_some() {
                    *session = PeerId::NOBODY;
                }
            }
        }
        if outcome.is_some() {
            self.end(slot, &Ending::Finished);
        }
        self.touched(slot);
        // A poll that waits is to end soon.
        self.arm(session.slot as usize);
    }

    /// Moves the WebSocket of the peer in `slot` to the session that it has probed. `rest` was read of it already.
    fn upgrade(&mut self, slot: usize, session: PeerId, socket: ws::Session, out: Vec<u8>, rest: &mut [u8]) {
        if let Some(peer) = self.peers.get_mut(slot)
            && let Carrier::Probe { session, .. } = &mut peer.carrier
        {
            // So that its going is not taken for that of a WebSocket that failed.
            *session = PeerId::NOBODY;
        }
        let Some(Peer {
            link: Link::Tcp(mut stream),
            ..
        }) = self.take(slot)
        else {
            return;
        };
        let target_slot = session.slot as usize;
        if self.watch_again(&mut stream, target_slot).is_err() {
            return self.remove(target_slot);
        }
        let Some(target) = self.get(session) else { return };
        let Carrier::EngineIo(engine) = &mut target.carrier else {
            return;
        };
        // Nothing goes to polls any more.
        let last = engine.session.answer();
        if let (Link::Poll(poll), Some(packet)) =
            (std::mem::replace(&mut target.link, Link::Tcp(stream)), last)
        {
            let mut payload = Vec::new();
            engine.packing().put(&packet, &mut payload);
            let _ = poll.answer.send(engine.answer(payload));
        }
        let mut items = Vec::from(std::mem::take(&mut target.rest));
        join(engine.form(), &mut items, &target.out);
        engine.upgrade(socket, &mut items);
        target.out = items;
        target.out.splice(0..0, out);
        target.blocked = false;
        let unheard = engine.unheard.take();
        self.mark_dirty(target_slot);
        // What it says was said before.
        if let Some(post) = unheard {
            self.hear_post(session, *post);
        }
        if !rest.is_empty() {
            self.receive(target_slot, rest);
        }
        self.touched(target_slot);
    }
}

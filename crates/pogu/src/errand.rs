//! What a request asks of a session that lives on another lane, or on its own.
//!
//! A request arrives wherever its connection was put, and waits there for the answer; what it asks is taken up at the next turn of
//! the session's lane.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use pogu_proto::engineio::{self, Form, Payload, Refusal, Transport, jsonp};
use pogu_proto::ws;
use tokio::sync::oneshot;

use crate::carrier::Carrier;
use crate::dialect::{Dialect, Plain};
use crate::door::FULL;
use crate::drive::Command;
use crate::engineio::{Answer, Poll, Sid};
use crate::id::PeerId;
use crate::lane::Lane;
use crate::link::Link;
use crate::peer::{Ending, Peer};
use crate::read::BACKLOG_MAX;
use crate::sockjs;

/// Sessions remembered that their clients have just closed.
const JUST_CLOSED_MAX: usize = 256;

/// What a request asks of a session.
#[derive(Debug)]
pub(crate) enum Errand {
    /// A GET that waits for packets.
    Poll { sid: Sid, poll: Poll },
    /// Its client has gone before the answer.
    PollLost { sid: Sid, number: u64 },
    /// A POST with packets.
    Post { sid: Sid, post: Post },
    /// A WebSocket that is to take the session over.
    Probe(Box<Probe>),
    /// Whether there is such a session.
    Find { sid: Sid, answer: oneshot::Sender<()> },
    /// Its client has come back elsewhere: its connection is dead.
    Replaced { sid: Sid },
    /// The same of SockJS.
    SockJs(sockjs::Errand),
}

/// A POST with packets, on whatever lane.
#[derive(Debug)]
pub(crate) struct Post {
    pub(crate) content_type: Box<str>,
    /// The body is a form.
    pub(crate) jsonp: bool,
    pub(crate) body: Vec<u8>,
    pub(crate) answer: oneshot::Sender<Result<(), Refusal>>,
}

/// A WebSocket on its way to its session's lane.
#[derive(Debug)]
pub(crate) struct Probe {
    pub(crate) sid: Sid,
    pub(crate) stream: std::net::TcpStream,
    pub(crate) remote: SocketAddr,
    pub(crate) socket: ws::Session,
    /// The head of the answer that makes it one.
    pub(crate) out: Vec<u8>,
    /// What was read of it already.
    pub(crate) unread: Vec<u8>,
}

impl Errand {
    /// The session that it is for.
    pub(crate) fn sid(&self) -> Sid {
        match self {
            Errand::Poll { sid, .. }
            | Errand::PollLost { sid, .. }
            | Errand::Post { sid, .. }
            | Errand::Find { sid, .. }
            | Errand::Replaced { sid } => *sid,
            Errand::Probe(probe) => probe.sid,
            Errand::SockJs(errand) => errand.sid(),
        }
    }
}

impl Lane {
    /// Hands an errand to the lane of its session, this one too: so requests are taken up in the order in which they came, on whatever lanes.
    pub(crate) fn send(&self, errand: Errand) {
        match self.lanes.get(errand.sid().lane()) {
            Some(handle) => handle.send(Command::Errand(errand)),
            None => refuse(errand),
        }
    }

    /// Closes sessions whose clients have come back.
    pub(crate) fn close_replaced(&mut self) {
        for sid in std::mem::take(&mut self.core.replaced) {
            self.send(Errand::Replaced { sid });
        }
    }

    /// Why a session without a connection of its own may not begin: it counts like one, and one connection can begin many.
    pub(crate) fn no_room(&self, remote: SocketAddr) -> Option<&'static str> {
        if self.is_full() {
            return Some(FULL);
        }
        self.door
            .is_crowded(remote)
            .then_some("limits.connections-per-address is reached")
    }

    /// Whether all lanes together have as many connections and sessions as they may.
    pub(crate) fn is_full(&self) -> bool {
        let others = (0..)
            .zip(&*self.lanes)
            .filter(|(lane, _)| *lane != self.core.index);
        let elsewhere: usize = others.map(|(_, lane)| lane.load.load(Ordering::Relaxed)).sum();
        elsewhere + self.connections() >= self.core.config.limits.connections
    }

    /// A number that no other poll of this lane has.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.polls += 1;
        self.polls << 16 | u64::from(self.core.index)
    }

    fn session(&self, sid: Sid) -> Option<PeerId> {
        let id = *self.sessions.get(&sid)?;
        let peer = self.peers.get(id.slot as usize)?;
        // One that ends is gone for everybody but who hears its last words.
        (peer.id == id && peer.closing.is_none()).then_some(id)
    }

    /// A peer is gone: so is its session, or the WebSocket that was to take one over.
    pub(crate) fn forget_session(&mut self, peer: &Peer) {
        if let Some(sid) = peer.carrier.sid() {
            self.sessions.remove(&sid);
        }
        if let Carrier::Probe { session, .. } = &peer.carrier
            && let Some(target) = self.get(*session)
            && let Carrier::EngineIo(engine) = &mut target.carrier
            && engine.socket.is_none()
        {
            engine.session.websocket_lost();
        }
    }

    /// Does what a request asks of a session of this lane.
    pub(crate) fn run_errand(&mut self, errand: Errand) {
        let errand = match errand {
            Errand::SockJs(errand) => return self.run_sockjs(errand),
            errand => errand,
        };
        let Some(id) = self.session(errand.sid()) else {
            return match errand {
                Errand::Poll { sid, poll } => self.end_late_poll(sid, poll),
                errand => refuse(errand),
            };
        };
        match errand {
            Errand::Poll { poll, .. } => self.take_poll(id, poll),
            Errand::PollLost { number, .. } => self.lose_poll(id, number),
            Errand::Post { post, .. } => self.take_post(id, post),
            Errand::Probe(probe) => self.take_probe(id, *probe),
            // Whoever asked may have gone.
            Errand::Find { answer, .. } => drop(answer.send(())),
            Errand::Replaced { .. } => self.remove(id.slot as usize),
            // Done above.
            Errand::SockJs(_) => {}
        }
    }

    /// A poll for a session that is not there. One that its client sent beside the POST with which it closed is answered as if it had come
    /// before that.
    fn end_late_poll(&mut self, sid: Sid, poll: Poll) {
        let at = self.just_closed.iter().position(|(closed, _)| *closed == sid);
        let answer = match at.and_then(|at| self.just_closed.remove(at)) {
            None => Answer::Refused(Refusal::Session),
            Some((_, form)) => {
                let mut payload = Vec::new();
                engineio::put(form, &engineio::Packet::Noop, &mut payload);
                Answer::Payload(form, payload)
            }
        };
        // Whoever polled may have gone.
        let _ = poll.answer.send(answer);
    }

    fn take_poll(&mut self, id: PeerId, poll: Poll) {
        let (now, slot) = (self.core.now, id.slot as usize);
        let Some(peer) = self.get(id) else { return };
        let Carrier::EngineIo(engine) = &mut peer.carrier else {
            return;
        };
        match engine.session.poll(now) {
            Ok(()) => {
                peer.link = Link::Poll(poll);
                peer.blocked = false;
            }
            Err(refusal) => {
                let _ = poll.answer.send(Answer::Refused(refusal));
            }
        }
        let is_closed = engine.session.is_closed();
        self.mark_dirty(slot);
        self.arm(slot);
        if is_closed {
            self.end(slot, &Ending::Finished);
        }
    }

    fn lose_poll(&mut self, id: PeerId, number: u64) {
        let Some(peer) = self.get(id) else { return };
        let Carrier::EngineIo(engine) = &mut peer.carrier else {
            return;
        };
        if !matches!(&peer.link, Link::Poll(poll) if poll.number == number) {
            return;
        }
        engine.session.poll_lost();
        peer.link = Link::None;
        if engine.session.is_closed() {
            self.remove(id.slot as usize);
        }
    }

    fn take_post(&mut self, id: PeerId, post: Post) {
        let slot = id.slot as usize;
        let Lane { peers, core, .. } = self;
        let Some(peer) = peers.get_mut(slot).filter(|peer| peer.id == id) else {
            return;
        };
        core.counters.bytes_in(peer.way(), post.body.len());
        let backlog = peer.backlog();
        let Carrier::EngineIo(engine) = &mut peer.carrier else {
            return;
        };
        if let Err(refusal) = engine.session.post(core.now) {
            // It may have found that its time was over.
            let is_closed = engine.session.is_closed();
            let _ = post.answer.send(Err(refusal));
            if is_closed {
                self.end(slot, &Ending::TimedOut);
            }
        } else if backlog > BACKLOG_MAX {
            engine.unheard = Some(Box::new(post));
        } else {
            self.hear_post(id, post);
        }
    }

    /// Hears the packets of a POST, and answers it.
    pub(crate) fn hear_post(&mut self, id: PeerId, post: Post) {
        let Post {
            content_type,
            jsonp,
            body,
            answer,
        } = post;
        let done = self.hear_packets(id, &content_type, jsonp, body);
        // Whoever asked may have gone.
        let _ = answer.send(done);
    }

    fn hear_packets(
        &mut self,
        id: PeerId,
        content_type: &str,
        is_jsonp: bool,
        mut body: Vec<u8>,
    ) -> Result<(), Refusal> {
        let slot = id.slot as usize;
        let Lane { peers, core, .. } = self;
        let peer = peers
            .get_mut(slot)
            .filter(|peer| peer.id == id)
            .ok_or(Refusal::Session)?;
        let Carrier::EngineIo(engine) = &mut peer.carrier else {
            return Err(Refusal::Session);
        };
        let form = Form::of_post(engine.session.version(), content_type);
        let limits = core.engineio_limits.clone();
        let heard = match (form, is_jsonp) {
            (None, _) => Err(Ending::Violation("a payload of a type that is not known".into())),
            (Some(_), true) => jsonp::payload(&mut body)
                .map_err(|error| Ending::Violation(error.to_string()))
                .and_then(|payload| {
                    let mut packets = Payload::new(Form::V3Text, &limits, payload);
                    packets.try_for_each(|packet| peer.hear_packet(Transport::Polling, packet, core))
                }),
            (Some(form), false) => Payload::new(form, &limits, &mut body)
                .try_for_each(|packet| peer.hear_packet(Transport::Polling, packet, core)),
        };
        if let Carrier::EngineIo(engine) = &mut peer.carrier {
            if matches!(heard, Err(Ending::Violation(_))) {
                engine.session.post_failed();
            } else {
                engine.session.post_done();
            }
        }
        self.touched(slot);
        // A poll that waits is told of the end, too.
        self.mark_dirty(slot);
        match heard {
            Ok(()) => Ok(()),
            Err(ending) => {
                let is_violation = matches!(ending, Ending::Violation(_));
                self.note_closed(id, &ending);
                self.end(slot, &ending);
                if is_violation { Err(Refusal::Bad) } else { Ok(()) }
            }
        }
    }

    /// Remembers for a moment a session that its client closed while no poll waited.
    fn note_closed(&mut self, id: PeerId, ending: &Ending) {
        let Some(peer) = self.get(id) else { return };
        if let (Ending::Finished, Link::None, Carrier::EngineIo(engine)) = (ending, &peer.link, &peer.carrier)
        {
            let closed = (engine.sid, engine.form());
            if self.just_closed.len() >= JUST_CLOSED_MAX {
                self.just_closed.pop_front();
            }
            self.just_closed.push_back(closed);
        }
    }

    fn take_probe(&mut self, session: PeerId, probe: Probe) {
        let now = self.core.now;
        let Probe {
            stream,
            remote,
            mut socket,
            mut out,
            mut unread,
            ..
        } = probe;
        let Some(peer) = self.get(session) else { return };
        let Carrier::EngineIo(engine) = &mut peer.carrier else {
            return;
        };
        let is_taken = engine.session.probe(now).is_ok();
        if !is_taken {
            socket.close(now, 1000, "", &mut self.core.codec, &mut out);
        }
        let link = Link::Tcp(mio::net::TcpStream::from_std(stream));
        let carrier = Carrier::Probe {
            socket: Some(socket.into()),
            // Whoever was not taken leaves the session alone when it goes.
            session: if is_taken { session } else { PeerId::NOBODY },
            until: now + self.core.engineio_limits.upgrade_timeout,
        };
        let dialect = Dialect::Plain(Plain::mute());
        let Ok(id) = self.add(link, remote, carrier, dialect, &mut []) else {
            return;
        };
        let slot = id.slot as usize;
        if let Some(peer) = self.get(id) {
            peer.out = out;
        }
        if !is_taken {
            self.end(slot, &Ending::Finished);
        } else if !unread.is_empty() {
            self.receive(slot, &mut unread);
        }
        self.touched(slot);
        self.arm(session.slot as usize);
    }
}

/// There is no such session.
fn refuse(errand: Errand) {
    match errand {
        Errand::Poll { poll, .. } => drop(poll.answer.send(Answer::Refused(Refusal::Session))),
        Errand::Post { post, .. } => drop(post.answer.send(Err(Refusal::Session))),
        Errand::Probe(probe) => refuse_probe(*probe),
        // An answer that does not come is one.
        Errand::Find { .. } | Errand::PollLost { .. } | Errand::Replaced { .. } => {}
        // Their own lane takes up all of them.
        Errand::SockJs(_) => {}
    }
}

/// Answers a WebSocket for a session that is not there as any other request for it.
fn refuse_probe(mut probe: Probe) {
    let body = Refusal::Session.body();
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    // A new socket has room for so little, or it has gone.
    let _ = probe.stream.write_all(answer.as_bytes());
}

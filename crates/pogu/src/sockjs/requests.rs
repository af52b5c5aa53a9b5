//! What requests ask of a session of responses: to receive, or to take what a client sends.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use pogu_proto::sockjs::{Close, Limits, Receiver, SendError, Sender};
use pogu_proto::ws;
use tokio::sync::oneshot;

use super::{Rides, SockJs};
use crate::carrier::Carrier;
use crate::engineio::Sid;
use crate::id::PeerId;
use crate::lane::Lane;
use crate::link::Link;
use crate::peer::Ending;
use crate::pipe::Pipe;
use crate::purpose::Purpose;
use crate::read::BACKLOG_MAX;

/// A response to a request that receives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Response {
    pub(crate) sid: Sid,
    /// Tells it from the session's other responses.
    pub(crate) number: u64,
}

/// A request that receives.
#[derive(Debug)]
pub(crate) struct Receive {
    pub(crate) response: Response,
    pub(crate) receiver: Receiver,
    pub(crate) callback: Box<str>,
    pub(crate) pipe: Arc<Pipe>,
    pub(crate) remote: SocketAddr,
    /// For the session that begins with it, if there is none.
    pub(crate) purpose: Purpose,
    pub(crate) limits: Arc<Limits>,
}

/// A POST with messages.
#[derive(Debug)]
pub(crate) struct Post {
    pub(crate) sid: Sid,
    pub(crate) sender: Sender,
    pub(crate) content_type: Box<str>,
    pub(crate) body: Vec<u8>,
    pub(crate) answer: oneshot::Sender<Result<(), SendRefusal>>,
}

/// Why a POST is not taken.
#[derive(Debug)]
pub(crate) enum SendRefusal {
    NoSession,
    Unreadable(SendError),
    /// One of its messages is longer than this.
    TooLong(usize),
    /// Answers to those before wait to be received, as many as may.
    Unread,
}

/// To a receiver whose session is one too many.
const CROWDED: u16 = 1013;

/// What a request asks of a session.
#[derive(Debug)]
pub(crate) enum Errand {
    Receive(Box<Receive>),
    /// A response has taken what it was sent.
    Ready(Response),
    /// It is over: its client has gone, or it has ended well.
    Gone {
        response: Response,
        /// It was sent something that it has not taken.
        untaken: bool,
    },
    Post(Box<Post>),
}

impl Errand {
    pub(crate) fn sid(&self) -> Sid {
        match self {
            Errand::Receive(receive) => receive.response.sid,
            Errand::Ready(response) | Errand::Gone { response, .. } => response.sid,
            Errand::Post(post) => post.sid,
        }
    }
}

impl Lane {
    pub(crate) fn run_sockjs(&mut self, errand: Errand) {
        match errand {
            Errand::Receive(receive) => self.take_receiver(*receive),
            Errand::Ready(response) => {
                let Some((id, _)) = self.responses(response.sid) else {
                    return;
                };
                if let Some(peer) = self.get(id) {
                    peer.blocked = false;
                    peer.stalled = None;
                }
                self.mark_dirty(id.slot as usize);
            }
            Errand::Gone { response, untaken } => self.lose_receiver(response, untaken),
            Errand::Post(post) => {
                let Post {
                    sid,
                    sender,
                    content_type,
                    body,
                    answer,
                } = *post;
                let done = self.take_messages(sid, sender, &content_type, body);
                // Whoever asked may have gone.
                let _ = answer.send(done);
            }
        }
    }

    /// The session of responses with this name. It is found while it ends, too: its client is told so.
    fn responses(&mut self, sid: Sid) -> Option<(PeerId, &mut SockJs)> {
        let id = *self.sessions.get(&sid)?;
        match &mut self.get(id)?.carrier {
            Carrier::SockJs(carrier) => Some((id, carrier)),
            _ => None,
        }
    }

    fn take_receiver(&mut self, receive: Receive) {
        let now = self.core.now;
        let Receive {
            response,
            receiver,
            callback,
            pipe,
            remote,
            purpose,
            limits,
        } = receive;
        if let Some((id, carrier)) = self.responses(response.sid) {
            carrier.session.tick(now);
            let is_gone = carrier.session.is_gone();
            let is_busy = carrier.session.receiver().is_some();
            // One that was closed stays for a while, which may end with this very turn.
            let closing = self.get(id).and_then(|peer| peer.closing);
            if is_gone || closing.is_some_and(|until| until <= now) {
                self.remove(id.slot as usize);
            } else if is_busy {
                return refuse(receiver, &callback, &Close::ANOTHER, &pipe);
            }
        }
        let known = self.responses(response.sid).map(|(id, _)| id);
        let id = match known {
            Some(id) => id,
            None if self.shutting_down => return pipe.end(),
            None => {
                if let Some(why) = self.no_room(remote) {
                    let crowded = Close {
                        code: CROWDED,
                        reason: Cow::Borrowed(why),
                    };
                    return refuse(receiver, &callback, &crowded, &pipe);
                }
                let dialect = purpose.dialect(&self.core);
                let carrier = SockJs::on_responses(response.sid, limits, now);
                let carrier = Carrier::SockJs(Box::new(carrier));
                let Ok(id) = self.add(Link::None, remote, carrier, dialect, &mut []) else {
                    return pipe.end();
                };
                self.begin(id);
                if let Some((selector, after)) = purpose.subscription()
                    && let Err(error) = self.subscribe_plain(id, selector, after)
                {
                    self.refuse(id, &error);
                }
                id
            }
        };
        let Lane { peers, core, .. } = self;
        let Some(peer) = peers.get_mut(id.slot as usize) else {
            return pipe.end();
        };
        let Carrier::SockJs(carrier) = &mut peer.carrier else {
            return pipe.end();
        };
        if carrier.session.attach(now, receiver).is_err() {
            return pipe.end();
        }
        put_prelude(receiver, &callback, &pipe);
        if let Rides::Responses(responses) = &mut carrier.rides {
            responses.number = response.number;
            responses.callback = callback;
            // A client asks again when it has all of the response before.
            responses.offered = Vec::new();
            responses.in_doubt = false;
        }
        if peer.out.is_empty() {
            peer.dialect.emptied(core);
        }
        peer.link = Link::Pipe(pipe);
        peer.blocked = false;
        peer.stalled = None;
        self.mark_dirty(id.slot as usize);
        self.arm(id.slot as usize);
    }

    fn lose_receiver(&mut self, response: Response, untaken: bool) {
        let now = self.core.now;
        let Some((id, _)) = self.responses(response.sid) else {
            return;
        };
        let Some(peer) = self.get(id) else { return };
        let Carrier::SockJs(carrier) = &mut peer.carrier else {
            return;
        };
        let Rides::Responses(responses) = &mut carrier.rides else {
            return;
        };
        if responses.number != response.number {
            return;
        }
        let offered = std::mem::take(&mut responses.offered);
        let mut in_doubt = responses.in_doubt;
        if untaken {
            peer.out.splice(0..0, offered);
        } else {
            in_doubt |= !offered.is_empty();
        }
        if carrier.session.receiver().is_none() {
            // It had ended, well or not: the next one gets what this one has left.
            return;
        }
        carrier.session.lost(now, in_doubt);
        let (is_gone, is_closing) = (carrier.session.is_gone(), peer.closing.is_some());
        peer.link = Link::None;
        peer.blocked = false;
        peer.stalled = None;
        let slot = id.slot as usize;
        if is_gone || (is_closing && self.shutting_down) {
            return self.remove(slot);
        }
        if in_doubt {
            return self.end(slot, &Ending::TimedOut);
        }
        self.arm(slot);
    }

    fn take_messages(
        &mut self,
        sid: Sid,
        sender: Sender,
        content_type: &str,
        mut body: Vec<u8>,
    ) -> Result<(), SendRefusal> {
        let (id, carrier) = self.responses(sid).ok_or(SendRefusal::NoSession)?;
        let (is_open, limits) = (carrier.session.is_open(), carrier.limits.clone());
        if !is_open {
            return Err(SendRefusal::NoSession);
        }
        let slot = id.slot as usize;
        let Lane { peers, core, .. } = self;
        let peer = peers.get_mut(slot).ok_or(SendRefusal::NoSession)?;
        core.counters.bytes_in(peer.way(), body.len());
        if peer.backlog() > BACKLOG_MAX {
            return Err(SendRefusal::Unread);
        }
        let messages = sender
            .read(content_type, &mut body, &limits)
            .map_err(SendRefusal::Unreadable)?;
        let limit = peer.message_max(core);
        // All of a POST or nothing.
        if messages.clone().any(|message| message.len() > limit) {
            return Err(SendRefusal::TooLong(limit));
        }
        let mut heard = Ok(());
        for message in messages {
            heard = peer.hear_message(ws::Kind::Text, message.as_bytes(), core);
            if heard.is_err() {
                break;
            }
        }
        if let Err(ending) = heard {
            self.end(slot, &ending);
        }
        self.touched(slot);
        Ok(())
    }
}

fn put_prelude(receiver: Receiver, callback: &str, pipe: &Pipe) {
    let mut prelude = Vec::new();
    receiver.put_prelude(callback, &mut prelude);
    if !prelude.is_empty() {
        pipe.offer(|| prelude.into());
    }
}

/// Ends a response with a close frame and nothing else.
fn refuse(receiver: Receiver, callback: &str, close: &Close<'_>, pipe: &Pipe) {
    put_prelude(receiver, callback, pipe);
    let mut last = Vec::new();
    receiver.put_close(callback, close, &mut last);
    pipe.end_with(last.into());
}

//! What waits for a session of responses, and the response that takes it.

use bytes::Bytes;
use pogu_proto::sockjs::Say;

use super::{Rides, SockJs};
use crate::carrier::Carrier;
use crate::flush::{Progress, take_missed, tell_missed};
use crate::lane::Lane;
use crate::link::Link;
use crate::peer::Ending;

/// Frames put into a response in a turn.
const FRAMES_PER_TURN: usize = 4;

impl Lane {
    /// Puts what waits into the response that a session has, if it has one.
    pub(crate) fn write_sockjs(&mut self, slot: usize) -> Progress {
        for _ in 0..FRAMES_PER_TURN {
            self.catch_up(slot);
            let Lane {
                peers,
                runs,
                core,
                spares,
                shutting_down,
                ..
            } = self;
            let Some(peer) = peers.get_mut(slot) else {
                return Progress::Parked;
            };
            let way = peer.way();
            let last = *shutting_down && peer.closing.is_some();
            let Link::Pipe(pipe) = &peer.link else {
                return if last { Progress::Done } else { Progress::Parked };
            };
            let pipe = pipe.clone();
            if pipe.is_full() {
                return Progress::Blocked;
            }
            if let Carrier::SockJs(carrier) = &mut peer.carrier
                && let Rides::Responses(responses) = &mut carrier.rides
                && !responses.offered.is_empty()
            {
                responses.offered = Vec::new();
                responses.in_doubt = true;
            }
            if let Err(ending) = peer.check_text(core).and_then(|()| peer.fill(core)) {
                self.end(slot, &ending);
                continue;
            }
            let limit = peer.limit();
            let mut mailbox = peer.mailbox.take().filter(|mailbox| !mailbox.is_empty());
            if let Some(mailbox) = &mut mailbox {
                let missed = take_missed(mailbox, core);
                tell_missed(peer, &missed, core);
            }
            let mut strings = std::mem::take(&mut peer.out);
            if let (Some(form), Some(mut waiting)) = (peer.form(), mailbox) {
                let run = runs.of(
                    form,
                    &peer.dialect,
                    &waiting,
                    limit,
                    &core.subscriptions,
                    &mut core.codec,
                );
                strings.extend_from_slice(&run.bytes);
                core.counters.sent(way, run.messages);
                peer.dialect.forget_notes(&run.noted);
                peer.dialect.wrote(core);
                waiting.drain_front(run.messages);
                if waiting.is_empty() {
                    spares.keep_mailbox(waiting);
                } else {
                    peer.mailbox = Some(waiting);
                }
            }
            if peer.mailbox.is_none() {
                strings.append(&mut peer.farewell);
            }
            let Carrier::SockJs(carrier) = &mut peer.carrier else {
                return Progress::Parked;
            };
            let SockJs { session, rides, .. } = &mut **carrier;
            let (Rides::Responses(responses), Some(receiver)) = (rides, session.receiver()) else {
                return Progress::Parked;
            };
            let callback = &*responses.callback;
            let mut chunk = Vec::new();
            let mut is_close = false;
            match session.say(!strings.is_empty()) {
                // What waits may be for another turn's response.
                Some(Say::Messages) => {
                    receiver.put_messages(callback, &strings, &mut chunk);
                    responses.offered = std::mem::take(&mut strings);
                }
                Some(Say::Open) => receiver.put_open(callback, &mut chunk),
                Some(Say::Heartbeat) => receiver.put_heartbeat(callback, &mut chunk),
                Some(Say::Close(close)) => {
                    receiver.put_close(callback, close, &mut chunk);
                    is_close = true;
                }
                None => {
                    peer.stalled = None;
                    peer.dialect.emptied(core);
                    return if peer.catching_up.is_empty() {
                        Progress::Parked
                    } else {
                        Progress::More
                    };
                }
            }
            let ends = session.said(core.now, chunk.len());
            peer.out = strings;
            core.counters.wrote(way, chunk.len());
            pipe.offer(|| Bytes::from(chunk));
            if ends {
                pipe.end();
                peer.link = Link::None;
            }
            self.arm(slot);
            if is_close {
                // Those that ask again are told the same for a while.
                self.end(slot, &Ending::TimedOut);
            }
        }
        Progress::More
    }
}

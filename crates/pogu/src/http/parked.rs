//! Polls of Engine.IO that have waited for a while. Their sockets are taken over from hyper, whose buffers are ten times what such a socket
//! needs, and given back with the answer.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use pogu_proto::engineio::Refusal;
use tokio::sync::oneshot;

use super::engineio::{answer_of, refusal_of};
use super::session::head_bytes;
use crate::carrier::Carrier;
use crate::drive::{Command, Lanes, Shared};
use crate::engineio::Answer;
use crate::errand::Errand;
use crate::id::PeerId;
use crate::lane::Lane;
use crate::peer::Ending;

/// How long a poll waits with hyper first: one that is answered soon costs half as much there.
pub(super) const PARK_AFTER: Duration = Duration::from_secs(1);

/// A poll that waits for its session, wherever that lives.
pub(crate) struct Parked {
    /// There until the socket is the lane's.
    waits: Option<Waits>,
    jsonp: Option<u32>,
    /// What the answer's head has beside what the answer says.
    head: Response<()>,
    /// What came with the request and is for hyper to read after the answer: the next requests.
    pub(crate) unread: Box<[u8]>,
    lost: Lost,
}

/// Where the answer comes from.
pub(super) type Waits = oneshot::Receiver<Answer>;

/// Tells the session's lane that whoever polled has gone, unless the answer came first: hyper drops the future of a request whose
/// connection ends, and the lane a peer whose socket does.
pub(super) struct Lost {
    lanes: Lanes,
    errand: Option<Errand>,
}

impl Lost {
    pub(super) fn new(lanes: Lanes, errand: Errand) -> Self {
        Self {
            lanes,
            errand: Some(errand),
        }
    }

    pub(super) fn is_answered(&mut self) {
        self.errand = None;
    }
}

impl Drop for Lost {
    fn drop(&mut self) {
        if let Some(errand) = self.errand.take()
            && let Some(handle) = self.lanes.get(errand.sid().lane())
        {
            handle.send(Command::Errand(errand));
        }
    }
}

impl Parked {
    pub(super) fn new(waits: Waits, jsonp: Option<u32>, lost: Lost) -> Self {
        Self {
            waits: Some(waits),
            jsonp,
            head: Response::new(()),
            unread: Box::default(),
            lost,
        }
    }

    /// Its socket is to be the lane's.
    pub(super) fn take_over(&mut self, head: &Response<()>, unread: &[u8]) -> Option<Waits> {
        self.head = head.clone();
        self.unread = unread.into();
        self.waits.take()
    }
}

/// Has the lane answer a poll once its session does.
pub(super) fn wait(lane: &Shared, id: PeerId, waits: Waits) {
    let lane = lane.clone();
    tokio::task::spawn_local(async move {
        let answer = waits.await;
        lane.borrow_mut().answer_parked(id, answer.ok());
    });
}

impl Lane {
    fn answer_parked(&mut self, id: PeerId, answer: Option<Answer>) {
        let Some(peer) = self.get(id) else { return };
        let Carrier::Parked(parked) = &mut peer.carrier else {
            return;
        };
        parked.lost.is_answered();
        // Without a word the session has ended.
        let answer: Response<Bytes> = match answer {
            Some(answer) => answer_of(answer, parked.jsonp),
            None => refusal_of(Refusal::Session),
        };
        let (mut head, body) = answer.into_parts();
        head.headers.extend(parked.head.headers().clone());
        let mut out = head_bytes(&Response::from_parts(head, ()));
        out.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
        out.extend_from_slice(&body);
        peer.out = out;
        self.end(id.slot as usize, &Ending::Finished);
        self.core.signals.nudge();
    }
}

//! Who comes and goes, as it is counted and as the log has it. What strangers wrote is logged escaped, and secrets never.

use std::net::SocketAddr;
use std::time::Instant;

use pogu_proto::Time;

use crate::core::Core;
use crate::door::Door;
use crate::link::Link;
use crate::peer::{End, Ending, Peer};
use crate::throttle::Throttle;

/// A peer has come.
pub(crate) fn entered(peer: &mut Peer, core: &Core, door: &Door) {
    if !is_datagrams(peer) {
        door.enter(peer.remote);
    }
    let way = peer.way();
    core.counters.opened(way);
    peer.since = core.now;
    let (carrier, dialect) = (way.carrier(), way.dialect());
    tracing::debug!(remote = %peer.remote, slot = peer.id.slot, carrier, dialect, "opened");
}

/// A peer is to go.
pub(crate) fn ends(peer: &mut Peer, ending: &Ending) {
    peer.end = match ending {
        Ending::Finished => End::Finished,
        Ending::Violation(_) => End::Violation,
        Ending::TooSlow => End::TooSlow,
        Ending::TimedOut => End::TimedOut,
        Ending::ShuttingDown => End::ShuttingDown,
    };
    if let Ending::Violation(why) = ending {
        tracing::debug!(remote = %peer.remote, slot = peer.id.slot, why, "peer broke its protocol");
    }
}

/// A peer has gone.
pub(crate) fn left(peer: &Peer, core: &Core, door: &Door) {
    if !is_datagrams(peer) {
        door.leave(peer.remote);
    }
    let way = peer.way();
    core.counters.closed(way);
    let Time(since) = peer.since;
    let milliseconds = core.now.0.saturating_sub(since);
    let reason = match peer.end {
        End::Gone => "gone",
        End::Finished => "finished",
        End::Violation => "violation",
        End::TooSlow => "too-slow",
        End::TimedOut => "timed-out",
        End::ShuttingDown => "shutting-down",
    };
    let (carrier, dialect) = (way.carrier(), way.dialect());
    tracing::debug!(remote = %peer.remote, slot = peer.id.slot, carrier, dialect, reason, milliseconds, "closed");
}

/// An address that sent a datagram is no connection, and may be anybody's.
fn is_datagrams(peer: &Peer) -> bool {
    matches!(peer.link, Link::Udp { .. })
}

/// A connection that hyper serves, for the log, until it is dropped: then it has closed, unless it is a session by now.
pub(crate) struct HttpLog {
    remote: SocketAddr,
    version: &'static str,
    since: Instant,
    is_session: bool,
}

impl HttpLog {
    /// `first` if it is new, and not one that a poll has given back.
    pub(crate) fn new(remote: SocketAddr, version: &'static str, first: bool) -> Self {
        if first {
            tracing::debug!(%remote, carrier = "http", version, "opened");
        }
        Self {
            remote,
            version,
            since: Instant::now(),
            is_session: false,
        }
    }

    /// It goes on as a session, which is logged by itself.
    pub(crate) fn becomes_session(mut self) {
        self.is_session = true;
    }
}

impl Drop for HttpLog {
    fn drop(&mut self) {
        if !self.is_session {
            let milliseconds = self.since.elapsed().as_millis();
            tracing::debug!(remote = %self.remote, carrier = "http", version = self.version, milliseconds, "closed");
        }
    }
}

/// An event of Socket.IO came to nothing, and its client waits for no answer that would say so.
pub(crate) fn unheard(why: &str) {
    static WARNINGS: Throttle = Throttle::new();
    if let Some(count) = WARNINGS.pass(Instant::now()) {
        tracing::warn!(
            why,
            count,
            "Socket.IO events dropped; their clients asked for no acknowledgement"
        );
    }
}

/// A client of Socket.IO 1 or 2 came where none are served.
pub(crate) fn too_old(remote: SocketAddr) {
    static WARNINGS: Throttle = Throttle::new();
    if let Some(count) = WARNINGS.pass(Instant::now()) {
        tracing::warn!(%remote, count, "clients of Socket.IO 1 or 2 (EIO=3) refused; socketio.allow-eio3 = true serves them");
    }
}

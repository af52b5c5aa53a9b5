//! Who is here: each peer is counted when it comes and when it goes.

use crate::core::Core;
use crate::door::Door;
use crate::link::Link;
use crate::peer::Peer;

pub(crate) fn entered(peer: &Peer, core: &Core, door: &Door) {
    if !is_datagrams(peer) {
        door.enter(peer.remote);
    }
    core.counters.opened(peer.way());
}

pub(crate) fn left(peer: &Peer, core: &Core, door: &Door) {
    if !is_datagrams(peer) {
        door.leave(peer.remote);
    }
    core.counters.closed(peer.way());
}

/// An address that sent a datagram is no connection, and may be anybody's.
fn is_datagrams(peer: &Peer) -> bool {
    matches!(peer.link, Link::Udp { .. })
}

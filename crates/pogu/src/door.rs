//! Who comes in: how many connections there are, and what those that find no place are told.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::config::Limits;
use crate::metrics::Refused;
use crate::throttle::Throttle;

/// What everybody is told who comes beyond the limit.
pub(crate) const FULL: &str = "limits.connections is reached";
/// Connections beyond the limit, at a time, on which `/healthz`, `/readyz` and `/metrics` are answered and everybody else is told why not.
const BEYOND_MAX: usize = 16;

/// The door of all listeners of a server.
pub(crate) struct Door {
    limit: usize,
    addresses: Option<Addresses>,
    beyond: AtomicUsize,
    refused: [AtomicU64; Refused::ALL.len()],
    warnings: [Throttle; Refused::ALL.len()],
}

/// Where a connection may go.
pub(crate) enum Admitted {
    In(Seat),
    /// Beyond the limit, for one answer.
    Beyond(Beyond),
}

/// A connection of an address, until it is dropped: one that hyper serves, or that nobody serves yet. Peers are counted by their lanes.
pub(crate) struct Seat {
    door: Arc<Door>,
    remote: SocketAddr,
}

impl Seat {
    pub(crate) fn new(door: Arc<Door>, remote: SocketAddr) -> Self {
        door.enter(remote);
        Self { door, remote }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.door.leave(self.remote);
    }
}

/// A connection beyond the limit, until it is dropped.
pub(crate) struct Beyond(Arc<Door>);

impl Drop for Beyond {
    fn drop(&mut self) {
        self.0.beyond.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Door {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            limit: limits.connections,
            addresses: limits.connections_per_address.map(Addresses::new),
            beyond: AtomicUsize::new(0),
            refused: Default::default(),
            warnings: Refused::ALL.map(|_| Throttle::new()),
        }
    }

    /// Finds a place for one more connection, when there are `total`.
    pub(crate) fn admit(self: &Arc<Self>, remote: SocketAddr, total: usize) -> Option<Admitted> {
        // First, so that no one address takes what is beyond the limit, too.
        if self.is_crowded(remote) {
            self.refuse(Refused::PerAddress, remote);
            return None;
        }
        if total < self.limit {
            return Some(Admitted::In(Seat::new(self.clone(), remote)));
        }
        let more = |beyond| (beyond < BEYOND_MAX).then_some(beyond + 1);
        let found = self
            .beyond
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        if found.is_err() {
            self.refuse(Refused::Connections, remote);
            return None;
        }
        Some(Admitted::Beyond(Beyond(self.clone())))
    }

    /// Whether an address has as many connections as one may.
    pub(crate) fn is_crowded(&self, remote: SocketAddr) -> bool {
        self.addresses
            .as_ref()
            .is_some_and(|addresses| addresses.count(remote) >= addresses.limit)
    }

    /// An address has a connection, or a session, more.
    pub(crate) fn enter(&self, remote: SocketAddr) {
        if let Some(addresses) = &self.addresses {
            addresses.enter(remote);
        }
    }

    /// One of its connections is gone.
    pub(crate) fn leave(&self, remote: SocketAddr) {
        if let Some(addresses) = &self.addresses {
            addresses.leave(remote);
        }
    }

    /// Counts a connection that is refused, and tells of it.
    pub(crate) fn refuse(&self, why: Refused, remote: SocketAddr) {
        self.refused[why as usize].fetch_add(1, Ordering::Relaxed);
        let reason = why.reason();
        tracing::debug!(%remote, reason, "connection refused");
        if let Some(count) = self.warnings[why as usize].pass(Instant::now()) {
            tracing::warn!(%remote, reason, count, "{}", why.warning());
        }
    }

    /// How many were refused, in the order of [`Refused::ALL`].
    pub(crate) fn refused(&self) -> [u64; Refused::ALL.len()] {
        Refused::ALL.map(|why| self.refused[why as usize].load(Ordering::Relaxed))
    }
}

/// Connections by address; of IPv6 by its first 64 bits, as whoever has one address has all of them. No more entries than connections.
struct Addresses {
    limit: usize,
    counts: Mutex<HashMap<IpAddr, usize>>,
}

impl Addresses {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            counts: Mutex::default(),
        }
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, remote: SocketAddr) -> usize {
        self.counts().get(&network(remote)).copied().unwrap_or_default()
    }

    fn enter(&self, remote: SocketAddr) {
        *self.counts().entry(network(remote)).or_default() += 1;
    }

    fn leave(&self, remote: SocketAddr) {
        let network = network(remote);
        let mut counts = self.counts();
        if let Some(count) = counts.get_mut(&network) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&network);
            }
        }
    }
}

fn network(remote: SocketAddr) -> IpAddr {
    match remote.ip().to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_limit_there_is_room_for_a_few() {
        let limits = Limits {
            connections: 2,
            ..Limits::default()
        };
        let door = Arc::new(Door::new(&limits));
        let remote = ([192, 0, 2, 1], 1).into();
        assert!(matches!(door.admit(remote, 1), Some(Admitted::In(_))));
        let mut beyond: Vec<_> = (0..BEYOND_MAX).map(|_| door.admit(remote, 2).unwrap()).collect();
        assert!(beyond.iter().all(|place| matches!(place, Admitted::Beyond(_))));
        assert!(door.admit(remote, 2).is_none());
        assert_eq!(door.refused()[Refused::Connections as usize], 1);
        beyond.pop();
        assert!(door.admit(remote, 2).is_some());
    }

    #[test]
    fn an_address_has_as_many_as_one_may() {
        let limits = Limits {
            connections_per_address: Some(2),
            ..Limits::default()
        };
        let door = Arc::new(Door::new(&limits));
        let at = |ip: &str| SocketAddr::new(ip.parse().unwrap(), 1);
        let one = at("192.0.2.1");
        let first = door.admit(one, 0).unwrap();
        let second = door.admit(at("::ffff:192.0.2.1"), 0).unwrap();
        assert!(door.admit(one, 0).is_none());
        assert_eq!(door.refused()[Refused::PerAddress as usize], 1);
        assert!(door.admit(at("192.0.2.2"), 0).is_some());
        drop(first);
        // A peer takes over from whoever served its connection.
        door.enter(one);
        drop(second);
        assert!(!door.is_crowded(one));
        door.enter(one);
        assert!(door.is_crowded(one));
        door.leave(one);
        door.leave(one);
        let six = ["2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1"].map(at);
        let seats = six.map(|remote| door.admit(remote, 0).unwrap());
        assert!(door.is_crowded(six[0]) && !door.is_crowded(six[2]));
        drop(seats);
        assert!(door.addresses.as_ref().unwrap().counts().is_empty());
    }
}

//! Who comes in: how many connections there are, and what those that find no place are told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use crate::config::Limits;
use crate::metrics::Refused;
use crate::throttle::Throttle;

/// Connections beyond the limit, at a time, on which `/healthz`, `/readyz` and `/metrics` are answered and everybody else is told why not.
const BEYOND_MAX: usize = 16;

/// The door of all listeners of a server.
pub(crate) struct Door {
    limit: usize,
    beyond: AtomicUsize,
    refused: [AtomicU64; Refused::ALL.len()],
    warnings: [Throttle; Refused::ALL.len()],
}

/// Where a connection may go.
pub(crate) enum Admitted {
    In,
    /// Beyond the limit, for one answer.
    Beyond(Beyond),
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
            beyond: AtomicUsize::new(0),
            refused: Default::default(),
            warnings: Refused::ALL.map(|_| Throttle::new()),
        }
    }

    /// Finds a place for one more connection, when there are `total`.
    pub(crate) fn admit(self: &Arc<Self>, remote: SocketAddr, total: usize) -> Option<Admitted> {
        if total < self.limit {
            return Some(Admitted::In);
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
        assert!(matches!(door.admit(remote, 1), Some(Admitted::In)));
        let mut beyond: Vec<_> = (0..BEYOND_MAX).map(|_| door.admit(remote, 2).unwrap()).collect();
        assert!(beyond.iter().all(|place| matches!(place, Admitted::Beyond(_))));
        assert!(door.admit(remote, 2).is_none());
        assert_eq!(door.refused()[Refused::Connections as usize], 1);
        beyond.pop();
        assert!(door.admit(remote, 2).is_some());
    }
}

//! Socket.IO sessions that may be taken up again after their connection broke, on whatever lane their client comes back.
//!
//! A session is kept from its beginning, with where it began, so that it is taken up before its first event too, and while nobody has noticed
//! yet that its connection is dead. Whether something was lost meanwhile is not decided by time: history knows.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pogu_hub::{Cursor, Selector};

use crate::engineio::Sid;

/// Sessions whose connection broke that are kept at most; beyond, the oldest is forgotten.
const BROKEN_MAX: usize = 65_536;
/// What they may count together, as [`Kept::size`] does.
const BROKEN_BYTES_MAX: usize = 64 << 20;

/// What is kept of a session: one client's in one namespace.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    /// Its public id.
    pub(crate) sid: Box<str>,
    pub(crate) namespace: Box<str>,
    /// By which its own events are told from others'.
    pub(crate) origin: u64,
    pub(crate) subscriptions: Vec<Watched>,
    /// Events before this place do not say what their client has: the past of one subscription was sent among the present of others.
    pub(crate) sure_from: u64,
    /// Where it lives, or lived.
    pub(crate) engine: Sid,
}

/// A subscription of a session.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    pub(crate) selector: Selector,
    /// A client has nothing of it up to this place, or all it wants.
    pub(crate) since: u64,
    /// It reads the past and nothing of that was sent: whatever event its client had last, that says nothing of it.
    pub(crate) is_behind: bool,
}

/// All of a server's, by their private id.
#[derive(Debug)]
pub(crate) struct Recoveries {
    /// How long a session is kept after its connection broke, in milliseconds; 0 keeps none.
    window: u64,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    sessions: HashMap<Box<str>, Entry>,
    /// The broken ones, by when each is to be forgotten and a number of its own.
    broken: BTreeMap<(u64, u64), Box<str>>,
    broken_bytes: usize,
    number: u64,
}

#[derive(Debug)]
struct Entry {
    kept: Kept,
    /// Its place among the broken ones, if its connection broke.
    broken: Option<(u64, u64)>,
}

impl Kept {
    /// Where each subscription goes on for a client that had the event at `last` as its last one, or none at all (0); `None` if that
    /// does not say it.
    pub(crate) fn places(&self, last: Cursor) -> Option<Vec<(Selector, Cursor)>> {
        if last.seq < self.sure_from {
            return None;
        }
        let place = |watched: &Watched| {
            let seq = match watched.is_behind {
                true => watched.since,
                false => watched.since.max(last.seq),
            };
            (watched.selector.clone(), Cursor { seq, ..last })
        };
        Some(self.subscriptions.iter().map(place).collect())
    }

    /// What it takes, roughly, in bytes.
    fn size(&self) -> usize {
        let selectors = self.subscriptions.iter();
        let selectors = selectors.map(|watched| size_of::<Watched>() + watched.selector.as_str().len());
        4 * size_of::<Entry>() + self.namespace.len() + selectors.sum::<usize>()
    }

    /// The past of the only subscription is sent.
    pub(crate) fn begin(&mut self) {
        self.subscriptions
            .iter_mut()
            .for_each(|watched| watched.is_behind = false);
    }

    /// The past of a subscription is sent among the present of others.
    pub(crate) fn mix(&mut self) {
        self.sure_from = u64::MAX;
    }

    /// All subscriptions are live from `head` on.
    pub(crate) fn settle(&mut self, head: u64) {
        if self.sure_from == u64::MAX {
            self.sure_from = head.saturating_add(1);
        }
        for watched in self.subscriptions.iter_mut().filter(|watched| watched.is_behind) {
            watched.is_behind = false;
            watched.since = head;
        }
    }
}

impl Recoveries {
    pub(crate) fn new(window: u64) -> Self {
        Self {
            window,
            table: Mutex::default(),
        }
    }

    pub(crate) fn are_kept(&self) -> bool {
        self.window > 0
    }

    /// Keeps a session that has begun, or goes on. True if it was there with a connection that is not known to have broken.
    pub(crate) fn keep(&self, pid: &str, kept: Kept) -> bool {
        let mut table = self.lock();
        let before = table.take(pid);
        let entry = Entry { kept, broken: None };
        table.sessions.insert(pid.into(), entry);
        before.is_some_and(|before| before.broken.is_none())
    }

    /// Notes a change of what is kept of a session whose connection lives.
    pub(crate) fn change(&self, pid: &str, change: impl FnOnce(&mut Kept)) {
        let mut table = self.lock();
        let entry = table.sessions.get_mut(pid);
        if let Some(entry) = entry.filter(|entry| entry.broken.is_none()) {
            change(&mut entry.kept);
        }
    }

    /// The session's connection broke; false if the session goes on elsewhere.
    pub(crate) fn broke(&self, pid: &str, engine: Sid, now: u64) -> bool {
        let mut table = self.lock();
        // It may have been taken up elsewhere meanwhile.
        if !table.is_of(pid, engine) {
            return false;
        }
        let Some(entry) = table.take(pid) else {
            return false;
        };
        table.number += 1;
        let place = (now.saturating_add(self.window), table.number);
        table.broken_bytes += entry.kept.size();
        table.broken.insert(place, pid.into());
        let entry = Entry {
            broken: Some(place),
            ..entry
        };
        table.sessions.insert(pid.into(), entry);
        table.sweep(now);
        true
    }

    /// The client has left: there is nothing to come back to.
    pub(crate) fn forget(&self, pid: &str, engine: Sid) {
        let mut table = self.lock();
        if table.is_of(pid, engine) {
            table.take(pid);
        }
    }

    /// What is kept of a session that a client takes up in a namespace.
    pub(crate) fn find(&self, pid: &str, namespace: &str, now: u64) -> Option<Kept> {
        let mut table = self.lock();
        table.sweep(now);
        let entry = table.sessions.get(pid)?;
        (*entry.kept.namespace == *namespace).then(|| entry.kept.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn is_of(&self, pid: &str, engine: Sid) -> bool {
        let entry = self.sessions.get(pid);
        entry.is_some_and(|entry| entry.kept.engine == engine)
    }

    fn take(&mut self, pid: &str) -> Option<Entry> {
        let entry = self.sessions.remove(pid)?;
        if let Some(place) = entry.broken {
            self.broken.remove(&place);
            self.broken_bytes -= entry.kept.size();
        }
        Some(entry)
    }

    /// Forgets those whose time is over, and the oldest beyond the limits.
    fn sweep(&mut self, now: u64) {
        while let Some(first) = self.broken.first_entry() {
            let is_over = first.key().0 <= now;
            let pid = first.get().clone();
            if !is_over && self.broken.len() <= BROKEN_MAX && self.broken_bytes <= BROKEN_BYTES_MAX {
                return;
            }
            self.take(&pid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(engine: Sid) -> Kept {
        Kept {
            sid: "sid".into(),
            namespace: "/chat".into(),
            origin: 7,
            subscriptions: vec![],
            sure_from: 0,
            engine,
        }
    }

    #[test]
    fn a_session_is_found_while_it_lives_and_for_the_window_after() {
        let recoveries = Recoveries::new(100);
        let (engine, other) = (Sid::new(0), Sid::new(0));
        recoveries.keep("p", kept(engine));
        assert!(recoveries.find("p", "/chat", 1 << 40).is_some());
        assert!(recoveries.find("p", "/other", 0).is_none());
        assert!(!recoveries.broke("p", other, 1_000));
        assert!(recoveries.find("p", "/chat", 1 << 40).is_some());
        assert!(recoveries.broke("p", engine, 1_000));
        assert!(recoveries.find("p", "/chat", 1_099).is_some());
        assert!(recoveries.find("p", "/chat", 1_100).is_none());
        let table = recoveries.lock();
        assert_eq!((table.broken.len(), table.broken_bytes), (0, 0));
    }

    fn watched(topic: &str, since: u64, is_behind: bool) -> Watched {
        Watched {
            selector: topic.parse().expect("a topic"),
            since,
            is_behind,
        }
    }

    /// Where each subscription goes on for a client whose last event was at `seq`.
    fn places(kept: &Kept, seq: u64) -> Option<Vec<u64>> {
        let places = kept.places(Cursor { epoch: 1, seq })?;
        Some(places.into_iter().map(|(_, cursor)| cursor.seq).collect())
    }

    #[test]
    fn a_subscription_goes_on_where_its_client_is_but_not_before_it_began() {
        let mut kept = kept(Sid::new(0));
        kept.subscriptions = vec![watched("a", 10, false), watched("b", 20, false)];
        assert_eq!(places(&kept, 0), Some(vec![10, 20]));
        assert_eq!(places(&kept, 15), Some(vec![15, 20]));
        assert_eq!(places(&kept, 30), Some(vec![30, 30]));
    }

    #[test]
    fn the_past_beside_the_present_leaves_what_a_client_has_unsure_until_both_are_one() {
        let mut kept = kept(Sid::new(0));
        kept.subscriptions = vec![watched("a", 10, false), watched("b", 3, true)];
        assert_eq!(places(&kept, 15), Some(vec![15, 3]), "nothing of it was sent");
        let mut nothing_was_there = kept.clone();
        nothing_was_there.settle(20);
        assert_eq!(places(&nothing_was_there, 15), Some(vec![15, 20]));
        kept.mix();
        assert_eq!(places(&kept, 15), None);
        assert_eq!(places(&kept, 0), None);
        kept.settle(20);
        assert_eq!(places(&kept, 20), None);
        assert_eq!(places(&kept, 21), Some(vec![21, 21]));
        kept.settle(30);
        assert_eq!(places(&kept, 21), Some(vec![21, 21]));
    }

    #[test]
    fn one_that_was_taken_up_is_not_forgotten_by_its_first_breaking() {
        let recoveries = Recoveries::new(100);
        let (first, second) = (Sid::new(0), Sid::new(1));
        assert!(!recoveries.keep("p", kept(first)));
        assert!(recoveries.broke("p", first, 0));
        assert!(!recoveries.keep("p", kept(second)), "nobody is left of it");
        assert!(recoveries.find("p", "/chat", 1_000).is_some());
        recoveries.forget("p", first);
        assert!(recoveries.find("p", "/chat", 1_000).is_some());
        recoveries.forget("p", second);
        assert!(recoveries.find("p", "/chat", 1_000).is_none());
    }

    #[test]
    fn so_many_broken_ones_are_kept() {
        let recoveries = Recoveries::new(1_000);
        let engine = Sid::new(0);
        for number in 0..=BROKEN_MAX {
            let pid = number.to_string();
            recoveries.keep(&pid, kept(engine));
            recoveries.broke(&pid, engine, 0);
        }
        assert_eq!(recoveries.lock().sessions.len(), BROKEN_MAX);
        assert!(recoveries.find("0", "/chat", 1).is_none());
        assert!(recoveries.find("1", "/chat", 1).is_some());
    }

    #[test]
    fn broken_ones_are_kept_within_so_many_bytes() {
        let recoveries = Recoveries::new(1_000);
        let engine = Sid::new(0);
        let mut large = kept(engine);
        large.subscriptions = (0..1_000)
            .map(|at| watched(&format!("{}.{at}", "x".repeat(200)), 0, false))
            .collect();
        let room = BROKEN_BYTES_MAX / large.size();
        for number in 0..=room {
            let pid = number.to_string();
            recoveries.keep(&pid, large.clone());
            recoveries.broke(&pid, engine, 0);
        }
        assert!(recoveries.find("0", "/chat", 1).is_none());
        assert!(recoveries.find("1", "/chat", 1).is_some());
        // One that is taken up makes room, however often.
        for _ in 0..3 {
            recoveries.keep("1", large.clone());
            recoveries.broke("1", engine, 1);
        }
        assert_eq!(recoveries.lock().sessions.len(), room);
        assert!(recoveries.find("2", "/chat", 1).is_some());
    }
}

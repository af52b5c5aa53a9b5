//! Socket.IO sessions that may be taken up again after their connection broke, on whatever lane their client comes back.
//!
//! A session is kept from its beginning, with where it began, so that it is taken up before its first event too, and while nobody has noticed
//! yet that its connection is dead. Whether something was lost meanwhile is not decided by time: history knows.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pogu_hub::{Cursor, Selector};

use crate::engineio::Sid;

/// Sessions whose connection broke that are kept at most; beyond, the oldest is forgotten.
const BROKEN_MAX: usize = 65_536;

/// What is kept of a session: one client's in one namespace.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    /// Its public id.
    pub(crate) sid: Box<str>,
    pub(crate) namespace: Box<str>,
    /// By which its own events are told from others'.
    pub(crate) origin: u64,
    /// Where it began.
    pub(crate) since: Cursor,
    pub(crate) selectors: Vec<Selector>,
    /// Where it lives, or lived.
    pub(crate) engine: Sid,
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
    /// When each broken session is to be forgotten, in this order.
    broken: VecDeque<(u64, Box<str>)>,
}

#[derive(Debug)]
struct Entry {
    kept: Kept,
    /// Forgotten then, if its connection broke.
    until: Option<u64>,
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

    /// Keeps a session that has begun.
    pub(crate) fn keep(&self, pid: &str, kept: Kept) {
        let entry = Entry { kept, until: None };
        self.lock().sessions.insert(pid.into(), entry);
    }

    /// Notes what the session is subscribed to now.
    pub(crate) fn subscribed(&self, pid: &str, selectors: Vec<Selector>) {
        if let Some(entry) = self.lock().sessions.get_mut(pid) {
            entry.kept.selectors = selectors;
        }
    }

    /// The session's connection broke.
    pub(crate) fn broke(&self, pid: &str, engine: Sid, now: u64) {
        let until = now.saturating_add(self.window);
        let mut table = self.lock();
        // It may have been taken up elsewhere meanwhile.
        let own = table
            .sessions
            .get_mut(pid)
            .filter(|entry| entry.kept.engine == engine);
        let Some(entry) = own else { return };
        entry.until = Some(until);
        table.broken.push_back((until, pid.into()));
        table.sweep(now);
    }

    /// The client has left: there is nothing to come back to.
    pub(crate) fn forget(&self, pid: &str, engine: Sid) {
        let mut table = self.lock();
        if table
            .sessions
            .get(pid)
            .is_some_and(|entry| entry.kept.engine == engine)
        {
            table.sessions.remove(pid);
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
    /// Forgets those whose time is over, and the oldest beyond the limit.
    fn sweep(&mut self, now: u64) {
        while let Some((until, _)) = self.broken.front() {
            if *until > now && self.broken.len() <= BROKEN_MAX {
                return;
            }
            let Some((until, pid)) = self.broken.pop_front() else {
                return;
            };
            // One that was taken up again, or broke again since, has another time.
            if self
                .sessions
                .get(&pid)
                .is_some_and(|entry| entry.until == Some(until))
            {
                self.sessions.remove(&pid);
            }
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
            since: Cursor { epoch: 1, seq: 2 },
            selectors: vec![],
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
        recoveries.broke("p", other, 1_000);
        assert!(recoveries.find("p", "/chat", 1 << 40).is_some());
        recoveries.broke("p", engine, 1_000);
        assert!(recoveries.find("p", "/chat", 1_099).is_some());
        assert!(recoveries.find("p", "/chat", 1_100).is_none());
        assert!(recoveries.lock().broken.is_empty());
    }

    #[test]
    fn one_that_was_taken_up_is_not_forgotten_by_its_first_breaking() {
        let recoveries = Recoveries::new(100);
        let (first, second) = (Sid::new(0), Sid::new(1));
        recoveries.keep("p", kept(first));
        recoveries.broke("p", first, 0);
        recoveries.keep("p", kept(second));
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
}

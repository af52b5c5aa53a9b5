//! Joining a namespace: anew, or where the client was before its connection broke.

use std::rc::Rc;

use pogu_hub::{After, Cursor, Selector, SubscribeError, SubscribeOutcome, Topic};
use pogu_proto::socketio::{NamespaceId, Session};

use super::{Joined, State};
use crate::dialect::{Speaker, parse_publish_topic};
use crate::form::Head;
use crate::id;
use crate::recovery::Kept;

/// What a client shows that was there before: its private id, and the offset of the last event it has, if it has had one.
type Recovery = (String, Option<String>);

impl Speaker<'_> {
    pub(super) fn join(
        &mut self,
        session: &mut Session,
        state: &mut State,
        namespace: NamespaceId,
        name: &str,
        recovery: Option<Recovery>,
    ) {
        let Ok(topic) = topic_of(name) else {
            self.core.counters.refused(self.way);
            return self.wrap.put(self.out, self.core, |out| {
                session.refuse(namespace, "Invalid namespace", None, out);
            });
        };
        // What it has published itself before is not for it.
        self.core.publish();
        let recovered =
            recovery.and_then(|recovery| self.recover(state, namespace, name, topic.clone(), recovery));
        let joined = match recovered {
            Some(joined) => Ok(joined),
            None => self.begin(state, namespace, name, topic),
        };
        let joined = match joined {
            Ok(joined) => joined,
            Err(error) => {
                let why = error.to_string();
                return self.wrap.put(self.out, self.core, |out| {
                    session.refuse(namespace, &why, None, out);
                });
            }
        };
        self.wrap.put(self.out, self.core, |out| {
            session.accept(namespace, &joined.sid, joined.pid.as_deref(), out);
        });
        state.subscriptions.extend_from_slice(&joined.subscriptions);
        state.joined.push(joined);
    }

    /// A session of its own, from now on.
    fn begin(
        &mut self,
        state: &State,
        namespace: NamespaceId,
        name: &str,
        topic: Option<Topic>,
    ) -> Result<Joined, SubscribeError> {
        let origin = self.core.origin(self.id);
        let mut subscriptions = Vec::new();
        let mut since = self.core.hub.head();
        if let Some(topic) = &topic {
            // Its own events go to all others.
            let outcome = self
                .core
                .subscribe(self.id, topic.clone().into(), After::Now, origin, None)?;
            since = outcome.start;
            subscriptions.push(outcome.id);
        }
        let sid = id::unguessable();
        let pid = self.core.recoveries.are_kept().then(id::unguessable);
        if let Some(pid) = &pid {
            let kept = Kept {
                sid: sid.clone(),
                namespace: name.into(),
                origin,
                since,
                selectors: topic.iter().cloned().map(Selector::from).collect(),
                engine: state.engine,
            };
            self.core.recoveries.keep(pid, kept);
        }
        Ok(joined(namespace, name, topic, sid, pid, origin, subscriptions))
    }

    /// The session that the client had, with all that it missed; `None` when it is not known, or when something is truly lost.
    fn recover(
        &mut self,
        state: &State,
        namespace: NamespaceId,
        name: &str,
        topic: Option<Topic>,
        (pid, offset): Recovery,
    ) -> Option<Joined> {
        let mut kept = self.core.recoveries.find(&pid, name, self.core.unix)?;
        let after: Cursor = match offset {
            None => kept.since,
            Some(offset) => offset.parse().ok()?,
        };
        let mut outcomes: Vec<SubscribeOutcome> = Vec::new();
        let own_origin = if topic.is_some() { kept.origin } else { 0 };
        for selector in &kept.selectors {
            match self
                .core
                .subscribe(self.id, selector.clone(), After::Cursor(after), own_origin, None)
            {
                Ok(outcome) => outcomes.push(outcome),
                Err(_) => break,
            }
        }
        if outcomes.len() < kept.selectors.len() || outcomes.iter().any(|outcome| outcome.gap) {
            for outcome in outcomes {
                self.core.unsubscribe(outcome.id);
            }
            return None;
        }
        let catching_up = outcomes.iter().filter(|outcome| !outcome.live);
        self.catching_up.extend(catching_up.map(|outcome| outcome.id));
        // Where it lived nobody may have noticed that its connection is dead.
        let before = std::mem::replace(&mut kept.engine, state.engine);
        if before != state.engine {
            self.core.replaced.push(before);
        }
        let (sid, origin) = (kept.sid.clone(), kept.origin);
        self.core.recoveries.keep(&pid, kept);
        let subscriptions = outcomes.iter().map(|outcome| outcome.id).collect();
        Some(joined(
            namespace,
            name,
            topic,
            sid,
            Some(pid.into()),
            origin,
            subscriptions,
        ))
    }

    /// Has a recovery know what the root of a session is subscribed to.
    pub(super) fn note_subscriptions(&mut self, joined: &Joined) {
        let Some(pid) = &joined.pid else { return };
        let selectors = joined.subscriptions.iter();
        let selectors = selectors.filter_map(|id| self.core.subscriptions.selector(*id).cloned());
        self.core.recoveries.subscribed(pid, selectors.collect());
    }
}

pub(super) fn joined(
    id: NamespaceId,
    name: &str,
    topic: Option<Topic>,
    sid: Box<str>,
    pid: Option<Box<str>>,
    origin: u64,
    subscriptions: Vec<pogu_hub::SubscriptionId>,
) -> Joined {
    let head = Head {
        bytes: name.as_bytes().into(),
        placed: topic.is_none(),
        numbered: pid.is_some(),
    };
    Joined {
        id,
        name: name.into(),
        topic,
        sid,
        pid,
        origin,
        subscriptions,
        head: Rc::new(head),
    }
}

/// The topic of a namespace; the root has none.
fn topic_of(namespace: &str) -> Result<Option<Topic>, String> {
    let name = namespace.trim_start_matches('/');
    if name.is_empty() {
        return Ok(None);
    }
    parse_publish_topic(&name.replace('/', ".")).map(Some)
}

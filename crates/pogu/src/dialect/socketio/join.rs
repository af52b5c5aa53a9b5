//! Joining a namespace: anew, or where the client was before its connection broke.

use std::rc::Rc;
use std::sync::Arc;

use pogu_hub::{After, Cursor, Selector, SubscribeError, Topic};
use pogu_proto::engineio::Version;
use pogu_proto::socketio::{NamespaceId, Session};
use serde_json::{Value, json};

use super::{Joined, Order, State};
use crate::dialect::{Speaker, parse_publish_topic};
use crate::form::Head;
use crate::id;
use crate::peer::gap_json;
use crate::recovery::{Kept, Watched};
use crate::socketio::{Namespace, Reason, Refusal};

/// What a client shows that was there before: its private id, and the offset of the last event it has, if it has had one.
type Recovery = (String, Option<String>);

impl Speaker<'_> {
    pub(super) fn join(
        &mut self,
        session: &mut Session,
        state: &mut State,
        namespace: NamespaceId,
        name: &str,
        auth: Value,
        recovery: Option<Recovery>,
    ) {
        // What was published before is not for it.
        self.core.publish();
        let joined = self
            .core
            .namespace(name)
            .ok_or_else(invalid)
            .and_then(|code| self.enter(state, namespace, name, code, &auth, recovery));
        let (mut joined, has_lost) = match joined {
            Ok(joined) => joined,
            Err(mut refusal) => {
                // Its clients have one value for an error, and compare it.
                if session.version() == Version::V3 {
                    refusal.data = None;
                }
                return self.turn_away(session, namespace, &refusal);
            }
        };
        let mut welcome = Vec::new();
        let mut stays = true;
        if let Some(code) = joined.code.clone() {
            match self.admit(&code, &mut joined, &mut state.acks, &auth, &mut welcome) {
                Ok(stay) => stays = stay,
                Err(refusal) => {
                    self.abandon(state, joined);
                    return self.turn_away(session, namespace, &refusal);
                }
            }
        }
        self.wrap.put(self.out, self.core, |out| {
            session.accept(namespace, &joined.sid, joined.pid.as_deref(), out);
        });
        self.wrap.append(self.out, &welcome);
        if has_lost && let Some(topic) = &joined.topic {
            let gap = gap_json(topic, None);
            joined.tell_gap(&gap, self.wrap, self.out, self.core);
        }
        // Most clients join one.
        state.joined.reserve_exact(1);
        state.joined.push(joined);
        self.send_away_if(!stays, session, state, namespace);
    }

    fn turn_away(&mut self, session: &mut Session, namespace: NamespaceId, refusal: &Refusal) {
        self.core.counters.refused(self.way);
        let data = refusal.data.as_ref().map(Value::to_string);
        self.wrap.put(self.out, self.core, |out| {
            session.refuse(namespace, &refusal.message, data.as_deref(), out);
        });
    }

    /// Takes back what was asked of the hub for a client that may not join.
    fn abandon(&mut self, state: &State, joined: Joined) {
        if let Some(pid) = &joined.pid {
            self.core.recoveries.forget(pid, state.engine);
        }
        for id in joined.subscriptions {
            self.catching_up.retain(|other| *other != id);
            self.core.unsubscribe(id);
        }
    }

    /// What a client has joined, and whether something since the place that it asked for is gone.
    fn enter(
        &mut self,
        state: &State,
        namespace: NamespaceId,
        name: &str,
        code: Option<Arc<Namespace>>,
        auth: &Value,
        recovery: Option<Recovery>,
    ) -> Result<(Joined, bool), Refusal> {
        let topic = match &code {
            Some(_) => crate::socketio::topic_of(name).map(Some).map_err(|_| invalid())?,
            None => topic_of(name).map_err(|why| invalid().with_data(json!({ "why": why })))?,
        };
        // Code says itself what its clients hear.
        let after = if code.is_none() { after(auth)? } else { After::Now };
        let recovered =
            recovery.and_then(|recovery| self.recover(state, namespace, name, topic.clone(), recovery));
        let Some((mut joined, was_there)) = recovered else {
            let begun = self.begin(state, namespace, name, topic, code, after);
            return begun.map_err(|error| Refusal::new(error.to_string()));
        };
        joined.code = code;
        if was_there {
            // Its going comes before its coming back.
            self.tell_gone(&mut joined, Reason::TransportClosed);
        }
        Ok((joined, false))
    }

    /// A session of its own, which hears its namespace from a place on, and whether something since then is gone.
    fn begin(
        &mut self,
        state: &State,
        namespace: NamespaceId,
        name: &str,
        topic: Option<Topic>,
        code: Option<Arc<Namespace>>,
        after: After,
    ) -> Result<(Joined, bool), SubscribeError> {
        let origin = self.core.origin(self.id);
        let sid = id::unguessable();
        // Its own events go to all others. Code reaches it alone by its id, as if that were a room.
        let own = code
            .is_some()
            .then(|| crate::socketio::room_topic(name, &sid).ok())
            .flatten();
        let selectors: Vec<Selector> = topic.iter().cloned().chain(own).map(Selector::from).collect();
        let mut subscriptions = Vec::with_capacity(selectors.len());
        let mut watched = Vec::with_capacity(selectors.len());
        let (mut order, mut has_lost) = (Order::One, false);
        for selector in selectors {
            let subscribed = self
                .core
                .subscribe(self.id, selector.clone(), after, origin, None);
            match subscribed {
                Ok(outcome) => {
                    subscriptions.push(outcome.id);
                    has_lost |= outcome.gap;
                    if !outcome.live {
                        self.catching_up.push(outcome.id);
                        order = Order::Behind;
                    }
                    watched.push(Watched {
                        selector,
                        since: outcome.start.map_or(0, |start| start.seq),
                        is_behind: !outcome.live,
                    });
                }
                Err(error) => {
                    for id in subscriptions {
                        self.catching_up.retain(|other| *other != id);
                        self.core.unsubscribe(id);
                    }
                    return Err(error);
                }
            }
        }
        let pid = self.core.recoveries.are_kept().then(id::unguessable);
        if let Some(pid) = &pid {
            let kept = Kept {
                sid: sid.clone(),
                namespace: name.into(),
                origin,
                subscriptions: watched,
                sure_from: 0,
                engine: state.engine,
            };
            self.core.recoveries.keep(pid, kept);
        }
        let mut joined = joined(namespace, name, topic, sid, pid, origin, subscriptions);
        joined.code = code;
        joined.order = order;
        Ok((joined, has_lost))
    }

    /// The session that the client had, with all that it missed, and whether nobody knew that its connection was gone; `None` when it is
    /// not known, when something is truly lost, or when its last event does not say what it has.
    fn recover(
        &mut self,
        state: &State,
        namespace: NamespaceId,
        name: &str,
        topic: Option<Topic>,
        (pid, offset): Recovery,
    ) -> Option<(Joined, bool)> {
        let mut kept = self.core.recoveries.find(&pid, name, self.core.unix)?;
        let last: Cursor = match offset {
            None => Cursor {
                seq: 0,
                ..self.core.hub.head()
            },
            Some(offset) => offset.parse().ok()?,
        };
        if last.seq > self.core.hub.head().seq {
            // Nobody was told it.
            return None;
        }
        let places = kept.places(last)?;
        let is_behind = kept.subscriptions.iter().any(|watched| watched.is_behind);
        let own_origin = if topic.is_some() { kept.origin } else { 0 };
        // In one order, or its last event would not say what it has of the others.
        let outcomes = self.core.subscribe_together(self.id, &places, own_origin).ok()?;
        if outcomes.iter().any(|outcome| outcome.gap) {
            for outcome in outcomes {
                self.core.unsubscribe(outcome.id);
            }
            return None;
        }
        self.catching_up.extend(outcomes.iter().map(|outcome| outcome.id));
        // Where it lived nobody may have noticed that its connection is dead.
        let before = std::mem::replace(&mut kept.engine, state.engine);
        if before != state.engine {
            self.core.replaced.push(before);
        }
        let (sid, origin) = (kept.sid.clone(), kept.origin);
        let was_there = self.core.recoveries.keep(&pid, kept);
        let subscriptions = outcomes.iter().map(|outcome| outcome.id).collect();
        let mut joined = joined(
            namespace,
            name,
            topic,
            sid,
            Some(pid.into()),
            origin,
            subscriptions,
        );
        joined.is_recovered = true;
        if is_behind {
            joined.order = Order::Behind;
        }
        Some((joined, was_there))
    }
}

fn joined(
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
        // The root has no topic of its own.
        placed: topic.is_none(),
        numbered: pid.is_some(),
    };
    Joined {
        id,
        name: name.into(),
        topic,
        code: None,
        sid,
        pid,
        is_recovered: false,
        origin,
        subscriptions,
        order: Order::One,
        next_ack: 0,
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

/// Where a client asks to begin: `auth: {after}`, as on every other way.
fn after(auth: &Value) -> Result<After, Refusal> {
    let Some(after) = auth.get("after") else {
        return Ok(After::Now);
    };
    let parsed = after.as_str().map(str::parse);
    match parsed {
        Some(Ok(after)) => Ok(after),
        _ => {
            let why = "after is a cursor, earliest or last:N, in a string";
            Err(Refusal::new(format!("bad cursor: {why}")).with_data(json!({ "after": after })))
        }
    }
}

fn invalid() -> Refusal {
    Refusal::new("Invalid namespace")
}

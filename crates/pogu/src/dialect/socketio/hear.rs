//! What a Socket.IO client says, and what the hub is asked.

use std::borrow::Cow;

use pogu_hub::{After, Draft, Selector, Topic, TopicError};
use pogu_proto::engineio::Data;
use pogu_proto::socketio::{self, Arg, Args, Auth, Event, NamespaceId, Session};
use serde_json::{Map, Value};

use super::body::{self, Body};
use super::{Awaited, PendingAck, SocketIo, State, answer_error};
use crate::attendance;
use crate::core::Waiting;
use crate::dialect::{Input, Speaker, parse_publish_topic};
use crate::http::NAME_MAX;
use crate::peer::Ending;
use crate::socketio::{NoAck, Reason};

impl Speaker<'_> {
    pub(crate) fn hear_socketio(
        &mut self,
        conversation: &mut SocketIo,
        input: Input<'_>,
    ) -> Result<(), Ending> {
        let data = match input {
            Input::Text(text) => Data::Text(std::str::from_utf8(text).unwrap_or_default()),
            Input::Binary(bytes) => Data::Binary(bytes),
            // Engine.IO has messages, not bytes.
            Input::Bytes(_) => return Ok(()),
        };
        let SocketIo { session, state } = conversation;
        let event = session
            .receive(data)
            .map_err(|violation| Ending::Violation(violation.to_string()))?;
        match event {
            None => {}
            Some(Event::Connect {
                namespace,
                name,
                auth,
                resumption,
            }) => {
                let resumption =
                    resumption.map(|shown| (shown.pid.into_owned(), shown.offset.map(Cow::into_owned)));
                let name: Box<str> = name.into();
                let auth = shown(auth);
                self.join(session, state, namespace, &name, auth, resumption);
            }
            Some(Event::Disconnect { namespace }) => self.left(state, namespace, Reason::ClientLeft),
            Some(Event::Event {
                namespace,
                id,
                name,
                args,
            }) => {
                let leaves = self.hear_event(state, namespace, id, &name, &args);
                self.send_away_if(leaves, session, state, namespace);
            }
            Some(Event::Ack { namespace, id, args }) => {
                let leaves = self.acknowledged(state, namespace, id, &args);
                self.send_away_if(leaves, session, state, namespace);
            }
        }
        Ok(())
    }

    /// A client is gone from a namespace for good.
    fn left(&mut self, state: &mut State, namespace: NamespaceId, reason: Reason) {
        let at = state.joined.iter().position(|joined| joined.id == namespace);
        let Some(at) = at else { return };
        let gone = |ack: &mut PendingAck| ack.namespace == namespace;
        let acks = state.acks.extract_if(.., gone).collect();
        self.give_up(state, acks, NoAck::Gone);
        let mut joined = state.joined.swap_remove(at);
        if let Some(pid) = &joined.pid {
            self.core.recoveries.forget(pid, state.engine);
        }
        self.tell_gone(&mut joined, reason);
        self.part(&joined);
    }

    /// Ends a namespace for a client that code wants to leave.
    pub(super) fn send_away_if(
        &mut self,
        leaves: bool,
        session: &mut Session,
        state: &mut State,
        namespace: NamespaceId,
    ) {
        if !leaves {
            return;
        }
        self.wrap
            .put(self.out, self.core, |out| session.leave(namespace, out));
        self.left(state, namespace, Reason::ServerLeft);
    }

    /// True if code wants the client to leave.
    fn hear_event(
        &mut self,
        state: &mut State,
        namespace: NamespaceId,
        id: Option<u64>,
        name: &str,
        args: &Args<'_>,
    ) -> bool {
        let Some(joined) = state.joined.iter().position(|joined| joined.id == namespace) else {
            return false;
        };
        if let Some(code) = state.joined[joined].code.clone() {
            return self.run(&code, state, joined, id, name, *args);
        }
        let done = match state.joined[joined].topic.clone() {
            Some(topic) => {
                let mut draft = draft(topic, body::body(args));
                draft.event = Some(name.into());
                self.publish_event(state, joined, draft, id)
            }
            None => self.hear_root(state, joined, name, args, id),
        };
        let answer = match done {
            Ok(None) => return false,
            Ok(Some(answer)) => answer,
            Err(why) => {
                self.core.counters.refused(self.way);
                if id.is_none() {
                    attendance::unheard(&why);
                }
                answer_error(&why)
            }
        };
        if let Some(id) = id {
            let namespace = &state.joined[joined].name;
            self.wrap.put(self.out, self.core, |out| {
                socketio::ack(namespace, id, &[Arg::Json(&answer)], out);
            });
        }
        false
    }

    /// Publishes an event; its acknowledgement, if one is asked for, comes with the outcome.
    fn publish_event(
        &mut self,
        state: &mut State,
        joined: usize,
        mut draft: Draft,
        id: Option<u64>,
    ) -> Result<Option<String>, String> {
        let limit = self.core.config.limits.message.bytes();
        let size = draft.body.len();
        if size > limit {
            return Err(format!(
                "a message has at most {limit} bytes, this one has {size}"
            ));
        }
        let names = [&draft.event, &draft.key, &draft.content_type];
        if names.into_iter().flatten().any(|name| !is_short(name)) {
            return Err(format!(
                "an event's name, a key and a type have at most {NAME_MAX} bytes without control characters"
            ));
        }
        self.core.counters.received(self.way, size);
        draft.origin = state.joined[joined].origin;
        if let Some(id) = id {
            state.seq += 1;
            let seq = state.seq;
            draft.receipt = self.core.receipt(Waiting::Peer { peer: self.id, seq });
            if draft.receipt.is_none() {
                return Err("too many publishes wait for their outcome: try again".into());
            }
            let namespace = state.joined[joined].name.clone();
            state.awaited.push_back(Awaited { seq, namespace, id });
        }
        self.core.draft(draft);
        Ok(None)
    }

    /// Events of the root: `subscribe(pattern, {after})`, `unsubscribe(pattern)` and `publish(topic, data, {event, key, type})`, of which
    /// `key` and `type` are what `Idempotency-Key` and `Content-Type` are to a POST.
    fn hear_root(
        &mut self,
        state: &mut State,
        joined: usize,
        name: &str,
        args: &Args<'_>,
        id: Option<u64>,
    ) -> Result<Option<String>, String> {
        let mut each = args.iter();
        let first = match each.next() {
            Some(Arg::Json(value)) => socketio::string(value),
            _ => None,
        };
        let known = matches!(name, "subscribe" | "unsubscribe" | "publish");
        let Some(topic) = first.filter(|_| known) else {
            return Err(format!(
                "`/` takes subscribe(pattern), unsubscribe(pattern) and publish(topic, data), not `{name}`"
            ));
        };
        match name {
            "subscribe" => {
                let after = text(&options(each.next()), "after");
                self.subscribe_root(state, joined, &topic, after.as_deref())
            }
            "unsubscribe" => self.unsubscribe_root(state, joined, &topic),
            _ => {
                let topic = parse_publish_topic(&topic)?;
                let data = each.next().ok_or("publish(topic, data) has data")?;
                let options = options(each.next());
                let body = match text(&options, "type") {
                    Some(content_type) => body::of_type(data, content_type),
                    None => match data {
                        Arg::Json(value) => body::one_with(value, args.attachments()),
                        Arg::Binary(_) => body::of_args(&[data]),
                    },
                };
                let mut draft = draft(topic, body);
                draft.event = text(&options, "event");
                draft.key = text(&options, "key");
                self.publish_event(state, joined, draft, id)
            }
        }
    }

    fn subscribe_root(
        &mut self,
        state: &mut State,
        joined: usize,
        pattern: &str,
        after: Option<&str>,
    ) -> Result<Option<String>, String> {
        let selector: Selector = pattern.parse().map_err(|error: TopicError| error.to_string())?;
        let after: After = match after {
            None => After::Now,
            Some(after) => after
                .parse()
                .map_err(|error: pogu_hub::CursorError| error.to_string())?,
        };
        let limit = self.core.config.limits.subscriptions;
        if state.joined[joined].subscriptions.len() >= limit {
            return Err(format!("a session has at most {limit} subscriptions"));
        }
        if self
            .core
            .find(&state.joined[joined].subscriptions, pattern)
            .is_some()
        {
            return Err(format!("there is a subscription to `{pattern}` already"));
        }
        // What it has published itself comes before, in `last:N` too.
        self.core.publish();
        let outcome = self
            .core
            .subscribe(self.id, selector, after, 0, None)
            .map_err(|error| error.to_string())?;
        state.joined[joined].subscribed(&outcome, self.catching_up, self.core);
        let cursor = outcome.start.map(|start| format!("\"cursor\":\"{start}\""));
        let gap = outcome.gap.then(|| "\"gap\":true".to_owned());
        let members: Vec<String> = cursor.into_iter().chain(gap).collect();
        Ok(Some(format!("{{{}}}", members.join(","))))
    }

    fn unsubscribe_root(
        &mut self,
        state: &mut State,
        joined: usize,
        pattern: &str,
    ) -> Result<Option<String>, String> {
        let joined = &mut state.joined[joined];
        let at = self
            .core
            .find(&joined.subscriptions, pattern)
            .ok_or_else(|| format!("there is no subscription to `{pattern}`"))?;
        joined.unsubscribe(at, self.catching_up, self.core);
        Ok(Some("{}".into()))
    }
}

fn draft(topic: Topic, (kind, content_type, bytes): Body) -> Draft {
    let mut draft = Draft::new(topic, kind, bytes);
    draft.content_type = content_type;
    draft
}

fn is_short(name: &str) -> bool {
    name.len() <= NAME_MAX && !name.chars().any(char::is_control)
}

/// The members of an argument that is an object.
fn options(arg: Option<Arg<'_>>) -> Map<String, Value> {
    match arg {
        Some(Arg::Json(object)) => serde_json::from_str(object).unwrap_or_default(),
        _ => Map::new(),
    }
}

/// A member that is a string.
fn text(options: &Map<String, Value>, name: &str) -> Option<Box<str>> {
    options.get(name)?.as_str().map(Box::from)
}

/// What a client shows when it joins, as an object. Clients of protocol 4 show a query.
fn shown(auth: Auth<'_>) -> Value {
    match auth {
        Auth::None => Value::Object(Map::new()),
        Auth::Json(object) => serde_json::from_str(object).unwrap_or_default(),
        Auth::Query(query) => serde_json::json!({ "query": query }),
    }
}

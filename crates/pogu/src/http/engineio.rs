//! Requests of Engine.IO: handshakes, polls and POSTs. The session they are for may live on another lane.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use pogu_proto::engineio::{self, Form, Refusal, jsonp};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::bodies::{self, Client, Unread};
use super::caller::Caller;
use super::parked::{Lost, PARK_AFTER, Parked};
use super::session::{Answer, Session};
use super::{Reply, full, problem, upgrade};
use crate::attendance;
use crate::carrier::Carrier;
use crate::core::Core;
use crate::dialect::{Dialect, Plain, SocketIo};
use crate::drive::Shared;
use crate::engineio::{self as carrier, EngineIo, Poll, Sid};
use crate::errand::{Errand, Post};
use crate::handler::Endpoint;
use crate::lane::Lane;
use crate::link::Link;
use crate::problem::Problem;

/// Answers a request; `endpoint` is the code behind the endpoint, where it is not Socket.IO.
pub(super) async fn respond(
    lane: &Shared,
    request: &mut Request<Incoming>,
    caller: &Caller,
    endpoint: Option<Arc<Endpoint>>,
    origin_allowed: bool,
) -> Answer {
    let client = &caller.client;
    let method = match *request.method() {
        Method::GET => engineio::Method::Get,
        Method::POST => engineio::Method::Post,
        _ => engineio::Method::Other,
    };
    let is_upgrade = upgrade::is_asked(request);
    let query = request.uri().query().unwrap_or_default().to_owned();
    let with_v3 = lane.borrow().core.config.socketio.allow_eio3;
    let asked = match engineio::Request::parse(method, &query, is_upgrade, with_v3) {
        Ok(asked) => asked,
        Err(refusal) => {
            let is_old = !with_v3 && engineio::Request::parse(method, &query, is_upgrade, true).is_ok();
            if is_old {
                attendance::too_old(client.remote);
            }
            return Answer::Reply(refused(refusal));
        }
    };
    // A script of another page is never asked for its origin.
    let is_script = match &asked {
        engineio::Request::Handshake { jsonp, .. } | engineio::Request::Poll { jsonp, .. } => jsonp.is_some(),
        engineio::Request::Post { jsonp, .. } => *jsonp,
        engineio::Request::Upgrade { .. } => false,
    };
    if is_script && !lane.borrow().core.config.cors.is_open() {
        return Answer::Reply(problem(Problem::bad_origin("of a script")));
    }
    let reply = match asked {
        engineio::Request::Handshake {
            version,
            transport: engineio::Transport::WebSocket,
            base64,
            ..
        } => return upgrade::engineio(lane, request, version, base64, endpoint, origin_allowed),
        engineio::Request::Handshake {
            version,
            base64,
            jsonp,
            ..
        } => {
            let mut lane = lane.borrow_mut();
            let engine = EngineIo::new(version, base64, None, &lane.core);
            begin(&mut lane, client.remote, engine, endpoint, jsonp)
        }
        engineio::Request::Poll { sid, jsonp } => return poll(lane, &sid, jsonp, caller).await,
        engineio::Request::Post { sid, jsonp } => {
            let sid = Sid::parse(&sid);
            post(lane, request, client, sid, jsonp).await
        }
        engineio::Request::Upgrade { sid } => match Sid::parse(&sid) {
            Some(sid) => return upgrade::probe(lane, request, sid, origin_allowed),
            None => refused(Refusal::Session),
        },
    };
    Answer::Reply(reply)
}

/// A session that begins on polls.
fn begin(
    lane: &mut Lane,
    remote: std::net::SocketAddr,
    engine: EngineIo,
    endpoint: Option<Arc<Endpoint>>,
    jsonp: Option<u32>,
) -> Reply {
    if lane.shutting_down {
        return problem(Problem::shutting_down());
    }
    if let Some(why) = lane.no_room(remote) {
        return problem(Problem::overloaded(why));
    }
    let (form, mut payload) = (engine.form(), Vec::new());
    engine.open(&mut payload);
    let dialect = dialect(&engine, endpoint, &lane.core);
    let carrier = Carrier::EngineIo(Box::new(engine));
    match lane.add(Link::None, remote, carrier, dialect, &mut []) {
        Ok(id) => {
            lane.begin(id);
            // It is idle but for its timers, which a turn arms, and counts as one more.
            lane.core.signals.nudge();
            // Clients of protocol 3 join the root unasked; they hear of it at once.
            if let Some(peer) = lane.get(id)
                && !peer.out.is_empty()
            {
                payload.extend_from_slice(form.separator());
                payload.append(&mut peer.out);
            }
            answer_of(carrier::Answer::Payload(form, payload), jsonp).map(full)
        }
        Err(error) => problem(Problem::overloaded(&error.to_string())),
    }
}

/// What the messages of a session mean.
pub(super) fn dialect(engine: &EngineIo, endpoint: Option<Arc<Endpoint>>, core: &Core) -> Dialect {
    match endpoint {
        Some(endpoint) => Dialect::Handler(endpoint),
        None => Dialect::SocketIo(Box::new(SocketIo::new(engine, core))),
    }
}

/// Waits for the answer to a poll.
async fn poll(lane: &Shared, sid: &str, jsonp: Option<u32>, caller: &Caller) -> Answer {
    let Some(sid) = Sid::parse(sid) else {
        return Answer::Reply(refused(Refusal::Session));
    };
    caller.running.waits();
    let (sender, mut waits) = oneshot::channel();
    let mut lost = {
        let mut lane = lane.borrow_mut();
        let number = lane.next_number();
        let poll = Poll {
            number,
            answer: sender,
        };
        lane.send(Errand::Poll { sid, poll });
        Lost::new(lane.lanes.clone(), Errand::PollLost { sid, number })
    };
    let answer = match timeout(PARK_AFTER, &mut waits).await {
        Ok(answer) => answer,
        Err(_) if caller.may_leave() && !lane.borrow().shutting_down => {
            let carrier = Carrier::Parked(Box::new(Parked::new(waits, jsonp, lost)));
            let dialect = Dialect::Plain(Plain::mute());
            return Answer::Session(Response::new(()), Box::new(Session::new(carrier, dialect)));
        }
        Err(_) => waits.await,
    };
    lost.is_answered();
    Answer::Reply(match answer {
        Ok(answer) => answer_of(answer, jsonp).map(full),
        // The session has ended without a word.
        Err(_) => refused(Refusal::Session),
    })
}

async fn post(
    lane: &Shared,
    request: &mut Request<Incoming>,
    client: &Rc<Client>,
    sid: Option<Sid>,
    jsonp: bool,
) -> Reply {
    let Some(sid) = sid else {
        return refused(Refusal::Session);
    };
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let content_type: Box<str> = content_type
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .into();
    let limit = lane.borrow().core.engineio_limits.body();
    if bodies::is_large(request.body()) && !has_session(lane, sid).await {
        return refused(Refusal::Session);
    }
    let (body, _held) = match bodies::read(client, request.body_mut(), limit).await {
        Ok(read) => read,
        Err(Unread::Late | Unread::Broken(_)) => return refused(Refusal::Bad),
        Err(unread) => return problem(unread.into()),
    };
    if let Err(overloaded) = super::topics::wait_for_room(lane).await {
        return problem(overloaded);
    }
    let (sender, answer) = oneshot::channel();
    let post = Post {
        content_type,
        jsonp,
        body,
        answer: sender,
    };
    lane.borrow_mut().send(Errand::Post { sid, post });
    match answer.await {
        Ok(Ok(())) => {
            let mut reply = Response::new(full("ok"));
            reply
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
            reply
        }
        Ok(Err(refusal)) => refused(refusal),
        Err(_) => refused(Refusal::Session),
    }
}

/// Whether there is a session, on whatever lane.
pub(super) async fn has_session(lane: &Shared, sid: Sid) -> bool {
    let (sender, answer) = oneshot::channel();
    lane.borrow().send(Errand::Find { sid, answer: sender });
    answer.await.is_ok()
}

/// What a poll is answered with.
pub(super) fn answer_of(answer: carrier::Answer, jsonp: Option<u32>) -> Response<Bytes> {
    let (form, payload) = match answer {
        carrier::Answer::Payload(form, payload) => (form, payload),
        carrier::Answer::Refused(refusal) => return refusal_of(refusal),
    };
    let (body, content_type) = match jsonp.filter(|_| form == Form::V3Text) {
        None => (payload, form.content_type()),
        Some(index) => {
            let mut script = Vec::new();
            jsonp::script(index, &String::from_utf8_lossy(&payload), &mut script);
            (script, "text/javascript; charset=UTF-8")
        }
    };
    reply(StatusCode::OK, content_type, body.into())
}

pub(super) fn refusal_of(refusal: Refusal) -> Response<Bytes> {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
    reply(status, "application/json", refusal.body().into())
}

pub(super) fn refused(refusal: Refusal) -> Reply {
    refusal_of(refusal).map(full)
}

fn reply(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Bytes> {
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

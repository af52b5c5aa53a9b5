//! From HTTP to WebSocket (RFC 6455 §4.2): the rules of the request and its answer.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use pogu_proto::engineio::Version;
use pogu_proto::{sockjs, ws};

use super::session::{Answer, Session};
use super::{Reply, engineio, problem};
use crate::carrier::Carrier;
use crate::dialect::{Dialect, Plain};
use crate::drive::Shared;
use crate::engineio::{EngineIo, Sid};
use crate::handler::Endpoint;
use crate::problem::Problem;
use crate::purpose::Purpose;
use crate::sockjs::SockJs;

/// The subprotocols of STOMP. What is spoken is agreed in its CONNECT.
const STOMP_PROTOCOLS: [&str; 3] = ["v12.stomp", "v11.stomp", "v10.stomp"];

/// Whether a request asks to be upgraded to WebSocket.
pub(super) fn is_asked(request: &Request<Incoming>) -> bool {
    has_token(request.headers(), header::UPGRADE, "websocket")
}

/// A WebSocket for an endpoint.
pub(super) fn websocket(
    lane: &Shared,
    request: &Request<Incoming>,
    purpose: Purpose,
    origin_allowed: bool,
) -> Answer {
    let extras = Extras {
        // Each subscription of STOMP has a head of its own, so compressed frames could not be shared; its clients do well without.
        deflate: !matches!(purpose, Purpose::Stomp),
        protocols: protocols(&purpose),
        limits: if purpose.has_envelope() {
            lane.borrow().core.ws_head_limits.clone()
        } else {
            lane.borrow().core.ws_limits.clone()
        },
    };
    upgrade(lane, request, origin_allowed, extras, |socket| {
        let dialect = purpose.dialect(&lane.borrow().core);
        Session {
            subscription: purpose.subscription(),
            ..Session::new(Carrier::WebSocket(socket), dialect)
        }
    })
}

/// A session of SockJS on a WebSocket of its own.
pub(super) fn sockjs(
    lane: &Shared,
    request: &Request<Incoming>,
    purpose: Purpose,
    limits: Arc<sockjs::Limits>,
    origin_allowed: bool,
) -> Answer {
    let socket_limits = ws::Limits {
        message: limits.payload,
        ..*lane.borrow().core.ws_limits
    };
    let extras = Extras {
        deflate: false,
        protocols: protocols(&purpose),
        limits: Arc::new(socket_limits),
    };
    upgrade(lane, request, origin_allowed, extras, |socket| {
        let core = &lane.borrow().core;
        let mut first = Vec::new();
        let carrier = SockJs::on_websocket(socket, limits, core, &mut first);
        Session {
            first,
            subscription: purpose.clone().subscription(),
            ..Session::new(Carrier::SockJs(Box::new(carrier)), purpose.dialect(core))
        }
    })
}

fn protocols(purpose: &Purpose) -> &'static [&'static str] {
    match purpose {
        Purpose::Stomp => &STOMP_PROTOCOLS,
        _ => &[],
    }
}

/// A session of Engine.IO that begins on a WebSocket.
pub(super) fn engineio(
    lane: &Shared,
    request: &Request<Incoming>,
    version: Version,
    base64: bool,
    endpoint: Option<Arc<Endpoint>>,
    origin_allowed: bool,
) -> Answer {
    upgrade(lane, request, origin_allowed, Extras::packets(lane), |socket| {
        let core = &lane.borrow().core;
        let engine = EngineIo::new(version, base64, Some(socket), core);
        let mut first = Vec::new();
        engine.open(&mut first);
        let dialect = engineio::dialect(&engine, endpoint, core);
        Session {
            first,
            ..Session::new(Carrier::EngineIo(Box::new(engine)), dialect)
        }
    })
}

/// A WebSocket that is to take over a session of Engine.IO.
pub(super) fn probe(lane: &Shared, request: &Request<Incoming>, sid: Sid, origin_allowed: bool) -> Answer {
    upgrade(lane, request, origin_allowed, Extras::packets(lane), |socket| {
        Session {
            probed: Some(sid),
            ..Session::new(Carrier::WebSocket(socket), Dialect::Plain(Plain::mute()))
        }
    })
}

/// What may be agreed on beside the upgrade.
struct Extras {
    deflate: bool,
    protocols: &'static [&'static str],
    limits: Arc<ws::Limits>,
}

impl Extras {
    fn packets(lane: &Shared) -> Extras {
        Extras {
            deflate: false,
            protocols: &[],
            limits: lane.borrow().core.ws_head_limits.clone(),
        }
    }
}

fn upgrade(
    lane: &Shared,
    request: &Request<Incoming>,
    origin_allowed: bool,
    extras: Extras,
    session: impl FnOnce(ws::Session) -> Session,
) -> Answer {
    let accept = match check(request, origin_allowed) {
        Ok(accept) => accept,
        Err(reply) => return Answer::Reply(*reply),
    };
    if lane.borrow().shutting_down {
        return Answer::Reply(problem(Problem::shutting_down()));
    }
    let mut head = Response::new(());
    *head.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = head.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    let offered = text_values(request.headers(), header::SEC_WEBSOCKET_PROTOCOL);
    if let Some(protocol) = ws::choose_protocol(offered, extras.protocols) {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
    }
    let mut deflate = None;
    if extras.deflate && lane.borrow().core.config.websocket.compression {
        let offers = text_values(request.headers(), header::SEC_WEBSOCKET_EXTENSIONS);
        if let Some((agreed, answer)) = ws::negotiate_deflate(offers)
            && let Ok(answer) = HeaderValue::from_str(&answer)
        {
            deflate = Some(agreed);
            headers.insert(header::SEC_WEBSOCKET_EXTENSIONS, answer);
        }
    }
    let now = lane.borrow().core.now;
    let socket = ws::Session::new(ws::Role::Server, extras.limits, deflate, now);
    Answer::Session(head, Box::new(session(socket)))
}

/// The rules of the request, and the key's answer.
fn check(request: &Request<Incoming>, origin_allowed: bool) -> Result<String, Box<Reply>> {
    let headers = request.headers();
    if request.method() != Method::GET {
        return Err(Box::new(problem(Problem::method_not_allowed(
            request.method().as_str(),
            "GET",
        ))));
    }
    let version = headers.get(header::SEC_WEBSOCKET_VERSION);
    let is_upgrade = is_asked(request) && has_token(headers, header::CONNECTION, "upgrade");
    if !is_upgrade || version.is_none_or(|version| version != "13") {
        let mut reply = problem(Problem::upgrade_required());
        reply
            .headers_mut()
            .insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        reply
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        reply
            .headers_mut()
            .insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return Err(Box::new(reply));
    }
    if let Some(origin) = headers.get(header::ORIGIN)
        && !origin_allowed
    {
        return Err(Box::new(problem(Problem::bad_origin(
            origin.to_str().unwrap_or_default(),
        ))));
    }
    let mut keys = headers
        .get_all(header::SEC_WEBSOCKET_KEY)
        .iter()
        .filter_map(|key| key.to_str().ok());
    match (keys.next(), keys.next()) {
        (Some(key), None) if ws::is_valid_key(key) => Ok(ws::accept_key(key)),
        (key, _) => Err(Box::new(problem(Problem::bad_parameter(
            "Sec-WebSocket-Key",
            key.unwrap_or_default(),
            "16 bytes in base64, once",
        )))),
    }
}

pub(super) fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    text_values(headers, name)
        .flat_map(|value| value.split(','))
        .any(|part| part.trim().eq_ignore_ascii_case(token))
}

fn text_values(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
}

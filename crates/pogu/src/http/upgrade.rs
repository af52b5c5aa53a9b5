//! From HTTP to WebSocket (RFC 6455 §4.2): the rules of the request and its answer.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use pogu_hub::{After, Selector};
use pogu_proto::engineio::Version;
use pogu_proto::framing::Framing;
use pogu_proto::ws;

use super::parameters::Parameters;
use super::session::{Answer, Session};
use super::{Reply, engineio, problem, topics};
use crate::dialect::{Dialect, Plain, Stomp};
use crate::drive::Shared;
use crate::engineio::{EngineIo, Sid};
use crate::handler::Handler;
use crate::peer::Carrier;
use crate::problem::Problem;

/// The subprotocols of STOMP. What is spoken is agreed in its CONNECT.
const STOMP_PROTOCOLS: [&str; 3] = ["v12.stomp", "v11.stomp", "v10.stomp"];

/// Whether a request asks to be upgraded to WebSocket.
pub(super) fn is_asked(request: &Request<Incoming>) -> bool {
    has_token(request.headers(), header::UPGRADE, "websocket")
}

/// `/topics/{topic}`: the plain dialect.
pub(super) fn topic(lane: &Shared, request: &Request<Incoming>, path: &str, origin_allowed: bool) -> Answer {
    let purpose = || {
        let selector = topics::selector(path)?;
        let parameters = Parameters::parse(request.uri().query())?;
        let topic = match &selector {
            Selector::Topic(topic) if !topic.is_reserved() => Some(topic.clone()),
            _ => None,
        };
        let mut plain = Plain::new(topic, Framing::Line);
        plain.echo = !parameters.no_echo;
        Ok((plain, (selector, parameters.after.unwrap_or(After::Now))))
    };
    let (plain, subscription) = match purpose() {
        Ok(purpose) => purpose,
        Err(error) => return Answer::Reply(problem(error)),
    };
    upgrade(lane, request, origin_allowed, Extras::BODIES, |socket| Session {
        subscription: Some(subscription),
        ..Session::new(Carrier::WebSocket(socket), Dialect::Plain(plain))
    })
}

/// `/pogu`: the pogu dialect.
pub(super) fn pogu(lane: &Shared, request: &Request<Incoming>, origin_allowed: bool) -> Answer {
    upgrade(lane, request, origin_allowed, Extras::COMMANDS, |socket| {
        Session::new(Carrier::WebSocket(socket), Dialect::Pogu(Box::default()))
    })
}

/// `/stomp`: STOMP, whose versions are the subprotocols.
pub(super) fn stomp(lane: &Shared, request: &Request<Incoming>, origin_allowed: bool) -> Answer {
    let dialect = Dialect::Stomp(Box::new(Stomp::new(lane.borrow().core.now)));
    // Each subscription has a head of its own, so compressed frames could not be shared; its clients do well without.
    let extras = Extras {
        deflate: false,
        protocols: &STOMP_PROTOCOLS,
        has_heads: true,
    };
    upgrade(lane, request, origin_allowed, extras, |socket| {
        Session::new(Carrier::WebSocket(socket), dialect)
    })
}

/// A session of Engine.IO that begins on a WebSocket.
pub(super) fn engineio(
    lane: &Shared,
    request: &Request<Incoming>,
    version: Version,
    base64: bool,
    handler: Option<Handler>,
    origin_allowed: bool,
) -> Answer {
    upgrade(lane, request, origin_allowed, Extras::PACKETS, |socket| {
        let core = &lane.borrow().core;
        let engine = EngineIo::new(version, base64, Some(socket), core);
        let mut first = Vec::new();
        engine.open(&mut first);
        let dialect = engineio::dialect(&engine, handler, core);
        Session {
            first,
            ..Session::new(Carrier::EngineIo(Box::new(engine)), dialect)
        }
    })
}

/// A WebSocket that is to take over a session of Engine.IO.
pub(super) fn probe(lane: &Shared, request: &Request<Incoming>, sid: Sid, origin_allowed: bool) -> Answer {
    upgrade(lane, request, origin_allowed, Extras::PACKETS, |socket| Session {
        probed: Some(sid),
        ..Session::new(
            Carrier::WebSocket(socket),
            Dialect::Plain(Plain::new(None, Framing::Line)),
        )
    })
}

/// An endpoint with code behind it.
pub(super) fn handler(
    lane: &Shared,
    request: &Request<Incoming>,
    handler: Handler,
    origin_allowed: bool,
) -> Answer {
    upgrade(lane, request, origin_allowed, Extras::BODIES, |socket| {
        Session::new(Carrier::WebSocket(socket), Dialect::Handler(handler))
    })
}

/// What may be agreed on beside the upgrade.
struct Extras {
    deflate: bool,
    protocols: &'static [&'static str],
    /// Messages have a head of their own beside a body.
    has_heads: bool,
}

impl Extras {
    const BODIES: Extras = Extras {
        deflate: true,
        protocols: &[],
        has_heads: false,
    };
    const COMMANDS: Extras = Extras {
        has_heads: true,
        ..Extras::BODIES
    };
    const PACKETS: Extras = Extras {
        deflate: false,
        ..Extras::COMMANDS
    };
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
    let socket = {
        let core = &lane.borrow().core;
        let limits = if extras.has_heads {
            &core.ws_head_limits
        } else {
            &core.ws_limits
        };
        ws::Session::new(ws::Role::Server, limits.clone(), deflate, core.now)
    };
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

//! Requests of SockJS, below every WebSocket endpoint. The session they are for may live on another lane.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Either;
use hyper::body::Incoming;
use pogu_proto::sockjs::{self, Limits, Receiver, Refusal, SendError, Sender, http as fixed};
use tokio::sync::oneshot;

use super::bodies::{self, Client, Unread};
use super::caller::Caller;
use super::session::Answer;
use super::{Reply, cors, engineio, full, problem, topics, upgrade};
use crate::config::{Config, Cors, SockJs};
use crate::core::milliseconds;
use crate::drive::Shared;
use crate::engineio::Sid;
use crate::errand::Errand;
use crate::handler::Endpoint;
use crate::pipe::{Outlet, Pipe, Reader};
use crate::problem::Problem;
use crate::purpose::Purpose;
use crate::sockjs::{self as carrier, Post, Receive, SendRefusal};

/// Where the script of the iframe is.
pub(super) const IFRAME_SCRIPT: &str = "/sockjs-iframe.js";

/// An endpoint, and what a request asks of it.
pub(super) struct Target {
    /// The path of the endpoint.
    base: String,
    /// What follows it.
    rest: String,
    to: To,
    settings: SockJs,
}

enum To {
    Topic(String),
    Pogu,
    Stomp,
    Endpoint(Arc<Endpoint>),
}

/// What a path names, if SockJS is there. An endpoint's own path is its WebSocket's, and a topic's is all that topics have besides.
pub(super) fn find(lane: &Shared, request: &Request<Incoming>) -> Option<Target> {
    let path = request.uri().path();
    let lane = lane.borrow();
    let (to, rest) = if let Some(topic) = path.strip_prefix("/topics/") {
        let (topic, _) = topic.split_once('/')?;
        (
            To::Topic(topic.to_owned()),
            &path["/topics/".len() + topic.len()..],
        )
    } else if let Some(rest) = below(path, "/pogu") {
        (To::Pogu, rest)
    } else if let Some(rest) = below(path, "/stomp") {
        (To::Stomp, rest)
    } else {
        let (endpoint, rest) = lane.handlers.find(path)?;
        (To::Endpoint(endpoint), rest)
    };
    let settings = match &to {
        To::Endpoint(endpoint) => endpoint.sockjs.as_ref(),
        _ => None,
    };
    let settings = settings.unwrap_or(&lane.core.config.sockjs).clone();
    // Whoever asks `/pogu` or `/stomp` itself for nothing in particular is told what it is for.
    let greets = matches!(to, To::Endpoint(_)) && request.method() == Method::GET;
    let is_own = rest.is_empty() && (upgrade::is_asked(request) || !greets);
    if !settings.enabled || is_own {
        return None;
    }
    Some(Target {
        base: path[..path.len() - rest.len()].to_owned(),
        rest: rest.to_owned(),
        to,
        settings,
    })
}

fn below<'p>(path: &'p str, base: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(base)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// The limits of sessions.
pub(crate) fn limits(settings: &SockJs, config: &Config) -> Limits {
    Limits {
        heartbeat: milliseconds(settings.heartbeat),
        disconnect_delay: milliseconds(settings.disconnect_delay),
        response: settings.response_limit.bytes(),
        payload: config.limits.largest_body(),
        ..Limits::default()
    }
}

/// Answers a request.
pub(super) async fn respond(
    lane: &Shared,
    request: &mut Request<Incoming>,
    caller: &Caller,
    target: Target,
    origin_allowed: bool,
) -> Answer {
    let method = match *request.method() {
        Method::GET => sockjs::Method::Get,
        Method::POST => sockjs::Method::Post,
        Method::OPTIONS => sockjs::Method::Options,
        _ => sockjs::Method::Other,
    };
    let query = request.uri().query().unwrap_or_default().to_owned();
    let is_upgrade =
        upgrade::is_asked(request) && upgrade::has_token(request.headers(), header::CONNECTION, "upgrade");
    let Target {
        base,
        rest,
        to,
        settings,
    } = target;
    let asked = sockjs::Request::parse(method, &rest, &query, is_upgrade, settings.websocket);
    // Whoever meant a topic is told how it is written.
    if let (To::Topic(topic), Err(Refusal::NotFound)) = (&to, &asked) {
        let path = request.uri().path();
        return Answer::Reply(problem(Problem::no_such_topic(path, &format!("{topic}{rest}"))));
    }
    let purpose = match to {
        To::Topic(topic) => match topics::purpose(&topic, Some(&query)) {
            Ok(purpose) => purpose,
            Err(error) => return Answer::Reply(problem(error)),
        },
        To::Pogu => Purpose::Pogu,
        To::Stomp => Purpose::Stomp,
        To::Endpoint(endpoint) => Purpose::Endpoint(endpoint),
    };
    let mut reply = match asked {
        Err(refusal) => refused(refusal),
        Ok(sockjs::Request::Greeting) => text(StatusCode::OK, fixed::GREETING),
        Ok(sockjs::Request::Info) => info(&settings),
        Ok(sockjs::Request::Iframe) => iframe(request.headers()),
        Ok(sockjs::Request::Preflight { allow }) => preflight(allow, request.headers()),
        Ok(sockjs::Request::RawWebSocket) => {
            return upgrade::websocket(lane, request, purpose, origin_allowed);
        }
        Ok(sockjs::Request::WebSocket) => {
            let limits = Arc::new(limits(&settings, &lane.borrow().core.config));
            return upgrade::sockjs(lane, request, purpose, limits, origin_allowed);
        }
        Ok(sockjs::Request::Receive {
            receiver,
            session,
            callback,
        }) => {
            // A script of another page is never asked for its origin.
            let is_open = lane.borrow().core.config.cors.is_open();
            if receiver == Receiver::Jsonp && !is_open {
                return Answer::Reply(problem(Problem::bad_origin("of a script")));
            }
            let (limits, sid, lanes) = {
                let lane = lane.borrow();
                let limits = limits(&settings, &lane.core.config);
                let sid = Sid::of_name(&base, session, lane.lanes.len());
                (Arc::new(limits), sid, lane.lanes.clone())
            };
            let pipe = Arc::new(Pipe::default());
            let number = lane.borrow_mut().next_number();
            let response = carrier::Response { sid, number };
            let errand = Receive {
                response,
                receiver,
                callback: callback.into(),
                pipe: pipe.clone(),
                remote: caller.client.remote,
                purpose,
                limits,
            };
            let errand = Errand::SockJs(carrier::Errand::Receive(Box::new(errand)));
            // Made first, so that a client that goes is missed even before the session hears of it.
            let outlet = Outlet::new(pipe, Reader::Session(lanes, response));
            lane.borrow().send(errand);
            caller.running.waits();
            let mut reply = receive(receiver, outlet).await;
            common(&settings, request.headers(), &mut reply);
            reply
        }
        Ok(sockjs::Request::Send { sender, session }) => {
            let sid = Sid::of_name(&base, session, lane.borrow().lanes.len());
            let limit = limits(&settings, &lane.borrow().core.config).payload;
            let mut reply = send(lane, request, &caller.client, sid, sender, limit).await;
            common(&settings, request.headers(), &mut reply);
            reply
        }
    };
    cors::apply_with_credentials(request.headers().get(header::ORIGIN), origin_allowed, &mut reply);
    Answer::Reply(reply)
}

async fn receive(receiver: Receiver, mut outlet: Outlet) -> Reply {
    let body = if receiver.is_poll() {
        let mut body = Vec::new();
        while let Some(chunk) = std::future::poll_fn(|context| outlet.poll_chunk(context)).await {
            body.extend_from_slice(&chunk);
        }
        full(body)
    } else {
        Either::Right(outlet)
    };
    let mut reply = Response::new(body);
    let headers = reply.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(receiver.content_type()),
    );
    // nginx holds answers back otherwise.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    reply
}

async fn send(
    lane: &Shared,
    request: &mut Request<Incoming>,
    client: &Rc<Client>,
    sid: Sid,
    sender: Sender,
    limit: usize,
) -> Reply {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let content_type: Box<str> = content_type
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .into();
    if bodies::is_large(request.body()) && !engineio::has_session(lane, sid).await {
        return refused(Refusal::NotFound);
    }
    let (body, _held) = match bodies::read(client, request.body_mut(), limit).await {
        Ok(read) => read,
        Err(Unread::TooLarge(limit)) => return unreadable(SendError::TooLong(limit)),
        Err(unread) => return problem(unread.into()),
    };
    if let Err(overloaded) = topics::wait_for_room(lane).await {
        return problem(overloaded);
    }
    let (answer, done) = oneshot::channel();
    let post = Post {
        sid,
        sender,
        content_type,
        body,
        answer,
    };
    let errand = Errand::SockJs(carrier::Errand::Post(Box::new(post)));
    lane.borrow().send(errand);
    match done.await {
        Ok(Ok(())) => {
            let (status, body) = sender.answer();
            let status = StatusCode::from_u16(status).unwrap_or_default();
            text(status, body)
        }
        Ok(Err(SendRefusal::NoSession)) | Err(_) => refused(Refusal::NotFound),
        Ok(Err(SendRefusal::Unreadable(error))) => unreadable(error),
        Ok(Err(SendRefusal::TooLong(limit))) => problem(Problem::too_large(limit)),
        Ok(Err(SendRefusal::Unread)) => {
            problem(Problem::overloaded("the session's answers wait to be received"))
        }
    }
}

fn unreadable(error: SendError) -> Reply {
    let status = StatusCode::from_u16(error.status()).unwrap_or_default();
    text(status, &error.to_string())
}

/// What all answers for a session have.
fn common(settings: &SockJs, asked: &HeaderMap, reply: &mut Reply) {
    let headers = reply.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(fixed::NO_STORE));
    if settings.cookie {
        let sent = asked.get(header::COOKIE).and_then(|cookie| cookie.to_str().ok());
        if let Ok(cookie) = HeaderValue::from_str(&fixed::session_cookie(sent)) {
            headers.insert(header::SET_COOKIE, cookie);
        }
    }
}

fn text(status: StatusCode, body: &str) -> Reply {
    with_type(status, fixed::TEXT, body)
}

fn with_type(status: StatusCode, content_type: &'static str, body: &str) -> Reply {
    let mut reply = Response::new(full(body.to_owned()));
    *reply.status_mut() = status;
    reply
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}

fn refused(refusal: Refusal) -> Reply {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or_default();
    let mut reply = text(status, refusal.body());
    if let Some(allow) = refusal.allow() {
        reply.headers_mut().remove(header::CONTENT_TYPE);
        reply
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static(allow));
    }
    reply
}

fn info(settings: &SockJs) -> Reply {
    let mut body = Vec::with_capacity(100);
    // It only tells answers apart.
    let entropy = getrandom::u32().unwrap_or_default();
    fixed::put_info(settings.websocket, settings.cookie, entropy, &mut body);
    let body = String::from_utf8(body).unwrap_or_default();
    let mut reply = with_type(StatusCode::OK, fixed::JSON, &body);
    reply
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static(fixed::NO_STORE));
    reply
}

fn iframe(asked: &HeaderMap) -> Reply {
    let page = fixed::Iframe::new(IFRAME_SCRIPT);
    let known = asked
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| page.is_known(value));
    let mut reply = if known {
        let mut reply = Response::new(full(""));
        *reply.status_mut() = StatusCode::NOT_MODIFIED;
        reply
    } else {
        with_type(StatusCode::OK, fixed::HTML, &page.body)
    };
    if let Ok(etag) = HeaderValue::from_str(&page.etag) {
        reply.headers_mut().insert(header::ETAG, etag);
    }
    keep(reply.headers_mut());
    reply
}

/// The script of the iframe, for the pages that may use the server.
pub(super) fn iframe_script(cors: &Cors) -> Reply {
    const SCRIPT: &str = include_str!("sockjs-iframe.js");
    let origins = serde_json::Value::from(cors.origins.clone());
    let script = format!("var SOCKJS_ORIGINS = {origins};\n{SCRIPT}");
    let mut reply = with_type(StatusCode::OK, fixed::JAVASCRIPT, &script);
    let cache = HeaderValue::from_static("public, max-age=3600");
    reply.headers_mut().insert(header::CACHE_CONTROL, cache);
    reply
}

/// What does not change may be kept for a year.
fn keep(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(fixed::CACHE));
    let end = SystemTime::now() + Duration::from_secs(fixed::MAX_AGE);
    if let Ok(end) = HeaderValue::from_str(&httpdate::fmt_http_date(end)) {
        headers.insert(header::EXPIRES, end);
    }
}

fn preflight(allow: &'static str, asked: &HeaderMap) -> Reply {
    let mut reply = Response::new(full(""));
    *reply.status_mut() = StatusCode::NO_CONTENT;
    let headers = reply.headers_mut();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static(allow),
    );
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from(fixed::MAX_AGE));
    if let Some(asked) = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS)
        && !asked.is_empty()
    {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    keep(headers);
    reply
}

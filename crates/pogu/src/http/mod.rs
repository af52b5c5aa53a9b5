//! HTTP by hyper: routing, and the border to the lane.

mod bodies;
mod caller;
mod cors;
mod engineio;
mod idle;
mod parameters;
mod parked;
mod replies;
mod rewind;
mod session;
mod sockjs;
mod topics;
mod upgrade;

pub(crate) use bodies::Bodies;
pub(crate) use parked::Parked;
pub(crate) use topics::NAME_MAX;

use std::cell::Cell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;

use crate::attendance::HttpLog;
use crate::carrier::Carrier;
use crate::door::FULL;
use crate::drive::Shared;
use crate::metrics::{self, Whole};
use crate::page;
use crate::pipe::Outlet;
use crate::problem::{Code, Problem};
use crate::purpose::Purpose;
use bodies::Client;
use caller::Caller;
use idle::{Patience, Requests};
use replies::Replies;
use rewind::Rewind;
use session::{Answer, Takeover};

/// Streams of one HTTP/2 connection.
const H2_STREAMS_MAX: u32 = 128;
/// Flow-control windows of HTTP/2; requests are small, so small windows do.
const H2_WINDOW: u32 = 64 * 1024;
/// What hyper may buffer for one HTTP/2 stream.
const H2_SEND_BUFFER: usize = 64 * 1024;

/// A body in one piece, or one that the lane goes on writing.
pub(crate) type Body = Either<Full<Bytes>, Outlet>;
pub(crate) type Reply = Response<Body>;

/// A body in one piece.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Either::Left(Full::new(bytes.into()))
}

/// Serves an HTTP/1 connection until it ends or becomes a session of the lane.
pub(crate) async fn serve(
    lane: &Shared,
    stream: TcpStream,
    remote: SocketAddr,
    first: Vec<u8>,
    log: HttpLog,
) {
    let takeover = Takeover::default();
    let (config, mut stop, bodies) = {
        let lane = lane.borrow();
        (lane.core.config.clone(), lane.stop.clone(), lane.bodies.clone())
    };
    let requests = Rc::<Requests>::default();
    let (idle, head) = (config.keep_alive_timeout, config.head_timeout);
    let patience = Patience::new(requests.clone(), idle, head, !first.is_empty());
    let io = TokioIo::new(Rewind::new(
        first,
        stream,
        takeover.blocked.clone(),
        Some(patience),
    ));
    let client = Client::new(remote, bodies);
    let (shared, left) = (lane.clone(), takeover.clone());
    let service = service_fn(move |request| {
        let caller = Caller::new(&client, &requests, Some(left.clone()), &request);
        let lane = shared.clone();
        async move {
            let reply = respond(lane, &caller, request).await;
            Ok::<_, Infallible>(reply.map(|body| caller.answering(body)))
        }
    });
    let mut connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        // Of a head that came with the request before it.
        .header_read_timeout(idle + head)
        .max_headers(config.limits.headers)
        .max_buf_size(config.limits.head.bytes())
        .serve_connection(io, service);
    drop(config);
    let mut stopping = Some(Box::pin(async move { drop(stop.wait_for(|stop| *stop).await) }));
    let taken = poll_fn(|context| {
        // An error here is the client's going; there is no one left to tell.
        let ended = Pin::new(&mut connection).poll(context).is_ready();
        let taken = takeover.take();
        if ended || taken.is_some() {
            return Poll::Ready(taken);
        }
        if stopping
            .as_mut()
            .is_some_and(|stop| stop.as_mut().poll(context).is_ready())
        {
            stopping = None;
            Pin::new(&mut connection).graceful_shutdown();
            context.waker().wake_by_ref();
        }
        Poll::Pending
    })
    .await;
    let Some((head, session)) = taken else { return };
    log.becomes_session();
    let parts = connection.into_parts();
    let (unread, stream) = parts.io.into_inner().into_parts();
    let mut unread_all = parts.read_buf.to_vec();
    unread_all.extend_from_slice(&unread);
    session::take_over(lane, remote, stream, &mut unread_all, &head, *session);
}

/// Serves one request on a connection beyond the limit; whether it was one that is answered even there.
pub(crate) async fn serve_beyond(lane: &Shared, stream: TcpStream, first: Vec<u8>) -> bool {
    let io = TokioIo::new(Rewind::new(first, stream, Rc::default(), None));
    let config = lane.borrow().core.config.clone();
    let answered = Rc::new(Cell::new(false));
    let (shared, noted) = (lane.clone(), answered.clone());
    let service = service_fn(move |request: Request<Incoming>| {
        let path = request.uri().path();
        noted.set(matches!(path, "/healthz" | "/readyz" | "/metrics"));
        let mut reply = if noted.get() {
            page_at(&shared, &request, path)
        } else {
            problem(Problem::overloaded(FULL))
        };
        let origin = request.headers().get(header::ORIGIN);
        if let Some(allowed) = cors::allowed(&shared.borrow().core.config.cors, origin) {
            cors::apply(allowed, reply.headers_mut());
        }
        keep_type(reply.headers_mut());
        std::future::ready(Ok::<_, Infallible>(reply))
    });
    // An error is the client's going.
    let _ = hyper::server::conn::http1::Builder::new()
        .keep_alive(false)
        .max_headers(config.limits.headers)
        .max_buf_size(config.limits.head.bytes())
        .serve_connection(io, service)
        .await;
    answered.get()
}

/// Serves an HTTP/2 connection until it ends.
pub(crate) async fn serve_h2(lane: &Shared, stream: TcpStream, remote: SocketAddr, first: Vec<u8>) {
    let _log = HttpLog::new(remote, "2", true);
    let io = TokioIo::new(Rewind::new(first, stream, Rc::default(), None));
    let (config, mut stop, bodies) = {
        let lane = lane.borrow();
        (lane.core.config.clone(), lane.stop.clone(), lane.bodies.clone())
    };
    let client = Client::new(remote, bodies);
    let replies = Rc::<Replies>::default();
    let requests = Rc::<Requests>::default();
    let (shared, watched, begun) = (lane.clone(), replies.clone(), requests.clone());
    let service = service_fn(move |request: Request<Incoming>| {
        let caller = Caller::new(&client, &begun, None, &request);
        let (lane, replies) = (shared.clone(), watched.clone());
        async move {
            if request.method() == Method::GET {
                replies.room().await;
            }
            let reply = respond(lane, &caller, request).await;
            Ok::<_, Infallible>(replies.watch(reply).map(|body| caller.answering(body)))
        }
    });
    let connection = hyper::server::conn::http2::Builder::new(LocalExecutor)
        .timer(TokioTimer::new())
        .max_concurrent_streams(H2_STREAMS_MAX)
        .initial_stream_window_size(H2_WINDOW)
        .initial_connection_window_size(4 * H2_WINDOW)
        .max_send_buf_size(H2_SEND_BUFFER)
        .max_header_list_size(u32::try_from(config.limits.head.bytes()).unwrap_or(u32::MAX))
        .keep_alive_interval(std::time::Duration::from_secs(30))
        .serve_connection(io, service);
    let mut connection = std::pin::pin!(connection);
    let mut stalled = std::pin::pin!(replies.stalled());
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stalled.as_mut() => return,
        () = requests.idle(config.keep_alive_timeout) => connection.as_mut().graceful_shutdown(),
        _ = stop.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        // An error here is the client's going; there is no one left to tell.
        _ = connection => {}
        () = stalled => {}
    }
}

/// Runs HTTP/2's streams on the lane's own thread.
#[derive(Clone, Copy)]
struct LocalExecutor;

impl<F> hyper::rt::Executor<F> for LocalExecutor
where
    F: Future<Output = ()> + 'static,
{
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

/// What `404` points to.
const REACHABLE: &[&str] = &[
    "/topics/{topic}",
    "/pogu",
    "/stomp",
    "/socket.io/",
    "/topics/{topic}/info (SockJS, as /pogu and /stomp)",
    "/healthz",
    "/readyz",
    "/metrics",
    "/",
];

async fn respond(lane: Shared, caller: &Caller, mut request: Request<Incoming>) -> Reply {
    lane.borrow_mut().look_at_clock();
    let config = lane.borrow().core.config.clone();
    let origin = request.headers().get(header::ORIGIN).cloned();
    // Without the query, which may have secrets.
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let allowed = cors::allowed(&config.cors, origin.as_ref());
    // A page of the server itself may use it whatever the list says; what is no page has no origin.
    let permitted = allowed.is_some() || cors::is_own(request.headers());
    let behind = sockjs::find(&lane, &request);
    let answer = if let Err(refused) = check(&request, permitted) {
        Answer::Reply(problem(refused))
    } else if let Some(target) = behind {
        sockjs::respond(&lane, &mut request, caller, target, permitted).await
    } else if cors::is_preflight(&request) {
        Answer::Reply(cors::preflight(&request))
    } else {
        route(&lane, &mut request, caller, permitted).await
    };
    let answer = match answer {
        Answer::Session(..) if caller.has_body => Answer::Reply(problem(Problem::bad_request(
            "a GET that waits for messages has no body; leave it out",
        ))),
        answer => answer,
    };
    drop(request);
    let (mut head, session) = match answer {
        Answer::Session(head, session) => (head, session),
        Answer::Reply(mut reply) => {
            if let Some(allowed) = allowed {
                cors::apply(allowed, reply.headers_mut());
            }
            keep_type(reply.headers_mut());
            log_refusal(&reply, caller.client.remote, &method, &path);
            return reply;
        }
    };
    if let Some(allowed) = allowed {
        cors::apply(allowed, head.headers_mut());
    }
    if head.status() != StatusCode::SWITCHING_PROTOCOLS {
        keep_type(head.headers_mut());
    }
    let ends = matches!(session.carrier, Carrier::LongPoll { .. });
    match caller.takeover() {
        Some(takeover) if caller.goes_on || !ends => {
            takeover.leave(head, session);
            std::future::pending().await
        }
        None if session.carrier.needs_socket() => problem(Problem::overloaded(
            "an earlier answer on this connection is not yet read",
        )),
        _ => {
            caller.running.waits();
            let (remote, shares) = (caller.client.remote, caller.takeover.is_none());
            Box::pin(session::ride(&lane, remote, head, *session, shares)).await
        }
    }
}

fn log_refusal(reply: &Reply, remote: SocketAddr, method: &Method, path: &str) {
    let status = reply.status().as_u16();
    if status >= 400 {
        let reason = reply.extensions().get::<Code>().map_or("", |code| code.0);
        tracing::debug!(%remote, %method, path, status, reason, "request refused");
    }
}

/// Has browsers take an answer for what it says it is: what clients publish is read back by others.
fn keep_type(headers: &mut HeaderMap) {
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
}

/// What no request may be without (RFC 9112 §3.2), and what a page elsewhere may not do.
fn check(request: &Request<Incoming>, permitted: bool) -> Result<(), Problem> {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    if request.version() == Version::HTTP_11 && hosts != 1 {
        return Err(Problem::bad_request(format!(
            "a request has one Host header, this one has {hosts}"
        )));
    }
    // A browser sends a simple POST without asking first, so hiding the answer would not be enough.
    if request.method() == Method::POST
        && !permitted
        && let Some(origin) = request.headers().get(header::ORIGIN)
    {
        return Err(Problem::bad_origin(origin.to_str().unwrap_or_default()));
    }
    Ok(())
}

async fn route(
    lane: &Shared,
    request: &mut Request<Incoming>,
    caller: &Caller,
    origin_allowed: bool,
) -> Answer {
    let path = request.uri().path().to_owned();
    if let Some(topic) = path.strip_prefix("/topics/") {
        return topics::topic(lane, request, &caller.client, topic, origin_allowed).await;
    }
    match &*path {
        "/pogu" => return upgrade::websocket(lane, request, Purpose::Pogu, origin_allowed),
        // The second is where Spring has the WebSocket beside its SockJS.
        "/stomp" | "/stomp/websocket" => {
            return upgrade::websocket(lane, request, Purpose::Stomp, origin_allowed);
        }
        path if is_socketio(path, &lane.borrow().core.config.socketio.path) => {
            return engineio::respond(lane, request, caller, None, origin_allowed).await;
        }
        _ => {}
    }
    let handlers = lane.borrow().handlers.clone();
    if let Some(endpoint) = handlers.websocket.get(&path).cloned() {
        let purpose = Purpose::Endpoint(endpoint);
        return upgrade::websocket(lane, request, purpose, origin_allowed);
    }
    if let Some(endpoint) = handlers.engineio.get(&path).cloned() {
        return engineio::respond(lane, request, caller, Some(endpoint), origin_allowed).await;
    }
    Answer::Reply(page_at(lane, request, &path))
}

/// Whether a path is the configured one, with or without its last slash.
fn is_socketio(path: &str, configured: &str) -> bool {
    path.strip_suffix('/').unwrap_or(path) == configured.strip_suffix('/').unwrap_or(configured)
}

fn page_at(lane: &Shared, request: &Request<Incoming>, path: &str) -> Reply {
    let is_script = path == sockjs::IFRAME_SCRIPT && lane.borrow().core.config.sockjs.enabled;
    let known = is_script || matches!(path, "/" | "/healthz" | "/readyz" | "/metrics");
    if known && !matches!(*request.method(), Method::GET | Method::HEAD) {
        return problem(Problem::method_not_allowed(
            request.method().as_str(),
            "GET, HEAD",
        ));
    }
    match path {
        "/" => page::respond(request.headers()),
        sockjs::IFRAME_SCRIPT if is_script => sockjs::iframe_script(&lane.borrow().core.config.cors),
        "/healthz" => text("ok\n"),
        "/readyz" if lane.borrow().shutting_down => problem(Problem::shutting_down()),
        "/readyz" if lane.borrow().is_full() => problem(Problem::overloaded(FULL)),
        "/readyz" => text("ready\n"),
        "/metrics" => {
            let lane = lane.borrow();
            let mut reply = text(metrics::render(
                &lane.all_counters,
                lane.core.hub.stats(),
                Whole {
                    body_bytes: lane.bodies.held(),
                    refused: lane.door.refused(),
                },
            ));
            let kind = HeaderValue::from_static(metrics::CONTENT_TYPE);
            reply.headers_mut().insert(header::CONTENT_TYPE, kind);
            reply
        }
        _ => problem(Problem::not_found(path, REACHABLE)),
    }
}

fn text(body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(full(body));
    reply.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    reply
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

/// A JSON answer that no cache may keep.
fn json(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    let mut reply = text(body);
    *reply.status_mut() = status;
    reply
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

fn problem(problem: Problem) -> Reply {
    problem.response().map(|body| Either::Left(Full::new(body)))
}

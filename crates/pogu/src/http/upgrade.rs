//! From HTTP to WebSocket (RFC 6455 §4.2): the socket leaves hyper and moves to the lane's own poller.

use std::net::SocketAddr;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use pogu_hub::{After, Selector, SubscribeError};
use pogu_proto::framing::Framing;
use pogu_proto::ws;

use super::parameters::Parameters;
use super::rewind::Rewind;
use super::{Reply, full, problem, topics};
use crate::drive::Shared;
use crate::handler::Handler;
use crate::lane::Lane;
use crate::link::Link;
use crate::peer::{Carrier, Dialect, PeerId, Plain};
use crate::problem::Problem;

/// What a connection is to be once it is a WebSocket.
struct Purpose {
    dialect: Dialect,
    subscription: Option<(Selector, After)>,
}

/// Whether a request asks to be upgraded to WebSocket.
pub(super) fn is_asked(request: &Request<Incoming>) -> bool {
    has_token(request.headers(), header::UPGRADE, "websocket")
}

/// `/topics/{topic}`: the plain dialect.
pub(super) fn topic(
    lane: &Shared,
    remote: SocketAddr,
    request: &mut Request<Incoming>,
    path: &str,
    origin_allowed: bool,
) -> Reply {
    let purpose = || {
        let selector = topics::selector(path)?;
        let parameters = Parameters::parse(request.uri().query())?;
        let topic = match &selector {
            Selector::Topic(topic) if !topic.is_reserved() => Some(topic.clone()),
            _ => None,
        };
        let mut plain = Plain::new(topic, Framing::Line);
        plain.echo = !parameters.no_echo;
        let subscription = Some((selector, parameters.after.unwrap_or(After::Now)));
        Ok(Purpose {
            dialect: Dialect::Plain(plain),
            subscription,
        })
    };
    match purpose() {
        Ok(purpose) => upgrade(lane, remote, request, purpose, origin_allowed),
        Err(error) => problem(error),
    }
}

/// `/pogu`: the pogu dialect.
pub(super) fn pogu(
    lane: &Shared,
    remote: SocketAddr,
    request: &mut Request<Incoming>,
    origin_allowed: bool,
) -> Reply {
    let purpose = Purpose {
        dialect: Dialect::Pogu(Box::default()),
        subscription: None,
    };
    upgrade(lane, remote, request, purpose, origin_allowed)
}

/// An endpoint with code behind it.
pub(super) fn handler(
    lane: &Shared,
    remote: SocketAddr,
    request: &mut Request<Incoming>,
    handler: Handler,
    origin_allowed: bool,
) -> Reply {
    let purpose = Purpose {
        dialect: Dialect::Handler(handler),
        subscription: None,
    };
    upgrade(lane, remote, request, purpose, origin_allowed)
}

fn upgrade(
    lane: &Shared,
    remote: SocketAddr,
    request: &mut Request<Incoming>,
    purpose: Purpose,
    origin_allowed: bool,
) -> Reply {
    let accept = match check(request, origin_allowed) {
        Ok(accept) => accept,
        Err(reply) => return *reply,
    };
    if lane.borrow().shutting_down {
        return problem(Problem::shutting_down());
    }
    let mut reply = Response::new(full(""));
    *reply.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = reply.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    let mut deflate = None;
    if lane.borrow().core.config.websocket.compression {
        let offers = text_values(request.headers(), header::SEC_WEBSOCKET_EXTENSIONS);
        if let Some((agreed, answer)) = ws::negotiate_deflate(offers)
            && let Ok(answer) = HeaderValue::from_str(&answer)
        {
            deflate = Some(agreed);
            headers.insert(header::SEC_WEBSOCKET_EXTENSIONS, answer);
        }
    }
    let upgraded = hyper::upgrade::on(request);
    let lane = lane.clone();
    lane.borrow_mut().tasks += 1;
    tokio::task::spawn_local(async move {
        // An error here is a client that went before the answer.
        if let Ok(upgraded) = upgraded.await {
            begin(&lane, remote, upgraded, purpose, deflate);
        }
        let mut lane = lane.borrow_mut();
        lane.tasks -= 1;
        lane.core.signals.nudge();
    });
    reply
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

/// Moves the socket to the lane.
fn begin(
    lane: &Shared,
    remote: SocketAddr,
    upgraded: hyper::upgrade::Upgraded,
    purpose: Purpose,
    deflate: Option<ws::Deflate>,
) {
    let Ok(parts) = upgraded.downcast::<TokioIo<Rewind>>() else {
        return;
    };
    let (unread, stream) = parts.io.into_inner().into_parts();
    let mut first = parts.read_buf.to_vec();
    first.extend_from_slice(&unread);
    let Ok(stream) = stream.into_std() else { return };
    let mut lane = lane.borrow_mut();
    if lane.shutting_down {
        return;
    }
    let session = ws::Session::new(
        ws::Role::Server,
        lane.core.ws_limits.clone(),
        deflate,
        lane.core.now,
    );
    let link = Link::Tcp(mio::net::TcpStream::from_std(stream));
    // Subscribed before the first frames are heard, so that a publisher gets its own first message back.
    let Ok(id) = lane.add(
        link,
        remote,
        Carrier::WebSocket(session),
        purpose.dialect,
        &mut [],
    ) else {
        return;
    };
    if let Some((selector, after)) = purpose.subscription
        && let Err(error) = lane.subscribe_plain(id, selector, after)
    {
        return lane.refuse(id, &error);
    }
    let slot = id.slot as usize;
    if !first.is_empty() {
        lane.receive(slot, &mut first);
    }
    lane.touched(slot);
}

impl Lane {
    /// Gives a plain peer its one subscription.
    pub(crate) fn subscribe_plain(
        &mut self,
        id: PeerId,
        selector: Selector,
        after: After,
    ) -> Result<(), SubscribeError> {
        let slot = id.slot as usize;
        let Lane { peers, core, .. } = self;
        let Some(peer) = peers.get_mut(slot) else {
            return Ok(());
        };
        let Dialect::Plain(plain) = &mut peer.dialect else {
            return Ok(());
        };
        let outcome = core.subscribe(id, selector, after, plain.echo)?;
        plain.subscription = Some(outcome.id);
        if !outcome.live {
            peer.catching_up.push(outcome.id);
        }
        if outcome.gap {
            let selector = core.subscriptions.selector(outcome.id);
            let name = selector.map(|selector| selector.as_str().to_owned());
            peer.tell_gap(&name.unwrap_or_default(), None, core);
        }
        self.touched(slot);
        Ok(())
    }

    /// Closes a WebSocket that could not be subscribed.
    fn refuse(&mut self, id: PeerId, error: &SubscribeError) {
        let slot = id.slot as usize;
        let now = self.core.now;
        let Some(peer) = self.peers.get_mut(slot) else {
            return;
        };
        if let Carrier::WebSocket(session) = &mut peer.carrier {
            session.close(now, 1013, &error.to_string(), &mut self.core.codec, &mut peer.out);
        }
        self.end(slot, &crate::peer::Ending::Finished);
    }
}

fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
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

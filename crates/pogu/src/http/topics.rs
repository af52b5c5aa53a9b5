//! A topic is a URL: POST publishes, GET reads in the way that suits the client.

use std::rc::Rc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use hyper::body::Incoming;
use pogu_hub::{After, Draft, Reading, Selector, Topic};
use pogu_proto::pogu::HEADERS_MAX;
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::bodies::{self, Client};
use super::parameters::{Parameters, Via, decode};
use super::session::{self, Answer, Session};
use super::{Reply, json, problem, upgrade};
use crate::carrier::Carrier;
use crate::config::Limits;
use crate::core::Waiting;
use crate::dialect::{Dialect, Plain, check_header, parse_publish_topic};
use crate::drive::Shared;
use crate::json as messages;
use crate::metrics::Way;
use crate::problem::Problem;
use crate::purpose::Purpose;

/// Messages that one poll is answered at most, and at first.
const LIMIT_MAX: usize = 1000;
const LIMIT_DEFAULT: usize = 100;
/// How long a publisher waits for room in the hub.
const ROOM_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest event name, content type and idempotency key.
pub(crate) const NAME_MAX: usize = 255;

pub(super) async fn topic(
    lane: &Shared,
    request: &mut Request<Incoming>,
    client: &Rc<Client>,
    topic: &str,
    origin_allowed: bool,
) -> Answer {
    let answer = match *request.method() {
        Method::POST => publish(lane, request, client, topic).await.map(Answer::Reply),
        Method::GET if upgrade::is_asked(request) => purpose(topic, request.uri().query())
            .map(|purpose| upgrade::websocket(lane, request, purpose, origin_allowed)),
        Method::GET => read(lane, request, topic).await,
        Method::HEAD => head(topic).map(Answer::Reply),
        _ => Err(Problem::method_not_allowed(
            request.method().as_str(),
            "GET, HEAD, POST",
        )),
    };
    answer.unwrap_or_else(|refused| Answer::Reply(problem(refused)))
}

fn head(topic: &str) -> Result<Reply, Problem> {
    selector(topic)?;
    Ok(json(StatusCode::OK, ""))
}

/// What a WebSocket, or what stands in for it, is for at a topic's URL.
pub(super) fn purpose(path: &str, query: Option<&str>) -> Result<Purpose, Problem> {
    let selector = selector(path)?;
    let parameters = Parameters::parse(query)?;
    Ok(Purpose::Topic {
        selector,
        after: parameters.after.unwrap_or(After::Now),
        echo: !parameters.no_echo,
    })
}

/// The topic or pattern of a path.
pub(super) fn selector(path: &str) -> Result<Selector, Problem> {
    let name = decode(&path.replace('+', "%2B"))?;
    name.parse()
        .map_err(|error: pogu_hub::TopicError| Problem::bad_topic(&name, &error.to_string()))
}

/// The type of a form in a page.
const FORM: &str = "application/x-www-form-urlencoded";

async fn publish(
    lane: &Shared,
    request: &mut Request<Incoming>,
    client: &Rc<Client>,
    path: &str,
) -> Result<Reply, Problem> {
    let name = decode(&path.replace('+', "%2B"))?;
    let topic: Topic = parse_publish_topic(&name).map_err(|why| Problem::bad_topic(&name, &why))?;
    if let Some(coding) = text_header(request.headers(), "content-encoding")?
        && !coding.eq_ignore_ascii_case("identity")
    {
        return Err(Problem::encoded_body(&coding));
    }
    // What curl says of -d when it was told nothing, which says nothing.
    let content_type =
        text_header(request.headers(), "content-type")?.filter(|given| !given.eq_ignore_ascii_case(FORM));
    let event = text_header(request.headers(), "pogu-event")?;
    let key = text_header(request.headers(), "idempotency-key")?;
    let headers = message_headers(request.headers())?;
    let limit = lane.borrow().core.config.limits.message.bytes();
    let (body, _held) = bodies::read(client, request.body_mut(), limit).await?;
    wait_for_room(lane).await?;
    let answer = {
        let mut lane = lane.borrow_mut();
        if lane.shutting_down {
            return Err(Problem::shutting_down());
        }
        let core = &mut lane.core;
        core.counters.received(Way::HttpPost, body.len());
        let (kind, body) = messages::classify_bytes(content_type.as_deref(), body.into_boxed_slice().into());
        let (sender, answer) = oneshot::channel();
        let mut draft = Draft::new(topic, kind, body);
        draft.content_type = content_type.filter(|given| **given != *kind.content_type());
        draft.event = event;
        draft.key = key;
        draft.headers = headers;
        draft.receipt = core.receipt(Waiting::Request(sender));
        core.draft(draft);
        core.signals.nudge();
        answer
    };
    match answer.await {
        Ok(Ok(cursor)) => Ok(json(StatusCode::OK, format!("{{\"cursor\":\"{cursor}\"}}\n"))),
        Ok(Err(error)) => Err(Problem::overloaded(&error.to_string())),
        Err(_) => Err(Problem::shutting_down()),
    }
}

/// Names and values.
type Headers = Vec<(Box<str>, Box<str>)>;

/// The headers that a message is to have, `Pogu-Header-NAME`. Their names are in lower case, as in all of HTTP/2.
fn message_headers(headers: &HeaderMap) -> Result<Headers, Problem> {
    const PREFIX: &str = "pogu-header-";
    let mut found = Vec::new();
    for name in headers.keys().filter(|name| name.as_str().starts_with(PREFIX)) {
        let value = headers.get(name).map(HeaderValue::as_bytes).unwrap_or_default();
        let value = std::str::from_utf8(value)
            .map_err(|_| Problem::bad_request(format!("the header {name} is not UTF-8")))?;
        let name = &name.as_str()[PREFIX.len()..];
        check_header(name, value).map_err(Problem::bad_request)?;
        if found.len() == HEADERS_MAX {
            return Err(Problem::bad_request(format!(
                "a message has at most {HEADERS_MAX} headers"
            )));
        }
        found.push((name.into(), value.into()));
    }
    Ok(found)
}

/// A full inbox pauses publishers, this one too.
pub(super) async fn wait_for_room(lane: &Shared) -> Result<(), Problem> {
    let hub = lane.borrow().core.hub.clone();
    let room = async {
        while hub.congested() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(ROOM_TIMEOUT, room)
        .await
        .map_err(|_| Problem::overloaded("subscribers take messages more slowly than they come"))
}

fn text_header(headers: &HeaderMap, name: &'static str) -> Result<Option<Box<str>>, Problem> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) if text.len() <= NAME_MAX && !text.chars().any(char::is_control) => {
            Ok((!text.is_empty()).then(|| text.into()))
        }
        _ => Err(Problem::bad_parameter(
            name,
            &String::from_utf8_lossy(value.as_bytes()),
            "text of at most 255 bytes without control characters",
        )),
    }
}

async fn read(lane: &Shared, request: &Request<Incoming>, path: &str) -> Result<Answer, Problem> {
    let selector = selector(path)?;
    let http1 = request.version() < Version::HTTP_2;
    let parameters = Parameters::parse(request.uri().query())?;
    check_wait(lane, &parameters)?;
    let via = match parameters.via {
        Some(via) => via,
        None => accepted(request.headers()),
    };
    if lane.borrow().shutting_down {
        return Err(Problem::shutting_down());
    }
    match via {
        Via::Poll => poll(lane, selector, &parameters).await,
        Via::Stream => {
            let carrier = Carrier::JsonLines {
                quiet_since: lane.borrow().core.now,
            };
            let after = parameters.after.unwrap_or(After::Now);
            let head = session::stream_head("application/x-ndjson", http1);
            // A sign of life, by which a client tells that no proxy holds the stream back.
            Ok(session(head, carrier, selector, after, b"\n".to_vec()))
        }
        Via::Sse => sse(lane, request.headers(), selector, &parameters, http1),
    }
}

/// What clients may always ask for a server may answer earlier; what no poll waits they are told.
fn check_wait(lane: &Shared, parameters: &Parameters) -> Result<(), Problem> {
    let most = lane.borrow().core.config.limits.wait.max(Limits::default().wait);
    match parameters.wait {
        Some(wait) if wait > most.as_secs_f64() => {
            let allowed = format!(
                "seconds, at most {}, as its limits.wait has it",
                most.as_secs_f64()
            );
            Err(Problem::bad_parameter("wait", &wait.to_string(), &allowed))
        }
        _ => Ok(()),
    }
}

/// The way that `Accept` asks for.
fn accepted(headers: &HeaderMap) -> Via {
    let accept = headers.get_all(header::ACCEPT);
    let asks = |kind: &str| {
        accept
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|part| {
                part.split(';')
                    .next()
                    .is_some_and(|name| name.trim().eq_ignore_ascii_case(kind))
            })
    };
    if asks("text/event-stream") {
        Via::Sse
    } else if asks("application/x-ndjson") {
        Via::Stream
    } else {
        Via::Poll
    }
}

async fn poll(lane: &Shared, selector: Selector, parameters: &Parameters) -> Result<Answer, Problem> {
    let limit = parameters.limit.unwrap_or(LIMIT_DEFAULT).min(LIMIT_MAX);
    let after = parameters.after.unwrap_or(After::Now);
    let page = page(lane, selector.clone(), after, limit).await;
    let wait_max = lane.borrow().core.config.limits.wait;
    let wait = parameters.wait.map_or(Duration::ZERO, |wait| {
        Duration::try_from_secs_f64(wait)
            .unwrap_or(wait_max)
            .min(wait_max)
    });
    if wait.is_zero() || page.gap || !page.messages.is_empty() {
        let way = if parameters.wait.is_some() {
            Way::HttpLongPoll
        } else {
            Way::HttpPoll
        };
        lane.borrow().core.counters.sent(way, page.messages.len());
        let mut body = Vec::new();
        messages::poll_answer(&page.messages, page.next, page.gap, &mut body);
        return Ok(Answer::Reply(json(StatusCode::OK, body)));
    }
    let until = lane.borrow().core.now + u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    let carrier = Carrier::LongPoll {
        until,
        next: page.next,
        gap: false,
        limit,
        held: Box::default(),
    };
    Ok(session(
        session::poll_head(),
        carrier,
        selector,
        After::Cursor(page.next),
        Vec::new(),
    ))
}

/// A page of history. Where a pattern has few matches among many messages the lane and other readers go on between its slices, and no two
/// such readers are within one turn.
async fn page(lane: &Shared, selector: Selector, after: After, limit: usize) -> Reading {
    let (hub, now, readers) = {
        let core = &lane.borrow().core;
        (core.hub.clone(), core.unix, core.readers.clone())
    };
    let mut reading = hub.reading(now, selector, after, limit);
    if !hub.read(now, &mut reading) {
        let _turn = readers.lock().await;
        while !hub.read(now, &mut reading) {
            yield_now().await;
        }
    }
    reading
}

/// An answer that is a session of the plain dialect, which publishes nothing.
fn session(head: Response<()>, carrier: Carrier, selector: Selector, after: After, first: Vec<u8>) -> Answer {
    let dialect = Dialect::Plain(Plain::mute());
    Answer::Session(
        head,
        Box::new(Session {
            subscription: Some((selector, after)),
            first,
            ..Session::new(carrier, dialect)
        }),
    )
}

fn sse(
    lane: &Shared,
    headers: &HeaderMap,
    selector: Selector,
    parameters: &Parameters,
    http1: bool,
) -> Result<Answer, Problem> {
    let header = match headers.get("last-event-id").map(HeaderValue::to_str) {
        Some(Ok(id)) => Some(id.to_owned()),
        Some(Err(_)) => return Err(Problem::bad_cursor("Last-Event-ID", "bytes that are not text")),
        None => None,
    };
    // The header is the newer: a browser's reconnect repeats the first URL (Mercure's rule too).
    let resumed = header
        .filter(|id| !id.is_empty())
        .or_else(|| parameters.last_event_id.clone());
    let after = match resumed.as_deref() {
        Some(id) => Some(id.parse().map_err(|_| Problem::bad_cursor("Last-Event-ID", id))?),
        None => parameters.after,
    };
    let (now, head, retry) = {
        let lane = lane.borrow();
        (lane.core.now, lane.core.hub.head(), lane.core.config.sse.retry)
    };
    let mut first = Vec::new();
    pogu_proto::sse::retry(u64::try_from(retry.as_millis()).unwrap_or(u64::MAX), &mut first);
    let after = match after {
        None | Some(After::Now) => {
            // An id without data dispatches nothing, but a reader that is cut before the first event resumes from here.
            first.extend_from_slice(format!("id: {head}\n\n").as_bytes());
            After::Cursor(head)
        }
        Some(after) => after,
    };
    let head = session::stream_head("text/event-stream", http1);
    Ok(session(
        head,
        Carrier::Sse { quiet_since: now },
        selector,
        after,
        first,
    ))
}

//! Refusals over HTTP, as RFC 9457 problem details: what is wrong, with which value, and what would be right.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, UPGRADE};
use http::{Response, StatusCode};
use serde_json::{Map, Value, json};

/// Characters of a client's value that are told back to it.
const QUOTED_MAX: usize = 80;

/// Seconds after which a client may come again.
const RETRY_AFTER_SECONDS: &str = "1";

/// A refusal. Its title is the status' own phrase, as its `type` is `about:blank` (RFC 9457, 4.2.1); `code` tells the cases apart
/// for programs, with the words the pogu dialect has for them.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The code of a refusal, beside its answer, for the log.
#[derive(Clone, Copy)]
pub(crate) struct Code(pub(crate) &'static str);

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Problem {
        Problem {
            status,
            code,
            detail: detail.into(),
            members: Map::new(),
            headers: Vec::new(),
        }
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Problem {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    fn header(mut self, name: HeaderName, value: HeaderValue) -> Problem {
        self.headers.push((name, value));
        self
    }

    /// 400: the request has a fault that none of the others names.
    pub(crate) fn bad_request(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "bad-request", detail)
    }

    /// 400: `topic` is not a topic or a pattern, because `why`.
    pub(crate) fn bad_topic(topic: &str, why: &str) -> Problem {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "bad-topic",
            format!("{}: {why}", quote(topic)),
        )
    }

    /// 403: pages of `origin` may not use the server.
    pub(crate) fn bad_origin(origin: &str) -> Problem {
        let detail = format!(
            "pages of {} may not use this server; its cors.origins decides",
            quote(origin)
        );
        Problem::new(StatusCode::FORBIDDEN, "bad-origin", detail)
    }

    /// 400: `cursor` is not a place in the order of messages.
    pub(crate) fn bad_cursor(name: &str, cursor: &str) -> Problem {
        let detail = format!(
            "{name} is {}; write a cursor as a message or `next` has it, `earliest`, or `last:N`",
            quote(cursor)
        );
        Problem::new(StatusCode::BAD_REQUEST, "bad-cursor", detail).with("parameter", name)
    }

    /// 400: the query parameter `name` has a value that is not `allowed`.
    pub(crate) fn bad_parameter(name: &'static str, value: &str, allowed: &str) -> Problem {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "bad-parameter",
            format!("{name} is {}; write {allowed}", quote(value)),
        )
        .with("parameter", name)
    }

    /// 400: there is no query parameter `name`, but one that is meant.
    pub(crate) fn unknown_parameter(name: &str, meant: &str) -> Problem {
        let detail = format!("there is no parameter {}; did you mean {meant:?}?", quote(name));
        Problem::new(StatusCode::BAD_REQUEST, "bad-parameter", detail)
    }

    /// 404: `path` is none of a topic, as it would be with dots.
    pub(crate) fn no_such_topic(path: &str, topic: &str) -> Problem {
        let detail = format!(
            "there is nothing at {}; a topic's tokens are parted by dots: write /topics/{}",
            quote(path),
            quote(&topic.trim_matches('/').replace('/', ".")).trim_matches('"')
        );
        Problem::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    /// 404: `path` leads nowhere; `reachable` is what does not.
    pub(crate) fn not_found(path: &str, reachable: &[&str]) -> Problem {
        let detail = format!(
            "there is nothing at {}; reachable: {}",
            quote(path),
            reachable.join(", ")
        );
        Problem::new(StatusCode::NOT_FOUND, "not-found", detail).with("reachable", reachable)
    }

    /// 405: `allow` is what goes here, as the header has it (`GET, HEAD, POST`).
    pub(crate) fn method_not_allowed(method: &str, allow: &'static str) -> Problem {
        let detail = format!("{} is not allowed here; allowed: {allow}", quote(method));
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
            .header(ALLOW, HeaderValue::from_static(allow))
    }

    /// 413: the body has more than `limit` bytes.
    pub(crate) fn too_large(limit: usize) -> Problem {
        let detail = format!("a message has at most {limit} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail).with("limit", limit)
    }

    /// 415: the body comes in a content coding, which subscribers would not be told of.
    pub(crate) fn encoded_body(coding: &str) -> Problem {
        let detail = format!("Content-Encoding is {}; send the body as it is", quote(coding));
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "encoded-body", detail)
    }

    /// 426: the path is a WebSocket and the request is none, or one of another version (RFC 6455, 4.4).
    pub(crate) fn upgrade_required() -> Problem {
        let detail = "this is a WebSocket; connect to it with one of version 13";
        Problem::new(StatusCode::UPGRADE_REQUIRED, "upgrade-required", detail)
            .header(UPGRADE, HeaderValue::from_static("websocket"))
            .header(
                http::header::SEC_WEBSOCKET_VERSION,
                HeaderValue::from_static("13"),
            )
    }

    /// 503: the server has no room now, because `why`.
    pub(crate) fn overloaded(why: &str) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", why).retry()
    }

    /// 503: the server is going.
    pub(crate) fn shutting_down() -> Problem {
        let detail = "the server is shutting down; come again, with the last cursor";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "shutting-down", detail).retry()
    }

    fn retry(self) -> Problem {
        self.header(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS))
    }

    /// The answer; never cached.
    pub(crate) fn response(self) -> Response<Bytes> {
        let mut body = json!({
            "title": self.status.canonical_reason(),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
        });
        if let Some(object) = body.as_object_mut() {
            object.extend(self.members);
        }
        let mut response = Response::new(Bytes::from(format!("{body}\n")));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(self.headers);
        response.extensions_mut().insert(Code(self.code));
        response
    }
}

/// A stranger's value, cut and escaped, so that it cannot pass for our words or drive a terminal.
fn quote(value: &str) -> String {
    let mut quoted: String = value
        .chars()
        .take(QUOTED_MAX)
        .flat_map(char::escape_debug)
        .collect();
    if value.chars().nth(QUOTED_MAX).is_some() {
        quoted.push('…');
    }
    format!("\"{quoted}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(problem: Problem, status: u16, code: &str, detail: &str) -> (Value, http::HeaderMap) {
        let response = problem.response();
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(body["status"], status);
        assert_eq!(body["code"], code);
        assert_eq!(body["detail"], detail);
        assert!(body["title"].as_str().is_some_and(|title| !title.is_empty()));
        (body, response.headers().clone())
    }

    #[test]
    fn each_case_names_the_culprit_and_the_way_out() {
        check(Problem::bad_request("no"), 400, "bad-request", "no");
        check(
            Problem::bad_topic("a..b", "a token is empty"),
            400,
            "bad-topic",
            "\"a..b\": a token is empty",
        );
        check(
            Problem::bad_origin("https://x"),
            403,
            "bad-origin",
            "pages of \"https://x\" may not use this server; its cors.origins decides",
        );
        let (body, _) = check(
            Problem::bad_cursor("after", "yesterday"),
            400,
            "bad-cursor",
            "after is \"yesterday\"; write a cursor as a message or `next` has it, `earliest`, or `last:N`",
        );
        assert_eq!(body["parameter"], "after");
        let (body, _) = check(
            Problem::bad_parameter("wait", "long", "seconds, 0 to 60"),
            400,
            "bad-parameter",
            "wait is \"long\"; write seconds, 0 to 60",
        );
        assert_eq!(body["parameter"], "wait");
        let (body, _) = check(
            Problem::not_found("/x", &["/topics/{topic}", "/metrics"]),
            404,
            "not-found",
            "there is nothing at \"/x\"; reachable: /topics/{topic}, /metrics",
        );
        assert_eq!(body["reachable"], json!(["/topics/{topic}", "/metrics"]));
        let (body, _) = check(
            Problem::too_large(1024),
            413,
            "too-large",
            "a message has at most 1024 bytes",
        );
        assert_eq!(body["limit"], 1024);
        check(
            Problem::unknown_parameter("wiat", "wait"),
            400,
            "bad-parameter",
            "there is no parameter \"wiat\"; did you mean \"wait\"?",
        );
        check(
            Problem::no_such_topic("/topics/a/b/", "a/b/"),
            404,
            "not-found",
            "there is nothing at \"/topics/a/b/\"; a topic's tokens are parted by dots: write /topics/a.b",
        );
        check(
            Problem::encoded_body("gzip"),
            415,
            "encoded-body",
            "Content-Encoding is \"gzip\"; send the body as it is",
        );
    }

    #[test]
    fn headers_go_with_the_status() {
        let (_, headers) = check(
            Problem::method_not_allowed("BREW", "GET, POST"),
            405,
            "method-not-allowed",
            "\"BREW\" is not allowed here; allowed: GET, POST",
        );
        assert_eq!(headers["allow"], "GET, POST");
        let (_, headers) = check(
            Problem::upgrade_required(),
            426,
            "upgrade-required",
            "this is a WebSocket; connect to it with one of version 13",
        );
        assert_eq!(
            (&headers["upgrade"], &headers["sec-websocket-version"]),
            (&"websocket".parse().unwrap(), &"13".parse().unwrap())
        );
        for problem in [Problem::overloaded("full"), Problem::shutting_down()] {
            let response = problem.response();
            assert_eq!(response.status(), 503);
            assert_eq!(response.headers()["retry-after"], "1");
        }
    }

    #[test]
    fn strangers_values_are_cut_and_escaped() {
        assert_eq!(quote("포구"), "\"포구\"");
        assert_eq!(quote("a\"b\\"), r#""a\"b\\""#);
        assert_eq!(quote("\u{1b}[31m\r\n\0"), r#""\u{1b}[31m\r\n\0""#);
        assert_eq!(quote("\u{202e}evil\u{200b}"), r#""\u{202e}evil\u{200b}""#);
        let most = "x".repeat(QUOTED_MAX);
        assert_eq!(quote(&most), format!("\"{most}\""));
        assert_eq!(quote(&format!("{most}y")), format!("\"{most}…\""));
        let long = Problem::bad_topic(&"\u{7}".repeat(1 << 20), "no").response();
        assert!(long.body().len() < 1000);
    }

    #[test]
    fn the_answer_is_one_line_of_json() {
        let body = Problem::bad_topic("a\nb", "line\nbreak").response().into_body();
        assert_eq!(body.iter().filter(|byte| **byte == b'\n').count(), 1);
        assert!(body.ends_with(b"}\n"));
    }
}

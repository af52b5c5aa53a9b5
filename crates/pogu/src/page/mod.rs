//! The page at `/`: what can be reached, and a topic to try. It loads nothing and runs only its own script.

use std::hash::{DefaultHasher, Hasher};
use std::sync::LazyLock;

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::http::{Reply, full};

const PAGE: &str = include_str!("index.html");

/// The hashes are of what stands between the tags of the page's style and script; a test says what they must be.
const POLICY: &str = "default-src 'none'; connect-src 'self'; img-src data:; \
    style-src 'sha256-TBrvxlaxH3/tnEM4bLPet3cN2eDgiA4ACPB842jmfao='; \
    script-src 'sha256-4S0nMSlI1LTf8jIoHDEFXZ9WP0JYJfAOuY9++sxDtV4='; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static TAG: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = DefaultHasher::new();
    hasher.write(PAGE.as_bytes());
    format!("\"{:016x}\"", hasher.finish())
});

/// The page, or that the visitor has it already.
pub(crate) fn respond(request: &HeaderMap) -> Reply {
    let known = is_known(request);
    let mut reply = Response::new(full(if known { "" } else { PAGE }));
    if known {
        *reply.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = reply.headers_mut();
    let fixed = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, "no-cache"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(tag) = HeaderValue::from_str(&TAG) {
        headers.insert(ETAG, tag);
    }
    reply
}

/// Whether `If-None-Match` has the tag (RFC 9110, 13.1.2; the comparison is weak).
fn is_known(request: &HeaderMap) -> bool {
    let values = request
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.trim_start_matches("W/") == *TAG)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest, Sha256};

    use super::*;

    fn request(if_none_match: Option<&str>) -> HeaderMap {
        if_none_match
            .map(|tags| (IF_NONE_MATCH, tags.parse().unwrap()))
            .into_iter()
            .collect()
    }

    fn between<'a>(start: &str, end: &str) -> &'a str {
        let (_, rest) = PAGE.split_once(start).unwrap();
        assert!(!rest.contains(start), "{start} twice");
        rest.split_once(end).unwrap().0
    }

    #[test]
    fn the_policy_allows_the_style_and_the_script_of_the_page_and_no_other() {
        for (directive, start, end) in [
            ("style-src", "<style>", "</style>"),
            ("script-src", "<script>", "</script>"),
        ] {
            let hash = STANDARD.encode(Sha256::digest(between(start, end)));
            let expected = format!("{directive} 'sha256-{hash}';");
            assert!(POLICY.contains(&expected), "write {expected}");
        }
        assert!(!POLICY.contains("unsafe"));
    }

    #[test]
    fn the_page_loads_nothing_and_makes_no_markup_of_messages() {
        let (style, script) = (between("<style>", "</style>"), between("<script>", "</script>"));
        let markup = PAGE.replace(style, "").replace(script, "");
        let links: Vec<_> = markup
            .split("href=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        assert_eq!(links, ["data:,", "/metrics", "/healthz", "/readyz"]);
        for (part, forbidden) in [
            (markup.as_str(), ["src=", "style=", "http-equiv"]),
            (style, ["url(", "@import", "image("]),
            (script, ["innerHTML", "eval(", "insertAdjacent"]),
        ] {
            for forbidden in forbidden {
                assert!(!part.contains(forbidden), "{forbidden}");
            }
        }
        let handler = |rest: &&str| rest.trim_start_matches(char::is_alphabetic).starts_with('=');
        assert_eq!(markup.split(" on").skip(1).find(handler), None);
    }

    #[test]
    fn it_is_answered_with_its_headers() {
        let reply = respond(&request(None));
        assert_eq!(reply.status(), 200);
        assert_eq!(reply.headers()["content-type"], "text/html; charset=utf-8");
        assert_eq!(reply.headers()["content-security-policy"], POLICY);
        assert_eq!(reply.headers()["x-content-type-options"], "nosniff");
        assert_eq!(reply.headers()["etag"], **TAG);
    }

    #[test]
    fn a_visitor_that_has_it_is_told_so() {
        let tag = &**TAG;
        for tags in [tag, "*", &format!("\"x\", {tag}"), &format!("W/{tag}")] {
            let reply = respond(&request(Some(tags)));
            assert_eq!(reply.status(), 304, "{tags}");
            assert_eq!(reply.headers()["etag"], **TAG);
            assert_eq!(http_body::Body::size_hint(reply.body()).exact(), Some(0));
        }
        for tags in ["\"x\"", "", "x", &tag[1..]] {
            assert_eq!(respond(&request(Some(tags))).status(), 200, "{tags}");
        }
    }
}

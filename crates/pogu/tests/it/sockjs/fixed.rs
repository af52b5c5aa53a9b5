//! What does not belong to a session: the greeting, the info, the iframe's page, preflights, and what is not there.

use super::client::Session;
use super::start;
use crate::server::{Answer, Http, Running};

pub(super) const NO_STORE: &str = "no-store, no-cache, no-transform, must-revalidate, max-age=0";

#[track_caller]
pub(super) fn is_not_cached(answer: &Answer) {
    assert_eq!(answer.header("cache-control"), Some(NO_STORE), "{answer:?}");
    assert_eq!(answer.header("expires"), None);
    assert_eq!(answer.header("last-modified"), None);
}

#[track_caller]
fn is_kept_for_a_year(answer: &Answer) {
    assert_eq!(answer.header("cache-control"), Some("public, max-age=31536000"));
    assert!(
        answer
            .header("expires")
            .is_some_and(|date| date.ends_with(" GMT"))
    );
    assert_eq!(answer.header("last-modified"), None);
    assert_eq!(answer.header("set-cookie"), None);
}

/// A page of this origin may read it, cookies and all.
#[track_caller]
pub(super) fn is_for(answer: &Answer, origin: Option<&str>) {
    let allowed = answer.header("access-control-allow-origin");
    let with_cookies = answer.header("access-control-allow-credentials");
    match origin {
        Some(origin) => assert_eq!(
            (allowed, with_cookies),
            (Some(origin), Some("true")),
            "{answer:?}"
        ),
        None => assert_eq!((allowed, with_cookies), (Some("*"), None), "{answer:?}"),
    }
    assert_eq!(answer.header("vary"), Some("origin"));
}

#[track_caller]
pub(super) fn is_refused(answer: &Answer, status: u16, text: &str) {
    assert_eq!((answer.status, &*answer.text()), (status, text), "{answer:?}");
}

fn get(server: &Running, target: &str) -> Answer {
    server.get(target)
}

#[test]
fn it_greets() {
    let server = start();
    for path in ["/echo", "/echo/", "/echo?x=1", "/topics/a/", "/pogu/", "/stomp/"] {
        let answer = get(&server, path);
        is_refused(&answer, 200, "Welcome to SockJS!\n");
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
        assert_eq!(answer.header("set-cookie"), None);
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    let server = start();
    let long = "x".repeat(129);
    for suffix in [
        "/a",
        "/a.html",
        "//",
        "///",
        "/a/a",
        "/a/a/",
        "/a/",
        "/iframe.htm",
        "/iframe",
        "/IFRAME.HTML",
        "/IFRAME",
        "/iframe.HTML",
        "/iframe.xml",
        "/iframe-/.html",
        "/0/0/xhr/x",
        "/0/0/0/xhr",
        "/0/0/XHR",
        "/0/0/xhr_poll",
        "/0/0/",
    ] {
        assert_eq!(get(&server, &format!("/echo{suffix}")).status, 404, "{suffix}");
        let post = format!("POST /echo{suffix} HTTP/1.1");
        assert_eq!(server.ask(&post, b"").status, 404, "{suffix}");
    }
    for session in [
        "//", "/a./a", "/a/a.", "/./.", "/", "///", "/../a", "/a/..", "/a//", "//a",
    ] {
        let target = format!("/echo{session}/xhr");
        assert_eq!(get(&server, &target).status, 404, "{session}");
        let post = format!("POST {target} HTTP/1.1");
        assert_eq!(server.ask(&post, b"").status, 404, "{session}");
    }
    // A name has at most 128 bytes.
    for (server_name, name, status) in [
        ("0", &long[..128], 200),
        (&long[..128], "1", 200),
        ("0", &long, 404),
        (&long, "2", 404),
    ] {
        let post = format!("POST /echo/{server_name}/{name}/xhr HTTP/1.1");
        assert_eq!(server.ask(&post, b"").status, status);
    }
}

#[test]
fn any_name_will_do_and_the_first_means_nothing() {
    let server = start();
    for (first, name) in [
        ("a", "a"),
        ("_", "_"),
        ("1", ""),
        ("abcdefgh_i-j%20", "abcdefg_i-j%20"),
        ("%2e%2e", "%2E%2e"),
        ("~", "%2F~%2f"),
        ("a", "a;b=c"),
        ("a", "%00%ff"),
    ] {
        let session = Session::named(&server, "/echo", &format!("{name}1")).by(first);
        session.open();
        session.send("[\"x\"]");
        assert_eq!(session.by("999").poll(), "a[\"x\"]\n", "{name}");
    }
    // No two ways of writing a name meet, and neither do two endpoints.
    Session::named(&server, "/echo", "a%61").open();
    Session::named(&server, "/echo", "aa").open();
    Session::named(&server, "/disabled_websocket_echo", "aa").open();
    assert_eq!(Session::named(&server, "/topics/a", "aa").post("[]").status, 404);
}

#[test]
fn a_method_that_is_not_for_it_is_refused_with_those_that_are() {
    let server = start();
    for (method, path, allow) in [
        ("POST", "/echo/", "GET"),
        ("OPTIONS", "/topics/a/", "GET"),
        ("POST", "/echo/info", "OPTIONS, GET"),
        ("PUT", "/echo/info", "OPTIONS, GET"),
        ("POST", "/echo/iframe.html", "GET"),
        ("GET", "/echo/0/0/xhr", "OPTIONS, POST"),
        ("GET", "/echo/0/0/xhr_streaming", "OPTIONS, POST"),
        ("GET", "/echo/0/0/xhr_send", "OPTIONS, POST"),
        ("DELETE", "/echo/0/0/xhr_send", "OPTIONS, POST"),
        ("GET", "/echo/0/0/jsonp_send", "POST"),
        ("POST", "/echo/0/0/jsonp?c=f", "GET"),
        ("POST", "/echo/0/0/eventsource", "GET"),
        ("POST", "/echo/0/0/htmlfile?c=f", "GET"),
        ("POST", "/echo/0/0/websocket", "GET"),
        ("POST", "/echo/websocket", "GET"),
        ("PATCH", "/echo/0/0/websocket", "GET"),
    ] {
        for upgrade in ["", "\nUpgrade: WebSocket\nConnection: Upgrade"] {
            let answer = server.ask(&format!("{method} {path} HTTP/1.1{upgrade}"), b"");
            assert_eq!(answer.status, 405, "{method} {path}: {answer:?}");
            assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
            assert_eq!(answer.header("content-type"), None);
            assert_eq!(answer.body, b"");
        }
    }
}

#[test]
fn the_info_tells_what_it_can_do_and_a_new_number_each_time() {
    let server = start();
    let mut numbers = Vec::new();
    for (base, websocket, cookie) in [
        ("/echo", true, false),
        ("/echo", true, false),
        ("/disabled_websocket_echo", false, false),
        ("/cookie_needed_echo", true, true),
        ("/topics/a.%3E", true, false),
        ("/pogu", true, false),
        ("/stomp", true, false),
    ] {
        let answer = server.ask(&format!("GET {base}/info?t=1 HTTP/1.1\nOrigin: test"), b"");
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/json; charset=UTF-8")
        );
        assert_eq!(answer.header("set-cookie"), None);
        is_not_cached(&answer);
        is_for(&answer, Some("test"));
        let info = answer.json();
        assert_eq!(info["websocket"], websocket, "{base}");
        assert_eq!(info["cookie_needed"], cookie, "{base}");
        assert_eq!(info["origins"], serde_json::json!(["*:*"]));
        let number = info["entropy"].as_u64().unwrap();
        assert!(u32::try_from(number).is_ok());
        numbers.push(number);
    }
    numbers.sort_unstable();
    numbers.dedup();
    assert!(numbers.len() > 5, "two may be the same by chance");
    is_for(&get(&server, "/echo/info"), None);
}

#[test]
fn a_preflight_is_answered_for_a_year() {
    let server = start();
    for (path, methods) in [
        ("/echo/info", "OPTIONS, GET"),
        ("/echo/abc/abc/xhr", "OPTIONS, POST"),
        ("/echo/abc/abc/xhr_streaming", "OPTIONS, POST"),
        ("/echo/abc/abc/xhr_send", "OPTIONS, POST"),
    ] {
        for origin in ["test", "null"] {
            for (headers, echoed) in [
                ("", None),
                ("\nAccess-Control-Request-Headers:", None),
                ("\nAccess-Control-Request-Headers: a, b, c", Some("a, b, c")),
            ] {
                let head = format!(
                    "OPTIONS {path} HTTP/1.1\nOrigin: {origin}\nAccess-Control-Request-Method: POST{headers}"
                );
                let answer = server.ask(&head, b"");
                assert_eq!((answer.status, &*answer.body), (204, &b""[..]));
                is_kept_for_a_year(&answer);
                is_for(&answer, Some(origin));
                assert_eq!(answer.header("access-control-max-age"), Some("31536000"));
                assert_eq!(answer.header("access-control-allow-methods"), Some(methods));
                assert_eq!(answer.header("access-control-allow-headers"), echoed);
            }
        }
    }
}

#[test]
fn the_page_of_the_iframe_is_to_the_byte_and_kept() {
    const PAGE: &str = r#"<!DOCTYPE html>
<html>
<head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
  <script src="/sockjs-iframe.js"></script>
  <script>
    document.domain = document.domain;
    SockJS.bootstrap_iframe();
  </script>
</head>
<body>
  <h2>Don't panic!</h2>
  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>
</body>
</html>"#;
    let server = start();
    let mut etags = Vec::new();
    for page in [
        "iframe.html",
        "iframe-a.html",
        "iframe-.html",
        "iframe-0.1.2.html",
        "iframe-0.1.2abc-dirty.2144.html",
        "iframe-a.html?t=1234",
        "iframe-0.1.2abc-dirty.2144.html?t=qweqweq123",
    ] {
        let answer = get(&server, &format!("/echo/{page}"));
        is_refused(&answer, 200, PAGE);
        assert_eq!(answer.header("content-type"), Some("text/html; charset=UTF-8"));
        is_kept_for_a_year(&answer);
        etags.push(answer.header("etag").unwrap().to_owned());
    }
    let etag = &etags[0];
    assert!(etag.starts_with('"') && etags.iter().all(|other| other == etag));
    for known in [
        etag.clone(),
        format!("W/{etag}"),
        format!("\"x\", {etag}"),
        "*".into(),
    ] {
        let head = format!("GET /echo/iframe.html HTTP/1.1\nIf-None-Match: {known}");
        let mut http = Http::new(server.connect());
        http.send(&head, b"");
        http.send("GET /healthz HTTP/1.1", b"");
        let answer = http.head();
        assert_eq!(answer.status, 304, "{known}");
        assert_eq!(answer.header("content-type"), None);
        assert_eq!(answer.header("etag"), Some(&**etag));
        // And no body.
        assert_eq!(http.answer().text(), "ok\n");
    }
    let head = "GET /echo/iframe.html HTTP/1.1\nIf-None-Match: \"x\"";
    assert_eq!(server.ask(head, b"").status, 200);
    let script = get(&server, "/sockjs-iframe.js");
    assert_eq!(script.status, 200);
    assert_eq!(
        script.header("content-type"),
        Some("application/javascript; charset=UTF-8")
    );
    assert!(script.text().starts_with("var SOCKJS_ORIGINS = [\"*\"];\n"));
}

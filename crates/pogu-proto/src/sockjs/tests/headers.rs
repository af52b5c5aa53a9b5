use super::http::*;

fn info(with_websocket: bool, needs_cookie: bool, entropy: u32) -> String {
    let mut out = Vec::new();
    put_info(with_websocket, needs_cookie, entropy, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn the_info() {
    assert_eq!(
        info(true, false, u32::MAX),
        r#"{"websocket":true,"cookie_needed":false,"origins":["*:*"],"entropy":4294967295}"#
    );
    assert_eq!(
        info(false, true, 0),
        r#"{"websocket":false,"cookie_needed":true,"origins":["*:*"],"entropy":0}"#
    );
}

#[test]
fn the_iframe() {
    let iframe = Iframe::new("/sockjs.min.js");
    let lines: Vec<_> = iframe.body.lines().collect();
    assert_eq!(
        lines,
        [
            "<!DOCTYPE html>",
            "<html>",
            "<head>",
            "  <meta http-equiv=\"X-UA-Compatible\" content=\"IE=edge\" />",
            "  <meta http-equiv=\"Content-Type\" content=\"text/html; charset=UTF-8\" />",
            "  <script src=\"/sockjs.min.js\"></script>",
            "  <script>",
            "    document.domain = document.domain;",
            "    SockJS.bootstrap_iframe();",
            "  </script>",
            "</head>",
            "<body>",
            "  <h2>Don't panic!</h2>",
            "  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>",
            "</body>",
            "</html>",
        ]
    );
    assert!(!iframe.body.contains('\r') && iframe.body.ends_with("</html>"));
    let hostile = Iframe::new("x\"><script>&");
    assert!(
        hostile
            .body
            .contains("src=\"x&quot;>&lt;script>&amp;\"></script>")
    );
}

#[test]
fn the_iframe_is_kept() {
    let iframe = Iframe::new("/a.js");
    assert_eq!(iframe, Iframe::new("/a.js"));
    let etag = &iframe.etag;
    assert!(etag.len() == 42 && etag.starts_with('"') && etag.ends_with('"'));
    assert_ne!(*etag, Iframe::new("/b.js").etag);
    for known in [
        etag.clone(),
        format!("W/{etag}"),
        format!("\"a\" , {etag}"),
        "*".into(),
    ] {
        assert!(iframe.is_known(&known), "{known}");
    }
    for unknown in ["", "\"\"", etag.trim_matches('"'), "\"a\", \"b\"", ","] {
        assert!(!iframe.is_known(unknown), "{unknown}");
    }
}

#[test]
fn cookies() {
    let longest = "a".repeat(256);
    for (sent, kept) in [
        ("JSESSIONID=abcdef", "abcdef"),
        ("a=b; JSESSIONID=abc.def!1; c=d", "abc.def!1"),
        ("a; JSESSIONID = x ;", "x"),
        ("JSESSIONID=a=b", "a=b"),
        (&format!("JSESSIONID={longest}"), longest.as_str()),
        // Such that nobody sets.
        ("", "dummy"),
        ("jsessionid=a", "dummy"),
        ("XJSESSIONID=a", "dummy"),
        ("JSESSIONID=", "dummy"),
        ("JSESSIONID=a b", "dummy"),
        ("JSESSIONID=\"a\"", "dummy"),
        ("JSESSIONID=a\r\nX: y", "dummy"),
        ("JSESSIONID=é", "dummy"),
        ("JSESSIONID=a,b; JSESSIONID=c", "c"),
        (&format!("JSESSIONID={longest}a"), "dummy"),
    ] {
        assert_eq!(session_cookie(Some(sent)), format!("JSESSIONID={kept}; path=/"));
    }
    assert_eq!(session_cookie(None), "JSESSIONID=dummy; path=/");
}

#[test]
fn headers() {
    assert_eq!(
        NO_STORE,
        "no-store, no-cache, no-transform, must-revalidate, max-age=0"
    );
    assert_eq!(CACHE, format!("public, max-age={MAX_AGE}"));
    assert_eq!(MAX_AGE, 365 * 24 * 3600);
    assert_eq!(GREETING, "Welcome to SockJS!\n");
    use super::Receiver::*;
    for (receiver, content_type) in [
        (Xhr, "application/javascript; charset=UTF-8"),
        (XhrStreaming, "application/javascript; charset=UTF-8"),
        (EventSource, "text/event-stream"),
        (HtmlFile, "text/html; charset=UTF-8"),
        (Jsonp, "application/javascript; charset=UTF-8"),
        (WebSocket, ""),
    ] {
        assert_eq!(receiver.content_type(), content_type);
        assert_eq!(receiver.is_poll(), matches!(receiver, Xhr | Jsonp));
    }
}

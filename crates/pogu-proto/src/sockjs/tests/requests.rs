use super::*;

fn parse(method: Method, path: &str) -> Result<Request<'_>, Refusal> {
    Request::parse(method, path, "c=f", true, true)
}

fn receive(receiver: Receiver, session: &str) -> Request<'_> {
    let callback = if receiver.has_callback() { "f" } else { "" };
    Request::Receive {
        receiver,
        session,
        callback: callback.into(),
    }
}

/// Every path that there is, its methods and what it asks for.
fn routes() -> Vec<(String, &'static str, Request<'static>)> {
    let mut routes = vec![
        (String::new(), "GET", Request::Greeting),
        ("/info".into(), "OPTIONS, GET", Request::Info),
        ("/iframe.html".into(), "GET", Request::Iframe),
        ("/websocket".into(), "GET", Request::RawWebSocket),
        ("/000/s/websocket".into(), "GET", Request::WebSocket),
    ];
    for (receiver, allow) in [
        (Receiver::Xhr, "OPTIONS, POST"),
        (Receiver::XhrStreaming, "OPTIONS, POST"),
        (Receiver::EventSource, "GET"),
        (Receiver::HtmlFile, "GET"),
        (Receiver::Jsonp, "GET"),
    ] {
        routes.push((
            format!("/000/s/{}", receiver.name()),
            allow,
            receive(receiver, "s"),
        ));
    }
    for (sender, allow) in [(Sender::Xhr, "OPTIONS, POST"), (Sender::Jsonp, "POST")] {
        let session = "s";
        routes.push((
            format!("/000/s/{}", sender.name()),
            allow,
            Request::Send { sender, session },
        ));
    }
    routes
}

#[test]
fn every_route_and_every_method() {
    for (path, allow, request) in routes() {
        for path in [path.clone(), path + "/"] {
            for (method, name) in [
                (Method::Get, "GET"),
                (Method::Post, "POST"),
                (Method::Options, "OPTIONS"),
                (Method::Other, "HEAD"),
            ] {
                let parsed = parse(method, &path);
                let is_allowed = allow.split(", ").any(|allowed| allowed == name);
                match method {
                    _ if !is_allowed => assert_eq!(parsed, Err(Refusal::Method(allow)), "{name} {path}"),
                    Method::Options => assert_eq!(parsed, Ok(Request::Preflight { allow }), "{path}"),
                    _ => assert_eq!(parsed, Ok(request.clone()), "{path}"),
                }
            }
        }
    }
}

#[test]
fn paths_that_are_none() {
    let long = format!("/{}/s/xhr", "a".repeat(129));
    let long_session = format!("/000/{}/xhr", "a".repeat(129));
    for path in [
        "//",
        "///",
        "a",
        "info",
        "/a",
        "/a.html",
        "/a/a",
        "/a/a/",
        "/info//",
        "/INFO",
        "/info/a",
        "/iframe.htm",
        "/iframe",
        "/IFRAME.HTML",
        "/IFRAME",
        "/iframe.HTML",
        "/iframe.xml",
        "/iframe-/.html",
        "/iframe-A.html",
        "/iframe-%61.html",
        "/iframe-é.html",
        "/xframe.html",
        "//xhr",
        "///xhr",
        "//s/xhr",
        "/000//xhr",
        "/a./a/xhr",
        "/a/a./xhr",
        "/./../xhr",
        "/a/../xhr",
        "/a/a/a/xhr",
        "/a/a/xhr/a",
        "/a/a/xhr//",
        "/a/a/XHR",
        "/a/a/xhr_",
        "/a/a/",
        "/a/a//",
        "/a/a/info",
        "/a/a/__proto__",
        "/a/a/constructor",
        &long,
        &long_session,
    ] {
        for method in [Method::Get, Method::Post, Method::Options, Method::Other] {
            assert_eq!(parse(method, path), Err(Refusal::NotFound), "{path}");
        }
    }
}

#[test]
fn names_are_anything_else() {
    let longest = "a".repeat(128);
    for name in [
        "a",
        "_",
        "1",
        "abcdefgh_i-j%20",
        "%2e%2f",
        "포구",
        "~",
        longest.as_str(),
    ] {
        let path = format!("/{name}/{name}/xhr");
        assert_eq!(parse(Method::Post, &path), Ok(receive(Receiver::Xhr, name)));
    }
    // The server's name means nothing, the session's is taken as it stands.
    for server in ["000", "999", "a"] {
        let path = format!("/{server}/s%41/xhr_send/");
        let (sender, session) = (Sender::Xhr, "s%41");
        assert_eq!(parse(Method::Post, &path), Ok(Request::Send { sender, session }));
    }
}

#[test]
fn iframes_have_versions() {
    for path in [
        "/iframe.html",
        "/iframe-a.html",
        "/iframe-.html",
        "/iframe-0.1.2.html",
        "/iframe-0.1.2abc-dirty.2144.html",
        "/iframe_1.html",
        "/iframe.html.html",
    ] {
        let parsed = Request::parse(Method::Get, path, "t=1234", false, false);
        assert_eq!(parsed, Ok(Request::Iframe), "{path}");
    }
}

#[test]
fn websockets_are_asked_for_and_may_be_off() {
    for path in ["/websocket", "/0/0/websocket", "/0/0/websocket/"] {
        let get =
            |is_upgrade, with_websocket| Request::parse(Method::Get, path, "", is_upgrade, with_websocket);
        assert!(get(true, true).is_ok());
        assert_eq!(get(false, true), Err(Refusal::NotWebSocket));
        for is_upgrade in [false, true] {
            assert_eq!(get(is_upgrade, false), Err(Refusal::NotFound));
            let post = Request::parse(Method::Post, path, "", is_upgrade, true);
            assert_eq!(post, Err(Refusal::Method("GET")));
        }
    }
    // CVE-2020-7693: an upgrade is asked for where there is none.
    for (path, allow, request) in routes() {
        if path.ends_with("websocket") || allow != "GET" {
            continue;
        }
        assert_eq!(parse(Method::Get, &path), Ok(request));
    }
}

fn callback(query: &str) -> Result<String, Refusal> {
    let mut callbacks = ["/a/a/htmlfile", "/a/a/jsonp"].map(|path| {
        match Request::parse(Method::Get, path, query, false, true)? {
            Request::Receive { callback, .. } => Ok(callback.into_owned()),
            other => panic!("{other:?}"),
        }
    });
    assert_eq!(callbacks[0], callbacks[1]);
    std::mem::replace(&mut callbacks[0], Ok(String::new()))
}

#[test]
fn callbacks() {
    let longest = format!("c={}", "f".repeat(32));
    for (query, name) in [
        ("c=callback", "callback"),
        ("c=%63allback", "callback"),
        ("callback=_jp.a1B2-c", "_jp.a1B2-c"),
        ("t=1&c=f&x", "f"),
        ("c=f&callback=g", "f"),
        ("callback=g&c=f", "f"),
        ("c=f&c=g", "g"),
        (&longest, &longest[2..]),
    ] {
        assert_eq!(callback(query).as_deref(), Ok(name), "{query}");
    }
    for query in [
        "",
        "c",
        "c=",
        "callback=",
        "C=f",
        "cc=f",
        "t=1",
        "c=&callback=f",
        "%63=f",
    ] {
        assert_eq!(callback(query), Err(Refusal::NoCallback), "{query}");
    }
    let longer = format!("{longest}f");
    for query in [
        "c=%20",
        "c=+",
        "c=*",
        "c=abc(",
        "c=abc%28",
        "c=a%0d%0ab",
        "c=%3Cscript%3Ealert(1)%3C/script%3E",
        "c=f;alert",
        "c=f[0]",
        "c=%",
        "c=é",
        "c=%FF",
        "c=%E2%80%A8",
        "c=$",
        "c=f=g",
        "c=f&callback=f&c=%20",
        &longer,
    ] {
        assert_eq!(callback(query), Err(Refusal::Callback), "{query}");
    }
    // Others have no need of one.
    let parsed = Request::parse(Method::Get, "/a/a/eventsource", "c=%20", false, true);
    assert_eq!(parsed, Ok(receive(Receiver::EventSource, "a")));
}

#[test]
fn refusals_have_status_and_text() {
    for (refusal, status, body, allow) in [
        (Refusal::NotFound, 404, "not found\n", None),
        (Refusal::Method("GET"), 405, "", Some("GET")),
        (Refusal::NotWebSocket, 400, "Not a valid websocket request", None),
        (Refusal::NoCallback, 500, "\"callback\" parameter required", None),
        (Refusal::Callback, 500, "invalid \"callback\" parameter", None),
    ] {
        assert_eq!(
            (refusal.status(), refusal.body(), refusal.allow()),
            (status, body, allow)
        );
    }
}

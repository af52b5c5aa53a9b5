use super::*;

fn handshake(version: Version, transport: Transport) -> Request<'static> {
    Request::Handshake {
        version,
        transport,
        base64: false,
        jsonp: None,
    }
}

#[test]
fn handshakes() {
    use Transport::{Polling, WebSocket};
    use Version::{V3, V4};
    for (query, is_upgrade, request) in [
        ("EIO=4&transport=polling", false, handshake(V4, Polling)),
        ("EIO=4&transport=websocket", true, handshake(V4, WebSocket)),
        ("transport=polling&EIO=4&t=N8hyd6w", false, handshake(V4, Polling)),
        ("EIO=4&transport=polling&sid=", false, handshake(V4, Polling)),
        (
            "EIO=4&transport=poll%69ng&token=a%20b",
            false,
            handshake(V4, Polling),
        ),
        ("EIO=x&EIO=4&transport=polling", false, handshake(V4, Polling)),
        ("EIO=3&transport=polling", false, handshake(V3, Polling)),
        ("transport=websocket", true, handshake(V3, WebSocket)),
        ("EIO=abc&transport=polling", false, handshake(V3, Polling)),
    ] {
        let read = Request::parse(Method::Get, query, is_upgrade, true);
        assert_eq!(read, Ok(request.clone()), "{query}");
        let is_v3 = matches!(request, Request::Handshake { version: V3, .. });
        let read = Request::parse(Method::Get, query, is_upgrade, false);
        assert_eq!(read, if is_v3 { Err(Refusal::Version) } else { Ok(request) });
    }
}

#[test]
fn base64_and_scripts_are_asked_for() {
    let read = |query| match Request::parse(Method::Get, query, false, true) {
        Ok(Request::Handshake { base64, jsonp, .. }) => (base64, jsonp),
        other => panic!("{other:?}"),
    };
    assert_eq!(read("EIO=4&transport=polling&b64=1"), (true, None));
    assert_eq!(read("EIO=4&transport=polling&b64="), (false, None));
    assert_eq!(read("EIO=3&transport=polling&j=12"), (true, Some(12)));
    // What becomes a part of a script is a number, whatever was said.
    assert_eq!(read("EIO=3&transport=polling&j=1;alert(2)//"), (true, Some(12)));
    assert_eq!(read("EIO=3&transport=polling&j="), (true, Some(0)));
    assert_eq!(
        read("EIO=3&transport=polling&j=99999999999999999999"),
        (true, Some(u32::MAX))
    );
    // A page elsewhere could read a script; clients of protocol 4 need none.
    assert_eq!(read("EIO=4&transport=polling&j=0"), (false, None));
}

#[test]
fn requests_of_a_session() {
    fn parse(method: Method, query: &str, is_upgrade: bool) -> Result<Request<'_>, Refusal> {
        Request::parse(method, query, is_upgrade, false)
    }
    let poll = |jsonp| Request::Poll {
        sid: "lv_VI97HAXpY6yYWAAAC".into(),
        jsonp,
    };
    let query = "EIO=4&transport=polling&t=N8hyd7H&sid=lv_VI97HAXpY6yYWAAAC";
    assert_eq!(parse(Method::Get, query, false), Ok(poll(None)));
    assert_eq!(
        parse(Method::Get, &format!("{query}&j=3"), false),
        Ok(poll(Some(3)))
    );
    assert_eq!(
        parse(Method::Post, query, false),
        Ok(Request::Post {
            sid: "lv_VI97HAXpY6yYWAAAC".into(),
            jsonp: false
        })
    );
    // The revision was told at the handshake.
    assert_eq!(
        parse(Method::Get, "transport=websocket&sid=a%2Bb+c%FF", true),
        Ok(Request::Upgrade {
            sid: "a+b c\u{FFFD}".into()
        })
    );
    let sid = "s".repeat(128);
    assert!(parse(Method::Get, &format!("transport=polling&sid={sid}"), false).is_ok());
    assert_eq!(
        parse(Method::Get, &format!("transport=polling&sid={sid}s"), false),
        Err(Refusal::Session)
    );
}

#[test]
fn refusals() {
    use Method::{Get, Other, Post};
    for (method, query, is_upgrade, refusal) in [
        (Get, "", false, Refusal::Transport),
        (Get, "EIO=4", false, Refusal::Transport),
        (Get, "EIO=4&transport=abc", false, Refusal::Transport),
        (Get, "EIO=4&transport=Polling", false, Refusal::Transport),
        (Get, "EIO=4&transport=webtransport", false, Refusal::Transport),
        (
            Get,
            "EIO=4&transport=polling&transport=x",
            false,
            Refusal::Transport,
        ),
        // CVE-2023-31125: names that an object of JavaScript has by itself.
        (Get, "EIO=4&transport=__proto__", true, Refusal::Transport),
        (Get, "EIO=4&transport=constructor", true, Refusal::Transport),
        (Get, "EIO=4&transport=toString&sid=x", false, Refusal::Transport),
        (Post, "EIO=4&transport=polling", false, Refusal::Method),
        (Other, "EIO=4&transport=polling", false, Refusal::Method),
        (Post, "EIO=4&transport=polling&sid=", false, Refusal::Method),
        (Get, "EIO=4&transport=websocket", false, Refusal::Bad),
        (Get, "EIO=4&transport=polling", true, Refusal::Bad),
        (Get, "EIO=4&transport=websocket&sid=x", false, Refusal::Bad),
        (Get, "EIO=4&transport=polling&sid=x", true, Refusal::Bad),
        (Post, "EIO=4&transport=websocket&sid=x", false, Refusal::Bad),
        (Post, "EIO=4&transport=websocket&sid=x", true, Refusal::Bad),
        (Other, "EIO=4&transport=polling&sid=x", false, Refusal::Bad),
        (Get, "EIO=3&transport=polling", false, Refusal::Version),
        (Get, "EIO=5&transport=polling", false, Refusal::Version),
        (Get, "EIO=44&transport=polling", false, Refusal::Version),
        (Get, "EIO=%00&transport=polling", false, Refusal::Version),
        (Get, "transport=polling", false, Refusal::Version),
    ] {
        let read = Request::parse(method, query, is_upgrade, false);
        assert_eq!(read, Err(refusal), "{method:?} {query}");
    }
}

#[test]
fn refusals_are_answered() {
    for (code, refusal, status) in [
        (0, Refusal::Transport, 400),
        (1, Refusal::Session, 400),
        (2, Refusal::Method, 400),
        (3, Refusal::Bad, 400),
        (4, Refusal::Forbidden, 403),
        (5, Refusal::Version, 400),
    ] {
        assert_eq!((refusal.code(), refusal.status()), (code, status));
        let body: serde_json::Value = serde_json::from_str(refusal.body()).unwrap();
        assert_eq!(
            body,
            serde_json::json!({"code": code, "message": refusal.to_string()})
        );
    }
}

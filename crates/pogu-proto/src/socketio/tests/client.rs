use super::*;

fn client() -> Client {
    Client::new(Arc::new(Limits::default()))
}

fn asking(namespaces: &[&str]) -> Client {
    let mut client = client();
    for name in namespaces {
        assert!(client.connect(name, None, None, &mut Vec::new()));
    }
    client
}

/// A client that has joined the namespaces, with private ids.
fn joined(namespaces: &[&str]) -> Client {
    let mut client = asking(namespaces);
    for name in namespaces {
        let text = written(|out| connected(Version::V4, name, "s", Some("p"), out));
        assert!(matches!(
            hear(&mut client, &text),
            Ok(Some(ClientEvent::Connected { .. }))
        ));
    }
    client
}

fn hear<'e>(client: &'e mut Client, text: &'e str) -> Result<Option<ClientEvent<'e>>, ServerViolation> {
    client.receive(Data::Text(text))
}

#[test]
fn it_asks_for_namespaces() {
    let mut client = client();
    let asked = |client: &mut Client, name, auth, recovery| {
        let mut out = Vec::new();
        let could = client.connect(name, auth, recovery, &mut out);
        (could, String::from_utf8(out).unwrap())
    };
    assert_eq!(asked(&mut client, "/", None, None), (true, "0".into()));
    assert_eq!(
        asked(&mut client, "/chat", Some("{\"a\":1}"), None),
        (true, "0/chat,{\"a\":1}".into())
    );
    for name in ["/", "/chat", "", "chat", "/a,b", "/a\n"] {
        assert_eq!(asked(&mut client, name, None, None), (false, "".into()));
    }
    let recovery = |offset: Option<&str>| {
        Some(Recovery {
            pid: "p\"".into(),
            offset: offset.map(Into::into),
        })
    };
    for (name, auth, offset, text) in [
        ("/1", None, Some("o"), r#"0/1,{"pid":"p\"","offset":"o"}"#),
        ("/2", Some("{ }"), Some("o"), r#"0/2,{"pid":"p\"","offset":"o"}"#),
        (
            "/3",
            Some(" {\"a\":{}} "),
            Some("o"),
            r#"0/3,{"pid":"p\"","offset":"o","a":{}}"#,
        ),
        ("/4", Some("{\"a\":1}"), None, r#"0/4,{"a":1}"#),
    ] {
        assert_eq!(
            asked(&mut client, name, auth, recovery(offset)),
            (true, text.into())
        );
    }
    let limits = Limits {
        namespaces: 1,
        ..Limits::default()
    };
    let mut client = Client::new(Arc::new(limits));
    assert!(client.connect("/a", None, None, &mut Vec::new()));
    assert!(!client.connect("/b", None, None, &mut Vec::new()));
}

#[test]
fn it_joins_or_not() {
    let mut client = asking(&["/", "/chat"]);
    assert_eq!((client.is_joined("/"), client.next_id("/")), (false, None));
    let event = hear(&mut client, r#"0{"sid":"a\/b","more":1}"#);
    let connected = |namespace, sid: &'static str, recovered| ClientEvent::Connected {
        namespace,
        sid: sid.into(),
        recovered,
    };
    assert_eq!(event, Ok(Some(connected("/", "a/b", false))));
    assert!(client.is_joined("/") && !client.is_joined("/chat"));
    assert_eq!(
        (client.next_id("/"), client.next_id("/"), client.recovery("/")),
        (Some(0), Some(1), None)
    );
    let event = hear(&mut client, r#"4/chat,{"message":"no","data":{"content":"x"}}"#);
    assert_eq!(
        event,
        Ok(Some(ClientEvent::Refused {
            namespace: "/chat",
            message: "no".into(),
            data: Some(r#"{"content":"x"}"#),
        }))
    );
    assert!(client.connect("/chat", None, None, &mut Vec::new()));
    for text in [
        "0/other,{\"sid\":\"s\"}",
        "4/other,{\"message\":\"no\"}",
        "1/other",
        "2/other,[\"a\"]",
    ] {
        assert_eq!(hear(&mut client, text), Ok(None));
    }
}

#[test]
fn events_and_acknowledgements_come() {
    let mut client = joined(&["/", "/chat"]);
    let event = hear(&mut client, r#"2/chat,3["msg",1]"#).unwrap().unwrap();
    let ClientEvent::Event {
        namespace: "/chat",
        id: Some(3),
        name,
        args,
    } = event
    else {
        panic!("{event:?}");
    };
    assert_eq!((&*name, args.raw()), ("msg", "1"));
    let event = hear(&mut client, "37[2]").unwrap().unwrap();
    assert!(matches!(event, ClientEvent::Ack { namespace: "/", id: 7, args } if args.raw() == "2"));
    assert_eq!(
        hear(&mut client, "51-/chat,[\"b\",{\"_placeholder\":true,\"num\":0}]"),
        Ok(None)
    );
    let event = client.receive(Data::Binary(b"x")).unwrap().unwrap();
    let ClientEvent::Event {
        namespace: "/chat",
        args,
        ..
    } = event
    else {
        panic!("{event:?}");
    };
    assert_eq!(args.iter().collect::<Vec<_>>(), [Arg::Binary(b"x")]);
    assert_eq!(
        hear(&mut client, "1/chat"),
        Ok(Some(ClientEvent::Disconnected { namespace: "/chat" }))
    );
    assert_eq!(hear(&mut client, "1/chat"), Ok(None));
    assert_eq!(written(|out| client.disconnect("/", out)), "1");
    assert_eq!(written(|out| client.disconnect("/", out)), "");
}

/// A namespace may be left while binary of it, or of one that follows it, is on its way.
#[test]
fn binary_of_what_was_left() {
    let begin = "51-/b,[\"a\",{\"_placeholder\":true,\"num\":0}]";
    let mut client = joined(&["/a", "/b", "/c"]);
    hear(&mut client, begin).unwrap();
    client.disconnect("/a", &mut Vec::new());
    let event = client.receive(Data::Binary(b"x"));
    assert!(matches!(
        event,
        Ok(Some(ClientEvent::Event { namespace: "/b", .. }))
    ));
    hear(&mut client, begin).unwrap();
    client.disconnect("/b", &mut Vec::new());
    assert_eq!(client.receive(Data::Binary(b"x")), Ok(None));
    assert_eq!(hear(&mut client, begin), Ok(None));
    client.disconnect("/c", &mut Vec::new());
    assert_eq!(client.receive(Data::Binary(b"x")), Ok(None));
}

#[test]
fn what_a_server_may_not_send() {
    for (text, violation) in [
        ("0", ServerViolation::Answer),
        ("0{}", ServerViolation::Answer),
        ("0{\"sid\":1}", ServerViolation::Answer),
        ("4", ServerViolation::Answer),
        ("4{}", ServerViolation::Answer),
        ("4\"no\"", ServerViolation::Answer),
        ("abc", PacketError::Type.into()),
        ("2[]", PacketError::Name.into()),
    ] {
        assert_eq!(hear(&mut asking(&["/"]), text), Err(violation), "{text}");
    }
    let mut client = joined(&["/"]);
    assert_eq!(client.receive(Data::Binary(b"x")), Err(ServerViolation::Unwanted));
    hear(&mut client, "51-[\"a\",{\"_placeholder\":true,\"num\":0}]").unwrap();
    assert_eq!(hear(&mut client, "1"), Err(ServerViolation::Interleaved));
    let too_long = vec![0; (1 << 20) + 1];
    assert_eq!(
        client.receive(Data::Binary(&too_long)),
        Err(ServerViolation::TooLong(1 << 20))
    );
}

#[test]
fn it_recovers() {
    let mut client = joined(&["/"]);
    let recovery = |client: &Client| client.recovery("/").map(|it| (it.pid, it.offset));
    assert_eq!(recovery(&client), Some(("p".into(), None)));
    for (text, offset) in [
        (r#"2["a",1]"#, None),
        (r#"2["a","one"]"#, Some("one")),
        (r#"2["a","x",{"y":"z"}]"#, Some("one")),
        (r#"2["a","x","tw\u006f"]"#, Some("two")),
        (r#"2["a"]"#, Some("two")),
        (&format!(r#"2["a","{}"]"#, "x".repeat(1025)), Some("two")),
        (r#"35["three"]"#, Some("two")),
    ] {
        hear(&mut client, text).unwrap();
        assert_eq!(
            recovery(&client),
            Some(("p".into(), offset.map(Into::into))),
            "{text}"
        );
    }
    // What was missed may come before the answer, and counts.
    let mut next = self::client();
    next.connect("/", None, client.recovery("/"), &mut Vec::new());
    let event = hear(&mut next, r#"2["a","three"]"#);
    assert!(matches!(event, Ok(Some(ClientEvent::Event { .. }))));
    let event = hear(&mut next, r#"0{"sid":"s","pid":"p"}"#);
    assert!(matches!(
        event,
        Ok(Some(ClientEvent::Connected { recovered: true, .. }))
    ));
    assert_eq!(recovery(&next), Some(("p".into(), Some("three".into()))));
    // Another private id: a new beginning.
    let mut next = self::client();
    next.connect("/", None, client.recovery("/"), &mut Vec::new());
    let event = hear(&mut next, r#"0{"sid":"s","pid":"q"}"#);
    assert!(matches!(
        event,
        Ok(Some(ClientEvent::Connected { recovered: false, .. }))
    ));
    assert_eq!(recovery(&next), Some(("q".into(), None)));
}

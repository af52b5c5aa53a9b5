use bytes::Bytes;

use super::*;

/// A namespace that was asked for.
fn asked(session: &mut Session, text: &str) -> NamespaceId {
    match session.receive(Data::Text(text)) {
        Ok(Some(Event::Connect { namespace, .. })) => namespace,
        other => panic!("{other:?}"),
    }
}

fn hear<'e>(session: &'e mut Session, text: &'e str) -> Result<Option<Event<'e>>, Violation> {
    session.receive(Data::Text(text))
}

#[test]
fn namespaces_are_asked_for_and_granted() {
    for (text, name, auth, answer) in [
        ("0", "/", Auth::None, r#"0{"sid":"s"}"#),
        (
            r#"0{"token":"123"}"#,
            "/",
            Auth::Json(r#"{"token":"123"}"#),
            r#"0{"sid":"s"}"#,
        ),
        ("0/custom,", "/custom", Auth::None, r#"0/custom,{"sid":"s"}"#),
        ("0/custom", "/custom", Auth::None, r#"0/custom,{"sid":"s"}"#),
        // Only protocol 4 has queries.
        ("0/a?b=c,{}", "/a?b=c", Auth::Json("{}"), r#"0/a?b=c,{"sid":"s"}"#),
    ] {
        let mut session = session(Version::V4);
        assert_eq!(session.begin(), None);
        let event = hear(&mut session, text).unwrap().unwrap();
        let Event::Connect {
            namespace,
            name: said,
            auth: shown,
            resumption,
        } = event
        else {
            panic!("{event:?}");
        };
        assert_eq!(
            (namespace.index(), said, shown, resumption),
            (0, name, auth, None)
        );
        assert_eq!(session.name(namespace), None);
        assert_eq!(written(|out| session.accept(namespace, "s", None, out)), answer);
        assert_eq!(session.name(namespace), Some(name));
        // It is granted once.
        assert_eq!(written(|out| session.accept(namespace, "s", None, out)), "");
        assert_eq!(written(|out| session.refuse(namespace, "no", None, out)), "");
    }
}

#[test]
fn namespaces_are_refused() {
    let mut session = session(Version::V4);
    let namespace = asked(&mut session, "0/random");
    let text = written(|out| session.refuse(namespace, "Invalid namespace", None, out));
    assert_eq!(text, r#"4/random,{"message":"Invalid namespace"}"#);
    // The connection goes on, and the place is free.
    assert_eq!(asked(&mut session, "0/other"), namespace);
    assert_eq!(session.deadline(), Some(Time(45_000)));
    assert_eq!(hear(&mut session, "2/random,[\"a\"]"), Err(Violation::NotJoined));
}

#[test]
fn events_and_acknowledgements() {
    let mut session = joined(&["/", "/chat"]);
    let event = hear(&mut session, r#"2/chat,7["msg","hi",{"a":1}]"#)
        .unwrap()
        .unwrap();
    let Event::Event {
        namespace,
        id,
        name,
        args,
    } = event
    else {
        panic!("{event:?}");
    };
    assert_eq!(
        (namespace.index(), id, &*name, args.raw()),
        (1, Some(7), "msg", r#""hi",{"a":1}"#)
    );
    assert_eq!(
        (session.next_id(namespace), session.next_id(namespace)),
        (Some(0), Some(1))
    );
    let root = match hear(&mut session, "31[5]") {
        Ok(Some(Event::Ack {
            namespace,
            id: 1,
            args,
        })) => {
            assert_eq!(args.raw(), "5");
            namespace
        }
        other => panic!("{other:?}"),
    };
    // Each namespace counts for itself.
    assert_eq!((root.index(), session.next_id(root)), (0, Some(0)));
    // CVE-2024-38355: a name as others are.
    assert!(matches!(
        hear(&mut session, "2[\"error\"]"),
        Ok(Some(Event::Event { .. }))
    ));
}

#[test]
fn what_ends_a_connection() {
    for (namespaces, text, violation) in [
        // First of all a namespace is asked for.
        (&[][..], "2[\"a\"]", Violation::NotJoined),
        (&[], "31[]", Violation::NotJoined),
        (&[], "1", Violation::NotJoined),
        (
            &[],
            "51-[\"a\",{\"_placeholder\":true,\"num\":0}]",
            Violation::NotJoined,
        ),
        (&[], "abc", PacketError::Type.into()),
        (&["/"], "2/chat,[\"a\"]", Violation::NotJoined),
        (&["/"], "1/chat", Violation::NotJoined),
        (&["/"], "3/chat,0[]", Violation::NotJoined),
        (&["/chat"], "2[\"a\"]", Violation::NotJoined),
        (&["/"], "0", Violation::Twice),
        (&["/"], "0/,", Violation::Twice),
        (&["/chat"], "0/chat,{}", Violation::Twice),
        (&["/"], "4{\"message\":\"no\"}", Violation::Unexpected),
        (&["/"], "4", Violation::Unexpected),
        (&[], "4/x,\"no\"", Violation::Unexpected),
        (&["/"], "2{}", PacketError::Payload.into()),
        (&["/"], "2abc[\"message-with-ack\",1]", PacketError::Json.into()),
        (&["/"], "2[\"connect\"]", PacketError::Name.into()),
    ] {
        let mut session = joined(namespaces);
        assert_eq!(hear(&mut session, text), Err(violation), "{text}");
    }
}

#[test]
fn what_was_asked_for_is_not_joined() {
    let mut session = session(Version::V4);
    let namespace = asked(&mut session, "0/chat");
    assert_eq!(hear(&mut session, "2/chat,[\"a\"]"), Err(Violation::NotJoined));
    assert_eq!(hear(&mut session, "0/chat"), Err(Violation::Twice));
    assert_eq!(session.next_id(namespace), None);
    assert_eq!(written(|out| session.leave(namespace, out)), "");
    // It may be taken back.
    assert_eq!(
        hear(&mut session, "1/chat,"),
        Ok(Some(Event::Disconnect { namespace }))
    );
    assert_eq!(written(|out| session.accept(namespace, "s", None, out)), "");
}

#[test]
fn a_client_leaves() {
    let mut session = joined(&["/", "/chat"]);
    let Ok(Some(Event::Disconnect { namespace })) = hear(&mut session, "1/chat,") else {
        panic!("it leaves");
    };
    assert_eq!((namespace.index(), session.name(namespace)), (1, None));
    assert_eq!(hear(&mut session, "2/chat,[\"a\"]"), Err(Violation::NotJoined));
    assert!(hear(&mut session, "2[\"a\"]").is_ok());
    // It may come back, and count anew.
    let again = asked(&mut session, "0/chat");
    session.accept(again, "s", None, &mut Vec::new());
    assert_eq!((again, session.next_id(again)), (namespace, Some(0)));
    // Without any namespace the connection goes on.
    hear(&mut session, "1").unwrap();
    hear(&mut session, "1/chat").unwrap();
    assert_eq!((session.deadline(), session.tick(Time(1 << 40))), (None, Ok(())));
}

/// What a client said before it hears that a namespace was ended is no fault of its.
#[test]
fn a_server_ends_a_namespace() {
    let mut session = joined(&["/", "/chat"]);
    let Ok(Some(Event::Event { namespace, .. })) = hear(&mut session, "2/chat,[\"a\"]") else {
        panic!("it is joined");
    };
    hear(&mut session, "51-/chat,[\"a\",{\"_placeholder\":true,\"num\":0}]").unwrap();
    assert_eq!(written(|out| session.leave(namespace, out)), "1/chat,");
    assert_eq!(written(|out| session.leave(namespace, out)), "");
    assert_eq!(session.receive(Data::Binary(b"x")), Ok(None));
    for text in [
        "2/chat,[\"a\"]",
        "3/chat,5[]",
        "51-/chat,[\"a\",{\"_placeholder\":true,\"num\":0}]",
    ] {
        assert_eq!(hear(&mut session, text), Ok(None));
    }
    assert_eq!(session.receive(Data::Binary(b"x")), Ok(None));
    assert_eq!(session.name(namespace), None);
    assert_eq!(asked(&mut session, "0/chat"), namespace);
    let mut session = joined(&["/chat"]);
    let namespace = namespace_of(&mut session, "/chat");
    session.leave(namespace, &mut Vec::new());
    assert_eq!(hear(&mut session, "1/chat"), Ok(None));
    assert_eq!(hear(&mut session, "1/chat"), Err(Violation::NotJoined));
}

fn namespace_of(session: &mut Session, name: &str) -> NamespaceId {
    let text = written(|out| event(name, None, "a", &[], out));
    match session.receive(Data::Text(&text)) {
        Ok(Some(Event::Event { namespace, .. })) => namespace,
        other => panic!("{other:?}"),
    }
}

#[test]
fn packets_with_binary() {
    let mut session = joined(&["/"]);
    let text = r#"52-789["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
    assert_eq!(hear(&mut session, text), Ok(None));
    assert!(session.has_begun());
    assert_eq!(session.receive(Data::Binary(&[1, 2, 3])), Ok(None));
    let event = session.receive(Data::Binary(&[4, 5, 6])).unwrap().unwrap();
    let Event::Event { id, name, args, .. } = event else {
        panic!("{event:?}");
    };
    assert_eq!((id, &*name), (Some(789), "message"));
    assert_eq!(
        args.iter().collect::<Vec<_>>(),
        [Arg::Binary(&[1, 2, 3]), Arg::Binary(&[4, 5, 6])]
    );
    assert_eq!(
        args.attachments(),
        [Bytes::from_static(&[1, 2, 3]), Bytes::from_static(&[4, 5, 6])]
    );
    assert!(!session.has_begun());

    assert_eq!(
        hear(&mut session, r#"61-3[{"a":{"_placeholder":true,"num":0}}]"#),
        Ok(None)
    );
    let event = session.receive(Data::Binary(b"")).unwrap().unwrap();
    let Event::Ack { id: 3, args, .. } = event else {
        panic!("{event:?}");
    };
    assert_eq!(
        args.iter().collect::<Vec<_>>(),
        [Arg::Json(r#"{"a":{"_placeholder":true,"num":0}}"#)]
    );
    assert_eq!(args.attachments().len(), 1);
    // One without binary is whole by itself.
    assert!(matches!(
        hear(&mut session, "50-[\"a\"]"),
        Ok(Some(Event::Event { .. }))
    ));
    assert!(matches!(
        hear(&mut session, "2[\"a\"]"),
        Ok(Some(Event::Event { .. }))
    ));
}

#[test]
fn binary_out_of_place() {
    let text = r#"51-["a",{"_placeholder":true,"num":0}]"#;
    let mut session = joined(&["/"]);
    assert_eq!(session.receive(Data::Binary(b"x")), Err(Violation::Unwanted));
    for second in ["2[\"a\"]", "1", text, "abc", ""] {
        let mut session = joined(&["/"]);
        hear(&mut session, text).unwrap();
        assert_eq!(hear(&mut session, second), Err(Violation::Interleaved));
    }
    let mut session = joined(&["/"]);
    hear(&mut session, text).unwrap();
    assert!(matches!(session.receive(Data::Binary(b"x")), Ok(Some(_))));
    assert_eq!(session.receive(Data::Binary(b"x")), Err(Violation::Unwanted));
    // Nothing was said yet.
    let mut session = super::session(Version::V4);
    assert_eq!(session.receive(Data::Binary(b"0")), Err(Violation::Unwanted));
}

#[test]
fn limits_are_met_at_their_edge() {
    let limits = Limits {
        namespaces: 2,
        attachment_bytes: 10,
        connect_timeout: 1000,
        ..Limits::default()
    };
    let mut session = Session::new(Version::V4, Arc::new(limits), Time(500));
    assert_eq!(
        (session.deadline(), session.tick(Time(1499))),
        (Some(Time(1500)), Ok(()))
    );
    assert_eq!(session.tick(Time(1500)), Err(Violation::Silence));

    let chat = asked(&mut session, "0/chat");
    assert_eq!(session.tick(Time(1500)), Err(Violation::Silence));
    session.accept(chat, "s", None, &mut Vec::new());
    assert_eq!((session.deadline(), session.tick(Time(1500))), (None, Ok(())));
    asked(&mut session, "0/b");
    assert_eq!(hear(&mut session, "0/c"), Err(Violation::TooManyNamespaces(2)));
    // One that the server has ended makes room.
    session.leave(chat, &mut Vec::new());
    assert_eq!(asked(&mut session, "0/c"), chat);
    assert_eq!(hear(&mut session, "2/chat,[\"a\"]"), Err(Violation::NotJoined));

    let two = r#"52-/c,["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
    session.accept(chat, "s", None, &mut Vec::new());
    hear(&mut session, two).unwrap();
    assert_eq!(session.receive(Data::Binary(&[0; 9])), Ok(None));
    assert!(matches!(session.receive(Data::Binary(&[0; 1])), Ok(Some(_))));
    hear(&mut session, two).unwrap();
    assert_eq!(session.receive(Data::Binary(&[0; 9])), Ok(None));
    assert_eq!(
        session.receive(Data::Binary(&[0; 2])),
        Err(Violation::TooLong(10))
    );
}

#[test]
fn a_namespace_may_be_recovered() {
    for (text, expect) in [
        (r#"0{"pid":"p","offset":"o"}"#, Some(("p", Some("o")))),
        (
            r#"0/chat,{"token":{"offset":1},"offset":"\u006f","pid":"p"}"#,
            Some(("p", Some("o"))),
        ),
        (
            r#"0{"pid":"p","offset":"x","offset":"o"}"#,
            Some(("p", Some("o"))),
        ),
        // Before its first event a client has no offset.
        (r#"0{"pid":"p"}"#, Some(("p", None))),
        // What is told must be strings.
        (r#"0{"offset":"o"}"#, None),
        (r#"0{"pid":"p","offset":1}"#, None),
        (r#"0{"pid":["p"],"offset":"o"}"#, None),
        (r#"0{"pid":"p","offset":"o","offset":null}"#, None),
        (r#"0{"a":{"pid":"p","offset":"o"}}"#, None),
        ("0", None),
    ] {
        let mut session = session(Version::V4);
        let Ok(Some(Event::Connect {
            resumption,
            namespace,
            ..
        })) = hear(&mut session, text)
        else {
            panic!("{text}");
        };
        let expect = expect.map(|(pid, offset): (&str, Option<&str>)| Resumption {
            pid: pid.into(),
            offset: offset.map(Into::into),
        });
        assert_eq!(resumption, expect, "{text}");
        let answer = written(|out| session.accept(namespace, "s", Some("p"), out));
        assert!(answer.ends_with(r#"{"sid":"s","pid":"p"}"#));
    }
}

#[test]
fn clients_of_protocol_4() {
    let mut session = session(Version::V3);
    let Some(Event::Connect {
        namespace: root,
        name: "/",
        auth: Auth::None,
        resumption: None,
    }) = session.begin()
    else {
        panic!("they join / without asking");
    };
    assert_eq!(session.begin(), None);
    assert_eq!(written(|out| session.accept(root, "s", Some("p"), out)), "0");
    assert_eq!(session.deadline(), None);
    assert_eq!(hear(&mut session, "0"), Err(Violation::Twice));
    // What they show follows the namespace.
    let event = hear(&mut session, "0/admin?token=x&uid=a,").unwrap().unwrap();
    let Event::Connect {
        namespace: admin,
        name: "/admin",
        auth,
        ..
    } = event
    else {
        panic!("{event:?}");
    };
    assert_eq!(auth, Auth::Query("token=x&uid=a"));
    assert_eq!(written(|out| session.accept(admin, "s", None, out)), "0/admin,");
    assert!(
        matches!(hear(&mut session, "2/admin,[\"a\"]"), Ok(Some(Event::Event { namespace, .. })) if namespace == admin)
    );
    assert!(hear(&mut session, "2/admin?token=x,[\"a\"]").is_ok());
    assert_eq!(hear(&mut session, "0/admin?other"), Err(Violation::Twice));
    let other = asked(&mut session, "0/x");
    assert_eq!(
        written(|out| session.refuse(other, "Not authorized", None, out)),
        "4/x,\"Not authorized\""
    );
    assert_eq!(
        hear(&mut session, "1/admin,"),
        Ok(Some(Event::Disconnect { namespace: admin }))
    );
    assert_eq!(
        hear(&mut session, "2[\"a\"]").map(|event| event.is_some()),
        Ok(true)
    );
}

#[test]
fn a_session_with_one_namespace_is_small() {
    assert!(size_of::<Session>() <= 64, "{}", size_of::<Session>());
}

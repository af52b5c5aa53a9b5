use proptest::prelude::*;

use super::*;

fn event<'a>(namespace: &'a str, id: Option<u64>, name: &'a str, args: &'a str) -> Packet<'a> {
    Packet::Event {
        namespace,
        id,
        name: name.into(),
        args,
        attachments: 0,
    }
}

fn with_attachments(mut packet: Packet<'_>, count: usize) -> Packet<'_> {
    if let Packet::Event { attachments, .. } | Packet::Ack { attachments, .. } = &mut packet {
        *attachments = count;
    }
    packet
}

fn acked<'a>(namespace: &'a str, id: u64, args: &'a str) -> Packet<'a> {
    Packet::Ack {
        namespace,
        id,
        args,
        attachments: 0,
    }
}

/// Packets as they are written, the examples of the specification among them.
#[test]
fn packets_are_read_and_written() {
    let placeholder = r#"{"_placeholder":true,"num":0}"#;
    let two = r#"{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}"#;
    let connect = |namespace, data| Packet::Connect { namespace, data };
    let refused = |namespace, data| Packet::ConnectError { namespace, data };
    for (text, packet) in [
        ("0", connect("/", None)),
        ("0/admin,", connect("/admin", None)),
        (r#"0{"token":"123"}"#, connect("/", Some(r#"{"token":"123"}"#))),
        (
            r#"0/admin,{"sid":"oSO0OpakMV_3jnilAAAA"}"#,
            connect("/admin", Some(r#"{"sid":"oSO0OpakMV_3jnilAAAA"}"#)),
        ),
        ("1", Packet::Disconnect { namespace: "/" }),
        ("1/admin,", Packet::Disconnect { namespace: "/admin" }),
        (r#"2["foo"]"#, event("/", None, "foo", "")),
        (r#"2/admin,["bar"]"#, event("/admin", None, "bar", "")),
        (r#"212["foo"]"#, event("/", Some(12), "foo", "")),
        (
            r#"2/admin,13["foo",1,"2",{"3":[true]}]"#,
            event("/admin", Some(13), "foo", r#"1,"2",{"3":[true]}"#),
        ),
        (r#"20["é\"\\😀"]"#, event("/", Some(0), "é\"\\😀", "")),
        (r#"2[""]"#, event("/", None, "", "")),
        (r#"2["error",null]"#, event("/", None, "error", "null")),
        ("313[]", acked("/", 13, "")),
        (r#"3/admin,13["bar"]"#, acked("/admin", 13, r#""bar""#)),
        ("39007199254740991[[],[]]", acked("/", (1 << 53) - 1, "[],[]")),
        (
            r#"4{"message":"Not authorized"}"#,
            refused("/", Some(r#"{"message":"Not authorized"}"#)),
        ),
        (
            r#"4/random,{"message":"Invalid namespace"}"#,
            refused("/random", Some(r#"{"message":"Invalid namespace"}"#)),
        ),
        (
            r#"4/admin,"Not authorized""#,
            refused("/admin", Some(r#""Not authorized""#)),
        ),
        ("4", refused("/", None)),
        (
            &format!(r#"51-["baz",{placeholder}]"#),
            with_attachments(event("/", None, "baz", placeholder), 1),
        ),
        (
            &format!(r#"52-/admin,["baz",{two}]"#),
            with_attachments(event("/admin", None, "baz", two), 2),
        ),
        (
            &format!(r#"51-/a,9["baz",{placeholder}]"#),
            with_attachments(event("/a", Some(9), "baz", placeholder), 1),
        ),
        (
            &format!(r#"61-15["bar",{placeholder}]"#),
            with_attachments(acked("/", 15, &format!(r#""bar",{placeholder}"#)), 1),
        ),
        (
            &format!(r#"61-/admin,1[{placeholder}]"#),
            with_attachments(acked("/admin", 1, placeholder), 1),
        ),
    ] {
        assert_eq!(parse(text), Ok(packet.clone()), "{text}");
        assert_eq!(written(|out| packet.encode(out)), text);
    }
}

#[test]
fn packets_that_are_written_otherwise() {
    for (text, packet) in [
        (
            "0/random",
            Packet::Connect {
                namespace: "/random",
                data: None,
            },
        ),
        (
            "0/,",
            Packet::Connect {
                namespace: "/",
                data: None,
            },
        ),
        ("1/x", Packet::Disconnect { namespace: "/x" }),
        (
            "0/admin?token=1234&uid=a/b,",
            Packet::Connect {
                namespace: "/admin?token=1234&uid=a/b",
                data: None,
            },
        ),
        (
            r#"2 [ "a" , 1 , [2 , 3] ] "#,
            event("/", None, "a", "1 , [2 , 3]"),
        ),
        (r#"2007["a"]"#, event("/", Some(7), "a", "")),
        (r#"2["\u0061"]"#, event("/", None, "a", "")),
        // JavaScript may cut a name in two.
        (r#"2["a\ud83d"]"#, event("/", None, "a\u{FFFD}", "")),
        ("2[1]", event("/", None, "1", "")),
        ("2[-2.5e3,4]", event("/", None, "-2.5e3", "4")),
        (r#"50-["a"]"#, event("/", None, "a", "")),
        (r#"500-["a"]"#, event("/", None, "a", "")),
        ("60-1[]", acked("/", 1, "")),
    ] {
        assert_eq!(parse(text), Ok(packet), "{text}");
    }
}

#[test]
fn hostile_packets() {
    use PacketError::*;
    for (text, error) in [
        ("", Type),
        ("abc", Type),
        ("7", Type),
        ("-1", Type),
        (" 2[\"a\"]", Type),
        ("é", Type),
        ("\u{662}[\"a\"]", Type),
        // Of the payload.
        ("2", Payload),
        ("2/a,", Payload),
        ("212", Payload),
        ("2{}", Payload),
        ("2\"a\"", Payload),
        ("2null", Payload),
        ("2true", Payload),
        ("3", Payload),
        ("31{}", Payload),
        ("0[]", Payload),
        ("0\"token\"", Payload),
        ("0null", Payload),
        ("1{}", Payload),
        ("1[]", Payload),
        ("1/a,null", Payload),
        // Without a comma all is namespace.
        ("2/a[\"b\"]", Payload),
        // Of the JSON.
        ("2[\"a\"", Json),
        ("2[\"a\"]]", Json),
        ("2[\"a\"][]", Json),
        ("2[\"a\",]", Json),
        ("2abc[\"a\"]", Json),
        ("2-1[\"a\"]", Json),
        ("21.5[\"a\"]", Json),
        ("2+1[\"a\"]", Json),
        ("2\u{FF11}[\"a\"]", Json),
        ("2,[\"a\"]", Json),
        ("2a,[\"a\"]", Json),
        ("2[\"a\",undefined]", Json),
        ("2[\"a\u{0}\"]", Json),
        ("0{", Json),
        ("0{\"a\":1}{}", Json),
        ("3abc[]", Json),
        // Of the name.
        ("2[]", Name),
        ("2[{}]", Name),
        ("2[[]]", Name),
        ("2[null]", Name),
        ("2[true]", Name),
        // CVE-2023-32695: an object that is asked to be a string.
        ("2[{\"toString\":\"foo\"}]", Name),
        ("2[{\"toString\":{\"toString\":\"foo\"}}]", Name),
        ("50-[{\"toString\":\"foo\"}]", Name),
        ("2[\"connect\"]", Name),
        ("2[\"connect_error\"]", Name),
        ("2[\"disconnect\"]", Name),
        ("2[\"disconnecting\"]", Name),
        ("2[\"newListener\"]", Name),
        ("2[\"removeListener\",1]", Name),
        ("2[\"\\u0064isconnect\"]", Name),
        ("50-[\"connect\"]", Name),
        // Of the id.
        ("3[]", Id),
        ("3/a,[]", Id),
        ("60-[]", Id),
        ("01{}", Id),
        ("0/a,7", Id),
        ("11", Id),
        ("42{}", Id),
        ("29007199254740992[\"a\"]", Id),
        ("218446744073709551616[\"a\"]", Id),
        // Of the attachments.
        ("5[\"a\"]", Attachments),
        ("5-[\"a\"]", Attachments),
        ("51[\"a\"]", Attachments),
        ("5a-[\"a\"]", Attachments),
        ("51.5-[\"a\"]", Attachments),
        ("5-1-[\"a\"]", Attachments),
        ("5 1-[\"a\"]", Attachments),
        ("5/a,1-[\"a\"]", Attachments),
        ("5", Attachments),
        ("6", Attachments),
        ("61", Attachments),
        // CVE-2026-33151.
        ("511-[\"a\"]", TooManyAttachments(10)),
        ("61000000-1[]", TooManyAttachments(10)),
        ("599999999999999999999999-[\"a\"]", TooManyAttachments(10)),
        // Of the namespace.
        ("0/a\nb,", Namespace),
        ("0/a\u{1E}42[\"b\"],", Namespace),
        ("2/\u{85},[\"a\"]", Namespace),
        ("1/\0", Namespace),
    ] {
        assert_eq!(parse(text), Err(error), "{text}");
    }
}

/// CVE-2022-2421, and its like: what is no number of an attachment.
#[test]
fn hostile_placeholders() {
    let numbers = [
        r#""splice""#,
        r#""0""#,
        r#""length""#,
        "-1",
        "1",
        "10",
        "0.5",
        "0.0",
        "1e0",
        "-0",
        "null",
        "true",
        "[0]",
        "{}",
        "99999999999999999999999",
    ];
    for number in numbers {
        for placeholder in [
            format!(r#"{{"_placeholder":true,"num":{number}}}"#),
            format!(r#"{{"num":{number},"_placeholder":true}}"#),
            format!(r#"{{"num":0,"_placeholder":true,"num":{number}}}"#),
            format!(r#"{{"\u005fplaceholder":true,"num":{number}}}"#),
            format!(r#"[[{{"a":{{"_placeholder":true,"num":{number}}}}}]]"#),
        ] {
            for text in [
                format!(r#"51-["a",{placeholder}]"#),
                format!("61-1[{placeholder}]"),
                format!(r#"52-["a",{{"_placeholder":true,"num":0}},{placeholder}]"#),
            ] {
                if number == "1" && text.starts_with("52") {
                    continue;
                }
                assert_eq!(parse(&text), Err(PacketError::Placeholder), "{text}");
            }
        }
    }
    for text in [
        // No number, no placeholder, one twice, one unused, one of another.
        r#"51-["a",{"_placeholder":true}]"#,
        r#"51-["a"]"#,
        r#"51-["a",1]"#,
        r#"51-["a",{"_placeholder":false,"num":0}]"#,
        r#"51-["a",{"_placeholder":"true","num":0}]"#,
        r#"51-["a",{"_placeholder":true,"_placeholder":false,"num":0}]"#,
        r#"51-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]"#,
        r#"52-["a",{"_placeholder":true,"num":1},{"_placeholder":true,"num":1}]"#,
        r#"52-["a",{"_placeholder":true,"num":0}]"#,
        r#"51-["a",{"_placeholder":{"_placeholder":true,"num":0}}, {"_placeholder":true,"num":7}]"#,
        r#"51-[{"_placeholder":true,"num":0}, {"_placeholder":true,"num":0}]"#,
    ] {
        assert_eq!(parse(text), Err(PacketError::Placeholder), "{text}");
    }
    assert_eq!(
        parse(r#"51-[{"_placeholder":true,"num":0}]"#),
        Err(PacketError::Name)
    );
}

#[test]
fn placeholders_may_be_anywhere_and_in_any_order() {
    for text in [
        r#"52-["a",{"_placeholder":true,"num":1},{"num":0,"_placeholder":true}]"#,
        r#"52-["a",{"b":[{"_placeholder":true,"num":0}],"c":{"d":{"_placeholder":true,"num":1}}}]"#,
        r#"52-["a",[[[{"_placeholder":true,"num":1,"more":{"_placeholder":true,"num":0}}]]]]"#,
        r#"51-["a",{"_placeholder":null},{"num":"splice"},{"_placeholder":true,"num":0}]"#,
        r#"51-["a",{"num":"x","num":5,"num":0,"_placeholder":1,"_placeholder":true}]"#,
        r#"51-["a","{\"_placeholder\":true,\"num\":1}",{"_placeholder":true,"num":0}]"#,
        r#"61-1[{"\u005f\u0070laceholder":true,"n\u0075m":0}]"#,
        // Without attachments they are objects as others are.
        r#"2["a",{"_placeholder":true,"num":"splice"}]"#,
        r#"50-["a",{"_placeholder":true,"num":7}]"#,
    ] {
        assert!(parse(text).is_ok(), "{text}");
    }
    let ten = (0..10).map(|number| format!(r#",{{"_placeholder":true,"num":{number}}}"#));
    assert!(parse(&format!(r#"510-["a"{}]"#, ten.collect::<String>())).is_ok());
}

#[test]
fn limits_are_met_at_their_edge() {
    let limits = Limits {
        namespace: 5,
        attachments: 1000,
        ..Limits::default()
    };
    let placeholders = |count| {
        let all = (0..count).map(|number| format!(r#",{{"_placeholder":true,"num":{number}}}"#));
        format!(r#"5{count}-["a"{}]"#, all.collect::<String>())
    };
    assert!(Packet::parse(&limits, &placeholders(64)).is_ok());
    assert_eq!(
        Packet::parse(&limits, &placeholders(65)),
        Err(PacketError::TooManyAttachments(64))
    );
    assert!(Packet::parse(&limits, "0/abcd").is_ok());
    assert_eq!(
        Packet::parse(&limits, "0/abcde,"),
        Err(PacketError::NamespaceTooLong(5))
    );
    assert_eq!(
        Packet::parse(&limits, &format!("0/{}", "a".repeat(1 << 20))),
        Err(PacketError::NamespaceTooLong(5))
    );
    let nested = |levels| format!("2[\"a\",{}{}]", "[".repeat(levels), "]".repeat(levels));
    assert!(parse(&nested(63)).is_ok());
    assert_eq!(parse(&nested(64)), Err(PacketError::TooDeep(64)));
    for (depth, most) in [(2, 2), (100, 100), (128, 128), (1000, 128)] {
        let limits = Limits {
            depth,
            ..Limits::default()
        };
        assert!(Packet::parse(&limits, &nested(most - 1)).is_ok(), "{depth}");
        assert_eq!(
            Packet::parse(&limits, &nested(most)),
            Err(PacketError::TooDeep(most)),
            "{depth}"
        );
        let placed = |levels| {
            let placeholder = r#"{"_placeholder":true,"num":0}"#;
            format!(
                "51-[\"a\",{}{placeholder}{}]",
                "[".repeat(levels),
                "]".repeat(levels)
            )
        };
        if let Some(levels) = most.checked_sub(2) {
            assert!(Packet::parse(&limits, &placed(levels)).is_ok(), "{depth}");
        }
        assert_eq!(
            Packet::parse(&limits, &placed(most - 1)),
            Err(PacketError::TooDeep(most)),
            "{depth}"
        );
    }
    assert_eq!(
        parse(&format!("2{}", "[".repeat(1_000_000))),
        Err(PacketError::TooDeep(64))
    );
    assert_eq!(
        parse(&format!("51-{}", "[".repeat(1_000_000))),
        Err(PacketError::TooDeep(64))
    );
    assert_eq!(
        parse(&format!("0{}", "{\"a\":".repeat(1_000_000))),
        Err(PacketError::TooDeep(64))
    );
}

#[test]
fn namespaces() {
    for (name, is_one) in [
        ("/", true),
        ("/a/b", true),
        ("/é?x=y", true),
        ("", false),
        ("a", false),
        ("/a,b", false),
        ("/a\u{1E}", false),
        ("/a\n", false),
    ] {
        assert_eq!(is_namespace(name), is_one, "{name}");
    }
}

#[test]
fn what_servers_and_clients_say() {
    let v4 = Version::V4;
    for (text, expect) in [
        (
            written(|out| connected(v4, "/", "a\"b", None, out)),
            r#"0{"sid":"a\"b"}"#,
        ),
        (
            written(|out| connected(v4, "/chat", "s", Some("p"), out)),
            r#"0/chat,{"sid":"s","pid":"p"}"#,
        ),
        (
            written(|out| connected(Version::V3, "/", "s", Some("p"), out)),
            "0",
        ),
        (
            written(|out| connected(Version::V3, "/chat", "s", None, out)),
            "0/chat,",
        ),
        (
            written(|out| refused(v4, "/x", "Invalid namespace", None, out)),
            r#"4/x,{"message":"Invalid namespace"}"#,
        ),
        (
            written(|out| refused(v4, "/", "a\nb", Some("[1]"), out)),
            r#"4{"message":"a\nb","data":[1]}"#,
        ),
        (
            written(|out| refused(Version::V3, "/x", "no", None, out)),
            r#"4/x,"no""#,
        ),
        (
            written(|out| refused(Version::V3, "/", "no", Some("[1]"), out)),
            "4[1]",
        ),
        (written(|out| disconnect("/", out)), "1"),
        (written(|out| disconnect("/chat", out)), "1/chat,"),
        (written(|out| connect("/", None, out)), "0"),
        (written(|out| connect("/chat", Some("{}"), out)), "0/chat,{}"),
    ] {
        assert_eq!(text, expect);
        assert!(parse(&text).is_ok());
    }
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<i32>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
        Just(serde_json::json!({"_placeholder": true, "num": 3})),
    ];
    let value = leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            proptest::collection::vec((any::<String>(), inner), 0..4)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    });
    value.prop_map(|value| value.to_string())
}

fn name() -> impl Strategy<Value = String> {
    any::<String>().prop_filter("reserved", |name| !is_reserved(name))
}

fn namespace() -> impl Strategy<Value = String> {
    "(/[^,\\p{Cc}]{0,20})".prop_map(|name| name)
}

proptest! {
    #[test]
    fn packets_come_back(
        namespace in namespace(),
        id in proptest::option::of(0..=(1_u64 << 53) - 1),
        name in name(),
        args in proptest::collection::vec(json(), 0..4),
    ) {
        let joined = args.join(",");
        let mut packets = vec![event(&namespace, id, &name, &joined)];
        packets.extend(id.map(|id| acked(&namespace, id, &joined)));
        for packet in packets {
            let text = written(|out| packet.encode(out));
            prop_assert_eq!(parse(&text), Ok(packet.clone()));
            let all: Vec<Arg<'_>> = args.iter().map(|arg| Arg::Json(arg)).collect();
            let again = written(|out| match packet {
                Packet::Ack { id, .. } => ack(&namespace, id, &all, out),
                _ => super::event(&namespace, id, &name, &all, out),
            });
            prop_assert_eq!(again, text);
        }
    }

    #[test]
    fn any_text_is_read(head in "[0-7][0-9]{0,2}-?(/[a-z?]*,?)?[0-9]{0,3}", rest in any::<String>(), json in json()) {
        for text in [format!("{head}{rest}"), format!("{head}[{json}]"), format!("{head}[\"a\",{json}]"), rest] {
            // What is read is written so that it is read as the same.
            if let Ok(packet) = parse(&text) {
                let again = written(|out| packet.encode(out));
                prop_assert_eq!(parse(&again), Ok(packet));
            }
        }
    }
}

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn bytes(all: &[&'static [u8]]) -> Vec<Bytes> {
    all.iter().copied().map(Bytes::from_static).collect()
}

#[test]
fn arguments_one_by_one() {
    let args = Args::new("", &[]);
    assert_eq!(
        (args.iter().count(), args.raw(), args.attachments()),
        (0, "", &[][..])
    );
    let args = Args::new(r#" 1,"a,b" , {"c":[2,3]}"#, &[]);
    let all = [Arg::Json("1"), Arg::Json("\"a,b\""), Arg::Json("{\"c\":[2,3]}")];
    assert_eq!(args.iter().collect::<Vec<_>>(), all);
    // Without attachments nothing is a placeholder.
    let like_one = r#"{"_placeholder":true,"num":0}"#;
    assert_eq!(
        Args::new(like_one, &[]).iter().collect::<Vec<_>>(),
        [Arg::Json(like_one)]
    );
}

#[test]
fn placeholders_are_binary() {
    let two = bytes(&[b"zero", b"one"]);
    for (raw, expect) in [
        (
            r#"{"_placeholder":true,"num":1},7,{"num":0,"_placeholder":true}"#,
            vec![Arg::Binary(b"one"), Arg::Json("7"), Arg::Binary(b"zero")],
        ),
        (
            r#"{ "\u005fplaceholder" : true , "num" : 0 , "more":[] },{"_placeholder":true,"num":1}"#,
            vec![Arg::Binary(b"zero"), Arg::Binary(b"one")],
        ),
        // Inside of others they stay.
        (
            r#"[{"_placeholder":true,"num":0}],{"a":{"_placeholder":true,"num":1}}"#,
            vec![
                Arg::Json(r#"[{"_placeholder":true,"num":0}]"#),
                Arg::Json(r#"{"a":{"_placeholder":true,"num":1}}"#),
            ],
        ),
        (
            r#"{"_placeholder":false,"num":0},{"_placeholder":1,"num":0},{"num":0}"#,
            vec![
                Arg::Json(r#"{"_placeholder":false,"num":0}"#),
                Arg::Json(r#"{"_placeholder":1,"num":0}"#),
                Arg::Json(r#"{"num":0}"#),
            ],
        ),
    ] {
        assert_eq!(Args::new(raw, &two).iter().collect::<Vec<_>>(), expect, "{raw}");
    }
}

#[test]
fn arguments_are_written() {
    let text = |args: &[Arg<'_>]| written(|out| event("/chat", Some(7), "a", args, out));
    assert_eq!(text(&[]), r#"2/chat,7["a"]"#);
    assert_eq!(
        text(&[Arg::Json("1,[2]"), Arg::Json(""), Arg::Json("{}")]),
        r#"2/chat,7["a",1,[2],{}]"#
    );
    assert_eq!(
        text(&[Arg::Binary(b"x"), Arg::Json("1"), Arg::Binary(b"")]),
        r#"52-/chat,7["a",{"_placeholder":true,"num":0},1,{"_placeholder":true,"num":1}]"#
    );
    let text = |args: &[Arg<'_>]| written(|out| ack("/", 7, args, out));
    assert_eq!(text(&[]), "37[]");
    assert_eq!(text(&[Arg::Json(""), Arg::Json("1")]), "37[1]");
    assert_eq!(
        text(&[Arg::Binary(b"x")]),
        r#"61-7[{"_placeholder":true,"num":0}]"#
    );
}

/// An event in two parts, of which the second serves all namespaces.
#[test]
fn parts_make_a_whole() {
    let args = [Arg::Json("1"), Arg::Binary(b"x")];
    let array = written(|out| put_array(Some("a"), &args, out));
    for namespace in ["/", "/chat"] {
        let head = written(|out| put_event_head(namespace, None, 1, out));
        assert_eq!(
            head + &array,
            written(|out| event(namespace, None, "a", &args, out))
        );
    }
}

#[test]
fn reserved_names() {
    for name in [
        "connect",
        "disconnect",
        "connect_error",
        "disconnecting",
        "newListener",
        "removeListener",
    ] {
        assert!(is_reserved(name));
    }
    for name in ["", "error", "message", "Connect", "ping", "reconnect"] {
        assert!(!is_reserved(name));
    }
}

fn arg() -> impl Strategy<Value = Result<i32, Vec<u8>>> {
    prop_oneof![any::<i32>().prop_map(Ok), vec(any::<u8>(), 0..50).prop_map(Err)]
}

proptest! {
    /// Through a session they come out as they went in.
    #[test]
    fn arguments_come_back(args in vec(arg(), 0..8), id in proptest::option::of(0..100_u64)) {
        let numbers: Vec<String> = args.iter().map(|arg| arg.as_ref().map_or(String::new(), ToString::to_string)).collect();
        let args: Vec<Arg<'_>> = args
            .iter()
            .zip(&numbers)
            .map(|(arg, number)| match arg {
                Ok(_) => Arg::Json(number),
                Err(bytes) => Arg::Binary(bytes),
            })
            .collect();
        let binary: Vec<&[u8]> = args
            .iter()
            .filter_map(|arg| match arg {
                Arg::Binary(bytes) => Some(*bytes),
                Arg::Json(_) => None,
            })
            .collect();
        let mut session = joined(&["/", "/chat"]);
        let text = written(|out| event("/chat", id, "a", &args, out));
        let mut seen = 0;
        let parts = std::iter::once(Data::Text(&text)).chain(binary.iter().map(|bytes| Data::Binary(bytes)));
        for (part, data) in parts.enumerate() {
            prop_assert_eq!(session.has_begun(), part > 0);
            if let Some(Event::Event { namespace, id: said, name, args: heard }) = session.receive(data).unwrap() {
                prop_assert_eq!((namespace.index(), said, &*name), (1, id, "a"));
                prop_assert_eq!(heard.iter().collect::<Vec<_>>(), args.clone());
                prop_assert_eq!(heard.attachments().len(), binary.len());
                seen += 1;
            }
        }
        prop_assert_eq!((seen, session.has_begun()), (1, false));
    }
}

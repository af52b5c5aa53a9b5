#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use pogu_proto::Time;
use pogu_proto::engineio::{Data, Version};
use pogu_proto::socketio::{Arg, Args, Client, ClientEvent, Event, Limits, NamespaceId, Session};

fn limits() -> Arc<Limits> {
    Arc::new(Limits {
        namespaces: 4,
        attachment_bytes: 100,
        ..Limits::default()
    })
}

/// Each argument is one value, and none is binary that did not arrive.
fn check(args: Args<'_>) {
    assert!(args.attachments().iter().map(|bytes| bytes.len()).sum::<usize>() <= 100);
    let mut binary = 0;
    for arg in args.iter() {
        match arg {
            Arg::Json(value) => assert!(!value.is_empty()),
            Arg::Binary(bytes) => {
                assert!(args.attachments().iter().any(|other| other == bytes));
                binary += 1;
            }
        }
    }
    assert!(binary <= args.attachments().len());
}

/// What a client says, a message a line: text, binary after `#`. The server takes and ends namespaces at `+`, `-` and `!`.
fn server(version: Version, lines: &[u8]) {
    let mut session = Session::new(version, limits(), Time(0));
    let mut asked: Vec<NamespaceId> = Vec::new();
    let mut joined: Vec<NamespaceId> = Vec::new();
    if let Some(Event::Connect { namespace, .. }) = session.begin() {
        asked.push(namespace);
    }
    let mut out = Vec::new();
    for line in lines.split(|byte| *byte == b'\n') {
        match (line, asked.pop()) {
            (b"+", Some(namespace)) => {
                session.accept(namespace, "s", Some("p"), &mut out);
                joined.push(namespace);
                assert!(session.name(namespace).is_some() && session.deadline().is_none());
                continue;
            }
            (b"-", Some(namespace)) => {
                session.refuse(namespace, "no", None, &mut out);
                assert!(session.name(namespace).is_none());
                continue;
            }
            (b"!", kept) => {
                asked.extend(kept);
                if let Some(namespace) = joined.pop() {
                    session.leave(namespace, &mut out);
                    assert!(session.next_id(namespace).is_none());
                }
                continue;
            }
            (_, kept) => asked.extend(kept),
        }
        let data = match (line, str::from_utf8(line)) {
            ([b'#', bytes @ ..], _) => Data::Binary(bytes),
            (_, Ok(text)) => Data::Text(text),
            (_, Err(_)) => continue,
        };
        match session.receive(data) {
            Ok(Some(Event::Connect { namespace, .. })) => asked.push(namespace),
            Ok(Some(Event::Disconnect { namespace })) => {
                asked.retain(|other| *other != namespace);
                joined.retain(|other| *other != namespace);
            }
            Ok(Some(Event::Event { namespace, args, .. } | Event::Ack { namespace, args, .. })) => {
                assert!(joined.contains(&namespace));
                check(args);
            }
            Ok(None) => {}
            Err(_) => return,
        }
        assert!(asked.len() + joined.len() <= 4);
        assert!(joined.iter().all(|namespace| session.name(*namespace).is_some()));
    }
}

/// What a server says, in the same way.
fn client(lines: &[u8]) {
    let mut client = Client::new(limits());
    let mut out = Vec::new();
    for namespace in ["/", "/a", "/b"] {
        client.connect(namespace, None, None, &mut out);
    }
    for line in lines.split(|byte| *byte == b'\n') {
        let data = match (line, str::from_utf8(line)) {
            (b"!", _) => {
                client.disconnect("/a", &mut out);
                continue;
            }
            ([b'#', bytes @ ..], _) => Data::Binary(bytes),
            (_, Ok(text)) => Data::Text(text),
            (_, Err(_)) => continue,
        };
        match client.receive(data) {
            Ok(Some(
                ClientEvent::Event { namespace, args, .. } | ClientEvent::Ack { namespace, args, .. },
            )) => {
                assert!(["/", "/a", "/b"].contains(&namespace));
                check(args);
            }
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

fuzz_target!(|lines: &[u8]| {
    server(Version::V4, lines);
    server(Version::V3, lines);
    client(lines);
});

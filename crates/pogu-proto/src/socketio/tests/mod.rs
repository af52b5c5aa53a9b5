mod arguments;
mod client;
mod packets;
mod pair;
mod sessions;

use std::sync::Arc;

use super::*;
use crate::Time;
use crate::engineio::{Data, Version};

fn parse(text: &str) -> Result<Packet<'_>, PacketError> {
    let limits = Limits::default();
    Packet::parse(&limits, text)
}

/// What `write` appends.
fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

fn session(version: Version) -> Session {
    Session::new(version, Arc::new(Limits::default()), Time(0))
}

/// A session of protocol 5 whose client has joined the namespaces.
fn joined(namespaces: &[&str]) -> Session {
    let mut session = session(Version::V4);
    for name in namespaces {
        let text = written(|out| connect(name, None, out));
        let namespace = match session.receive(Data::Text(&text)) {
            Ok(Some(Event::Connect { namespace, .. })) => namespace,
            other => panic!("{other:?}"),
        };
        session.accept(namespace, "sid", None, &mut Vec::new());
    }
    session
}

#![no_main]

use libfuzzer_sys::fuzz_target;
use pogu_proto::socketio::{Limits, Packet, is_namespace, is_reserved};

fn written(packet: &Packet<'_>) -> String {
    let mut out = Vec::new();
    packet.encode(&mut out);
    String::from_utf8(out).expect("what is written is text")
}

fuzz_target!(|text: &str| {
    let limits = Limits::default();
    match Packet::parse(&limits, text) {
        Ok(packet) => {
            let (namespace, attachments) = match &packet {
                Packet::Event {
                    namespace,
                    name,
                    attachments,
                    ..
                } => {
                    assert!(!is_reserved(name));
                    (*namespace, *attachments)
                }
                Packet::Ack {
                    namespace,
                    attachments,
                    ..
                } => (*namespace, *attachments),
                Packet::Connect { namespace, .. }
                | Packet::Disconnect { namespace }
                | Packet::ConnectError { namespace, .. } => (*namespace, 0),
            };
            assert!(is_namespace(namespace) && namespace.len() <= limits.namespace);
            assert!(attachments <= limits.attachments);
            // No control character gets out of what was read as it stands, but white space.
            let once = written(&packet);
            assert!(!once.contains(|letter: char| letter < ' ' && !"\t\r\n".contains(letter)));
            assert_eq!(Packet::parse(&limits, &once), Ok(packet));
        }
        Err(error) => assert!(error.to_string().len() < 100),
    }
});

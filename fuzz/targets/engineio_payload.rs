#![no_main]

use libfuzzer_sys::fuzz_target;
use pogu_proto::engineio::{
    Data, Form, Limits, Packet, PacketError, Payload, SEPARATOR, Version, jsonp, put, put_message,
};

const PACKETS_MAX: usize = 16;
const BYTES_MAX: usize = 1 << 16;

/// What a packet says, with the place of its type in the enum.
fn owned(packet: &Packet<'_>) -> (u8, Vec<u8>) {
    match packet {
        Packet::Open(text) => (0, text.as_bytes().to_vec()),
        Packet::Close => (1, vec![]),
        Packet::Ping(text) => (2, text.as_bytes().to_vec()),
        Packet::Pong(text) => (3, text.as_bytes().to_vec()),
        Packet::Message(Data::Text(text)) => (4, text.as_bytes().to_vec()),
        Packet::Upgrade => (5, vec![]),
        Packet::Noop => (6, vec![]),
        Packet::Message(Data::Binary(bytes)) => (7, bytes.to_vec()),
    }
}

type Packets = Vec<(u8, Vec<u8>)>;

/// The packets of a payload, the same written in each form, and the error that ends them.
fn read(form: Form, body: &[u8]) -> (Packets, [Vec<u8>; 3], Option<PacketError>) {
    let limits = Limits {
        packets: PACKETS_MAX,
        payload: BYTES_MAX,
        ..Limits::default()
    };
    let mut body = body.to_vec();
    let (mut packets, mut written, mut error) = (Vec::new(), [const { Vec::new() }; 3], None);
    for packet in Payload::new(form, &limits, &mut body) {
        let packet = match packet {
            Ok(packet) => packet,
            Err(wrong) => {
                error = Some(wrong);
                break;
            }
        };
        for (form, out) in FORMS.into_iter().zip(&mut written) {
            if !packets.is_empty() {
                out.extend_from_slice(form.separator());
            }
            put(form, &packet, out);
        }
        message(&packet);
        packets.push(owned(&packet));
    }
    assert!(packets.len() <= PACKETS_MAX);
    (packets, written, error)
}

/// A packet is the same as a WebSocket message.
fn message(packet: &Packet<'_>) {
    for version in [Version::V3, Version::V4] {
        for base64 in [false, true] {
            let (mut out, mut scratch) = (Vec::new(), Vec::new());
            let kind = put_message(version, base64, packet, &mut out);
            let again = Packet::read(version, kind, &out, &mut scratch);
            assert_eq!(again.map(|again| owned(&again)), Ok(owned(packet)));
        }
    }
}

const FORMS: [Form; 3] = [Form::V4, Form::V3Text, Form::V3Binary];

fuzz_target!(|bytes: &[u8]| {
    let Some((form, body)) = bytes.split_first() else {
        return;
    };
    let form = FORMS[usize::from(*form) % 3];
    let (packets, written, _) = read(form, body);
    for (form, body) in FORMS.into_iter().zip(&written) {
        // A separator cannot be written in protocol 4, and base64 may make a payload longer than it may be.
        let may_differ = form == Form::V4 && packets.iter().any(|(_, said)| said.contains(&SEPARATOR));
        if !packets.is_empty() && !may_differ && body.len() <= BYTES_MAX {
            assert_eq!(read(form, body), (packets.clone(), written.clone(), None));
        }
    }
    if let Ok(payload) = jsonp::payload(&mut body.to_vec()) {
        assert!(payload.len() <= body.len());
    }
});

//! How bodies cross from Socket.IO to the others, and from them to it: a test for each cell of the table in ARCHITECTURE.md.

use serde_json::{Value, json};

use super::peer::SocketIo;
use crate::engineio::WAYS;
use crate::server::{Http, Running};
use crate::websocket::{Heard, Socket};

const PLACEHOLDER: &str = "{\"_placeholder\":true,\"num\":0}";

fn sse(server: &Running, topic: &str) -> Http {
    let mut http = Http::new(server.connect());
    let head = format!("GET /topics/{topic} HTTP/1.1\nAccept: text/event-stream");
    http.send(&head, b"");
    assert_eq!(http.head().status, 200);
    // When to come again, and from where.
    assert!(!event(&mut http).is_empty());
    assert!(!event(&mut http).is_empty());
    http
}

/// The fields of the next event of a stream.
fn event(http: &mut Http) -> Vec<String> {
    let lines = std::iter::from_fn(|| http.line());
    lines.take_while(|line| !line.is_empty()).collect()
}

/// What a client emits, with its buffers; and what others hear.
struct Case {
    packet: &'static str,
    buffers: &'static [&'static [u8]],
    websocket: Heard,
    sse: &'static str,
    /// Members of a JSON message.
    polled: Value,
}

fn cases() -> Vec<Case> {
    vec![
        Case {
            packet: "2/a,[\"say\",\"안녕 \\\"you\\\"\"]",
            buffers: &[],
            websocket: Heard::Text("안녕 \"you\"".into()),
            sse: "안녕 \"you\"",
            polled: json!({"type": "text/plain", "data": "안녕 \"you\""}),
        },
        Case {
            packet: "2/a,[\"say\",{\"n\":1.50}]",
            buffers: &[],
            websocket: Heard::Text("{\"n\":1.50}".into()),
            sse: "{\"n\":1.50}",
            polled: json!({"type": "application/json", "data": {"n": 1.5}}),
        },
        Case {
            packet: "2/a,[\"say\",null]",
            buffers: &[],
            websocket: Heard::Text("null".into()),
            sse: "null",
            polled: json!({"type": "application/json", "data": null}),
        },
        Case {
            packet: "2/a,[\"say\"]",
            buffers: &[],
            websocket: Heard::Text("[]".into()),
            sse: "[]",
            polled: json!({"type": "application/json;args", "data": []}),
        },
        Case {
            packet: "2/a,[\"say\",1,\"b\",[2]]",
            buffers: &[],
            websocket: Heard::Text("[1,\"b\",[2]]".into()),
            sse: "[1,\"b\",[2]]",
            polled: json!({"type": "application/json;args", "data": [1, "b", [2]]}),
        },
        Case {
            packet: "51-/a,[\"say\",{\"_placeholder\":true,\"num\":0}]",
            buffers: &[b"\x00\xff"],
            websocket: Heard::Binary(b"\x00\xff".to_vec()),
            sse: "data:application/octet-stream;base64,AP8=",
            polled: json!({"type": "application/octet-stream", "base64": "AP8="}),
        },
    ]
}

#[test]
fn what_a_client_emits_reaches_the_others() {
    let server = Running::start();
    let mut socket = Socket::open(&server, "/topics/a");
    let mut stream = sse(&server, "a");
    let mut other = SocketIo::join(&server, "/a");
    for by in WAYS {
        let mut client = SocketIo::join_by(&server, by, "/a");
        for case in cases() {
            client.say(case.packet);
            for bytes in case.buffers {
                client.say_bytes(bytes);
            }
            assert_eq!(socket.hear(), case.websocket);
            let mut fields = event(&mut stream);
            fields.retain(|field| !field.starts_with("id: "));
            let binary = matches!(case.websocket, Heard::Binary(_));
            let kind = binary.then(|| "type: application/octet-stream".to_owned());
            let data = format!("data: {}", case.sse);
            let expected: Vec<_> = ["event: say".to_owned()]
                .into_iter()
                .chain(kind)
                .chain([data])
                .collect();
            assert_eq!(fields, expected);
            let polled = server.get("/topics/a?after=last:1").json();
            let message = &polled["messages"][0];
            assert_eq!(message["event"], "say");
            for (name, value) in case.polled.as_object().unwrap() {
                assert_eq!(&message[name], value, "{message}");
            }
            // And as it was to its own kind.
            assert_eq!(other.hear(), case.packet);
            for bytes in case.buffers {
                assert_eq!(other.hear_bytes(), *bytes);
            }
        }
    }
}

#[test]
fn buffers_among_others_are_objects_to_who_has_no_buffers() {
    let server = Running::start();
    let mut socket = Socket::open(&server, "/topics/a");
    let mut other = SocketIo::join(&server, "/a");
    let mut client = SocketIo::join(&server, "/a");
    let second = PLACEHOLDER.replace('0', "1");
    client.say(&format!("52-/a,[\"up\",{second},{{\"in\":[{PLACEHOLDER}]}}]"));
    client.say_bytes(&[0]);
    client.say_bytes(&[1, 2]);
    let Heard::Text(text) = socket.hear() else {
        panic!()
    };
    let args: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        args,
        json!([
            {"_placeholder": true, "num": 1, "base64": "AQI="},
            {"in": [{"_placeholder": true, "num": 0, "base64": "AA=="}]}
        ])
    );
    // To its own kind they are numbered in the order in which they stand.
    let packet = other.hear();
    let args: Value = serde_json::from_str(packet.strip_prefix("52-/a,").unwrap()).unwrap();
    assert_eq!(
        args,
        json!(["up", {"_placeholder": true, "num": 0}, {"in": [{"_placeholder": true, "num": 1}]}])
    );
    assert_eq!(other.hear_bytes(), [1, 2]);
    assert_eq!(other.hear_bytes(), [0]);
    // Whoever has them in JSON can give them back.
    let head = "POST /topics/a HTTP/1.1\nContent-Type: application/json;args\nPogu-Event: back";
    server.ask(head, text.as_bytes());
    assert!(other.hear().starts_with("52-/a,[\"back\","));
    assert_eq!(other.hear_bytes(), [1, 2]);
    assert_eq!(other.hear_bytes(), [0]);
}

#[test]
fn what_others_publish_reaches_clients() {
    let server = Running::start();
    let mut clients: Vec<SocketIo> = WAYS
        .iter()
        .map(|by| SocketIo::join_by(&server, *by, "/a"))
        .collect();
    let mut heard = |packet: &str, buffer: Option<&[u8]>| {
        for client in &mut clients {
            assert_eq!(client.hear(), packet);
            if let Some(bytes) = buffer {
                assert_eq!(client.hear_bytes(), bytes);
            }
        }
    };
    let post = |headers: &str, body: &[u8]| {
        let answer = server.ask(&format!("POST /topics/a HTTP/1.1{headers}"), body);
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    let binary = format!("51-/a,[\"message\",{PLACEHOLDER}]");
    let mut socket = Socket::open(&server, "/topics/a");
    socket.say("안녕\n\u{1e}\"");
    heard("2/a,[\"message\",\"안녕\\n\\u001e\\\"\"]", None);
    socket.say_bytes(b"\x00\x1e\xff");
    heard(&binary, Some(b"\x00\x1e\xff"));
    post("\nContent-Type: text/plain", b"text");
    heard("2/a,[\"message\",\"text\"]", None);
    post("\nContent-Type: application/json", b" {\"n\": 1.50}\n");
    heard("2/a,[\"message\",{\"n\": 1.50}]", None);
    post("\nContent-Type: application/json\nPogu-Event: list", b"[1,\"b\"]");
    heard("2/a,[\"list\",[1,\"b\"]]", None);
    post(
        "\nContent-Type: application/json;args\nPogu-Event: several",
        b" [1, \"b\"] ",
    );
    heard("2/a,[\"several\",1, \"b\"]", None);
    post("\nContent-Type: application/json;args", b"[]");
    heard("2/a,[\"message\"]", None);
    // What is no JSON is text.
    post("\nContent-Type: application/json", b"{1}");
    heard("2/a,[\"message\",\"{1}\"]", None);
    post("\nContent-Type: image/png", b"\x89PNG");
    heard(&binary, Some(b"\x89PNG"));
    post("\nContent-Type: text/plain", b"\xff");
    heard(&binary, Some(b"\xff"));
    post("\nContent-Type: text/plain", b"");
    heard("2/a,[\"message\",\"\"]", None);
    // Line breaks within JSON are white space, and stay.
    post("\nContent-Type: application/json", b"{\r\n\"a\":\r\n[]}");
    heard("2/a,[\"message\",{\r\n\"a\":\r\n[]}]", None);
}

/// What looks like a buffer and is none breaks clients: they close the connection for that.
#[test]
fn objects_that_only_look_like_buffers_stay_objects() {
    let server = Running::start();
    let mut client = SocketIo::join(&server, "/a");
    let post = |content_type: &str, body: &str| {
        let head = format!("POST /topics/a HTTP/1.1\nContent-Type: {content_type}");
        assert_eq!(server.ask(&head, body.as_bytes()).status, 200);
    };
    let buffer = "{\"_placeholder\":true,\"base64\":\"AQI=\"}";
    let one = format!("[{buffer}]");
    post("application/json", &one);
    assert_eq!(client.hear(), format!("2/a,[\"message\",{one}]"));
    for other in [
        PLACEHOLDER,
        "{\"_placeholder\":true}",
        "{\"_placeholder\":true,\"num\":1}",
        "{\"_placeholder\":true,\"num\":\"splice\",\"base64\":\"!\"}",
        "{\"a\":[{\"_placeholder\":true,\"base64\":7}]}",
    ] {
        let args = format!("{buffer},{other}");
        post("application/json;args", &format!("[{args}]"));
        assert_eq!(client.hear(), format!("2/a,[\"message\",{args}]"));
    }
    // More than clients take.
    let ten = [buffer; 10].join(",");
    post("application/json;args", &format!("[{ten}]"));
    assert!(client.hear().starts_with("510-/a,["));
    for _ in 0..10 {
        assert_eq!(client.hear_bytes(), [1, 2]);
    }
    let eleven = [buffer; 11].join(",");
    post("application/json;args", &format!("[{eleven}]"));
    assert_eq!(client.hear(), format!("2/a,[\"message\",{eleven}]"));
    // Marked as several, and one.
    post("application/json;args", "{\"a\":1}");
    assert_eq!(client.hear(), "2/a,[\"message\",{\"a\":1}]");
}

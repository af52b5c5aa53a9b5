//! Protocol 3, for clients of Socket.IO 1 and 2, where it is allowed.

use super::{SESSIONS, opened, refused, unknown};
use crate::server::{Answer, Http, Running};
use crate::websocket::{Heard, Socket};

const ALLOWED: &str = "[socketio]\nallow-eio3 = true\n";
const V3: &str = "/socket.io/?EIO=3&transport=polling";

/// Packets of a payload of text.
fn counted(text: &str) -> Vec<String> {
    let mut packets = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (length, after) = rest.split_once(':').unwrap();
        let mut units = length.parse::<usize>().unwrap();
        let mut bytes = 0;
        for letter in after.chars() {
            if units == 0 {
                break;
            }
            units -= letter.len_utf16();
            bytes += letter.len_utf8();
        }
        packets.push(after[..bytes].to_owned());
        rest = &after[bytes..];
    }
    packets
}

/// Packets of a payload of bytes: the byte of the kind, and what follows.
fn framed(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut packets = Vec::new();
    while let [kind, rest @ ..] = bytes {
        let end = rest.iter().position(|byte| *byte == 0xFF).unwrap();
        let length = rest[..end]
            .iter()
            .fold(0, |length, digit| length * 10 + usize::from(*digit));
        packets.push((*kind, rest[end + 1..end + 1 + length].to_vec()));
        bytes = &rest[end + 1 + length..];
    }
    packets
}

fn sid(packet: &str) -> String {
    opened(packet)["sid"].as_str().unwrap().to_owned()
}

/// A session of base64 or JSONP, as `more` says.
fn begin(server: &Running, more: &str) -> (String, Answer) {
    let answer = server.get(&format!("{V3}{more}"));
    assert_eq!(answer.status, 200, "{answer:?}");
    let text = answer.text();
    let start = text.find("sid").unwrap();
    let sid = text[start..]
        .split(['"', '\\'])
        .find(|part| part.len() == 24)
        .unwrap();
    (sid.to_owned(), answer)
}

#[test]
fn it_is_refused_unless_it_is_allowed() {
    let server = Running::start();
    refused(&server.get(V3), 5, "Unsupported protocol version");
    refused(
        &server.get(&format!("{V3}&j=0")),
        5,
        "Unsupported protocol version",
    );
    refused(
        &server.get("/socket.io/?transport=polling"),
        5,
        "Unsupported protocol version",
    );
}

#[test]
fn lengths_part_packets_and_the_root_is_joined_unasked() {
    let server = Running::with(ALLOWED);
    let (sid_text, answer) = begin(&server, "&b64=1");
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
    let packets = counted(&answer.text());
    assert_eq!(packets.len(), 2, "{packets:?}");
    assert_eq!(sid(&packets[0]), sid_text);
    assert_eq!(packets[1], "40");
    let target = format!("{V3}&b64=1&sid={sid_text}");
    let post = |body: &[u8]| server.ask(&format!("POST {target} HTTP/1.1"), body);
    // The client pings.
    assert_eq!(post(b"1:2").text(), "ok");
    assert_eq!(server.get(&target).text(), "1:3");
    assert_eq!(post(b"12:40/chat?x=1,").text(), "ok");
    assert_eq!(server.get(&target).text(), "8:40/chat,");
    let event = "42/chat,1[\"m\",\"€𝄞\"]";
    let length = event.encode_utf16().count();
    assert_eq!(post(format!("{length}:{event}1:2").as_bytes()).text(), "ok");
    let answer = server.get(&target).text();
    assert!(answer.contains("43/chat,1[{\"cursor\""), "{answer}");
    server.publish("chat", "€𝄞".as_bytes());
    assert_eq!(
        counted(&server.get(&target).text()),
        ["42/chat,[\"message\",\"€𝄞\"]"]
    );
    server.ask("POST /topics/chat HTTP/1.1\nContent-Type: image/png", b"\x01\x02");
    assert_eq!(
        counted(&server.get(&target).text()),
        [
            "451-/chat,[\"message\",{\"_placeholder\":true,\"num\":0}]",
            "b4AQI="
        ]
    );
    // A pong is for the server to send.
    refused(&post(b"1:3"), 3, "Bad request");
    unknown(&server.get(&target));
}

#[test]
fn bytes_part_packets_where_no_base64_is_asked_for() {
    let server = Running::with(ALLOWED);
    let answer = server.get(V3);
    // Where there is nothing but text, text it is.
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
    let packets = counted(&answer.text());
    assert_eq!(packets.len(), 2);
    let target = format!("{V3}&sid={}", sid(&packets[0]));
    let post = |body: &[u8]| {
        server.ask(
            &format!("POST {target} HTTP/1.1\nContent-Type: application/octet-stream"),
            body,
        )
    };
    let mut body = b"\x00\x08\xff40/chat,".to_vec();
    assert_eq!(post(&body).text(), "ok");
    assert_eq!(server.get(&target).text(), "8:40/chat,");
    let mut reader = Socket::open(&server, "/topics/chat");
    let event = b"451-/chat,[\"m\",{\"_placeholder\":true,\"num\":0}]";
    body = vec![0, 4, 5, 0xff];
    assert_eq!(event.len(), 45);
    body.extend_from_slice(event);
    body.extend_from_slice(b"\x01\x04\xff\x04\x00\xff\x80");
    assert_eq!(post(&body).text(), "ok");
    assert_eq!(reader.hear(), Heard::Binary(b"\x00\xff\x80".to_vec()));
    server.ask("POST /topics/chat HTTP/1.1\nContent-Type: image/png", b"\x01\xff");
    assert_eq!(
        framed(&server.get(&target).body),
        [
            (
                0,
                b"451-/chat,[\"message\",{\"_placeholder\":true,\"num\":0}]".to_vec()
            ),
            (1, b"\x04\x01\xff".to_vec())
        ]
    );
}

#[test]
fn scripts_and_forms_carry_it_where_there_is_nothing_else() {
    let server = Running::with(ALLOWED);
    let (sid, answer) = begin(&server, "&j=5");
    assert_eq!(
        answer.header("content-type"),
        Some("text/javascript; charset=UTF-8")
    );
    assert!(answer.text().starts_with("___eio[5](\""), "{answer:?}");
    assert!(answer.text().ends_with("\");"));
    let target = |index: &str| format!("{V3}&j={index}&sid={sid}");
    let post = |body: &str| {
        let head = format!(
            "POST {} HTTP/1.1\nContent-Type: application/x-www-form-urlencoded",
            target("1")
        );
        server.ask(&head, body.as_bytes())
    };
    assert_eq!(post("d=6%3A40%2Fa%2C").status, 400, "its length is wrong");
    let (sid, _) = begin(&server, "&j=5");
    let target = |index: &str| format!("{V3}&j={index}&sid={sid}");
    let post = |body: &str| {
        let head = format!(
            "POST {} HTTP/1.1\nContent-Type: application/x-www-form-urlencoded",
            target("1")
        );
        server.ask(&head, body.as_bytes())
    };
    assert_eq!(post("d=5%3A40%2Fa%2C").text(), "ok");
    assert_eq!(server.get(&target("6")).text(), "___eio[6](\"5:40/a,\");");
    server.ask(
        "POST /topics/a HTTP/1.1\nContent-Type: application/json",
        "\"\u{2028}</script>\"".as_bytes(),
    );
    let answer = server.get(&target("7;alert(1)")).text();
    assert!(answer.starts_with("___eio[71](\""), "{answer}");
    assert!(
        !answer.contains('\u{2028}') && answer.contains("\\u2028"),
        "{answer}"
    );
    server.ask("POST /topics/a HTTP/1.1\nContent-Type: image/png", b"\x01\x02");
    let answer = server.get(&target("8")).text();
    assert!(answer.contains("b4AQI="), "{answer}");
    for form in ["", "x=1", "d=1:2&d=1:2", "d"] {
        let (sid, _) = begin(&server, "&j=5");
        let head = format!("POST {V3}&j=1&sid={sid} HTTP/1.1");
        refused(&server.ask(&head, form.as_bytes()), 3, "Bad request");
    }
}

#[test]
fn a_websocket_has_a_byte_before_binary() {
    let server = Running::with(ALLOWED);
    let mut socket = Socket::open(&server, "/socket.io/?EIO=3&transport=websocket");
    let open = opened(&socket.hear_text());
    assert_eq!(open["upgrades"], serde_json::json!([]));
    assert_eq!(socket.hear_text(), "40");
    socket.say("2");
    assert_eq!(socket.hear_text(), "3");
    socket.say("2probe");
    assert_eq!(socket.hear_text(), "3");
    socket.say("40/chat,");
    assert_eq!(socket.hear_text(), "40/chat,");
    let mut reader = Socket::open(&server, "/topics/chat?echo=0");
    socket.say("451-/chat,[\"m\",{\"_placeholder\":true,\"num\":0}]");
    socket.say_bytes(b"\x04\x00\x01");
    assert_eq!(reader.hear(), Heard::Binary(b"\x00\x01".to_vec()));
    reader.say_bytes(b"\x02");
    assert!(socket.hear_text().starts_with("451-/chat,["));
    assert_eq!(socket.hear(), Heard::Binary(b"\x04\x02".to_vec()));
    let mut base64 = Socket::open(&server, "/socket.io/?EIO=3&transport=websocket&b64=1");
    base64.hear_text();
    base64.hear_text();
    base64.say("40/chat,");
    assert_eq!(base64.hear_text(), "40/chat,");
    reader.say_bytes(b"\x02");
    assert!(base64.hear_text().starts_with("451-/chat,["));
    assert_eq!(base64.hear_text(), "b4Ag==");
}

#[test]
fn an_upgrade_carries_over_what_waits() {
    let server = Running::with(ALLOWED);
    for more in ["", "&b64=1"] {
        let answer = server.get(&format!("{V3}{more}"));
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let start = text.find("sid").unwrap();
        let sid = text[start..].split('"').find(|part| part.len() == 24).unwrap();
        let target = format!("{V3}{more}&sid={sid}");
        let post = |body: &str| server.ask(&format!("POST {target} HTTP/1.1"), body.as_bytes());
        assert_eq!(post("5:40/a,").text(), "ok");
        server.get(&target);
        assert_eq!(post("5:40/b,1:2").text(), "ok");
        let mut socket = Socket::open(&server, &target.replace("polling", "websocket"));
        socket.say("2probe");
        assert_eq!(socket.hear_text(), "3probe");
        socket.say("5");
        assert_eq!(socket.hear_text(), "40/b,");
        assert_eq!(socket.hear_text(), "3");
        socket.say("2");
        assert_eq!(socket.hear_text(), "3");
    }
}

#[test]
fn a_client_that_does_not_ping_is_given_up() {
    let server =
        Running::with("[socketio]\nallow-eio3 = true\nping-interval = \"50ms\"\nping-timeout = \"50ms\"\n");
    let (sid, _) = begin(&server, "");
    let mut socket = Socket::open(&server, "/socket.io/?EIO=3&transport=websocket");
    while !matches!(socket.hear(), Heard::Close(_)) {}
    drop(socket);
    server.await_metric(SESSIONS, 0);
    unknown(&server.get(&format!("{V3}&sid={sid}")));
    // One that does lives.
    let calm =
        Running::with("[socketio]\nallow-eio3 = true\nping-interval = \"1s\"\nping-timeout = \"2s\"\n");
    let mut http = Http::new(calm.connect());
    http.send(&format!("GET {V3}&b64=1 HTTP/1.1"), b"");
    let text = http.answer().text();
    let sid = text.split("\"sid\":\"").nth(1).unwrap()[..24].to_owned();
    for _ in 0..8 {
        std::thread::sleep(std::time::Duration::from_millis(500));
        http.send(&format!("POST {V3}&sid={sid} HTTP/1.1"), b"1:2");
        assert_eq!(http.answer().text(), "ok");
        http.send(&format!("GET {V3}&sid={sid} HTTP/1.1"), b"");
        assert_eq!(http.answer().text(), "1:3");
    }
}

#[test]
fn scripts_are_for_pages_of_any_origin_alone() {
    let closed = format!("{ALLOWED}[cors]\norigins = [\"https://example.com\"]\n");
    let server = Running::with(&closed);
    server.get(&format!("{V3}&j=0")).problem(403, "bad-origin");
    let (sid, _) = begin(&server, "&b64=1");
    let target = format!("{V3}&sid={sid}&j=1");
    server.get(&target).problem(403, "bad-origin");
    server
        .ask(&format!("POST {target} HTTP/1.1"), b"d=1%3A2")
        .problem(403, "bad-origin");
}

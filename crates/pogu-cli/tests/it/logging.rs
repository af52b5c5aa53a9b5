//! What the log tells, and at which level.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::PATIENCE;
use crate::harbour::Harbour;

/// Says something, and hears all until the server ends the connection.
fn say(harbour: &Harbour, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(&harbour.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes).unwrap();
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).unwrap();
    String::from_utf8_lossy(&heard).into_owned()
}

/// The body of the answer to a request.
fn ask(harbour: &Harbour, head: &str, body: &str) -> String {
    let length = body.len();
    let request =
        format!("{head} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    let answer = say(harbour, request.as_bytes());
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[test]
fn debug_tells_of_each_connection_and_each_refusal() {
    let harbour = Harbour::start(&["-v"]);
    say(&harbour, b"SUB a..b\nQUIT\n");
    let line = harbour.log_line("opened");
    assert!(line.contains("carrier=\"tcp\" dialect=\"pogu\""), "{line}");
    assert!(line.contains("remote=127.0.0.1:"), "{line}");
    assert!(harbour.log_line("command refused").contains("bad-topic"));
    let line = harbour.log_line("closed");
    assert!(
        line.contains("reason=\"finished\"") && line.contains("milliseconds="),
        "{line}"
    );
    ask(&harbour, "GET /topics/a..b?token=secret", "");
    assert!(harbour.log_line("opened").contains("carrier=\"http\""));
    let line = harbour.log_line("request refused");
    assert!(line.contains("status=400 reason=\"bad-topic\""), "{line}");
    assert!(!line.contains("secret"), "{line}");
    assert!(harbour.log_line("closed").contains("milliseconds="));
}

#[test]
fn what_a_client_does_not_get_by_mistake_is_warned_of() {
    let harbour = Harbour::start(&["--log-level", "info"]);
    say(&harbour, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
    assert!(harbour.log_line("WARN").contains("TLS"));
    ask(&harbour, "GET /socket.io/?EIO=3&transport=polling", "");
    assert!(harbour.log_line("WARN").contains("allow-eio3"));
    let polling = "/socket.io/?EIO=4&transport=polling";
    let open = ask(&harbour, &format!("GET {polling}"), "");
    let sid = open.split('"').nth(3).unwrap();
    let post = format!("POST {polling}&sid={sid}");
    assert_eq!(ask(&harbour, &post, "40"), "ok");
    assert_eq!(ask(&harbour, &post, r#"42["new\u001b[31ms",1]"#), "ok");
    let line = harbour.log_line("WARN");
    assert!(
        line.contains("dropped") && line.contains("subscribe(pattern)"),
        "{line}"
    );
    assert!(!line.contains("\u{1b}[31ms"), "{line}");
}

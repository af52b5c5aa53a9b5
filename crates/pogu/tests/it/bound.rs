//! Ports bound to a topic: devices that can say nothing but bytes.

use std::io::{Read, Write};

use crate::server::{Running, connect, hear_datagram, udp};

fn listen(address: &str, more: &str) -> Running {
    Running::with(&format!(
        "[[listen]]\naddress = \"127.0.0.1:0\"\n\
         [[listen]]\naddress = \"{address}://127.0.0.1:0\"\ntopic = \"telemetry.{{ip}}\"\n{more}"
    ))
}

const TOPIC: &str = "telemetry.127-0-0-1";

/// The messages of the bound topic once there are so many.
fn telemetry(server: &Running, count: usize) -> Vec<serde_json::Value> {
    let mut seen = Vec::new();
    let mut after = "earliest".to_owned();
    while seen.len() < count {
        let answer = server.get(&format!("/topics/{TOPIC}?wait=20&after={after}"));
        seen.extend(answer.json()["messages"].as_array().unwrap().clone());
        after = answer.json()["next"].as_str().unwrap().to_owned();
    }
    seen
}

#[test]
fn each_line_is_a_message_and_each_reply_a_line() {
    let server = listen("tcp", "reply-topic = \"commands.{ip}\"\n");
    let mut device = connect(server.addresses[1]);
    device.write_all(b"21.5\r\n\nhal").unwrap();
    let messages = telemetry(&server, 2);
    assert_eq!(messages[0]["data"], "21.5");
    assert_eq!(messages[1]["data"], "");
    device.write_all(b"f\n\xff\x00\nunfinished").unwrap();
    let messages = telemetry(&server, 4);
    assert_eq!(messages[2]["data"], "half");
    assert_eq!(messages[3]["base64"], "/wA=");
    server.publish("commands.127-0-0-1", b"blink");
    let mut reply = [0; 6];
    device.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"blink\n");
    device.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(device.read(&mut reply).unwrap(), 0);
    let messages = telemetry(&server, 5);
    assert_eq!(
        messages[4]["data"], "unfinished",
        "the last line may lack its end"
    );
}

#[test]
fn what_a_device_sends_before_it_goes_is_published() {
    let server = listen("tcp", "");
    let mut device = connect(server.addresses[1]);
    device.write_all(b"1\n2\n3").unwrap();
    drop(device);
    assert_eq!(telemetry(&server, 3).len(), 3);
    // Of a length that is not there it cannot be told what is missing.
    let server = listen("tcp", "framing = \"length\"\n");
    let mut device = connect(server.addresses[1]);
    device.write_all(b"\0\0\0\x01a\0\0\0\x02b").unwrap();
    device.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(device.read(&mut [0]).unwrap(), 0);
    assert_eq!(telemetry(&server, 1).len(), 1);
}

#[test]
fn a_web_page_is_no_device() {
    let server = listen("tcp", "");
    let mut page = connect(server.addresses[1]);
    page.write_all(b"POST / HTTP/1.1\r\nHost: x\r\n\r\n21.5\n")
        .unwrap();
    assert!(matches!(page.read(&mut [0]), Ok(0)));
    let mut device = connect(server.addresses[1]);
    device.write_all(b"Host: up\nGET / HTTP/1.1\n").unwrap();
    let messages = telemetry(&server, 2);
    assert_eq!(messages[0]["data"], "Host: up");
    assert_eq!(messages[1]["data"], "GET / HTTP/1.1");
}

#[test]
fn lengths_frame_any_bytes() {
    let server = listen("tcp", "framing = \"length\"\nreply-topic = \"commands.{ip}\"\n");
    let mut device = connect(server.addresses[1]);
    device.write_all(b"\0\0\0\x03a\nb\0\0\0\0\0\0\0\x01").unwrap();
    device.write_all(b"c").unwrap();
    let messages = telemetry(&server, 3);
    assert_eq!(messages[0]["data"], "a\nb");
    assert_eq!(messages[1]["data"], "");
    assert_eq!(messages[2]["data"], "c");
    server.publish("commands.127-0-0-1", b"\x00\n");
    let mut reply = [0; 6];
    device.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"\0\0\0\x02\x00\n");
}

#[test]
fn a_frame_over_the_limit_ends_the_connection() {
    for (framing, bytes) in [("length", b"\0\0\x03\xe9".to_vec()), ("line", vec![b'x'; 1001])] {
        let server = Running::with(&format!(
            "[limits]\nmessage = 1000\n[[listen]]\naddress = \"127.0.0.1:0\"\n\
             [[listen]]\naddress = \"tcp://127.0.0.1:0\"\ntopic = \"t\"\nframing = \"{framing}\"\n"
        ));
        let mut device = connect(server.addresses[1]);
        device.write_all(&bytes).unwrap();
        assert_eq!(device.read(&mut [0; 8]).unwrap(), 0, "{framing}");
    }
}

#[test]
fn each_datagram_is_a_message() {
    let server = listen("udp", "reply-topic = \"commands.{ip}\"\n");
    let device = udp(server.addresses[1]);
    device.send(b"SUB is just a body here\n").unwrap();
    device.send(b"\xff\n\x00").unwrap();
    let messages = telemetry(&server, 2);
    assert_eq!(messages[0]["data"], "SUB is just a body here\n");
    assert_eq!(messages[1]["base64"], "/woA");
    server.publish("commands.127-0-0-1", b"blink\n");
    assert_eq!(
        hear_datagram(&device),
        "blink\n",
        "within three times what it sent"
    );
}

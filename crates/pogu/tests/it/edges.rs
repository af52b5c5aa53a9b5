//! What does not fit, and what is not spoken here.

use std::io::{Read, Write};
use std::net::Shutdown;

use crate::server::{Http, Lines, Running, request};

#[test]
fn a_head_is_as_long_as_the_limit_allows() {
    let server = Running::with("[limits]\nhead = \"8KiB\"\n");
    let padded = |length: usize| format!("GET /healthz HTTP/1.1\nX-Padding: {}", "x".repeat(length));
    assert_eq!(server.ask(&padded(7 * 1024), b"").status, 200);
    assert_eq!(server.ask(&padded(9 * 1024), b"").status, 431);
}

#[test]
fn a_request_has_as_many_headers_as_the_limit() {
    let server = Running::with("[limits]\nheaders = 40\n");
    // Host is one of them.
    let with = |count: usize| {
        let headers: String = (1..count).map(|number| format!("\nX-{number}: x")).collect();
        server.ask(&format!("GET /healthz HTTP/1.1{headers}"), b"").status
    };
    assert_eq!(with(40), 200);
    assert_eq!(with(41), 431);
}

#[test]
fn a_head_that_does_not_end_is_given_up() {
    let server = Running::with("head-timeout = \"50ms\"\n");
    let mut stream = server.connect();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: te").unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{rest:?}");
}

#[test]
fn a_connection_may_be_idle_longer_than_a_head_may_take() {
    let server = Running::with("head-timeout = \"20ms\"\n");
    let mut http = Http::new(server.connect());
    for _ in 0..3 {
        http.send("GET /topics/a?wait=0.05 HTTP/1.1", b"");
        assert_eq!(http.answer().status, 200);
        http.send("GET /healthz HTTP/1.1", b"");
        assert_eq!(http.answer().status, 200);
        // However much longer it takes, it is never too long.
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    http.raw(b"GET /healthz HTTP/1.1\r\nHost: te");
    assert!(http.ends());
    let server = Running::with("keep-alive-timeout = \"20ms\"\n");
    let mut http = Http::new(server.connect());
    http.send("GET /topics/a?wait=0.1 HTTP/1.1", b"");
    assert_eq!(
        http.answer().status,
        200,
        "an answer may take longer than a client may be idle"
    );
    assert!(http.ends());
}

#[test]
fn an_idle_connection_ends_with_the_server() {
    let mut server = Running::start();
    let mut http = Http::new(server.connect());
    http.send("GET /healthz HTTP/1.1", b"");
    assert_eq!(http.answer().status, 200);
    server.tell_to_stop();
    assert!(http.ends());
    server.join();
}

#[test]
fn silence_may_become_anything_later() {
    let server = Running::with("sniff-timeout = \"10ms\"\n");
    let silent = ["pogu_connections{", "\"tcp\"", "\"unknown\""];
    for (bytes, answer) in [
        (
            request("GET /healthz HTTP/1.1\nConnection: close", b""),
            "HTTP/1.1 200",
        ),
        (b"PING\nQUIT\n".to_vec(), "PONG\nBYE quit"),
        (
            b"CONNECT\naccept-version:1.2\nhost:x\n\n\0DISCONNECT\n\n\0".to_vec(),
            "CONNECTED\nversion:1.2\n",
        ),
    ] {
        let mut stream = server.connect();
        server.await_metric(&silent, 1);
        stream.write_all(&bytes).unwrap();
        let mut heard = String::new();
        stream.read_to_string(&mut heard).unwrap();
        assert!(heard.starts_with(answer), "{heard:?}");
        server.await_metric(&silent, 0);
    }
    let stream = server.connect();
    server.await_metric(&silent, 1);
    drop(stream);
    server.await_metric(&silent, 0);
}

#[test]
fn silence_ends_with_the_server() {
    let mut server = Running::with("sniff-timeout = \"10ms\"\n");
    let mut stream = server.connect();
    server.await_metric(&["pogu_connections{", "\"tcp\"", "\"unknown\""], 1);
    server.tell_to_stop();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    drop(stream);
    server.join();
}

#[test]
fn http_does_not_get_into_lines() {
    let server = Running::start();
    let mut subscriber = Lines::new(&server);
    subscriber.ask("SUB chat", "OK");
    for request in [
        "PUB /topics/chat HTTP/1.1\r\nHost: x\r\n\r\nPUB chat :evil\n",
        "BREW / HTTP/1.1\r\n\r\nPUB chat :evil\n",
        "PING\r\nHost: x\r\n\r\nPUB chat :evil\n",
        "PING\r\nGET / HTTP/1.1\r\n\r\nPUB chat :evil\n",
    ] {
        let mut lines = Lines::new(&server);
        lines.say(request);
        let mut heard = lines.rest();
        let last = heard.pop().unwrap();
        assert!(last.starts_with("BYE http :"), "{last:?}");
        assert!(heard.iter().all(|line| line == "PONG"), "{heard:?}");
    }
    // A message may say what it likes.
    Lines::new(&server).ask("PUB chat :GET / HTTP/1.1", "OK");
    assert!(subscriber.hear().ends_with(" :GET / HTTP/1.1"));
}

#[test]
fn first_bytes_decide_however_they_are_cut() {
    let server = Running::start();
    for (bytes, answer) in [
        (
            request("GET /healthz HTTP/1.1\nConnection: close", b""),
            "HTTP/1.1 200",
        ),
        (b"PING\nQUIT\n".to_vec(), "PONG\nBYE quit"),
        (
            b"CONNECT\naccept-version:1.2\nhost:x\n\n\0DISCONNECT\n\n\0".to_vec(),
            "CONNECTED\nversion:1.2\n",
        ),
    ] {
        for cut in 1..bytes.len().min(24) {
            let mut stream = server.connect();
            stream.write_all(&bytes[..cut]).unwrap();
            stream.write_all(&bytes[cut..]).unwrap();
            let mut heard = String::new();
            stream.read_to_string(&mut heard).unwrap();
            assert!(heard.starts_with(answer), "cut at {cut}: {heard:?}");
        }
    }
}

#[test]
fn what_is_not_spoken_yet_is_refused_clearly() {
    let server = Running::start();
    let hear = |bytes: &[u8]| {
        let mut stream = server.connect();
        stream.write_all(bytes).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard);
        heard
    };
    assert_eq!(
        hear(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        [0x15, 3, 1, 0, 2, 2, 40]
    );
    assert!(hear(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nPING\n").is_empty());
    for reason in ["tls", "proxy-header"] {
        server.await_metric(&["pogu_connections_refused_total", reason], 1);
    }
}

#[test]
fn there_are_as_many_clients_as_the_limit() {
    let server = Running::with("[limits]\nconnections = 2\n");
    let mut first = Lines::new(&server);
    first.ask("PING", "PONG");
    let mut second = Lines::new(&server);
    second.ask("PING", "PONG");
    let mut third = Lines::new(&server);
    third.ask("PING", "BYE overloaded :limits.connections");
    first.ask("QUIT", "BYE quit");
    drop(first);
    // The place is free once the server has seen it go.
    let mut tries = (0..1000).map(|_| server.connect());
    let served = tries.any(|mut stream| {
        let mut pong = [0; 5];
        stream.write_all(b"PING\n").is_ok() && stream.read_exact(&mut pong).is_ok() && &pong == b"PONG\n"
    });
    assert!(served);
    second.ask("PING", "PONG");
}

#[test]
fn beyond_the_limit_health_is_told_and_why_there_is_no_more() {
    let server = Running::with("[limits]\nconnections = 1\n");
    let mut only = Lines::new(&server);
    only.ask("PING", "PONG");
    assert_eq!(server.get("/healthz").text(), "ok\n");
    server.get("/readyz").problem(503, "overloaded");
    let refusals = ["pogu_connections_refused_total", "limit-connections"];
    assert_eq!(server.metric(&refusals), 0);
    let page = server.ask("GET /topics/a HTTP/1.1\nOrigin: https://example.com", b"");
    assert_eq!(page.header("retry-after"), Some("1"));
    assert_eq!(page.header("access-control-allow-origin"), Some("*"));
    let problem = page.problem(503, "overloaded");
    assert!(problem["detail"].as_str().unwrap().contains("limits.connections"));
    server
        .ask("POST /topics/a HTTP/1.1", b"x")
        .problem(503, "overloaded");
    let mut stomp = server.connect();
    stomp
        .write_all(b"CONNECT\naccept-version:1.2\nhost:x\n\n\0")
        .unwrap();
    let mut heard = String::new();
    stomp.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "ERROR\nmessage:limits.connections is reached\n\n\0");
    drop(stomp);
    server.await_metric(&refusals, 3);
    only.ask("PING", "PONG");
}

#[test]
fn an_address_has_as_many_connections_as_one_may() {
    let server = Running::with("[limits]\nconnections-per-address = 2\n");
    let mut first = Lines::new(&server);
    first.ask("PING", "PONG");
    let mut second = Http::new(server.connect());
    second.send("GET /healthz HTTP/1.1", b"");
    assert_eq!(second.answer().status, 200);
    let mut third = server.connect();
    assert!(matches!(third.read(&mut [0]), Ok(0) | Err(_)));
    // A session counts like a connection.
    second.send("GET /socket.io/?EIO=4&transport=polling HTTP/1.1", b"");
    let refused = second.answer().problem(503, "overloaded");
    assert!(
        refused["detail"]
            .as_str()
            .unwrap()
            .contains("connections-per-address")
    );
    second.send("POST /pogu/000/me/xhr HTTP/1.1", b"");
    assert!(second.answer().text().contains("connections-per-address"));
    first.ask("QUIT", "BYE quit");
    assert!(first.rest().is_empty());
    drop(first);
    // The place is free once the server has seen it go.
    loop {
        second.send("GET /metrics HTTP/1.1", b"");
        let metrics = second.answer().text();
        let refused = metrics
            .lines()
            .any(|line| line == "pogu_connections_refused_total{reason=\"limit-connections-per-address\"} 1");
        assert!(refused, "{metrics}");
        if metrics.contains("pogu_connections{carrier=\"tcp\",dialect=\"pogu\"} 0") {
            break;
        }
    }
    Lines::new(&server).ask("PING", "PONG");
}

#[test]
fn nonsense_is_refused_and_the_server_lives_on() {
    let server = Running::start();
    for bytes in [
        &b"GET / HTTP/9.9\r\n\r\n"[..],
        b"GET  / HTTP/1.1\r\n\r\n",
        b"POST /topics/a HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /topics/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy",
        b"POST /topics/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense that is no frame at all",
        b"\xff\xff\xff\xff\n",
    ] {
        let mut stream = server.connect();
        stream.write_all(bytes).unwrap();
        let _ = stream.shutdown(Shutdown::Write);
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard);
        assert!(
            !heard.starts_with(b"HTTP/1.1 2"),
            "{:?}",
            String::from_utf8_lossy(&heard)
        );
    }
    let mut http = Http::new(server.connect());
    http.send("GET /healthz HTTP/1.1", b"");
    assert_eq!(http.answer().text(), "ok\n");
    assert!(server.get("/topics/a?after=earliest").bodies().is_empty());
}

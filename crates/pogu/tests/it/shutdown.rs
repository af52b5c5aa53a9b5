//! A server that stops tells each client in its own protocol, ends in time, and leaves its port free.

use std::io::Read;
use std::net::TcpStream;

use crate::server::{Http, Lines, Running, connect_narrow, hear_datagram, udp, value};
use crate::websocket::{Heard, Socket};

#[test]
fn each_client_is_told_in_its_own_protocol() {
    let mut server = Running::start();
    let mut websocket = Socket::open(&server, "/topics/a");
    let mut pogu = Socket::open(&server, "/pogu");
    let mut lines = Lines::new(&server);
    lines.ask("SUB a", "OK");
    let datagrams = udp(server.address());
    datagrams.send(b"SUB a").unwrap();
    let token = hear_datagram(&datagrams);
    let token = value(token.trim_end(), "token");
    datagrams.send(format!("SUB a token={token}").as_bytes()).unwrap();
    hear_datagram(&datagrams);
    let mut poll = Http::new(server.connect());
    poll.send("GET /topics/a?wait=60 HTTP/1.1", b"");
    let mut closing_poll = Http::new(server.connect());
    closing_poll.send("GET /topics/a?wait=60 HTTP/1.1\nConnection: close", b"");
    let mut events = Http::new(server.connect());
    events.send("GET /topics/a?via=sse HTTP/1.1", b"");
    events.head();
    let mut stream = Http::new(server.connect());
    stream.send("GET /topics/a?via=stream HTTP/1.1", b"");
    stream.head();
    let mut idle = Http::new(server.connect());
    idle.send("GET /healthz HTTP/1.1", b"");
    assert_eq!(idle.answer().status, 200);
    server.await_metric(&["pogu_connections{", "http-long-poll"], 2);

    server.tell_to_stop();
    assert_eq!(websocket.hear(), Heard::Close(Some(1001)));
    assert_eq!(pogu.hear(), Heard::Close(Some(1001)));
    assert!(lines.hear().starts_with("BYE shutting-down :"));
    assert_eq!(lines.hear(), "");
    assert!(hear_datagram(&datagrams).starts_with("BYE shutting-down :"));
    assert!(poll.answer().bodies().is_empty());
    assert!(poll.ends());
    assert!(closing_poll.answer().bodies().is_empty());
    let mut last = String::new();
    while let Some(line) = events.line() {
        if !line.is_empty() {
            last = line;
        }
    }
    assert!(last.starts_with(':'), "a stream says why, in a comment: {last:?}");
    while stream.line().is_some() {}
    assert!(idle.ends());
    drop((websocket, pogu, lines, poll, closing_poll, events, stream, idle));
    server.join();
}

#[test]
fn what_was_published_before_the_end_is_sent_before_the_goodbye() {
    let mut server = Running::start();
    let mut reader = Lines::new(&server);
    reader.ask("SUB a", "OK");
    let mut writer = Lines::new(&server);
    let commands: String = (0..200).map(|number| format!("PUB a :{number}\n")).collect();
    writer.say(commands);
    for _ in 0..200 {
        assert!(writer.hear().starts_with("OK"));
    }
    server.tell_to_stop();
    for number in 0..200 {
        let line = reader.hear();
        assert!(line.ends_with(&format!(" :{number}")), "{line}");
    }
    assert!(reader.hear().starts_with("BYE"));
}

#[test]
fn who_reads_slowly_has_until_the_end_of_the_timeout() {
    let mut server = Running::with("[limits]\nmailbox = \"16MiB\"\nmessage = \"64KiB\"\n");
    let mut reader = Lines::on(connect_narrow(server.address()));
    reader.ask("SUB a", "OK");
    let body = vec![b'x'; 60_000];
    for _ in 0..100 {
        server.publish("a", &body);
    }
    server.tell_to_stop();
    // Longer than one that has been told all has to close its side.
    std::thread::sleep(std::time::Duration::from_millis(2500));
    for _ in 0..100 {
        assert!(reader.hear().starts_with("MSG a "));
    }
    assert!(reader.hear().starts_with("BYE shutting-down"));
    drop(reader);
    server.join();
}

#[test]
fn its_port_is_free_for_the_next() {
    let mut server = Running::start();
    let mut lines = Lines::new(&server);
    lines.ask("PING", "PONG");
    let address = server.address();
    server.join();
    assert!(TcpStream::connect(address).is_err());
    let next = Running::with(&format!("[[listen]]\naddress = \"{address}\"\n"));
    assert_eq!(next.get("/healthz").text(), "ok\n");
}

#[test]
fn a_client_that_does_not_go_holds_nobody_up_for_ever() {
    let mut server = Running::with("shutdown-timeout = \"100ms\"\n");
    // It reads nothing, answers nothing and stays.
    let mut socket = Socket::open(&server, "/topics/a");
    let mut silent = server.connect();
    server.join();
    assert_eq!(socket.hear(), Heard::Close(Some(1001)));
    drop(socket);
    // Whatever it is told, it is not left open.
    let mut rest = Vec::new();
    let _ = silent.read_to_end(&mut rest);
}

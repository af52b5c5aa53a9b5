//! A server that stops tells every session, and waits for none.

use std::sync::mpsc;
use std::thread;

use super::client::{Session, SockJs};
use super::transport::{Frame, Transport};
use super::{echo, serve};
use crate::PATIENCE;
use crate::server::Running;
use crate::stomp::Stomp;
use crate::websocket::{Heard, Socket};
use pogu::Endpoint;

/// Waits for the server to end, but not for ever.
fn join(mut server: Running) {
    let (sender, ended) = mpsc::channel();
    thread::spawn(move || {
        server.join();
        sender.send(()).unwrap();
    });
    ended.recv_timeout(PATIENCE).expect("the server ends at once");
}

/// A client that stays away keeps its session longer than anybody waits.
const PATIENT: &str = "shutdown-timeout = \"1h\"\n[sockjs]\ndisconnect-delay = \"1h\"\n";

#[test]
fn every_receiver_hears_a_close_frame() {
    let mut server = serve(PATIENT, &[("/echo", echo())]);
    let mut streams: Vec<SockJs> = Vec::new();
    for base in ["/topics/a", "/pogu", "/echo"] {
        for transport in Transport::ALL {
            if !transport.is_poll() {
                streams.push(SockJs::open(&server, base, transport));
            }
        }
    }
    let polls: Vec<_> = [Transport::Xhr, Transport::Jsonp]
        .into_iter()
        .map(|transport| {
            let session = Session::new(&server, "/topics/a");
            session.open();
            (transport, session.wait(transport))
        })
        .collect();
    let mut raw = Socket::open(&server, "/pogu/websocket");
    server.await_metric(&["pogu_connections{", "\"websocket\""], 1);
    server.tell_to_stop();
    for stream in &mut streams {
        let close = Frame::Close(1001, "the server is shutting down".into());
        assert_eq!(stream.frame(), Some(close));
        if stream.transport == Transport::WebSocket {
            assert_eq!(stream.socket().hear(), Heard::Close(Some(1000)));
            assert_eq!(stream.socket().hear(), Heard::End);
        }
    }
    for (transport, mut poll) in polls {
        let close = "c[1001,\"the server is shutting down\"]";
        assert_eq!(poll.answer().text(), transport.wrap(close));
    }
    assert_eq!(raw.hear(), Heard::Close(Some(1001)));
    drop((streams, raw));
    join(server);
}

#[test]
fn a_stomp_client_is_told_in_its_own_words_first() {
    let mut server = serve(PATIENT, &[]);
    let mut clients: Vec<Stomp> = Transport::ALL
        .into_iter()
        .filter(|transport| !transport.is_poll())
        .map(|transport| Stomp::sockjs(&server, transport))
        .collect();
    let mut poller = Stomp::sockjs(&server, Transport::Xhr);
    let mut poll = poller.client().session.wait(Transport::Xhr);
    server.tell_to_stop();
    for client in &mut clients {
        client.is_refused("the server is shutting down");
        assert_eq!(client.closed, Some(1001));
    }
    let last = poll.answer().text();
    assert!(
        last.starts_with("a[\"ERROR\\nmessage:the server is shutting down"),
        "{last}"
    );
    drop(clients);
    join(server);
}

#[test]
fn sessions_that_nobody_receives_are_not_waited_for() {
    let closed = Endpoint::new(|_, _| {}).on_open(|socket| socket.close(3000, "Go away!"));
    let server = serve(PATIENT, &[("/close", closed), ("/echo", echo())]);
    // One with nothing to say, one with something, one that is closed, one whose client has gone.
    Session::new(&server, "/topics/a").open();
    let session = Session::new(&server, "/echo");
    session.open();
    session.send("[\"unheard\"]");
    let session = Session::new(&server, "/close");
    session.open();
    assert_eq!(session.poll(), "c[3000,\"Go away!\"]\n");
    let mut gone = SockJs::open(&server, "/echo", Transport::XhrStreaming);
    gone.say("a");
    assert_eq!(gone.hear(), "a");
    gone.cut();
    while gone.frame() != Some(Frame::Close(1002, "Connection interrupted".into())) {}
    join(server);
}

//! STOMP by SockJS: what is no text, and what returns to a queue.

use super::serve;
use super::transport::{Frame, Transport};
use crate::server::Running;
use crate::stomp::Stomp;

/// Hears the ERROR that a body is no text, and the end.
#[track_caller]
fn is_refused(client: &mut Stomp, name: &str) {
    let error = client.is_refused("binary body");
    assert!(
        error.text().contains("is not UTF-8") && error.text().contains(&format!("`{name}`")),
        "{error:?}"
    );
    assert_eq!(client.closed, Some(1008));
}

#[test]
fn a_body_that_is_not_utf_8_ends_the_session_and_says_so() {
    let server = serve("", &[]);
    for transport in Transport::ALL {
        let name = transport.name();
        let mut client = Stomp::sockjs(&server, transport);
        client.subscribe("1", &format!("/topic/{name}"));
        let mut producer = Stomp::new(&server);
        let topic = format!("/topic/{name}");
        // Binary by its type, and text nevertheless.
        let post = format!("POST /topics/{name} HTTP/1.1\nContent-Type: application/octet-stream");
        assert_eq!(server.ask(&post, b"text").status, 200);
        let message = client.hear_message();
        assert_eq!(message.text(), "text");
        assert_eq!(message.the("content-type"), "application/octet-stream");
        // What comes before is heard.
        producer.send(&topic, "before");
        producer.send(&topic, b"\xff\xfe");
        producer.send(&topic, "after");
        assert_eq!(client.hear_message().text(), "before", "{transport:?}");
        is_refused(&mut client, name);
    }
    // The session's subscriptions have gone, and others were not disturbed.
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn the_same_from_a_queue_goes_back_to_it() {
    let server = serve("", &[]);
    for transport in Transport::ALL {
        for ack in ["auto", "client", "client-individual"] {
            let name = format!("{}.{ack}", transport.name());
            let queue = format!("/queue/{name}");
            let mut client = Stomp::sockjs(&server, transport);
            client.ask(&format!("SUBSCRIBE\nid:q\ndestination:{queue}\nack:{ack}"));
            let mut producer = Stomp::new(&server);
            producer.send(&queue, b"\xff\xfe");
            producer.send(&queue, "after");
            is_refused(&mut client, &name);
            let mut other = Stomp::new(&server);
            other.say(format!("SUBSCRIBE\nid:q\ndestination:{queue}\nack:client\n\n\0"));
            assert_eq!(other.hear_message().body, b"\xff\xfe");
            assert_eq!(other.hear_message().body, b"after");
        }
    }
}

/// A client by a stream that has taken one delivery of `/queue/q` and not acknowledged it.
fn with_delivery(server: &Running, transport: Transport, body: &str) -> Stomp {
    let mut client = Stomp::sockjs(server, transport);
    client.ask("SUBSCRIBE\nid:q\ndestination:/queue/q\nack:client-individual");
    Stomp::new(server).publish("/queue/q", body);
    assert_eq!(client.hear_message().text(), body);
    client
}

#[track_caller]
fn comes_back(server: &Running, body: &str) {
    let mut other = Stomp::new(server);
    other.say("SUBSCRIBE\nid:q\ndestination:/queue/q\nack:client-individual\n\n\0");
    let message = other.hear_message();
    assert_eq!(message.text(), body);
    other.ask(&format!("ACK\nid:{}", message.ack()));
}

#[test]
fn a_delivery_returns_at_once_when_its_stream_is_cut() {
    // Nobody waits for the delay.
    let server = serve("[sockjs]\ndisconnect-delay = \"1h\"\n", &[]);
    for transport in Transport::STREAMS {
        let mut client = with_delivery(&server, transport, transport.name());
        client.client().cut();
        comes_back(&server, transport.name());
        while client.client().frame() == Some(Frame::Close(2010, "Another connection still open".into())) {}
    }
    let mut client = with_delivery(&server, Transport::WebSocket, "websocket");
    client.client().cut();
    comes_back(&server, "websocket");
}

#[test]
fn a_delivery_returns_when_its_client_asks_no_more() {
    let server = serve(
        "[sockjs]\ndisconnect-delay = \"50ms\"\nresponse-limit = \"4KiB\"\n",
        &[],
    );
    let body = "x".repeat(4096);
    for transport in Transport::STREAMS {
        // The delivery has ended the response.
        let _client = with_delivery(&server, transport, &body);
        comes_back(&server, &body);
        server.await_metric(&["pogu_connections{", "sockjs"], 0);
    }
}

#[test]
fn what_ended_a_response_is_accepted_when_its_client_asks_again() {
    let server = serve("[sockjs]\nresponse-limit = \"4KiB\"\n", &[]);
    let body = "x".repeat(4096);
    for transport in Transport::ALL {
        let mut client = Stomp::sockjs(&server, transport);
        client.ask("SUBSCRIBE\nid:q\ndestination:/queue/q");
        Stomp::new(&server).publish("/queue/q", &body);
        assert_eq!(client.hear_message().text(), body);
        client.ask("UNSUBSCRIBE\nid:q");
        assert_eq!(server.metric(&["pogu_queue_messages"]), 0, "{transport:?}");
    }
}

#[test]
fn heart_beats_ride_too() {
    let server = serve("", &[]);
    let mut clients = Transport::ALL.map(|transport| Stomp::sockjs_before(&server, transport));
    for client in &mut clients {
        let connected = client.connect("1.2", "heart-beat:0,500\n");
        assert!(connected.the("heart-beat").starts_with("500,"), "{connected:?}");
    }
    for client in &mut clients {
        assert_eq!(client.client().hear(), "\n");
    }
}

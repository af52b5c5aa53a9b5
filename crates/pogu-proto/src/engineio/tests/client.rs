use super::*;

const POLLING: Transport = Transport::Polling;
const WEBSOCKET: Transport = Transport::WebSocket;
const OPEN: &str = r#"{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;

fn opened(transport: Transport) -> Client {
    let mut client = Client::new(transport);
    let event = client.receive(Time(0), transport, Ok(Packet::Open(OPEN)));
    assert!(matches!(event, Ok(Some(ClientEvent::Open(_)))));
    client
}

fn open_of(json: &str) -> Option<Open<'_>> {
    match Client::new(POLLING).receive(Time(0), POLLING, Ok(Packet::Open(json))) {
        Ok(Some(ClientEvent::Open(open))) => Some(open),
        Err(ServerViolation::Handshake) => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn handshakes_are_read() {
    let open = Open {
        sid: "lv_VI97HAXpY6yYWAAAC".into(),
        may_upgrade: true,
        ping_interval: 25_000,
        ping_timeout: 20_000,
        max_payload: 1_000_000,
    };
    assert_eq!(open_of(OPEN), Some(open.clone()));
    let odd = r#" { "more":[{}], "pingTimeout" : 0, "sid":"a\/b", "upgrades":["webtransport"], "pingInterval":86400000 } "#;
    assert_eq!(
        open_of(odd),
        Some(Open {
            sid: "a/b".into(),
            may_upgrade: false,
            ping_interval: 86_400_000,
            ping_timeout: 0,
            max_payload: 0,
        })
    );
    let without = OPEN.replace("\"upgrades\":[\"websocket\"],", "");
    assert_eq!(open_of(&without).map(|open| open.may_upgrade), Some(false));
}

#[test]
fn handshakes_that_are_refused() {
    for json in [
        "",
        "{}",
        "[]",
        "null",
        "{\"sid\":\"a\",\"pingInterval\":1}",
        "{\"sid\":\"a\",\"pingInterval\":1,\"pingTimeout\":2",
        "{\"sid\":\"\",\"pingInterval\":1,\"pingTimeout\":2}",
        "{\"sid\":1,\"pingInterval\":1,\"pingTimeout\":2}",
        "{\"sid\":\"a\",\"pingInterval\":-1,\"pingTimeout\":2}",
        "{\"sid\":\"a\",\"pingInterval\":1.5,\"pingTimeout\":2}",
        "{\"sid\":\"a\",\"pingInterval\":\"1\",\"pingTimeout\":2}",
        "{\"sid\":\"a\",\"pingInterval\":1,\"pingTimeout\":86400001}",
        "{\"sid\":\"a\",\"pingInterval\":1,\"pingTimeout\":2,\"maxPayload\":-5}",
    ] {
        assert_eq!(open_of(json), None, "{json}");
    }
    let of_length = |length| OPEN.replace("lv_VI97HAXpY6yYWAAAC", &"s".repeat(length));
    assert!(open_of(&of_length(256)).is_some() && open_of(&of_length(257)).is_none());
    let mut client = Client::new(WEBSOCKET);
    let event = client.receive(Time(0), WEBSOCKET, Ok(Packet::Ping("")));
    assert_eq!(
        (event, client.is_closed()),
        (Err(ServerViolation::Unexpected), true)
    );
}

#[test]
fn messages_wait_for_the_handshake() {
    for transport in [POLLING, WEBSOCKET] {
        let client = Client::new(transport);
        assert_eq!(
            (client.output(), client.polls(), client.deadline()),
            (None, false, None)
        );
        let client = opened(transport);
        assert_eq!(
            (client.output(), client.polls()),
            (Some(transport), transport == POLLING)
        );
    }
}

#[test]
fn packets_are_taken_up() {
    let mut client = opened(POLLING);
    for (packet, event) in [
        (
            Packet::Message(Data::Text("a")),
            Some(ClientEvent::Message(Data::Text("a"))),
        ),
        (Packet::Ping(""), Some(ClientEvent::Ping)),
        (Packet::Noop, None),
        (Packet::Close, Some(ClientEvent::Closed)),
        (Packet::Message(Data::Text("a")), None),
    ] {
        assert_eq!(client.receive(Time(1), POLLING, Ok(packet)), Ok(event));
    }
    assert!(client.is_closed() && client.output().is_none() && client.deadline().is_none());
    for packet in [Packet::Open(OPEN), Packet::Pong(""), Packet::Upgrade] {
        let mut client = opened(WEBSOCKET);
        let event = client.receive(Time(1), WEBSOCKET, Ok(packet));
        assert_eq!(
            (event, client.is_closed()),
            (Err(ServerViolation::Unexpected), true)
        );
    }
    let mut client = opened(WEBSOCKET);
    let error = PacketError::Empty;
    assert_eq!(client.receive(Time(1), WEBSOCKET, Err(error)), Err(error.into()));
}

#[test]
fn a_ping_is_wanted_in_time() {
    let mut client = opened(WEBSOCKET);
    assert_eq!(client.deadline(), Some(Time(45_000)));
    // No other packet stands for one.
    client.receive(Time(30_000), WEBSOCKET, Ok(Packet::Noop)).unwrap();
    client
        .receive(Time(40_000), WEBSOCKET, Ok(Packet::Ping("")))
        .unwrap();
    assert_eq!(
        (client.tick(Time(84_999)), client.deadline()),
        (Ok(()), Some(Time(85_000)))
    );
    assert_eq!(client.tick(Time(85_000)), Err(ServerViolation::Silence));
    assert!(client.is_closed());
    assert_eq!(client.tick(Time(85_000)), Ok(()));
}

#[test]
fn it_upgrades() {
    let mut client = opened(POLLING);
    assert!(client.probe() && !client.probe());
    // Polling goes on until the probe is answered.
    assert_eq!((client.output(), client.polls()), (Some(POLLING), true));
    let event = client.receive(Time(1), WEBSOCKET, Ok(Packet::Pong("probe")));
    assert_eq!(event, Ok(Some(ClientEvent::Probed)));
    assert_eq!((client.output(), client.polls()), (None, false));
    // What the last poll brings.
    let message = Packet::Message(Data::Text("a"));
    assert_eq!(
        client.receive(Time(2), POLLING, Ok(message)),
        Ok(Some(ClientEvent::Message(Data::Text("a"))))
    );
    assert_eq!(client.receive(Time(2), POLLING, Ok(Packet::Noop)), Ok(None));
    client.upgrade();
    assert_eq!((client.output(), client.polls()), (Some(WEBSOCKET), false));
    client.websocket_lost();
    assert!(client.is_closed());
}

#[test]
fn an_upgrade_that_fails_leaves_it_on_polling() {
    for answer in [
        Ok(Packet::Pong("")),
        Ok(Packet::Ping("probe")),
        Err(PacketError::Empty),
    ] {
        let mut client = opened(POLLING);
        client.probe();
        let event = client.receive(Time(1), WEBSOCKET, answer);
        assert_eq!(event, Ok(Some(ClientEvent::ProbeFailed)));
        assert_eq!(
            client.receive(Time(1), WEBSOCKET, Ok(Packet::Pong("probe"))),
            Ok(None)
        );
        client.upgrade();
        assert_eq!((client.output(), client.polls()), (Some(POLLING), true));
    }
    let mut client = opened(POLLING);
    client.probe();
    client.websocket_lost();
    assert!(client.probe());
    client
        .receive(Time(1), WEBSOCKET, Ok(Packet::Pong("probe")))
        .unwrap();
    client.websocket_lost();
    assert_eq!((client.output(), client.polls()), (Some(POLLING), true));
    client.close();
    assert!(client.is_closed() && !client.probe());
}

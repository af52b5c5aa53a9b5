//! What has broken servers of this kind.

use super::peer::SocketIo;
use crate::engineio::{By, Client, POLLING, Polls, WAYS};
use crate::server::{Http, Running};

/// The server is as well as before: who was there is, and a new client is served by whatever way.
fn is_well(server: &Running, neighbour: &mut SocketIo) {
    neighbour.publish("/well", "[\"still\"]");
    for by in WAYS {
        let mut client = SocketIo::join_by(server, by, "/well");
        client.publish("/well", "[\"new\"]");
        assert_eq!(neighbour.hear(), "2/well,[\"new\"]", "{by:?}");
    }
}

/// CVE-2022-2421: the number of a placeholder was whatever index the client liked.
#[test]
fn placeholders_have_numbers_of_buffers() {
    let server = Running::start();
    let mut neighbour = SocketIo::join(&server, "/well");
    for placeholder in [
        "{\"_placeholder\":true,\"num\":\"splice\"}",
        "{\"_placeholder\":true,\"num\":\"constructor\"}",
        "{\"_placeholder\":true,\"num\":\"0\"}",
        "{\"_placeholder\":true,\"num\":1}",
        "{\"_placeholder\":true,\"num\":-1}",
        "{\"_placeholder\":true,\"num\":0.5}",
        "{\"_placeholder\":true,\"num\":1e0}",
        "{\"_placeholder\":true,\"num\":18446744073709551616}",
        "{\"_placeholder\":true,\"num\":null}",
        "{\"_placeholder\":true,\"num\":[0]}",
        "{\"_placeholder\":true}",
        "{\"_placeholder\":1,\"num\":0}",
        "{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":0}",
        "{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":\"splice\"}",
        "1",
    ] {
        for head in ["51-/a,", "51-/a,7"] {
            let mut client = SocketIo::join(&server, "/a");
            client.say(&format!("{head}[\"x\",{placeholder}]"));
            client.say_bytes(&[1]);
            assert!(client.ends(), "{placeholder}");
        }
    }
    // By a name that is special elsewhere it is as good as by any.
    let mut client = SocketIo::join(&server, "/a");
    client.say("51-/a,7[\"x\",{\"__proto__\":{\"_placeholder\":true,\"num\":0}},{\"num\":0}]");
    client.say_bytes(&[1]);
    assert!(client.hear().starts_with("3/a,7[{\"cursor\""));
    is_well(&server, &mut neighbour);
}

/// CVE-2023-32695: an event that is no string ended the process. CVE-2024-38355: so did one with the name of a listener that nobody had.
#[test]
fn events_are_named_by_strings_and_by_any_that_is_not_reserved() {
    let server = Running::start();
    let mut neighbour = SocketIo::join(&server, "/well");
    for event in [
        "[{\"toString\":\"foo\"}]",
        "[{\"toString\":\"foo\"},1]",
        "[[]]",
        "[[[\"x\"]]]",
        "[null,1]",
        "[true]",
        "{\"0\":\"x\",\"length\":1}",
        "{\"toString\":\"foo\"}",
    ] {
        for by in WAYS {
            let mut client = SocketIo::join_by(&server, by, "/a");
            client.say(&format!("2/a,{event}"));
            assert!(client.ends(), "{event} by {by:?}");
        }
    }
    let mut client = SocketIo::join(&server, "/a");
    let mut other = SocketIo::join(&server, "/a");
    for name in [
        "error",
        "__proto__",
        "constructor",
        "toString",
        "hasOwnProperty",
        "\\u0000",
    ] {
        let event = format!("[\"{name}\",1]");
        if name == "\\u0000" {
            client.emit("/a", &event);
            continue;
        }
        client.publish("/a", &event);
        assert_eq!(other.hear(), format!("2/a,{event}"));
    }
    is_well(&server, &mut neighbour);
}

/// CVE-2020-36049: many packets, or one that announces what never comes.
#[test]
fn packets_that_never_become_whole_are_cheap() {
    let server = Running::start();
    let mut neighbour = SocketIo::join(&server, "/well");
    for packet in [
        "599999999999999999999-[\"x\"]",
        "54294967296-[\"x\"]",
        "511-/a,[\"x\"]",
        "5-1-/a,[\"x\"]",
    ] {
        let mut client = SocketIo::join(&server, "/a");
        client.say(packet);
        assert!(client.ends(), "{packet}");
    }
    // Text within a packet with buffers, and buffers without one.
    let placeholder = "{\"_placeholder\":true,\"num\":0}";
    for by in WAYS {
        let mut client = SocketIo::join_by(&server, by, "/a");
        client.say(&format!("51-/a,[\"x\",{placeholder}]"));
        client.say("2/a,[\"y\"]");
        assert!(client.ends(), "{by:?}");
        let mut client = SocketIo::join_by(&server, by, "/a");
        client.say_bytes(&[1, 2, 3]);
        assert!(client.ends(), "{by:?}");
        let mut client = SocketIo::open(&server, by);
        client.say_bytes(&[1, 2, 3]);
        assert!(client.ends(), "{by:?}");
    }
    // A client that goes before its buffers have come, or leaves the namespace.
    for by in WAYS {
        let mut client = SocketIo::join_by(&server, by, "/a");
        client.say(&format!("51-/a,[\"x\",{placeholder}]"));
        drop(client);
    }
    // As many packets as a payload holds.
    let mut polls = Polls::open(&server);
    let payload = ["6"; 400_000].join("\u{1e}");
    assert!(matches!(polls.post(&payload).status, 200 | 400));
    is_well(&server, &mut neighbour);
}

#[test]
fn numbers_of_acknowledgements_are_whatever_they_like() {
    let server = Running::start();
    let mut client = SocketIo::join(&server, "/a");
    // Nobody has asked for these.
    for packet in ["3/a,0[]", "3/a,7[\"x\",{}]", "3/a,9007199254740991[1]"] {
        client.say(packet);
    }
    // The same twice, and a large one.
    for _ in 0..2 {
        client.say("2/a,5[\"x\"]");
        assert!(client.hear().starts_with("3/a,5[{\"cursor\""));
    }
    client.say("2/a,9007199254740991[\"x\"]");
    assert!(client.hear().starts_with("3/a,9007199254740991[{\"cursor\""));
}

/// CVE-2020-28481: a page of any origin could use the session of another, with its cookies.
#[test]
fn a_page_elsewhere_is_refused() {
    let server = Running::with("[cors]\norigins = [\"https://example.com\"]\n");
    let ask = |head: &str| server.ask(head, b"");
    let evil = ask(&format!("GET {POLLING} HTTP/1.1\nOrigin: https://evil.example"));
    assert_eq!(evil.header("access-control-allow-origin"), None, "{evil:?}");
    assert_eq!(evil.header("access-control-allow-credentials"), None);
    let own = ask(&format!("GET {POLLING} HTTP/1.1\nOrigin: https://example.com"));
    assert_eq!(own.status, 200);
    assert_eq!(
        own.header("access-control-allow-origin"),
        Some("https://example.com")
    );
    assert_eq!(own.header("access-control-allow-credentials"), None);
    let upgrade = format!(
        "GET {} HTTP/1.1\nOrigin: https://evil.example\nUpgrade: websocket\nConnection: Upgrade\n\
         Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        crate::engineio::WEBSOCKET
    );
    let mut http = Http::new(server.connect());
    http.send(&upgrade, b"");
    assert!(matches!(http.head().status, 400 | 403));
    assert!(matches!(Client::open(&server, By::Polls), Client::Polls(_)));
}

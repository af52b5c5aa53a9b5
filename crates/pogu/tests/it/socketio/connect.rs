//! Joining and leaving namespaces, and what a client may not say.

use pogu::socketio::Namespace;

use super::peer::SocketIo;
use crate::engineio::{By, SESSIONS, WAYS};
use crate::server::Running;

fn two() -> Running {
    Running::built("", |builder| {
        builder
            .socketio("/", Namespace::relay())
            .socketio("/custom", Namespace::relay())
    })
}

#[test]
fn namespaces_are_joined_each_with_an_id_of_its_own() {
    let server = two();
    for by in WAYS {
        let mut client = SocketIo::open(&server, by);
        client.say("0");
        let answer = client.hear();
        // Nothing but the id: suites compare.
        let sid = answer.strip_prefix("0{\"sid\":\"").unwrap().strip_suffix("\"}");
        assert!(sid.is_some_and(|sid| sid.len() >= 20), "{answer}");
        let other = client.enter("/custom", "{\"token\":\"x\"}");
        assert_ne!(Some(&*other.sid), sid);
        assert_eq!(other.pid, None);
    }
}

#[test]
fn a_namespace_that_is_not_there_is_refused_and_the_connection_goes_on() {
    let server = two();
    for by in WAYS {
        let mut client = SocketIo::open(&server, by);
        for packet in ["0/random", "0/random,", "0/random,{\"a\":1}"] {
            client.say(packet);
            assert_eq!(client.hear(), "4/random,{\"message\":\"Invalid namespace\"}");
        }
        client.enter("/custom", "");
    }
}

#[test]
fn without_code_what_is_no_topic_is_no_namespace() {
    let server = Running::start();
    let mut client = SocketIo::open(&server, By::WebSocket);
    for name in ["/$socketio", "/a..b", "/a.*", "/a/>", "/a b", "/a//b"] {
        client.say(&format!("0{name},"));
        let answer = client.hear();
        let refused = format!("4{name},{{\"message\":\"Invalid namespace\",\"data\":{{\"why\":\"");
        assert!(answer.starts_with(&refused), "{answer}");
    }
    client.enter("/a/b", "");
    // Even one that is longer than any topic ends nothing but itself.
    let long = "x".repeat(1000);
    client.say(&format!("0/{long},"));
    assert!(
        client
            .hear()
            .starts_with(&format!("4/{long},{{\"message\":\"Invalid namespace\""))
    );
    client.publish("/a/b", "[\"x\"]");
}

#[test]
fn a_namespace_begins_where_its_client_asks() {
    let server = Running::with("[[topics]]\npattern = \"short\"\nhistory = 2\n");
    let cursors: Vec<String> = (0..4)
        .map(|number| server.publish("a", number.to_string().as_bytes()))
        .collect();
    for by in WAYS {
        for (after, numbers) in [
            ("earliest", 0..4),
            ("last:2", 2..4),
            (&*cursors[0], 1..4),
            (&*cursors[3], 4..4),
        ] {
            let mut client = SocketIo::open(&server, by);
            client.enter("/a", &format!("{{\"token\":\"x\",\"after\":\"{after}\"}}"));
            for number in numbers {
                assert_eq!(
                    client.hear(),
                    format!("2/a,[\"message\",\"{number}\"]"),
                    "{after}"
                );
            }
        }
    }
    let cursors: Vec<String> = (0..4)
        .map(|number| server.publish("short", number.to_string().as_bytes()))
        .collect();
    let mut client = SocketIo::open(&server, By::WebSocket);
    client.enter("/short", &format!("{{\"after\":\"{}\"}}", cursors[0]));
    assert_eq!(
        client.hear(),
        "2/short,[\"gap\",{\"gap\":true,\"topic\":\"short\"}]"
    );
    assert_eq!(client.hear(), "2/short,[\"message\",\"2\"]");
    assert_eq!(client.hear(), "2/short,[\"message\",\"3\"]");
    for wrong in ["\"yesterday\"", "7", "null"] {
        client.say(&format!("0/b,{{\"after\":{wrong}}}"));
        let answer = client.hear();
        assert!(answer.starts_with("4/b,{\"message\":\"bad cursor: "), "{answer}");
    }
}

#[test]
fn requests_go_to_the_path_that_is_configured() {
    let server = Running::with("[socketio]\npath = \"/my/io\"\n");
    for path in ["/my/io/", "/my/io"] {
        let answer = server.get(&format!("{path}?EIO=4&transport=polling"));
        assert!(answer.text().starts_with("0{"), "{answer:?}");
    }
    assert_eq!(server.get("/socket.io/?EIO=4&transport=polling").status, 404);
}

#[test]
fn what_cannot_be_read_closes_the_connection() {
    let server = two();
    for packet in [
        "abc",
        "",
        "9",
        "7[]",
        "0{",
        "0[]",
        "0\"x\"",
        "0null",
        "2{}",
        "2",
        "2[]",
        "2[1",
        "2abc[\"x\"]",
        "2\"x\"",
        "2[null]",
        "2[{}]",
        "2[[\"x\"]]",
        "2[\"x\"",
        "2[\"x\"]]",
        "2[\"connect\"]",
        "2[\"disconnect\"]",
        "2[\"connect_error\"]",
        "2[\"disconnecting\"]",
        "2[\"newListener\"]",
        "2[\"removeListener\"]",
        "3[]",
        "30",
        "30{}",
        "4{\"message\":\"x\"}",
        "5[\"x\"]",
        "5-[\"x\"]",
        "6[]",
        "2-1[\"x\"]",
        "299999999999999999999[\"x\"]",
    ] {
        let mut client = SocketIo::join(&server, "/");
        client.say(packet);
        assert!(client.ends(), "{packet}");
    }
    for by in WAYS {
        for packet in ["abc", "2{}", "2abc[\"x\"]"] {
            let mut client = SocketIo::join_by(&server, by, "/");
            client.say(packet);
            assert!(client.ends(), "{packet} by {by:?}");
        }
    }
    server.await_metric(SESSIONS, 0);
}

#[test]
fn a_namespace_is_joined_once_and_before_anything_is_said_in_it() {
    let server = two();
    for packet in [
        "0",
        "0{\"again\":1}",
        "2/custom,[\"x\"]",
        "1/custom,",
        "3/custom,0[]",
        "51-/custom,[\"x\"]",
    ] {
        let mut client = SocketIo::join(&server, "/");
        client.say(packet);
        assert!(client.ends(), "{packet}");
    }
    for packet in ["2[\"x\"]", "1", "30[]", "4{\"message\":\"x\"}"] {
        let mut client = SocketIo::open(&server, By::WebSocket);
        client.say(packet);
        assert!(client.ends(), "{packet}");
    }
}

#[test]
fn who_leaves_a_namespace_keeps_the_others_and_may_come_back() {
    let server = Running::start();
    for by in WAYS {
        let mut client = SocketIo::open(&server, by);
        let first = client.enter("/a", "");
        client.enter("/b", "");
        client.say("1/a,");
        client.publish("/b", "[\"still there\"]");
        // Nothing of the namespace that it has left.
        server.publish("a", b"1");
        server.publish("b", b"2");
        assert_eq!(client.hear(), "2/b,[\"message\",\"2\"]");
        assert_ne!(client.enter("/a", ""), first);
        server.publish("a", b"3");
        assert_eq!(client.hear(), "2/a,[\"message\",\"3\"]");
        client.say("1/a");
        client.say("2/a,[\"gone\"]");
        assert!(client.ends());
    }
}

#[test]
fn who_joins_nothing_in_time_is_closed_and_others_are_not() {
    let server = Running::with("[socketio]\nconnect-timeout = \"500ms\"\n");
    let mut joined = SocketIo::join(&server, "/a");
    let mut others: Vec<SocketIo> = WAYS
        .iter()
        .chain(&WAYS)
        .map(|by| SocketIo::open(&server, *by))
        .collect();
    // To be refused is not to join.
    for other in &mut others[3..] {
        other.say("0/$server,");
    }
    for other in &mut others {
        assert!(other.ends());
    }
    joined.publish("/a", "[\"x\"]");
    joined.say("1/a,");
    joined.enter("/b", "");
    server.await_metric(SESSIONS, 1);
}

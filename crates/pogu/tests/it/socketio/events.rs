//! Events and acknowledgements, as the public suite has them: what a client says comes back to the byte.

use pogu::socketio::Namespace;

use super::peer::SocketIo;
use crate::engineio::WAYS;
use crate::server::Running;

/// The namespaces of the suite.
fn server() -> Running {
    let namespace = || {
        Namespace::new()
            .on_connect(|socket, auth| {
                socket.emit("auth", auth);
                Ok(())
            })
            .on_event("message", |socket, event| {
                let args: Vec<_> = event.args.iter().collect();
                socket.emit_args("message-back", &args);
            })
            .on_event("message-with-ack", |socket, event| {
                let args: Vec<_> = event.args.iter().collect();
                socket.ack(&args);
            })
    };
    Running::built("", |builder| {
        builder
            .socketio("/", namespace())
            .socketio("/custom", namespace())
    })
}

#[test]
fn what_a_client_shows_is_seen_and_what_is_emitted_comes_after_the_answer() {
    let server = server();
    for by in WAYS {
        let mut client = SocketIo::open(&server, by);
        client.enter("/", "");
        assert_eq!(client.hear(), "2[\"auth\",{}]");
        client.enter("/custom", "{\"token\":\"123\",\"n\":[1,null]}");
        // The order of the members is nobody's business.
        let heard = client.hear();
        let auth = heard.strip_prefix("2/custom,").unwrap();
        let auth: serde_json::Value = serde_json::from_str(auth).unwrap();
        assert_eq!(
            auth,
            serde_json::json!(["auth", {"token": "123", "n": [1, null]}])
        );
    }
}

#[test]
fn arguments_come_back() {
    let server = server();
    for by in WAYS {
        let mut client = SocketIo::join_by(&server, by, "/");
        assert_eq!(client.hear(), "2[\"auth\",{}]");
        for args in [
            "",
            ",1",
            ",1,\"2\",{\"3\":[true,null]}",
            ",\"안녕 \u{1f600} \\u001e\\\\\"",
            ",\"\\ud83d\"",
            ",1e400,-0.0,12345678901234567890",
        ] {
            client.say(&format!("2[\"message\"{args}]"));
            assert_eq!(client.hear(), format!("2[\"message-back\"{args}]"), "{by:?}");
            let args = args.trim_start_matches(',');
            let with_comma = if args.is_empty() {
                String::new()
            } else {
                format!(",{args}")
            };
            client.say(&format!("2456[\"message-with-ack\"{with_comma}]"));
            assert_eq!(client.hear(), format!("3456[{args}]"), "{by:?}");
        }
    }
}

#[test]
fn buffers_come_back() {
    let server = server();
    let placeholder = |number: usize| format!("{{\"_placeholder\":true,\"num\":{number}}}");
    let (first, second) = (placeholder(0), placeholder(1));
    for by in WAYS {
        let mut client = SocketIo::join_by(&server, by, "/");
        client.hear();
        client.say(&format!("52-[\"message\",{first},\"between\",{second}]"));
        client.say_bytes(&[1, 2, 3]);
        client.say_bytes(&[]);
        assert_eq!(
            client.hear(),
            format!("52-[\"message-back\",{first},\"between\",{second}]")
        );
        assert_eq!(client.hear_bytes(), [1, 2, 3]);
        assert!(client.hear_bytes().is_empty());
        client.say(&format!("51-789[\"message-with-ack\",{first}]"));
        client.say_bytes(b"\x00\xff\x1e");
        assert_eq!(client.hear(), format!("61-789[{first}]"));
        assert_eq!(client.hear_bytes(), b"\x00\xff\x1e");
    }
}

#[test]
fn events_are_handled_in_order_and_those_without_a_handler_not_at_all() {
    let server = server();
    let mut client = SocketIo::join(&server, "/");
    client.hear();
    for number in 0..200 {
        client.say(&format!("2[\"nobody\",{number}]"));
        client.say("21[\"error\"]");
        client.say(&format!("2[\"message\",{number}]"));
    }
    for number in 0..200 {
        assert_eq!(client.hear(), format!("2[\"message-back\",{number}]"));
    }
}

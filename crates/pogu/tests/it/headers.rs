//! Headers of messages, from each way that can give them to each that can tell them.

use crate::server::{Lines, Running};
use crate::stomp::peer::{Stomp, send};

/// What of a line in the pogu dialect is about headers.
fn of_line(line: &str) -> Vec<&str> {
    let words = line.split(" :").next().unwrap_or_default().split(' ');
    words.filter(|word| word.starts_with("header.")).collect()
}

#[test]
fn headers_cross() {
    let server = Running::start();
    let mut lines = Lines::new(&server);
    lines.ask("SUB orders", "OK");
    let mut stomp = Stomp::new(&server);
    stomp.subscribe("1", "/topic/orders");
    let publishers: [&dyn Fn(); 3] = [
        &|| {
            let head = "POST /topics/orders HTTP/1.1\nPogu-Header-Priority: 5\nPogu-Header-X-Note: a=b c%";
            assert_eq!(server.ask(head, b"x").status, 200);
        },
        &|| {
            Lines::new(&server).ask(
                "PUB orders header.priority=5 event=new header.x-note=a=b%20c%25 :x",
                "OK",
            );
        },
        &|| {
            let mut publisher = Stomp::new(&server);
            let headers = "priority:5\nx-note:a=b c%\npriority:6\ncursor:mine\n";
            publisher.say(send("/topic/orders", headers, "x"));
            publisher.ask("BEGIN\ntransaction:t");
        },
    ];
    for publish in publishers {
        publish();
        let line = lines.hear();
        assert_eq!(
            of_line(&line),
            ["header.priority=5", "header.x-note=a=b%20c%25"],
            "{line}"
        );
        let frame = stomp.hear_message();
        assert_eq!((frame.the("priority"), frame.the("x-note")), ("5", "a=b c%"));
        assert_ne!(frame.the("cursor"), "mine");
    }
    let polled = server.get("/topics/orders?after=earliest").json();
    for message in polled["messages"].as_array().unwrap() {
        assert_eq!(
            message["headers"],
            serde_json::json!({"priority": "5", "x-note": "a=b c%"})
        );
    }
}

#[test]
fn what_is_the_servers_to_say_is_refused() {
    let server = Running::start();
    let refused = server.ask("POST /topics/a HTTP/1.1\nPogu-Header-Cursor: 1", b"x");
    let problem = refused.problem(400, "bad-request");
    assert!(
        problem["detail"].as_str().unwrap().contains("`cursor`"),
        "{problem}"
    );
    let mut lines = Lines::new(&server);
    lines.ask("PUB a header.cursor=1 :x", "ERR bad-argument seq=1 :`cursor`");
    lines.ask(
        "PUB a header.=1 :x",
        "ERR bad-argument seq=2 :a header has a name",
    );
    lines.ask("PUB a header.b=%0A :x", "ERR bad-argument seq=3 :a header has");
    let many: String = (0..65).map(|at| format!("\nPogu-Header-{at}: x")).collect();
    let refused = server.ask(&format!("POST /topics/a HTTP/1.1{many}"), b"x");
    refused.problem(400, "bad-request");
}

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use crate::harbour::Harbour;
use crate::{finish, pogu, run_with_input, signal, stderr, stdout};

#[test]
fn a_topic_talks_both_ways_over_every_scheme() {
    let harbour = Harbour::start(&[]);
    let at = &harbour.address;
    for arguments in [
        vec![format!("ws://{at}/topics/talk.ws")],
        vec![format!("tcp://{at}/talk.tcp")],
        vec![format!("udp://{at}/talk.udp")],
        vec![format!("stomp://{at}/talk.stomp")],
        vec![format!("stomp://{at}/queue/talk")],
        vec![
            format!("ws://{at}/topics/talk.stomp.ws"),
            "--via".into(),
            "stomp".into(),
        ],
        vec![format!("socketio://{at}/talk/socketio")],
        vec![format!("socketio://{at}/talk/polls?transport=polling")],
        vec![
            format!("http://{at}/topics/talk.socketio.http"),
            "--via".into(),
            "socketio".into(),
        ],
        vec![
            format!("http://{at}/topics/talk.sockjs"),
            "--via".into(),
            "sockjs".into(),
        ],
        vec![
            format!("tcp://{at}/talk.sockjs.polls"),
            "--via".into(),
            "sockjs".into(),
            "--sockjs-transport".into(),
            "xhr-polling".into(),
        ],
        vec![format!("sockjs://{at}/talk.sockjs.scheme")],
        vec![format!("http://{at}/topics/talk.stream")],
        vec![
            format!("http://{at}/topics/talk.sse"),
            "--via".into(),
            "sse".into(),
        ],
    ] {
        let mut command = pogu(&["connect"]);
        let mut child = command.args(&arguments).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        for line in ["hello\n", "you\n"] {
            stdin.write_all(line.as_bytes()).unwrap();
            let mut echo = String::new();
            stdout.read_line(&mut echo).unwrap();
            assert_eq!(echo, line, "{arguments:?}");
        }
        // The end of standard input ends nothing.
        drop(stdin);
        assert!(child.try_wait().unwrap().is_none());
        signal(&child, "INT");
        assert_eq!(finish(child).status.code(), Some(130), "{arguments:?}");
    }
}

#[test]
fn a_bare_socket_ends_when_the_other_side_does() {
    let harbour = Harbour::start(&[]);
    let url = format!("tcp://{}", harbour.address);
    let output = run_with_input(&["connect", &url, "--trace"], b"PUB chat :hello\nQUIT\n");
    assert!(output.status.success(), "{output:?}");
    assert!(
        stdout(&output).contains("OK seq=1 cursor="),
        "{}",
        stdout(&output)
    );
    let trace = stderr(&output);
    let calls = ["socket", "bind", "connect", "send", "recv", "recv 0", "close"];
    let mut rest = trace.as_str();
    for call in calls {
        let at = rest
            .find(&format!("  {call}"))
            .unwrap_or_else(|| panic!("{call} is missing in {trace}"));
        rest = &rest[at + 1..];
    }
    assert!(
        trace
            .lines()
            .all(|line| line.contains(" ms ") && line.contains(" tcp ")),
        "{trace}"
    );
    assert!(
        trace
            .lines()
            .all(|line| line.ends_with(&format!("→ {}", harbour.address))),
        "{trace}"
    );
    let local = trace.lines().nth(1).unwrap();
    assert!(local.contains(" tcp 127.0.0.1:"), "{local}");
}

#[test]
fn urls_that_name_nothing_are_refused() {
    let harbour = Harbour::start(&[]);
    for (url, code, why) in [
        (format!("http://{}", harbour.address), 2, "topic"),
        (format!("ws://{}/nowhere", harbour.address), 1, "404"),
        (format!("stomp://{}", harbour.address), 2, "/queue/jobs"),
        (format!("sockjs://{}", harbour.address), 2, "or an endpoint"),
        (format!("stomp://{}/a..b/c", harbour.address), 1, "/a..b/c"),
        (format!("socketio://{}/", harbour.address), 2, "needs a topic"),
        (format!("socketio://{}/a//b", harbour.address), 1, "empty"),
        ("wss://example.org/".to_owned(), 2, "TLS is not there yet"),
        ("gopher://example.org/".to_owned(), 2, "gopher"),
    ] {
        let output = run_with_input(&["connect", &url], b"");
        assert_eq!(output.status.code(), Some(code), "{url}: {}", stderr(&output));
        assert!(stderr(&output).contains(why), "{url}: {}", stderr(&output));
    }
}

#[test]
fn an_endpoint_of_sockjs_is_talked_to_as_it_is() {
    let harbour = Harbour::start(&[]);
    let url = format!("http://{}/pogu", harbour.address);
    for transport in ["websocket", "xhr-polling"] {
        let arguments = [
            "connect",
            &url,
            "--via",
            "sockjs",
            "--sockjs-transport",
            transport,
        ];
        let mut child = pogu(&arguments).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdin.write_all(b"PING\nNONSENSE\n").unwrap();
        for answer in ["PONG", "ERR bad-verb seq=2"] {
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            assert!(line.starts_with(answer), "{transport}: {line}");
        }
        signal(&child, "INT");
        assert_eq!(finish(child).status.code(), Some(130), "{transport}");
    }
}

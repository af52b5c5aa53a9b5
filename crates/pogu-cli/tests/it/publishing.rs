use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

use crate::harbour::Harbour;
use crate::{finish, lines, pogu, run, run_with_input, stderr};

/// All that the server has of a topic.
fn history(harbour: &Harbour, topic: &str, count: usize) -> Vec<String> {
    let count = count.to_string();
    lines(&run(&[
        "sub",
        topic,
        "--server",
        &harbour.url(),
        "--after",
        "earliest",
        "--count",
        &count,
        "--timeout",
        "10s",
    ]))
}

#[test]
fn every_way_brings_a_message_and_prints_its_cursor() {
    let harbour = Harbour::start(&[]);
    for via in ["http", "ws", "tcp", "udp", "auto", "stomp", "socketio"] {
        let topic = format!("pub.{via}");
        let cursor = lines(&run(&[
            "pub",
            &topic,
            "hello",
            "--server",
            &harbour.url(),
            "--via",
            via,
        ]));
        assert_eq!(cursor.len(), 1);
        let json = lines(&run(&[
            "sub",
            &topic,
            "--server",
            &harbour.url(),
            "--after",
            "earliest",
            "--count",
            "1",
            "--json",
        ]));
        assert!(
            json[0].contains(&format!(r#""cursor":"{}""#, cursor[0])),
            "{json:?}"
        );
        assert!(
            json[0].contains(r#""type":"text/plain","data":"hello""#),
            "{json:?}"
        );
    }
    // By URL, the scheme says the way.
    for url in [
        "http://{}/topics/pub.url",
        "ws://{}/topics/pub.url",
        "tcp://{}/pub.url",
        "udp://{}/pub.url",
        "stomp://{}/pub.url",
        "stomp://{}/topic/pub.url",
        "socketio://{}/pub/url",
        "socketio://{}/pub.url?transport=polling",
    ] {
        lines(&run(&["pub", &url.replace("{}", &harbour.address), "-q", "x"]));
    }
    assert_eq!(history(&harbour, "pub.url", 8), ["x"; 8]);
}

#[test]
fn lines_of_standard_input_are_messages() {
    let harbour = Harbour::start(&[]);
    for (number, arguments) in [
        &[][..],
        &["-"],
        &["--via", "tcp"],
        &["--via", "ws", "--rate", "1000"],
    ]
    .into_iter()
    .enumerate()
    {
        let topic = format!("lines.{number}");
        let server = harbour.url();
        let arguments = [&["pub", &topic, "--server", &server], arguments].concat();
        let cursors = lines(&run_with_input(&arguments, b"one\r\ntwo\n\nlast"));
        assert_eq!(cursors.len(), 4);
        assert_eq!(history(&harbour, &topic, 4), ["one", "two", "", "last"]);
    }
    let few = lines(&run_with_input(
        &["pub", "few", "--count", "2", "--server", &harbour.url()],
        b"1\n2\n3\n",
    ));
    assert_eq!(few.len(), 2);
}

#[test]
fn the_whole_of_standard_input_is_one_message() {
    let harbour = Harbour::start(&[]);
    let body = b"a\nb\0\xff\n";
    let arguments = [
        "pub",
        "whole",
        "--whole",
        "--type",
        "image/png",
        "--server",
        &harbour.url(),
    ];
    assert_eq!(lines(&run_with_input(&arguments, body)).len(), 1);
    let output = run(&[
        "sub",
        "whole",
        "--server",
        &harbour.url(),
        "--after",
        "earliest",
        "--count",
        "1",
    ]);
    assert_eq!(output.stdout, [&body[..], b"\n"].concat());
}

#[test]
fn a_message_is_repeated_at_a_rate() {
    let harbour = Harbour::start(&[]);
    let start = Instant::now();
    let arguments = [
        "pub",
        "rate",
        "x",
        "--count",
        "11",
        "--rate",
        "50",
        "--via",
        "tcp",
        "--server",
        &harbour.url(),
    ];
    let cursors = lines(&run(&arguments));
    assert_eq!(cursors.len(), 11);
    assert!(
        start.elapsed() >= Duration::from_millis(200),
        "{:?}",
        start.elapsed()
    );
    let many = lines(&run(&[
        "pub",
        "many",
        "x",
        "--count",
        "5000",
        "--via",
        "ws",
        "--server",
        &harbour.url(),
    ]));
    assert_eq!(many.len(), 5000);
}

#[test]
fn event_type_key_and_json_are_passed() {
    let harbour = Harbour::start(&[]);
    let server = harbour.url();
    for via in ["http", "ws", "tcp", "udp", "stomp", "socketio", "sockjs"] {
        let topic = format!("full.{via}");
        let arguments = [
            "pub",
            &topic,
            "{\"a\": 1}",
            "--event",
            "greet",
            "--type",
            "application/json",
            "--key",
            via,
            "--json",
            "--via",
            via,
            "--server",
            &server,
        ];
        let first = lines(&run(&arguments));
        assert!(
            first[0].starts_with(&format!(r#"{{"topic":"{topic}","cursor":""#)),
            "{first:?}"
        );
        assert_eq!(lines(&run(&arguments)), first, "the same key is the same message");
        let message = lines(&run(&[
            "sub", &topic, "--server", &server, "--after", "earliest", "--count", "1", "--json",
        ]));
        assert!(
            message[0].contains(r#""event":"greet","type":"application/json","data":{"a": 1}"#),
            "{message:?}"
        );
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (arguments, why) in [
        (&["pub", "chat", "x", "--key", "k", "--count", "2"][..], "--key"),
        (&["pub", "chat", "x", "--whole"], "--whole"),
        (&["pub", "http://127.0.0.1:1/", "x"], "no topic"),
        (&["pub", "chat", "x", "--rate", "0"], "above 0"),
        (&["pub", "chat", "x", "--count", "0"], "0"),
        (
            &["pub", "chat", "x", "--via", "pigeon"],
            "possible values: auto, http,",
        ),
        (&["pub", "chat", "x", "--via", "sse"], "publish by http"),
        (
            &["pub", "chat", "x", "--type", "foo bar"],
            "two words with a slash",
        ),
        (
            &["pub", "chat", "x", "--type", "foo/b r"],
            "two words with a slash",
        ),
        (&["pub", "", "x"], "the topic is empty"),
        (&["pub", "chat", "x", "--server", "https://example.org"], "TLS"),
        (&["sub", ""], "the topic is empty"),
        (&["sub", "chat", "--via", "http"], "no way to subscribe"),
        (
            &["bench", "echo", "ws://127.0.0.1:1/topics/t", "--via", "pigeon"],
            "pigeon",
        ),
        (
            &["bench", "fanout", "socketio://127.0.0.1:1/t?transport=pigeon"],
            "no transport",
        ),
        (
            &[
                "pub",
                "chat",
                "x",
                "--via",
                "ws",
                "--sockjs-transport",
                "xhr-polling",
            ],
            "--via sockjs",
        ),
        (
            &["pub", "chat", "x", "--sockjs-transport", "pigeon"],
            "xhr-streaming",
        ),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(why), "{}", stderr(&output));
    }
    let harbour = Harbour::start(&[]);
    let output = run(&["pub", "a..b", "x", "--count", "3", "--server", &harbour.url()]);
    assert!(
        stderr(&output).starts_with("pogu: message 1 was not published: "),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_message_that_is_refused_is_named() {
    let harbour = Harbour::start(&[]);
    for (via, why) in [("stomp", "bad destination"), ("socketio", "error: ")] {
        let output = run(&["pub", "a..b", "x", "--via", via, "--server", &harbour.url()]);
        assert!(
            stderr(&output).contains(&format!("message 1 was not published: the server answered {why}")),
            "{}",
            stderr(&output)
        );
    }
}

#[test]
fn bytes_go_by_sockjs_too() {
    let harbour = Harbour::start(&[]);
    let server = harbour.url();
    let arguments = ["pub", "chat", "--whole", "--via", "sockjs", "--server", &server];
    assert_eq!(lines(&run_with_input(&arguments, b"\xff")).len(), 1);
    let arguments = [
        "sub", "chat", "--after", "earliest", "--count", "1", "--server", &server,
    ];
    for via in ["stream", "sse", "sockjs"] {
        let output = run(&[&arguments[..], &["--via", via]].concat());
        assert_eq!(output.stdout, b"\xff\n", "{via}");
    }
}

#[test]
fn with_a_timeout_a_server_is_waited_for() {
    for via in ["http", "ws", "tcp", "stomp", "socketio", "sockjs"] {
        let harbour = Harbour::start(&[]);
        let (address, server) = (harbour.address.clone(), harbour.url());
        harbour.stop("TERM");
        let arguments = ["pub", "late", via, "-q", "--via", via, "--server", &server];
        let short = run(&[&arguments[..], &["--timeout", "300ms"]].concat());
        assert_eq!(short.status.code(), Some(1), "{via}");
        let error = stderr(&short);
        assert_eq!(error.lines().count(), 2, "{via}: {error}");
        assert!(error.contains("trying for 300ms"), "{via}: {error}");
        assert!(
            error.lines().last().unwrap().contains("refused"),
            "{via}: {error}"
        );
        let mut child = pogu(&[&arguments[..], &["--timeout", "15s"]].concat())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        log.read_line(&mut line).unwrap();
        assert!(
            line.contains("refused") && line.contains("trying for 15s"),
            "{via}: {line}"
        );
        let harbour = Harbour::start_at(&address, &[]);
        assert!(finish(child).status.success(), "{via}");
        assert_eq!(history(&harbour, "late", 1), [via]);
    }
}

use std::io::{BufRead, BufReader, Read};
use std::process::Child;

use crate::harbour::Harbour;
use crate::{finish, lines, pogu, run, run_with_input, signal, stderr, stdout};

const WAYS: [&str; 11] = [
    "sse", "stream", "longpoll", "poll", "ws", "tcp", "udp", "auto", "stomp", "socketio", "sockjs",
];

fn publish(harbour: &Harbour, topic: &str, body: &str) {
    lines(&run(&["pub", topic, body, "--quiet", "--server", &harbour.url()]));
}

/// A subscriber that has said that it is there.
fn subscriber(harbour: &Harbour, arguments: &[&str]) -> Child {
    let server = harbour.url();
    let arguments = [&["-v", "sub", "--server", &server], arguments].concat();
    let mut child = pogu(&arguments).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("subscribed by") {
        line.clear();
        assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "it ended");
    }
    // Somebody has to go on reading.
    std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
    child
}

#[test]
fn every_way_prints_what_is_published() {
    let harbour = Harbour::start(&[]);
    for via in WAYS {
        let topic = format!("live.{via}");
        let child = subscriber(&harbour, &[&topic, "--via", via, "--count", "2"]);
        publish(&harbour, &topic, "one");
        publish(&harbour, &topic, "two\nlines");
        let output = finish(child);
        assert!(output.status.success(), "{via}");
        assert_eq!(stdout(&output), "one\ntwo\nlines\n", "{via}");
    }
}

#[test]
fn a_pattern_takes_several_topics_and_json_tells_them_apart() {
    let harbour = Harbour::start(&[]);
    publish(&harbour, "orders.seoul.1", "a");
    publish(&harbour, "orders.busan.2", "b");
    publish(&harbour, "other", "c");
    for via in WAYS.into_iter().filter(|via| *via != "sse") {
        let arguments = [
            "sub",
            "orders.>",
            "--via",
            via,
            "--after",
            "earliest",
            "--count",
            "2",
            "--json",
            "--server",
            &harbour.url(),
        ];
        let json = lines(&run(&arguments));
        assert!(
            json[0].starts_with(r#"{"topic":"orders.seoul.1","cursor":""#),
            "{via}: {json:?}"
        );
        assert!(
            json[1].starts_with(r#"{"topic":"orders.busan.2","cursor":""#),
            "{via}: {json:?}"
        );
    }
    let last = lines(&run(&[
        "sub",
        "orders.*.*",
        "--after",
        "last:1",
        "--count",
        "1",
        "--server",
        &harbour.url(),
    ]));
    assert_eq!(last, ["b"]);
}

#[test]
fn json_has_what_the_way_tells_and_nothing_else() {
    let harbour = Harbour::start(&[]);
    let server = harbour.url();
    lines(&run(&[
        "pub",
        "chat",
        "{\"a\":1}",
        "--type",
        "application/json",
        "--quiet",
        "--server",
        &server,
    ]));
    for via in WAYS {
        let arguments = [
            "sub", "chat", "--after", "earliest", "--count", "1", "--json", "--via", via, "--server", &server,
        ];
        let json = &lines(&run(&arguments))[0];
        let has_time = ["stream", "longpoll", "poll"].contains(&via);
        assert_eq!(json.contains("\"time\":"), has_time, "{via}: {json}");
        let rest = if via == "sse" {
            r#","data":"{\"a\":1}"}"#
        } else {
            r#","type":"application/json","data":{"a":1}}"#
        };
        assert!(json.ends_with(rest), "{via}: {json}");
    }
}

#[test]
fn time_ends_it() {
    let harbour = Harbour::start(&[]);
    let output = run(&["sub", "chat", "--timeout", "200ms", "--server", &harbour.url()]);
    assert_eq!(output.status.code(), Some(0));
    let output = run(&[
        "sub",
        "chat",
        "--timeout",
        "200ms",
        "--count",
        "1",
        "--server",
        &harbour.url(),
    ]);
    assert_eq!(output.status.code(), Some(124));
    assert_eq!(stderr(&output), "");
}

#[test]
fn time_holds_for_connecting_too() {
    // Its queue takes connections, and nobody answers them.
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = mute.local_addr().unwrap();
    let server = format!("http://{address}");
    for (arguments, missing) in [
        (&["sub", "chat"][..], "subscription by ws"),
        (
            &["sub", "chat", "--count", "1", "--via", "tcp"],
            "subscription by tcp",
        ),
        (&["pub", "chat", "x"], "by http"),
        (&["pub", "chat", "x", "--via", "tcp"], "connection by tcp"),
    ] {
        let output = run(&[arguments, &["--timeout", "200ms", "--server", &server]].concat());
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let why = format!("{missing} at {address} within 0.2 s");
        assert!(stderr(&output).contains(&why), "{}", stderr(&output));
    }
}

#[test]
fn ctrl_c_ends_it_without_a_word() {
    let harbour = Harbour::start(&[]);
    for via in WAYS {
        let child = subscriber(&harbour, &["chat", "--via", via]);
        signal(&child, "INT");
        let output = finish(child);
        assert_eq!(output.status.code(), Some(130), "{via}");
        assert_eq!(stdout(&output), "");
    }
}

#[test]
fn each_transport_of_sockjs_prints_what_is_published() {
    let harbour = Harbour::start(&[]);
    for transport in ["websocket", "xhr-streaming", "xhr-polling", "eventsource"] {
        let topic = format!("sockjs.{transport}");
        let by = ["--via", "sockjs", "--sockjs-transport", transport];
        let child = subscriber(&harbour, &[&[&topic, "--count", "2"], &by[..]].concat());
        let server = harbour.url();
        for body in ["one", "two\nlines"] {
            let arguments = [&["pub", &topic, body, "--server", &server], &by[..]].concat();
            assert_eq!(lines(&run(&arguments)).len(), 1, "a cursor");
        }
        assert_eq!(stdout(&finish(child)), "one\ntwo\nlines\n", "{transport}");
    }
}

#[test]
fn a_reader_that_goes_ends_it_quietly() {
    let harbour = Harbour::start(&[]);
    let mut child = subscriber(&harbour, &["chat"]);
    publish(&harbour, "chat", "one");
    let mut stdout = child.stdout.take().unwrap();
    let mut line = [0; 4];
    stdout.read_exact(&mut line).unwrap();
    assert_eq!(&line, b"one\n");
    drop(stdout);
    // The end of a pipe is noticed by writing into it.
    publish(&harbour, "chat", "two");
    publish(&harbour, "chat", "three");
    assert_eq!(finish(child).status.code(), Some(0));

    // The same for what is printed at once and for cursors.
    let mut child = pogu(&["serve", "--print-config"]).spawn().unwrap();
    drop(child.stdout.take());
    let output = finish(child);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    let mut child = pogu(&[
        "pub",
        "chat",
        "x",
        "--count",
        "100000",
        "--via",
        "tcp",
        "--server",
        &harbour.url(),
    ])
    .spawn()
    .unwrap();
    drop(child.stdout.take());
    let output = finish(child);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}

#[test]
fn a_reader_that_pauses_loses_nothing() {
    let harbour = Harbour::start(&[]);
    let mut child = subscriber(&harbour, &["slow", "--via", "tcp", "--count", "200"]);
    let body = "x".repeat(1000);
    let input: String = (0..200).map(|number| format!("{number} {body}\n")).collect();
    lines(&run_with_input(
        &["pub", "slow", "-q", "--server", &harbour.url()],
        input.as_bytes(),
    ));
    // More than a pipe holds waits by now.
    std::thread::sleep(std::time::Duration::from_millis(300));
    let mut all = String::new();
    child.stdout.take().unwrap().read_to_string(&mut all).unwrap();
    assert_eq!(all, input);
    assert!(finish(child).status.success());
}

#[test]
fn a_gap_is_told() {
    let harbour = Harbour::start(&[]);
    publish(&harbour, "chat", "one");
    for via in WAYS {
        let arguments = [
            "sub",
            "chat",
            "--after",
            "old-1",
            "--count",
            "1",
            "--json",
            "--via",
            via,
            "--server",
            &harbour.url(),
        ];
        let output = run(&arguments);
        assert!(
            stdout(&output).starts_with("{\"gap\":true,\"topic\":\"chat\"}\n{"),
            "{via}: {}",
            stdout(&output)
        );
        assert!(
            stderr(&output).contains("missing in chat"),
            "{via}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn a_queue_is_taken_from() {
    let harbour = Harbour::start(&[]);
    let server = harbour.url();
    let by_tcp = format!("stomp://{}/queue/jobs", harbour.address);
    let send = |body: &str| {
        let arguments = ["pub", "/queue/jobs", body, "--via", "stomp", "--server", &server];
        assert_eq!(lines(&run(&arguments)).len(), 1, "a cursor");
    };
    for body in ["one", "two", "three", "four"] {
        send(body);
    }
    let take = |count: &str| {
        lines(&run(&[
            "sub",
            "/queue/jobs",
            "--via",
            "stomp",
            "--count",
            count,
            "--server",
            &server,
        ]))
    };
    assert_eq!(take("1"), ["one"]);
    assert_eq!(take("2"), ["two", "three"]);
    // Whatever waits, as JSON, and over TCP.
    let rest = lines(&run(&["sub", &by_tcp, "--timeout", "500ms", "--json"]));
    assert_eq!(rest.len(), 1);
    assert!(
        rest[0].starts_with(r#"{"topic":"/queue/jobs","cursor":""#) && rest[0].contains(r#""data":"four""#),
        "{rest:?}"
    );
    let none = run(&["sub", &by_tcp, "--timeout", "300ms"]);
    assert_eq!(lines(&none), [""; 0]);
}

#[test]
fn what_could_not_be_written_stays_in_its_queue() {
    let harbour = Harbour::start(&[]);
    let url = format!("stomp://{}/queue/jobs", harbour.address);
    let mut child = subscriber(&harbour, &[&url]);
    // More than a pipe holds, and nobody reads.
    let body = "x".repeat(100_000);
    lines(&run(&["pub", &url, &body, "--count", "3"]));
    std::thread::sleep(std::time::Duration::from_millis(300));
    let unread = child.stdout.take();
    signal(&child, "INT");
    assert_eq!(finish(child).status.code(), Some(130));
    drop(unread);
    let all = run(&["sub", &url, "--count", "3", "--timeout", "10s"]);
    assert_eq!(lines(&all), [body.as_str(); 3]);
}

#[test]
fn a_queue_needs_stomp() {
    let harbour = Harbour::start(&[]);
    for arguments in [
        &["sub", "/queue/jobs"][..],
        &["pub", "/queue/jobs", "x"],
        &["sub", "tcp://127.0.0.1:1/queue/jobs"],
    ] {
        let output = run(&[arguments, &["--server", &harbour.url()]].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(
            stderr(&output)
                .contains("/queue/jobs is a destination of STOMP and no topic; try it with --via stomp"),
            "{}",
            stderr(&output)
        );
    }
    let arguments = [
        "sub",
        "/queue/jobs",
        "--via",
        "stomp",
        "--after",
        "earliest",
        "--server",
        &harbour.url(),
    ];
    let output = run(&arguments);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("/queue/jobs is a queue"),
        "{}",
        stderr(&output)
    );
}

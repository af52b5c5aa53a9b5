use crate::harbour::Harbour;
use crate::{finish, pogu, run, stderr, stdout};

/// Enough time for any machine: the number of messages ends a run.
const SMALL: [&str; 8] = [
    "--messages",
    "320",
    "--duration",
    "10m",
    "--warmup",
    "10ms",
    "--rounds",
    "2",
];

fn bench(arguments: &[&str]) -> serde_json::Value {
    let output = run(&[&["bench", "--json"], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    serde_json::from_str(&stdout(&output)).unwrap()
}

/// That each round of each series delivered so many messages, and lost none.
fn assert_delivered(report: &serde_json::Value, names: &[&str], delivered: u64) {
    assert_eq!(report["faultless"], true, "{report}");
    let series = report["series"].as_array().unwrap();
    let found: Vec<_> = series.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(found, names);
    for round in series.iter().flat_map(|one| one["rounds"].as_array().unwrap()) {
        assert_eq!(round["delivered"], delivered, "{round}");
        assert_eq!(round["lost"], 0, "{round}");
        assert!(round["server"]["cpu_us"].is_number(), "{round}");
        assert!(
            round["latency_us"]["p99_9"].as_f64() <= round["latency_us"]["max"].as_f64(),
            "{round}"
        );
    }
    assert!(
        series
            .iter()
            .all(|one| one["rounds"].as_array().unwrap().len() == 2)
    );
}

#[test]
fn fan_out_beside_the_floor() {
    let harbour = Harbour::start(&[]);
    let url = format!("ws://{}/topics/bench", harbour.address);
    let pid = std::process::id().to_string();
    let flags = ["fanout", &url, "--subscribers", "10", "--floor", "--pid", &pid];
    let report = bench(&[&flags, &SMALL[..]].concat());
    assert_delivered(&report, &["floor, 16 a write", "target"], 3200);
    assert_eq!(report["parameters"]["via"], "ws");
    assert_eq!(
        (&report["parameters"]["burst"], &report["parameters"]["window"]),
        (&16.into(), &32.into())
    );
}

#[test]
fn stomp_is_measured_like_every_way() {
    let harbour = Harbour::start(&[]);
    let pid = std::process::id().to_string();
    for url in ["ws://{}/topics/bench", "stomp://{}/bench"] {
        let url = url.replace("{}", &harbour.address);
        let flags = [
            "fanout",
            &url,
            "--via",
            "stomp",
            "--subscribers",
            "10",
            "--pid",
            &pid,
        ];
        let report = bench(&[&flags, &SMALL[..]].concat());
        assert_delivered(&report, &["target"], 3200);
        assert_eq!(report["parameters"]["via"], "stomp");
        let url = url + ".{i}";
        let flags = [
            "echo",
            &url,
            "--via",
            "stomp",
            "--connections",
            "10",
            "--pid",
            &pid,
        ];
        assert_delivered(&bench(&[&flags, &SMALL[..]].concat()), &["target"], 320);
    }
}

#[test]
fn socketio_is_measured_on_websockets_and_on_polls() {
    let harbour = Harbour::start(&[]);
    let pid = std::process::id().to_string();
    for url in [
        "socketio://{}/bench",
        "socketio://{}/bench?transport=polling",
        "ws://{}/topics/bench",
    ] {
        let url = url.replace("{}", &harbour.address);
        let flags = [
            "fanout",
            &url,
            "--via",
            "socketio",
            "--subscribers",
            "10",
            "--pid",
            &pid,
        ];
        let report = bench(&[&flags, &SMALL[..]].concat());
        assert_delivered(&report, &["target"], 3200);
        assert_eq!(report["parameters"]["via"], "socketio");
    }
}

#[test]
fn sockjs_is_measured_by_each_transport() {
    let harbour = Harbour::start(&[]);
    let pid = std::process::id().to_string();
    let url = format!("ws://{}/topics/bench", harbour.address);
    for transport in ["websocket", "xhr-streaming", "xhr-polling", "eventsource"] {
        let flags = [
            "fanout",
            &url,
            "--via",
            "sockjs",
            "--sockjs-transport",
            transport,
            "--subscribers",
            "10",
            "--pid",
            &pid,
        ];
        let report = bench(&[&flags, &SMALL[..]].concat());
        assert_delivered(&report, &["target"], 3200);
        assert_eq!(report["parameters"]["sockjs_transport"], transport);
    }
}

#[test]
fn echo_beside_the_floor() {
    let harbour = Harbour::start(&[]);
    let url = format!("ws://{}/topics/bench.{{i}}", harbour.address);
    let pid = std::process::id().to_string();
    let flags = ["echo", &url, "--connections", "10", "--floor", "--pid", &pid];
    assert_delivered(&bench(&[&flags, &SMALL[..]].concat()), &["floor", "target"], 320);
}

#[test]
fn the_floor_alone() {
    let flags = ["floor", "fanout", "--subscribers", "4", "--rate", "10000"];
    let names = [
        "full rate, 1 a write",
        "full rate, 16 a write",
        "10000 a second, 1 a write",
        "10000 a second, 16 a write",
    ];
    assert_delivered(&bench(&[&flags, &SMALL[..]].concat()), &names, 1280);
}

#[test]
fn a_table_for_people_has_a_line_for_each_series() {
    let output = run(&[&["bench", "floor", "echo", "--connections", "4"], &SMALL[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(
        text.lines().nth(1).is_some_and(|line| line.starts_with("floor ")),
        "{text}"
    );
    assert!(text.contains("640 delivered, 0 lost, 0 doubled"), "{text}");
}

#[test]
fn a_server_that_ends_meanwhile_fails_the_run() {
    let harbour = Harbour::start(&[]);
    let url = format!("ws://{}/topics/bench", harbour.address);
    let child = pogu(&[
        "bench",
        "fanout",
        &url,
        "--subscribers",
        "10",
        "--duration",
        "10m",
    ])
    .spawn()
    .unwrap();
    // Wherever this catches it, it cannot end well.
    std::thread::sleep(std::time::Duration::from_millis(500));
    harbour.stop("KILL");
    assert_eq!(finish(child).status.code(), Some(1));
}

#[test]
fn what_cannot_be_measured_is_one_line() {
    let harbour = Harbour::start(&[]);
    for (arguments, expect) in [
        (
            vec!["fanout".to_owned(), format!("ws://{}/nowhere", harbour.address)],
            "404",
        ),
        (
            vec!["echo".to_owned(), "http://127.0.0.1:1/".to_owned()],
            "an echo needs ws://, tcp:// or stomp://",
        ),
        (
            vec!["fanout".to_owned(), format!("stomp://{}/a..b", harbour.address)],
            "bad destination",
        ),
        (
            ["echo", "ws://127.0.0.1:1/", "--via", "tcp"]
                .map(str::to_owned)
                .to_vec(),
            "--via is stomp or nothing",
        ),
        (
            vec!["echo".to_owned(), format!("socketio://{}/bench", harbour.address)],
            "an echo needs",
        ),
        (
            vec![
                "fanout".to_owned(),
                format!("socketio://{}/a//b", harbour.address),
            ],
            "refused /a//b: Invalid namespace",
        ),
        (
            ["fanout", "ws://127.0.0.1:1/", "--sockjs-transport", "xhr-polling"]
                .map(str::to_owned)
                .to_vec(),
            "--via sockjs",
        ),
        (
            ["fanout", "tcp://127.0.0.1:1/x", "--via", "sockjs"]
                .map(str::to_owned)
                .to_vec(),
            "SockJS needs ws:// or http://",
        ),
        (
            vec!["fanout".to_owned(), "ftp://127.0.0.1/x".to_owned()],
            "the scheme must be",
        ),
    ] {
        let arguments: Vec<&str> = ["bench"]
            .into_iter()
            .chain(arguments.iter().map(String::as_str))
            .collect();
        let output = run(&arguments);
        // What the server says is a failure, the rest is for the user to put right.
        let is_usage = !["404", "bad destination", "refused /a//b: Invalid namespace"].contains(&expect);
        let code = if is_usage { 2 } else { 1 };
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        let error = stderr(&output);
        assert!(error.contains(expect) && error.lines().count() == 1, "{error}");
    }
}

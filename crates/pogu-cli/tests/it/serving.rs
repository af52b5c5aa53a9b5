use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::harbour::Harbour;
use crate::{finish, lines, pogu, run, signal, stderr, stdout};

/// A file of its own for a test.
fn file(name: &str, text: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("pogu-cli-{}-{name}", std::process::id()));
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn signals_stop_it_in_good_order() {
    for name in ["INT", "TERM", "HUP"] {
        let harbour = Harbour::start(&[]);
        let mut client = TcpStream::connect(&harbour.address).unwrap();
        client.write_all(b"PING\n").unwrap();
        let mut client = BufReader::new(client);
        client.read_line(&mut String::new()).unwrap();
        assert_eq!(harbour.stop(name).status.code(), Some(0), "{name}");
        let mut last = String::new();
        client.read_to_string(&mut last).unwrap();
        assert!(last.starts_with("BYE shutting-down"), "{name}: {last}");
    }
}

#[test]
fn nohup_keeps_it_from_a_terminal_that_closes() {
    let mut command = Command::new("nohup");
    command.args([env!("CARGO_BIN_EXE_pogu"), "serve", "--listen", "127.0.0.1:0"]);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("listening on") {
        line.clear();
        assert_ne!(log.read_line(&mut line).unwrap(), 0);
    }
    signal(&child, "HUP");
    // Nobody reads its log from here on, which must not end it either.
    drop(log);
    let address = line.split("listening on ").nth(1).unwrap().trim();
    let mut client = TcpStream::connect(address).unwrap();
    client
        .write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        .unwrap();
    client.read_to_end(&mut Vec::new()).unwrap();
    signal(&child, "TERM");
    assert_eq!(finish(child).status.code(), Some(0));
}

#[test]
fn a_port_in_use_is_one_line_with_the_address() {
    let harbour = Harbour::start(&[]);
    for listen in [
        harbour.address.clone(),
        format!("tcp://{}", harbour.address),
        format!("udp://{}", harbour.address),
    ] {
        let output = run(&["serve", "--listen", &listen]);
        assert_eq!(output.status.code(), Some(1), "{listen}");
        let error = stderr(&output);
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(error.contains(&harbour.address), "{error}");
        assert!(error.contains("another program listens there"), "{error}");
    }
}

#[test]
fn bad_addresses_are_refused() {
    for (listen, code) in [
        ("nonsense", 2),
        ("127.0.0.1:99999", 2),
        ("192.0.2.1:7070", 1),
        ("no.such.host.invalid:7070", 1),
    ] {
        let output = run(&["serve", "--listen", listen]);
        assert_eq!(output.status.code(), Some(code), "{listen}: {}", stderr(&output));
        assert!(stderr(&output).contains(listen), "{listen}: {}", stderr(&output));
    }
}

#[test]
fn the_printed_configuration_is_right() {
    let printed = stdout(&run(&["serve", "--print-config"]));
    let path = file("default.toml", &printed);
    let output = run(&["check", path.to_str().unwrap()]);
    assert!(lines(&output)[0].contains("is right"));
    let wrong = file("wrong.toml", "lanes = 2\n\n[limits]\nmesage = \"1MiB\"\n");
    for arguments in [
        &["check", wrong.to_str().unwrap()][..],
        &["serve", "--config", wrong.to_str().unwrap()],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(1));
        let error = stderr(&output);
        assert!(
            error.contains(":4:") && error.contains("mesage") && error.contains("message"),
            "{error}"
        );
    }
    let several = file("several.toml", "lanes = 0\n\n[limits]\nmessage = 0\n");
    let output = run(&["check", several.to_str().unwrap()]);
    let errors = stderr(&output);
    let errors: Vec<&str> = errors.lines().collect();
    assert!(
        errors.len() >= 2 && errors.iter().all(|line| line.starts_with("pogu: ")),
        "{errors:?}"
    );
    fs::remove_file(several).unwrap();
    let output = run(&["check", "/nowhere/pogu.toml"]);
    assert!(
        stderr(&output).contains("/nowhere/pogu.toml"),
        "{}",
        stderr(&output)
    );
    fs::remove_file(path).unwrap();
    fs::remove_file(wrong).unwrap();
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let path = file(
        "order.toml",
        "log-format = \"json\"\n[[listen]]\naddress = \"127.0.0.1:1\"\n",
    );
    let config = path.to_str().unwrap();
    // The file's format; the address of the flag in place of the file's.
    let harbour = Harbour::start(&["--config", config, "--log-level", "info"]);
    assert!(harbour.first_line.starts_with('{'), "{}", harbour.first_line);
    let started = |flags: &[&str]| {
        let mut command = pogu(&[&["serve", "--config", config], flags].concat());
        let child = command
            .env("POGU_LISTEN", "127.0.0.1:0,tcp://127.0.0.1:0")
            .env("POGU_LOG_FORMAT", "text")
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(500));
        signal(&child, "TERM");
        stderr(&finish(child))
    };
    let log = started(&[]);
    assert_eq!(log.matches("listening on").count(), 2, "{log}");
    assert!(!log.starts_with('{'), "{log}");
    let log = started(&["--listen", "127.0.0.1:0", "--log-format", "json"]);
    assert_eq!(log.matches("listening on").count(), 1, "{log}");
    assert!(log.starts_with('{'), "{log}");
    fs::remove_file(path).unwrap();
}

#[test]
fn a_listener_that_others_reach_is_warned_of() {
    let output = {
        let child = pogu(&["serve", "--listen", "0.0.0.0:0"]).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(500));
        signal(&child, "TERM");
        finish(child)
    };
    assert!(stderr(&output).contains("WARN"), "{}", stderr(&output));
    assert!(stderr(&output).contains("other machines"), "{}", stderr(&output));
}

#[test]
fn subscribers_find_a_server_that_comes_back() {
    let harbour = Harbour::start(&[]);
    let address = harbour.address.clone();
    let server = harbour.url();
    let mut child = pogu(&["-v", "sub", "chat", "--count", "1", "--server", &server])
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line_with = |text: &str| {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "it ended before {text:?}");
        }
    };
    line_with("subscribed by ws");
    harbour.stop("TERM");
    line_with("trying again");
    let harbour = Harbour::start_at(&address, &[]);
    lines(&run(&["pub", "chat", "back", "-q", "--server", &harbour.url()]));
    line_with("subscribed by ws");
    assert_eq!(stdout(&finish(child)), "back\n");
}

//! The tool as its users run it: real processes, a real server on a free port.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic"
)]

mod connecting;
mod harbour;
mod logging;
mod measuring;
mod publishing;
mod serving;
mod subscribing;

use std::io::Write;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use harbour::Harbour;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// The tool, with nothing of the environment that it reads.
fn pogu(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pogu"));
    for name in ["SERVER", "LISTEN", "CONFIG", "LANES", "LOG_FORMAT", "LOG_LEVEL"] {
        command.env_remove(format!("POGU_{name}"));
    }
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs it to its end.
fn run(arguments: &[&str]) -> Output {
    finish(pogu(arguments).spawn().unwrap())
}

/// Runs it to its end with `input` on standard input.
fn run_with_input(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = pogu(arguments).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    std::thread::spawn(move || {
        // It may end before it has read all.
        let _ = stdin.write_all(&input);
    });
    finish(child)
}

/// Waits for the end; a process that outlasts patience is killed and fails the test.
fn finish(mut child: Child) -> Output {
    let pid = child.id();
    let stdout = child.stdout.take().map(read_all);
    let stderr = child.stderr.take().map(read_all);
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("process {pid} does not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let join = |reader: Option<std::thread::JoinHandle<Vec<u8>>>| {
        reader.map(|reader| reader.join().unwrap()).unwrap_or_default()
    };
    Output {
        status,
        stdout: join(stdout),
        stderr: join(stderr),
    }
}

fn read_all(mut from: impl std::io::Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut all = Vec::new();
        from.read_to_end(&mut all).unwrap();
        all
    })
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The lines of standard output of a run that went well and said nothing else.
fn lines(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{output:?}");
    assert_eq!(stderr(output), "");
    stdout(output).lines().map(str::to_owned).collect()
}

/// Sends a signal by its name.
fn signal(child: &Child, name: &str) {
    let status = Command::new("kill")
        .args([&format!("-{name}"), &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn help_has_examples_and_completions_are_scripts() {
    for command in ["serve", "pub", "sub", "connect", "check", "completions"] {
        let help = stdout(&run(&[command, "--help"]));
        assert!(help.contains("Example"), "{command}: {help}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = stdout(&run(&["completions", shell]));
        for word in ["connect", "xhr-streaming", "longpoll"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    assert!(!run(&[]).status.success());
}

#[test]
fn nobody_there_is_one_line_with_the_address_and_a_way_out() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let server = format!("http://{free}");
    for arguments in [
        &["pub", "chat", "x", "--server", &server][..],
        &["sub", "chat", "--server", &server],
        &["sub", "chat", "--server", &server, "--via", "udp"],
        &["connect", &format!("tcp://{free}")],
        &["connect", &format!("stomp://{free}/chat")],
        &["sub", "/queue/jobs", "--server", &server, "--via", "stomp"],
        &["pub", "chat", "x", "--server", &server, "--via", "stomp"],
        &["connect", &format!("socketio://{free}/chat")],
        &["sub", "chat", "--server", &server, "--via", "socketio"],
        &["pub", "chat", "x", "--server", &server, "--via", "socketio"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let error = stderr(&output);
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(
            error.starts_with("pogu: ") && error.contains(&free.to_string()),
            "{error}"
        );
        assert!(error.contains("refused") && error.contains("try"), "{error}");
        assert!(!error.contains("--server"), "connect has none: {error}");
    }
}

#[test]
fn what_the_server_refuses_is_said_without_its_control_characters() {
    let harbour = Harbour::start(&[]);
    let output = run(&["sub", "a..\u{1b}[31mb", "--server", &harbour.url()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!output.stderr.contains(&0x1b), "{}", stderr(&output));
    let output = run(&["sub", "chat", "--server", "https://example.org"]);
    assert!(
        stderr(&output).contains("TLS is not there yet"),
        "{}",
        stderr(&output)
    );
}

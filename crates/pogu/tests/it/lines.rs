//! The pogu dialect over TCP.

use std::collections::HashSet;
use std::thread;

use crate::server::{Lines, Running, value};

#[test]
fn what_is_said_is_answered_in_order() {
    let server = Running::start();
    let mut lines = Lines::new(&server);
    lines.ask("PING", "PONG");
    let subscribed = lines.ask("SUB chat", "OK seq=2 cursor=");
    assert!(!value(&subscribed, "cursor").is_empty());
    lines.say("PUB chat event=greet :hello world\n");
    let (first, second) = (lines.hear(), lines.hear());
    let (ok, message) = if first.starts_with("OK") {
        (first, second)
    } else {
        (second, first)
    };
    assert!(ok.starts_with("OK seq=3 cursor="), "{ok}");
    let cursor = value(&ok, "cursor");
    assert_eq!(
        message,
        format!("MSG chat cursor={cursor} event=greet :hello world")
    );
    lines.ask("UNSUB chat", "OK seq=4");
    lines.ask("PUB chat :unheard", "OK seq=5");
    lines.ask("ping", "PONG");
    lines.ask("QUIT", "BYE quit");
    assert_eq!(lines.hear(), "");
}

#[test]
fn a_publisher_may_leave_its_own_messages_out() {
    let server = Running::start();
    let mut lines = Lines::new(&server);
    lines.ask("SUB chat echo=0", "OK");
    lines.ask("PUB chat :mine", "OK seq=2");
    server.publish("chat", b"theirs");
    assert!(lines.hear().ends_with(":theirs"));
}

#[test]
fn a_command_without_an_end_is_told_not_to_be_done() {
    let server = Running::start();
    for cut in ["PUB cut :no line feed", "PUB cut len=5 :a\nb\nc", "PI"] {
        let mut lines = Lines::new(&server);
        lines.say(format!("PUB cut.whole :x\n{cut}"));
        lines.finish();
        let answers = lines.rest();
        assert_eq!(answers.len(), 2, "{answers:?}");
        assert!(answers[0].starts_with("OK seq=1"), "{answers:?}");
        assert!(answers[1].starts_with("ERR unfinished seq=2 :"), "{answers:?}");
    }
    assert!(server.get("/topics/cut?after=earliest").bodies().is_empty());
}

#[test]
fn a_session_hears_a_message_once_however_many_of_its_subscriptions_match() {
    let server = Running::start();
    server.publish("a.b", b"past");
    let mut lines = Lines::new(&server);
    lines.say("SUB a.* after=earliest\nSUB a.> after=earliest\nSUB a.b after=earliest\n");
    for _ in 0..3 {
        assert!(lines.hear().starts_with("OK"));
    }
    assert!(lines.hear().ends_with(":past"));
    server.publish("a.b", b"1");
    server.publish("a.b", b"2");
    assert!(lines.hear().ends_with(":1"));
    assert!(lines.hear().ends_with(":2"));
}

#[test]
fn all_that_was_asked_before_a_half_close_is_answered() {
    let server = Running::start();
    for count in [1, 100] {
        let mut lines = Lines::new(&server);
        let commands: String = (0..count).map(|number| format!("PUB half :{number}\n")).collect();
        lines.say(commands + "PING\n");
        lines.finish();
        let answers = lines.rest();
        let answered = answers.iter().filter(|line| line.starts_with("OK seq=")).count();
        assert_eq!(answered, count, "{answers:?}");
        assert!(answers.contains(&"PONG".to_owned()));
    }
    assert_eq!(
        server
            .get("/topics/half?after=earliest&limit=1000")
            .bodies()
            .len(),
        101
    );
}

#[test]
fn a_body_with_a_length_may_hold_anything() {
    let server = Running::start();
    let mut lines = Lines::new(&server);
    lines.ask("SUB blob echo=1", "OK");
    lines.say(b"PUB blob len=5 type=image/png :\x00\n\xff:\r\n");
    let ok = lines.hear();
    let mut body = [0; 6];
    // The message follows its answer, in one write.
    assert!(ok.starts_with("OK seq=2"), "{ok:?}");
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b" :") {
        lines.hear_bytes(&mut byte);
        head.push(byte[0]);
    }
    lines.hear_bytes(&mut body);
    let head = String::from_utf8(head).unwrap();
    assert!(
        head.contains("type=image/png") && head.contains("len=5"),
        "{head}"
    );
    assert_eq!(&body, b"\x00\n\xff:\r\n");
    lines.ask("PING", "PONG");
}

#[test]
fn what_is_wrong_is_refused_with_its_name_and_the_conversation_goes_on() {
    let server = Running::start();
    let mut lines = Lines::new(&server);
    lines.ask("PUB a..b :x", "ERR bad-topic seq=1 :");
    lines.ask("PUB a.* :x", "ERR bad-topic seq=2 :");
    lines.ask("PUB $pogu :x", "ERR bad-topic seq=3 :");
    lines.ask("SUB a..b", "ERR bad-topic seq=4 :");
    lines.ask("SUB a after=yesterday", "ERR bad-cursor seq=5 :");
    lines.ask("UNSUB a", "ERR not-subscribed seq=6 :");
    lines.ask("SUB a", "OK seq=7");
    lines.ask("SUB a", "ERR subscribed seq=8 :");
    lines.ask("AUTH token", "ERR no-auth seq=9 :");
    lines.ask("PUB a color=red :x", "ERR ");
    lines.ask("SING a", "ERR ");
    lines.ask("PING", "PONG");
}

#[test]
fn a_line_without_an_end_is_refused_and_cut() {
    let server = Running::with("[limits]\nhead = \"8KiB\"\n");
    let mut lines = Lines::new(&server);
    lines.ask("PING", "PONG");
    lines.say(format!("SUB {}", "x".repeat(9000)));
    assert!(lines.hear().starts_with("ERR too-large :"));
    assert_eq!(lines.hear(), "");
}

#[test]
fn a_body_over_the_limit_is_refused_and_cut() {
    let server = Running::with("[limits]\nmessage = 1000\n");
    let mut lines = Lines::new(&server);
    lines.ask(&format!("PUB a :{}", "x".repeat(1000)), "OK seq=1");
    lines.say("PUB a len=1001 :");
    assert!(lines.hear().starts_with("ERR too-large"));
    assert_eq!(lines.hear(), "");
    let mut lines = Lines::new(&server);
    lines.say("PUB a len=ten :0123456789\n");
    assert!(lines.hear().starts_with("ERR bad-length"));
    assert_eq!(lines.hear(), "");
}

#[test]
fn what_history_no_longer_has_is_told() {
    let server = Running::with("[[topics]]\npattern = \">\"\nhistory = 2\n");
    let first = server.publish("a", b"1");
    for number in 2..=5 {
        server.publish("a", number.to_string().as_bytes());
    }
    let mut lines = Lines::new(&server);
    lines.ask(&format!("SUB a after={first}"), "OK seq=1");
    assert!(lines.hear().starts_with("GAP a :"));
    assert!(lines.hear().ends_with(":4"));
    assert!(lines.hear().ends_with(":5"));
    let mut lines = Lines::new(&server);
    lines.ask("SUB a after=last:2", "OK seq=1");
    assert!(
        lines.hear().ends_with(":4"),
        "what was asked for is there: no gap"
    );
}

#[test]
fn resuming_loses_and_doubles_nothing_while_others_publish() {
    const MESSAGES: usize = 3000;
    let server = Running::with("[[topics]]\npattern = \">\"\nhistory = 100000\n");
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut lines = Lines::new(&server);
            for batch in 0..MESSAGES / 10 {
                let commands: String = (0..10)
                    .map(|number| format!("PUB flow.{} :{}\n", number % 3, batch * 10 + number))
                    .collect();
                lines.say(commands);
                for _ in 0..10 {
                    assert!(lines.hear().starts_with("OK"));
                }
            }
        });
        let mut cursor = "earliest".to_owned();
        let mut seen = HashSet::new();
        let mut order = Vec::new();
        // Each connection is cut while more comes, and the next goes on from its last message.
        while order.len() < MESSAGES {
            let mut lines = Lines::new(&server);
            lines.ask(&format!("SUB flow.> after={cursor}"), "OK seq=1");
            for _ in 0..(MESSAGES - order.len()).min(170) {
                let line = lines.hear();
                assert!(line.starts_with("MSG "), "{line}");
                cursor = value(&line, "cursor").to_owned();
                assert!(seen.insert(cursor.clone()), "{line} came twice");
                order.push(line.rsplit(':').next().unwrap().parse::<usize>().unwrap());
            }
        }
        assert!(order.iter().copied().eq(0..MESSAGES), "in order and whole");
    });
}

#[test]
fn a_session_has_as_many_subscriptions_as_the_limit() {
    let server = Running::with("[limits]\nsubscriptions = 3\n");
    let mut lines = Lines::new(&server);
    for topic in ["a", "b", "c"] {
        lines.ask(&format!("SUB {topic}"), "OK");
    }
    lines.ask("SUB d", "ERR too-many seq=4 :");
    lines.ask("UNSUB b", "OK seq=5");
    lines.ask("SUB d", "OK seq=6");
}

/// Says all at once, shuts its side, and hears all that comes.
fn say_and_shut(server: &Running, commands: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(server.address()).unwrap();
    stream.write_all(commands.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut heard = String::new();
    stream.read_to_string(&mut heard).unwrap();
    heard
}

#[test]
fn answers_come_in_the_order_of_the_commands_and_see_what_was_published() {
    let server = Running::start();
    let heard = say_and_shut(
        &server,
        "PUB a :one\nPUB a :two\nSUB a after=last:1\nPING\nPUB a..b :x\n",
    );
    let firsts: Vec<_> = heard
        .lines()
        .map(|line| line.split(" cursor=").next().unwrap())
        .collect();
    assert_eq!(
        firsts[..4],
        ["OK seq=1", "OK seq=2", "OK seq=3", "PONG"],
        "{heard}"
    );
    assert!(firsts[4].starts_with("ERR bad-topic seq=5"), "{heard}");
    assert!(
        firsts[5].starts_with("MSG a"),
        "history is sent before the end: {heard}"
    );
    assert!(heard.ends_with(" :two\n"), "the last one, its own: {heard}");
    assert_eq!(firsts.len(), 6, "{heard}");
}

#[test]
fn a_hundred_refusals_in_a_row_end_the_conversation() {
    let server = Running::start();
    let heard = say_and_shut(&server, &"X\n".repeat(1000));
    assert_eq!(heard.lines().filter(|line| line.starts_with("ERR ")).count(), 100);
    assert!(
        heard.ends_with("\nBYE refused :too many commands in a row could not be done\n"),
        "{heard}"
    );
}

//! Clients that do not read, under each policy, and the others that do.

use std::thread;

use crate::server::{Lines, Running, connect_narrow, value};
use crate::websocket::{Heard, Socket};

/// Together far more than sockets hold, so that mailboxes fill.
const MESSAGES: usize = 3000;
const BODY: usize = 7 * 1024;

fn server(policy: &str) -> Running {
    Running::with(&format!(
        "[limits]\nmessage = \"8KiB\"\nmailbox = \"32KiB\"\n\
         [[topics]]\npattern = \"slow.>\"\nhistory = 0\nslow-consumer = \"{policy}\"\n"
    ))
}

/// Publishes all messages, to `topics` in turn, while another subscriber reads each of them.
fn publish(server: &Running, topics: usize) {
    let mut reader = Socket::open(server, "/pogu");
    reader.say("SUB slow.>");
    reader.hear_text();
    let mut publisher = Lines::new(server);
    for batch in 0..MESSAGES / 4 {
        let mut commands = String::new();
        for number in batch * 4..batch * 4 + 4 {
            let body = format!("{number:0BODY$}");
            commands.push_str(&format!("PUB slow.{} :{body}\n", number % topics));
        }
        publisher.say(commands);
        for _ in 0..4 {
            assert!(publisher.hear().starts_with("OK"));
        }
        for number in batch * 4..batch * 4 + 4 {
            let message = reader.hear_text();
            assert_eq!(number_of(&message), number, "the one that reads gets everything");
        }
    }
}

fn number_of(message: &str) -> usize {
    let (head, body) = message.split_once(" :").unwrap();
    assert!(head.starts_with("MSG "), "{head}");
    body.parse().unwrap()
}

/// What a slow client was sent in the end.
#[derive(Debug, Default)]
struct Sent {
    numbers: Vec<usize>,
    missed: usize,
    gaps: usize,
}

impl Sent {
    /// Takes lines until each message has come or was told to be gone. The answer to PING overtakes them: it says that the
    /// server is there, and waits behind no backlog.
    fn until_all(mut hear: impl FnMut() -> String, messages: usize) -> Sent {
        let mut sent = Sent::default();
        while sent.numbers.len() + sent.missed < messages {
            let line = hear();
            if line == "PONG" {
                continue;
            }
            match line.strip_prefix("GAP slow.> :") {
                Some(gap) => {
                    sent.gaps += 1;
                    sent.missed += gap.split(' ').next().unwrap().parse::<usize>().unwrap();
                }
                None => sent.numbers.push(number_of(&line)),
            }
        }
        sent
    }

    #[track_caller]
    fn check(&self) {
        assert!(self.numbers.is_sorted(), "in order");
        assert!(
            self.missed > 0,
            "it was slow: {} messages came",
            self.numbers.len()
        );
        assert_eq!(self.numbers.len() + self.missed, MESSAGES, "it was told of each");
    }
}

/// A TCP subscriber that reads only after everything was published.
fn slow_lines(server: &Running, topics: usize) -> Sent {
    let mut slow = Lines::on(connect_narrow(server.address()));
    slow.ask("SUB slow.>", "OK");
    publish(server, topics);
    slow.say("PING\n");
    Sent::until_all(|| slow.hear(), MESSAGES)
}

#[test]
fn the_oldest_go_and_are_told() {
    let server = server("drop-oldest");
    let sent = slow_lines(&server, 1);
    sent.check();
    assert_eq!(sent.numbers.last(), Some(&(MESSAGES - 1)), "the newest is there");
    let dropped = server.metric(&["pogu_messages_dropped_total{", "oldest"]);
    assert_eq!(dropped, u64::try_from(sent.missed).unwrap());
}

#[test]
fn the_newest_go_and_are_told() {
    let server = server("drop-newest");
    let sent = slow_lines(&server, 1);
    sent.check();
    assert_ne!(sent.numbers.last(), Some(&(MESSAGES - 1)));
    let kept = sent.numbers.len();
    assert!(
        sent.numbers.iter().copied().eq(0..kept),
        "what it has has no hole"
    );
}

#[test]
fn the_last_of_each_topic_stays_and_the_others_are_told() {
    let server = server("conflate");
    let sent = slow_lines(&server, 4);
    sent.check();
    assert!(
        sent.numbers
            .ends_with(&[MESSAGES - 4, MESSAGES - 3, MESSAGES - 2, MESSAGES - 1])
    );
}

#[test]
fn a_websocket_is_told_too() {
    let server = server("drop-oldest");
    let mut slow = Socket::on(connect_narrow(server.address()), "/pogu", false, &[]);
    slow.say("SUB slow.>");
    slow.hear_text();
    publish(&server, 1);
    slow.say("PING");
    let sent = Sent::until_all(|| slow.hear_text(), MESSAGES);
    sent.check();
    assert_eq!(sent.numbers.last(), Some(&(MESSAGES - 1)));
}

#[test]
fn the_slow_are_disconnected_and_told_why() {
    let server = server("disconnect");
    let mut lines = Lines::on(connect_narrow(server.address()));
    lines.ask("SUB slow.>", "OK");
    let narrow = connect_narrow(server.address());
    let mut socket = Socket::on(narrow, "/topics/slow.%3E", false, &[]);
    publish(&server, 1);
    let mut numbers = 0..MESSAGES;
    let last = loop {
        let line = lines.hear();
        if !line.starts_with("MSG") {
            break line;
        }
        assert_eq!(
            Some(number_of(&line)),
            numbers.next(),
            "without a hole until the end"
        );
    };
    assert!(last.starts_with("BYE too-slow :"), "{last}");
    assert!(numbers.next().is_some());
    assert_eq!(lines.hear(), "");
    let last = loop {
        match socket.hear() {
            Heard::Text(_) => {}
            other => break other,
        }
    };
    assert_eq!(last, Heard::Close(Some(1008)));
}

#[test]
fn a_silent_reader_of_small_messages_costs_its_mailbox_and_no_more() {
    let server =
        Running::with("[limits]\nmessage = 1000\nmailbox = 1000\n[[topics]]\npattern = \">\"\nhistory = 0\n");
    let mut slow = Lines::on(connect_narrow(server.address()));
    slow.ask("SUB slow.>", "OK");
    // Each message in a turn of its own, and so a write of its own.
    let mut publisher = Lines::new(&server);
    let body = "0".repeat(900);
    let mut published = 0;
    let mut dropped = 0;
    // Until the sockets between are full, and then much longer.
    while dropped < 1000 {
        for _ in 0..500 {
            publisher.ask(&format!("PUB slow.1 :{body}"), "OK");
        }
        published += 500;
        dropped = server.metric(&["pogu_messages_dropped_total{", "oldest"]);
    }
    slow.say("PING\n");
    let sent = Sent::until_all(|| slow.hear(), published);
    assert_eq!(sent.numbers.len() + sent.missed, published);
    // A gap is told before a message that got through, and not once a try.
    assert!(sent.gaps <= sent.numbers.len(), "{sent:?}");
}

#[test]
fn a_publisher_that_reads_no_answers_is_not_read_either() {
    let server = Running::start();
    let mut mute = connect_narrow(server.address());
    mute.set_nonblocking(true).unwrap();
    let commands = "PING\n".repeat(10_000);
    let mut taken = 0;
    // Each answer is as long as its command: what the server takes is bounded by what it may keep.
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            use std::io::Write;
            let mut refused = 0;
            while refused < 50 && taken < 256 << 20 {
                match mute.write(&commands.as_bytes()[taken % 5..]) {
                    Ok(n) => {
                        taken += n;
                        refused = 0;
                    }
                    Err(_) => {
                        refused += 1;
                        // Others are served meanwhile, by either lane.
                        server.get("/healthz");
                    }
                }
            }
            taken
        });
        assert!(writer.join().unwrap() < 256 << 20);
    });
    let mut other = Lines::new(&server);
    let cursor = other.ask("PUB a :x", "OK");
    assert!(!value(&cursor, "cursor").is_empty());
}

//! Reading the past: many at once, beside the present, and by every way that ends.

use crate::engineio::By;
use crate::server::{Http, Lines, Running, connect_narrow, value};
use crate::socketio::peer::SocketIo;

/// Publishes so many messages to topics of one shape, and waits for the last.
fn fill(server: &Running, topic: &str, count: usize) -> String {
    let mut lines = Lines::new(server);
    let mut last = String::new();
    for batch in 0..count.div_ceil(500) {
        let numbers = batch * 500..count.min(batch * 500 + 500);
        let commands: Vec<String> = numbers
            .clone()
            .map(|number| format!("PUB {topic} :{number}\n"))
            .collect();
        lines.say(commands.concat());
        for _ in numbers {
            last = lines.hear();
            assert!(last.starts_with("OK"), "{last}");
        }
    }
    value(&last, "cursor").to_owned()
}

const ALL: &str = "[[topics]]\npattern = \">\"\nhistory = 1000000\n";

#[test]
fn many_who_read_long_pasts_come_to_their_end_and_others_do_not_wait_for_them() {
    let server = Running::with(ALL);
    fill(&server, "a.b.c.other", 30_000);
    let mut readers: Vec<Lines> = (0..12).map(|_| Lines::new(&server)).collect();
    for reader in &mut readers {
        // Each message must be looked at, and none matches.
        reader.say("SUB *.b.c.here after=earliest\n");
        assert!(reader.hear().starts_with("OK"));
    }
    for number in 0..3 {
        let mut other = Lines::new(&server);
        other.ask("PING", "PONG");
        other.ask(&format!("PUB x.b.c.here :{number}"), "OK");
    }
    for reader in &mut readers {
        for number in 0..3 {
            assert!(reader.hear().ends_with(&format!(":{number}")));
        }
    }
}

#[test]
fn who_polls_for_the_past_of_a_pattern_is_told_when_it_has_come_to_the_present() {
    let server = Running::with(ALL);
    fill(&server, "a.b.c.other", 10_000);
    for (token, after) in [("one", "earliest"), ("two", "last:5")] {
        let mut client = SocketIo::open(&server, By::Polls);
        client.enter("/", "");
        client.ask(
            "/",
            &format!("[\"subscribe\",\"*.b.c.{token}\",{{\"after\":\"{after}\"}}]"),
        );
        server.publish(&format!("x.b.c.{token}"), b"new");
        assert!(client.hear().starts_with("2[\"message\",\"new\""));
    }
}

#[test]
fn where_the_last_so_many_begin_is_found_and_what_was_lost_meanwhile_is_told() {
    let server = Running::with(
        "[[topics]]\npattern = \"t.>\"\nhistory = 4\n\n[[topics]]\npattern = \">\"\nhistory = 1000000\n",
    );
    fill(&server, "a.b.c.other", 20_000);
    let mut lines = Lines::new(&server);
    let mut commands = "SUB *.q.c.z after=last:1\n".to_owned();
    for number in 0..50 {
        commands.push_str(&format!("PUB t.q.c.z :{number}\n"));
    }
    lines.say(commands);
    let (mut gaps, mut numbers) = (0, Vec::new());
    while numbers.last() != Some(&49) {
        let line = lines.hear();
        if line.starts_with("GAP *.q.c.z") {
            gaps += 1;
        } else if line.starts_with("MSG") {
            numbers.push(line.rsplit(':').next().unwrap().parse::<usize>().unwrap());
        } else {
            assert!(line.starts_with("OK"), "{line}");
        }
    }
    assert!(numbers.windows(2).all(|two| two[0] < two[1]), "{numbers:?}");
    assert!(numbers.len() == 50 || gaps > 0, "{numbers:?} and no gap");
}

#[test]
fn pages_for_several_subscriptions_fit_into_a_mailbox() {
    for policy in ["drop-oldest", "disconnect"] {
        let server = Running::with(&format!(
            "[[topics]]\npattern = \">\"\nslow-consumer = \"{policy}\"\n"
        ));
        for (topic, bytes) in [("d.a", 500_000), ("d.b", 600_000), ("d.c", 700_000)] {
            server.publish(topic, &vec![b'x'; bytes]);
        }
        let mut lines = Lines::new(&server);
        lines.say("SUB d.a after=earliest\nSUB d.b after=earliest\nSUB d.* after=earliest\n");
        for _ in 0..3 {
            assert!(lines.hear().starts_with("OK"));
        }
        for topic in ["d.a", "d.b", "d.c"] {
            assert!(lines.hear().starts_with(&format!("MSG {topic} ")));
        }
        lines.ask("PING", "PONG");
    }
}

#[test]
fn what_waits_by_a_subscription_that_ends_is_anothers_too() {
    let server = Running::start();
    let mut client = SocketIo::open(&server, By::Polls);
    client.enter("/", "");
    client.ask("/", "[\"subscribe\",\"b.x\"]");
    client.ask("/", "[\"subscribe\",\"b.*\"]");
    server.publish("b.x", b"1");
    server.publish("b.x", b"2");
    // It is answered before what waits.
    client.say("29[\"unsubscribe\",\"b.x\"]");
    server.publish("b.x", b"3");
    let mut heard = Vec::new();
    while heard.len() < 3 {
        let packet = client.hear();
        if !packet.starts_with("39") {
            heard.push(packet);
        }
    }
    for (packet, number) in heard.iter().zip(1..) {
        assert!(
            packet.starts_with(&format!("2[\"message\",\"{number}\"")),
            "{heard:?}"
        );
    }
}

#[test]
fn what_was_missed_by_a_subscription_that_has_ended_is_told() {
    let server = Running::with("[limits]\nmailbox = \"32KiB\"\nmessage = \"8KiB\"\n");
    let mut reader = Lines::on(connect_narrow(server.address()));
    reader.ask("SUB slow", "OK");
    let body = "x".repeat(7000);
    let mut lines = Lines::new(&server);
    for _ in 0..500 {
        lines.say(format!("PUB slow :{body}\n").repeat(4));
        for _ in 0..4 {
            assert!(lines.hear().starts_with("OK"));
        }
    }
    let received = ["pogu_bytes_received_total{", "\"tcp\"", "\"pogu\""];
    let before = server.metric(&received);
    reader.say("UNSUB slow\n");
    server.await_metric(&received, before + 11);
    let (mut heard, mut missed) = (0, 0);
    while heard + missed < 2000 {
        let line = reader.hear();
        assert_ne!(line, "", "{heard} heard, {missed} missed");
        if let Some(told) = line.strip_prefix("GAP slow :") {
            missed += told.split(' ').next().unwrap().parse::<usize>().unwrap();
        } else if line.starts_with("MSG") {
            heard += 1;
        }
    }
    assert!(missed > 0);
}

#[test]
fn a_long_poll_tells_what_was_lost_while_it_began() {
    let server = Running::with("[[topics]]\npattern = \">\"\nhistory = 1\n");
    let mut lines = Lines::new(&server);
    let mut after = {
        lines.ask("PUB h.a :0", "OK");
        value(&lines.ask("PUB h.a :1", "OK"), "cursor").to_owned()
    };
    let mut seen = 1;
    let mut http = Http::new(server.connect());
    while seen < 3000 {
        let burst: String = (0..50).map(|_| "PUB h.a :x\n").collect();
        http.send(&format!("GET /topics/h.*?wait=5&after={after} HTTP/1.1"), b"");
        lines.say(burst);
        let answer = http.answer().json();
        for _ in 0..50 {
            assert!(lines.hear().starts_with("OK"));
        }
        for message in answer["messages"].as_array().unwrap() {
            let cursor = message["cursor"].as_str().unwrap();
            let (before, now) = (seq(&after), seq(cursor));
            assert!(
                now == before + 1 || answer["gap"] == true,
                "{before} to {now} and no gap"
            );
            after = cursor.to_owned();
        }
        after = answer["next"].as_str().unwrap().to_owned();
        seen = seq(&after);
    }
}

fn seq(cursor: &str) -> u64 {
    cursor.split_once('-').unwrap().1.parse().unwrap()
}

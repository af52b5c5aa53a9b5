//! Topics: patterns, filters, resuming, and what a slow client is told.

use super::Stomp;
use super::peer::{Frame, send};
use crate::server::{Lines, Running, connect_narrow};

#[test]
fn patterns_match_as_everywhere_and_slashes_are_dots() {
    let server = Running::start();
    for (destination, topics, others) in [
        ("/topic/a/b", &["a.b"][..], &["a", "a.b.c"][..]),
        ("/topic/a.*", &["a.b", "a.c"], &["a", "a.b.c"]),
        ("/topic/*/b", &["a.b", "c.b"], &["b", "a.b.c"]),
        ("/topic/a/>", &["a.b", "a.b.c"], &["a", "b.a"]),
        ("/topic/a.#", &["a", "a.b", "a.b.c"], &["b", "ab"]),
        ("/topic/#", &["a", "a.b", "b"], &[]),
        ("/topic/>", &["a", "a.b", "b"], &[]),
    ] {
        let mut stomp = Stomp::new(&server);
        stomp.subscribe("1", destination);
        for topic in others.iter().chain(topics) {
            stomp.say(send(&format!("/topic/{}", topic.replace('.', "/")), "", topic));
        }
        for topic in topics {
            let message = stomp.hear_message();
            assert_eq!(
                message.the("destination"),
                format!("/topic/{topic}"),
                "{destination}"
            );
            assert_eq!(message.text(), *topic);
        }
        stomp.is_quiet();
        stomp.ask("UNSUBSCRIBE\nid:1");
        stomp.publish("/topic/a/b", "unheard");
        stomp.publish("/topic/a", "unheard");
        stomp.is_quiet();
    }
}

#[test]
fn each_subscription_gets_its_own_and_by_its_name() {
    let server = Running::start();
    let mut stomp = Stomp::new(&server);
    stomp.subscribe("all", "/topic/>");
    stomp.subscribe("a\\cb\\\\c", "/topic/a");
    stomp.ask("SUBSCRIBE\nid:mine\ndestination:/topic/a\nno-echo:true");
    stomp.ask("SUBSCRIBE\nid:client\ndestination:/topic/a\nack:client");
    stomp.send("/topic/a", "own");
    let mut heard: Vec<Frame> = (0..3).map(|_| stomp.hear_message()).collect();
    stomp.is_quiet();
    heard.sort_by_key(|message| message.the("subscription").to_owned());
    let names: Vec<_> = heard.iter().map(|message| message.the("subscription")).collect();
    assert_eq!(names, ["a:b\\c", "all", "client"]);
    // What nobody waits for may be acknowledged.
    assert_eq!(heard[0].header("ack"), None);
    let ack = heard[2].ack().to_owned();
    stomp.ask(&format!("ACK\nid:{ack}"));
    stomp.ask(&format!("NACK\nid:{ack}"));
    server.publish("a", b"theirs");
    for _ in 0..4 {
        assert_eq!(stomp.hear_message().text(), "theirs");
    }
    stomp.say("SUBSCRIBE\nid:all\ndestination:/topic/b\n\n\0");
    stomp.is_refused("subscribed already");
}

#[test]
fn a_subscription_begins_where_it_asks() {
    let server = Running::with("[[topics]]\npattern = \">\"\nhistory = 3\n");
    let first = server.publish("a", b"1");
    let second = server.publish("a", b"2");
    server.publish("a", b"3");
    let after = |after: &str| {
        let mut stomp = Stomp::new(&server);
        stomp.ask(&format!("SUBSCRIBE\nid:1\ndestination:/topic/a\nafter:{after}"));
        let heard: Vec<Frame> = (0..2).map(|_| stomp.hear_message()).collect();
        heard
    };
    let heard = after(&first);
    assert_eq!(heard[0].the("cursor"), second);
    assert_eq!([heard[0].text(), heard[1].text()], ["2", "3"]);
    assert_eq!(heard[0].header("gap"), None);
    assert_eq!(after("last:2")[0].text(), "2");
    assert_eq!(after("earliest")[0].text(), "1");
    server.publish("a", b"4");
    server.publish("a", b"5");
    // 2 is gone by now.
    let heard = after(&first);
    assert_eq!([heard[0].text(), heard[1].text()], ["3", "4"]);
    assert_eq!(heard[0].the("gap"), "true");
    assert_eq!(heard[1].header("gap"), None);
    assert_eq!(after("earliest")[0].header("gap"), None);
    assert_eq!(after("0-1")[0].the("gap"), "true");
}

#[test]
fn resuming_loses_and_doubles_nothing_while_others_publish() {
    const MESSAGES: usize = 2000;
    let server = Running::with("[[topics]]\npattern = \">\"\nhistory = 100000\n");
    std::thread::scope(|scope| {
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
        let mut order = Vec::new();
        while order.len() < MESSAGES {
            let mut stomp = Stomp::new(&server);
            stomp.ask(&format!(
                "SUBSCRIBE\nid:1\ndestination:/topic/flow.>\nafter:{cursor}"
            ));
            for _ in 0..(MESSAGES - order.len()).min(170) {
                let message = stomp.hear_message();
                cursor = message.the("cursor").to_owned();
                order.push(message.number());
            }
            stomp.reset();
        }
        assert!(order.iter().copied().eq(0..MESSAGES), "in order and whole");
    });
}

#[test]
fn a_selector_sees_headers_events_and_types() {
    let server = Running::start();
    let mut stomp = Stomp::new(&server);
    for (id, selector) in [
        ("price", "price > 10 AND region LIKE 'eu-%'"),
        ("event", "event = 'greet'"),
        ("type", "\"content-type\" = 'application/json'"),
        ("none", "absent IS NOT NULL"),
    ] {
        stomp.ask(&format!(
            "SUBSCRIBE\nid:{id}\ndestination:/topic/a\nselector:{selector}"
        ));
    }
    let mut selected = |frame: Vec<u8>| {
        stomp.say(frame);
        let before = stomp.ask_amid("BEGIN\ntransaction:t");
        let after = stomp.ask_amid("ABORT\ntransaction:t");
        let mut names: Vec<_> = before
            .iter()
            .chain(&after)
            .map(|message| message.the("subscription").to_owned())
            .collect();
        names.sort();
        names.join(" ")
    };
    assert_eq!(
        selected(send("/topic/a", "price:10.5\nregion:eu-north\n", "x")),
        "price"
    );
    assert_eq!(selected(send("/topic/a", "price:9\nregion:eu-north\n", "x")), "");
    assert_eq!(selected(send("/topic/a", "region:eu-north\n", "x")), "");
    assert_eq!(
        selected(send(
            "/topic/a",
            "event:greet\ncontent-type:application/json\n",
            "{}"
        )),
        "event type"
    );
    assert_eq!(selected(send("/topic/a", "", "x")), "");
    server.ask("POST /topics/a HTTP/1.1\nPogu-Event: greet", b"by HTTP");
    assert_eq!(stomp.hear_message().the("subscription"), "event");
}

#[test]
fn as_many_subscriptions_as_the_limit() {
    let server = Running::with("[limits]\nsubscriptions = 3\n");
    let mut stomp = Stomp::new(&server);
    stomp.subscribe("1", "/topic/a");
    stomp.subscribe("2", "/queue/a");
    stomp.subscribe("3", "/topic/b");
    stomp.ask("UNSUBSCRIBE\nid:2");
    stomp.subscribe("4", "/topic/a");
    stomp.say("SUBSCRIBE\nid:5\ndestination:/topic/d\nreceipt:r\n\n\0");
    let error = stomp.is_refused("too many subscriptions");
    assert_eq!(error.the("receipt-id"), "r");
}

/// Together far more than sockets hold, so that mailboxes fill.
const MESSAGES: usize = 3000;
const BODY: usize = 7 * 1024;

fn slow_server(policy: &str) -> Running {
    Running::with(&format!(
        "[limits]\nmessage = \"8KiB\"\nmailbox = \"32KiB\"\n\
         [[topics]]\npattern = \"slow.>\"\nhistory = 0\nslow-consumer = \"{policy}\"\n"
    ))
}

/// Publishes all messages to `topics` topics in turn, while another subscriber reads each of them.
fn publish(server: &Running, topics: usize) {
    let mut reader = Stomp::websocket(server);
    reader.subscribe("1", "/topic/slow.>");
    let mut publisher = Stomp::new(server);
    for batch in 0..MESSAGES / 4 {
        let mut frames = Vec::new();
        for number in batch * 4..batch * 4 + 4 {
            let topic = format!("/topic/slow.{}", number % topics);
            let receipt = format!("receipt:{number}\n");
            frames.extend_from_slice(&send(&topic, &receipt, format!("{number:0BODY$}")));
        }
        publisher.say(frames);
        for number in batch * 4..batch * 4 + 4 {
            assert_eq!(publisher.hear().the("receipt-id"), number.to_string());
            assert_eq!(
                reader.hear_message().number(),
                number,
                "the one that reads gets everything"
            );
        }
    }
}

/// What a slow client was sent in the end.
#[derive(Debug, Default)]
struct Sent {
    numbers: Vec<usize>,
    missed: usize,
}

impl Sent {
    /// Takes messages until each has come or was told to be gone.
    fn until_all(stomp: &mut Stomp) -> Sent {
        let mut sent = Sent::default();
        while sent.numbers.len() + sent.missed < MESSAGES {
            sent.take(&stomp.hear_message());
        }
        assert!(sent.numbers.is_sorted(), "in order");
        assert!(sent.missed > 0, "it was slow: {} came", sent.numbers.len());
        assert_eq!(sent.numbers.len() + sent.missed, MESSAGES, "it was told of each");
        sent
    }

    fn take(&mut self, message: &Frame) {
        let missed = message.header("missed");
        self.missed += missed.map_or(0, |missed| missed.parse().unwrap());
        self.numbers.push(message.number());
    }
}

fn slow_client(server: &Running) -> Stomp {
    let mut slow = Stomp::connected(connect_narrow(server.address()), "1.2", "");
    slow.subscribe("slow", "/topic/slow.>");
    slow
}

#[test]
fn the_oldest_go_and_the_next_message_tells() {
    let server = slow_server("drop-oldest");
    let mut slow = slow_client(&server);
    publish(&server, 1);
    let sent = Sent::until_all(&mut slow);
    assert_eq!(sent.numbers.last(), Some(&(MESSAGES - 1)));
}

#[test]
fn the_newest_go_and_the_next_message_tells() {
    let server = slow_server("drop-newest");
    let mut slow = slow_client(&server);
    publish(&server, 1);
    let sent = Sent::until_all(&mut slow);
    let kept = sent.numbers.len();
    assert!(
        sent.numbers.iter().copied().eq(0..kept),
        "what it has has no hole"
    );
}

#[test]
fn the_last_of_each_topic_stays_and_the_next_message_tells() {
    let server = slow_server("conflate");
    let mut slow = slow_client(&server);
    publish(&server, 4);
    let sent = Sent::until_all(&mut slow);
    assert!(
        sent.numbers
            .ends_with(&[MESSAGES - 4, MESSAGES - 3, MESSAGES - 2, MESSAGES - 1])
    );
}

#[test]
fn the_slow_are_disconnected_and_told_why() {
    let server = slow_server("disconnect");
    let mut narrow = [
        slow_client(&server),
        Stomp::on_socket(crate::websocket::Socket::on(
            connect_narrow(server.address()),
            "/stomp",
            false,
            &[],
        )),
    ];
    narrow[1].connect("1.2", "");
    narrow[1].subscribe("slow", "/topic/slow.>");
    let mut publisher = Stomp::new(&server);
    let mut published = 0;
    // They are read at once, as who is told the end has a few seconds to go.
    while server.metric(&["pogu_messages_dropped_total{", "disconnect"]) < 2 {
        publisher.publish("/topic/slow.0", &format!("{published:0BODY$}"));
        published += 1;
    }
    for slow in &mut narrow {
        let mut numbers = 0..published;
        let last = loop {
            let frame = slow.hear();
            if frame.command != "MESSAGE" {
                break frame;
            }
            assert_eq!(
                Some(frame.number()),
                numbers.next(),
                "without a hole until the end"
            );
        };
        assert_eq!(last.command, "ERROR");
        assert_eq!(last.the("message"), "messages came faster than they were read");
        assert!(numbers.next().is_some());
        slow.has_ended();
    }
}

#[test]
fn what_one_subscription_lost_is_told_by_its_own_next_message() {
    let server = slow_server("drop-oldest");
    let mut slow = Stomp::connected(connect_narrow(server.address()), "1.2", "");
    slow.subscribe("seldom", "/topic/slow.1");
    slow.subscribe("often", "/topic/slow.0");
    let mut publisher = Stomp::new(&server);
    // Until all on the way is full, and the message of the one has given way to those of the other.
    let body = format!("{:0BODY$}", 0);
    let dropped = || server.metric(&["pogu_messages_dropped_total{", "oldest"]);
    while dropped() == 0 {
        publisher.publish("/topic/slow.0", &body);
    }
    publisher.publish("/topic/slow.1", &body);
    let before = dropped();
    while dropped() < before + 16 {
        publisher.publish("/topic/slow.0", &body);
    }
    publisher.publish("/topic/slow.0", "1");
    while slow.hear_message().number() == 0 {}
    publisher.publish("/topic/slow.1", "2");
    let message = slow.hear_message();
    assert_eq!(message.the("subscription"), "seldom");
    assert_eq!(message.the("missed"), "1");
}

#[test]
fn what_was_lost_is_told_once_where_a_subscription_is_to_several_patterns() {
    let server = slow_server("drop-oldest");
    let mut slow = Stomp::connected(connect_narrow(server.address()), "1.2", "");
    // The topic `slow.x` itself and all below it.
    slow.subscribe("slow", "/topic/slow.x.#");
    let mut publisher = Stomp::new(&server);
    let body = format!("{:0BODY$}", 0);
    let mut published = 0;
    while server.metric(&["pogu_messages_dropped_total{", "oldest"]) == 0 {
        for topic in ["/topic/slow.x", "/topic/slow.x.y"] {
            publisher.publish(topic, &body);
            published += 1;
        }
    }
    publisher.publish("/topic/slow.x", "1");
    published += 1;
    let mut accounted = 0;
    loop {
        let message = slow.hear_message();
        accounted += 1 + message
            .header("missed")
            .map_or(0, |missed| missed.parse().unwrap());
        if message.number() == 1 {
            break;
        }
    }
    assert_eq!(accounted, published);
}

#[test]
fn what_waits_is_sent_before_the_last_word_of_a_server_that_stops() {
    let mut server =
        Running::with("[limits]\nmailbox = \"8MiB\"\n[[topics]]\npattern = \">\"\nhistory = 0\n");
    let mut slow = Stomp::connected(connect_narrow(server.address()), "1.2", "");
    slow.subscribe("1", "/topic/a");
    let mut publisher = Stomp::new(&server);
    let waiting = || server.metric(&["pogu_mailbox_messages"]);
    let mut published = 0;
    while waiting() < 100 {
        publisher.publish("/topic/a", &format!("{published:0BODY$}"));
        published += 1;
    }
    drop(publisher);
    server.tell_to_stop();
    for number in 0..published {
        assert_eq!(slow.hear_message().number(), number);
    }
    slow.is_refused("the server is shutting down");
}

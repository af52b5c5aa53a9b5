//! Queues: competing consumers, acknowledgements, what comes back, and what is private or lasts.

use std::time::{SystemTime, UNIX_EPOCH};

use super::Stomp;
use super::peer::{Frame, send};
use crate::server::{Running, connect_narrow};

/// Sends `numbers` to a queue, and hears that all are there.
fn fill(stomp: &mut Stomp, queue: &str, numbers: std::ops::Range<usize>) {
    let mut frames = Vec::new();
    for number in numbers.clone() {
        let receipt = format!("receipt:fill-{number}\n");
        frames.extend_from_slice(&send(queue, &receipt, number.to_string()));
    }
    stomp.say(frames);
    for number in numbers {
        assert_eq!(stomp.hear().the("receipt-id"), format!("fill-{number}"));
    }
}

fn numbers(stomp: &mut Stomp, count: usize) -> Vec<usize> {
    (0..count).map(|_| stomp.hear_message().number()).collect()
}

/// Subscribes to `/queue/q` with more headers. What waits there comes behind the receipt.
#[track_caller]
fn consume(stomp: &mut Stomp, headers: &str) {
    stomp.ask(&format!("SUBSCRIBE\nid:q\ndestination:/queue/q{headers}"));
}

#[track_caller]
fn settle(stomp: &mut Stomp, command: &str, message: &Frame) {
    stomp.ask_amid(&format!("{command}\nid:{}", message.ack()));
}

/// The numbers of all messages that wait in a queue.
fn all_of(server: &Running, queue: &str) -> Vec<usize> {
    let mut stomp = Stomp::new(server);
    stomp.ask(&format!("SUBSCRIBE\nid:all\ndestination:{queue}\nack:client"));
    let mut all = Vec::new();
    loop {
        let mut more = stomp.ask_amid("BEGIN\ntransaction:t");
        more.extend(stomp.ask_amid("ABORT\ntransaction:t"));
        let Some(last) = more.last() else { break };
        stomp.say(format!("ACK\nid:{}\n\n\0", last.ack()));
        all.extend(more.iter().map(Frame::number));
    }
    stomp.ask("UNSUBSCRIBE\nid:all");
    all
}

#[test]
fn a_queue_keeps_messages_until_somebody_comes_and_in_order() {
    let server = Running::start();
    let mut producer = Stomp::new(&server);
    producer.say(send(
        "/queue/q",
        "receipt:0\nmine:yes\nevent:greet\n",
        b"\xff\x00",
    ));
    assert_eq!(producer.hear().the("receipt-id"), "0");
    fill(&mut producer, "/queue/q", 1..100);
    drop(producer);
    let mut consumer = Stomp::new(&server);
    consume(&mut consumer, "");
    let first = consumer.hear_message();
    assert_eq!(first.body, b"\xff\x00");
    assert_eq!(first.the("destination"), "/queue/q");
    assert_eq!(first.the("subscription"), "q");
    assert_eq!(first.the("mine"), "yes");
    assert_eq!(first.the("event"), "greet");
    assert_eq!(first.the("content-type"), "application/octet-stream");
    assert_eq!(first.header("ack"), None, "nothing to acknowledge");
    assert_eq!(first.header("redelivered"), None);
    assert!(first.the("message-id").starts_with(first.the("cursor")));
    assert_eq!(numbers(&mut consumer, 99), (1..100).collect::<Vec<_>>());
    // A queue and a topic of the same name have nothing in common.
    consumer.ask("SUBSCRIBE\nid:t\ndestination:/topic/q\nafter:earliest");
    consumer.is_quiet();
    assert!(server.get("/topics/q?after=earliest").bodies().is_empty());
}

#[test]
fn what_auto_has_sent_is_done_with() {
    let server = Running::start();
    let mut producer = Stomp::new(&server);
    fill(&mut producer, "/queue/q", 0..3);
    let mut consumer = Stomp::new(&server);
    consume(&mut consumer, "");
    assert_eq!(numbers(&mut consumer, 3), [0, 1, 2]);
    consumer.is_quiet();
    consumer.reset();
    let mut other = Stomp::new(&server);
    consume(&mut other, "");
    other.is_quiet();
}

#[test]
fn consumers_take_turns() {
    let server = Running::start();
    // On one lane or on two, it is the same.
    let mut consumers: Vec<_> = (0..4).map(|_| Stomp::new(&server)).collect();
    for consumer in &mut consumers {
        consume(consumer, "\nack:client-individual");
    }
    let mut producer = Stomp::websocket(&server);
    fill(&mut producer, "/queue/q", 0..40);
    let mut seen = Vec::new();
    for consumer in &mut consumers {
        let mine = numbers(consumer, 10);
        assert!(mine.windows(2).all(|pair| pair[1] == pair[0] + 4), "{mine:?}");
        seen.extend(mine);
        consumer.is_quiet();
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..40).collect::<Vec<_>>());
}

#[test]
fn prefetch_is_how_many_may_be_out_at_once() {
    let server = Running::start();
    let mut producer = Stomp::new(&server);
    fill(&mut producer, "/queue/q", 0..10);
    let mut consumer = Stomp::new(&server);
    consume(&mut consumer, "\nack:client-individual\nprefetch-count:2");
    let (zero, one) = (consumer.hear_message(), consumer.hear_message());
    consumer.is_quiet();
    // The rest is for others meanwhile.
    let mut other = Stomp::new(&server);
    consume(&mut other, "\nack:client-individual\nprefetch-count:1");
    let two = other.hear_message();
    assert_eq!(two.number(), 2);
    other.is_quiet();
    consumer.say(format!("ACK\nid:{}\n\n\0", one.ack()));
    let three = consumer.hear_message();
    assert_eq!([zero.number(), one.number(), three.number()], [0, 1, 3]);
    consumer.is_quiet();
    other.say(format!("ACK\nid:{}\n\n\0", two.ack()));
    assert_eq!(other.hear_message().number(), 4);
}

#[test]
fn client_acknowledges_all_up_to_a_message_and_individual_that_one() {
    let server = Running::start();
    let mut producer = Stomp::new(&server);
    for (mode, left) in [
        ("client-individual", &[0, 1, 2, 4, 5, 6, 7, 8, 9][..]),
        ("client", &[4, 5, 6, 7, 8, 9]),
    ] {
        fill(&mut producer, "/queue/q", 0..10);
        let mut consumer = Stomp::new(&server);
        consume(&mut consumer, &format!("\nack:{mode}"));
        let heard: Vec<Frame> = (0..10).map(|_| consumer.hear_message()).collect();
        consumer.ask(&format!("ACK\nid:{}", heard[3].ack()));
        // Again, and one before it: there is nothing left to do.
        consumer.ask(&format!("ACK\nid:{}", heard[3].ack()));
        consumer.ask(&format!("ACK\nid:{}", heard[3].ack()));
        consumer.ask("DISCONNECT");
        consumer.has_ended();
        let mut next = Stomp::new(&server);
        consume(&mut next, "\nack:client");
        let again: Vec<Frame> = left.iter().map(|_| next.hear_message()).collect();
        next.is_quiet();
        assert_eq!(
            again.iter().map(Frame::number).collect::<Vec<_>>(),
            left,
            "{mode}"
        );
        assert!(again.iter().all(|message| message.the("redelivered") == "true"));
        settle(&mut next, "ACK", again.last().unwrap());
    }
}

#[test]
fn acknowledgements_of_1_0_and_1_1_name_the_message() {
    let server = Running::start();
    let mut producer = Stomp::new(&server);
    for (version, subscription) in [
        ("1.0", ""),
        ("1.1", "\nsubscription:q"),
        ("1.1", "\nsubscription:other"),
    ] {
        fill(&mut producer, "/queue/q", 0..2);
        let mut consumer = Stomp::connected(server.connect(), version, "");
        consume(&mut consumer, "\nack:client");
        let (zero, one) = (consumer.hear_message(), consumer.hear_message());
        assert_eq!(one.header("ack"), None);
        assert_eq!([zero.number(), one.number()], [0, 1]);
        consumer.ask(&format!(
            "ACK\nmessage-id:{}{subscription}",
            one.the("message-id")
        ));
        consumer.reset();
        assert_eq!(all_of(&server, "/queue/q"), [0; 0], "{version}");
    }
}

#[test]
fn what_is_refused_comes_back_or_goes_to_the_dead() {
    let server = Running::start();
    let mut producer = Stomp::new(&server);
    fill(&mut producer, "/queue/q", 0..3);
    let mut consumer = Stomp::new(&server);
    consume(&mut consumer, "\nack:client-individual");
    let heard: Vec<Frame> = (0..3).map(|_| consumer.hear_message()).collect();
    consumer.say(format!("NACK\nid:{}\n\n\0", heard[1].ack()));
    let again = consumer.hear_message();
    assert_eq!(again.number(), 1);
    assert_eq!(again.the("redelivered"), "true");
    assert_ne!(again.ack(), heard[1].ack());
    assert_eq!(again.the("cursor"), heard[1].the("cursor"));
    // What acknowledged the first delivery is nothing to the second.
    consumer.ask(&format!("ACK\nid:{}", heard[1].ack()));
    consumer.ask(&format!("NACK\nid:{}\nrequeue:true", heard[0].ack()));
    assert_eq!(consumer.hear_message().number(), 0);
    consumer.ask(&format!("NACK\nid:{}\nrequeue:false", again.ack()));
    consumer.is_quiet();
    let mut undertaker = Stomp::new(&server);
    undertaker.subscribe("1", "/queue/dead.q");
    let dead = undertaker.hear_message();
    assert_eq!(dead.number(), 1);
    assert_eq!(dead.the("destination"), "/queue/q", "where it was sent");
    assert_eq!(dead.header("redelivered"), None);
}

#[test]
fn what_is_delivered_too_often_goes_to_the_dead() {
    let server = Running::start();
    let mut producer = Stomp::new(&server);
    fill(&mut producer, "/queue/q", 0..1);
    let mut consumer = Stomp::new(&server);
    consume(&mut consumer, "\nack:client");
    for delivery in 1..=20 {
        let message = consumer.hear_message();
        assert_eq!(message.header("redelivered").is_some(), delivery > 1);
        consumer.ask(&format!("NACK\nid:{}", message.ack()));
    }
    consumer.is_quiet();
    assert_eq!(all_of(&server, "/queue/q"), [0; 0]);
    assert_eq!(all_of(&server, "/queue/dead.q"), [0]);
}

#[test]
fn what_is_not_acknowledged_comes_back_in_order_however_its_consumer_ends() {
    let server = Running::start();
    let mut producer = Stomp::new(&server);
    fill(&mut producer, "/queue/q", 0..50);
    let ends: [fn(Stomp) -> Option<Stomp>; 6] = [
        |mut stomp| {
            stomp.ask("DISCONNECT");
            None
        },
        |stomp| {
            stomp.reset();
            None
        },
        |stomp| {
            drop(stomp);
            None
        },
        |mut stomp| {
            stomp.say("NONSENSE\n\n\0");
            stomp.is_refused("unknown command");
            None
        },
        |mut stomp| {
            stomp.ask("UNSUBSCRIBE\nid:q");
            stomp.is_quiet();
            Some(stomp)
        },
        |mut stomp| {
            stomp.stream().shutdown(std::net::Shutdown::Write).unwrap();
            stomp.has_ended();
            None
        },
    ];
    for (round, end) in ends.into_iter().enumerate() {
        let mut consumer = Stomp::new(&server);
        consume(&mut consumer, "\nack:client-individual\nprefetch-count:20");
        let heard: Vec<Frame> = (0..20).map(|_| consumer.hear_message()).collect();
        assert_eq!(
            heard.iter().map(Frame::number).collect::<Vec<_>>(),
            (0..20).collect::<Vec<_>>(),
            "round {round}"
        );
        assert!(
            heard
                .iter()
                .all(|message| message.header("redelivered").is_some() == (round > 0))
        );
        let kept = end(consumer);
        // The end of a connection is noticed a moment after it.
        server.await_metric(&["pogu_connections{", "\"stomp\""], 1 + u64::from(kept.is_some()));
    }
}

#[test]
fn a_selector_takes_what_it_wants_from_a_queue_and_leaves_the_rest() {
    let server = Running::start();
    let mut producer = Stomp::new(&server);
    let mut red = Stomp::new(&server);
    consume(&mut red, "\nselector:colour = 'red'");
    for number in 0..10 {
        let colour = if number % 2 == 0 { "red" } else { "blue" };
        producer.say(send(
            "/queue/q",
            &format!("colour:{colour}\n"),
            number.to_string(),
        ));
    }
    assert_eq!(numbers(&mut red, 5), [0, 2, 4, 6, 8]);
    red.is_quiet();
    // One that comes later looks at what is left as well.
    let mut late = Stomp::new(&server);
    consume(
        &mut late,
        "\nselector:colour = 'blue'\nprefetch-count:2\nack:client-individual",
    );
    assert_eq!(numbers(&mut late, 2), [1, 3]);
    assert_eq!(all_of(&server, "/queue/q"), [5, 7, 9]);
}

#[test]
fn what_has_expired_is_not_delivered() {
    let server = Running::start();
    let mut stomp = Stomp::new(&server);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    for (number, expires) in [(0, now - 1), (1, now + 3_600_000), (2, 1), (3, 0)] {
        stomp.say(send(
            "/queue/q",
            &format!("expires:{expires}\n"),
            number.to_string(),
        ));
    }
    stomp.is_quiet();
    assert_eq!(all_of(&server, "/queue/q"), [1, 3]);
    let soon = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() + 50;
    stomp.say(send("/queue/soon", &format!("expires:{soon}\n"), "9"));
    stomp.is_quiet();
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert_eq!(all_of(&server, "/queue/soon"), [0; 0]);
}

#[test]
fn a_durable_subscription_keeps_messages_while_its_client_is_away() {
    let server = Running::start();
    let subscribe = |client: &str, more: &str| {
        let mut stomp = Stomp::connected(server.connect(), "1.2", &format!("client-id:{client}\n"));
        stomp.ask(&format!(
            "SUBSCRIBE\nid:news\ndestination:/topic/news.*\ndurable:true\nack:client{more}"
        ));
        stomp
    };
    let mut first = subscribe("me", "");
    server.publish("news.a", b"0");
    let zero = first.hear_message();
    assert_eq!(zero.the("destination"), "/topic/news.a");
    assert_eq!(zero.the("subscription"), "news");
    settle(&mut first, "ACK", &zero);
    server.publish("news.b", b"1");
    assert_eq!(first.hear_message().number(), 1);
    first.reset();
    server.await_metric(&["pogu_connections{", "\"stomp\""], 0);
    server.publish("news.a", b"2");
    server.publish("other", b"3");
    server.publish("news.a", b"4");
    // Others have their own, from when they first came.
    let mut other = subscribe("other", "");
    other.is_quiet();
    let mut second = subscribe("me", "");
    let heard: Vec<Frame> = (0..3).map(|_| second.hear_message()).collect();
    assert_eq!(heard.iter().map(Frame::number).collect::<Vec<_>>(), [1, 2, 4]);
    assert_eq!(heard[0].the("redelivered"), "true");
    assert_eq!(heard[1].header("redelivered"), None);
    settle(&mut second, "ACK", &heard[1]);
    // UNSUBSCRIBE alone is to go away; what is kept stays.
    second.ask("UNSUBSCRIBE\nid:news");
    server.publish("news.a", b"5");
    second.ask("SUBSCRIBE\nid:news\ndestination:/topic/news.*\ndurable:true\nack:client");
    assert_eq!(numbers(&mut second, 2), [4, 5]);
    second.ask("UNSUBSCRIBE\nid:news\ndurable:true");
    server.publish("news.a", b"6");
    let mut third = subscribe("me", "");
    third.is_quiet();
    server.publish("news.a", b"7");
    assert_eq!(third.hear_message().number(), 7);
    third.ask("DISCONNECT");
    // It can be given up without being taken up.
    let mut fourth = Stomp::connected(server.connect(), "1.2", "client-id:me\n");
    fourth.ask("UNSUBSCRIBE\nid:news\ndurable:true");
    let mut fifth = subscribe("me", "");
    fifth.is_quiet();
    assert_eq!(other.hear_message().number(), 5);
}

#[test]
fn a_durable_subscription_to_something_else_begins_anew() {
    let server = Running::start();
    let subscribe = |destination: &str, selector: &str| {
        let mut stomp = Stomp::connected(server.connect(), "1.2", "client-id:me\n");
        stomp.ask(&format!(
            "SUBSCRIBE\nid:1\ndestination:{destination}\ndurable:true\nack:client{selector}"
        ));
        stomp
    };
    drop(subscribe("/topic/a", ""));
    server.publish("a", b"0");
    let mut anew = subscribe("/topic/b", "");
    anew.is_quiet();
    drop(anew);
    server.publish("b", b"1");
    server.await_metric(&["pogu_connections{", "\"stomp\""], 0);
    let mut selected = subscribe("/topic/b", "\nselector:event = 'x'");
    selected.is_quiet();
    server.publish("b", b"2");
    server.ask("POST /topics/b HTTP/1.1\nPogu-Event: x", b"3");
    assert_eq!(selected.hear_message().number(), 3);
    selected.is_quiet();
    for (version, client, id) in [("1.0", "client-id:me\n", ""), ("1.2", "", "id:1\n")] {
        let mut nameless = Stomp::connected(server.connect(), version, client);
        nameless.say(format!("SUBSCRIBE\n{id}destination:/topic/a\ndurable:true\n\n\0"));
        nameless.is_refused("missing header");
    }
    let mut nameless = Stomp::connected(server.connect(), "1.2", "");
    nameless.say("UNSUBSCRIBE\nid:1\ndurable:true\n\n\0");
    nameless.is_refused("not subscribed");
}

#[test]
fn what_auto_could_not_send_is_for_others() {
    const MESSAGES: usize = 1000;
    let server = Running::start();
    let mut producer = Stomp::new(&server);
    let body = |number: usize| format!("{number:08192}");
    let mut slow = Stomp::connected(connect_narrow(server.address()), "1.2", "");
    consume(&mut slow, "");
    for number in 0..MESSAGES {
        producer.send("/queue/q", body(number));
    }
    producer.is_quiet();
    slow.reset();
    server.await_metric(&["pogu_connections{", "\"stomp\""], 1);
    let rest = all_of(&server, "/queue/q");
    let first = rest[0];
    assert!(first > 0, "what sockets hold was sent");
    assert!(rest.iter().copied().eq(first..MESSAGES));
}

#[test]
fn a_full_queue_is_an_error_with_the_receipt_and_the_last_word() {
    let server = Running::with("[limits]\nmessage = \"64MiB\"\nmailbox = \"64MiB\"\n");
    let mut producer = Stomp::new(&server);
    let body = vec![b'x'; 63 << 20];
    for number in 0..4 {
        producer.say(send("/queue/full", &format!("receipt:{number}\n"), &body));
        assert_eq!(producer.hear().the("receipt-id"), number.to_string());
    }
    for mut late in [Stomp::new(&server), Stomp::websocket(&server)] {
        // All this is in one piece, and what comes after is not done or is not told.
        let mut frames = send("/queue/other", "receipt:before\n", "x");
        frames.extend(send("/queue/full", "receipt:full\n", &body[..5 << 20]));
        frames.extend(send("/topic/after", "receipt:after\n", "x"));
        frames.extend(send("/queue/full", "", &body[..5 << 20]));
        frames.extend_from_slice(b"BEGIN\ntransaction:t\nreceipt:late\n\n\0");
        late.say(frames);
        assert_eq!(late.hear().the("receipt-id"), "before");
        let error = late.is_refused("not published");
        assert_eq!(error.the("receipt-id"), "full");
        assert!(error.text().contains("full"), "{}", error.text());
    }
    // Who takes his leave is not told that all was done.
    let mut leaving = Stomp::websocket(&server);
    let mut frames = send("/queue/full", "receipt:full\n", &body[..5 << 20]);
    frames.extend_from_slice(b"DISCONNECT\nreceipt:bye\n\n\0");
    leaving.say(frames);
    assert_eq!(leaving.is_refused("not published").the("receipt-id"), "full");
    // Without a receipt as well: nothing is lost silently.
    producer.say(send("/queue/full", "", &body[..5 << 20]));
    let error = producer.is_refused("not published");
    assert_eq!(error.header("receipt-id"), None);
    // What is taken makes room.
    let mut consumer = Stomp::new(&server);
    consumer.ask("SUBSCRIBE\nid:1\ndestination:/queue/full\nprefetch-count:1\nack:client");
    let first = consumer.hear_message();
    assert_eq!(first.body.len(), body.len());
    settle(&mut consumer, "ACK", &first);
    let mut producer = Stomp::new(&server);
    producer.publish("/queue/full", "room");
}

#[test]
fn a_temporary_queue_is_private_and_gone_with_its_session() {
    let server = Running::start();
    let mut mine = Stomp::new(&server);
    let mut other = Stomp::new(&server);
    mine.subscribe("1", "/temp-queue/x");
    other.subscribe("1", "/temp-queue/x");
    mine.send("/temp-queue/x", "mine");
    let message = mine.hear_message();
    assert_eq!(message.text(), "mine");
    assert_eq!(message.the("destination"), "/temp-queue/x");
    other.is_quiet();
    let session = mine.session.clone();
    for named in [
        format!("/queue/$temp.{session}.x"),
        format!("/reply-queue/{session}.x"),
        format!("/queue/dead.$temp.{session}.x"),
    ] {
        let mut thief = Stomp::new(&server);
        thief.say(format!("SUBSCRIBE\nid:1\ndestination:{named}\n\n\0"));
        thief.is_refused("bad destination");
    }
}

#[test]
fn a_queue_that_others_share_is_nobodys_to_give_up() {
    let server = Running::start();
    let mut producer = Stomp::new(&server);
    let mut consumer = Stomp::new(&server);
    consume(&mut consumer, "\nack:client\nprefetch-count:1");
    fill(&mut producer, "/queue/q", 0..3);
    let zero = consumer.hear_message();
    // Clients of other brokers say so of any queue.
    let mut other = Stomp::connected(server.connect(), "1.2", "client-id:me\n");
    consume(&mut other, "\nack:client\ndurable:true\nselector:never = 1");
    other.is_quiet();
    other.ask("UNSUBSCRIBE\nid:q\ndurable:true");
    settle(&mut consumer, "ACK", &zero);
    assert_eq!(consumer.hear_message().number(), 1);
    consumer.ask("UNSUBSCRIBE\nid:q\ndurable:true");
    assert_eq!(all_of(&server, "/queue/q"), [1, 2]);
}

#[test]
fn a_temporary_queue_is_gone_with_its_last_subscription() {
    let server = Running::start();
    let mut stomp = Stomp::new(&server);
    // Names come and go as often as one likes.
    for number in 0..3000 {
        stomp.say(format!(
            "SUBSCRIBE\nid:1\ndestination:/temp-queue/{number}\n\n\0UNSUBSCRIBE\nid:1\n\n\0"
        ));
    }
    stomp.ask("SUBSCRIBE\nid:1\ndestination:/temp-queue/x\nack:client");
    stomp.ask("SUBSCRIBE\nid:2\ndestination:/temp-queue/x\nack:client");
    stomp.send("/temp-queue/x", "0");
    assert_eq!(stomp.hear_message().number(), 0);
    stomp.ask("UNSUBSCRIBE\nid:1");
    assert_eq!(stomp.hear_message().the("subscription"), "2");
    stomp.ask("UNSUBSCRIBE\nid:2");
    stomp.ask("SUBSCRIBE\nid:3\ndestination:/temp-queue/x\nack:client");
    stomp.is_quiet();
}

#[test]
fn an_answer_finds_who_asked() {
    let server = Running::start();
    let mut asker = Stomp::new(&server);
    let mut answerer = Stomp::websocket(&server);
    answerer.subscribe("1", "/queue/questions");
    let ask = |asker: &mut Stomp, answerer: &mut Stomp, number: usize| {
        asker.say(send(
            "/queue/questions",
            "reply-to:/temp-queue/answers\n",
            number.to_string(),
        ));
        let question = answerer.hear_message();
        let to = question.the("reply-to").to_owned();
        assert!(
            to.starts_with("/reply-queue/") && to.ends_with(".answers"),
            "{to}"
        );
        answerer.send(&to, (number + 1).to_string());
        to
    };
    for number in [1, 10, 100] {
        ask(&mut asker, &mut answerer, number);
        let answer = asker.hear_message();
        assert_eq!(answer.number(), number + 1);
        assert_eq!(answer.the("destination"), "/temp-queue/answers");
        // Subscribed without a SUBSCRIBE, under the name of the queue.
        assert_eq!(answer.the("subscription"), "/temp-queue/answers");
    }
    // By a topic it is the same.
    answerer.subscribe("2", "/topic/questions");
    asker.say(send("/topic/questions", "reply-to:/temp-queue/others\n", "x"));
    let question = answerer.hear_message();
    answerer.send(question.the("reply-to"), "y");
    assert_eq!(asker.hear_message().the("subscription"), "/temp-queue/others");
    // And again after it was given up.
    asker.ask("UNSUBSCRIBE\nid:/temp-queue/answers");
    let to = ask(&mut asker, &mut answerer, 1000);
    assert_eq!(asker.hear_message().number(), 1001);
    // Whoever answers too late does not suffer for it, nor does what else he does.
    asker.ask("DISCONNECT");
    asker.has_ended();
    answerer.publish(&to, "late");
    answerer.ask("BEGIN\ntransaction:t");
    answerer.say(send("/topic/done", "transaction:t\n", "yes"));
    answerer.say(send(&to, "transaction:t\n", "late"));
    answerer.ask("COMMIT\ntransaction:t");
    assert_eq!(server.get("/topics/done?after=earliest").bodies(), ["yes"]);
    answerer.say("SEND\ndestination:/temp-queue/nobodys\n\nx\0");
    answerer.is_refused("bad destination");
}

#[test]
fn what_auto_was_sent_before_it_unsubscribes_is_not_sent_to_others() {
    const MESSAGES: usize = 1000;
    let server = Running::start();
    let mut producer = Stomp::new(&server);
    let mut slow = Stomp::connected(connect_narrow(server.address()), "1.2", "");
    consume(&mut slow, "");
    for number in 0..MESSAGES {
        producer.send("/queue/q", format!("{number:08192}"));
    }
    producer.is_quiet();
    let heard = slow.ask_amid("UNSUBSCRIBE\nid:q");
    assert!(heard.len() < MESSAGES, "it was slow");
    let rest = all_of(&server, "/queue/q");
    let mut all: Vec<usize> = heard.iter().map(Frame::number).collect();
    all.extend(rest);
    assert!(
        all.iter().copied().eq(0..MESSAGES),
        "each to one of them: {} and {}",
        heard.len(),
        all.len()
    );
}

#[test]
fn who_goes_silent_has_not_taken_what_was_sent() {
    const MESSAGES: usize = 1000;
    let server = Running::start();
    let mut producer = Stomp::new(&server);
    let mut silent = Stomp::connected(connect_narrow(server.address()), "1.2", "heart-beat:500,0\n");
    consume(&mut silent, "");
    for number in 0..MESSAGES {
        producer.send("/queue/q", format!("{number:08192}"));
    }
    producer.is_quiet();
    server.await_metric(&["pogu_connections{", "\"stomp\""], 1);
    let mut all: Vec<usize> = silent.rest().iter().map(Frame::number).collect();
    all.extend(all_of(&server, "/queue/q"));
    all.sort_unstable();
    all.dedup();
    assert!(all.iter().copied().eq(0..MESSAGES), "{} of {MESSAGES}", all.len());
}

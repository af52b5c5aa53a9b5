//! Socket.IO over a WebSocket and over polls: bodies, refusals, signs of life, and ways around proxies.

use std::time::Duration;

use pogu_client::{Draft, Error, Event, Message, Pipe, Publisher, Subscriber, Target, Via};
use tokio::time::{sleep, timeout};

use crate::proxy::{Fate, Habit, Mood, Proxy, http_proxy};
use crate::server::Harbour;
use crate::{PATIENCE, POLLS, SOCKETIO, UPGRADE, bodies, by, draft, message, options, publish};

async fn subscriber(target: &Target, pattern: &str) -> Subscriber {
    Subscriber::connect(target, pattern, None, Via::SocketIo, options())
        .await
        .unwrap()
}

async fn publisher(target: &Target, via: Via) -> Publisher {
    Publisher::connect(target, via, options()).await.unwrap()
}

/// Publishes a message by one way and takes it by Socket.IO.
async fn pass(publisher: &mut Publisher, subscriber: &mut Subscriber, draft: Draft) -> Message {
    let receipt = publisher.publish(draft.clone()).await.unwrap();
    let receipt = timeout(PATIENCE, receipt).await.unwrap().unwrap();
    let message = message(subscriber).await;
    assert_eq!(Some(&message.cursor), receipt.cursor.as_ref(), "{draft:?}");
    assert_eq!(message.topic, draft.topic);
    message
}

#[tokio::test]
async fn each_body_crosses_as_it_is() {
    // With recovery each message has one argument more.
    for recovery in ["0s", "2m"] {
        let harbour = Harbour::with(&format!("[socketio]\nrecovery = \"{recovery}\"\n"));
        let deep = "[".repeat(124) + &"]".repeat(124);
        for scheme in SOCKETIO {
            let target = by(scheme, harbour.address);
            let mut subscriber = subscriber(&target, "bodies.*").await;
            for via in [Via::SocketIo, Via::Http] {
                let mut publisher = publisher(&target, via).await;
                for (content_type, body, told) in [
                    (None, &b""[..], "text/plain"),
                    (
                        None,
                        b"text: \"quoted\"\r\n\0\x1b[2J\x1e4\xe2\x80\xa8",
                        "text/plain",
                    ),
                    (None, br#"{"topic":"bodies.x","cursor":"a-1"}"#, "text/plain"),
                    (None, "ü".repeat(100_000).as_bytes(), "text/plain"),
                    (None, &[0xff; 300_000], "application/octet-stream"),
                    (None, b"\x04\x1e\xff", "application/octet-stream"),
                    (Some("image/png"), b"\x89PNG", "application/octet-stream"),
                    (
                        Some("application/json"),
                        br#"{"a":[1, 2.50, null]}"#,
                        "application/json",
                    ),
                    (
                        Some("application/json"),
                        br#"{"topic":"bodies.x","cursor":"a-1"}"#,
                        "application/json",
                    ),
                    (
                        Some("application/json"),
                        br#"{"_placeholder":true,"num":0}"#,
                        "application/json",
                    ),
                    (Some("application/json"), deep.as_bytes(), "application/json"),
                    (Some("application/json"), b"{", "text/plain"),
                    (Some("application/json;args"), b"[]", "application/json;args"),
                    (
                        Some("application/json;args"),
                        br#"["a", {"b":1}]"#,
                        "application/json;args",
                    ),
                    (
                        Some("application/json;args"),
                        br#"[1,{"b":{"_placeholder":true,"base64":"AQI=","num":0}}]"#,
                        "application/json;args",
                    ),
                ] {
                    let draft = Draft {
                        topic: format!("bodies.{scheme}"),
                        body: body.to_vec().into(),
                        content_type: content_type.map(str::to_owned),
                        ..Draft::default()
                    };
                    let message = pass(&mut publisher, &mut subscriber, draft).await;
                    let shown = String::from_utf8_lossy(&body[..body.len().min(100)]);
                    assert!(message.body == body, "{recovery} {scheme} {via}: {shown}");
                    assert_eq!(
                        message.content_type.as_deref(),
                        Some(told),
                        "{recovery} {scheme} {via}: {shown}"
                    );
                    assert_eq!(message.event, None, "{recovery} {scheme} {via}: {shown}");
                }
            }
            subscriber.close().await;
        }
    }
}

#[tokio::test]
async fn no_event_is_taken_for_another() {
    let harbour = Harbour::start();
    for scheme in SOCKETIO {
        let target = by(scheme, harbour.address);
        let mut subscriber = subscriber(&target, "events").await;
        let mut publisher = publisher(&target, Via::SocketIo).await;
        for (event, told) in [
            ("greet \"you\" ü", Some("greet \"you\" ü")),
            // It tells of losses when the server says so, and not when anybody does.
            ("gap", Some("gap")),
            ("subscribe", Some("subscribe")),
            ("7", Some("7")),
            // What stands for a message without a name, as none may have these.
            ("message", None),
            ("connect", None),
            ("disconnect", None),
        ] {
            for body in ["text", r#"{"gap":true,"topic":"events"}"#, "[]"] {
                for content_type in [None, Some("application/json"), Some("application/json;args")] {
                    let mut draft = draft("events", body);
                    draft.event = Some(event.to_owned());
                    draft.content_type = content_type.map(str::to_owned);
                    let message = pass(&mut publisher, &mut subscriber, draft).await;
                    assert_eq!(message.event.as_deref(), told, "{scheme}: {event} {body}");
                }
            }
        }
    }
}

#[tokio::test]
async fn behind_a_proxy_without_upgrades_it_polls() {
    let harbour = Harbour::start();
    for (habit, scheme) in [
        (Habit::Passes, "http"),
        (Habit::Collects, "http"),
        (Habit::Passes, UPGRADE),
        (Habit::Collects, UPGRADE),
    ] {
        let proxy = http_proxy(harbour.address, habit).await;
        let target = by(scheme, proxy);
        let mut subscriber = subscriber(&target, "proxied").await;
        let mut publisher = publisher(&target, Via::SocketIo).await;
        for body in ["one", "two", &"x".repeat(100_000)] {
            let message = pass(&mut publisher, &mut subscriber, draft("proxied", body)).await;
            assert_eq!(message.body, body, "{habit:?} {scheme}");
        }
        publisher.close().await;
        subscriber.close().await;
        // Unless nothing but a WebSocket is wanted.
        let target = format!("http://{proxy}?transport=websocket").parse().unwrap();
        let connecting = Subscriber::connect(&target, "a", None, Via::SocketIo, options());
        let error = connecting.await.unwrap_err();
        assert!(matches!(error, Error::Status { .. }), "{habit:?}: {error}");
    }
}

#[tokio::test]
async fn refusals_are_named() {
    let harbour = Harbour::start();
    for scheme in SOCKETIO {
        let target = by(scheme, harbour.address);
        for (pattern, after, why) in [("no..topic", None, "empty"), ("chat", Some("never"), "cursor")] {
            let connecting = Subscriber::connect(&target, pattern, after, Via::SocketIo, options());
            let error = connecting.await.unwrap_err();
            assert!(
                error.is_final() && error.to_string().contains(why),
                "{scheme} {pattern}: {error}"
            );
        }
        let url = Target {
            path: "/topics/orders.*".to_owned(),
            ..target
        };
        let mut pipe = Pipe::open(&url, Via::SocketIo, options()).await.unwrap();
        pipe.send(b"to whom?").await.unwrap();
        let error = timeout(PATIENCE, pipe.next()).await.unwrap().unwrap_err();
        assert!(matches!(&error, Error::Refused { .. }), "{url}: {error}");
    }
    let elsewhere = format!("http://{}/elsewhere", harbour.address).parse().unwrap();
    let connecting = Subscriber::connect(&elsewhere, "chat", None, Via::SocketIo, options());
    let error = connecting.await.unwrap_err();
    assert!(matches!(&error, Error::Status { status: 404, .. }), "{error}");
    assert!(error.is_final());
}

#[tokio::test]
async fn a_body_of_the_limit_passes_on_a_websocket() {
    let harbour = Harbour::with("[limits]\nmessage = \"20KiB\"\n");
    let body = "\n".repeat(20 << 10);
    let mut subscriber = subscriber(&by("ws", harbour.address), "limit").await;
    let mut publisher = publisher(&by("ws", harbour.address), Via::SocketIo).await;
    let message = pass(&mut publisher, &mut subscriber, draft("limit", &body)).await;
    assert!(message.body == body);
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_before_it_ends_the_session() {
    let harbour = Harbour::start();
    let mut publisher = publisher(&by("ws", harbour.address), Via::SocketIo).await;
    for over in [0, 1] {
        let mut draft = draft("large", "");
        draft.body = vec![0xff; (1 << 20) + over].into();
        let receipt = publisher.publish(draft).await.unwrap();
        let result = timeout(PATIENCE, receipt).await.unwrap();
        match over {
            0 => assert!(result.is_ok(), "{result:?}"),
            _ => assert!(
                matches!(&result, Err(Error::TooLarge(why)) if why == "a message has at most 1048576 bytes"),
                "{result:?}"
            ),
        }
    }
}

#[tokio::test]
async fn what_is_too_large_for_a_poll_is_refused_and_the_others_pass() {
    let harbour = Harbour::with("[limits]\nmessage = \"20KiB\"\n");
    let mut publisher = publisher(&by(POLLS, harbour.address), Via::SocketIo).await;
    let large = "x".repeat(100 << 10);
    let nearly = "y".repeat(10 << 10);
    let mut pending = Vec::new();
    for body in ["one", &large, &nearly, &nearly, &nearly, "two"] {
        pending.push(publisher.publish(draft("polled", body)).await.unwrap());
    }
    let mut results = Vec::new();
    for receipt in pending {
        results.push(timeout(PATIENCE, receipt).await.unwrap());
    }
    let error = results.remove(1).unwrap_err();
    assert!(
        matches!(&error, Error::TooLarge(why) if why.contains("20480")),
        "{error}"
    );
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    publisher.close().await;
    let got = crate::history(harbour.address, "polled", 5).await;
    assert_eq!(got, ["one", &nearly, &nearly, &nearly, "two"]);
}

#[tokio::test]
async fn it_goes_on_after_the_last_message_and_tells_what_is_gone() {
    let harbour = Harbour::with("[[topics]]\npattern = \"short.*\"\nhistory = 2\n");
    for scheme in SOCKETIO {
        let topic = format!("short.{scheme}");
        let proxy = Proxy::start(harbour.address, vec![Fate::Whole]).await;
        let mut subscriber = subscriber(&by(scheme, proxy.address), &topic).await;
        assert!(matches!(subscriber.next().await, Ok(Event::Open { .. })));
        // Not even the first message has come, and yet it is known where to go on.
        proxy.set(Mood::Closed);
        publish(harbour.address, &topic, &["one", "two"]).await;
        proxy.set(Mood::Passing);
        assert_eq!(bodies(&mut subscriber, 2).await, ["one", "two"], "{scheme}");
        proxy.set(Mood::Closed);
        publish(harbour.address, &topic, &["three", "four", "five"]).await;
        proxy.set(Mood::Passing);
        let mut got = Vec::new();
        while got.len() < 3 {
            match timeout(PATIENCE, subscriber.next()).await.unwrap().unwrap() {
                Event::Gap(gap) => got.push(format!("gap in {}", gap.topic)),
                Event::Message(message) => got.push(String::from_utf8(message.body.to_vec()).unwrap()),
                _ => {}
            }
        }
        assert_eq!(got, [format!("gap in {topic}").as_str(), "four", "five"]);
    }
}

#[tokio::test]
async fn pings_are_answered() {
    // The next ping follows the answer to the last.
    let harbour = Harbour::with("[socketio]\nping-interval = \"20ms\"\nping-timeout = \"30s\"\n");
    for scheme in SOCKETIO {
        let proxy = Proxy::start(harbour.address, vec![Fate::Whole]).await;
        let mut subscriber = subscriber(&by(scheme, proxy.address), "quiet").await;
        assert!(matches!(subscriber.next().await, Ok(Event::Open { .. })));
        let mut told = proxy.bytes_down();
        for _ in 0..5 {
            let more = async {
                while proxy.bytes_down() == told {
                    sleep(Duration::from_millis(1)).await;
                }
            };
            timeout(PATIENCE, more).await.expect("another ping");
            told = proxy.bytes_down();
        }
        assert!(subscriber.try_next().is_none(), "{scheme}: it stands");
        subscriber.close().await;
    }
}

#[tokio::test]
async fn a_server_that_does_not_ping_is_left() {
    let harbour = Harbour::with("[socketio]\nping-interval = \"200ms\"\nping-timeout = \"300ms\"\n");
    for scheme in SOCKETIO {
        let topic = format!("stalled.{scheme}");
        let proxy = Proxy::start(harbour.address, vec![Fate::Whole]).await;
        let mut subscriber = subscriber(&by(scheme, proxy.address), &topic).await;
        publish(harbour.address, &topic, &["one"]).await;
        assert_eq!(bodies(&mut subscriber, 1).await, ["one"]);
        proxy.set(Mood::Stalled);
        publish(harbour.address, &topic, &["two"]).await;
        let silent = async {
            loop {
                if let Event::Lost { error, .. } = subscriber.next().await.unwrap() {
                    return error;
                }
            }
        };
        let error = timeout(PATIENCE, silent).await.expect("it is noticed");
        assert!(matches!(error, Error::Silent { .. }), "{scheme}: {error}");
        proxy.set(Mood::Passing);
        publish(harbour.address, &topic, &["three"]).await;
        assert_eq!(bodies(&mut subscriber, 2).await, ["two", "three"], "{scheme}");
    }
}

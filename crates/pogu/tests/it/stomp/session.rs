//! From CONNECT to the end: versions, ports and paths, cuts, receipts, refusals, heart-beats.

use std::io::Write;

use super::Stomp;
use super::peer::{connect_to, send};
use crate::server::{Http, Running};
use crate::websocket::{Heard, Socket};

#[test]
fn each_version_is_spoken_on_tcp_and_websocket() {
    let server = Running::with(
        "[[listen]]\naddress = \"127.0.0.1:0\"\n\
         [[listen]]\naddress = \"tcp://127.0.0.1:0\"\nprotocol = \"stomp\"\n",
    );
    for version in ["1.0", "1.1", "1.2"] {
        let mut all = [
            Stomp::on(server.connect()),
            Stomp::on(connect_to(&server, 1)),
            Stomp::on_socket(Socket::open(&server, "/stomp")),
            Stomp::on_socket(Socket::open(&server, "/stomp/websocket")),
        ];
        for stomp in &mut all {
            let connected = stomp.connect(version, "");
            assert!(connected.the("server").starts_with("pogu/"));
            assert_eq!(connected.the("session").len(), 22);
            let beats = (version != "1.0").then_some("10000,10000");
            assert_eq!(connected.header("heart-beat"), beats);
            stomp.subscribe("1", &format!("/topic/v{version}"));
        }
        let [publisher, others @ ..] = &mut all;
        publisher.send(&format!("/topic/v{version}"), "hello");
        for stomp in [&mut *publisher].into_iter().chain(others) {
            let message = stomp.hear_message();
            assert_eq!(message.text(), "hello");
            assert_eq!(message.the("subscription"), "1");
            assert_eq!(
                message.the("destination"),
                format!("/topic/v{}", version.replace('/', "."))
            );
            assert_eq!(message.the("content-type"), "text/plain");
            assert_eq!(message.the("content-length"), "5");
            assert_eq!(message.the("message-id"), message.the("cursor"));
            stomp.ask("DISCONNECT");
            stomp.has_ended();
        }
    }
}

#[test]
fn the_highest_version_in_common_is_taken_and_stomp_is_connect() {
    let server = Running::start();
    for (accepted, version) in [
        ("accept-version:1.0,1.1,1.2\n", "1.2"),
        ("accept-version:1.1,1.0\n", "1.1"),
        ("accept-version:1.0,2.0\n", "1.0"),
        ("", "1.0"),
    ] {
        for command in ["CONNECT", "STOMP"] {
            let mut stomp = Stomp::on(server.connect());
            stomp.say(format!(
                "{command}\n{accepted}host:x\nlogin:me\npasscode:x\n\n\0\n"
            ));
            let connected = stomp.hear();
            assert_eq!(connected.command, "CONNECTED");
            assert_eq!(connected.the("version"), version);
        }
    }
    let mut stomp = Stomp::on(server.connect());
    stomp.say("CONNECT\r\naccept-version:3.0\r\nhost:x\r\n\r\n\0");
    let error = stomp.is_refused("no version in common");
    assert_eq!(error.the("version"), "1.0,1.1,1.2");
}

#[test]
fn of_the_subprotocols_the_first_that_is_known_is_chosen() {
    let server = Running::start();
    for path in ["/stomp", "/stomp/websocket"] {
        for (asked, chosen) in [
            (Some("v12.stomp, v11.stomp, v10.stomp"), Some("v12.stomp")),
            (Some("v10.stomp"), Some("v10.stomp")),
            (Some("mqtt, v11.stomp"), Some("v11.stomp")),
            (Some("mqtt"), None),
            (None, None),
        ] {
            let mut http = Http::new(server.connect());
            let protocols = asked.map_or(String::new(), |asked| {
                format!("\nSec-WebSocket-Protocol: {asked}")
            });
            http.send(
                &format!(
                    "GET {path} HTTP/1.1\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\n\
                     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Extensions: permessage-deflate{protocols}"
                ),
                b"",
            );
            let head = http.head();
            assert_eq!(head.status, 101);
            assert_eq!(head.header("sec-websocket-protocol"), chosen, "{asked:?}");
            assert_eq!(head.header("sec-websocket-extensions"), None);
        }
    }
    server.get("/stomp").problem(426, "upgrade-required");
}

/// A conversation that ends by itself, with all that a body may hold.
const CONVERSATION: &[u8] = b"\r\nCONNECT\r\naccept-version:1.2\r\nhost:x\r\n\r\n\0\n\n\
    SUBSCRIBE\nid:one\ndestination:/topic/cut\nreceipt:1\n\n\0\
    SEND\ndestination:/topic/cut\ncontent-length:5\nnote:a\\nb\\cc\n\n\0\n\xff\n\0\0\
    SEND\ndestination:/topic/cut\nreceipt:2\n\nplain\0\n\
    UNSUBSCRIBE\nid:one\n\n\0DISCONNECT\nreceipt:3\n\n\0";

/// What it is answered, in whatever order messages and receipts come.
#[track_caller]
fn hear_conversation(stomp: &mut Stomp, what: &str) {
    let mut commands = Vec::new();
    while let Some(frame) = stomp.hear_or_end() {
        assert_ne!(frame.command, "ERROR", "{what}: {frame:?}");
        let receipt = frame.header("receipt-id").unwrap_or_default();
        commands.push(format!("{}{receipt}", frame.command));
    }
    commands.retain(|command| command != "MESSAGE");
    assert_eq!(
        commands,
        ["CONNECTED", "RECEIPT1", "RECEIPT2", "RECEIPT3"],
        "{what}"
    );
}

#[test]
fn frames_are_read_however_they_are_cut() {
    let server = Running::start();
    for cut in 0..CONVERSATION.len() {
        let mut stomp = Stomp::on(server.connect());
        stomp.say(&CONVERSATION[..cut]);
        // Some of the cuts come apart on their way, some do not: a test of the decoder cuts it at each byte.
        if cut % 8 == 0 {
            server.get("/healthz");
        }
        stomp.say(&CONVERSATION[cut..]);
        hear_conversation(&mut stomp, &format!("cut at {cut}"));
    }
    let bodies = server.get("/topics/cut?after=last:2").json();
    assert_eq!(bodies["messages"][0]["base64"], "AAr/CgA=");
    assert_eq!(bodies["messages"][0]["headers"]["note"], "a\nb:c");
    assert_eq!(bodies["messages"][1]["data"], "plain");
}

#[test]
fn text_is_answered_by_text_and_binary_by_binary() {
    let server = Running::start();
    let mut stomp = Stomp::websocket(&server);
    assert!(!stomp.binary);
    stomp.subscribe("1", "/topic/a");
    stomp.send("/topic/a", "text");
    assert_eq!(stomp.hear_message().text(), "text");
    assert!(!stomp.binary);
    server.publish("a", b"\xff");
    assert_eq!(stomp.hear_message().body, b"\xff");
    assert!(stomp.binary, "what is no text is binary");
    stomp.ask("BEGIN\ntransaction:t");
    assert!(!stomp.binary);

    stomp.socket().say_bytes(b"BEGIN\ntransaction:u\nreceipt:r\n\n\0");
    assert_eq!(stomp.hear().the("receipt-id"), "r");
    assert!(stomp.binary);
    server.publish("a", b"text");
    assert_eq!(stomp.hear_message().text(), "text");
    assert!(stomp.binary, "who speaks in binary hears so");
    stomp.socket().say_bytes(b"NONSENSE\n\n\0");
    stomp.is_refused("unknown command");
    assert!(stomp.binary);
    assert_eq!(stomp.closed, Some(1008));
}

#[test]
fn nothing_is_done_after_disconnect() {
    let server = Running::start();
    for mut stomp in [Stomp::new(&server), Stomp::websocket(&server)] {
        stomp.say(
            "SEND\ndestination:/topic/a\n\nbefore\0DISCONNECT\nreceipt:bye\n\n\0\
             SEND\ndestination:/topic/a\nreceipt:after\n\nafter\0NONSENSE\n\n\0",
        );
        assert_eq!(stomp.hear().the("receipt-id"), "bye");
        stomp.has_ended();
    }
    assert_eq!(
        server.get("/topics/a?after=earliest").bodies(),
        ["before", "before"]
    );
}

/// Frames that are refused, with the message of their ERROR.
const REFUSED: &[(&str, &str)] = &[
    ("NONSENSE\nreceipt:r\n\n\0", "unknown command"),
    ("MESSAGE\nreceipt:r\n\n\0", "unknown command"),
    (
        "CONNECT\nreceipt:r\naccept-version:1.2\n\n\0",
        "connected already",
    ),
    ("SEND\nreceipt:r\n\nbody\0", "missing header"),
    (
        "SEND\nreceipt:r\ndestination:/topic/a\nx:\\t\n\n\0",
        "malformed frame",
    ),
    ("SEND\nreceipt:r\ndestination:chat\n\n\0", "bad destination"),
    ("SEND\nreceipt:r\ndestination:/topic/a.*\n\n\0", "bad destination"),
    (
        "SEND\nreceipt:r\ndestination:/topic/$server\n\n\0",
        "bad destination",
    ),
    (
        "SEND\nreceipt:r\ndestination:/queue/$temp.a.b\n\n\0",
        "bad destination",
    ),
    (
        "SEND\nreceipt:r\ndestination:/topic/a\ntransaction:t\n\n\0",
        "unknown transaction",
    ),
    (
        "SEND\nreceipt:r\ndestination:/queue/a\nexpires:soon\n\n\0",
        "invalid header",
    ),
    (
        "SEND\nreceipt:r\ndestination:/topic/a\nevent:a\\nb\n\n\0",
        "invalid header",
    ),
    ("SUBSCRIBE\nreceipt:r\nid:1\n\n\0", "missing header"),
    (
        "SUBSCRIBE\nreceipt:r\ndestination:/topic/a\n\n\0",
        "missing header",
    ),
    (
        "SUBSCRIBE\nreceipt:r\nid:1\ndestination:/topic/a.#.b\n\n\0",
        "bad destination",
    ),
    (
        "SUBSCRIBE\nreceipt:r\nid:1\ndestination:/topic/a\nack:never\n\n\0",
        "invalid header",
    ),
    (
        "SUBSCRIBE\nreceipt:r\nid:1\ndestination:/topic/a\nafter:noon\n\n\0",
        "bad cursor",
    ),
    (
        "SUBSCRIBE\nreceipt:r\nid:1\ndestination:/queue/a\nprefetch-count:0\n\n\0",
        "invalid header",
    ),
    (
        "SUBSCRIBE\nreceipt:r\nid:1\ndestination:/queue/a\nprefetch-count:65536\n\n\0",
        "invalid header",
    ),
    (
        "SUBSCRIBE\nreceipt:r\nid:1\ndestination:/topic/a\nselector:price >\n\n\0",
        "bad selector",
    ),
    (
        "SUBSCRIBE\nreceipt:r\nid:1\ndestination:/topic/a\n\nbody\0",
        "malformed frame",
    ),
    (
        "SUBSCRIBE\nreceipt:r\nid:1\ndestination:/topic/a.#\ndurable:true\n\n\0",
        "bad destination",
    ),
    ("UNSUBSCRIBE\nreceipt:r\nid:1\n\n\0", "not subscribed"),
    ("UNSUBSCRIBE\nreceipt:r\n\n\0", "missing header"),
    ("ACK\nreceipt:r\n\n\0", "missing header"),
    ("ACK\nreceipt:r\nid:nonsense\n\n\0", "unknown message"),
    ("NACK\nreceipt:r\nid:1-1@0-1\n\n\0", "unknown message"),
    ("BEGIN\nreceipt:r\n\n\0", "missing header"),
    ("COMMIT\nreceipt:r\ntransaction:t\n\n\0", "unknown transaction"),
    ("ABORT\nreceipt:r\ntransaction:t\n\n\0", "unknown transaction"),
];

#[test]
fn what_cannot_be_done_is_one_error_and_the_end() {
    let server = Running::start();
    let mut witness = Stomp::new(&server);
    witness.subscribe("w", "/topic/witness");
    for (frame, message) in REFUSED {
        for mut stomp in [Stomp::new(&server), Stomp::websocket(&server)] {
            // What comes after it is not done.
            stomp.say(format!(
                "{frame}SEND\ndestination:/topic/never\n\nx\0NONSENSE\n\n\0"
            ));
            let error = stomp.is_refused(message);
            assert_eq!(error.header("receipt-id"), Some("r"), "{frame:?}");
            assert_eq!(error.the("content-type"), "text/plain");
            assert!(!error.text().is_empty());
            assert!(stomp.closed.is_none_or(|code| code == 1008), "{frame:?}");
        }
    }
    witness.publish("/topic/witness", "undisturbed");
    assert_eq!(witness.hear_message().text(), "undisturbed");
    assert!(server.get("/topics/never?after=earliest").bodies().is_empty());
}

#[test]
fn before_connect_there_is_nothing_but_connect() {
    let server = Running::with(
        "[[listen]]\naddress = \"127.0.0.1:0\"\n\
         [[listen]]\naddress = \"tcp://127.0.0.1:0\"\nprotocol = \"stomp\"\n",
    );
    let long = "x".repeat(17 * 1024);
    for (bytes, message) in [
        ("SEND\ndestination:/topic/a\n\n\0".to_owned(), "not connected"),
        (
            "SUBSCRIBE\nid:1\ndestination:/topic/a\n\n\0".to_owned(),
            "not connected",
        ),
        ("DISCONNECT\n\n\0".to_owned(), "not connected"),
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n\0".to_owned(), "not connected"),
        (format!("CONNECT\npasscode:{long}"), "limit exceeded"),
        (format!("CONNECT\n{}", "x:y\n".repeat(33)), "limit exceeded"),
        (
            "CONNECT\naccept-version:1.2\n\nbody\0".to_owned(),
            "malformed frame",
        ),
        (
            "CONNECT\naccept-version:1.2\ncontent-length:1000000000\n\n".to_owned(),
            "limit exceeded",
        ),
        (
            "CONNECT\naccept-version:1.2\nheart-beat:often\n\n\0".to_owned(),
            "invalid header",
        ),
        (format!("\n\r\n\0\0{}", "A".repeat(33)), "limit exceeded"),
    ] {
        let mut both = [
            Stomp::on(connect_to(&server, 1)),
            Stomp::on_socket(Socket::open(&server, "/stomp")),
        ];
        for stomp in &mut both {
            stomp.say(&bytes);
            stomp.is_refused(message);
        }
    }
    assert!(server.get("/topics/a?after=earliest").bodies().is_empty());
}

#[test]
fn all_that_was_said_before_a_half_close_is_done_and_answered() {
    let server = Running::start();
    let mut stomp = Stomp::new(&server);
    let mut frames = Vec::new();
    for number in 0..100 {
        frames.extend_from_slice(&send("/topic/half", &format!("receipt:{number}\n"), "x"));
    }
    stomp.say(frames);
    stomp.stream().shutdown(std::net::Shutdown::Write).unwrap();
    for number in 0..100 {
        assert_eq!(stomp.hear().the("receipt-id"), number.to_string());
    }
    stomp.has_ended();
}

#[test]
fn headers_mean_the_same_in_every_version_that_can_say_them() {
    let server = Running::start();
    let mut readers: Vec<_> = ["1.0", "1.1", "1.2"]
        .into_iter()
        .map(|version| {
            let mut stomp = Stomp::connected(server.connect(), version, "");
            stomp.subscribe("1", "/topic/a");
            stomp
        })
        .collect();
    let mut publisher = Stomp::new(&server);
    publisher.say("SEND\ndestination:/topic/a\nplace:a\\cb\\\\c\\nd\\re\nplace:second\n\n\0");
    let heard = readers.iter_mut().map(|stomp| {
        let message = stomp.hear_message();
        message.the("place").to_owned()
    });
    assert_eq!(
        heard.collect::<Vec<_>>(),
        ["a:b\\c d e", "a:b\\c\nd e", "a:b\\c\nd\re"]
    );
    // 1.0 has no escapes, and trims.
    let mut old = Stomp::connected(server.connect(), "1.0", "");
    old.say("SEND\ndestination: /topic/a \nplace : a\\cb \n\n\0");
    for stomp in &mut readers {
        assert_eq!(stomp.hear_message().the("place"), "a\\cb");
    }
}

#[test]
fn version_1_0_names_subscriptions_by_destination() {
    let server = Running::start();
    let mut old = Stomp::connected(server.connect(), "1.0", "");
    old.ask("SUBSCRIBE\ndestination:/topic/a");
    old.ask("SUBSCRIBE\ndestination:/topic/b");
    old.send("/topic/a", "one");
    let message = old.hear_message();
    assert_eq!(message.header("subscription"), None);
    assert_eq!(message.the("destination"), "/topic/a");
    old.ask("UNSUBSCRIBE\ndestination:/topic/a");
    old.publish("/topic/a", "unheard");
    old.send("/topic/b", "two");
    assert_eq!(old.hear_message().text(), "two");
    old.say("NACK\nmessage-id:1-1\n\n\0");
    old.is_refused("unknown command");
}

#[test]
fn connections_and_messages_are_counted_by_their_way() {
    let server = Running::start();
    let mut tcp = Stomp::new(&server);
    let mut websocket = Stomp::websocket(&server);
    for stomp in [&mut tcp, &mut websocket] {
        stomp.subscribe("1", "/topic/a");
        stomp.subscribe("2", "/queue/a");
    }
    tcp.send("/topic/a", "x");
    tcp.hear_message();
    websocket.hear_message();
    websocket.send("/queue/a", "x");
    tcp.ask_amid("BEGIN\ntransaction:t");
    for (carrier, received) in [("\"tcp\"", 1), ("\"websocket\"", 1)] {
        let count = |name: &str| server.metric(&[name, carrier, "\"stomp\""]);
        assert_eq!(count("pogu_connections{"), 1);
        assert_eq!(count("pogu_messages_received_total{"), received);
        assert!(count("pogu_bytes_received_total{") > 0);
        assert!(count("pogu_bytes_sent_total{") > 0);
    }
    server.await_metric(&["pogu_messages_sent_total{", "\"stomp\""], 3);
    let refused = ["pogu_refused_total{", "\"stomp\""];
    let before = server.metric(&refused);
    tcp.say("UNSUBSCRIBE\nid:9\n\n\0");
    while tcp.hear_or_end().is_some() {}
    websocket.say("NONSENSE\n\n\0");
    while websocket.hear_or_end().is_some() {}
    server.await_metric(&refused, before + 2);
    server.await_metric(&["pogu_connections{", "\"stomp\""], 0);
}

#[test]
fn on_a_websocket_messages_are_pieces_of_one_stream() {
    let server = Running::start();
    for length in [1, 2, 7, CONVERSATION.len()] {
        let mut stomp = Stomp::on_socket(Socket::open(&server, "/stomp"));
        for piece in CONVERSATION.chunks(length) {
            stomp.socket().say_bytes(piece);
        }
        hear_conversation(&mut stomp, &format!("pieces of {length}"));
        assert!(stomp.closed.is_some());
    }
}

#[test]
fn receipts_come_in_the_order_of_their_frames() {
    let server = Running::start();
    for mut stomp in [Stomp::new(&server), Stomp::websocket(&server)] {
        let mut frames = String::new();
        let mut expected = Vec::new();
        for round in 0..40 {
            for head in [
                format!("SEND\ndestination:/topic/{round}"),
                format!("SEND\ndestination:/queue/{round}"),
                format!("SUBSCRIBE\nid:{round}\nack:client\ndestination:/topic/other.{round}"),
                "BEGIN\ntransaction:t".to_owned(),
                "SEND\ndestination:/topic/in.transaction\ntransaction:t".to_owned(),
                "COMMIT\ntransaction:t".to_owned(),
                format!("UNSUBSCRIBE\nid:{round}"),
            ] {
                let (frame, receipt) = stomp.with_receipt(&head);
                frames.push_str(&frame);
                expected.push(receipt);
            }
        }
        let (last, receipt) = stomp.with_receipt("DISCONNECT");
        frames.push_str(&last);
        expected.push(receipt);
        stomp.say(frames);
        let mut heard = Vec::new();
        while let Some(frame) = stomp.hear_or_end() {
            assert_eq!(frame.command, "RECEIPT", "{frame:?}");
            heard.push(frame.the("receipt-id").to_owned());
        }
        assert_eq!(heard, expected);
    }
}

#[test]
fn what_is_no_frame_is_one_error_and_the_end() {
    let server = Running::with("[limits]\nmessage = 1000\nhead = \"8KiB\"\nheaders = 40\n");
    let long = "x".repeat(8 * 1024);
    let headers: String = (0..41).map(|number| format!("h{number}:x\n")).collect();
    for (bytes, message) in [
        (b"SEND\ndestination\n\n\0".to_vec(), "malformed frame"),
        (b"SEND\n:x\n\n\0".to_vec(), "malformed frame"),
        (b"SEND\ndestination:/topic/a\0".to_vec(), "malformed frame"),
        (
            b"SEND\ndestination:/topic/a\n\xff:x\n\n\0".to_vec(),
            "malformed frame",
        ),
        (
            b"SEND\ndestination:/topic/a\ncontent-length:-1\n\n\0".to_vec(),
            "malformed frame",
        ),
        (
            b"SEND\ndestination:/topic/a\ncontent-length:1\n\nab\0".to_vec(),
            "malformed frame",
        ),
        (
            b"SEND\ndestination:/topic/a\ncontent-length:1001\n\n".to_vec(),
            "limit exceeded",
        ),
        (
            b"SEND\ndestination:/topic/a\ncontent-length:99999999999999999999999\n\n".to_vec(),
            "limit exceeded",
        ),
        (
            format!("SEND\ndestination:/topic/a\n\n{}", &long[..1001]).into_bytes(),
            "limit exceeded",
        ),
        (format!("SEND\n{headers}").into_bytes(), "limit exceeded"),
        (format!("SEND\ndestination:{long}").into_bytes(), "limit exceeded"),
        (long.clone().into_bytes(), "limit exceeded"),
    ] {
        for mut stomp in [Stomp::new(&server), Stomp::websocket(&server)] {
            stomp.say(&bytes);
            stomp.is_refused(message);
        }
    }
    for mut largest in [Stomp::new(&server), Stomp::websocket(&server)] {
        largest.subscribe("1", "/topic/a");
        largest.send("/topic/a", &long[..1000]);
        assert_eq!(largest.hear_message().body.len(), 1000);
    }
}

#[test]
fn heart_beats_go_both_ways_and_silence_is_the_end() {
    let server = Running::start();
    let mut all = [
        Stomp::on(server.connect()),
        Stomp::on_socket(Socket::open(&server, "/stomp")),
    ];
    for stomp in &mut all {
        // The least there is, whatever is asked.
        let connected = stomp.connect("1.2", "heart-beat:1,1\n");
        assert_eq!(connected.the("heart-beat"), "500,500");
    }
    for stomp in &mut all {
        while stomp.waiting().is_empty() {
            assert!(stomp.listen());
        }
        assert_eq!(stomp.waiting(), b"\n");
        // It says nothing, not even that it is there.
        let error = stomp.is_refused("no heart-beat");
        assert!(error.text().contains("nothing heard for"));
    }
}

#[test]
fn who_asks_for_no_heart_beats_or_sends_some_stays() {
    let server = Running::start();
    let mut without = Stomp::connected(server.connect(), "1.2", "heart-beat:0,0\n");
    let mut faithful = Stomp::connected(server.connect(), "1.2", "heart-beat:2000,2000\n");
    // A beat for each of the server's, which come a quarter early; without them it would be the end after four seconds.
    for _ in 0..3 {
        assert!(faithful.listen());
        faithful.try_say("\n").unwrap();
    }
    faithful.ask("BEGIN\ntransaction:t");
    without.ask("BEGIN\ntransaction:t");
    assert!(without.waiting().is_empty());
}

#[test]
fn a_stomp_port_waits_for_connect_and_no_longer() {
    // Ten seconds are a long time for a test; they are the server's own, and noise does not lengthen them.
    let server = Running::with(
        "[websocket]\nping-interval = \"1s\"\n\
         [[listen]]\naddress = \"127.0.0.1:0\"\n\
         [[listen]]\naddress = \"tcp://127.0.0.1:0\"\nprotocol = \"stomp\"\n",
    );
    std::thread::scope(|scope| {
        let mut tcp = Stomp::on(connect_to(&server, 1));
        scope.spawn(move || {
            let mut noise = tcp.stream().try_clone().unwrap();
            noise.write_all(b"\n\r\0").unwrap();
            let noisy = std::thread::spawn(move || {
                while noise.write_all(b"\n\0\r").is_ok() {
                    std::thread::sleep(std::time::Duration::from_millis(200));
                }
            });
            tcp.is_refused("connect timeout");
            drop(tcp);
            noisy.join().unwrap();
        });
        // It answers each ping of the server.
        let mut websocket = Stomp::on_socket(Socket::open(&server, "/stomp"));
        scope.spawn(move || websocket.is_refused("connect timeout"));
    });
}

#[test]
fn what_a_websocket_says_by_itself_is_no_heart_beat() {
    let server = Running::start();
    let mut stomp = Stomp::on_socket(Socket::open(&server, "/stomp"));
    stomp.connect("1.2", "heart-beat:0,1000\n");
    // The server answers each ping, and its beat is due all the same.
    for _ in 0..100 {
        stomp.socket().raw(b"\x89\x80\0\0\0\0");
        match stomp.socket().hear() {
            Heard::Pong(_) => std::thread::sleep(std::time::Duration::from_millis(100)),
            Heard::Text(beat) => return assert_eq!(beat, "\n"),
            other => panic!("{other:?}"),
        }
    }
    panic!("no heart-beat in ten seconds");
}

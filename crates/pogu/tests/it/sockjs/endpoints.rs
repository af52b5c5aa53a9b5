//! Each endpoint by each transport, and across to all else that pogu speaks.

use pogu::{Endpoint, Kind};

use super::client::{Session, SockJs};
use super::transport::{Frame, Transport};
use super::{echo, serve};
use crate::server::{Http, Lines, Running};
use crate::stomp::Stomp;
use crate::websocket::{Heard, Socket};

#[test]
fn a_topic_is_heard_and_published_to() {
    let server = serve("", &[]);
    for transport in Transport::ALL {
        let topic = format!("topic.{}", transport.name());
        let mut client = SockJs::open(&server, &format!("/topics/{topic}"), transport);
        server.publish(&topic, "안녕 \"you\"\n".as_bytes());
        assert_eq!(client.hear(), "안녕 \"you\"\n");
        client.say_all(["one", "", "three"]);
        for message in ["one", "", "three"] {
            assert_eq!(client.hear(), message, "{transport:?}");
        }
        let kept = server.get(&format!("/topics/{topic}?after=earliest")).bodies();
        assert_eq!(kept, ["안녕 \"you\"\n", "one", "", "three"]);
    }
}

#[test]
fn the_url_says_from_where_and_whether_own_messages_come_back() {
    let server = serve("", &[]);
    for number in 0..200 {
        server.publish("long", number.to_string().as_bytes());
    }
    for transport in Transport::ALL {
        let topic = format!("topic.{}", transport.name());
        let first = server.publish(&topic, b"first");
        server.publish(&topic, b"second");
        let base = format!("/topics/{topic}?after={first}&echo=0");
        let mut client = SockJs::open(&server, &base, transport);
        assert_eq!(client.hear(), "second");
        client.say("own");
        server.publish(&topic, b"theirs");
        assert_eq!(client.hear(), "theirs", "{transport:?}");
        // What is long is read page by page.
        let mut client = SockJs::open(&server, "/topics/long?after=last:200", transport);
        for number in 0..200 {
            assert_eq!(client.hear(), number.to_string());
        }
    }
}

#[test]
fn a_pattern_is_heard_but_not_published_to() {
    let server = serve("", &[]);
    for transport in Transport::ALL {
        let mut client = SockJs::open(&server, "/topics/a.%3E", transport);
        server.publish("a.b.c", b"deep");
        assert_eq!(client.hear(), "deep");
        client.say("to whom?");
        let why = "a pattern can be read but not published to".into();
        assert_eq!(client.frame(), Some(Frame::Close(1008, why)), "{transport:?}");
    }
}

#[test]
fn what_is_wrong_with_a_topic_is_told_by_http() {
    let server = serve("", &[]);
    for (target, code) in [
        ("/topics/a..b/info", "bad-topic"),
        ("/topics/a..b/0/a/xhr", "bad-topic"),
        ("/topics/a%20b/0/a/xhr", "bad-topic"),
        ("/topics/a%zz/0/a/xhr", "bad-parameter"),
        ("/topics/a/0/a/xhr?after=yesterday", "bad-cursor"),
        ("/topics/a/0/a/websocket?after=yesterday", "bad-cursor"),
        ("/topics/a/0/a/xhr?echo=maybe", "bad-parameter"),
    ] {
        let method = if target.contains("xhr") { "POST" } else { "GET" };
        let answer = server.ask(&format!("{method} {target} HTTP/1.1"), b"");
        answer.problem(400, code);
    }
    assert_eq!(server.metric(&["pogu_connections{"]), 0);
}

#[test]
fn the_pogu_dialect_rides_on_messages() {
    let server = serve("", &[]);
    for transport in Transport::ALL {
        let topic = format!("topic.{}", transport.name());
        let mut client = SockJs::open(&server, "/pogu", transport);
        client.say(&format!("SUB {topic}"));
        assert!(client.hear().starts_with("OK seq=1 cursor="));
        client.say(&format!("PUB {topic} event=greet :two\nlines"));
        let heard = [client.hear(), client.hear()];
        let is_any = |begin: &str, end: &str| {
            let mut lines = heard.iter();
            assert!(
                lines.any(|line| line.starts_with(begin) && line.ends_with(end)),
                "{transport:?}: {heard:?}"
            );
        };
        is_any("OK seq=2 cursor=", "");
        is_any(&format!("MSG {topic} cursor="), " event=greet len=9 :two\nlines");
        client.say("NONSENSE");
        assert!(client.hear().starts_with("ERR "));
        client.say_all(["PING", "QUIT", "PING"]);
        assert_eq!(client.hear(), "PONG");
        assert_eq!(client.hear(), "BYE quit");
        assert_eq!(client.frame(), Some(Frame::Close(1000, String::new())));
    }
}

#[test]
fn stomp_rides_on_messages() {
    let server = serve("", &[]);
    for transport in Transport::ALL {
        let name = transport.name();
        let mut client = Stomp::sockjs(&server, transport);
        client.subscribe("t", &format!("/topic/{name}"));
        server.publish(name, "h\u{e9}llo".as_bytes());
        let message = client.hear_message();
        assert_eq!((message.the("subscription"), message.text()), ("t", "h\u{e9}llo"));
        client.ask(&format!(
            "SUBSCRIBE\nid:q\ndestination:/queue/{name}\nack:client-individual"
        ));
        // A frame in pieces.
        let frame = format!("SEND\ndestination:/queue/{name}\n\nin pieces\0");
        for piece in [&frame[..3], &frame[3..20], &frame[20..]] {
            client.say(piece);
        }
        let message = client.hear_message();
        assert_eq!(message.text(), "in pieces");
        client.ask(&format!("ACK\nid:{}", message.ack()));
        client.ask("DISCONNECT");
        client.has_ended();
        assert_eq!(client.closed, Some(1000));
    }
    assert_eq!(server.metric(&["pogu_queue_messages"]), 0);
}

#[test]
fn code_behind_an_endpoint_greets_answers_and_closes() {
    let endpoint = Endpoint::new(|socket, message| match message.payload {
        b"binary" => socket.send(Kind::Binary, b"\x00\xff"),
        b"bye" => {
            socket.send(Kind::Text, b"goodbye");
            socket.close(4000, "you said bye");
        }
        payload => socket.send(message.kind, payload),
    })
    .on_open(|socket| socket.send(Kind::Text, b"hello"));
    let server = serve("", &[("/deep/down/here", endpoint), ("/echo", echo())]);
    for transport in Transport::ALL {
        let mut client = SockJs::open(&server, "/deep/down/here", transport);
        assert_eq!(client.hear(), "hello");
        client.say_all(["a", "binary", "b"]);
        for answer in ["a", "data:application/octet-stream;base64,AP8=", "b"] {
            assert_eq!(client.hear(), answer, "{transport:?}");
        }
        client.say_all(["bye", "unheard"]);
        assert_eq!(client.hear(), "goodbye");
        let close = Frame::Close(4000, "you said bye".into());
        assert_eq!(client.frame(), Some(close), "{transport:?}");
    }
    // Its own WebSocket, and SockJS's raw one.
    for path in ["/deep/down/here", "/deep/down/here/websocket"] {
        let mut socket = Socket::open(&server, path);
        assert_eq!(socket.hear_text(), "hello");
        socket.say("binary");
        assert_eq!(socket.hear(), Heard::Binary(b"\x00\xff".to_vec()));
        socket.say("bye");
        assert_eq!(socket.hear_text(), "goodbye");
        assert_eq!(socket.hear(), Heard::Close(Some(4000)));
    }
    assert_eq!(server.get("/deep/down").status, 404);
    assert_eq!(server.get("/deep/down/here/0/a/b/xhr").status, 404);
}

#[test]
fn a_session_may_change_how_it_rides_between_two_responses() {
    let server = serve("[sockjs]\nresponse-limit = 1\n", &[("/echo", echo())]);
    let session = Session::new(&server, "/echo");
    session.open();
    for transport in Transport::HTTP.into_iter().cycle().take(15) {
        session.send("[\"x\"]");
        let mut client = SockJs::on(session.clone(), transport);
        assert_eq!(client.frame(), Some(Frame::Messages(vec!["x".into()])));
    }
}

/// One subscriber of `crossing` in each way.
struct Ways {
    sockjs: Vec<SockJs>,
    pogu: Vec<SockJs>,
    websocket: Socket,
    events: Http,
    lines: Lines,
    stomp: Stomp,
    stomp_by_sockjs: Vec<Stomp>,
}

impl Ways {
    fn open(server: &Running) -> Ways {
        let by = |base| {
            let clients = Transport::ALL.into_iter();
            clients.map(move |transport| SockJs::open(server, base, transport))
        };
        let mut pogu: Vec<SockJs> = by("/pogu").collect();
        for client in &mut pogu {
            client.say("SUB crossing");
            assert!(client.hear().starts_with("OK"));
        }
        let mut events = Http::new(server.connect());
        events.send("GET /topics/crossing?via=sse HTTP/1.1", b"");
        while !events.line().expect("a head and an id").is_empty() {}
        let mut lines = Lines::new(server);
        lines.ask("SUB crossing", "OK");
        let mut stomp = Stomp::new(server);
        stomp.subscribe("1", "/topic/crossing");
        let clients = Transport::ALL.into_iter();
        let mut stomp_by_sockjs: Vec<Stomp> = clients
            .map(|transport| Stomp::sockjs(server, transport))
            .collect();
        for client in &mut stomp_by_sockjs {
            client.subscribe("1", "/topic/crossing");
        }
        Ways {
            sockjs: by("/topics/crossing").collect(),
            pogu,
            websocket: Socket::open(server, "/topics/crossing"),
            events,
            lines,
            stomp,
            stomp_by_sockjs,
        }
    }

    /// Hears that a text has come to all.
    #[track_caller]
    fn hear(&mut self, text: &str) {
        for client in &mut self.sockjs {
            assert_eq!(client.hear(), text);
        }
        for client in &mut self.pogu {
            let message = client.hear();
            assert!(message.ends_with(&format!(" :{text}")), "{message:?} for {text}");
        }
        assert_eq!(self.websocket.hear_text(), text);
        let data = loop {
            let line = self.events.line().expect("an event");
            if let Some(data) = line.strip_prefix("data: ") {
                break data.to_owned();
            }
        };
        assert_eq!(data, text);
        assert!(self.lines.hear().ends_with(&format!(" :{text}")));
        assert_eq!(self.stomp.hear_message().text(), text);
        for client in &mut self.stomp_by_sockjs {
            assert_eq!(client.hear_message().text(), text);
        }
    }
}

#[test]
fn messages_cross_between_all_ways() {
    let server = serve("", &[]);
    let mut ways = Ways::open(&server);
    server.publish("crossing", b"by POST");
    ways.hear("by POST");
    for at in 0..ways.sockjs.len() {
        let text = format!("by SockJS {at}");
        ways.sockjs[at].say(&text);
        ways.hear(&text);
    }
    ways.websocket.say("by WebSocket");
    ways.hear("by WebSocket");
    Stomp::new(&server).publish("/topic/crossing", "by STOMP");
    ways.hear("by STOMP");
    for transport in Transport::ALL {
        Stomp::sockjs(&server, transport).publish("/topic/crossing", "by both");
        ways.hear("by both");
    }
    Lines::new(&server).ask("PUB crossing :by lines", "OK");
    ways.hear("by lines");
    let json = "{\"n\": [1, 2.50]}";
    let post = "POST /topics/crossing HTTP/1.1\nContent-Type: application/json";
    assert_eq!(server.ask(post, json.as_bytes()).status, 200);
    ways.hear(json);
}

#[test]
fn what_is_no_text_is_a_data_url_and_in_commands_base64() {
    let server = serve("", &[]);
    for transport in Transport::ALL {
        let topic = transport.name();
        let mut plain = SockJs::open(&server, &format!("/topics/{topic}"), transport);
        let mut pogu = SockJs::open(&server, "/pogu", transport);
        pogu.say(&format!("SUB {topic}"));
        pogu.hear();
        let post = format!("POST /topics/{topic} HTTP/1.1\nContent-Type: image/png");
        assert_eq!(server.ask(&post, b"\x89PNG").status, 200);
        let hear = |plain: &mut SockJs, pogu: &mut SockJs, content_type: &str, base64: &str| {
            let (heard, line) = (plain.hear(), pogu.hear());
            assert_eq!(heard, format!("data:{content_type};base64,{base64}"));
            let end = format!(" type={content_type} base64=1 :{base64}");
            assert!(line.ends_with(&end), "{line}");
        };
        hear(&mut plain, &mut pogu, "image/png", "iVBORw==");
        Socket::open(&server, &format!("/topics/{topic}?echo=0")).say_bytes(b"bin");
        hear(&mut plain, &mut pogu, "application/octet-stream", "Ymlu");
        // And up, where only the mark says so.
        pogu.say(&format!("PUB {topic} type=image/png base64=1 :/w=="));
        let answer = pogu.hear();
        assert!(answer.starts_with("OK seq=2 "), "{answer}");
        hear(&mut plain, &mut pogu, "image/png", "/w==");
        let text = "data:image/png;base64,/w==";
        pogu.say(&format!("PUB {topic} :{text}"));
        pogu.hear();
        assert_eq!(plain.hear(), text);
        assert!(pogu.hear().ends_with(&format!(" :{text}")));
        plain.say(text);
        assert_eq!(plain.hear(), text);
        assert!(pogu.hear().ends_with(&format!(" :{text}")));
        let last = server.get(&format!("/topics/{topic}?after=last:3")).json();
        assert_eq!(last["messages"][0]["base64"], "/w==");
        assert_eq!(last["messages"][1]["data"], text);
        assert_eq!(last["messages"][2]["data"], text);
    }
}

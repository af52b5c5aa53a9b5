//! Every way of receiving, cut at every byte.

use pogu_client::SockJsTransport;
use pogu_proto::ws::{Codec, Kind, encode};

use crate::bench::stamp::{self, Stamp};
use crate::bench::target::{Target, Via};
use crate::bench::wire::{Decoder, Unit};

const SIZE: usize = 40;

/// A message with place `seq`, wrapped.
fn wrap(before: &str, seq: u32, after: &str) -> String {
    let mut message = [b'x'; SIZE];
    Stamp {
        phase: 1,
        seq,
        sent: 9,
    }
    .write(&mut message);
    format!("{before}{}{after}", String::from_utf8_lossy(&message))
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

fn decoder(via: Via) -> Decoder {
    if via == Via::Stomp {
        return stomp("stomp://127.0.0.1:1/t");
    }
    let target = Target::parse("http://127.0.0.1:1/topics/t").unwrap();
    target.subscription(0, via, SIZE).unwrap().1
}

fn stomp(url: &str) -> Decoder {
    Target::parse(url)
        .unwrap()
        .subscription(0, Via::Stomp, SIZE)
        .unwrap()
        .1
}

/// What was found, as text: the places of messages, and the rest by name.
fn run(via: Via, reads: &[&[u8]]) -> anyhow::Result<(Vec<String>, usize)> {
    let (found, rest, _) = decode(decoder(via), reads)?;
    Ok((found, rest))
}

/// The same, and what is said to the server.
fn decode(decoder: Decoder, reads: &[&[u8]]) -> anyhow::Result<(Vec<String>, usize, Vec<u8>)> {
    let (mut decoder, mut said) = (decoder, Vec::new());
    let mut found = Vec::new();
    if decoder.ready_at_once() {
        found.push("ready".to_owned());
    }
    let mut rest = Vec::new();
    for read in reads.iter().filter(|read| !read.is_empty()) {
        rest.extend_from_slice(read);
        let done = decoder.decode(&mut rest, &mut Codec::new(0), &mut said, |unit| {
            found.push(match unit {
                Unit::Ready => "ready".to_owned(),
                Unit::Message(stamp) => stamp.seq.to_string(),
                Unit::Foreign => "foreign".to_owned(),
                Unit::Next(cursor) => cursor.to_owned(),
                Unit::Closed => "closed".to_owned(),
            });
        })?;
        rest.drain(..done);
    }
    Ok((found, rest.len(), said))
}

fn check(via: Via, bytes: &[u8], expect: &[&str]) {
    for cut in 0..=bytes.len() {
        let (found, rest) = run(via, &[&bytes[..cut], &bytes[cut..]]).unwrap();
        assert_eq!(found, expect, "{via:?} cut at {cut}");
        assert!(
            rest < stamp::LEN,
            "{via:?} cut at {cut}: {rest} bytes are never done with"
        );
    }
}

#[test]
fn websocket_frames() {
    let handshake = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    let mut frames = Vec::new();
    for message in [
        wrap("", 0, ""),
        "hello".to_owned(),
        wrap("[", 1, &wrap(",", 2, "]")),
    ] {
        encode(Kind::Text, message.as_bytes(), &mut frames);
    }
    frames.extend_from_slice(&[0x89, 0, 0x88, 0]);
    check(
        Via::Frames,
        &frames,
        &["ready", "0", "foreign", "1", "2", "closed"],
    );
    let all = [handshake.as_bytes(), &frames].concat();
    check(Via::Ws, &all, &["ready", "0", "foreign", "1", "2", "closed"]);
    assert!(run(Via::Ws, &[b"HTTP/1.1 404 Not Found\r\n\r\n"]).is_err());
}

#[test]
fn messages_of_one_size() {
    let bytes = [wrap("", 0, ""), "y".repeat(SIZE), wrap("", 1, "")].concat();
    check(Via::Raw, bytes.as_bytes(), &["ready", "0", "foreign", "1"]);
}

#[test]
fn lines_of_the_pogu_dialect() {
    let message = |seq| wrap("MSG t cursor=a-1 :", seq, "\n");
    let bytes = ["OK seq=1\n", &message(0), "PING\n", &message(1)].concat();
    check(Via::Tcp, bytes.as_bytes(), &["ready", "0", "1"]);
    let refused = run(Via::Tcp, &[b"ERR bad-topic seq=1 :why\n"]).unwrap_err();
    assert!(refused.to_string().contains("bad-topic"));
}

#[test]
fn events_and_lines_of_json() {
    let event = |seq| wrap("id: a-1\ndata: ", seq, "\n\n");
    let second = event(1);
    let (first, second) = second.split_at(30);
    let (first, second) = (chunk(first), chunk(second));
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let body = [
        &chunk(": hello\n\n"),
        &chunk(&event(0)),
        &first,
        &second,
        "0\r\n\r\n",
    ]
    .concat();
    check(
        Via::Sse,
        [head, &body].concat().as_bytes(),
        &["ready", "0", "1", "closed"],
    );
    let open = ["HTTP/1.1 200 OK\r\n\r\n", &wrap("{\"data\":\"", 0, "\"}\n")].concat();
    check(Via::Stream, open.as_bytes(), &["ready", "0"]);
    assert!(run(Via::Sse, &[b"HTTP/1.1 404 Not Found\r\n\r\n"]).is_err());
}

#[test]
fn answers_to_long_polls() {
    let answer = |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let message = |seq| wrap("{\"data\":\"", seq, "\"}");
    let first = answer(r#"{"messages":[],"next":"k3f-7","gap":false}"#);
    let body = format!(
        r#"{{"messages":[{},{}],"next" : "k3f-9","gap":false}}"#,
        message(0),
        message(1)
    );
    let second = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
        chunk(&body)
    );
    check(
        Via::Longpoll,
        [first, second].concat().as_bytes(),
        &["k3f-7", "0", "1", "k3f-9"],
    );
    assert!(run(Via::Longpoll, &[answer("{}").as_bytes()]).is_err());
}

const JOINED: &str = "CONNECTED\nversion:1.2\n\n\0RECEIPT\nreceipt-id:1\n\n\0";

fn stomp_message(seq: u32) -> String {
    let head = "MESSAGE\nsubscription:1\ndestination:/topic/t\nmessage-id:a-1\n\n";
    wrap(head, seq, "\0")
}

#[test]
fn stomp_frames() {
    let (first, second) = (stomp_message(0), stomp_message(1));
    let all = [JOINED, &first, "\n", &second].concat();
    check(Via::Stomp, all.as_bytes(), &["ready", "0", "1"]);
    // One that comes before the receipt is one all the same.
    let all = [
        "CONNECTED\nversion:1.2\n\n\0",
        &first,
        "RECEIPT\nreceipt-id:1\n\n\0",
    ]
    .concat();
    check(Via::Stomp, all.as_bytes(), &["0", "ready"]);
    let (_, _, said) = decode(decoder(Via::Stomp), &[JOINED.as_bytes()]).unwrap();
    let said = String::from_utf8(said).unwrap();
    assert!(
        said.starts_with("SUBSCRIBE\nid:1\ndestination:/topic/t\n"),
        "{said}"
    );
    let refused = run(
        Via::Stomp,
        &[b"CONNECTED\nversion:1.2\n\n\0ERROR\nmessage:bad destination\n\nwhy\0"],
    );
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("bad destination: why"), "{refused}");
}

#[test]
fn stomp_frames_in_websocket_frames() {
    let handshake = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: v12.stomp\r\n\r\n";
    let mut all = handshake.as_bytes().to_vec();
    let both = [&JOINED[30..], &stomp_message(0), "\n", &stomp_message(1)].concat();
    // Messages are pieces of the one stream.
    for piece in [&JOINED[..30], &both, &stomp_message(2)] {
        encode(Kind::Text, piece.as_bytes(), &mut all);
    }
    for cut in 0..=all.len() {
        let decoder = stomp("ws://127.0.0.1:1/topics/t");
        let (found, rest, _) = decode(decoder, &[&all[..cut], &all[cut..]]).unwrap();
        assert_eq!(
            (found, rest),
            (["ready", "0", "1", "2"].map(str::to_owned).to_vec(), 0),
            "cut at {cut}"
        );
    }
}

#[test]
fn what_stomp_is_told_to_join() {
    for (url, destination) in [
        ("stomp://127.0.0.1:1/bench.{i}", "/topic/bench.7"),
        ("stomp://127.0.0.1:1/queue/q", "/queue/q"),
        ("tcp://127.0.0.1:1/bench", "/topic/bench"),
    ] {
        let decoder = Target::parse(url)
            .unwrap()
            .subscription(7, Via::Stomp, SIZE)
            .unwrap()
            .1;
        let (_, _, said) = decode(decoder, &[JOINED.as_bytes()]).unwrap();
        let said = String::from_utf8(said).unwrap();
        assert!(
            said.contains(&format!("\ndestination:{destination}\n")),
            "{url}: {said}"
        );
    }
    for (url, path) in [
        ("ws://127.0.0.1:1/topics/t", "GET /stomp HTTP"),
        ("http://127.0.0.1:1/live/topics/t?x", "GET /live/stomp HTTP"),
    ] {
        let (greeting, _) = Target::parse(url)
            .unwrap()
            .subscription(0, Via::Stomp, SIZE)
            .unwrap();
        assert!(greeting.starts_with(path.as_bytes()), "{url}");
    }
    let nowhere = Target::parse("ws://127.0.0.1:1/stomp").unwrap();
    let error = nowhere.subscription(0, Via::Stomp, SIZE).unwrap_err().to_string();
    assert!(error.contains("ws://HOST/topics/TOPIC"), "{error}");
}

const OPEN: &str =
    r#"0{"sid":"S","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;

fn socketio(url: &str) -> (Vec<u8>, Decoder) {
    Target::parse(url)
        .unwrap()
        .subscription(7, Via::Socketio, SIZE)
        .unwrap()
}

fn event(seq: u32) -> String {
    wrap(r#"42/t,["message",""#, seq, r#""]"#)
}

#[test]
fn socketio_packets_in_websocket_frames() {
    let handshake = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    let mut all = handshake.as_bytes().to_vec();
    let joined = r#"40/t,{"sid":"P"}"#;
    let unnamed = wrap(r#"42/t,["~",""#, 2, r#""]"#);
    for packet in [
        OPEN,
        "2",
        joined,
        &event(0),
        "2",
        &unnamed,
        r#"42/t,["gap",{}]"#,
        &event(1),
    ] {
        encode(Kind::Text, packet.as_bytes(), &mut all);
    }
    let mut expected = Vec::new();
    let mut client = crate::bench::wire::session();
    for packet in ["40/t,", "3", "3"] {
        client.send(Kind::Text, packet.as_bytes(), &mut Codec::new(0), &mut expected);
    }
    for cut in 0..=all.len() {
        let (_, decoder) = socketio("ws://127.0.0.1:1/topics/t");
        let (found, rest, said) = decode(decoder, &[&all[..cut], &all[cut..]]).unwrap();
        assert_eq!(
            (found, rest),
            (["ready", "0", "2", "foreign", "1"].map(str::to_owned).to_vec(), 0),
            "cut at {cut}"
        );
        assert_eq!(said.len(), expected.len(), "cut at {cut}");
    }
}

#[test]
fn socketio_packets_in_polls() {
    let answer = |text: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len());
    let all = [
        answer(OPEN),
        answer("ok"),
        answer(r#"40/t,{"sid":"P"}"#),
        answer(&[&event(0), "2", &event(1)].join("\u{1e}")),
        answer("ok"),
        answer(&event(2)),
        answer("6"),
        answer("1"),
    ]
    .concat();
    for cut in 0..=all.len() {
        let (_, decoder) = socketio("socketio://127.0.0.1:1/t?transport=polling");
        let (all, rest) = all.as_bytes().split_at(cut);
        let (found, rest, said) = decode(decoder, &[all, rest]).unwrap();
        let expected = ["ready", "0", "1", "2", "closed"];
        assert_eq!(
            (found, rest),
            (expected.map(str::to_owned).to_vec(), 0),
            "cut at {cut}"
        );
        let said = String::from_utf8(said).unwrap();
        let requests: Vec<_> = said.lines().filter(|line| line.contains(" HTTP/1.1")).collect();
        let expected = ["POST", "40/t,GET", "GET", "POST", "3GET", "GET", "GET", "GET"];
        let expected =
            expected.map(|begun| format!("{begun} /socket.io/?EIO=4&transport=polling&sid=S HTTP/1.1"));
        assert_eq!(requests, expected, "cut at {cut}");
    }
}

#[test]
fn where_socketio_joins() {
    for (url, path) in [
        (
            "ws://127.0.0.1:1/topics/t",
            "/socket.io/?EIO=4&transport=websocket",
        ),
        (
            "http://127.0.0.1:1/live/topics/t?transport=polling",
            "/live/socket.io/?EIO=4&transport=polling",
        ),
        (
            "socketio://127.0.0.1:1/a/b",
            "/socket.io/?EIO=4&transport=websocket",
        ),
        (
            "socketio://127.0.0.1:1/a/b?x=y&transport=polling,websocket",
            "/socket.io/?EIO=4&transport=websocket",
        ),
    ] {
        let (greeting, _) = socketio(url);
        let greeting = String::from_utf8(greeting).unwrap();
        assert!(
            greeting.starts_with(&format!("GET {path} HTTP/1.1\r\n")),
            "{url}: {greeting}"
        );
    }
    let answer = |text: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len());
    let refused = [answer(OPEN), answer("ok"), answer(r#"44/a/7,{"message":"no"}"#)].concat();
    let (_, decoder) = socketio("socketio://127.0.0.1:1/a/{i}?transport=polling");
    let error = decode(decoder, &[refused.as_bytes()]).unwrap_err().to_string();
    assert!(error.contains("refused /a/7: no"), "{error}");
    let pigeon = Target::parse("socketio://127.0.0.1:1/a?transport=pigeon").unwrap();
    let error = pigeon
        .subscription(0, Via::Socketio, SIZE)
        .unwrap_err()
        .to_string();
    assert!(error.contains("\"pigeon\" is no transport"), "{error}");
    let nowhere = Target::parse("ws://127.0.0.1:1/socket.io/").unwrap();
    let error = nowhere
        .subscription(0, Via::Socketio, SIZE)
        .unwrap_err()
        .to_string();
    assert!(error.contains("ws://HOST/topics/TOPIC"), "{error}");
}

fn sockjs(transport: SockJsTransport) -> (Vec<u8>, Decoder) {
    let target = Target::parse("http://127.0.0.1:1/topics/t?x").unwrap();
    let target = target.carried_by(Via::Sockjs, Some(transport)).unwrap();
    target.subscription(7, Via::Sockjs, SIZE).unwrap()
}

fn array(seq: u32) -> String {
    wrap("a[\"", seq, &wrap("\",\"", seq + 1, "\"]"))
}

#[test]
fn sockjs_frames_in_websocket_frames() {
    let handshake = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    let mut all = handshake.as_bytes().to_vec();
    for frame in ["o", &array(0), "h", r#"a["hello"]"#, r#"c[3000,"Go away!"]"#] {
        encode(Kind::Text, frame.as_bytes(), &mut all);
    }
    for cut in 0..=all.len() {
        let (greeting, decoder) = sockjs(SockJsTransport::WebSocket);
        assert!(greeting.starts_with(b"GET /topics/t/000/"));
        let (found, rest, _) = decode(decoder, &[&all[..cut], &all[cut..]]).unwrap();
        let expected = ["ready", "0", "1", "foreign", "closed"];
        let expected = expected.map(str::to_owned).to_vec();
        assert_eq!((found, rest), (expected, 0), "cut at {cut}");
    }
}

#[test]
fn sockjs_frames_in_responses() {
    let response = |pieces: &[&str]| {
        let body: String = pieces.iter().map(|piece| chunk(piece)).collect();
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}0\r\n\r\n")
    };
    let prelude = "h".repeat(2048) + "\n";
    let second = array(2) + "\n";
    let (begun, rest) = second.split_at(20);
    let first = response(&[&prelude, "o\n", &(array(0) + "\n"), begun, rest]);
    let last = response(&[&prelude, "h\n", "c[3000,\"Go away!\"]\n"]);
    let streams = [first, last].concat();
    let events = ["\r\n", "data: o\r\n\r\n", &format!("data: {}\r\n\r\n", array(0))];
    let events = [
        response(&events),
        response(&["\r\n", "data: c[1000,\"\"]\r\n\r\n"]),
    ]
    .concat();
    let poll = |frame: &str| {
        let length = frame.len() + 1;
        format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{frame}\n")
    };
    let polls = ["o", &array(0), "h", &array(2), "c[1000,\"\"]"]
        .map(poll)
        .concat();
    for (transport, begin, all, expected, requests) in [
        (
            SockJsTransport::XhrStreaming,
            "POST ",
            &streams,
            &["ready", "0", "1", "2", "3", "closed"][..],
            2,
        ),
        (
            SockJsTransport::EventSource,
            "GET ",
            &events,
            &["ready", "0", "1", "closed"],
            2,
        ),
        (
            SockJsTransport::XhrPolling,
            "POST ",
            &polls,
            &["ready", "0", "1", "2", "3", "closed"],
            5,
        ),
    ] {
        for cut in 0..=all.len() {
            let (greeting, decoder) = sockjs(transport);
            assert!(greeting.starts_with(format!("{begin}/topics/t/000/").as_bytes()));
            let (all, rest) = all.as_bytes().split_at(cut);
            let (found, rest, said) = decode(decoder, &[all, rest]).unwrap();
            assert_eq!(
                (&found[..], rest),
                (
                    &expected.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()[..],
                    0
                ),
                "{transport} cut at {cut}"
            );
            assert_eq!(said, greeting.repeat(requests), "{transport} cut at {cut}");
        }
    }
    let (_, decoder) = sockjs(SockJsTransport::XhrPolling);
    assert!(decode(decoder, &[b"HTTP/1.1 404 Not Found\r\n\r\n"]).is_err());
}

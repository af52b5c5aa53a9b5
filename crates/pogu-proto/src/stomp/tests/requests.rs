use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::cuts::pieces;
use crate::stomp::header::is_one_of;

#[test]
fn as_they_are_written() {
    let check = |request: Request<'_>, version, expect: &str| {
        let mut out = Vec::new();
        request.encode(version, &mut out);
        assert_eq!(shown(&out), expect);
    };
    check(
        Request::Send {
            destination: "/topic/a",
            content_type: Some("text/plain"),
            transaction: Some("t"),
            receipt: Some("r"),
            headers: &[("x:y", "1:2"), ("", "none")],
            body: b"hi",
        },
        Version::V1_2,
        "SEND\ndestination:/topic/a\ncontent-type:text/plain\ntransaction:t\nreceipt:r\nx\\cy:1\\c2\ncontent-length:2\n\nhi^@",
    );
    check(
        Request::Subscribe {
            id: "0",
            destination: "/queue/a",
            ack: AckMode::ClientIndividual,
            receipt: None,
            headers: &[("selector", "a = 'b'")],
        },
        Version::V1_1,
        "SUBSCRIBE\nid:0\ndestination:/queue/a\nack:client-individual\nselector:a = 'b'\n\n^@",
    );
    let ack = Request::Ack {
        id: "m",
        subscription: Some("0"),
        transaction: None,
        receipt: None,
    };
    check(ack, Version::V1_1, "ACK\nmessage-id:m\nsubscription:0\n\n^@");
    check(ack, Version::V1_2, "ACK\nid:m\nsubscription:0\n\n^@");
    check(
        Request::Disconnect { receipt: Some("77") },
        Version::V1_2,
        "DISCONNECT\nreceipt:77\n\n^@",
    );
}

/// What a version can say in a header, unchanged.
fn word(version: Version) -> BoxedStrategy<String> {
    match version {
        // No white space at either end, as that is trimmed.
        Version::V1_0 => "[^\0\r\n\\s:]([^\0\r\n:]{0,10}[^\0\r\n\\s:])?".boxed(),
        Version::V1_1 => "[^\0\r]{1,12}".boxed(),
        Version::V1_2 => "[^\0]{1,12}".boxed(),
    }
}

fn version() -> impl Strategy<Value = Version> {
    prop::sample::select(Version::ALL.to_vec())
}

type Words = (
    String,
    String,
    Option<String>,
    Option<String>,
    Vec<(String, String)>,
    Vec<u8>,
);

fn case() -> impl Strategy<Value = (Version, Vec<Words>)> {
    version().prop_flat_map(|version| {
        let word = || word(version);
        let words = (
            word(),
            word(),
            option::of(word()),
            option::of(word()),
            vec((word(), word()), 0..4),
            vec(any::<u8>(), 0..30),
        );
        (Just(version), vec(words, 0..6))
    })
}

fn as_str(word: &Option<String>) -> Option<&str> {
    word.as_deref()
}

proptest! {
    #[test]
    fn what_a_client_writes_a_server_reads((version, all) in case(), lengths in vec(1_usize..40, 1..5)) {
        let mut stream = Vec::new();
        let mut expect = Vec::new();
        for (one, two, receipt, transaction, headers, body) in &all {
            let (receipt, transaction) = (as_str(receipt), as_str(transaction));
            let headers: Vec<(&str, &str)> = headers
                .iter()
                .filter(|(name, _)| !OWN.contains(&&name[..]))
                .map(|(name, value)| (&name[..], &value[..]))
                .collect();
            let rest = headers.iter().map(|(name, value)| format!("{name}:{value}")).collect::<Vec<_>>().join(", ");
            let rest = Some(&rest[..]).filter(|rest| !rest.is_empty());
            let mut put = |request: Request<'_>, line: Line| {
                request.encode(version, &mut stream);
                expect.push(line.0);
            };
            put(
                Request::Send { destination: one, content_type: Some(two), transaction, receipt, headers: &headers, body },
                Line::new("send")
                    .put("destination", Some(one))
                    .put("content-type", Some(two))
                    .put("transaction", transaction)
                    .put("receipt", receipt)
                    .put("rest", rest)
                    .put("body", Some(&body.escape_ascii().to_string())),
            );
            put(
                Request::Subscribe { id: one, destination: two, ack: AckMode::Client, receipt, headers: &headers },
                Line::new("subscribe")
                    .put("id", Some(one))
                    .put("destination", Some(two))
                    .put("ack", Some("client"))
                    .put("receipt", receipt)
                    .put("rest", rest),
            );
            put(
                Request::Unsubscribe { id: one, receipt },
                Line::new("unsubscribe").put("id", Some(one)).put("receipt", receipt),
            );
            put(
                Request::Ack { id: one, subscription: Some(two), transaction, receipt },
                Line::new("ack")
                    .put("id", Some(one))
                    .put("subscription", Some(two))
                    .put("transaction", transaction)
                    .put("receipt", receipt),
            );
            put(Request::Begin { transaction: one, receipt }, of_transaction("begin", one, receipt));
            put(Request::Commit { transaction: one, receipt }, of_transaction("commit", one, receipt));
            put(Request::Abort { transaction: one, receipt }, of_transaction("abort", one, receipt));
            if version > Version::V1_0 {
                put(
                    Request::Nack { id: one, subscription: Some(two), transaction: None, receipt: None },
                    Line::new("nack").put("id", Some(one)).put("subscription", Some(two)),
                );
            }
        }
        Request::Disconnect { receipt: None }.encode(version, &mut stream);
        expect.push("disconnect".to_owned());
        let mut side = Side::connected(version);
        let heard = side.hear(Time(0), &pieces(&stream, &lengths));
        prop_assert_eq!(heard, (expect, None));
    }

    #[test]
    fn what_a_server_writes_a_client_reads((version, all) in case(), lengths in vec(1_usize..40, 1..5)) {
        let mut stream = format!("CONNECTED\nversion:{version}\n\n\0").into_bytes();
        let mut expect = vec![format!("connected {version}")];
        for (one, two, ack, subscription, headers, body) in &all {
            let headers: Vec<(&str, &str)> = headers
                .iter()
                .map(|(name, value)| (&name[..], &value[..]))
                .filter(|(name, _)| !is_one_of(name, OWN))
                .collect();
            let (subscription, ack) = (as_str(subscription), as_str(ack));
            message_head(subscription, ack, version, &mut stream);
            let tail = Tail { destination: one, message_id: two, content_type: None, body };
            message_tail(&tail, headers.iter().copied(), version, &mut stream);
            expect.push(format!("{one} {two} {subscription:?} {ack:?} {headers:?} {body:?}"));
            receipt(one, &[], version, &mut stream);
            expect.push(format!("receipt {one}"));
        }
        let mut client = Client::connect(Time(0), &Offer::default(), &mut Vec::new());
        let mut heard = Vec::new();
        for piece in pieces(&stream, &lengths) {
            let mut piece = piece.to_vec();
            let mut input = Reader::new(&mut piece);
            while let Some(told) = client.next(Time(0), &FRAME, &mut input).unwrap() {
                heard.push(match told {
                    Answer::Connected { version, .. } => format!("connected {version}"),
                    Answer::Message { subscription, message_id, ack, destination, headers, body, .. } => {
                        let headers: Vec<_> = headers.collect();
                        let (subscription, ack) = (subscription.as_deref(), ack.as_deref());
                        format!("{destination} {message_id} {subscription:?} {ack:?} {headers:?} {body:?}")
                    }
                    Answer::Receipt { receipt, .. } => format!("receipt {receipt}"),
                    Answer::Error { .. } => "error".to_owned(),
                });
            }
        }
        prop_assert_eq!(heard, expect);
    }

    #[test]
    fn whatever_is_said_in_headers_they_stay_as_many(
        version in version(),
        words in vec(any::<String>(), 2..8),
        body in vec(any::<u8>(), 0..20),
    ) {
        let headers: Vec<(&str, &str)> = words.chunks(2).map(|pair| (&pair[0][..], pair.last().unwrap().as_str())).collect();
        let mut stream = Vec::new();
        message_head(Some(&words[0]), Some(&words[1]), version, &mut stream);
        let tail = Tail { destination: &words[0], message_id: &words[1], content_type: Some(&words[0]), body: &body };
        message_tail(&tail, headers.iter().copied(), version, &mut stream);
        let mut decoder = Decoder::new();
        let limits = Limits { header: usize::MAX, head: usize::MAX, ..FRAME };
        let mut input = Reader::new(&mut stream);
        let frame = decoder.next(&limits, &mut input).unwrap().unwrap();
        prop_assert_eq!(frame.body(), &body[..]);
        prop_assert_eq!(frame.check_escapes(version), Ok(()));
        let names: Vec<_> = frame.headers(version).map(|(name, _)| name.into_owned()).collect();
        prop_assert_eq!(&names[..5], &["subscription", "ack", "destination", "message-id", "content-type"]);
        prop_assert_eq!(names.iter().filter(|name| OWN.contains(&name.trim())).count(), 6);
        prop_assert!(names.len() <= 6 + headers.len());
    }
}

const OWN: &[&str] = &[
    "",
    "id",
    "destination",
    "message-id",
    "subscription",
    "ack",
    "content-type",
    "content-length",
    "transaction",
    "receipt",
];

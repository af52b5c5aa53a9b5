//! A client and a server that talk to each other.

use super::*;
use crate::cuts::every_cut;

pub(super) struct Pair {
    pub(super) now: Time,
    pub(super) client: Client,
    pub(super) side: Side,
    pub(super) to_server: Vec<u8>,
}

impl Pair {
    pub(super) fn new(client: HeartBeat, server: HeartBeat) -> Self {
        let mut to_server = Vec::new();
        let offer = Offer {
            host: "localhost",
            login: Some("guest"),
            passcode: Some("a:b\\c"),
            client_id: Some("d-1"),
            heart_beat: client,
        };
        Self {
            now: Time(0),
            client: Client::connect(Time(0), &offer, &mut to_server),
            side: Side {
                heart_beat: server,
                ..Side::new()
            },
            to_server,
        }
    }

    fn say(&mut self, request: Request<'_>) {
        request.encode(self.client.version(), &mut self.to_server);
        self.client.sent(self.now);
    }

    /// Everything arrives: what the server heard, and what the client heard.
    pub(super) fn settle(&mut self) -> (Vec<String>, Vec<String>) {
        let (heard, violation) = self.side.hear(self.now, &[&std::mem::take(&mut self.to_server)]);
        assert_eq!(violation, None);
        let mut bytes = std::mem::take(&mut self.side.out);
        let mut input = Reader::new(&mut bytes);
        let mut told = Vec::new();
        while let Some(event) = self.client.next(self.now, &FRAME, &mut input).unwrap() {
            told.push(format!("{event:?}"));
        }
        (heard, told)
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        let server = self.side.server.deadline(&LIMITS);
        server.into_iter().chain(self.client.deadline()).min()
    }

    pub(super) fn tick(&mut self) -> Result<(), Violation> {
        self.client.tick(self.now, &mut self.to_server)?;
        self.side.server.tick(self.now, &LIMITS, &mut self.side.out)
    }
}

#[test]
fn a_conversation() {
    let mut pair = Pair::new(TEN_SECONDS, TEN_SECONDS);
    let (heard, told) = pair.settle();
    assert_eq!(
        heard,
        [
            "connect version=1.2 login=guest passcode=a:b\\c host=localhost client-id=d-1 heart-beat=10000,10000"
        ]
    );
    assert_eq!(
        told,
        [
            "Connected { version: V1_2, server: Some(\"pogu/1\"), session: Some(\"s-1\"), heart_beat: HeartBeat { send: 10000, receive: 10000 } }"
        ]
    );
    assert_eq!(
        (pair.client.version(), pair.side.server.version()),
        (Version::V1_2, Version::V1_2)
    );
    assert!(pair.client.is_connected() && pair.side.server.is_connected());

    pair.say(Request::Subscribe {
        id: "1",
        destination: "/topic/a",
        ack: AckMode::Client,
        receipt: Some("r1"),
        headers: &[],
    });
    let (heard, _) = pair.settle();
    assert_eq!(
        heard,
        ["subscribe id=1 destination=/topic/a ack=client receipt=r1"]
    );
    receipt("r1", &[], pair.side.server.version(), &mut pair.side.out);
    message_head(Some("1"), Some("a-1"), Version::V1_2, &mut pair.side.out);
    let tail = Tail {
        destination: "/topic/a",
        message_id: "m-1",
        content_type: Some("text/plain"),
        body: b"hi",
    };
    message_tail(&tail, [("x:y", "\r\n")], Version::V1_2, &mut pair.side.out);
    let (_, told) = pair.settle();
    assert_eq!(
        told,
        [
            "Receipt { receipt: \"r1\", headers: [] }",
            "Message { subscription: Some(\"1\"), message_id: \"m-1\", ack: Some(\"a-1\"), destination: \"/topic/a\", \
             content_type: Some(\"text/plain\"), headers: [(\"x:y\", \"\\r\\n\")], body: [104, 105] }"
        ]
    );
    pair.say(Request::Disconnect { receipt: Some("77") });
    assert_eq!(pair.settle().0, ["disconnect receipt=77"]);
    receipt(
        "77",
        &[("cursor", "1-a:2")],
        pair.side.server.version(),
        &mut pair.side.out,
    );
    assert_eq!(
        pair.settle().1,
        ["Receipt { receipt: \"77\", headers: [(\"cursor\", \"1-a:2\")] }"]
    );
}

/// What a client hears, however it is cut.
fn check(stream: &str, expect: &[&str], violation: Option<Violation>) {
    every_cut(&wire(stream), |pieces| {
        let mut client = Client::connect(Time(0), &Offer::default(), &mut Vec::new());
        let (heard, error) = crate::cuts::drive(pieces, |input| {
            let told = client.next(Time(0), &FRAME, input)?;
            Ok(told.map(|told| match told {
                Answer::Connected { version, .. } => format!("connected {version}"),
                Answer::Message {
                    message_id, headers, ..
                } => format!("message {message_id} {headers:?}"),
                Answer::Receipt { receipt, .. } => format!("receipt {receipt}"),
                Answer::Error {
                    message,
                    receipt,
                    body,
                } => format!("error {message:?} {receipt:?} {}", body.escape_ascii()),
            }))
        });
        assert_eq!(heard, expect, "{stream}");
        assert_eq!(error, violation, "{stream}");
        let is_over = error.is_some() || heard.last().is_some_and(|last| last.starts_with("error"));
        assert_eq!(client.is_connected(), !is_over && !heard.is_empty());
        if is_over {
            let mut more = b"\xFF\0".to_vec();
            let mut input = Reader::new(&mut more);
            assert!(client.next(Time(0), &FRAME, &mut input).unwrap().is_none());
            assert!(input.is_empty());
        }
    });
}

#[test]
fn what_servers_say() {
    check(
        "CONNECTED\nsession: <session-id>\n\n^@MESSAGE\ndestination:/queue/a\nmessage-id: <m>\nx: \\c \n\nhello^@",
        &["connected 1.0", "message <m> [(\"x\", \"\\\\c\")]"],
        None,
    );
    check(
        "CONNECTED\r\nversion:1.1\r\nheart-beat:0,0\r\n\r\n^@\nRECEIPT\nreceipt-id:message-12345\n\n^@",
        &["connected 1.1", "receipt message-12345"],
        None,
    );
    check(
        "ERROR\nversion:1.2,2.1\ncontent-type:text/plain\n\nSupported protocol versions are 1.2 2.1^@junk",
        &["error None None Supported protocol versions are 1.2 2.1"],
        None,
    );
    check(
        "CONNECTED\nversion:1.2\n\n^@ERROR\nreceipt-id:1\nmessage:a\\cb \\t\n\n^@",
        &["connected 1.2", "error Some(\"a:b \\\\t\") Some(\"1\") "],
        None,
    );
    let missing = |command, header| Some(Violation::Missing { command, header });
    for (stream, violation) in [
        ("MESSAGE\ndestination:a\n\n^@", missing("MESSAGE", "message-id")),
        ("MESSAGE\nmessage-id:a\n\n^@", missing("MESSAGE", "destination")),
        ("RECEIPT\n\n^@", missing("RECEIPT", "receipt-id")),
        ("CONNECTED\n\n^@", Some(Violation::ConnectedTwice)),
        ("SEND\n\n^@", Some(Violation::Command("SEND".into()))),
        (
            "RECEIPT\nreceipt-id:\\t\n\n^@",
            Some(Violation::Escape(Version::V1_2, "\\c, \\n and \\r")),
        ),
    ] {
        let stream = format!("CONNECTED\nversion:1.2\n\n^@{stream}");
        check(&stream, &["connected 1.2"], violation);
    }
    for (stream, violation) in [
        (
            "RECEIPT\nreceipt-id:1\n\n^@",
            Violation::NotConnected("RECEIPT".into()),
        ),
        ("CONNECTED\nversion:1.3\n\n^@", Violation::NoVersion("1.3".into())),
        (
            "CONNECTED\nversion:1.2\nheart-beat:a\n\n^@",
            Violation::HeartBeat("a".into()),
        ),
        ("CONNECTED\nversion\n", Violation::Header),
    ] {
        check(stream, &[], Some(violation));
    }
}

mod answers;
mod beats;
mod decoder;
mod limits;
mod pair;
mod requests;
mod session;
mod violations;

use super::*;
use crate::{Reader, Time};

const LIMITS: ServerLimits = ServerLimits {
    before_connect: Limits::BEFORE_CONNECT,
    frame: FRAME,
    connect_timeout: 10_000,
};

const FRAME: Limits = Limits {
    command: 32,
    headers: 100,
    header: 1024,
    head: 4096,
    body: 4096,
};

const TEN_SECONDS: HeartBeat = HeartBeat {
    send: 10_000,
    receive: 10_000,
};

/// Frames as they are written in the specification: `^@` is NUL.
fn wire(text: &str) -> Vec<u8> {
    text.replace("^@", "\0").into_bytes()
}

/// As [`wire`], the other way.
fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\0', "^@")
}

fn pairs(headers: Headers<'_>) -> Vec<(String, String)> {
    headers
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

/// A server with what it wrote.
struct Side {
    server: Server,
    /// What it offers.
    heart_beat: HeartBeat,
    out: Vec<u8>,
}

impl Side {
    fn new() -> Self {
        Self {
            server: Server::new(Time(0)),
            heart_beat: TEN_SECONDS,
            out: Vec::new(),
        }
    }

    /// A server to which a client of `version` has connected, with the answer taken away.
    fn connected(version: Version) -> Self {
        let mut side = Self::new();
        let connect = format!("CONNECT\naccept-version:{version}\nhost:h\nheart-beat:10000,10000\n\n^@");
        let (heard, violation) = side.hear(Time(0), &[&wire(&connect)]);
        assert_eq!((heard.len(), violation), (1, None));
        assert_eq!(side.server.version(), version);
        side.out.clear();
        side
    }

    /// Hands in the pieces, a read each; CONNECT is accepted. What was heard before a violation, and the violation.
    fn hear(&mut self, now: Time, pieces: &[&[u8]]) -> (Vec<String>, Option<Violation>) {
        let mut heard = Vec::new();
        for piece in pieces {
            let mut piece = piece.to_vec();
            let mut input = Reader::new(&mut piece);
            loop {
                match self.server.next(now, &LIMITS, &mut input, &mut self.out) {
                    Ok(Some(event)) => heard.push(told(event)),
                    Ok(None) => break,
                    Err(violation) => return (heard, Some(violation)),
                }
                let accepted = Accepted {
                    session: "s-1",
                    server: "pogu/1",
                    heart_beat: self.heart_beat,
                };
                self.server.accept(now, &accepted, &mut self.out);
            }
            assert!(input.is_empty(), "None only when all bytes are taken");
        }
        (heard, None)
    }
}

/// An event in one line: a word, `name=value` for what is there, the other headers and the body.
fn told(event: Event<'_>) -> String {
    match event {
        Event::Connect(connect) => Line::new("connect")
            .put("version", Some(connect.version.as_str()))
            .put("login", connect.login.as_deref())
            .put("passcode", connect.passcode.as_deref())
            .put("host", connect.host.as_deref())
            .put("client-id", connect.client_id.as_deref())
            .put("heart-beat", Some(&connect.heart_beat.to_string()))
            .rest(connect.headers),
        Event::Send {
            destination,
            content_type,
            transaction,
            receipt,
            headers,
            body,
        } => Line::new("send")
            .put("destination", Some(&destination))
            .put("content-type", content_type.as_deref())
            .put("transaction", transaction.as_deref())
            .put("receipt", receipt.as_deref())
            .rest(headers)
            .put("body", Some(&body.escape_ascii().to_string())),
        Event::Subscribe {
            id,
            destination,
            ack,
            receipt,
            headers,
        } => Line::new("subscribe")
            .put("id", id.as_deref())
            .put("destination", Some(&destination))
            .put("ack", Some(ack.as_str()))
            .put("receipt", receipt.as_deref())
            .rest(headers),
        Event::Unsubscribe {
            id,
            destination,
            receipt,
            headers,
        } => Line::new("unsubscribe")
            .put("id", id.as_deref())
            .put("destination", destination.as_deref())
            .put("receipt", receipt.as_deref())
            .rest(headers),
        Event::Ack(ack) => acknowledged("ack", ack),
        Event::Nack(ack) => acknowledged("nack", ack),
        Event::Begin { transaction, receipt } => of_transaction("begin", &transaction, receipt.as_deref()),
        Event::Commit { transaction, receipt } => of_transaction("commit", &transaction, receipt.as_deref()),
        Event::Abort { transaction, receipt } => of_transaction("abort", &transaction, receipt.as_deref()),
        Event::Disconnect { receipt } => Line::new("disconnect").put("receipt", receipt.as_deref()),
    }
    .0
}

fn acknowledged(word: &str, ack: Ack<'_>) -> Line {
    Line::new(word)
        .put("id", Some(&ack.id))
        .put("subscription", ack.subscription.as_deref())
        .put("transaction", ack.transaction.as_deref())
        .put("receipt", ack.receipt.as_deref())
        .rest(ack.headers)
}

fn of_transaction(word: &str, transaction: &str, receipt: Option<&str>) -> Line {
    Line::new(word)
        .put("transaction", Some(transaction))
        .put("receipt", receipt)
}

struct Line(String);

impl Line {
    fn new(word: &str) -> Self {
        Self(word.to_owned())
    }

    fn put(mut self, name: &str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            self.0 += &format!(" {name}={value}");
        }
        self
    }

    fn rest(self, headers: Headers<'_>) -> Self {
        let rest = headers.map(|(name, value)| format!("{name}:{value}"));
        let rest = rest.collect::<Vec<_>>().join(", ");
        self.put(
            "rest",
            Some(&rest).filter(|rest| !rest.is_empty()).map(|rest| &rest[..]),
        )
    }
}

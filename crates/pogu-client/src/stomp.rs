use std::collections::BTreeMap;

use bytes::Bytes;
use pogu_proto::stomp::{Answer, Client, HeartBeat, Limits, Offer, Request, Violation};
use pogu_proto::ws::Kind;
use pogu_proto::{Reader, Time};
use tokio::time::{Duration, Instant};

use crate::limits::{HEAD_BYTES_MAX, MESSAGE_BYTES_MAX};
use crate::patience::within;
use crate::socket::TcpConnection;
use crate::wire::{Moved, Wire};
use crate::ws::{FAR, WsConnection, milliseconds};
use crate::{Error, Message, Options, Scheme, Target};

/// What a server may send. It passes on what a publisher sent with some headers of its own, and what is escaped takes twice the bytes.
const LIMITS: Limits = Limits {
    command: 32,
    headers: 256,
    header: 2 * HEAD_BYTES_MAX,
    head: 4 * HEAD_BYTES_MAX,
    body: MESSAGE_BYTES_MAX,
};

/// The subprotocols of a WebSocket, the best first.
const PROTOCOLS: [&str; 3] = ["v12.stomp", "v11.stomp", "v10.stomp"];

/// Bytes of a frame in one WebSocket message. A frame may span several: so a server whose messages are limited still takes a body
/// of that limit, which has a head before it.
const PIECE_BYTES_MAX: usize = 8 << 10;

/// Characters kept of what an ERROR says.
const REASON_CHARS_MAX: usize = 1000;

/// The `message` of the ERROR for what is above the server's limits.
const LIMIT_EXCEEDED: &str = "limit exceeded";

/// What the destinations of topics begin with.
const TOPIC: &str = "/topic/";

/// Headers of a MESSAGE that its publisher did not give.
const OWN_HEADERS: [&str; 6] = [
    "content-length",
    "cursor",
    "event",
    "gap",
    "missed",
    "redelivered",
];

/// STOMP over TCP or a WebSocket: requests out, and what the server tells in.
#[derive(Debug)]
pub(crate) struct StompConversation {
    carrier: Carrier,
    client: Client,
    /// The origin of the client's time.
    start: Instant,
    address: String,
    /// An ERROR was heard: nothing follows it.
    over: bool,
    frame: Vec<u8>,
}

#[derive(Debug)]
enum Carrier {
    Tcp(Box<Wire>),
    Ws {
        connection: Box<WsConnection>,
        /// The last message that arrived, a piece of the stream, and how much of it is taken.
        piece: Vec<u8>,
        taken: usize,
    },
}

/// What the server says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Connected,
    Message(Box<Incoming>),
    Receipt {
        receipt: String,
        /// Of a message its place, of a subscription where it starts.
        cursor: Option<String>,
    },
    /// ERROR, the last thing that is heard.
    Error {
        receipt: Option<String>,
        message: String,
        why: String,
    },
}

/// A MESSAGE.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Incoming {
    pub(crate) message: Message,
    /// What acknowledges it.
    pub(crate) ack: String,
    /// Messages that were lost before it, as far as they were counted.
    pub(crate) missed: u64,
    /// Whether others were, nobody knows how many.
    pub(crate) gap: bool,
}

/// The destination of what the user calls by `name`: one that begins with `/` is a destination, any other a topic or pattern.
pub(crate) fn destination(name: &str) -> String {
    if name.starts_with('/') {
        name.to_owned()
    } else {
        format!("{TOPIC}{name}")
    }
}

/// Whether `name` is a destination whose messages each go to one subscriber, and stay until it has acknowledged them.
pub(crate) fn is_queue(name: &str) -> bool {
    name.starts_with('/') && !name.starts_with(TOPIC)
}

impl StompConversation {
    /// Connects by the carrier that the URL's scheme suggests, and waits for CONNECTED.
    pub(crate) async fn open(target: &Target, options: &Options) -> Result<Self, Error> {
        let start = Instant::now();
        let mut frame = Vec::new();
        let (carrier, client) = match target.scheme {
            Scheme::Http | Scheme::Ws => {
                let path = target.stomp_path();
                let connection = WsConnection::open(target, &path, &PROTOCOLS, options).await?;
                // The WebSocket has its own signs of life.
                let client = connect(target, HeartBeat::default(), &mut frame);
                let carrier = Carrier::Ws {
                    connection: Box::new(connection),
                    piece: Vec::new(),
                    taken: 0,
                };
                (carrier, client)
            }
            Scheme::Tcp | Scheme::Udp | Scheme::Stomp | Scheme::SocketIo | Scheme::SockJs => {
                let trace = options.trace.as_ref();
                let socket = TcpConnection::connect(target, trace, options.connect_timeout).await?;
                let interval = u32::try_from(milliseconds(options.idle_timeout)).unwrap_or(u32::MAX);
                let beats = HeartBeat {
                    send: interval,
                    receive: interval,
                };
                let client = connect(target, beats, &mut frame);
                (Carrier::Tcp(Box::new(Wire::new(socket, Vec::new()))), client)
            }
        };
        let address = target.authority();
        let mut conversation = Self {
            carrier,
            client,
            start,
            address: address.clone(),
            over: false,
            frame,
        };
        conversation.put();
        let after = options.connect_timeout;
        let heard = within(after, &address, conversation.next()).await;
        match heard.map_err(|error| error.at_first(&address))? {
            Heard::Error { message, why, .. } => Err(ended(&message, &why)),
            // Before CONNECTED nothing else is heard.
            _ => Ok(conversation),
        }
    }

    /// Says a request. It is written while [`StompConversation::next`] waits.
    pub(crate) fn send(&mut self, request: &Request<'_>) {
        request.encode(self.client.version(), &mut self.frame);
        self.put();
    }

    /// Bytes that wait to be written.
    pub(crate) fn backlog(&self) -> usize {
        match &self.carrier {
            Carrier::Tcp(wire) => wire.backlog(),
            Carrier::Ws { connection, .. } => connection.backlog(),
        }
    }

    /// Waits for what the server says next. Can be cancelled without loss.
    pub(crate) async fn next(&mut self) -> Result<Heard, Error> {
        loop {
            if self.over {
                return Err(Error::Ended(String::new()));
            }
            if let Some(heard) = self.hear()? {
                self.over = matches!(heard, Heard::Error { .. });
                return Ok(heard);
            }
            match &mut self.carrier {
                Carrier::Ws {
                    connection,
                    piece,
                    taken,
                } => {
                    let keep = |_, bytes: &[u8]| {
                        piece.clear();
                        piece.extend_from_slice(bytes);
                    };
                    connection.next(keep).await?;
                    *taken = 0;
                }
                Carrier::Tcp(wire) => {
                    let deadline = self.client.deadline().map_or(FAR, |deadline| deadline.0.min(FAR));
                    let until = self.start + Duration::from_millis(deadline);
                    let moved = wire.wait(until).await;
                    match moved.map_err(|error| Error::broken(&self.address, error))? {
                        Moved::Input => {}
                        Moved::End => return Err(Error::Ended(String::new())),
                        Moved::Nothing => self.tick()?,
                    }
                }
            }
        }
    }

    /// Takes its leave once all that was said is done.
    pub(crate) async fn close(&mut self) -> Result<(), Error> {
        const GOODBYE: &str = "goodbye";
        self.send(&Request::Disconnect {
            receipt: Some(GOODBYE),
        });
        while !matches!(self.next().await?, Heard::Receipt { receipt, .. } if receipt == GOODBYE) {}
        match &mut self.carrier {
            Carrier::Tcp(_) => Ok(()),
            Carrier::Ws { connection, .. } => connection.close().await,
        }
    }

    /// Takes what has arrived already.
    fn hear(&mut self) -> Result<Option<Heard>, Error> {
        let now = self.now();
        let client = &mut self.client;
        let mut take = |reader: &mut Reader<'_>| {
            let told = client.next(now, &LIMITS, reader);
            let told = told.map_err(|violation| Error::Violation(violation.to_string()))?;
            told.map(heard).transpose()
        };
        match &mut self.carrier {
            Carrier::Tcp(wire) => wire.read(|reader, _| take(reader)),
            Carrier::Ws { piece, taken, .. } => {
                let mut reader = Reader::new(&mut piece[*taken..]);
                let heard = take(&mut reader);
                let rest = reader.rest().len();
                *taken = piece.len() - rest;
                heard
            }
        }
    }

    /// Puts what is encoded with the bytes to be written.
    fn put(&mut self) {
        self.client.sent(self.now());
        match &mut self.carrier {
            Carrier::Tcp(wire) => wire.out.append(&mut self.frame),
            Carrier::Ws { connection, .. } => {
                match std::str::from_utf8(&self.frame) {
                    Ok(text) => pieces(text).for_each(|piece| connection.send(Kind::Text, piece.as_bytes())),
                    Err(_) => self
                        .frame
                        .chunks(PIECE_BYTES_MAX)
                        .for_each(|piece| connection.send(Kind::Binary, piece)),
                }
                self.frame.clear();
            }
        }
    }

    fn tick(&mut self) -> Result<(), Error> {
        let now = self.now();
        let ticked = self.client.tick(now, &mut self.frame);
        if !self.frame.is_empty() {
            self.put();
        }
        ticked.map_err(|violation| match violation {
            Violation::Silent(after) => Error::Silent {
                address: self.address.clone(),
                after: Duration::from_millis(after),
            },
            other => Error::Violation(other.to_string()),
        })
    }

    fn now(&self) -> Time {
        Time(milliseconds(self.start.elapsed()))
    }
}

fn connect(target: &Target, heart_beat: HeartBeat, out: &mut Vec<u8>) -> Client {
    let offer = Offer {
        host: &target.host,
        heart_beat,
        ..Offer::default()
    };
    Client::connect(Time(0), &offer, out)
}

/// A text in pieces of at most [`PIECE_BYTES_MAX`] bytes.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE_BYTES_MAX));
        rest = after;
        Some(piece)
    })
}

/// Why a conversation is over that an ERROR has ended.
pub(crate) fn ended(message: &str, why: &str) -> Error {
    match (message, why) {
        (LIMIT_EXCEEDED, why) => Error::TooLarge(why.to_owned()),
        (message, "") => Error::Ended(message.to_owned()),
        (message, why) => Error::Ended(format!("{message}: {why}")),
    }
}

fn heard(told: Answer<'_>) -> Result<Heard, Error> {
    Ok(match told {
        Answer::Connected { .. } => Heard::Connected,
        Answer::Receipt { receipt, headers } => Heard::Receipt {
            receipt: receipt.into_owned(),
            cursor: headers.value("cursor").map(|cursor| cursor.into_owned()),
        },
        Answer::Error {
            message,
            receipt,
            body,
        } => Heard::Error {
            receipt: receipt.map(|receipt| receipt.into_owned()),
            message: short(&message.unwrap_or_default()),
            why: short(&String::from_utf8_lossy(body)),
        },
        Answer::Message {
            message_id,
            ack,
            destination,
            content_type,
            headers,
            body,
            ..
        } => {
            let cursor = headers.value("cursor").ok_or_else(|| {
                Error::Violation("a MESSAGE has no header `cursor`, as those of a pogu server have".into())
            })?;
            // Of a repeated header the first counts.
            let mut given = BTreeMap::new();
            for (name, value) in headers.clone() {
                if !OWN_HEADERS.contains(&&*name) {
                    given.entry(name.into_owned()).or_insert(value.into_owned());
                }
            }
            let topic = destination.strip_prefix(TOPIC).unwrap_or(&destination);
            let message = Message {
                topic: topic.to_owned(),
                cursor: cursor.into_owned(),
                time: None,
                event: headers.value("event").map(|event| event.into_owned()),
                content_type: content_type.map(|given| given.into_owned()),
                headers: given,
                body: Bytes::copy_from_slice(body),
            };
            Heard::Message(Box::new(Incoming {
                message,
                ack: ack.unwrap_or(message_id).into_owned(),
                missed: headers
                    .value("missed")
                    .and_then(|count| count.parse().ok())
                    .unwrap_or_default(),
                gap: headers.value("gap").is_some_and(|gap| gap == "true"),
            }))
        }
    })
}

fn short(text: &str) -> String {
    text.chars().take(REASON_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_topic_or_a_destination() {
        for (name, expected, queue) in [
            ("chat", "/topic/chat", false),
            ("orders.>", "/topic/orders.>", false),
            ("/topic/chat", "/topic/chat", false),
            ("/queue/jobs", "/queue/jobs", true),
            ("/temp-queue/x", "/temp-queue/x", true),
        ] {
            assert_eq!(
                (destination(name).as_str(), is_queue(name)),
                (expected, queue),
                "{name}"
            );
        }
    }

    #[test]
    fn pieces_end_between_characters() {
        let text = "ü".repeat(PIECE_BYTES_MAX) + "x";
        for skip in 0..2 {
            let text = "x".repeat(skip) + &text;
            let cut: Vec<&str> = pieces(&text).collect();
            assert!(cut.iter().all(|piece| piece.len() <= PIECE_BYTES_MAX));
            assert_eq!(cut.concat(), text);
        }
        assert_eq!(pieces("").count(), 0);
    }
}

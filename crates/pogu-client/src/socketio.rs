use std::sync::Arc;

use pogu_proto::engineio::Data;
use pogu_proto::socketio::{self, Arg, Client, ClientEvent, Limits};
use serde::{Deserialize, Serialize};

use crate::engineio::EngineIo;
use crate::event::message;
use crate::limits::MESSAGE_BYTES_MAX;
use crate::patience::within;
use crate::publisher::Draft;
use crate::{Error, Gap, Message, Options, Target};

/// The namespace in which a pogu server takes `subscribe` and `publish`.
const ROOT: &str = "/";

/// The longest body that is said as a string of JSON. A longer one is a buffer beside its event, which is not escaped: so a body of
/// the server's limit passes.
const STRING_BYTES_MAX: usize = 1 << 10;

/// Socket.IO: events out, and what the server tells in the namespace `/` in.
#[derive(Debug)]
pub(crate) struct SocketIoConversation {
    engine: EngineIo,
    client: Client,
    packet: Vec<u8>,
}

/// What the server says.
#[derive(Debug)]
pub(crate) enum Heard {
    Message(Box<Message>),
    Gap(Gap),
    /// What became of what was said with this number.
    Answer {
        id: u64,
        result: Result<Answer, Error>,
    },
}

/// What a server acknowledges with.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    /// Of a message its place, of a subscription where it starts.
    pub(crate) cursor: Option<String>,
    /// Messages after the cursor that was asked for are gone.
    #[serde(default)]
    pub(crate) gap: bool,
    error: Option<String>,
}

/// The last argument of `subscribe` and `publish`.
#[derive(Default, Serialize)]
struct Extras<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
}

impl SocketIoConversation {
    /// Connects and joins the namespace.
    pub(crate) async fn open(target: &Target, options: &Options) -> Result<Self, Error> {
        let engine = EngineIo::open(target, &target.socketio_path(), options).await?;
        let limits = Limits {
            attachments: 64,
            attachment_bytes: MESSAGE_BYTES_MAX,
            depth: 128,
            ..Limits::default()
        };
        let mut conversation = Self {
            engine,
            client: Client::new(Arc::new(limits)),
            packet: Vec::new(),
        };
        conversation
            .client
            .connect(ROOT, None, None, &mut conversation.packet);
        conversation.put();
        let joining = async {
            while !conversation.client.is_joined(ROOT) {
                conversation.hear().await?;
            }
            Ok(())
        };
        let after = options.connect_timeout;
        within(after, &target.authority(), joining).await?;
        Ok(conversation)
    }

    /// Asks for the messages of a topic or pattern, and returns the number of the answer.
    pub(crate) fn subscribe(&mut self, pattern: &str, after: Option<&str>) -> u64 {
        let extras = Extras {
            after,
            ..Extras::default()
        };
        self.emit(
            "subscribe",
            &[Arg::Json(&string(pattern)), Arg::Json(&json(&extras))],
        )
    }

    /// Says a message, and returns the number of the answer. It is written while [`SocketIoConversation::next`] waits.
    pub(crate) fn publish(&mut self, draft: &Draft, key: Option<&str>) -> u64 {
        let text = std::str::from_utf8(&draft.body).ok();
        let short = text.filter(|text| text.len() <= STRING_BYTES_MAX).map(string);
        let body = short.as_deref().map_or(Arg::Binary(&draft.body), Arg::Json);
        let extras = Extras {
            event: draft.event.as_deref(),
            key,
            // Without a type a string is text, and a buffer is not.
            content_type: draft
                .content_type
                .as_deref()
                .or(text.filter(|_| short.is_none()).map(|_| "text/plain")),
            ..Extras::default()
        };
        let topic = string(&draft.topic);
        self.emit("publish", &[Arg::Json(&topic), body, Arg::Json(&json(&extras))])
    }

    /// Checks that a body is not above what the server said it takes: it would end the session.
    pub(crate) fn check(&self, body: &[u8]) -> Result<(), Error> {
        let most = self.engine.payload_max();
        if body.len() > most {
            return Err(Error::TooLarge(format!("a message has at most {most} bytes")));
        }
        Ok(())
    }

    /// Bytes that wait to be written.
    pub(crate) fn backlog(&self) -> usize {
        self.engine.backlog()
    }

    /// Waits for what the server says next. Can be cancelled without loss.
    pub(crate) async fn next(&mut self) -> Result<Heard, Error> {
        loop {
            if let Some(heard) = self.hear().await? {
                return Ok(heard);
            }
        }
    }

    /// Leaves once all that was said is written.
    pub(crate) async fn close(&mut self) -> Result<(), Error> {
        self.client.disconnect(ROOT, &mut self.packet);
        self.put();
        self.engine.close().await
    }

    async fn hear(&mut self) -> Result<Option<Heard>, Error> {
        let Self { engine, client, .. } = self;
        engine
            .next(|data| match client.receive(data) {
                Ok(Some(event)) => heard(&event),
                Ok(None) => Ok(None),
                Err(violation) => Err(Error::Violation(violation.to_string())),
            })
            .await?
    }

    /// Emits an event, and returns the number of its acknowledgement.
    fn emit(&mut self, name: &str, args: &[Arg<'_>]) -> u64 {
        // It is joined before there is a conversation, and its end is that of the conversation.
        let id = self.client.next_id(ROOT).unwrap_or(u64::MAX);
        socketio::event(ROOT, Some(id), name, args, &mut self.packet);
        self.put();
        for arg in args {
            if let Arg::Binary(bytes) = arg {
                self.engine.send(Data::Binary(bytes));
            }
        }
        id
    }

    /// Puts the packet with what is to be written.
    fn put(&mut self) {
        // It is made of text.
        let text = std::str::from_utf8(&self.packet).unwrap_or_default();
        self.engine.send(Data::Text(text));
        self.packet.clear();
    }
}

fn heard(event: &ClientEvent<'_>) -> Result<Option<Heard>, Error> {
    match event {
        ClientEvent::Connected { .. } => Ok(None),
        ClientEvent::Refused { message, .. } => Err(Error::Refused {
            code: "connect_error".into(),
            why: short(message),
        }),
        ClientEvent::Disconnected { .. } => Err(Error::Ended("it ended the namespace /".into())),
        ClientEvent::Ack { id, args, .. } => {
            let answer = match args.iter().next() {
                Some(Arg::Json(answer)) => serde_json::from_str(answer),
                _ => serde_json::from_str(""),
            };
            let answer: Answer = answer.map_err(|error| {
                Error::Violation(format!("an acknowledgement is not one of pogu: {error}"))
            })?;
            let result = match &answer.error {
                None => Ok(answer),
                Some(why) => Err(Error::Refused {
                    code: "error".into(),
                    why: short(why),
                }),
            };
            Ok(Some(Heard::Answer { id: *id, result }))
        }
        ClientEvent::Event { name, args, .. } => message(name, args).map(Some),
    }
}

/// Characters kept of why something is refused.
const REASON_CHARS_MAX: usize = 1000;

fn short(text: &str) -> String {
    text.chars().take(REASON_CHARS_MAX).collect()
}

fn string(text: &str) -> String {
    let mut json = Vec::with_capacity(text.len() + 2);
    socketio::put_string(text, &mut json);
    // A string of JSON is text.
    String::from_utf8(json).unwrap_or_default()
}

fn json(extras: &Extras<'_>) -> String {
    // Strings always serialize.
    serde_json::to_string(extras).unwrap_or_default()
}

use std::borrow::Cow;

use super::SyntaxError;
use super::error::culprit;
use super::words::{
    Headers, Unit, Words, add_header, flag, meant, put_argument, put_base64, put_body, put_header, put_text,
    put_value, split, text,
};

/// What a client says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// `SUB`: receive the messages of all topics that match.
    Subscribe {
        /// The pattern, not yet checked.
        pattern: &'a str,
        /// Where to begin: a cursor, `earliest` or `last:N`; now, when absent.
        after: Option<&'a str>,
        /// Whether the subscriber's own messages come back to it. True unless `echo=0`.
        echo: bool,
        /// Over UDP, the token of the answer to an earlier `SUB`, to renew the lease.
        token: Option<&'a str>,
    },
    /// `UNSUB`: no longer receive them.
    Unsubscribe {
        /// The pattern, as it was subscribed.
        pattern: &'a str,
        /// Over UDP, the token.
        token: Option<&'a str>,
    },
    /// `PUB`: publish a message.
    Publish {
        /// The topic, not yet checked.
        topic: &'a str,
        /// `event=`: the event name.
        event: Option<Cow<'a, str>>,
        /// `type=`: the content type.
        content_type: Option<Cow<'a, str>>,
        /// `key=`: the idempotency key.
        key: Option<Cow<'a, str>>,
        /// `header.NAME=`: the headers.
        headers: Headers<'a>,
        /// The body, as it is meant.
        body: Cow<'a, [u8]>,
    },
    /// `AUTH`: show a token.
    Auth {
        /// The token.
        token: &'a str,
    },
    /// `PING`: is answered with `PONG`.
    Ping,
    /// `QUIT`: end the conversation.
    Quit,
}

/// Parses one whole command: a line without its EOL, a message or a datagram.
///
/// # Errors
///
/// What is wrong with it; the conversation can go on.
pub fn parse(command: &[u8]) -> Result<Command<'_>, SyntaxError> {
    let Unit {
        verb,
        mut words,
        body,
    } = split(command)?;
    let verb = Verb::named(verb).ok_or_else(|| SyntaxError::Verb(culprit(verb)))?;
    let argument = match verb.argument() {
        Some(what) => words.next().ok_or(SyntaxError::Argument {
            verb: verb.name(),
            what,
        })?,
        None => "",
    };
    let fields = Fields::read(verb, words)?;
    if let (Verb::Pub, Some(body)) = (verb, body) {
        let Fields {
            event,
            content_type,
            key,
            headers,
            base64,
            ..
        } = fields;
        return Ok(Command::Publish {
            topic: argument,
            event,
            content_type,
            key,
            headers,
            body: meant(body, base64.unwrap_or_default())?,
        });
    }
    if body.is_some() {
        return Err(SyntaxError::Body(verb.name()));
    }
    let Fields {
        after, echo, token, ..
    } = fields;
    Ok(match verb {
        Verb::Pub => return Err(SyntaxError::NoBody(verb.name())),
        Verb::Sub => Command::Subscribe {
            pattern: argument,
            after,
            echo: echo.unwrap_or(true),
            token,
        },
        Verb::Unsub => Command::Unsubscribe {
            pattern: argument,
            token,
        },
        Verb::Auth => Command::Auth { token: argument },
        Verb::Ping => Command::Ping,
        Verb::Quit => Command::Quit,
    })
}

impl Command<'_> {
    /// Appends the command to `out`, without an EOL.
    ///
    /// White space and control characters in a topic, pattern or token, and an empty one, are written so that the server refuses them.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.put(put_body, out);
    }

    /// The same in UTF-8, whatever the body is: one that is not is written in base64.
    pub fn encode_text(&self, out: &mut Vec<u8>) {
        let put_text = |body: &[u8], out: &mut Vec<u8>| match simdutf8::basic::from_utf8(body) {
            Ok(_) => put_body(body, out),
            Err(_) => put_base64(body, out),
        };
        self.put(put_text, out);
    }

    fn put(&self, put_body: impl FnOnce(&[u8], &mut Vec<u8>), out: &mut Vec<u8>) {
        match self {
            Self::Subscribe {
                pattern,
                after,
                echo,
                token,
            } => {
                out.extend_from_slice(b"SUB");
                put_argument(pattern, out);
                if let Some(after) = after {
                    put_value("after", after, out);
                }
                if !echo {
                    put_value("echo", "0", out);
                }
                if let Some(token) = token {
                    put_value("token", token, out);
                }
            }
            Self::Unsubscribe { pattern, token } => {
                out.extend_from_slice(b"UNSUB");
                put_argument(pattern, out);
                if let Some(token) = token {
                    put_value("token", token, out);
                }
            }
            Self::Publish {
                topic,
                event,
                content_type,
                key,
                headers,
                body,
            } => {
                out.extend_from_slice(b"PUB");
                put_argument(topic, out);
                for (name, value) in [("event", event), ("type", content_type), ("key", key)] {
                    if let Some(value) = value {
                        put_text(name, value, out);
                    }
                }
                for (name, value) in headers {
                    put_header(name, value, out);
                }
                put_body(body, out);
            }
            Self::Auth { token } => {
                out.extend_from_slice(b"AUTH");
                put_argument(token, out);
            }
            Self::Ping => out.extend_from_slice(b"PING"),
            Self::Quit => out.extend_from_slice(b"QUIT"),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Pub,
    Sub,
    Unsub,
    Auth,
    Ping,
    Quit,
}

impl Verb {
    fn named(word: &str) -> Option<Self> {
        const ALL: [Verb; 6] = [
            Verb::Pub,
            Verb::Sub,
            Verb::Unsub,
            Verb::Auth,
            Verb::Ping,
            Verb::Quit,
        ];
        ALL.into_iter()
            .find(|verb| verb.name().eq_ignore_ascii_case(word))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Pub => "PUB",
            Self::Sub => "SUB",
            Self::Unsub => "UNSUB",
            Self::Auth => "AUTH",
            Self::Ping => "PING",
            Self::Quit => "QUIT",
        }
    }

    fn argument(self) -> Option<&'static str> {
        match self {
            Self::Pub => Some("a topic"),
            Self::Sub | Self::Unsub => Some("a topic or pattern"),
            Self::Auth => Some("a token"),
            Self::Ping | Self::Quit => None,
        }
    }

    /// The keys that it takes, in words.
    fn keys(self) -> &'static str {
        match self {
            Self::Pub => "event, type, key, header.NAME, len and base64",
            Self::Sub => "after, echo and token",
            Self::Unsub => "token",
            Self::Auth | Self::Ping | Self::Quit => "none",
        }
    }
}

#[derive(Default)]
struct Fields<'a> {
    after: Option<&'a str>,
    echo: Option<bool>,
    token: Option<&'a str>,
    event: Option<Cow<'a, str>>,
    content_type: Option<Cow<'a, str>>,
    key: Option<Cow<'a, str>>,
    headers: Headers<'a>,
    base64: Option<bool>,
}

impl<'a> Fields<'a> {
    fn read(verb: Verb, words: Words<'a>) -> Result<Self, SyntaxError> {
        let mut fields = Self::default();
        for word in words {
            let (key, value) = word
                .split_once('=')
                .ok_or_else(|| SyntaxError::Word(culprit(word)))?;
            match (verb, key) {
                (Verb::Sub, "after") => set(&mut fields.after, "after", value)?,
                (Verb::Sub, "echo") => set(&mut fields.echo, "echo", flag("echo", value)?)?,
                (Verb::Sub | Verb::Unsub, "token") => set(&mut fields.token, "token", value)?,
                (Verb::Pub, "event") => set(&mut fields.event, "event", text("event", value)?)?,
                (Verb::Pub, "type") => set(&mut fields.content_type, "type", text("type", value)?)?,
                (Verb::Pub, "key") => set(&mut fields.key, "key", text("key", value)?)?,
                (Verb::Pub, key) if key.starts_with("header.") => {
                    add_header(&mut fields.headers, &key["header.".len()..], value)?;
                }
                (Verb::Pub, "base64") => set(&mut fields.base64, "base64", flag("base64", value)?)?,
                // It was met already, where the body was found.
                (Verb::Pub, "len") => {}
                _ => {
                    let (verb, known) = (verb.name(), verb.keys());
                    return Err(SyntaxError::Key {
                        verb,
                        key: culprit(key),
                        known,
                    });
                }
            }
        }
        Ok(fields)
    }
}

fn set<T>(field: &mut Option<T>, key: &'static str, value: T) -> Result<(), SyntaxError> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err(SyntaxError::Repeated(key)),
    }
}

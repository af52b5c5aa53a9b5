use std::borrow::Cow;
use std::fmt::Display;
use std::io::Write;

use super::SyntaxError;
use super::error::culprit;
use super::words::{
    Headers, Unit, Words, add_header, flag, meant, number, put_argument, put_base64, put_body, put_header,
    put_number, put_text, put_value, put_words, split, text,
};

/// Appends `OK`: the command number `seq` of the conversation is done. The cursor is where a message of `PUB` is or where a `SUB` begins,
/// the token what renews a `SUB` over UDP.
pub fn ok(seq: u64, cursor: Option<&dyn Display>, token: Option<&str>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"OK");
    put_number("seq", seq, out);
    if let Some(cursor) = cursor {
        // Writing to a vector does not fail.
        let _ = write!(out, " cursor={cursor}");
    }
    if let Some(token) = token {
        put_value("token", token, out);
    }
}

/// Appends `ERR`: what could not be done, by a short name and in words.
pub fn error(name: &str, seq: Option<u64>, why: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"ERR");
    put_argument(name, out);
    if let Some(seq) = seq {
        put_number("seq", seq, out);
    }
    put_words(why, out);
}

/// Appends `PONG`.
pub fn pong(out: &mut Vec<u8>) {
    out.extend_from_slice(b"PONG");
}

/// Appends `GAP`: messages that match `pattern` cannot be had any more, `missed` of them when that is known.
pub fn gap(pattern: &str, missed: Option<u64>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"GAP");
    put_argument(pattern, out);
    out.extend_from_slice(b" :");
    if let Some(missed) = missed {
        out.extend_from_slice(itoa::Buffer::new().format(missed).as_bytes());
        out.push(b' ');
    }
    let words: &[u8] = if missed == Some(1) {
        b"message is gone"
    } else {
        b"messages are gone"
    };
    out.extend_from_slice(words);
}

/// Appends `BYE`: the server ends the conversation, for a reason with a short name and in words, which may be empty.
pub fn bye(name: &str, why: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"BYE");
    put_argument(name, out);
    put_words(why, out);
}

/// Appends `MSG`. The content type is absent for plain text, and for bytes of which nothing is known.
///
/// What is appended is UTF-8 when `body` is.
pub fn message<'h>(
    topic: &str,
    cursor: &str,
    event: Option<&str>,
    content_type: Option<&str>,
    headers: impl IntoIterator<Item = (&'h str, &'h str)>,
    body: &[u8],
    out: &mut Vec<u8>,
) {
    put_message(topic, cursor, event, content_type, headers, out);
    put_body(body, out);
}

/// Appends `MSG` with its body in base64, so that it is UTF-8 whatever `body` is.
pub fn message_in_base64<'h>(
    topic: &str,
    cursor: &str,
    event: Option<&str>,
    content_type: Option<&str>,
    headers: impl IntoIterator<Item = (&'h str, &'h str)>,
    body: &[u8],
    out: &mut Vec<u8>,
) {
    put_message(topic, cursor, event, content_type, headers, out);
    put_base64(body, out);
}

/// Appends `MSG` without its body.
fn put_message<'h>(
    topic: &str,
    cursor: &str,
    event: Option<&str>,
    content_type: Option<&str>,
    headers: impl IntoIterator<Item = (&'h str, &'h str)>,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"MSG");
    put_argument(topic, out);
    put_value("cursor", cursor, out);
    if let Some(event) = event {
        put_text("event", event, out);
    }
    if let Some(content_type) = content_type {
        put_text("type", content_type, out);
    }
    for (name, value) in headers {
        put_header(name, value, out);
    }
}

/// What a server says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer<'a> {
    /// `OK`: a command is done.
    Ok {
        /// The number of the command in this conversation, from 1; 0 when it is not named, as over UDP with a token.
        seq: u64,
        /// Of a `PUB`, the place of the message; of a `SUB`, the place after which it starts.
        cursor: Option<&'a str>,
        /// Of a `SUB` over UDP, what renews it.
        token: Option<&'a str>,
    },
    /// `MSG`: a message.
    Message {
        /// Its topic.
        topic: &'a str,
        /// Its place.
        cursor: &'a str,
        /// Its event name.
        event: Option<Cow<'a, str>>,
        /// Its content type; plain text when absent.
        content_type: Option<Cow<'a, str>>,
        /// Its headers.
        headers: Headers<'a>,
        /// Its body, as it is meant.
        body: Cow<'a, [u8]>,
    },
    /// `ERR`: something could not be done.
    Error {
        /// What, by a short name.
        name: &'a str,
        /// The number of the command, when there was one.
        seq: Option<u64>,
        /// Why, in words.
        why: Cow<'a, str>,
    },
    /// `GAP`: messages cannot be had any more.
    Gap {
        /// The pattern of the subscription.
        pattern: &'a str,
        /// How many, when that is known.
        missed: Option<u64>,
    },
    /// `PONG`, the answer to `PING`.
    Pong,
    /// `BYE`: the server ends the conversation.
    Bye {
        /// The reason, by a short name.
        name: &'a str,
        /// The reason in words, perhaps none.
        why: Cow<'a, str>,
    },
}

/// Parses one whole answer: a line without its EOL, a message or a datagram.
///
/// # Errors
///
/// What is wrong with it, and [`SyntaxError::Answer`] for one that is not known.
pub fn parse_answer(answer: &[u8]) -> Result<Answer<'_>, SyntaxError> {
    let Unit {
        verb,
        mut words,
        body,
    } = split(answer)?;
    let why = || String::from_utf8_lossy(body.unwrap_or_default());
    match verb {
        "OK" => {
            let (mut seq, mut cursor, mut token) = (0, None, None);
            for (key, value) in words.filter_map(|word| word.split_once('=')) {
                match key {
                    "seq" => seq = seq_number(value)?,
                    "cursor" => cursor = Some(value),
                    "token" => token = Some(value),
                    _ => {}
                }
            }
            Ok(Answer::Ok { seq, cursor, token })
        }
        "MSG" => {
            let topic = argument(&mut words, "MSG", "a topic")?;
            let (mut cursor, mut event, mut content_type) = (None, None, None);
            let mut headers = Headers::new();
            let mut is_base64 = false;
            for (key, value) in words.filter_map(|word| word.split_once('=')) {
                match key {
                    "cursor" => cursor = Some(value),
                    "event" => event = Some(text("event", value)?),
                    "type" => content_type = Some(text("type", value)?),
                    "base64" => is_base64 = flag("base64", value)?,
                    _ => {
                        if let Some(name) = key.strip_prefix("header.") {
                            add_header(&mut headers, name, value)?;
                        }
                    }
                }
            }
            let cursor = cursor.ok_or(SyntaxError::Value {
                key: "cursor",
                what: "a cursor",
            })?;
            let body = body.ok_or(SyntaxError::NoBody("MSG"))?;
            Ok(Answer::Message {
                topic,
                cursor,
                event,
                content_type,
                headers,
                body: meant(body, is_base64)?,
            })
        }
        "ERR" => {
            let name = argument(&mut words, "ERR", "a name")?;
            let seq = words
                .find_map(|word| word.strip_prefix("seq="))
                .map(seq_number)
                .transpose()?;
            Ok(Answer::Error {
                name,
                seq,
                why: why(),
            })
        }
        "GAP" => {
            let pattern = argument(&mut words, "GAP", "a pattern")?;
            let missed = body.and_then(|body| number(body.split(|byte| *byte == b' ').next()?));
            Ok(Answer::Gap { pattern, missed })
        }
        "PONG" => Ok(Answer::Pong),
        "BYE" => Ok(Answer::Bye {
            name: argument(&mut words, "BYE", "a name")?,
            why: why(),
        }),
        _ => Err(SyntaxError::Answer(culprit(verb))),
    }
}

fn argument<'a>(
    words: &mut Words<'a>,
    verb: &'static str,
    what: &'static str,
) -> Result<&'a str, SyntaxError> {
    words.next().ok_or(SyntaxError::Argument { verb, what })
}

fn seq_number(value: &str) -> Result<u64, SyntaxError> {
    number(value.as_bytes()).ok_or(SyntaxError::Value {
        key: "seq",
        what: "a number",
    })
}

/// Whether a datagram begins like a server's answer, so that it must not be answered.
pub fn is_answer(datagram: &[u8]) -> bool {
    let verb = datagram
        .split(|byte| b" \r\n".contains(byte))
        .next()
        .unwrap_or_default();
    [&b"OK"[..], b"MSG", b"ERR", b"GAP", b"PONG", b"BYE"].contains(&verb)
}

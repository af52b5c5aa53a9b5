use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::Error;

/// A message that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// The topic it was published to. Server-Sent Events do not carry it: there it is the topic or pattern that was
    /// subscribed to.
    pub topic: String,
    /// Its place in the server's order: what to resume after.
    pub cursor: String,
    /// When the server took it, in milliseconds since 1970, where the carrier tells it (JSON does).
    pub time: Option<u64>,
    /// The event's name, if it has one.
    pub event: Option<String>,
    /// The content type, where the carrier tells it. Server-Sent Events do of bytes alone; Socket.IO tells text, JSON and bytes
    /// apart and no more.
    pub content_type: Option<String>,
    /// The headers that its publisher gave it. Server-Sent Events do not carry them.
    pub headers: BTreeMap<String, String>,
    /// The body as it was published.
    pub body: Bytes,
}

/// Messages that were published and could not be delivered, because history no longer has them or the reader was slow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The topic or pattern.
    pub topic: String,
    /// How many, where the server knows.
    pub missed: Option<u64>,
}

/// The JSON form of a message, as it stands in answers to polls, on streams and in the tool's output.
#[derive(Serialize, Deserialize)]
struct Json<'a> {
    topic: String,
    cursor: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    #[serde(
        borrow,
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    data: Option<&'a RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

/// The JSON form of a gap.
#[derive(Serialize, Deserialize)]
struct JsonGap {
    gap: bool,
    topic: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    missed: Option<u64>,
}

impl Gap {
    /// The gap as one JSON object, as it stands in streams: `{"gap":true,"topic","missed"?}`.
    pub fn to_json(&self) -> String {
        let json = JsonGap {
            gap: true,
            topic: self.topic.clone(),
            missed: self.missed,
        };
        // A string and a number always serialize.
        serde_json::to_string(&json).unwrap_or_default()
    }
}

/// A `null` is a value like any other.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}

/// What one line of a stream says.
pub(crate) enum Line {
    Message(Message),
    Gap(Gap),
}

/// The answer to a poll.
pub(crate) struct PollAnswer {
    pub(crate) messages: Vec<Message>,
    pub(crate) next: String,
    pub(crate) gap: bool,
}

impl Message {
    /// The message as one JSON object: `{"topic","cursor","time"?,"event"?,"type"?,"headers"?,"data"}`, with `base64` in place of
    /// `data` for a body that is neither JSON nor text.
    pub fn to_json(&self) -> String {
        let text = std::str::from_utf8(&self.body).ok();
        let is_json = self.content_type.as_deref().is_some_and(is_json);
        let parsed = text.filter(|_| is_json);
        // A line break between the tokens of a JSON body would break the line that it stands in.
        let raw = parsed
            .and_then(|text| serde_json::from_str::<&RawValue>(text).ok())
            .and_then(one_line);
        let quoted = text
            .filter(|_| !is_json)
            .and_then(|text| serde_json::value::to_raw_value(text).ok());
        let data = raw.or(quoted);
        let json = Json {
            topic: self.topic.clone(),
            cursor: self.cursor.clone(),
            time: self.time,
            event: self.event.clone(),
            content_type: self.content_type.clone(),
            headers: self.headers.clone(),
            base64: data.is_none().then(|| STANDARD.encode(&self.body)),
            data: data.as_deref(),
        };
        // Strings, numbers and checked JSON always serialize.
        serde_json::to_string(&json).unwrap_or_default()
    }

    /// Reads what [`Message::to_json`] writes, and the server on its streams.
    ///
    /// # Errors
    ///
    /// [`Error::Violation`] for anything else.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        let json = serde_json::from_str(json).map_err(|error| violation("a message", error))?;
        Self::take(json)
    }

    fn take(json: Json<'_>) -> Result<Self, Error> {
        let body = match (json.data, json.base64) {
            (None, Some(encoded)) => {
                let decoded = STANDARD.decode(encoded);
                Bytes::from(decoded.map_err(|error| violation("base64 of a message", error))?)
            }
            (Some(raw), None) if json.content_type.as_deref().is_some_and(is_json) => {
                Bytes::copy_from_slice(raw.get().as_bytes())
            }
            (Some(raw), None) => {
                let text: String = serde_json::from_str(raw.get())
                    .map_err(|error| violation("the text of a message", error))?;
                Bytes::from(text)
            }
            _ => {
                return Err(Error::Violation(
                    "a message has not one of data and base64".into(),
                ));
            }
        };
        Ok(Message {
            topic: json.topic,
            cursor: json.cursor,
            time: json.time,
            event: json.event,
            content_type: json.content_type,
            headers: json.headers,
            body,
        })
    }
}

/// JSON without the white space between its tokens, if that holds a line break.
fn one_line(raw: &RawValue) -> Option<Box<RawValue>> {
    if memchr::memchr2(b'\n', b'\r', raw.get().as_bytes()).is_none() {
        return Some(raw.to_owned());
    }
    let mut compact = String::with_capacity(raw.get().len());
    let mut in_string = false;
    let mut escaped = false;
    for c in raw.get().chars() {
        let is_space = matches!(c, ' ' | '\t' | '\n' | '\r');
        if !in_string && is_space {
            continue;
        }
        compact.push(c);
        if escaped {
            escaped = false;
        } else if in_string && c == '\\' {
            escaped = true;
        } else if c == '"' {
            in_string = !in_string;
        }
    }
    RawValue::from_string(compact).ok()
}

/// Reads a line of a stream.
pub(crate) fn parse_line(line: &[u8]) -> Result<Line, Error> {
    let error = match serde_json::from_slice::<Json<'_>>(line) {
        Ok(json) => return Message::take(json).map(Line::Message),
        Err(error) => error,
    };
    match serde_json::from_slice(line) {
        Ok(JsonGap {
            gap: true,
            topic,
            missed,
        }) => Ok(Line::Gap(Gap { topic, missed })),
        _ => Err(violation("a line of the stream", error)),
    }
}

/// Reads the data of an SSE event named `gap`.
pub(crate) fn parse_gap(data: &str) -> Option<Gap> {
    match parse_line(data.as_bytes()) {
        Ok(Line::Gap(gap)) => Some(gap),
        _ => None,
    }
}

/// Reads the answer to a poll.
pub(crate) fn parse_poll(answer: &[u8]) -> Result<PollAnswer, Error> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        messages: Vec<Json<'a>>,
        next: String,
        #[serde(default)]
        gap: bool,
    }
    let answer: Answer<'_> =
        serde_json::from_slice(answer).map_err(|error| violation("the answer to a poll", error))?;
    let messages = answer
        .messages
        .into_iter()
        .map(Message::take)
        .collect::<Result<_, _>>()?;
    Ok(PollAnswer {
        messages,
        next: answer.next,
        gap: answer.gap,
    })
}

/// The body in a data URL (RFC 2397) of base64, as bytes ride in Server-Sent Events.
pub(crate) fn parse_data_url(url: &str) -> Option<Bytes> {
    let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
    head.strip_suffix(";base64")?;
    STANDARD.decode(data).ok().map(Bytes::from)
}

/// Whether a content type is JSON: `application/json` or any `…+json`, whatever its parameters.
pub fn is_json(content_type: &str) -> bool {
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence == "application/json" || essence.ends_with("+json")
}

fn violation(what: &str, error: impl std::fmt::Display) -> Error {
    Error::Violation(format!("{what} cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(content_type: &str, body: &[u8]) -> Message {
        Message {
            topic: "chat".into(),
            cursor: "k3f-18".into(),
            time: Some(1_700_000_000_123),
            event: None,
            content_type: Some(content_type.into()),
            headers: BTreeMap::new(),
            body: Bytes::copy_from_slice(body),
        }
    }

    fn read(line: &str) -> Message {
        match parse_line(line.as_bytes()) {
            Ok(Line::Message(message)) => message,
            Ok(Line::Gap(gap)) => panic!("{line}: {gap:?}"),
            Err(error) => panic!("{line}: {error}"),
        }
    }

    #[test]
    fn each_kind_of_body_is_read_and_written() {
        let head = r#"{"topic":"chat","cursor":"k3f-18","time":1700000000123,"#;
        for (line, content_type, body) in [
            (
                r#""type":"text/plain","data":"a\nb"}"#,
                "text/plain",
                &b"a\nb"[..],
            ),
            (
                r#""type":"application/json","data":{"a":[1,2.50]}}"#,
                "application/json",
                br#"{"a":[1,2.50]}"#,
            ),
            (
                r#""type":"application/json","data":"text"}"#,
                "application/json",
                br#""text""#,
            ),
            (
                r#""type":"application/ld+json; x=y","data":null}"#,
                "application/ld+json; x=y",
                b"null",
            ),
            (r#""type":"image/png","base64":"AP8="}"#, "image/png", &[0, 0xff]),
        ] {
            let line = format!("{head}{line}");
            assert_eq!(read(&line), message(content_type, body));
            assert_eq!(message(content_type, body).to_json(), line);
        }
    }

    #[test]
    fn what_is_labelled_json_and_is_not_crosses_as_base64() {
        for body in [&b"{"[..], b"\xff", b""] {
            let original = message("application/json", body);
            assert_eq!(read(&original.to_json()), original);
        }
    }

    #[test]
    fn a_json_body_over_several_lines_stays_one_line() {
        let spread = message(
            "application/json",
            b"{\r\n  \"a \\\" b\\\\\" : \"c  d\",\n\t\"e\": [1, 2]\n}",
        );
        let line = spread.to_json();
        assert!(!line.contains(['\n', '\r']), "{line}");
        assert_eq!(&read(&line).body[..], br#"{"a \" b\\":"c  d","e":[1,2]}"#);
    }

    #[test]
    fn a_gap_is_no_message() {
        let Ok(Line::Gap(gap)) = parse_line(br#"{"gap":true,"topic":"a.*","missed":12}"#) else {
            panic!("no gap");
        };
        assert_eq!(
            gap,
            Gap {
                topic: "a.*".into(),
                missed: Some(12)
            }
        );
        assert_eq!(
            parse_gap(r#"{"gap":true,"topic":"t"}"#),
            Some(Gap {
                topic: "t".into(),
                missed: None
            })
        );
        assert_eq!(parse_gap("nothing"), None);
    }

    #[test]
    fn a_poll_is_read() {
        let answer = parse_poll(
            br#"{"messages":[{"topic":"t","cursor":"e-1","time":1,"type":"text/plain","data":"x"}],"next":"e-4","gap":true}"#,
        );
        let answer = answer.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(answer.messages.len(), 1);
        assert_eq!((answer.next.as_str(), answer.gap), ("e-4", true));
    }

    #[test]
    fn broken_answers_are_violations() {
        for line in [
            "",
            "{",
            "[]",
            "{}",
            r#"{"topic":"t","cursor":"c","type":"text/plain"}"#,
            r#"{"topic":"t","cursor":"c","type":"image/png","base64":"?"}"#,
            r#"{"topic":"t","cursor":"c","type":"text/plain","data":1}"#,
            r#"{"topic":"t","cursor":"c","type":"text/plain","data":"a","base64":"AA=="}"#,
        ] {
            assert!(
                matches!(parse_line(line.as_bytes()), Err(Error::Violation(_))),
                "{line}"
            );
            assert!(
                matches!(parse_poll(line.as_bytes()), Err(Error::Violation(_))),
                "{line}"
            );
        }
        let deep = "[".repeat(100_000);
        assert!(parse_line(deep.as_bytes()).is_err());
        assert!(
            parse_line(
                format!(r#"{{"topic":"t","cursor":"c","type":"application/json","data":{deep}}}"#).as_bytes()
            )
            .is_err()
        );
    }

    #[test]
    fn data_urls_are_taken_apart() {
        let parse = |url| parse_data_url(url).map(|body| body.to_vec());
        assert_eq!(parse("data:image/png;base64,AP8="), Some(vec![0, 255]));
        assert_eq!(parse("data:;base64,"), Some(vec![]));
        for bad in [
            "",
            "data:",
            "data:text/x,a%20b",
            "data:image/png;base64",
            "data:image/png;base64,?",
            "http://x,y",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}

//! Events of the namespace `/` as messages.
//!
//! A pogu server appends `{"topic","cursor"}` to the arguments of a message, and after that perhaps the offset from which a client of
//! Socket.IO resumes, a string, which says the same as the cursor. What comes before makes the body:
//!
//! | arguments | content type | body |
//! | --- | --- | --- |
//! | one string | `text/plain` | its text |
//! | one other value | `application/json` | the value as it stands |
//! | one buffer | `application/octet-stream` | its bytes |
//! | none, or several | `application/json;args` | an array of them, a buffer being `{"_placeholder":true,"num":0,"base64":"…"}` |

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use pogu_proto::socketio::{Arg, Args, string};
use serde::Deserialize;
use serde_json::Value;

use crate::message::parse_gap;
use crate::socketio::Heard;
use crate::{Error, Message};

/// The event that stands for a message without one.
const NAMELESS: &str = "message";

/// The event that tells of messages which were lost.
const GAP: &str = "gap";

/// What a server appends to the arguments of a message.
#[derive(Deserialize)]
struct Place {
    topic: String,
    cursor: String,
}

/// What an event tells.
pub(crate) fn message(name: &str, args: &Args<'_>) -> Result<Heard, Error> {
    let missing = || {
        let why = format!("the event {name:?} has no place, as those of a pogu server have");
        Error::Violation(why)
    };
    let mut count = 0_usize;
    let (mut before, mut last) = (None, None);
    for arg in args.iter() {
        count += 1;
        before = last.replace(arg);
    }
    let Some(Arg::Json(mut place)) = last else {
        return Err(missing());
    };
    let mut rest = args.raw();
    count -= 1;
    // No place is a string.
    if place.starts_with('"') {
        let Some(Arg::Json(earlier)) = before else {
            return Err(missing());
        };
        rest = without(rest, place);
        place = earlier;
        count -= 1;
    }
    let Ok(Place { topic, cursor }) = serde_json::from_str(place) else {
        let gap = parse_gap(place).filter(|_| name == GAP && count == 0);
        return gap.map(Heard::Gap).ok_or_else(missing);
    };
    let (content_type, body) = body(args, count, without(rest, place))?;
    Ok(Heard::Message(Box::new(Message {
        topic,
        cursor,
        time: None,
        event: (name != NAMELESS).then(|| name.to_owned()),
        content_type: Some(content_type.to_owned()),
        headers: Default::default(),
        body,
    })))
}

/// Arguments without the last one and the comma before it.
fn without<'a>(args: &'a str, last: &str) -> &'a str {
    let rest = args.trim_end();
    let rest = rest.strip_suffix(last).unwrap_or(rest).trim_end();
    rest.strip_suffix(',').unwrap_or(rest)
}

/// The content type and body that the first `count` arguments make, which are `raw`.
fn body(args: &Args<'_>, count: usize, raw: &str) -> Result<(&'static str, Bytes), Error> {
    let first = args.iter().next().filter(|_| count == 1);
    Ok(match first {
        Some(Arg::Binary(bytes)) => ("application/octet-stream", Bytes::copy_from_slice(bytes)),
        Some(Arg::Json(value)) if args.attachments().is_empty() => match string(value) {
            Some(text) => ("text/plain", Bytes::copy_from_slice(text.as_bytes())),
            None => ("application/json", Bytes::copy_from_slice(value.as_bytes())),
        },
        _ => ("application/json;args", array(raw, args.attachments())?),
    })
}

fn array(values: &str, attachments: &[Bytes]) -> Result<Bytes, Error> {
    let array = ["[", values, "]"].concat();
    if attachments.is_empty() {
        return Ok(array.into());
    }
    let mut values: Value = serde_json::from_str(&array)
        .map_err(|error| Error::Violation(format!("the arguments of an event cannot be read: {error}")))?;
    inline(&mut values, attachments);
    Ok(values.to_string().into())
}

/// Puts buffers where their placeholders are. The decoder of packets has seen to it that values are not too deep in one another.
fn inline(value: &mut Value, attachments: &[Bytes]) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| inline(value, attachments)),
        Value::Object(members) => {
            let number = members.get("num").and_then(Value::as_u64);
            let number = number.and_then(|number| usize::try_from(number).ok());
            if members.get("_placeholder") == Some(&Value::Bool(true))
                && let Some(bytes) = number.and_then(|number| attachments.get(number))
            {
                members.insert("base64".into(), STANDARD.encode(bytes).into());
                return;
            }
            members.values_mut().for_each(|value| inline(value, attachments));
        }
        _ => {}
    }
}

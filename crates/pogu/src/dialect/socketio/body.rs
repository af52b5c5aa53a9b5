//! Arguments of an event as the body of a message, and the body of any message as arguments.
//!
//! | arguments | body |
//! | --- | --- |
//! | one string | text |
//! | one other JSON value | JSON |
//! | one buffer | binary |
//! | none, or several | a JSON array of type [`ARGUMENTS`]; buffers within it are `{"_placeholder":true,"num":0,"base64":"…"}` |

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use pogu_hub::{Kind, Message};
use pogu_proto::socketio::{self, Arg, Args};
use serde_json::Value;

use crate::json;

/// The content type of a JSON array that stands for several arguments.
pub(super) const ARGUMENTS: &str = "application/json;args";

/// Buffers that an event has at most, as clients take no more.
const BUFFERS_MAX: usize = 10;

/// A body, its kind, and its content type where it is not that of the kind.
pub(crate) type Body = (Kind, Option<Box<str>>, Bytes);

/// The body of an event with these arguments.
pub(super) fn body(args: &Args<'_>) -> Body {
    if args.attachments().is_empty() {
        let mut each = args.iter();
        return match (each.next(), each.next()) {
            (Some(Arg::Json(value)), None) => one(value),
            _ => (Kind::Json, Some(ARGUMENTS.into()), array(args.raw())),
        };
    }
    let mut each = args.iter();
    if let (Some(Arg::Binary(bytes)), None) = (each.next(), each.next()) {
        return (Kind::Binary, None, Bytes::copy_from_slice(bytes));
    }
    let mut values: Value = serde_json::from_slice(&array(args.raw())).unwrap_or_default();
    inline(&mut values, args.attachments());
    (Kind::Json, Some(ARGUMENTS.into()), values.to_string().into())
}

/// The body of an event that is emitted with these arguments.
pub(crate) fn of_args(args: &[Arg<'_>]) -> Body {
    match args {
        [Arg::Json(value)] if !value.is_empty() => one(value),
        [Arg::Binary(bytes)] => (Kind::Binary, None, Bytes::copy_from_slice(bytes)),
        _ => {
            let mut array = Vec::new();
            socketio::put_array(None, args, &mut array);
            let buffers = args.iter().filter_map(|arg| match arg {
                Arg::Binary(bytes) => Some(Bytes::copy_from_slice(bytes)),
                Arg::Json(_) => None,
            });
            let buffers: Vec<Bytes> = buffers.collect();
            if buffers.is_empty() {
                return (Kind::Json, Some(ARGUMENTS.into()), array.into());
            }
            let mut values: Value = serde_json::from_slice(&array).unwrap_or_default();
            inline(&mut values, &buffers);
            (Kind::Json, Some(ARGUMENTS.into()), values.to_string().into())
        }
    }
}

/// The body of one argument.
pub(super) fn one(value: &str) -> Body {
    if let Some(text) = socketio::string(value) {
        return (Kind::Text, None, Bytes::copy_from_slice(text.as_bytes()));
    }
    // JavaScript reads numbers and surrogates that others do not.
    let (kind, bytes) = json::classify(Some("application/json"), value.as_bytes());
    (kind, None, bytes)
}

/// The body of one argument in which places may stand for some of these buffers.
pub(super) fn one_with(value: &str, attachments: &[Bytes]) -> Body {
    if attachments.is_empty() || !value.starts_with(['{', '[']) {
        return one(value);
    }
    let mut values: Value = serde_json::from_slice(&array(value)).unwrap_or_default();
    inline(&mut values, attachments);
    (Kind::Json, Some(ARGUMENTS.into()), values.to_string().into())
}

/// The body of one argument whose publisher says what it is: the text of a string, the JSON of any other value.
pub(super) fn of_type(arg: Arg<'_>, content_type: Box<str>) -> Body {
    let (kind, bytes) = match arg {
        Arg::Binary(bytes) => json::classify(Some(&content_type), bytes),
        Arg::Json(value) => {
            let text = socketio::string(value).unwrap_or(Cow::Borrowed(value));
            json::classify(Some(&content_type), text.as_bytes())
        }
    };
    let content_type = Some(content_type).filter(|given| **given != *kind.content_type());
    (kind, content_type, bytes)
}

fn array(values: &str) -> Bytes {
    ["[", values, "]"].concat().into()
}

/// Puts buffers where their placeholders are. Arguments are at most 64 deep, which the packet's decoder has seen to.
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

/// A message as arguments: JSON in which placeholders stand for the buffers beside it.
pub(super) struct Arguments<'m> {
    /// The values with commas between them; empty when there are none.
    pub(super) json: Cow<'m, str>,
    pub(super) buffers: Vec<Cow<'m, [u8]>>,
}

const PLACEHOLDER: &str = r#"{"_placeholder":true,"num":0}"#;

/// The arguments that a message stands for.
pub(super) fn arguments(message: &Message) -> Arguments<'_> {
    let text = match (message.kind, std::str::from_utf8(&message.body)) {
        (Kind::Text | Kind::Json, Ok(text)) => text,
        _ => {
            return Arguments {
                json: PLACEHOLDER.into(),
                buffers: vec![Cow::Borrowed(&message.body)],
            };
        }
    };
    let json = match message.kind {
        Kind::Json if message.content_type.as_deref() == Some(ARGUMENTS) => return several(text),
        Kind::Json => Cow::Borrowed(text.trim_ascii()),
        _ => {
            let mut string = Vec::with_capacity(text.len() + 2);
            socketio::put_string(text, &mut string);
            Cow::Owned(String::from_utf8(string).unwrap_or_default())
        }
    };
    Arguments {
        json,
        buffers: Vec::new(),
    }
}

fn several(array: &str) -> Arguments<'_> {
    let mut buffers = Vec::new();
    if array.contains("\"_placeholder\"")
        && let Ok(mut values) = serde_json::from_str::<Value>(array)
        && extract(&mut values, &mut buffers)
    {
        return Arguments {
            json: inside(&values.to_string()).to_owned().into(),
            buffers,
        };
    }
    Arguments {
        json: inside(array).into(),
        buffers: Vec::new(),
    }
}

/// What an array holds; whoever publishes may mark as several what is one.
fn inside(array: &str) -> &str {
    let array = array.trim_ascii();
    let values = array.strip_prefix('[').and_then(|array| array.strip_suffix(']'));
    values.unwrap_or(array)
}

/// Takes the buffers out again, and leaves placeholders. False if they cannot be told as such: clients close the connection for a
/// placeholder without its buffer, and for more buffers than they take.
fn extract(value: &mut Value, buffers: &mut Vec<Cow<'_, [u8]>>) -> bool {
    match value {
        Value::Array(values) => values.iter_mut().all(|value| extract(value, buffers)),
        Value::Object(members) if members.get("_placeholder") == Some(&Value::Bool(true)) => {
            let base64 = members.remove("base64");
            let bytes = base64.as_ref().and_then(Value::as_str);
            let bytes = bytes.and_then(|base64| STANDARD.decode(base64).ok());
            let Some(bytes) = bytes.filter(|_| buffers.len() < BUFFERS_MAX) else {
                return false;
            };
            members.insert("num".into(), buffers.len().into());
            buffers.push(Cow::Owned(bytes));
            true
        }
        Value::Object(members) => members.values_mut().all(|value| extract(value, buffers)),
        _ => true,
    }
}

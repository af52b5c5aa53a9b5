//! Messages as JSON, for polls and streams, and what kind of message a body is.
//!
//! | kind | its body in JSON | in a pipe of text alone |
//! | --- | --- | --- |
//! | JSON | `"data":` the value, spliced | as it is |
//! | text | `"data":` a string; `"base64":` where its type is JSON, which it is not | as it is |
//! | binary | `"base64":` a string | a `data:` URL |

use std::io::Write;
use std::sync::Arc;

use base64::display::Base64Display;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD};
use bytes::Bytes;
use pogu_hub::{Cursor, Kind, Message};
use serde::de::IgnoredAny;

/// Arrays and objects within one another in a body that passes as JSON. With the three of a poll's answer around it that makes 127,
/// the most that serde_json reads; what is deeper is text, so that no reader of a topic is cut off by one body.
const DEPTH_MAX: usize = 124;

/// Appends `{"topic","cursor","time","event"?,"type","headers"?,"data" or "base64"}`, `time` in milliseconds since 1970. It has no
/// line break, so it can be a line.
pub(crate) fn message(message: &Message, out: &mut Vec<u8>) {
    out.reserve(message.body.len() + 160);
    out.extend_from_slice(b"{\"topic\":");
    string(&message.topic, out);
    // A vector takes all that is written.
    let _ = write!(
        out,
        ",\"cursor\":\"{}\",\"time\":{}",
        message.cursor, message.time
    );
    if let Some(event) = &message.event {
        out.extend_from_slice(b",\"event\":");
        string(event, out);
    }
    out.extend_from_slice(b",\"type\":");
    string(message.content_type(), out);
    headers(message, out);
    match (message.kind, std::str::from_utf8(&message.body)) {
        (Kind::Json, _) => {
            out.extend_from_slice(b",\"data\":");
            splice(&message.body, out);
        }
        // A string here would be one of JSON where the type says so.
        (Kind::Text, Ok(text)) if promised(message.content_type()) != Kind::Json => {
            out.extend_from_slice(b",\"data\":");
            string(text, out);
        }
        _ => {
            let _ = write!(out, ",\"base64\":\"{}\"", base64(&message.body));
        }
    }
    out.push(b'}');
}

/// Appends the answer to a poll.
pub(crate) fn poll_answer(messages: &[Arc<Message>], next: Cursor, gap: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"messages\":[");
    for (index, each) in messages.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        message(each, out);
    }
    poll_end(next, gap, out);
}

/// The same, of messages that are written already, with commas between them.
pub(crate) fn poll_answer_of(messages: &[u8], next: Cursor, gap: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"messages\":[");
    out.extend_from_slice(messages);
    poll_end(next, gap, out);
}

fn poll_end(next: Cursor, gap: bool, out: &mut Vec<u8>) {
    // A vector takes all that is written.
    let _ = writeln!(out, "],\"next\":\"{next}\",\"gap\":{gap}}}");
}

/// The body as a `data:` URL (RFC 2397), for pipes that carry text alone.
pub(crate) fn data_url(message: &Message) -> String {
    data_url_of(message.content_type(), &message.body)
}

/// The same for a body of this type.
pub(crate) fn data_url_of(content_type: &str, body: &[u8]) -> String {
    let mut url = String::from("data:");
    for byte in content_type.bytes() {
        match byte {
            // White space around parameters has no meaning, and no place in a URL.
            b' ' | b'\t' => {}
            b'!' | b'#' | b'$' | b'&' | b'+' | b'-' | b'.' | b'/' | b';' | b'=' | b'^' | b'_' => {
                url.push(char::from(byte));
            }
            _ if byte.is_ascii_alphanumeric() => url.push(char::from(byte)),
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url + &format!(";base64,{}", base64(body))
}

/// The kind of a body, and a copy of the body, unchanged.
pub(crate) fn classify(content_type: Option<&str>, body: &[u8]) -> (Kind, Bytes) {
    (kind(content_type, body), Bytes::copy_from_slice(body))
}

/// The kind of a body, and the body.
pub(crate) fn classify_bytes(content_type: Option<&str>, body: Bytes) -> (Kind, Bytes) {
    (kind(content_type, &body), body)
}

/// What the content type promises, if the body keeps it. Without a content type, what is UTF-8 is text.
fn kind(content_type: Option<&str>, body: &[u8]) -> Kind {
    let promise = content_type.map_or(Kind::Text, promised);
    match (promise, std::str::from_utf8(body)) {
        (Kind::Binary, _) | (_, Err(_)) => Kind::Binary,
        (Kind::Json, Ok(text)) if is_json(text) => Kind::Json,
        (Kind::Json | Kind::Text, Ok(_)) => Kind::Text,
    }
}

fn promised(content_type: &str) -> Kind {
    let mut parts = content_type.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let (family, format) = name.split_once('/').unwrap_or((&name, ""));
    // The structured suffix, `xml` of `svg+xml` (RFC 6839), or all of it.
    let suffix = format.rsplit('+').next().unwrap_or_default();
    if suffix == "json" {
        return Kind::Json;
    }
    let charset = parts.find_map(|part| {
        let (key, value) = part.split_once('=')?;
        key.trim()
            .eq_ignore_ascii_case("charset")
            .then(|| value.trim().trim_matches('"'))
    });
    let utf8 = charset.is_none_or(|charset| {
        ["utf-8", "utf8", "us-ascii"]
            .iter()
            .any(|known| charset.eq_ignore_ascii_case(known))
    });
    let text = family == "text" || matches!(suffix, "xml" | "javascript" | "x-www-form-urlencoded");
    // Text in another charset is not ours to change: it crosses as the bytes it is.
    if text && utf8 { Kind::Text } else { Kind::Binary }
}

/// Whether `text` is one JSON value, nested no deeper than [`DEPTH_MAX`].
fn is_json(text: &str) -> bool {
    // Passing over a value does not recurse, however deep it is; so does counting.
    serde_json::from_str::<IgnoredAny>(text).is_ok() && depth(text.as_bytes()) <= DEPTH_MAX
}

/// How deep arrays and objects lie within one another; `json` is valid.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut bytes = json.iter();
    let mut in_string = false;
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if in_string => {
                bytes.next();
            }
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Appends a JSON value with its line breaks as spaces. They stand only between its tokens, as strings cannot have them raw.
fn splice(json: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(json);
    for byte in &mut out[start..] {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
}

fn headers(message: &Message, out: &mut Vec<u8>) {
    let mut separator: &[u8] = b",\"headers\":{";
    for (name, value) in message.first_headers() {
        out.extend_from_slice(separator);
        string(name, out);
        out.push(b':');
        string(value, out);
        separator = b",";
    }
    if separator == b"," {
        out.push(b'}');
    }
}

/// Appends a JSON string.
fn string(text: &str, out: &mut Vec<u8>) {
    // A vector takes all that is written, and a string is always JSON.
    let _ = serde_json::to_writer(out, text);
}

fn base64(bytes: &[u8]) -> Base64Display<'_, '_, GeneralPurpose> {
    Base64Display::new(bytes, &STANDARD)
}

#[cfg(test)]
mod tests;

use pogu_hub::{Draft, Policy};
use serde_json::{Value, json};

use super::*;

const CURSOR: Cursor = Cursor { epoch: 36, seq: 7 };

fn draft(kind: Kind, body: &[u8]) -> Draft {
    Draft::new("a.b".parse().unwrap(), kind, Bytes::copy_from_slice(body))
}

fn stamped(draft: Draft) -> Message {
    draft.stamp(CURSOR, 1_700_000_000_123, Policy::default())
}

/// The message as text, which must be one line of JSON, and what it says.
fn written(draft: Draft) -> (String, Value) {
    let mut out = b"before".to_vec();
    message(&stamped(draft), &mut out);
    let text = String::from_utf8(out)
        .unwrap()
        .strip_prefix("before")
        .unwrap()
        .to_owned();
    assert!(!text.contains(['\n', '\r']), "{text:?}");
    let value = serde_json::from_str(&text).unwrap();
    (text, value)
}

#[test]
fn json_is_spliced_as_it_is() {
    let (text, _) = written(draft(Kind::Json, br#"{"b": 1.50,"a":[ ]}"#));
    assert_eq!(
        text,
        r#"{"topic":"a.b","cursor":"10-7","time":1700000000123,"type":"application/json","data":{"b": 1.50,"a":[ ]}}"#
    );
}

#[test]
fn line_breaks_between_tokens_become_spaces() {
    let body = "{\r\n  \"a\\n\": [\n1,\r2\n]\n}\n";
    let (text, value) = written(draft(Kind::Json, body.as_bytes()));
    assert!(text.contains(r#""data":{    "a\n": [ 1, 2 ] } }"#), "{text}");
    assert_eq!(value["data"], serde_json::from_str::<Value>(body).unwrap());
}

#[test]
fn text_is_a_string() {
    let body = "포구 \"q\" \\ \n\r\t\u{0}\u{2028}</script>";
    let (_, value) = written(draft(Kind::Text, body.as_bytes()));
    assert_eq!(value["data"], body);
    assert_eq!(value["type"], "text/plain");
}

#[test]
fn binary_is_base64_in_place_of_data() {
    let (text, value) = written(draft(Kind::Binary, &[0, 255, 254, 1]));
    assert_eq!(value["base64"], "AP/+AQ==");
    assert!(value.get("data").is_none());
    assert!(
        text.contains(r#""type":"application/octet-stream","base64":"#),
        "{text}"
    );
    assert_eq!(written(draft(Kind::Binary, b"")).1["base64"], "");
}

#[test]
fn what_claims_to_be_text_and_is_not_is_base64() {
    let (_, value) = written(draft(Kind::Text, &[0xff]));
    assert_eq!(value["base64"], "/w==");
}

#[test]
fn event_type_and_headers_are_told() {
    let mut draft = draft(Kind::Text, b"x");
    draft.event = Some("say \"hi\"".into());
    draft.content_type = Some("text/csv".into());
    draft.headers = [("a", "1\n"), ("b", "2"), ("a", "3")]
        .map(|(n, v)| (n.into(), v.into()))
        .to_vec();
    let (text, value) = written(draft);
    assert_eq!(value["event"], "say \"hi\"");
    assert_eq!(value["type"], "text/csv");
    assert_eq!(value["headers"], json!({"a": "1\n", "b": "2"}));
    assert_eq!(text.matches("\"a\":").count(), 1);
}

#[test]
fn polls_are_answered() {
    let one = Arc::new(stamped(draft(Kind::Json, b"1")));
    for count in 0..4 {
        let messages = vec![one.clone(); count];
        let mut answer = Vec::new();
        poll_answer(&messages, CURSOR, count == 2, &mut answer);
        let value: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(value["messages"].as_array().unwrap().len(), count);
        assert_eq!(value["next"], "10-7");
        assert_eq!(value["gap"], count == 2);
        let mut joined = Vec::new();
        for (index, each) in messages.iter().enumerate() {
            if index > 0 {
                joined.push(b',');
            }
            message(each, &mut joined);
        }
        let mut same = Vec::new();
        poll_answer_of(&joined, CURSOR, count == 2, &mut same);
        assert_eq!(answer, same);
    }
}

#[test]
fn an_empty_answer() {
    let mut answer = Vec::new();
    poll_answer(&[], CURSOR, false, &mut answer);
    assert_eq!(answer, b"{\"messages\":[],\"next\":\"10-7\",\"gap\":false}\n");
}

#[track_caller]
fn is(content_type: Option<&str>, body: &[u8], expected: Kind) {
    assert_eq!(kind(content_type, body), expected, "{content_type:?} {body:?}");
    assert_eq!(
        classify(content_type, body),
        (expected, Bytes::copy_from_slice(body))
    );
    assert_eq!(
        classify_bytes(content_type, Bytes::copy_from_slice(body)).0,
        expected
    );
}

#[test]
fn json_by_type_and_by_being_it() {
    for name in [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "text/json",
        "application/problem+json",
        "application/vnd.a.b+json;v=1",
    ] {
        is(Some(name), b" {\"a\":[1,true,null,\"x\"]}\n", Kind::Json);
        is(Some(name), b"1e999", Kind::Json);
        for body in [
            "",
            "{",
            "{} {}",
            "{'a':1}",
            "[1,]",
            "NaN",
            "\u{feff}1",
            "01",
            "\"\n\"",
            "nul",
        ] {
            is(Some(name), body.as_bytes(), Kind::Text);
        }
        is(Some(name), b"\"\xff\"", Kind::Binary);
    }
    for name in [
        "application/jsonx",
        "application/x-ndjson",
        "application/json-seq",
    ] {
        is(Some(name), b"1", Kind::Binary);
    }
}

#[test]
fn text_by_type_and_by_being_utf8() {
    for name in [
        "text/plain",
        "TEXT/HTML",
        "text/plain; charset=UTF-8",
        "text/plain;format=flowed; Charset = \"utf-8\"",
        "text/plain; charset=us-ascii",
        "application/xml",
        "image/svg+xml",
        "application/javascript",
        "application/x-www-form-urlencoded",
    ] {
        is(Some(name), "{\"a\":1} 포구".as_bytes(), Kind::Text);
        is(Some(name), b"", Kind::Text);
        is(Some(name), b"\xff", Kind::Binary);
    }
    for name in [
        "text/plain; charset=iso-8859-1",
        "text/plain; charset=utf-16",
        "image/png",
        "application/octet-stream",
        "",
        "/",
        ";",
        "multipart/form-data",
    ] {
        is(Some(name), b"abc", Kind::Binary);
    }
    is(None, "포구".as_bytes(), Kind::Text);
    is(None, b"{}", Kind::Text);
    is(None, b"\xed\xa0\x80", Kind::Binary);
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let json = Some("application/json");
    is(json, nested(DEPTH_MAX).as_bytes(), Kind::Json);
    is(json, nested(DEPTH_MAX + 1).as_bytes(), Kind::Text);
    // 1 MiB of it, whole and cut: no stack is used up.
    is(json, nested(1 << 19).as_bytes(), Kind::Text);
    is(json, "[".repeat(1 << 20).as_bytes(), Kind::Text);
    is(json, "{\"a\":".repeat(100_000).as_bytes(), Kind::Text);
    let brackets_in_a_string = format!("[\"\\\"{}\"]", "[".repeat(1000));
    is(json, brackets_in_a_string.as_bytes(), Kind::Json);
    assert_eq!(depth(b"[[],{\"[\\\\\":[1]},\"\\\"[[[\"]"), 3);
}

#[test]
fn the_deepest_json_can_be_read_in_an_answer() {
    let body = "[".repeat(DEPTH_MAX) + &"]".repeat(DEPTH_MAX);
    let mut answer = Vec::new();
    poll_answer(
        &[Arc::new(stamped(draft(Kind::Json, body.as_bytes())))],
        CURSOR,
        false,
        &mut answer,
    );
    let value: Value = serde_json::from_slice(&answer).unwrap();
    assert!(value["messages"][0]["data"].is_array());
}

fn url(content_type: Option<&str>, body: &[u8]) -> String {
    let mut draft = draft(Kind::Binary, body);
    draft.content_type = content_type.map(Into::into);
    data_url(&stamped(draft))
}

#[test]
fn binary_becomes_a_data_url() {
    assert_eq!(url(None, &[0xff, 0]), "data:application/octet-stream;base64,/wA=");
    assert_eq!(
        url(Some("image/svg+xml; charset=utf-8"), b"a"),
        "data:image/svg+xml;charset=utf-8;base64,YQ=="
    );
}

#[test]
fn a_type_cannot_end_its_part_of_the_url() {
    assert_eq!(
        url(Some("a/b;x=\"1,2\"\r\n%\u{e9}"), b""),
        "data:a/b;x=%221%2C2%22%0D%0A%25%C3%A9;base64,"
    );
}

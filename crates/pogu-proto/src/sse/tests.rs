use proptest::prelude::*;

use super::*;
use crate::cuts::{drive, every_cut, pieces};

/// An event as id, name and data.
type Owned = (String, Option<String>, String);

fn owned(event: Event<'_>) -> Owned {
    (
        event.id.to_owned(),
        event.event.map(str::to_owned),
        event.data.to_owned(),
    )
}

fn decode(limit: usize, pieces: &[&[u8]]) -> (Vec<Owned>, Option<TooLong>, Decoder) {
    let mut decoder = Decoder::new("");
    let (events, error) = drive(pieces, |input| {
        decoder.next(limit, input).map(|event| event.map(owned))
    });
    (events, error, decoder)
}

/// Checks that `stream` yields `events` (id, name or empty, data) and leaves `last_id`, however it is cut.
fn check(stream: &[u8], events: &[(&str, &str, &str)], last_id: &str) {
    let expected: Vec<Owned> = events
        .iter()
        .map(|(id, name, data)| {
            (
                (*id).to_owned(),
                Some((*name).to_owned()).filter(|name| !name.is_empty()),
                (*data).to_owned(),
            )
        })
        .collect();
    every_cut(stream, |pieces| {
        let (events, error, decoder) = decode(1024, pieces);
        assert_eq!((events, error), (expected.clone(), None), "{pieces:?}");
        assert_eq!(decoder.last_id(), last_id, "{pieces:?}");
    });
}

#[test]
fn fields() {
    check(b"data: a\n\n", &[("", "", "a")], "");
    check(
        b"data: a\ndata\ndata:b\ndata:  c\n\n",
        &[("", "", "a\n\nb\n c")],
        "",
    );
    check(
        b"data\n\ndata\ndata\n\ndata:",
        &[("", "", ""), ("", "", "\n")],
        "",
    );
    check(
        b"data:test\n\ndata: test\n\n",
        &[("", "", "test"), ("", "", "test")],
        "",
    );
    check(
        b"event: add\ndata: 7\n\ndata: 8\n\n",
        &[("", "add", "7"), ("", "", "8")],
        "",
    );
    check(b"event: a\nevent: b\ndata: 7\nevent\n\n", &[("", "", "7")], "");
    check(
        b"data: a:b: c\nDATA: x\n data: y\ndatum: z\nother\n\n",
        &[("", "", "a:b: c")],
        "",
    );
    check(b": comment\n:\n\ndata: a\n:x\n\n", &[("", "", "a")], "");
}

#[test]
fn line_ends_and_the_byte_order_mark() {
    check(b"data: a\r\ndata: b\r\n\r\n", &[("", "", "a\nb")], "");
    check(b"data: a\rdata: b\r\r", &[("", "", "a\nb")], "");
    check(
        b"data: a\r\r\n\n\r\ndata: b\n\r",
        &[("", "", "a"), ("", "", "b")],
        "",
    );
    check(
        b"\xEF\xBB\xBFdata: a\n\n\xEF\xBB\xBFdata: b\n\n",
        &[("", "", "a")],
        "",
    );
    check(b"\xEF\xBB\xBF\ndata: a\n\n", &[("", "", "a")], "");
    check(
        "data: 포구 \u{1F6A2}\n\n".as_bytes(),
        &[("", "", "포구 \u{1F6A2}")],
        "",
    );
    check(
        b"data: \xED\x8F\ndata: \xFFx\n\n",
        &[("", "", "\u{FFFD}\n\u{FFFD}x")],
        "",
    );
}

#[test]
fn ids_last_and_are_kept_without_data() {
    check(
        b"id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n",
        &[("1", "", "a"), ("1", "", "b"), ("", "", "c")],
        "",
    );
    check(b"id: 1\ndata: a\n\nid: 2\n\n", &[("1", "", "a")], "2");
    check(b"id: 1\n\nid: 2\0\ndata: a\n\n", &[("1", "", "a")], "1");
    check(b"event: lost\nid: 1\n\ndata: a\n\n", &[("1", "", "a")], "1");
    // What the stream ends in is no event, and its id was not seen.
    check(b"id: 1\ndata: a\n\nid: 2\ndata: b\n", &[("1", "", "a")], "1");
}

#[test]
fn reconnection_time() {
    for (stream, retry) in [
        (&b"retry: 3000\n"[..], Some(3000)),
        (
            b"retry: 1\nretry: x\nretry: +2\nretry:\nretry: 99999999999999999999\n\n",
            Some(1),
        ),
        (b"retry: -1\n\n", None),
    ] {
        every_cut(stream, |pieces| assert_eq!(decode(99, pieces).2.retry(), retry));
    }
}

#[test]
fn a_stream_that_goes_on_keeps_its_last_id() {
    let mut decoder = Decoder::new("k3f-18");
    let mut stream = *b"data: a\n\n";
    let event = decoder
        .next(99, &mut Reader::new(&mut stream))
        .unwrap()
        .map(owned);
    assert_eq!(event, Some(("k3f-18".to_owned(), None, "a".to_owned())));
    assert_eq!(decoder.last_id(), "k3f-18");
}

#[test]
fn limits_at_their_edge() {
    for (stream, whole) in [
        // Lines of ten bytes and of eleven; a comment is a line.
        (&b"data: abcd\n\n"[..], true),
        (b"data: abcde", false),
        (b":123456789\n", true),
        (b":1234567890", false),
        // Data of ten bytes and of eleven, LF between them counted.
        (b"data:12345\ndata:1234\n\n", true),
        (b"data:12345\ndata:12345\n\n", false),
        (
            b"data\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\n",
            true,
        ),
        (
            b"data\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\n",
            false,
        ),
    ] {
        every_cut(stream, |pieces| {
            let expected = if whole { None } else { Some(TooLong { limit: 10 }) };
            assert_eq!(decode(10, pieces).1, expected, "{}", stream.escape_ascii());
        });
    }
}

#[test]
fn what_is_written() {
    let mut out = Vec::new();
    event(Some("k3f-18"), Some("greet"), None, "hello world", &mut out);
    assert_eq!(out, b"id: k3f-18\nevent: greet\ndata: hello world\n\n");
    out.clear();
    event(None, None, None, "", &mut out);
    assert_eq!(out, b"data: \n\n");
    out.clear();
    event(None, None, Some("image/png"), "data:,", &mut out);
    assert_eq!(out, b"type: image/png\ndata: data:,\n\n");
    out.clear();
    event(None, None, None, "a\rb\r\nc\n\nd\n", &mut out);
    assert_eq!(out, b"data: a\ndata: b\ndata: c\ndata: \ndata: d\ndata: \n\n");
    out.clear();
    comment("", &mut out);
    retry(3000, &mut out);
    assert_eq!(out, b": \n\nretry: 3000\n\n");
}

#[test]
fn a_type_is_of_one_event() {
    let stream = b"type: a\n\ndata: 1\n\ntype: b\ndata: 2\n\ndata: 3\n\n";
    every_cut(stream, |pieces| {
        let mut decoder = Decoder::new("");
        let (types, error) = drive(pieces, |input| {
            let event = decoder.next(1024, input)?;
            Ok::<_, TooLong>(event.map(|event| event.content_type.map(str::to_owned)))
        });
        assert_eq!(
            (types, error),
            (vec![None, Some("b".to_owned()), None], None),
            "{pieces:?}"
        );
    });
}

#[test]
fn names_cannot_begin_a_field_or_an_event() {
    let mut out = Vec::new();
    event(
        Some("1\n\ndata: x\r\0"),
        Some("a\r\ndata: y\n\n"),
        Some("t\ndata: z"),
        "b",
        &mut out,
    );
    comment("c\n\ndata: z\n\n", &mut out);
    check(&out, &[("1data: x", "adata: y", "b")], "1data: x");
}

proptest! {
    #[test]
    fn events_come_back(
        events in prop::collection::vec(any::<(String, String, String)>(), 0..8),
        lengths in prop::collection::vec(1_usize..20, 1..5),
    ) {
        let mut stream = Vec::new();
        let mut expected = Vec::new();
        let clean = |text: &str| text.replace(['\r', '\n', '\0'], "");
        for (id, name, data) in &events {
            event(Some(id), Some(name), None, data, &mut stream);
            comment(data, &mut stream);
            let data = data.replace("\r\n", "\n").replace('\r', "\n");
            expected.push((clean(id), Some(clean(name)).filter(|name| !name.is_empty()), data));
        }
        let (events, error, _) = decode(9999, &pieces(&stream, &lengths));
        prop_assert_eq!((events, error), (expected, None));
    }

    #[test]
    fn any_bytes_in_any_pieces_are_the_same_stream(
        stream in prop::collection::vec(prop::sample::select(b"dat:i evn\r\n\n\r\0\xEF\xBB\xBF1".to_vec()), 0..99),
        lengths in prop::collection::vec(1_usize..9, 1..5),
    ) {
        let (whole, cut) = (decode(30, &[&stream]), decode(30, &pieces(&stream, &lengths)));
        prop_assert_eq!((whole.0, whole.1), (cut.0, cut.1));
    }
}

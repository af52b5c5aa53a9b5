//! What is escaped in a message, and what of it once more by each transport.

use super::client::Session;
use super::start;
use super::transport::Transport;

/// What the protocol says a server has to escape, as it has to.
fn escaped() -> String {
    let ranges = [0x200c..=0x200f, 0x2028..=0x202f, 0x2060..=0x206f, 0xfff0..=0xffff];
    let units = ranges.into_iter().flatten();
    units.map(|unit: u32| format!("\\u{unit:04x}")).collect()
}

#[test]
fn what_browsers_change_on_the_way_is_escaped_to_the_byte() {
    let server = start();
    let escaped = escaped();
    let text: String = serde_json::from_str(&format!("\"{escaped}\"")).unwrap();
    let session = Session::new(&server, "/echo");
    session.open();
    for body in [format!("[\"{text}\"]"), format!("[\"{escaped}\"]")] {
        session.send(&body);
        assert_eq!(session.poll(), format!("a[\"{escaped}\"]\n"));
    }
    // What has no need of it is as it is.
    let plain = "\u{7f}\u{9f}\u{ad}\u{e9}\u{300}\u{feff}\u{2010}\u{2030}\u{2070}\u{ffef}😀/'<>&";
    session.send(&format!("[\"{plain}\"]"));
    assert_eq!(session.poll(), format!("a[\"{plain}\"]\n"));
    session.send(r#"["\u0000\u0001\b\t\n\u000b\f\r\u001f\"\\\/\u4e00\ud83d\ude00"]"#);
    assert_eq!(
        session.poll(),
        "a[\"\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f\\\"\\\\/一😀\"]\n"
    );
    // Half of a character is none.
    session.send(r#"["\ud83d","\ude00\ud83d","a\udfffb"]"#);
    assert_eq!(
        session.poll(),
        r#"a["\ufffd","\ufffd\ufffd","a\ufffdb"]"#.to_owned() + "\n"
    );
}

#[test]
fn each_way_escapes_once_more_what_it_has_to() {
    let server = start();
    let text = "100% \"<\\/script>\"\n\u{2028}";
    let frame = "a[\"100% \\\"<\\\\/script>\\\"\\n\\u2028\"]";
    let body = serde_json::json!([text]).to_string();
    for (transport, wrapped) in [
        (Transport::Xhr, format!("{frame}\n")),
        (
            Transport::EventSource,
            "data: a[\"100%25 \\\"<\\\\/script>\\\"\\n\\u2028\"]\r\n\r\n".into(),
        ),
        (
            Transport::HtmlFile,
            "<script>\np(\"a[\\\"100% \\\\\\\"\\u003c\\\\\\\\/script>\\\\\\\"\\\\n\\\\u2028\\\"]\");\n</script>\r\n"
                .into(),
        ),
        (
            Transport::Jsonp,
            "/**/f(\"a[\\\"100% \\\\\\\"\\u003c\\\\\\\\/script>\\\\\\\"\\\\n\\\\u2028\\\"]\");\r\n".into(),
        ),
    ] {
        let session = Session::new(&server, "/echo");
        session.open();
        session.send(&body);
        let heard = if transport.is_poll() {
            session.receive(transport).answer().text()
        } else {
            session.stream(transport).chunk().unwrap()
        };
        assert_eq!(heard, wrapped);
        assert_eq!(transport.unwrap(&heard), frame);
    }
}

use super::*;

/// What `put` appends.
fn text(put: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    put(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_separator_may_follow_the_last_string() {
    for strings in ["\"a\",\"b\"", "\"a\",\"b\","] {
        let frame = text(|out| Receiver::Xhr.put_messages("", strings.as_bytes(), out));
        assert_eq!(frame, "a[\"a\",\"b\"]\n");
    }
}

/// A frame of messages.
fn frame(receiver: Receiver, messages: &[&str]) -> String {
    text(|out| put_messages(receiver, messages, out))
}

#[test]
fn every_frame_of_every_receiver() {
    let close = Close {
        code: 3000,
        reason: "Go \"away\"!".into(),
    };
    for (receiver, open, heartbeat, message, closed) in [
        (
            Receiver::Xhr,
            "o\n",
            "h\n",
            "a[\"x\",\"\"]\n",
            "c[3000,\"Go \\\"away\\\"!\"]\n",
        ),
        (
            Receiver::XhrStreaming,
            "o\n",
            "h\n",
            "a[\"x\",\"\"]\n",
            "c[3000,\"Go \\\"away\\\"!\"]\n",
        ),
        (
            Receiver::EventSource,
            "data: o\r\n\r\n",
            "data: h\r\n\r\n",
            "data: a[\"x\",\"\"]\r\n\r\n",
            "data: c[3000,\"Go \\\"away\\\"!\"]\r\n\r\n",
        ),
        (
            Receiver::HtmlFile,
            "<script>\np(\"o\");\n</script>\r\n",
            "<script>\np(\"h\");\n</script>\r\n",
            "<script>\np(\"a[\\\"x\\\",\\\"\\\"]\");\n</script>\r\n",
            "<script>\np(\"c[3000,\\\"Go \\\\\\\"away\\\\\\\"!\\\"]\");\n</script>\r\n",
        ),
        (
            Receiver::Jsonp,
            "/**/f(\"o\");\r\n",
            "/**/f(\"h\");\r\n",
            "/**/f(\"a[\\\"x\\\",\\\"\\\"]\");\r\n",
            "/**/f(\"c[3000,\\\"Go \\\\\\\"away\\\\\\\"!\\\"]\");\r\n",
        ),
        (
            Receiver::WebSocket,
            "o",
            "h",
            "a[\"x\",\"\"]",
            "c[3000,\"Go \\\"away\\\"!\"]",
        ),
    ] {
        assert_eq!(text(|out| receiver.put_open("f", out)), open);
        assert_eq!(text(|out| receiver.put_heartbeat("f", out)), heartbeat);
        assert_eq!(text(|out| receiver.put_close("f", &close, out)), closed);
        assert_eq!(frame(receiver, &["x", ""]), message);
    }
}

#[test]
fn preludes() {
    for receiver in [Receiver::Xhr, Receiver::Jsonp, Receiver::WebSocket] {
        assert_eq!(text(|out| receiver.put_prelude("f", out)), "");
    }
    let prelude = text(|out| Receiver::XhrStreaming.put_prelude("", out));
    assert_eq!(prelude, "h".repeat(2048) + "\n");
    assert_eq!(text(|out| Receiver::EventSource.put_prelude("", out)), "\r\n");
    // However long the name is, and whatever was in the buffer before.
    for callback in ["f", &"f".repeat(32)] {
        let mut out = b"before".to_vec();
        Receiver::HtmlFile.put_prelude(callback, &mut out);
        let page = std::str::from_utf8(&out[6..]).unwrap();
        assert_eq!(page.len(), 1028);
        assert!(page.ends_with("\r\n\r\n"));
        let lines: Vec<_> = page.trim_end().lines().collect();
        assert_eq!(
            lines,
            [
                "<!doctype html>",
                "<html><head>",
                "  <meta http-equiv=\"X-UA-Compatible\" content=\"IE=edge\" />",
                "  <meta http-equiv=\"Content-Type\" content=\"text/html; charset=UTF-8\" />",
                "</head><body><h2>Don't panic!</h2>",
                "  <script>",
                "    document.domain = document.domain;",
                &format!("    var c = parent.{callback};"),
                "    c.start();",
                "    function p(d) {c.message(d);};",
                "    window.onload = function() {c.stop();};",
                "  </script>",
            ]
        );
    }
}

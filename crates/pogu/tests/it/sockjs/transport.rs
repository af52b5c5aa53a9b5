//! The transports: how a frame rides, to the byte.

/// How frames ride.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Xhr,
    XhrStreaming,
    EventSource,
    HtmlFile,
    Jsonp,
    WebSocket,
}

impl Transport {
    pub(crate) const ALL: [Transport; 6] = [
        Transport::Xhr,
        Transport::XhrStreaming,
        Transport::EventSource,
        Transport::HtmlFile,
        Transport::Jsonp,
        Transport::WebSocket,
    ];
    /// Those that are responses.
    pub(crate) const HTTP: [Transport; 5] = [
        Transport::Xhr,
        Transport::XhrStreaming,
        Transport::EventSource,
        Transport::HtmlFile,
        Transport::Jsonp,
    ];
    pub(crate) const STREAMS: [Transport; 3] = [
        Transport::XhrStreaming,
        Transport::EventSource,
        Transport::HtmlFile,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Transport::Xhr => "xhr",
            Transport::XhrStreaming => "xhr_streaming",
            Transport::EventSource => "eventsource",
            Transport::HtmlFile => "htmlfile",
            Transport::Jsonp => "jsonp",
            Transport::WebSocket => "websocket",
        }
    }

    pub(crate) fn is_poll(self) -> bool {
        matches!(self, Transport::Xhr | Transport::Jsonp)
    }

    pub(crate) fn method(self) -> &'static str {
        match self {
            Transport::Xhr | Transport::XhrStreaming => "POST",
            _ => "GET",
        }
    }

    /// Takes a frame out of what it rides in, which has to be to the byte what the protocol says.
    #[track_caller]
    pub(crate) fn unwrap(self, wrapped: &str) -> String {
        let inner = |before: &str, after: &str| {
            let inner = wrapped.strip_prefix(before);
            let inner = inner.and_then(|inner| inner.strip_suffix(after));
            inner
                .unwrap_or_else(|| panic!("{self:?}: {wrapped:?}"))
                .to_owned()
        };
        let string = |script: String| serde_json::from_str(&script).expect("a string of a script");
        match self {
            Transport::Xhr | Transport::XhrStreaming => inner("", "\n"),
            Transport::EventSource => inner("data: ", "\r\n\r\n").replace("%25", "%"),
            Transport::HtmlFile => string(inner("<script>\np(", ");\n</script>\r\n")),
            Transport::Jsonp => string(inner("/**/f(", ");\r\n")),
            Transport::WebSocket => wrapped.to_owned(),
        }
    }

    /// Wraps a frame as the protocol says.
    pub(crate) fn wrap(self, frame: &str) -> String {
        let string = || serde_json::to_string(frame).unwrap();
        match self {
            Transport::Xhr | Transport::XhrStreaming => format!("{frame}\n"),
            Transport::EventSource => format!("data: {}\r\n\r\n", frame.replace('%', "%25")),
            Transport::HtmlFile => format!("<script>\np({});\n</script>\r\n", string()),
            Transport::Jsonp => format!("/**/f({});\r\n", string()),
            Transport::WebSocket => frame.to_owned(),
        }
    }
}

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Open,
    Heartbeat,
    Messages(Vec<String>),
    Close(u16, String),
}

impl Frame {
    #[track_caller]
    pub(crate) fn read(text: &str) -> Frame {
        let (kind, rest) = text.split_at(1);
        match kind {
            "o" if rest.is_empty() => Frame::Open,
            "h" if rest.is_empty() => Frame::Heartbeat,
            "a" => Frame::Messages(serde_json::from_str(rest).expect("messages")),
            "c" => {
                let (code, reason) = serde_json::from_str(rest).expect("a close");
                Frame::Close(code, reason)
            }
            _ => panic!("{text:?} is no frame"),
        }
    }
}

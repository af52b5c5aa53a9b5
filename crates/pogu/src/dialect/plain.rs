//! The plain dialect: a message is a body, and the URL or the configuration of a bound port names the topic.

use bytes::Bytes;
use pogu_hub::{Draft, Kind, SubscriptionId, Topic};
use pogu_proto::framing::{self, Framing};
use pogu_proto::sniff;

use super::{Input, Speaker, Wrap};
use crate::peer::Ending;

/// The URL, or the configuration of a bound port, names the topic; a message is a body.
pub(crate) struct Plain {
    /// What is received is published here; `None` where nothing can be published, as under a pattern.
    pub(crate) topic: Option<Topic>,
    pub(crate) echo: bool,
    pub(crate) framing: Framing,
    pub(crate) decoder: framing::Decoder,
    /// Its first unit was heard.
    begun: bool,
    pub(crate) subscription: Option<SubscriptionId>,
}

impl Plain {
    /// One that hears nothing: of a peer that only listens, or has nothing to say yet.
    pub(crate) fn mute() -> Plain {
        Plain::new(None, Framing::Line)
    }

    pub(crate) fn new(topic: Option<Topic>, framing: Framing) -> Self {
        Self {
            topic,
            echo: true,
            framing,
            decoder: framing::Decoder::new(),
            begun: false,
            subscription: None,
        }
    }
}

impl Speaker<'_> {
    pub(super) fn hear_plain(&mut self, plain: &mut Plain, input: Input<'_>) -> Result<(), Ending> {
        let Some(topic) = &plain.topic else {
            return Err(Ending::Violation(
                "a pattern can be read but not published to".into(),
            ));
        };
        match input {
            Input::Text(body) => self.publish_plain(topic, Kind::Text, body),
            Input::Binary(body) => {
                let kind = if matches!(self.wrap, Wrap::Frame(..)) {
                    Kind::Binary
                } else {
                    text_or_binary(body)
                };
                self.publish_plain(topic, kind, body);
            }
            Input::Bytes(mut reader) => {
                let limit = self.core.config.limits.message.bytes();
                loop {
                    match plain.decoder.next(plain.framing, limit, &mut reader) {
                        // A web page has a browser send a request to any port; what follows is not from a device.
                        Ok(Some(body)) if !plain.begun && sniff::is_request_line(body) => {
                            return Err(Ending::Violation("HTTP on a port bound to a topic".into()));
                        }
                        Ok(Some(body)) => {
                            plain.begun = true;
                            self.publish_plain(topic, text_or_binary(body), body);
                        }
                        Ok(None) => break,
                        Err(error) => return Err(Ending::Violation(error.to_string())),
                    }
                }
            }
        }
        Ok(())
    }

    fn publish_plain(&mut self, topic: &Topic, kind: Kind, body: &[u8]) {
        self.units += 1;
        self.core.counters.received(self.way, body.len());
        let mut draft = Draft::new(topic.clone(), kind, Bytes::copy_from_slice(body));
        draft.origin = self.core.origin(self.id);
        self.core.draft(draft);
    }
}

fn text_or_binary(body: &[u8]) -> Kind {
    if std::str::from_utf8(body).is_ok() {
        Kind::Text
    } else {
        Kind::Binary
    }
}

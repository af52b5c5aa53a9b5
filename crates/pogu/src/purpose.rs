//! What the WebSocket endpoints are for, whatever carries them.

use std::sync::Arc;

use pogu_hub::{After, Selector};
use pogu_proto::framing::Framing;

use crate::core::Core;
use crate::dialect::{Dialect, Plain, Stomp};
use crate::handler::Endpoint;

/// What is spoken at an endpoint, and about what.
#[derive(Clone, Debug)]
pub(crate) enum Purpose {
    /// `/topics/{topic}`: the plain dialect, about a topic or a pattern.
    Topic {
        selector: Selector,
        after: After,
        /// A publisher gets its own messages back.
        echo: bool,
    },
    /// `/pogu`.
    Pogu,
    /// `/stomp`.
    Stomp,
    /// An endpoint with code behind it.
    Endpoint(Arc<Endpoint>),
}

impl Purpose {
    /// The dialect of a new session.
    pub(crate) fn dialect(&self, core: &Core) -> Dialect {
        match self {
            Purpose::Topic { selector, echo, .. } => {
                let topic = match selector {
                    Selector::Topic(topic) if !topic.is_reserved() => Some(topic.clone()),
                    _ => None,
                };
                let mut plain = Plain::new(topic, Framing::Line);
                plain.echo = *echo;
                Dialect::Plain(plain)
            }
            Purpose::Pogu => Dialect::Pogu(Box::default()),
            Purpose::Stomp => Dialect::Stomp(Box::new(Stomp::new(core.now))),
            Purpose::Endpoint(endpoint) => Dialect::Handler(endpoint.clone()),
        }
    }

    /// What it subscribes to from its beginning.
    pub(crate) fn subscription(self) -> Option<(Selector, After)> {
        match self {
            Purpose::Topic { selector, after, .. } => Some((selector, after)),
            _ => None,
        }
    }

    /// Whether what is said of a message needs room beside the body.
    pub(crate) fn has_envelope(&self) -> bool {
        match self {
            Purpose::Pogu | Purpose::Stomp => true,
            Purpose::Topic { .. } | Purpose::Endpoint(_) => false,
        }
    }
}

//! Messages on their way to a Socket.IO client: events of a namespace, or of the root with their place as a last argument.

use std::rc::Rc;

use pogu_hub::{Message, SubscriptionId, Subscriptions};
use pogu_proto::engineio::{Data, Packet};
use pogu_proto::socketio;

use super::body::arguments;
use super::{Joined, SocketIo};
use crate::engineio::Packing;
use crate::form::Head;

/// The event that stands for a message without one.
const NAMELESS: &str = "message";

impl SocketIo {
    /// What each message of a subscription is an event of; `None` once it has ended.
    pub(crate) fn head(&self, id: SubscriptionId) -> Option<&Rc<Head>> {
        Some(&self.of(id)?.head)
    }

    /// The head by which a message goes on to another subscription of the root that matches it.
    pub(crate) fn heir(&self, message: &Message, subscriptions: &Subscriptions) -> Option<&Rc<Head>> {
        let root = self.root()?;
        let selectors = root.subscriptions.iter();
        let mut selectors = selectors.filter_map(|id| subscriptions.selector(*id));
        let is_wanted = selectors.any(|selector| selector.matches(&message.topic));
        is_wanted.then_some(&root.head)
    }

    /// The namespace of a subscription.
    pub(super) fn of(&self, id: SubscriptionId) -> Option<&Joined> {
        let mut joined = self.state.joined.iter();
        joined.find(|joined| joined.subscriptions.contains(&id))
    }

    /// The namespace whose subscriptions clients choose.
    pub(super) fn root(&self) -> Option<&Joined> {
        self.state.joined.iter().find(|joined| joined.topic.is_none())
    }
}

/// Appends a message as an event of the namespace that `head` names.
pub(crate) fn message(message: &Message, head: &Head, packing: Packing, out: &mut Vec<u8>) {
    let arguments = arguments(message);
    let namespace = std::str::from_utf8(&head.bytes).unwrap_or_default();
    let event = match message.event.as_deref() {
        // Clients would take it for one of their own.
        Some(event) if !socketio::is_reserved(event) => event,
        _ => NAMELESS,
    };
    let mut text = Vec::with_capacity(arguments.json.len() + 128);
    socketio::put_event_head(namespace, None, arguments.buffers.len(), &mut text);
    text.push(b'[');
    socketio::put_string(event, &mut text);
    if !arguments.json.is_empty() {
        text.push(b',');
        text.extend_from_slice(arguments.json.as_bytes());
    }
    if head.placed {
        text.extend_from_slice(b",{\"topic\":");
        socketio::put_string(&message.topic, &mut text);
        text.extend_from_slice(format!(",\"cursor\":\"{}\"}}", message.cursor).as_bytes());
    }
    if head.numbered {
        text.extend_from_slice(format!(",\"{}\"", message.cursor).as_bytes());
    }
    text.push(b']');
    let text = String::from_utf8(text).unwrap_or_default();
    packing.put(&Packet::Message(Data::Text(&text)), out);
    for buffer in &arguments.buffers {
        packing.put(&Packet::Message(Data::Binary(buffer)), out);
    }
}

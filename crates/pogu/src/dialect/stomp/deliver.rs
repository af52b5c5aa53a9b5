//! Messages on their way to a STOMP client: of topics in a run that many share, of queues one by one.

use std::borrow::Cow;
use std::rc::Rc;

use pogu_hub::{ConsumerId, Delivery, Kind, Message, Outcome, Settle, SubscriptionId, To};
use pogu_proto::stomp::{self, AckMode, Failure, Tail, Version};
use pogu_proto::ws;

use super::{Lost, Stomp, Subscribed, Subscription, destination};
use crate::core::Core;
use crate::dialect::Wrap;
use crate::form::Head;
use crate::metrics::Way;
use crate::peer::{Ending, is_text};

/// Bytes of frames from queues that are put together for one write.
const FILL_BYTES: usize = 128 * 1024;

/// Between the cursor of a message and the place of its delivery, in what acknowledges it.
const AT: char = '@';

impl Stomp {
    /// What each message of a subscription to topics begins with; `None` once it has ended.
    pub(crate) fn head(&self, id: SubscriptionId) -> Option<&Rc<Head>> {
        let topics = &self.state.topics;
        let place = topics.binary_search_by_key(&id, |(other, _)| *other).ok()?;
        Some(&topics[place].1)
    }

    /// Whether some next message has to tell what was lost before it.
    pub(crate) fn has_notes(&self) -> bool {
        let told = |subscription: &Subscription| match &subscription.to {
            Subscribed::Topics { lost, .. } => *lost == Lost::default(),
            Subscribed::Queue { .. } => true,
        };
        !self.state.subscriptions.iter().all(told)
    }

    /// The same as [`Stomp::head`], for a message that tells what was lost before it.
    pub(crate) fn noted_head(&self, id: SubscriptionId) -> Option<Rc<Head>> {
        self.state
            .subscriptions
            .iter()
            .find_map(|subscription| match &subscription.to {
                Subscribed::Topics { ids, head, lost } if ids.contains(&id) && *lost != Lost::default() => {
                    let mut bytes = head.bytes.to_vec();
                    tell_lost(*lost, &mut bytes);
                    Some(Rc::new(Head {
                        bytes: bytes.into(),
                        placed: head.placed,
                        numbered: false,
                    }))
                }
                _ => None,
            })
    }

    /// What was lost is told for the subscriptions in `noted`.
    pub(crate) fn forget_notes(&mut self, noted: &[SubscriptionId]) {
        if noted.is_empty() {
            return;
        }
        for subscription in &mut self.state.subscriptions {
            if let Subscribed::Topics { ids, lost, .. } = &mut subscription.to
                && ids.iter().any(|id| noted.contains(id))
            {
                *lost = Lost::default();
            }
        }
    }

    /// Has the next message of a subscription tell that messages were lost.
    pub(crate) fn note_lost(&mut self, id: SubscriptionId, missed: Option<u64>) {
        for subscription in &mut self.state.subscriptions {
            if let Subscribed::Topics { ids, lost, .. } = &mut subscription.to
                && ids.contains(&id)
            {
                lost.missed += missed.unwrap_or_default();
                lost.gap |= missed.is_none();
            }
        }
    }

    /// Takes a delivery of a queue; false if its subscription has ended, and the queue has it back already.
    pub(crate) fn take_delivery(&mut self, delivery: Delivery) -> bool {
        let known = consumer(&mut self.state.subscriptions, delivery.consumer).is_some();
        if known {
            self.state.waiting.push_back(delivery);
        }
        known
    }

    /// Writes what waits of queues, as much as one write may take.
    pub(crate) fn fill(
        &mut self,
        way: Way,
        wrap: Wrap,
        out: &mut Vec<u8>,
        core: &mut Core,
    ) -> Result<(), Ending> {
        let version = self.version();
        let state = &mut self.state;
        while out.len() < FILL_BYTES
            && let Some(delivery) = state.waiting.pop_front()
        {
            let Some(subscription) = consumer(&mut state.subscriptions, delivery.consumer) else {
                continue;
            };
            let message = &delivery.message;
            if matches!(wrap, Wrap::Strings(_)) && !is_text(message) {
                return Err(self.refuse_binary(message, wrap, out, core));
            }
            let wrap = match wrap {
                Wrap::Frame(_, deflate) if message.kind == Kind::Binary => {
                    Wrap::Frame(ws::Kind::Binary, deflate)
                }
                other => other,
            };
            wrap.put(out, core, |out| {
                write_delivery(subscription, &delivery, version, out)
            });
            if let Subscribed::Queue { reached, .. } = &mut subscription.to {
                *reached = delivery.number;
            }
            core.counters.sent(way, 1);
            self.session.sent(core.now);
        }
        Ok(())
    }

    /// Tells that `message` cannot be said on a carrier that has only text.
    pub(crate) fn refuse_binary(
        &mut self,
        message: &Message,
        wrap: Wrap,
        out: &mut Vec<u8>,
        core: &mut Core,
    ) -> Ending {
        let detail = format!(
            "the body of message {} of `{}` is not UTF-8, and SockJS carries only text: use a WebSocket or TCP",
            message.cursor, message.topic
        );
        let failure = Failure {
            message: "binary body",
            detail: &detail,
            receipt: None,
        };
        wrap.put(out, core, |out| self.session.fail(failure, out));
        Ending::Violation(detail)
    }

    /// All that was written has left: where the client does not acknowledge, this does it for it.
    pub(crate) fn accept_written(&mut self, core: &mut Core) {
        for subscription in &mut self.state.subscriptions {
            subscription.accept_written(core);
        }
    }
}

impl Subscription {
    /// The same for one.
    pub(super) fn accept_written(&mut self, core: &mut Core) {
        if self.ack != AckMode::Auto {
            return;
        }
        if let Subscribed::Queue {
            consumer,
            reached,
            accepted,
            ..
        } = &mut self.to
            && accepted < reached
        {
            *accepted = *reached;
            core.settle(Settle {
                consumer: *consumer,
                delivery: *reached,
                cumulative: true,
                outcome: Outcome::Accept,
            });
        }
    }
}

pub(super) fn consumer(subscriptions: &mut [Subscription], id: ConsumerId) -> Option<&mut Subscription> {
    subscriptions
        .iter_mut()
        .find(|subscription| matches!(subscription.to, Subscribed::Queue { consumer, .. } if consumer == id))
}

/// Appends the headers that tell what was lost before a message.
fn tell_lost(lost: Lost, out: &mut Vec<u8>) {
    if lost.missed > 0 {
        out.extend_from_slice(format!("missed:{}\n", lost.missed).as_bytes());
    }
    if lost.gap {
        out.extend_from_slice(b"gap:true\n");
    }
}

fn write_delivery(subscription: &Subscription, delivery: &Delivery, version: Version, out: &mut Vec<u8>) {
    let message = &*delivery.message;
    let id = format!(
        "{}{AT}{}-{}",
        message.cursor, subscription.number, delivery.number
    );
    let ack = (subscription.ack != AckMode::Auto).then_some(&*id);
    stomp::message_head(
        subscription.id.as_deref(),
        ack.filter(|_| version == Version::V1_2),
        version,
        out,
    );
    if delivery.redelivered > 0 {
        out.extend_from_slice(b"redelivered:true\n");
    }
    tell_lost(
        Lost {
            missed: delivery.missed.into(),
            gap: false,
        },
        out,
    );
    write_tail(message, &id, version, out);
}

/// The part of a message of a topic that all its subscribers share.
pub(crate) fn tail(message: &Message, version: Version, out: &mut Vec<u8>) {
    write_tail(message, &message.cursor.to_string(), version, out);
}

fn write_tail(message: &Message, id: &str, version: Version, out: &mut Vec<u8>) {
    let destination: Cow<'_, str> = match message.to {
        To::Topic => destination::of_topic(&message.topic).into(),
        To::Queue => destination::of_queue(&message.topic).into(),
    };
    let cursor = message.cursor.to_string();
    let tail = Tail {
        destination: &destination,
        message_id: id,
        content_type: Some(message.content_type()),
        body: &message.body,
    };
    let event = message.event.as_deref().map(|event| ("event", event));
    let headers = message.headers.iter().map(|(name, value)| (&**name, &**value));
    stomp::message_tail(
        &tail,
        [("cursor", &*cursor)].into_iter().chain(event).chain(headers),
        version,
        out,
    );
}

/// What an acknowledgement names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Acknowledged {
    /// A message of a topic: nobody waits for it.
    OfTopic,
    Delivery {
        subscription: u32,
        delivery: u64,
    },
}

/// Reads what [`write_delivery`] and [`tail`] have written as a message's id.
pub(super) fn acknowledged(id: &str) -> Option<Acknowledged> {
    let Some((cursor, place)) = id.split_once(AT) else {
        return id.parse::<pogu_hub::Cursor>().ok().map(|_| Acknowledged::OfTopic);
    };
    cursor.parse::<pogu_hub::Cursor>().ok()?;
    let (subscription, delivery) = place.split_once('-')?;
    Some(Acknowledged::Delivery {
        subscription: subscription.parse().ok()?,
        delivery: delivery.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_names_a_delivery_or_a_message_of_a_topic() {
        assert_eq!(acknowledged("k3f-18"), Some(Acknowledged::OfTopic));
        let delivery = Acknowledged::Delivery {
            subscription: 2,
            delivery: 7,
        };
        assert_eq!(acknowledged("k3f-18@2-7"), Some(delivery));
        for unknown in [
            "",
            "@",
            "k3f-18@",
            "k3f-18@2",
            "k3f-18@-7",
            "x@2-7",
            "k3f-18@2-7-1",
            "7",
        ] {
            assert_eq!(acknowledged(unknown), None, "{unknown}");
        }
    }
}

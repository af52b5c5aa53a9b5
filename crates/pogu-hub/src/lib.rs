//! Topics, mailboxes, history and the engine seam of pogu: no protocols, no sockets, no clock.
//!
//! The life of a message to a topic, in six types:
//!
//! 1. A publisher makes a [`Draft`]: topic, kind, body.
//! 2. [`Hub::publish`] hands a batch of drafts down to the engine, which stamps each with the next [`Cursor`] and stores it.
//! 3. What comes back is a [`Message`], and goes to the inbox of each lane that has a match.
//! 4. The lane drains its inbox and asks its own [`Subscriptions`] who wants it.
//! 5. It wraps the message once in a [`Letter`], which remembers each wire form made of it,
//! 6. and puts that into the [`Mailbox`] of each subscriber, which is bounded and says what it dropped.
//!
//! And of a message to a queue, in five:
//!
//! 1. A producer makes a [`Draft`] for a queue, and [`Hub::publish`] hands it down to the engine, which stamps it.
//! 2. What comes back is a [`Message`], and is kept in its queue. The engine does not keep it.
//! 3. A consumer, made with [`Consume`], gets it as a [`Delivery`] in the inbox of its lane, when it is its turn and it has credit.
//! 4. The lane hands it to the peer, if that is still there, and says what became of it with a [`Settle`]:
//! 5. accepted, it is done with; released, it goes back to its place; rejected, or delivered too often, it goes to the
//!    [dead-letter queue](dead_letter_queue). When its consumer is cancelled it goes back, too.
//!
//! A queue that was bound with [`Bind`] gets the messages of topics as well, and keeps them while nobody is there.
//! [`Hub::commit`] publishes and settles in one go.
//!
//! [`Hub`] is shared by all lanes; everything else lives on one lane and takes no lock. Time is handed in as
//! milliseconds since 1970 and may step back.

#![forbid(unsafe_code)]

mod cursor;
mod engine;
mod filter;
mod hub;
mod inbox;
mod interest;
mod letter;
mod limits;
mod mailbox;
mod memory;
mod message;
mod queue;
mod selector;
mod subscriptions;
mod topic;
mod trie;

pub use cursor::{After, Cursor, CursorError};
pub use engine::Stats;
pub use filter::Filter;
pub use hub::{Hub, Reading, SLICE_WORK};
pub use inbox::Event;
pub use letter::{FORMS, Letter};
pub use limits::{Limits, Policy, QueueRule, Rule};
pub use mailbox::{Mailbox, Pushed};
pub use message::{Draft, KEY_BYTES_MAX, Kind, MESSAGE_OVERHEAD, Message, PublishError, Receipt, To};
pub use queue::{
    Bind, Bound, Consume, ConsumerId, Delivery, Outcome, QueueError, QueueTicket, Settle, dead_letter_queue,
};
pub use selector::{Pattern, Selector};
pub use subscriptions::{
    CatchUp, CatchUpTogether, SubscribeError, SubscribeOutcome, SubscriptionId, Subscriptions,
};
pub use topic::{TOPIC_BYTES_MAX, Topic, TopicError};

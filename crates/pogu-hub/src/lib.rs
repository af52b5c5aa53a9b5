//! Topics, mailboxes, history and the engine seam of pogu: no protocols, no sockets, no clock.
//!
//! The life of a message, in six types:
//!
//! 1. A publisher makes a [`Draft`]: topic, kind, body.
//! 2. [`Hub::publish`] hands a batch of drafts down to the engine, which stamps each with the next [`Cursor`] and stores it.
//! 3. What comes back is a [`Message`], and goes to the inbox of each lane that has a match.
//! 4. The lane drains its inbox and asks its own [`Subscriptions`] who wants it.
//! 5. It wraps the message once in a [`Letter`], which remembers each wire form made of it,
//! 6. and puts that into the [`Mailbox`] of each subscriber, which is bounded and says what it dropped.
//!
//! [`Hub`] is shared by all lanes; everything else lives on one lane and takes no lock. Time is handed in as
//! milliseconds since 1970 and may step back.

#![forbid(unsafe_code)]

mod cursor;
mod engine;
mod hub;
mod inbox;
mod interest;
mod letter;
mod limits;
mod mailbox;
mod memory;
mod message;
mod selector;
mod subscriptions;
mod topic;
mod trie;

pub use cursor::{After, Cursor, CursorError};
pub use engine::Stats;
pub use hub::{Hub, Page};
pub use inbox::Event;
pub use letter::{FORMS, Letter};
pub use limits::{Limits, Policy, Rule};
pub use mailbox::{Mailbox, Pushed};
pub use message::{Draft, KEY_BYTES_MAX, Kind, MESSAGE_OVERHEAD, Message, PublishError, Receipt};
pub use selector::{Pattern, Selector};
pub use subscriptions::{CatchUp, SubscribeError, SubscribeOutcome, SubscriptionId, Subscriptions};
pub use topic::{TOPIC_BYTES_MAX, Topic, TopicError};

//! What the sessions of a lane share: the hub seen from here, codecs, scratch buffers and the turn's time.

use std::rc::Rc;
use std::sync::Arc;

use pogu_hub::{
    After, ConsumerId, Cursor, Draft, Filter, Hub, PublishError, Receipt, Selector, Settle, SubscribeError,
    SubscribeOutcome, SubscriptionId, Subscriptions,
};
use pogu_proto::{Time, engineio, pogu, socketio, stomp, ws};
use slab::Slab;
use tokio::sync::{Mutex, oneshot};

use crate::config::Config;
use crate::engineio::Sid;
use crate::id::PeerId;
use crate::metrics::LaneCounters;
use crate::recovery::Recoveries;
use crate::signal::Signals;
use crate::socketio::{Namespace, Namespaces};

/// Publishes whose answer is waited for at most, in one lane. One more is published without an answer.
const WAITING_MAX: usize = 1 << 20;

/// A peer that takes nothing for so long although something waits is cut, in milliseconds.
pub(crate) const WRITE_STALL: u64 = 60_000;
/// How long a command or a message on a byte stream may take from its first byte to its last, in milliseconds.
pub(crate) const UNIT_TIME: u64 = 30_000;

/// Bytes of a namespace's name: more than any topic has, so that one that is too long is refused by itself and does not end all others.
const NAMESPACE_MAX: usize = 1024;

/// Times of sessions, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// A response stream that was silent for so long gets a comment.
    pub(crate) keep_alive: u64,
    /// A peer that has taken nothing for so long although something waits is cut.
    pub(crate) write_stall: u64,
    /// A peer that was told the end has so long to go.
    pub(crate) linger: u64,
}

/// Who waits for the cursor of a publish.
pub(crate) enum Waiting {
    Peer { peer: PeerId, seq: u64 },
    Request(oneshot::Sender<Result<Cursor, PublishError>>),
}

pub(crate) struct Core {
    pub(crate) index: u16,
    pub(crate) hub: Arc<Hub>,
    pub(crate) config: Arc<Config>,
    pub(crate) counters: Arc<LaneCounters>,
    pub(crate) times: Times,
    pub(crate) pogu_limits: pogu::Limits,
    pub(crate) stomp_limits: stomp::ServerLimits,
    pub(crate) engineio_limits: Arc<engineio::Limits>,
    pub(crate) socketio_limits: Arc<socketio::Limits>,
    /// Of a WebSocket whose messages are bodies.
    pub(crate) ws_limits: Arc<ws::Limits>,
    /// Of one whose messages have a head of their own beside it.
    pub(crate) ws_head_limits: Arc<ws::Limits>,
    pub(crate) subscriptions: Subscriptions,
    pub(crate) signals: Rc<Signals>,
    pub(crate) recoveries: Arc<Recoveries>,
    /// Held by the one poll of the lane that reads history by more than a slice.
    pub(crate) readers: Rc<Mutex<()>>,
    /// Namespaces with code; where there are none, each is a topic.
    namespaces: Namespaces,
    /// Sessions that were taken up again elsewhere, to be closed where they were.
    pub(crate) replaced: Vec<Sid>,
    /// For what is sent; what is received has a codec of its own, as its events borrow from it.
    pub(crate) codec: ws::Codec,
    pub(crate) scratch: Vec<u8>,
    /// A piece of a byte stream that came in a message of its carrier.
    pub(crate) piece: Vec<u8>,
    /// This turn's time.
    pub(crate) now: Time,
    /// The same in milliseconds since 1970, for messages.
    pub(crate) unix: u64,
    /// Subscriptions of the peer that is heard that have ended, for its mailbox.
    pub(crate) ended: Vec<(SubscriptionId, Selector)>,
    drafts: Vec<Draft>,
    draft_bytes: usize,
    settles: Vec<Settle>,
    waiting: Slab<Waiting>,
}

impl Core {
    #[expect(clippy::too_many_arguments, reason = "called once, by the lane")]
    pub(crate) fn new(
        index: u16,
        hub: Arc<Hub>,
        config: Arc<Config>,
        counters: Arc<LaneCounters>,
        times: Times,
        ws_limits: Arc<ws::Limits>,
        signals: Rc<Signals>,
        recoveries: Arc<Recoveries>,
        namespaces: Namespaces,
        seed: u64,
    ) -> Self {
        let pogu_limits = pogu::Limits {
            head: config.limits.head.bytes(),
            body: config.limits.message.bytes(),
        };
        let engineio_limits = engineio::Limits {
            ping_interval: milliseconds(config.socketio.ping_interval),
            ping_timeout: milliseconds(config.socketio.ping_timeout),
            payload: config.limits.message.bytes(),
            ..engineio::Limits::default()
        };
        let socketio_limits = socketio::Limits {
            attachment_bytes: config.limits.message.bytes(),
            connect_timeout: milliseconds(config.socketio.connect_timeout),
            namespace: NAMESPACE_MAX,
            ..socketio::Limits::default()
        };
        let stomp_limits = stomp::ServerLimits {
            frame: stomp::Limits {
                head: config.limits.head.bytes(),
                header: config.limits.head.bytes(),
                headers: config.limits.headers,
                body: config.limits.message.bytes(),
                ..stomp::Limits::default()
            },
            ..stomp::ServerLimits::default()
        };
        let ws_head_limits = ws::Limits {
            message: ws_limits.message.saturating_add(pogu_limits.head),
            ..*ws_limits
        };
        Self {
            index,
            hub,
            config,
            counters,
            times,
            pogu_limits,
            stomp_limits,
            engineio_limits: Arc::new(engineio_limits),
            socketio_limits: Arc::new(socketio_limits),
            ws_limits,
            ws_head_limits: ws_head_limits.into(),
            subscriptions: Subscriptions::new(usize::from(index)),
            signals,
            recoveries,
            readers: Rc::default(),
            namespaces,
            replaced: Vec::new(),
            codec: ws::Codec::new(seed),
            scratch: Vec::new(),
            piece: Vec::new(),
            now: Time(0),
            unix: 0,
            ended: Vec::new(),
            drafts: Vec::new(),
            draft_bytes: 0,
            settles: Vec::new(),
            waiting: Slab::new(),
        }
    }

    /// What is done with the events of a namespace: by code, or, within `Some(None)`, as without. `None` where there is no such namespace.
    pub(crate) fn namespace(&self, name: &str) -> Option<Option<Arc<Namespace>>> {
        if self.namespaces.is_empty() {
            return Some(None);
        }
        let namespace = self.namespaces.get(name)?;
        Some((!namespace.relays()).then(|| namespace.clone()))
    }

    /// A number that names `peer` among all peers of all lanes; never 0.
    pub(crate) fn origin(&self, peer: PeerId) -> u64 {
        (u64::from(self.index) + 1) << 32 | u64::from(peer.serial)
    }

    /// Collects a message; all of a turn go down to the engine together.
    pub(crate) fn draft(&mut self, draft: Draft) {
        self.draft_bytes += draft.body.len();
        self.drafts.push(draft);
        if self.drafts.len() >= Self::DRAFTS_MAX || self.draft_bytes >= Self::DRAFT_BYTES_MAX {
            self.publish();
        }
    }

    /// Drafts that are collected before they go down, however long the turn,
    const DRAFTS_MAX: usize = 512;
    /// and bytes of their bodies.
    const DRAFT_BYTES_MAX: usize = 1 << 20;

    /// Hands the collected drafts to the engine.
    pub(crate) fn publish(&mut self) {
        self.draft_bytes = 0;
        if !self.drafts.is_empty() {
            self.hub.publish(self.unix, &mut self.drafts);
        }
    }

    /// Does a transaction, all of it or nothing, after what was collected before.
    pub(crate) fn commit(&mut self, drafts: &mut Vec<Draft>, settles: &mut Vec<Settle>) {
        self.publish();
        self.settle_all();
        // Whether it was done, the receipt of its last draft tells; settlements alone cannot fail.
        let _ = self.hub.commit(self.unix, drafts, settles);
    }

    /// Collects what became of a delivery; all of a turn are told together.
    pub(crate) fn settle(&mut self, settle: Settle) {
        self.settles.push(settle);
        if self.settles.len() >= Self::DRAFTS_MAX {
            self.settle_all();
        }
    }

    /// Whether some are collected and not told.
    pub(crate) fn has_settles(&self) -> bool {
        !self.settles.is_empty()
    }

    /// Tells the queues what was collected.
    pub(crate) fn settle_all(&mut self) {
        if !self.settles.is_empty() {
            self.hub.settle(self.unix, &mut self.settles);
        }
    }

    /// Ends a consumer, of whose deliveries those up to `reached` were written. What it has not settled goes back to its queue.
    pub(crate) fn cancel(&mut self, consumer: ConsumerId, reached: u64) {
        self.settle_all();
        self.hub.cancel(self.unix, consumer, reached);
    }

    /// Asks for the answer to a publish.
    pub(crate) fn receipt(&mut self, who: Waiting) -> Option<Receipt> {
        let ticket = (self.waiting.len() < WAITING_MAX).then(|| self.waiting.insert(who) as u64)?;
        Some(Receipt {
            lane: self.index,
            ticket,
        })
    }

    /// Who waits with `ticket`.
    pub(crate) fn waited(&mut self, ticket: u64) -> Option<Waiting> {
        self.waiting.try_remove(usize::try_from(ticket).ok()?)
    }

    /// Subscribes a peer. Messages of the origin `exclude` (0: none) are left out.
    pub(crate) fn subscribe(
        &mut self,
        peer: PeerId,
        selector: Selector,
        after: After,
        exclude: u64,
        filter: Option<Filter>,
    ) -> Result<SubscribeOutcome, SubscribeError> {
        self.subscriptions
            .subscribe(&self.hub, self.unix, peer.slot, selector, after, exclude, filter)
    }

    /// Subscribes a peer to several selectors, each from its place, which get what they missed in one order. All are to be caught up.
    pub(crate) fn subscribe_together(
        &mut self,
        peer: PeerId,
        selectors: &[(Selector, Cursor)],
        exclude: u64,
    ) -> Result<Vec<SubscribeOutcome>, SubscribeError> {
        self.subscriptions
            .subscribe_together(&self.hub, self.unix, peer.slot, selectors, exclude)
    }

    pub(crate) fn unsubscribe(&mut self, id: SubscriptionId) {
        self.subscriptions.unsubscribe(&self.hub, id);
    }

    /// Ends a subscription of which messages may wait that are another's, too.
    pub(crate) fn end(&mut self, id: SubscriptionId) {
        let selector = self.subscriptions.selector(id).cloned();
        self.ended.extend(selector.map(|selector| (id, selector)));
        self.unsubscribe(id);
    }

    /// The place in `ids` of the subscription to `pattern`.
    pub(crate) fn find(&self, ids: &[SubscriptionId], pattern: &str) -> Option<usize> {
        ids.iter().position(|id| {
            self.subscriptions
                .selector(*id)
                .is_some_and(|selector| selector.as_str() == pattern)
        })
    }
}

/// A duration in milliseconds, the unit of the protocols.
pub(crate) fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

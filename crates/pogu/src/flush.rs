//! The end of a turn: each dirty peer gets one write of all that waits for it.

use std::mem;
use std::rc::Rc;

use bytes::Bytes;
use pogu_hub::{Cursor, Letter, Mailbox, SLICE_WORK, SubscriptionId, Subscriptions};
use pogu_proto::ws;

use crate::carrier::Carrier;
use crate::core::Core;
use crate::dialect::Dialect;
use crate::form::{Form, Head};
use crate::lane::Lane;
use crate::link::Link;
use crate::peer::{Depth, Ending, Peer};

/// Bytes of messages that are put together for one write.
const RUN_BYTES: usize = 128 * 1024;
/// Writes to one peer in a turn.
const WRITES_PER_TURN: usize = 4;
/// Runs that are remembered within a turn: one for each form and set of subscriptions that is common.
const RUNS_MAX: usize = 8;
/// Messages of history that are read at once for a peer that catches up.
const HISTORY_PAGE: usize = 64;
/// Work of reading history in a turn, of all peers that catch up.
const CATCH_UP_WORK: usize = 4 * SLICE_WORK;

/// Messages put together in one form, shared by all peers that wait for just these.
pub(crate) struct Run {
    form: Form,
    /// Held, so that no other letter can have the place in memory that they are told apart by. Empty if nobody else
    /// can want this run.
    letters: Vec<Rc<Letter>>,
    /// What each message begins with, where that depends on its subscription; else empty.
    heads: Vec<Option<Rc<Head>>>,
    /// The subscriptions of which a message tells what was lost before it.
    pub(crate) noted: Vec<SubscriptionId>,
    pub(crate) messages: usize,
    /// The place of the last message.
    last: Option<Cursor>,
    pub(crate) bytes: Vec<u8>,
    /// Made when the first peer has to keep a part.
    shared: Option<Bytes>,
}

/// The runs of a turn.
#[derive(Default)]
pub(crate) struct Runs {
    runs: Vec<Run>,
    used: usize,
}

impl Runs {
    /// The run of what waits in `mailbox` for a session of `dialect`, from its front, of at most `limit` messages.
    pub(crate) fn of(
        &mut self,
        form: Form,
        dialect: &Dialect,
        mailbox: &Mailbox,
        limit: usize,
        subscriptions: &Subscriptions,
        codec: &mut ws::Codec,
    ) -> &mut Run {
        let waiting = mailbox.len().min(limit);
        let has_heads = form.has_heads();
        let same_heads = |run: &Run| {
            // Mostly all are of one subscription, which need not be looked up again for each.
            let mut last = None;
            !has_heads
                || mailbox.iter().zip(&run.heads).all(|((_, subscription), built)| {
                    let place = built.as_ref().map(Rc::as_ptr);
                    if last == Some((subscription, place)) {
                        return true;
                    }
                    last = Some((subscription, place));
                    dialect.head(subscription) == built.as_ref()
                })
        };
        // What one session alone is told is nobody else's run.
        let shareable = !(has_heads && dialect.has_notes());
        let known = self.runs[..self.used].iter().position(|run| {
            shareable
                && run.form == form
                && !run.letters.is_empty()
                && run.letters.len() <= waiting
                && mailbox.iter().zip(&run.letters).all(|((letter, _), built)| Rc::ptr_eq(letter, built))
                // A shorter run is the same one only if it ended for its size.
                && (run.letters.len() == waiting || run.bytes.len() >= RUN_BYTES)
                && same_heads(run)
        });
        if let Some(known) = known {
            return &mut self.runs[known];
        }
        if self.used == RUNS_MAX {
            self.used -= 1;
        }
        if self.used == self.runs.len() {
            self.runs.push(Run {
                form,
                letters: Vec::new(),
                heads: Vec::new(),
                noted: Vec::new(),
                messages: 0,
                last: None,
                bytes: Vec::new(),
                shared: None,
            });
        }
        let run = &mut self.runs[self.used];
        self.used += 1;
        run.form = form;
        run.letters.clear();
        run.heads.clear();
        run.noted.clear();
        run.messages = 0;
        run.last = None;
        run.bytes.clear();
        run.shared = None;
        // Nobody else waits for a letter that is held once, so no other peer can want a run that begins with it.
        let shared = shareable
            && mailbox
                .front()
                .is_some_and(|(first, _)| Rc::strong_count(first) > 1);
        for (letter, subscription) in mailbox.iter().take(waiting) {
            if !run.bytes.is_empty() {
                run.bytes.extend_from_slice(form.separator());
            }
            if has_heads {
                let mut head = dialect.head(subscription).cloned();
                // Without a head its subscription has ended meanwhile.
                if head.is_none() && mailbox.ended(subscription).is_some() {
                    head = dialect.heir(&letter.message, subscriptions).cloned();
                }
                // A subscription to several patterns has one head, by whichever of them a message comes.
                let is_told = |told: &SubscriptionId| {
                    let told = dialect.head(*told).zip(head.as_ref());
                    told.is_some_and(|(told, head)| Rc::ptr_eq(told, head))
                };
                if !shareable
                    && let Some(noted) = dialect.noted_head(subscription)
                    && !run.noted.iter().any(is_told)
                {
                    run.noted.push(subscription);
                    head = Some(noted);
                }
                if let Some(head) = &head {
                    form.append_with(head, letter, codec, &mut run.bytes);
                }
                run.heads.extend(shared.then_some(head));
            } else {
                form.append(letter, codec, &mut run.bytes);
            }
            run.messages += 1;
            run.last = Some(letter.message.cursor);
            if shared {
                run.letters.push(letter.clone());
            }
            if run.bytes.len() >= RUN_BYTES {
                break;
            }
        }
        run
    }

    /// Forgets the turn's runs and keeps their buffers.
    fn clear(&mut self) {
        for run in &mut self.runs[..self.used] {
            run.letters.clear();
            run.heads.clear();
            run.shared = None;
            if run.bytes.capacity() > 2 * RUN_BYTES {
                run.bytes = Vec::new();
            }
        }
        self.used = 0;
    }
}

impl Run {
    fn share(&mut self) -> Bytes {
        self.shared
            .get_or_insert_with(|| Bytes::copy_from_slice(&self.bytes))
            .clone()
    }
}

/// How far a peer's output got.
pub(crate) enum Progress {
    /// All that waited is written.
    Done,
    /// There is nothing to write to until a request comes.
    Parked,
    /// The link takes no more for now.
    Blocked,
    /// There is more, for another turn.
    More,
    /// The link is broken.
    Broken,
}

impl Lane {
    /// Flushes the dirty peers.
    pub(crate) fn flush(&mut self) {
        self.catch_up_work = CATCH_UP_WORK;
        let mut dirty = mem::take(&mut self.dirty);
        for slot in dirty.drain(..) {
            self.flush_peer(slot as usize);
        }
        // Whoever was passed over has the first of the next turn's work; what became dirty meanwhile waits for it, too.
        dirty.append(&mut self.passed_over);
        dirty.append(&mut self.dirty);
        self.dirty = dirty;
        self.runs.clear();
    }

    pub(crate) fn flush_peer(&mut self, slot: usize) {
        let Some(peer) = self.peers.get_mut(slot) else {
            return;
        };
        if !mem::take(&mut peer.dirty) {
            return;
        }
        if let Link::Udp { .. } = peer.link {
            return self.flush_datagrams(slot);
        }
        // Asking a full socket again, turn by turn, would cost a system call each time.
        let progress = match (&peer.carrier, &peer.link) {
            _ if peer.blocked => Progress::Blocked,
            (Carrier::SockJs(_), Link::None | Link::Pipe(_)) => self.write_sockjs(slot),
            (_, Link::None | Link::Poll(_)) => self.answer_engineio(slot),
            _ => self.write_out(slot),
        };
        let Some(peer) = self.peers.get_mut(slot) else {
            return;
        };
        let waiting = Depth::of(peer.mailbox.as_deref());
        self.depth
            .change(mem::replace(&mut peer.counted, waiting), waiting);
        match progress {
            Progress::Broken => self.remove(slot),
            Progress::More => self.mark_dirty(slot),
            Progress::Parked => {}
            Progress::Blocked => {
                peer.blocked = true;
                if peer.stalled.is_none() {
                    peer.stalled = Some(self.core.now);
                    self.arm(slot);
                }
            }
            Progress::Done => {
                peer.stalled = None;
                peer.dialect.emptied(&mut self.core);
                if peer.closing.is_some() {
                    return self.shut(slot);
                }
                if peer.heard_out {
                    return self.end(slot, &Ending::Finished);
                }
                if mem::take(&mut peer.unread) {
                    self.read(slot, false);
                }
            }
        }
    }

    /// All output of a peer that ends is written: the last word is said, and what it still sends is thrown away.
    fn shut(&mut self, slot: usize) {
        let Some(peer) = self.peers.get_mut(slot) else {
            return;
        };
        if mem::replace(&mut peer.shut, true) {
            return;
        }
        if matches!(
            (&peer.carrier, &peer.link),
            (Carrier::LongPoll { .. } | Carrier::Parked(_), Link::Tcp(_))
        ) && !self.shutting_down
        {
            return self.give_back(slot);
        }
        peer.link.shut();
        // What is left to it is to close its side.
        peer.closing = Some(self.core.now + self.core.times.linger);
        if peer.heard_out || !matches!(peer.link, Link::Tcp(_)) {
            return self.remove(slot);
        }
        // Closing with bytes unread would reset the connection and could take the last words with it.
        if mem::take(&mut peer.unread) {
            self.read(slot, false);
        }
        self.arm(slot);
    }

    fn write_out(&mut self, slot: usize) -> Progress {
        for _ in 0..WRITES_PER_TURN {
            self.catch_up(slot);
            let Lane {
                peers,
                runs,
                core,
                spares,
                ..
            } = self;
            let Some(peer) = peers.get_mut(slot) else {
                return Progress::Done;
            };
            let way = peer.way();
            if !peer.rest.is_empty() {
                match peer.link.write(&peer.rest) {
                    Err(_) => return Progress::Broken,
                    Ok(n) => {
                        note_progress(peer, n, core);
                        core.counters.wrote(way, n);
                        bytes::Buf::advance(&mut peer.rest, n);
                        if !peer.rest.is_empty() {
                            return Progress::Blocked;
                        }
                    }
                }
                peer.rest = Bytes::new();
            }
            if let Err(ending) = peer.check_text(core).and_then(|()| peer.fill(core)) {
                self.end(slot, &ending);
                continue;
            }
            let limit = peer.limit();
            let Some(mut mailbox) = peer.mailbox.take().filter(|mailbox| !mailbox.is_empty()) else {
                if peer.out.is_empty() {
                    peer.out = mem::take(&mut peer.farewell);
                }
                if peer.out.is_empty() {
                    return if peer.catching_up.is_empty() {
                        Progress::Done
                    } else {
                        Progress::More
                    };
                }
                let mut out = mem::take(&mut peer.out);
                let written = peer.link.write(&out);
                match written {
                    Err(_) => return Progress::Broken,
                    Ok(n) => {
                        note_progress(peer, n, core);
                        core.counters.wrote(way, n);
                        if n < out.len() {
                            out.drain(..n);
                            peer.out = out;
                            return Progress::Blocked;
                        }
                    }
                }
                spares.keep_buffer(out);
                continue;
            };
            let missed = take_missed(&mut mailbox, core);
            tell_missed(peer, &missed, core);
            let Some(form) = peer.form() else {
                spares.keep_mailbox(mailbox);
                continue;
            };
            let run = runs.of(
                form,
                &peer.dialect,
                &mailbox,
                limit,
                &core.subscriptions,
                &mut core.codec,
            );
            let messages = run.messages;
            if run.bytes.is_empty() {
                // All were of subscriptions that have ended.
                mailbox.drain_front(messages);
                peer.mailbox = Some(mailbox);
                continue;
            }
            if let Carrier::LongPoll { next, .. } = &mut peer.carrier {
                *next = run.last.unwrap_or(*next);
                peer.answer_poll(&run.bytes, !missed.is_empty());
                core.counters.sent(way, messages);
                self.end(slot, &Ending::Finished);
                continue;
            }
            // Own answers go first, in the same write.
            let written = if let (Link::Pipe(pipe), true) = (&peer.link, peer.out.is_empty()) {
                Ok(if pipe.offer(|| run.share()) {
                    run.bytes.len()
                } else {
                    0
                })
            } else if peer.out.is_empty() {
                peer.link.write(&run.bytes)
            } else {
                peer.out.extend_from_slice(&run.bytes);
                peer.link.write(&peer.out)
            };
            let Ok(n) = written else { return Progress::Broken };
            core.counters.wrote(way, n);
            if n == 0 {
                // Nothing is taken: messages stay where the policy can see them.
                let own = peer.out.len().saturating_sub(run.bytes.len());
                peer.out.truncate(own);
                peer.mailbox = Some(mailbox);
                return Progress::Blocked;
            }
            note_progress(peer, n, core);
            peer.dialect.forget_notes(&run.noted);
            peer.dialect.wrote(core);
            core.counters.sent(way, messages);
            mailbox.drain_front(messages);
            if mailbox.is_empty() {
                spares.keep_mailbox(mailbox);
            } else {
                peer.mailbox = Some(mailbox);
            }
            if peer.out.is_empty() {
                if n < run.bytes.len() {
                    peer.rest = run.share().slice(n..);
                    return Progress::Blocked;
                }
            } else {
                let out = mem::take(&mut peer.out);
                if n < out.len() {
                    peer.rest = Bytes::copy_from_slice(&out[n..]);
                    spares.keep_buffer(out);
                    return Progress::Blocked;
                }
                spares.keep_buffer(out);
            }
        }
        Progress::More
    }

    /// Fetches history for a peer whose mailbox is empty and who is still catching up.
    pub(crate) fn catch_up(&mut self, slot: usize) {
        let Lane {
            peers,
            core,
            spares,
            catch_up_work,
            passed_over,
            ..
        } = self;
        let Some(peer) = peers.get_mut(slot) else { return };
        if peer.catching_up.is_empty() || !peer.rest.is_empty() || peer.closing.is_some() {
            return;
        }
        if peer.mailbox.as_ref().is_some_and(|mailbox| !mailbox.is_empty()) {
            return;
        }
        if *catch_up_work == 0 {
            // In one of the two lists, and once.
            if !mem::replace(&mut peer.dirty, true) {
                passed_over.push(peer.id.slot);
            }
            return;
        }
        let ids = peer.catching_up.clone();
        let page = core
            .subscriptions
            .catch_up_together(&core.hub, core.unix, &ids, HISTORY_PAGE);
        *catch_up_work = catch_up_work.saturating_sub(page.work);
        peer.dialect.caught_up(&page, core);
        if page.live {
            peer.catching_up.clear();
        }
        for id in page.gaps {
            let selector = core
                .subscriptions
                .selector(id)
                .map(ToString::to_string)
                .unwrap_or_default();
            peer.tell_gap(id, &selector, None, core);
        }
        if page.messages.is_empty() {
            return;
        }
        let limit = core.config.limits.mailbox.bytes();
        let mailbox = peer.mailbox.get_or_insert_with(|| spares.mailbox(limit));
        let mut letter: Option<Rc<Letter>> = None;
        for (message, id) in page.messages {
            let same = letter
                .take()
                .filter(|letter| letter.message.cursor == message.cursor);
            let letter = letter.insert(same.unwrap_or_else(|| Rc::new(Letter::new(message))));
            if !peer.dialect.is_told(id, mailbox.last(letter)) {
                mailbox.fill(letter.clone(), id);
            }
        }
    }
}

/// How many messages of each subscription were dropped before they were sent, and what it asked for.
pub(crate) fn take_missed(mailbox: &mut Mailbox, core: &Core) -> Vec<(SubscriptionId, String, u64)> {
    let missed = mailbox.take_missed().into_iter();
    let named = missed.filter_map(|(subscription, missed)| {
        let living = core.subscriptions.selector(subscription);
        let selector = living.or_else(|| mailbox.ended(subscription))?;
        Some((subscription, selector.to_string(), missed))
    });
    named.collect()
}

/// Tells what was dropped.
pub(crate) fn tell_missed(peer: &mut Peer, missed: &[(SubscriptionId, String, u64)], core: &mut Core) {
    for (subscription, selector, missed) in missed {
        peer.tell_gap(*subscription, selector, Some(*missed), core);
    }
}

fn note_progress(peer: &mut Peer, written: usize, core: &mut Core) {
    if written == 0 {
        return;
    }
    peer.stalled = None;
    if let Some(until) = &mut peer.closing {
        *until = (*until).max(core.now + core.times.linger);
    }
    if let Carrier::Sse { quiet_since } | Carrier::JsonLines { quiet_since } = &mut peer.carrier {
        *quiet_since = core.now;
    }
}

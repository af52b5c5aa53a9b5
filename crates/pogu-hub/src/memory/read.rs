//! Reading the history, in slices of bounded work.

use std::sync::Arc;

use super::Memory;
use super::sieve::Sieve;
use super::table::History;
use crate::cursor::After;
use crate::engine::{Asked, Budget, LOOK_WORK, Reader, Search, Slice, Walk, Wanted};
use crate::message::Message;
use crate::selector::{Pattern, Selector};

/// Work that passing over one topic counts: it is somewhere in memory.
const TOPIC_WORK: usize = 4;
/// Walks through all topics after which a reader is told a gap unseen: more is lost meanwhile than it can look at.
const WALKS_MAX: u8 = 2;

impl Memory {
    pub(crate) fn begin(&mut self, now: u64, selector: &Selector, after: After) -> Reader {
        let at = match selector {
            Selector::Topic(topic) => self.topics.find(topic),
            Selector::Pattern(_) => None,
        };
        if let Some(at) = at {
            self.expire(now, at, usize::MAX);
        }
        let (head, evictions) = (self.head, self.evictions);
        match after {
            After::Now => Reader::new(head, evictions),
            After::Earliest => Reader::new(0, evictions),
            After::Last(count) => {
                let ring = at.map(|at| &self.topics[at].ring);
                let first = ring.and_then(|ring| ring.get(ring.len().saturating_sub(count as usize)));
                let seq = first.map_or(head, |message| message.cursor.seq - 1);
                let is_searched = matches!(selector, Selector::Pattern(_)) && count > 0;
                Reader {
                    search: is_searched.then_some(Search {
                        seq: head + 1,
                        found: head + 1,
                        left: count,
                        evictions,
                    }),
                    ..Reader::new(seq, evictions)
                }
            }
            After::Cursor(cursor) if cursor.epoch != self.epoch => Reader {
                gap: true,
                ..Reader::new(0, evictions)
            },
            After::Cursor(cursor) => Reader::new(cursor.seq.min(head), 0),
        }
    }

    pub(crate) fn prepare(
        &mut self,
        now: u64,
        selector: &Selector,
        reader: &mut Reader,
        work: &mut usize,
    ) -> bool {
        match selector {
            Selector::Topic(topic) => {
                let loss = match self.topics.find(topic) {
                    Some(at) => {
                        self.expire(now, at, usize::MAX);
                        self.topics[at].loss
                    }
                    None => self.forgotten,
                };
                reader.gap |= loss.hits(reader);
                reader.evictions = self.evictions;
                true
            }
            Selector::Pattern(pattern) => {
                self.search(pattern, reader, work) && self.look_for_losses(pattern, reader, work)
            }
        }
    }

    pub(crate) fn read(
        &mut self,
        now: u64,
        selector: &Selector,
        reader: &mut Reader,
        exclude_origin: u64,
        budget: &mut Budget,
        into: &mut Vec<Arc<Message>>,
    ) -> Slice {
        if !self.prepare(now, selector, reader, &mut budget.work) {
            return Slice::More;
        }
        reader.walks = 0;
        let excluded = |message: &Message| exclude_origin != 0 && message.origin == exclude_origin;
        match selector {
            Selector::Topic(topic) => {
                if let Some(at) = self.topics.find(topic) {
                    let ring = &self.topics[at].ring;
                    let start = ring.partition_point(|message| message.cursor.seq <= reader.seq);
                    for message in ring.range(start..) {
                        if !budget.look() {
                            return Slice::More;
                        }
                        if !excluded(message) && !budget.admit(message, into) {
                            return Slice::Full;
                        }
                        reader.seq = message.cursor.seq;
                    }
                }
            }
            Selector::Pattern(pattern) => {
                let sieve = Sieve::of(pattern);
                for entry in self.log.after(reader.seq) {
                    let through = sieve.lets_through(entry.shape);
                    if !spend(&mut budget.work, if through { LOOK_WORK } else { 1 }) {
                        return Slice::More;
                    }
                    if through
                        && let Some(message) = self.topics.kept(entry)
                        && pattern.matches(&message.topic)
                        && !excluded(message)
                        && !budget.admit(message, into)
                    {
                        return Slice::Full;
                    }
                    reader.seq = entry.seq;
                }
            }
        }
        reader.seq = self.head;
        Slice::Head
    }

    pub(crate) fn lost_of_any(
        &self,
        wanted: &Wanted,
        walk: &mut Option<Walk>,
        work: &mut usize,
    ) -> Option<Asked> {
        if self.forgotten.seq > wanted.oldest {
            return Some(Asked::Lost);
        }
        self.ask_topics(wanted.oldest, walk, work, |history, work| {
            if history.loss.seq <= wanted.oldest {
                return false;
            }
            let (is_lost, asked) = wanted.any(&history.topic, |reader| history.loss.hits(reader));
            *work = work.saturating_sub(LOOK_WORK * (1 + asked));
            is_lost
        })
    }

    /// Asks the topics published to since `oldest`, or all of them in a walk where these are more than can be looked at at once; `None`: come again
    /// with the same walk. Who is told of a loss in a walk may be told again what was lost since it began: seldom, and better than never.
    fn ask_topics(
        &self,
        oldest: u64,
        walk: &mut Option<Walk>,
        work: &mut usize,
        mut is_lost: impl FnMut(&History, &mut usize) -> bool,
    ) -> Option<Asked> {
        if walk.is_none() {
            for history in self.topics.recent() {
                if history.published <= oldest {
                    return Some(Asked::Whole(self.evictions));
                }
                if !spend(work, TOPIC_WORK) {
                    break;
                }
                if is_lost(history, work) {
                    return Some(Asked::Lost);
                }
            }
        }
        let walk = walk.get_or_insert(Walk {
            at: 0,
            evictions: self.evictions,
        });
        while walk.at < self.topics.places() {
            if !spend(work, TOPIC_WORK) {
                return None;
            }
            let history = self.topics.get(walk.at);
            walk.at += 1;
            if history.is_some_and(|history| is_lost(history, work)) {
                return Some(Asked::Lost);
            }
        }
        Some(Asked::Whole(walk.evictions))
    }

    /// Goes on with a search back from the head for the beginning; false: come again.
    fn search(&self, pattern: &Pattern, reader: &mut Reader, work: &mut usize) -> bool {
        let Some(search) = &mut reader.search else {
            return true;
        };
        let sieve = Sieve::of(pattern);
        for entry in self.log.before(search.seq) {
            if search.left == 0 {
                break;
            }
            let through = sieve.lets_through(entry.shape);
            if !spend(work, if through { LOOK_WORK } else { 1 }) {
                return false;
            }
            search.seq = entry.seq;
            if through
                && let Some(message) = self.topics.kept(entry)
                && pattern.matches(&message.topic)
            {
                search.found = entry.seq;
                search.left -= 1;
            }
        }
        *reader = Reader::new(search.found - 1, search.evictions);
        true
    }

    /// Goes on looking for a message that is selected, newer than the reader's place and evicted since it last asked; false: come again.
    fn look_for_losses(&self, pattern: &Pattern, reader: &mut Reader, work: &mut usize) -> bool {
        let sieve = Sieve::of(pattern);
        while reader.evictions != self.evictions {
            if self.forgotten.hits(reader) || reader.walks == WALKS_MAX {
                return self.told(reader);
            }
            let (asking, mut walk) = (*reader, reader.walk.take());
            let has_lost = |history: &History| {
                history.loss.hits(&asking)
                    && sieve.lets_through(history.shape)
                    && pattern.matches(&history.topic)
            };
            if walk.is_none()
                && let Some(losses) = self.losses.last(self.evictions - reader.evictions)
            {
                for (asked, lost) in (reader.evictions..).zip(losses) {
                    let looks = lost.seq > reader.seq && sieve.lets_through(lost.shape);
                    if !spend(work, if looks { LOOK_WORK } else { 1 }) {
                        reader.evictions = asked;
                        return false;
                    }
                    if looks && self.topics.get(lost.topic as usize).is_some_and(has_lost) {
                        return self.told(reader);
                    }
                }
                reader.evictions = self.evictions;
                return true;
            }
            let asked = self.ask_topics(reader.seq, &mut walk, work, |history, _| has_lost(history));
            match asked {
                None => {
                    reader.walk = walk;
                    return false;
                }
                Some(Asked::Lost) => return self.told(reader),
                Some(Asked::Whole(evictions)) => {
                    reader.evictions = evictions;
                    reader.walks += 1;
                }
            }
        }
        true
    }

    /// The reader has lost something, and knows all up to now.
    fn told(&self, reader: &mut Reader) -> bool {
        reader.gap = true;
        reader.walk = None;
        reader.evictions = self.evictions;
        true
    }
}

/// Takes a piece of work, if there is so much left.
fn spend(work: &mut usize, piece: usize) -> bool {
    match work.checked_sub(piece) {
        Some(left) => *work = left,
        None => return false,
    }
    true
}

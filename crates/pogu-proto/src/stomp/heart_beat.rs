use std::fmt;

use crate::Time;

/// What one side of a session says of heart-beats in `heart-beat`, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeartBeat {
    /// At least this often it can send something; 0 when it cannot.
    pub send: u32,
    /// This often it would like to hear something; 0 when it would not.
    pub receive: u32,
}

/// No side beats more often than this, so that a peer cannot make work by asking for a beat every millisecond.
const INTERVAL_MIN: u32 = 500;

impl HeartBeat {
    /// Reads the header: two numbers and a comma. Numbers that are too large are the largest.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (send, receive) = text.split_once(',')?;
        Some(Self {
            send: number(send)?,
            receive: number(receive)?,
        })
    }

    /// As it is offered: no interval but 0 is below the least.
    pub(super) fn offered(self) -> Self {
        let at_least = |interval: u32| {
            if interval == 0 {
                0
            } else {
                interval.max(INTERVAL_MIN)
            }
        };
        Self {
            send: at_least(self.send),
            receive: at_least(self.receive),
        }
    }
}

impl fmt::Display for HeartBeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.send, self.receive)
    }
}

fn number(digits: &str) -> Option<u32> {
    let digits = digits.trim_ascii();
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u32::MAX))
}

/// The heart-beats of a session, the same on both sides. Without an agreement there are none.
#[derive(Debug)]
pub(super) struct Beats {
    /// When something was last sent; before that, when the session began.
    sent: Time,
    /// When something was last heard.
    heard: Time,
    /// At least this often something is sent; 0 when it need not be.
    send_every: u32,
    /// At least this often something should be heard; 0 when it need not be.
    hear_every: u32,
}

impl Beats {
    pub(super) fn new(now: Time) -> Self {
        Self {
            sent: now,
            heard: now,
            send_every: 0,
            hear_every: 0,
        }
    }

    pub(super) fn agree(&mut self, now: Time, ours: HeartBeat, theirs: HeartBeat) {
        self.send_every = agreed(ours.send, theirs.receive);
        self.hear_every = agreed(theirs.send, ours.receive);
        self.heard = now;
    }

    pub(super) fn sent(&mut self, now: Time) {
        self.sent = now;
    }

    pub(super) fn heard(&mut self, now: Time) {
        self.heard = now;
    }

    pub(super) fn last_sent(&self) -> Time {
        self.sent
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        self.send_at().into_iter().chain(self.silent_at()).min()
    }

    /// Appends a beat when it is due.
    pub(super) fn beat(&mut self, now: Time, out: &mut Vec<u8>) {
        if self.send_at().is_some_and(|due| now >= due) {
            out.push(b'\n');
            self.sent = now;
        }
    }

    /// How long the peer has been silent, when that is too long.
    pub(super) fn silence(&self, now: Time) -> Option<u64> {
        self.silent_at()
            .is_some_and(|end| now >= end)
            .then(|| now.since(self.heard))
    }

    /// A quarter early: a beat that leaves just in time arrives too late.
    fn send_at(&self) -> Option<Time> {
        let every = u64::from(self.send_every);
        (every > 0).then(|| self.sent + (every - every / 4))
    }

    /// After twice the interval, as most clients have it: one beat may be late or lost on its way.
    fn silent_at(&self) -> Option<Time> {
        (self.hear_every > 0).then(|| self.heard + 2 * u64::from(self.hear_every))
    }
}

/// How often the one sends and the other hears.
fn agreed(sender: u32, hearer: u32) -> u32 {
    if sender == 0 || hearer == 0 {
        0
    } else {
        sender.max(hearer)
    }
}

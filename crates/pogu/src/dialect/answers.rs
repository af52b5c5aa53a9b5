//! Answers in the order in which a session spoke, although the engine answers a publish in its own time.

use std::collections::VecDeque;

/// Answers that wait for that of a publish before them. Nothing is held while none is awaited.
#[derive(Default)]
pub(crate) struct Answers {
    held: VecDeque<Held>,
}

enum Held {
    /// The answer to this publish is still to come.
    Publish(u64),
    /// Whole answers.
    Ready(Vec<u8>),
}

impl Answers {
    /// Keeps the place of the answer to publish `seq`.
    pub(super) fn expect(&mut self, seq: u64) {
        self.held.push_back(Held::Publish(seq));
    }

    /// Where the next answer is to be written: `out`, unless one before it is still to come.
    pub(super) fn place<'a>(&'a mut self, out: &'a mut Vec<u8>) -> &'a mut Vec<u8> {
        if self.held.is_empty() {
            return out;
        }
        if !matches!(self.held.back(), Some(Held::Ready(_))) {
            self.held.push_back(Held::Ready(Vec::new()));
        }
        match self.held.back_mut() {
            Some(Held::Ready(bytes)) => bytes,
            _ => out,
        }
    }

    /// The answer to publish `seq` has come: it goes out in its turn, with those that waited for it.
    pub(super) fn arrived(&mut self, seq: u64, answer: Vec<u8>, out: &mut Vec<u8>) {
        if let Some(at) = self.place_of(seq) {
            self.held[at] = Held::Ready(answer);
        }
        while let Some(Held::Ready(bytes)) = self.held.front() {
            out.extend_from_slice(bytes);
            self.held.pop_front();
        }
        if self.held.is_empty() {
            self.held = VecDeque::new();
        }
    }

    /// The same with an answer after which none is to follow: those behind it are dropped, also when they arrive.
    pub(super) fn arrived_last(&mut self, seq: u64, answer: Vec<u8>, out: &mut Vec<u8>) {
        if let Some(at) = self.place_of(seq) {
            self.held.truncate(at + 1);
            self.arrived(seq, answer, out);
        }
    }

    fn place_of(&self, seq: u64) -> Option<usize> {
        let waits = |held: &Held| matches!(held, Held::Publish(other) if *other == seq);
        self.held.iter().position(waits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_keep_the_order_of_what_they_answer() {
        let (mut answers, mut out) = (Answers::default(), Vec::new());
        answers.place(&mut out).push(1);
        answers.expect(2);
        answers.expect(3);
        answers.place(&mut out).push(4);
        answers.place(&mut out).push(5);
        answers.arrived(3, vec![3], &mut out);
        assert_eq!(out, [1]);
        answers.arrived(2, vec![2], &mut out);
        assert_eq!(out, [1, 2, 3, 4, 5]);
        answers.place(&mut out).push(6);
        assert_eq!(out.last(), Some(&6));
    }

    #[test]
    fn nothing_follows_the_last_answer() {
        let (mut answers, mut out) = (Answers::default(), Vec::new());
        answers.expect(1);
        answers.expect(2);
        answers.place(&mut out).push(9);
        answers.expect(3);
        answers.arrived_last(2, vec![2], &mut out);
        assert!(out.is_empty());
        answers.arrived(3, vec![3], &mut out);
        answers.arrived(1, vec![1], &mut out);
        answers.arrived_last(3, vec![3], &mut out);
        assert_eq!(out, [1, 2]);
    }
}

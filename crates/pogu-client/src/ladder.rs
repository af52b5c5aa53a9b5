use crate::{Error, Via};

/// From the best to the one that any proxy lets through.
const RUNGS: [Via; 5] = [Via::Ws, Via::Stream, Via::LongPoll, Via::Poll, Via::SockJs];

/// How often a way may open and break without having brought anything before the next one is tried.
const FRUITLESS_MAX: u32 = 2;

/// Which way is tried next: the one that was asked for, or with [`Via::Auto`] each in turn, down to one that works.
#[derive(Debug)]
pub(crate) struct Ladder {
    asked: Via,
    at: usize,
    fruitless: u32,
}

impl Ladder {
    pub(crate) fn new(asked: Via) -> Self {
        Self {
            asked,
            at: 0,
            fruitless: 0,
        }
    }

    /// The way to try now.
    pub(crate) fn current(&self) -> Via {
        if self.asked == Via::Auto {
            RUNGS[self.at]
        } else {
            self.asked
        }
    }

    /// The current way did not open: goes down a step if that may help, and says whether it did.
    pub(crate) fn refused(&mut self, error: &Error) -> bool {
        // Without a connection no way works, and the best one is still the best; a refusal of the server itself is the
        // same by any way.
        let same_by_any_way = matches!(
            error,
            Error::Connect { .. } | Error::Resolve { .. } | Error::Refused { .. }
        );
        !same_by_any_way && self.down()
    }

    /// The current way broke; `fruitful` if it had brought something.
    pub(crate) fn broke(&mut self, fruitful: bool) {
        if fruitful {
            self.fruitless = 0;
            return;
        }
        self.fruitless += 1;
        if self.fruitless >= FRUITLESS_MAX {
            self.down();
        }
    }

    /// Begins at the top again, after all were tried in vain.
    pub(crate) fn restart(&mut self) {
        self.at = 0;
        self.fruitless = 0;
    }

    fn down(&mut self) -> bool {
        if self.asked != Via::Auto || self.at + 1 >= RUNGS.len() {
            return false;
        }
        self.at += 1;
        self.fruitless = 0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped() -> Error {
        Error::Status {
            status: 426,
            why: String::new(),
        }
    }

    #[test]
    fn auto_goes_down_to_the_last_and_no_further() {
        let mut ladder = Ladder::new(Via::Auto);
        let mut seen = vec![ladder.current()];
        while ladder.refused(&stripped()) {
            seen.push(ladder.current());
        }
        assert_eq!(seen, RUNGS);
        assert_eq!(ladder.current(), Via::SockJs);
        ladder.restart();
        assert_eq!(ladder.current(), Via::Ws);
    }

    #[test]
    fn a_server_that_is_away_is_no_reason_to_go_down() {
        let mut ladder = Ladder::new(Via::Auto);
        let error = Error::Connect {
            address: String::new(),
            cause: std::io::ErrorKind::ConnectionRefused.into(),
        };
        assert!(!ladder.refused(&error));
        assert!(!ladder.refused(&Error::Refused {
            code: "bad-topic".into(),
            why: String::new()
        }));
        assert_eq!(ladder.current(), Via::Ws);
    }

    #[test]
    fn what_breaks_without_fruit_twice_is_left() {
        let mut ladder = Ladder::new(Via::Auto);
        ladder.broke(false);
        ladder.broke(true);
        ladder.broke(false);
        assert_eq!(ladder.current(), Via::Ws);
        ladder.broke(false);
        assert_eq!(ladder.current(), Via::Stream);
    }

    #[test]
    fn a_way_that_was_asked_for_is_kept() {
        let mut ladder = Ladder::new(Via::Sse);
        assert!(!ladder.refused(&stripped()));
        for _ in 0..5 {
            ladder.broke(false);
        }
        assert_eq!(ladder.current(), Via::Sse);
    }
}

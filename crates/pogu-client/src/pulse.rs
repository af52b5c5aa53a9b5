use std::time::Duration;

use tokio::time::Instant;

use crate::{Error, Options};

/// When a peer that says nothing is asked for a sign of life, and when it is given up.
#[derive(Debug)]
pub(crate) struct Pulse {
    idle: Duration,
    heard: Instant,
    /// Silence was met with a question that nothing has followed yet.
    asked: bool,
}

impl Pulse {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            idle: options.idle_timeout,
            heard: Instant::now(),
            asked: false,
        }
    }

    /// Something came.
    pub(crate) fn beat(&mut self) {
        self.heard = Instant::now();
        self.asked = false;
    }

    /// Until when something may come.
    pub(crate) fn deadline(&self) -> Instant {
        self.heard + if self.asked { self.idle * 2 } else { self.idle }
    }

    /// Nothing came until the deadline: the peer is to be asked, or has been asked and is given up.
    pub(crate) fn miss(&mut self, address: &str) -> Result<(), Error> {
        if self.asked {
            return Err(Error::Silent {
                address: address.to_owned(),
                after: self.idle * 2,
            });
        }
        self.asked = true;
        Ok(())
    }
}

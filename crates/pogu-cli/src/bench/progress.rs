//! The progress bar, on standard error and only where that is a terminal.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How far all trials are, in milliseconds of their planned time.
pub(super) struct Bar {
    bar: ProgressBar,
    /// Where the running trial began, when, and for how long it is planned.
    trial: (u64, Instant, u64),
}

impl Bar {
    /// A bar over `trials` trials of `each`.
    pub(super) fn new(trials: usize, each: Duration) -> Bar {
        let each = u64::try_from(each.as_millis()).unwrap_or(u64::MAX);
        let bar = ProgressBar::new(each.saturating_mul(trials as u64));
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}") {
            bar.set_style(style);
        }
        Bar {
            bar,
            trial: (0, Instant::now(), each),
        }
    }

    /// Begins trial `n`, from 0.
    pub(super) fn begin(&mut self, n: usize, name: String) {
        let each = self.trial.2;
        self.trial = (each.saturating_mul(n as u64), Instant::now(), each);
        self.bar.set_message(name);
        self.tick();
    }

    /// Shows the time.
    pub(super) fn tick(&self) {
        let (start, began, each) = self.trial;
        let elapsed = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.bar.set_position(start.saturating_add(elapsed.min(each)));
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

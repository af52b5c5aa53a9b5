use std::collections::{HashSet, VecDeque};

/// How many cursors are remembered.
const RECENT_MAX: usize = 1024;

/// The cursors that came last, to tell what comes twice.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    order: VecDeque<String>,
    set: HashSet<String>,
}

impl Recent {
    /// Whether `cursor` comes for the first time in a long while; remembers it.
    pub(crate) fn is_new(&mut self, cursor: &str) -> bool {
        if !self.set.insert(cursor.to_owned()) {
            return false;
        }
        self.order.push_back(cursor.to_owned());
        if self.order.len() > RECENT_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.set.remove(&oldest);
        }
        true
    }

    /// Whether `cursor` came a short while ago.
    pub(crate) fn has(&self, cursor: &str) -> bool {
        self.set.contains(cursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_knows_the_last_ones_and_no_more() {
        let mut recent = Recent::default();
        for number in 0..RECENT_MAX {
            assert!(recent.is_new(&number.to_string()));
        }
        assert!(recent.has("0") && !recent.has("one more"));
        assert!(!recent.is_new("0"));
        assert!(recent.is_new("one more"));
        assert!(recent.is_new("0"), "it was forgotten");
        assert!(!recent.is_new("one more"));
        assert_eq!((recent.set.len(), recent.order.len()), (RECENT_MAX, RECENT_MAX));
    }
}

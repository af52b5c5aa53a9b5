//! Transactions: what was sent and acknowledged between BEGIN and COMMIT, done at once or not at all.

use pogu_hub::{Draft, Settle};

use super::Refusal;

/// Transactions that a session may have open at a time.
const TRANSACTIONS_MAX: usize = 32;
/// Frames of one transaction.
const FRAMES_MAX: usize = 10_000;
/// Bytes of its messages, as the hub counts them.
const BYTES_MAX: usize = 16 << 20;

/// What has begun and is not committed.
#[derive(Default)]
pub(super) struct Transaction {
    name: Box<str>,
    pub(super) drafts: Vec<Draft>,
    pub(super) settles: Vec<Settle>,
    /// Receipts asked for by its SENDs, due at its COMMIT.
    pub(super) receipts: Vec<Box<str>>,
    bytes: usize,
}

impl Transaction {
    fn count(&self, more: usize) -> Result<(), Refusal> {
        if self.drafts.len() + self.settles.len() >= FRAMES_MAX {
            return Err(Refusal::new(
                "transaction too large",
                format!(
                    "transaction `{}` has {FRAMES_MAX} frames, the most there may be",
                    self.name
                ),
            ));
        }
        if self.bytes + more > BYTES_MAX {
            return Err(Refusal::new(
                "transaction too large",
                format!(
                    "the messages of transaction `{}` have more than {BYTES_MAX} bytes",
                    self.name
                ),
            ));
        }
        Ok(())
    }

    pub(super) fn send(&mut self, draft: Draft) -> Result<(), Refusal> {
        let bytes = draft.size();
        self.count(bytes)?;
        self.bytes += bytes;
        self.drafts.push(draft);
        Ok(())
    }

    pub(super) fn settle(&mut self, settle: Settle) -> Result<(), Refusal> {
        self.count(0)?;
        self.settles.push(settle);
        Ok(())
    }
}

pub(super) fn begin(open: &mut Vec<Transaction>, name: &str) -> Result<(), Refusal> {
    if open.iter().any(|transaction| &*transaction.name == name) {
        return Err(Refusal::new(
            "transaction begun already",
            format!("transaction `{name}` is not ended"),
        ));
    }
    if open.len() >= TRANSACTIONS_MAX {
        return Err(Refusal::new(
            "too many transactions",
            format!("a session has at most {TRANSACTIONS_MAX} transactions at a time"),
        ));
    }
    open.push(Transaction {
        name: name.into(),
        ..Transaction::default()
    });
    Ok(())
}

pub(super) fn find<'t>(open: &'t mut [Transaction], name: &str) -> Result<&'t mut Transaction, Refusal> {
    open.iter_mut()
        .find(|transaction| &*transaction.name == name)
        .ok_or_else(|| unknown(name))
}

/// Takes it out, for COMMIT and ABORT.
pub(super) fn end(open: &mut Vec<Transaction>, name: &str) -> Result<Transaction, Refusal> {
    let at = open.iter().position(|transaction| &*transaction.name == name);
    at.map(|at| open.swap_remove(at)).ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> Refusal {
    Refusal::new(
        "unknown transaction",
        format!("no transaction `{name}` has begun"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use pogu_hub::Kind;

    fn draft(bytes: usize) -> Draft {
        Draft::new("a".parse().expect("a topic"), Kind::Binary, vec![0; bytes])
    }

    #[test]
    fn a_transaction_is_bounded_in_frames_and_bytes() {
        let mut open = Vec::new();
        assert!(begin(&mut open, "t").is_ok());
        let Ok(transaction) = find(&mut open, "t") else {
            panic!("it has begun")
        };
        let overhead = draft(0).size();
        for _ in 0..FRAMES_MAX {
            assert!(transaction.send(draft(0)).is_ok());
        }
        assert!(transaction.send(draft(0)).is_err());
        let Ok(_) = end(&mut open, "t") else {
            panic!("it has begun")
        };
        assert!(begin(&mut open, "t").is_ok());
        let Ok(transaction) = find(&mut open, "t") else {
            panic!("it has begun")
        };
        assert!(transaction.send(draft(BYTES_MAX - overhead)).is_ok());
        assert!(transaction.send(draft(0)).is_err());
    }

    #[test]
    fn so_many_at_a_time_and_each_name_once() {
        let mut open = Vec::new();
        for at in 0..TRANSACTIONS_MAX {
            assert!(begin(&mut open, &at.to_string()).is_ok());
        }
        assert!(begin(&mut open, "one more").is_err());
        assert!(end(&mut open, "0").is_ok());
        assert!(begin(&mut open, "1").is_err());
        assert!(begin(&mut open, "one more").is_ok());
        assert!(find(&mut open, "0").is_err());
    }
}

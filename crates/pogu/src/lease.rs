//! How long a UDP address is known, and how much it may be sent.

use pogu_proto::Time;

/// An address without a token is sent at most so many times what it sent (as RFC 9000 §8.1).
pub(crate) const AMPLIFICATION: usize = 3;

/// The state of an address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lease {
    pub(crate) until: Time,
    /// It has shown a token: it receives what is sent to it.
    verified: bool,
    /// Bytes that may still be sent to it unverified.
    credit: usize,
}

impl Lease {
    /// A lease of an address of which nothing is known.
    pub(crate) fn new(until: Time) -> Self {
        Self {
            until,
            verified: false,
            credit: 0,
        }
    }

    /// It has shown that it receives what is sent to it.
    pub(crate) fn verify(&mut self) {
        self.verified = true;
    }

    /// So many bytes came from it.
    pub(crate) fn heard(&mut self, bytes: usize) {
        self.credit = self.credit.saturating_add(AMPLIFICATION * bytes);
    }

    /// Whether `bytes` may be sent, which uses up credit.
    pub(crate) fn allows(&mut self, bytes: usize) -> bool {
        let allowed = self.affords(bytes);
        if allowed && !self.verified {
            self.credit -= bytes;
        }
        allowed
    }

    /// Whether `bytes` may be sent.
    pub(crate) fn affords(&self, bytes: usize) -> bool {
        self.verified || bytes <= self.credit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_token_is_sent_three_times_what_it_sent() {
        let mut lease = Lease::new(Time(0));
        lease.heard(10);
        assert!(lease.allows(29));
        assert!(!lease.allows(2));
        assert!(lease.allows(1));
        assert!(!lease.allows(1));
        lease.verify();
        assert!(lease.allows(65_507));
    }
}

//! Cursors, places in the one total order, and where a reader starts.

use std::fmt;
use std::str::FromStr;

/// The place of a message in the engine's one total order, written `<epoch in base 36>-<seq>`, `k3f-18`. Opaque to
/// clients. A new epoch begins when history was lost (a restart): places of different epochs do not compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// Which life of the engine.
    pub epoch: u64,
    /// The number of the message; 0 is before the first.
    pub seq: u64,
}

/// Where a reader or a subscription starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// With what is published from now on. Not written: it is what the absence of `after` means.
    Now,
    /// With the oldest message still kept: `earliest`.
    Earliest,
    /// With the last so many messages still kept: `last:N`.
    Last(u32),
    /// With the message after this place.
    Cursor(Cursor),
}

/// The text is no cursor, or neither `earliest` nor `last:N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    /// Not of the form `<epoch>-<seq>` as the server writes it.
    #[error("not a cursor this server gave out")]
    Cursor,
    /// `last:` without a number that fits.
    #[error("after=last:N needs a whole number up to {}", u32::MAX)]
    Last,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
        let mut text = [0u8; 13];
        let mut at = text.len();
        let mut rest = self.epoch;
        loop {
            at -= 1;
            text[at] = DIGITS[(rest % 36) as usize];
            rest /= 36;
            if rest == 0 {
                break;
            }
        }
        f.write_str(str::from_utf8(&text[at..]).unwrap_or_default())?;
        f.write_str("-")?;
        f.write_str(itoa::Buffer::new().format(self.seq))
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    /// Takes only what `Display` writes: lower case, no sign, no leading zeros, no overflow.
    fn from_str(text: &str) -> Result<Cursor, CursorError> {
        let (epoch, seq) = text.split_once('-').ok_or(CursorError::Cursor)?;
        match (number(epoch, 36), number(seq, 10)) {
            (Some(epoch), Some(seq)) => Ok(Cursor { epoch, seq }),
            _ => Err(CursorError::Cursor),
        }
    }
}

impl FromStr for After {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<After, CursorError> {
        if text == "earliest" {
            return Ok(After::Earliest);
        }
        if let Some(count) = text.strip_prefix("last:") {
            let count = number(count, 10).and_then(|count| u32::try_from(count).ok());
            return count.map(After::Last).ok_or(CursorError::Last);
        }
        text.parse().map(After::Cursor)
    }
}

/// A number without sign, upper case or leading zeros. Stops at the first digit that does not fit.
fn number(text: &str, radix: u32) -> Option<u64> {
    let bytes = text.as_bytes();
    if bytes.is_empty() || (bytes.len() > 1 && bytes[0] == b'0') {
        return None;
    }
    bytes.iter().try_fold(0u64, |sum, &byte| {
        if byte.is_ascii_uppercase() {
            return None;
        }
        let digit = char::from(byte).to_digit(radix)?;
        sum.checked_mul(u64::from(radix))?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn written_and_read() {
        let cursor = Cursor {
            epoch: 26043,
            seq: 18,
        };
        assert_eq!(cursor.to_string(), "k3f-18");
        assert_eq!("k3f-18".parse(), Ok(cursor));
        assert_eq!("0-0".parse(), Ok(Cursor { epoch: 0, seq: 0 }));
        let last = Cursor {
            epoch: u64::MAX,
            seq: u64::MAX,
        };
        assert_eq!(last.to_string(), "3w5e11264sgsf-18446744073709551615");
        assert_eq!(last.to_string().parse(), Ok(last));
    }

    #[test]
    fn strict() {
        for text in [
            "",
            "-",
            "k3f",
            "k3f-",
            "-18",
            "K3f-18",
            "k3f-018",
            "0k-1",
            "k3f-+1",
            "k3f--1",
            "k3f-1-2",
            " k3f-1",
            "k3f-1 ",
            "k3f-1a",
            "3w5e11264sgsg-1",
            "k3f-18446744073709551616",
            "포-1",
        ] {
            assert_eq!(text.parse::<Cursor>(), Err(CursorError::Cursor), "{text:?}");
        }
        assert!("9".repeat(1 << 20).parse::<Cursor>().is_err());
    }

    #[test]
    fn after() {
        assert_eq!("earliest".parse(), Ok(After::Earliest));
        assert_eq!("last:0".parse(), Ok(After::Last(0)));
        assert_eq!("last:4294967295".parse(), Ok(After::Last(u32::MAX)));
        assert_eq!("last:4294967296".parse::<After>(), Err(CursorError::Last));
        assert_eq!("last:".parse::<After>(), Err(CursorError::Last));
        assert_eq!("last:-1".parse::<After>(), Err(CursorError::Last));
        assert_eq!("latest".parse::<After>(), Err(CursorError::Cursor));
        assert_eq!("a-1".parse(), Ok(After::Cursor(Cursor { epoch: 10, seq: 1 })));
    }

    proptest! {
        #[test]
        fn round_trip(epoch: u64, seq: u64) {
            let cursor = Cursor { epoch, seq };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn what_parses_is_written_the_same(text in "[0-9a-zA-Z+-]{1,8}-[0-9+-]{1,8}") {
            if let Ok(cursor) = text.parse::<Cursor>() {
                prop_assert_eq!(cursor.to_string(), text);
            }
        }
    }
}

//! Values as people write them: sizes and durations.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected, Visitor};

const SIZE_UNITS: [(&str, usize); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

const DURATION_UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

const SIZE_EXPECTED: &str = "a size such as \"64KiB\" or \"1MiB\", or a whole number of bytes";
const DURATION_EXPECTED: &str = "a duration such as \"500ms\", \"10s\", \"5m\" or \"1h\"";

/// A number of bytes, written `64KiB`, `1MiB`, `2GiB`, `100B` or `100`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(usize);

impl Size {
    /// So many bytes.
    pub const fn new(bytes: usize) -> Size {
        Size(bytes)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> usize {
        self.0
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Size, String> {
        let (digits, unit) = split_unit(text);
        let factor = match unit {
            "" => Some(1),
            _ => SIZE_UNITS
                .iter()
                .find(|(name, _)| *name == unit)
                .map(|(_, factor)| *factor),
        };
        factor
            .zip(digits.parse::<usize>().ok())
            .and_then(|(factor, number)| number.checked_mul(factor))
            .map(Size)
            .ok_or_else(|| format!("{text:?} is not {SIZE_EXPECTED}"))
    }
}

impl fmt::Display for Size {
    /// In the largest unit that divides it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = SIZE_UNITS
            .into_iter()
            .find(|(_, factor)| self.0 != 0 && self.0.is_multiple_of(*factor))
            .unwrap_or(("B", 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Size, D::Error> {
        deserializer.deserialize_any(SizeVisitor)
    }
}

/// Reads `"500ms"`, `"10s"`, `"5m"` or `"1h"`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let (digits, unit) = split_unit(text);
    DURATION_UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .zip(digits.parse::<u64>().ok())
        .and_then(|((_, factor), number)| number.checked_mul(*factor))
        .map(Duration::from_millis)
        .ok_or_else(|| format!("{text:?} is not {DURATION_EXPECTED}"))
}

fn split_unit(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// For `#[serde(deserialize_with)]`.
pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_any(DurationVisitor)
}

struct SizeVisitor;

impl Visitor<'_> for SizeVisitor {
    type Value = Size;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SIZE_EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Size, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Size, E> {
        usize::try_from(number)
            .map(Size)
            .map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
    }
}

struct DurationVisitor;

impl Visitor<'_> for DurationVisitor {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(DURATION_EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        parse_duration(text).map_err(E::custom)
    }
}

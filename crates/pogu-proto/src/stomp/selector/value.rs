//! Values, and how they compare and add up.

use std::cmp::Ordering;

use super::NUMBER_MAX;

/// What a part of a selector comes to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    /// A header that is not there, and a condition that is unknown.
    Null,
    Bool(bool),
    Number(Number),
    Text(&'a str),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Whole(i64),
    /// Not NaN.
    Float(f64),
}

/// How two values compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compared {
    /// One is NULL.
    Unknown,
    /// They are of kinds that do not compare, or are conditions that differ.
    Apart,
    Ordered(Ordering),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
}

impl<'a> Value<'a> {
    pub(super) fn from_condition(condition: Option<bool>) -> Self {
        condition.map_or(Value::Null, Value::Bool)
    }

    /// As a condition; `None` is unknown.
    pub(super) fn condition(self) -> Option<bool> {
        match self {
            Value::Bool(bool) => Some(bool),
            Value::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Value::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }

    pub(super) fn number(self) -> Option<Number> {
        match self {
            Value::Number(number) => Some(number),
            Value::Text(text) => Number::parse(text),
            Value::Null | Value::Bool(_) => None,
        }
    }

    pub(super) fn compare(self, other: Value<'_>) -> Compared {
        match (self, other) {
            (Value::Null, _) | (_, Value::Null) => Compared::Unknown,
            (Value::Text(left), Value::Text(right)) => Compared::Ordered(left.cmp(right)),
            (Value::Bool(_), _) | (_, Value::Bool(_)) => {
                let both = self.condition().zip(other.condition());
                match both {
                    Some((left, right)) if left == right => Compared::Ordered(Ordering::Equal),
                    _ => Compared::Apart,
                }
            }
            _ => {
                let both = self.number().zip(other.number());
                both.map_or(Compared::Apart, |(left, right)| left.compare(right))
            }
        }
    }
}

impl Number {
    /// Digits, perhaps with a sign, a point and an exponent. A whole number that is too large is a floating-point number.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut letters = text.bytes();
        // What Rust reads besides, such as `inf` and `nan`, are names.
        let is_number =
            letters.all(|letter| matches!(letter, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
        if !is_number || text.len() > NUMBER_MAX {
            return None;
        }
        match text.parse() {
            Ok(whole) => Some(Number::Whole(whole)),
            Err(_) => text.parse().ok().map(Number::Float),
        }
    }

    pub(super) fn is_finite(self) -> bool {
        match self {
            Number::Whole(_) => true,
            Number::Float(float) => float.is_finite(),
        }
    }

    pub(super) fn negate(self) -> Self {
        match self {
            Number::Whole(whole) => whole
                .checked_neg()
                .map_or(Number::Float(-(whole as f64)), Number::Whole),
            Number::Float(float) => Number::Float(-float),
        }
    }

    /// `None` when there is no such number.
    pub(super) fn calculate(self, arithmetic: Arithmetic, other: Self) -> Option<Self> {
        if let (Number::Whole(left), Number::Whole(right)) = (self, other) {
            let whole = match arithmetic {
                Arithmetic::Add => left.checked_add(right),
                Arithmetic::Subtract => left.checked_sub(right),
                Arithmetic::Multiply => left.checked_mul(right),
                Arithmetic::Divide if right == 0 => return None,
                Arithmetic::Divide => left.checked_div(right),
            };
            if let Some(whole) = whole {
                return Some(Number::Whole(whole));
            }
        }
        let (left, right) = (self.float(), other.float());
        let float = match arithmetic {
            Arithmetic::Add => left + right,
            Arithmetic::Subtract => left - right,
            Arithmetic::Multiply => left * right,
            Arithmetic::Divide if right == 0.0 => return None,
            Arithmetic::Divide => left / right,
        };
        (!float.is_nan()).then_some(Number::Float(float))
    }

    fn compare(self, other: Self) -> Compared {
        let ordering = match (self, other) {
            (Number::Whole(left), Number::Whole(right)) => Some(left.cmp(&right)),
            _ => self.float().partial_cmp(&other.float()),
        };
        ordering.map_or(Compared::Apart, Compared::Ordered)
    }

    fn float(self) -> f64 {
        match self {
            Number::Whole(whole) => whole as f64,
            Number::Float(float) => float,
        }
    }
}

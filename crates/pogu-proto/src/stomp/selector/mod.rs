//! Selectors of SUBSCRIBE: which messages a subscription wants, by their headers, in the part of SQL-92 that JMS and ActiveMQ made known.
//!
//! ```text
//! price > 10.5 AND symbol IN ('POGU', 'PORT') AND NOT (region LIKE 'eu-%' OR "reply-to" IS NULL)
//! ```
//!
//! # Grammar
//!
//! ```text
//! selector   = condition                                          at most 1 KiB
//! condition  = condition OR condition / condition AND condition / NOT condition / predicate
//! predicate  = value [ ( "=" / "<>" / "<" / "<=" / ">" / ">=" ) value ]
//!            / value [NOT] BETWEEN value AND value
//!            / value [NOT] IN "(" literal *( "," literal ) ")"
//!            / value [NOT] LIKE text [ ESCAPE text ]
//!            / value IS [NOT] NULL
//! value      = value ( "*" / "/" ) value / value ( "+" / "-" ) value / ( "-" / "+" ) value
//!            / literal / header / TRUE / FALSE / "(" condition ")"
//! literal    = text / number
//! text       = "'" *( any but "'" / "''" ) "'"
//! number     = digits [ "." [ digits ] ] [ exponent ] / "." digits [ exponent ]      at most 64 characters
//! header     = ( letter / "_" / "$" ) *( letter / digit / "_" / "$" / "." )
//!            / DQUOTE 1*( any but DQUOTE / 2DQUOTE ) DQUOTE       as `"correlation-id"`
//! ```
//!
//! - Keywords are read in any case, names of headers and text as they are. `OR` binds least, then `AND`, `NOT`, comparisons, `+` and `-`, `*` and `/`, signs.
//! - A header that a message lacks is NULL. What depends on NULL is unknown: NOT leaves it so, `FALSE AND` and `TRUE OR` decide it, and a message
//!   for which the whole is unknown is not selected.
//! - Headers are text. Beside a number, and in arithmetic, one that reads as a number of at most 64 characters is that number; beside TRUE, FALSE and
//!   in a condition, `true` and `false` in any case are those. Text and text compare by their characters, so `'10' < '9'`.
//! - What cannot be compared is not equal: `=`, `<` and their like are false, `<>` is true. Arithmetic with what is no number is NULL.
//! - Whole numbers of 64 bits are exact, and `/` of two is whole; what does not fit is a floating-point number. Division by 0 is NULL.
//! - In LIKE `_` is one character and `%` any number of them; after the character of ESCAPE each is itself.

mod error;
mod lexer;
mod like;
mod parser;
mod program;
mod value;

use std::str::FromStr;
use std::sync::Arc;

pub use error::{SelectorError, Wrong};

use program::Program;

/// A selector, parsed once and evaluated for each message. Cloning shares it.
///
/// Neither parsing nor evaluation recurses. A node takes at most time in proportion to its text and to the header that it is about.
#[derive(Clone, Debug)]
pub struct Selector(Arc<Program>);

/// Bytes of a selector.
pub const TEXT_MAX: usize = 1024;

/// Values, comparisons, operators and lists of a selector.
pub const NODES_MAX: usize = 255;

/// LIKEs of a selector: each looks at a whole header.
pub const PATTERNS_MAX: usize = 16;

/// Characters of a number, in a selector or in a header.
pub const NUMBER_MAX: usize = 64;

/// Parentheses and operators that wait for their right side, and values that wait for their operator.
pub const DEPTH_MAX: usize = 32;

impl Selector {
    /// Whether a message with these headers is selected. `header` finds the value of a header by name.
    pub fn matches<'h>(&self, header: impl Fn(&str) -> Option<&'h str>) -> bool {
        self.0.evaluate(&header) == Some(true)
    }
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        parser::parse(text).map(|program| Self(Arc::new(program)))
    }
}

#[cfg(test)]
mod tests;

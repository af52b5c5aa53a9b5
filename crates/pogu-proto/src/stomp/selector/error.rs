use super::{DEPTH_MAX, NODES_MAX, NUMBER_MAX, PATTERNS_MAX, TEXT_MAX};

/// Why a selector could not be read, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at byte {position} of the selector: {wrong}")]
pub struct SelectorError {
    /// Bytes before the place.
    pub position: usize,
    /// What is wrong there.
    pub wrong: Wrong,
}

/// What is wrong with a selector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Wrong {
    /// Longer than [`TEXT_MAX`].
    #[error("a selector has at most {TEXT_MAX} bytes")]
    TooLong,
    /// More than [`NODES_MAX`].
    #[error("a selector has at most {NODES_MAX} values and operators")]
    TooLarge,
    /// More than [`PATTERNS_MAX`].
    #[error("a selector has at most {PATTERNS_MAX} LIKEs")]
    TooManyPatterns,
    /// Deeper than [`DEPTH_MAX`].
    #[error("parentheses and operators are nested at most {DEPTH_MAX} deep")]
    TooDeep,
    /// No token begins so.
    #[error("no value or operator begins with this character")]
    Character,
    /// `!=` and `==`.
    #[error("equal is `=` and not equal is `<>`")]
    Equality,
    /// A text or a quoted name that does not end.
    #[error("the closing quote is missing")]
    Quote,
    /// A quoted name of no characters.
    #[error("the name of a header is empty")]
    EmptyName,
    /// A number that is none, longer than [`NUMBER_MAX`], or too large for a floating-point number.
    #[error(
        "this is not a number of at most {NUMBER_MAX} characters; names that begin with a digit stand in double quotes"
    )]
    Number,
    /// Something else where a value belongs.
    #[error("here belongs a header, a text, a number or `(`")]
    Value,
    /// Something else where an operator belongs.
    #[error("here belongs an operator such as `=`, AND or LIKE, or the end")]
    Operator,
    /// NULL as a value.
    #[error("nothing equals NULL: use IS NULL or IS NOT NULL")]
    Null,
    /// NOT where a value belongs.
    #[error("NOT belongs before a condition; put it in parentheses here")]
    Not,
    /// After `IS`.
    #[error("after IS belongs NULL or NOT NULL")]
    Is,
    /// After `value NOT`.
    #[error("after a value and NOT belongs BETWEEN, IN or LIKE")]
    NotWhat,
    /// BETWEEN without its AND.
    #[error("after BETWEEN belong two values with AND between them")]
    Between,
    /// After IN.
    #[error("after IN belong texts or numbers in parentheses, with commas between them")]
    List,
    /// Before LIKE.
    #[error("before LIKE belongs a header; a name such as correlation-id stands in double quotes")]
    Like,
    /// After LIKE.
    #[error("after LIKE belongs a text")]
    Pattern,
    /// After ESCAPE.
    #[error("after ESCAPE belongs a text of one character")]
    Escape,
    /// An escape at the end of a pattern.
    #[error("the pattern ends in its escape character")]
    EscapeLast,
    /// A parenthesis that nothing closes.
    #[error("this parenthesis is not closed")]
    Open,
    /// A parenthesis that nothing opened.
    #[error("this parenthesis was not opened")]
    Close,
    /// A value where a condition belongs.
    #[error("this is a value: here belongs a condition, such as a comparison")]
    Condition,
    /// A condition or a text where a number belongs.
    #[error("here belongs a number, or a header that may be one")]
    Arithmetic,
    /// A condition beside a number, or between others where it has no order.
    #[error("a condition can only be equal to a condition")]
    Compare,
    /// `1 = 'a'`, and with a header subtracted from another `correlation-id = 'a'`.
    #[error("a number never equals a text; a name such as correlation-id stands in double quotes")]
    NumberAndText,
}

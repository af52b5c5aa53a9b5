//! From text to tokens.

use super::error::{SelectorError, Wrong};
use super::value::Number;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Keyword(Keyword),
    /// The name of a header.
    Name(Box<str>),
    Text(Box<str>),
    Number(Number),
    Symbol(Symbol),
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keyword {
    And,
    Between,
    Escape,
    False,
    In,
    Is,
    Like,
    Not,
    Null,
    Or,
    True,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Symbol {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Plus,
    Minus,
    Times,
    Over,
    Open,
    Close,
    Comma,
}

const KEYWORDS: [(&str, Keyword); 11] = [
    ("AND", Keyword::And),
    ("BETWEEN", Keyword::Between),
    ("ESCAPE", Keyword::Escape),
    ("FALSE", Keyword::False),
    ("IN", Keyword::In),
    ("IS", Keyword::Is),
    ("LIKE", Keyword::Like),
    ("NOT", Keyword::Not),
    ("NULL", Keyword::Null),
    ("OR", Keyword::Or),
    ("TRUE", Keyword::True),
];

/// Longer ones before those that they begin with.
const SYMBOLS: [(&str, Symbol); 13] = [
    ("<>", Symbol::NotEqual),
    ("<=", Symbol::LessEqual),
    (">=", Symbol::GreaterEqual),
    ("=", Symbol::Equal),
    ("<", Symbol::Less),
    (">", Symbol::Greater),
    ("+", Symbol::Plus),
    ("-", Symbol::Minus),
    ("*", Symbol::Times),
    ("/", Symbol::Over),
    ("(", Symbol::Open),
    (")", Symbol::Close),
    (",", Symbol::Comma),
];

/// The tokens of a selector, one by one.
#[derive(Clone)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    /// Where the next token begins, or white space before it.
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next token and where it begins; at the end [`Token::End`], again and again.
    pub(super) fn next(&mut self) -> Result<(usize, Token), SelectorError> {
        let rest = &self.text[self.at..];
        let rest = rest.trim_start();
        let start = self.text.len() - rest.len();
        let (length, token) = token(rest).map_err(|wrong| SelectorError {
            position: start,
            wrong,
        })?;
        self.at = start + length;
        Ok((start, token))
    }
}

/// The first token of `rest`, and its length.
fn token(rest: &str) -> Result<(usize, Token), Wrong> {
    let mut characters = rest.chars();
    let Some(first) = characters.next() else {
        return Ok((0, Token::End));
    };
    if first == '\'' {
        let (length, text) = quoted(rest, '\'')?;
        return Ok((length, Token::Text(text)));
    }
    if first == '"' {
        let (length, name) = quoted(rest, '"')?;
        if name.is_empty() {
            return Err(Wrong::EmptyName);
        }
        return Ok((length, Token::Name(name)));
    }
    if first.is_alphabetic() || first == '_' || first == '$' {
        let length = rest.find(|letter| !is_of_name(letter)).unwrap_or(rest.len());
        return Ok((length, word(&rest[..length])));
    }
    let is_digit = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_digit());
    if is_digit(Some(first)) || first == '.' && is_digit(characters.next()) {
        let length = number_length(rest);
        let number = Number::parse(&rest[..length])
            .filter(|number| number.is_finite())
            .ok_or(Wrong::Number)?;
        return Ok((length, Token::Number(number)));
    }
    if rest.starts_with("!=") || rest.starts_with("==") {
        return Err(Wrong::Equality);
    }
    SYMBOLS
        .iter()
        .find(|(spelling, _)| rest.starts_with(spelling))
        .map(|(spelling, symbol)| (spelling.len(), Token::Symbol(*symbol)))
        .ok_or(Wrong::Character)
}

fn word(word: &str) -> Token {
    KEYWORDS
        .iter()
        .find(|(spelling, _)| spelling.eq_ignore_ascii_case(word))
        .map_or_else(
            || Token::Name(word.into()),
            |(_, keyword)| Token::Keyword(*keyword),
        )
}

fn is_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '$' | '.')
}

/// What stands between the quote that `rest` begins with and the next one alone; two are one quote.
fn quoted(rest: &str, quote: char) -> Result<(usize, Box<str>), Wrong> {
    let mut text = String::new();
    let mut at = 1;
    loop {
        let end = at + rest[at..].find(quote).ok_or(Wrong::Quote)?;
        text.push_str(&rest[at..end]);
        at = end + 1;
        if !rest[at..].starts_with(quote) {
            return Ok((at, text.into()));
        }
        text.push(quote);
        at += 1;
    }
}

/// How many bytes at the start of `rest` are meant as a number, letters that do not belong there included.
fn number_length(rest: &str) -> usize {
    let mut before = ' ';
    let end = rest.find(|letter: char| {
        let is_sign_of_exponent = matches!(letter, '+' | '-') && matches!(before, 'e' | 'E');
        before = letter;
        !is_of_name(letter) && !is_sign_of_exponent
    });
    end.unwrap_or(rest.len())
}

/// Levels of arrays and objects in one another where nobody says how many.
pub(crate) const DEPTH_MAX: usize = 64;

/// The most of them that can be said.
pub(crate) const LEVELS_MAX: usize = 128;

/// Why a text is no JSON that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum JsonError {
    #[error("invalid JSON")]
    Malformed,
    #[error("JSON of more than {0} levels")]
    TooDeep(usize),
}

/// A piece of a JSON text. Strings and keys are lent without their quotes, escapes and all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// `[`
    Array,
    /// `{`
    Object,
    /// `]` or `}`
    End,
    Key(&'a str),
    String(&'a str),
    Number(&'a str),
    True,
    False,
    Null,
}

/// Reads a text token by token and so checks it: `Ok(None)` after one whole value and nothing else but white space.
#[derive(Debug)]
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// A bit a level, that of the innermost lowest: whether it is an object.
    levels: u128,
    depth: usize,
    depth_max: usize,
    expect: Expect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Value,
    /// The first of an array, or its end.
    Element,
    /// The first of an object, or its end.
    Member,
    Key,
    CommaOrEnd,
    Nothing,
}

/// Checks that `text` is one value of at most `depth_max` levels.
pub(crate) fn check(text: &str, depth_max: usize) -> Result<(), JsonError> {
    let mut scanner = Scanner::new(text, depth_max);
    while scanner.next()?.is_some() {}
    Ok(())
}

impl<'a> Scanner<'a> {
    /// Of at most `depth_max` levels, or of [`LEVELS_MAX`].
    pub(crate) fn new(text: &'a str, depth_max: usize) -> Self {
        Self {
            text,
            at: 0,
            levels: 0,
            depth: 0,
            depth_max: depth_max.min(LEVELS_MAX),
            expect: Expect::Value,
        }
    }

    /// Arrays and objects that are open.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    pub(crate) fn next(&mut self) -> Result<Option<Token<'a>>, JsonError> {
        let mut byte = self.peek();
        if self.expect == Expect::CommaOrEnd && byte == Some(b',') {
            self.at += 1;
            byte = self.peek();
            self.expect = if self.is_object() {
                Expect::Key
            } else {
                Expect::Value
            };
        }
        let Some(byte) = byte else {
            return match self.expect {
                Expect::Nothing => Ok(None),
                _ => Err(JsonError::Malformed),
            };
        };
        match (self.expect, byte) {
            (Expect::Element | Expect::Member | Expect::CommaOrEnd, b']' | b'}') => self.end(byte).map(Some),
            (Expect::Member | Expect::Key, b'"') => self.key().map(Some),
            (Expect::Value | Expect::Element, _) => self.value(byte).map(Some),
            _ => Err(JsonError::Malformed),
        }
    }

    fn is_object(&self) -> bool {
        self.levels & 1 == 1
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            if !is_white(byte) {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    fn begin(&mut self, is_object: bool) -> Result<(), JsonError> {
        if self.depth == self.depth_max {
            return Err(JsonError::TooDeep(self.depth_max));
        }
        self.at += 1;
        self.depth += 1;
        self.levels = self.levels << 1 | u128::from(is_object);
        self.expect = if is_object {
            Expect::Member
        } else {
            Expect::Element
        };
        Ok(())
    }

    fn end(&mut self, byte: u8) -> Result<Token<'a>, JsonError> {
        if self.is_object() != (byte == b'}') {
            return Err(JsonError::Malformed);
        }
        self.at += 1;
        self.depth -= 1;
        self.levels >>= 1;
        self.after_value();
        Ok(Token::End)
    }

    fn after_value(&mut self) {
        self.expect = if self.depth == 0 {
            Expect::Nothing
        } else {
            Expect::CommaOrEnd
        };
    }

    fn key(&mut self) -> Result<Token<'a>, JsonError> {
        let key = self.string()?;
        if self.peek() != Some(b':') {
            return Err(JsonError::Malformed);
        }
        self.at += 1;
        self.expect = Expect::Value;
        Ok(Token::Key(key))
    }

    fn value(&mut self, byte: u8) -> Result<Token<'a>, JsonError> {
        let token = match byte {
            b'[' => {
                self.begin(false)?;
                return Ok(Token::Array);
            }
            b'{' => {
                self.begin(true)?;
                return Ok(Token::Object);
            }
            b'"' => Token::String(self.string()?),
            b't' => self.word("true", Token::True)?,
            b'f' => self.word("false", Token::False)?,
            b'n' => self.word("null", Token::Null)?,
            _ => Token::Number(self.number()?),
        };
        self.after_value();
        Ok(token)
    }

    fn word(&mut self, word: &str, token: Token<'a>) -> Result<Token<'a>, JsonError> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(JsonError::Malformed);
        }
        self.at += word.len();
        Ok(token)
    }

    /// What is between the quote that stands here and the next that is not escaped.
    fn string(&mut self) -> Result<&'a str, JsonError> {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        let mut at = start;
        loop {
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => at += escape_len(&bytes[at..]).ok_or(JsonError::Malformed)?,
                Some(0..0x20) | None => return Err(JsonError::Malformed),
                Some(_) => at += 1,
            }
        }
        self.at = at + 1;
        Ok(&self.text[start..at])
    }

    fn number(&mut self) -> Result<&'a str, JsonError> {
        let rest = &self.text.as_bytes()[self.at..];
        let length = number_len(rest).ok_or(JsonError::Malformed)?;
        let start = self.at;
        self.at += length;
        Ok(&self.text[start..self.at])
    }
}

/// Bytes of the escape that begins `bytes`.
fn escape_len(bytes: &[u8]) -> Option<usize> {
    match bytes.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => bytes.get(2..6)?.iter().all(u8::is_ascii_hexdigit).then_some(6),
        _ => None,
    }
}

/// Bytes of the number that begins `bytes`.
fn number_len(bytes: &[u8]) -> Option<usize> {
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    let whole = digits(bytes, at)?;
    let has_leading_zero = bytes[at] == b'0' && whole > 1;
    if has_leading_zero {
        return None;
    }
    at += whole;
    if bytes.get(at) == Some(&b'.') {
        at += 1;
        at += digits(bytes, at)?;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1;
        at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
        at += digits(bytes, at)?;
    }
    Some(at)
}

/// How many digits stand at `at`, at least 1.
fn digits(bytes: &[u8], at: usize) -> Option<usize> {
    let digits = bytes.get(at..)?.iter().take_while(|byte| byte.is_ascii_digit());
    Some(digits.count()).filter(|count| *count > 0)
}

pub(super) fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

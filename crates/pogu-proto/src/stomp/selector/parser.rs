//! From tokens to a program, by the precedence of operators: what waits for its right side stands on a stack, not in calls of functions.

use super::error::{SelectorError, Wrong};
use super::lexer::{Keyword, Lexer, Symbol, Token};
use super::like::Like;
use super::program::{Comparison, Literal, Node, Program};
use super::value::Arithmetic;
use super::{DEPTH_MAX, NODES_MAX, PATTERNS_MAX, TEXT_MAX};

pub(super) fn parse(text: &str) -> Result<Program, SelectorError> {
    if text.len() > TEXT_MAX {
        return Err(SelectorError {
            position: TEXT_MAX,
            wrong: Wrong::TooLong,
        });
    }
    let mut lexer = Lexer::new(text);
    let mut parser = Parser::default();
    loop {
        parser.value(&mut lexer)?;
        if !parser.operator(&mut lexer)? {
            return Ok(Program(parser.nodes.into()));
        }
    }
}

#[derive(Default)]
struct Parser {
    nodes: Vec<Node>,
    /// LIKEs among them.
    patterns: usize,
    /// Operators and parentheses that wait for their right side, with their places.
    waiting: Vec<(usize, Waiting)>,
    /// What the nodes so far leave, with the places where it begins.
    values: Vec<(usize, Kind)>,
}

/// What can be known of a value before there is a message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Condition,
    Number,
    Text,
    /// It may be any of them.
    Header,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiting {
    Open,
    Or,
    And,
    Not,
    Compare(Comparison),
    /// BETWEEN and its first value, when there was a NOT before it.
    Between {
        not: bool,
    },
    /// And its AND.
    BetweenAnd {
        not: bool,
    },
    Calculate(Arithmetic),
    Negate,
    /// A `+` before a number.
    Affirm,
}

impl Waiting {
    /// How strongly it binds.
    fn strength(self) -> u8 {
        match self {
            Waiting::Open => 0,
            Waiting::Or => 1,
            Waiting::And => 2,
            Waiting::Not => 3,
            Waiting::Compare(_) | Waiting::Between { .. } | Waiting::BetweenAnd { .. } => PREDICATE,
            Waiting::Calculate(Arithmetic::Add | Arithmetic::Subtract) => 5,
            Waiting::Calculate(Arithmetic::Multiply | Arithmetic::Divide) => 6,
            Waiting::Negate | Waiting::Affirm => 7,
        }
    }
}

const PREDICATE: u8 = 4;

const CONDITIONS: &[Kind] = &[Kind::Condition, Kind::Header];
const NUMBERS: &[Kind] = &[Kind::Number, Kind::Header];
const VALUES: &[Kind] = &[Kind::Number, Kind::Text, Kind::Header];

impl Parser {
    /// Reads up to the end of a value.
    fn value(&mut self, lexer: &mut Lexer<'_>) -> Result<(), SelectorError> {
        loop {
            let (position, token) = lexer.next()?;
            let (kind, node) = match token {
                Token::Name(name) => (Kind::Header, Node::Header(name)),
                Token::Text(text) => (Kind::Text, Node::Text(text)),
                Token::Number(number) => (Kind::Number, Node::Number(number)),
                Token::Keyword(Keyword::True) => (Kind::Condition, Node::Bool(true)),
                Token::Keyword(Keyword::False) => (Kind::Condition, Node::Bool(false)),
                Token::Keyword(Keyword::Null) => return wrong(position, Wrong::Null),
                Token::Keyword(Keyword::Not) => {
                    let outer = self.waiting.last().map_or(0, |(_, waiting)| waiting.strength());
                    if outer >= PREDICATE {
                        return wrong(position, Wrong::Not);
                    }
                    self.wait(position, Waiting::Not)?;
                    continue;
                }
                Token::Symbol(Symbol::Open) => {
                    self.wait(position, Waiting::Open)?;
                    continue;
                }
                Token::Symbol(Symbol::Minus) => {
                    self.wait(position, Waiting::Negate)?;
                    continue;
                }
                Token::Symbol(Symbol::Plus) => {
                    self.wait(position, Waiting::Affirm)?;
                    continue;
                }
                _ => return wrong(position, Wrong::Value),
            };
            self.emit(position, node)?;
            return self.leave(position, kind);
        }
    }

    /// Reads up to where the next value begins, or to the end: then false.
    fn operator(&mut self, lexer: &mut Lexer<'_>) -> Result<bool, SelectorError> {
        loop {
            let (position, token) = lexer.next()?;
            match token {
                Token::End => return self.finish().map(|()| false),
                Token::Symbol(Symbol::Close) => self.close(position)?,
                Token::Symbol(symbol) => {
                    let Some(waiting) = binary(symbol) else {
                        return wrong(position, Wrong::Operator);
                    };
                    return self.binary(position, waiting).map(|()| true);
                }
                Token::Keyword(Keyword::Or) => return self.binary(position, Waiting::Or).map(|()| true),
                Token::Keyword(Keyword::And) => return self.and(position).map(|()| true),
                Token::Keyword(Keyword::Is) => self.is_null(position, lexer)?,
                Token::Keyword(Keyword::Not) => {
                    let (position, token) = lexer.next()?;
                    match token {
                        Token::Keyword(Keyword::Between) => {
                            return self
                                .binary(position, Waiting::Between { not: true })
                                .map(|()| true);
                        }
                        Token::Keyword(Keyword::In) => self.is_in(position, lexer)?,
                        Token::Keyword(Keyword::Like) => self.is_like(position, lexer)?,
                        _ => return wrong(position, Wrong::NotWhat),
                    }
                    self.emit(position, Node::Not)?;
                }
                Token::Keyword(Keyword::Between) => {
                    return self
                        .binary(position, Waiting::Between { not: false })
                        .map(|()| true);
                }
                Token::Keyword(Keyword::In) => self.is_in(position, lexer)?,
                Token::Keyword(Keyword::Like) => self.is_like(position, lexer)?,
                _ => return wrong(position, Wrong::Operator),
            }
        }
    }

    fn binary(&mut self, position: usize, waiting: Waiting) -> Result<(), SelectorError> {
        self.reduce(waiting.strength())?;
        self.wait(position, waiting)
    }

    /// An AND is that of a BETWEEN when one waits for it.
    fn and(&mut self, position: usize) -> Result<(), SelectorError> {
        self.reduce(PREDICATE + 1)?;
        match self.waiting.last_mut() {
            Some((_, waiting @ Waiting::Between { .. })) => {
                *waiting = Waiting::BetweenAnd {
                    not: *waiting == Waiting::Between { not: true },
                };
                Ok(())
            }
            _ => self.binary(position, Waiting::And),
        }
    }

    fn is_null(&mut self, position: usize, lexer: &mut Lexer<'_>) -> Result<(), SelectorError> {
        self.reduce(PREDICATE)?;
        let (begin, _) = self.take();
        let (mut at, mut token) = lexer.next()?;
        let not = token == Token::Keyword(Keyword::Not);
        if not {
            (at, token) = lexer.next()?;
        }
        if token != Token::Keyword(Keyword::Null) {
            return wrong(at, Wrong::Is);
        }
        self.emit(position, Node::IsNull)?;
        if not {
            self.emit(position, Node::Not)?;
        }
        self.leave(begin, Kind::Condition)
    }

    fn is_in(&mut self, position: usize, lexer: &mut Lexer<'_>) -> Result<(), SelectorError> {
        self.reduce(PREDICATE)?;
        let (begin, kind) = self.take_one_of(VALUES, Wrong::Compare)?;
        let mut literals = Vec::new();
        let mut before = Symbol::Open;
        while before != Symbol::Close {
            let (at, token) = lexer.next()?;
            if token != Token::Symbol(before) {
                return wrong(at, Wrong::List);
            }
            let (at, token) = lexer.next()?;
            literals.push(match token {
                Token::Text(_) if kind == Kind::Number => return wrong(at, Wrong::NumberAndText),
                Token::Text(text) => Literal::Text(text),
                Token::Number(number) => Literal::Number(number),
                _ => return wrong(at, Wrong::List),
            });
            let mut ahead = lexer.clone();
            before = Symbol::Comma;
            if ahead.next()?.1 == Token::Symbol(Symbol::Close) {
                *lexer = ahead;
                before = Symbol::Close;
            }
        }
        self.emit(position, Node::In(literals.into()))?;
        self.leave(begin, Kind::Condition)
    }

    fn is_like(&mut self, position: usize, lexer: &mut Lexer<'_>) -> Result<(), SelectorError> {
        self.reduce(PREDICATE)?;
        let (begin, _) = self.take_one_of(&[Kind::Header, Kind::Text], Wrong::Like)?;
        let (at, Token::Text(pattern)) = lexer.next()? else {
            return wrong(position, Wrong::Pattern);
        };
        let mut escape = None;
        let mut ahead = lexer.clone();
        if ahead.next()?.1 == Token::Keyword(Keyword::Escape) {
            *lexer = ahead;
            let (at, token) = lexer.next()?;
            let Token::Text(text) = token else {
                return wrong(at, Wrong::Escape);
            };
            let mut characters = text.chars();
            escape = characters.next();
            if escape.is_none() || characters.next().is_some() {
                return wrong(at, Wrong::Escape);
            }
        }
        if self.patterns == PATTERNS_MAX {
            return wrong(position, Wrong::TooManyPatterns);
        }
        self.patterns += 1;
        let like = Like::new(&pattern, escape).map_err(|wrong| SelectorError { position: at, wrong })?;
        self.emit(position, Node::Like(Box::new(like)))?;
        self.leave(begin, Kind::Condition)
    }

    fn close(&mut self, position: usize) -> Result<(), SelectorError> {
        self.reduce(Waiting::Or.strength())?;
        let Some((open, _)) = self.waiting.pop() else {
            return wrong(position, Wrong::Close);
        };
        let (_, kind) = self.take();
        self.leave(open, kind)
    }

    fn finish(&mut self) -> Result<(), SelectorError> {
        self.reduce(Waiting::Or.strength())?;
        if let Some((position, _)) = self.waiting.last() {
            return wrong(*position, Wrong::Open);
        }
        self.take_one_of(CONDITIONS, Wrong::Condition).map(|_| ())
    }

    /// Ends what waits and binds at least as strongly.
    fn reduce(&mut self, strength: u8) -> Result<(), SelectorError> {
        while let Some(&(position, waiting)) = self.waiting.last() {
            if waiting.strength() < strength {
                break;
            }
            self.waiting.pop();
            self.end(position, waiting)?;
        }
        Ok(())
    }

    /// An operator has its right side.
    fn end(&mut self, position: usize, waiting: Waiting) -> Result<(), SelectorError> {
        match waiting {
            // Only a parenthesis of its own ends it.
            Waiting::Open => Ok(()),
            Waiting::Or | Waiting::And => {
                self.take_one_of(CONDITIONS, Wrong::Condition)?;
                let (begin, _) = self.take_one_of(CONDITIONS, Wrong::Condition)?;
                let node = if waiting == Waiting::Or {
                    Node::Or
                } else {
                    Node::And
                };
                self.emit(position, node)?;
                self.leave(begin, Kind::Condition)
            }
            Waiting::Not => {
                self.take_one_of(CONDITIONS, Wrong::Condition)?;
                self.emit(position, Node::Not)?;
                self.leave(position, Kind::Condition)
            }
            Waiting::Compare(comparison) => {
                let (right, left) = (self.take(), self.take());
                let is_equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
                comparable(left, right, is_equality)?;
                let (begin, _) = left;
                self.emit(position, Node::Compare(comparison))?;
                self.leave(begin, Kind::Condition)
            }
            Waiting::Between { .. } => wrong(position, Wrong::Between),
            Waiting::BetweenAnd { not } => {
                let (high, low, value) = (self.take(), self.take(), self.take());
                comparable(value, low, false)?;
                comparable(value, high, false)?;
                let (begin, _) = value;
                self.emit(position, Node::Between)?;
                if not {
                    self.emit(position, Node::Not)?;
                }
                self.leave(begin, Kind::Condition)
            }
            Waiting::Calculate(arithmetic) => {
                self.take_one_of(NUMBERS, Wrong::Arithmetic)?;
                let (begin, _) = self.take_one_of(NUMBERS, Wrong::Arithmetic)?;
                self.emit(position, Node::Calculate(arithmetic))?;
                self.leave(begin, Kind::Number)
            }
            Waiting::Negate => {
                self.take_one_of(NUMBERS, Wrong::Arithmetic)?;
                self.emit(position, Node::Negate)?;
                self.leave(position, Kind::Number)
            }
            Waiting::Affirm => {
                let (_, kind) = self.take_one_of(NUMBERS, Wrong::Arithmetic)?;
                self.leave(position, kind)
            }
        }
    }

    fn wait(&mut self, position: usize, waiting: Waiting) -> Result<(), SelectorError> {
        if self.waiting.len() == DEPTH_MAX {
            return wrong(position, Wrong::TooDeep);
        }
        self.waiting.push((position, waiting));
        Ok(())
    }

    fn emit(&mut self, position: usize, node: Node) -> Result<(), SelectorError> {
        if self.nodes.len() == NODES_MAX {
            return wrong(position, Wrong::TooLarge);
        }
        self.nodes.push(node);
        Ok(())
    }

    fn leave(&mut self, position: usize, kind: Kind) -> Result<(), SelectorError> {
        if self.values.len() == DEPTH_MAX {
            return wrong(position, Wrong::TooDeep);
        }
        self.values.push((position, kind));
        Ok(())
    }

    /// The last value. There is one: each operator is read after its left side and ended after its right.
    fn take(&mut self) -> (usize, Kind) {
        self.values.pop().unwrap_or((0, Kind::Header))
    }

    fn take_one_of(&mut self, kinds: &[Kind], or: Wrong) -> Result<(usize, Kind), SelectorError> {
        let (position, kind) = self.take();
        if !kinds.contains(&kind) {
            return wrong(position, or);
        }
        Ok((position, kind))
    }
}

/// Refuses to compare what can never be equal, or with conditions has no order.
fn comparable(left: (usize, Kind), right: (usize, Kind), is_equality: bool) -> Result<(), SelectorError> {
    match (left.1, right.1) {
        (Kind::Number, Kind::Text) | (Kind::Text, Kind::Number) => wrong(right.0, Wrong::NumberAndText),
        (Kind::Condition, Kind::Condition | Kind::Header) if is_equality => Ok(()),
        (Kind::Condition, _) => wrong(left.0, Wrong::Compare),
        (Kind::Header, Kind::Condition) if is_equality => Ok(()),
        (_, Kind::Condition) => wrong(right.0, Wrong::Compare),
        _ => Ok(()),
    }
}

fn binary(symbol: Symbol) -> Option<Waiting> {
    Some(match symbol {
        Symbol::Equal => Waiting::Compare(Comparison::Equal),
        Symbol::NotEqual => Waiting::Compare(Comparison::NotEqual),
        Symbol::Less => Waiting::Compare(Comparison::Less),
        Symbol::LessEqual => Waiting::Compare(Comparison::LessEqual),
        Symbol::Greater => Waiting::Compare(Comparison::Greater),
        Symbol::GreaterEqual => Waiting::Compare(Comparison::GreaterEqual),
        Symbol::Plus => Waiting::Calculate(Arithmetic::Add),
        Symbol::Minus => Waiting::Calculate(Arithmetic::Subtract),
        Symbol::Times => Waiting::Calculate(Arithmetic::Multiply),
        Symbol::Over => Waiting::Calculate(Arithmetic::Divide),
        Symbol::Open | Symbol::Close | Symbol::Comma => return None,
    })
}

fn wrong<T>(position: usize, wrong: Wrong) -> Result<T, SelectorError> {
    Err(SelectorError { position, wrong })
}

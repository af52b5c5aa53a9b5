//! A selector in the order in which it is evaluated.

use std::cmp::Ordering;

use super::DEPTH_MAX;
use super::like::Like;
use super::value::{Arithmetic, Compared, Number, Value};

/// The steps of a selector, each after what it works on.
#[derive(Debug)]
pub(super) struct Program(pub(super) Box<[Node]>);

#[derive(Debug)]
pub(super) enum Node {
    Header(Box<str>),
    Text(Box<str>),
    Number(Number),
    Bool(bool),
    Negate,
    Calculate(Arithmetic),
    Compare(Comparison),
    Between,
    In(Box<[Literal]>),
    Like(Box<Like>),
    IsNull,
    Not,
    And,
    Or,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

#[derive(Debug)]
pub(super) enum Literal {
    Text(Box<str>),
    Number(Number),
}

impl Program {
    /// Whether the headers satisfy the selector; `None` is unknown.
    pub(super) fn evaluate<'h>(&self, header: &dyn Fn(&str) -> Option<&'h str>) -> Option<bool> {
        let mut stack = Stack::new();
        for node in &self.0 {
            let value = match node {
                Node::Header(name) => header(name).map_or(Value::Null, Value::Text),
                Node::Text(text) => Value::Text(text),
                Node::Number(number) => Value::Number(*number),
                Node::Bool(bool) => Value::Bool(*bool),
                Node::Negate => {
                    let number = stack.pop().number();
                    number.map_or(Value::Null, |number| Value::Number(number.negate()))
                }
                Node::Calculate(arithmetic) => {
                    let (right, left) = (stack.pop().number(), stack.pop().number());
                    let result = left
                        .zip(right)
                        .and_then(|(left, right)| left.calculate(*arithmetic, right));
                    result.map_or(Value::Null, Value::Number)
                }
                Node::Compare(comparison) => {
                    let (right, left) = (stack.pop(), stack.pop());
                    Value::from_condition(comparison.holds(left.compare(right)))
                }
                Node::Between => {
                    let (high, low, value) = (stack.pop(), stack.pop(), stack.pop());
                    Value::from_condition(and(
                        Comparison::GreaterEqual.holds(value.compare(low)),
                        Comparison::LessEqual.holds(value.compare(high)),
                    ))
                }
                Node::In(literals) => {
                    let value = stack.pop();
                    let is_one = |literal: &Literal| {
                        value.compare(literal.value()) == Compared::Ordered(Ordering::Equal)
                    };
                    Value::from_condition(known(value, literals.iter().any(is_one)))
                }
                Node::Like(like) => match stack.pop() {
                    Value::Text(text) => Value::Bool(like.matches(text)),
                    _ => Value::Null,
                },
                Node::IsNull => Value::Bool(stack.pop() == Value::Null),
                Node::Not => Value::from_condition(stack.pop().condition().map(|condition| !condition)),
                Node::And => {
                    let (right, left) = (stack.pop(), stack.pop());
                    Value::from_condition(and(left.condition(), right.condition()))
                }
                Node::Or => {
                    let (right, left) = (stack.pop(), stack.pop());
                    Value::from_condition(or(left.condition(), right.condition()))
                }
            };
            stack.push(value);
        }
        stack.pop().condition()
    }
}

impl Comparison {
    fn holds(self, compared: Compared) -> Option<bool> {
        let ordering = match compared {
            Compared::Unknown => return None,
            Compared::Apart => return Some(self == Comparison::NotEqual),
            Compared::Ordered(ordering) => ordering,
        };
        Some(match self {
            Comparison::Equal => ordering.is_eq(),
            Comparison::NotEqual => ordering.is_ne(),
            Comparison::Less => ordering.is_lt(),
            Comparison::LessEqual => ordering.is_le(),
            Comparison::Greater => ordering.is_gt(),
            Comparison::GreaterEqual => ordering.is_ge(),
        })
    }
}

impl Literal {
    fn value(&self) -> Value<'_> {
        match self {
            Literal::Text(text) => Value::Text(text),
            Literal::Number(number) => Value::Number(*number),
        }
    }
}

/// The values that wait. The parser has seen to it that there are never more than fit, and none is taken that is not there.
struct Stack<'a> {
    values: [Value<'a>; DEPTH_MAX],
    length: usize,
}

impl<'a> Stack<'a> {
    fn new() -> Self {
        Self {
            values: [Value::Null; DEPTH_MAX],
            length: 0,
        }
    }

    fn push(&mut self, value: Value<'a>) {
        if let Some(place) = self.values.get_mut(self.length) {
            *place = value;
            self.length += 1;
        }
    }

    fn pop(&mut self) -> Value<'a> {
        self.length = self.length.saturating_sub(1);
        self.values[self.length]
    }
}

fn known(value: Value<'_>, condition: bool) -> Option<bool> {
    (value != Value::Null).then_some(condition)
}

fn and(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn or(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

//! Errors that name the culprit, its place in the file and the way out.

use std::fmt;
use std::io;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read the configuration {path}: {cause}")]
    Read {
        /// The file that was asked for.
        path: String,
        /// What the system said.
        cause: io::Error,
    },
    /// A key or a value is wrong; the text names it, and how to put it right.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Several are.
    #[error("{}", in_lines(.0))]
    Several(Vec<Invalid>),
}

impl ConfigError {
    pub(super) fn of_all(mut all: Vec<Invalid>) -> Result<(), ConfigError> {
        match all.len() {
            0 => Ok(()),
            1 => Err(all.remove(0).into()),
            _ => Err(ConfigError::Several(all)),
        }
    }
}

fn in_lines(all: &[Invalid]) -> String {
    let lines: Vec<String> = all.iter().map(Invalid::to_string).collect();
    lines.join("\n")
}

/// A wrong key or value of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The file and the line and column in it, both counted from 1; none for a value that came from a flag or the environment.
    pub place: Option<(String, usize, usize)>,
    /// What is wrong, with the path of the key (`listen[0].framing`).
    pub message: String,
}

impl std::error::Error for Invalid {}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((file, line, column)) = &self.place {
            write!(f, "{file}:{line}:{column}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// One step down the tree of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// A value that is well-formed by itself and wrong in its place.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) path: Vec<Step>,
    pub(super) message: String,
}

impl Wrong {
    pub(super) fn new(keys: &[&str], message: impl Into<String>) -> Wrong {
        Wrong {
            path: keys.iter().map(|key| Step::Key((*key).to_owned())).collect(),
            message: message.into(),
        }
    }

    /// `key` of the entry `index` of the array of tables `array`.
    pub(super) fn entry(array: &str, index: usize, key: &str, message: impl Into<String>) -> Wrong {
        Wrong {
            path: vec![
                Step::Key(array.to_owned()),
                Step::Index(index),
                Step::Key(key.to_owned()),
            ],
            message: message.into(),
        }
    }

    /// The error without a place, for values that came from no file.
    pub(super) fn bare(self) -> Invalid {
        Invalid {
            place: None,
            message: format!("{}: {}", path_text(&self.path), self.message),
        }
    }

    /// The error at the place of its key in `text`; at the nearest table that is written down when the key is not.
    pub(super) fn in_file(self, text: &str, file: &str) -> Invalid {
        let offset = DeTable::parse(text)
            .map(|table| place_of(&table, &self.path).start)
            .unwrap_or(0);
        let (line, column) = line_and_column(text, offset);
        Invalid {
            place: Some((file.to_owned(), line, column)),
            ..self.bare()
        }
    }
}

/// Turns what the TOML reader says into an error with its place, its path and a suggestion.
pub(super) fn explain(error: &toml::de::Error, text: &str, file: &str) -> Invalid {
    let span = error.span().unwrap_or(0..0);
    let path = DeTable::parse(text)
        .map(|table| path_at(&table, &span))
        .unwrap_or_default();
    let (line, column) = line_and_column(text, span.start);
    Invalid {
        place: Some((file.to_owned(), line, column)),
        message: reword(error.message(), &path),
    }
}

/// The reader's three messages that list names become ours; every other one is told with the path before it.
fn reword(message: &str, path: &[Step]) -> String {
    if let Some((name, known)) = names(message, "unknown field `") {
        let table = table_text(path.split_last().map_or(path, |(_, parents)| parents));
        return format!("unknown key {name:?} {table}; {}", suggestion(name, &known));
    }
    if let Some((name, known)) = names(message, "unknown variant `") {
        let said = format!("{name:?} is not known; {}", suggestion(name, &known));
        return with_path(path, &said);
    }
    if let Some((name, _)) = names(message, "missing field `") {
        return format!("the key {name:?} is missing {}", table_text(path));
    }
    with_path(
        path,
        &message
            .replace("expected usize", "expected a whole number")
            .replace("expected u32", "expected a whole number"),
    )
}

/// The wrong name and the names that are known, out of "unknown field `a`, expected one of `b`, `c`".
fn names<'a>(message: &'a str, start: &str) -> Option<(&'a str, Vec<&'a str>)> {
    let rest = message.strip_prefix(start)?;
    let (name, known) = rest
        .rsplit_once("`, expected ")
        .unwrap_or((rest.trim_end_matches('`'), ""));
    Some((name, known.split('`').skip(1).step_by(2).collect()))
}

fn with_path(path: &[Step], message: &str) -> String {
    if path.is_empty() {
        return message.to_owned();
    }
    format!("{}: {message}", path_text(path))
}

/// The closest known name when it is near enough to be a slip of the hand, else all of them.
fn suggestion(name: &str, known: &[&str]) -> String {
    match nearest(&name.replace('_', "-"), known) {
        Some(known) => format!("did you mean {known:?}?"),
        None => format!("known here: {}", known.join(", ")),
    }
}

/// The known name of which `name` may be a slip of the hand.
pub(crate) fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let near = known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(name, known), *known))
        .filter(|(distance, known)| *distance <= 1 + known.len() / 4);
    near.min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

fn table_text(path: &[Step]) -> String {
    let keys: Vec<&str> = path
        .iter()
        .filter_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Index(_) => None,
        })
        .collect();
    match path.last() {
        None => "at the top level".to_owned(),
        Some(Step::Key(_)) => format!("in [{}]", keys.join(".")),
        Some(Step::Index(_)) => format!("in [[{}]]", keys.join(".")),
    }
}

fn path_text(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => text.extend([".", key]),
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

/// The path of the key or value at `span`; the reader tells a place, and people know paths.
fn path_at(root: &Spanned<DeTable<'_>>, span: &Range<usize>) -> Vec<Step> {
    let mut path = Vec::new();
    descend(root.get_ref(), span, &mut path);
    path
}

fn descend(table: &DeTable<'_>, span: &Range<usize>, path: &mut Vec<Step>) -> bool {
    for (key, value) in table {
        path.push(Step::Key(key.get_ref().to_string()));
        if covers(&key.span(), span) || descend_value(value, span, path) {
            return true;
        }
        path.pop();
    }
    false
}

fn descend_value(value: &Spanned<DeValue<'_>>, span: &Range<usize>, path: &mut Vec<Step>) -> bool {
    let inside = match value.get_ref() {
        DeValue::Table(table) => descend(table, span, path),
        DeValue::Array(array) => array.iter().enumerate().any(|(index, entry)| {
            path.push(Step::Index(index));
            let found = descend_value(entry, span, path);
            if !found {
                path.pop();
            }
            found
        }),
        _ => false,
    };
    inside || covers(&value.span(), span)
}

fn covers(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end && outer.start < outer.end
}

fn place_of(root: &Spanned<DeTable<'_>>, path: &[Step]) -> Range<usize> {
    let mut place = root.span();
    let mut table = Some(root.get_ref());
    let mut array = None;
    for step in path {
        let value = match step {
            Step::Key(key) => table.and_then(|table| table.get(key.as_str())),
            Step::Index(index) => array.and_then(|array: &toml::de::DeArray<'_>| array.get(*index)),
        };
        let Some(value) = value else { break };
        place = value.span();
        table = value.get_ref().as_table();
        array = value.get_ref().as_array();
    }
    place
}

/// Line and column in characters, both from 1.
fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

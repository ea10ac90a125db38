//! The values as they were given, each with its place: the file below, environment and flags over it.

use std::collections::BTreeMap;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{Fault, Place, Problem};

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

/// A value that means nothing yet.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    /// From the environment or a flag: a text that may also stand for a number, a yes or no, or a list with commas.
    Loose(String),
    Number(i64),
    Flag(bool),
    List(Vec<Node>),
    Table(Table),
    Other(&'static str),
}

/// A table of values by key.
pub(super) type Table = BTreeMap<String, Node>;

impl Value {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Loose(_) => "text",
            Self::Number(_) => "a number",
            Self::Flag(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
        }
    }
}

/// Reads a TOML text. What cannot be read is reported, all of it; the rest is given back.
pub(super) fn read_toml(path: &Path, text: &str) -> (Table, Vec<Fault>) {
    let source = Source { path, text };
    let (document, errors) = DeTable::parse_recoverable(text);
    let faults = errors.iter().map(|error| source.syntax_fault(error)).collect();
    (source.table(document.get_ref()), faults)
}

struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    fn syntax_fault(&self, error: &toml::de::Error) -> Fault {
        Fault {
            place: self.place(error.span().map_or(0, |span| span.start)),
            key: String::new(),
            problem: Problem::Syntax(error.message().replace('\n', ", ")),
            fix: "write key = \"value\"; texts, durations too, stand in double quotes".to_owned(),
        }
    }

    fn place(&self, offset: usize) -> Place {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place::File { path: self.path.to_owned(), line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
    }

    fn table(&self, table: &DeTable<'_>) -> Table {
        table.iter().map(|(key, value)| (key.get_ref().to_string(), self.node(key.span().start, value))).collect()
    }

    fn node(&self, offset: usize, value: &Spanned<DeValue<'_>>) -> Node {
        let value = match value.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(number) => {
                i64::from_str_radix(number.as_str(), number.radix()).map_or(Value::Other("a number beyond 64 bits"), Value::Number)
            }
            DeValue::Boolean(flag) => Value::Flag(*flag),
            DeValue::Array(items) => Value::List(items.iter().map(|item| self.node(item.span().start, item)).collect()),
            DeValue::Table(table) => Value::Table(self.table(table)),
            DeValue::Float(_) => Value::Other("a fraction"),
            DeValue::Datetime(_) => Value::Other("a date"),
        };
        Node { place: self.place(offset), value }
    }
}

/// Puts a text at a path, over what stands there. A path through something that is no table is refused.
pub(super) fn lay_over(table: &mut Table, path: &[String], place: Place, text: String) -> Result<(), Box<Fault>> {
    let refuse = |key: String, place: Place| {
        let problem = Problem::Unsupported("a key of a list here".to_owned());
        Box::new(Fault { place, key, problem, fix: "set it in the configuration file".to_owned() })
    };
    match path {
        [] => Ok(()),
        [last] => match table.get(last).map(|node| &node.value) {
            Some(Value::List(items)) if items.iter().any(|item| matches!(item.value, Value::Table(_))) => Err(refuse(last.clone(), place)),
            _ => {
                table.insert(last.clone(), Node { place, value: Value::Loose(text) });
                Ok(())
            }
        },
        [first, rest @ ..] => {
            let below = table.entry(first.clone()).or_insert_with(|| Node { place: place.clone(), value: Value::Table(Table::new()) });
            match &mut below.value {
                Value::Table(inner) => lay_over(inner, rest, place, text),
                _ => Err(refuse(path.join("."), place)),
            }
        }
    }
}

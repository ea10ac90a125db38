//! Takes a table apart by name: every key is asked for once, whatever is left over is unknown.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use super::duration;
use super::fault::{Fault, Place, Problem};
use super::tree::{Node, Table, Value};
use crate::registry::check::distance;

/// A value with its key and place, for faults that are found later.
#[derive(Clone, Debug)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) key: String,
    pub(super) place: Place,
}

/// What reading brings to light: faults, the values that were set, and the keys that exist.
#[derive(Default, Debug)]
pub(super) struct Findings {
    pub(super) faults: RefCell<Vec<Fault>>,
    pub(super) set: RefCell<Vec<(String, String, Place)>>,
    pub(super) known: RefCell<BTreeSet<String>>,
}

impl Findings {
    pub(super) fn fault(&self, place: Place, key: impl Into<String>, problem: Problem, fix: impl Into<String>) {
        self.faults.borrow_mut().push(Fault { place, key: key.into(), problem, fix: fix.into() });
    }
}

/// A table that is being taken apart.
pub(super) struct Section<'a> {
    /// Its own key: empty for the top, `defaults`, `clients[0]`.
    pub(super) key: String,
    /// Where it begins.
    pub(super) place: Place,
    entries: Table,
    asked: BTreeSet<&'static str>,
    pub(super) findings: &'a Findings,
}

impl<'a> Section<'a> {
    pub(super) fn new(key: String, place: Place, entries: Table, findings: &'a Findings) -> Self {
        Self { key, place, entries, asked: BTreeSet::new(), findings }
    }

    /// A text.
    pub(super) fn text(&mut self, name: &'static str) -> Option<Placed<String>> {
        let (node, key) = self.take(name)?;
        match node.value {
            Value::Text(value) | Value::Loose(value) => Some(Placed { value, key, place: node.place }),
            other => self.wrong_type(node.place, key, "text", &other),
        }
    }

    /// A text that `parse` understands; `wanted` says what it must look like.
    pub(super) fn parsed<T>(&mut self, name: &'static str, wanted: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<Placed<T>> {
        let Placed { value: text, key, place } = self.text(name)?;
        match parse(&text) {
            Some(value) => Some(Placed { value, key, place }),
            None => {
                self.findings.fault(place, key, Problem::Malformed(text), wanted);
                None
            }
        }
    }

    /// A path that is not empty.
    pub(super) fn path(&mut self, name: &'static str, wanted: &str) -> Option<Placed<PathBuf>> {
        self.parsed(name, wanted, |text| (!text.is_empty()).then(|| PathBuf::from(text)))
    }

    /// A duration within a range.
    pub(super) fn duration(&mut self, name: &'static str, least: Duration, most: Duration) -> Option<Placed<Duration>> {
        let wanted = "write a whole number and ms, s, m, h or d, such as \"90s\"";
        let found = self.parsed(name, wanted, duration::parse)?;
        if (least..=most).contains(&found.value) {
            return Some(found);
        }
        let fix = format!("use {:?} to {:?}", duration::print(least), duration::print(most));
        self.findings.fault(found.place, found.key, Problem::OutOfRange(format!("{:?}", duration::print(found.value))), fix);
        None
    }

    /// One of these words.
    pub(super) fn choice<T: Copy>(&mut self, name: &'static str, words: &[(&str, T)]) -> Option<T> {
        let list = words.iter().map(|(word, _)| format!("{word:?}")).collect::<Vec<_>>().join(" or ");
        let found = self.parsed(name, &format!("write {list}"), |text| words.iter().find(|(word, _)| *word == text));
        found.map(|found| found.value.1)
    }

    /// A whole number within a range.
    pub(super) fn number(&mut self, name: &'static str, least: u32, most: u32) -> Option<u32> {
        let (node, key) = self.take(name)?;
        let number = match &node.value {
            Value::Number(number) => *number,
            Value::Loose(text) if text.parse::<i64>().is_ok() => text.parse().unwrap_or_default(),
            other => return self.wrong_type(node.place, key, "a number", other),
        };
        let fits = u32::try_from(number).ok().filter(|number| (least..=most).contains(number));
        if fits.is_none() {
            self.findings.fault(node.place, key, Problem::OutOfRange(number.to_string()), format!("use {least} to {most}"));
        }
        fits
    }

    /// Yes or no.
    pub(super) fn flag(&mut self, name: &'static str) -> Option<bool> {
        let (node, key) = self.take(name)?;
        match &node.value {
            Value::Flag(flag) => Some(*flag),
            Value::Loose(text) if text == "true" || text == "false" => Some(text == "true"),
            other => self.wrong_type(node.place, key, "true or false", other),
        }
    }

    /// A list of texts, each with its place.
    pub(super) fn texts(&mut self, name: &'static str) -> Option<Vec<Placed<String>>> {
        let (node, key) = self.take(name)?;
        let items = match node.value {
            Value::List(items) => items,
            Value::Loose(text) => loose_items(&text, &node.place),
            other => return self.wrong_type(node.place, key, "a list of texts", &other),
        };
        let texts = items.into_iter().enumerate().filter_map(|(at, item)| match item.value {
            Value::Text(value) => Some(Placed { value, key: format!("{key}[{at}]"), place: item.place }),
            other => self.wrong_type(item.place, format!("{key}[{at}]"), "text", &other),
        });
        Some(texts.collect())
    }

    /// A table below; an empty one where there is none.
    pub(super) fn section(&mut self, name: &'static str) -> Section<'a> {
        let absent = (Node { place: Place::Default, value: Value::Table(Table::new()) }, self.full(name));
        let (node, key) = self.take(name).unwrap_or(absent);
        let entries = match node.value {
            Value::Table(entries) => entries,
            other => self.wrong_type(node.place.clone(), key.clone(), "a table", &other).unwrap_or_default(),
        };
        Section::new(key, node.place, entries, self.findings)
    }

    /// The tables of a `[[list]]`.
    pub(super) fn sections(&mut self, name: &'static str) -> Vec<Section<'a>> {
        let Some((node, key)) = self.take(name) else { return Vec::new() };
        let Value::List(items) = node.value else {
            return self.wrong_type(node.place, key, "a list of tables ([[…]])", &node.value).unwrap_or_default();
        };
        let tables = items.into_iter().enumerate().filter_map(|(at, item)| match item.value {
            Value::Table(entries) => Some(Section::new(format!("{key}[{at}]"), item.place, entries, self.findings)),
            other => self.wrong_type(item.place, format!("{key}[{at}]"), "a table", &other),
        });
        tables.collect()
    }

    /// Where its keys stand.
    pub(super) fn places(&self) -> BTreeMap<String, Place> {
        self.entries.iter().map(|(name, node)| (name.clone(), node.place.clone())).collect()
    }

    /// Reports a fault at this table as a whole.
    pub(super) fn missing(&self, name: &str, fix: &str) {
        self.findings.fault(self.place.clone(), self.full(name), Problem::Missing, fix);
    }

    /// The end: whatever nobody asked for is unknown.
    pub(super) fn finish(self) {
        for (name, node) in &self.entries {
            let nearest = self.asked.iter().min_by_key(|known| distance(name, known));
            let fix = match nearest {
                Some(known) if distance(name, known) <= known.len() / 2 => format!("did you mean {known:?}?"),
                _ => format!("remove it; known here are {}", self.asked.iter().copied().collect::<Vec<_>>().join(", ")),
            };
            self.findings.fault(node.place.clone(), self.full(name), Problem::UnknownKey, fix);
        }
    }

    fn take(&mut self, name: &'static str) -> Option<(Node, String)> {
        self.asked.insert(name);
        let key = self.full(name);
        self.findings.known.borrow_mut().insert(without_index(&key));
        let node = self.entries.remove(name)?;
        if let Some(text) = shown(&node.value) {
            self.findings.set.borrow_mut().push((key.clone(), text, node.place.clone()));
        }
        Some((node, key))
    }

    fn full(&self, name: &str) -> String {
        if self.key.is_empty() { name.to_owned() } else { format!("{}.{name}", self.key) }
    }

    fn wrong_type<T>(&self, place: Place, key: String, wanted: &'static str, found: &Value) -> Option<T> {
        let fix = match wanted {
            "text" => "put it in double quotes".to_owned(),
            "a number" => "write it without quotes, whole".to_owned(),
            _ => format!("write {wanted}"),
        };
        self.findings.fault(place, key, Problem::WrongType { wanted, found: found.kind() }, fix);
        None
    }
}

fn loose_items(text: &str, place: &Place) -> Vec<Node> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.map(|item| Node { place: place.clone(), value: Value::Text(item.to_owned()) }).collect()
}

/// `clients[2].scopes` is the key `clients.scopes`.
fn without_index(key: &str) -> String {
    let mut plain = String::with_capacity(key.len());
    let mut inside = false;
    for letter in key.chars() {
        match letter {
            '[' => inside = true,
            ']' => inside = false,
            other if !inside => plain.push(other),
            _ => {}
        }
    }
    plain
}

fn shown(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) | Value::Loose(text) => Some(format!("{text:?}")),
        Value::Number(number) => Some(number.to_string()),
        Value::Flag(flag) => Some(flag.to_string()),
        Value::List(items) => {
            let items: Option<Vec<_>> = items.iter().map(|item| shown(&item.value)).collect();
            items.map(|items| format!("[{}]", items.join(", ")))
        }
        Value::Table(_) | Value::Other(_) => None,
    }
}

//! Reads a TOML file so that every problem of it is found in one run.
//!
//! serde stops at the first error and forgets where the values stood. Here each getter notes what is wrong with its own
//! value, with the text it is about and the form that was expected, and goes on; values carry their place, so that
//! later checks can point at them too. The keys that were asked for are the keys that are known: [`Table::end`] reports
//! all others.
mod values;
pub use values::size;

use crate::problem::{Problem, Problems, Source, nearest};
use crate::rate::{self, NotARate, Rate};
use ipnet::IpNet;
use jiff::Timestamp;
use std::cell::RefCell;
use std::fmt::Display;
use std::ops::{Deref, Range, RangeInclusive};
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value and the bytes of the text it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Range<usize>,
}

impl<T> Located<T> {
    /// The same place with another value, or `None`.
    pub fn and_then<U>(self, read: impl FnOnce(T) -> Option<U>) -> Option<Located<U>> {
        Some(Located { value: read(self.value)?, span: self.span })
    }
}

impl<T> Deref for Located<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

/// A file being read.
pub struct Document<'t> {
    source: &'t Source,
    tree: Spanned<DeTable<'t>>,
    problems: RefCell<Vec<Problem>>,
    /// What could not be parsed is missing from the tree: absences prove nothing.
    incomplete: bool,
}

impl<'t> Document<'t> {
    /// Parses the text; syntax errors are noted and the rest can still be read.
    pub fn parse(source: &'t Source) -> Document<'t> {
        let (tree, errors) = DeTable::parse_recoverable(&source.text);
        let mut problems: Vec<Problem> = Vec::new();
        let mut last_line = None;
        for error in &errors {
            let span = error.span().unwrap_or(0..0);
            // The first error of a line is the one to mend; what the parser stumbles over next follows from it.
            let line = source.text.as_bytes().iter().take(span.start).filter(|&&byte| byte == b'\n').count();
            if last_line.replace(line) == Some(line) {
                continue;
            }
            let (what, expected) = match error.message().split_once(", expected ") {
                Some((what, expected)) => (what, format!("expected {expected}")),
                None => (error.message(), "this is not TOML".to_owned()),
            };
            problems.push(Problem::error(span, what, expected));
        }
        Document { source, tree, incomplete: !problems.is_empty(), problems: RefCell::new(problems) }
    }

    /// The table that is the whole file.
    pub fn root(&self) -> Table<'_> {
        Table {
            document: self,
            tree: self.tree.get_ref(),
            span: 0..0,
            name: String::new(),
            known: RefCell::default(),
            hidden: RefCell::default(),
        }
    }

    /// Notes a problem.
    pub fn note(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    /// Notes that something is absent, unless syntax errors could have swallowed it.
    pub fn note_absence(&self, problem: Problem) {
        if !self.incomplete {
            self.note(problem);
        }
    }

    /// Whether nothing was noted so far but warnings.
    pub fn is_sound(&self) -> bool {
        self.problems.borrow().iter().all(|problem| problem.warning)
    }

    /// Everything noted: the warnings when nothing stands in the way, otherwise the whole report; in the order of the
    /// text.
    pub fn finish(self) -> Result<Vec<Problem>, Problems> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| problem.span.start);
        match problems.iter().all(|problem| problem.warning) {
            true => Ok(problems),
            false => Err(Problems { source: self.source.clone(), problems }),
        }
    }
}

/// One table of the file.
pub struct Table<'d> {
    document: &'d Document<'d>,
    tree: &'d DeTable<'d>,
    span: Range<usize>,
    /// `listen`, `lists.ut1`: as its header says; empty for the whole file.
    name: String,
    known: RefCell<Vec<String>>,
    /// Known keys that are not offered to whoever misspells one: see [`Table::hide`].
    hidden: RefCell<Vec<String>>,
}

impl<'d> Table<'d> {
    /// Where the table's header, or the inline table, stands.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Notes a problem.
    pub fn note(&self, problem: Problem) {
        self.document.note(problem);
    }

    /// Notes that something is absent, unless syntax errors could have swallowed it.
    pub fn note_absence(&self, problem: Problem) {
        self.document.note_absence(problem);
    }

    /// The names of all keys, which are thereby known: for tables whose keys are the writer's own.
    pub fn names(&self) -> Vec<Located<&'d str>> {
        let mut names: Vec<_> =
            self.tree.keys().map(|key| Located { value: key.get_ref().as_ref(), span: key.span() }).collect();
        names.sort_by_key(|name| name.span.start);
        self.known.borrow_mut().extend(names.iter().map(|name| (*name.value).to_owned()));
        names
    }

    /// Where a key stands, if it does.
    pub fn key(&self, key: &str) -> Option<Range<usize>> {
        self.tree.get_key_value(key).map(|(key, _)| key.span())
    }

    /// A text.
    pub fn string(&self, key: &str) -> Option<Located<&'d str>> {
        let value = self.value(key)?;
        value.and_then(|tree| tree.as_str()).or_else(|| self.wrong(key, "a text in quotes"))
    }

    /// A text that must be there and not be empty.
    pub fn required_string(&self, key: &str) -> Option<Located<&'d str>> {
        if !self.has(key) {
            return self.missing(key);
        }
        let text = self.string(key)?;
        if text.trim().is_empty() {
            self.note(Problem::error(text.span, format!("`{key}` is empty"), "a text is expected here"));
            return None;
        }
        Some(text)
    }

    /// A whole number within bounds.
    pub fn integer(&self, key: &str, bounds: RangeInclusive<i64>) -> Option<Located<i64>> {
        let value = self.value(key)?;
        value
            .and_then(values::integer)
            .filter(|number| bounds.contains(&number.value))
            .or_else(|| self.wrong(key, format!("a whole number from {} to {}", bounds.start(), bounds.end())))
    }

    /// `true` or `false`.
    pub fn boolean(&self, key: &str) -> Option<Located<bool>> {
        let value = self.value(key)?;
        value.and_then(|tree| tree.as_bool()).or_else(|| self.wrong(key, "`true` or `false`, without quotes"))
    }

    /// One of a few words, each standing for a value.
    pub fn word<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Option<Located<T>> {
        let text = self.string(key)?;
        let value = self.one_of(key, &text, words)?;
        Some(Located { value, span: text.span })
    }

    /// A list of words, each standing for a value.
    pub fn words<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Option<Vec<Located<T>>> {
        self.each(key, |text| {
            let value = self.one_of(key, &text, words)?;
            Some(Located { value, span: text.span })
        })
    }

    /// A list of texts.
    pub fn strings(&self, key: &str) -> Option<Vec<Located<&'d str>>> {
        self.each(key, Some)
    }

    /// A duration: `"30s"`, `"5m"`, `"24h"`, `"7d"`, `"1h30m"`, `"250ms"`.
    pub fn duration(&self, key: &str) -> Option<Located<Duration>> {
        let text = self.string(key)?;
        match values::duration(&text) {
            Some(value) => Some(Located { value, span: text.span }),
            None => self.wrong(key, "a duration such as \"30s\", \"5m\" or \"24h\""),
        }
    }

    /// A size in bytes: a whole number, or `"64KB"`, `"2MB"`, `"1GB"` (powers of 1000; `KiB`, `MiB`, `GiB` of 1024).
    pub fn size(&self, key: &str) -> Option<Located<u64>> {
        let value = self.value(key)?;
        let read = |tree: &DeValue<'_>| match tree.as_str() {
            Some(text) => values::size(text),
            None => values::integer(tree).and_then(|number| u64::try_from(number).ok()),
        };
        value.and_then(read).or_else(|| self.wrong(key, "a number of bytes, or a size such as \"64KB\" or \"2MB\""))
    }

    /// A rate in bytes: `"2MB/s"`, or `"16Mbit/s"`.
    pub fn rate(&self, key: &str) -> Option<Located<Rate>> {
        let text = self.string(key)?;
        match text.parse() {
            Ok(value) => Some(Located { value, span: text.span }),
            Err(NotARate) => self.wrong(key, rate::expected(text.value)),
        }
    }

    /// A list of networks, `"10.0.0.0/8"`, or single addresses, `"::1"`.
    pub fn networks(&self, key: &str) -> Option<Vec<Located<IpNet>>> {
        self.each(key, |text| self.network(&text))
    }

    /// Reads one network; notes a problem when it is none.
    pub fn network(&self, text: &Located<&str>) -> Option<Located<IpNet>> {
        match values::network(text) {
            Ok(value) => Some(Located { value, span: text.span.clone() }),
            Err(expected) => {
                self.note(Problem::error(
                    text.span.clone(),
                    format!("`{}` is not a valid network", text.value),
                    expected,
                ));
                None
            }
        }
    }

    /// A list of ports and port ranges: `[80, 443, "1024-65535"]`.
    pub fn ports(&self, key: &str) -> Option<Vec<Located<RangeInclusive<u16>>>> {
        let read = |item: &'d Spanned<DeValue<'d>>| self.port(item.get_ref(), item.span());
        Some(self.array(key, PORTS)?.iter().filter_map(read).collect())
    }

    /// The same, where `"!8080"` and `"!8000-8100"` remove: each with whether it does.
    pub fn signed_ports(&self, key: &str) -> Vec<(Located<RangeInclusive<u16>>, bool)> {
        let read =
            |item: &'d Spanned<DeValue<'d>>| match item.get_ref().as_str().and_then(|text| text.strip_prefix('!')) {
                Some(rest) => Some((self.port(&DeValue::String(rest.into()), item.span())?, true)),
                None => Some((self.port(item.get_ref(), item.span())?, false)),
            };
        self.array(key, PORTS).unwrap_or_default().iter().filter_map(read).collect()
    }

    fn port(&self, value: &DeValue<'_>, span: Range<usize>) -> Option<Located<RangeInclusive<u16>>> {
        let range = match value {
            DeValue::String(text) => values::ports(text),
            number => values::port(number),
        };
        if range.is_none() {
            let what = format!("`{}` is not a valid port", self.text(&span));
            self.note(Problem::error(span.clone(), what, "a port from 1 to 65535, or a range such as \"8000-8100\""));
        }
        Some(Located { value: range?, span })
    }

    /// An instant as RFC 3339 writes it, with its offset: in quotes or as a TOML date.
    pub fn timestamp(&self, key: &str) -> Option<Located<Timestamp>> {
        let value = self.value(key)?;
        let span = value.span.clone();
        let text = match value.value {
            DeValue::String(text) => text.as_ref(),
            DeValue::Datetime(_) => self.text(&span),
            _ => "",
        };
        match text.parse() {
            Ok(value) => Some(Located { value, span }),
            Err(_) => self.wrong(key, "a time with its offset, such as \"2026-01-14T12:30:00+01:00\""),
        }
    }

    /// A table: `[key]` or `key = { … }`.
    pub fn table(&self, key: &str) -> Option<Table<'d>> {
        self.inline_table(key, format!("a table: [{}]", self.path(key)))
    }

    /// A table that is usually written in one line; `form` is how.
    pub fn inline_table(&self, key: &str, form: impl Display) -> Option<Table<'d>> {
        let value = self.value(key)?;
        let span = value.span.clone();
        match value.value {
            DeValue::Table(tree) => Some(self.below(key, tree, span)),
            _ => self.wrong(key, form),
        }
    }

    /// The tables `[key.NAME]`, in the order of the text, each with its name.
    pub fn named_tables(&self, key: &str) -> Vec<(Located<&'d str>, Table<'d>)> {
        let Some(parent) = self.table(key) else {
            return Vec::new();
        };
        let names = parent.names();
        names.into_iter().filter_map(|name| Some((name.clone(), parent.table(name.value)?))).collect()
    }

    /// The tables `[[key]]`, or a list of inline tables.
    pub fn tables(&self, key: &str) -> Option<Vec<Table<'d>>> {
        let expected = format!("tables: [[{}]]", self.path(key));
        let read = |item: &'d Spanned<DeValue<'d>>| match item.get_ref() {
            DeValue::Table(tree) => Some(self.below(key, tree, item.span())),
            other => {
                self.note(Problem::error(
                    item.span(),
                    format!("`{key}` holds {}", kind(other)),
                    format!("expected {expected}"),
                ));
                None
            }
        };
        Some(self.array(key, &expected)?.iter().filter_map(read).collect())
    }

    /// Whether the key is there; it is known from now on, and read no further.
    pub fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// Keys that a later version reads: written today they are refused, never silently without effect.
    pub fn not_yet(&self, keys: &[&str]) {
        self.hide(keys);
        for key in keys {
            if let (true, Some(span)) = (self.has(key), self.key(key)) {
                let what = format!("`{key}` is not supported yet");
                self.note(Problem::error(span, what, "this version does not do it; remove the line"));
            }
        }
    }

    /// Keys that are read but never offered in place of an unknown one, since they would be refused.
    pub fn hide(&self, keys: &[&str]) {
        self.hidden.borrow_mut().extend(keys.iter().map(|key| (*key).to_owned()));
    }

    /// Notes that a key is missing.
    pub fn missing<T>(&self, key: &str) -> Option<T> {
        let header = self.text(&self.span);
        let place = match header.starts_with('[') {
            true => header.to_owned(),
            false if self.name.is_empty() => "the file".to_owned(),
            false => format!("`{}`", self.name),
        };
        self.note_absence(Problem::error(self.span(), format!("{place} has no `{key}`"), format!("add `{key} = …`")));
        None
    }

    /// Ends the reading: every key that was not asked for is reported with the nearest one that was.
    pub fn end(self) {
        let (known, hidden) = (self.known.borrow(), self.hidden.borrow());
        let offered: Vec<&str> = known.iter().filter(|key| !hidden.contains(key)).map(String::as_str).collect();
        for key in self.tree.keys() {
            let word: &str = key.get_ref();
            if known.iter().any(|known| known == word) {
                continue;
            }
            let label = match nearest(word, offered.iter().copied()) {
                Some(near) => format!("nearest: `{near}`"),
                None if offered.is_empty() => "this version reads nothing here; remove the line".to_owned(),
                None => format!("known here: {}", quoted_list(offered.iter())),
            };
            self.document.note(Problem::error(key.span(), format!("unknown key `{}`", self.path(word)), label));
        }
    }

    /// Reads a word that stands for a value; an unknown one is reported with the nearest.
    pub fn one_of<T: Copy>(&self, key: &str, text: &Located<&str>, words: &[(&str, T)]) -> Option<T> {
        let found = words.iter().find(|(word, _)| *word == text.value).map(|(_, value)| *value);
        if found.is_none() {
            let label = match nearest(text.value, words.iter().map(|(word, _)| *word)) {
                Some(near) => format!("nearest: `{near}`"),
                None => format!("expected {}", quoted_list(words.iter().map(|(word, _)| word))),
            };
            self.note(Problem::error(
                text.span.clone(),
                format!("`{}` is not a valid value of `{key}`", text.value),
                label,
            ));
        }
        found
    }

    fn value(&self, key: &str) -> Option<Located<&'d DeValue<'d>>> {
        let mut known = self.known.borrow_mut();
        if !known.iter().any(|known| known == key) {
            known.push(key.to_owned());
        }
        self.tree.get(key).map(|value| Located { value: value.get_ref(), span: value.span() })
    }

    fn array(&self, key: &str, expected: &str) -> Option<&'d [Spanned<DeValue<'d>>]> {
        let value = self.value(key)?;
        match value.value {
            DeValue::Array(items) => Some(items.as_ref()),
            // A header that was not closed takes the next one in.
            DeValue::Table(_) if self.document.incomplete => None,
            _ => self.wrong(key, expected),
        }
    }

    fn each<T>(&self, key: &str, mut read: impl FnMut(Located<&'d str>) -> Option<T>) -> Option<Vec<T>> {
        let items = self.array(key, "a list of texts: [\"…\", \"…\"]")?;
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            match item.get_ref().as_str() {
                Some(text) => values.extend(read(Located { value: text, span: item.span() })),
                None => self.note(Problem::error(
                    item.span(),
                    format!("`{key}` holds {}", kind(item.get_ref())),
                    "expected a text in quotes",
                )),
            }
        }
        Some(values)
    }

    fn below(&self, key: &str, tree: &'d DeTable<'d>, span: Range<usize>) -> Table<'d> {
        Table {
            document: self.document,
            tree,
            span,
            name: self.path(key),
            known: RefCell::default(),
            hidden: RefCell::default(),
        }
    }

    /// The text as it is written.
    fn text(&self, span: &Range<usize>) -> &'d str {
        self.document.source.text.get(span.clone()).unwrap_or_default()
    }

    fn wrong<T>(&self, key: &str, expected: impl Display) -> Option<T> {
        let value = self.value(key)?;
        let what = match value.value {
            DeValue::String(text) => format!("`{key}` is \"{text}\""),
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {
                format!("`{key}` is {}", self.text(&value.span))
            }
            other => format!("`{key}` is {}", kind(other)),
        };
        self.note(Problem::error(value.span, what, format!("expected {expected}")));
        None
    }

    fn path(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }
}

/// `` `a`, `b`, `c` ``.
pub fn quoted_list(words: impl Iterator<Item = impl Display>) -> String {
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

const PORTS: &str = "a list of ports such as [80, 443, \"1024-65535\"]";

#[cfg(test)]
mod tests;

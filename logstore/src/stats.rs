//! Statistics of a period: figures about what was asked and decided, none about anybody.
//!
//! They are counted from the day files, that of today included, when they are asked for; nothing of them is kept, so that
//! nothing outlives the days. What may be shown is decided by [`threshold`]: no figure, and no difference of figures, is
//! about fewer than [`THRESHOLD`] people. There is no figure of a person, no order of persons, no time spent.
//!
//! Whoever has the figures of two periods subtracts them. So there are base periods ([`Calendar`]) which no period that may
//! be asked for ever divides; each is put into groups by itself, as if nothing else were known, and figures of several are
//! the sum of theirs: what comes out of any two answers is made of whole groups of whole base periods.

mod persons;
mod service;
pub mod threshold;

pub use persons::{Few, Persons};
pub use service::service;

use crate::alike::{self, Alike, Counter, Field, Numbered};
use crate::keys::Keys;
use crate::{Action, SearchError};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Add;
use std::path::Path;
use threshold::{Cell, Group, groups};

/// Fewer people than this are no group: their figures are put together with others, or not shown.
pub const THRESHOLD: usize = 5;

/// The days of a base period, as the clock on the wall has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// When each begins (UTC µs), rising, and its name.
    pub days: Vec<(i64, String)>,
    /// When the last one ends (UTC µs).
    pub end: i64,
}

/// Sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Figures {
    /// How many exchanges.
    pub exchanges: u64,
    /// Their payload bytes client→origin.
    pub bytes_sent: u64,
    /// Their payload bytes origin→client.
    pub bytes_received: u64,
}

impl Add for Figures {
    type Output = Figures;

    fn add(self, other: Figures) -> Figures {
        Figures {
            exchanges: self.exchanges.saturating_add(other.exchanges),
            bytes_sent: self.bytes_sent.saturating_add(other.bytes_sent),
            bytes_received: self.bytes_received.saturating_add(other.bytes_received),
        }
    }
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What it is about; `None` where records have no such value, and of others.
    pub name: Option<String>,
    /// Whether these are those that are too few to be told apart.
    pub others: bool,
    /// Its figures.
    #[serde(flatten)]
    pub figures: Figures,
    /// How many of its exchanges were certainly turned back.
    pub blocked: u64,
}

/// The statistics of a period. Rows come in falling order, others last; days come in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Statistics {
    /// Exchanges counted: 0 tells an empty period from one of too few people.
    #[serde(skip)]
    pub counted: u64,
    /// The first days of base periods of which nothing is shown, since too few people are behind them.
    pub withheld: Vec<String>,
    /// All of it; `None` when too few people are behind it: then nothing is shown at all.
    pub total: Option<Figures>,
    /// By day.
    pub days: Vec<Row>,
    /// By what was decided.
    pub actions: Vec<Row>,
    /// By how it ended.
    pub outcomes: Vec<Row>,
    /// By category.
    pub categories: Vec<Row>,
    /// By rule.
    pub rules: Vec<Row>,
    /// By article of the charter.
    pub articles: Vec<Row>,
    /// By service; masked destinations are in none.
    pub services: Vec<Row>,
    /// Masked, by the reason.
    pub masked: Vec<Row>,
}

/// Counts base periods, each by itself, and returns the days that could not be read.
///
/// Cancel safety: dropping it stops the count.
pub async fn statistics(
    dir: &Path,
    keys: &Keys,
    calendars: &[Calendar],
) -> Result<(Statistics, Vec<SearchError>), SearchError> {
    let mut all = Statistics::default();
    let mut unread: Vec<SearchError> = Vec::new();
    for calendar in calendars {
        let Some((begin, _)) = calendar.days.first() else { continue };
        let mut tally = Tally::new(calendar);
        for error in alike::count(dir, keys, *begin..calendar.end, &mut tally).await? {
            // A day in UTC may reach into two periods.
            if !unread.iter().any(|known| known.to_string() == error.to_string()) {
                unread.push(error);
            }
        }
        all = all.plus(tally.statistics());
    }
    Ok((all, unread))
}

impl Statistics {
    /// These and those of another period: row by row, as they are shown.
    pub fn plus(self, other: Statistics) -> Statistics {
        let days = |one, other| {
            let mut days = both(one, other);
            days.sort_by(|a, b| (a.others, &a.name).cmp(&(b.others, &b.name)));
            days
        };
        Statistics {
            counted: self.counted + other.counted,
            withheld: self.withheld.into_iter().chain(other.withheld).collect(),
            total: match (self.total, other.total) {
                (Some(one), Some(other)) => Some(one + other),
                (one, other) => one.or(other),
            },
            days: days(self.days, other.days),
            actions: both(self.actions, other.actions),
            outcomes: both(self.outcomes, other.outcomes),
            categories: both(self.categories, other.categories),
            rules: both(self.rules, other.rules),
            articles: both(self.articles, other.articles),
            services: both(self.services, other.services),
            masked: both(self.masked, other.masked),
        }
    }
}

/// The rows of two tables, those of one name as one.
fn both(one: Vec<Row>, other: Vec<Row>) -> Vec<Row> {
    let mut table = Table::default();
    for row in one.into_iter().chain(other) {
        let (figures, blocked) = table.0.entry((!row.others).then_some(row.name)).or_default();
        (*figures, *blocked) = (*figures + row.figures, *blocked + row.blocked);
    }
    table.rows()
}

/// A service's number says by its highest bit that it is a reason for masking.
const MASKED: u32 = 1 << 31;

/// What is counted, by action and then by what the tables are about.
struct Tally<'c> {
    calendar: &'c Calendar,
    /// The day that was met last.
    last: usize,
    persons: Persons,
    words: [Words; Tally::FIELDS.len()],
    /// Action, article, rule, category, service.
    decisions: Numbered<[u32; 5], (Figures, Few)>,
    /// Action, day.
    days: Numbered<[u32; 2], (Figures, Few)>,
    /// Action, outcome.
    outcomes: Numbered<[u32; 2], (Figures, Few)>,
}

impl Counter for Tally<'_> {
    const FIELDS: &'static [Field] = &[
        Field::User,
        Field::ClientIp,
        Field::Action,
        Field::Article,
        Field::Rule,
        Field::Category,
        Field::Host,
        Field::Masked,
        Field::Outcome,
    ];
    const VOLUMES: bool = true;

    fn number(&mut self, field: usize, value: Option<&str>) -> u32 {
        match Self::FIELDS[field] {
            Field::User => value.map_or(0, |name| self.persons.account(name) + 1),
            Field::ClientIp => {
                let address = value.and_then(|text| text.parse().ok());
                self.persons.address(address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
            }
            Field::Host => self.words[field].number(value.map(service)),
            _ => self.words[field].number(value),
        }
    }

    fn class(&mut self, opened_at: i64) -> Option<u32> {
        let days = &self.calendar.days;
        let begins = |day: usize| days.get(day).map_or(self.calendar.end, |(begins, _)| *begins);
        if opened_at >= self.calendar.end {
            return None;
        }
        if opened_at < begins(self.last) || opened_at >= begins(self.last + 1) {
            self.last = days.partition_point(|(begins, _)| *begins <= opened_at).checked_sub(1)?;
        }
        u32::try_from(self.last).ok()
    }

    fn count(&mut self, alike: &Alike<'_>) {
        let [user, address, action, article, rule, category, host, masked, outcome] = *alike.numbers else { return };
        let person = self.persons.asker(user.checked_sub(1), address);
        let service = if masked == 0 { host } else { MASKED | masked };
        let &Alike { class: day, exchanges, bytes_sent, bytes_received, .. } = alike;
        let figures = Figures { exchanges, bytes_sent, bytes_received };
        let add = |cell: &mut (Figures, Few)| {
            cell.0 = cell.0 + figures;
            cell.1.add(person);
        };
        add(self.decisions.entry([action, article, rule, category, service]).or_default());
        add(self.days.entry([action, day]).or_default());
        add(self.outcomes.entry([action, outcome]).or_default());
    }
}

impl<'c> Tally<'c> {
    fn new(calendar: &'c Calendar) -> Tally<'c> {
        Tally {
            calendar,
            last: 0,
            persons: Persons::default(),
            words: Default::default(),
            decisions: Numbered::default(),
            days: Numbered::default(),
            outcomes: Numbered::default(),
        }
    }

    fn word(&self, field: Field, number: u32) -> Option<String> {
        let place = Self::FIELDS.iter().position(|known| *known == field)?;
        self.words[place].word(number)
    }

    /// What may be shown. Actions are told apart first, once for all tables: none has a difference with another that
    /// would tell apart what that one does not.
    fn statistics(self) -> Statistics {
        let counted = self.decisions.values().map(|(figures, _)| figures.exchanges).sum();
        let by_action = self.decisions.iter().map(|(path, (figures, people))| Cell {
            path: [path[0]],
            figures: *figures,
            people: *people,
        });
        let actions = groups(by_action.collect(), &self.persons);
        if actions.is_empty() {
            let first = self.calendar.days.first().filter(|_| counted > 0).map(|(_, name)| name.clone());
            return Statistics { counted, withheld: first.into_iter().collect(), ..Statistics::default() };
        }
        let told: Vec<u32> = actions.iter().filter_map(|group| group.path[0]).collect();
        let within = |number: u32, action: Option<u32>| told.contains(&number).then_some(number) == action;
        let mut tables = Tables::default();
        let mut total = Figures::default();
        for &Group { path: [action], figures } in &actions {
            total = total + figures;
            let word = action.and_then(|action| self.word(Field::Action, action));
            let blocked = word.as_deref() == Some(Action::Block.as_str());
            tables.actions.add(action.map(|_| word), figures, blocked);
            let decisions = self.decisions.iter().filter(|(path, _)| within(path[0], action)).map(|(path, cell)| {
                let [_, path @ ..] = *path;
                Cell { path, figures: cell.0, people: cell.1 }
            });
            for Group { path: [article, rule, category, service], figures } in
                groups(decisions.collect(), &self.persons)
            {
                let name = |field: Field, number: Option<u32>| number.map(|number| self.word(field, number));
                tables.articles.add(name(Field::Article, article), figures, blocked);
                tables.rules.add(name(Field::Rule, rule), figures, blocked);
                tables.categories.add(name(Field::Category, category), figures, blocked);
                match service {
                    Some(masked) if masked & MASKED != 0 => {
                        tables.masked.add(name(Field::Masked, Some(masked & !MASKED)), figures, blocked);
                    }
                    service => tables.services.add(name(Field::Host, service), figures, blocked),
                }
            }
            for Group { path: [day], figures } in
                groups(cells(&self.days, |number| within(number, action)), &self.persons)
            {
                tables.days.add(day.map(|day| Some(format!("{day:08}"))), figures, blocked);
            }
            let outcomes = cells(&self.outcomes, |number| within(number, action));
            for Group { path: [outcome], figures } in groups(outcomes, &self.persons) {
                let name = outcome.map(|outcome| self.word(Field::Outcome, outcome));
                tables.outcomes.add(name, figures, blocked);
            }
        }
        let day = |name: String| Some(self.calendar.days.get(name.parse::<usize>().ok()?)?.1.clone());
        let mut days = tables.days.rows();
        // Named by their places so far, so that they stand in their order.
        days.sort_by_key(|row| (row.others, row.name.clone()));
        days.iter_mut().for_each(|row| row.name = row.name.take().and_then(day));
        Statistics {
            counted,
            withheld: Vec::new(),
            total: Some(total),
            days,
            actions: tables.actions.rows(),
            outcomes: tables.outcomes.rows(),
            categories: tables.categories.rows(),
            rules: tables.rules.rows(),
            articles: tables.articles.rows(),
            services: tables.services.rows(),
            masked: tables.masked.rows(),
        }
    }
}

fn cells(of: &Numbered<[u32; 2], (Figures, Few)>, within: impl Fn(u32) -> bool) -> Vec<Cell<1>> {
    let cells = of.iter().filter(|(path, _)| within(path[0]));
    cells.map(|(path, cell)| Cell { path: [path[1]], figures: cell.0, people: cell.1 }).collect()
}

#[derive(Default)]
struct Tables {
    days: Table,
    actions: Table,
    outcomes: Table,
    categories: Table,
    rules: Table,
    articles: Table,
    services: Table,
    masked: Table,
}

/// Rows by name; `None` are others, `Some(None)` what has no such value.
#[derive(Default)]
struct Table(BTreeMap<Option<Option<String>>, (Figures, u64)>);

impl Table {
    fn add(&mut self, name: Option<Option<String>>, figures: Figures, blocked: bool) {
        let row = self.0.entry(name).or_default();
        row.0 = row.0 + figures;
        row.1 += if blocked { figures.exchanges } else { 0 };
    }

    fn rows(self) -> Vec<Row> {
        let row = |(name, (figures, blocked)): (Option<Option<String>>, (Figures, u64))| Row {
            others: name.is_none(),
            name: name.flatten(),
            figures,
            blocked,
        };
        let mut rows: Vec<Row> = self.0.into_iter().map(row).collect();
        rows.sort_by_key(|row| (row.others, u64::MAX - row.figures.exchanges));
        rows
    }
}

/// Numbers for texts: 0 for none.
#[derive(Debug, Default)]
pub struct Words {
    known: HashMap<Box<str>, u32>,
    texts: Vec<Box<str>>,
}

impl Words {
    /// The number of a text.
    pub fn number(&mut self, text: Option<&str>) -> u32 {
        let Some(text) = text else { return 0 };
        if let Some(number) = self.known.get(text) {
            return *number;
        }
        self.texts.push(text.into());
        let number = self.texts.len() as u32;
        self.known.insert(text.into(), number);
        number
    }

    /// The text of a number.
    pub fn text(&self, number: u32) -> Option<&str> {
        self.texts.get(usize::try_from(number).ok()?.checked_sub(1)?).map(|text| &**text)
    }

    fn word(&self, number: u32) -> Option<String> {
        self.text(number).map(str::to_owned)
    }
}

#[cfg(test)]
#[path = "stats/tests.rs"]
mod tests;

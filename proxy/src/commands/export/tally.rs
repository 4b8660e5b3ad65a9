//! Records counted as they go by: how many, of which month, category and decision, and the newest of them. Bounded, however
//! many there are.

use super::terms::Acknowledged;
use crate::legal::subject;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use logstore::statements::Statements;
use logstore::{Action, Record};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;

/// Persons and addresses are told apart up to so many.
const APART: usize = 100_000;

/// What was counted.
pub(super) struct Tally {
    zone: TimeZone,
    newest: usize,
    /// All records.
    pub(super) total: u64,
    /// Those whose destination is withheld.
    pub(super) masked: u64,
    /// By local month.
    pub(super) months: BTreeMap<(i16, i8), u64>,
    /// By category.
    pub(super) categories: HashMap<Option<String>, u64>,
    /// By decision, in the order of [`Action::ALL`].
    pub(super) actions: [u64; Action::ALL.len()],
    /// The newest, oldest first.
    pub(super) last: VecDeque<Record>,
    /// The local days of the first and of the last.
    pub(super) days: Option<(Date, Date)>,
    /// Warnings that were acknowledged.
    pub(super) acknowledged: Vec<Acknowledged>,
    /// The numbers of the statements that concern any of them.
    pub(super) statements: BTreeSet<u64>,
    /// By whom: each account, and each address without one.
    pub(super) persons: BTreeSet<Result<String, IpAddr>>,
}

impl Tally {
    /// Nothing yet; it will keep so many of the newest.
    pub(super) fn new(zone: TimeZone, newest: usize) -> Tally {
        Tally {
            zone,
            newest,
            total: 0,
            masked: 0,
            months: BTreeMap::new(),
            categories: HashMap::new(),
            actions: [0; Action::ALL.len()],
            last: VecDeque::with_capacity(newest.min(1024)),
            days: None,
            acknowledged: Vec::new(),
            statements: BTreeSet::new(),
            persons: BTreeSet::new(),
        }
    }

    /// Counts a record. They come oldest first.
    pub(super) fn add(&mut self, record: &Record, statements: &Statements) {
        let day = Timestamp::from_microsecond(record.opened_at).unwrap_or_default();
        let day = self.zone.to_datetime(day).date();
        self.total += 1;
        self.masked += u64::from(record.masked.is_some());
        *self.months.entry((day.year(), day.month())).or_default() += 1;
        match self.categories.get_mut(&record.category) {
            Some(count) => *count += 1,
            None => drop(self.categories.insert(record.category.clone(), 1)),
        }
        if let Some(place) = Action::ALL.iter().position(|action| *action == record.action) {
            self.actions[place] += 1;
        }
        self.acknowledged.extend(Acknowledged::of(record));
        let (first, last) = self.days.unwrap_or((day, day));
        self.days = Some((first.min(day), last.max(day)));
        if self.newest > 0 {
            if self.last.len() == self.newest {
                self.last.pop_front();
            }
            self.last.push_back(record.clone());
        }
        self.statements.extend(statements.of(record).into_iter().map(|entry| entry.number));
        if self.persons.len() < APART {
            let by = record.user.as_ref().map(|user| user.to_lowercase());
            let by = by.ok_or(record.client_ip.to_canonical());
            if !self.persons.contains(&by) {
                self.persons.insert(by);
            }
        }
    }

    /// How many of each decision, in words of the documents; none of those there is none of.
    pub(super) fn by_action(&self) -> Vec<(subject::Action, u64)> {
        let counted = Action::ALL.iter().zip(self.actions).filter(|(_, count)| *count > 0);
        counted.map(|(action, count)| (decided(*action), count)).collect()
    }
}

/// A decision as documents name it.
pub(super) fn decided(action: Action) -> subject::Action {
    match action {
        Action::Allow => subject::Action::Allowed,
        Action::Block => subject::Action::Blocked,
        Action::Warn => subject::Action::Warned,
        Action::Budget => subject::Action::Budgeted,
    }
}

/// Where a record went, or why that is not known.
pub(super) fn destination(found: &Record) -> Result<String, subject::Masked> {
    match found.masked.as_deref() {
        None => Ok(found.host.clone().unwrap_or_default()),
        Some("person") => Err(subject::Masked::Person),
        Some("guest") => Err(subject::Masked::Guest),
        Some(_) => Err(subject::Masked::Category),
    }
}

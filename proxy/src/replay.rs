//! Past traffic decided anew by a draft of the charter, and what that would have changed: how often, for how many people,
//! never for whom.
//!
//! The register has host, port, scheme, method, instant, account and client; it has no path of most exchanges, no group of
//! a directory, and of masked exchanges no host. What these could decide is counted as what cannot be told. Exchanges that
//! are alike are decided once.

mod outcome;

pub(crate) use outcome::{Replayed, Share};

use crate::record;
use jiff::Timestamp;
use logstore::stats::{Persons, Words};
use logstore::{Alike, Counter, Field};
use policy::verdict::Reach;
use policy::{Action, InForce, Query, Target};
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};

/// What a draft would have done otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Change {
    /// It was let through, and would have been turned back.
    NewlyBlocked,
    /// It was turned back, and would have been let through.
    NewlyAllowed,
    /// It would have gone the same way, by another rule.
    OtherRule,
}

/// How many exchanges, and whose.
#[derive(Debug, Default, Clone)]
struct Count {
    exchanges: u64,
    people: HashSet<u32>,
}

impl Count {
    fn add(&mut self, exchanges: u64, person: u32) {
        self.exchanges += exchanges;
        self.people.insert(person);
    }
}

/// What a difference is told by: the rules then and now, the category, the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Difference {
    change: Change,
    before: u32,
    after: u32,
    category: u32,
    host: u32,
}

/// A target as records keep it: scheme, host, port, path.
type Place = [u32; 4];

/// A replay under way.
pub(crate) struct Replay<'d> {
    draft: &'d InForce,
    reach: Reach,
    /// Records with a path have all of it: `[log] detail` is `url`.
    whole_paths: bool,
    persons: Persons,
    /// The person of each account, and each address with its own: by their words' numbers, from 1.
    accounts: Vec<u32>,
    addresses: Vec<(IpAddr, u32)>,
    words: [Words; Replay::FIELDS.len()],
    targets: HashMap<Place, Option<Target>>,
    /// Which schedules hold, by number; and the minute that was met last.
    classes: HashMap<Vec<bool>, u32>,
    minute: (i64, u32),
    same: Count,
    differences: HashMap<Difference, Count>,
    /// Rules of the draft that are for some people only.
    for_some: HashSet<u32>,
    masked: u64,
    path: u64,
    unreadable: u64,
}

/// Targets remembered; then they are parsed again.
const TARGETS: usize = 1 << 17;

/// Places of the fields.
const USER: usize = 0;
const CLIENT: usize = 1;
const METHOD: usize = 2;
const SCHEME: usize = 3;
const HOST: usize = 4;
const PORT: usize = 5;
const TLS_NAME: usize = 6;
const MASKED: usize = 7;
const PATH: usize = 8;
const ACTION: usize = 9;
const RULE: usize = 10;
const CATEGORY: usize = 11;

impl Counter for Replay<'_> {
    const FIELDS: &'static [Field] = &[
        Field::User,
        Field::ClientIp,
        Field::Method,
        Field::Scheme,
        Field::Host,
        Field::Port,
        Field::TlsName,
        Field::Masked,
        Field::Path,
        Field::Action,
        Field::Rule,
        Field::Category,
    ];
    const VOLUMES: bool = false;

    fn number(&mut self, field: usize, value: Option<&str>) -> u32 {
        let number = self.words[field].number(value);
        let new = |known: usize| usize::try_from(number).is_ok_and(|number| number > known);
        match (field, value) {
            (USER, Some(name)) if new(self.accounts.len()) => self.accounts.push(self.persons.account(name)),
            (CLIENT, Some(text)) if new(self.addresses.len()) => {
                let address = text.parse().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
                self.addresses.push((address, self.persons.address(address)));
            }
            _ => {}
        }
        number
    }

    /// The schedules that hold: nothing else of the instant decides.
    fn class(&mut self, opened_at: i64) -> Option<u32> {
        let minute = opened_at.div_euclid(60_000_000);
        if minute != self.minute.0 {
            let at = Timestamp::from_microsecond(opened_at).ok()?;
            let next = self.classes.len() as u32;
            self.minute = (minute, *self.classes.entry(self.draft.schedules_at(at)).or_insert(next));
        }
        Some(self.minute.1)
    }

    fn count(&mut self, alike: &Alike<'_>) {
        let numbers = alike.numbers;
        let number = |field: usize| numbers.get(field).copied().unwrap_or(0);
        if number(MASKED) != 0 {
            self.masked += alike.exchanges;
            return;
        }
        let place = [number(SCHEME), number(HOST), number(PORT), number(PATH)];
        let user = number(USER);
        let Some(&(client, address)) = nth(&self.addresses, number(CLIENT)) else {
            self.unreadable += alike.exchanges;
            return;
        };
        let person = self.persons.asker(nth(&self.accounts, user).copied(), address);
        if self.targets.len() >= TARGETS {
            self.targets.clear();
        }
        let words = &self.words;
        let target = self.targets.entry(place).or_insert_with(|| target(words, place));
        let (Some(target), Ok(at)) = (target.as_ref(), Timestamp::from_microsecond(alike.opened_at)) else {
            self.unreadable += alike.exchanges;
            return;
        };
        let method = self.words[METHOD].text(number(METHOD)).unwrap_or_default();
        let user = self.words[USER].text(user);
        let query = Query { target, method, user, groups: &[], client, at };
        let mut decision = self.draft.decide(&query);
        let path = self.words[PATH].text(number(PATH));
        // A tunnel has no path that a charter could see; a recorded one may lack its query.
        let known = method == CONNECT || path.is_some_and(|path| self.whole_paths || path.contains('?'));
        if !known && self.draft.hangs_on_path(target, &decision, &self.reach) {
            self.path += alike.exchanges;
            return;
        }
        // What was let through under the first name was decided on under the second.
        if decision.action == Action::Allow
            && let Some(name) = self.words[TLS_NAME].text(number(TLS_NAME))
            && let Ok(target) = target.under_name(name)
        {
            decision = self.draft.decide(&Query { target: &target, ..query });
        }
        let was_allowed = record::let_through(self.words[ACTION].text(number(ACTION)));
        let allows = decision.action == Action::Allow;
        let before = number(RULE);
        let by_the_gate = self.words[RULE].text(before).is_some_and(record::is_the_gates_own);
        let after = self.words[RULE].number(self.draft.rule(&decision));
        let change = match (was_allowed, allows) {
            (true, false) => Some(Change::NewlyBlocked),
            (false, true) => Some(Change::NewlyAllowed).filter(|_| !by_the_gate),
            (_, _) => Some(Change::OtherRule).filter(|_| before != after),
        };
        let Some(change) = change else {
            self.same.add(alike.exchanges, person);
            return;
        };
        if self.draft.is_for_some(&decision) {
            self.for_some.insert(after);
        }
        let category = match change {
            Change::NewlyAllowed => number(CATEGORY),
            _ => self.words[CATEGORY].number(self.draft.category(&decision)),
        };
        let difference = Difference { change, before, after, category, host: number(HOST) };
        self.differences.entry(difference).or_default().add(alike.exchanges, person);
    }
}

impl<'d> Replay<'d> {
    /// Begins. `whole_paths` says that a path that was recorded is all of it.
    pub(crate) fn begin(draft: &'d InForce, whole_paths: bool) -> Replay<'d> {
        Replay {
            reach: draft.reach(),
            draft,
            whole_paths,
            persons: Persons::default(),
            accounts: Vec::new(),
            addresses: Vec::new(),
            words: Default::default(),
            targets: HashMap::new(),
            classes: HashMap::new(),
            minute: (i64::MIN, 0),
            same: Count::default(),
            differences: HashMap::new(),
            for_some: HashSet::new(),
            masked: 0,
            path: 0,
            unreadable: 0,
        }
    }
}

/// The method that opens a tunnel.
const CONNECT: &str = "CONNECT";

fn nth<T>(of: &[T], number: u32) -> Option<&T> {
    of.get(usize::try_from(number).ok()?.checked_sub(1)?)
}

/// What was asked for, as far as the record says.
fn target(words: &[Words; Replay::FIELDS.len()], [scheme, host, port, path]: Place) -> Option<Target> {
    let (scheme, host) = (words[SCHEME].text(scheme)?, words[HOST].text(host)?);
    let (port, path) = (words[PORT].text(port)?, words[PATH].text(path).unwrap_or_default());
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    if path.is_empty() && scheme == "https" {
        return Target::of_authority(&format!("{host}:{port}")).ok();
    }
    Target::of_url(&format!("{scheme}://{host}:{port}{path}")).ok()
}

#[cfg(test)]
#[path = "replay/tests.rs"]
mod tests;

//! Past traffic decided anew by a draft of the charter, and what that would have changed: how often, never for whom.
//!
//! Whoever writes drafts asks what they like: two drafts that differ by a host, an hour or a person are a question about
//! it. So what a draft decides on does not depend on the draft: exchanges are put into groups of at least five people
//! first, in each base period by itself (`logstore::stats`), by destination, by what was decided then, by path and by half
//! hours; a group goes one way as a whole. Whatever is added or subtracted of the answers to whatever drafts is a sum of
//! such groups. Rules for some people find nobody, since in a group there is nobody in particular.
//!
//! The register has host, port, scheme, method, instant, account and client; it has no path of most exchanges, and of
//! masked exchanges no host. What these could decide is counted as what cannot be told.

mod groups;
mod outcome;

pub(crate) use outcome::Replayed;

use crate::record;
use groups::{Before, Group, Groups, NOT_ASKED, Place};
use jiff::Timestamp;
use logstore::stats::{Calendar, Persons, Words};
use logstore::{Alike, Counter, Field};
use policy::verdict::{Decision, Reach};
use policy::{Action, InForce, Learnt, Query, Target};
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

/// What a difference is told by: the rules then and now, the category, the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Difference {
    change: Change,
    before: u32,
    after: u32,
    category: u32,
    host: u32,
}

/// A replay under way.
pub(crate) struct Replay<'d> {
    draft: &'d InForce,
    reach: Reach,
    /// Records with a path have all of it: `[log] detail` is `url`.
    whole_paths: bool,
    /// Whether the draft asks for the hour at all.
    by_the_hour: bool,
    persons: Persons,
    /// The person of each account and of each address: by their words' numbers, from 1.
    accounts: Vec<u32>,
    addresses: Vec<u32>,
    words: [Words; Replay::FIELDS.len()],
    /// The base period under way.
    groups: Groups,
    targets: HashMap<(Place, u32), Option<Target>>,
    same: u64,
    differences: HashMap<Difference, u64>,
    masked: u64,
    path: u64,
    hour: u64,
    later: u64,
    few: u64,
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
                self.addresses.push(self.persons.address(address));
            }
            _ => {}
        }
        number
    }

    /// The half hour, if the draft asks for it: nothing else of the instant decides.
    fn class(&mut self, opened_at: i64) -> Option<u32> {
        if self.by_the_hour { u32::try_from(opened_at.div_euclid(HALF_HOUR)).ok() } else { Some(0) }
    }

    fn count(&mut self, alike: &Alike<'_>) {
        let number = |field: usize| alike.numbers.get(field).copied().unwrap_or(0);
        let Some(address) = nth(&self.addresses, number(CLIENT)) else { return };
        let person = self.persons.asker(nth(&self.accounts, number(USER)), address);
        let (place, before, path) = if number(MASKED) != 0 {
            (NOT_ASKED, Before::default(), 0)
        } else {
            let place = [SCHEME, HOST, PORT, METHOD, TLS_NAME].map(number);
            (place, [ACTION, RULE, CATEGORY].map(number), number(PATH))
        };
        let half_hour = self.by_the_hour.then_some(alike.class);
        self.groups.add(place, before, path, half_hour, alike.exchanges, person);
    }
}

impl<'d> Replay<'d> {
    /// Begins. `whole_paths` says that a path that was recorded is all of it.
    pub(crate) fn begin(draft: &'d InForce, whole_paths: bool) -> Replay<'d> {
        Replay {
            reach: draft.reach(),
            by_the_hour: !draft.schedules_at(Timestamp::UNIX_EPOCH).is_empty(),
            draft,
            whole_paths,
            persons: Persons::default(),
            accounts: Vec::new(),
            addresses: Vec::new(),
            words: Default::default(),
            groups: Groups::default(),
            targets: HashMap::new(),
            same: 0,
            differences: HashMap::new(),
            masked: 0,
            path: 0,
            hour: 0,
            later: 0,
            few: 0,
            unreadable: 0,
        }
    }

    /// Decides what was counted of a base period. What comes next is of another.
    pub(crate) fn settle(&mut self, period: &Calendar) {
        let begins = period.days.first().map_or(period.end, |(begins, _)| *begins);
        let moments = self.moments(begins, period.end);
        for group in std::mem::take(&mut self.groups).told(&self.persons) {
            self.decide(&group, &moments);
        }
        // Who is who is worked out for each base period by itself.
        self.persons = Persons::default();
        self.accounts.clear();
        self.addresses.clear();
        (self.words[USER], self.words[CLIENT]) = (Words::default(), Words::default());
    }

    /// An instant of each kind that the draft's schedules tell apart.
    fn moments(&self, begins: i64, ends: i64) -> Vec<Timestamp> {
        let mut known = HashSet::new();
        let last = if self.by_the_hour { ends } else { begins + 1 };
        (begins.div_euclid(HALF_HOUR)..=(last - 1).div_euclid(HALF_HOUR))
            .filter_map(|half_hour| Timestamp::from_microsecond(half_hour * HALF_HOUR).ok())
            .filter(|at| known.insert(self.draft.schedules_at(*at)))
            .collect()
    }

    fn decide(&mut self, group: &Group, moments: &[Timestamp]) {
        let exchanges = group.exchanges;
        let (Some(place), Some(before)) = (group.place, group.before) else {
            self.few += exchanges;
            return;
        };
        if place == NOT_ASKED {
            self.masked += exchanges;
            return;
        }
        let path = group.path.unwrap_or(0);
        if self.targets.len() >= TARGETS {
            self.targets.clear();
        }
        let words = &self.words;
        let target = self.targets.entry((place, path)).or_insert_with(|| target(words, place, path));
        let Some(target) = target.as_ref() else {
            self.unreadable += exchanges;
            return;
        };
        let at =
            group.half_hour.and_then(|half_hour| Timestamp::from_microsecond(i64::from(half_hour) * HALF_HOUR).ok());
        let moments = at.as_ref().map_or(moments, std::slice::from_ref);
        let [_, _, _, method, tls_name] = place;
        let method = words[METHOD].text(method).unwrap_or_default();
        let path = words[PATH].text(path);
        // A tunnel has no path that a charter could see; a recorded one may lack its query.
        let known = method == CONNECT || path.is_some_and(|path| self.whole_paths || path.contains('?'));
        let mut decided: Option<Decision> = None;
        for at in moments {
            // Nobody in particular.
            let client = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
            let query = Query { target, method, user: None, groups: &[], client, at: *at };
            let mut decision = self.draft.decide(&query);
            if !known && self.draft.hangs_on_path(target, &decision, &self.reach) {
                self.path += exchanges;
                return;
            }
            let undecided = !self.draft.undecided(&query, &Learnt::default(), &decision).is_empty();
            if decision.action != Action::Block && undecided {
                self.later += exchanges;
                return;
            }
            // What was let through under the first name was decided on under the second.
            if decision.action != Action::Block
                && let Some(name) = words[TLS_NAME].text(tls_name)
                && let Ok(target) = target.under_name(name)
            {
                decision = self.draft.decide(&Query { target: &target, ..query });
            }
            let is_other = |other: &Decision| {
                other.action != decision.action
                    || self.draft.rule(other) != self.draft.rule(&decision)
                    || self.draft.category(other) != self.draft.category(&decision)
            };
            if decided.as_ref().is_some_and(is_other) {
                self.hour += exchanges;
                return;
            }
            decided = Some(decision);
        }
        let Some(decision) = decided else {
            self.unreadable += exchanges;
            return;
        };
        self.compare(place, before, &decision, exchanges);
    }

    /// Notes what a decision changes.
    fn compare(&mut self, place: Place, [action, before, category]: Before, decision: &Decision, exchanges: u64) {
        let was_allowed = record::let_through(self.words[ACTION].text(action));
        let allows = decision.action != Action::Block;
        let by_the_gate = self.words[RULE].text(before).is_some_and(record::is_the_gates_own);
        let after = self.words[RULE].number(self.draft.rule(decision));
        let change = match (was_allowed, allows) {
            (true, false) => Some(Change::NewlyBlocked),
            (false, true) => Some(Change::NewlyAllowed).filter(|_| !by_the_gate),
            (_, _) => Some(Change::OtherRule).filter(|_| before != after),
        };
        let Some(change) = change else {
            self.same += exchanges;
            return;
        };
        let category = match change {
            Change::NewlyAllowed => category,
            _ => self.words[CATEGORY].number(self.draft.category(decision)),
        };
        let [_, host, ..] = place;
        *self.differences.entry(Difference { change, before, after, category, host }).or_default() += exchanges;
    }
}

/// The method that opens a tunnel.
const CONNECT: &str = "CONNECT";
/// What an hour is told by (µs). Narrower, hardly any would have five people.
const HALF_HOUR: i64 = 30 * 60 * 1_000_000;

fn nth(of: &[u32], number: u32) -> Option<u32> {
    of.get(usize::try_from(number).ok()?.checked_sub(1)?).copied()
}

/// What was asked for, as far as the record says.
fn target(words: &[Words; Replay::FIELDS.len()], [scheme, host, port, ..]: Place, path: u32) -> Option<Target> {
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

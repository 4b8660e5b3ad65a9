//! People: which roles an account has, who signed the undertaking, and which accounts and addresses are one person's.
//!
//! What is written is [`Event`]s, in the ledger `people`; what they make together is [`People`], without files or clocks.
//! A person is called by the account they have now. Names they had before, their `user@realm` and their sAMAccountName are
//! linked to it, and so is an address that was theirs alone, each for its period.

mod announced;
mod machine;
mod names;
mod role;

pub use announced::{ANNOUNCED, Announced};
pub use machine::is_machine;
pub use names::{NAME_CHARS, NotAName, name};
pub use role::Role;

use crate::approvals::Moment;
use crate::keys::Keys;
use crate::ledger::{self, Entry, Ledger, LedgerError};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;

/// From when to when something was so; open where nothing is said (UTC µs, the end not included).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// Its first instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<i64>,
    /// The first instant after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<i64>,
}

impl Period {
    /// Whether it holds the instant.
    pub fn holds(self, at: i64) -> bool {
        self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at < to)
    }

    /// What both have; none when they never meet.
    pub fn common(self, other: Period) -> Option<Period> {
        let from = self.from.into_iter().chain(other.from).max();
        let to = self.to.into_iter().chain(other.to).min();
        let meet = from.zip(to).is_none_or(|(from, to)| from < to);
        meet.then_some(Period { from, to })
    }
}

/// By what records know somebody.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// The name of an account, as records have it.
    Account(String),
    /// An address of a client.
    Address(IpAddr),
}

/// What is written in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// An account got a role.
    RoleGiven {
        /// The account.
        account: String,
        /// The role.
        role: Role,
        /// The approval it rests on, when two persons decided.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approval: Option<u64>,
    },
    /// An account lost a role.
    RoleTaken {
        /// The account.
        account: String,
        /// The role.
        role: Role,
    },
    /// An account's holder signed the undertaking.
    Undertaken {
        /// The account.
        account: String,
        /// SHA-256 of the text that was shown, in hexadecimal digits.
        text: String,
        /// The language of the text.
        language: String,
    },
    /// An account was opened again, or got another password from somebody who did not prove to be its holder: whoever has it
    /// now may be another person. Its roles that bear names stand still until they are given anew, and its undertaking is void.
    Suspended {
        /// The account.
        account: String,
        /// What was done to it.
        change: String,
    },
    /// No approver is left, and it was announced that this account will be one, without anybody to agree.
    Announced {
        /// The account.
        account: String,
        /// When, by more than the clock.
        moment: Moment,
    },
    /// An account or an address is a person's.
    Linked {
        /// The person, by the account they have now.
        person: String,
        /// What is theirs.
        mark: Mark,
        /// When.
        #[serde(flatten)]
        period: Period,
    },
    /// A link is over, or never held.
    Unlinked {
        /// The entry that made it.
        link: u64,
        /// When it ended; none: it was a mistake, and never held.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<i64>,
    },
}

/// A role that an account has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Given {
    /// Since when (UTC µs).
    pub since: i64,
    /// Who gave it.
    pub by: String,
    /// The approval it rests on.
    pub approval: Option<u64>,
}

/// A signed undertaking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undertaking {
    /// When it was signed (UTC µs).
    pub at: i64,
    /// SHA-256 of the text, in hexadecimal digits.
    pub text: String,
    /// The language of the text.
    pub language: String,
}

/// An account or an address that is a person's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The entry that made it.
    pub number: u64,
    /// The person.
    pub person: String,
    /// What is theirs.
    pub mark: Mark,
    /// When.
    pub period: Period,
}

/// Whose an address was at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribution<'p> {
    /// Nobody's that is known.
    Nobody,
    /// This person's alone.
    One(&'p str),
    /// Of all these: what it did was done by one of them, and nothing says by whom.
    Shared(Vec<&'p str>),
}

/// What the entries of the ledger make together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct People {
    roles: BTreeMap<String, BTreeMap<Role, Given>>,
    undertakings: BTreeMap<String, Undertaking>,
    links: Vec<Link>,
    suspended: BTreeMap<String, BTreeSet<Role>>,
    announced: Vec<Announced>,
    enforced: bool,
    had_approver: bool,
    /// Approvers who were named without anybody to agree, and when.
    recovered: BTreeMap<String, i64>,
}

/// Reads the ledger of a register.
pub fn read(dir: &Path, keys: &Keys) -> Result<People, LedgerError> {
    Ok(People::of(&ledger::read(dir, keys, Ledger::People)?))
}

impl People {
    /// What these entries make.
    pub fn of(entries: &[Entry<Event>]) -> People {
        let mut people = People::default();
        for entry in entries {
            people.apply(entry);
        }
        people
    }

    fn apply(&mut self, entry: &Entry<Event>) {
        match entry.what.clone() {
            Event::RoleGiven { account, role, approval } => {
                self.enforced |= role.bears_names();
                if role == Role::Approver {
                    if self.had_approver && approval.is_none() {
                        self.recovered.insert(account.clone(), entry.at);
                    }
                    self.had_approver = true;
                    self.announced.clear();
                }
                let given = Given { since: entry.at, by: entry.who.clone(), approval };
                let stood = !self.stir(&account, role);
                let roles = self.roles.entry(account).or_default();
                if stood {
                    roles.entry(role).or_insert(given);
                } else {
                    roles.insert(role, given);
                }
            }
            Event::RoleTaken { account, role } => {
                self.stir(&account, role);
                if role == Role::Approver {
                    self.recovered.remove(&account);
                }
                self.roles.entry(account).or_default().remove(&role);
            }
            Event::Suspended { account, .. } => {
                let still: BTreeSet<Role> =
                    self.roles(&account).map(|(role, _)| role).filter(|role| role.bears_names()).collect();
                self.undertakings.remove(&account);
                if !still.is_empty() {
                    self.suspended.insert(account, still);
                }
            }
            Event::Announced { account, moment } => {
                self.announced.retain(|known| known.account != account);
                self.announced.push(Announced { account, at: entry.at, moment });
            }
            Event::Undertaken { account, text, language } => {
                self.undertakings.insert(account, Undertaking { at: entry.at, text, language });
            }
            Event::Linked { person, mark, period } => {
                self.links.push(Link { number: entry.number, person, mark, period });
            }
            Event::Unlinked { link, to } => match to {
                Some(to) => {
                    for link in self.links.iter_mut().filter(|known| known.number == link) {
                        link.period.to = Some(link.period.to.map_or(to, |before| before.min(to)));
                    }
                }
                None => self.links.retain(|known| known.number != link),
            },
        }
    }

    /// Ends that a role stands still; whether it did.
    fn stir(&mut self, account: &str, role: Role) -> bool {
        let Some(still) = self.suspended.get_mut(account) else { return false };
        let did = still.remove(&role);
        if still.is_empty() {
            self.suspended.remove(account);
        }
        did
    }

    /// Whether there ever was an approver: from then on no role that bears names is given by one person.
    pub fn had_approver(&self) -> bool {
        self.had_approver
    }

    /// Whether a role of an account stands still, until it is given anew.
    pub fn is_suspended(&self, account: &str, role: Role) -> bool {
        self.suspended.get(account).is_some_and(|still| still.contains(&role))
    }

    /// The accounts whose roles stand still.
    pub fn suspended(&self) -> impl Iterator<Item = &str> {
        self.suspended.keys().map(String::as_str)
    }

    /// What was announced, and not yet done.
    pub fn announced(&self) -> &[Announced] {
        &self.announced
    }

    /// The approvers who were named without anybody to agree, and when (UTC µs).
    pub fn recovered(&self) -> impl Iterator<Item = (&str, i64)> {
        self.recovered.iter().map(|(account, at)| (account.as_str(), *at))
    }

    /// A role that keeps this one from the account's holder, whichever account of theirs has it; that account, and why.
    pub fn excluding(&self, account: &str, role: Role) -> Option<(&str, Role, &'static str)> {
        let circle = self.circle(account);
        self.roles
            .iter()
            .filter(|(name, _)| circle.contains(&name.to_lowercase()))
            .find_map(|(name, roles)| roles.keys().find_map(|had| Some((name.as_str(), *had, role.excludes(*had)?))))
    }

    /// Whether a role that bears names was ever given: from then on nobody acts alone.
    pub fn enforced(&self) -> bool {
        self.enforced
    }

    /// The roles of an account.
    pub fn roles(&self, account: &str) -> impl Iterator<Item = (Role, &Given)> {
        self.roles.get(account).into_iter().flatten().map(|(role, given)| (*role, given))
    }

    /// Whether an account has a role.
    pub fn has(&self, account: &str, role: Role) -> bool {
        self.roles(account).any(|(had, _)| had == role)
    }

    /// Whether an account has a role and may act in it: whoever opens names or decides on that has signed, and nobody else set
    /// their password since.
    pub fn may_act(&self, account: &str, role: Role) -> bool {
        let signed = !role.bears_names() || self.undertaking(account).is_some();
        self.has(account, role) && signed && !self.is_suspended(account, role)
    }

    /// The accounts that have a role.
    pub fn holders(&self, role: Role) -> impl Iterator<Item = &str> {
        self.roles.iter().filter(move |(_, roles)| roles.contains_key(&role)).map(|(account, _)| account.as_str())
    }

    /// The undertaking that an account's holder signed.
    pub fn undertaking(&self, account: &str) -> Option<&Undertaking> {
        self.undertakings.get(account)
    }

    /// Every link, in the order in which they were made.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// The links of accounts by which it is known what one of these persons' is, and what is somebody else's in spite of its name.
    pub fn accounts_among(&self, persons: &[&str]) -> Vec<Link> {
        let is_one = |name: &str| persons.iter().any(|person| same(person, name));
        let account = |link: &Link| match &link.mark {
            Mark::Account(name) => Some(name.clone()),
            Mark::Address(_) => None,
        };
        let theirs = self.links.iter().filter(|link| is_one(&link.person)).filter_map(account);
        let names: Vec<String> = theirs.collect();
        let is_known = |name: &str| is_one(name) || names.iter().any(|known| same(known, name));
        let concerns = |link: &&Link| account(link).is_some_and(|name| is_one(&link.person) || is_known(&name));
        self.links.iter().filter(concerns).cloned().collect()
    }

    /// Nothing is known but these links.
    pub fn of_links(links: Vec<Link>) -> People {
        People { links, ..People::default() }
    }

    /// The links by which this account or address is this person's.
    pub fn links_of<'p>(&'p self, person: &'p str, mark: &'p Mark) -> impl Iterator<Item = &'p Link> {
        self.links.iter().filter(move |link| link.mark.is(mark) && same(&link.person, person))
    }

    /// Whose account this was: the person it is linked to at that instant, or who is called so.
    pub fn owner<'p>(&'p self, account: &'p str, at: i64) -> &'p str {
        let theirs =
            |link: &&Link| matches!(&link.mark, Mark::Account(name) if same(name, account)) && link.period.holds(at);
        self.links.iter().find(theirs).map_or(account, |link| &link.person)
    }

    /// Every account of a person with when it was theirs: the one they are called by, first, and those linked to it. That
    /// somebody else had the name before them, or has it since, is taken off: see [`People::owner`].
    pub fn accounts(&self, person: &str) -> Vec<(String, Period)> {
        let mut accounts = vec![(person.to_owned(), Period::default())];
        for link in self.links.iter().filter(|link| same(&link.person, person)) {
            if let Mark::Account(name) = &link.mark {
                accounts.push((name.clone(), link.period));
            }
        }
        accounts
    }

    /// Every address that was said to be a person's, with when. Whether it was theirs alone then, [`People::attribution`]
    /// says.
    pub fn addresses(&self, person: &str) -> Vec<(IpAddr, Period)> {
        let theirs = self.links.iter().filter(|link| same(&link.person, person));
        theirs.filter_map(|link| Some((link.mark.address()?, link.period))).collect()
    }

    /// Whose an address was at an instant.
    pub fn attribution(&self, address: IpAddr, at: i64) -> Attribution<'_> {
        let address = address.to_canonical();
        let mut persons: Vec<&str> = Vec::new();
        for link in self.links.iter().filter(|link| link.mark.address() == Some(address) && link.period.holds(at)) {
            if !persons.iter().any(|person| same(person, &link.person)) {
                persons.push(&link.person);
            }
        }
        match persons.as_slice() {
            [] => Attribution::Nobody,
            [one] => Attribution::One(one),
            _ => Attribution::Shared(persons),
        }
    }

    /// Links that say of the same account or address, for some of the same time, that it was another person's.
    pub fn at_odds<'p>(&'p self, person: &str, mark: &Mark, period: Period) -> Vec<(&'p Link, Period)> {
        let other = |link: &&Link| link.mark.is(mark) && !same(&link.person, person);
        let meet = |link: &'p Link| Some((link, link.period.common(period)?));
        self.links.iter().filter(other).filter_map(meet).collect()
    }

    /// Whether two accounts are or were one person's. Periods count for nothing here: whoever had both cannot be two
    /// persons.
    pub fn same_person(&self, one: &str, other: &str) -> bool {
        let circle = self.circle(one);
        circle.contains(&other.to_lowercase())
    }

    /// Every account that is or was one person's with this one, in lower case.
    fn circle(&self, account: &str) -> BTreeSet<String> {
        let mut circle = BTreeSet::from([account.to_lowercase()]);
        loop {
            let before = circle.len();
            for link in &self.links {
                let Mark::Account(name) = &link.mark else { continue };
                let (person, name) = (link.person.to_lowercase(), name.to_lowercase());
                if circle.contains(&person) || circle.contains(&name) {
                    circle.extend([person, name]);
                }
            }
            if circle.len() == before {
                return circle;
            }
        }
    }

    /// Whether an address of this network was this person's, alone or shared, in some of this time.
    pub(crate) fn is_of(&self, network: IpNet, person: &str, period: Period) -> bool {
        let circle = self.circle(person);
        self.links.iter().any(|link| {
            link.mark.address().is_some_and(|address| network.contains(&address))
                && link.period.common(period).is_some()
                && circle.contains(&link.person.to_lowercase())
        })
    }
}

impl Mark {
    /// The address, in its shortest form.
    fn address(&self) -> Option<IpAddr> {
        match self {
            Mark::Address(address) => Some(address.to_canonical()),
            Mark::Account(_) => None,
        }
    }

    fn is(&self, other: &Mark) -> bool {
        match (self, other) {
            (Mark::Account(one), Mark::Account(other)) => same(one, other),
            (one, other) => one.address().is_some() && one.address() == other.address(),
        }
    }
}

/// Whether two names are one: directories don't mind the case.
fn same(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}

#[cfg(test)]
#[path = "people/tests.rs"]
mod tests;

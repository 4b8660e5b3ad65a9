//! What can be asked for: one form for every kind of act that two persons decide.

use super::{DAY, HOUR, LONGEST, Refusal};
use crate::people::{Link, People, Period};
use crate::record::Record;
use crate::search::HostFilter;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// How long a period a scope may have without a reason of its own (µs): 31 days, and the hour that a day of autumn has more.
pub const PERIOD: i64 = 31 * DAY + HOUR;
/// Longest reason or review, in characters.
pub const TEXT_CHARS: usize = 2000;
/// The one purpose for which the glass may be broken.
const SECURITY: &str = "security";

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Names in searches.
    Scope,
    /// A hold added, extended, released.
    Hold,
    /// A requisition answered.
    Requisition,
    /// Records erased.
    Erasure,
    /// A role that bears names given.
    Role,
    /// A setting loosened.
    Setting,
}

impl Kind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Scope => "scope",
            Kind::Hold => "hold",
            Kind::Requisition => "requisition",
            Kind::Erasure => "erasure",
            Kind::Role => "role",
            Kind::Setting => "setting",
        }
    }
}

/// Whom or what a request reaches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// A person, by the account they have now; all accounts that were theirs are meant.
    User(String),
    /// An address or a network of clients.
    Client(IpNet),
    /// A host in normal form, and those below it.
    Host(String),
}

impl std::fmt::Display for Subject {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Subject::User(user) => write!(out, "user {user}"),
            Subject::Client(network) if network.prefix_len() == network.max_prefix_len() => {
                write!(out, "client {}", network.addr())
            }
            Subject::Client(network) => write!(out, "client {network}"),
            Subject::Host(host) => write!(out, "host {host}"),
        }
    }
}

/// A request, in the form that all kinds have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// What is asked for.
    pub kind: Kind,
    /// The declared purpose, of a scope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Why.
    pub reason: String,
    /// Whom and what it reaches; who is among them does not decide on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<Subject>,
    /// Of which time.
    #[serde(default)]
    pub period: Period,
    /// Why a scope reaches over more than 31 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longer: Option<String>,
    /// What else is asked for, by name: it is granted for exactly this.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// For how long it is to be open once approved (µs), [`LONGEST`] at most.
    pub lasts: i64,
    /// The number of the incident for which the glass is broken: it opens at once, without a second person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
}

impl Asked {
    /// Whether it can be asked for.
    pub fn check(&self) -> Result<(), Refusal> {
        let form = |what: &str| Err(Refusal::Form(what.to_owned()));
        text("the reason", &self.reason)?;
        let Period { from, to } = self.period;
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            return form("the period ends before it begins");
        }
        let bounded = matches!(self.kind, Kind::Scope | Kind::Requisition);
        if bounded && self.about.is_empty() {
            return form("it names nobody and nothing: say which persons, addresses or hosts");
        }
        // A hold that there is can be released whatever it reaches.
        let adds = self.kind == Kind::Hold && self.fields.get("act").is_some_and(|act| act == "add");
        if bounded || adds {
            super::bounded(self.kind, &self.about)?;
        }
        let Some(span) = from.zip(to).map(|(from, to)| to - from) else {
            return if bounded { form("it has no period: say from when to when") } else { Ok(()) };
        };
        match (&self.longer, self.kind) {
            (Some(_), _) if self.incident.is_some() && span > PERIOD => {
                return form(
                    "the period has more than 31 days, and is opened without a second person: ask for a scope",
                );
            }
            (Some(longer), _) => text("the reason for a longer period", longer)?,
            (None, Kind::Scope) if span > PERIOD => return form("the period has more than 31 days: say why it must"),
            (None, _) => {}
        }
        match &self.incident {
            Some(_) if self.kind != Kind::Scope || self.purpose.as_deref() != Some(SECURITY) => {
                form("the glass is broken for security incidents alone")
            }
            Some(incident) => text("the number of the incident", incident),
            None if self.lasts <= 0 || self.lasts > LONGEST => form("it is open for 8 hours at most"),
            None => Ok(()),
        }
    }

    /// Whether it asks for the same thing, whatever the reason it gives.
    pub fn is_same(&self, other: &Asked) -> bool {
        let about = |asked: &Asked| asked.about.iter().cloned().collect::<BTreeSet<_>>();
        (self.kind, &self.purpose, self.period, &self.fields)
            == (other.kind, &other.purpose, other.period, &other.fields)
            && about(self) == about(other)
    }

    /// Whether a record is one of those it reaches: of its time, of one of its persons or addresses, to one of its hosts.
    pub fn covers(&self, record: &Record, people: &People) -> bool {
        let at = record.opened_at;
        let user = record.user.as_deref().map(|user| people.owner(user, at).to_lowercase());
        let host = |host: &str| [&record.host, &record.tls_name].into_iter().flatten().any(|name| covers(host, name));
        // Of each sort nothing is said, or one fits.
        let (mut who, mut whereto) = (None, None);
        for subject in &self.about {
            match subject {
                Subject::User(wanted) => *who.get_or_insert(false) |= user == Some(wanted.to_lowercase()),
                Subject::Client(network) => *who.get_or_insert(false) |= network.contains(&record.client_ip),
                Subject::Host(wanted) => *whereto.get_or_insert(false) |= host(wanted),
            }
        }
        let said = who.is_some() || whereto.is_some();
        said && self.period.holds(at) && who.unwrap_or(true) && whereto.unwrap_or(true)
    }

    /// Which accounts are whose, of the persons it is about.
    pub fn accounts(&self, people: &People) -> Vec<Link> {
        let mut users = Vec::new();
        for subject in &self.about {
            if let Subject::User(user) = subject {
                users.push(user.as_str());
            }
        }
        people.accounts_among(&users)
    }

    /// Whether somebody is among those it is about.
    pub fn is_about(&self, person: &str, people: &People) -> bool {
        concerns(&self.about, self.period, person, people)
    }
}

/// Whether somebody is among those that this is about, in that time.
pub fn concerns(about: &[Subject], period: Period, person: &str, people: &People) -> bool {
    about.iter().any(|subject| match subject {
        Subject::User(user) => people.same_person(user, person),
        Subject::Client(network) => people.is_of(*network, person, period),
        Subject::Host(_) => false,
    })
}

/// This host and those below it; an address has none below it.
fn covers(host: &str, name: &str) -> bool {
    if host.parse::<IpAddr>().is_ok() {
        return host == name;
    }
    HostFilter::WithSubdomains(host.to_owned()).covers(name)
}

/// A text that somebody has to write.
pub(super) fn text(what: &str, text: &str) -> Result<(), Refusal> {
    match text.trim().chars().count() {
        0 => Err(Refusal::Form(format!("{what} is empty"))),
        long if long > TEXT_CHARS => Err(Refusal::Form(format!("{what} has {long} characters, {TEXT_CHARS} at most"))),
        _ => Ok(()),
    }
}

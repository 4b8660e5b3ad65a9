//! What a hold is for and what it reaches: a ground, a scope, two dates. What has no ground or no bound is none.

use super::Refusal;
use crate::approvals::Subject;
use crate::clock;
use crate::people::{Attribution, People};
use crate::record::Record;
use crate::search::{HostFilter, Search};
use ipnet::IpNet;
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// So many months ahead at most a hold is looked at again.
pub const REVIEW_MONTHS: i64 = 6;
/// So many months ahead at most a hold ends.
pub const END_MONTHS: i64 = 12;
/// Longest text of a hold, in characters.
const TEXT_CHARS: usize = 2000;
/// A network that has more addresses than this prefix leaves is no client but everybody.
const WIDEST: (u8, u8) = (16, 48);

/// Why records are kept beyond their term. There is no ground for « just in case ».
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ground", rename_all = "lowercase")]
pub enum Ground {
    /// A requisition or an order of a court.
    Judicial {
        /// Its reference.
        reference: String,
    },
    /// A claim that was made or is imminent (RGPD art. 17(3)(e)).
    Litigation {
        /// Which claim.
        claim: String,
    },
    /// A security incident.
    Incident {
        /// Its number.
        incident: String,
    },
    /// The person needs the data (RGPD art. 18(1)(c)).
    Rights {
        /// The reference of their request.
        reference: String,
    },
}

impl Ground {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Ground::Judicial { .. } => "judicial",
            Ground::Litigation { .. } => "litigation",
            Ground::Incident { .. } => "incident",
            Ground::Rights { .. } => "rights",
        }
    }

    /// Which claim, incident, order or request.
    pub fn named(&self) -> &str {
        match self {
            Ground::Judicial { reference } | Ground::Rights { reference } => reference,
            Ground::Litigation { claim } => claim,
            Ground::Incident { incident } => incident,
        }
    }

    /// Whether nobody but the judicial desk and approvers may know of it: an inquiry is secret.
    pub fn is_secret(&self) -> bool {
        matches!(self, Ground::Judicial { .. })
    }
}

/// What is asked for, and approved for exactly that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The ground.
    #[serde(flatten)]
    pub ground: Ground,
    /// Whose records, of which addresses, to which hosts; of sorts that are not named, any.
    pub about: Vec<Subject>,
    /// Of records opened from this instant (UTC µs).
    pub from: i64,
    /// Before this one.
    pub to: i64,
    /// The day by which it is looked at again (UTC).
    pub review: Date,
    /// The last day on which it is in force (UTC).
    pub until: Date,
    /// Why it is needed.
    pub reason: String,
}

/// The day of an instant, of UTC.
pub(super) fn date(micros: i64) -> Date {
    Offset::UTC.to_datetime(clock::timestamp(micros)).date()
}

impl Terms {
    /// Whether it can be asked for today.
    pub fn check(&self, today: Date) -> Result<(), Refusal> {
        let what = match &self.ground {
            Ground::Judicial { .. } => "the reference of the order",
            Ground::Litigation { .. } => "the claim",
            Ground::Incident { .. } => "the number of the incident",
            Ground::Rights { .. } => "the reference of the request",
        };
        text(what, self.ground.named())?;
        let named = self.ground.named();
        let has = |wanted: fn(char) -> bool| named.chars().any(wanted);
        match &self.ground {
            Ground::Litigation { .. } if named.chars().filter(|c| c.is_alphanumeric()).count() < 3 => {
                return form("the claim is not named: which one, against whom, since when");
            }
            Ground::Litigation { .. } => {}
            _ if !has(|c| c.is_ascii_digit()) => {
                return form(&format!("{what} has no digit: a hold « just in case » has no ground, and is refused"));
            }
            _ => {}
        }
        text("the reason", &self.reason)?;
        if self.about.is_empty() {
            return form("it names nobody and nothing: a hold is on a person, an address or a host");
        }
        self.about.iter().try_for_each(bounded)?;
        if self.from >= self.to {
            return form("the period ends before it begins");
        }
        if date(self.to - 1) > self.until {
            return form("the period goes beyond the end of the hold");
        }
        end(today, self.until)?;
        review(today, self.review, self.until)
    }

    /// Whether a record is held: of its time, and of each sort that is named, one of those.
    ///
    /// A person's are those of every account that was theirs then, and those without an account of an address that was theirs
    /// alone: what nobody can tell apart is not held with somebody else's (RGPD art. 15(4)).
    pub fn covers(&self, record: &Record, people: &People) -> bool {
        let at = record.opened_at;
        if !(self.from..self.to).contains(&at) {
            return false;
        }
        let is_of = |person: &str| match &record.user {
            Some(user) => same(people.owner(user, at), person),
            None => matches!(people.attribution(record.client_ip, at), Attribution::One(one) if same(one, person)),
        };
        let names = || [&record.host, &record.tls_name].into_iter().flatten();
        let (mut who, mut from, mut whereto) = (None, None, None);
        for subject in &self.about {
            let (sort, fits) = match subject {
                Subject::User(person) => (&mut who, is_of(person)),
                Subject::Client(network) => (&mut from, network.contains(&record.client_ip.to_canonical())),
                Subject::Host(host) => (&mut whereto, names().any(|name| host_filter(host).covers(name))),
            };
            *sort = Some(sort.unwrap_or(false) || fits);
        }
        !self.about.is_empty() && [who, from, whereto].into_iter().all(|sort| sort.unwrap_or(true))
    }

    /// Searches that together find what is held, and more: `users` are the accounts that a day has, as it spells them; `None`
    /// where nobody knows.
    pub(super) fn searches(&self, people: &People, users: Option<&[Option<String>]>) -> Vec<Search> {
        let whole = Search { from: Some(self.from), to: Some(self.to), ..Search::default() };
        let one = |sort: Vec<Search>| if sort.len() == 1 { sort.into_iter().next() } else { None };
        let of_client = self.about.iter().filter_map(|about| match about {
            Subject::Client(network) => Some(Search { client: Some(*network), ..Search::default() }),
            _ => None,
        });
        let of_host = self.about.iter().filter_map(|about| match about {
            Subject::Host(host) => Some(Search { host: Some(host_filter(host)), ..Search::default() }),
            _ => None,
        });
        // What every record must have; where several would do, it is left to `covers`.
        let client = one(of_client.collect()).and_then(|search| search.client);
        let host = one(of_host.collect()).and_then(|search| search.host);
        let whole = Search { client, host, ..whole };
        let persons: Vec<&str> = self
            .about
            .iter()
            .filter_map(|about| match about {
                Subject::User(person) => Some(person.as_str()),
                _ => None,
            })
            .collect();
        let (Some(users), false) = (users, persons.is_empty()) else { return vec![whole] };
        let mut searches = Vec::new();
        for person in persons {
            let names: Vec<String> = people.accounts(person).into_iter().map(|(name, _)| name).collect();
            let theirs = users.iter().flatten().filter(|user| names.iter().any(|name| same(name, user)));
            searches.extend(theirs.map(|user| Search { user: Some(user.clone()), ..whole.clone() }));
            if client.is_none() {
                let addresses = people.addresses(person).into_iter();
                searches.extend(
                    addresses.map(|(address, _)| Search { client: Some(IpNet::from(address)), ..whole.clone() }),
                );
            } else {
                searches.push(whole.clone());
            }
        }
        searches
    }
}

/// The last day of a hold: after today, and 12 months ahead at most.
pub(super) fn end(today: Date, until: Date) -> Result<(), Refusal> {
    if until <= today {
        return form("the end is to be on a day after today");
    }
    if until > today.saturating_add(END_MONTHS.months()) {
        return form("a hold ends within 12 months: it can be extended then, with a new reason");
    }
    Ok(())
}

/// The day of a review: after today, 6 months ahead at most, and not after the end.
pub(super) fn review(today: Date, review: Date, until: Date) -> Result<(), Refusal> {
    if review <= today {
        return form("the review is to be on a day after today");
    }
    if review > today.saturating_add(REVIEW_MONTHS.months()) {
        return form("a hold is looked at again within 6 months");
    }
    if review > until {
        return form("the review is to be before the hold ends, or on its last day");
    }
    Ok(())
}

/// A text that somebody has to write.
pub(super) fn text(what: &str, text: &str) -> Result<(), Refusal> {
    match text.trim().chars().count() {
        0 => form(&format!("{what} is empty")),
        long if long > TEXT_CHARS => form(&format!("{what} has {long} characters, {TEXT_CHARS} at most")),
        _ => Ok(()),
    }
}

fn form<T>(why: &str) -> Result<T, Refusal> {
    Err(Refusal::Form(why.to_owned()))
}

/// Names compare whatever their case.
fn same(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}

/// A subject that is not everybody or everything.
fn bounded(subject: &Subject) -> Result<(), Refusal> {
    match subject {
        Subject::User(person) => text("the person's account", person),
        Subject::Host(host) => match host.chars().all(|c| c == '*' || c == '.') {
            true => form("that is every host: a hold is on one, and those below it"),
            false => Ok(()),
        },
        Subject::Client(network) => {
            let widest = if network.addr().is_ipv4() { WIDEST.0 } else { WIDEST.1 };
            match network.prefix_len() < widest {
                true => form(&format!("{network} is everybody: a hold reaches a network of /{widest} at most")),
                false => Ok(()),
            }
        }
    }
}

/// This host and those below it. An address has none below it, and of a name without a dot nobody knows whether it is a
/// machine or a whole country.
fn host_filter(host: &str) -> HostFilter {
    match host.parse::<IpAddr>().is_ok() || !host.contains('.') {
        true => HostFilter::Exactly(host.to_owned()),
        false => HostFilter::WithSubdomains(host.to_owned()),
    }
}

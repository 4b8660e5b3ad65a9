//! How fetched lists are doing, and which of them are due: looked at each minute by the gate that runs.

use super::fetch::Failure;
use super::source::{self, Found, Material};
use crate::commands::plural;
use crate::config::Config;
use jiff::Timestamp;
use policy::Charter;
use policy::lists::Moment;
use std::time::Duration;
use xxhash_rust::xxh3::xxh3_64;

const A_DAY: u64 = 24 * 3600;

/// How a list that has an address is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    /// Its name in the charter.
    pub(crate) list: String,
    /// When the one in force was fetched.
    pub(crate) fetched_at: Option<Timestamp>,
    /// When its server last said that it is the newest.
    pub(crate) checked_at: Option<Timestamp>,
    /// Why the last attempt was none.
    pub(crate) failure: Option<Failure>,
    /// From which age on it is an alarm.
    pub(crate) stale_after: Duration,
}

impl Condition {
    /// How long nobody has said that it is the newest; `None` before the first download.
    pub(crate) fn age(&self, now: Timestamp) -> Option<Duration> {
        self.checked_at.map(|at| Duration::try_from(now.duration_since(at)).unwrap_or_default())
    }

    /// It is so old that somebody must look at it.
    pub(crate) fn is_stale(&self, now: Timestamp) -> bool {
        self.age(now).is_some_and(|age| age > self.stale_after)
    }

    /// What is wrong with it, a sentence each.
    pub(crate) fn told(&self, now: Timestamp) -> Vec<String> {
        let name = &self.list;
        let failure = self.failure.as_ref().map(|Failure { at, why }| match self.fetched_at {
            Some(of) => format!("the list `{name}` was not taken over {at:.0}: {why}; the one of {of:.0} is in force"),
            None => format!("the list `{name}` was not taken over {at:.0}: {why}; there is none"),
        });
        let age = self.age(now).filter(|age| *age > self.stale_after);
        let stale = age.map(|age| {
            let days = plural(age.as_secs() / A_DAY, "day", "days");
            format!("the list `{name}` is stale: for {days} its server has not said that it is the newest")
        });
        failure.into_iter().chain(stale).collect()
    }
}

/// How every list that has an address is doing.
pub(crate) fn conditions(config: &Config, charter: &Charter) -> Vec<Condition> {
    let condition = |found: Found| {
        found.address()?;
        let is_there = matches!(found.material, Material::File(_));
        let fetched = found.fetched.unwrap_or_default();
        Some(Condition {
            list: found.list.name,
            fetched_at: fetched.fetched_at.filter(|_| is_there),
            checked_at: fetched.checked_at.filter(|_| is_there),
            failure: fetched.failure,
            stale_after: found.list.stale_after,
        })
    };
    source::find_all(config, charter).into_iter().filter_map(condition).collect()
}

/// The names of the lists that are to be fetched now, by a gate whose installation has this mark of its own.
pub(crate) fn due(config: &Config, charter: &Charter, mark: &[u8], now: Timestamp) -> Vec<String> {
    let of = conditions(config, charter);
    let is_due = |condition: &&Condition| {
        let list = charter.lists().iter().find(|list| list.name == condition.list);
        list.is_some_and(|list| {
            let moment = Moment {
                now,
                checked: condition.checked_at,
                failed: condition.failure.as_ref().map(|failure| failure.at),
                lot: xxh3_64(&[mark, list.name.as_bytes()].concat()),
            };
            list.hours.due(list.refresh, moment, &config.time_zone)
        })
    };
    of.iter().filter(is_due).map(|condition| condition.list.clone()).collect()
}

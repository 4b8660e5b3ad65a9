//! What a replay found: totals, and differences by category, rule and host. Each figure is a sum of whole groups of at
//! least five people (see the module above), so that none is withheld here.

use super::{CATEGORY, Change, Difference, HOST, RULE, Replay};
use serde::Serialize;
use std::collections::BTreeMap;

/// What a replay cannot tell, in exchanges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Untold {
    /// Their destination was withheld.
    pub(crate) masked: u64,
    /// Their path would decide, and was not kept, or too few people asked for it.
    pub(crate) path: u64,
    /// Their hour would decide, and too few people asked in it.
    pub(crate) hour: u64,
    /// The address they went to, or what they were answered, would decide, and records say neither.
    pub(crate) later: u64,
    /// Too few people asked for their host, or met what was decided then.
    pub(crate) few: u64,
    /// Their record does not say where they went.
    pub(crate) unreadable: u64,
}

/// Differences of one category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct OfCategory {
    pub(crate) change: Change,
    /// The category that decides now, or, of what is newly allowed, decided then.
    pub(crate) category: Option<String>,
    pub(crate) exchanges: u64,
}

/// Differences between two rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct OfRule {
    pub(crate) change: Change,
    /// The rule that decided then; `None`: the default.
    pub(crate) before: Option<String>,
    /// The rule of the draft.
    pub(crate) after: Option<String>,
    pub(crate) exchanges: u64,
}

/// Differences of one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct OfHost {
    pub(crate) change: Change,
    pub(crate) host: Option<String>,
    pub(crate) exchanges: u64,
}

/// What a draft would have changed, in exchanges. Rows come in falling order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Replayed {
    /// All that is told of.
    pub(crate) exchanges: u64,
    /// Decided the same way, by the same rule.
    pub(crate) same: u64,
    pub(crate) newly_blocked: u64,
    pub(crate) newly_allowed: u64,
    /// Decided the same way, by another rule.
    pub(crate) other_rule: u64,
    pub(crate) cannot_be_told: Untold,
    pub(crate) categories: Vec<OfCategory>,
    pub(crate) rules: Vec<OfRule>,
    pub(crate) hosts: Vec<OfHost>,
}

impl Untold {
    fn all(self) -> u64 {
        let Untold { masked, path, hour, later, few, unreadable } = self;
        masked + path + hour + later + few + unreadable
    }
}

impl Replayed {
    /// How many exchanges could be decided anew.
    pub(crate) fn told(&self) -> u64 {
        self.exchanges.saturating_sub(self.cannot_be_told.all())
    }
}

impl Replay<'_> {
    /// Ends.
    pub(crate) fn end(self) -> Replayed {
        let Replay { masked, path, hour, later, few, unreadable, .. } = self;
        let cannot_be_told = Untold { masked, path, hour, later, few, unreadable };
        let word = |field: usize, number: u32| self.words[field].text(number).map(str::to_owned);
        let total =
            |change: Change| self.differences.iter().filter(|(of, _)| of.change == change).map(|(_, n)| n).sum();
        let mut categories: Vec<OfCategory> = summed(&self, |of| (of.change, word(CATEGORY, of.category)))
            .map(|((change, category), exchanges)| OfCategory { change, category, exchanges })
            .collect();
        let mut rules: Vec<OfRule> = summed(&self, |of| (of.change, word(RULE, of.before), word(RULE, of.after)))
            .map(|((change, before, after), exchanges)| OfRule { change, before, after, exchanges })
            .collect();
        let mut hosts: Vec<OfHost> = summed(&self, |of| (of.change, word(HOST, of.host)))
            .map(|((change, host), exchanges)| OfHost { change, host, exchanges })
            .collect();
        categories.sort_by_key(|row| (row.change, u64::MAX - row.exchanges));
        rules.sort_by_key(|row| (row.change, u64::MAX - row.exchanges));
        hosts.sort_by_key(|row| (row.change, u64::MAX - row.exchanges));
        Replayed {
            exchanges: self.same + self.differences.values().sum::<u64>() + cannot_be_told.all(),
            same: self.same,
            newly_blocked: total(Change::NewlyBlocked),
            newly_allowed: total(Change::NewlyAllowed),
            other_rule: total(Change::OtherRule),
            cannot_be_told,
            categories,
            rules,
            hosts,
        }
    }
}

/// Sums, in the order of their keys.
fn summed<K: Ord>(replay: &Replay<'_>, key: impl Fn(&Difference) -> K) -> impl Iterator<Item = (K, u64)> {
    let mut sums: BTreeMap<K, u64> = BTreeMap::new();
    for (difference, exchanges) in &replay.differences {
        *sums.entry(key(difference)).or_default() += exchanges;
    }
    sums.into_iter()
}

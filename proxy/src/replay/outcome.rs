//! What a replay found: totals, and differences by category, rule and host. Hosts that fewer than five people asked for
//! stand together. A rule of the draft that is for some people only, and decided for fewer than five, would say of each
//! of them what they asked for: what it decided is not told.

use super::{CATEGORY, Change, Count, Difference, HOST, RULE, Replay};
use logstore::stats::THRESHOLD;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};

/// How many exchanges, and for how many people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Share {
    /// How many exchanges.
    pub(crate) exchanges: u64,
    /// For how many people; `None` when they are fewer than [`THRESHOLD`].
    pub(crate) persons: Option<u64>,
}

/// What a replay cannot tell, in exchanges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Untold {
    /// Their destination was withheld.
    pub(crate) masked: u64,
    /// Their path would decide, and was not kept.
    pub(crate) path: u64,
    /// A rule that is for some people decided, for too few of them.
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
    #[serde(flatten)]
    pub(crate) share: Share,
}

/// Differences between two rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct OfRule {
    pub(crate) change: Change,
    /// The rule that decided then; `None`: the default.
    pub(crate) before: Option<String>,
    /// The rule of the draft.
    pub(crate) after: Option<String>,
    #[serde(flatten)]
    pub(crate) share: Share,
}

/// Differences of one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct OfHost {
    pub(crate) change: Change,
    /// `None` of those that stand together.
    pub(crate) host: Option<String>,
    /// Hosts that stand together; 1 of one that stands alone.
    pub(crate) hosts: u64,
    #[serde(flatten)]
    pub(crate) share: Share,
}

/// What a draft would have changed. Rows come in falling order, hosts that stand together last.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Replayed {
    /// All that was looked at.
    pub(crate) exchanges: u64,
    /// Decided the same way, by the same rule.
    pub(crate) same: Share,
    pub(crate) newly_blocked: Share,
    pub(crate) newly_allowed: Share,
    /// Decided the same way, by another rule.
    pub(crate) other_rule: Share,
    pub(crate) cannot_be_told: Untold,
    pub(crate) categories: Vec<OfCategory>,
    pub(crate) rules: Vec<OfRule>,
    pub(crate) hosts: Vec<OfHost>,
}

impl Replayed {
    /// How many exchanges could be decided anew.
    pub(crate) fn told(&self) -> u64 {
        let Untold { masked, path, few, unreadable } = self.cannot_be_told;
        self.exchanges.saturating_sub(masked + path + few + unreadable)
    }
}

impl Count {
    fn add_all(&mut self, other: &Count) {
        self.exchanges += other.exchanges;
        self.people.extend(&other.people);
    }

    fn share(&self) -> Share {
        let persons = self.people.len();
        Share { exchanges: self.exchanges, persons: (persons >= THRESHOLD).then_some(persons as u64) }
    }
}

impl Replay<'_> {
    /// Ends.
    pub(crate) fn end(mut self) -> Replayed {
        let people = |count: Count| Count {
            people: count.people.into_iter().map(|number| self.persons.person(number)).collect(),
            ..count
        };
        let same = people(std::mem::take(&mut self.same));
        let all: Vec<(Difference, Count)> =
            std::mem::take(&mut self.differences).into_iter().map(|(of, count)| (of, people(count))).collect();
        let by_rule = summed(&all, |of| of.after);
        let too_few = |of: &Difference| {
            self.for_some.contains(&of.after)
                && by_rule.get(&of.after).is_none_or(|count| count.share().persons.is_none())
        };
        let (few, told): (Vec<_>, Vec<_>) = all.into_iter().partition(|(of, _)| too_few(of));
        let few = few.iter().map(|(_, count)| count.exchanges).sum();
        let cannot_be_told = Untold { masked: self.masked, path: self.path, few, unreadable: self.unreadable };
        let totals = summed(&told, |of| of.change);
        let total = |change: Change| totals.get(&change).map(Count::share).unwrap_or_default();
        let changed: u64 = totals.values().map(|count| count.exchanges).sum();
        let word = |field: usize, number: u32| self.words[field].text(number).map(str::to_owned);
        let mut categories: Vec<OfCategory> = summed(&told, |of| (of.change, of.category))
            .into_iter()
            .map(|((change, category), count)| OfCategory {
                change,
                category: word(CATEGORY, category),
                share: count.share(),
            })
            .collect();
        categories.sort_by_key(|row| (row.change, u64::MAX - row.share.exchanges, row.category.clone()));
        let mut rules: Vec<OfRule> = summed(&told, |of| (of.change, of.before, of.after))
            .into_iter()
            .map(|((change, before, after), count)| OfRule {
                change,
                before: word(RULE, before),
                after: word(RULE, after),
                share: count.share(),
            })
            .collect();
        rules.sort_by_key(|row| (row.change, u64::MAX - row.share.exchanges, row.before.clone(), row.after.clone()));
        let mut by_change: BTreeMap<Change, Vec<(Option<String>, Count)>> = BTreeMap::new();
        for ((change, host), count) in summed(&told, |of| (of.change, of.host)) {
            by_change.entry(change).or_default().push((word(HOST, host), count));
        }
        Replayed {
            exchanges: same.exchanges + changed + few + self.masked + self.path + self.unreadable,
            same: same.share(),
            newly_blocked: total(Change::NewlyBlocked),
            newly_allowed: total(Change::NewlyAllowed),
            other_rule: total(Change::OtherRule),
            cannot_be_told,
            categories,
            rules,
            hosts: by_change.into_iter().flat_map(|(change, hosts)| merged(change, hosts)).collect(),
        }
    }
}

fn summed<K: std::hash::Hash + Eq>(of: &[(Difference, Count)], key: impl Fn(&Difference) -> K) -> HashMap<K, Count> {
    let mut sums: HashMap<K, Count> = HashMap::new();
    for (difference, count) in of {
        sums.entry(key(difference)).or_default().add_all(count);
    }
    sums
}

/// Hosts with people enough, and all the others together: with the smallest of the former where they are too few
/// themselves, since the total is shown.
fn merged(change: Change, mut hosts: Vec<(Option<String>, Count)>) -> Vec<OfHost> {
    hosts.sort_by(|(a, x), (b, y)| y.exchanges.cmp(&x.exchanges).then_with(|| a.cmp(b)));
    let (mut shown, small): (Vec<_>, Vec<_>) =
        hosts.into_iter().partition(|(_, count)| count.people.len() >= THRESHOLD);
    let mut others = Count { exchanges: 0, people: HashSet::new() };
    small.iter().for_each(|(_, count)| others.add_all(count));
    let mut together = small.len() as u64;
    if !small.is_empty()
        && others.people.len() < THRESHOLD
        && let Some((_, smallest)) = shown.pop()
    {
        others.add_all(&smallest);
        together += 1;
    }
    let row = |(host, count): (Option<String>, Count)| OfHost { change, host, hosts: 1, share: count.share() };
    let mut rows: Vec<OfHost> = shown.into_iter().map(row).collect();
    if together > 0 {
        rows.push(OfHost { change, host: None, hosts: together, share: others.share() });
    }
    rows
}

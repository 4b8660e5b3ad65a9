//! What one index has and another has not, by source: both tables are walked once, side by side.

use super::table::Keys;
use super::{Index, SetId};
use crate::pace::{CODED, Pace};
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

/// What changed in a source from one index to another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Entries that are new.
    pub added: u64,
    /// Entries that are gone.
    pub removed: u64,
    /// Some of the new ones, spread over all of them.
    pub added_samples: Vec<String>,
    /// Some of those that are gone.
    pub removed_samples: Vec<String>,
}

/// A source by its name and whether its entries are exceptions.
type Source = (String, bool);

impl Index {
    /// What changed since `before`, by source; exceptions stand under the name with `!` in front. At most so many samples of
    /// each, the same for the same two indexes. Works in small steps, with a `rest` between any two.
    pub fn changes_since(&self, before: &Index, samples: usize, rest: fn()) -> BTreeMap<String, Change> {
        let mut changes = Changes { by_source: BTreeMap::new(), samples, effects: HashMap::new() };
        let pace = Pace::new(rest);
        for (old, new, is_url) in [(&before.names, &self.names, false), (&before.urls, &self.urls, true)] {
            walk(old.keys(), new.keys(), &pace, |old, new, key| {
                changes.note((before, old), (self, new), || entry(key, is_url));
            });
        }
        let texts = |index: &Index| index.expression_texts.iter().map(|(set, text)| (text.clone(), *set)).collect();
        let (old, new): (BTreeMap<String, SetId>, BTreeMap<String, SetId>) = (texts(before), texts(self));
        for text in old.keys().chain(new.keys().filter(|text| !old.contains_key(*text))) {
            changes.note((before, old.get(text).copied()), (self, new.get(text).copied()), || text.clone());
        }
        let told = |((name, removes), change)| (if removes { format!("!{name}") } else { name }, change);
        changes.by_source.into_iter().map(told).collect()
    }
}

/// Gives every key of either table, in order, with its set in each.
fn walk(mut old: Keys<'_>, mut new: Keys<'_>, pace: &Pace, mut each: impl FnMut(Option<SetId>, Option<SetId>, &[u8])) {
    let (mut left, mut right) = (old.next(), new.next());
    loop {
        pace.did(CODED);
        let order = match (left, right) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), Some(_)) => old.key().cmp(new.key()),
        };
        match order {
            Ordering::Less => each(left, None, old.key()),
            Ordering::Greater => each(None, right, new.key()),
            Ordering::Equal => each(left, right, new.key()),
        }
        if order != Ordering::Greater {
            left = old.next();
        }
        if order != Ordering::Less {
            right = new.next();
        }
    }
}

/// A key as its entry: names stand last byte first, addresses behind a mark.
fn entry(key: &[u8], is_url: bool) -> String {
    let bytes = match key.strip_prefix(b"=") {
        _ if is_url => key.to_vec(),
        Some(address) => address.iter().rev().copied().collect(),
        None => key.iter().rev().copied().collect(),
    };
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Which sources a change of sets adds to, and which it removes from.
type Effect = (Vec<Source>, Vec<Source>);

struct Changes {
    by_source: BTreeMap<Source, Change>,
    samples: usize,
    /// By pairs of sets.
    effects: HashMap<(Option<SetId>, Option<SetId>), Effect>,
}

impl Changes {
    fn note(&mut self, old: (&Index, Option<SetId>), new: (&Index, Option<SetId>), entry: impl Fn() -> String) {
        let (added, removed) = self.effects.entry((old.1, new.1)).or_insert_with(|| {
            let sources = |(index, set): (&Index, Option<SetId>)| -> Vec<Source> {
                let sources = set.map_or(&[][..], |set| index.set(set)).iter();
                let named = sources.filter_map(|source| index.sources().get(usize::from(source.0)));
                named.map(|source| (source.name.clone(), source.removes)).collect()
            };
            let (old, new) = (sources(old), sources(new));
            let missing = |from: &[Source], of: &[Source]| of.iter().filter(|s| !from.contains(s)).cloned().collect();
            (missing(&old, &new), missing(&new, &old))
        });
        for source in added.iter() {
            let change = self.by_source.entry(source.clone()).or_default();
            sample(&mut change.added, &mut change.added_samples, self.samples, &entry);
        }
        for source in removed.iter() {
            let change = self.by_source.entry(source.clone()).or_default();
            sample(&mut change.removed, &mut change.removed_samples, self.samples, &entry);
        }
    }
}

/// Counts an entry, and keeps it in the place of another now and then: entries come in order, and the first of them would
/// all be of one country.
fn sample(count: &mut u64, samples: &mut Vec<String>, most: usize, entry: &impl Fn() -> String) {
    *count += 1;
    if samples.len() < most {
        samples.push(entry());
    } else if most > 0 && count.is_power_of_two() {
        let place = usize::try_from(count.trailing_zeros()).unwrap_or(0) % most;
        if let Some(sample) = samples.get_mut(place) {
            *sample = entry();
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;
    use crate::index::Kind;
    use crate::lists::{Compiler, Format};
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::sync::Arc;

    fn index(lists: &[(&str, Kind, &str)]) -> Index {
        let mut compiler = Compiler::default();
        for (source, kind, text) in lists {
            compiler.file(source, *kind, Format::Ut1, "f", text.as_bytes());
        }
        let mut bytes = Vec::new();
        compiler.write(&mut bytes, &mut |_| {}).unwrap();
        Index::open(Arc::new(bytes)).unwrap()
    }

    #[test]
    fn what_is_new_and_what_is_gone_by_source() {
        let old = index(&[
            ("ut1:adult", Kind::Domains, "a.example\nmoved.example\n1.2.3.4\n!fine.a.example"),
            ("ut1:games", Kind::Domains, "g.example"),
            ("ut1:adult", Kind::Urls, "b.example/old"),
            ("ut1:adult", Kind::Expressions, "word\nold"),
        ]);
        let new = index(&[
            ("ut1:games", Kind::Domains, "g.example\nmoved.example"),
            ("ut1:adult", Kind::Domains, "a.example\n1.2.3.5"),
            ("ut1:adult", Kind::Urls, "b.example/new"),
            ("ut1:adult", Kind::Expressions, "word"),
        ]);
        let changes = new.changes_since(&old, 5, || {});
        assert_eq!(changes.keys().collect::<Vec<_>>(), ["!ut1:adult", "ut1:adult", "ut1:games"]);
        let adult = &changes["ut1:adult"];
        assert_eq!((adult.added, adult.removed), (2, 4));
        assert_eq!(adult.added_samples, ["1.2.3.5", "b.example/new"]);
        assert_eq!(adult.removed_samples, ["1.2.3.4", "moved.example", "b.example/old", "old"]);
        assert_eq!((changes["!ut1:adult"].removed, changes["ut1:games"].added), (1, 1));
        assert!(new.changes_since(&new, 5, || {}).is_empty());
    }

    proptest! {
        #[test]
        fn counts_are_those_of_sets(old in prop::collection::vec(0..500u32, 0..300), new in prop::collection::vec(0..500u32, 0..300)) {
            let text = |numbers: &[u32]| numbers.iter().map(|n| format!("n{n}.example\n")).collect::<String>();
            let sets = |numbers: &[u32]| numbers.iter().copied().collect::<BTreeSet<_>>();
            let (before, after) = (index(&[("l", Kind::Domains, &text(&old))]), index(&[("l", Kind::Domains, &text(&new))]));
            let changes = after.changes_since(&before, 3, || {});
            let change = changes.get("l").cloned().unwrap_or_default();
            let (old, new) = (sets(&old), sets(&new));
            prop_assert_eq!(change.added, new.difference(&old).count() as u64);
            prop_assert_eq!(change.removed, old.difference(&new).count() as u64);
            for sample in &change.added_samples {
                let number = sample.trim_start_matches('n').trim_end_matches(".example").parse().unwrap();
                prop_assert!(new.contains(&number) && !old.contains(&number));
            }
        }
    }
}

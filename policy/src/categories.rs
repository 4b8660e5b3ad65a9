//! Sets of categories.

use smallvec::SmallVec;

/// How many categories there can be. Each may take two sources of the charter's own index, whose numbers are 16 bits.
pub(crate) const MOST_CATEGORIES: usize = 4096;

/// A set of categories, by their place in the charter; a rule that lists names of its own has a nameless category for
/// them. A rising list rather than bits: a target is in few, and then nothing is allocated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Categories(SmallVec<[u16; 8]>);

impl Categories {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contains(&self, category: u16) -> bool {
        self.0.binary_search(&category).is_ok()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u16> {
        self.0.iter().copied()
    }

    /// The first that is also in `other`; it is best asked of the shorter one.
    pub(crate) fn first_in(&self, other: &Categories) -> Option<u16> {
        self.iter().find(|category| other.contains(*category))
    }

    pub(crate) fn meets(&self, other: &Categories) -> bool {
        self.first_in(other).is_some()
    }

    pub(crate) fn is_within(&self, other: &Categories) -> bool {
        self.iter().all(|category| other.contains(category))
    }

    pub(crate) fn insert(&mut self, category: u16) {
        if let Err(place) = self.0.binary_search(&category) {
            self.0.insert(place, category);
        }
    }

    pub(crate) fn insert_all(&mut self, others: &Categories) {
        others.iter().for_each(|category| self.insert(category));
    }

    pub(crate) fn remove_all(&mut self, others: &Categories) {
        if !others.is_empty() {
            self.0.retain(|category| !others.contains(*category));
        }
    }
}

impl FromIterator<u16> for Categories {
    fn from_iter<I: IntoIterator<Item = u16>>(categories: I) -> Categories {
        let mut categories: SmallVec<[u16; 8]> = categories.into_iter().collect();
        categories.sort_unstable();
        categories.dedup();
        Categories(categories)
    }
}

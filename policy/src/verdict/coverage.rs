//! What entries of an index do to the categories of a target, worked out once for every set of sources.
use crate::Index;
use crate::categories::Categories;
use crate::index::{Hit, SetId};

/// The categories that an entry puts a target into, and those it takes it out of; what else it says of the target.
#[derive(Debug, Clone, Default)]
pub(super) struct Effect {
    pub(super) adds: Categories,
    pub(super) removes: Categories,
    /// Visits to it are nobody's business.
    pub(super) protects: bool,
    /// It attacks who visits it.
    pub(super) harms: bool,
    /// A list that would have it harm excepts it.
    pub(super) spares: bool,
}

impl Effect {
    fn and(mut self, other: &Effect) -> Effect {
        self.adds.insert_all(&other.adds);
        self.removes.insert_all(&other.removes);
        self.protects |= other.protects;
        self.harms |= other.harms;
        self.spares |= other.spares;
        self
    }
}

/// What the sources of an index do, while the categories are gone through.
pub(super) struct Sources<'a> {
    index: &'a Index,
    effects: Vec<Effect>,
}

impl Sources<'_> {
    pub(super) fn of(index: &Index) -> Sources<'_> {
        Sources { index, effects: vec![Effect::default(); index.sources().len()] }
    }

    /// The entries of that source add to the category; its exceptions take out of it.
    pub(super) fn add(&mut self, name: &str, category: u16) {
        let Some(source) = self.index.source(name) else { return };
        self.effects[usize::from(source.0)].adds.insert(category);
        if let Some(exceptions) = self.index.exceptions(source) {
            self.effects[usize::from(exceptions.0)].removes.insert(category);
        }
    }

    pub(super) fn remove(&mut self, name: &str, category: u16) {
        if let Some(source) = self.index.source(name) {
            self.effects[usize::from(source.0)].removes.insert(category);
        }
    }

    /// Visits to the entries of that source are nobody's business.
    pub(super) fn protect(&mut self, name: &str) {
        if let Some(source) = self.index.source(name) {
            self.effects[usize::from(source.0)].protects = true;
        }
    }

    /// The entries of that source harm, unless it excepts them. Returns the categories it adds to, known by now.
    pub(super) fn harm(&mut self, name: &str) -> Categories {
        let Some(source) = self.index.source(name) else { return Categories::default() };
        if let Some(exceptions) = self.index.exceptions(source) {
            self.effects[usize::from(exceptions.0)].spares = true;
        }
        let effect = &mut self.effects[usize::from(source.0)];
        effect.harms = true;
        effect.adds.clone()
    }

    pub(super) fn coverage(self) -> Coverage {
        let of_set = |set| {
            let sources = self.index.set(SetId(set)).iter();
            sources.map(|source| &self.effects[usize::from(source.0)]).fold(Effect::default(), Effect::and)
        };
        let sets = (0..u32::try_from(self.index.sets()).unwrap_or(u32::MAX)).map(of_set).collect();
        Coverage { sets, sources: self.effects }
    }
}

/// What every set of an index does to the categories, worked out once.
pub(super) struct Coverage {
    sets: Vec<Effect>,
    sources: Vec<Effect>,
}

impl Coverage {
    pub(super) fn of(&self, hit: &Hit) -> Option<&Effect> {
        self.sets.get(hit.set.0 as usize)
    }

    pub(super) fn of_all(&self, hits: &[Hit]) -> Effect {
        hits.iter().filter_map(|hit| self.of(hit)).fold(Effect::default(), Effect::and)
    }

    /// The last hit is the most specific.
    pub(super) fn last_adding(&self, hits: &[Hit], category: u16) -> Option<Hit> {
        hits.iter().rev().find(|hit| self.of(hit).is_some_and(|effect| effect.adds.contains(category))).copied()
    }

    /// The source of the set that adds to the category.
    pub(super) fn source(&self, index: &Index, set: SetId, category: u16) -> Option<usize> {
        let mut sources = index.set(set).iter().map(|source| usize::from(source.0));
        sources.find(|&source| self.sources.get(source).is_some_and(|effect| effect.adds.contains(category)))
    }
}

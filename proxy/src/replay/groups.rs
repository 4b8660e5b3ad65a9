//! Exchanges of a base period in groups that no draft has a say in.

use logstore::stats::threshold::{self, Cell};
use logstore::stats::{Few, Figures, Persons};
use std::collections::HashMap;

/// Where to, as records keep it: scheme, host, port, method, name in the ClientHello.
pub(super) type Place = [u32; 5];
/// What was decided: action, rule, category.
pub(super) type Before = [u32; 3];

/// The place of what is masked.
pub(super) const NOT_ASKED: Place = [u32::MAX; 5];

/// Exchanges that go one way. What is `None` is not the same for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) place: Option<Place>,
    pub(super) before: Option<Before>,
    /// The path's word.
    pub(super) path: Option<u32>,
    /// Since 1970; `None` also when it was not counted.
    pub(super) half_hour: Option<u32>,
    pub(super) exchanges: u64,
}

/// What was counted.
#[derive(Debug, Default)]
struct Counted {
    exchanges: u64,
    people: Few,
}

impl Counted {
    fn add(&mut self, exchanges: u64, person: u32) {
        self.exchanges += exchanges;
        self.people.add(person);
    }

    fn cell<const LEVELS: usize>(&self, path: [u32; LEVELS]) -> Cell<LEVELS> {
        let figures = Figures { exchanges: self.exchanges, ..Figures::default() };
        Cell { path, figures, people: self.people }
    }
}

/// Numbers for values, as they come.
#[derive(Debug)]
struct Numbers<V> {
    known: HashMap<V, u32>,
    values: Vec<V>,
}

impl<V> Default for Numbers<V> {
    fn default() -> Numbers<V> {
        Numbers { known: HashMap::new(), values: Vec::new() }
    }
}

impl<V: std::hash::Hash + Eq + Copy> Numbers<V> {
    fn number(&mut self, value: V) -> u32 {
        *self.known.entry(value).or_insert_with(|| {
            self.values.push(value);
            self.values.len() as u32 - 1
        })
    }

    fn value(&self, number: u32) -> Option<V> {
        self.values.get(usize::try_from(number).ok()?).copied()
    }
}

/// The exchanges of a base period.
#[derive(Debug, Default)]
pub(super) struct Groups {
    places: Numbers<Place>,
    befores: Numbers<Before>,
    /// By place, decision and path: whether a draft asks for the hour or not.
    cells: HashMap<[u32; 3], Counted>,
    /// The same cells by the half hour.
    half_hours: HashMap<[u32; 3], HashMap<u32, Counted>>,
}

impl Groups {
    /// Adds exchanges of a person.
    pub(super) fn add(
        &mut self,
        place: Place,
        before: Before,
        path: u32,
        half_hour: Option<u32>,
        exchanges: u64,
        person: u32,
    ) {
        let key = [self.places.number(place), self.befores.number(before), path];
        self.cells.entry(key).or_default().add(exchanges, person);
        if let Some(half_hour) = half_hour {
            self.half_hours.entry(key).or_default().entry(half_hour).or_default().add(exchanges, person);
        }
    }

    /// Groups of at least five people, which hold each exchange once; nothing at all when there are not so many. Those that
    /// are told apart by the half hour are parts of those that are not.
    pub(super) fn told(self, persons: &Persons) -> Vec<Group> {
        let cells = self.cells.iter().map(|(path, counted)| counted.cell(*path)).collect();
        let mut told = Vec::new();
        for group in threshold::groups(cells, persons) {
            let [place, before, path] = group.path;
            let whole = Group {
                place: place.and_then(|place| self.places.value(place)),
                before: before.and_then(|before| self.befores.value(before)),
                path,
                half_hour: None,
                exchanges: group.figures.exchanges,
            };
            let half_hours = match (place, before, path) {
                (Some(place), Some(before), Some(path)) => self.half_hours.get(&[place, before, path]),
                _ => None,
            };
            let cells = half_hours.into_iter().flatten().map(|(half_hour, counted)| counted.cell([*half_hour]));
            let parts = threshold::groups(cells.collect(), persons);
            if parts.is_empty() {
                told.push(whole);
            }
            told.extend(parts.into_iter().map(|part| Group {
                half_hour: part.path[0],
                exchanges: part.figures.exchanges,
                ..whole
            }));
        }
        told
    }
}

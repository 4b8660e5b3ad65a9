//! What may be shown: a pure function from cells to groups of people that are large enough.
//!
//! Cells are the finest figures: who is allowed what by which rule. They are told apart by several levels, one after the
//! other. At each level those with the same value form a group; a group with fewer than [`THRESHOLD`] people is put
//! together with the others that are too small, and if these are too few all together, with the smallest of those that
//! are not: shown alone, that one would give the others away by subtraction. Within each group the next level begins
//! anew. What comes out are groups without common cells, all of them together the whole, none of too few people. Every
//! table is added up from them. So whatever is added or subtracted of what is shown is a sum of whole groups.

use super::persons::{Few, Persons};
use super::{Figures, THRESHOLD};
use std::collections::{BTreeMap, HashSet};

/// Figures of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell<const LEVELS: usize> {
    /// What it is told apart by.
    pub path: [u32; LEVELS],
    /// Its figures.
    pub figures: Figures,
    /// Who is behind them.
    pub people: Few,
}

/// Figures that may be shown. A level that is `None` is that of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group<const LEVELS: usize> {
    /// What it is told apart by.
    pub path: [Option<u32>; LEVELS],
    /// Its figures.
    pub figures: Figures,
}

/// Groups cells; nothing at all when there are too few people behind all of them.
pub fn groups<const LEVELS: usize>(cells: Vec<Cell<LEVELS>>, persons: &Persons) -> Vec<Group<LEVELS>> {
    let mut shown = Vec::new();
    if enough(&cells, persons) {
        split(cells, 0, [None; LEVELS], persons, &mut shown);
    }
    shown
}

/// Whether enough people are behind these cells.
fn enough<const LEVELS: usize>(cells: &[Cell<LEVELS>], persons: &Persons) -> bool {
    let mut people = HashSet::new();
    cells.iter().any(|cell| {
        people.extend(cell.people.numbers().map(|number| persons.person(number)));
        people.len() >= THRESHOLD
    })
}

fn total<const LEVELS: usize>(cells: &[Cell<LEVELS>]) -> Figures {
    cells.iter().fold(Figures::default(), |sum, cell| sum + cell.figures)
}

/// Splits cells, behind which there are enough people, from this level on.
fn split<const LEVELS: usize>(
    cells: Vec<Cell<LEVELS>>,
    level: usize,
    path: [Option<u32>; LEVELS],
    persons: &Persons,
    shown: &mut Vec<Group<LEVELS>>,
) {
    if level == LEVELS {
        shown.push(Group { path, figures: total(&cells) });
        return;
    }
    let mut by_value: BTreeMap<u32, Vec<Cell<LEVELS>>> = BTreeMap::new();
    for cell in cells {
        by_value.entry(cell.path[level]).or_default().push(cell);
    }
    let (mut large, small): (Vec<_>, Vec<_>) = by_value.into_iter().partition(|(_, cells)| enough(cells, persons));
    let mut others: Vec<Cell<LEVELS>> = small.into_iter().flat_map(|(_, cells)| cells).collect();
    if !others.is_empty() && !enough(&others, persons) {
        // The smallest, and of those the one that is known longest.
        let smallest = (0..large.len()).min_by_key(|place| (total(&large[*place].1).exchanges, large[*place].0));
        if let Some(smallest) = smallest {
            others.extend(large.remove(smallest).1);
        }
    }
    for (value, cells) in large {
        let mut path = path;
        path[level] = Some(value);
        split(cells, level + 1, path, persons, shown);
    }
    if !others.is_empty() {
        split(others, level + 1, path, persons, shown);
    }
}

#[cfg(test)]
#[path = "threshold/tests.rs"]
mod tests;

//! Somebody who has every figure that is shown, and subtracts.

use super::*;
use proptest::prelude::*;

/// A figure as somebody sees it, and the cells it is made of (which they don't see), by their place.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    exchanges: u64,
    cells: u64,
}

/// Cells of up to three levels whose people are numbers below 12. The exchanges of each are a power of two, so that a sum
/// says which cells are in it.
fn all_cells() -> impl Strategy<Value = Vec<Cell<3>>> {
    let one = ([0..3_u32, 0..3_u32, 0..3_u32], proptest::collection::btree_set(0..12_u32, 1..7));
    proptest::collection::vec(one, 1..24).prop_map(|cells| {
        let paths: BTreeMap<[u32; 3], std::collections::BTreeSet<u32>> = cells.into_iter().collect();
        (0..)
            .zip(paths)
            .map(|(place, (path, numbers))| {
                let mut people = Few::default();
                numbers.into_iter().for_each(|number| people.add(number));
                Cell { path, figures: Figures { exchanges: 1 << place, ..Figures::default() }, people }
            })
            .collect()
    })
}

/// Every figure of every table: by each level alone, and of the whole.
fn tables(shown: &[Group<3>]) -> Vec<Seen> {
    let mut tables: BTreeMap<(usize, Option<Option<u32>>), u64> = BTreeMap::new();
    for group in shown {
        for level in 0..3 {
            *tables.entry((level, Some(group.path[level]))).or_default() += group.figures.exchanges;
        }
        *tables.entry((3, None)).or_default() += group.figures.exchanges;
    }
    tables.into_values().map(|exchanges| Seen { exchanges, cells: exchanges }).collect()
}

fn people(cells: &[Cell<3>], of: u64) -> usize {
    let of = cells.iter().enumerate().filter(|(place, _)| of & 1 << place != 0);
    of.flat_map(|(_, cell)| cell.people.numbers()).collect::<HashSet<_>>().len()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn groups_are_the_whole_and_each_is_large_enough(cells in all_cells()) {
        let shown = groups(cells.clone(), &Persons::default());
        let (all, of_all) = (total(&cells).exchanges, people(&cells, u64::MAX));
        prop_assert_eq!(shown.is_empty(), of_all < THRESHOLD);
        let mut met = 0;
        for group in &shown {
            prop_assert_eq!(met & group.figures.exchanges, 0, "a cell stands in two groups");
            met |= group.figures.exchanges;
            prop_assert!(people(&cells, group.figures.exchanges) >= THRESHOLD);
        }
        prop_assert_eq!(met, if shown.is_empty() { 0 } else { all });
    }

    /// Any two figures, and any three, added and subtracted: whenever what comes out is a number of exchanges of some
    /// cells and no others, enough people are behind them.
    #[test]
    fn no_subtraction_gives_a_small_group_away(cells in all_cells()) {
        let seen = tables(&groups(cells.clone(), &Persons::default()));
        let within = |a: u64, b: u64| a & b == a;
        let mut known: Vec<u64> = seen.iter().map(|seen| seen.cells).collect();
        // What was recovered is used to recover more.
        for _ in 0..2 {
            let before = known.clone();
            for a in &before {
                for b in &before {
                    if within(*b, *a) && a != b {
                        known.push(a - b);
                    }
                    if a & b == 0 {
                        known.push(a + b);
                    }
                }
            }
            known.sort_unstable();
            known.dedup();
            known.truncate(600);
        }
        for cells_recovered in known {
            let behind = people(&cells, cells_recovered);
            prop_assert!(behind >= THRESHOLD, "{behind} people are behind {cells_recovered:b}");
        }
    }
}

/// One cell for each person in a range.
fn cell(path: [u32; 3], exchanges: u64, numbers: std::ops::Range<u32>) -> Cell<3> {
    let mut people = Few::default();
    numbers.for_each(|number| people.add(number));
    Cell { path, figures: Figures { exchanges, ..Figures::default() }, people }
}

#[test]
fn what_is_large_is_told_apart_and_what_is_small_takes_the_smallest_with_it() {
    let persons = Persons::default();
    let shown = |cells: Vec<Cell<3>>| {
        let mut shown: Vec<_> = groups(cells, &persons).iter().map(|g| (g.path[0], g.figures.exchanges)).collect();
        shown.sort_unstable();
        shown
    };
    // All large.
    let (a, b) = (cell([1, 0, 0], 100, 0..6), cell([2, 0, 0], 50, 0..5));
    assert_eq!(shown(vec![a, b]), [(Some(1), 100), (Some(2), 50)]);
    // One is small: the smallest large one goes with it.
    let c = cell([3, 0, 0], 3, 0..2);
    assert_eq!(shown(vec![a, b, c]), [(None, 53), (Some(1), 100)]);
    // Two are, and enough together.
    let d = cell([4, 0, 0], 7, 8..11);
    assert_eq!(shown(vec![a, b, c, d]), [(None, 10), (Some(1), 100), (Some(2), 50)]);
    // Nobody is enough.
    assert_eq!(shown(vec![c]), []);
    assert_eq!(shown(vec![c, d]), [(None, 10)]);
}

#[test]
fn a_level_on_which_nothing_can_be_told_apart_does_not_hide_the_next() {
    let shown = groups(vec![cell([1, 7, 0], 90, 0..6), cell([2, 7, 0], 2, 0..1)], &Persons::default());
    assert_eq!(shown.len(), 1);
    assert_eq!((shown[0].path, shown[0].figures.exchanges), ([None, Some(7), Some(0)], 92));
}

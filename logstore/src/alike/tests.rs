//! What is counted by columns is what a look at every record counts.

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use super::*;
use crate::dayfile::open::OpenDay;
use crate::record::{Action, Auth, Entry, Outcome, Verdict};
use crate::{Durability, Search, seal, search};
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

const DAY: i64 = 86_400_000_000;

/// Host, rule, outcome, hour.
type Of = (Option<String>, Option<String>, Option<String>, u32);
/// Exchanges, bytes sent, bytes received.
type Sums = (u64, u64, u64);

/// Counts by host, rule and outcome, by the hour.
#[derive(Default)]
struct ByHost {
    words: crate::stats::Words,
    found: BTreeMap<Of, Sums>,
}

impl Counter for ByHost {
    const FIELDS: &'static [Field] = &[Field::Host, Field::Rule, Field::Outcome];
    const VOLUMES: bool = true;

    fn number(&mut self, _: usize, value: Option<&str>) -> u32 {
        self.words.number(value)
    }

    fn class(&mut self, opened_at: i64) -> Option<u32> {
        u32::try_from(opened_at.div_euclid(DAY / 24)).ok()
    }

    fn count(&mut self, alike: &Alike<'_>) {
        let word = |place: usize| self.words.text(alike.numbers[place]).map(str::to_owned);
        let sum = self.found.entry((word(0), word(1), word(2), alike.class)).or_default();
        sum.0 += alike.exchanges;
        sum.1 += alike.bytes_sent;
        sum.2 += alike.bytes_received;
    }
}

fn row(id: i64, at: i64, host: u8, rule: u8, bytes: u64) -> Row {
    let rule = (rule > 0).then(|| Arc::from(format!("r{rule}")));
    let verdict = Verdict { action: Action::Allow, rule, article: None, category: None, charter: "c".into() };
    let entry = Entry {
        opened_at: at,
        user: Some(Arc::from(format!("u{}", host % 3))),
        auth: Auth::Basic,
        client_ip: [10, 0, 0, host].into(),
        method: "GET".into(),
        scheme: "http",
        host: (host > 0).then(|| format!("h{host}.example").into()),
        port: 80,
        path: None,
        masked: None,
        verdict,
    };
    let outcome = (id % 7 != 0).then_some(Outcome::Completed);
    let closed_at = outcome.map(|_| at + 7);
    Row { outcome, closed_at, bytes_sent: bytes, bytes_received: bytes * 3, ..Row::opened(id, "gate".into(), &entry) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn columns_count_what_records_do(
        rows in proptest::collection::vec((0..3 * DAY, 0..60_u8, 0..4_u8, 0..1_000_000_u64), 1..300),
        period in (0..3 * DAY, 0..3 * DAY),
        sealed in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let keys = Keys::open(&dir.path().join("keys"), dir.path()).unwrap();
            let mut days: BTreeMap<Day, Vec<Row>> = BTreeMap::new();
            for (id, (at, host, rule, bytes)) in (1..).zip(rows) {
                days.entry(Day::of(at)).or_default().push(row(id, at, host, rule, bytes));
            }
            for (day, mut rows) in days {
                let Ok(mut file) = OpenDay::open(dir.path(), day, Durability::Process, &keys).await else {
                    panic!("not opened")
                };
                for part in rows.chunks(40) {
                    file.file(part).await.unwrap();
                }
                // Some of those that were open are settled later.
                rows.retain_mut(|row| {
                    let ends = row.outcome.is_none() && (sealed || row.id % 2 == 0);
                    row.outcome = row.outcome.or(Some(Outcome::Abandoned));
                    ends
                });
                file.file(&rows).await.unwrap();
                file.close().await.unwrap();
                if sealed {
                    seal::seal_day(dir.path(), day, "gate", &keys).await.unwrap();
                }
            }
            let period = period.0.min(period.1)..period.0.max(period.1);
            let mut counter = ByHost::default();
            let unread = count(dir.path(), &keys, period.clone(), &mut counter).await.unwrap();
            assert!(unread.is_empty());
            let query = Search { from: Some(period.start), to: Some(period.end), ..Search::default() };
            let mut expected = BTreeMap::<Of, Sums>::new();
            for record in search(dir.path(), &keys, &query).await.unwrap() {
                let hour = u32::try_from(record.opened_at.div_euclid(DAY / 24)).unwrap();
                let outcome = record.outcome.map(|outcome| outcome.as_str().to_owned());
                let sum = expected.entry((record.host, record.rule, outcome, hour)).or_default();
                sum.0 += 1;
                sum.1 += record.bytes_sent;
                sum.2 += record.bytes_received;
            }
            assert_eq!(counter.found, expected);
        });
    }
}

#[test]
fn groups_are_split_the_same_way_however_many_values_there_are() {
    let classes: Vec<u32> = (0..4096).map(|row| if row % 11 == 0 { OUT } else { row % 3 }).collect();
    // Few enough for a table, and too many for one.
    for distinct in [5, 3000] {
        let place = |row: usize| (row * 7 % distinct) as u32;
        let mut groups = Groups::new(&classes);
        groups.split(distinct, place);
        let mut expected = HashMap::new();
        for (row, class) in classes.iter().enumerate().filter(|(_, class)| **class != OUT) {
            let next = expected.len() as u32;
            let group = *expected.entry((*class, place(row))).or_insert(next);
            let first = groups.first[groups.of[row] as usize] as usize;
            assert_eq!((classes[first], place(first)), (*class, place(row)), "{group}");
        }
        assert_eq!(groups.first.len(), expected.len());
    }
}

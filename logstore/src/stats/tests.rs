//! What the tables say of exchanges that are told one by one.

use super::*;
use proptest::prelude::*;

fn calendar() -> Calendar {
    Calendar { days: vec![(0, "2026-11-01".into()), (100, "2026-11-02".into()), (200, "2026-11-03".into())], end: 300 }
}

/// One exchange.
struct One<'a> {
    user: Option<&'a str>,
    address: &'a str,
    at: i64,
    action: &'a str,
    rule: Option<&'a str>,
    category: Option<&'a str>,
    host: Option<&'a str>,
    masked: Option<&'a str>,
}

const PLAIN: One<'static> = One {
    user: None,
    address: "10.0.0.1",
    at: 10,
    action: "allow",
    rule: None,
    category: None,
    host: Some("www.a.example"),
    masked: None,
};

fn take(tally: &mut Tally<'_>, one: &One<'_>, exchanges: u64) {
    let outcome = if one.action == "block" { "refused" } else { "completed" };
    let article = one.rule.map(|_| "3");
    let values = [
        one.user,
        Some(one.address),
        Some(one.action),
        article,
        one.rule,
        one.category,
        one.host,
        one.masked,
        Some(outcome),
    ];
    let numbers: Vec<u32> = (0..).zip(values).map(|(field, value)| tally.number(field, value)).collect();
    let Some(class) = tally.class(one.at) else { return };
    let bytes = exchanges * 10;
    let alike = Alike { numbers: &numbers, class, opened_at: one.at, exchanges, bytes_sent: bytes, bytes_received: 0 };
    tally.count(&alike);
}

fn names(rows: &[Row]) -> Vec<(String, u64, u64)> {
    let name = |row: &Row| if row.others { "*".to_owned() } else { row.name.clone().unwrap_or_default() };
    rows.iter().map(|row| (name(row), row.figures.exchanges, row.blocked)).collect()
}

fn owned(rows: &[(&str, u64, u64)]) -> Vec<(String, u64, u64)> {
    rows.iter().map(|(name, count, blocked)| ((*name).to_owned(), *count, *blocked)).collect()
}

#[test]
fn tables_are_of_the_same_groups() {
    let calendar = calendar();
    let mut tally = Tally::new(&calendar);
    let users = ["a", "b", "c", "d", "e", "f", "g"];
    for (place, user) in (0..).zip(users) {
        let one = One { user: Some(user), ..PLAIN };
        take(&mut tally, &One { at: 10 + 100 * (place % 2), ..one }, 10);
        let blocked =
            One { action: "block", rule: Some("jeux"), category: Some("jeux"), host: Some("jeux.example"), ..one };
        take(&mut tally, &blocked, 2);
        if place < 2 {
            take(&mut tally, &One { host: Some("rare.example"), ..one }, 1);
            take(&mut tally, &One { rule: Some("sexe"), category: Some("sexe"), ..blocked }, 1);
        }
        take(&mut tally, &One { host: None, masked: Some("category"), at: 299, ..one }, 3);
        take(&mut tally, &One { at: 300, ..one }, 1000);
    }
    let said = tally.statistics();
    let figures = said.total.expect("seven people");
    assert_eq!((figures.exchanges, figures.bytes_sent), (70 + 14 + 2 + 2 + 21, 1090));
    assert_eq!(names(&said.actions), owned(&[("allow", 93, 0), ("block", 16, 16)]));
    // The rule that two people met takes the other with it, and with both goes their category.
    assert_eq!(names(&said.rules), owned(&[("", 93, 0), ("*", 16, 16)]));
    assert_eq!(names(&said.categories), owned(&[("", 93, 0), ("*", 16, 16)]));
    // The rare service is put together with the smaller of the other two, which is what was masked.
    assert_eq!(names(&said.services), owned(&[("a.example", 70, 0), ("jeux.example", 16, 16), ("*", 23, 0)]));
    assert_eq!(names(&said.masked), []);
    // On the second of November three people were seen: their day goes with the smaller of the others.
    assert_eq!(names(&said.days), owned(&[("2026-11-01", 58, 16), ("*", 51, 0)]));
    assert_eq!(names(&said.outcomes), owned(&[("completed", 93, 0), ("refused", 16, 16)]));
}

#[test]
fn too_few_people_are_told_nothing() {
    let calendar = calendar();
    let mut tally = Tally::new(&calendar);
    for address in ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"] {
        take(&mut tally, &One { address, ..PLAIN }, 100);
        // The same four, by their names.
        take(&mut tally, &One { address, user: Some(&address[7..]), ..PLAIN }, 100);
    }
    let said = tally.statistics();
    let withheld = vec!["2026-11-01".to_owned()];
    assert_eq!(said, Statistics { counted: 800, withheld, ..Statistics::default() });
    let json = serde_json::to_string(&said).expect("written");
    assert!(!json.contains("800"), "{json}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Every table says the same of the whole, and nothing of a service that fewer than five people asked for.
    #[test]
    fn no_table_knows_more_than_another(
        asked in proptest::collection::vec((0..8_usize, 0..4_usize, 0..3_i64, any::<bool>(), 1..50_u64), 1..60),
    ) {
        const HOSTS: [&str; 4] = ["a.example", "b.example", "c.example", "d.example"];
        let users: Vec<String> = (0..8).map(|user| format!("u{user}")).collect();
        let calendar = calendar();
        let mut tally = Tally::new(&calendar);
        let mut askers: HashMap<&str, std::collections::HashSet<usize>> = HashMap::new();
        for (user, host, day, blocked, exchanges) in &asked {
            let action = if *blocked { "block" } else { "allow" };
            let rule = blocked.then_some("r");
            let one = One { user: Some(&users[*user]), host: Some(HOSTS[*host]), at: day * 100, action, rule, ..PLAIN };
            take(&mut tally, &one, *exchanges);
            askers.entry(HOSTS[*host]).or_default().insert(*user);
        }
        let said = tally.statistics();
        let Some(total) = said.total else { return Ok(()) };
        let sum = |rows: &[Row]| rows.iter().map(|row| row.figures.exchanges).sum::<u64>();
        for rows in [&said.days, &said.actions, &said.outcomes, &said.categories, &said.rules, &said.articles] {
            prop_assert_eq!(sum(rows), total.exchanges);
        }
        prop_assert_eq!(sum(&said.services) + sum(&said.masked), total.exchanges);
        for row in &said.services {
            let enough = row.name.as_deref().is_none_or(|name| askers[name].len() >= THRESHOLD);
            prop_assert!(enough, "{:?}", row);
        }
    }
}

/// Base periods of three days each; every period that may be asked for is some of them in a row.
const BASES: i64 = 4;

/// The figures of one table's rows, in which each bit is one person's visits of one kind in one base period.
fn rows(said: &Statistics) -> Vec<(String, u64)> {
    let tables = [
        ("day", &said.days),
        ("action", &said.actions),
        ("outcome", &said.outcomes),
        ("category", &said.categories),
        ("rule", &said.rules),
        ("article", &said.articles),
        ("service", &said.services),
        ("masked", &said.masked),
    ];
    let named = tables.into_iter().flat_map(|(table, rows)| {
        rows.iter().map(move |row| (format!("{table} {:?} {}", row.name, row.others), row.figures.exchanges))
    });
    named.chain(said.total.map(|total| ("total".to_owned(), total.exchanges))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Somebody asks for every period, and takes every figure of one from the same figure of another: what is left on
    /// either side is about nobody, or about five people at least.
    #[test]
    fn no_difference_of_two_periods_is_about_few(
        asked in proptest::collection::btree_set((0..BASES, 0..3_i64, 0..7_usize, 0..3_usize, any::<bool>()), 1..60),
    ) {
        const HOSTS: [&str; 3] = ["a.example", "b.example", "c.example"];
        let users: Vec<String> = (0..7).map(|user| format!("u{user}")).collect();
        let asked: Vec<_> = asked.into_iter().collect();
        let day = |base: i64, day: i64| ((base * 3 + day) * 100, format!("d{base}{day}"));
        let bases: Vec<Statistics> = (0..BASES)
            .map(|base| {
                let days = (0..3).map(|number| day(base, number)).collect();
                let calendar = Calendar { days, end: (base + 1) * 300 };
                let mut tally = Tally::new(&calendar);
                for (place, (of, day, user, host, blocked)) in asked.iter().enumerate().filter(|(_, one)| one.0 == base) {
                    let (action, rule) = if *blocked { ("block", Some("r")) } else { ("allow", None) };
                    let at = (of * 3 + day) * 100;
                    let one = One { user: Some(&users[*user]), host: Some(HOSTS[*host]), at, action, rule, ..PLAIN };
                    take(&mut tally, &one, 1 << place);
                }
                tally.statistics()
            })
            .collect();
        let people = |bits: u64| {
            let of = asked.iter().enumerate().filter(|(place, _)| bits & 1 << place != 0);
            of.map(|(_, one)| one.2).collect::<std::collections::HashSet<_>>().len()
        };
        let mut answers: Vec<HashMap<String, u64>> = vec![HashMap::new()];
        for first in 0..bases.len() {
            let mut sum = Statistics::default();
            for base in &bases[first..] {
                sum = sum.plus(base.clone());
                answers.push(rows(&sum).into_iter().collect());
            }
        }
        for one in &answers {
            for other in &answers {
                for (row, figure) in one {
                    let left = figure & !other.get(row).copied().unwrap_or(0);
                    let behind = people(left);
                    prop_assert!(left == 0 || behind >= THRESHOLD, "{}: {} people", row, behind);
                }
            }
        }
    }
}

#[test]
fn a_base_period_of_few_people_adds_nothing_to_those_of_many() {
    let calendar = calendar();
    let of = |users: &[&str]| {
        let mut tally = Tally::new(&calendar);
        users.iter().for_each(|user| take(&mut tally, &One { user: Some(user), ..PLAIN }, 10));
        tally.statistics()
    };
    let (many, few) = (of(&["a", "b", "c", "d", "e"]), of(&["a", "f"]));
    let both = many.clone().plus(few);
    assert_eq!((both.total, &both.services, both.counted), (many.total, &many.services, 70));
    assert_eq!(both.withheld, ["2026-11-01"]);
    let twice = many.clone().plus(many);
    assert_eq!(names(&twice.services), owned(&[("a.example", 100, 0)]));
}

//! Holds: what can be held and for how long, what is kept of a day that goes, and what is not.
#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

#[path = "tests/words.rs"]
mod words;

use super::*;
use crate::approvals::Subject;
use crate::clock::ClockState;
use crate::day::Day;
use crate::dayfile::open::OpenDay;
use crate::people::{Mark, Period};
use crate::record::{Action, Auth, Entry as Opening, Outcome, Verdict};
use crate::retention::{self, Certificate, Purged};
use crate::row::Row;
use crate::{Durability, Search, search, verify};
use jiff::ToSpan;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

const DAY: i64 = 86_400_000_000;
/// 2026-09-01T00:00:00Z.
const FIRST: i64 = 1_788_220_800_000_000;
const USERS: [&str; 3] = ["p.dupont", "P.Dupont", "a.martin"];
const CLIENTS: [&str; 3] = ["10.0.0.1", "10.0.0.2", "10.1.0.1"];
const HOSTS: [&str; 4] = ["a.example", "b.a.example", "ba.example", "intranet"];

fn today() -> Date {
    terms::date(crate::clock::now())
}

fn hold_on(about: Vec<Subject>, from: i64, to: i64) -> Terms {
    Terms {
        ground: Ground::Incident { incident: "2026-12".into() },
        about,
        from,
        to,
        review: today().saturating_add(3.months()),
        until: today().saturating_add(9.months()),
        reason: "an intrusion found late".into(),
    }
}

fn user(name: &str) -> Vec<Subject> {
    vec![Subject::User(name.into())]
}

fn refused(terms: &Terms) -> String {
    terms.check(today()).unwrap_err().to_string()
}

fn record(id: i64, at: i64, user: usize, client: usize, host: usize) -> Record {
    row(id, at, user, client, host).record()
}

fn row(id: i64, at: i64, user: usize, client: usize, host: usize) -> Row {
    let verdict = Verdict { action: Action::Allow, rule: None, article: None, category: None, charter: "c".into() };
    let entry = Opening {
        opened_at: at,
        user: USERS.get(user).map(|name| Arc::from(*name)),
        auth: Auth::Basic,
        client_ip: CLIENTS[client].parse().unwrap(),
        method: "GET".into(),
        scheme: "http",
        host: HOSTS.get(host).map(|name| (*name).into()),
        port: 80,
        path: None,
        masked: (host >= HOSTS.len()).then_some("category"),
        verdict,
    };
    let (outcome, closed_at) = (Some(Outcome::Completed), Some(at + 7));
    Row { outcome, closed_at, ..Row::opened(id, "gate".into(), &entry) }
}

fn people(links: &[(&str, Mark, Option<i64>)]) -> People {
    let event = |(person, mark, to): &(&str, Mark, Option<i64>)| people::Event::Linked {
        person: (*person).into(),
        mark: mark.clone(),
        period: Period { from: None, to: *to },
    };
    let entries = (1..).zip(links).map(|(number, link)| Entry { number, at: 0, who: "dpo".into(), what: event(link) });
    People::of(&entries.collect::<Vec<_>>())
}

use crate::people;

#[test]
fn a_person_is_held_with_every_account_and_address_that_was_theirs_alone() {
    let account = |name: &str| Mark::Account(name.into());
    let address = |at: usize| Mark::Address(CLIENTS[at].parse().unwrap());
    let known = people(&[
        ("a.martin", account("amartin@exemple.test"), None),
        ("a.martin", address(0), None),
        ("a.martin", address(1), None),
        ("p.dupont", address(1), None),
        ("a.martin", address(2), Some(FIRST + 5)),
    ]);
    let terms = hold_on(user("A.Martin"), FIRST, FIRST + DAY);
    let covers = |user: Option<&str>, client: usize, at: i64| {
        let record = Record { user: user.map(str::to_owned), ..record(1, at, 9, client, 0) };
        terms.covers(&record, &known)
    };
    assert!(covers(Some("a.martin"), 2, FIRST) && covers(Some("AMartin@exemple.test"), 2, FIRST));
    assert!(covers(None, 0, FIRST), "an address of theirs alone");
    assert!(!covers(None, 1, FIRST), "an address of several: art. 15(4)");
    assert!(covers(None, 2, FIRST + 4) && !covers(None, 2, FIRST + 5), "theirs no more");
    assert!(!covers(Some("p.dupont"), 0, FIRST), "another account on their address");
    assert!(!covers(Some("a.martin"), 0, FIRST - 1) && !covers(Some("a.martin"), 0, FIRST + DAY), "out of the period");
    // Each sort that is named narrows.
    let mut both = terms.clone();
    both.about.push(Subject::Host("a.example".into()));
    let to = |host: usize| both.covers(&record(1, FIRST, 2, 0, host), &known);
    assert!(to(0) && to(1) && !to(2) && !to(9));
}

/// A register of sealed days.
struct World {
    _dir: tempfile::TempDir,
    register: std::path::PathBuf,
    keys: Keys,
    runtime: tokio::runtime::Runtime,
}

impl World {
    fn new(rows: &[Row]) -> World {
        let dir = tempfile::tempdir().unwrap();
        let register = dir.path().join("register");
        std::fs::create_dir(&register).unwrap();
        let keys = Keys::open(&dir.path().join("keys"), &register).unwrap();
        crate::announce(&register, &keys, 1).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut days: BTreeMap<Day, Vec<Row>> = BTreeMap::new();
        for row in rows {
            days.entry(Day::of(row.opened_at)).or_default().push(row.clone());
        }
        runtime.block_on(async {
            for (day, rows) in days {
                let Ok(mut file) = OpenDay::open(&register, day, Durability::Process, &keys).await else {
                    panic!("not opened")
                };
                file.file(&rows).await.unwrap();
                file.close().await.unwrap();
                // Others are sealed when they have to be.
                if day.begins() % (2 * DAY) == 0 {
                    crate::seal::seal_day(&register, day, "gate", &keys).await.unwrap().unwrap();
                }
            }
        });
        World { _dir: dir, register, keys, runtime }
    }

    fn desk(&self) -> Desk<'_> {
        Desk::open(&self.register, &self.keys).unwrap()
    }

    fn purge(&self, now: i64) -> (Option<Purged>, Option<retention::PurgeError>) {
        let clock = ClockState { synchronised: true, offset_us: 0, error_us: 0, source: "test".into() };
        let certificate = Certificate { node: "gate".into(), ..Certificate::default() };
        retention::purge(&self.register, &self.keys, now, &clock, certificate)
    }

    fn left(&self) -> BTreeSet<i64> {
        let all = self.runtime.block_on(search(&self.register, &self.keys, &Search::default())).unwrap();
        all.into_iter().map(|record| record.id).collect()
    }

    /// Identifiers of what was taken out for a hold, each once.
    fn taken_out(&self, hold: &Hold) -> BTreeSet<i64> {
        let mut ids = BTreeSet::new();
        let missed = visit_extracts(&self.register, &self.keys, [hold], |_, day| {
            day.records.iter().for_each(|found| assert!(ids.insert(found.record.id), "there twice"));
            ControlFlow::Continue(())
        });
        assert!(missed.is_empty(), "{missed:?}");
        ids
    }

    fn findings(&self) -> Vec<crate::Finding> {
        self.report().findings
    }

    fn report(&self) -> crate::Report {
        let public = self.keys.public();
        let verified = verify(&self.register, &self.keys, &public, |_| {});
        self.runtime.block_on(verified).unwrap()
    }

    fn settle(&self) -> Settled {
        settle(&self.register, &self.keys, "PME", "gate").unwrap()
    }
}

#[derive(Debug, Clone)]
enum Act {
    Add(Vec<Subject>, i64, i64),
    Purge,
    Release(usize),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let subject = prop_oneof![
        (0..3_usize).prop_map(|user| Subject::User(USERS[user].into())),
        (0..3_usize).prop_map(|client| Subject::Client(CLIENTS[client].parse::<std::net::IpAddr>().unwrap().into())),
        Just(Subject::Client("10.0.0.0/24".parse().unwrap())),
        (0..4_usize).prop_map(|host| Subject::Host(HOSTS[host].into())),
    ];
    let add = (proptest::collection::vec(subject, 1..3), 0..4 * DAY, 1..3 * DAY);
    let add = add.prop_map(|(about, from, long)| Act::Add(about, FIRST + from, FIRST + from + long));
    proptest::collection::vec(
        prop_oneof![2 => add, 2 => Just(Act::Purge), 1 => (0..4_usize).prop_map(Act::Release)],
        3..10,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn nothing_held_is_purged_and_nothing_else_survives_law_5(
        rows in proptest::collection::vec((0..5 * DAY, 0..4_usize, 0..3_usize, 0..5_usize), 1..40),
        acts in acts(),
    ) {
        let numbered = (1..).zip(rows);
        let rows: Vec<Row> =
            numbered.map(|(id, (at, user, client, host))| row(id, FIRST + at, user, client, host)).collect();
        let world = World::new(&rows);
        let nobody = People::default();
        // What there must be, by the definition.
        let mut left: Vec<Record> = rows.iter().map(Row::record).collect();
        let mut kept: BTreeMap<u64, (Terms, BTreeSet<i64>)> = BTreeMap::new();
        let mut now = FIRST + 2 * DAY;
        for act in acts {
            match act {
                Act::Add(about, from, to) => {
                    let terms = hold_on(about, from, to);
                    let number = world.desk().add("dpo", terms.clone(), None).unwrap();
                    kept.insert(number, (terms, BTreeSet::new()));
                }
                Act::Purge => {
                    let (purged, failed) = world.purge(now);
                    prop_assert!(failed.is_none(), "{failed:?}");
                    let due = |record: &Record| Day::of(record.opened_at).after(1) < Day::of(now);
                    let mut taken_for = BTreeSet::new();
                    for record in left.iter().filter(|record| due(record)) {
                        for (number, (terms, ids)) in &mut kept {
                            if terms.covers(record, &nobody) {
                                ids.insert(record.id);
                                taken_for.insert(*number);
                            }
                        }
                    }
                    left.retain(|record| !due(record));
                    if let Some(Purged { certificate, .. }) = purged {
                        prop_assert_eq!(&certificate.hold_numbers, &taken_for.iter().copied().collect::<Vec<_>>());
                        prop_assert_eq!(certificate.holds, taken_for.len() as u64);
                    }
                    now += DAY;
                }
                Act::Release(place) => {
                    let Some(number) = kept.keys().nth(place).copied() else { continue };
                    world.desk().release(number, "dpo", "settled out of court", None).unwrap();
                    prop_assert_eq!(world.settle().destroyed.len(), 1);
                    kept.remove(&number);
                }
            }
            prop_assert_eq!(world.left(), left.iter().map(|record| record.id).collect::<BTreeSet<_>>());
            let holds = Holds::read(&world.register, &world.keys).unwrap();
            let numbers: Vec<u64> = holds.kept().map(|hold| hold.number).collect();
            prop_assert_eq!(numbers, kept.keys().copied().collect::<Vec<_>>());
            for hold in holds.all() {
                let expected = kept.get(&hold.number).map(|(_, ids)| ids.clone()).unwrap_or_default();
                prop_assert_eq!(world.taken_out(hold), expected);
            }
        }
        prop_assert_eq!(world.findings(), vec![]);
    }
}

/// Three days; of each one record of a.martin's, one of p.dupont's, and a masked one of a.martin's.
fn three_days() -> Vec<Row> {
    let mut rows = Vec::new();
    for day in 0..3 {
        let at = FIRST + day * DAY + 5;
        let id = 10 * day;
        rows.extend([row(id + 1, at, 2, 0, 0), row(id + 2, at + 1, 0, 0, 0), row(id + 3, at + 2, 2, 0, 9)]);
    }
    rows
}

#[test]
fn a_hold_creates_no_data_and_masked_stays_masked_law_5() {
    let world = World::new(&three_days());
    let terms = hold_on(user("a.martin"), FIRST, FIRST + 2 * DAY);
    let nobody = People::default();
    let counted = reach(&world.register, &world.keys, &terms, &nobody);
    let (reach, missed) = world.runtime.block_on(counted).unwrap();
    assert_eq!((reach, missed.len()), (Reach { records: 4, persons: 1, addresses: 0, masked: 2 }, 0));
    let number = world.desk().add("dpo", terms, None).unwrap();
    assert!(world.purge(FIRST + 2 * DAY).1.is_none());
    let holds = Holds::read(&world.register, &world.keys).unwrap();
    let mut seen = Vec::new();
    let shown = super::visit(&world.register, &world.keys, holds.get(number).unwrap(), &nobody, |record| {
        seen.push((record.id, record.host, record.masked));
        ControlFlow::Continue(())
    });
    assert!(world.runtime.block_on(shown).unwrap().is_empty());
    let named = |id| (id, Some("a.example".to_owned()), None);
    let masked = |id| (id, None, Some("category".to_owned()));
    // One day from its extract, one from where it still is.
    assert_eq!(seen, [named(1), masked(3), named(11), masked(13)]);
    let report = world.report();
    assert_eq!((report.findings, report.held_records), (vec![], 2));
}

#[test]
fn what_is_released_is_destroyed_at_once_and_attested_law_5() {
    let world = World::new(&three_days());
    let number = world.desk().add("dpo", hold_on(user("a.martin"), FIRST, FIRST + 3 * DAY), Some(9)).unwrap();
    assert!(world.purge(FIRST + 3 * DAY).1.is_none());
    let before = Holds::read(&world.register, &world.keys).unwrap();
    let hold = before.get(number).unwrap();
    let folder = world.register.join("holds").join(number.to_string());
    let copies: Vec<(std::path::PathBuf, Vec<u8>)> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|file| {
            let file = file.unwrap().path();
            (file.clone(), std::fs::read(file).unwrap())
        })
        .collect();
    assert_eq!((hold.extracts.len(), copies.len()), (2, 2));
    assert_eq!(world.settle(), Settled::default(), "nothing is over");
    world.desk().release(number, "dpo", "judgment of 3 November", Some(12)).unwrap();
    let settled = world.settle();
    let (certificate, _) = settled.destroyed[0].1.clone().unwrap();
    let released = certificate.released.unwrap();
    assert_eq!((released.hold, released.days, released.records, certificate.days.len()), (number, 2, 4, 0));
    assert!(!folder.exists());
    let text = crate::chain::text(&retention::certificates_file(&world.register)).unwrap();
    assert!(text.contains(&format!("hold {number} released")) && !text.contains("martin"), "{text}");
    // A copy of the files from before opens no more: the keys are gone.
    std::fs::create_dir_all(&folder).unwrap();
    for (file, bytes) in copies {
        std::fs::write(file, bytes).unwrap();
    }
    let mut opened = 0;
    let missed = visit_extracts(&world.register, &world.keys, [hold], |_, _| {
        opened += 1;
        ControlFlow::Continue(())
    });
    assert_eq!((opened, missed.len()), (0, 2));
    std::fs::remove_dir_all(world.register.join("holds")).unwrap();
    assert_eq!(world.findings(), []);
    let after = Holds::read(&world.register, &world.keys).unwrap();
    assert!(after.get(number).unwrap().is_destroyed() && after.get(number).unwrap().extracts.is_empty());
    assert_eq!(world.settle(), Settled::default(), "once");
    assert!(matches!(world.desk().release(number, "dpo", "again", None), Err(DeskError::Refused(Refusal::Over(_)))));
}

#[test]
fn a_judicial_hold_leaves_no_trace_that_others_see_law_5() {
    let judicial = |world: &World| {
        let ground = Ground::Judicial { reference: "PV 2026/44".into() };
        let terms = Terms { ground, ..hold_on(user("a.martin"), FIRST, FIRST + 3 * DAY) };
        world.desk().add("counsel", terms, None).unwrap()
    };
    let (with, without) = (World::new(&three_days()), World::new(&three_days()));
    let number = judicial(&with);
    let certificates = [&with, &without].map(|world| {
        let Certificate { days, holds, hold_numbers, stores, .. } = world.purge(FIRST + 3 * DAY).0.unwrap().certificate;
        let days: Vec<String> = days.into_iter().map(|day| day.day).collect();
        (days, holds, hold_numbers, stores)
    });
    assert_eq!(certificates[0], certificates[1]);
    assert_eq!((with.report().held_records, with.left()), (0, without.left()));
    let holds = Holds::read(&with.register, &with.keys).unwrap();
    assert_eq!(with.taken_out(holds.get(number).unwrap()).len(), 4);
    with.desk().release(number, "counsel", "closed", None).unwrap();
    assert_eq!(with.settle().destroyed, [(number, None)]);
    assert_eq!(retention::certificates(&with.register, &with.keys.public()).unwrap().len(), 1);
    let acts = crate::audit::read(&with.register).unwrap().acts;
    assert!(acts.iter().all(|act| act.act == "seal"), "{acts:?}");
}

#[test]
fn a_ledger_that_cannot_be_read_lets_no_day_go() {
    let world = World::new(&three_days());
    world.desk().add("dpo", hold_on(user("p.dupont"), FIRST, FIRST + DAY), None).unwrap();
    let folder = world.keys.dir().join("ledgers");
    let key = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let away = key.with_extension("away");
    std::fs::rename(&key, &away).unwrap();
    let before = world.left();
    let (purged, failed) = world.purge(FIRST + 3 * DAY);
    assert!(purged.is_none(), "{purged:?}");
    let said = failed.unwrap().to_string();
    assert!(said.contains("nothing is erased: what is held cannot be read"), "{said}");
    assert_eq!(world.left(), before);
    std::fs::rename(&away, &key).unwrap();
    assert!(world.purge(FIRST + 3 * DAY).1.is_none());
    assert_eq!(world.findings(), []);
}

#[test]
fn a_day_of_which_what_is_held_cannot_be_read_stays_alone() {
    let world = World::new(&three_days());
    world.desk().add("dpo", hold_on(user("p.dupont"), FIRST, FIRST + DAY), None).unwrap();
    let file = Day::of(FIRST).file(&world.register);
    let whole = std::fs::read(&file).unwrap();
    let mut torn = whole.clone();
    torn.truncate(whole.len() / 2);
    std::fs::write(&file, torn).unwrap();
    let (purged, failed) = world.purge(FIRST + 3 * DAY);
    assert!(failed.unwrap().to_string().starts_with("2026-09-01 is not erased: what is held of it"));
    assert_eq!(purged.unwrap().certificate.days.len(), 1, "the other is");
    std::fs::write(&file, whole).unwrap();
    assert_eq!(world.purge(FIRST + 3 * DAY).0.unwrap().certificate.hold_numbers.len(), 1);
}

#[test]
fn an_extract_that_was_touched_is_found_out() {
    let world = World::new(&three_days());
    let number = world.desk().add("dpo", hold_on(user("p.dupont"), FIRST, FIRST + 2 * DAY), None).unwrap();
    assert!(world.purge(FIRST + 2 * DAY).1.is_none());
    assert_eq!(world.report().held_records, 1);
    let file = world.register.join("holds").join(number.to_string()).join("2026-09-01");
    let whole = std::fs::read(&file).unwrap();
    let mut other = whole.clone();
    *other.last_mut().unwrap() ^= 1;
    for bytes in [other, whole[..whole.len() - 1].to_vec(), vec![]] {
        std::fs::write(&file, bytes).unwrap();
        assert_eq!(world.findings()[0].what, format!("hold {number}, 2026-09-01"));
    }
    std::fs::remove_file(&file).unwrap();
    assert_eq!(world.findings().len(), 1);
    std::fs::write(&file, whole).unwrap();
    assert_eq!(world.findings(), []);
}

#[test]
fn extending_takes_a_new_reason_and_a_later_end_law_5() {
    let world = World::new(&[]);
    let terms = hold_on(user("p.dupont"), FIRST, FIRST + DAY);
    let mut desk = world.desk();
    let number = desk.add("dpo", terms.clone(), None).unwrap();
    let later = today().saturating_add(12.months());
    for (until, reason) in [
        (later, "an intrusion found late"),
        (later, " "),
        (terms.until, "the appeal"),
        (later.saturating_add(1.day()), "the appeal"),
    ] {
        assert!(desk.extend(number, "dpo", until, reason, None).is_err(), "{until} {reason}");
    }
    assert_eq!(desk.extend(number, "dpo", later, "the appeal", Some(7)).unwrap().terms.until, later);
    assert!(desk.extend(number + 40, "dpo", later, "the appeal", None).is_err());
    let next = today().saturating_add(6.months());
    assert_eq!(desk.review(number, "dpo", next, "still under appeal").unwrap().terms.review, next);
    assert!(desk.review(number, "dpo", later, "too far").is_err());
    desk.release(number, "dpo", "over", None).unwrap();
    assert!(desk.extend(number, "dpo", later, "more", None).is_err() && desk.count(number, "dpo", 1, "look").is_err());
    drop(desk);
    assert_eq!(Holds::read(&world.register, &world.keys).unwrap().get(number).unwrap().extensions.len(), 1);
}

//! Retention: nothing a day too long, nothing a day too early, whatever the terms and the clock do.
#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use super::*;

/// What was done; fails when anything could not be.
fn purge(
    dir: &Path,
    keys: &Keys,
    now: i64,
    clock: &ClockState,
    certificate: Certificate,
) -> Result<Option<Purged>, PurgeError> {
    let (purged, failed) = super::purge(dir, keys, now, clock, certificate);
    failed.map_or(Ok(purged), Err)
}

use jiff::civil::date;
use jiff::tz::TimeZone;
use proptest::prelude::*;

/// 2026-11-23T00:00:00Z.
const TODAY: i64 = 1_795_392_000_000_000;
const DAY: i64 = 86_400_000_000;

fn kept() -> ClockState {
    ClockState { synchronised: true, offset_us: 0, error_us: 0, source: "test".into() }
}

fn one(days: u16) -> Vec<Term> {
    vec![Term { from: 0, days }]
}

#[test]
fn a_day_lives_to_the_end_of_its_last_day() {
    let day = Day::of(TODAY + DAY / 2);
    assert!(!is_due(TODAY + 365 * DAY + DAY - 1, day, &one(365)));
    assert!(is_due(TODAY + 366 * DAY, day, &one(365)));
}

#[test]
fn without_a_term_nothing_is_due() {
    assert!(!is_due(i64::MAX / 2, Day::of(0), &[]));
}

#[test]
fn a_longer_term_never_reaches_a_day_recorded_under_a_shorter_one() {
    let at = |day: i64| TODAY + day * DAY;
    let terms = [Term { from: at(0), days: 180 }, Term { from: at(100) + 1, days: 365 }];
    assert_eq!(term(at(400), at(99), &terms), Some(180));
    // The day on which it was lengthened was begun under the shorter one.
    assert_eq!(term(at(400), at(100), &terms), Some(180));
    assert_eq!(term(at(400), at(101), &terms), Some(365));
    // What was recorded before anything was announced falls under the first.
    assert_eq!(term(at(400), at(-5), &terms), Some(180));
}

#[test]
fn a_shorter_term_reaches_every_day_and_is_not_undone() {
    let at = |day: i64| TODAY + day * DAY;
    let terms = [365, 30, 365].iter().zip([0, 50, 60]).map(|(days, from)| Term { from: at(from), days: *days });
    let terms: Vec<Term> = terms.collect();
    assert_eq!(term(at(49), at(10), &terms), Some(365));
    assert_eq!(term(at(51), at(10), &terms), Some(30));
    assert_eq!(term(at(200), at(10), &terms), Some(30));
    assert_eq!(term(at(200), at(61), &terms), Some(365));
}

#[test]
fn days_are_of_utc_whatever_the_hour_of_summer_does_and_years_leap() {
    let paris = TimeZone::get("Europe/Paris").unwrap();
    for (civil, days) in
        [(date(2027, 3, 28), 365), (date(2027, 10, 31), 365), (date(2028, 2, 29), 366), (date(2028, 2, 28), 365)]
    {
        let noon = paris.to_timestamp(civil.at(12, 0, 0, 0)).unwrap().as_microsecond();
        let day = Day::of(noon);
        let last = civil.checked_add(jiff::Span::new().days(i64::from(days))).unwrap();
        let ends = TimeZone::UTC.to_timestamp(last.at(23, 59, 59, 999_999_999)).unwrap().as_microsecond();
        assert!(!is_due(ends, day, &one(days)), "{civil}");
        assert!(is_due(ends + 1, day, &one(days)), "{civil}");
    }
}

proptest! {
    #[test]
    fn never_early_and_never_late(opened in 0..4_000 * DAY, age in 0..1_200 * DAY, days in 1u16..1096) {
        let due = is_due(opened + age, Day::of(opened), &one(days));
        prop_assert_eq!(due, Day::of(opened + age) > Day::of(opened).after(i64::from(days)));
        if age < i64::from(days) * DAY {
            prop_assert!(!due, "purged early");
        }
        if age >= (i64::from(days) + 1) * DAY {
            prop_assert!(due, "kept too long");
        }
    }

    #[test]
    fn no_day_outlives_the_shortest_term_announced_while_it_was_there(
        opened in 0..2_000 * DAY,
        age in 0..1_200 * DAY,
        terms in proptest::collection::vec((0..3_000 * DAY, 1u16..1096), 1..8),
    ) {
        let mut terms: Vec<Term> = terms.into_iter().map(|(from, days)| Term { from, days }).collect();
        terms.sort_by_key(|term| term.from);
        let now = opened + age;
        // Asked at every instant of its life, one after the other: once due, it stays due.
        let begins = Day::of(opened).begins();
        let shortest = (0..terms.len())
            .filter(|place| terms[*place].from <= now && terms.get(place + 1).is_none_or(|next| next.from > begins))
            .map(|place| terms[place].days)
            .min();
        let expected = shortest.into_iter().chain((terms[0].from > begins).then_some(terms[0].days)).min();
        prop_assert_eq!(term(now, begins, &terms), expected);
        if is_due(now, Day::of(opened), &terms) {
            prop_assert!(is_due(now + DAY, Day::of(opened), &terms), "due, and then not");
        }
    }
}

/// A register with files of these days, each with its key.
fn register(days: &[&str]) -> (tempfile::TempDir, PathBuf, Keys) {
    let dir = tempfile::tempdir().unwrap();
    let register = dir.path().join("register");
    std::fs::create_dir(&register).unwrap();
    let keys = Keys::open(&dir.path().join("keys"), &register).unwrap();
    for day in days {
        keys.make_day(Day::parse(day).unwrap()).unwrap();
        for end in ["sqlite", "sqlite-wal", "sqlite-shm", "sealing"] {
            std::fs::write(register.join(format!("{day}.{end}")), "marker").unwrap();
        }
    }
    announce(&register, &keys, 1).unwrap();
    (dir, register, keys)
}

#[test]
fn what_is_due_goes_with_its_key_and_all_that_is_beside_it_and_is_attested() {
    let (dir, register, keys) = register(&["2026-11-20", "2026-11-22"]);
    let certificate = Certificate { organisation: "PME".into(), node: "gate".into(), ..Certificate::default() };
    let purged = purge(&register, &keys, TODAY, &kept(), certificate.clone()).unwrap().unwrap();
    let day = &purged.certificate.days[0];
    assert_eq!((day.day.as_str(), day.term_days, day.kept_until.as_str()), ("2026-11-20", 1, "2026-11-21"));
    assert_eq!(purged.late, Vec::<String>::new());
    let left: Vec<String> =
        std::fs::read_dir(&register).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert!(left.iter().all(|name| !name.contains("2026-11-20")), "{left:?}");
    assert!(left.contains(&"2026-11-22.sqlite".to_owned()));
    let keys_left: Vec<String> = keys.all().unwrap().iter().map(|(day, _)| day.to_string()).collect();
    assert_eq!(keys_left, ["2026-11-22"]);
    assert_eq!(purge(&register, &keys, TODAY, &kept(), certificate.clone()).unwrap(), None);
    // The next certificate names the one before.
    purge(&register, &keys, TODAY + 5 * DAY, &kept(), certificate).unwrap().unwrap();
    let text = chain::text(&certificates_file(&register)).unwrap();
    assert_eq!(chain::check(&text, CERTIFICATE, &keys.public()), Ok(2));
    assert!(text.contains("\"organisation\":\"PME\""));
    drop(dir);
}

#[test]
fn a_day_that_is_erased_days_late_is_an_incident() {
    let (_dir, register, keys) = register(&["2026-11-10", "2026-11-20"]);
    let purged = purge(&register, &keys, TODAY, &kept(), Certificate::default()).unwrap().unwrap();
    assert_eq!(purged.late, ["2026-11-10"]);
}

#[test]
fn a_day_is_late_from_its_term_or_from_when_a_shorter_one_was_announced() {
    let at = |day: i64| TODAY + day * DAY;
    let terms = [Term { from: at(0), days: 365 }, Term { from: at(200) + 1, days: 30 }];
    let since = |day: i64| due_since(at(400), Day::of(at(day)), &terms);
    assert_eq!(since(10), Some(Day::of(at(200))), "told of today");
    assert_eq!(since(180), Some(Day::of(at(211))), "not due yet when it was announced");
    assert_eq!(due_since(at(400), Day::of(at(-300)), &terms[..1]), Some(Day::of(at(66))));
}

#[test]
fn a_clock_that_jumped_years_ahead_erases_nothing() {
    let (_dir, register, keys) = register(&["2026-11-20", "2026-11-22"]);
    let adrift = ClockState { synchronised: false, ..kept() };
    let far = TODAY + 3_650 * DAY;
    let error = purge(&register, &keys, far, &adrift, Certificate::default()).unwrap_err().to_string();
    assert!(error.contains("nothing is erased") && error.contains("2026-11-22"), "{error}");
    assert!(register.join("2026-11-20.sqlite").exists());
    // Kept by a reference, or borne out by the days before, it is believed.
    assert!(purge(&register, &keys, TODAY, &adrift, Certificate::default()).unwrap().is_some());
    assert!(purge(&register, &keys, far, &kept(), Certificate::default()).unwrap().is_some());
}

#[test]
fn what_cannot_be_deleted_is_named() {
    let (_dir, register, keys) = register(&[]);
    std::fs::create_dir(register.join("2026-01-01.sqlite")).unwrap();
    let error = purge(&register, &keys, TODAY, &kept(), Certificate::default()).unwrap_err();
    assert!(error.to_string().contains("2026-01-01.sqlite"), "{error}");
    let other = tempfile::tempdir().unwrap();
    let none = register.join("none");
    let keys = Keys::open(&other.path().join("keys"), &none).unwrap();
    assert_eq!(purge(&none, &keys, TODAY, &kept(), Certificate::default()).unwrap(), None);
}

#[test]
fn a_term_is_announced_when_it_changes() {
    let (_dir, register, keys) = register(&[]);
    for days in [1, 1, 365, 365, 30] {
        announce(&register, &keys, days).unwrap();
    }
    assert_eq!(
        terms(&register, &keys.public()).unwrap().iter().map(|term| term.days).collect::<Vec<_>>(),
        [1, 365, 30]
    );
}

#[test]
fn nothing_is_erased_on_the_word_of_terms_that_somebody_touched() {
    let (_dir, register, keys) = register(&["2026-11-20", "2026-11-22"]);
    let file = terms_file(&register);
    let honest = std::fs::read_to_string(&file).unwrap();
    let forged = "{\"entry\":{\"kind\":\"term\",\"number\":1,\"previous\":\"\",\"key\":\"\",\"from\":1,\"days\":1},\"signature\":\"\"}";
    for touched in [format!("{forged}\n{honest}"), format!("{honest}{forged}\r\n"), String::new()] {
        std::fs::write(&file, touched).unwrap();
        let error =
            purge(&register, &keys, TODAY + 900 * DAY, &kept(), Certificate::default()).unwrap_err().to_string();
        assert!(error.starts_with("nothing is erased: ") && error.contains("terms.jsonl"), "{error}");
        assert_eq!(keys.all().unwrap().len(), 2);
    }
    // Who can write the register alone has no purge taken up that nobody began.
    std::fs::write(&file, honest).unwrap();
    std::fs::write(register.join("purging.json"), "{\"days\":[{\"day\":\"2026-11-22\"}]}").unwrap();
    assert_eq!(take_up(&register, &keys).0, None);
    assert_eq!(keys.all().unwrap().len(), 2);
}

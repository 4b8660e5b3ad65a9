//! Budgets, tags and their file, by clocks that are told.

use super::*;
use jiff::tz::TimeZone;
use logstore::Auth;
use policy::{Amount, Per};
use std::num::NonZeroU64;

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn minutes(count: u64) -> Budget {
    Budget { amount: Amount::Minutes(NonZeroU64::new(count).expect("some")), per: Per::Day }
}

fn meter<'a>(terms: &'a Terms, who: &str, budget: Budget) -> Meter<'a> {
    let person = match who.parse() {
        Ok(address) => Person::Address(address),
        Err(_) => Person::Account(who.into()),
    };
    let tag = terms.secret.tag("budget", &person, &["video"]);
    Meter::new(terms, tag, budget, TimeZone::get("Europe/Paris").expect("a zone"))
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn a_minute_counts_once_and_the_last_is_served_to_its_end() {
    let dir = folder();
    let terms = Terms::open(dir.path()).expect("opened");
    let video = meter(&terms, "a.martin", minutes(2));
    assert!(video.begins(at("2026-11-25T10:00:00Z")));
    assert!(video.begins(at("2026-11-25T10:00:59Z")));
    assert_eq!(video.usage(at("2026-11-25T10:01:00Z")).used, 1);
    assert!(video.begins(at("2026-11-25T15:30:01Z")), "an hour without a visit costs nothing");
    assert!(video.begins(at("2026-11-25T15:30:59Z")));
    assert!(!video.begins(at("2026-11-25T15:31:00Z")));
    assert_eq!(video.usage(at("2026-11-25T15:31:00Z")), Usage { used: 2, until: at("2026-11-25T23:00:00Z") });
    // Another person's is another's, at whatever address; the same account in other letters is the same.
    assert!(meter(&terms, "p.dupont", minutes(2)).begins(at("2026-11-25T15:31:00Z")));
    assert!(meter(&terms, "10.0.0.7", minutes(2)).begins(at("2026-11-25T15:31:00Z")));
    assert!(!meter(&terms, "A.MARTIN", minutes(2)).begins(at("2026-11-25T15:31:00Z")));
    // A reload that gives more gives the difference.
    assert!(meter(&terms, "a.martin", minutes(3)).begins(at("2026-11-25T15:31:00Z")));
    assert!(!meter(&terms, "a.martin", minutes(3)).begins(at("2026-11-25T15:32:00Z")));
}

#[test]
fn midnight_gives_anew_and_a_clock_set_back_does_not() {
    let dir = folder();
    let terms = Terms::open(dir.path()).expect("opened");
    let video = meter(&terms, "a.martin", minutes(1));
    assert!(video.begins(at("2026-11-25T22:58:00Z")));
    assert!(!video.begins(at("2026-11-25T22:59:59Z")), "a minute before midnight in Paris");
    assert!(!video.begins(at("2026-11-24T12:00:00Z")), "the clock is set back by a day");
    assert!(video.begins(at("2026-11-25T23:00:00Z")), "midnight");
    assert!(!video.begins(at("2026-11-25T23:01:00Z")));
    assert!(!video.begins(at("2026-11-25T22:00:00Z")), "the clock is set back over midnight");
    // The night of 25 hours.
    assert!(video.begins(at("2026-10-24T22:00:00Z").max(at("2027-10-30T22:00:00Z"))));
    assert_eq!(video.usage(at("2027-10-31T02:00:00Z")).until, at("2027-10-31T23:00:00Z"));
}

#[test]
fn bytes_count_until_there_is_none_left() {
    let dir = folder();
    let terms = Terms::open(dir.path()).expect("opened");
    let budget = Budget { amount: Amount::Bytes(NonZeroU64::new(1_000_000).expect("some")), per: Per::Week };
    let video = meter(&terms, "a.martin", budget);
    assert!(video.begins(Timestamp::now()), "to ask moves nothing");
    assert_eq!(video.moves(999_990), 999_990);
    assert!(video.begins(Timestamp::now()));
    assert_eq!(video.moves(64 * 1024), 10, "to the last byte");
    assert_eq!(video.moves(1), 0);
    assert!(!video.begins(Timestamp::now()));
}

#[test]
fn a_restart_gives_nothing_anew_and_what_is_over_is_gone_law_4() {
    let dir = folder();
    let (now, path) = (at("2026-11-25T10:00:00Z"), dir.path().join("terms.json"));
    let terms = Terms::open(dir.path()).expect("opened");
    assert!(meter(&terms, "a.martin", minutes(1)).begins(now));
    terms.write(now);
    let text = std::fs::read_to_string(&path).expect("written");
    assert!(!text.contains("martin") && !text.contains("video"), "{text}");
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&path.metadata().expect("there").permissions()) & 0o777, 0o600);
    let again = Terms::open(dir.path()).expect("opened");
    assert_eq!(*again.kept(), Kept { changed: false, ..file::read(&path).expect("read") });
    assert!(!meter(&again, "a.martin", minutes(1)).begins(at("2026-11-25T10:01:00Z")));
    again.write(at("2026-11-25T23:00:00Z"));
    assert_eq!(file::read(&path).expect("read"), Kept::default(), "the next day it is deleted");
}

#[test]
fn a_damaged_file_is_said_and_not_passed_over() {
    let dir = folder();
    for text in
        ["{", "{\"acknowledged\": {\"x\": 1}, \"spent\": {}}", "{\"acknowledged\": {}, \"spent\": {}, \"more\": 1}"]
    {
        std::fs::write(dir.path().join("terms.json"), text).expect("written");
        let why = Terms::open(dir.path()).err().expect("refused");
        assert!(why.contains("terms.json") && why.contains("Remove it"), "{why}");
    }
    std::fs::write(dir.path().join("terms.json"), "{\"acknowledged\": {}, \"spent\": {}}").expect("written");
    std::fs::write(dir.path().join("terms.key"), "short").expect("written");
    assert!(Terms::open(dir.path()).err().expect("refused").contains("terms.key"));
}

#[test]
fn tags_tell_persons_and_warnings_apart() {
    let secret = Secret::of(&[1; 32]);
    let client = |user: Option<&str>, address: &str| Client {
        user: user.map(Into::into),
        auth: Auth::Basic,
        address: address.parse().expect("an address"),
        groups: crate::identify::Groups::default(),
    };
    let tag = |client: &Client, what: &[&str]| secret.tag("warning", &Person::of(client), what);
    let (martin, dupont) = (client(Some("a.martin"), "10.0.0.7"), client(Some("p.dupont"), "10.0.0.7"));
    assert_ne!(tag(&martin, &["r"]), tag(&dupont, &["r"]));
    assert_eq!(tag(&martin, &["r"]), tag(&client(Some("A.Martin"), "10.0.0.8"), &["r"]));
    assert_ne!(tag(&client(None, "10.0.0.7"), &["r"]), tag(&client(None, "10.0.0.8"), &["r"]));
    assert_ne!(tag(&client(None, "10.0.0.7"), &["r"]), tag(&client(Some("10.0.0.7"), "10.0.0.7"), &["r"]));
    assert_ne!(tag(&martin, &["ab", "c"]), tag(&martin, &["a", "bc"]));
    assert_ne!(secret.tag("budget", &Person::of(&martin), &["r"]), tag(&martin, &["r"]));
}

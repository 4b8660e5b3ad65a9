//! Exchanges told one by one, decided anew.

use super::*;
use jiff::tz::TimeZone;
use policy::{Charter, Index, Source};

const LABEL: &str = "label = { fr = \"a\", en = \"a\" }";

fn draft(rules: &str) -> InForce {
    let text = format!(
        "[categories.jeux]\n{LABEL}\ndomains = [\"jeux.example\"]\nurls = [\"mixed.example/jeux\"]\n\
         [schedules.noon]\nhours = [\"12:00-14:00\"]\n{rules}"
    );
    let source = Source { name: "draft.toml".to_owned(), text };
    let (charter, _) = Charter::parse(source, &TimeZone::UTC).unwrap_or_else(|bad| panic!("{}", bad.render(false)));
    InForce::new(charter, Index::empty())
}

const JEUX: &str = "[[rule]]\nid = \"jeux\"\naction = \"block\"\ncategories = [\"jeux\"]\n";

/// One exchange of somebody, let through by no rule.
#[derive(Clone)]
struct One<'a>([Option<&'a str>; 12]);

fn one(user: &'static str, host: &'static str) -> One<'static> {
    let some = Some;
    One([
        some(user),
        some("10.0.0.1"),
        some("CONNECT"),
        some("https"),
        some(host),
        some("443"),
        None,
        None,
        None,
        some("allow"),
        None,
        None,
    ])
}

impl<'a> One<'a> {
    fn with(mut self, field: usize, value: &'a str) -> One<'a> {
        self.0[field] = Some(value);
        self
    }
}

fn take(replay: &mut Replay<'_>, at: &str, one: &One<'_>, exchanges: u64) {
    let opened_at = at.parse::<Timestamp>().expect("an instant").as_microsecond();
    let numbers: Vec<u32> = one.0.iter().enumerate().map(|(field, value)| replay.number(field, *value)).collect();
    let class = replay.class(opened_at).expect("a class");
    replay.count(&Alike { numbers: &numbers, class, opened_at, exchanges, bytes_sent: 0, bytes_received: 0 });
}

const NOON: &str = "2026-11-23T12:30:00Z";
const USERS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

fn of_host(replayed: &Replayed) -> Vec<(Option<&str>, u64, u64)> {
    replayed.hosts.iter().map(|row| (row.host.as_deref(), row.hosts, row.share.exchanges)).collect()
}

#[test]
fn every_exchange_is_decided_anew_and_counted_once() {
    let draft = draft(JEUX);
    let mut replay = Replay::begin(&draft, false);
    for user in USERS {
        take(&mut replay, NOON, &one(user, "jeux.example"), 10);
        take(&mut replay, NOON, &one(user, "a.example"), 100);
        let refused = one(user, "other.example").with(ACTION, "block").with(RULE, "old").with(CATEGORY, "old");
        take(&mut replay, NOON, &refused, 3);
        take(&mut replay, NOON, &one(user, "jeux.example").with(ACTION, "block").with(RULE, "old"), 2);
        take(&mut replay, NOON, &one(user, "jeux.example").with(ACTION, "block").with(RULE, "jeux"), 1);
        // The gate refuses by itself, whatever a charter says.
        take(&mut replay, NOON, &one(user, "a.example").with(ACTION, "block").with(RULE, "gate:port"), 1);
        take(&mut replay, NOON, &one(user, "a.example").with(MASKED, "category"), 5);
    }
    // Under the second name it is refused.
    take(&mut replay, NOON, &one("a", "a.example").with(TLS_NAME, "www.jeux.example"), 1);
    let plain = |host: &'static str| one("a", host).with(METHOD, "GET").with(SCHEME, "http").with(PORT, "80");
    take(&mut replay, NOON, &plain("mixed.example"), 7);
    take(&mut replay, NOON, &plain("mixed.example").with(PATH, "/jeux/1?x"), 2);
    take(&mut replay, NOON, &plain("a.example"), 4);
    let replayed = replay.end();
    assert_eq!(replayed.exchanges, 6 * 122 + 14);
    let all = Some(6);
    assert_eq!((replayed.same.exchanges, replayed.same.persons), (6 * 102 + 4, all));
    assert_eq!((replayed.newly_blocked.exchanges, replayed.newly_blocked.persons), (63, all));
    assert_eq!((replayed.newly_allowed.exchanges, replayed.newly_allowed.persons), (18, all));
    assert_eq!((replayed.other_rule.exchanges, replayed.other_rule.persons), (12, all));
    let untold = replayed.cannot_be_told;
    assert_eq!((untold.masked, untold.path, untold.few, untold.unreadable), (30, 7, 0, 0));
    assert_eq!(replayed.told(), replayed.exchanges - 37);
    let rules: Vec<_> = replayed.rules.iter().map(|row| (row.before.as_deref(), row.after.as_deref())).collect();
    assert_eq!(rules, [(None, Some("jeux")), (Some("old"), None), (Some("old"), Some("jeux"))]);
    let categories: Vec<_> = replayed.categories.iter().map(|row| row.category.as_deref()).collect();
    assert_eq!(categories, [Some("jeux"), Some("old"), Some("jeux")]);
    // What one person alone asked for is in no row of its own, nor is the host whose row would give it away.
    assert_eq!(of_host(&replayed), [(None, 3, 63), (Some("other.example"), 1, 18), (Some("jeux.example"), 1, 12)]);
}

#[test]
fn hosts_that_few_asked_for_stand_together() {
    let draft = draft("[[rule]]\nid = \"all\"\naction = \"block\"\n");
    let mut replay = Replay::begin(&draft, false);
    for user in USERS {
        take(&mut replay, NOON, &one(user, "big.example"), 10);
        take(&mut replay, NOON, &one(user, "mid.example"), 5);
    }
    for user in &USERS[..3] {
        take(&mut replay, NOON, &one(user, "rare.example"), 1);
    }
    assert_eq!(of_host(&replay.end()), [(Some("big.example"), 1, 60), (None, 2, 33)]);
}

#[test]
fn a_rule_for_one_person_does_not_tell_what_that_person_asked_for() {
    let rule = "[[rule]]\nid = \"trap\"\naction = \"block\"\nusers = [\"a\"]\ndomains = [\"a.example\"]\n";
    let draft = draft(rule);
    let mut replay = Replay::begin(&draft, false);
    for user in USERS {
        take(&mut replay, NOON, &one(user, "a.example"), 9);
    }
    let replayed = replay.end();
    assert_eq!((replayed.newly_blocked.exchanges, replayed.cannot_be_told.few), (0, 9));
    assert!(replayed.rules.is_empty() && replayed.hosts.is_empty() && replayed.categories.is_empty());
}

#[test]
fn the_hour_decides_as_it_would_have_then() {
    let draft = draft("[[rule]]\nid = \"noon\"\naction = \"block\"\nschedules = [\"noon\"]\n");
    let mut replay = Replay::begin(&draft, false);
    for at in ["2026-11-23T11:59:59Z", NOON, "2026-11-23T13:59:59Z", "2026-11-23T14:00:00Z"] {
        take(&mut replay, at, &one("a", "a.example"), 1);
    }
    let replayed = replay.end();
    assert_eq!((replayed.same.exchanges, replayed.newly_blocked.exchanges), (2, 2));
    assert_eq!(replayed.newly_blocked.persons, None, "one person is not counted");
}

//! Exchanges told one by one, decided anew.

use super::*;
use jiff::tz::TimeZone;
use policy::{Charter, Index, Source};
use proptest::prelude::*;

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

fn period() -> Calendar {
    let at = |text: &str| text.parse::<Timestamp>().expect("an instant").as_microsecond();
    Calendar { days: vec![(at("2026-11-23T00:00:00Z"), "2026-11-23".into())], end: at("2026-11-24T00:00:00Z") }
}

fn end(mut replay: Replay<'_>) -> Replayed {
    replay.settle(&period());
    replay.end()
}

fn of_host(replayed: &Replayed) -> Vec<(Option<&str>, u64)> {
    replayed.hosts.iter().map(|row| (row.host.as_deref(), row.exchanges)).collect()
}

#[test]
fn every_exchange_is_decided_anew_and_counted_once() {
    let draft = draft(JEUX);
    let mut replay = Replay::begin(&draft, false);
    let plain = |user, host: &'static str| one(user, host).with(METHOD, "GET").with(SCHEME, "http").with(PORT, "80");
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
        // Under the second name it is refused.
        take(&mut replay, NOON, &one(user, "a.example").with(TLS_NAME, "www.jeux.example"), 1);
        take(&mut replay, NOON, &plain(user, "mixed.example"), 7);
        take(&mut replay, NOON, &plain(user, "mixed.example").with(PATH, "/jeux/1?x"), 2);
        take(&mut replay, NOON, &plain(user, "a.example"), 4);
    }
    let replayed = end(replay);
    assert_eq!(replayed.exchanges, 6 * 136);
    assert_eq!((replayed.same, replayed.newly_blocked), (6 * 106, 6 * 13));
    assert_eq!((replayed.newly_allowed, replayed.other_rule), (6 * 3, 6 * 2));
    let untold = replayed.cannot_be_told;
    assert_eq!((untold.masked, untold.path, untold.few, untold.hour, untold.unreadable), (30, 42, 0, 0, 0));
    assert_eq!(replayed.told(), replayed.exchanges - 72);
    let rules: Vec<_> = replayed.rules.iter().map(|row| (row.before.as_deref(), row.after.as_deref())).collect();
    assert_eq!(rules, [(None, Some("jeux")), (Some("old"), None), (Some("old"), Some("jeux"))]);
    let categories: Vec<_> = replayed.categories.iter().map(|row| row.category.as_deref()).collect();
    assert_eq!(categories, [Some("jeux"), Some("old"), Some("jeux")]);
    let hosts =
        [("jeux.example", 60), ("mixed.example", 12), ("a.example", 6), ("other.example", 18), ("jeux.example", 12)];
    assert_eq!(of_host(&replayed), hosts.map(|(host, exchanges)| (Some(host), exchanges)));
}

#[test]
fn what_few_asked_for_is_decided_by_no_draft() {
    let ask = |rules: &str| {
        let draft = draft(rules);
        let mut replay = Replay::begin(&draft, false);
        for user in USERS {
            take(&mut replay, NOON, &one(user, "big.example"), 10);
            take(&mut replay, NOON, &one(user, "mid.example"), 5);
        }
        for user in &USERS[..3] {
            take(&mut replay, NOON, &one(user, "rare.example"), 1);
        }
        end(replay)
    };
    let all = ask("[[rule]]\nid = \"all\"\naction = \"block\"\n");
    // The smallest of those that are many goes with it, whatever the draft says.
    assert_eq!((of_host(&all), all.cannot_be_told.few), (vec![(Some("big.example"), 60)], 33));
    for domains in ["rare.example", "mid.example", "rare.example\", \"mid.example"] {
        let one = ask(&format!("[[rule]]\nid = \"r\"\naction = \"block\"\ndomains = [\"{domains}\"]\n"));
        assert_eq!((one.newly_blocked, one.same, one.cannot_be_told), (0, 60, all.cannot_be_told));
        assert!(one.rules.is_empty() && one.hosts.is_empty() && one.categories.is_empty());
    }
}

#[test]
fn a_rule_for_some_people_finds_nobody() {
    let ask = |who: &str| {
        let rule = "[[rule]]\nid = \"trap\"\naction = \"block\"\ndomains = [\"a.example\"]\n";
        let draft = draft(&format!("[groups.direction]\nusers = [\"a\", \"b\"]\n{rule}{who}\n"));
        let mut replay = Replay::begin(&draft, false);
        for user in USERS {
            take(&mut replay, NOON, &one(user, "a.example"), 9);
        }
        end(replay)
    };
    for who in [
        "users = [\"a\"]",
        "users = [\"a\", \"b\", \"c\", \"d\", \"e\"]",
        "groups = [\"direction\"]",
        "networks = [\"10.0.0.1/32\"]",
    ] {
        let replayed = ask(who);
        assert_eq!((replayed.same, replayed.newly_blocked, replayed.cannot_be_told.few), (54, 0, 0), "{who}");
    }
    // Nobody is taken out of a rule either: that would be the same by subtraction.
    for who in ["", "except_users = [\"a\"]", "except_groups = [\"direction\"]"] {
        assert_eq!(ask(who).newly_blocked, 54, "{who}");
    }
}

#[test]
fn the_hour_decides_as_it_would_have_then() {
    let draft = draft("[[rule]]\nid = \"noon\"\naction = \"block\"\nschedules = [\"noon\"]\n");
    let mut replay = Replay::begin(&draft, false);
    for at in ["2026-11-23T11:59:59Z", NOON, "2026-11-23T13:59:59Z", "2026-11-23T14:00:00Z"] {
        USERS.iter().for_each(|user| take(&mut replay, at, &one(user, "a.example"), 1));
    }
    let replayed = end(replay);
    assert_eq!((replayed.same, replayed.newly_blocked), (12, 12));
}

#[test]
fn an_hour_of_few_people_tells_nothing() {
    let ask = |rules: &str| {
        let draft = draft(rules);
        let mut replay = Replay::begin(&draft, false);
        for user in USERS {
            take(&mut replay, "2026-11-23T09:00:00Z", &one(user, "a.example"), 10);
            take(&mut replay, "2026-11-23T16:00:00Z", &one(user, "a.example"), 5);
        }
        take(&mut replay, NOON, &one("a", "a.example"), 3);
        end(replay)
    };
    let at_noon = ask("[[rule]]\nid = \"noon\"\naction = \"block\"\nschedules = [\"noon\"]\n");
    // With them goes the smallest of the other half hours.
    assert_eq!((at_noon.newly_blocked, at_noon.same, at_noon.cannot_be_told.hour), (0, 60, 33));
    let always = ask("[[rule]]\nid = \"always\"\naction = \"block\"\n");
    assert_eq!(
        (always.newly_blocked, always.cannot_be_told.hour),
        (93, 0),
        "where the hour does not decide, all is told"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Somebody writes drafts and subtracts: for every host, for some hours, for some people, and for two hosts at once.
    #[test]
    fn no_difference_of_two_drafts_is_about_few(
        asked in proptest::collection::btree_set((0..7_usize, 0..3_usize, 0..3_usize, any::<bool>()), 1..40),
    ) {
        const PEOPLE: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];
        const HOSTS: [&str; 3] = ["a.example", "b.example", "c.example"];
        const HOURS: [&str; 3] = ["2026-11-23T09:00:00Z", NOON, "2026-11-23T12:40:00Z"];
        let asked: Vec<_> = asked.into_iter().collect();
        let people = |bits: u64| {
            let of = asked.iter().enumerate().filter(|(place, _)| bits & 1 << place != 0);
            of.map(|(_, one)| one.0).collect::<HashSet<_>>().len()
        };
        let mut figures = vec![0];
        for domains in ["a.example", "b.example", "c.example", "a.example\", \"b.example"] {
            for more in ["", "schedules = [\"noon\"]\n", "users = [\"a\"]\n", "except_users = [\"b\"]\n"] {
                let draft = draft(&format!("[[rule]]\nid = \"r\"\naction = \"block\"\ndomains = [\"{domains}\"]\n{more}"));
                let mut replay = Replay::begin(&draft, false);
                for (place, (user, host, hour, blocked)) in asked.iter().enumerate() {
                    let visit = one(PEOPLE[*user], HOSTS[*host]);
                    let visit = if *blocked { visit.with(ACTION, "block").with(RULE, "old") } else { visit };
                    take(&mut replay, HOURS[*hour], &visit, 1 << place);
                }
                let said = end(replay);
                let untold = said.cannot_be_told;
                figures.extend([said.exchanges, said.same, said.newly_blocked, said.newly_allowed, said.other_rule]);
                figures.extend([untold.few, untold.hour, untold.path, untold.masked, untold.unreadable]);
                figures.extend(said.hosts.iter().map(|row| row.exchanges));
                figures.extend(said.rules.iter().map(|row| row.exchanges));
                figures.extend(said.categories.iter().map(|row| row.exchanges));
            }
        }
        for one in &figures {
            for other in &figures {
                let left = one & !other;
                let behind = people(left);
                prop_assert!(left == 0 || behind >= logstore::stats::THRESHOLD, "{} people are behind {:b}", behind, left);
            }
        }
    }
}

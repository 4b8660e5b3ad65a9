//! Legal holds (`law.md` 5): what can be held and by whom, what is kept when its day goes, what is destroyed afterwards.
use crate::commands::commands_of;
use crate::imports::{bring, line};
use crate::requests::today;
use crate::scopes::{by, desk_of, done, hosts, no, said};
use harness::{Gate, LIMIT, Setup, wait};
use jiff::ToSpan;
use jiff::civil::{Date, date};
use serde_json::Value;
use std::fs;

/// A day, so many before today, or after.
fn day(from_today: i64) -> String {
    today().saturating_add(from_today.days()).to_string()
}

/// Adds a hold for an incident: these options, dates of review and end as they are good.
fn adding<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["hold", "add", "--reason", "an intrusion found late"], more].concat()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("not JSON: {error}\n{text}"))
}

/// A gate with records of j.petit's and of others, some of them past a term of 150 days.
fn old() -> Gate {
    let gate = Setup::new().config("[log]\nretention_days = 365").prepare();
    let of = |user: &str, ago: u64, host: &str| line(ago, host, "/").replace("a.martin", user);
    let log = [
        of("j.petit", 200, "old.test"),
        of("user7", 200, "other.test"),
        of("J.Petit", 199, "later.test"),
        of("j.petit", 4, "new.test"),
        of("user7", 3, "new.test"),
        of("user7", 2, "new.test"),
        of("user7", 1, "new.test"),
    ];
    bring(&gate, &log.concat());
    gate
}

/// Announces a term that the oldest records are past of, and erases what is due.
fn purge(gate: &Gate) -> Value {
    let text = fs::read_to_string(gate.path("octroi.toml")).expect("it is ours");
    gate.write("octroi.toml", text.replace("retention_days = 365", "retention_days = 150"));
    json(&gate.say(&["log", "purge", "--json"]))
}

#[test]
fn what_is_held_outlives_its_day_and_nobody_elses_line_with_it_law_5() {
    let gate = old();
    let (from, to, review, until) = (day(-210), day(-190), day(90), day(200));
    let scope = ["--user", "j.petit", "--from", &from, "--to", &to, "--review", &review, "--until", &until];
    let added = gate.octroi(&adding(&[&["--ground", "incident", "--incident", "2026-12"], &scope[..]].concat()));
    let told = said(&added);
    assert!(added.status.success() && told.contains("this holds 2 records of 1 person, 0 masked"), "{told}");
    assert!(told.contains("one person acts alone"), "{told}");
    // Restricted from ordinary searches, as long as the days are there.
    let open = ["log", "search", "--json", "--purpose", "security", "--reason", "incident 12"];
    let searched = gate.octroi(&[&open[..], &["--to", &to]].concat());
    assert_eq!(hosts(&String::from_utf8_lossy(&searched.stdout)), ["other.test"]);
    assert!(said(&searched).contains("2 records are held, and not shown"), "{}", said(&searched));
    let records = ["hold", "records", "1", "--reason", "report to the insurer", "--json"];
    assert_eq!(hosts(&gate.say(&records)), ["later.test", "old.test"]);

    let certificate = purge(&gate)["certificate"].clone();
    assert_eq!((&certificate["holds"], &certificate["hold_numbers"]), (&1.into(), &json("[1]")), "{certificate}");
    assert!(!certificate.to_string().contains("petit"), "no names: {certificate}");
    assert_eq!(certificate["days"].as_array().map(Vec::len), Some(2));
    // The days are gone, with the others' lines.
    let left = gate.octroi(&[&open[..], &["--to", &to]].concat());
    assert_eq!(left.status.code(), Some(1), "{}", said(&left));
    assert_eq!(hosts(&gate.say(&records)), ["later.test", "old.test"]);
    let verified = json(&gate.say(&["log", "verify", "--json"]));
    assert_eq!(
        (&verified["held_records"], verified["findings"].as_array().map(Vec::len)),
        (&2.into(), Some(0)),
        "{verified}"
    );

    // Released: destroyed at once, and attested.
    let released = gate.octroi(&["hold", "release", "1", "--reason", "the insurer has answered"]);
    assert!(said(&released).contains("2 records of 2 days destroyed"), "{}", said(&released));
    let hash = String::from_utf8_lossy(&released.stdout).trim().to_owned();
    let attested = json(&gate.say(&["log", "certificates", "--json"]));
    let last = attested.as_array().expect("a list").last().expect("some").clone();
    assert_eq!((&last["hash"], &last["certificate"]["released"]["records"]), (&hash.into(), &2.into()), "{last}");
    assert!(!gate.path("data/register/holds").exists());
    assert_eq!(gate.octroi(&records).status.code(), Some(1));
    assert!(gate.say(&["hold", "show", "1"]).contains("2 records, certificate"));
    gate.say(&["log", "verify"]);
    let trail = gate.say(&["audit", "--act", "hold"]);
    assert_eq!(trail.lines().count(), 6, "added, read twice, released, destroyed: {trail}");
}

#[test]
fn a_running_gate_takes_out_what_is_held_and_says_what_must_not_be_forgotten_law_5() {
    let mut gate = old();
    let (from, to, review, until) = (day(-210), day(-190), day(90), day(10));
    let scope = ["--host", "old.test", "--from", &from, "--to", &to, "--until", &until];
    let ground = ["--ground", "litigation", "--claim", "prud’hommes de Lyon, RG 26/0012"];
    let refused = gate.octroi(&adding(&[&ground[..], &scope[..], &["--review", &review]].concat()));
    assert!(said(&refused).contains("before the hold ends"), "{}", said(&refused));
    let soon = day(5);
    gate.say(&adding(&[&ground[..], &scope[..], &["--review", &soon]].concat()));
    gate.start();
    wait::until("the end that is near", LIMIT, || gate.printed().contains("hold 1 ends on").then_some(()));
    assert!(gate.say(&["status"]).contains("hold 1 ends on"));
    let text = fs::read_to_string(gate.path("octroi.toml")).expect("it is ours");
    gate.write("octroi.toml", text.replace("retention_days = 365", "retention_days = 150"));
    gate.say(&["reload"]);
    let certificate = json(&gate.say(&["log", "purge", "--json"]))["certificate"].clone();
    assert_eq!(certificate["hold_numbers"], json("[1]"), "{certificate}");
    assert_eq!(hosts(&gate.say(&["hold", "records", "1", "--reason", "pleadings", "--json"])), ["old.test"]);
    gate.say(&["hold", "release", "1", "--reason", "settled out of court"]);
    gate.say(&["log", "verify"]);
}

#[test]
fn everything_or_just_in_case_is_no_hold_law_5() {
    let gate = old();
    let (from, to, review, until) = (day(-210), day(-190), day(90), day(200));
    let good = [
        "--ground",
        "incident",
        "--incident",
        "2026-12",
        "--from",
        &from,
        "--to",
        &to,
        "--review",
        &review,
        "--until",
        &until,
    ];
    let with = |more: &[&str]| gate.octroi(&adding(&[&good[..], more].concat()));
    let without = |name: &str, more: &[&str]| {
        let kept = good.chunks(2).filter(|pair| pair[0] != name).flatten().copied().collect::<Vec<_>>();
        gate.octroi(&adding(&[&kept[..], &["--user", "j.petit"], more].concat()))
    };
    let late = (day(366 + 5), day(190));
    for (why, refused) in [
        ("nobody and nothing", with(&[])),
        ("everybody", with(&["--client", "0.0.0.0/0"])),
        ("everybody", with(&["--client", "::/0"])),
        ("everything", with(&["--host", "*"])),
        ("a name of nothing", with(&["--user", "  "])),
        ("a right-to-left mark", with(&["--user", "j.\u{202e}petit"])),
        ("300 characters", with(&["--user", &"x".repeat(300)])),
        ("no ground", without("--ground", &[])),
        ("another ground", without("--ground", &["--ground", "precaution"])),
        ("no number", without("--incident", &[])),
        ("just in case", without("--incident", &["--incident", "just in case"])),
        ("no beginning", without("--from", &[])),
        ("no end", without("--to", &[])),
        ("dates reversed", without("--to", &["--to", &day(-300)])),
        ("no date", without("--to", &["--to", "everything"])),
        ("no review", without("--review", &[])),
        ("a review too late", without("--review", &["--review", &late.1])),
        ("an end too late", without("--until", &["--until", &late.0])),
        ("over already", without("--until", &["--until", &day(-1)])),
        ("a period beyond the end", without("--to", &["--to", &day(250)])),
    ] {
        assert_eq!(refused.status.code(), Some(2), "{why}: {}", said(&refused));
        assert!(!refused.stderr.is_empty(), "{why}");
    }
    assert_eq!(gate.octroi(&["hold", "list"]).status.code(), Some(1), "nothing is held");
    // Quotes, formulas and slashes are a name like another: nobody has it.
    for name in ["o'brien\"", "=cmd|'/c calc'!A1", "../../etc"] {
        let added = with(&["--user", name]);
        assert!(
            added.status.success() && said(&added).contains("this holds 0 records of 0 persons"),
            "{}",
            said(&added)
        );
    }
    for unknown in [
        &["hold", "show", "77"][..],
        &["hold", "release", "77", "--reason", "r"],
        &["hold", "records", "77", "--reason", "r"],
    ] {
        let answer = gate.octroi(unknown);
        assert!(answer.status.code() == Some(1) && said(&answer).contains("there is no hold 77"), "{}", said(&answer));
    }
}

/// Accounts that have each a part in a hold.
fn desk() -> Gate {
    let roles: [(&str, &[&str]); 4] = [
        ("a.martin", &["investigator"]),
        ("c.judge", &["judicial"]),
        ("d.audit", &["auditor"]),
        ("p.dupont", &["approver"]),
    ];
    desk_of(Setup::new(), &roles)
}

/// Says the same until another person has approved it.
fn by_two(gate: &Gate, who: &str, args: &[&str]) -> String {
    let asked = no(gate, who, args);
    let number =
        asked.split("request ").nth(1).and_then(|rest| rest.split(':').next()).unwrap_or_else(|| panic!("{asked}"));
    let own = no(gate, who, &["scope", "approve", number]);
    assert!(own.contains("role approver"), "{own}");
    done(gate, "p.dupont", &["scope", "approve", number]);
    done(gate, who, args)
}

#[test]
fn two_persons_add_extend_and_release_law_5() {
    let gate = desk();
    let (from, to, review, until) = (day(-10), day(0), day(90), day(200));
    let scope = ["--user", "j.petit", "--from", &from, "--to", &to, "--review", &review, "--until", &until];
    let add = adding(&[&["--ground", "incident", "--incident", "2026-12"], &scope[..]].concat());
    // What it reaches is shown before, to who asks and to who approves.
    let asked = said(&by(&gate, "a.martin", &add));
    assert!(asked.contains("this holds 3 records of 1 person"), "{asked}");
    assert!(done(&gate, "p.dupont", &["scope", "show", "1"]).contains("3 records of 1 person"));
    assert_eq!(by(&gate, "a.martin", &["hold", "list"]).status.code(), Some(1), "not yet");
    done(&gate, "p.dupont", &["scope", "approve", "1"]);
    assert_eq!(done(&gate, "a.martin", &add), "1");
    let listed = json(&done(&gate, "a.martin", &["hold", "list", "--json"]));
    assert_eq!((&listed[0]["standing"], &listed[0]["approval"]), (&"held".into(), &1.into()), "{listed}");
    // An auditor learns that there is one, and not of whom.
    let audited = done(&gate, "d.audit", &["hold", "show", "1"]);
    assert!(audited.contains("incident") && !audited.contains("petit"), "{audited}");
    assert!(no(&gate, "d.audit", &["hold", "records", "1", "--reason", "curious"]).contains("role"));
    assert!(no(&gate, "p.dupont", &["hold", "records", "1", "--reason", "curious"]).contains("role"));
    assert_eq!(hosts(&done(&gate, "a.martin", &["hold", "records", "1", "--reason", "report", "--json"])).len(), 3);
    // Under pseudonyms, what is held is not there either.
    assert_eq!(hosts(&gate.say(&["log", "search", "--json"])).len(), 1);

    let later = day(300);
    let same =
        by(&gate, "a.martin", &["hold", "extend", "1", "--until", &later, "--reason", "an intrusion found late"]);
    assert!(same.status.code() == Some(2) && said(&same).contains("new reason"), "{}", said(&same));
    by_two(&gate, "a.martin", &["hold", "extend", "1", "--until", &later, "--reason", "the appeal is pending"]);
    done(&gate, "a.martin", &["hold", "review", "1", "--review", &day(120), "--reason", "still under appeal"]);
    by_two(&gate, "a.martin", &["hold", "release", "1", "--reason", "judgment given"]);
    assert_eq!(hosts(&gate.say(&["log", "search", "--json"])).len(), 4, "what is not due is there again");
    assert!(no(&gate, "a.martin", &["hold", "extend", "1", "--until", &later, "--reason", "again"]).contains("over"));
    gate.say(&["log", "verify"]);
}

#[test]
fn a_judicial_hold_is_there_for_its_desk_and_approvers_alone_law_5() {
    let gate = desk();
    let before = gate.say(&["log", "search", "--json"]);
    let (from, to, review, until) = (day(-10), day(0), day(90), day(200));
    let scope = ["--user", "j.petit", "--from", &from, "--to", &to, "--review", &review, "--until", &until];
    let add = adding(&[&["--ground", "judicial", "--reference", "PV 2026/44"], &scope[..]].concat());
    assert!(no(&gate, "a.martin", &add).contains("role judicial"));
    assert_eq!(by_two(&gate, "c.judge", &add), "1");
    assert_eq!(gate.say(&["log", "search", "--json"]), before, "nothing is missing");
    for (who, sees) in [("c.judge", true), ("p.dupont", true), ("a.martin", false), ("d.audit", false)] {
        assert_eq!(by(&gate, who, &["hold", "list"]).status.success(), sees, "{who}");
        let shown = by(&gate, who, &["hold", "show", "1"]);
        assert_eq!(said(&shown).contains("there is no hold 1"), !sees, "{who}: {}", said(&shown));
    }
    assert!(no(&gate, "a.martin", &["hold", "release", "1", "--reason", "r"]).contains("there is no hold 1"));
    let trail = done(&gate, "d.audit", &["audit", "--format", "csv"]);
    assert!(!trail.contains("PV 2026/44") && !trail.contains(",hold,"), "{trail}");
    assert_eq!(hosts(&done(&gate, "c.judge", &["hold", "records", "1", "--reason", "order", "--json"])).len(), 3);
    for told in [gate.octroi(&["doctor"]), gate.octroi(&["log", "verify"]), gate.octroi(&["log", "certificates"])] {
        assert!(!said(&told).contains("hold 1") && !said(&told).contains("gel n"), "{}", said(&told));
    }
    by_two(&gate, "c.judge", &["hold", "release", "1", "--reason", "the inquiry is closed"]);
    assert_eq!(gate.say(&["log", "certificates", "--json"]).trim(), "[]");
}

#[test]
fn an_overdue_review_is_an_alarm_and_neither_extends_nor_releases_law_5() {
    let mut gate = old();
    let (from, to, review, until) = (day(-210), day(-190), day(-10), day(100));
    let scope = ["--user", "j.petit", "--from", &from, "--to", &to, "--review", &review, "--until", &until];
    let args = adding(&[&["--ground", "rights", "--reference", "DD-2026-0007"], &scope[..]].concat());
    // Somebody added it a hundred days ago, and nobody has looked since.
    let mut command = gate.command(&args);
    command.env("LD_PRELOAD", "/usr/$LIB/faketime/libfaketime.so.1").env("FAKETIME", "-100d");
    let added = command.output().expect("the binary can be started");
    assert!(added.status.success(), "{}", said(&added));
    let listed = gate.octroi(&["hold", "list"]);
    assert!(
        said(&listed).contains("overdue") && said(&listed).contains("the review of hold 1 is overdue"),
        "{}",
        said(&listed)
    );
    let doctor = gate.octroi(&["doctor"]);
    assert!(
        doctor.status.code() == Some(1) && said(&doctor).contains("le réexamen du gel n°\u{a0}1"),
        "{}",
        said(&doctor)
    );
    assert!(!said(&doctor).contains("petit"), "no names");
    gate.start();
    wait::until("the alarm", LIMIT, || gate.printed().contains("the review of hold 1 is overdue").then_some(()));
    assert!(gate.say(&["status"]).contains("the review of hold 1 is overdue"));
    gate.terminate();
    gate.wait();
    // Still held.
    assert_eq!(purge(&gate)["certificate"]["hold_numbers"], json("[1]"));
    assert_eq!(hosts(&gate.say(&["hold", "records", "1", "--reason", "request", "--json"])).len(), 2);
    gate.say(&["hold", "review", "1", "--review", &day(60), "--reason", "the request is not answered yet"]);
    assert!(!said(&gate.octroi(&["doctor"])).contains("réexamen du gel"));
}

#[test]
fn a_hold_that_is_over_is_destroyed_by_the_gate_and_attested_law_5() {
    let mut gate = old();
    let (from, to, review, until) = (day(-210), day(-190), day(-20), day(-10));
    let scope = ["--user", "j.petit", "--from", &from, "--to", &to, "--review", &review, "--until", &until];
    let args = adding(&[&["--ground", "incident", "--incident", "2026-3"], &scope[..]].concat());
    let mut command = gate.command(&args);
    command.env("LD_PRELOAD", "/usr/$LIB/faketime/libfaketime.so.1").env("FAKETIME", "-100d");
    let added = command.output().expect("the binary can be started");
    assert!(added.status.success(), "{}", said(&added));
    // No clock alone ends it: until that is written down, what it covers is taken out.
    assert_eq!(purge(&gate)["certificate"]["hold_numbers"], json("[1]"));
    gate.start();
    let shown = gate.say(&["hold", "show", "1"]);
    assert!(shown.contains("its last day has passed") && shown.contains("2 records, certificate"), "{shown}");
    assert!(gate.say(&["log", "certificates"]).contains("hold 1 over"));
    gate.say(&["log", "verify"]);
}

#[test]
fn who_follows_the_page_on_holds_gets_to_its_end() {
    for page in [include_str!("../../docs/guide/en/holds.md"), include_str!("../../docs/guide/fr/gels.md")] {
        let gate = old();
        // The page is written on this day.
        let since = (today() - date(2026, 11, 23)).get_days();
        let commands = commands_of(page);
        assert!(commands.len() > 6, "this rule looks at nothing");
        for command in commands {
            let moved = |word: String| match word.parse::<Date>() {
                Ok(date) => date.saturating_add(since.days()).to_string(),
                Err(_) => word,
            };
            let words: Vec<String> = command.into_iter().map(moved).collect();
            gate.say(&words.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_reason_that_nobody_approved_adds_no_hold_nor_do_networks_that_are_everybody_together() {
    let gate = desk();
    let (from, to, review, until) = (day(-10), day(0), day(90), day(200));
    let scope = ["--from", &from, "--to", &to, "--review", &review, "--until", &until];
    let of = |reason: &'static str, about: &[&'static str]| {
        [&["hold", "add", "--ground", "incident", "--incident", "2026-12", "--reason", reason], about, &scope[..]]
            .concat()
    };
    let petit = ["--user", "j.petit"];
    no(&gate, "a.martin", &of("an intrusion found late", &petit));
    done(&gate, "p.dupont", &["scope", "approve", "1"]);
    no(&gate, "a.martin", &of("curiosity", &petit));
    assert_eq!(by(&gate, "a.martin", &["hold", "list"]).status.code(), Some(1), "nothing is held by it");
    assert_eq!(done(&gate, "a.martin", &of("an intrusion found late", &petit)), "1");
    for about in [&["--client", "10.0.0.0/16", "--client", "10.1.0.0/16"][..], &["--host", "com"]] {
        let refused = by(&gate, "a.martin", &of("an intrusion found late", about));
        assert!(refused.status.code() == Some(2) && said(&refused).contains("everybody"), "{}", said(&refused));
    }
}

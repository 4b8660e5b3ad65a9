//! Who sees names (`law.md` 8): roles, scopes that two persons open, broken glass, what each role may and may not.
use crate::identity::{PASSWORD, with_password};
use crate::imports::{bring, line};
use harness::{Gate, Setup};
use serde_json::Value;
use std::io::Write;
use std::process::{Output, Stdio};

pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A command by an account, whatever comes of it.
pub(crate) fn by(gate: &Gate, who: &str, args: &[&str]) -> Output {
    with_password(gate, &[args, &["--as", who, "--password-stdin"]].concat(), PASSWORD)
}

/// What a command by an account answers, which must be done.
pub(crate) fn done(gate: &Gate, who: &str, args: &[&str]) -> String {
    let output = by(gate, who, args);
    assert!(output.status.success(), "octroi {} by {who}: {}", args.join(" "), said(&output));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// What a command by an account is refused with.
pub(crate) fn no(gate: &Gate, who: &str, args: &[&str]) -> String {
    let output = by(gate, who, args);
    assert_eq!(output.status.code(), Some(1), "octroi {} by {who}: {}", args.join(" "), said(&output));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn add(gate: &Gate, name: &str) {
    let added = with_password(gate, &["user", "add", name, "--password-stdin"], PASSWORD);
    assert!(added.status.success(), "{}", said(&added));
}

pub(crate) fn sign(gate: &Gate, name: &str) -> String {
    let signed = with_password(gate, &["user", "undertake", name, "--password-stdin"], PASSWORD);
    assert!(signed.status.success(), "{}", said(&signed));
    said(&signed)
}

/// A gate with records of three persons, and these accounts with these roles, given in this order while nobody approves yet;
/// the approver last.
pub(crate) fn desk_of(setup: Setup, accounts: &[(&str, &[&str])]) -> Gate {
    let gate = setup.config("[log]\npurposes = [\"security\", \"charter\", \"judicial\"]").prepare();
    let of = |user: &str, days: u64, host: &str| line(days, host, "/").replace("a.martin", user);
    let log = [
        of("j.petit", 2, "a.test"),
        of("j.petit", 2, "b.test"),
        of("user7", 2, "a.test"),
        of("j.petit", 5, "old.test"),
    ];
    bring(&gate, &log.concat());
    for (name, roles) in accounts {
        add(&gate, name);
        for role in *roles {
            gate.say(&["user", "role", name, "--add", role]);
        }
        if roles.iter().any(|role| ["investigator", "approver", "rights", "judicial"].contains(role)) {
            sign(&gate, name);
        }
    }
    gate
}

pub(crate) fn desk() -> Gate {
    desk_of(Setup::new(), &[("a.martin", &["investigator"]), ("p.dupont", &["approver"])])
}

/// The day so many days ago, in the gate's zone.
pub(crate) fn day(ago: u64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    let days = i64::try_from(now / 86_400 - ago).expect("it is not the year 10000");
    // Howard Hinnant's civil_from_days.
    let (z, era) = (days + 719_468, (days + 719_468).div_euclid(146_097));
    let doe = z - era * 146_097;
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (d, m) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    format!("{:04}-{m:02}-{d:02}", yoe + era * 400 + i64::from(m <= 2))
}

/// Asks for j.petit's names of three days, as a.martin.
pub(crate) fn request(gate: &Gate, more: &[&str]) -> String {
    let (from, to) = (day(3), day(0));
    let asked = ["scope", "request", "--purpose", "security", "--reason", "incident 12", "--from", &from, "--to", &to];
    done(gate, "a.martin", &[&asked, more].concat())
}

pub(crate) const NAMES: [&str; 7] = ["log", "search", "--json", "--purpose", "security", "--reason", "incident 12"];

pub(crate) fn hosts(json: &str) -> Vec<String> {
    let records: Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"));
    let mut hosts: Vec<String> = records
        .as_array()
        .expect("a list")
        .iter()
        .map(|record| record["host"].as_str().unwrap_or_default().into())
        .collect();
    hosts.sort();
    hosts
}

pub(crate) fn trail(gate: &Gate) -> String {
    std::fs::read_to_string(gate.path("data/register/audit.jsonl")).expect("a trail")
}

#[test]
fn a_scope_opens_names_to_who_asked_when_another_approved_and_nothing_beyond_it() {
    let gate = desk();
    let alone = gate.octroi(&NAMES);
    assert_eq!(alone.status.code(), Some(1), "{}", said(&alone));
    assert!(said(&alone).contains("--as ACCOUNT"), "{}", said(&alone));
    assert!(no(&gate, "a.martin", &NAMES).contains("no open scope"));
    let number = request(&gate, &["--user", "j.petit"]);
    assert!(no(&gate, "a.martin", &NAMES).contains("no open scope"), "asked is not approved");
    assert!(no(&gate, "a.martin", &["scope", "approve", &number]).contains("takes the role approver"));
    done(&gate, "p.dupont", &["scope", "approve", &number]);
    assert!(no(&gate, "p.dupont", &NAMES).contains("takes the role investigator"), "an approver reads no names by it");

    let shown = by(&gate, "a.martin", &NAMES);
    assert!(shown.status.success(), "{}", said(&shown));
    let (records, words) = (String::from_utf8_lossy(&shown.stdout), String::from_utf8_lossy(&shown.stderr));
    assert_eq!(hosts(&records), ["a.test", "b.test"], "neither other persons nor other days");
    assert!(records.contains("\"j.petit\"") && !records.contains("user7"), "{records}");
    assert!(words.contains("nothing beyond it is shown") && words.contains("confidentiel"), "{words}");
    let of = |more: &[&str]| done(&gate, "a.martin", &[&NAMES, more].concat());
    assert_eq!(hosts(&of(&["--host", "b.test", "--user", "j.petit"])), ["b.test"]);
    assert!(no(&gate, "a.martin", &[&NAMES[..], &["--user", "user7"]].concat()).contains("reaches"));
    let other = ["log", "search", "--purpose", "charter", "--reason", "x"];
    assert!(no(&gate, "a.martin", &other).contains("cse_consulted"));

    let seen: Value =
        serde_json::from_str(&done(&gate, "a.martin", &["scope", "show", &number, "--json"])).expect("JSON");
    assert_eq!((&seen["looks"], &seen["records"], &seen["standing"]), (&2.into(), &3.into(), &"open".into()), "{seen}");
    done(&gate, "a.martin", &["scope", "close", &number]);
    assert!(no(&gate, "a.martin", &NAMES).contains("no open scope"), "closed at once");
    let trail = trail(&gate);
    for told in [
        "\"role\":\"investigator\"",
        "\"act\":\"approved\"",
        "\"act\":\"search refused\"",
        "\"act\":\"access refused\"",
    ] {
        assert!(trail.contains(told), "{told}: {trail}");
    }
    gate.say(&["log", "verify"]);
}

#[test]
fn nobody_approves_their_own_request_nor_one_about_themselves_under_another_account_either() {
    let gate = desk_of(
        Setup::new(),
        &[
            ("r.rights", &["rights"]),
            ("a.martin", &["investigator"]),
            ("j.petit", &[]),
            ("dupont-bis", &[]),
            ("p.dupont", &["approver"]),
        ],
    );
    let number = request(&gate, &["--user", "j.petit"]);
    let numbered = |said: String| said.split_whitespace().nth(1).expect("a number").trim_end_matches(':').to_owned();
    done(&gate, "p.dupont", &["user", "role", "dupont-bis", "--add", "operator"]);
    let own = numbered(no(&gate, "p.dupont", &["user", "role", "dupont-bis", "--add", "judicial"]));
    assert!(no(&gate, "p.dupont", &["scope", "approve", &own]).contains("one's own"));
    // An alias asks, the person would approve.
    let role = numbered(no(&gate, "dupont-bis", &["user", "role", "j.petit", "--add", "approver"]));
    done(&gate, "r.rights", &["user", "link", "p.dupont", "--account", "Dupont-Bis"]);
    assert!(no(&gate, "p.dupont", &["scope", "approve", &role]).contains("one's own"), "the same person, both sides");
    assert!(no(&gate, "r.rights", &["user", "link", "r.rights", "--account", "x"]).contains("of themselves"));
    done(&gate, "r.rights", &["user", "unlink", "p.dupont", "--account", "dupont-bis"]);
    done(&gate, "p.dupont", &["scope", "approve", &role]);
    done(&gate, "dupont-bis", &["user", "role", "j.petit", "--add", "approver"]);
    let about = request(&gate, &["--user", "P.Dupont"]);
    assert!(no(&gate, "p.dupont", &["scope", "approve", &about]).contains("about the person who would decide"));
    done(&gate, "r.rights", &["user", "link", "p.dupont", "--address", "10.0.0.9"]);
    let network = request(&gate, &["--client", "10.0.0.0/28"]);
    assert!(no(&gate, "p.dupont", &["scope", "approve", &network]).contains("about the person who would decide"));
    done(&gate, "p.dupont", &["scope", "approve", &number]);
}

#[test]
fn nobody_approves_a_look_at_an_address_they_were_seen_at_although_nobody_linked_it_law_8() {
    let gate = desk();
    bring(&gate, &line(2, "own.test", "/").replace("a.martin", "P.Dupont").replace("10.0.0.7", "10.0.0.44"));
    let number = request(&gate, &["--client", "10.0.0.44"]);
    let refused = no(&gate, "p.dupont", &["scope", "approve", &number]);
    assert!(refused.contains("about the person who would decide"), "{refused}");
    // Another time, another address: somebody else's.
    let (from, to) = (day(20), day(10));
    let before = ["scope", "request", "--purpose", "security", "--reason", "incident 12", "--from", &from, "--to", &to];
    let number = done(&gate, "a.martin", &[&before[..], &["--client", "10.0.0.44"]].concat());
    done(&gate, "p.dupont", &["scope", "approve", &number]);
    let number = request(&gate, &["--client", "10.0.0.45"]);
    done(&gate, "p.dupont", &["scope", "approve", &number]);
}

#[test]
fn each_role_may_what_the_table_of_roles_says_and_nothing_else() {
    let accounts = [
        ("o.operator", "operator"),
        ("y.policy", "policy"),
        ("s.statistics", "statistics"),
        ("a.martin", "investigator"),
        ("r.rights", "rights"),
        ("q.judicial", "judicial"),
        ("z.auditor", "auditor"),
        ("p.dupont", "approver"),
    ];
    let roles: Vec<(&str, [&str; 1])> = accounts.iter().map(|(name, role)| (*name, [*role])).collect();
    let roles: Vec<(&str, &[&str])> = roles.iter().map(|(name, role)| (*name, role.as_slice())).collect();
    let gate = desk_of(Setup::new(), &roles);
    let number = request(&gate, &["--user", "j.petit"]);
    let (from, to) = (day(3), day(0));
    let asks = [
        "scope",
        "request",
        "--purpose",
        "security",
        "--reason",
        "x",
        "--host",
        "a.test",
        "--from",
        &from,
        "--to",
        &to,
    ];
    let approves = ["scope", "refuse", "9999", "--reason", "x"];
    let glass = [
        &["scope", "break-glass", "--incident", "1", "--reason", "x", "--host", "a.test"][..],
        &asks[asks.len() - 4..],
    ]
    .concat();
    for (name, role) in accounts {
        let may = |args: &[&str], allowed: bool, why: &str| {
            let output = by(&gate, name, args);
            let turned_away = String::from_utf8_lossy(&output.stderr).contains("refused: it takes the role");
            assert_eq!(turned_away, !allowed, "{role}, octroi {}: {}", args.join(" "), said(&output));
            assert!(allowed || output.status.code() == Some(1), "{why}");
        };
        may(&NAMES, role == "investigator", "names in records are for investigators by a scope");
        may(&asks, role == "investigator", "only investigators ask for scopes");
        may(&approves, role == "approver", "only approvers decide");
        may(&["audit"], ["auditor", "judicial"].contains(&role), "the trail is the auditor's");
        if role != "investigator" {
            may(&glass, false, "only investigators break the glass");
        }
        may(&["user", "link", "x.y", "--account", "x.z"], role == "rights", "the rights desk says what is whose");
    }
    // Health and pseudonyms need no name's account: the operator's shell is enough.
    let pseudonyms = gate.say(&["log", "search", "--json"]);
    assert!(pseudonyms.contains("\"p-") && !pseudonyms.contains("j.petit"), "{pseudonyms}");
    for (name, sees) in [("z.auditor", true), ("p.dupont", true), ("a.martin", true), ("o.operator", false)] {
        let listed = said(&by(&gate, name, &["scope", "list"]));
        assert_eq!(listed.contains("j.petit"), sees, "{name}: {listed}");
    }
    assert!(no(&gate, "o.operator", &["scope", "show", &number]).contains("no request"));
    assert!(no(&gate, "o.operator", &["scope", "close", &number]).contains("no request"));
    let judicial = no(&gate, "a.martin", &["log", "search", "--purpose", "judicial", "--reason", "x"]);
    assert!(judicial.contains("octroi export requisition"), "no requisition through a search: {judicial}");
}

#[test]
fn a_clock_set_back_between_approval_and_reading_opens_nothing() {
    let gate = desk();
    let at = |clock: &str, who: &str, args: &[&str]| {
        let mut command = gate.command(&[args, &["--as", who, "--password-stdin"]].concat());
        // Only the date is moved: durations are measured as ever.
        command
            .env("LD_PRELOAD", "/usr/$LIB/faketime/libfaketime.so.1")
            .env("FAKETIME", clock)
            .env("DONT_FAKE_MONOTONIC", "1");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("started");
        let mut stdin = child.stdin.take().expect("piped");
        writeln!(stdin, "{PASSWORD}").expect("it reads");
        drop(stdin);
        child.wait_with_output().expect("it ends")
    };
    let (from, to) = (day(3), day(0));
    let asked = [
        "scope",
        "request",
        "--purpose",
        "security",
        "--reason",
        "x",
        "--user",
        "j.petit",
        "--from",
        &from,
        "--to",
        &to,
    ];
    let asked = at("-9h", "a.martin", &asked);
    let number = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
    assert!(!number.is_empty(), "{}", said(&asked));
    assert!(at("-9h", "p.dupont", &["scope", "approve", &number]).status.success());
    let open = at("-9h", "a.martin", &NAMES);
    assert!(open.status.success(), "{}", said(&open));
    // It was approved nine hours ago: it is over, and stays so when the clock says again that it isn't.
    assert!(no(&gate, "a.martin", &["scope", "close", &number]).contains("expired"));
    let back = at("-9h", "a.martin", &NAMES);
    assert_eq!(back.status.code(), Some(1), "{}", said(&back));
    assert!(said(&back).contains("no open scope"), "{}", said(&back));
}

#[test]
fn what_is_asked_is_bounded_and_what_is_wrong_is_told_with_its_place() {
    let gate = desk();
    let (from, to, long) = (day(3), day(0), day(40));
    let asked = |about: &[&str], from: &str, to: &str, more: &[&str]| {
        let base = ["scope", "request", "--purpose", "security", "--reason", "x", "--from", from, "--to", to];
        let output = by(&gate, "a.martin", &[&base, about, more].concat());
        (output.status.code(), said(&output))
    };
    let right_to_left = "j.\u{202e}petit";
    let endless = "x".repeat(300);
    for (about, code, told) in [
        (["--user", right_to_left], 2, "--user: the name holds the invisible character U+202E"),
        (["--user", endless.as_str()], 2, "--user: the name has 300 characters"),
        (["--user", " "], 2, "--user: the name is empty"),
        (["--client", "10.0.0.0/99"], 2, "--client 10.0.0.0/99"),
        (["--host", "not a host"], 2, "--host not a host"),
        (["--user", "o'brien \"x\" a/b"], 0, "request"),
    ] {
        let (status, said) = asked(&about, &from, &to, &[]);
        assert!(status == Some(code) && said.contains(told), "{about:?}: {status:?} {said}");
    }
    let petit = ["--user", "j.petit"];
    let (status, said_of) = asked(&petit, &to, &from, &[]);
    assert!(status == Some(2) && said_of.contains("--from is later than --to"), "{said_of}");
    let (status, said_of) = asked(&petit, &long, &to, &[]);
    assert!(status == Some(1) && said_of.contains("more than 31 days"), "{said_of}");
    assert_eq!(asked(&petit, &long, &to, &["--longer-because", "a slow leak"]).0, Some(0));
    assert_eq!(asked(&[], &from, &to, &[]).0, Some(2), "nobody and nothing");
    let charter = ["scope", "request", "--reason", "x", "--user", "j.petit", "--from", &from, "--to", &to, "--purpose"];
    for (purpose, told) in [
        ("charter", "cse_consulted and persons_informed"),
        ("curiosity", "not a declared purpose"),
        ("judicial", "requisition"),
    ] {
        let refused = no(&gate, "a.martin", &[&charter[..], &[purpose]].concat());
        assert!(refused.contains(told), "{purpose}: {refused}");
    }
    let config = std::fs::read_to_string(gate.path("octroi.toml")).expect("ours");
    gate.write(
        "octroi.toml",
        format!("{config}\n[legal]\ncse_consulted = \"2026-10-01\"\npersons_informed = \"2026-10-15\"\n"),
    );
    done(&gate, "a.martin", &[&charter[..], &["charter"]].concat());
}

#[test]
fn roles_that_bear_names_are_personal_signed_for_and_given_by_two() {
    let gate = desk_of(Setup::new(), &[("o.operator", &["operator"]), ("a.martin", &[]), ("admin", &[])]);
    let shared = gate.octroi(&["user", "role", "admin", "--add", "investigator"]);
    assert!(shared.status.code() == Some(1) && said(&shared).contains("no person's name"), "{}", said(&shared));
    gate.say(&["user", "role", "a.martin", "--add", "investigator"]);
    add(&gate, "p.dupont");
    gate.say(&["user", "role", "p.dupont", "--add", "approver"]);
    // Without the undertaking a role opens nothing.
    assert!(no(&gate, "a.martin", &NAMES).contains("octroi user undertake a.martin"));
    let text = sign(&gate, "a.martin");
    assert!(text.contains("ENGAGEMENT DE CONFIDENTIALITÉ") && text.contains("enquêteur"), "{text}");
    sign(&gate, "p.dupont");
    let wrong = with_password(&gate, &["user", "undertake", "a.martin", "--password-stdin"], "another");
    assert_eq!(wrong.status.code(), Some(1), "{}", said(&wrong));
    // From the first approver on two persons give them, and nobody gives anything to themselves.
    add(&gate, "j.petit");
    let give = ["user", "role", "j.petit", "--add", "rights"];
    assert_eq!(gate.octroi(&give).status.code(), Some(1), "the shell alone no longer does");
    let asked = no(&gate, "o.operator", &give);
    let number = asked.split_whitespace().nth(1).expect("a number").trim_end_matches(':').to_owned();
    assert!(no(&gate, "o.operator", &give).contains("waits"), "asked once");
    done(&gate, "p.dupont", &["scope", "approve", &number]);
    done(&gate, "o.operator", &give);
    assert!(no(&gate, "o.operator", &["user", "role", "o.operator", "--add", "policy"]).contains("to themselves"));
    assert!(
        no(&gate, "o.operator", &["user", "role", "j.petit", "--add", "auditor"]).contains("takes the role approver")
    );
    assert!(
        no(&gate, "o.operator", &["user", "role", "p.dupont", "--remove", "approver"])
            .contains("takes the role approver")
    );
    let listed: Value = serde_json::from_str(&gate.say(&["user", "list", "--json"])).expect("JSON");
    let roles: Vec<String> = listed.as_array().expect("a list").iter().map(|one| one["roles"].to_string()).collect();
    assert_eq!(roles, ["[\"investigator\"]", "[]", "[\"rights\"]", "[\"operator\"]", "[\"approver\"]"], "{listed}");
    // Whoever has the shell may give an account another password: then the trail says so.
    let new = with_password(&gate, &["user", "passwd", "p.dupont", "--password-stdin"], "Une-Autre-Phrase-7-Longue");
    assert!(new.status.success() && trail(&gate).contains("\"act\":\"account\""), "{}", said(&new));
}

#[test]
fn one_person_acts_alone_until_a_role_is_given_or_required_and_is_told_so() {
    let gate = Setup::new().prepare();
    bring(&gate, &line(2, "a.test", "/"));
    let shown = gate.octroi(&NAMES);
    assert!(shown.status.success() && said(&shown).contains("one person acts alone"), "{}", said(&shown));
    assert!(!trail(&gate).contains("\"role\":"), "{}", trail(&gate));
    for list in [
        &["scope", "list"][..],
        &["hold", "list"],
        &["requests", "list", "--all"],
        &["statements", "list"],
        &["restrict", "list"],
        &["erase", "list"],
        &["object", "list"],
        &["audit"],
    ] {
        let listed = said(&gate.octroi(list));
        assert!(
            !listed.contains("acts alone") && !listed.contains("error"),
            "a list opens no names: {list:?}: {listed}"
        );
    }
    let config = std::fs::read_to_string(gate.path("octroi.toml")).expect("ours");
    gate.write("octroi.toml", format!("{config}\n[roles]\nrequired = \"always\"\n"));
    let refused = gate.octroi(&NAMES);
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    gate.write("octroi.toml", config);
    add(&gate, "a.martin");
    gate.say(&["user", "role", "a.martin", "--add", "investigator"]);
    assert_eq!(gate.octroi(&NAMES).status.code(), Some(1));
    gate.say(&["log", "search"]);
}

#[test]
fn wrong_passwords_of_commands_are_slowed_down_and_noted() {
    let gate = desk();
    for guess in 0..3 {
        let tried = with_password(
            &gate,
            &[&NAMES[..], &["--as", "a.martin", "--password-stdin"]].concat(),
            &format!("no {guess}"),
        );
        assert_eq!(tried.status.code(), Some(1), "{}", said(&tried));
    }
    let tried = with_password(&gate, &[&NAMES[..], &["--as", "nobody", "--password-stdin"]].concat(), PASSWORD);
    assert!(
        tried.status.code() == Some(1) && said(&tried).contains("no account of this name is open"),
        "{}",
        said(&tried)
    );
    gate.say(&["user", "disable", "a.martin"]);
    assert_eq!(by(&gate, "a.martin", &NAMES).status.code(), Some(1), "a disabled account acts no more");
    let trail = trail(&gate);
    assert!(trail.contains("\"claimed\":\"a.martin\"") && !trail.contains("no 1"), "{trail}");
}

//! Requisitions (`law.md` 11): exactly the scope, two persons, nobody else learns of it.
use crate::export::{day, entry, hosts, json, ordered, refused, register, requisition, said, words};
use crate::identity::{PASSWORD, with_password};
use crate::imports::{bring, line};
use crate::scopes::desk_of;
use harness::{Gate, Setup};
use std::fs;
use std::process::{Command, Output};

/// Somebody's public key; nobody has the other half.
const AGE: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

#[test]
fn a_requisition_gets_exactly_its_scope_with_its_papers_law_11() {
    let gate = register();
    let (from, to) = (day(6), day(1));
    let period = ["--from", from.as_str(), "--to", to.as_str()];
    let told = requisition(
        &gate,
        "RQ-1",
        &[&period[..], &["--user", "a.martin", "--case", "PV 2026/12", "--officer-name", "X"]].concat(),
    );
    assert_eq!((&told["records"], &told["masked"]), (&3.into(), &1.into()), "{told}");
    let bundle = gate.path("rq/RQ-1.zip");
    assert_eq!(hosts(&entry(&bundle, "records.json")), ["upper.test", "masked", "last.test"], "masked stays masked");
    let inventory = words(&fs::read_to_string(gate.path("rq/RQ-1-inventory.html")).expect("an inventory"));
    let sha256 = told["sha256"].as_str().expect("a hash");
    for part in [sha256, "RQ-1.zip", "Tribunal judiciaire de Lyon", "77-1-1", "PV 2026/12", "a.martin"] {
        assert!(inventory.contains(part), "{part}");
    }
    for paper in ["RQ-1-inventory.pdf", "RQ-1-handover.pdf", "RQ-1-handover.html"] {
        assert!(gate.path(&format!("rq/{paper}")).exists(), "{paper}");
    }
    gate.say(&["export", "verify", "rq/RQ-1.zip"]);
    // What is required is answered once; another scope is another requisition.
    let again = refused(&gate, &[&ordered("RQ-1")[..], &period, &["--user", "a.martin"]].concat(), 1);
    assert!(again.contains("was answered on") && again.contains(sha256), "{again}");
    let nothing = requisition(&gate, "RQ-2", &[&period[..], &["--user", "nobody"]].concat());
    assert_eq!(nothing["records"], 0);
    assert!(words(&entry(&gate.path("rq/RQ-2.zip"), "neant.html")).contains("Néant"), "signed, and nothing in it");
    gate.say(&["export", "verify", "rq/RQ-2.zip"]);
}

#[test]
fn an_unbounded_requisition_is_none_and_an_address_or_a_host_says_whom_it_opens_law_11() {
    let gate = register();
    let (from, to) = (day(20), day(0));
    let period = ["--from", from.as_str(), "--to", to.as_str()];
    refused(&gate, &[&ordered("RQ-1")[..], &period].concat(), 2);
    refused(&gate, &[&ordered("RQ-1")[..], &["--user", "a.martin", "--from", &from]].concat(), 2);
    refused(&gate, &[&ordered("RQ-1")[..], &["--user", "a.martin", "--from", &to, "--to", &from]].concat(), 2);
    let wide = refused(&gate, &[&ordered("RQ-1")[..], &period, &["--client", "0.0.0.0/0"]].concat(), 2);
    assert!(wide.contains("no scope"), "{wide}");
    let late = refused(
        &gate,
        &[&ordered("RQ-1")[..], &["--user", "x", "--from", "2999-01-01", "--to", "2999-01-02"]].concat(),
        2,
    );
    assert!(late.contains("has not passed"), "{late}");
    let host = [&ordered("RQ-1")[..], &period, &["--host", "last.test"]].concat();
    let warned = refused(&gate, &host, 1);
    assert!(warned.contains("2 records") && warned.contains("2 persons") && warned.contains("--confirm"), "{warned}");
    assert!(!gate.path("rq").join("RQ-1.zip").exists());
    let told = json(&gate.say(&[&host[..], &["--confirm", "--json"]].concat()));
    assert_eq!((&told["records"], &told["persons"]), (&2.into(), &2.into()), "{told}");
    let told = requisition(&gate, "RQ-2", &[&period[..], &["--client", "10.0.0.9"]].concat());
    assert_eq!(told["records"], 1, "{told}");
}

#[test]
fn what_no_host_finds_is_said_of_a_host_and_days_have_no_hours() {
    let gate = register();
    let (from, to) = (day(20), day(0));
    let of = ["--from", &from, "--to", &to, "--host", "nowhere.test", "--language", "fr"];
    let told = gate.say(&[&ordered("RQ-1")[..], &of].concat());
    assert!(!told.contains("of 0 persons"), "nobody is opened: {told}");
    let nothing = words(&entry(&gate.path("rq/RQ-1.zip"), "neant.html"));
    assert!(nothing.contains("dont le site n’est pas conservé : 1 visite dans la période"), "{nothing}");
    let handover = words(&fs::read_to_string(gate.path("rq/RQ-1-handover.html")).expect("a draft"));
    assert!(handover.contains("n’a trouvé aucun enregistrement"), "{handover}");
    // Received today, when nothing else was said; a day, without an hour.
    let (_, received) = handover.split_once("Reçu le").expect("the act");
    let received = received.split("Authenticité").next().expect("a day");
    assert!(!received.contains("à compléter") && !received.contains(" h "), "{received}");
    let within =
        requisition(&gate, "RQ-2", &["--from", &from, "--to", &to, "--client", "10.0.0.9", "--host", "x.test"]);
    assert_eq!(within["out_of_reach"], 0, "another's machine: {within}");
}

#[test]
fn a_requisition_for_an_age_recipient_is_opened_by_nobody_else() {
    let gate = register();
    let made =
        Command::new("age-keygen").arg("-o").arg(gate.path("court.key")).output().expect("tests/run installs age");
    let key = String::from_utf8_lossy(&made.stderr).split_whitespace().last().expect("a recipient").to_owned();
    let (from, to) = (day(20), day(0));
    let of = ["--from", &from, "--to", &to, "--user", "a.martin", "--age-recipient", &key];
    let told = requisition(&gate, "RQ-1", &of);
    assert!(told["file"].as_str().is_some_and(|file| file.ends_with("RQ-1.zip.age")), "{told}");
    assert!(refused(&gate, &["export", "verify", "rq/RQ-1.zip.age"], 1).contains("decrypt it first"));
    let mut opened = Command::new("age");
    opened.args(["--decrypt", "-i"]).arg(gate.path("court.key")).arg("-o").arg(gate.path("opened.zip"));
    assert!(opened.arg(gate.path("rq/RQ-1.zip.age")).status().expect("tests/run installs age").success());
    gate.say(&["export", "verify", "opened.zip", "--public-key", "data.keys/seal.pub"]);
    let of = ["--from", &from, "--to", &to, "--user", "a.martin", "--age-recipient", "age1nobody"];
    assert!(refused(&gate, &[&ordered("RQ-2")[..], &of].concat(), 2).contains("no age recipient"));
}

/// A command by an account, whatever comes of it.
fn by(gate: &Gate, who: &str, args: &[&str]) -> Output {
    with_password(gate, &[args, &["--as", who, "--password-stdin"]].concat(), PASSWORD)
}

#[test]
fn a_requisition_takes_two_persons_and_nobody_else_learns_of_it_law_8_and_11() {
    let gate = register();
    let accounts = [
        ("j.judicial", "judicial"),
        ("a.approver", "approver"),
        ("r.rights", "rights"),
        ("a.auditor", "auditor"),
        ("o.operator", "operator"),
    ];
    for (name, _) in accounts {
        assert!(with_password(&gate, &["user", "add", name, "--password-stdin"], PASSWORD).status.success());
    }
    // The approver last: from then on giving a role takes two persons.
    for (name, role) in [accounts[4], accounts[3], accounts[2], accounts[0], accounts[1]] {
        gate.say(&["user", "role", name, "--add", role]);
        if ["judicial", "approver", "rights"].contains(&role) {
            let signed = with_password(&gate, &["user", "undertake", name, "--password-stdin"], PASSWORD);
            assert!(signed.status.success(), "{}", said(&signed));
        }
    }
    let (from, to) = (day(20), day(0));
    let asked = [&ordered("RQ-1")[..], &["--from", &from, "--to", &to, "--user", "a.martin"]].concat();
    for who in ["r.rights", "o.operator", "a.approver", "a.auditor"] {
        let refused = by(&gate, who, &asked);
        assert!(
            refused.status.code() == Some(1) && said(&refused).contains("role judicial"),
            "{who}: {}",
            said(&refused)
        );
    }
    let waits = by(&gate, "j.judicial", &asked);
    assert!(waits.status.code() == Some(1) && said(&waits).contains("octroi scope approve"), "{}", said(&waits));
    let number = said(&waits)
        .split("scope approve ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next())
        .expect("a number")
        .to_owned();
    let own = by(&gate, "j.judicial", &["scope", "approve", &number]);
    assert_eq!(own.status.code(), Some(1), "nobody approves their own: {}", said(&own));
    assert!(!gate.path("rq/RQ-1.zip").exists());
    let approved = by(&gate, "a.approver", &["scope", "approve", &number]);
    assert!(approved.status.success(), "{}", said(&approved));
    let made = by(&gate, "j.judicial", &asked);
    assert!(made.status.success(), "{}", said(&made));
    let handover = words(&fs::read_to_string(gate.path("rq/RQ-1-handover.html")).expect("a draft"));
    assert!(handover.contains("j.judicial") && handover.contains("a.approver"), "both persons in charge");
    // Who answers requisitions reads of it; an auditor, an operator, the rights desk don't.
    assert!(said(&by(&gate, "j.judicial", &["audit", "--act", "requisition"])).contains("RQ-1"));
    for (who, args) in [
        ("a.auditor", &["audit"][..]),
        ("a.auditor", &["scope", "list"]),
        ("r.rights", &["scope", "list"]),
        ("o.operator", &["scope", "list"]),
    ] {
        let told = said(&by(&gate, who, args));
        for hidden in ["RQ-1", "requisition", "Tribunal"] {
            assert!(!told.contains(hidden), "{who} {args:?}: {told}");
        }
    }
    let answered = by(&gate, "r.rights", &["export", "subject", "a.martin", "--reference", "DD-1", "--out", "out"]);
    assert!(said(&answered).contains("octroi requests open"), "with roles a request comes first: {}", said(&answered));
}

#[test]
fn whom_a_requisition_is_about_learns_nothing_of_it_and_what_was_approved_is_what_is_made() {
    let gate = desk_of(
        Setup::new(),
        &[("j.judicial", &["judicial"]), ("z.auditor", &["auditor"]), ("p.dupont", &["approver"])],
    );
    let (from, to) = (day(3), day(0));
    let period = ["--from", &from, "--to", &to];
    let numbered = |output: &Output| {
        let said = said(output);
        let number = said.split("scope approve ").nth(1).and_then(|rest| rest.split(' ').next()).map(str::to_owned);
        number.unwrap_or_else(|| panic!("{said}"))
    };
    let about = [&ordered("RQ-1")[..], &period, &["--user", "p.dupont"]].concat();
    let number = numbered(&by(&gate, "j.judicial", &about));
    for args in [&["scope", "list"][..], &["scope", "show", &number], &["scope", "approve", &number]] {
        let told = by(&gate, "p.dupont", args);
        assert_eq!(told.status.code(), Some(1), "{}", said(&told));
        for hidden in ["RQ-1", "requisition", "Tribunal", "about the person"] {
            assert!(!said(&told).contains(hidden), "{args:?}: {}", said(&told));
        }
    }
    assert!(said(&by(&gate, "j.judicial", &["scope", "list"])).contains("RQ-1"));
    let trail = said(&by(&gate, "z.auditor", &["audit", "--format", "csv"]));
    assert!(!trail.contains("approved") && !trail.contains("RQ-1"), "{trail}");
    // Of somebody else, and the particulars are approved with it.
    let of = |officer: &'static str| {
        let more = ["--host", "a.test", "--confirm", "--officer-name", officer];
        [&ordered("RQ-2")[..], &period, &more].concat()
    };
    let number = numbered(&by(&gate, "j.judicial", &of("Capitaine A")));
    assert!(by(&gate, "p.dupont", &["scope", "approve", &number]).status.success());
    let other = by(&gate, "j.judicial", &of("Capitaine B"));
    assert!(other.status.code() == Some(1) && !gate.path("rq/RQ-2.zip").exists(), "{}", said(&other));
    // When it came and for whom it is encrypted are approved too.
    let yesterday = day(1);
    for more in [["--received", &yesterday], ["--age-recipient", AGE]] {
        let other = by(&gate, "j.judicial", &[&of("Capitaine A")[..], &more].concat());
        assert!(other.status.code() == Some(1) && !gate.path("rq/RQ-2.zip").exists(), "{}", said(&other));
    }
    let made = by(&gate, "j.judicial", &of("Capitaine A"));
    assert!(made.status.success(), "{}", said(&made));
}

#[test]
fn what_was_erased_of_a_day_under_a_judicial_hold_is_in_a_later_bundle_law_5_and_11() {
    let gate = Setup::new().prepare();
    bring(&gate, &[line(4, "one.test", "/"), line(4, "two.test", "/")].concat());
    let (from, to, review, until) = (day(6), day(1), date(90), date(200));
    let hold = ["hold", "add", "--ground", "judicial", "--reference", "PV 2026/44", "--reason", "an order"];
    let about = ["--user", "a.martin", "--from", &from, "--to", &to];
    gate.say(&[&hold[..], &about, &["--review", &review, "--until", &until]].concat());
    let open = ["log", "search", "--json", "--purpose", "security", "--reason", "incident 12", "--host", "one.test"];
    let id = json(&gate.say(&open))[0]["id"].to_string();
    let erase = ["erase", "add", "--yes", "--id", &id, "--ground", "unlawful", "--text", "by mistake"];
    gate.say(&[&erase[..], &["--reference", "DD-2026-0005"]].concat());
    let told = requisition(&gate, "RQ-1", &about);
    let bundle = gate.path("rq/RQ-1.zip");
    assert_eq!(hosts(&entry(&bundle, "records.json")), ["two.test"], "{told}");
    assert_eq!(hosts(&entry(&bundle, "held.json")), ["one.test"], "{told}");
    let inventory = words(&fs::read_to_string(gate.path("rq/RQ-1-inventory.html")).expect("an inventory"));
    assert!(inventory.contains("<dt>Enregistrements trouvés</dt>\n<dd>2</dd>"), "{inventory}");
    gate.say(&["export", "verify", "rq/RQ-1.zip"]);
}

/// The day in so many days.
fn date(ahead: i64) -> String {
    let today = jiff::tz::TimeZone::UTC.to_datetime(jiff::Timestamp::now()).date();
    today.saturating_add(jiff::Span::new().days(ahead)).to_string()
}

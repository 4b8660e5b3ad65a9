//! The day's seal given to others to keep: syslog, e-mail, time stamp; none forgotten by a restart.
use harness::services::smtp::Mode;
use harness::services::timestamp::Manner;
use harness::services::{Smtp, Syslog, Timestamps};
use harness::{Authority, Curl, Gate, LIMIT, Setup, wait};
use serde_json::Value;
use std::fs;

/// Far enough back that the day is over for long, whatever the hour of this test: days are sealed two hours after their
/// end.
const DAYS: u32 = 2;

/// A gate that has recorded something two days ago, and has not run since.
fn gate_with_a_day_to_seal(section: &str) -> Gate {
    let mut gate = Setup::new().config(&format!("[log.anchor]\n{section}")).prepare();
    gate.start_days_ago(DAYS);
    assert_eq!(Curl::through(&gate).get("http://blocked.test/").status, 403);
    gate.terminate();
    assert_eq!(gate.wait().code, Some(0));
    assert!(seals(&gate).is_empty());
    gate
}

/// Entries of a chain of the register.
fn chain(gate: &Gate, name: &str) -> Vec<Value> {
    let text = fs::read_to_string(gate.path("data/register").join(name)).unwrap_or_default();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["entry"].take()).collect()
}

fn seals(gate: &Gate) -> Vec<Value> {
    chain(gate, "seals.jsonl")
}

/// How giving seals away went, as the audit trail has it; in the order of the alphabet.
fn outcomes(gate: &Gate) -> Vec<String> {
    let acts = chain(gate, "audit.jsonl").into_iter().filter(|act| act["act"] == "anchor");
    let mut outcomes: Vec<_> = acts.map(|act| act["scope"]["outcome"].as_str().expect("a text").to_owned()).collect();
    outcomes.sort();
    outcomes
}

fn until_outcomes(gate: &Gate, count: usize) -> Vec<String> {
    wait::until(&format!("{count} outcomes in the audit trail"), LIMIT, || {
        // A search has what was recorded filed, and who files looks at the clock.
        let _ = gate.log();
        Some(outcomes(gate)).filter(|all| all.len() >= count)
    })
}

#[test]
fn three_keepers_get_the_seal_of_a_day_that_is_over() {
    let (siem, authority) = (Syslog::start(None), Timestamps::start(Manner::Honest));
    let mail = Smtp::start(Mode::Plain, &Authority::new(), &["127.0.0.1"]);
    let mut gate = gate_with_a_day_to_seal(&format!(
        "syslog = \"tcp://127.0.0.1:{}\"\nmail = \"seals@example.test\"\nsmtp = \"smtp://127.0.0.1:{}\"\n\
         mail_from = \"gate@example.test\"\ntimestamp = \"{}\"",
        siem.port(),
        mail.port(),
        authority.url()
    ));
    gate.start();
    let outcomes = until_outcomes(&gate, 3);
    for (outcome, said) in
        outcomes.iter().zip(["mail: sent, through ", "syslog: sent, to ", "timestamp: sent, stamped "])
    {
        assert!(outcome.starts_with(said), "{outcomes:#?}");
    }
    let sealed = seals(&gate);
    let (day, root) = (sealed[0]["day"].as_str().expect("a day"), sealed[0]["root"].as_str().expect("a root"));
    assert_eq!(sealed.len(), 1);
    let taken = &siem.until(1)[0];
    assert_eq!((taken.kind.as_str(), taken.program.as_str()), ("seal", "octroi"));
    let told: Value = serde_json::from_str(&taken.text).expect("JSON");
    assert_eq!((&told["day"], &told["root"], &told["count"]), (&day.into(), &root.into(), &1.into()));
    let seal = told["seal"].as_str().expect("a hash");
    let letter = mail.first();
    assert_eq!(letter.to, ["seals@example.test"]);
    assert!([day, root, seal].iter().all(|what| letter.text.contains(what)), "{}", letter.text);
    let token = gate.path("data/register/anchors").join(format!("{day}.tsr"));
    assert!(authority.verifies(&token, seal), "openssl ts -verify");
    assert!(!authority.verifies(&token, &"00".repeat(32)), "and of this seal alone");
    let status: Value = serde_json::from_str(&gate.say(&["status", "--json"])).expect("JSON");
    assert_eq!((&status["outward"]["anchors_sent"], &status["outward"]["anchors_failed"]), (&3.into(), &0.into()));
    assert!(gate.page("/metrics").text().contains("\noctroi_anchor_sent_total 3\n"));
}

#[test]
fn a_seal_that_found_nobody_is_given_away_by_the_next_gate_and_only_there() {
    let authority = Timestamps::start(Manner::Honest);
    let mut siem = Syslog::start(None);
    siem.stop();
    let section = format!("syslog = \"tcp://127.0.0.1:{}\"\ntimestamp = \"{}\"", siem.port(), authority.url());
    let mut gate = gate_with_a_day_to_seal(&section);
    gate.start();
    // One way succeeds, and that is noted although the other is tried for hours.
    let stamped = until_outcomes(&gate, 1);
    assert!(stamped.len() == 1 && stamped[0].starts_with("timestamp: sent"), "{stamped:#?}");
    gate.terminate();
    assert_eq!(gate.wait().code, Some(0), "it does not wait for who is not there");
    siem.resume();
    gate.start();
    let outcomes = until_outcomes(&gate, 2);
    assert!(outcomes.len() == 2 && outcomes[0].starts_with("syslog: sent"), "{outcomes:#?}");
    assert_eq!((siem.until(1).len(), authority.asked(), seals(&gate).len()), (1, 1, 1));
    // Whoever has it is not told again.
    gate.terminate();
    assert_eq!(gate.wait().code, Some(0));
    gate.start();
    Curl::through(&gate).get("http://blocked.test/");
    gate.log_of(2);
    gate.terminate();
    assert_eq!(gate.wait().code, Some(0));
    assert_eq!((siem.taken().len(), authority.asked(), until_outcomes(&gate, 2).len()), (1, 1, 2));
}

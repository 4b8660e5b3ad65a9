//! What the files loosen takes two persons too (`law.md` 8): longer retention, more detail, another purpose, less masked.
use crate::scopes::{by, desk_of, done, no, said, trail};
use harness::{Gate, Setup};

const MASKED: &str = "[masking]\nusers = [\"user7\"]\ndomains = [\"union.test\"]\n";

/// A gate of an operator, an investigator and an approver, with a charter that protects somebody.
fn desk() -> Gate {
    let gate = desk_of(
        Setup::new().config("[log]\nretention_days = 180"),
        &[("o.operator", &["operator"]), ("a.martin", &["investigator"]), ("p.dupont", &["approver"])],
    );
    let charter = std::fs::read_to_string(gate.path("charter.toml")).expect("ours");
    gate.write("charter.toml", format!("{charter}\n{MASKED}"));
    gate
}

fn edit(gate: &Gate, file: &str, from: &str, to: &str) {
    let text = std::fs::read_to_string(gate.path(file)).expect("ours");
    assert!(text.contains(from), "{from} is not in\n{text}");
    gate.write(file, text.replace(from, to));
}

/// Has it asked for by the operator and approved by the approver.
fn approved(gate: &Gate, setting: &str) {
    let number = done(gate, "o.operator", &["scope", "setting", setting, "--reason", "an inquiry takes longer"]);
    assert_eq!(by(gate, "o.operator", &["scope", "approve", &number]).status.code(), Some(1), "one's own");
    done(gate, "p.dupont", &["scope", "approve", &number]);
}

/// What a reload says, which is done.
fn reload(gate: &Gate) -> String {
    let output = gate.octroi(&["reload"]);
    assert!(output.status.success(), "{}", said(&output));
    said(&output)
}

/// What the running gate says at `octroi status`.
fn notes(gate: &Gate) -> String {
    said(&gate.octroi(&["status"]))
}

#[test]
fn what_is_longer_finer_or_for_more_is_in_force_once_another_person_approved_law_8() {
    let mut gate = desk();
    gate.start();
    edit(&gate, "octroi.toml", "retention_days = 180", "retention_days = 365");
    edit(&gate, "octroi.toml", "[log]", "[log]\ndetail = \"path\"");
    edit(&gate, "octroi.toml", "\"judicial\"]", "\"judicial\", \"rights\"]");
    let told = reload(&gate);
    for held in
        ["`[log] retention_days` stays 180", "`[log] detail` stays host", "the purpose `rights` is not declared"]
    {
        let check = said(&gate.octroi(&["check"]));
        for (place, text) in [("reload", &told), ("status", &notes(&gate)), ("log", &gate.printed()), ("check", &check)]
        {
            assert!(text.contains(held), "{held} is not told by {place}: {text}");
        }
    }
    let doctor = said(&gate.octroi(&["doctor", "roles"]));
    assert!(doctor.contains("attend une seconde personne"), "{doctor}");
    let terms = std::fs::read_to_string(gate.path("data/register/terms.jsonl")).expect("terms");
    assert!(terms.contains("180") && !terms.contains("\"days\":365"), "{terms}");
    // As after a power cut.
    gate.terminate();
    gate.wait();
    gate.start();
    assert!(gate.printed().contains("register   180 days, detail host"), "{}", gate.printed());
    // Refused without another person; approved, each by itself.
    approved(&gate, "detail=path");
    gate.say(&["reload"]);
    assert!(!notes(&gate).contains("`[log] detail`") && notes(&gate).contains("`[log] retention_days` stays 180"));
    approved(&gate, "retention_days=365");
    approved(&gate, "purposes=rights");
    gate.say(&["reload"]);
    assert!(!notes(&gate).contains("stays"), "{}", notes(&gate));
    let trail = trail(&gate);
    assert!(trail.contains("\"act\":\"setting\"") && trail.contains("\"after\":\"path\""), "{trail}");
    // Back at once, and forth by two persons again.
    edit(&gate, "octroi.toml", "detail = \"path\"", "detail = \"host\"");
    gate.say(&["reload"]);
    edit(&gate, "octroi.toml", "detail = \"host\"", "detail = \"url\"");
    assert!(reload(&gate).contains("`[log] detail` stays host"));
    gate.terminate();
    gate.wait();
}

#[test]
fn a_charter_that_protects_fewer_is_refused_until_another_person_approved_law_8() {
    let mut gate = desk();
    gate.start();
    edit(&gate, "charter.toml", "users = [\"user7\"]", "users = []");
    let refused = gate.octroi(&["reload"]);
    let told = said(&refused);
    assert!(!refused.status.success() && told.contains("`[masking.users]` has an entry less"), "{told}");
    assert!(!gate.printed().contains("user7"), "no name in the log: {}", gate.printed());
    assert_eq!(gate.octroi(&["check"]).status.code(), Some(2));
    // Whom it protects does not decide, nor whoever asks.
    let number =
        done(&gate, "o.operator", &["scope", "setting", "masking.users=user7", "--reason", "left the council"]);
    assert!(no(&gate, "a.martin", &["scope", "approve", &number]).contains("takes the role approver"));
    done(&gate, "p.dupont", &["scope", "approve", &number]);
    gate.say(&["reload"]);
    // Adding is in force at once; what is unknown is wrong usage.
    edit(&gate, "charter.toml", "users = []", "users = [\"j.petit\"]");
    gate.say(&["reload"]);
    for wrong in ["retention_days=long", "detail=host", "purposes=curiosity", "masking=x", "colour=blue", "detail"] {
        let output = by(&gate, "o.operator", &["scope", "setting", wrong, "--reason", "x"]);
        assert!(output.status.code() == Some(2) && said(&output).contains("retention_days=DAYS"), "{}", said(&output));
    }
    gate.terminate();
    gate.wait();
}

#[test]
fn one_person_loosens_alone_while_no_role_is_given_and_the_trail_has_it() {
    let mut gate = Setup::new().config("[log]\nretention_days = 180\ndetail = \"host\"").prepare();
    gate.start();
    edit(&gate, "octroi.toml", "detail = \"host\"", "detail = \"path\"");
    assert!(!reload(&gate).contains("stays"));
    assert!(trail(&gate).contains("\"act\":\"setting\""), "{}", trail(&gate));
    let output = gate.octroi(&["scope", "setting", "detail=url", "--reason", "x"]);
    assert!(output.status.code() == Some(1) && said(&output).contains("one person acts alone"), "{}", said(&output));
    gate.terminate();
    gate.wait();
}

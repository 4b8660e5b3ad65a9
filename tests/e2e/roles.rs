//! Who has which role (`law.md` 8), whatever whoever has the shell does: passwords set for others, approvers taken away, both sides
//! of an act in one hand.
use crate::identity::{PASSWORD, with_password};
use crate::scopes::{NAMES, add, by, day, desk_of, done, hosts, no, request, said, sign, trail};
use harness::{Gate, Setup};
use serde_json::Value;
use std::io::Write;
use std::process::{Child, Stdio};

/// The number of the request that a refusal names.
fn numbered(said: &str) -> String {
    said.split_whitespace().nth(1).expect("a number").trim_end_matches(':').to_owned()
}

fn desk() -> Gate {
    desk_of(
        Setup::new(),
        &[
            ("o.operator", &["operator"]),
            ("a.martin", &["investigator"]),
            ("j.petit", &[]),
            ("p.dupont", &["approver"]),
        ],
    )
}

/// A second approver, by two persons.
fn second_approver(gate: &Gate) {
    let give = ["user", "role", "j.petit", "--add", "approver"];
    let number = numbered(&no(gate, "o.operator", &give));
    done(gate, "p.dupont", &["scope", "approve", &number]);
    done(gate, "o.operator", &give);
    sign(gate, "j.petit");
}

/// Whoever has the shell sets a password.
fn set(gate: &Gate, name: &str) -> String {
    let set = with_password(gate, &["user", "passwd", name, "--password-stdin"], PASSWORD);
    assert!(set.status.success(), "{}", said(&set));
    said(&set)
}

#[test]
fn a_shell_that_sets_the_passwords_of_who_asks_and_who_approves_reads_no_name() {
    let gate = desk();
    let number = request(&gate, &["--user", "j.petit"]);
    let told = set(&gate, "p.dupont");
    assert!(told.contains("stand still") && told.contains("nobody is left who approves"), "{told}");
    assert!(no(&gate, "p.dupont", &["scope", "approve", &number]).contains("stand still"));
    // Closed and opened again comes to the same.
    gate.say(&["user", "disable", "a.martin"]);
    add(&gate, "a.martin");
    assert!(no(&gate, "a.martin", &NAMES).contains("stand still"));
    sign(&gate, "a.martin");
    sign(&gate, "p.dupont");
    assert!(no(&gate, "p.dupont", &["scope", "approve", &number]).contains("stand still"), "a signature is not enough");
    let trail = trail(&gate);
    assert!(trail.contains("\"roles\":\"suspended\"") && trail.contains("\"change\":\"opened\""), "{trail}");
    let doctor = said(&gate.octroi(&["doctor", "roles"]));
    assert!(doctor.contains("les rôles de a.martin sont suspendus") && doctor.contains("personne ne peut"), "{doctor}");
}

#[test]
fn roles_that_stand_still_are_given_anew_by_another_person_and_signed_for_anew() {
    let gate = desk();
    set(&gate, "a.martin");
    let give = ["user", "role", "a.martin", "--add", "investigator"];
    assert_eq!(gate.octroi(&give).status.code(), Some(1), "the shell alone does not");
    let number = numbered(&no(&gate, "a.martin", &give));
    assert!(no(&gate, "a.martin", &give).contains("waits"));
    done(&gate, "p.dupont", &["scope", "approve", &number]);
    done(&gate, "a.martin", &give);
    assert!(no(&gate, "a.martin", &NAMES).contains("octroi user undertake a.martin"));
    sign(&gate, "a.martin");
    request(&gate, &["--user", "j.petit"]);
}

#[test]
fn who_proves_to_be_the_holder_by_the_password_before_keeps_the_roles() {
    let gate = desk();
    let new = "Une-Autre-Phrase-7-Longue";
    let change = ["user", "passwd", "p.dupont", "--as", "p.dupont", "--password-stdin"];
    let wrong = with_password(&gate, &change, &format!("not it\n{new}"));
    assert_eq!(wrong.status.code(), Some(1), "{}", said(&wrong));
    let other = ["user", "passwd", "p.dupont", "--as", "a.martin", "--password-stdin"];
    assert_eq!(with_password(&gate, &other, &format!("{PASSWORD}\n{new}")).status.code(), Some(2));
    let changed = with_password(&gate, &change, &format!("{PASSWORD}\n{new}"));
    assert!(changed.status.success() && !said(&changed).contains("stand still"), "{}", said(&changed));
    let number = request(&gate, &["--user", "j.petit"]);
    let approve = ["scope", "approve", &number, "--as", "p.dupont", "--password-stdin"];
    let approved = with_password(&gate, &approve, new);
    assert!(approved.status.success(), "{}", said(&approved));
}

#[test]
fn an_approver_whom_nobody_can_agree_to_is_announced_first_and_a_clock_set_forward_shortens_nothing() {
    let gate = desk();
    set(&gate, "p.dupont");
    add(&gate, "b.durand");
    let give = ["user", "role", "b.durand", "--add", "approver"];
    let announced = gate.octroi(&give);
    assert!(announced.status.code() == Some(1) && said(&announced).contains("is announced"), "{}", said(&announced));
    let mut later = gate.command(&give);
    later
        .env("LD_PRELOAD", "/usr/$LIB/faketime/libfaketime.so.1")
        .env("FAKETIME", "+80h")
        .env("DONT_FAKE_MONOTONIC", "1");
    let later = later.output().expect("it ends");
    assert!(later.status.code() == Some(1) && said(&later).contains("is announced"), "{}", said(&later));
    assert!(trail(&gate).contains("\"announced\":\"approver\""), "{}", trail(&gate));
    assert!(said(&gate.octroi(&["doctor", "roles"])).contains("b.durand est annoncé"));
    let rights = gate.octroi(&["user", "role", "b.durand", "--add", "rights"]);
    assert_eq!(rights.status.code(), Some(1), "no other role that way: {}", said(&rights));
}

#[test]
fn two_removals_at_once_leave_an_approver_and_the_shell_gives_no_first_role_again() {
    let gate = desk();
    second_approver(&gate);
    let remove = |name: &str, who: &str| -> Child {
        let args = ["user", "role", name, "--remove", "approver", "--as", who, "--password-stdin"];
        let mut command = gate.command(&args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("started");
        writeln!(child.stdin.take().expect("piped"), "{PASSWORD}").expect("it reads");
        child
    };
    let both = [remove("j.petit", "p.dupont"), remove("p.dupont", "j.petit")];
    let both = both.map(|child| child.wait_with_output().expect("it ends"));
    assert_eq!(both.iter().filter(|output| output.status.success()).count(), 1, "{both:?}");
    let listed: Value = serde_json::from_str(&gate.say(&["user", "list", "--json"])).expect("JSON");
    let approvers =
        listed.as_array().expect("a list").iter().filter(|one| one["roles"].to_string().contains("approver"));
    let approvers: Vec<&str> = approvers.filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(approvers.len(), 1, "{listed}");
    let left = approvers[0];
    assert!(no(&gate, left, &["user", "role", left, "--remove", "approver"]).contains("by another approver"));
    // A disabled account is no approver: it is announced, not given.
    gate.say(&["user", "disable", left]);
    add(&gate, "b.durand");
    for role in ["approver", "investigator"] {
        let given = gate.octroi(&["user", "role", "b.durand", "--add", role]);
        assert_eq!(given.status.code(), Some(1), "{role}: {}", said(&given));
    }
}

#[test]
fn nobody_gets_both_sides_of_an_act_of_two_persons() {
    let gate = desk_of(
        Setup::new(),
        &[("a.martin", &["investigator"]), ("r.rights", &["rights"]), ("j.petit", &["judicial"])],
    );
    for (name, role, why) in [
        ("a.martin", "approver", "asks for names and approves"),
        ("a.martin", "rights", "decides how far a scope reaches"),
        ("r.rights", "investigator", "decides how far a scope reaches"),
        ("r.rights", "approver", "their own desk"),
        ("j.petit", "approver", "their own desk"),
    ] {
        let given = gate.octroi(&["user", "role", name, "--add", role]);
        assert!(given.status.code() == Some(1) && said(&given).contains(why), "{name} {role}: {}", said(&given));
    }
    add(&gate, "a.other");
    done(&gate, "r.rights", &["user", "link", "a.martin", "--account", "a.other"]);
    let given = gate.octroi(&["user", "role", "a.other", "--add", "approver"]);
    assert!(given.status.code() == Some(1) && said(&given).contains("the same person's"), "{}", said(&given));
    assert_eq!(by(&gate, "a.martin", &NAMES).status.code(), Some(1));
}

#[test]
fn an_account_that_the_rights_desk_links_after_the_approval_is_not_opened() {
    let gate = desk_of(
        Setup::new(),
        &[("r.rights", &["rights"]), ("a.martin", &["investigator"]), ("p.dupont", &["approver"])],
    );
    let number = request(&gate, &["--user", "j.petit"]);
    done(&gate, "p.dupont", &["scope", "approve", &number]);
    done(&gate, "r.rights", &["user", "link", "j.petit", "--account", "user7"]);
    let shown = done(&gate, "a.martin", &NAMES);
    assert!(hosts(&shown) == ["a.test", "b.test"] && !shown.contains("user7"), "{shown}");
    // Asked for anew, it is in what is approved, and the approver sees it.
    let wider = request(&gate, &["--user", "j.petit"]);
    assert!(done(&gate, "p.dupont", &["scope", "show", &wider]).contains("user7 is j.petit's"));
    done(&gate, "p.dupont", &["scope", "approve", &wider]);
    assert_eq!(hosts(&done(&gate, "a.martin", &NAMES)), ["a.test", "a.test", "b.test"]);
}

#[test]
fn nobody_asks_for_everybody_and_a_second_glass_waits_for_the_review_of_the_first() {
    let gate = desk();
    let (from, to, long, endless) = (day(3), day(0), day(40), day(3000));
    let asks = ["scope", "request", "--purpose", "security", "--reason", "x"];
    let glass = ["scope", "break-glass", "--incident", "1", "--reason", "x"];
    for about in [["--client", "0.0.0.0/0"], ["--client", "10.0.0.0/23"], ["--client", "fd00::/63"], ["--host", "com"]]
    {
        for command in [&asks[..], &glass[..]] {
            let refused = no(&gate, "a.martin", &[command, &about, &["--from", &from, "--to", &to]].concat());
            assert!(refused.contains("everybody"), "{about:?}: {refused}");
        }
    }
    let before = [&asks[..], &["--user", "j.petit", "--from", &endless, "--to", &to, "--longer-because", "x"]].concat();
    let before = by(&gate, "a.martin", &before);
    assert!(before.status.code() == Some(2) && said(&before).contains("records are kept for"), "{}", said(&before));
    fn of<'a>(glass: &[&'a str], from: &'a str, to: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        [glass, &["--user", "j.petit", "--from", from, "--to", to], more].concat()
    }
    let forty = no(&gate, "a.martin", &of(&glass, &long, &to, &["--longer-because", "x"]));
    assert!(forty.contains("without a second person"), "{forty}");
    let number = done(&gate, "a.martin", &of(&glass, &from, &to, &[]));
    assert!(no(&gate, "a.martin", &of(&glass, &from, &to, &[])).contains("nobody has reviewed it"));
    done(&gate, "p.dupont", &["scope", "review", &number, "--text", "justified"]);
    done(&gate, "a.martin", &of(&glass, &from, &to, &[]));
}

#[test]
fn a_person_who_turns_out_to_hold_both_sides_is_named_by_the_doctor_law_8() {
    let gate = desk_of(
        Setup::new(),
        &[("a.martin", &["investigator"]), ("r.rights", &["rights"]), ("p.dupont", &["approver"])],
    );
    assert!(!said(&gate.octroi(&["doctor", "roles"])).contains("les deux côtés"));
    done(&gate, "r.rights", &["user", "link", "a.martin", "--account", "p.dupont"]);
    let doctor = said(&gate.octroi(&["doctor", "roles"]));
    assert_eq!(doctor.matches("les deux côtés").count(), 1, "{doctor}");
    assert!(doctor.contains("investigator (a.martin)") && doctor.contains("approver (p.dupont)"), "{doctor}");
}

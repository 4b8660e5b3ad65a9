//! Names opened alone in a security incident (`law.md` 8): loud, reviewed by somebody else, told by mail.
use crate::scopes::{NAMES, day, desk, desk_of, done, hosts, no, trail};
use harness::services::Smtp;
use harness::services::smtp::Mode;
use harness::{Authority, LIMIT, Setup, wait};

#[test]
fn break_glass_is_for_security_alone_loud_and_reviewed_by_somebody_else() {
    let mut gate = desk();
    gate.start();
    let (from, to) = (day(3), day(0));
    let glass = [
        "scope",
        "break-glass",
        "--incident",
        "INC-7",
        "--reason",
        "ransomware",
        "--user",
        "j.petit",
        "--from",
        &from,
        "--to",
        &to,
    ];
    let number = done(&gate, "a.martin", &glass);
    assert_eq!(hosts(&done(&gate, "a.martin", &NAMES)), ["a.test", "b.test"]);
    wait::until("the alarm in the gate's log", LIMIT, || gate.printed().contains("break-glass").then_some(()));
    for told in [gate.say(&["status"]), gate.printed()] {
        assert!(told.contains("without a second person"), "{told}");
        assert!(
            !told.contains("j.petit") && !told.contains("a.martin") && !told.contains("ransomware"),
            "no name: {told}"
        );
    }
    let listed = done(&gate, "p.dupont", &["scope", "list"]);
    assert!(listed.contains("break-glass") && listed.contains("review due until"), "{listed}");
    assert!(gate.say(&["doctor", "roles"]).contains("sans revue écrite"));
    assert!(trail(&gate).contains("\"act\":\"break-glass\""));
    assert!(no(&gate, "a.martin", &["scope", "review", &number, "--text", "fine"]).contains("takes the role approver"));
    done(&gate, "p.dupont", &["scope", "review", &number, "--text", "justified"]);
    assert!(!gate.say(&["status"]).contains("without a second person"));
    assert!(done(&gate, "p.dupont", &["scope", "list"]).contains(", reviewed"));
    assert!(no(&gate, "p.dupont", &["scope", "review", &number, "--text", "again"]).contains("nothing to review"));
    gate.terminate();
    gate.wait();
}

#[test]
fn the_alarm_of_a_broken_glass_is_written_at_once_to_dpo_and_approvers_and_names_nobody_law_8() {
    let mail = Smtp::start(Mode::Plain, &Authority::new(), &["127.0.0.1"]);
    let post = format!("smtp = \"smtp://127.0.0.1:{}\"\nmail_from = \"gate@example.test\"", mail.port());
    let setup = Setup::new().config(&format!(
        "[organisation]\ndpo = \"dpo@example.test\"\n[roles]\nalarm = [\"p.dupont@example.test\"]\n[log.anchor]\n{post}"
    ));
    let mut gate = desk_of(setup, &[("a.martin", &["investigator"]), ("p.dupont", &["approver"])]);
    gate.start();
    let glass = ["scope", "break-glass", "--incident", "INC-7", "--reason", "ransomware", "--user", "j.petit"];
    let (from, to) = (day(3), day(0));
    let number = done(&gate, "a.martin", &[&glass[..], &["--from", &from, "--to", &to]].concat());
    let letters = wait::until("two letters", LIMIT, || Some(mail.letters()).filter(|letters| letters.len() == 2));
    let to: Vec<&str> = letters.iter().flat_map(|letter| letter.to.iter().map(String::as_str)).collect();
    assert_eq!(to, ["dpo@example.test", "p.dupont@example.test"]);
    for letter in &letters {
        assert!(letter.text.contains(&format!("octroi scope review {number}")), "{}", letter.text);
        for name in ["a.martin", "j.petit", "p.dupont", "ransomware"] {
            assert!(!letter.text.contains(name) && !letter.subject.contains(name), "{}", letter.text);
        }
    }
    wait::until("what was written is noted", LIMIT, || trail(&gate).contains("mail: sent, through").then_some(()));
    // Nobody is written to twice.
    gate.terminate();
    gate.wait();
    gate.start();
    gate.say(&["status"]);
    assert!(gate.printed().contains("without a second person"), "{}", gate.printed());
    gate.terminate();
    gate.wait();
    assert_eq!(mail.letters().len(), 2);
}

#[test]
fn an_alarm_that_cannot_be_written_is_an_alarm_itself_and_stops_nothing_law_8() {
    for (section, why) in [
        (
            "[log.anchor]\nsmtp = \"smtp://127.0.0.1:1\"\nmail_from = \"gate@example.test\"",
            "is not written to everybody",
        ),
        ("", "`[log.anchor]` lacks smtp and mail_from"),
    ] {
        let setup = Setup::new().config(&format!("[organisation]\ndpo = \"dpo@example.test\"\n{section}"));
        let mut gate = desk_of(setup, &[("a.martin", &["investigator"]), ("p.dupont", &["approver"])]);
        gate.start();
        let glass = ["scope", "break-glass", "--incident", "INC-7", "--reason", "ransomware", "--user", "j.petit"];
        let (from, to) = (day(3), day(0));
        done(&gate, "a.martin", &[&glass[..], &["--from", &from, "--to", &to]].concat());
        assert_eq!(hosts(&done(&gate, "a.martin", &NAMES)), ["a.test", "b.test"]);
        wait::until("the trouble in the status", LIMIT, || gate.say(&["status"]).contains(why).then_some(()));
        assert!(!gate.printed().contains("dpo@example.test"), "{}", gate.printed());
        gate.terminate();
        gate.wait();
    }
}

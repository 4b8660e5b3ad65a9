//! Seals given to rsyslog, to a mail server and to `openssl ts`.

use super::*;
use harness::Authority;
use harness::services::smtp::Mode;
use harness::services::timestamp::Manner;
use harness::services::{Smtp, Syslog, Timestamps};
use std::os::unix::fs::PermissionsExt as _;

/// Fails at once, but for one more attempt.
const HASTE: Patience = Patience { first: Duration::from_millis(1), longest: Duration::from_millis(1), attempts: 2 };

struct Gate {
    dir: tempfile::TempDir,
    config: Config,
    counts: Counts,
}

impl Gate {
    /// A gate that knows its servers by names; `authority` vouches for them.
    fn of(section: &str, authority: Option<&Authority>) -> Gate {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("octroi.toml");
        let ca_file = if let Some(authority) = authority {
            std::fs::write(dir.path().join("ca.pem"), authority.pem()).expect("written");
            "ca_file = \"ca.pem\""
        } else {
            ""
        };
        let text = format!(
            "data_dir = \"data\"\n[dns]\nhosts = {{ \"mail.test\" = [\"127.0.0.1\"] }}\n[log.anchor]\n{ca_file}\n{section}\n"
        );
        std::fs::write(&path, text).expect("written");
        let (config, _) = Config::load(Some(&path)).expect("good");
        Gate { dir, config, counts: Counts::default() }
    }

    fn letters(smtp: &str, authority: Option<&Authority>) -> Gate {
        Gate::of(
            &format!("mail = \"seals@example.test\"\nsmtp = \"{smtp}\"\nmail_from = \"gate@example.test\""),
            authority,
        )
    }

    async fn send(&self, notice: &SealNotice) -> Vec<Outcome> {
        let on = |way| send_patiently(&self.config, notice, way, &self.counts, HASTE);
        let (syslog, mail, timestamp) = tokio::join!(on(Way::Syslog), on(Way::Mail), on(Way::Timestamp));
        [syslog, mail, timestamp].into_iter().flatten().collect()
    }

    fn stamps(&self) -> PathBuf {
        self.dir.path().join("data/register/anchors")
    }
}

fn notice(seal: u8) -> SealNotice {
    let (node, day) = ("gate1".to_owned(), "2026-11-23".to_owned());
    SealNotice { node, day, count: 1234, root: "ab".repeat(32), seal: [seal; 32] }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_stamp_is_kept_whole_and_openssl_verifies_it() {
    let authority = Timestamps::start(Manner::Honest);
    let gate = Gate::of(&format!("timestamp = \"{}\"", authority.url()), None);
    let outcomes = gate.send(&notice(7)).await;
    assert!(matches!(&outcomes[..], [Outcome { way: Way::Timestamp, result: Ok(_) }]), "{outcomes:?}");
    assert!(outcomes[0].to_string().starts_with("timestamp: sent, stamped 20"), "{}", outcomes[0]);
    let file = gate.stamps().join("2026-11-23.tsr");
    assert!(authority.verifies(&file, &"07".repeat(32)));
    assert!(!authority.verifies(&file, &"08".repeat(32)));
    assert_eq!(std::fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
    // The same seal again asks nobody; another of the same day leaves the first in its place.
    gate.send(&notice(7)).await;
    assert_eq!((authority.asked(), gate.counts.read()), (1, (2, 0)));
    gate.send(&notice(8)).await;
    assert!(authority.verifies(&file, &"08".repeat(32)));
    assert!(authority.verifies(&gate.stamps().join("2026-11-23.1.tsr"), &"07".repeat(32)));
    assert_eq!(std::fs::read_dir(gate.stamps()).expect("listed").count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_answer_the_question_is_not_kept() {
    for (manner, why) in [
        (Manner::Replaying, "the time stamp answers another question"),
        (Manner::Refusing, "the authority refuses: Message digest algorithm is not supported."),
    ] {
        let authority = Timestamps::start(manner);
        let gate = Gate::of(&format!("timestamp = \"{}\"", authority.url()), None);
        let outcomes = gate.send(&notice(7)).await;
        assert_eq!(outcomes, [Outcome { way: Way::Timestamp, result: Err(why.to_owned()) }]);
        assert_eq!((authority.asked(), gate.counts.read()), (2, (0, 1)), "it is tried again, then given up");
        assert!(!gate.stamps().exists());
    }
    let elsewhere = Timestamps::start(Manner::Honest);
    let gate = Gate::of(&format!("timestamp = \"{}\"", elsewhere.url().replace("stamp", "elsewhere")), None);
    let outcomes = gate.send(&notice(7)).await;
    assert!(outcomes[0].to_string().ends_with("/elsewhere answered 400 Bad Request"), "{}", outcomes[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_is_none_names_no_file() {
    let authority = Timestamps::start(Manner::Honest);
    let gate = Gate::of(&format!("timestamp = \"{}\"", authority.url()), None);
    let outcomes = gate.send(&SealNotice { day: "../../keys/x".to_owned(), ..notice(7) }).await;
    assert_eq!(outcomes[0].to_string(), "timestamp: failed, \"../../keys/x\" is no day");
    assert_eq!(authority.asked(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_says_the_seal_in_two_languages_and_nothing_else() {
    let server = Smtp::start(Mode::Plain, &Authority::new(), &["127.0.0.1"]);
    let gate = Gate::letters(&format!("smtp://127.0.0.1:{}", server.port()), None);
    let outcomes = gate.send(&notice(7)).await;
    assert_eq!(outcomes[0].result, Ok(format!("through smtp://127.0.0.1:{}", server.port())));
    let letter = server.first();
    assert_eq!((letter.from.as_str(), letter.to), ("gate@example.test", vec!["seals@example.test".to_owned()]));
    assert_eq!(letter.subject, "Octroi, gate1, 2026-11-23 (sceau / seal)");
    assert_eq!(letter.automatic, "auto-generated");
    for text in ["est scellé pour la journée du 2026-11-23", "1234 enregistrements", "is sealed", "1234 records"] {
        assert!(letter.text.contains(text), "{}", letter.text);
    }
    for hash in ["ab".repeat(32), "07".repeat(32)] {
        assert_eq!(letter.text.matches(&hash).count(), 2, "{}", letter.text);
    }
    assert!(letter.text.lines().all(|line| line.chars().count() < 100), "{}", letter.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_encrypted_when_the_server_offers_it_and_can_be_believed() {
    let authority = Authority::new();
    for (mode, scheme) in [(Mode::StartTls, "smtp"), (Mode::Smtps, "smtps")] {
        let server = Smtp::start(mode, &authority, &["mail.test"]);
        let url = format!("{scheme}://mail.test:{}", server.port());
        let outcomes = Gate::letters(&url, None).send(&notice(7)).await;
        let why = outcomes[0].result.clone().expect_err("nobody vouches for it");
        assert!(why.contains("certificate"), "{why}");
        assert_eq!(server.letters(), []);
        let outcomes = Gate::letters(&url, Some(&authority)).send(&notice(7)).await;
        assert!(outcomes[0].result.is_ok(), "{outcomes:?}");
        assert!(server.first().encrypted);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_way_that_fails_keeps_no_other_from_succeeding() {
    let authority = Authority::new();
    let server = Syslog::start(Some(&authority));
    let nobody = harness::ports::free();
    let section = format!("syslog = \"tls://127.0.0.1:{}\"\ntimestamp = \"http://127.0.0.1:{nobody}/\"", server.port());
    let gate = Gate::of(&section, Some(&authority));
    let outcomes = gate.send(&notice(7)).await;
    assert_eq!(outcomes[0].result, Ok(format!("to tls://127.0.0.1:{}", server.port())));
    assert_eq!(outcomes[1].result, Err("Connection refused (os error 111)".to_owned()));
    for way in Way::ALL {
        assert_eq!(way.is_wanted(&gate.config), way != Way::Mail);
        let succeeded = outcomes.iter().any(|outcome| way.has_succeeded(&outcome.to_string()));
        assert_eq!(succeeded, way == Way::Syslog, "{outcomes:?}");
    }
    assert_eq!(gate.counts.read(), (1, 1));
    let taken = server.until(1).remove(0);
    assert_eq!((taken.priority, taken.kind.as_str(), taken.data.as_str()), (133, "seal", "-"));
    let said: serde_json::Value = serde_json::from_str(&taken.text).expect("JSON");
    let (root, seal) = ("ab".repeat(32), "07".repeat(32));
    let expected = serde_json::json!({
        "node": "gate1", "day": "2026-11-23", "count": 1234, "root": root, "seal": seal,
    });
    assert_eq!(said, expected);
    assert_eq!(Gate::of("", None).send(&notice(7)).await, []);
}

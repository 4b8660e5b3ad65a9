//! Who asks: accounts by Basic, names given to addresses.
use harness::{Answer, Curl, Gate, Origin, Setup};
use std::io::Write;
use std::process::{Output, Stdio};

pub(crate) const PASSWORD: &str = "Cheval-Correct-4-Agrafe";

/// Runs a command that reads a password.
pub(crate) fn with_password(gate: &Gate, args: &[&str], password: &str) -> Output {
    let mut child = gate
        .command(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary can be started");
    let mut stdin = child.stdin.take().expect("it is piped");
    writeln!(stdin, "{password}").expect("the command reads its standard input");
    drop(stdin);
    child.wait_with_output().expect("the command ends")
}

fn gate_with_accounts() -> Gate {
    let mut gate = Setup::new().config("[identity]\nmethods = [\"basic\"]").prepare();
    for name in ["a.martin", "p.dupont"] {
        let added = with_password(&gate, &["user", "add", name, "--password-stdin"], PASSWORD);
        assert!(added.status.success(), "{added:?}");
    }
    gate.start();
    gate
}

#[test]
fn a_client_is_asked_for_its_account_and_recorded_under_it() {
    let gate = gate_with_accounts();
    let origin = Origin::http(|_| Answer::ok("hello"));
    let url = origin.url("allowed.test", "/");
    let asked = Curl::through(&gate).get(&url);
    assert_eq!(
        (asked.status, asked.field("proxy-authenticate")),
        (407, Some("Basic realm=\"Octroi\", charset=\"UTF-8\""))
    );
    assert!(asked.text().contains("<html"), "a page for people");
    assert_eq!(origin.connections(), 0);

    let let_in = Curl::through(&gate).as_user("A.Martin", PASSWORD).get(&url);
    assert_eq!((let_in.status, let_in.text().as_str()), (200, "hello"));
    assert_eq!(origin.seen()[0].head.field("proxy-authorization"), None, "credentials stop at the gate");

    let records = gate.log_search(&["--user", "a.martin"]);
    assert_eq!(records.len(), 1);
    assert_eq!((records[0].user.as_deref(), records[0].auth.as_str()), (Some("a.martin"), "basic"));
}

#[test]
fn tunnels_ask_too() {
    let gate = gate_with_accounts();
    let origin = Origin::http(|_| Answer::ok("through"));
    let to = format!("allowed.test:{}", origin.port());
    assert_eq!(gate.client().connect_to(&to).expect("an answer").status(), 407);
    let through = Curl::through(&gate).as_user("p.dupont", PASSWORD).args(["--proxytunnel"]);
    let brought = through.get(&origin.url("allowed.test", "/"));
    assert_eq!((brought.connect_status, brought.text().as_str()), (200, "through"));
    // The tunnel, and the request that could be read in it.
    let mut methods: Vec<_> =
        gate.log_search(&["--user", "p.dupont"]).into_iter().map(|record| record.method).collect();
    methods.sort();
    assert_eq!(methods, ["CONNECT", "GET"]);
}

#[test]
fn who_does_not_prove_it_stays_outside() {
    let gate = gate_with_accounts();
    let origin = Origin::http(|_| Answer::ok("never"));
    let url = origin.url("allowed.test", "/");
    for (name, password) in [("a.martin", "wrong"), ("nobody", PASSWORD), ("", ""), ("a.martin", "")] {
        assert_eq!(Curl::through(&gate).as_user(name, password).get(&url).status, 407, "{name:?} {password:?}");
    }
    for nonsense in ["Basic", "Basic !!!", "Basic YQ==", "Bearer abc", "Negotiate abc"] {
        let status = Curl::through(&gate).field("Proxy-Authorization", nonsense).get(&url).status;
        assert!([400, 407].contains(&status), "{nonsense}: {status}");
    }
    assert_eq!(origin.connections(), 0);
}

#[test]
fn an_account_is_disabled_and_changed_while_the_gate_runs() {
    let gate = gate_with_accounts();
    let origin = Origin::http(|_| Answer::ok("hello"));
    let url = origin.url("allowed.test", "/");
    let status = |password: &str| Curl::through(&gate).as_user("a.martin", password).get(&url).status;
    assert_eq!(status(PASSWORD), 200);
    let changed =
        with_password(&gate, &["user", "passwd", "a.martin", "--password-stdin"], "Une-Autre-Phrase-7-Longue");
    assert!(changed.status.success(), "{changed:?}");
    assert_eq!((status(PASSWORD), status("Une-Autre-Phrase-7-Longue")), (407, 200));
    gate.say(&["user", "disable", "a.martin"]);
    assert_eq!(status("Une-Autre-Phrase-7-Longue"), 407);
    let listed = gate.say(&["user", "list"]);
    assert!(listed.contains("a.martin") && listed.contains("p.dupont") && !listed.contains("argon2"), "{listed}");
}

#[test]
fn weak_passwords_are_refused_and_none_is_kept_in_the_clear() {
    let gate = gate_with_accounts();
    let refused = with_password(&gate, &["user", "add", "j.petit", "--password-stdin"], "motdepasse");
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    fn holds(folder: &std::path::Path, text: &str) -> bool {
        std::fs::read_dir(folder).expect("the folder is readable").flatten().any(|entry| match entry.path() {
            path if path.is_dir() => holds(&path, text),
            path => std::fs::read(path).is_ok_and(|bytes| bytes.windows(text.len()).any(|w| w == text.as_bytes())),
        })
    }
    assert!(!holds(&gate.path("data"), PASSWORD));
    assert!(holds(&gate.path("data"), "$argon2id$"), "kept as argon2id");
}

#[test]
fn rules_know_who_asks() {
    let charter = format!(
        "{}\n[groups.direction]\nusers = [\"p.dupont\"]\n",
        harness::setup::CHARTER
            .replace("categories = [\"interdit\"]", "categories = [\"interdit\"]\nexcept_groups = [\"direction\"]")
    );
    let mut gate = Setup::new().config("[identity]\nmethods = [\"basic\"]").charter(&charter).prepare();
    for name in ["a.martin", "p.dupont"] {
        assert!(with_password(&gate, &["user", "add", name, "--password-stdin"], PASSWORD).status.success());
    }
    gate.start();
    let origin = Origin::http(|_| Answer::ok("for some"));
    let url = origin.url("blocked.test", "/");
    assert_eq!(Curl::through(&gate).as_user("a.martin", PASSWORD).get(&url).status, 403);
    assert_eq!(Curl::through(&gate).as_user("p.dupont", PASSWORD).get(&url).status, 200);
}

#[test]
fn an_address_may_have_a_name() {
    let gate = Setup::new().config("[identity.address.names]\n\"127.0.0.1\" = \"poste-accueil\"").start();
    let origin = Origin::http(|_| Answer::ok(""));
    Curl::through(&gate).get(&origin.url("allowed.test", "/"));
    let record = &gate.log_of(1)[0];
    assert_eq!((record.user.as_deref(), record.auth.as_str()), (Some("poste-accueil"), "address"));
}

#[test]
fn names_are_pseudonyms_until_a_purpose_is_given() {
    let gate = gate_with_accounts();
    let origin = Origin::http(|_| Answer::ok(""));
    Curl::through(&gate).as_user("a.martin", PASSWORD).get(&origin.url("allowed.test", "/"));
    gate.log_of(1);
    let shown = gate.say(&["log", "search", "--json"]);
    assert!(!shown.contains("a.martin") && !shown.contains("127.0.0.1\",\"method"), "{shown}");
    assert!(shown.contains("\"p-") && shown.contains("\"a-"), "{shown}");
    let undeclared = gate.octroi(&["log", "search", "--purpose", "curiosity", "--reason", "none"]);
    assert_eq!(undeclared.status.code(), Some(2), "{undeclared:?}");
    let without_reason = gate.octroi(&["log", "search", "--user", "a.martin"]);
    assert_eq!(without_reason.status.code(), Some(2), "{without_reason:?}");
}

//! Local accounts: guesses slowed down, files of accounts, passwords that are to be changed first, destinations that ask nobody.
use crate::identity::{PASSWORD, with_password};
use harness::curl::Brought;
use harness::raw::{self, Client};
use harness::{Answer, Authority, Curl, Gate, LIMIT, Origin, Setup, wait};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener};
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const OTHER: &str = "Une-Autre-Phrase-7-Longue";
const PAGE: &str = "http://compte.octroi.internal/";

fn basic(more: &str) -> Setup {
    Setup::new().config("[identity]\nmethods = [\"basic\"]").config(more)
}

fn with_accounts(setup: Setup, names: &[&str]) -> Gate {
    let mut gate = setup.prepare();
    for name in names {
        let added = with_password(&gate, &["user", "add", name, "--password-stdin"], PASSWORD);
        assert!(added.status.success(), "{added:?}");
    }
    gate.start();
    gate
}

/// A client on one connection, from that address.
fn client(gate: &Gate, from: IpAddr) -> Client {
    Client::connect_from(from, gate.proxy()).expect("the proxy accepts connections")
}

fn guess(client: &mut Client, name: &str, password: &str) -> u16 {
    use std::fmt::Write as _;
    let token: String = {
        // Basic, without a library for it: `name:password` in base 64.
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut out = String::new();
        for chunk in format!("{name}:{password}").as_bytes().chunks(3) {
            let bits = chunk.iter().fold(0u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
            for place in 0..4 {
                let letter = LETTERS[(bits >> (18 - 6 * place)) as usize & 63];
                let _ = if place <= chunk.len() { write!(out, "{}", letter as char) } else { write!(out, "=") };
            }
        }
        out
    };
    let request = format!(
        "GET http://blocked.test/ HTTP/1.1\r\nHost: blocked.test\r\nProxy-Authorization: Basic {token}\r\n\r\n"
    );
    client.send(request).expect("sent");
    client.response("GET").expect("an answer").status()
}

fn metric(gate: &Gate, name: &str) -> u64 {
    let page = gate.page("/metrics").text();
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{name}: {page}"))
}

#[test]
fn a_thousand_guesses_let_nobody_in_and_lock_nobody_out() {
    let mut gate = with_accounts(basic(""), &["a.martin", "p.dupont"]);
    let [desk, thief, cafe] = [[127, 0, 0, 11], [127, 0, 0, 66], [127, 0, 0, 12]].map(IpAddr::from);
    let mut at_work = client(&gate, desk);
    assert_eq!(guess(&mut at_work, "a.martin", PASSWORD), 403, "known, and refused by the charter alone");
    let (mut stranger, began) = (client(&gate, thief), Instant::now());
    let mut slowest = Duration::ZERO;
    for n in 0..1000 {
        assert_eq!(guess(&mut stranger, "a.martin", &format!("guess {n}")), 407);
        if n % 100 == 0 {
            // Remembered, on the same connection and on another.
            let asked = Instant::now();
            assert_eq!(guess(&mut at_work, "a.martin", PASSWORD), 403, "after {n} guesses");
            assert_eq!(guess(&mut client(&gate, desk), "a.martin", PASSWORD), 403);
            slowest = slowest.max(asked.elapsed());
        }
    }
    let (took, looked_at) = (began.elapsed(), metric(&gate, "octroi_passwords_wrong_total"));
    let waited = metric(&gate, "octroi_passwords_waiting_total{by=\"account\"}");
    eprintln!(
        "1000 guesses in {took:?}: {looked_at} looked at; the slowest two requests of who was at work {slowest:?}"
    );
    // Three are free; a fourth after a second, and so on: how many were looked at is how long it took.
    assert!(looked_at <= 3 + 1 + took.as_secs(), "{looked_at} in {took:?}");
    assert_eq!(looked_at + waited, 1000, "each was counted once");
    // At the address of who is at work, too, guesses find nothing out for long.
    let mut beside = client(&gate, desk);
    for n in 0..150 {
        assert_eq!(guess(&mut beside, "a.martin", &format!("more {n}")), 407);
    }
    assert_eq!(guess(&mut at_work, "a.martin", PASSWORD), 407, "locked there as well, for a while");
    // Somebody else at the same address, and the same person at an address where they are not known.
    assert_eq!(guess(&mut stranger, "p.dupont", PASSWORD), 403);
    // Twelve by now, whatever the clock of this machine was doing.
    fail(&gate, 12, jiff::Timestamp::now());
    assert_eq!(guess(&mut client(&gate, cafe), "a.martin", PASSWORD), 407, "a stranger there, who waits as all do");
    // A restart forgets neither: who guesses waits.
    gate.terminate();
    gate.wait();
    gate.start();
    assert_eq!(guess(&mut client(&gate, thief), "a.martin", "guess again"), 407);
    assert_eq!(metric(&gate, "octroi_passwords_wrong_total"), 0, "it was not looked at");
    assert_eq!(guess(&mut client(&gate, desk), "a.martin", PASSWORD), 407, "and there");
    gate.say(&["user", "unlock", "a.martin"]);
    assert_eq!(guess(&mut client(&gate, desk), "a.martin", PASSWORD), 403);
    assert_eq!(guess(&mut client(&gate, cafe), "a.martin", PASSWORD), 403);
    assert_eq!(gate.octroi(&["user", "unlock", "nobody"]).status.code(), Some(1));
}

#[test]
fn the_tenth_wrong_password_of_a_day_locks_and_the_administrator_reads_of_it_without_names() {
    let gate = with_accounts(basic(""), &["a.martin"]);
    let mut stranger = client(&gate, IpAddr::from([127, 0, 0, 66]));
    assert_eq!(guess(&mut stranger, "a.martin", "guess"), 407);
    let kept = read(&gate, "accounts.failures");
    assert!(!kept.contains("martin") && !kept.contains("127.0.0") && !kept.contains("guess"), "{kept}");
    // As nine of them would have left it, some minutes ago: what is on the disk counts.
    fail(&gate, 9, jiff::Timestamp::now() - Duration::from_secs(600));
    set(&gate, "changed", "2020-01-01T00:00:00Z");
    assert_eq!(guess(&mut stranger, "a.martin", "another"), 407);
    let listed = gate.say(&["user", "list"]);
    assert!(listed.contains("locked to strangers until"), "{listed}");
    wait::until("a line for the administrator", LIMIT, || {
        gate.printed().contains("an account had too many wrong passwords").then_some(())
    });
    assert!(!gate.printed().contains("a.martin") && !gate.printed().contains("127.0.0.66"), "{}", gate.printed());
}

fn read(gate: &Gate, file: &str) -> String {
    std::fs::read_to_string(gate.path("data").join(file)).expect("kept")
}

/// Replaces a file of the data folder as the gate itself does, whole.
fn replace(gate: &Gate, file: &str, with: &Value) {
    gate.write("data/new", with.to_string());
    std::fs::rename(gate.path("data/new"), gate.path("data").join(file)).expect("replaced");
}

/// Has every account failed so often, the last time then, wherever somebody is known.
fn fail(gate: &Gate, count: u32, last: jiff::Timestamp) {
    let mut failures: Value = serde_json::from_str(&read(gate, "accounts.failures")).expect("JSON");
    let failed = json!({ "count": count, "last": last.to_string() });
    for account in failures["accounts"].as_object_mut().expect("accounts").values_mut() {
        account["failures"] = failed.clone();
        for known in
            account.get_mut("known").and_then(Value::as_object_mut).into_iter().flat_map(|known| known.values_mut())
        {
            known["failures"] = failed.clone();
        }
    }
    replace(gate, "accounts.failures", &failures);
}

/// Sets a field of a.martin's account.
fn set(gate: &Gate, field: &str, to: &str) {
    let mut accounts: Value = serde_json::from_str(&read(gate, "accounts.json")).expect("JSON");
    accounts["accounts"]["a.martin"][field] = to.into();
    replace(gate, "accounts.json", &accounts);
}

#[test]
fn an_address_that_tries_many_names_waits_alone() {
    let gate = with_accounts(basic(""), &["a.martin"]);
    let [thief, desk] = [[127, 0, 0, 66], [127, 0, 0, 11]].map(IpAddr::from);
    let mut stranger = client(&gate, thief);
    for n in 0..40 {
        assert_eq!(guess(&mut stranger, &format!("user{n}"), PASSWORD), 407);
    }
    assert!(metric(&gate, "octroi_passwords_waiting_total{by=\"address\"}") > 0);
    wait::until("a line for the administrator", LIMIT, || {
        gate.printed().contains("an address sent too many wrong passwords").then_some(())
    });
    assert_eq!(guess(&mut client(&gate, desk), "a.martin", PASSWORD), 403);
}

#[test]
fn the_accounts_of_a_file_are_opened_all_or_none() {
    let mut gate = basic("").prepare();
    let long = "a".repeat(300);
    gate.write("bad.csv", format!("name,password\na.martin,{PASSWORD}\n{long},{PASSWORD}\na.\u{202e}x,{PASSWORD}\na.martin,{OTHER}\nb,motdepasse\n"));
    let refused = gate.octroi(&["user", "import", "bad.csv"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    for (line, what) in [(3, "1 to 64 letters"), (4, "\\u{202e}"), (5, "stands on line 2"), (6, "would try")] {
        let problem = said.lines().find(|said| said.starts_with(&format!("bad.csv:{line}: ")));
        assert!(problem.is_some_and(|problem| problem.contains(what)), "{line}: {said}");
    }
    assert!(said.contains("no account was opened") && !said.contains('\u{202e}'), "{said}");
    assert_eq!(gate.say(&["user", "list", "--json"]).trim(), "[]");
    gate.write("latin.csv", b"name,password\n\xe9lodie,x\n");
    let said = String::from_utf8_lossy(&gate.octroi(&["user", "import", "latin.csv"]).stderr).into_owned();
    assert!(said.contains("line 2 is not UTF-8") && said.contains("CSV UTF-8"), "{said}");

    gate.write("good.csv", format!("\u{feff}nom;mot de passe\r\nP.Dupont;\"{PASSWORD}\"\r\n"));
    gate.say(&["user", "import", "good.csv", "--keep-passwords"]);
    // As Apache's own program writes it.
    let htpasswd = |args: &[&str]| {
        let made = Command::new("htpasswd").args(args).current_dir(gate.folder()).output();
        assert!(made.expect("htpasswd is there: tests/run installs it").status.success(), "{args:?}");
    };
    htpasswd(&["-cbB", "htpasswd", "a.martin", PASSWORD]);
    gate.say(&["user", "import", "htpasswd", "--keep-passwords"]);
    for (option, form) in [("-cbm", "$apr1$"), ("-cbs", "SHA-1"), ("-cbd", "DES"), ("-cb2", "SHA-256")] {
        htpasswd(&[option, "old", "j.petit", "Cheval-4"]);
        let refused = gate.octroi(&["user", "import", "old"]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains("old:1: `j.petit`") && said.contains(form) && said.contains("htpasswd -B"), "{said}");
    }
    gate.start();
    let origin = Origin::http(|_| Answer::ok("hello"));
    let url = origin.url("allowed.test", "/");
    for name in ["a.martin", "p.dupont"] {
        assert_eq!(Curl::through(&gate).as_user(name, "wrong").get(&url).status, 407, "{name}");
        assert_eq!(Curl::through(&gate).as_user(name, PASSWORD).get(&url).status, 200, "{name}");
    }
    let kept = std::fs::read_to_string(gate.path("data/accounts.json")).expect("kept");
    assert!(!kept.contains("$2y$") && kept.matches("$argon2id$").count() == 2, "{kept}");
    let again = gate.octroi(&["user", "import", "htpasswd"]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("`a.martin` has an account"), "{again:?}");
}

/// The form's token, as the page shows it.
fn token(page: &str) -> String {
    let value = page.split("name=\"token\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    value.unwrap_or_else(|| panic!("no token: {page}")).to_owned()
}

fn post(gate: &Gate, password: &str, fields: &[(&str, &str)]) -> Brought {
    let mut curl = Curl::through(gate).as_user("a.martin", password).field("Accept-Language", "fr");
    for (name, value) in fields {
        curl = curl.args(["--data-urlencode", &format!("{name}={value}")]);
    }
    curl.get(PAGE)
}

#[test]
fn who_was_given_a_password_reaches_the_page_that_changes_it_and_nothing_else() {
    let mut gate = basic("").prepare();
    let added = with_password(&gate, &["user", "add", "a.martin", "--must-change", "--password-stdin"], PASSWORD);
    assert!(added.status.success(), "{added:?}");
    let listed = gate.say(&["user", "list"]);
    assert!(listed.contains("has to choose a password"), "{listed}");
    gate.start();
    let origin = Origin::http(|_| Answer::ok("hello"));
    let url = origin.url("allowed.test", "/");
    let asked = |password: &str| Curl::through(&gate).as_user("a.martin", password).field("Accept-Language", "fr");
    let refused = asked(PASSWORD).get(&url);
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains(&format!("<a href=\"{PAGE}\">")), "{}", refused.text());
    assert_eq!(asked(PASSWORD).args(["--proxytunnel"]).get(&url).connect_status, 403);
    assert_eq!(origin.connections(), 0);
    let records = gate.log_search(&["--user", "a.martin"]);
    assert!(records.iter().all(|record| record.rule.as_deref() == Some("gate:password")), "{records:?}");

    let page = asked(PASSWORD).get(PAGE);
    assert_eq!((page.status, page.field("cache-control")), (200, Some("no-store")));
    let policy = page.field("content-security-policy").expect("a policy");
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self'"), "{policy}");
    let text = page.text();
    assert!(text.contains("choisi par quelqu’un d’autre") && !text.contains("<script"), "{text}");
    assert!(
        Curl::through(&gate)
            .as_user("a.martin", PASSWORD)
            .field("Accept-Language", "en")
            .get(PAGE)
            .text()
            .contains("chosen by somebody else")
    );
    assert_eq!(Curl::through(&gate).get(PAGE).status, 407, "a page for whom it is about");

    let token = token(&text);
    let form = |token: &str, current: &str, new: &str, again: &str| {
        let answer = post(&gate, PASSWORD, &[("token", token), ("current", current), ("new", new), ("again", again)]);
        assert_eq!(answer.status, 422, "{current} {new}");
        answer.text()
    };
    for (text, said) in [
        (form("", PASSWORD, OTHER, OTHER), "trop longtemps"),
        (form(&"0".repeat(64), PASSWORD, OTHER, OTHER), "trop longtemps"),
        (form(&token, "another", OTHER, OTHER), "mot de passe actuel n’est pas"),
        (form(&token, PASSWORD, OTHER, PASSWORD), "diffèrent"),
        (form(&token, PASSWORD, PASSWORD, PASSWORD), "est l’ancien"),
        (form(&token, PASSWORD, "motdepasse", "motdepasse"), "chacun essaierait"),
        (form(&token, PASSWORD, "Vive-Martin-2026", "Vive-Martin-2026"), "nom de votre compte"),
        (form(&token, PASSWORD, "aB3$efgh", "aB3$efgh"), "trop simple"),
    ] {
        assert!(
            text.contains(said)
                && text.contains("role=\"alert\"")
                && text.contains("aria-invalid=\"true\"") == (said != "trop longtemps"),
            "{said}: {text}"
        );
    }
    let huge = post(&gate, PASSWORD, &[("token", &token), ("new", &"x".repeat(20_000))]);
    assert_eq!(huge.status, 422);
    for (method, path, status) in [("PUT", "", 405), ("GET", "else", 404)] {
        assert_eq!(
            asked(PASSWORD).args(["--request", method]).get(&format!("{PAGE}{path}")).status,
            status,
            "{method}"
        );
    }
    assert_eq!(asked(PASSWORD).get(&url).status, 403, "nothing was changed");

    let done = post(&gate, PASSWORD, &[("token", &token), ("current", PASSWORD), ("new", OTHER), ("again", OTHER)]);
    assert_eq!(done.status, 200, "{}", done.text());
    assert!(done.text().contains("est changé"), "{}", done.text());
    assert_eq!((asked(PASSWORD).get(&url).status, asked(OTHER).get(&url).status), (407, 200));
    let twice = post(&gate, OTHER, &[("token", &token), ("current", OTHER), ("new", PASSWORD), ("again", PASSWORD)]);
    assert_eq!(twice.status, 422, "a token holds for one password");
    let kept = std::fs::read_to_string(gate.path("data/accounts.json")).expect("kept");
    assert!(!kept.contains("must_change"), "{kept}");
}

#[test]
fn commands_do_nothing_under_a_password_that_another_chose() {
    let gate = basic("").start();
    let run = |args: &[&str], password: &str| with_password(&gate, args, password);
    assert!(run(&["user", "add", "a.martin", "--must-change", "--password-stdin"], PASSWORD).status.success());
    let refused = run(&["user", "undertake", "a.martin", "--password-stdin"], PASSWORD);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success(), "{said}");
    let refused = run(&["audit", "--as", "a.martin", "--password-stdin"], PASSWORD);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("octroi user passwd a.martin --as a.martin"), "{said}");
    let changed =
        run(&["user", "passwd", "a.martin", "--as", "a.martin", "--password-stdin"], &format!("{PASSWORD}\n{OTHER}"));
    assert!(changed.status.success(), "{changed:?}");
}

#[test]
fn a_password_that_is_too_old_is_changed_first_where_the_organisation_wants_it() {
    let mut gate = basic("[identity.basic]\nchange_after_days = 90").prepare();
    assert!(with_password(&gate, &["user", "add", "a.martin", "--password-stdin"], PASSWORD).status.success());
    let checked = gate.octroi(&["check"]);
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(checked.status.success() && said.contains("2022-100"), "{said}");
    gate.start();
    let origin = Origin::http(|_| Answer::ok("hello"));
    let url = origin.url("allowed.test", "/");
    let status = || Curl::through(&gate).as_user("a.martin", PASSWORD).get(&url).status;
    assert_eq!(status(), 200);
    set(&gate, "changed", "2020-01-01T00:00:00Z");
    assert_eq!(status(), 403);
    let page = Curl::through(&gate).as_user("a.martin", PASSWORD).field("Accept-Language", "en").get(PAGE).text();
    assert!(page.contains("has reached the age"), "{page}");
}

#[test]
fn some_destinations_ask_nobody_who_they_are_and_the_charter_decides_all_the_same() {
    // A parent proxy stands for the web: these destinations have the usual ports alone.
    let web = Origin::http(|seen| {
        Answer::ok(format!("{} {}", seen.target(), seen.head.field("proxy-authorization").is_some()))
    });
    let charter = format!(
        "{}\n",
        harness::setup::CHARTER.replace("[\"blocked.test\"]", "[\"blocked.test\", \"bad.updates.test\"]")
    );
    let setup = basic(&format!(
        "[identity]\nexempt = [\"*.updates.test\", \"ocsp.test\"]\n[upstream]\nparent = \"http://127.0.0.1:{}\"",
        web.port()
    ))
    .charter(&charter);
    let gate = with_accounts(setup, &["a.martin"]);
    let curl = Curl::through(&gate);
    for host in ["updates.test", "a.b.updates.test", "ocsp.test"] {
        assert_eq!(curl.get(&format!("http://{host}/x")).text(), format!("http://{host}/x false"));
    }
    // Whatever is given is not looked at.
    assert_eq!(curl.clone().as_user("a.martin", "wrong").get("http://ocsp.test/").status, 200);
    for (url, status) in [
        ("http://bad.updates.test/", 403),
        ("http://other.test/", 407),
        ("http://myupdates.test/", 407),
        ("http://updates.test:8080/", 407),
    ] {
        assert_eq!(curl.get(url).status, status, "{url}");
    }
    let records = gate.log_of(5);
    assert!(records.iter().all(|record| record.user.is_none() && record.auth == "address"), "{records:?}");
    for wrong in ["com", "*", "10.0.0.1", "a b"] {
        let refused = basic(&format!("[identity]\nexempt = [\"{wrong}\"]")).prepare().octroi(&["check"]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(2) && said.contains("exempt"), "{wrong}: {said}");
    }
}

#[test]
fn a_tunnel_for_which_nobody_was_asked_leads_to_no_other_name() {
    // A parent proxy that opens every tunnel and listens to what comes.
    let parent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = parent.local_addr().expect("bound").port();
    let (tell, heard) = mpsc::channel();
    thread::spawn(move || {
        for mut stream in parent.incoming().map_while(Result::ok) {
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
                head.push(byte[0]);
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            let mut first = [0; 64];
            let _ = tell.send(stream.read(&mut first).unwrap_or(0));
        }
    });
    let config = format!("[identity]\nexempt = [\"updates.test\"]\n[upstream]\nparent = \"http://127.0.0.1:{port}\"");
    let gate = with_accounts(basic(&config), &["a.martin"]);
    let authority = Authority::new();
    for (name, passes) in [("www.updates.test", true), ("elsewhere.test", false)] {
        let mut client = gate.client();
        assert_eq!(client.connect_to("updates.test:443").expect("an answer").status(), 200, "nobody is asked");
        client.send(raw::hello(authority.client(), name)).expect("sent");
        if !passes {
            assert_eq!(client.rest().expect("the gate ends the tunnel"), [21, 3, 3, 0, 2, 2, 49], "access_denied");
        }
        assert_eq!(heard.recv_timeout(LIMIT).expect("a tunnel") > 0, passes, "{name}");
    }
    assert_eq!(gate.client().connect_to("other.test:443").expect("an answer").status(), 407);
    let rules: Vec<_> = gate.log_of(2).into_iter().filter_map(|record| record.rule).collect();
    assert_eq!(rules, ["gate:identity"]);
}

//! Budgets of the charter: minutes and bytes, used up in the middle, given anew at midnight and not by a restart.
use crate::identity::{PASSWORD, with_password};
use crate::warning::keep;
use harness::{Answer, Authority, Browser, Curl, Gate, LIMIT, Origin, Setup, wait};
use serde_json::Value;

fn charter(budget: &str) -> String {
    format!(
        r#"
        title = "Charte d'essai"
        version = "credit"
        [categories.video]
        label = {{ fr = "Vidéos", en = "Videos" }}
        domains = ["allowed.test"]
        [[rule]]
        id = "videos"
        article = "4"
        action = "budget"
        {budget}
        categories = ["video"]
        reason = {{ fr = "La ligne est partagée.", en = "The line is shared." }}
        "#
    )
}

fn setup(budget: &str) -> Setup {
    Setup::new().charter(&charter(budget)).config("time_zone = \"UTC\"")
}

const MEGABYTE: &str = "bytes = \"1MB\"\nper = \"day\"";

#[test]
fn bytes_are_had_until_there_is_none_left_and_a_page_says_so() {
    let gate = setup(MEGABYTE).start();
    let origin = Origin::http(|_| Answer::zeros(600_000));
    let url = origin.url("allowed.test", "/");
    let curl = || Curl::through(&gate).field("Accept-Language", "fr");
    assert_eq!(curl().get(&url).body.len(), 600_000);
    let cut = curl().get(&url);
    assert!(cut.exit != 0 && cut.body.len() < 500_000, "cut: {} bytes, {}", cut.body.len(), cut.complaint);
    let shown = curl().get(&url);
    let page = shown.text();
    assert_eq!(shown.status, 403);
    for told in ["1\u{a0}Mo aujourd’hui", "La ligne est partagée.", "Vidéos", ", article 4", "à 00:00", "CNIL"] {
        assert!(page.contains(told), "{told}:\n{page}");
    }
    assert_eq!(origin.seen().len(), 2);
    let records = gate.log_of(3);
    let told: Vec<_> = records.iter().map(|r| (r.action.as_str(), r.outcome.as_str(), r.status)).collect();
    assert_eq!(
        told,
        [("budget", "completed", Some(200)), ("budget", "refused", Some(200)), ("budget", "refused", Some(403))]
    );
    // The figure is the person's: nobody else is told.
    for told in [gate.page("/metrics").text(), gate.say(&["status", "--json"]), gate.printed()] {
        assert!(!told.contains("videos"), "{told}");
    }
}

#[test]
fn a_tunnel_is_cut_when_the_budget_is_used_up_within_it() {
    let gate = setup(MEGABYTE).start();
    let authority = Authority::new();
    let origin = Origin::https(&authority, &["allowed.test"], |_| Answer::zeros(50_000_000));
    let url = origin.url_tls("allowed.test", "/");
    let cut = Curl::through(&gate).args(["--insecure"]).get(&url);
    assert_eq!(cut.connect_status, 200);
    assert!(cut.exit != 0 && cut.body.len() < 1_000_000, "{} bytes, {}", cut.body.len(), cut.complaint);
    assert_eq!(Curl::through(&gate).args(["--insecure"]).get(&url).connect_status, 403);
    let records = gate.log_of(2);
    assert!(records.iter().all(|r| r.action == "budget" && r.outcome == "refused"), "{records:#?}");
    assert_eq!(records[0].bytes_sent + records[0].bytes_received, 1_000_000, "{:?}", records[0]);
}

#[test]
fn what_is_answered_may_be_counted() {
    let charter = "[[rule]]\nid = \"videos\"\naction = \"budget\"\nbytes = \"1MB\"\nmedia_types = [\"video/*\"]\n";
    let gate = Setup::new().charter(charter).start();
    let origin = Origin::http(|seen| match seen.target() {
        "/video" => Answer::with("200 OK", &[("Content-Type", "video/mp4")], vec![0; 700_000]),
        _ => Answer::zeros(700_000),
    });
    let length = |path: &str| Curl::through(&gate).get(&origin.url("allowed.test", path)).body.len();
    assert_eq!(length("/video"), 700_000);
    let cut = length("/video");
    assert!(cut < 400_000, "{cut}");
    assert_eq!(Curl::through(&gate).get(&origin.url("allowed.test", "/video")).status, 403);
    assert_eq!(length("/page"), 700_000, "what is no video is not counted");
}

#[test]
fn two_persons_on_one_address_have_each_their_own() {
    let mut gate = setup(MEGABYTE).config("[identity]\nmethods = [\"basic\"]").prepare();
    for name in ["a.martin", "p.dupont"] {
        assert!(with_password(&gate, &["user", "add", name, "--password-stdin"], PASSWORD).status.success());
    }
    gate.start();
    let origin = Origin::http(|_| Answer::zeros(1_000_000));
    let url = origin.url("allowed.test", "/");
    let got = |name: &str| Curl::through(&gate).as_user(name, PASSWORD).get(&url);
    got("a.martin");
    assert_eq!(got("a.martin").status, 403);
    assert_eq!(got("p.dupont").status, 200);
}

#[test]
fn a_minute_counts_once_and_midnight_gives_anew() {
    let mut gate = setup("time = \"2m\"").prepare();
    let origin = Origin::http(|_| Answer::ok("a video"));
    let url = origin.url("allowed.test", "/");
    // Twenty minutes of the gate pass in a minute.
    gate.start_at("@2026-11-25 23:55:10 x20");
    let status = |gate: &Gate| Curl::through(gate).get(&url).status;
    assert_eq!(status(&gate), 200);
    wait::until("the second minute is over", LIMIT, || (status(&gate) == 403).then_some(()));
    wait::until("midnight has come", LIMIT, || (status(&gate) == 200).then_some(()));
    let records = gate.log();
    let minutes: std::collections::BTreeSet<&str> =
        records.iter().filter(|r| r.outcome == "completed").map(|r| &r.opened_at[..16]).collect();
    let before = minutes.iter().filter(|minute| minute.starts_with("2026-11-25")).count();
    assert_eq!(before, 2, "{minutes:?}");
    assert!(records.iter().any(|r| r.outcome == "refused" && r.opened_at.starts_with("2026-11-25T23:5")));
}

#[test]
fn a_restart_gives_nothing_anew() {
    let mut gate = setup("time = \"1m\"").prepare();
    let origin = Origin::http(|_| Answer::ok("a video"));
    let url = origin.url("allowed.test", "/");
    gate.start_at("@2026-11-25 10:00:00");
    assert_eq!(Curl::through(&gate).get(&url).status, 200);
    gate.terminate();
    assert_eq!(gate.wait().code, Some(0));
    gate.start_at("@2026-11-25 11:00:00");
    assert_eq!(Curl::through(&gate).get(&url).status, 403);
    let state = std::fs::read_to_string(gate.path("data/terms.json")).expect("there is one");
    assert!(state.contains("spent") && !state.contains("videos") && !state.contains("127.0.0.1"), "{state}");
    gate.terminate();
    gate.wait();
    gate.start_at("@2026-11-26 00:00:01");
    assert_eq!(Curl::through(&gate).get(&url).status, 200, "another day");
}

#[test]
fn a_browser_shows_that_nothing_is_left() {
    let gate = setup("time = \"1m\"").prepare();
    let mut gate = gate;
    let origin = Origin::http(|_| Answer::ok("a video"));
    let url = origin.url("allowed.test", "/");
    gate.start_at("@2026-11-25 10:00:58");
    assert_eq!(Curl::through(&gate).get(&url).status, 200);
    wait::until("the minute is over", LIMIT, || (Curl::through(&gate).get(&url).status == 403).then_some(()));
    for (language, told) in [("fr", "Crédit épuisé"), ("en", "Allowance used up")] {
        let mut open = Browser::by_pac(&format!("http://{}/proxy.pac", gate.console())).language(language).open();
        open.go(&url);
        open.shows(told);
        let picture = format!("budget-{language}.png");
        open.picture(&gate.path(&picture), (1000, 1000));
        keep(&gate, &[&picture]);
    }
    let said: Value = serde_json::from_str(&gate.say(&["explain", &url, "--json"])).expect("JSON");
    assert_eq!((&said["action"], &said["terms"]), (&"budget".into(), &"1m per day".into()));
}

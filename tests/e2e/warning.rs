//! Warnings of the charter: read, acknowledged, gone on behind; forged, foreign, expired.
use crate::identity::{PASSWORD, with_password};
use harness::{Answer, Authority, Browser, Curl, Gate, Origin, Setup, raw};
use serde_json::Value;

const CHARTER: &str = r#"
title = "Charte d'essai"
version = "avertir"
[categories.reseaux]
label = { fr = "Réseaux sociaux", en = "Social networks" }
domains = ["allowed.test", "other.test"]
[[rule]]
id = "reseaux"
article = "4"
action = "warn"
acknowledge = "2h"
categories = ["reseaux"]
reason = { fr = "Ces sites sont admis pour un usage bref.", en = "These sites are for brief use." }
[[rule]]
id = "inconnus"
action = "warn"
methods = ["POST"]
domains = ["post.test"]
"#;

const HTML: &[(&str, &str)] = &[("Content-Type", "text/html; charset=utf-8")];

fn setup() -> Setup {
    Setup::new().charter(CHARTER).config("[organisation]\nname = \"Société Exemple\"\ncontact = \"dsi@exemple.fr\"")
}

fn with_accounts(setup: Setup) -> Gate {
    let mut gate = setup.config("[identity]\nmethods = [\"basic\"]").prepare();
    for name in ["a.martin", "p.dupont"] {
        assert!(with_password(&gate, &["user", "add", name, "--password-stdin"], PASSWORD).status.success());
    }
    gate.start();
    gate
}

/// Where the page's form goes.
fn action(page: &str) -> String {
    let (_, behind) = page.split_once("action=\"").unwrap_or_else(|| panic!("no form:\n{page}"));
    behind.split('"').next().expect("a value").replace("&#38;", "&")
}

fn post(curl: Curl, url: &str) -> harness::curl::Brought {
    curl.args(["--request", "POST", "--data", ""]).get(url)
}

#[test]
fn a_warning_says_why_and_one_goes_on_knowingly_law_15() {
    let gate = setup().start();
    let origin = Origin::http(|_| Answer::ok("the site"));
    let url = origin.url("allowed.test", "/page?a=b");
    let curl = || Curl::through(&gate).field("Accept-Language", "fr");
    let shown = curl().get(&url);
    let page = shown.text();
    assert_eq!((shown.status, shown.field("proxy-status")), (403, Some("octroi; error=http_request_denied")));
    for told in [
        "Ces sites sont admis pour un usage bref.",
        "Réseaux sociaux",
        ", article 4",
        "<code>reseaux</code>",
        "dsi@exemple.fr",
        "2\u{a0}heures",
        "ni un consentement, ni la reconnaissance d’une faute",
        "CNIL",
    ] {
        assert!(page.contains(told), "{told}:\n{page}");
    }
    let policy = shown.field("content-security-policy").expect("a policy").to_owned();
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("script"), "{policy}");
    assert_eq!(origin.connections(), 0, "nothing has left");

    let went = post(curl(), &action(&page));
    assert_eq!((went.status, went.field("location")), (303, Some(url.as_str())));
    for url in [&url, &origin.url("other.test", "/")] {
        assert_eq!(curl().get(url).text(), "the site", "the rest of the category too: {url}");
    }
    assert_eq!(origin.seen().len(), 2);

    let records = gate.log_of(4);
    let told: Vec<_> =
        records.iter().map(|r| (r.method.as_str(), r.action.as_str(), r.outcome.as_str(), r.status)).collect();
    assert_eq!(
        told,
        [
            ("GET", "warn", "refused", Some(403)),
            ("ACKNOWLEDGE", "warn", "completed", Some(303)),
            ("GET", "warn", "completed", Some(200)),
            ("GET", "warn", "completed", Some(200)),
        ]
    );
    assert_eq!(records[1].host.as_deref(), Some("allowed.test"));
    assert!(records.iter().all(|r| r.rule.as_deref() == Some("reseaux") && r.article.as_deref() == Some("4")));
}

#[test]
fn a_tunnel_is_acknowledged_at_the_desk() {
    let gate = setup().start();
    let authority = Authority::new();
    let origin = Origin::https(&authority, &["allowed.test"], |_| Answer::ok("the site"));
    let url = origin.url_tls("allowed.test", "/");
    let curl = || Curl::through(&gate).args(["--insecure"]).field("Accept-Language", "en");
    let shown = curl().get(&url);
    assert_eq!(shown.connect_status, 403);
    let mut client = gate.client();
    let answer = client.connect_to(&format!("allowed.test:{}", origin.port())).expect("an answer");
    assert!(answer.text().contains("http://octroi.internal/?site="), "{}", answer.text());

    let desk = curl().get("http://octroi.internal/");
    assert!(desk.status == 200 && desk.text().contains("name=\"site\""), "{}", desk.text());
    let page = curl().get(&format!("http://octroi.internal/?site=https%3A%2F%2Fallowed.test%3A{}%2F", origin.port()));
    assert!(page.status == 200 && page.text().contains("These sites are for brief use."), "{}", page.text());
    let went = post(curl(), &action(&page.text()));
    assert_eq!((went.status, went.field("location")), (303, Some(url.as_str())));
    assert_eq!(curl().get(&url).text(), "the site");
    let again = curl().get("http://octroi.internal/?site=allowed.test").text();
    assert!(again.contains("or you have read it"), "{again}");
    assert!(curl().get("http://octroi.internal/?site=un+deux").text().contains("not the address of a site"));
    assert_eq!(curl().get("http://octroi.internal/elsewhere").status, 400);
    let records = gate.log();
    let tunnels: Vec<_> = records.iter().filter(|r| r.method == "CONNECT").map(|r| r.outcome.as_str()).collect();
    assert_eq!(tunnels, ["refused", "refused", "completed"]);
    assert!(
        records.iter().any(|r| r.host.as_deref() == Some("octroi.internal") && r.rule.as_deref() == Some("gate:desk"))
    );
}

#[test]
fn what_is_forged_foreign_or_asked_by_another_site_acknowledges_nothing() {
    let gate = with_accounts(setup());
    let origin = Origin::http(|_| Answer::ok("the site"));
    let url = origin.url("allowed.test", "/");
    let martin = || Curl::through(&gate).as_user("a.martin", PASSWORD);
    let dupont = || Curl::through(&gate).as_user("p.dupont", PASSWORD);
    let offer = action(&martin().get(&url).text());
    // Two persons on one address: what one was shown is not the other's, nor is what one acknowledged.
    assert_eq!(post(dupont(), &offer).status, 403);
    let forged = [
        "http://octroi.internal/continue".to_owned(),
        "http://octroi.internal/continue?".to_owned(),
        format!("{}A", offer),
        offer.replace("continue?", "continue?A"),
        format!("http://octroi.internal/continue?{}", "A".repeat(6000)),
    ];
    for url in &forged {
        assert_eq!(post(martin(), url).status, 403, "{url}");
    }
    // A link, an image or a frame of another site can only ask by GET; a form of its own has no offer.
    assert_eq!(martin().get(&offer).status, 400);
    let form = martin().args(["--request", "POST", "--data", "site=allowed.test"]).field("Origin", "http://evil.test");
    assert_eq!(form.get("http://octroi.internal/continue").status, 403);
    // The desk's name is not the desk inside a tunnel to somewhere else.
    assert_eq!(martin().get(&url).status, 403, "nothing was acknowledged");
    assert_eq!(origin.connections(), 0);

    assert_eq!(post(martin(), &offer).status, 303);
    assert_eq!(martin().get(&url).text(), "the site");
    assert_eq!(dupont().get(&url).status, 403, "the other is still asked");
    let acknowledged: Vec<_> = gate.log().into_iter().filter(|r| r.method == "ACKNOWLEDGE").collect();
    assert_eq!(acknowledged.len(), 1);
}

#[test]
fn a_restart_keeps_what_was_acknowledged_and_time_ends_it() {
    let mut gate = setup().prepare();
    let origin = Origin::http(|_| Answer::ok("the site"));
    let url = origin.url("allowed.test", "/");
    gate.start_at("@2026-11-25 10:00:00");
    let offer = action(&Curl::through(&gate).get(&url).text());
    let later = |gate: &mut Gate, clock: &str| {
        gate.terminate();
        assert_eq!(gate.wait().code, Some(0));
        gate.start_at(clock);
    };
    later(&mut gate, "@2026-11-25 10:31:00");
    let went = post(Curl::through(&gate), &offer);
    assert_eq!(
        (went.status, went.field("location")),
        (303, Some(url.as_str())),
        "too old: back to where one was going"
    );
    let page = Curl::through(&gate).get(&url);
    assert_eq!(page.status, 403, "which shows the warning again");
    assert_eq!(post(Curl::through(&gate), &action(&page.text())).status, 303);
    assert_eq!(Curl::through(&gate).get(&url).status, 200);
    let state = std::fs::read_to_string(gate.path("data/terms.json")).expect("there is one");
    assert!(state.contains("acknowledged") && !state.contains("allowed") && !state.contains("127.0.0.1"), "{state}");
    later(&mut gate, "@2026-11-25 12:30:00");
    assert_eq!(Curl::through(&gate).get(&url).status, 200, "kept");
    later(&mut gate, "@2026-11-25 12:32:00");
    assert_eq!(Curl::through(&gate).get(&url).status, 403, "two hours are over");
}

#[test]
fn what_is_masked_stays_masked_when_a_rule_merely_warns_law_3() {
    let masked = format!("{CHARTER}\n[masking]\ncategories = [\"reseaux\"]\n");
    let gate = setup().charter(&masked).start();
    let origin = Origin::http(|_| Answer::ok("the site"));
    let url = origin.url("allowed.test", "/");
    let page = Curl::through(&gate).get(&url);
    assert_eq!(post(Curl::through(&gate), &action(&page.text())).status, 303);
    assert_eq!(Curl::through(&gate).get(&url).status, 200);
    let records = gate.log_of(3);
    assert!(records.iter().all(|r| r.masked.as_deref() == Some("category") && r.host.is_none()), "{records:#?}");
}

#[test]
fn the_words_are_known_to_check_and_explain() {
    let expected =
        format!("{CHARTER}\n[[expect]]\nurl = \"http://allowed.test/\"\naction = \"warn\"\nrule = \"reseaux\"\n");
    let gate = setup().charter(&expected).start();
    gate.say(&["check"]);
    let said: Value = serde_json::from_str(&gate.say(&["explain", "http://allowed.test/", "--json"])).expect("JSON");
    assert_eq!(
        (&said["action"], &said["rule"], &said["terms"]),
        (&"warn".into(), &"reseaux".into(), &"acknowledge 2h".into())
    );
}

#[test]
fn a_browser_reads_the_warning_and_goes_on() {
    let gate = setup().start();
    let authority = Authority::new();
    let plain = Origin::http(|_| Answer::with("200 OK", HTML, "<p>the plain site</p>"));
    let secure = Origin::https(&authority, &["other.test"], |_| Answer::with("200 OK", HTML, "<p>the secure site</p>"));
    for (language, told, name) in
        [("fr", "J’ai lu, continuer vers", "warning-fr"), ("en", "I have read this", "warning-en")]
    {
        let mut open = Browser::by_pac(&format!("http://{}/proxy.pac", gate.console())).language(language).open();
        open.go(&plain.url("allowed.test", "/"));
        open.shows(told);
        open.picture(&gate.path(&format!("{name}.png")), (1000, 1100));
        open.go("http://octroi.internal/");
        open.shows(if language == "fr" { "Adresse du site" } else { "Address of the site" });
        open.picture(&gate.path(&format!("desk-{language}.png")), (1000, 700));
        keep(&gate, &[&format!("{name}.png"), &format!("desk-{language}.png")]);
    }
    let pac = format!("http://{}/proxy.pac", gate.console());
    let mut open = Browser::by_pac(&pac).trusting(&authority).language("en").open();
    open.go("http://octroi.internal/");
    open.shows("Address of the site");
    open.fill("site", &secure.url_tls("other.test", "/"));
    open.click("button");
    open.shows("These sites are for brief use.");
    open.click("button");
    open.shows("the secure site");
    // One acknowledgement is for all of the category.
    open.go(&plain.url("allowed.test", "/"));
    open.shows("the plain site");
}

/// Leaves pictures where `OCTROI_PICTURES` says, for whoever wants to look at them.
pub(crate) fn keep(gate: &Gate, pictures: &[&str]) {
    if let Some(folder) = std::env::var_os("OCTROI_PICTURES") {
        for picture in pictures {
            std::fs::copy(gate.path(picture), std::path::Path::new(&folder).join(picture)).expect("a folder");
        }
    }
}

#[test]
fn another_site_cannot_frame_the_warning() {
    let gate = setup().start();
    let origin = Origin::http(|_| Answer::ok("the site"));
    let framed = origin.url("allowed.test", "/");
    let frame =
        Origin::http(move |_| Answer::with("200 OK", HTML, format!("<p>evil</p><iframe src=\"{framed}\"></iframe>")));
    let mut open = Browser::by_pac(&format!("http://{}/proxy.pac", gate.console())).language("en").open();
    open.go(&frame.url("blocked.test", "/"));
    open.shows("evil");
    let inside = open.ask("window.frames.length && document.querySelector('iframe').contentDocument");
    assert!(inside.is_null(), "the frame is of no page that the site could reach: {inside}");
    assert_eq!(gate.log().iter().filter(|r| r.method == "ACKNOWLEDGE").count(), 0);
}

#[test]
fn what_is_answered_may_be_warned_of_too() {
    let charter = "[[rule]]\nid = \"videos\"\narticle = \"4\"\naction = \"warn\"\nmedia_types = [\"video/*\"]\n";
    let gate = setup().charter(charter).start();
    let video = [("Content-Type", "video/mp4")];
    let origin = Origin::http(move |seen| match seen.target() {
        "/video" => Answer::with("200 OK", &video, "a video"),
        _ => Answer::ok("a page"),
    });
    let url = origin.url("allowed.test", "/video");
    assert_eq!(Curl::through(&gate).get(&origin.url("allowed.test", "/")).text(), "a page");
    let page = Curl::through(&gate).get(&url);
    assert_eq!(page.status, 403);
    let went = post(Curl::through(&gate), &action(&page.text()));
    assert_eq!((went.status, went.field("location")), (303, Some(url.as_str())));
    assert_eq!(Curl::through(&gate).get(&url).text(), "a video");
    // The rule names no site: what was read is of this one.
    let other = origin.url("other.test", "/video");
    assert_eq!(Curl::through(&gate).get(&other).status, 403);
    let records = gate.log_of(5);
    let told: Vec<_> = records.iter().map(|r| (r.action.as_str(), r.outcome.as_str())).collect();
    assert_eq!(
        told,
        [
            ("allow", "completed"),
            ("warn", "refused"),
            ("warn", "completed"),
            ("warn", "completed"),
            ("warn", "refused")
        ]
    );
}

#[test]
fn a_post_that_is_warned_of_does_not_leave() {
    let gate = setup().host("post.test", "127.0.0.1").start();
    let origin = Origin::http(|_| Answer::ok("the site"));
    let url = origin.url("post.test", "/form");
    let sent = Curl::through(&gate).args(["--data", "secret=1"]).get(&url);
    assert_eq!((sent.status, origin.connections()), (403, 0));
    // A request whose connection goes on is answered behind it.
    let authority = format!("post.test:{}", origin.port());
    let answer = raw::exchange(
        gate.proxy(),
        format!(
            "POST http://{authority}/ HTTP/1.1\r\nHost: {authority}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        ),
    );
    assert!(answer.expect("an answer").starts_with("HTTP/1.1 403 "));
}

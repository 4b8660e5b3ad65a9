//! A domain of Active Directory: its people browse without a prompt, and are decided on by the groups in their tickets, nested
//! ones and those of the domain alone among them, whether its controller answers or not.
use harness::services::Samba;
use harness::services::samba::{PROXY, REALM};
use harness::{Answer, Authority, Browser, Gate, Origin, Setup, ports};
use std::process::Command;
use std::rc::Rc;

/// The SID of a group, as its administrators' tools say it.
fn sid(samba: &Samba, group: &str) -> String {
    let shown = samba.tool(&["group", "show", group, "--attributes=objectSid"]).stdout;
    let shown = String::from_utf8_lossy(&shown).into_owned();
    let sid = shown.lines().find_map(|line| line.strip_prefix("objectSid: "));
    sid.unwrap_or_else(|| panic!("{group}: {shown}")).to_owned()
}

/// A gate of the domain: Commerce may go anywhere, Réseau to `other.test` by a rule of its own, machines and others nowhere.
fn gate(samba: &Samba) -> Gate {
    let charter = format!(
        r#"
title = "Charte d'essai"
version = "essai-1"
default = "block"
[categories.interne]
domains = ["other.test"]
[groups.machines]
[groups.commerce]
directory = ["{commerce}"]
[groups.reseau]
directory = ["{reseau}"]
[[rule]]
id = "machines"
action = "block"
groups = ["machines"]
[[rule]]
id = "reseau"
action = "allow"
groups = ["reseau"]
categories = ["interne"]
[[rule]]
id = "commerce"
action = "allow"
groups = ["commerce"]
"#,
        commerce = sid(samba, "Commerce"),
        reseau = sid(samba, "Réseau"),
    );
    // As it listens in a company: on all addresses, found by its name.
    Setup::new()
        .config(&format!(
            "[listen]\nproxy = [\"0.0.0.0:{}\"]\n[identity]\nmethods = [\"negotiate\"]\n[identity.negotiate]\nkeytab = \"{}\"\n\
             service = \"HTTP/{PROXY}\"",
            ports::free(),
            samba.keytab().display()
        ))
        .charter(&charter)
        .start()
}

/// The status that curl gets for a URL on a machine of the domain.
fn status(samba: &Samba, gate: &Gate, url: &str) -> String {
    let mut curl = samba.client("curl");
    let proxy = format!("http://{PROXY}:{}", gate.proxy().port());
    curl.args(["-q", "-s", "--noproxy", "", "--proxy", &proxy, "--proxy-negotiate", "-U", ":", "-o", "/dev/null"]);
    let brought = curl.args(["-w", "%{http_code}", url]).output().expect("unshare is there");
    String::from_utf8_lossy(&brought.stdout).into_owned()
}

#[test]
fn somebody_in_a_nested_group_browses_without_a_prompt_and_without_the_directory() {
    let authority = Authority::new();
    let samba = Samba::start(&authority);
    samba.log_in("a.martin");
    let gate = gate(&samba);
    let html = &[("Content-Type", "text/html; charset=utf-8")];
    let plain = Origin::http(|_| Answer::with("200 OK", html, "<p>passed the gate</p>"));
    let secure = Origin::https(&authority, &["other.test"], |_| Answer::with("200 OK", html, "<p>passed the gate</p>"));
    let pac = format!("http://{PROXY}:{}/proxy.pac", gate.console().port());
    let samba = Rc::new(std::cell::RefCell::new(samba));
    let there = samba.clone();
    let starter = move || -> Command { there.borrow().client("chromium") };
    let browser = Browser::by_pac(&pac).trusting(&authority).started_by(starter);
    for directory in ["there", "away"] {
        if directory == "away" {
            samba.borrow_mut().stop();
        }
        for url in [plain.url("allowed.test", "/"), secure.url_tls("other.test", "/")] {
            let dom = browser.dom(&url);
            assert!(dom.contains("passed the gate"), "{url}, the directory {directory}:\n{dom}\n{:#?}", gate.log());
        }
    }
    let user = format!("a.martin@{REALM}");
    let records = gate.log();
    for (host, rule) in [("allowed.test", "commerce"), ("other.test", "reseau")] {
        let there: Vec<_> = records.iter().filter(|record| record.host.as_deref() == Some(host)).collect();
        assert!(there.len() >= 2, "{records:#?}");
        for record in there {
            let known = (record.user.as_deref(), record.auth.as_str(), record.rule.as_deref());
            assert_eq!(known, (Some(user.as_str()), "negotiate", Some(rule)));
        }
    }
}

#[test]
fn each_account_of_a_domain_is_decided_on_by_its_own_groups() {
    let samba = Samba::start(&Authority::new());
    let gate = gate(&samba);
    let origin = Origin::http(|_| Answer::ok("hello"));
    for (account, host, expected, rule) in [
        ("a.martin", "allowed.test", "200", Some("commerce")),
        ("p.dupont", "allowed.test", "403", None),
        ("équipe.été", "other.test", "403", None),
        ("PC01$", "allowed.test", "403", Some("machines")),
    ] {
        samba.log_in(account);
        assert_eq!(status(&samba, &gate, &origin.url(host, "/")), expected, "{account}");
        let user = format!("{}@{REALM}", account.to_lowercase());
        let records = gate.log_search(&["--user", &user]);
        assert_eq!(records.len(), 1, "{user}");
        assert_eq!((records[0].rule.as_deref(), records[0].auth.as_str()), (rule, "negotiate"), "{user}");
    }
    // A group that somebody joins counts from the next ticket on.
    samba.tool(&["group", "addmembers", "Ventes", "p.dupont"]);
    samba.log_in("p.dupont");
    assert_eq!(status(&samba, &gate, &origin.url("allowed.test", "/")), "200");
}

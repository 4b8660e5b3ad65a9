//! Category lists: fetched, compiled, agreeing with what is decided; damaged or missing.
use flate2::Compression;
use flate2::write::GzEncoder;
use harness::{Answer, Curl, Gate, Origin, Setup};
use serde_json::Value;
use std::fs;

/// Category, a host that it lists, and the kind of file that lists it.
const CATEGORIES: &[(&str, &str, &str)] = &[
    ("adult", "www.adult-site.test", "domains"),
    ("gambling", "casino.test", "domains"),
    ("warez", "downloads.test", "urls"),
    ("press", "newspaper.test", "domains"),
    ("redirector", "anonymiser.test", "expressions"),
];

/// An archive laid out as the Université de Toulouse's: a folder for each category, aliases as symbolic links.
pub(crate) fn archive() -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut file = |path: &str, text: &str| {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, text.as_bytes()).expect("memory takes it");
    };
    file("blacklists/adult/domains", "adult-site.test\nother-adult.test\nnot a name\n");
    file("blacklists/adult/usage", "black\n");
    file("blacklists/gambling/domains", "casino.test\n");
    file("blacklists/warez/urls", "downloads.test/cracks\n");
    file("blacklists/press/domains", "newspaper.test\n");
    file("blacklists/redirector/expressions", "anonymi[sz]er\n");
    let mut link = tar::Header::new_gnu();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_size(0);
    tar.append_link(&mut link, "blacklists/porn", "adult").expect("memory takes it");
    tar.into_inner().and_then(GzEncoder::finish).expect("memory takes it")
}

/// A charter over those categories: each refused by a rule of its own, `press` let through by one.
fn charter(source: &str) -> String {
    let mut text = format!(
        "title = \"Charte d'essai\"\nversion = \"listes-1\"\ndefault = \"allow\"\n\
         [lists.ut1]\nformat = \"ut1\"\nsource = \"{source}\"\nrefresh = \"24h\"\nhours = \"never\"\n"
    );
    for (category, _, _) in CATEGORIES {
        // By its other name, to see that aliases lead to the same list.
        let list = if *category == "adult" { "porn" } else { category };
        let action = if *category == "press" { "allow" } else { "block" };
        text.push_str(&format!(
            "[categories.{category}]\nlabel = {{ fr = \"{category}\", en = \"{category}\" }}\nlists = [\"ut1:{list}\"]\n\
             [[rule]]\nid = \"rule-{category}\"\narticle = \"3\"\naction = \"{action}\"\ncategories = [\"{category}\"]\n\
             reason = {{ fr = \"non\", en = \"no\" }}\n"
        ));
    }
    text
}

/// A setup whose lists come from a web server, and the server.
fn served() -> (Setup, Origin) {
    let server = Origin::http(|seen| match seen.head.field("if-none-match") {
        Some("\"v1\"") => Answer::raw("HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\n\r\n"),
        _ => Answer::with("200 OK", &[("ETag", "\"v1\""), ("Content-Type", "application/gzip")], archive()),
    });
    let mut setup = Setup::new().charter(&charter(&server.url("127.0.0.1", "/blacklists.tar.gz")));
    for (_, host, _) in CATEGORIES {
        setup = setup.host(host, "127.0.0.1");
    }
    (setup, server)
}

fn explain(gate: &Gate, url: &str) -> Value {
    serde_json::from_str(&gate.say(&["explain", "--json", url])).expect("explain --json prints JSON")
}

/// Asks for a listed page of every category, by `explain` and through the gate, and compares all that both say.
fn agree(gate: &Gate) {
    let origin = Origin::http(|_| Answer::ok("let through"));
    for (place, (category, host, kind)) in CATEGORIES.iter().enumerate() {
        let url = origin.url(host, if *kind == "urls" { "/cracks/x" } else { "/" });
        let said = explain(gate, &url);
        let answer = Curl::through(gate).get(&url);
        let refused = *category != "press";
        assert_eq!(said["action"], if refused { "block" } else { "allow" }, "{url}: {said}");
        assert_eq!(answer.status, if refused { 403 } else { 200 }, "{url}: {said}");
        assert_eq!((&said["category"], &said["article"]), (&Value::from(*category), &Value::from("3")));
        let evidence = said["evidence"].as_str().unwrap_or("");
        assert!(evidence.starts_with(&format!("ut1:{category} {kind} ")), "{evidence}");
        let record = &gate.log_of(place + 1)[place];
        assert_eq!(record.host.as_deref(), Some(*host));
        for (field, kept) in [("rule", &record.rule), ("article", &record.article), ("category", &record.category)] {
            assert_eq!(said[field].as_str(), kept.as_deref(), "{url}: {field}");
        }
        assert_eq!(said["charter"].as_str(), Some(record.charter.as_str()));
    }
    let unlisted = explain(gate, "http://unlisted.test/");
    assert_eq!(
        (&unlisted["action"], &unlisted["rule"], &unlisted["evidence"]),
        (&"allow".into(), &Value::Null, &Value::Null)
    );
}

#[test]
fn explain_and_a_real_request_agree_for_every_category() {
    let (setup, server) = served();
    let mut gate = setup.prepare();
    gate.say(&["lists", "update"]);
    assert_eq!(server.seen().len(), 1);
    gate.start();
    agree(&gate);
    let status = gate.say(&["lists", "status"]);
    assert!(status.contains("ut1") && status.contains("not a name"), "bad lines are shown: {status}");
    let lookup = gate.say(&["lists", "lookup", "www.adult-site.test"]);
    assert!(lookup.contains("ut1:adult") && lookup.contains("adult-site.test"), "{lookup}");
    assert_eq!(gate.octroi(&["lists", "lookup", "unlisted.test"]).status.code(), Some(1));
}

#[test]
fn a_running_gate_takes_new_lists_up() {
    let (setup, _server) = served();
    let gate = setup.start();
    let origin = Origin::http(|_| Answer::ok("let through"));
    let url = origin.url("casino.test", "/");
    assert_eq!(Curl::through(&gate).get(&url).status, 200, "not listed yet");
    let ready = gate.page("/readyz");
    assert!(ready.text().contains("ut1"), "a missing source is named: {} {}", ready.status(), ready.text());
    gate.say(&["lists", "update"]);
    assert_eq!(Curl::through(&gate).get(&url).status, 403, "listed now");
    assert!(!gate.page("/readyz").text().contains("ut1"));
}

#[test]
fn a_list_that_did_not_change_is_not_fetched_again() {
    let (setup, server) = served();
    let gate = setup.prepare();
    gate.say(&["lists", "update"]);
    gate.say(&["lists", "update"]);
    let seen = server.seen();
    assert_eq!((seen.len(), seen[1].head.field("if-none-match")), (2, Some("\"v1\"")));
}

#[test]
fn a_failed_download_keeps_the_lists_there_are() {
    let failing = std::sync::atomic::AtomicUsize::new(0);
    let server = Origin::http(move |_| match failing.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        0 => Answer::ok(archive()),
        1 => Answer::with("500 Internal Server Error", &[], "no"),
        2 => Answer::cut(1_000_000, 1000),
        _ => Answer::with("200 OK", &[("Content-Type", "text/html")], "<html>please log in</html>"),
    });
    let mut setup = Setup::new().charter(&charter(&server.url("127.0.0.1", "/blacklists.tar.gz")));
    for (_, host, _) in CATEGORIES {
        setup = setup.host(host, "127.0.0.1");
    }
    let mut gate = setup.prepare();
    gate.say(&["lists", "update"]);
    for what in ["an error", "a cut", "a page in place of an archive"] {
        let output = gate.octroi(&["lists", "update"]);
        assert_eq!(output.status.code(), Some(1), "{what}: {output:?}");
    }
    gate.start();
    agree(&gate);
}

#[test]
fn a_damaged_index_is_said_and_rebuilt() {
    let (setup, server) = served();
    let mut gate = setup.prepare();
    gate.say(&["lists", "update"]);
    let index = gate.path("data/lists/index.octroi");
    let whole = fs::read(&index).expect("the index is where the lists are");
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let damages: [(&str, &[u8]); 4] = [
        ("one bit changed", &flipped),
        ("cut short", &whole[..whole.len() - 1]),
        ("empty", b""),
        ("of another kind", b"#!/bin/sh\necho not an index\n"),
    ];
    for (damage, bytes) in damages {
        fs::write(&index, bytes).expect("the folder is writable");
        gate.start();
        let origin = Origin::http(|_| Answer::ok(""));
        assert_eq!(Curl::through(&gate).get(&origin.url("casino.test", "/")).status, 403, "{damage}");
        assert!(gate.printed().contains("index"), "{damage}: said clearly: {}", gate.printed());
        assert_eq!(fs::read(&index).expect("rebuilt"), whole, "{damage}: rebuilt from its sources");
        gate.terminate();
        assert_eq!(gate.wait().code, Some(0));
    }
    assert_eq!(server.seen().len(), 1, "without asking the web again");
}

#[test]
fn plain_lists_and_hosts_files_are_lists_too() {
    let gate = Setup::new()
        .charter(
            "title = \"t\"\nversion = \"v\"\ndefault = \"allow\"\n\
             [lists.own]\nformat = \"domains\"\nsource = \"own.txt\"\n[lists.pests]\nformat = \"hosts\"\nsource = \"hosts.txt\"\n\
             [categories.own]\nlabel = { fr = \"a\", en = \"a\" }\nlists = [\"own\"]\n\
             [categories.pests]\nlabel = { fr = \"b\", en = \"b\" }\nlists = [\"pests\"]\ndomains = [\"!fine.pest.test\"]\n\
             [[rule]]\nid = \"both\"\naction = \"block\"\ncategories = [\"own\", \"pests\"]\n",
        )
        .prepare();
    gate.write("own.txt", "# ours\r\nOwn.Test\r\n");
    gate.write("hosts.txt", "127.0.0.1 localhost\n0.0.0.0 pest.test ads.test # both\n");
    let action = |url: &str| explain(&gate, url)["action"].as_str().map(str::to_owned);
    for url in ["http://own.test/", "https://www.own.test/", "http://pest.test/", "http://x.ads.test/"] {
        assert_eq!(action(url).as_deref(), Some("block"), "{url}");
    }
    assert_eq!(action("http://fine.pest.test/").as_deref(), Some("allow"), "taken out by the charter");
}

#[test]
fn the_starter_list_bites_before_the_first_download() {
    let gate = Setup::new().built_in_charter().start();
    for url in ["https://www.youporn.com/", "https://thepiratebay.org/", "https://dns.google/dns-query"] {
        let said = explain(&gate, url);
        assert_eq!(said["action"], "block", "{said}");
        assert!(said["article"].is_string() && said["category"].is_string() && said["rule"].is_string(), "{said}");
        let authority = format!("{}:443", url.split('/').nth(2).expect("a host"));
        assert_eq!(gate.client().connect_to(&authority).expect("an answer").status(), 403, "{url}");
    }
    assert_eq!(explain(&gate, "https://www.service-public.fr/")["action"], "allow");
}

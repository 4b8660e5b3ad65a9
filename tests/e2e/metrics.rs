//! `/metrics`, read as strictly as Prometheus reads it.
use harness::{Answer, Curl, Gate, LIMIT, Origin, Setup, wait};
use std::collections::BTreeMap;

/// Samples by name and labels. What is no text format 0.0.4 of metrics with help and type fails the test.
fn scraped(gate: &Gate) -> BTreeMap<String, f64> {
    let page = gate.page("/metrics");
    assert_eq!(page.status(), 200);
    assert_eq!(page.head.field("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = page.text();
    assert!(text.ends_with('\n'), "{text}");
    let word = |text: &str| {
        let (first, rest) = text.split_at(text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(0));
        assert!(first.starts_with("octroi_"), "{text}");
        (first.to_owned(), rest.to_owned())
    };
    let mut samples = BTreeMap::new();
    let mut announced = (String::new(), String::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = word(rest);
            assert!(help.trim().ends_with('.'), "{line}");
            announced = (name, String::new());
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = word(rest);
            assert_eq!((&name, announced.1.as_str()), (&announced.0, ""), "{line}");
            assert!([" counter", " gauge", " histogram"].contains(&kind.as_str()), "{line}");
            assert_eq!(kind == " counter", name.ends_with("_total"), "{line}");
            announced.1 = kind;
        } else {
            let (name, rest) = word(line);
            assert!(name.starts_with(&announced.0) && !announced.1.is_empty(), "{line}");
            let (labels, value) = rest.rsplit_once(' ').expect("a value");
            assert!(labels.is_empty() || (labels.starts_with('{') && labels.ends_with("\"}")), "{line}");
            let value = value.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!(samples.insert(format!("{name}{labels}"), value), None, "{line}: twice");
        }
    }
    samples
}

#[test]
fn metrics_count_what_happens_and_name_nobody() {
    let gate = Setup::new().config("[identity.address.names]\n\"127.0.0.1\" = \"poste-accueil\"").start();
    let before = scraped(&gate);
    assert_eq!((before["octroi_exchanges_total"], before["octroi_refused_total"]), (0.0, 0.0));
    assert!(before["octroi_start_time_seconds"] > 1e9);
    let origin = Origin::http(|_| Answer::ok(""));
    Curl::through(&gate).get(&origin.url("allowed.test", "/"));
    Curl::through(&gate).get("http://blocked.test/");
    gate.log_of(2);
    let after = scraped(&gate);
    assert_eq!((after["octroi_exchanges_total"], after["octroi_refused_total"]), (2.0, 1.0));
    assert_eq!((after["octroi_register_writable"], after["octroi_ready"]), (1.0, 1.0));
    wait::until("nothing waiting to be filed", LIMIT, || {
        (scraped(&gate)["octroi_register_backlog_records"] == 0.0).then_some(())
    });
    assert!(after.keys().any(|name| name.starts_with("octroi_build_info{version=")), "{after:?}");
    let text = gate.page("/metrics").text();
    for name in ["poste-accueil", "127.0.0.1", "allowed.test", "blocked.test"] {
        assert!(!text.contains(name), "{text}");
    }
    // The connection that is held open is one.
    let _held = gate.client();
    wait::until("a connection", LIMIT, || (scraped(&gate)["octroi_connections"] == 1.0).then_some(()));
}

#[test]
fn a_gate_that_is_shut_says_so_in_numbers() {
    let mut gate = Setup::new().prepare();
    gate.start_on_a_disk_that_may_fill();
    gate.fill_disk();
    let shut = || {
        let _ = gate.client().get("http://blocked.test/");
        let seen = scraped(&gate);
        ((seen["octroi_register_writable"], seen["octroi_ready"]) == (0.0, 0.0)).then_some(())
    };
    wait::until("the register to be unwritable", LIMIT, shut);
    gate.free_disk();
    wait::until("the register to be writable", LIMIT, || {
        (scraped(&gate)["octroi_register_writable"] == 1.0).then_some(())
    });
}

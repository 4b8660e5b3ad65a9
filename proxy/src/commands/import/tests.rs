//! Whole logs, in order and in disorder.

use super::*;
use crate::config::Config;

/// 2026-11-23T18:45:00Z.
const NOW: i64 = 1_795_459_500;

fn config(log: &str) -> Config {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("octroi.toml");
    std::fs::write(&path, format!("[log]\n{log}\n")).expect("written");
    Config::load(Some(&path)).expect("good").0
}

/// A line: its end in seconds before [`NOW`], its duration, the rest.
fn line(before: i64, took: i64, rest: &str) -> String {
    format!("{}.250 {} 10.0.0.12 {rest}\n", NOW - before, took * 1000)
}

const PAGE: &str = "TCP_MISS/200 9 GET http://a.test/p?q a.martin HIER_DIRECT/192.0.2.7 text/html";

fn imported(config: &Config, at_once: usize, log: &[u8]) -> (Summary, Vec<Vec<Record>>) {
    let mut handed = Vec::new();
    let mut hand_over = |records: Vec<Record>| {
        let count = records.len() as u64;
        handed.push(records);
        Ok(count)
    };
    let lines = Lines::of(log).expect("readable");
    let summary = Importer::new(config, &Masking::builtin(), NOW * 1_000_000, at_once, &mut hand_over).run(lines);
    (summary.unwrap_or_else(|Wrong(why)| panic!("{why}")), handed)
}

fn one(log: &str, line: &str) -> Record {
    let (_, mut handed) = imported(&config(log), AT_ONCE, line.as_bytes());
    handed.pop().and_then(|mut records| records.pop()).expect("a record")
}

#[test]
fn a_line_becomes_a_record_with_its_own_date() {
    let record = one("", &line(60, 2, PAGE));
    let at = (NOW - 60) * 1_000_000 + 250_000;
    assert_eq!((record.opened_at, record.closed_at), (at - 2_000_000, Some(at)));
    assert_eq!((record.id, &*record.node, &*record.charter), (0, "squid", "import"));
    assert_eq!((record.user.as_deref(), record.auth), (Some("a.martin"), Auth::Basic));
    assert_eq!((record.host.as_deref(), record.port, &*record.scheme), (Some("a.test"), 80, "http"));
    assert_eq!((record.action, record.outcome), (Action::Allow, Some(Outcome::Completed)));
    assert_eq!((record.bytes_received, record.bytes_sent, record.status), (9, 0, Some(200)));
    assert_eq!((record.rule, record.article, record.category, record.masked), (None, None, None, None));
    let refused = one("", &line(60, 0, "TCP_DENIED/403 9 CONNECT b.test:443 - HIER_NONE/- -"));
    assert_eq!((refused.action, refused.outcome), (Action::Block, Some(Outcome::Refused)));
    assert_eq!((refused.auth, refused.destination_ip), (Auth::Address, None));
}

#[test]
fn query_strings_are_always_cut_and_paths_kept_on_demand() {
    for (detail, path) in [("host", None), ("path", Some("/p")), ("url", Some("/p"))] {
        let record = one(&format!("detail = \"{detail}\""), &line(60, 0, PAGE));
        assert_eq!(record.path.as_deref(), path, "{detail}");
        assert!(!format!("{record:?}").contains("?q"), "{detail}");
    }
}

#[test]
fn what_was_withheld_once_stays_withheld() {
    let log = line(60, 0, "TCP_TUNNEL/200 9 CONNECT person.masked.invalid:443 a HIER_DIRECT/192.0.2.7 -");
    let record = one("detail = \"url\"", &log);
    assert_eq!((record.masked.as_deref(), record.host, record.path), (Some("person"), None, None));
    assert_eq!((record.destination_ip, record.port), (None, 443));
}

#[test]
fn what_the_register_would_have_erased_is_refused() {
    let day = 86_400;
    // The day that began 30 days ago is the last that is kept.
    let midnight = NOW - NOW % day;
    let log = [
        line(NOW - (midnight - 30 * day), 0, PAGE),
        line(NOW - (midnight - 30 * day) + 1, 0, PAGE),
        // A tunnel belongs to the day it was opened in.
        line(NOW - (midnight - 30 * day) - 5, 10, PAGE),
        line(-day + 1, 0, PAGE),
        line(-day - 1, 0, PAGE),
    ]
    .concat();
    let (summary, _) = imported(&config("retention_days = 30"), AT_ONCE, log.as_bytes());
    let found = (summary.lines, summary.kept, summary.too_old, summary.future);
    assert_eq!(found, (5, 2, 2, 1), "{summary:?}");
}

#[test]
fn good_lines_are_kept_and_bad_ones_counted() {
    let mut log = line(60, 0, PAGE).into_bytes();
    log.extend(line(60, 0, "NONE_NONE/400 9 - error:invalid-request - HIER_NONE/- -").bytes());
    for _ in 0..7 {
        log.extend(b"\xff\xfe not a line\n");
    }
    log.extend(vec![b'x'; 2 * lines::LINE_BYTES]);
    log.push(b'\n');
    log.extend(line(59, 0, PAGE).bytes());
    let (summary, _) = imported(&config(""), AT_ONCE, &log);
    assert_eq!((summary.lines, summary.kept, summary.skipped, summary.bad), (11, 2, 1, 8));
    let numbers: Vec<u64> = summary.first_bad.iter().map(|bad| bad.line).collect();
    assert_eq!(numbers, [3, 4, 5, 6, 7]);
    let text = summary.text();
    assert!(text.contains("kept      2 records\n") && text.contains("bad       8 "), "{text}");
    assert!(!text.contains("masked"), "{text}");
}

#[test]
fn a_day_is_handed_over_when_the_next_begins() {
    let day = 86_400;
    let log = [
        line(2 * day, 0, PAGE),
        line(2 * day - 20, 60, PAGE),
        line(day, 0, PAGE),
        // Opened the day before, ended now: Squid writes it here.
        line(day - 5, day, PAGE),
        line(10, 0, PAGE),
    ]
    .concat();
    let (summary, handed) = imported(&config(""), AT_ONCE, log.as_bytes());
    assert_eq!(summary.kept, 5);
    let sizes: Vec<usize> = handed.iter().map(Vec::len).collect();
    assert_eq!(sizes, [2, 1, 1, 1]);
    for records in &handed {
        assert!(records.is_sorted_by_key(|record| record.opened_at));
        let days: Vec<i64> = records.iter().map(|record| record.opened_at.div_euclid(DAY)).collect();
        assert!(days.windows(2).all(|pair| pair[0] == pair[1]), "one day at a time");
    }
}

#[test]
fn a_log_in_disorder_holds_no_more_than_one_in_order() {
    let log: String = (0..1000).map(|n| line(n * 7919 % 1000 * 3600, n % 90, PAGE)).collect();
    let (summary, handed) = imported(&config(""), 50, log.as_bytes());
    assert_eq!((summary.kept, summary.bad), (1000, 0));
    assert!(handed.iter().all(|records| records.len() <= 50));
    for records in &handed {
        let days: Vec<i64> = records.iter().map(|record| record.opened_at.div_euclid(DAY)).collect();
        assert!(days.windows(2).all(|pair| pair[0] == pair[1]), "one day at a time");
        assert!(records.is_sorted_by_key(|record| record.opened_at));
    }
}

#[test]
fn a_register_that_takes_nothing_ends_the_import() {
    let config = config("");
    let mut refuse = |_| Err(Wrong("full".to_owned()));
    let log = line(60, 0, PAGE);
    let lines = Lines::of(log.as_bytes()).expect("readable");
    let ended = Importer::new(&config, &Masking::builtin(), NOW * 1_000_000, AT_ONCE, &mut refuse).run(lines);
    assert!(matches!(ended, Err(Wrong(why)) if why == "full"));
}

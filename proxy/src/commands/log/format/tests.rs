//! The four forms over one tunnel and one refused request.

use super::*;
use crate::shown::tests::tunnel;
use logstore::{Action, Record};

fn refused() -> Record {
    Record {
        id: 8,
        user: Some("poste \"accueil\", 2".to_owned()),
        method: "GET".to_owned(),
        scheme: "http".to_owned(),
        port: 8080,
        path: Some("/=x".to_owned()),
        destination_ip: None,
        status: Some(403),
        action: Action::Block,
        outcome: Some(Outcome::Refused),
        rule: Some("jeux".to_owned()),
        ..tunnel()
    }
}

fn open() -> Vec<Shown> {
    [tunnel(), refused()].map(|record| Shown::new(record, None)).into()
}

#[test]
fn json_is_an_array_with_one_record_a_line() {
    let text = json(&open()).expect("written");
    assert_eq!(text.lines().count(), 4, "{text}");
    let records: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    assert_eq!(records[0], serde_json::to_value(&open()[0]).expect("written"));
    assert_eq!(json(&[]).expect("written"), "[]\n");
}

#[test]
fn squid_has_ten_columns_whatever_a_name_holds() {
    let text = squid(&open());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        "1795459501.623   1500 10.0.0.12 TCP_TUNNEL/200 20 CONNECT a.test:443 p.dupont HIER_DIRECT/192.0.2.7 -"
    );
    assert_eq!(
        lines[1],
        "1795459501.623   1500 10.0.0.12 TCP_DENIED/403 20 GET http://a.test:8080/=x poste%20%22accueil%22,%202 HIER_NONE/- -"
    );
    assert!(lines.iter().all(|line| line.split_ascii_whitespace().count() == 10));
}

#[test]
fn csv_quotes_and_runs_nothing() {
    let text = csv(&open());
    assert!(text.starts_with("id,node,opened_at,"));
    assert!(text.contains(",\"poste \"\"accueil\"\", 2\","), "{text}");
    assert_eq!(cell(&"=cmd()".into()), "'=cmd()");
    assert_eq!(cell(&Value::Null), "");
}

#[test]
fn the_table_is_in_local_time() {
    let zone = TimeZone::get("Europe/Paris").expect("a zone");
    let text = table(&open(), &zone);
    assert!(text.contains("+01:00  ") && text.contains("2026-11-23 "), "{text}");
    assert!(text.contains("CONNECT a.test:443") && text.contains("block"), "{text}");
    assert_eq!(table(&[], &zone), "");
}

#[test]
fn names_are_one_word_and_nobody_is_a_dash() {
    for (name, word) in [("p.dupont", "p.dupont"), ("é %", "%C3%A9%20%25"), ("-", "%2D"), ("a@b.fr", "a@b.fr")] {
        assert_eq!(user(name), word);
    }
    let nobody = Shown::new(Record { user: None, ..tunnel() }, None);
    assert!(squid_line(&nobody).contains(" a.test:443 - HIER_DIRECT"), "{}", squid_line(&nobody));
}

#[test]
fn what_is_withheld_is_no_host_of_anybody() {
    let masked = Record { host: None, destination_ip: None, masked: Some("category".to_owned()), ..tunnel() };
    let page = Record { method: "GET".to_owned(), scheme: "http".to_owned(), port: 80, ..masked.clone() };
    let elsewhere = Record { port: 9080, ..page.clone() };
    let [masked, page, elsewhere] = [masked, page, elsewhere].map(|record| Shown::new(record, None));
    assert!(squid_line(&masked).contains(" category.masked.invalid:443 "), "{}", squid_line(&masked));
    assert!(squid_line(&page).contains(" http://category.masked.invalid/ "), "{}", squid_line(&page));
    let elsewhere = squid_line(&elsewhere);
    assert!(elsewhere.contains(" http://category.masked.invalid:9080/ "), "{elsewhere}");
    assert_eq!(row(&masked, &TimeZone::UTC)[4], "CONNECT [category]");
}

#[test]
fn one_by_one_is_a_line_each() {
    for format in [Format::Table, Format::Json, Format::Csv, Format::Squid] {
        for shown in open() {
            let line = one(format, &shown, &TimeZone::UTC).expect("written");
            assert_eq!((line.lines().count(), line.ends_with('\n')), (1, true), "{line}");
        }
    }
    let short = Shown::new(Record { user: None, ..refused() }, None);
    let (head, line) = (heading(Format::Table), one(Format::Table, &short, &TimeZone::UTC).expect("written"));
    assert_eq!(head.find("rule"), line.find("jeux"), "{head}{line}");
}

#[test]
fn what_is_cut_to_fit_a_terminal_and_nowhere_else() {
    let long = || [[1, 25, 12, 12, 300, 3, 5, 5, 4].map(|width| "é".repeat(width))];
    let fit = |width| {
        let mut rows = long();
        fitted(&mut rows, [0; 9], width);
        rows
    };
    assert_eq!(fit(None), long());
    let wide = fit(Some(200));
    assert_eq!(columns(&wide).trim_end().chars().count(), 200);
    assert!(wide[0][4].ends_with("é…"), "{wide:?}");
    assert_eq!(fit(Some(100))[0][4].chars().count(), WHAT);
    assert_eq!((widths(None), widths(Some(300)), widths(Some(100))[4]), (WIDTHS, WIDTHS, WHAT));
}

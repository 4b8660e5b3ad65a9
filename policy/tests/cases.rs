//! Each file of `cases/` is a charter that says itself what it does: its expectations must hold.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::disallowed_methods, reason = "the cases are files; the crate itself opens none")]
use jiff::tz::TimeZone;
use policy::index::Kind;
use policy::lists::{Compiler, Format, ut1_file};
use policy::{Charter, Index, Problem, Problems, Source};
use std::path::Path;
use std::sync::Arc;

fn paris() -> TimeZone {
    TimeZone::get("Europe/Paris").unwrap()
}

/// What stands in the downloaded lists of the cases.
fn downloaded() -> Index {
    let mut compiler = Compiler::default();
    for (source, kind, text) in [
        ("ut1:adult", Kind::Domains, "youporn.com\nsante.example\n"),
        ("ut1:games", Kind::Domains, "jeux.example\nécole.example\n"),
        ("ut1:games", Kind::Urls, "portail.example/jeux\n"),
        ("ut1:games", Kind::Expressions, "poker-?en-?ligne\n"),
        ("ut1:sexual_education", Kind::Domains, "sante.example\n"),
        ("ut1:dating", Kind::Domains, "rencontres.example\n"),
        ("ut1:dating", Kind::Urls, "portail.example/rencontres\n"),
        ("ut1:malware", Kind::Domains, "virus.example\nvirus.psy.example\nrepare.example\n!sain.virus.example\n"),
        ("ut1:phishing", Kind::Domains, "hameconnage.example\n"),
        ("maison", Kind::Domains, "jeux.example\n!echecs.jeux.example\n"),
    ] {
        let format = if source == "maison" { Format::Domains } else { Format::Ut1 };
        let report = compiler.file(source, kind, format, source, text.as_bytes());
        assert_eq!(report.bad, 0, "{report:?}");
    }
    index(compiler)
}

/// The starter list, every line of it kept.
fn starter() -> Index {
    let mut compiler = Compiler::default();
    for (path, text) in policy::charter::starter() {
        let file = ut1_file(path).unwrap();
        let source = format!("starter:{}", file.folder);
        let report = compiler.file(&source, file.kind.unwrap(), Format::Ut1, path, text.as_bytes());
        assert_eq!((report.bad, report.kept), (0, text.lines().count() as u64), "{report:?}");
    }
    index(compiler)
}

fn index(compiler: Compiler) -> Index {
    let mut bytes = Vec::new();
    compiler.write(&mut bytes, &mut |_| {}).unwrap();
    Index::open(Arc::new(bytes)).unwrap()
}

/// What is wrong with a charter over an index, as people see it; empty when nothing is.
fn complaints(name: &str, text: String, index: Index) -> String {
    let source = Source { name: name.to_owned(), text };
    let (charter, warnings) = match Charter::parse(source, &paris()) {
        Ok(parsed) => parsed,
        Err(problems) => return problems.render(false),
    };
    let source = charter.source().clone();
    let in_force = policy::InForce::new(charter, index);
    let disappointments = in_force.expectations().into_iter().map(Problem::from);
    Problems { source, problems: warnings.into_iter().chain(disappointments).collect() }.render(false)
}

#[test]
fn every_case_does_what_it_says() {
    let mut complaint = String::new();
    let mut cases = 0;
    for entry in Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").read_dir().unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# "), "{name}: the first line says what the case shows");
        assert!(text.contains("[[expect]]"), "{name} expects nothing");
        complaint += &complaints(&name, text, downloaded());
        cases += 1;
    }
    assert_eq!(complaint, "", "\n{complaint}");
    assert!(cases >= 8, "only {cases} cases were found");
}

#[test]
fn an_expectation_that_does_not_hold_says_what_came_instead() {
    let text = "[[rule]]\nid = \"rien\"\naction = \"block\"\ndomains = [\"jeux.example\"]\n\
                [[expect]]\nurl = \"http://ailleurs.example/\"\naction = \"block\"\nrule = \"rien\"\n\
                [[expect]]\nurl = \"http://jeux.example/\"\naction = \"allow\"\n\
                [[expect]]\nurl = \"http://jeux.example/\"\nwithheld = \"person\"\n";
    let shown = complaints("charter.toml", text.to_owned(), Index::empty());
    assert!(shown.contains("http://ailleurs.example/: expected block by `rien`, got allow (no rule)"), "{shown}");
    assert!(shown.contains("http://jeux.example/: expected allow, got block by `rien`"), "{shown}");
    assert!(shown.contains("expected withheld (person), got block by `rien` not withheld"), "{shown}");
    assert!(shown.contains("charter.toml:6:7"), "{shown}");
}

#[test]
fn the_built_in_charter_keeps_its_promises_over_the_starter_list() {
    let text = Charter::builtin_text().to_owned();
    let shown = complaints("charte.toml", text, starter());
    assert_eq!(shown, "", "\n{shown}");
}

/// The rule that is ready to be switched on is switched on as its comment says.
#[test]
fn the_streaming_rule_of_the_built_in_charter_only_waits_for_its_number_signs() {
    let (before, after) = Charter::builtin_text().split_once("# [categories.audio-video]").unwrap();
    let (block, after) = after.split_once("\n\n").unwrap();
    let block: String = format!("# [categories.audio-video]{block}")
        .lines()
        .map(|line| line.strip_prefix('#').unwrap().trim_start().to_owned() + "\n")
        .collect();
    let expect = "[[expect]]\nurl = \"https://www.deezer.com/\"\nrule = \"audio-video\"\n\
                  [[expect]]\nurl = \"https://www.deezer.com/\"\nat = 2026-01-14T12:30:00+01:00\naction = \"allow\"\n";
    let shown = complaints("charte.toml", format!("{before}{block}\n{after}\n{expect}"), starter());
    assert_eq!(shown, "", "\n{shown}");
}

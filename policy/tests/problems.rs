//! Each `problems/NAME.toml` is a charter with something wrong, and `NAME.txt` beside it the exact report.
//!
//! After a change that was meant, `UPDATE_REPORTS=1 cargo test -p policy --test problems` writes the reports anew; read
//! the difference before you commit it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::disallowed_methods, reason = "the cases are files; the crate itself opens none")]
use jiff::tz::TimeZone;
use policy::{Charter, Problems, Source};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/problems")
}

/// The names of all files with that extension.
fn names(extension: &str) -> BTreeSet<String> {
    let paths = folder().read_dir().unwrap().map(|entry| entry.unwrap().path());
    let paths = paths.filter(|path| path.extension().is_some_and(|found| found == extension));
    paths.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

fn report(name: &str) -> String {
    let source = Source {
        name: format!("{name}.toml"),
        text: std::fs::read_to_string(folder().join(format!("{name}.toml"))).unwrap(),
    };
    report_of(source)
}

fn report_of(source: Source) -> String {
    let zone = TimeZone::get("Europe/Paris").unwrap();
    match Charter::parse(source.clone(), &zone) {
        Ok((_, warnings)) => Problems { source, problems: warnings }.render(false),
        Err(problems) => problems.render(false),
    }
}

#[test]
fn every_bad_charter_gets_its_exact_report() {
    let update = std::env::var_os("UPDATE_REPORTS").is_some();
    let charters = names("toml");
    assert!(charters.len() >= 8, "only {} charters were found", charters.len());
    for name in &charters {
        let report = report(name);
        let path = folder().join(format!("{name}.txt"));
        if update {
            std::fs::write(&path, &report).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(report, expected, "{name}: the report changed. Now it is:\n{report}");
        assert!(!report.is_empty(), "{name} has no problem");
    }
    assert_eq!(names("txt"), charters, "a report without a charter is stale: remove it");
}

/// Too long to be kept as a file.
#[test]
fn too_many_categories_are_told_once() {
    let rule = |place| format!("[[rule]]\nid = \"r{place}\"\naction = \"block\"\ndomains = [\"d{place}.example\"]\n");
    let report = |rules| report_of(Source { name: "many.toml".to_owned(), text: (0..rules).map(rule).collect() });
    assert_eq!(report(4096), "");
    let report = report(4100);
    assert!(report.starts_with("Error: there are more than 4096 categories"), "{report}");
    assert!(report.contains("many.toml:16386:6"), "{report}");
    assert_eq!(report.matches("Error").count(), 1, "{report}");

    let category = |place| format!("[categories.c{place}]\ndomains = [\"d{place}.example\"]\n");
    let text = (0..4097).map(category).collect::<String>() + &rule(0);
    let report = report_of(Source { name: "many.toml".to_owned(), text });
    assert!(report.contains("many.toml:8193:13"), "{report}");
    assert_eq!(report.matches("Error").count(), 1, "{report}");
}

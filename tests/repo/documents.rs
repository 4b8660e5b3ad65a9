//! What the documents say of the tree: paths, links, terms, commands.
use crate::tree::{self, File};
use std::collections::BTreeSet;

/// The documents people read; the licences are not ours to word.
fn documents() -> Vec<File> {
    tree::files(".md")
}

/// Pieces between backquotes, one line each.
fn quoted(text: &str) -> Vec<&str> {
    let mut inside_block = false;
    let mut pieces = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            inside_block = !inside_block;
        } else if !inside_block {
            pieces.extend(line.split('`').skip(1).step_by(2));
        }
    }
    pieces
}

/// Targets of links and images that stay in the tree, anchors left off.
fn links(text: &str) -> Vec<&str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
        .filter(|target| !target.contains("://") && !target.starts_with(['#', '<']) && !target.starts_with("mailto:"))
        .map(|target| target.split('#').next().unwrap_or(target))
        .collect()
}

/// Whether a quoted piece is a path of this tree: it begins with one of its top folders, or is one of its top files.
fn is_path(piece: &str) -> bool {
    let tops = ["policy/", "logstore/", "proxy/", "docs/", "tests/", ".ci/"];
    let whole = !piece.contains([' ', '*', '{', '<', '…', '(', '=']);
    whole && (tops.iter().any(|top| piece.starts_with(top)) || (piece.ends_with(".md") && !piece.contains('/')))
}

#[test]
fn every_path_a_document_names_exists() {
    let mut named = 0;
    let mut gone = Vec::new();
    for document in documents() {
        let folder = document.0.rsplit_once('/').map_or("", |(folder, _)| folder);
        let text = document.text();
        for path in quoted(&text).into_iter().filter(|piece| is_path(piece)) {
            named += 1;
            if !tree::exists(path) {
                gone.push(format!("{}: `{path}`", document.0));
            }
        }
        for link in links(&text) {
            named += 1;
            if !tree::exists(format!("{folder}/{link}").trim_start_matches('/')) {
                gone.push(format!("{}: ({link})", document.0));
            }
        }
    }
    assert!(named > 20, "only {named} paths found: this rule looks at nothing");
    assert!(gone.is_empty(), "named and not there: {gone:#?}");
}

/// The terms of the glossary: lines `**term** …`.
fn terms() -> Vec<String> {
    let glossary = File("docs/GLOSSARY.md".into()).text();
    glossary
        .lines()
        .filter_map(|line| line.strip_prefix("| **").and_then(|rest| rest.split_once("**")))
        .map(|(term, _)| term.to_lowercase())
        .collect()
}

#[test]
fn every_term_of_the_glossary_is_used() {
    let terms = terms();
    assert!(terms.len() > 10, "{terms:?}: this rule looks at nothing");
    let used: String = tree::files(".rs").iter().map(|file| file.text().to_lowercase()).collect();
    let unused: Vec<&String> = terms.iter().filter(|term| !used.contains(term.as_str())).collect();
    assert!(unused.is_empty(), "in docs/GLOSSARY.md and nowhere in the sources: {unused:?}");
}

#[test]
fn the_glossary_is_sorted_and_says_each_term_once() {
    let terms = terms();
    let mut sorted = terms.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(terms, sorted);
}

#[test]
fn changes_are_dated_or_not_released() {
    let changes = File("CHANGELOG.md".into()).text();
    let headings: Vec<&str> = changes.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert!(!headings.is_empty(), "CHANGELOG.md has no heading of a version");
    for heading in headings {
        let dated = heading.split_once(", ").is_some_and(|(_, date)| date.len() == 10 && date.starts_with("20"));
        assert!(heading == "Not released" || dated, "{heading:?} is neither `Not released` nor `VERSION, YYYY-MM-DD`");
    }
}

/// The metrics that a text names between such quotes.
fn metrics_in(text: &str, quote: char) -> BTreeSet<String> {
    let named = text.split(quote).filter(|piece| piece.starts_with("octroi_"));
    named.map(|piece| piece.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect()).collect()
}

#[test]
fn the_guide_lists_the_metrics_there_are() {
    let source = File("proxy/src/metrics.rs".into()).text();
    let (source, _) = source.split_once("#[cfg(test)]").expect("it has tests");
    let mut metrics = metrics_in(source, '"');
    // Of these only the beginning is written out: the receiver and what is counted follow.
    assert!(metrics.remove("octroi_forward_"), "{metrics:?}: this rule looks at nothing");
    for receiver in ["syslog", "json"] {
        metrics
            .extend(["sent_total", "lost_total", "connected"].map(|what| format!("octroi_forward_{receiver}_{what}")));
    }
    for page in ["docs/guide/en/installation.md", "docs/guide/fr/installation.md"] {
        assert_eq!(metrics_in(&File(page.into()).text(), '`'), metrics, "{page}");
    }
}

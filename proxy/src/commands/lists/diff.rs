//! `octroi lists diff`: what the last lists that were compiled changed, by category.

use crate::cli::Output;
use crate::commands::{Answer, Wrong, answer, answer_json, columns};
use crate::config::Config;
use crate::lists::rest;
use crate::lists::store::Store;
use crate::lists::update::SAMPLES;
use jiff::Timestamp;
use policy::index::Change;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
struct Diff {
    /// When the index before was compiled.
    before: Timestamp,
    /// When the one in force was.
    after: Timestamp,
    categories: Vec<Category>,
}

#[derive(Serialize)]
struct Category {
    /// `list:category`; exceptions stand under the name with `!` in front.
    name: String,
    added: u64,
    removed: u64,
    added_samples: Vec<String>,
    removed_samples: Vec<String>,
}

/// Compares the index in force with the one before it; no when there is none before.
pub(super) fn diff(config: &Config, output: Output) -> Result<Answer, Wrong> {
    let store = Store::of(config);
    let (Some(report), Some((before, previous))) = (store.report(), store.previous()) else {
        eprintln!("there is no index before the one in force: nothing changed since the first");
        return Ok(Answer::No);
    };
    let index = store.open().map_err(Wrong)?;
    let changes = index.changes_since(&previous, SAMPLES, rest);
    if output.json {
        let category = |(name, change): (String, Change)| {
            let Change { added, removed, added_samples, removed_samples } = change;
            Category { name, added, removed, added_samples, removed_samples }
        };
        let categories = changes.into_iter().map(category).collect();
        answer_json(&Diff { before: before.compiled_at, after: report.compiled_at, categories })?;
    } else {
        answer(&format!("from {:.0} to {:.0}\n{}", before.compiled_at, report.compiled_at, table(&changes)))?;
    }
    Ok(Answer::Done)
}

/// A line for each category, and one of samples.
pub(super) fn table(changes: &BTreeMap<String, Change>) -> String {
    let samples = |sign: &str, samples: &[String], count: u64| {
        let more = if count > samples.len() as u64 { ", …" } else { "" };
        if samples.is_empty() { String::new() } else { format!("{sign} {}{more}", samples.join(", ")) }
    };
    let row = |(name, change): (&String, &Change)| {
        let Change { added, removed, added_samples, removed_samples } = change;
        let shown = [samples("+", added_samples, *added), samples("-", removed_samples, *removed)];
        let shown: Vec<String> = shown.into_iter().filter(|shown| !shown.is_empty()).collect();
        [name.clone(), format!("+{added}"), format!("-{removed}"), shown.join("  ")]
    };
    columns(&changes.iter().map(row).collect::<Vec<_>>())
}

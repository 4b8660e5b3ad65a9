//! `octroi lists status`: what each list holds, since when, and what is wrong with it.

use super::{categories, entries, not_understood, notes};
use crate::cli::Output;
use crate::commands::{Answer, Wrong, answer, answer_json, columns};
use crate::config::Config;
use crate::lists::compile::{self, Report};
use crate::lists::fetch::Failure;
use crate::lists::source::{self, Found, Material};
use crate::lists::store::Store;
use crate::lists::{Missing, versions};
use jiff::Timestamp;
use policy::Charter;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Serialize)]
struct Status {
    /// The index's file.
    index: String,
    /// It is there, whole, and made from the lists as they are now.
    current: bool,
    compiled_at: Option<Timestamp>,
    entries: u64,
    lists: Vec<ListStatus>,
}

#[derive(Serialize)]
struct ListStatus {
    name: String,
    format: &'static str,
    source: String,
    /// When the file at hand was fetched, of a list that has an address.
    fetched_at: Option<Timestamp>,
    /// When its server last said that it is still the newest.
    checked_at: Option<Timestamp>,
    /// It is older than the charter's `refresh`.
    due: bool,
    /// The last download, if it failed.
    failure: Option<Failure>,
    /// It is older than the charter's `stale_after`.
    stale: bool,
    /// The version before it, which `octroi lists rollback` puts in force again.
    previous: Option<Timestamp>,
    /// It is spoilt now, and what was compiled before is in force.
    refused: Option<String>,
    /// Why it is not in the index.
    missing: Option<String>,
    entries: u64,
    categories: Vec<String>,
    /// Other names of categories.
    aliases: BTreeMap<String, String>,
    /// Categories that their publisher means to be let through.
    white: BTreeSet<String>,
    bad: u64,
    /// Why, with the number of lines.
    reasons: Vec<(String, u64)>,
    examples: Vec<crate::lists::compile::Example>,
}

/// Says how every list is doing; no when one is missing, not taken over or stale.
pub(super) fn status(config: &Config, charter: &Charter, output: Output) -> Result<Answer, Wrong> {
    let found = source::find_all(config, charter);
    let store = Store::of(config);
    let report = store.report();
    let opened = store.open();
    let current = report.as_ref().is_some_and(|report| report.fingerprint == source::fingerprint(&found));
    // An index that is not current may be so because what changed is spoilt: that is found by reading it.
    let spoilt = match &report {
        Some(report) if !current => compile::spoilt(&found, report),
        _ => Vec::new(),
    };
    let status = Status {
        index: store.path().display().to_string(),
        current: current && opened.is_ok(),
        compiled_at: report.as_ref().map(|report| report.compiled_at),
        entries: opened.as_ref().map_or(0, policy::Index::entries),
        lists: found.iter().map(|found| list_status(config, found, report.as_ref(), &spoilt)).collect(),
    };
    if output.json {
        answer_json(&status)?;
    } else {
        answer(&text(&status))?;
        if let Some(report) = &report {
            notes(charter, report).iter().for_each(|note| eprintln!("note: {note}"));
        }
        if let (Err(why), true) = (&opened, report.is_some()) {
            eprintln!("warning: {why}");
        }
    }
    let is_well =
        |list: &ListStatus| list.missing.is_none() && list.failure.is_none() && list.refused.is_none() && !list.stale;
    Ok(if status.lists.iter().all(is_well) { Answer::Done } else { Answer::No })
}

fn list_status(config: &Config, found: &Found, report: Option<&Report>, spoilt: &[Missing]) -> ListStatus {
    let list = &found.list;
    let compiled = report.and_then(|report| report.lists.iter().find(|compiled| compiled.name == list.name));
    let missing = match &found.material {
        Material::Missing(why) => Some(why.clone()),
        _ => compiled.and_then(|compiled| compiled.missing.clone()),
    };
    let fetched = found.fetched.as_ref();
    let checked_at = fetched.and_then(|fetched| fetched.checked_at);
    let age = checked_at.map(|at| Timestamp::now().duration_since(at).unsigned_abs());
    ListStatus {
        name: list.name.clone(),
        format: list.format.as_str(),
        source: list.source.clone(),
        fetched_at: fetched.and_then(|fetched| fetched.fetched_at),
        checked_at,
        due: found.address().is_some() && age.is_none_or(|age| age >= list.refresh),
        failure: fetched.and_then(|fetched| fetched.failure.clone()),
        stale: age.is_some_and(|age| age > list.stale_after),
        previous: found
            .address()
            .and_then(|url| versions::before(&source::folder(&config.lists_dir(), &list.name), url)),
        refused: spoilt.iter().find(|spoilt| spoilt.list == list.name).map(|spoilt| spoilt.why.clone()),
        missing,
        entries: compiled.map_or(0, |compiled| compiled.entries),
        categories: compiled.map(|compiled| compiled.categories.keys().cloned().collect()).unwrap_or_default(),
        aliases: compiled.map(|compiled| compiled.aliases.clone()).unwrap_or_default(),
        white: compiled.map(|compiled| compiled.white.clone()).unwrap_or_default(),
        reasons: compiled.map(|compiled| compiled.reasons.clone()).unwrap_or_default(),
        bad: compiled.map_or(0, |compiled| compiled.bad),
        examples: compiled.map(|compiled| compiled.examples.clone()).unwrap_or_default(),
    }
}

fn text(status: &Status) -> String {
    let state = match (status.current, status.compiled_at) {
        (true, Some(at)) => format!("compiled {at:.0}, current"),
        (false, Some(at)) => format!("compiled {at:.0}, not current: `octroi lists compile`"),
        (_, None) => "not compiled yet: `octroi lists compile`".to_owned(),
    };
    let mut text = format!("{}, {state}\n", entries(status.entries));
    for list in &status.lists {
        let mut rows = vec![
            [list.name.clone(), format!("{} ({})", list.source, list.format)],
            [String::new(), format!("{}, {}", entries(list.entries), categories(list.categories.len()))],
        ];
        let mut say = |sentence: String| rows.push([String::new(), sentence]);
        if let Some(at) = list.fetched_at {
            let due = if list.due { "; due again" } else { "" };
            let stale = if list.stale { "; STALE" } else { "" };
            say(format!("fetched {at:.0}{due}{stale}"));
        }
        if let Some(at) = list.previous {
            say(format!("the version of {at:.0} is kept: `octroi lists rollback {}`", list.name));
        }
        if let Some(failure) = &list.failure {
            say(format!("not taken over {:.0}: {}", failure.at, failure.why));
        }
        if let Some(why) = &list.refused {
            say(format!("refused, what was compiled before stays in force: {why}"));
        }
        match (&list.missing, &list.failure) {
            // Said just above.
            (Some(why), Some(failure)) if why.ends_with(&failure.why) => say("missing".to_owned()),
            (Some(why), _) => say(format!("missing: {why}")),
            (None, _) => {}
        }
        if !list.white.is_empty() {
            say(format!("to be let through, says its publisher: {}", joined(list.white.iter())));
        }
        if !list.aliases.is_empty() {
            say(format!(
                "other names: {}",
                joined(list.aliases.iter().map(|(alias, name)| format!("{alias} = {name}")))
            ));
        }
        if list.bad > 0 {
            say(format!("{}:", not_understood(list.bad)));
        }
        for (why, lines) in &list.reasons {
            say(format!("  {lines} × {why}"));
        }
        if list.bad > 0 {
            say("such as:".to_owned());
        }
        for bad in &list.examples {
            say(format!("  {}:{}: {}: {}", bad.file, bad.line, bad.why, bad.text));
        }
        text.push_str(&columns(&rows));
    }
    text
}

fn joined(names: impl Iterator<Item = impl ToString>) -> String {
    names.map(|name| name.to_string()).collect::<Vec<_>>().join(", ")
}

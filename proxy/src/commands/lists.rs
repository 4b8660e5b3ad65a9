//! `octroi lists`: what is fetched, what is compiled, what each list holds, and who covers a host.

use super::{Answer, Wrong, answer, answer_json, charter, columns, configuration, plural};
use crate::cli::{Lists, Lookup, Output};
use crate::config::Config;
use crate::control::{self, AskError, Request};
use crate::lists::compile::Report;
use crate::lists::fetch::{self, Outcome};
use crate::lists::progress::Progress;
use crate::lists::source::{self, Found, Material};
use crate::lists::store::Store;
use jiff::Timestamp;
use policy::lists::Format;
use policy::{Charter, Index, Target};
use serde::Serialize;
use std::path::Path;

/// Runs one of the lists' commands.
pub(crate) fn lists(path: Option<&Path>, command: &Lists) -> Result<Answer, Wrong> {
    let config = configuration(path)?;
    let charter = charter(&config)?.charter;
    match command {
        Lists::Update(output) => update(&config, &charter, *output),
        Lists::Compile(output) => compile(&config, &charter, *output, &[]),
        Lists::Status(output) => status(&config, &charter, *output),
        Lists::Lookup(lookup) => look_up(&config, &charter, lookup),
    }
}

/// Fetches, then compiles. A list that could not be fetched makes the answer no, and the others are used all the same.
fn update(config: &Config, charter: &Charter, output: Output) -> Result<Answer, Wrong> {
    let runtime = super::runtime()?;
    let mut progress = Progress::stderr();
    let mut failed = Vec::new();
    for found in source::find_all(config, charter).iter().filter(|found| found.address().is_some()) {
        let name = &found.list.name;
        let sentence = match runtime.block_on(fetch::fetch(found, config, &mut progress)) {
            Outcome::New(bytes) => format!("{name}: fetched, {}", size(bytes)),
            Outcome::Unchanged => format!("{name}: unchanged since it was last fetched"),
            Outcome::Failed(why) => {
                failed.push(name.clone());
                let kept = matches!(found.material, Material::File(_));
                format!("{name}: not fetched: {why}{}", if kept { "; the one at hand is kept" } else { "" })
            }
        };
        progress.say(&sentence);
    }
    let compiled = compile(config, charter, output, &failed)?;
    Ok(if failed.is_empty() { compiled } else { Answer::No })
}

/// Compiles what is there and has the running gate use it. Why the lists `said` are missing has been said.
fn compile(config: &Config, charter: &Charter, output: Output, said: &[String]) -> Result<Answer, Wrong> {
    let found = source::find_all(config, charter);
    let mut progress = Progress::stderr();
    let store = Store::of(config);
    let compiled = store.compile(&found, &mut progress);
    let (report, _) = compiled.map_err(|why| Wrong(format!("{}: {why}", store.path().display())))?;
    for missing in report.missing().iter().filter(|missing| !said.contains(&missing.list)) {
        eprintln!("warning: {missing}");
    }
    let reloaded = tell_the_gate(config);
    if output.json {
        answer_json(&report)?;
    } else {
        answer(&format!("{} compiled in {:.1} s\n{}", entries(report.entries), report.seconds, table(&report)))?;
    }
    let whole = report.missing().is_empty() && reloaded;
    Ok(if whole { Answer::Done } else { Answer::No })
}

/// Whether a gate that runs has taken the new index; true when none runs.
fn tell_the_gate(config: &Config) -> bool {
    match control::ask(&config.data_dir, &Request::Reload) {
        Ok(control::Answer::Reloaded { .. }) => {
            eprintln!("the running gate uses them");
            true
        }
        Err(AskError::NoGate) => true,
        Ok(control::Answer::Refused { problems }) => {
            eprintln!("{}\nthe running gate refuses them and keeps what it had", problems.trim_end());
            false
        }
        Ok(other) => {
            eprintln!("the running gate did not reload: {other:?}");
            false
        }
        Err(why) => {
            eprintln!("{why}");
            false
        }
    }
}

fn entries(count: u64) -> String {
    plural(count, "entry", "entries")
}

fn categories(count: usize) -> String {
    plural(count as u64, "category", "categories")
}

fn table(report: &Report) -> String {
    let row = |list: &crate::lists::compile::ListReport| {
        let bad = if list.bad == 0 { String::new() } else { not_understood(list.bad) };
        let state = if list.missing.is_some() { "missing".to_owned() } else { bad };
        [list.name.clone(), entries(list.entries), categories(list.categories.len()), state]
    };
    columns(&report.lists.iter().map(row).collect::<Vec<_>>())
}

fn not_understood(lines: u64) -> String {
    format!("{} not understood", plural(lines, "line", "lines"))
}

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
    failure: Option<fetch::Failure>,
    /// Why it is not in the index.
    missing: Option<String>,
    entries: u64,
    categories: Vec<String>,
    bad: u64,
    examples: Vec<crate::lists::compile::Example>,
}

fn status(config: &Config, charter: &Charter, output: Output) -> Result<Answer, Wrong> {
    let found = source::find_all(config, charter);
    let store = Store::of(config);
    let report = store.report();
    let opened = store.open();
    let current = report.as_ref().is_some_and(|report| report.fingerprint == source::fingerprint(&found));
    let status = Status {
        index: store.path().display().to_string(),
        current: current && opened.is_ok(),
        compiled_at: report.as_ref().map(|report| report.compiled_at),
        entries: opened.as_ref().map_or(0, policy::Index::entries),
        lists: found.iter().map(|found| list_status(found, report.as_ref())).collect(),
    };
    if output.json {
        answer_json(&status)?;
    } else {
        answer(&text(&status))?;
        if let (Err(why), true) = (&opened, report.is_some()) {
            eprintln!("warning: {why}");
        }
    }
    Ok(if status.lists.iter().all(|list| list.missing.is_none()) { Answer::Done } else { Answer::No })
}

fn list_status(found: &Found, report: Option<&Report>) -> ListStatus {
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
        format: match list.format {
            Format::Ut1 => "ut1",
            Format::Domains => "domains",
            Format::Hosts => "hosts",
        },
        source: list.source.clone(),
        fetched_at: fetched.and_then(|fetched| fetched.fetched_at),
        checked_at,
        due: found.address().is_some() && age.is_none_or(|age| age >= list.refresh),
        failure: fetched.and_then(|fetched| fetched.failure.clone()),
        missing,
        entries: compiled.map_or(0, |compiled| compiled.entries),
        categories: compiled.map(|compiled| compiled.categories.iter().cloned().collect()).unwrap_or_default(),
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
            say(format!("fetched {at:.0}{due}"));
        }
        if let Some(failure) = &list.failure {
            say(format!("not fetched {:.0}: {}", failure.at, failure.why));
        }
        match (&list.missing, &list.failure) {
            // Said just above.
            (Some(why), Some(failure)) if why.ends_with(&failure.why) => say("missing".to_owned()),
            (Some(why), _) => say(format!("missing: {why}")),
            (None, _) => {}
        }
        if list.bad > 0 {
            say(format!("{}, such as:", not_understood(list.bad)));
        }
        for bad in &list.examples {
            say(format!("  {}:{}: {}: {}", bad.file, bad.line, bad.why, bad.text));
        }
        text.push_str(&columns(&rows));
    }
    text
}

#[derive(Serialize)]
struct Covering {
    /// `list:category`; of the charter's own entries, `charter, category ID`, `charter, rule ID` or `charter, masking`; of
    /// what is shipped, `built in, protected GROUP`.
    source: String,
    /// The kind of file: domains, urls, expressions.
    kind: &'static str,
    /// The entry.
    entry: String,
    /// It takes the name out of the category.
    removes: bool,
}

fn look_up(config: &Config, charter: &Charter, lookup: &Lookup) -> Result<Answer, Wrong> {
    let target = super::explain::target(&lookup.what)?;
    let loaded = crate::lists::load_with(config, charter, &mut Progress::stderr()).map_err(Wrong::because)?;
    for missing in &loaded.missing {
        eprintln!("warning: {missing}");
    }
    let mut covering = covering(charter.own(), &target);
    for own in &mut covering {
        if let Some(name) = own.source.strip_prefix('!') {
            (own.source, own.removes) = (name.to_owned(), true);
        }
        let place = if own.source.starts_with("protected ") { "built in, " } else { "charter, " };
        own.source.insert_str(0, place);
    }
    covering.extend(self::covering(&loaded.index, &target));
    if lookup.output.json {
        answer_json(&covering)?;
    } else {
        let row = |one: &Covering| {
            let removes = if one.removes { "takes it out" } else { "" };
            [one.source.clone(), one.kind.to_owned(), one.entry.clone(), removes.to_owned()]
        };
        answer(&columns(&covering.iter().map(row).collect::<Vec<_>>()))?;
    }
    if covering.is_empty() {
        eprintln!("neither a list nor the charter itself names {}", target.host());
        return Ok(Answer::No);
    }
    Ok(Answer::Done)
}

/// The entries of an index that cover a target.
fn covering(index: &Index, target: &Target) -> Vec<Covering> {
    let mut hits = Vec::new();
    index.hits(target, &mut hits);
    hits.iter()
        .flat_map(|hit| index.set(hit.set).iter().map(move |source| (hit, source)))
        .filter_map(|(hit, source)| {
            let source = index.sources().get(usize::from(source.0))?;
            let entry = index.entry(target, *hit);
            Some(Covering { source: source.name.clone(), kind: hit.kind.as_str(), entry, removes: source.removes })
        })
        .collect()
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..10_000_000 => format!("{} kB", bytes / 1000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}

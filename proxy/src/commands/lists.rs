//! `octroi lists`: what is fetched, what is compiled, what changed, what each list holds, and who covers a host.

mod diff;
mod lookup;
mod status;

use super::{Answer, Wrong, answer, answer_json, charter, columns, configuration, plural};
use crate::cli::{Lists, Output, Rollback, Update};
use crate::config::Config;
use crate::control::{self, AskError, Request};
use crate::lists::compile::{ListReport, Report};
use crate::lists::fetch::Outcome;
use crate::lists::progress::Progress;
use crate::lists::source;
use crate::lists::store::{Compiled, Store};
use crate::lists::update::{self, Updated, Wanted};
use crate::lists::versions;
use policy::Charter;
use std::path::Path;

/// Runs one of the lists' commands.
pub(crate) fn lists(path: Option<&Path>, command: &Lists) -> Result<Answer, Wrong> {
    let config = configuration(path)?;
    let charter = charter(&config)?.charter;
    match command {
        Lists::Update(asked) => update(&config, &charter, asked),
        Lists::Compile(output) => compile(&config, &charter, *output),
        Lists::Status(output) => status::status(&config, &charter, *output),
        Lists::Diff(output) => diff::diff(&config, *output),
        Lists::Rollback(asked) => rollback(&config, &charter, asked),
        Lists::Lookup(asked) => lookup::look_up(&config, &charter, asked),
    }
}

/// Fetches, compiles, and says what changed. A list that is not taken over makes the answer no, and the others are used all
/// the same.
fn update(config: &Config, charter: &Charter, asked: &Update) -> Result<Answer, Wrong> {
    for name in &asked.accept {
        known(charter, name)?;
    }
    let wanted = Wanted { list: &|_| true, accept: &asked.accept };
    let Updated { outcomes, compiled, changes } =
        update::update(config, charter, &wanted, &mut Progress::stderr()).map_err(Wrong)?;
    let failed =
        |name: &str| outcomes.iter().any(|(list, outcome)| list == name && matches!(outcome, Outcome::Failed(_)));
    // Why a list that was not taken over is missing has been said.
    let is_used = said_and_used(config, charter, &compiled, &failed);
    if asked.output.json {
        answer_json(&compiled.report)?;
    } else {
        answer(&text(&compiled.report))?;
        if let Some(changes) = changes.filter(|changes| !changes.is_empty()) {
            answer(&format!("\nchanged since before:\n{}", diff::table(&changes)))?;
        }
    }
    let all = outcomes.iter().all(|(_, outcome)| !matches!(outcome, Outcome::Failed(_)));
    Ok(if is_used && all { Answer::Done } else { Answer::No })
}

/// Compiles what is there and has the running gate use it.
fn compile(config: &Config, charter: &Charter, output: Output) -> Result<Answer, Wrong> {
    let store = Store::of(config);
    let compiled = store.compile(&source::find_all(config, charter), &mut Progress::stderr());
    let compiled = compiled.map_err(|why| Wrong(format!("{}: {why}", store.path().display())))?;
    let is_used = said_and_used(config, charter, &compiled, &|_| false);
    if output.json {
        answer_json(&compiled.report)?
    } else {
        answer(&text(&compiled.report))?
    }
    Ok(if is_used { Answer::Done } else { Answer::No })
}

/// Puts the version before of a list in force again.
fn rollback(config: &Config, charter: &Charter, asked: &Rollback) -> Result<Answer, Wrong> {
    known(charter, &asked.list)?;
    let found = source::find_all(config, charter).into_iter().find(|found| found.list.name == asked.list);
    let Some(found) = found.filter(|found| found.address().is_some()) else {
        return Err(Wrong(format!("the list `{}` has no address: its file is yours to change", asked.list)));
    };
    let folder = source::folder(&config.lists_dir(), &asked.list);
    match versions::roll_back(&folder, &found.list.source, "it was rolled back by `octroi lists rollback`") {
        Ok(of) => eprintln!(
            "{}: the version of {of:.0} is in force again; `octroi lists update` leaves out the other",
            asked.list
        ),
        Err(why) => {
            eprintln!("{}: not rolled back: {why}", asked.list);
            return Ok(Answer::No);
        }
    }
    compile(config, charter, asked.output)
}

fn known(charter: &Charter, name: &str) -> Result<(), Wrong> {
    if charter.lists().iter().any(|list| list.name == name) {
        return Ok(());
    }
    let names: Vec<String> = charter.lists().iter().map(|list| format!("`{}`", list.name)).collect();
    Err(Wrong(format!("the charter has no list `{name}`; it has {}", names.join(", "))))
}

/// Says what is wrong with the lists, those that `said` so before left out, and has the running gate use the index. True when
/// nothing was wrong.
fn said_and_used(config: &Config, charter: &Charter, compiled: &Compiled, said: &dyn Fn(&str) -> bool) -> bool {
    let Compiled { report, refused, .. } = compiled;
    for missing in report.missing().iter().filter(|missing| !said(&missing.list)) {
        eprintln!("warning: {missing}");
    }
    for list in refused {
        eprintln!("warning: {}", crate::lists::refusal(list, report));
    }
    for note in notes(charter, report) {
        eprintln!("note: {note}");
    }
    tell_the_gate(config) && report.missing().is_empty() && refused.is_empty()
}

/// What there is to know of the lists, and of how the charter uses them, a sentence each.
fn notes(charter: &Charter, report: &Report) -> Vec<String> {
    let mut notes: Vec<String> = report.lists.iter().flat_map(|list| list.notes.iter().cloned()).collect();
    for (category, name) in charter.refused_lists() {
        let Some(list) = report.lists.iter().find(|list| name.split(':').next() == Some(&*list.name)) else { continue };
        if list.white.contains(name) {
            notes.push(format!(
                "the category `{category}` is refused, and takes from `{name}`, which its publisher means to be let through: \
                 `\"!{name}\"` takes it out"
            ));
        }
        // Whoever knows French or English expects web mail there.
        if let Some(other) = list.aliases.get(name).filter(|_| name.ends_with(":mail")) {
            notes.push(format!("`{name}` is another name of `{other}`: web mail is `{}:webmail`", list.name));
        }
    }
    notes
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

fn text(report: &Report) -> String {
    let row = |list: &ListReport| {
        let bad = if list.bad == 0 { String::new() } else { not_understood(list.bad) };
        let state = if list.missing.is_some() { "missing".to_owned() } else { bad };
        [list.name.clone(), entries(list.entries), categories(list.categories.len()), state]
    };
    let table = columns(&report.lists.iter().map(row).collect::<Vec<_>>());
    format!("{} compiled in {:.1} s\n{table}", entries(report.entries), report.seconds)
}

fn not_understood(lines: u64) -> String {
    format!("{} not understood", plural(lines, "line", "lines"))
}

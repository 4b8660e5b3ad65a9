//! `octroi replay`: past traffic decided anew by a draft.

use super::log::stats::oldest;
use super::log::{bring_up_to_date, given, trace};
use super::{Answer, Wrong, answer, answer_json, columns, configuration, no_register, plural, runtime};
use crate::aggregate::Period;
use crate::cli;
use crate::config::{CharterFile, Config, Detail};
use crate::lists::progress::Progress;
use crate::lists::{self, Loaded, compile, source};
use crate::replay::{Change, Replay, Replayed, Share};
use jiff::Timestamp;
use logstore::stats::THRESHOLD;
use policy::{Charter, InForce, Index};
use serde::Serialize;
use std::path::Path;

/// Rows of a table of text.
const SHOWN: usize = 20;

/// A replay, and of what.
#[derive(Debug, Serialize)]
struct Answered {
    from: String,
    to: String,
    /// `VERSION@HASH` of the draft.
    charter: String,
    /// Fewer people are not counted, and their hosts not named.
    threshold: usize,
    #[serde(flatten)]
    replayed: Replayed,
}

/// Replays past traffic.
pub(crate) fn replay(path: Option<&Path>, asked: &cli::Replay) -> Result<Answer, Wrong> {
    let config = configuration(path)?;
    let (from, to, now) = (asked.from.as_deref(), asked.to.as_deref(), Timestamp::now());
    Period::of(from, to, 0, now, &config.time_zone).map_err(Wrong)?;
    let draft = draft(&config, asked)?;
    let Some(oldest) = oldest(&config)? else {
        eprintln!("{}", no_register(&config));
        return Ok(Answer::No);
    };
    let period = Period::of(from, to, oldest, now, &config.time_zone).map_err(Wrong)?;
    let calendar = period.calendar(&config.time_zone).map_err(Wrong)?;
    let runtime = runtime()?;
    bring_up_to_date(&config, &runtime)?;
    let keys = crate::register::keys(&config).map_err(Wrong::because)?;
    let begins = calendar.days.first().map_or(calendar.end, |(begins, _)| *begins);
    let mut replay = Replay::begin(&draft, config.log.detail == Detail::Url);
    let register = config.register_dir();
    let counted = logstore::count(&register, &keys, begins..calendar.end, &mut replay);
    let unread = runtime.block_on(counted).map_err(Wrong::because)?;
    let answered = Answered {
        from: period.first.to_string(),
        to: period.last.to_string(),
        charter: draft.charter().identity().to_owned(),
        threshold: THRESHOLD,
        replayed: replay.end(),
    };
    let scope = given([
        ("from", Some(answered.from.clone())),
        ("to", Some(answered.to.clone())),
        ("charter", Some(answered.charter.clone())),
        ("lists", asked.lists.then(|| "the draft's".to_owned())),
    ]);
    trace(&config, "replay", None, scope, answered.replayed.exchanges as usize, None)?;
    if asked.output.json {
        answer_json(&answered)?
    } else {
        answer(&answered.text())?
    }
    for day in &unread {
        eprintln!("not replayed: {day}");
    }
    if answered.replayed.told() == 0 {
        eprintln!("nothing could be replayed");
        return Ok(Answer::No);
    }
    Ok(if unread.is_empty() { Answer::Done } else { Answer::No })
}

/// The draft, with the lists in force or those that it names itself. Nothing that the gate uses is touched.
fn draft(config: &Config, asked: &cli::Replay) -> Result<InForce, Wrong> {
    let mut drafted = config.clone();
    if let Some(path) = &asked.charter {
        drafted.charter = CharterFile { path: path.clone(), required: true };
    }
    let charter = drafted.charter().map_err(Wrong::because)?.charter;
    let loaded = if asked.lists { compiled(&drafted, &charter)? } else { in_force(config)? };
    for missing in &loaded.missing {
        eprintln!("warning: {missing}");
    }
    let in_force = InForce::new(charter, loaded.index);
    for sentence in lists::missing_categories(&in_force, &loaded.missing) {
        eprintln!("warning: {sentence}");
    }
    Ok(in_force)
}

/// The index that the charter in force has.
fn in_force(config: &Config) -> Result<Loaded, Wrong> {
    let charter = super::charter(config)?.charter;
    lists::load_with(config, &charter, &mut Progress::stderr()).map_err(Wrong::because)
}

/// An index of the lists that the draft names, in memory alone.
fn compiled(drafted: &Config, charter: &Charter) -> Result<Loaded, Wrong> {
    let found = source::find_all(drafted, charter);
    if found.is_empty() {
        return Ok(Loaded { index: Index::empty(), missing: Vec::new() });
    }
    let (index, report) = compile::in_memory(&found, &mut Progress::stderr()).map_err(Wrong::because)?;
    Ok(Loaded { index, missing: report.missing() })
}

impl Change {
    fn words(self) -> &'static str {
        match self {
            Change::NewlyBlocked => "newly blocked",
            Change::NewlyAllowed => "newly allowed",
            Change::OtherRule => "another rule",
        }
    }
}

impl Answered {
    fn text(&self) -> String {
        let said = &self.replayed;
        let untold = said.cannot_be_told;
        let mut rows = vec![["", "exchanges", "people"].map(str::to_owned)];
        for (name, share) in [
            ("same", said.same),
            (Change::NewlyBlocked.words(), said.newly_blocked),
            (Change::NewlyAllowed.words(), said.newly_allowed),
            (Change::OtherRule.words(), said.other_rule),
        ] {
            rows.push(cells(name.to_owned(), share));
        }
        for (why, exchanges) in [
            ("masked", untold.masked),
            ("the path decides and was not kept", untold.path),
            ("a rule for some people, too few of them", untold.few),
            ("no destination in the record", untold.unreadable),
        ] {
            if exchanges > 0 {
                rows.push([format!("cannot be told: {why}"), exchanges.to_string(), String::new()]);
            }
        }
        let rule = |rule: &Option<String>| rule.clone().unwrap_or_else(|| "(default)".to_owned());
        table(
            &mut rows,
            "by category",
            said.categories.iter().map(|row| {
                let category = row.category.as_deref().unwrap_or("(none)");
                cells(format!("  {}: {category}", row.change.words()), row.share)
            }),
        );
        table(
            &mut rows,
            "by rule",
            said.rules.iter().map(|row| {
                let (before, after) = (rule(&row.before), rule(&row.after));
                cells(format!("  {}: {before} -> {after}", row.change.words()), row.share)
            }),
        );
        table(
            &mut rows,
            "by host",
            said.hosts.iter().map(|row| {
                let few = || format!("({})", plural(row.hosts, "host together", "hosts together"));
                let host = row.host.clone().unwrap_or_else(few);
                cells(format!("  {}: {host}", row.change.words()), row.share)
            }),
        );
        format!("{} to {}, by {}\n{}", self.from, self.to, self.charter, columns(&rows))
    }
}

fn table(rows: &mut Vec<[String; 3]>, title: &str, all: impl ExactSizeIterator<Item = [String; 3]>) {
    let more = all.len().saturating_sub(SHOWN);
    if all.len() > 0 {
        rows.push([title, "", ""].map(str::to_owned));
    }
    rows.extend(all.take(SHOWN));
    if more > 0 {
        rows.push([format!("  ({more} more: --json)"), String::new(), String::new()]);
    }
}

fn cells(name: String, share: Share) -> [String; 3] {
    let few = || if share.exchanges == 0 { "0".to_owned() } else { format!("fewer than {THRESHOLD}") };
    [name, share.exchanges.to_string(), share.persons.map_or_else(few, |persons| persons.to_string())]
}

//! `octroi replay`: past traffic decided anew by a draft.

use super::log::stats::{Entered, bases, enter, no_week, oldest, said_otherwise, zone};
use super::log::{bring_up_to_date, given, trace};
use super::{Answer, Wrong, answer, answer_json, columns, configuration, no_register, runtime};
use crate::aggregate::Period;
use crate::cli;
use crate::config::{CharterFile, Config, Detail};
use crate::held::Held;
use crate::lists::progress::Progress;
use crate::lists::{self, Loaded, compile, source};
use crate::replay::{Change, Replay, Replayed};
use crate::rights;
use jiff::Timestamp;
use logstore::people::Role;
use logstore::stats::{Calendar, THRESHOLD};
use logstore::{Keys, Search};
use policy::{Charter, InForce, Index};
use serde::Serialize;
use std::collections::{BTreeSet, HashSet};
use std::ops::ControlFlow;
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
    /// No figure is about fewer people, and no difference of figures, of other drafts or other weeks, either.
    threshold: usize,
    /// Rules of the draft that are for some people only, and found nobody.
    for_some: Vec<String>,
    /// Records left out since they are restricted or held.
    restricted: usize,
    #[serde(flatten)]
    replayed: Replayed,
}

/// Replays past traffic.
pub(crate) fn replay(path: Option<&Path>, asked: &cli::Replay) -> Result<Answer, Wrong> {
    let config = configuration(path)?;
    let days = (asked.from.as_deref(), asked.to.as_deref());
    let weeks = |oldest| Period::weeks(days, None, oldest, Timestamp::now(), &config.time_zone).map_err(Wrong);
    weeks(0)?;
    let draft = draft(&config, asked)?;
    let Some(oldest) = oldest(&config)? else {
        eprintln!("{}", no_register(&config));
        return Ok(Answer::No);
    };
    let period = weeks(oldest)?;
    let Entered::As(actor) = enter(&config, &asked.acting, &[Role::Policy], "replay")? else { return Ok(Answer::No) };
    let Some(period) = period else { return Ok(no_week()) };
    said_otherwise(days, period);
    let runtime = runtime()?;
    bring_up_to_date(&config, &runtime)?;
    let keys = crate::register::keys(&config).map_err(Wrong::because)?;
    let bases = bases(&config, period)?;
    let without = runtime.block_on(restricted(&config, &keys, &bases))?;
    let mut replay = Replay::begin(&draft, config.log.detail == Detail::Url);
    let register = config.register_dir();
    let mut unread = BTreeSet::new();
    for base in &bases {
        let counted = logstore::count_without(&register, &keys, begins(base)..base.end, &without, &mut replay);
        let missed = runtime.block_on(counted).map_err(Wrong::because)?;
        unread.extend(missed.iter().map(ToString::to_string));
        replay.settle(base);
    }
    let answered = Answered {
        from: period.first.to_string(),
        to: period.last.to_string(),
        charter: draft.charter().identity().to_owned(),
        threshold: THRESHOLD,
        for_some: draft.for_some().into_iter().map(str::to_owned).collect(),
        restricted: without.len(),
        replayed: replay.end(),
    };
    let scope = given([
        ("from", Some(answered.from.clone())),
        ("to", Some(answered.to.clone())),
        ("time_zone", Some(zone(&config))),
        ("charter", Some(answered.charter.clone())),
        ("lists", asked.lists.then(|| "the draft's".to_owned())),
    ]);
    trace(&config, "replay", None, scope, answered.replayed.exchanges as usize, actor.as_ref())?;
    if asked.output.json {
        answer_json(&answered)?
    } else {
        answer(&answered.text())?
    }
    if !answered.for_some.is_empty() {
        eprintln!(
            "left out, since what they decide would tell of those they are for: {}; everybody is decided on as nobody in \
             particular",
            plural_rules(&answered.for_some)
        );
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

fn plural_rules(ids: &[String]) -> String {
    format!("{} {}", if ids.len() == 1 { "the rule" } else { "the rules" }, ids.join(", "))
}

fn begins(base: &Calendar) -> i64 {
    base.days.first().map_or(base.end, |(begins, _)| *begins)
}

/// The records that may not be used: restricted (RGPD art. 18), or held. Each is looked at only when there are any.
async fn restricted(config: &Config, keys: &Keys, bases: &[Calendar]) -> Result<HashSet<i64>, Wrong> {
    let (statements, held) = (rights::statements(config).map_err(Wrong)?, Held::read(config)?);
    let (mut without, register) = (HashSet::new(), config.register_dir());
    if held.is_none() && !statements.all().iter().any(|entry| statements.is_restricting(entry)) {
        return Ok(without);
    }
    for base in bases {
        let query = Search { from: Some(begins(base)), to: Some(base.end), ..Search::default() };
        let visited = logstore::visit(&register, keys, &query, |record| {
            if statements.restricts(&record).is_some() || held.restricts(&record) {
                without.insert(record.id);
            }
            ControlFlow::Continue(())
        });
        // A day that cannot be read is not counted either, and said then.
        visited.await.map_err(Wrong::because)?;
    }
    Ok(without)
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
        return Ok(Loaded { index: Index::empty(), missing: Vec::new(), refused: Vec::new() });
    }
    let (index, report) = compile::in_memory(&found, &mut Progress::stderr()).map_err(Wrong::because)?;
    Ok(Loaded { index, missing: report.missing(), refused: Vec::new() })
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
        let mut rows = vec![["", "exchanges"].map(str::to_owned)];
        for (name, exchanges) in [
            ("same", said.same),
            (Change::NewlyBlocked.words(), said.newly_blocked),
            (Change::NewlyAllowed.words(), said.newly_allowed),
            (Change::OtherRule.words(), said.other_rule),
        ] {
            rows.push([name.to_owned(), exchanges.to_string()]);
        }
        for (why, exchanges) in [
            ("masked", untold.masked),
            ("the path decides and was not kept", untold.path),
            ("the hour decides, too few people in it", untold.hour),
            ("the address dialled or the answer decides", untold.later),
            ("too few people", untold.few),
            ("no destination in the record", untold.unreadable),
        ] {
            if exchanges > 0 {
                rows.push([format!("cannot be told: {why}"), exchanges.to_string()]);
            }
        }
        let rule = |rule: &Option<String>| rule.clone().unwrap_or_else(|| "(default)".to_owned());
        table(
            &mut rows,
            "by category",
            said.categories.iter().map(|row| {
                let category = row.category.as_deref().unwrap_or("(none)");
                [format!("  {}: {category}", row.change.words()), row.exchanges.to_string()]
            }),
        );
        table(
            &mut rows,
            "by rule",
            said.rules.iter().map(|row| {
                let (before, after) = (rule(&row.before), rule(&row.after));
                [format!("  {}: {before} -> {after}", row.change.words()), row.exchanges.to_string()]
            }),
        );
        table(
            &mut rows,
            "by host",
            said.hosts.iter().map(|row| {
                let host = row.host.as_deref().unwrap_or("(none)");
                [format!("  {}: {host}", row.change.words()), row.exchanges.to_string()]
            }),
        );
        format!("{} to {}, by {}\n{}", self.from, self.to, self.charter, columns(&rows))
    }
}

fn table(rows: &mut Vec<[String; 2]>, title: &str, all: impl ExactSizeIterator<Item = [String; 2]>) {
    let more = all.len().saturating_sub(SHOWN);
    if all.len() > 0 {
        rows.push([title, ""].map(str::to_owned));
    }
    rows.extend(all.take(SHOWN));
    if more > 0 {
        rows.push([format!("  ({more} more: --json)"), String::new()]);
    }
}

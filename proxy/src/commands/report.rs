//! `octroi report`: what a month was, for those who answer for the gate: figures about nobody, and what happened to the
//! register itself.

use super::log::stats::{Entered, READERS, count, enter, oldest, said, zone};
use super::log::trace;
use super::{Answer, Wrong, answer, answer_json, no_register};
use crate::aggregate::activity::{Activity, Event};
use crate::aggregate::{Aggregates, Period};
use crate::cli::Report;
use crate::config::Config;
use crate::legal;
use jiff::Timestamp;
use logstore::audit::{self, Act};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Reports on a month.
pub(crate) fn report(path: Option<&Path>, asked: &Report) -> Result<Answer, Wrong> {
    let config = super::configuration(path)?;
    let now = Timestamp::now();
    let whole = Period::month(asked.month.as_deref(), now, &config.time_zone).map_err(Wrong)?;
    if oldest(&config)?.is_none() {
        eprintln!("{}", no_register(&config));
        return Ok(Answer::No);
    }
    let Entered::As(actor) = enter(&config, &asked.acting, &READERS, "report")? else { return Ok(Answer::No) };
    let month = whole.first.strftime("%Y-%m").to_string();
    let Some(period) = whole.closed(now, &config.time_zone) else {
        eprintln!("nothing found: no week of {month} has ended yet");
        return Ok(Answer::No);
    };
    if period != whole {
        eprintln!("figures are of whole weeks that have ended: these are of {} to {}", period.first, period.last);
    }
    let (statistics, unread) = count(&config, period)?;
    let acts = acts(&config, whole)?;
    let scope = BTreeMap::from([("month".to_owned(), month.clone()), ("time_zone".to_owned(), zone(&config))]);
    let counted = statistics.total.map_or(0, |total| total.exchanges as usize);
    trace(&config, "report", None, scope, counted, actor.as_ref())?;
    let activity = Activity {
        month,
        organisation: &config.organisation.name,
        aggregates: Aggregates::of(&config, period, &statistics),
        alone: acts.iter().filter(|act| is_alone(act)).count() as u64,
        break_glass: events(&acts, is_break_glass),
        holes: events(&acts, is_hole),
        late_purges: events(&acts, |act| kind(act) == Some("late purge")),
        unread: &unread,
    };
    if let Some(dir) = &asked.out {
        for file in written(&config, period, &activity, dir)? {
            eprintln!("written: {}", file.display());
        }
    }
    if asked.output.json {
        answer_json(&activity)?;
    } else if asked.out.is_none() {
        answer(&activity.text())?;
    }
    Ok(said(&statistics, &unread))
}

/// Writes the report as a page and as a PDF, each whole or not at all.
fn written(config: &Config, period: Period, activity: &Activity<'_>, dir: &Path) -> Result<[PathBuf; 2], Wrong> {
    let language = config.locale;
    // Dated by the days it is about: the same figures give the same bytes.
    let midnight = config.time_zone.to_timestamp(period.last.to_datetime(jiff::civil::Time::midnight()));
    let issued = midnight.map_err(Wrong::because)?.to_zoned_datetime(config.time_zone.clone());
    let charter = super::charter(config)?.charter;
    let label = |category: &str| charter.label(category).and_then(|text| Some(language.words(text)?.text.to_owned()));
    let document = legal::activity::report(language, activity, period, issued, &label);
    let name = format!("{}-{}", language.pick("rapport", "report"), activity.month);
    let pdf = legal::pdf::render(&document).map_err(Wrong::because)?;
    let page = legal::html::render(&document).into_bytes();
    crate::files::private_dir(dir).map_err(|why| Wrong::because(format!("{}: {why}", dir.display())))?;
    let files = [(dir.join(format!("{name}.html")), page), (dir.join(format!("{name}.pdf")), pdf)];
    for (file, bytes) in &files {
        let written = crate::files::replace(file, |out| out.write_all(bytes));
        written.map_err(|why| Wrong::because(format!("{}: {why}", file.display())))?;
    }
    Ok(files.map(|(file, _)| file))
}

/// What the audit trail says of these days.
fn acts(config: &Config, period: Period) -> Result<Vec<Act>, Wrong> {
    let calendar = period.calendar(&config.time_zone).map_err(Wrong)?;
    let begins = calendar.days.first().map_or(calendar.end, |(begins, _)| *begins);
    let within = |act: &Act| {
        let at = act.at.parse::<Timestamp>().map(|at| at.as_microsecond());
        at.is_ok_and(|at| (begins..calendar.end).contains(&at))
    };
    let trail = audit::read(&config.register_dir()).map_err(Wrong::because)?;
    Ok(trail.acts.into_iter().filter(within).collect())
}

fn kind(act: &Act) -> Option<&str> {
    act.scope.get("kind").map(String::as_str)
}

/// Names opened, or an answer made, by somebody who had no role for it: nobody has any. What is done for authorities is none of
/// this report's.
fn is_alone(act: &Act) -> bool {
    let names = act.act == "search" && act.purpose.is_some() || act.act == crate::commands::export::SUBJECT;
    names && !act.scope.contains_key("role") && !crate::access::is_restricted_act(act)
}

fn is_break_glass(act: &Act) -> bool {
    act.act == "break-glass" || kind(act) == Some("break-glass")
}

/// A day's file that was lost, or records that a crash tore.
fn is_hole(act: &Act) -> bool {
    let number = |name: &str| act.scope.get(name).and_then(|number| number.parse::<u64>().ok()).unwrap_or(0);
    kind(act) == Some("lost file") || act.act == "recovery" && number("damaged") + number("torn_bytes") > 0
}

fn events(acts: &[Act], is: impl Fn(&Act) -> bool) -> Vec<Event> {
    let event = |act: &Act| {
        let told = ["day", "damaged", "torn_bytes"];
        let parts = told.iter().filter_map(|name| Some(format!("{name} {}", act.scope.get(*name)?)));
        let parts: Vec<String> = [act.act.clone()].into_iter().chain(parts).collect();
        Event { at: act.at.clone(), purpose: act.purpose.clone(), what: parts.join(", "), count: act.count }
    };
    acts.iter().filter(|act| is(act)).map(event).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_told_without_names_and_reasons() {
        let act = |act: &str, scope: &[(&str, &str)], reason: Option<&str>| Act {
            at: "2026-11-23T10:00:00.000000Z".into(),
            who: "p.dupont".into(),
            act: act.into(),
            purpose: Some("security".to_owned()).filter(|_| act == "break-glass"),
            reason: reason.map(str::to_owned),
            scope: scope.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            count: 3,
        };
        let acts = [
            act("search", &[("user", "a.martin")], Some("because of a.martin")),
            act("break-glass", &[("user", "a.martin")], Some("because of a.martin")),
            act("incident", &[("kind", "lost file"), ("day", "2026-11-20")], None),
            act("incident", &[("kind", "late purge"), ("day", "2025-11-20")], None),
            act("recovery", &[("damaged", "0"), ("torn_bytes", "0")], None),
            act("recovery", &[("damaged", "2"), ("torn_bytes", "70")], None),
        ];
        let alone = |act: &Act| Some((act.act.clone(), is_alone(act)));
        assert_eq!(alone(&acts[0]), Some(("search".to_owned(), false)), "under pseudonyms");
        let mut named = acts[0].clone();
        named.purpose = Some("security".into());
        assert!(is_alone(&named), "no role stands beside it");
        named.scope.insert("role".into(), "investigator".into());
        assert!(!is_alone(&named));
        named.scope.insert("role".into(), "judicial".into());
        assert!(!is_alone(&named));
        let glass = events(&acts, is_break_glass);
        assert_eq!((glass.len(), glass[0].what.as_str(), glass[0].count), (1, "break-glass", 3));
        assert_eq!(glass[0].purpose.as_deref(), Some("security"));
        let holes: Vec<String> = events(&acts, is_hole).into_iter().map(|hole| hole.what).collect();
        assert_eq!(holes, ["incident, day 2026-11-20", "recovery, damaged 2, torn_bytes 70"]);
        assert_eq!(events(&acts, |act| kind(act) == Some("late purge")).len(), 1);
        let all = serde_json::to_string(&events(&acts, |_| true)).expect("written");
        assert!(!all.contains("martin") && !all.contains("dupont"), "{all}");
    }
}

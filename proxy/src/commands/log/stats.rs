//! `octroi log stats`: figures of some weeks, about nobody.

use super::{bring_up_to_date, given, trace};
use crate::access::{self, Actor};
use crate::aggregate::{Aggregates, Period};
use crate::cli::{As, Stats};
use crate::commands::{Answer, Wrong, answer, answer_json, keys, no_register, plural, runtime};
use crate::config::Config;
use crate::register;
use jiff::Timestamp;
use logstore::Statistics;
use logstore::people::Role;
use logstore::retention;
use logstore::stats::{Calendar, THRESHOLD};
use std::collections::HashSet;

/// Rows of a table of text.
const SHOWN: usize = 20;
/// The weeks that are shown when none are asked for: about a month.
const WEEKS: i64 = 4;
/// Who may have figures about nobody, once roles are asked for.
pub(in crate::commands) const READERS: [Role; 4] = [Role::Statistics, Role::Policy, Role::Approver, Role::Auditor];

pub(super) fn stats(config: &Config, asked: &Stats) -> Result<Answer, Wrong> {
    let days = (asked.from.as_deref(), asked.to.as_deref());
    let weeks = |oldest| Period::weeks(days, Some(WEEKS), oldest, Timestamp::now(), &config.time_zone).map_err(Wrong);
    let Some(oldest) = oldest(config)? else {
        // What is wrong with what was typed is wrong without a register as well.
        weeks(0)?;
        eprintln!("{}", no_register(config));
        return Ok(Answer::No);
    };
    let period = weeks(oldest)?;
    let Entered::As(actor) = enter(config, &asked.acting, &READERS, "stats")? else { return Ok(Answer::No) };
    let Some(period) = period else { return Ok(no_week()) };
    said_otherwise(days, period);
    let (statistics, unread) = count(config, period)?;
    let scope = given([
        ("from", Some(period.first.to_string())),
        ("to", Some(period.last.to_string())),
        ("time_zone", Some(zone(config))),
    ]);
    let counted = statistics.total.map_or(0, |total| total.exchanges as usize);
    trace(config, "stats", None, scope, counted, actor.as_ref())?;
    let aggregates = Aggregates::of(config, period, &statistics);
    if asked.output.json {
        answer_json(&aggregates)?
    } else {
        answer(&aggregates.text(SHOWN))?
    }
    Ok(said(&statistics, &unread))
}

/// Whether somebody may have figures, and who they are.
pub(in crate::commands) enum Entered {
    /// They may not: that is said, and noted.
    Refused,
    /// They may; nobody in particular, as long as no roles are asked for and no account is given.
    As(Option<Actor>),
}

/// Has somebody in who wants figures. They are about nobody: as long as no roles are asked for, nobody acts alone here.
pub(in crate::commands) fn enter(config: &Config, acting: &As, roles: &[Role], act: &str) -> Result<Entered, Wrong> {
    if acting.acting.is_none() && !access::enforced(config, &access::people(config)?) {
        return Ok(Entered::As(None));
    }
    let entered = access::look(config, acting, roles, act)?;
    Ok(entered.map_or(Entered::Refused, |actor| Entered::As(Some(actor))))
}

/// The zone whose days they are: in another, weeks begin elsewhere, so that it belongs to what the audit trail says.
pub(in crate::commands) fn zone(config: &Config) -> String {
    config.time_zone.iana_name().unwrap_or("UTC").to_owned()
}

/// Says that there is nothing to count.
pub(in crate::commands) fn no_week() -> Answer {
    eprintln!(
        "nothing found: figures are of whole weeks, Monday to Sunday, that have ended and that the register holds"
    );
    Answer::No
}

/// Says which days were taken, where others were asked for.
pub(in crate::commands) fn said_otherwise((from, to): (Option<&str>, Option<&str>), period: Period) {
    let (first, last) = (period.first.to_string(), period.last.to_string());
    if from.is_some_and(|from| from != first) || to.is_some_and(|to| to != last) {
        eprintln!("figures are of whole weeks that have ended: these are of {first} to {last}");
    }
}

/// When the first day begins that the register holds (UTC µs); `None` when there is no register, or nothing in it.
pub(in crate::commands) fn oldest(config: &Config) -> Result<Option<i64>, Wrong> {
    if keys(config)?.is_none() {
        return Ok(None);
    }
    logstore::alike::oldest(&config.register_dir()).map_err(Wrong::because)
}

/// The base periods of a period that are whole. One of which a day was erased is none: taken from what it was before, what
/// is left of it would tell of that day alone.
pub(in crate::commands) fn bases(config: &Config, period: Period) -> Result<Vec<Calendar>, Wrong> {
    let public = register::public(config).map_err(Wrong::because)?;
    let certificates = retention::certificates(&config.register_dir(), &public).map_err(Wrong::because)?;
    let erased: HashSet<String> =
        certificates.into_iter().flat_map(|(_, certificate)| certificate.days).map(|erased| erased.day).collect();
    let mut whole = Vec::new();
    for base in period.bases() {
        let calendar = base.calendar(&config.time_zone).map_err(Wrong)?;
        let ends = calendar.days.iter().map(|(begins, _)| *begins).chain([calendar.end - 1]);
        let mut days =
            ends.filter_map(|at| Timestamp::from_microsecond(at).ok()).map(|at| at.strftime("%F").to_string());
        if days.any(|day| erased.contains(&day)) {
            eprintln!("not counted: {} to {}, of which days are erased", base.first, base.last);
        } else {
            whole.push(calendar);
        }
    }
    Ok(whole)
}

/// Counts the whole base periods of some days; and what could not be read, a line each.
pub(in crate::commands) fn count(config: &Config, period: Period) -> Result<(Statistics, Vec<String>), Wrong> {
    let runtime = runtime()?;
    bring_up_to_date(config, &runtime)?;
    let keys = register::keys(config).map_err(Wrong::because)?;
    let bases = bases(config, period)?;
    let counted = runtime.block_on(logstore::statistics(&config.register_dir(), &keys, &bases));
    let (statistics, unread) = counted.map_err(Wrong::because)?;
    Ok((statistics, unread.iter().map(ToString::to_string).collect()))
}

/// Says what the figures leave out.
pub(in crate::commands) fn said(statistics: &Statistics, unread: &[String]) -> Answer {
    let people = plural(THRESHOLD as u64, "person", "people");
    for day in unread {
        eprintln!("not counted: {day}");
    }
    match statistics.total {
        Some(_) => {
            for first in &statistics.withheld {
                eprintln!("not counted: the week from {first}, fewer than {people} are behind it");
            }
            if unread.is_empty() { Answer::Done } else { Answer::No }
        }
        None if statistics.counted == 0 => {
            eprintln!("nothing found");
            Answer::No
        }
        None => {
            eprintln!("fewer than {people} are behind each of these weeks: nothing is shown of so few");
            Answer::No
        }
    }
}

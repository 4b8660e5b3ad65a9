//! `octroi log stats`: figures of some days, about nobody.

use super::{bring_up_to_date, given, trace};
use crate::aggregate::{Aggregates, Period};
use crate::cli::Stats;
use crate::commands::{Answer, Wrong, answer, answer_json, keys, no_register, plural, runtime};
use crate::config::Config;
use jiff::Timestamp;
use logstore::Statistics;
use logstore::stats::THRESHOLD;

/// Rows of a table of text.
const SHOWN: usize = 20;

pub(super) fn stats(config: &Config, asked: &Stats) -> Result<Answer, Wrong> {
    let Some(oldest) = oldest(config)? else {
        // What is wrong with what was typed is wrong without a register as well.
        Period::of(asked.from.as_deref(), asked.to.as_deref(), 0, Timestamp::now(), &config.time_zone)
            .map_err(Wrong)?;
        eprintln!("{}", no_register(config));
        return Ok(Answer::No);
    };
    let (from, to) = (asked.from.as_deref(), asked.to.as_deref());
    let period = Period::of(from, to, oldest, Timestamp::now(), &config.time_zone).map_err(Wrong)?;
    let (statistics, unread) = count(config, period)?;
    let scope = given([("from", Some(period.first.to_string())), ("to", Some(period.last.to_string()))]);
    trace(config, "stats", None, scope, statistics.total.map_or(0, |total| total.exchanges as usize), None)?;
    let aggregates = Aggregates::of(config, period, &statistics);
    if asked.output.json {
        answer_json(&aggregates)?
    } else {
        answer(&aggregates.text(SHOWN))?
    }
    Ok(said(&statistics, &unread))
}

/// When the first day begins that the register holds (UTC µs); `None` when there is no register, or nothing in it.
pub(in crate::commands) fn oldest(config: &Config) -> Result<Option<i64>, Wrong> {
    if keys(config)?.is_none() {
        return Ok(None);
    }
    logstore::alike::oldest(&config.register_dir()).map_err(Wrong::because)
}

/// Counts some days, today's as it is now; and what could not be read, a line each.
pub(in crate::commands) fn count(config: &Config, period: Period) -> Result<(Statistics, Vec<String>), Wrong> {
    let runtime = runtime()?;
    bring_up_to_date(config, &runtime)?;
    let keys = crate::register::keys(config).map_err(Wrong::because)?;
    let calendar = period.calendar(&config.time_zone).map_err(Wrong)?;
    let counted = runtime.block_on(logstore::statistics(&config.register_dir(), &keys, &calendar));
    let (statistics, unread) = counted.map_err(Wrong::because)?;
    Ok((statistics, unread.iter().map(ToString::to_string).collect()))
}

/// Says what the figures leave out.
pub(in crate::commands) fn said(statistics: &Statistics, unread: &[String]) -> Answer {
    for day in unread {
        eprintln!("not counted: {day}");
    }
    match statistics.total {
        Some(_) if unread.is_empty() => Answer::Done,
        Some(_) => Answer::No,
        None if statistics.counted == 0 => {
            eprintln!("nothing found");
            Answer::No
        }
        None => {
            let people = plural(THRESHOLD as u64, "person", "people");
            eprintln!("fewer than {people} are behind these days: nothing is shown of so few");
            Answer::No
        }
    }
}

//! Figures of the register for people: of which days, and as tables of text.
//!
//! Days are whole, by the clock on the wall: what was asked within an hour is what few people asked for. What may be shown
//! is the register's to decide (`logstore::stats`).

pub(crate) mod activity;

use crate::config::Config;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use logstore::Statistics;
use logstore::stats::{Calendar, Figures, Row, THRESHOLD};
use serde::Serialize;
use std::fmt::Write as _;

/// Some whole days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Period {
    /// The first.
    pub(crate) first: Date,
    /// The last.
    pub(crate) last: Date,
}

/// The form of a day, for messages and `--help`.
pub(crate) const DAY_FORM: &str = "2026-11-23";
/// The form of a month.
pub(crate) const MONTH_FORM: &str = "2026-11";

impl Period {
    /// The days that were asked for; without a first, the days that the register holds, without a last, those up to today.
    /// `oldest` is the first instant (UTC µs) of which the register holds a day. Says what is wrong with what was typed.
    pub(crate) fn of(
        from: Option<&str>,
        to: Option<&str>,
        oldest: i64,
        now: Timestamp,
        zone: &TimeZone,
    ) -> Result<Period, String> {
        let today = zone.to_datetime(now).date();
        let oldest = Timestamp::from_microsecond(oldest).map_or(today, |at| zone.to_datetime(at).date());
        let first = from.map(|text| day("--from", text)).transpose()?;
        let last = to.map(|text| day("--to", text)).transpose()?;
        if first.zip(last).is_some_and(|(first, last)| first > last) {
            return Err("--from is later than --to".to_owned());
        }
        if let Some(first) = first.filter(|first| *first > today) {
            return Err(format!("--from {first}: this day is still to come"));
        }
        let last = last.unwrap_or(today).min(today);
        // Of days that the register does not hold there is nothing to count.
        Ok(Period { first: first.unwrap_or(oldest).max(oldest.min(last)), last })
    }

    /// The month that was asked for, or the one before this.
    pub(crate) fn month(asked: Option<&str>, now: Timestamp, zone: &TimeZone) -> Result<Period, String> {
        let today = zone.to_datetime(now).date();
        let begun = today.first_of_month();
        let first = match asked {
            None => begun.checked_sub(1.month()).map_err(|why| why.to_string())?,
            Some(text) => {
                let date = format!("{text}-01").parse::<Date>().ok().filter(|_| text.len() == MONTH_FORM.len());
                date.ok_or_else(|| format!("--month {text}: this is not a month; expected {MONTH_FORM}"))?
            }
        };
        if first > begun {
            return Err(format!("--month {}: this month is still to come", first.strftime("%Y-%m")));
        }
        Ok(Period { first, last: first.last_of_month().min(today) })
    }

    /// Where its days begin and end.
    pub(crate) fn calendar(self, zone: &TimeZone) -> Result<Calendar, String> {
        let begins = |date: Date| {
            let instant = zone.to_timestamp(date.to_datetime(jiff::civil::Time::midnight()));
            instant.map(|instant| instant.as_microsecond()).map_err(|why| format!("{date}: {why}"))
        };
        let mut days = Vec::new();
        let mut day = self.first;
        while day <= self.last {
            days.push((begins(day)?, day.to_string()));
            day = day.tomorrow().map_err(|why| why.to_string())?;
        }
        Ok(Calendar { days, end: begins(day)? })
    }
}

fn day(option: &str, text: &str) -> Result<Date, String> {
    let date = text.parse::<Date>().ok().filter(|date| date.to_string() == text);
    date.ok_or_else(|| format!("{option} {text}: this is not a day; expected {DAY_FORM} (figures are of whole days)"))
}

/// Statistics, and of what.
#[derive(Debug, Serialize)]
pub(crate) struct Aggregates<'a> {
    /// The first day.
    pub(crate) from: String,
    /// The last day.
    pub(crate) to: String,
    /// The zone whose days these are.
    pub(crate) time_zone: String,
    /// Figures about fewer people are put together or not shown.
    pub(crate) threshold: usize,
    /// The figures.
    #[serde(flatten)]
    pub(crate) statistics: &'a Statistics,
}

impl<'a> Aggregates<'a> {
    /// Statistics of a period.
    pub(crate) fn of(config: &Config, period: Period, statistics: &'a Statistics) -> Aggregates<'a> {
        Aggregates {
            from: period.first.to_string(),
            to: period.last.to_string(),
            time_zone: config.time_zone.iana_name().unwrap_or("UTC").to_owned(),
            threshold: THRESHOLD,
            statistics,
        }
    }

    /// As tables. At most so many rows of each.
    pub(crate) fn text(&self, most: usize) -> String {
        let mut text = format!("{} to {} ({})\n", self.from, self.to, self.time_zone);
        let Some(total) = self.statistics.total else { return text };
        let said = &self.statistics;
        let mut rows = vec![["", "exchanges", "turned back", "sent", "received"].map(str::to_owned)];
        rows.push(cells("all", &total, said.actions.iter().map(|row| row.blocked).sum()));
        for (title, table) in [
            ("by action", &said.actions),
            ("by outcome", &said.outcomes),
            ("by category", &said.categories),
            ("by rule", &said.rules),
            ("by article", &said.articles),
            ("by service", &said.services),
            ("masked, by reason", &said.masked),
            ("by day", &said.days),
        ] {
            if table.is_empty() {
                continue;
            }
            rows.push([title, "", "", "", ""].map(str::to_owned));
            let bounded = if title == "by day" { table.len() } else { most };
            rows.extend(
                table.iter().take(bounded).map(|row| cells(&format!("  {}", name(row)), &row.figures, row.blocked)),
            );
            if let Some(more) = table.len().checked_sub(bounded).filter(|more| *more > 0) {
                rows.push([&format!("  ({more} more: --json)"), "", "", "", ""].map(str::to_owned));
            }
        }
        let _ = write!(text, "{}", crate::commands::columns(&rows));
        text
    }
}

fn name(row: &Row) -> &str {
    match &row.name {
        Some(name) => name,
        None if row.others => "(others)",
        None => "(none)",
    }
}

fn cells(name: &str, figures: &Figures, blocked: u64) -> [String; 5] {
    [
        name.to_owned(),
        figures.exchanges.to_string(),
        blocked.to_string(),
        volume(figures.bytes_sent),
        volume(figures.bytes_received),
    ]
}

/// Bytes as people say them, in powers of ten: `1.2 GB`.
pub(crate) fn volume(bytes: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 999.95 && unit + 1 < units.len() {
        (value, unit) = (value / 1000.0, unit + 1);
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", units[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone() -> TimeZone {
        TimeZone::get("Europe/Paris").expect("a zone")
    }

    fn now() -> Timestamp {
        "2026-11-23T23:30:00Z".parse().expect("an instant")
    }

    fn days(period: Result<Period, String>) -> Result<String, String> {
        period.map(|period| format!("{} {}", period.first, period.last))
    }

    #[test]
    fn days_are_those_asked_for_that_the_register_holds() {
        // The last minute of the first of November in Paris.
        let oldest = "2026-11-01T22:59:00Z".parse::<Timestamp>().expect("an instant").as_microsecond();
        let of = |from, to| days(Period::of(from, to, oldest, now(), &zone()));
        // In Paris it is the 24th by now.
        assert_eq!(of(None, None).as_deref(), Ok("2026-11-01 2026-11-24"));
        assert_eq!(of(Some("2026-11-03"), Some("2026-11-03")).as_deref(), Ok("2026-11-03 2026-11-03"));
        assert_eq!(of(Some("0001-01-01"), Some("2026-12-31")).as_deref(), Ok("2026-11-01 2026-11-24"));
        assert_eq!(of(Some("2026-01-01"), Some("2026-01-31")).as_deref(), Ok("2026-01-31 2026-01-31"));
        for (from, to, said) in [
            (Some("2026-11-05"), Some("2026-11-04"), "--from is later than --to"),
            (Some("2026-11-25"), None, "--from 2026-11-25: this day is still to come"),
            (Some("hier"), None, "--from hier: this is not a day; expected 2026-11-23 (figures are of whole days)"),
            (None, Some("2026-11-23T12:00"), "--to 2026-11-23T12:00: this is not a day"),
            (None, Some("2026-02-30"), "--to 2026-02-30: this is not a day"),
        ] {
            let refused = of(from, to).expect_err(said);
            assert!(refused.starts_with(said), "{refused}");
        }
    }

    #[test]
    fn a_month_is_one_that_has_begun() {
        let of = |asked| days(Period::month(asked, now(), &zone()));
        assert_eq!(of(None).as_deref(), Ok("2026-10-01 2026-10-31"));
        assert_eq!(of(Some("2026-11")).as_deref(), Ok("2026-11-01 2026-11-24"));
        assert_eq!(of(Some("2024-02")).as_deref(), Ok("2024-02-01 2024-02-29"));
        assert_eq!(of(Some("2026-12")), Err("--month 2026-12: this month is still to come".to_owned()));
        for wrong in ["2026-13", "2026-1", "novembre", "2026-11-01", ""] {
            let refused = of(Some(wrong)).expect_err("refused");
            assert_eq!(refused, format!("--month {wrong}: this is not a month; expected 2026-11"));
        }
    }

    #[test]
    fn a_day_begins_when_the_clock_on_the_wall_says_so() {
        // Summer time ends on the second day, which has 25 hours.
        let calendar = Period::of(Some("2026-10-24"), Some("2026-10-26"), 0, now(), &zone())
            .and_then(|period| period.calendar(&zone()))
            .expect("three days");
        let begins: Vec<i64> = calendar.days.iter().map(|(at, _)| *at).chain([calendar.end]).collect();
        let hours: Vec<i64> = begins.windows(2).map(|pair| (pair[1] - pair[0]) / 3_600_000_000).collect();
        assert_eq!(hours, [24, 25, 24]);
        assert_eq!(calendar.days[1].1, "2026-10-25");
    }

    #[test]
    fn bytes_are_said_with_a_unit() {
        for (bytes, said) in [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_960, "1.0 MB"), (u64::MAX, "18.4 EB")]
        {
            assert_eq!(volume(bytes), said);
        }
    }
}

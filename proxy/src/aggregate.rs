//! Figures of the register for people: of which days, and as tables of text.
//!
//! Periods are whole weeks that have ended, or a month, by the clock on the wall: what was asked within an hour is what few
//! people asked for, and what was asked on one day is the difference of two periods. What may be shown is the register's to
//! decide (`logstore::stats`).

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
    /// The whole weeks, Monday to Sunday, that hold the days that were asked for, as far as they have ended; without a
    /// first, the last `weeks`, or all that the register holds. `oldest` is the first instant (UTC µs) of which the
    /// register holds a day. `None`: there is no such week. Says what is wrong with what was typed.
    pub(crate) fn weeks(
        (from, to): (Option<&str>, Option<&str>),
        weeks: Option<i64>,
        oldest: i64,
        now: Timestamp,
        zone: &TimeZone,
    ) -> Result<Option<Period>, String> {
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
        let Some(sunday) = last_sunday(ended(now, zone)) else { return Ok(None) };
        let last = last.map_or(sunday, |day| sunday_of(day).min(sunday));
        let back = |weeks: i64| monday_of(last).saturating_sub((weeks - 1).weeks());
        let first = first.map(monday_of).or(weeks.map(back)).unwrap_or(Date::MIN);
        // Of weeks that the register does not hold there is nothing to count.
        let first = first.max(monday_of(oldest));
        Ok((first <= last).then_some(Period { first, last }))
    }

    /// What of it has ended, to the end of a week or of the whole; `None`: nothing yet.
    pub(crate) fn closed(self, now: Timestamp, zone: &TimeZone) -> Option<Period> {
        let ended = ended(now, zone);
        let last = if self.last <= ended { self.last } else { last_sunday(ended)? };
        (self.first <= last).then_some(Period { last, ..self })
    }

    /// The base periods that it is made of: weeks, cut where a month begins. No period that may be asked for divides one,
    /// be it of weeks or a month: nothing is learnt of a part of one by subtracting.
    pub(crate) fn bases(self) -> Vec<Period> {
        let mut bases = Vec::new();
        let mut first = self.first;
        while first <= self.last {
            let last = sunday_of(first).min(first.last_of_month()).min(self.last);
            bases.push(Period { first, last });
            let Ok(next) = last.tomorrow() else { break };
            first = next;
        }
        bases
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
        Ok(Period { first, last: first.last_of_month() })
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

/// The last day that has ended, and with it the day in UTC in which it did: what was under way then is settled, and its
/// figures change no more.
fn ended(now: Timestamp, zone: &TimeZone) -> Date {
    let settled = TimeZone::UTC.to_datetime(now).date().to_datetime(jiff::civil::Time::midnight());
    let settled = TimeZone::UTC.to_timestamp(settled).unwrap_or(now);
    // The day that midnight in UTC falls into is under way at it, or begins with it.
    let under_way = zone.to_datetime(settled).date();
    under_way.yesterday().unwrap_or(under_way)
}

fn monday_of(date: Date) -> Date {
    date.saturating_sub(i64::from(date.weekday().to_monday_zero_offset()).days())
}

fn sunday_of(date: Date) -> Date {
    monday_of(date).saturating_add(6.days())
}

/// The last Sunday up to a day.
fn last_sunday(date: Date) -> Option<Date> {
    let sunday = sunday_of(date);
    if sunday == date { Some(sunday) } else { sunday.checked_sub(1.week()).ok() }
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

    fn said(period: Period) -> String {
        format!("{} {}", period.first, period.last)
    }

    #[test]
    fn weeks_are_those_that_hold_the_days_asked_for_and_have_ended() {
        // The last minute of the first of November, a Sunday, in Paris.
        let oldest = "2026-11-01T22:59:00Z".parse::<Timestamp>().expect("an instant").as_microsecond();
        let of = |from, to, weeks| {
            let period = Period::weeks((from, to), weeks, oldest, now(), &zone());
            period.map(|period| period.map_or_else(|| "none".to_owned(), said))
        };
        // In Paris it is Tuesday the 24th by now.
        for (from, to, weeks, expected) in [
            (None, None, None, "2026-10-26 2026-11-22"),
            (None, None, Some(2), "2026-11-09 2026-11-22"),
            (None, Some("2026-11-14"), Some(1), "2026-11-09 2026-11-15"),
            // Widened to whole weeks.
            (Some("2026-11-05"), Some("2026-11-14"), None, "2026-11-02 2026-11-15"),
            (Some("2026-11-05"), Some("2026-11-13"), None, "2026-11-02 2026-11-15"),
            (Some("2026-11-08"), Some("2026-11-09"), None, "2026-11-02 2026-11-15"),
            // Narrowed to those that have ended.
            (Some("2026-11-20"), Some("2026-12-31"), None, "2026-11-16 2026-11-22"),
            (Some("2026-11-23"), None, None, "none"),
            (Some("0001-01-01"), None, None, "2026-10-26 2026-11-22"),
            (Some("2026-01-01"), Some("2026-01-31"), None, "none"),
        ] {
            assert_eq!(of(from, to, weeks).as_deref(), Ok(expected), "{from:?} {to:?}");
        }
        for (from, to, said) in [
            (Some("2026-11-05"), Some("2026-11-04"), "--from is later than --to"),
            (Some("2026-11-25"), None, "--from 2026-11-25: this day is still to come"),
            (Some("hier"), None, "--from hier: this is not a day; expected 2026-11-23 (figures are of whole days)"),
            (None, Some("2026-11-23T12:00"), "--to 2026-11-23T12:00: this is not a day"),
            (None, Some("2026-02-30"), "--to 2026-02-30: this is not a day"),
        ] {
            let refused = of(from, to, None).expect_err(said);
            assert!(refused.starts_with(said), "{refused}");
        }
    }

    #[test]
    fn a_month_is_one_that_has_begun_as_far_as_its_weeks_have_ended() {
        let of = |asked| {
            let month = Period::month(asked, now(), &zone())?;
            Ok(month.closed(now(), &zone()).map_or_else(|| "none".to_owned(), said))
        };
        assert_eq!(of(None).as_deref(), Ok("2026-10-01 2026-10-31"));
        assert_eq!(of(Some("2026-11")).as_deref(), Ok("2026-11-01 2026-11-22"));
        assert_eq!(of(Some("2024-02")).as_deref(), Ok("2024-02-01 2024-02-29"));
        assert_eq!(of(Some("2026-12")), Err("--month 2026-12: this month is still to come".to_owned()));
        for wrong in ["2026-13", "2026-1", "novembre", "2026-11-01", ""] {
            let refused = of(Some(wrong)).expect_err("refused");
            assert_eq!(refused, format!("--month {wrong}: this is not a month; expected 2026-11"));
        }
        let third = "2026-10-03T12:00:00Z".parse().expect("an instant");
        let month = Period::month(Some("2026-10"), third, &zone()).expect("a month");
        assert_eq!(month.closed(third, &zone()), None, "no week of it has ended");
    }

    #[test]
    fn a_day_has_ended_when_midnight_in_utc_has_settled_it() {
        for (now, expected) in [
            // Midnight in Paris is 23:00 in UTC.
            ("2026-11-23T23:30:00Z", "2026-11-22"),
            ("2026-11-24T00:00:00Z", "2026-11-23"),
            ("2026-11-24T22:59:00Z", "2026-11-23"),
        ] {
            assert_eq!(ended(now.parse().expect("an instant"), &zone()).to_string(), expected, "{now}");
        }
    }

    /// Months and weeks overlap: each is whole base periods, which are the same in both.
    #[test]
    fn months_and_weeks_are_made_of_the_same_base_periods() {
        let date = |text: &str| text.parse::<Date>().expect("a day");
        let all: Vec<String> =
            Period { first: date("2026-06-29"), last: date("2026-11-22") }.bases().into_iter().map(said).collect();
        for (first, last) in [
            ("2026-07-01", "2026-07-31"),
            ("2026-11-01", "2026-11-22"),
            ("2026-07-27", "2026-08-02"),
            ("2026-10-26", "2026-11-22"),
        ] {
            let bases = Period { first: date(first), last: date(last) }.bases();
            assert_eq!((bases[0].first, bases[bases.len() - 1].last), (date(first), date(last)));
            for base in bases {
                assert!(all.contains(&said(base)), "{}", said(base));
            }
        }
    }

    #[test]
    fn a_day_begins_when_the_clock_on_the_wall_says_so() {
        // Summer time ends on the second day, which has 25 hours.
        let date = |text: &str| text.parse::<Date>().expect("a day");
        let period = Period { first: date("2026-10-24"), last: date("2026-10-26") };
        let calendar = period.calendar(&zone()).expect("three days");
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

//! Times as they are typed: one set of forms for every command that takes one.

use super::Wrong;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// The forms, for `--help`.
pub(crate) const FORMS: &str = "2026-11-23, 2026-11-23T12:30 (local time) or 2026-11-23T12:30:00+01:00";

/// What a day alone stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Day {
    /// The instant at which it begins.
    Begins,
    /// The instant at which it is over.
    Ends,
}

/// An instant: RFC 3339, a date and time of the configuration's zone, or a day.
pub(super) fn instant(option: &str, text: &str, zone: &TimeZone, day: Day) -> Result<Timestamp, Wrong> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let wrong = || Wrong(format!("{option} {text}: this is not a time; expected {FORMS}"));
    let local = if text.contains(['T', ' ']) {
        text.parse::<DateTime>().map_err(|_| wrong())?
    } else {
        let date = text.parse::<Date>().map_err(|_| wrong())?;
        let date = if day == Day::Ends { date.checked_add(1.day()).map_err(|_| wrong())? } else { date };
        date.to_datetime(Time::midnight())
    };
    zone.to_timestamp(local).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_whole_and_local() {
        let zone = TimeZone::get("Europe/Paris").expect("a zone");
        let at = |text: &str, day| instant("--at", text, &zone, day).map(|at| at.to_string()).ok();
        assert_eq!(at("2026-11-23", Day::Begins).as_deref(), Some("2026-11-22T23:00:00Z"));
        assert_eq!(at("2026-11-23", Day::Ends).as_deref(), Some("2026-11-23T23:00:00Z"));
        // The day on which summer time ends has 25 hours.
        assert_eq!(at("2026-10-25", Day::Begins).as_deref(), Some("2026-10-24T22:00:00Z"));
        assert_eq!(at("2026-10-25", Day::Ends).as_deref(), Some("2026-10-25T23:00:00Z"));
        assert_eq!(at("2026-11-23T12:30", Day::Ends).as_deref(), Some("2026-11-23T11:30:00Z"));
        assert_eq!(at("2026-11-23T12:30:00Z", Day::Begins).as_deref(), Some("2026-11-23T12:30:00Z"));
        for wrong in ["yesterday", "2026-02-30", "23/11/2026", ""] {
            assert_eq!(at(wrong, Day::Begins), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_not_a_time_is_told_the_forms() {
        let Err(Wrong(why)) = instant("--at", "noon", &TimeZone::UTC, Day::Begins) else { panic!("accepted") };
        assert!(why.contains("--at noon") && why.contains(FORMS), "{why}");
    }
}

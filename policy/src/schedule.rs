//! When: days of the week and hours of the day, by the clock on the wall.
//!
//! A window belongs to the day on which it begins: `22:00-06:00` on Friday lasts until Saturday, six o'clock. What
//! counts is what the clock of the charter's time zone shows. So on the night in spring when the clock skips from two
//! to three, `02:30-04:00` begins at three; on the night in autumn when the hour from two to three comes twice, both
//! times are in `02:00-03:00`.
//!
//! Which days: those of the week, and `dates` besides; public holidays as `holidays` says. The more particular word counts:
//! `except_dates` before `dates`, these before holidays, those before days of the week.
use crate::holidays::{Dates, Holidays};
use crate::problem::nearest;
use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use std::sync::Arc;

/// The words for days, and what they stand for.
pub(crate) const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

const DAY: u16 = 24 * 60;

/// One `[schedules.ID]`; always, unless it says more.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Schedule {
    pub(crate) id: String,
    pub(crate) days: Days,
    /// Empty: the whole day.
    pub(crate) hours: Vec<Window>,
    pub(crate) on_holidays: OnHolidays,
    /// What is a holiday; the charter's own.
    pub(crate) holidays: Arc<Holidays>,
    /// Days besides.
    pub(crate) dates: Vec<Dates>,
    pub(crate) except_dates: Vec<Dates>,
}

/// What public holidays are to a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum OnHolidays {
    /// Days like others.
    #[default]
    Alike,
    /// Of its days only those that are holidays.
    Only,
    /// Its days, and holidays.
    Also,
    /// Its days, unless they are holidays.
    Except,
}

impl OnHolidays {
    pub(crate) const WORDS: [(&str, OnHolidays); 3] =
        [("only", OnHolidays::Only), ("also", OnHolidays::Also), ("except", OnHolidays::Except)];
}

/// A set of days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Days(u8);

impl Default for Days {
    fn default() -> Days {
        Days::ALL
    }
}

impl Days {
    pub(crate) const ALL: Days = Days(0x7F);
    pub(crate) const NONE: Days = Days(0);

    pub(crate) fn with(self, day: Weekday) -> Days {
        Days(self.0 | Days::bit(day))
    }

    pub(crate) fn without(self, day: Weekday) -> Days {
        Days(self.0 & !Days::bit(day))
    }

    pub(crate) fn contains(self, day: Weekday) -> bool {
        self.0 & Days::bit(day) != 0
    }

    fn bit(day: Weekday) -> u8 {
        1 << day.to_monday_zero_offset()
    }
}

/// From a minute of the day, to and without another: of the same day, or of the next when it is not later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    from: u16,
    to: u16,
}

impl Window {
    /// Reads `12:00-14:00`, `22:00-06:00`, `18:00-24:00`; else says what was expected.
    pub(crate) fn parse(text: &str) -> Result<Window, String> {
        let form = || "expected hours such as \"12:00-14:00\"".to_owned();
        let (from, to) = text.split_once('-').ok_or_else(form)?;
        let (from, to) = (minute(from.trim()).ok_or_else(form)?, minute(to.trim()).ok_or_else(form)?);
        if from == to {
            return Err("it ends where it begins; the whole day is \"00:00-24:00\"".to_owned());
        }
        if from == DAY {
            return Err("a day begins at 00:00".to_owned());
        }
        Ok(Window { from, to })
    }
}

impl Window {
    /// Its first minute of the day, and the one that ends it.
    pub(crate) fn bounds(self) -> (u16, u16) {
        (self.from, self.to)
    }
}

impl Schedule {
    /// Whether the clock of `zone` shows a time of this schedule.
    pub(crate) fn holds(&self, at: Timestamp, zone: &TimeZone) -> bool {
        let clock = zone.to_datetime(at);
        let today = clock.date();
        let minute = clock.hour() as u16 * 60 + clock.minute() as u16;
        if self.hours.is_empty() {
            return self.is_day(today);
        }
        let yesterday = || today.yesterday().is_ok_and(|day| self.is_day(day));
        self.hours.iter().any(|&Window { from, to }| {
            if from < to {
                (from..to).contains(&minute) && self.is_day(today)
            } else {
                minute >= from && self.is_day(today) || minute < to && yesterday()
            }
        })
    }

    /// Whether windows begin on that day.
    fn is_day(&self, day: Date) -> bool {
        let within = |dates: &[Dates]| dates.iter().any(|dates| dates.contains(day));
        if within(&self.except_dates) || within(&self.dates) {
            return !within(&self.except_dates);
        }
        let weekday = self.days.contains(day.weekday());
        match self.on_holidays {
            OnHolidays::Alike => weekday,
            OnHolidays::Only => weekday && self.holidays.contains(day),
            OnHolidays::Also => weekday || self.holidays.contains(day),
            OnHolidays::Except => weekday && !self.holidays.contains(day),
        }
    }
}

/// `06:30`; `24:00` is the end of the day.
fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(hours) || !digits(minutes) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let minute = hours * 60 + minutes;
    (minutes < 60 && minute <= DAY).then_some(minute)
}

/// The word for a day that `word` was meant to be: French and long names are understood well enough to be corrected.
pub(crate) fn nearest_day(word: &str) -> Option<&'static str> {
    const OTHERS: [(&str, &str); 14] = [
        ("monday", "mon"),
        ("tuesday", "tue"),
        ("wednesday", "wed"),
        ("thursday", "thu"),
        ("friday", "fri"),
        ("saturday", "sat"),
        ("sunday", "sun"),
        ("lundi", "mon"),
        ("mardi", "tue"),
        ("mercredi", "wed"),
        ("jeudi", "thu"),
        ("vendredi", "fri"),
        ("samedi", "sat"),
        ("dimanche", "sun"),
    ];
    let known = DAYS.iter().map(|(day, _)| *day).chain(OTHERS.iter().map(|(other, _)| *other));
    let near = nearest(word, known)?;
    Some(OTHERS.iter().find(|(other, _)| *other == near).map_or(near, |(_, day)| day))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
    use super::*;
    use proptest::prelude::*;

    fn schedule(days: &[Weekday], hours: &[&str]) -> Schedule {
        let days = days.iter().fold(Days::NONE, |days, day| days.with(*day));
        let hours = hours.iter().map(|text| Window::parse(text).unwrap()).collect();
        Schedule { days, hours, ..Schedule::default() }
    }

    /// Whether a schedule holds at an instant, in Paris.
    fn holds(schedule: &Schedule, at: &str) -> bool {
        schedule.holds(at.parse().unwrap(), &TimeZone::get("Europe/Paris").unwrap())
    }

    #[test]
    fn a_window_holds_its_first_minute_and_not_its_last() {
        let noon = schedule(&[Weekday::Monday], &["12:00-14:00"]);
        assert!(!holds(&noon, "2026-11-23T11:59:59+01:00"));
        assert!(holds(&noon, "2026-11-23T12:00:00+01:00"));
        assert!(holds(&noon, "2026-11-23T13:59:59.999+01:00"));
        assert!(!holds(&noon, "2026-11-23T14:00:00+01:00"));
        assert!(!holds(&noon, "2026-11-24T12:30:00+01:00"), "a Tuesday");
    }

    #[test]
    fn a_window_across_midnight_belongs_to_the_day_it_begins() {
        let night = schedule(&[Weekday::Friday], &["22:00-06:00"]);
        assert!(holds(&night, "2026-11-27T23:00:00+01:00"), "Friday evening");
        assert!(holds(&night, "2026-11-28T05:59:00+01:00"), "Saturday morning");
        assert!(!holds(&night, "2026-11-28T06:00:00+01:00"));
        assert!(!holds(&night, "2026-11-27T05:00:00+01:00"), "Friday morning is Thursday's");
        assert!(!holds(&night, "2026-11-28T23:00:00+01:00"), "Saturday evening");
        let sunday = schedule(&[Weekday::Sunday], &["23:00-01:00"]);
        assert!(holds(&sunday, "2026-11-30T00:30:00+01:00"), "the week goes round");
    }

    #[test]
    fn midnight_can_be_an_end_in_both_spellings() {
        for spelling in ["18:00-24:00", "18:00-00:00"] {
            let evening = schedule(&[Weekday::Monday], &[spelling]);
            assert!(holds(&evening, "2026-11-23T23:59:59+01:00"), "{spelling}");
            assert!(!holds(&evening, "2026-11-24T00:00:00+01:00"), "{spelling}");
        }
    }

    #[test]
    fn the_clock_on_the_wall_counts_when_it_is_put_forward() {
        // 2026-03-29 in Paris: 01:59:59 +01:00 is followed by 03:00:00 +02:00.
        let gap = schedule(&[Weekday::Sunday], &["02:30-04:00"]);
        assert!(!holds(&gap, "2026-03-29T00:59:59Z"), "01:59:59");
        assert!(holds(&gap, "2026-03-29T01:00:00Z"), "03:00:00");
        assert!(holds(&gap, "2026-03-29T01:59:59Z"), "03:59:59");
        assert!(!holds(&gap, "2026-03-29T02:00:00Z"), "04:00:00");
        let noon = schedule(&[Weekday::Sunday], &["12:00-14:00"]);
        assert!(holds(&noon, "2026-03-29T10:00:00Z"), "noon is an hour earlier in UTC");
        assert!(!holds(&noon, "2026-03-29T12:00:00Z"));
    }

    #[test]
    fn the_clock_on_the_wall_counts_when_it_is_put_back() {
        // 2026-10-25 in Paris: 02:59:59 +02:00 is followed by 02:00:00 +01:00.
        let twice = schedule(&[Weekday::Sunday], &["02:00-03:00"]);
        assert!(holds(&twice, "2026-10-25T00:30:00Z"), "02:30, the first time");
        assert!(holds(&twice, "2026-10-25T01:30:00Z"), "02:30, the second time");
        assert!(!holds(&twice, "2026-10-25T02:00:00Z"), "03:00");
        let night = schedule(&[Weekday::Saturday], &["22:00-06:00"]);
        assert!(holds(&night, "2026-10-25T04:59:59Z"), "05:59:59, nine hours in");
        assert!(!holds(&night, "2026-10-25T05:00:00Z"), "06:00");
    }

    #[test]
    fn holidays_and_dates_are_days_as_the_schedule_says() {
        let on = |on_holidays, days: &[Weekday]| Schedule { on_holidays, ..schedule(days, &["08:00-18:00"]) };
        let dates = |text| vec![Dates::parse(text).unwrap()];
        let week = [Weekday::Monday, Weekday::Thursday, Weekday::Friday];
        let work = Schedule { dates: dates("2026-05-08"), ..on(OnHolidays::Except, &week) };
        let leisure =
            Schedule { except_dates: dates("2026-05-14/2026-05-16"), ..on(OnHolidays::Also, &[Weekday::Saturday]) };
        let holidays = on(OnHolidays::Only, &week);
        for (at, works, rests, is_holiday) in [
            ("2026-05-07T10:00:00+02:00", true, false, false),
            ("2026-05-08T10:00:00+02:00", true, true, true),
            ("2026-05-14T10:00:00+02:00", false, false, true),
            ("2026-05-16T10:00:00+02:00", false, false, false),
            ("2026-05-23T10:00:00+02:00", false, true, false),
            ("2026-05-25T10:00:00+02:00", false, true, true),
            ("2026-05-25T19:00:00+02:00", false, false, false),
        ] {
            assert_eq!(
                (holds(&work, at), holds(&leisure, at), holds(&holidays, at)),
                (works, rests, is_holiday),
                "{at}"
            );
        }
        let night = Schedule { on_holidays: OnHolidays::Only, ..schedule(&[], &["22:00-06:00"]) };
        let night = Schedule { days: Days::ALL, ..night };
        assert!(holds(&night, "2026-05-09T05:00:00+02:00"), "the night after a holiday is its own");
        assert!(!holds(&night, "2026-05-08T05:00:00+02:00"));
    }

    #[test]
    fn hours_that_are_none_are_refused() {
        for text in [
            "",
            "12:00",
            "12-14",
            "12:00-",
            "25:00-26:00",
            "12:60-13:00",
            "24:01-03:00",
            "24:00-06:00",
            "9:00-12:00",
            "12:00-12:00",
            "+1:00-02:00",
        ] {
            assert!(Window::parse(text).is_err(), "{text}");
        }
        assert_eq!(nearest_day("Lundi"), Some("mon"));
        assert_eq!(nearest_day("friday"), Some("fri"));
        assert_eq!(nearest_day("always"), None);
    }

    proptest! {
        /// A window and the one that goes on from its end share the day between them, without overlap or hole.
        #[test]
        fn two_windows_that_meet_cover_each_instant_once(from in 0u16..DAY, to in 0u16..DAY, second in 0i64..400 * 86400) {
            prop_assume!(from != to);
            let zone = TimeZone::get("Europe/Paris").unwrap();
            let at = Timestamp::from_second(1_767_225_600 + second).unwrap();
            let of = |from, to| Schedule { hours: vec![Window { from, to }], ..Schedule::default() };
            prop_assert!(of(from, to).holds(at, &zone) != of(to, from).holds(at, &zone));
        }
    }
}

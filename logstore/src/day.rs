//! The UTC day: a record belongs to the day it was opened in, and a day is a file.

use crate::clock;
use jiff::civil::Date;
use jiff::tz::Offset;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What a day file's name ends with.
const SUFFIX: &str = ".sqlite";

const MICROS: i64 = 86_400_000_000;

/// A day of UTC, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Day(i64);

impl Day {
    /// The day of an instant.
    pub(crate) fn of(micros: i64) -> Day {
        Day(micros.div_euclid(MICROS))
    }

    /// The day that comes so many days later.
    pub(crate) fn after(self, days: i64) -> Day {
        Day(self.0.saturating_add(days))
    }

    /// The instant it begins (UTC µs).
    pub(crate) fn begins(self) -> i64 {
        self.0.saturating_mul(MICROS)
    }

    /// What a blob of the day is hidden as: it opens nowhere else.
    pub(crate) fn place(self, what: &str) -> String {
        format!("octroi {what} {self}")
    }

    /// The day file in the register's folder.
    pub(crate) fn file(self, dir: &Path) -> PathBuf {
        dir.join(format!("{self}{SUFFIX}"))
    }

    /// The day a file name stands for.
    fn of_file(name: &str) -> Option<Day> {
        Day::parse(name.strip_suffix(SUFFIX)?)
    }

    /// A day as `2026-11-23`.
    pub(crate) fn parse(date: &str) -> Option<Day> {
        // Only the one spelling that `file` writes: jiff reads others.
        let midnight = Offset::UTC.to_timestamp(date.parse::<Date>().ok()?.at(0, 0, 0, 0)).ok()?;
        Some(Day::of(midnight.as_microsecond())).filter(|day| day.to_string() == date)
    }

    /// Every day that has a file, oldest first; none when there is no such folder.
    pub(crate) fn all(dir: &Path) -> io::Result<Vec<Day>> {
        let listing = match std::fs::read_dir(dir) {
            Ok(listing) => listing,
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(other) => return Err(other),
        };
        let mut days = Vec::new();
        for entry in listing {
            days.extend(entry?.file_name().to_str().and_then(Day::of_file));
        }
        days.sort_unstable();
        Ok(days)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Offset::UTC.to_datetime(clock::timestamp(self.begins())).date().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_at_midnight_utc() {
        let midnight = 1_795_392_000_000_000;
        assert_eq!(Day::of(midnight - 1).to_string(), "2026-11-22");
        assert_eq!(Day::of(midnight).to_string(), "2026-11-23");
    }

    #[test]
    fn only_day_files_are_days() {
        assert_eq!(Day::of_file("2026-11-23.sqlite"), Some(Day::of(1_795_392_000_000_000)));
        for other in ["2026-11-23.sqlite-wal", "audit.jsonl", "20261123.sqlite", "2026-13-01.sqlite", ".sqlite"] {
            assert_eq!(Day::of_file(other), None, "{other}");
        }
    }
}

//! What a rule does, and on which terms: refused, let through, let through knowingly, let through for so much.
use crate::document::Table;
use crate::problem::Problem;
use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use std::fmt;
use std::num::NonZeroU64;
use std::ops::Range;
use std::time::Duration;

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Let through.
    Allow,
    /// Turned back.
    Block,
    /// Let through once who asks has read why not, and goes on knowingly.
    Warn,
    /// Let through while there is something left of what each person has.
    Budget,
}

impl Action {
    /// `allow`, `block`, `warn`, `budget`: as the charter, the record and the pages write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Allow => "allow",
            Action::Block => "block",
            Action::Warn => "warn",
            Action::Budget => "budget",
        }
    }
}

/// On which terms a rule lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Terms {
    /// Nothing more is asked; of a rule that refuses, nothing passes.
    None,
    /// An acknowledgement is good for so long (`acknowledge`).
    Acknowledge(Duration),
    /// Each person has so much.
    Budget(Budget),
}

/// What each person has of a rule's visits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Budget {
    /// How much.
    pub amount: Amount,
    /// How often it is given anew.
    pub per: Per,
}

/// How much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Amount {
    /// Minutes in which anything was asked for or moved (`time`).
    Minutes(NonZeroU64),
    /// Bytes of bodies and tunnels, both ways together (`bytes`).
    Bytes(NonZeroU64),
}

/// How often a budget is given anew, by the clock of the charter's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Per {
    /// At midnight.
    Day,
    /// At midnight, when Monday begins (ISO 8601).
    Week,
}

impl Per {
    /// `day`, `week`: as the charter writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Per::Day => "day",
            Per::Week => "week",
        }
    }

    /// The day or week that an instant is in. As long as the clock on the wall makes it: a day of 23 or 25 hours has one
    /// budget like any other.
    pub fn around(self, at: Timestamp, zone: &TimeZone) -> Range<Timestamp> {
        let today = zone.to_datetime(at).date();
        let first = match self {
            Per::Day => today,
            Per::Week => {
                let since = today.weekday().since(Weekday::Monday);
                today.checked_sub(jiff::Span::new().days(since)).unwrap_or(today)
            }
        };
        let days = match self {
            Per::Day => 1,
            Per::Week => 7,
        };
        let end = first.checked_add(jiff::Span::new().days(days)).unwrap_or(Date::MAX);
        beginning(first, zone, at)..beginning(end, zone, at)
    }
}

/// When a day begins: at midnight, or when the clock comes out of the hour that it skips there.
fn beginning(day: Date, zone: &TimeZone, otherwise: Timestamp) -> Timestamp {
    zone.to_timestamp(day.at(0, 0, 0, 0)).unwrap_or(otherwise)
}

/// As the charter writes it: `acknowledge 4h`, `30m per day`, `500MB per week`; nothing, when there are none.
impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Terms::None => Ok(()),
            Terms::Acknowledge(long) => write!(f, "acknowledge {}", Written(long.as_secs())),
            Terms::Budget(Budget { amount, per }) => {
                match amount {
                    Amount::Minutes(minutes) => write!(f, "{}", Written(60 * minutes.get()))?,
                    Amount::Bytes(bytes) => {
                        let units = [("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1000), ("B", 1)];
                        let (unit, factor) =
                            units.into_iter().find(|(_, of)| bytes.get().is_multiple_of(*of)).unwrap_or(("B", 1));
                        write!(f, "{}{unit}", bytes.get() / factor)?;
                    }
                }
                write!(f, " per {}", per.as_str())
            }
        }
    }
}

/// Seconds, as the charter writes a duration: `1h30m`.
struct Written(u64);

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [(self.0 / 3600, "h"), (self.0 / 60 % 60, "m"), (self.0 % 60, "s")];
        parts.into_iter().filter(|(count, _)| *count > 0).try_for_each(|(count, unit)| write!(f, "{count}{unit}"))
    }
}

/// How long an acknowledgement is good when the rule does not say.
const ACKNOWLEDGED: Duration = Duration::from_secs(4 * 3600);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Under it, what is on a page uses up the budget before the page is there.
const LEAST_BYTES: u64 = 1_000_000;

impl Terms {
    /// Reads `acknowledge`, `time`, `bytes` and `per` of a rule, for its action.
    pub(crate) fn read(table: &Table<'_>, action: Option<Action>) -> Terms {
        let acknowledge = table.duration("acknowledge");
        let (time, bytes) = (table.duration("time"), table.size("bytes"));
        let per = table.word("per", &[("day", Per::Day), ("week", Per::Week)]);
        // One that could not be read is a problem already.
        let Some(action) = action else { return Terms::None };
        for (key, of) in [
            ("acknowledge", Action::Warn),
            ("time", Action::Budget),
            ("bytes", Action::Budget),
            ("per", Action::Budget),
        ] {
            if let (true, Some(span)) = (action != of, table.key(key)) {
                let (what, label) = (
                    format!("`{key}` on a rule whose action is \"{}\"", action.as_str()),
                    format!("it belongs to `action = \"{}\"`: write that, or remove this", of.as_str()),
                );
                table.note(Problem::error(span, what, label));
            }
        }
        let wrong = |span: Range<usize>, what: &str, label: &str| table.note(Problem::error(span, what, label));
        match action {
            Action::Allow | Action::Block => Terms::None,
            Action::Warn => {
                if let Some(long) = &acknowledge
                    && !(MINUTE..=7 * DAY).contains(&long.value)
                {
                    wrong(long.span.clone(), "`acknowledge` is out of bounds", "from \"1m\" to \"7d\"");
                }
                Terms::Acknowledge(acknowledge.map_or(ACKNOWLEDGED, |long| long.value))
            }
            Action::Budget => {
                let per = per.map_or(Per::Day, |per| per.value);
                let most = match per {
                    Per::Day => DAY,
                    Per::Week => 7 * DAY,
                };
                if let Some(time) = &time
                    && (!time.as_secs().is_multiple_of(60) || !(MINUTE..=most).contains(&time.value))
                {
                    wrong(time.span.clone(), "`time` is no budget", "whole minutes, within the day or week: \"30m\"");
                }
                if let Some(bytes) = bytes.as_ref().filter(|bytes| bytes.value < LEAST_BYTES) {
                    wrong(bytes.span.clone(), "`bytes` is under a megabyte", "no page would arrive: \"500MB\"");
                }
                if let (Some(time), Some(bytes)) = (&time, &bytes) {
                    let problem = Problem::error(bytes.span.clone(), "a budget has `time` or `bytes`", "remove one");
                    table.note(problem.also(time.span.clone(), "the other"));
                }
                if !table.has("time") && !table.has("bytes") {
                    let label = "add `time = \"30m\"` or `bytes = \"500MB\"`";
                    table.note_absence(Problem::error(table.span(), "this budget says not how much", label));
                }
                let minutes = time.map(|time| Amount::Minutes(at_least_one(time.as_secs() / 60)));
                let amount = minutes.or(bytes.map(|bytes| Amount::Bytes(at_least_one(bytes.value))));
                amount.map_or(Terms::None, |amount| Terms::Budget(Budget { amount, per }))
            }
        }
    }
}

fn at_least_one(number: u64) -> NonZeroU64 {
    NonZeroU64::new(number).unwrap_or(NonZeroU64::MIN)
}

#[cfg(test)]
mod tests {
    use super::{Amount, Budget, Per, Terms};
    use jiff::{Timestamp, tz::TimeZone};
    use std::num::NonZeroU64;
    use std::time::Duration;

    #[test]
    fn terms_are_written_as_the_charter_writes_them() {
        let some = |number| NonZeroU64::new(number).expect("some");
        for (terms, written) in [
            (Terms::None, ""),
            (Terms::Acknowledge(Duration::from_secs(4 * 3600)), "acknowledge 4h"),
            (Terms::Budget(Budget { amount: Amount::Minutes(some(90)), per: Per::Day }), "1h30m per day"),
            (Terms::Budget(Budget { amount: Amount::Bytes(some(500_000_000)), per: Per::Week }), "500MB per week"),
            (Terms::Budget(Budget { amount: Amount::Bytes(some(1 << 20)), per: Per::Day }), "1048576B per day"),
        ] {
            assert_eq!(terms.to_string(), written);
        }
    }

    #[test]
    fn days_and_weeks_begin_at_midnight_by_the_clock_on_the_wall() {
        let zone = |name: &str| TimeZone::get(name).expect("a zone");
        for (per, name, at, from, to) in [
            (Per::Day, "Europe/Paris", "2026-11-25T22:59:59Z", "2026-11-24T23:00:00Z", "2026-11-25T23:00:00Z"),
            (Per::Day, "Europe/Paris", "2026-11-25T23:00:00Z", "2026-11-25T23:00:00Z", "2026-11-26T23:00:00Z"),
            // 23 hours in spring, 25 in autumn.
            (Per::Day, "Europe/Paris", "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
            (Per::Day, "Europe/Paris", "2026-10-25T01:30:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),
            // Midnight itself is skipped there.
            (Per::Day, "Africa/Cairo", "2026-04-24T10:00:00Z", "2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"),
            (Per::Week, "Europe/Paris", "2026-11-29T22:59:59Z", "2026-11-22T23:00:00Z", "2026-11-29T23:00:00Z"),
            (Per::Week, "Europe/Paris", "2026-11-22T23:00:00Z", "2026-11-22T23:00:00Z", "2026-11-29T23:00:00Z"),
            (Per::Week, "Europe/Paris", "2026-10-25T01:30:00Z", "2026-10-18T22:00:00Z", "2026-10-25T23:00:00Z"),
        ] {
            let instant = |text: &str| text.parse::<Timestamp>().expect("an instant");
            assert_eq!(per.around(instant(at), &zone(name)), instant(from)..instant(to), "{per:?} {name} {at}");
        }
    }
}

//! When a list is fetched: in its hours, once it is old enough, and not by every gate in the same minute.
//!
//! Universities that publish lists ask to be visited at night. Each gate has a minute of its own in the first half of
//! the hours; the second half is for trying again.

use crate::schedule::Window;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};
use std::time::Duration;

const DAY: u32 = 24 * 60;
/// How long a failure stands before it is tried again.
const AGAIN: Duration = Duration::from_secs(3600);

/// The hours in which the gate itself fetches a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hours {
    /// Not at all: only `octroi lists update` does.
    Never,
    /// From the first minute of the day to the last, which may be of the day after.
    Within {
        /// From this one.
        from: u16,
        /// To without this one.
        to: u16,
    },
}

/// What is known when it is asked whether a list is to be fetched.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Now.
    pub now: Timestamp,
    /// When its server last said that the copy is the newest.
    pub checked: Option<Timestamp>,
    /// When it last failed, if nothing succeeded since.
    pub failed: Option<Timestamp>,
    /// Any number, always the same on one installation.
    pub lot: u64,
}

impl Hours {
    /// One to six, as the Université Toulouse Capitole asks.
    pub const NIGHT: Hours = Hours::Within { from: 60, to: 360 };
    /// The whole day.
    pub const ANY: Hours = Hours::Within { from: 0, to: 24 * 60 };

    pub(crate) fn of(window: Window) -> Hours {
        let (from, to) = window.bounds();
        Hours::Within { from, to }
    }

    /// Whether a list that may be `refresh` old is to be fetched now.
    pub fn due(self, refresh: Duration, moment: Moment, zone: &TimeZone) -> bool {
        let Hours::Within { from, to } = self else { return false };
        let (from, to) = (u32::from(from), u32::from(to));
        let length = if from < to { to - from } else { DAY - from + to };
        let clock = zone.to_datetime(moment.now);
        let minute = u32::try_from(clock.hour()).unwrap_or(0) * 60 + u32::try_from(clock.minute()).unwrap_or(0);
        let since_from = (minute + DAY - from) % DAY;
        let own = u32::try_from(moment.lot % u64::from(length / 2 + 1)).unwrap_or(0);
        if since_from >= length || since_from < own {
            return false;
        }
        let old = |then: Timestamp| {
            // A clock that was set back has seen nothing yet.
            let seconds = moment.now.since((Unit::Second, then)).map_or(0, |span| span.get_seconds());
            u64::try_from(seconds).map_or(Duration::MAX, Duration::from_secs)
        };
        if moment.failed.is_some_and(|failed| old(failed) < AGAIN) {
            return false;
        }
        // The minute is the same each day: what was fetched a little after it yesterday is old enough a little before.
        let early = Duration::from_secs(60 * u64::from(length)).min(refresh / 2);
        moment.checked.is_none_or(|checked| old(checked) >= refresh - early)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFRESH: Duration = Duration::from_secs(24 * 3600);

    fn at(text: &str) -> Timestamp {
        format!("2026-11-{text}Z").parse().expect("an instant")
    }

    fn due(hours: Hours, now: &str, checked: Option<&str>, failed: Option<&str>, lot: u64) -> bool {
        let moment = Moment { now: at(now), checked: checked.map(at), failed: failed.map(at), lot };
        hours.due(REFRESH, moment, &TimeZone::UTC)
    }

    #[test]
    fn once_a_night_in_a_minute_of_its_own() {
        let night = |now: &str, checked: &str| due(Hours::NIGHT, now, Some(checked), None, 42);
        assert!(!night("24T12:00:00", "20T02:00:00"), "by day");
        assert!(!night("24T01:41:59", "23T01:43:10"), "before its minute");
        assert!(night("24T01:42:00", "23T01:43:10"), "in its minute");
        assert!(!night("24T03:00:00", "24T01:42:10"), "already fetched tonight");
        assert!(!night("24T06:00:00", "20T01:42:10"), "after the hours");
        assert!(due(Hours::NIGHT, "24T05:59:00", None, None, u64::MAX), "never fetched");
        assert!(!due(Hours::Never, "24T03:00:00", None, None, 0));
    }

    #[test]
    fn a_failure_is_tried_again_an_hour_later() {
        let again = |now: &str| due(Hours::NIGHT, now, Some("23T01:10:00"), Some("24T01:10:00"), 0);
        assert!(!again("24T02:09:59") && again("24T02:10:00"));
    }

    #[test]
    fn hours_may_cross_midnight_and_follow_the_zone() {
        let hours = Hours::Within { from: 23 * 60, to: 60 };
        assert!(due(hours, "24T00:30:00", Some("22T23:30:00"), None, 0));
        assert!(!due(hours, "24T01:00:00", Some("22T23:30:00"), None, 0));
        let paris = TimeZone::get("Europe/Paris").expect("bundled");
        let moment = Moment { now: at("24T00:30:00"), checked: None, failed: None, lot: 0 };
        assert!(Hours::NIGHT.due(REFRESH, moment, &paris), "half past one in Paris");
    }

    #[test]
    fn every_lot_has_its_turn_in_the_first_half() {
        for lot in 0..1000 {
            assert!(due(Hours::NIGHT, "24T03:30:00", None, None, lot), "{lot}");
        }
        let early = (0..1000).filter(|lot| due(Hours::NIGHT, "24T01:15:00", None, None, *lot)).count();
        assert!((50..200).contains(&early), "{early} of 1000 in the first tenth");
    }
}

//! Instants as they are kept (microseconds of UTC since 1970) and as they are written (RFC 3339).

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Now, by the wall clock. It may step back; nothing here relies on its order.
pub(crate) fn now() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |micros| -micros),
    }
}

/// The clock that says which day it is: the system's, or one that a test moves.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Clock(Option<&'static AtomicI64>);

impl Clock {
    pub(crate) fn now(self) -> i64 {
        self.0.map_or_else(now, |moved| moved.load(Ordering::Relaxed))
    }

    #[cfg(test)]
    pub(crate) const fn moved_by(instant: &'static AtomicI64) -> Clock {
        Clock(Some(instant))
    }
}

/// What the system says of its clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockState {
    /// Whether it is kept by a reference (NTP, PTP, a host).
    pub synchronised: bool,
    /// How far the system thinks it is off, in microseconds; still being corrected.
    pub offset_us: i64,
    /// How far it may be off, in microseconds.
    pub error_us: i64,
    /// Who says so.
    pub source: String,
}

/// Asks the kernel, which whoever keeps the clock tells.
pub(crate) fn state() -> ClockState {
    // SAFETY: `timex` is plain integers, for which zero is a value; `modes` 0 asks and changes nothing; the kernel writes
    // within the structure it was given.
    let (answer, timex) = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut timex), timex)
    };
    if answer < 0 {
        return ClockState { synchronised: false, offset_us: 0, error_us: 0, source: "unknown".into() };
    }
    let nanos = timex.status & libc::STA_NANO != 0;
    ClockState {
        synchronised: timex.status & libc::STA_UNSYNC == 0 && answer != libc::TIME_ERROR,
        offset_us: if nanos { timex.offset / 1000 } else { timex.offset },
        error_us: timex.maxerror,
        source: "kernel".into(),
    }
}

/// Watches the wall clock against the time since boot: what one gains on the other is a step.
#[derive(Debug)]
pub(crate) struct Steps {
    ahead: i64,
}

/// A difference that no slewing makes between two looks.
const STEP: i64 = 1_000_000;

impl Steps {
    pub(crate) fn begin() -> Steps {
        Steps { ahead: now() - since_boot() }
    }

    /// How far the clock has stepped since the last look, in microseconds, if it has.
    pub(crate) fn look(&mut self) -> Option<i64> {
        self.seen(now() - since_boot())
    }

    fn seen(&mut self, ahead: i64) -> Option<i64> {
        let step = ahead - self.ahead;
        self.ahead = ahead;
        (step.abs() > STEP).then_some(step)
    }
}

/// Microseconds since boot, sleep included.
fn since_boot() -> i64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    time.tv_sec.saturating_mul(1_000_000).saturating_add(time.tv_nsec / 1000)
}

/// The nearest instant that has a date; a clock far off its mind must not stop the register.
pub(crate) fn timestamp(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(if micros < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// `2026-11-23T18:45:00.123456Z`.
pub(crate) fn rfc3339(micros: i64) -> String {
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(6));
    PRINTER.timestamp_to_string(&timestamp(micros))
}

/// An instant from its text (RFC 3339).
pub(crate) fn read(text: &str) -> Result<i64, jiff::Error> {
    Ok(text.parse::<Timestamp>()?.as_microsecond())
}

/// For `#[serde(serialize_with)]` on an instant.
pub(crate) fn serialize<S: Serializer>(micros: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*micros))
}

/// For `#[serde(serialize_with)]` on an instant that may not have come yet.
pub(crate) fn serialize_opt<S: Serializer>(micros: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    match micros {
        Some(micros) => serialize(micros, serializer),
        None => serializer.serialize_none(),
    }
}

/// For `#[serde(deserialize_with)]` on an instant.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    read(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// For `#[serde(deserialize_with)]` on an instant that may not have come yet.
pub(crate) fn deserialize_opt<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Option::<String>::deserialize(deserializer)?.map(|text| read(&text)).transpose().map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_have_six_decimals_and_a_z() {
        assert_eq!(rfc3339(1_795_459_500_123_456), "2026-11-23T18:45:00.123456Z");
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59.999999Z");
    }

    #[test]
    fn a_step_is_told_from_a_drift() {
        let mut steps = Steps { ahead: 0 };
        assert_eq!(steps.seen(900_000), None);
        assert_eq!(steps.seen(1_800_000), None);
        assert_eq!(steps.seen(1_800_000 + 3_600_000_000), Some(3_600_000_000));
        assert_eq!(steps.seen(0), Some(-3_601_800_000));
        assert_eq!(Steps::begin().look(), None);
    }

    #[test]
    fn the_kernel_says_how_its_clock_is() {
        assert_eq!(state().source, "kernel");
    }

    #[test]
    fn an_instant_without_a_date_is_the_last_that_has_one() {
        assert!(rfc3339(i64::MAX).starts_with("9999-12-30") || rfc3339(i64::MAX).starts_with("9999-12-31"));
    }
}

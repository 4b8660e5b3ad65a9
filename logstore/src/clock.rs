//! Instants as they are kept (microseconds of UTC since 1970) and as they are written (RFC 3339).

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use serde::Serializer;
use std::time::{SystemTime, UNIX_EPOCH};

/// Now, by the wall clock. It may step back; nothing here relies on its order.
pub(crate) fn now() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |micros| -micros),
    }
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
    fn an_instant_without_a_date_is_the_last_that_has_one() {
        assert!(rfc3339(i64::MAX).starts_with("9999-12-30") || rfc3339(i64::MAX).starts_with("9999-12-31"));
    }
}

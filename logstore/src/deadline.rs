//! The clock of rights requests (RGPD art. 12(3)): one month from receipt, three when it was extended in time. Pure, on
//! civil dates: who calls says what day it is.
//!
//! A month ends on the day of the same number, or on that month's last day when it has no such day. A term that ends on a
//! Saturday, a Sunday or a holiday is not moved: whoever asked has no reason to wait for a Monday.

use jiff::ToSpan;
use jiff::civil::Date;
use serde::Serialize;

/// So many days before the answer is due, it is said for the first time.
pub const FIRST_REMINDER: i64 = 14;
/// So many days before, for the second.
pub const SECOND_REMINDER: i64 = 5;

/// The day by which a request must be answered, or its extension told.
pub fn due(received: Date) -> Date {
    received.saturating_add(1.month())
}

/// The day by which it must be answered when it was extended: two months more, three in all.
pub fn extended(received: Date) -> Date {
    received.saturating_add(3.months())
}

/// How a request that waits for its answer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// More than fourteen days are left.
    Open,
    /// Fourteen days or fewer are left.
    Soon,
    /// Five days or fewer are left; the day itself is the last.
    Pressing,
    /// The day is over.
    Overdue,
}

impl Standing {
    /// How a request that is due that day stands today.
    pub fn of(today: Date, due: Date) -> Standing {
        match days_left(today, due) {
            left if left < 0 => Standing::Overdue,
            left if left <= SECOND_REMINDER => Standing::Pressing,
            left if left <= FIRST_REMINDER => Standing::Soon,
            _ => Standing::Open,
        }
    }

    /// `open`, `soon`, `pressing`, `overdue`.
    pub fn as_str(self) -> &'static str {
        match self {
            Standing::Open => "open",
            Standing::Soon => "soon",
            Standing::Pressing => "pressing",
            Standing::Overdue => "overdue",
        }
    }
}

/// How many days are left; negative when it is overdue.
pub fn days_left(today: Date, due: Date) -> i64 {
    // Two dates are never so far apart that their days do not count.
    today.until(due).map_or(0, |span| i64::from(span.get_days()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    #[test]
    fn due_dates_of_law_9() {
        let received = date(2026, 11, 23);
        assert_eq!((due(received), extended(received)), (date(2026, 12, 23), date(2027, 2, 23)));
        assert_eq!(due(date(2027, 1, 31)), date(2027, 2, 28));
        assert_eq!(due(date(2028, 1, 31)), date(2028, 2, 29));
        assert_eq!(extended(date(2026, 11, 30)), date(2027, 2, 28));
        assert_eq!(due(date(2026, 12, 31)), date(2027, 1, 31));
    }

    #[test]
    fn no_weekend_extension_is_taken_law_9() {
        // 23 May 2027 is a Sunday.
        assert_eq!(due(date(2027, 4, 23)), date(2027, 5, 23));
        assert_eq!(date(2027, 5, 23).weekday(), jiff::civil::Weekday::Sunday);
    }

    #[test]
    fn reminders_come_fourteen_and_five_days_before_law_9() {
        let due = date(2026, 12, 23);
        for (day, standing) in [
            (date(2026, 12, 8), Standing::Open),
            (date(2026, 12, 9), Standing::Soon),
            (date(2026, 12, 17), Standing::Soon),
            (date(2026, 12, 18), Standing::Pressing),
            (date(2026, 12, 23), Standing::Pressing),
            (date(2026, 12, 24), Standing::Overdue),
        ] {
            assert_eq!(Standing::of(day, due), standing, "{day}");
        }
    }

    fn any_date() -> impl Strategy<Value = Date> {
        (1970..2200_i16, 1..=12_i8, 1..=31_i8).prop_map(|(year, month, day)| {
            date(year, month, 1).with().day(day).build().unwrap_or(date(year, month, 28))
        })
    }

    proptest! {
        #[test]
        fn a_term_ends_on_the_same_number_or_on_the_last_day_of_its_month(received in any_date()) {
            for (term, months) in [(due(received), 1_i32), (extended(received), 3)] {
                let month = i32::from(received.month()) - 1 + months;
                let first = i32::from(received.year()) + month / 12;
                prop_assert_eq!((i32::from(term.year()), i32::from(term.month()) - 1), (first, month % 12));
                prop_assert_eq!(term.day(), received.day().min(term.days_in_month()));
            }
            prop_assert!((28..=31).contains(&days_left(received, due(received))));
            prop_assert!((89..=92).contains(&days_left(received, extended(received))));
        }

        #[test]
        fn a_later_request_is_never_due_before_an_earlier_one(one in any_date(), other in any_date()) {
            let (first, second) = (one.min(other), one.max(other));
            prop_assert!(due(first) <= due(second) && extended(first) <= extended(second));
            prop_assert!(due(first) < extended(first));
        }

        #[test]
        fn as_time_goes_by_a_request_only_becomes_more_pressing(due in any_date(), before in 0..60_i64) {
            let day = due.saturating_sub(before.days());
            let next = day.saturating_add(1.day());
            prop_assert!(Standing::of(day, due) <= Standing::of(next, due));
            prop_assert_eq!(Standing::of(day, due) == Standing::Overdue, before < 0);
        }
    }
}

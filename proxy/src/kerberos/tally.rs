//! Tokens that proved nobody, counted by reason, and told the administrator: a whole company's browsers send one each second
//! when something is wrong, and a line a minute says as much.
use super::Failure;
use jiff::Timestamp;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// How many seconds pass between two lines about one reason.
const PAUSE: i64 = 60;

/// How many tokens proved nobody.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    times: [AtomicU64; Failure::ALL.len()],
    /// When each was last told, in seconds since 1970; before anything was, never.
    told: [AtomicI64; Failure::ALL.len()],
}

impl Tally {
    /// A token proved nobody.
    pub(crate) fn failed(&self, why: Failure, now: Timestamp) {
        let times = self.times[why as usize].fetch_add(1, Ordering::Relaxed) + 1;
        if self.is_to_be_told(why, now.as_second()) {
            tracing::warn!(reason = why.word(), times, "{}", why.advice());
        }
    }

    /// How often it did for that reason.
    pub(crate) fn times(&self, why: Failure) -> u64 {
        self.times[why as usize].load(Ordering::Relaxed)
    }

    /// Whether a line is due, which then is taken for written.
    fn is_to_be_told(&self, why: Failure, now: i64) -> bool {
        let told = &self.told[why as usize];
        let before = told.load(Ordering::Relaxed);
        // A clock that was set back is no reason to be silent.
        let due = before == 0 || !(before..before + PAUSE).contains(&now);
        due && told.compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_told_once_a_minute_and_counted_each_time() {
        let tally = Tally::default();
        let told = |seconds: i64| tally.is_to_be_told(Failure::Clock, 1_000_000 + seconds);
        assert_eq!([0, 1, 59, 60, 61, -5].map(told), [true, false, false, true, false, true]);
        tally.failed(Failure::Ntlm, Timestamp::now());
        tally.failed(Failure::Ntlm, Timestamp::now());
        assert_eq!((tally.times(Failure::Ntlm), tally.times(Failure::Clock)), (2, 0));
    }
}

//! An approver whom nobody can agree to, since none is left: announced first, for a time that no clock shortens.

use crate::approvals::Moment;

/// How long it is announced that an approver will be named although none is left to agree (µs): 72 hours.
pub const ANNOUNCED: i64 = 72 * 3_600_000_000;

/// That an approver will be named without anybody to agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// The account.
    pub account: String,
    /// When it was announced (UTC µs).
    pub at: i64,
    pub(super) moment: Moment,
}

impl Announced {
    /// How much is left of the time it is announced for (µs), whatever the clock says; nothing when it has passed.
    pub fn left(&self, at: i64, now: &Moment) -> Option<i64> {
        let by_clock = at.saturating_sub(self.at);
        let since = match now.boot == self.moment.boot {
            true => by_clock.min(now.running.saturating_sub(self.moment.running)),
            false => by_clock,
        };
        Some(ANNOUNCED.saturating_sub(since.max(0))).filter(|left| *left > 0)
    }
}

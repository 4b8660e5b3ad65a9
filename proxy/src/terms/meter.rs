//! A budget as it is used: a minute counts once in which something was asked for or moved; bytes count as they get their share.
//!
//! What has been counted is served: the last minute to its end, the last byte. What would move after that is cut.
use super::{Tag, Terms, Usage};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use policy::{Amount, Budget};
use tokio::sync::Notify;

/// What one person has had of one budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spent {
    /// When its day or week ends (UTC µs).
    pub(super) until: i64,
    /// Minutes or bytes.
    pub(super) used: u64,
    /// The minute that was counted last, since 1970; of budgets of minutes.
    pub(super) minute: i64,
}

/// Counts one exchange on one budget.
pub(crate) struct Meter<'a> {
    terms: &'a Terms,
    tag: Tag,
    budget: Budget,
    zone: TimeZone,
    over: Notify,
}

impl<'a> Meter<'a> {
    pub(super) fn new(terms: &'a Terms, tag: Tag, budget: Budget, zone: TimeZone) -> Meter<'a> {
        Meter { terms, tag, budget, zone, over: Notify::new() }
    }

    /// Something is asked for. Whether it may be.
    pub(super) fn begins(&self, now: Timestamp) -> bool {
        self.counts(0, now).is_some()
    }

    /// So many bytes, at least one, are about to be written. How many may be; when none, [`Meter::used_up`] ends.
    pub(crate) fn moves(&self, bytes: usize) -> usize {
        let may = self.counts(bytes as u64, Timestamp::now());
        if may.is_none() {
            self.over.notify_one();
        }
        may.and_then(|may| usize::try_from(may).ok()).unwrap_or(0)
    }

    /// Waits until something could not be moved.
    pub(crate) async fn used_up(&self) {
        self.over.notified().await;
    }

    /// Counts so many bytes, as far as there is something left: how many; `None`, when there is not.
    fn counts(&self, bytes: u64, now: Timestamp) -> Option<u64> {
        let mut kept = self.terms.kept();
        let spent = kept.spent.get(&self.tag).copied();
        let mut spent = self.current(spent, now);
        let minute = now.as_second().div_euclid(60);
        let counted = match self.budget.amount {
            Amount::Minutes(_) if spent.minute == minute => return Some(bytes),
            Amount::Minutes(most) if spent.used >= most.get() => return None,
            Amount::Minutes(_) => {
                (spent.used, spent.minute) = (spent.used + 1, minute);
                bytes
            }
            Amount::Bytes(most) => {
                let left = most.get().checked_sub(spent.used).filter(|left| *left > 0)?;
                spent.used += bytes.min(left);
                bytes.min(left)
            }
        };
        kept.spent.insert(self.tag, spent);
        kept.changed = true;
        Some(counted)
    }

    /// The counter of this day or week. A clock that is set back gives nothing anew: only one that has come to its end is
    /// begun again.
    fn current(&self, spent: Option<Spent>, now: Timestamp) -> Spent {
        spent.filter(|spent| now.as_microsecond() < spent.until).unwrap_or_else(|| {
            let until = self.budget.per.around(now, &self.zone).end;
            Spent { until: until.as_microsecond(), used: 0, minute: i64::MIN }
        })
    }

    /// What was had so far.
    pub(super) fn usage(&self, now: Timestamp) -> Usage {
        let spent = self.terms.kept().spent.get(&self.tag).copied();
        let spent = self.current(spent, now);
        let until = Timestamp::from_microsecond(spent.until).unwrap_or(Timestamp::MAX);
        Usage { used: spent.used, until }
    }
}

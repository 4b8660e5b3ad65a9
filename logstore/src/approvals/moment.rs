//! When something happened, by more than the clock, which whoever has the machine may set.
//!
//! Beside the instant stands how long the machine had run, and which run of it that was. As long as the machine runs, what is
//! left of an opening is the lesser of what both say; after another start the clock alone is asked, and when it is behind
//! what was already written, nobody can tell: nothing is open.

use crate::clock;
use serde::{Deserialize, Serialize};

/// How long the machine had run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Which run of the machine: the kernel's `boot_id`.
    pub boot: String,
    /// Since it was started, sleep included (µs).
    pub running: i64,
}

/// The present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Now {
    /// By the clock, and never before what was last written (UTC µs).
    pub at: i64,
    /// The clock is behind what was last written.
    pub behind: bool,
    /// By the machine.
    pub moment: Moment,
}

impl Moment {
    /// As the system says it now. Where it says nothing, each moment is of a run of its own: the clock decides.
    pub fn now() -> Moment {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let running = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Moment { boot: boot.trim().to_owned(), running: running.tv_sec * 1_000_000 + running.tv_nsec / 1000 }
    }
}

impl Now {
    /// The present, when what was last written is of this instant.
    pub(super) fn after(last_at: i64) -> Now {
        let clock = clock::now();
        Now { at: clock.max(last_at), behind: clock < last_at, moment: Moment::now() }
    }

    /// How much is left of what was opened at that moment and lasts so long (µs); nothing when it is over, or nobody can
    /// tell.
    pub fn left(&self, at: i64, moment: &Moment, lasts: i64) -> Option<i64> {
        let same_run = !moment.boot.is_empty() && moment.boot == self.moment.boot;
        let by_clock = self.at.checked_sub(at).filter(|since| *since >= 0)?;
        let since = if same_run {
            by_clock.max(self.moment.running.checked_sub(moment.running)?)
        } else if self.behind {
            return None;
        } else {
            by_clock
        };
        (since < lasts).then(|| lasts - since)
    }
}

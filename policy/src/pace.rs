//! Work of seconds done in small steps: between two of them the caller's `rest` may give the core to whoever waits for it.
//!
//! Reading, sorting and writing millions of names share their core with those who answer requests. What the system does not
//! interrupt at once, it can be asked to interrupt often: nothing here goes on for long without a rest.

use std::cell::Cell;

/// Units of work between two rests: a tenth of a millisecond, about.
const STEP: u32 = 4096;

/// What a step's work is measured in: a comparison of two keys, about 25 ns.
pub(crate) const COMPARED: u32 = 1;
/// A key coded, or decoded.
pub(crate) const CODED: u32 = 3;
/// A line read and brought into normal form.
pub(crate) const LINE: u32 = 12;
/// Four kilobytes looked through or passed on.
pub(crate) const PAGE: u32 = 40;

/// Counts work, and rests whenever a step of it is done.
pub(crate) struct Pace {
    rest: fn(),
    left: Cell<u32>,
}

impl Pace {
    /// Rests by this function.
    pub(crate) fn new(rest: fn()) -> Pace {
        Pace { rest, left: Cell::new(STEP) }
    }

    /// So much work is done.
    #[inline]
    pub(crate) fn did(&self, work: u32) {
        match self.left.get().checked_sub(work) {
            Some(left) => self.left.set(left),
            None => self.stop(),
        }
    }

    /// As many bytes are looked through or passed on.
    pub(crate) fn did_bytes(&self, bytes: usize) {
        self.did(u32::try_from(bytes / 4096).unwrap_or(STEP).saturating_mul(PAGE));
    }

    #[cold]
    fn stop(&self) {
        (self.rest)();
        self.left.set(STEP);
    }
}

impl Default for Pace {
    /// Never rests: nobody waits.
    fn default() -> Pace {
        Pace::new(|| {})
    }
}

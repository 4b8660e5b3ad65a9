//! Work that nobody waits for, done in small steps: between two of them whoever answers a request gets the core.
//!
//! Filing is a few percent of a busy core, but it comes in lots. On a core that it has to share, the scheduler lets a lot run
//! for as long as it lets anybody (milliseconds), and all requests under way wait for it. A lower priority does not help:
//! what runs is not interrupted sooner, and on a full core what is filed would fall behind what is taken.

use std::time::Duration;

/// Rows after which a long row of small steps rests.
pub(crate) const ROWS: usize = 128;
/// Long enough for the scheduler to look around, and short against the step before it.
const REST: Duration = Duration::from_micros(20);

/// Gives the core away for a moment. Only for threads of the register's own.
pub(crate) fn rest() {
    #[expect(clippy::disallowed_methods, reason = "this thread is no reactor's, and it waits for nothing")]
    std::thread::sleep(REST);
}

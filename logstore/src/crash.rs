//! Crash points: places where tests have a process die, to see what it leaves. In the shipped program they are nothing.

/// A place where a test may have this process die.
#[cfg(not(test))]
#[inline(always)]
pub(crate) fn point(_name: &str) {}

#[cfg(test)]
pub(crate) use for_tests::{arm, point};

#[cfg(test)]
mod for_tests {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Armed {
        /// Which point; `None`: any.
        name: Option<String>,
        /// Passings left.
        left: AtomicU64,
    }

    static ARMED: OnceLock<Armed> = OnceLock::new();

    /// Has this process die at the `passing`th passing (from 1) of the point of that name, or of any.
    pub(crate) fn arm(name: Option<String>, passing: u64) {
        let _ = ARMED.set(Armed { name, left: AtomicU64::new(passing) });
    }

    pub(crate) fn point(name: &str) {
        let Some(armed) = ARMED.get() else { return };
        if armed.name.as_deref().is_none_or(|armed| armed == name) && armed.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            // As `kill -9` does it: nothing is flushed, nothing is unwound.
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
    }
}

//! Waiting for something to become true, with a deadline. The only place where a test pauses.
use std::time::{Duration, Instant};

/// Asks `probe` again until it gives something.
///
/// # Panics
/// When `limit` passes first; `what` says what was waited for.
pub fn until<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    match within(limit, &mut probe) {
        Some(value) => value,
        None => panic!("waited {} s for {what}, in vain", limit.as_secs()),
    }
}

/// Asks `probe` again until it gives something or `limit` passes.
pub fn within<T>(limit: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(value) = probe() {
            return Some(value);
        }
        if Instant::now() >= deadline {
            return None;
        }
        #[expect(clippy::disallowed_methods, reason = "between two looks at a condition, never instead of one")]
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}
